#!/bin/sh
# auth-check installed set-id, as on a real host: who may ask it what, what its
# caller gets by it, and how it comes to the hashes of SQLite and of the system.
#
# Set-id it works with the installed configuration and programs, so the test runs
# in a mount namespace of its own, with an /etc and a /usr/local of the test's.
. "$(dirname "$0")/lib.sh"
need auth-check shadow-lookup sqlite-lookup sqlite3 perl unshare setpriv
test "${SAN-}" != 1 || skip_all 'a set-id program does not hear the options of the sanitizers'
test "$(id -u)" -eq 0 || skip_all 'only root can install a set-id program'
test -n "${IN_NAMESPACE-}" || {
	unshare -m mount -t tmpfs none /usr/local 2>/dev/null || skip_all 'nothing can be mounted here'
	IN_NAMESPACE=yes exec unshare -m "$0"
}
sandbox alice
cp -a /etc "$SANDBOX/etc" && mount --bind "$SANDBOX/etc" /etc && mount -t tmpfs none /usr/local || bail_out 'no namespace'
# The sandbox is removed after its mounts.
AT_EXIT='umount /etc'

# ---- the host ----

SMTP=4243 AUTH=4244 REMOTE=4245 QUEUE=4246 TABLE=4247 SHADOW=4248 USER_ID=5001
# account NAME UID [HASH [DAY OF ITS END]]
account()
{
	sed -i "/^$1:/d" /etc/passwd /etc/group /etc/shadow
	echo "$1:x:$2:$2::$SANDBOX/home/alice:/bin/sh" >>/etc/passwd
	echo "$1:x:$2:" >>/etc/group
	echo "$1:${3:-*}:19000:0:99999:7::${4-}:" >>/etc/shadow
}
YESCRYPT=$(perl -e 'print crypt("se:cret", q($y$j75$F5Jx5fExrKuPp53xLKQ..1$))')
BCRYPT='$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'	# U*U
account ppsmtp $SMTP; account ppauth $AUTH; account ppremote $REMOTE; account ppqueue $QUEUE
account walter $USER_ID "$YESCRYPT"; account locked 5002 "!$YESCRYPT"; account ended 5003 "$YESCRYPT" 19001
account empty 5004 ''; sed -i 's/^empty:[^:]*:/empty::/' /etc/shadow
chown root:$SHADOW /etc/shadow; chmod 640 /etc/shadow

INSTALLED=/usr/local/libexec/pipepost
mkdir -p $INSTALLED /usr/local/etc && chmod 755 /usr/local /usr/local/libexec
cp "$BIN/auth-check" "$BIN/shadow-lookup" "$BIN/sqlite-lookup" $INSTALLED
# install OWNER MODE PROGRAM
install_as() { chown "$1" "$INSTALLED/$3" && chmod "$2" "$INSTALLED/$3"; }
install_as $AUTH:$AUTH 6755 auth-check
install_as root:$TABLE 2755 sqlite-lookup
install_as root:$SHADOW 2755 shadow-lookup
chown -R "$USER_ID:$USER_ID" "$SANDBOX/home/alice"

mkdir -p /etc/mail
printf 'joe %s\n' "$BCRYPT" >/etc/mail/users
printf 'label joe:relay-password\nwho joe:!id -u; true\n' >/etc/mail/secrets
chown root:$AUTH /etc/mail/users /etc/mail/secrets; chmod 640 /etc/mail/users /etc/mail/secrets
sqlite3 /etc/mail/authdb.sqlite "CREATE TABLE users (username, domain, password, uid, gid, home);
	INSERT INTO users VALUES ('joe', 'bar.com', '$BCRYPT', $USER_ID, $USER_ID, '$SANDBOX/home/alice');"
cat >/etc/mail/sqlite <<'EOT'
dbpath /etc/mail/authdb.sqlite
query_credentials select username, password from users where (username||'@'||domain)=?
query_userinfo select uid, gid, home from users where username=?
EOT
chown root:$TABLE /etc/mail/sqlite /etc/mail/authdb.sqlite; chmod 640 /etc/mail/sqlite /etc/mail/authdb.sqlite
conf /etc/mail/smtpd.conf <<'EOT'
table file file:/etc/mail/users
table secrets file:/etc/mail/secrets
table sqlite sqlite:/etc/mail/sqlite
accept for local deliver to maildir
accept for domain who.example relay via "tls+auth://who@relay.example" auth <secrets>
accept for any relay via "tls+auth://label@relay.example" auth <secrets>
EOT
chmod 644 /etc/mail/smtpd.conf

as() { setpriv --reuid="$1" --regid="$1" --clear-groups -- "$SHELL_AS" -c "$2" 2>"$SANDBOX/stderr"; }
SHELL_AS=/bin/sh
# auth UID LOGIN PASSWORD ARGUMENTS [COMMANDS BEFORE]: what is printed, and the exit code
auth()
{
	printf '%s\0%s\0\0' "$2" "$3" >"$SANDBOX/fd3"; chmod 644 "$SANDBOX/fd3"
	as "$1" "${5-:}; exec $INSTALLED/auth-check $4" 3<"$SANDBOX/fd3"
	echo "exit $?"
}
# relay UID ARGUMENTS
relay() { as "$1" "exec $INSTALLED/auth-check -r $2" >"$SANDBOX/answer"; t_code=$?; tr '\0' '|' <"$SANDBOX/answer"; echo " exit $t_code"; }
right='exit 0' wrong='exit 1' misused='exit 2' later='exit 111'

# ---- who may ask ----

is     'ppsmtp has a password checked'          "$(auth $SMTP joe 'U*U' '-t file')" "$right"
is     '... and hears of another one'           "$(auth $SMTP joe 'U*V' '-t file')" "$wrong"
not_ok '... but cannot read the hashes itself'  as $SMTP 'cat /etc/mail/users'
is     'nobody else may try passwords: a user'  "$(auth $USER_ID joe 'U*U' '-t file')" "$misused"
like   '... and is told so'                     "$(cat "$SANDBOX/stderr")" 'passwords are checked for ppsmtp and root'
is     '... nor ppremote'                       "$(auth $REMOTE joe 'U*U' '-t file')" "$misused"
is     'root may'                               "$(auth 0 joe 'U*U' '-t file')" "$right"
is     'ppremote gets the secrets of a relay'   "$(relay $REMOTE 'secrets label')" 'Kpjoe|relay-password| exit 0'
is     '... ppqueue, too'                       "$(relay $QUEUE 'secrets label')" 'Kpjoe|relay-password| exit 0'
is     '... and root'                           "$(relay 0 'secrets label')" 'Kpjoe|relay-password| exit 0'
is     '... not ppsmtp'                         "$(relay $SMTP 'secrets label')" ' exit 2'
is     '... not a user'                         "$(relay $USER_ID 'secrets label')" ' exit 2'
is     '... which are all that they get: no hashes of passwords' "$(relay $REMOTE 'file joe'; relay $QUEUE 'sqlite joe@bar.com')" \
	'Z4.3.5 no rule of /etc/mail/smtpd.conf relays through label "joe" with auth <file>| exit 111
Z4.3.5 no rule of /etc/mail/smtpd.conf relays through label "joe@bar.com" with auth <sqlite>| exit 111'
is     'its command runs as ppauth'             "$(relay $REMOTE 'secrets who')" "Kejoe|$AUTH| exit 0"
is     '... also where root asks'               "$(relay 0 'secrets who')" "Kejoe|$AUTH| exit 0"

# ---- what the caller cannot decide ----

printf 'table file { joe = "%s" }\naccept for local deliver to maildir\n' "$(perl -e 'print crypt("mine", q($1$salt$))')" \
	>"$SANDBOX/mine.conf"
chmod 600 "$SANDBOX/mine.conf"; chown $SMTP "$SANDBOX/mine.conf"
is     'a configuration of the caller does not count' "$(auth $SMTP joe mine "-f $SANDBOX/mine.conf -t file")" "$wrong"
is     '... nor one of the environment'         "$(auth $SMTP joe mine '-t file' "export PIPEPOST_CONF=$SANDBOX/mine.conf")" "$wrong"
printf '#!/bin/sh\necho joe:%s\n' "$BCRYPT" >"$SANDBOX/sqlite-lookup"; chmod 755 "$SANDBOX/sqlite-lookup"
is     '... nor where it says programs are'     "$(auth $SMTP no@bar.com 'U*U' '-t sqlite' "export PIPEPOST_BIN=$SANDBOX")" "$wrong"
is     'a program is the caller, not ppauth'    "$(auth $SMTP joe 'U*U' '-t file sh -c "id -u; id -g; id -ru"')" "$SMTP
$SMTP
$SMTP
$right"
is     '... and cannot read the hashes'         "$(auth $SMTP joe 'U*U' '-t file cat /etc/mail/users')" 'exit 1'
is     'called by root it is the user'          "$(auth 0 joe@bar.com 'U*U' '-t sqlite sh -c "id -u; id -ru; id -G; pwd"')" "$USER_ID
$USER_ID
$USER_ID
$SANDBOX/home/alice
$right"

# ---- SQLite and the system ----

is     'hashes in SQLite'                       "$(auth $SMTP joe@bar.com 'U*U' '-t sqlite')" "$right"
is     '... another password'                   "$(auth $SMTP joe@bar.com 'U*V' '-t sqlite')" "$wrong"
as $SMTP "$INSTALLED/sqlite-lookup /etc/mail/sqlite credentials joe@bar.com"
is     '... which sqlite-lookup does not give to ppsmtp' $? 100
is     '... while it does say where its mail goes' "$(as $SMTP "$INSTALLED/sqlite-lookup /etc/mail/sqlite userinfo joe")" \
	"$USER_ID:$USER_ID:$SANDBOX/home/alice"
is     'an account of the system'               "$(auth $SMTP walter 'se:cret' -s)" "$right"
is     '... another password'                   "$(auth $SMTP walter 'se:creT' -s)" "$wrong"
is     '... whose name has another case'        "$(auth $SMTP Walter 'se:cret' -s)" "$wrong"
is     '... locked'                             "$(auth $SMTP locked 'se:cret' -s)" "$wrong"
is     '... expired'                            "$(auth $SMTP ended 'se:cret' -s)" "$wrong"
is     '... without password'                   "$(auth $SMTP empty x -s)" "$wrong"
is     '... not there'                          "$(auth $SMTP nobody-at-all x -s)" "$wrong"
is     '... no name of one'                     "$(auth $SMTP 'walter:x' x -s)" "$wrong"
as $SMTP "$INSTALLED/shadow-lookup - credentials walter"
is     'shadow-lookup answers only auth-check'  $? 100
is     'as root PAM is asked'                   "$(INSTALLED=$BIN auth 0 walter 'se:cret' -s)" "$right"
is     '... another password'                   "$(INSTALLED=$BIN auth 0 walter 'se:creT' -s)" "$wrong"
is     '... expired'                            "$(INSTALLED=$BIN auth 0 ended 'se:cret' -s)" "$wrong"
is     '... without password'                   "$(INSTALLED=$BIN auth 0 empty '' -s)" "$wrong"
is     '... its program is the user'            "$(INSTALLED=$BIN auth 0 walter 'se:cret' '-s sh -c "id -u; echo \$USER"')" "$USER_ID
walter
$right"
chmod 755 $INSTALLED/shadow-lookup
is     'without right to read shadow nobody knows' "$(auth $SMTP walter 'se:cret' -s)" "$later"
rm $INSTALLED/shadow-lookup
is     '... nor without shadow-lookup'          "$(auth $SMTP walter 'se:cret' -s)" "$later"

# ---- memory ----

mkfifo "$SANDBOX/fifo" && exec 4<>"$SANDBOX/fifo"
start setpriv --reuid=$SMTP --regid=$SMTP --clear-groups "$INSTALLED/auth-check" -t file 3<"$SANDBOX/fifo" 4>&-
has_begun() { grep -q '^Max core file size *0 ' "/proc/$PID/limits"; }
ok     'it waits for a login'                   wait_until 10 has_begun
not_ok 'its caller cannot look into it'         as $SMTP "head -c 1 /proc/$PID/maps"
stop $PID

done_testing
