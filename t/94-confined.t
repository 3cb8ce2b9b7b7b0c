#!/bin/sh
# The leaf programs give up what they do not need (lib/confine.h): what that is shows
# while they wait; a call or a file that is not theirs ends them or their errand, which costs
# one 4xx.
#
# A call that is not allowed is put in the place of one that is by strace.
. "$(dirname "$0")/lib.sh"
need smtp-recv smtp-tls auth-check queue-inject queue-run sqlite-lookup deliver-remote tcpserver sqlite3 openssl
test "${SAN-}" != 1 || skip_all 'a sanitizer needs calls of its own: nothing is confined'
need_strace
sandbox
HERE=$SANDBOX/here
mkdir "$HERE" && ln -s "$BIN"/* "$HERE" && chmod 755 "$HERE"
PIPEPOST_BIN=$HERE

# ---- what is given up ----

# shown WHAT PATTERN PROGRAM: of the process below $PID
find_program() { FOUND=$(ps -o pid=,comm= -g "$PID" 2>/dev/null | awk -v p="$1" '$2 == p { print $1 }'); test -n "$FOUND"; }
given_up() { awk '/^(NoNewPrivs|Seccomp):/ { printf "%s%s ", $1, $2 }' "/proc/$FOUND/status"; }
is_confined() { test "$(given_up)" = "NoNewPrivs:1 Seccomp:$1 "; }
# confined PROGRAM WHAT 0|2: the one that $PID has started; 2: calls are filtered
confined()
{
	wait_until 5 find_program "$1" || { fail "$1 waits"; return; }
	ok "$1 has given up $2" wait_until 5 is_confined "$3"
	is "$1 leaves no core" "$(awk '/^Max core file size/ { print $5 }' "/proc/$FOUND/limits")" 0
	is "$1 starts nothing" "$(awk '/^Max processes/ { print $3 }' "/proc/$FOUND/limits")" 0
	stop "$PID"
}
mkfifo "$SANDBOX/open"
# held PROGRAM ARGUMENTS: its descriptor 0 is open, and nothing comes
held() { start sh -c 'sleep 60 >"$0" & exec "$@" <"$0" 1<>"$0"' "$SANDBOX/open" "$@" 2>>"$LOG"; }

held queue-inject
confined queue-inject privileges 0
DB=$SANDBOX/db/users.sqlite
mkdir "$SANDBOX/db" && chmod 777 "$SANDBOX/db"
sqlite3 $DB "create table users (name text, uid int, gid int, home text); insert into users values ('alice', 7777, 7777, '/h')"
printf 'dbpath %s\nquery_userinfo select uid,gid,home from users where name=?\n' "$DB" >"$SANDBOX/sqlite"
held sqlite-lookup "$SANDBOX/sqlite"
confined sqlite-lookup privileges 0
held deliver-remote smtp://127.0.0.1 a@example.net b@example.org
confined deliver-remote 'privileges and calls' 2

start_tcpserver
$PYTHON -c 'import socket, sys, time; s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.recv(1); time.sleep(30)' "$PORT" &
CLIENT=$!
PID=$TCPSERVER
ok  'smtp-recv waits'                            wait_until 5 find_program smtp-recv
is  '... and keeps what the set-id programs need that it starts' "$(given_up)" 'NoNewPrivs:0 Seccomp:0 '
kill $CLIENT

# ---- a call that is not allowed ----

# taken_over PROGRAM CALL: from now on the program makes a call of another kind in its place
taken_over()
{
	rm "$HERE/$1"
	printf '#!/bin/sh\nexec strace -f -o /dev/null -e inject=%s:retval=0:syscall=getppid %s "$@"\n' "$2" "$BIN/$1" >"$HERE/$1"
	chmod 755 "$HERE/$1"
}
stop "$TCPSERVER"

taken_over deliver-remote connect
printf 'Subject: x\n\n' | deliver-remote smtp://127.0.0.1:9 a@example.net b@example.org >"$SANDBOX/said" 2>&1
like 'deliver-remote, by itself, defers'         "$(tr '\0' '\n' <"$SANDBOX/said")" '^Z'
sh -c 'printf "Subject: x\n\n" | "$0" smtp://127.0.0.1:9 a@example.net b@example.org' "$HERE/deliver-remote" >"$SANDBOX/said" 2>/dev/null
is  '... and that makes another call dies without a report' "$?:$(wc -c <"$SANDBOX/said")" 159:0

# ---- the same at the door: one 4xx ----

. "$t_dir/lib/certs.sh"
make_certs_dir
make_authority ours ec:"$(openssl ecparam -name prime256v1 -out "$CERTS/p256" && echo "$CERTS/p256")"
make_certificate mail ours DNS:mail.example.org rsa:2048
chmod 600 "$CERTS"/*.key
printf 'alice: %s\n' "$(openssl passwd -6 secret)" >"$SANDBOX/passwords"
chmod 600 "$SANDBOX/passwords"
start_tcpserver
conf <<-EOT
pki mail.example.org certificate "$CERTS/mail.pem" key "$CERTS/mail.key"
table passwords file:$SANDBOX/passwords
listen on 127.0.0.1 port $PORT hostname mail.example.org tls auth-optional <passwords> pki mail.example.org
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
EOT
# The session goes on in clear text, where AUTH is offered on loopback alone.
door()
{
	{
		printf '< ^220\n> EHLO client.example\n< 250 HELP$\n> %s\n< %s\n' "$1" "$2"
		printf '> MAIL FROM:<a@example.net>\n< ^250\n> RCPT TO:<alice@example.org>\n< ^250\n> QUIT\n< ^221\n'
	} >"$SANDBOX/script"
	smtp "$SANDBOX/script" >"$SANDBOX/said" 2>&1 || { note_file "$SANDBOX/said"; return 1; }
}
LOGIN="AUTH PLAIN $(printf '\0alice\0secret' | base64 -w 0)"
ok 'a login goes well'                           door "$LOGIN" '^235'
taken_over auth-check exit_group
ok '... an auth-check that makes another call is "try again later", and the session goes on' door "$LOGIN" '^454'
ln -sf "$BIN/auth-check" "$HERE/auth-check"
taken_over smtp-tls write
ok '... so is a smtp-tls'                        door STARTTLS '^454'
ln -sf "$BIN/smtp-tls" "$HERE/smtp-tls"
stop "$TCPSERVER"

# ---- a file that is not its own ----

has_landlock() { $PYTHON -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 2)'; }
if has_landlock; then
	# queue-inject opens the trigger at its end: by then it is another file.
	printf 'Fa@example.net\0Talice@example.org\0\0' >"$SANDBOX/envelope"
	: >"$SANDBOX/victim"; chmod 666 "$SANDBOX/victim"
	start sh -c 'queue-inject <"$0/open" 1<"$0/envelope"; echo $? >"$0/status"' "$SANDBOX" 2>>"$LOG"
	exec 8>"$SANDBOX/open"
	wait_until 5 find_program queue-inject && wait_until 5 is_confined 0
	mv "$SPOOL/trigger" "$SPOOL/trigger.away" && ln -s "$SANDBOX/victim" "$SPOOL/trigger"
	exec 8>&-
	ok 'queue-inject queues its message'    wait_until 5 test -s "$SANDBOX/status"
	is '... with success'                   "$(cat "$SANDBOX/status"):$(queued)" 0:1
	is '... and touches no file that is put in its way' "$(wc -c <"$SANDBOX/victim")" 0
	mv "$SPOOL/trigger.away" "$SPOOL/trigger"

	# A database that has become a link to another file is not read: one 4xx.
	mkdir "$SANDBOX/elsewhere" && cp "$DB" "$SANDBOX/elsewhere/" && chmod 644 "$SANDBOX/elsewhere"/*
	cat >"$SANDBOX/ask.py" <<'EOT'
import os, subprocess, sys
p = subprocess.Popen([sys.argv[1], sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def ask():
    p.stdin.write(b"userinfo\0alice\0\0")
    p.stdin.flush()
    out = b""
    while out.count(b"\0") < 2:
        got = p.stdout.read1(100)
        if not got:
            break
        out += got
    return out.replace(b"\0", b"|").decode()
print(ask())
os.rename(sys.argv[3], sys.argv[3] + ".old")
os.symlink(sys.argv[4], sys.argv[3])
print(ask())
EOT
	out=$($PYTHON "$SANDBOX/ask.py" "$BIN/sqlite-lookup" "$SANDBOX/sqlite" "$DB" "$SANDBOX/elsewhere/users.sqlite" 2>>"$LOG")
	like 'sqlite-lookup answers from its database' "$(echo "$out" | sed -n 1p)" '^0\|7777:7777:/h'
	like '... and does not read another file in its place: later' "$(echo "$out" | sed -n 2p)" '^111\|'

	rm "$DB" && mv "$DB.old" "$DB"
	start_tcpserver
	conf <<-EOT
	listen on 127.0.0.1 port $PORT hostname mail.example.org
	table people sqlite:$SANDBOX/sqlite
	accept from any for domain "example.org" userbase <people> deliver to maildir
	EOT
	rm "$HERE/sqlite-lookup"
	cat >"$HERE/sqlite-lookup" <<-EOT
	#!/bin/sh
	# It is asked only when it is confined, and by then its database is a link.
	exec 3<&0
	{
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			cat /proc/[0-9]*/status 2>/dev/null | awk '/^Name:/ { n = \$2 } /^NoNewPrivs:.*1/ && n == "sqlite-lookup" { f = 1 }
				END { exit !f }' && break
			sleep 0.1
		done
		mv "$DB" "$DB.old" && ln -s "$SANDBOX/elsewhere/users.sqlite" "$DB"
		cat <&3
	} | "$BIN/sqlite-lookup" "\$@"
	EOT
	chmod 755 "$HERE/sqlite-lookup"
	printf '< ^220\n> HELO x\n< ^250\n> MAIL FROM:<a@b>\n< ^250\n> RCPT TO:<alice@example.org>\n< ^4\n> QUIT\n< ^221\n' >"$SANDBOX/script"
	ok 'at the door that is a 4xx' smtp "$SANDBOX/script"
else
	skip 'no Landlock here'
fi
done_testing
