#!/bin/sh
# The tests' own helpers: what they promise to the other tests.
. "$(dirname "$0")/lib.sh"

ok      'ok: a command that succeeds'         true
not_ok  'not_ok: a command that fails'        false
ok      'status: the exit code is compared'   status 3 sh -c 'exit 3'
is      'is: equal texts'                     "a
b" "a
b"
like    'like: a line matches'                "one
two" '^two$'
unlike  'unlike: no line matches'             "one" '^two$'
ok      'wait_until: waits for a fact'        wait_until 5 true
not_ok  '... but not for ever'                wait_until 0 false

start sleep 100
first=$PID
start sh -c 'sleep 100 & sleep 100; exit 7'
second=$PID
ok      'start: a process runs, in a group of its own'  kill -0 "-$second"
stop "$second"
not_ok  'stop: it is gone, and so is what it had started'  kill -0 "-$second" 2>/dev/null
ok      '... and nobody else'                 kill -0 "$first"
stop "$first"
start sh -c 'trap "exit 4" TERM; while :; do sleep 0.1; done'
wait_until 1 false
ok      'stop: returns the exit code'         status 4 stop "$PID"

SANDBOX=$(mktemp -d "${TMPDIR:-/tmp}/pipepost.XXXXXX")
LOG=$SANDBOX/log
start_peer --reply 'RCPT:2=550 5.1.1 nobody' --reply 'RCPT:c@x=450-4.2.0 one\n450 4.2.0 two'
PORT=$PEER_PORT
got=$(smtp <<'END'
	< ^220
	> EHLO me
	< ^250-peer.*PIPELINING
	> MAIL FROM:<a@x>
	< ^250
	> RCPT TO:<b@x>
	< ^250
	> RCPT TO:<b2@x>
	< ^550 5.1.1 nobody
	> RCPT TO:<c@x>
	< ^450-4.2.0 one\n450 4.2.0 two$
	> DATA
	< ^354
	> ..dot
	>> \xe4 eight bit\r\n.\r\n
	< ^250
	> QUIT
	< ^221
	eof
END
)
is      'converse.py and peer.py understand each other'  "$?" 0 || note "$got"
printf '.dot\r\n\344 eight bit\r\n' >"$SANDBOX/want"
same_file '... octet by octet'                "$PEER_DIR/1" "$SANDBOX/want"
like    '... and the commands are on record'  "$(cat "$PEER_DIR/log")" '^1 RCPT TO:<b2@x>$'
stop "$PEER"

start_peer --lmtp --unix "$SANDBOX/sock" --reply 'DOT:2=452 4.2.2 full'
PORT=$SANDBOX/sock
smtp >"$SANDBOX/out" <<'END'
	< ^220
	> LHLO me
	< ^250
	> MAIL FROM:<>
	< ^250
	> RCPT TO:<b@x>
	< ^250
	> RCPT TO:<c@x>
	< ^250
	> DATA
	< ^354
	> .
	< ^250
	< ^452 4.2.2 full
	> QUIT
	< ^221
END
is      'LMTP on a Unix socket: one reply for each recipient'  "$?" 0 || note_file "$SANDBOX/out"
done_testing
