#!/bin/sh
# queue-run hands mail for other hosts to deliver-remote: grouping, one session for many messages, destinations
# that are dead or hang, pauses, processes that die.
. "$(dirname "$0")/lib.sh"
need queue-inject queue-run deliver-remote queue-bounce
sandbox alice

# inject SENDER RECIPIENT...
inject()
{
	printf 'F%s\0' "$1" >"$SANDBOX/envelope"; shift
	printf 'T%s\0' "$@" >>"$SANDBOX/envelope"
	printf '\0' >>"$SANDBOX/envelope"
	printf 'Subject: x\n\ntext\n.\nend\n' >"$SANDBOX/message"
	queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG"
}
# inject_many N DOMAIN
inject_many()
{
	t_i=0
	while test "$t_i" -lt "$1"; do
		inject s@example.net "r$t_i@$2" || return 1
		t_i=$((t_i + 1))
	done
}
peer_log() { cat "$PEER_DIR/log" 2>/dev/null; }
peer_count() { peer_log | grep -Ec "$1"; }
log_count() { grep -Ec -e "$1" "$LOG"; }
received() { ls "$PEER_DIR" | grep -Ec '^[0-9]+$'; }
has_received() { test "$(received)" -ge "$1"; }
later() { find "$SPOOL/later" -type f | wc -l; }
parked() { find "$SPOOL/wait" -type f | wc -l; }
parked_is() { test "$(parked)" -eq "$1"; }
forget_log() { : >"$LOG"; }

# ---- one message ----

start_peer --reply 'RCPT:bad@there.example=550 5.1.1 no such user' --reply 'RCPT:full@there.example=452 4.2.2 full'
conf <<-EOT
accept from any for domain "here.example" deliver to maildir
accept from any for any relay via "smtp://127.0.0.1:$PEER_PORT"
EOT

inject s@example.net a@there.example b@elsewhere.example
ok 'a pass hands mail for another host to its relay' run_queue
ok '... and the queue is empty then' queue_is_empty
is '... as one transaction for all recipients that go the same way' "$(received) $(peer_count 'MAIL') $(peer_count 'RCPT')" '1 1 2'
like '... with the text, dot-stuffed on the way' "$(tr -d '\r' <"$PEER_DIR/1" | tail -n 3 | tr '\n' ' ')" 'text \. end'
ok '... logged as sent, with the server and its words' log_has 'stat="?2.0.0 127.0.0.1\[127.0.0.1\]: 250'
is '... in the form of the how-tos, once for each' "$(log_count 'to=<(a@there|b@elsewhere).example>, delay=[0-9]+, stat=Sent')" 2

inject s@there.example good@there.example bad@there.example full@there.example
run_queue
ok 'a recipient that the server refuses fails' log_has 'to=<bad@there.example>.*stat=Failed: 5.1.1 .*550 5.1.1 no such user'
ok '... one that it defers is kept' log_has 'to=<full@there.example>.*stat=Deferred: 4.2.2 .*452 4.2.2 full'
ok '... the others are delivered' log_has 'to=<good@there.example>.*stat=Sent'
is '... and the sender gets a notice, by the same way' "$(peer_log | grep -c 'MAIL FROM:<>')" 1
is '... while one message waits' "$(later)" 1
rm -rf "$SPOOL/later/"*
stop "$PEER"

# ---- many ----

start_peer
conf <<-EOT
limit mta max-conn-per-host 1
accept from any for any relay via "smtp://127.0.0.1:$PEER_PORT"
EOT
inject_many 60 there.example
run_queue
is 'many messages for one destination all arrive' "$(received)" 60
is '... over one session, where one is allowed' "$(peer_log | cut -d ' ' -f 1 | sort -u | wc -l)" 1
inject s@example.net $(seq -f 'u%g@there.example' 250)
run_queue
is 'one message to 250 recipients takes three transactions' "$(received) $(peer_count 'RCPT TO:<u')" '63 250'
stop "$PEER"

# ---- a destination where nobody is ----

DEAD_PORT=$PEER_PORT
start_peer
conf <<-EOT
accept from any for domain "dead.example" relay via "smtp://127.0.0.1:$DEAD_PORT"
accept from any for any relay via "smtp://127.0.0.1:$PEER_PORT"
EOT
forget_log
inject_many 30 dead.example
inject s@example.net a@there.example
run_queue
is 'thirty messages to a host that is not there cost one attempt' "$(log_count 'mta error relay=127.0.0.1')" 1
is '... all are deferred' "$(log_count 'to=<r[0-9]+@dead.example>.*stat=Deferred: 4.4.1')" 30
ok '... all but few by what the first has found' test "$(log_count 'dead.example>.*as found [0-9]+ seconds ago')" -ge 29
is '... other mail goes out' "$(received)" 1
like '... and the next pass knows' "$(cat "$SPOOL/control/hosts")" "^d[^|]*\|127.0.0.1\|[0-9]+\|[0-9]+\|1\|[0-9]+\|4.4.1"
is '... which only root and the group of the queue may read' "$(stat -c %a "$SPOOL/control/hosts")" 640
make_due
forget_log
run_queue
is '... so that it makes no attempt at all' "$(log_count 'dead.example>.*as found [0-9]+ seconds ago')" 30
sed 's/|[0-9]*|1|/|1|1|/' "$SPOOL/control/hosts" >"$SANDBOX/hosts" && cat "$SANDBOX/hosts" >"$SPOOL/control/hosts"
make_due
run_queue
like 'a second failure makes the pause longer' "$(cut -d '|' -f 2,5 "$SPOOL/control/hosts")" '127.0.0.1\|2'
rm -rf "$SPOOL/later/"* "$SPOOL/control/hosts"

# ---- one that hangs ----

GOOD_DIR=$PEER_DIR GOOD_PORT=$PEER_PORT GOOD=$PEER
start_peer --hang CONNECT
HANGING_PORT=$PEER_PORT
PEER_DIR=$GOOD_DIR PEER_PORT=$GOOD_PORT
conf <<-EOT
accept from any for domain "hangs.example" relay via "smtp://127.0.0.1:$HANGING_PORT"
accept from any for any relay via "smtp://127.0.0.1:$PEER_PORT"
EOT
inject_many 40 hangs.example
start_runner
inject_many 40 there.example
ok 'a host that hangs holds up no other mail' wait_until 20 has_received 41
ok '... its own waits outside, but for ten and the one that is tried' wait_until 10 parked_is 29
stop "$RUNNER" KILL
ok '... and is there for the next runner' test "$(queued)" -eq 40
rm -rf "$SPOOL/later/"* "$SPOOL/wait/"* "$SPOOL/cur/"*

# ---- pauses ----

conf <<-EOT
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
accept from any for any relay via "smtp://127.0.0.1:$GOOD_PORT"
EOT
: >"$SPOOL/control/pause-mta"
inject s@example.net paused@there.example
inject s@example.net alice@example.org
ok 'with pause-mta a pass ends' run_queue
is '... mail for other hosts waits' "$(parked) $(received)" '1 41'
is '... local mail does not' "$(mail_count alice)" 1
rm "$SPOOL/control/pause-mta"
run_queue
is '... and goes out when that is over' "$(parked) $(received)" '0 42'
mkdir -p "$SPOOL/control/pause-domain"
: >"$SPOOL/control/pause-domain/there.example"
: >"$SPOOL/control/pause-mda"
chmod 755 "$SPOOL/control/pause-domain"
inject s@example.net paused@There.example other@elsewhere.example
inject s@example.net alice@example.org
start_runner
ok 'a paused domain is held back, the other recipients are not' wait_until 10 has_received 43
ok '... pause-mda holds local mail back' wait_until 10 parked_is 2
is '... which is not delivered' "$(mail_count alice)" 1
rm "$SPOOL/control/pause-domain/there.example" "$SPOOL/control/pause-mda"
inject s@example.net wake@elsewhere.example
ok '... and a running queue-run sees that they are over' wait_until 10 has_received 45
ok '... both of them' wait_until 10 has_mail alice 2
stop_runner

# ---- processes that die ----

printf '#!/bin/sh\nexit 1\n' >"$SANDBOX/dies"
mkdir "$SANDBOX/bin"
ln -s "$BIN"/* "$SANDBOX/bin/"
ln -sf "$SANDBOX/dies" "$SANDBOX/bin/deliver-remote"
chmod 755 "$SANDBOX/dies"
inject s@example.net a@there.example
PIPEPOST_BIN=$SANDBOX/bin run_queue
ok 'a deliver-remote that dies costs a retry, nothing else' log_has 'to=<a@there.example>.*stat=Deferred: 4.3.0 the delivery process ended without a word'
rm "$SANDBOX/bin/deliver-remote"
make_due
PIPEPOST_BIN=$SANDBOX/bin run_queue
ok '... so does one that is missing' log_has 'to=<a@there.example>.*stat=Deferred: 4.3.5 cannot execute the delivery program'
make_due
run_queue
ok '... and the mail goes out when it is back' queue_is_empty
stop "$GOOD"

done_testing
