#!/bin/sh
# What smtpctl asks of a queue-run that is at work, of messages that wait and of those it has in its hands.
. "$(dirname "$0")/lib.sh"
need smtpctl queue-inject queue-run deliver-remote deliver-local
sandbox alice

# inject RECIPIENT...: $ID is its queue id
inject()
{
	{ printf 'Fs@example.net\0'; printf 'T%s\0' "$@"; printf '\0'; } >"$SANDBOX/envelope"
	printf 'Subject: x\n\ntext\n' >"$SANDBOX/message"
	queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>"$SANDBOX/said" || bail_out 'nothing can be queued'
	cat "$SANDBOX/said" >>"$LOG"
	ID=$(sed -n 's/.*: \([0-9]*\.[A-Za-z0-9]*\): from=.*/\1/p' "$SANDBOX/said")
}
place() { find "$SPOOL" -name "$1,S=*" ! -path "$SPOOL/tmp/*" | sed "s|$SPOOL/||; s|/.*||"; }
is_in() { test "$(place "$1")" = "$2"; }
is_gone() { test -z "$(place "$1")"; }
received() { ls "$PEER_DIR" | grep -Ec '^[0-9]+$'; }
has_received() { test "$(received)" -ge "$1"; }
connections() { log_count 'mta error'; }
log_count() { grep -Ec -e "$1" "$LOG"; }
log_counts() { test "$(log_count "$1")" -ge "$2"; }
runner_is_there() { ! flock -n "$SPOOL/lock" true; }
ctl() { smtpctl "$@" 2>>"$LOG"; }

start_peer --hang CONNECT
HANGING_PORT=$PEER_PORT
start_peer
conf <<-EOT
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
accept from any for domain "hangs.example" relay via "smtp://127.0.0.1:$HANGING_PORT"
accept from any for domain "dead.example" relay via "smtp://127.0.0.1:1"
accept from any for any relay via "smtp://127.0.0.1:$PEER_PORT"
EOT
start_runner

inject a@dead.example
ok 'what could not be sent waits' wait_until 10 is_in "$ID" later
ok '... schedule has it tried at once, though its destination was just found dead' ctl schedule "$ID"
ok '... by an attempt of its own' wait_until 10 log_counts 'mta error relay=127.0.0.1' 2
wait_until 10 is_in "$ID" later
is 'pause takes it out of the calendar' "$(ctl pause envelope "$ID" >/dev/null; place "$ID")" hold
is '... resume puts it back' "$(ctl resume envelope "$ID" >/dev/null; wait_until 5 is_in "$ID" later; place "$ID")" later
ctl remove "$ID" >/dev/null
ok 'remove ends it' is_gone "$ID"
ok '... with a line in the log' log_has "$ID.0: to=<a@dead.example>.*stat=Removed by administrator"

# The first message keeps the only process to that host; the others wait in the runner's hands.
inject first@hangs.example
FIRST=$ID
wait_until 10 is_in "$FIRST" cur
inject second@hangs.example alice@example.org
SECOND=$ID
inject third@hangs.example
THIRD=$ID
ok 'messages for a host that hangs are in the hands of the runner' wait_until 10 is_in "$THIRD" cur
wait_until 10 has_mail alice
ctl remove "$SECOND" >/dev/null
ok '... one of them can be removed' wait_until 10 is_gone "$SECOND"
is '... what was delivered of it stays so' "$(log_count "$SECOND.1: .*stat=Sent")-$(log_count "$SECOND.0: .*Removed")" '1-1'
ctl pause envelope "$THIRD" >/dev/null
ok '... another be paused' wait_until 10 is_in "$THIRD" hold
ctl pause domain there.example >/dev/null
inject a@there.example
PAUSED=$ID
ok 'mail for a paused domain waits' wait_until 10 is_in "$PAUSED" wait
ctl resume domain there.example >/dev/null
ok '... until it is resumed' wait_until 10 is_gone "$PAUSED"
ctl pause mta >/dev/null
inject a@there.example
ok 'pause mta holds all mail for other hosts' wait_until 10 is_in "$ID" wait
ctl resume mta >/dev/null
ok '... until resume mta' wait_until 10 is_gone "$ID"
ctl remove "$FIRST" >/dev/null
ok 'a message that a process is at work on stays until that has ended' is_in "$FIRST" cur
kill -KILL "$(sed -n "s/^smtpd.deliver-remote.\([0-9]*\).: $FIRST: mta connected.*/\1/p" "$LOG" | tail -n 1)"
ok '... and is gone then' wait_until 20 is_gone "$FIRST"
inject again@hangs.example
wait_until 10 is_in "$ID" cur
wait_until 10 log_counts "$ID: mta connected" 1
ctl remove "$ID" >/dev/null
stop "$RUNNER" KILL
cp "$CONF" "$SANDBOX/usual.conf"
echo "accept from any for any relay via \"smtp://127.0.0.1:$PEER_PORT\"" >"$CONF"
before=$(received)
run_queue
ok 'what was removed stays so when the runner is killed with it in hand' is_gone "$ID"
is '... and is not sent by the next one' "$(received)" "$before"
cp "$SANDBOX/usual.conf" "$CONF"
start_runner
stop_runner

# What a dead runner had in its hands.
inject alice@example.org
mv "$SPOOL/new/$ID"* "$SPOOL/cur/"
HAD=$(mail_count alice)
ctl remove "$ID" >/dev/null
is 'a removal of what a dead runner had taken up is left to the next one' "$(place "$ID")" cur
ctl schedule all >/dev/null
ctl pause envelope 1.aaaaaaaaaaaaaaaa >/dev/null
run_queue
ok '... which removes it' is_gone "$ID"
is '... before it delivers anything' "$(mail_count alice)" "$HAD"
is '... and then nothing is left to be asked' "$(ls "$SPOOL/control" | grep -c '^req')" 0

# The same while its last process is at work on it, and the next runner waits for that.
start_runner
inject last@hangs.example
wait_until 10 is_in "$ID" cur
wait_until 10 log_has "$ID: mta connected"
kill -KILL "$RUNNER"
wait "$RUNNER" 2>/dev/null
ctl remove "$ID" >/dev/null
start_runner
wait_until 10 runner_is_there
ok 'while a process of a dead runner is at work the removal waits' is_in "$ID" cur
kill -KILL "$(sed -n "s/^smtpd.deliver-remote.\([0-9]*\).: $ID: mta connected.*/\1/p" "$LOG" | tail -n 1)"
ok '... and is done then' wait_until 20 is_gone "$ID"
is '... without another attempt' "$(log_count "$ID: mta connected")" 1
stop_runner

done_testing
