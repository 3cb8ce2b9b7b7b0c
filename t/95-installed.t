#!/bin/sh
# `make install` as root: accounts, owners and set-id bits, and what they are for.
# A message goes through all of it, and whoever has taken over the part that
# talks to strangers (ppsmtp) can read no key, no hash and no message.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/installed.sh"
need smtp-recv queue-inject queue-run deliver-local sqlite-lookup tcpserver sqlite3 useradd openssl
installed_namespace net
install_here COMPAT=yes

# ---- what is there ----

mode() { stat -c '%U %G %a' "$1" 2>/dev/null; }
is   'queue-inject is set-user-id ppqueue'       "$(mode $BIN/queue-inject)" 'ppqueue ppqueue 6755'
is   'sqlite-lookup is set-group-id pptable'     "$(mode $BIN/sqlite-lookup)" 'root pptable 2755'
for row in 'smtp-tls:root pptls 2755' 'shadow-lookup:root shadow 2755' 'auth-check:ppauth ppauth 6755' 'queue-peek:ppqueue ppqueue 6755'; do
	test ! -e "$BIN/${row%%:*}" || is "${row%%:*} has its owner and bits" "$(mode "$BIN/${row%%:*}")" "${row#*:}"
done
is   'no other program has such a bit'           "$(find $BIN -type f -perm /6000 | sed "s|$BIN/||" | \
	grep -vxE 'queue-inject|queue-peek|sqlite-lookup|smtp-tls|auth-check|shadow-lookup')" ''
is   'eight accounts without password or shell'  "$(grep -c '^pp[a-z]*:x:.*:/usr/sbin/nologin$' /etc/passwd)" 8
is   'each with a group of its name'             "$(for a in ppsmtp pptls pptable ppauth ppqueue ppremote ppalias pplog; do
	test "$(id -gn $a)" = $a || echo $a; done)" ''
is   'the queue is its owner'"'"'s'              "$(mode $SPOOL/new) $(mode $SPOOL/tmp)" 'ppqueue ppqueue 700 ppqueue ppqueue 700'
is   'the counters of the door are ppsmtp'"'"'s' "$(mode $SPOOL/stats/smtp)" 'ppsmtp ppsmtp 644'
is   'ppalias has a home'                        "$(mode /var/spool/pipepost-alias)" 'ppalias ppalias 700'
ok   'a second run changes nothing'              quiet $BIN/install-users
is   '... not the bits either'                   "$(mode $BIN/queue-inject)" 'ppqueue ppqueue 6755'
is   'install-users -l lists the bits for packages' "$($BIN/install-users -l | grep queue-inject)" \
	"ppqueue ppqueue 6755 $BIN/queue-inject"
ok   'OpenSMTPD'"'"'s paths are there, with COMPAT=yes' test -x /usr/local/libexec/opensmtpd/newaliases
ok   'what people type is in sbin'               test -x /usr/local/sbin/smtpd -a -x /usr/local/sbin/sendmail

# ---- a message, end to end ----

add_account alice
add_account bob
printf 'team: alice, bob\nrobot: "|cat >/var/spool/pipepost-alias/robot.mail; id -un >>/var/spool/pipepost-alias/robot.mail"\n' >/etc/mail/aliases
conf <<-'EOT'
listen on 127.0.0.1 port 25 hostname mail.example.org
table aliases db:/etc/mail/aliases.db
accept from any for domain "example.org" alias <aliases> deliver to maildir
EOT
ok   'newaliases'                                quiet newaliases
chmod 644 /etc/mail/aliases.db
like 'smtpd -n is content'                       "$(smtpd -n 2>&1)" '^configuration OK$'

# door PORT: tcpserver, as the service's file has it
door()
{
	start tcpserver -H -R -D -l0 -u "$(id -u ppsmtp)" -g "$(id -g ppsmtp)" -c 20 127.0.0.1 "$1" $BIN/smtp-recv \
		2>>"$LOG" </dev/null
	wait_until 10 $PYTHON -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$1" ||
		bail_out 'tcpserver did not start'
}
door 25
PORT=25

cat >"$SANDBOX/script" <<-'EOT'
	< ^220
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<team@example.org>
	< ^250
	> RCPT TO:<robot@example.org>
	< ^250
	> RCPT TO:<ghost@example.org>
	< ^550 5.1.1
	> DATA
	< ^354
	> Subject: through all of it
	> .
	< ^250 2.0.0
	> QUIT
	< ^221
EOT
ok   'tcpserver as ppsmtp takes a message in'    smtp "$SANDBOX/script"
is   '... and it is in the queue, ppqueue'"'"'s alone' "$(mode "$(ls -d $SPOOL/new/*)")" 'ppqueue ppqueue 600'
like '... with what smtp-recv knew of the client' "$(tr '\0' '\n' <"$(ls -d $SPOOL/new/*)")" '^C127\.0\.0\.1$'

start $BIN/queue-run -s 2>>"$LOG" >>"$LOG" </dev/null
RUNNER=$PID
has() { test "$(ls "$SANDBOX/home/$1/Maildir/new" 2>/dev/null | wc -l)" -ge "${2:-1}"; }
owner_of_mail() { stat -c %U "$SANDBOX/home/$1/Maildir/new/"*; }
ok   'the runner, started by root, delivers to alice' wait_until 20 has alice
ok   '... and to bob'                            wait_until 20 has bob
is   'each delivery is made as the user'         "$(owner_of_mail alice) $(owner_of_mail bob)" 'alice bob'
ok   'a command of an alias table runs'          wait_until 20 test -s /var/spool/pipepost-alias/robot.mail
is   '... as ppalias'                            "$(tail -n 1 /var/spool/pipepost-alias/robot.mail)" ppalias
is_the_runners() { test "$(ps -o user= -p "$RUNNER" | tr -d ' ')" = ppqueue; }
ok   'the runner itself is ppqueue'              is_the_runners
roots() { ps -o user=,comm= --ppid "$RUNNER" | grep -c '^root'; }
is   '... only its spawner is root'              "$(roots)" 1

as alice sh -c 'echo hello | /usr/local/sbin/sendmail bob@example.org' 2>>"$LOG"
ok   'a user'"'"'s sendmail comes through, too'  wait_until 20 has bob 2
like '... and says whose it is'                  "$(cat "$SANDBOX"/home/bob/Maildir/new/*)" "invoked by uid $(id -u alice)\)"
stop "$RUNNER"

# ---- what ppsmtp may not ----

mkdir /etc/mail/keys
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mail.example.org -addext subjectAltName=DNS:mail.example.org \
	-keyout /etc/mail/keys/mail.key -out /etc/mail/keys/mail.crt 2>>"$LOG"
chgrp pptls /etc/mail/keys/mail.key && chmod 640 /etc/mail/keys/mail.key
HASH=$(openssl passwd -6 "carol's password")
DB=/etc/mail/authdb.sqlite
sqlite3 $DB "create table users (name text, password text, uid int, gid int, home text);
	insert into users values ('carol', '$HASH', 5000, 5000, '/nonexistent')"
printf 'dbpath %s\nquery_userinfo select uid,gid,home from users where name=?\nquery_credentials select name,password from users where name=?\n' \
	$DB >/etc/mail/sqlite
chgrp pptable $DB /etc/mail/sqlite && chmod 640 $DB /etc/mail/sqlite
sed 's/authdb/other/' /etc/mail/sqlite >/etc/mail/sqlite.other
echo 'relay user:secret' >/etc/mail/secrets
chgrp ppauth /etc/mail/secrets && chmod 640 /etc/mail/secrets
cat >>$CONF <<-'EOT'
table people sqlite:/etc/mail/sqlite
pki mail.example.org certificate "/etc/mail/keys/mail.crt" key "/etc/mail/keys/mail.key"
listen on 127.0.0.1 port submission tls-require auth <people> pki mail.example.org
listen on 127.0.0.1 smtps auth pki mail.example.org
accept from any for domain "v.example" userbase <people> deliver to maildir
EOT

printf 'Subject: in the queue\n\n' | as alice sendmail bob@example.org 2>>"$LOG"
MESSAGE=$(ls -d $SPOOL/new/* | head -n 1)

# cannot WHAT COMMAND...: as ppsmtp
cannot() { t_what=$1; shift; not_ok "ppsmtp cannot $t_what" quiet as ppsmtp "$@"; }
ok   'the message is there'                      test -f "$MESSAGE"
cannot 'read a private key'                      cat /etc/mail/keys/mail.key
cannot 'read the database of users'              cat $DB
cannot 'read how the database is asked'          cat /etc/mail/sqlite
cannot 'read relay secrets'                      cat /etc/mail/secrets
cannot 'read shadow'                             cat /etc/shadow
cannot 'read a message'                          cat "$MESSAGE"
cannot 'list the queue'                          ls $SPOOL/new
cannot 'write into the queue'                    touch $SPOOL/new/x
cannot 'take the lock'                           sh -c "exec 3<>$SPOOL/lock"
cannot 'pull the trigger'                        sh -c "exec 3<>$SPOOL/trigger"
cannot 'leave a request for the runner'          touch $SPOOL/control/req.1
cannot 'change the counters of the queue'        sh -c "echo >>$SPOOL/stats/queue"
cannot 'enter a home'                            ls "$SANDBOX/home/alice"
cannot 'read the mail of ppalias'                ls /var/spool/pipepost-alias
cannot 'change a program'                        touch $BIN/queue-inject
is   'sqlite-lookup tells ppsmtp of a user'      "$(as ppsmtp $BIN/sqlite-lookup /etc/mail/sqlite userinfo carol 2>&1)" \
	"5000:5000:/nonexistent"
cannot 'be told a hash by sqlite-lookup'         $BIN/sqlite-lookup /etc/mail/sqlite credentials carol
unlike '... not by its complaint either'         "$(cat "$SANDBOX/said")" '[$]6[$]'
test ! -x $BIN/shadow-lookup || cannot 'be told a hash by shadow-lookup' $BIN/shadow-lookup - credentials alice
cannot 'point sqlite-lookup elsewhere'           $BIN/sqlite-lookup /etc/mail/sqlite.other userinfo carol
cannot '... by the environment'                  env PIPEPOST_CONF="$SANDBOX/log" $BIN/sqlite-lookup /etc/mail/sqlite.other userinfo carol
like 'ppauth is told'                            "$(as ppauth $BIN/sqlite-lookup /etc/mail/sqlite credentials carol)" '[$]6[$]'
not_ok 'alice is not'                            quiet as alice $BIN/sqlite-lookup /etc/mail/sqlite credentials carol
not_ok 'alice cannot read the queue'             quiet as alice cat "$MESSAGE"
not_ok 'ppremote cannot read the queue'          quiet as ppremote cat "$MESSAGE"
not_ok '... nor secrets'                         quiet as ppremote cat /etc/mail/secrets
not_ok 'ppalias cannot read the queue'           quiet as ppalias cat "$MESSAGE"
not_ok 'ppqueue cannot read hashes'              quiet as ppqueue cat $DB
not_ok '... nor keys'                            quiet as ppqueue cat /etc/mail/keys/mail.key

# ---- and what the programs do with it that may ----

rm -f $SPOOL/new/*
door 587
door 465
cat >"$SANDBOX/submit.py" <<-'EOT'
import smtplib, ssl, sys
port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
c = ssl.create_default_context(cafile="/etc/mail/keys/mail.crt")
c.check_hostname = False
s = smtplib.SMTP_SSL("127.0.0.1", port, context=c) if port == 465 else smtplib.SMTP("127.0.0.1", port)
if port != 465:
    s.starttls(context=c)
s.login(user, password)
s.sendmail("carol@example.net", ["bob@example.org"], "Subject: submitted\r\n\r\n")
s.quit()
EOT
submit() { quiet $PYTHON "$SANDBOX/submit.py" "$@"; }
ok   'STARTTLS by a key of pptls, AUTH by a hash of pptable' submit 587 carol "carol's password"
is   '... and the message is in the queue, with its user' "$(cat $SPOOL/new/* | tr '\0' '\n' | grep -c '^Acarol$')" 1
not_ok 'a wrong password is refused'             submit 587 carol 'guess'
like '... by a comparison that was made'         "$(cat "$SANDBOX/said")" '535'
echo "alice:alice's password" | chpasswd -c SHA512 2>>"$LOG"
ok   'smtps, and the password of an account in shadow' submit 465 alice "alice's password"
not_ok '... but no other'                        submit 465 alice "carol's password"
rm -f $SPOOL/new/*

# A program that is set-id is not its caller's to look into.
start setpriv --reuid=ppsmtp --regid="$(id -g ppsmtp)" --clear-groups sh -c "sleep 60 | exec $BIN/sqlite-lookup /etc/mail/sqlite" 2>>"$LOG"
lookup() { LOOKUP=$(ps -o pid=,comm= -g "$PID" 2>/dev/null | awk '$2 == "sqlite-lookup" { print $1 }'); test -n "$LOOKUP"; }
ok   'sqlite-lookup waits for questions'         wait_until 5 lookup
cannot 'read its memory'                         cat "/proc/$LOOKUP/environ"
cannot 'look at its files'                       ls "/proc/$LOOKUP/fd"
stop "$PID"

# queue-inject believes ppsmtp, and nobody else (t/31 has the whole list).
printf 'Fa@example.net\0Tbob@example.org\0\0' >"$SANDBOX/envelope"
told() { rm -f $SPOOL/new/*; echo x | as "$1" env PIPEPOST_ORIGIN=smtp PIPEPOST_CLIENT=192.0.2.9 $BIN/queue-inject 1<"$SANDBOX/envelope" 2>>"$LOG"
	tr '\0' '\n' <"$(ls -d $SPOOL/new/*)" | grep -c '^C192.0.2.9$'; }
is   'facts are believed from ppsmtp'            "$(told ppsmtp)" 1
is   '... from ppqueue'                          "$(told ppqueue)" 1
is   '... from root'                             "$(told root)" 1
for who in alice ppalias ppremote ppauth; do
	is "... not from $who"                   "$(told $who)" 0
done
done_testing
