#!/bin/sh
# auth-check: whether a password is right, from every kind of table and by every
# kind of hash; and the credentials of this host for a relay.
. "$(dirname "$0")/lib.sh"
need auth-check shadow-lookup smtpd makemap sqlite3 openssl perl
sandbox alice
D=$SANDBOX/auth
mkdir "$D" && chmod 755 "$D"

# config LINES: smtpd.conf with these tables, for its owner's eyes only
config()
{
	{ printf '%s\n' "$@"; users_table; echo 'accept for local userbase <users> deliver to maildir'; } | conf
	chmod 600 "$CONF"; test "$(id -u)" -ne 0 || chown "$RUN_UID:$RUN_GID" "$CONF"
}
# auth LOGIN PASSWORD [ARGUMENTS]: what is printed, and the exit code
auth()
{
	t_login=$1 t_password=$2; shift 2
	printf '%s\0%s\0\0' "$t_login" "$t_password" >"$D/fd3"
	as_user auth-check "$@" 2>>"$LOG" 3<"$D/fd3"; echo "exit $?"
}
right='exit 0' wrong='exit 1' misused='exit 2' later='exit 111'
# said: the last line of the log
said() { tail -n 1 "$LOG"; }
# raw OCTETS [ARGUMENTS]: the same with any octets on fd 3
raw() { printf "$1" >"$D/fd3"; shift; as_user auth-check "$@" 2>>"$LOG" 3<"$D/fd3"; echo "exit $?"; }

BCRYPT='$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'	# U*U
SHA512=$(openssl passwd -6 'correct horse')

# ---- kinds of tables ----

printf '%s\n' "joe joe:$BCRYPT" "ann@example.org $SHA512" "locked joe:*" 'clear clear:U*U' 'half half:' \
	"dove {BLF-CRYPT}$(echo "$BCRYPT" | sed 's/2b/2y/')" >"$D/file"
cp "$D/file" "$D/map"; (cd "$D" && makemap map)
sqlite3 "$D/authdb.sqlite" "CREATE TABLE users (username VARCHAR(128) NOT NULL, domain VARCHAR(128) NOT NULL,
	home VARCHAR(256) NOT NULL, password VARCHAR(64) NOT NULL, uid INTEGER NOT NULL, gid INTEGER,
	active CHAR(1) DEFAULT 'Y' NOT NULL);
	INSERT INTO users VALUES ('joe', 'bar.com', '$SANDBOX/home/alice', '$BCRYPT', $RUN_UID, $RUN_GID, 'Y');
	INSERT INTO users VALUES ('gone', 'bar.com', '/', '$BCRYPT', 2000, 2000, 'N');"
cat >"$D/sqlite" <<EOT
dbpath                  $D/authdb.sqlite
query_userinfo          select uid,gid,home from users where username=? and active="Y";
query_credentials       select username, password from users where (username||'@'||domain)=? and active="Y";
EOT
cat >"$D/exec" <<EOT
#!/bin/sh
test "\$2 \$3" = 'credentials joe' && echo 'joe:$BCRYPT' && exit 0
test "\$3" = slow && { echo 'the directory is away' >&2; exit 111; }
exit 1
EOT
chmod 755 "$D/exec"
as_user true && chmod 644 "$D/file" "$D/map.db" "$D/authdb.sqlite"

config "table inline { joe = \"joe:$BCRYPT\" }" "table file file:$D/file" "table db db:$D/map.db" \
	"table sqlite sqlite:$D/sqlite" "table exec exec:$D/exec" "table away db:$D/away.db"
for t in inline file db exec; do
	is "the right password ($t)"  "$(auth joe 'U*U' -t $t)" "$right"
	is "... another one ($t)"     "$(auth joe 'U*V' -t $t)" "$wrong"
	is "... nobody ($t)"          "$(auth nobody 'U*U' -t $t)" "$wrong"
done
is 'the users of the how-to log in with name and domain' "$(auth joe@bar.com 'U*U' -t sqlite)" "$right"
is '... another password'                   "$(auth joe@bar.com 'u*u' -t sqlite)" "$wrong"
is '... not without the domain'             "$(auth joe 'U*U' -t sqlite)" "$wrong"
is '... not those who are not active'       "$(auth gone@bar.com 'U*U' -t sqlite)" "$wrong"
is '... whatever the login holds'           "$(auth "x' or '1'='1" 'U*U' -t sqlite)" "$wrong"
is 'the case of a login is no matter'       "$(auth JOE 'U*U' -t file)" "$right"
is 'an entry without user name'             "$(auth ann@example.org 'correct horse' -t file)" "$right"
is '... blanks are part of the password'    "$(auth ann@example.org 'correct  horse' -t db)" "$wrong"
is 'a hash in the clothes of Dovecot'       "$(auth dove 'U*U' -t file)" "$right"
is 'a locked user'                          "$(auth locked '*' -t file)" "$wrong"
is 'a table that answers "later"'           "$(auth slow x -t exec)" "$later"
like '... its reason is logged'             "$(said)" 'auth-check\[[0-9]*\]: table <exec>: the directory is away'
is 'a password stored as it is: nobody knows'   "$(auth clear 'U*U' -t file)" "$later"
like '... the log names table and user'     "$(said)" 'table <file>: what it has for clear is no hash of crypt\(3\)'
not_ok '... and not what stood there'       log_has 'U\*U'
is 'an entry without hash likewise'         "$(auth half x -t db)" "$later"
is 'a table that is not there yet'          "$(auth joe x -t away)" "$later"
like '... is named'                         "$(said)" "table <away>: $D/away.db: No such file"
is 'a table that nobody has declared'       "$(auth joe x -t other)" "$later"
like '... is named, too'                    "$(said)" 'there is no table <other>'

config "table file file:$D/file" 'pki x certificate "/nowhere/x.pem" key "/nowhere/x.key"' \
	'listen on 127.0.0.1 port 587 tls pki x auth <file>'
checked=$(as_user smtpd -n -f "$CONF" 2>&1)
like 'smtpd -n says which entries hold no hash' "$checked" \
	'warning: auth <file>: what it has for clear and 1 more is no hash of crypt\(3\): make one with smtpctl encrypt'
like '... and who can read them all'            "$checked" "warning: auth <file>: everybody can read $D/file: chmod 640"
chmod 600 "$D/file"; sed -i '/^clear/d; /^half/d' "$D/file"; test "$(id -u)" -ne 0 || chown "$RUN_UID" "$D/file"
unlike '... and is content then'                "$(as_user smtpd -n -f "$CONF" 2>&1)" 'crypt|everybody'

# ---- hashes ----

: >"$D/hashes"
for salt in '$2a$04$aaaaaaaaaaaaaaaaaaaaa.' '$2y$04$aaaaaaaaaaaaaaaaaaaaa.' '$2b$04$aaaaaaaaaaaaaaaaaaaaa.' \
	'$y$j75$F5Jx5fExrKuPp53xLKQ..1$' '$6$rounds=1000$salt$' '$5$rounds=1000$salt$' '$1$salt$' \
	'$7$8U..../....aaaaaaaaaaaaaaaaaaaaaa$' '$sha1$100$salt$' ab; do
	n=$((${n-0} + 1))
	perl -e 'print "u$ARGV[0] ", crypt("pa:ss word", $ARGV[1]), "\n"' "$n" "$salt" >>"$D/hashes"
done
config "table hashes file:$D/hashes"
i=0
while test $((i += 1)) -le "$n"; do
	kind=$(sed -n "${i}s/u$i //p" "$D/hashes" | cut -c 1-4)
	is "a hash that begins with $kind" "$(auth u$i 'pa:ss word' -t hashes) $(auth u$i 'pa:ss' -t hashes)" "$right $wrong"
done

# ---- what is typed ----

config "table utf8 { \"éric\" = \"$(openssl passwd -5 'caf\303\251')\" }" "table x file:$D/file"
printf '\303\251ric %s\n' "$(openssl passwd -5 "$(printf 'caf\303\251')")" >"$D/file"
is 'one character in two pieces is the same'  "$(raw 'E\314\201ric\0cafe\314\201\0\0' -t x)" "$right"
is '... not the character without its accent' "$(raw 'Eric\0cafe\0\0' -t x)" "$wrong"
is 'octets that are no text are nobody'       "$(raw '\377\0x\0\0' -t x)" "$wrong"
is '... and no password'                      "$(raw '\303\251ric\0caf\351\0\0' -t x)" "$wrong"
is 'neither is an empty password'             "$(auth joe '' -t x)" "$wrong"
is '... nor an empty login'                   "$(auth '' x -t x)" "$wrong"
is 'controls are nobody'                      "$(raw 'jo\ne\0x\0\0' -t x)" "$wrong"

# ---- the interface ----

long() { printf "%0$1d" 0 | tr 0 x; }
is 'what follows the password is no matter'   "$(raw 'joe\0x\0stamp\0more' -t x)" "$wrong"
is '... nor that nothing does'                "$(raw 'joe\0x\0' -t x)" "$wrong"
is 'a password without end'                   "$(raw 'joe\0x' -t x)" "$misused"
like '... is said'                            "$(said)" 'fd 3: login NUL password NUL is not there'
is 'nothing on fd 3'                          "$(raw '' -t x)" "$misused"
is '512 octets are read'                      "$(raw "joe\\0$(long 505)\\0\\0\\0" -t x)" "$wrong"
is '... not 513'                              "$(raw "joe\\0$(long 506)\\0\\0\\0" -t x)" "$misused"
is 'no fd 3 at all'                           "$(as_user auth-check -t x 2>/dev/null 3>&-; echo "exit $?")" "$misused"
is 'no table'                                 "$(auth joe x)" "$misused"
is 'table and system'                         "$(auth joe x -s -t x)" "$misused"
is 'an option that is none'                   "$(auth joe x -z)" "$misused"
mv "$CONF" "$CONF.away"
is 'without smtpd.conf nobody knows'          "$(auth joe x -t x)" "$later"
mv "$CONF.away" "$CONF"
cp "$CONF" "$D/other.conf"; test "$(id -u)" -ne 0 || chown "$RUN_UID" "$D/other.conf"
is 'another configuration is found with -f'   "$(PIPEPOST_CONF=/nowhere auth joe x -f "$D/other.conf" -t x)" "$wrong"

mkfifo "$D/fifo" && chmod 666 "$D/fifo" && exec 4<>"$D/fifo"
if test "$(id -u)" -eq 0; then
	start setpriv --reuid="$RUN_UID" --regid="$RUN_GID" --clear-groups "$BIN/auth-check" -t x 3<"$D/fifo" 4>&-
else
	start "$BIN/auth-check" -t x 3<"$D/fifo" 4>&-
fi
has_begun() { grep -q '^Max core file size *0 *0 ' "/proc/$PID/limits"; }
ok 'it dumps no core'                         wait_until 10 has_begun
is '... and its user cannot look into it'     "$(stat -c %u "/proc/$PID/maps")" 0
stop "$PID"; exec 4>&-

# ---- a program ----

printf 'joe %s\n' "$BCRYPT" >"$D/file"
is 'the program runs where the password is right' "$(auth joe 'U*U' -t x echo -n hello)" "hello$right"
is '... its status is the status'             "$(auth joe 'U*U' -t x sh -c 'exit 42')" 'exit 42'
is '... fd 3 is closed in it'                 "$(auth joe 'U*U' -t x sh -c 'true <&3' 2>&1)" 'exit 2'
is '... not where it is wrong'                "$(auth joe 'U*V' -t x echo hello)" "$wrong"
is '... one that is not there'                "$(auth joe 'U*U' -t x /nowhere/prog)" "$later"
is 'the environment goes to it'               "$(A=b auth joe 'U*U' -t x sh -c 'echo $A')" "b
$right"

# as_root LOGIN PASSWORD ARGUMENTS
as_root() { printf '%s\0%s\0\0' "$1" "$2" >"$D/fd3"; shift 2; auth-check "$@" 2>>"$LOG" 3<"$D/fd3"; echo "exit $?"; }
if test "$(id -u)" -eq 0; then
	config "table x file:$D/file" "table sqlite sqlite:$D/sqlite" \
		"table homes { joe = \"$RUN_UID:$RUN_GID:$SANDBOX/home/alice\", low = \"99:99:/\" }"
	who='echo $(id -u):$(id -g):$(id -G) $(pwd) $USER $HOME $SHELL'
	is 'called by root it runs as the user, in his home' "$(as_root joe 'U*U' -t x -u homes sh -c "$who")" \
		"$RUN_UID:$RUN_GID:$RUN_GID $SANDBOX/home/alice joe $SANDBOX/home/alice /bin/sh
$right"
	is '... from the row of the same database'  "$(as_root joe@bar.com 'U*U' -t sqlite sh -c "$who")" \
		"$RUN_UID:$RUN_GID:$RUN_GID $SANDBOX/home/alice joe@bar.com $SANDBOX/home/alice /bin/sh
$right"
	is '... nothing runs for who has no account' "$(as_root joe 'U*U' -t x echo ran)" "$later"
	like '... and the log says why'             "$(said)" 'joe may log in, but is no account of this system'
	printf 'root %s\nlow %s\n' "$BCRYPT" "$BCRYPT" >"$D/file"
	is '... never as root'                      "$(as_root root 'U*U' -t x echo ran)" "$later"
	is '... nor below min-uid'                  "$(as_root low 'U*U' -t x -u homes echo ran)" "$later"
	is '... without program root is answered'   "$(as_root root 'U*U' -t x)" "$right"
else
	skip 'only root can have programs run as another user'
fi

# ---- the credentials for a relay ----

printf '%s\n' 'gmail joe@example.org:pa:ss' 'bare word' 'Upper joe:x' 'token joe:!echo Bearer abc' 'either joe:!echo abc' \
	'fails joe:!exit 3' 'empty joe:' 'hidden joe:!echo oops >&2; exit 1' >"$D/secrets"
cp "$D/secrets" "$D/smap"; (cd "$D" && makemap smap)
chmod 644 "$D/secrets" "$D/smap.db"
# used TABLE LABEL...: rules that do
used() { table=$1; shift; printf "accept for any relay via \"tls+auth://%s@relay.example\" auth <$table>\n" "$@"; }
config "table secrets file:$D/secrets" "table smap db:$D/smap.db" "table away db:$D/away.db" \
	"table inline { gmail = \"joe:x\" }" "table sqlite sqlite:$D/sqlite" "table broken sqlite:$D/nothing" \
	"$(used secrets gmail bare upper token fails nope; used smap gmail either nope; used away gmail; used inline gmail
	used sqlite nope; used broken gmail)"
# relay TABLE LABEL: the answer with | for NUL, and the exit code
relay() { as_user auth-check -r "$@" >"$D/answer" 2>>"$LOG" </dev/null; t_code=$?; tr '\0' '|' <"$D/answer"; echo " exit $t_code"; }
is 'user and password of a label'             "$(relay secrets gmail)" 'Kpjoe@example.org|pa:ss| exit 0'
is '... from a db table'                      "$(relay smap gmail)" 'Kpjoe@example.org|pa:ss| exit 0'
is '... from an inline one'                   "$(relay inline gmail)" 'Kpjoe|x| exit 0'
is '... without user the label is it'         "$(relay secrets bare)" 'Kpbare|word| exit 0'
is '... in any case'                          "$(relay secrets upper)" 'Kpjoe|x| exit 0'
is 'a command that prints a token'            "$(relay secrets token)" 'Ktjoe|abc| exit 0'
is '... or does not say what it is'           "$(relay smap either)" 'Kejoe|abc| exit 0'
like '... or fails'                           "$(relay secrets fails)" \
	'^Z4\.7\.0 the credentials for relay through label "fails" in table <secrets> cannot be used: its command failed .*\| exit 111$'
is 'a label that is not there: what to do'    "$(relay smap nope)" \
	"Z4.7.0 no credentials for relay through label \"nope\" in table <smap>: put it into $D/smap and run \"makemap $D/smap\"| exit 111"
is '... in a file'                            "$(relay secrets nope)" \
	"Z4.7.0 no credentials for relay through label \"nope\" in table <secrets>: put it into $D/secrets| exit 111"
like '... in a database'                      "$(relay sqlite nope)" "query_credentials of $D/sqlite finds none"
is 'the map is not made'                      "$(relay away gmail)" \
	"Z4.7.0 no credentials for relay through label \"gmail\" in table <away>: $D/away.db: No such file or directory: put it into $D/away and run \"makemap $D/away\"| exit 111"
like 'a table that cannot be asked'           "$(relay broken gmail)" '^Z4\.[37]\..*<broken>.*nothing.*exit 111$'
like 'one that is not declared'               "$(relay other gmail)" '^Z4\.3\.5 .*there is no table <other>\| exit 111$'
printf 'x {\n' >"$D/bad.conf"; chmod 644 "$D/bad.conf"
is 'a label that no rule has'                 "$(relay secrets either)" \
	"Z4.3.5 no rule of $CONF relays through label \"either\" with auth <secrets>| exit 111"
like 'a configuration that does not parse'    "$(relay -f "$D/bad.conf" secrets gmail)" '(^Z4\.3\.5 .*bad.conf:1: .*exit 111$)'
is 'a label has to be there'                  "$(relay secrets)" ' exit 2'
is '... one of them'                          "$(relay secrets a b)" ' exit 2'
not_ok 'no secret is in the log'              log_has 'pa:ss|Bearer|abc'

done_testing
