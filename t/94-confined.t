#!/bin/sh
# The leaf programs give up what they do not need (lib/confine.h): what that is shows
# while they wait; a call or a file that is not theirs ends them or their errand, which costs
# one 4xx.
#
# A call that is not allowed is put in the place of one that is by strace.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-run sqlite-lookup deliver-remote tcpserver sqlite3
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
else
	skip 'no Landlock here'
fi
done_testing
