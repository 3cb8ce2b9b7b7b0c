#!/bin/sh
# The queue as the operator sees it, and what can be done to it. The first
# outputs are those of the how-to.
. "$(dirname "$0")/lib.sh"
need smtpctl queue-inject queue-run deliver-local queue-peek sendmail
sandbox alice
conf <<EOT
listen on 127.0.0.1 port 25 hostname mail.example.org
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
accept from local for any relay via smtp://127.0.0.1:1
EOT

chmod 666 "$SPOOL/stats/remote"	# whoever deliver-remote is here
ctl() { smtpctl "$@" 2>"$SANDBOX/stderr"; }
quiet_ctl() { ctl "$@" >/dev/null; }
said() { cat "$SANDBOX/stderr"; }
# inject SENDER RECIPIENT...: $ID is its queue id
inject()
{
	{ printf 'F%s\0' "$1"; shift; printf 'T%s\0' "$@"; printf '\0'; } >"$SANDBOX/envelope"
	printf 'Subject: x\n\ntext\n' >"$SANDBOX/message"
	queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG" || bail_out 'nothing can be queued'
	ID=$(sed -n 's/.*queue-inject.*: \([0-9]*\.[A-Za-z0-9]*\): from=.*/\1/p' "$LOG" | tail -n 1)
}
# place ID: the directory that it is in
place() { find "$SPOOL" -name "$1,S=*" -path "$SPOOL/[a-z]*/*" ! -path "$SPOOL/tmp/*" | sed "s|$SPOOL/||; s|/[^/]*$||"; }
# put DIRECTORY ID: moves it there
put() { mkdir -p "$SPOOL/$1" && mv "$SPOOL/$(place "$2")/$2"* "$SPOOL/$1/"; }
soon=later/$(($(date +%s) / 64 + 3))

# ---- the how-to ----

# The message of the how-to, its id and its times: one that a runner works on.
inject user@our_domain.org someguy@somedomain.org
mv "$SPOOL/new/$ID"* "$SPOOL/cur/1244574723.MTwCoXNepGJtbMcJ,S=$(ls "$SPOOL"/new | sed 's/.*,S=//')"
HOWTO=1244574723.MTwCoXNepGJtbMcJ
start $PYTHON -c '
import fcntl, struct, sys, time
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_EX, 1, 4711)		# the mark that a runner is at work
open(sys.argv[2], "w").close()
time.sleep(60)' "$SPOOL/lock" "$SANDBOX/marked"
marker=$PID
wait_until 5 test -e "$SANDBOX/marked"
taken=$(stat -c %Z "$SPOOL"/cur/*)
is   'show queue prints the line of the how-to'  "$(ctl show queue)" \
	"MTA|$HOWTO.0|PROCESSING,ENQUEUED|user@our_domain.org|someguy@somedomain.org|$taken|0"
is   'mailq prints the same'                     "$(mailq)" "$(ctl show queue)"
is   'sendmail -bp, too'                         "$(sendmail -bp)" "$(ctl show queue)"
stop "$marker"
mv "$SPOOL"/cur/* "$SPOOL/new/"
put "$soon" "$HOWTO"
is   'schedule answers as in the how-to'         "$(ctl schedule "$HOWTO.0"; echo $?)" "command succeeded
0"
like '... and the message is due'                "$(ctl show queue)" "^MTA\\|$HOWTO\\.0\\|SCHEDULED,ENQUEUED\\|"
is   'remove says how many it were'              "$(ctl remove $HOWTO)" '1 envelope removed'
ok   '... the log knows, in the words of later versions' grep -Eq "^smtpd/smtpctl.*: $HOWTO\.0: to=<someguy@somedomain\.org>, delay=[0-9]+, stat=Removed by administrator\$" "$SANDBOX/stderr"
ok   '... the queue is empty'                    queue_is_empty

# ---- show queue ----

is   'an empty queue prints nothing for programs' "$(ctl show queue)" ''
is   '... and says so on a terminal'             "$(ctl show queue -t)" 'the queue is empty'
inject '' alice@example.org
ONE=$ID
inject 'x|y@example.net' someguy@somedomain.org alice@example.org
TWO=$ID
is   'what is delivered here is MDA; nobody is @; a bar breaks no field' "$(ctl show queue | sort)" \
	"$(printf '%s\n' "MDA|$ONE.0|SCHEDULED,ENQUEUED|@|alice@example.org|0|0" \
	"MTA|$TWO.0|SCHEDULED,ENQUEUED|x\\174y@example.net|someguy@somedomain.org|0|0" \
	"MDA|$TWO.1|SCHEDULED,ENQUEUED|x\\174y@example.net|alice@example.org|0|0" | sort)"
is   'one message'                               "$(ctl show queue "$TWO" | cut -d'|' -f2)" "$TWO.0
$TWO.1"
is   '... one recipient'                         "$(ctl show queue "$TWO.1" | cut -d'|' -f2)" "$TWO.1"
ok   '... one that is not there'                 status 1 quiet_ctl show queue 1.aaaaaaaaaaaaaaaa
ok   '... what is no id'                         status 64 quiet_ctl show queue ../x
like 'fourteen fields with -l'                   "$(ctl show queue -l "$TWO.0")" \
	"^$TWO\.0\|local\|mta\|\|x.174y@example\.net\|someguy@somedomain\.org\|someguy@somedomain\.org\|[0-9]+\|[0-9]+\|0\|0\|pending\|0\|\$"
like 'a table on a terminal'                     "$($PYTHON -c '
import os, pty, sys
pty.spawn(["smtpctl", "show", "queue"])' | tr -d '\r')" "^ID +AGE +SIZE +STATE +NEXT +FROM -> TO\$"
ok   '... and nothing of a terminal in -m'       sh -c "test \"\$(smtpctl show queue -m | wc -l)\" -eq 3"
ok   'where nobody reads on, it ends'            sh -c 'smtpctl show queue | true'

# ---- show message, show envelope ----

ctl show message "$ONE" >"$SANDBOX/shown"
head -c "$(stat -c %s "$SANDBOX/shown")" "$SPOOL/new/$ONE"* >"$SANDBOX/text"
same_file 'show message prints the text, octet for octet' "$SANDBOX/shown" "$SANDBOX/text"
is   '... all of it'                             "$(tail -n 1 "$SANDBOX/shown")" text
is   'show envelope prints what is known'        "$(ctl show envelope "$TWO" | grep -E '^(id|file|sender|origin|uid|to|status):')" \
	"id: $TWO
file: new/$(basename "$SPOOL/new/$TWO"*)
sender: x|y@example.net
origin: local
uid: $(id -u)
to: someguy@somedomain.org
status: pending
to: alice@example.org
status: pending"
ok   '... of a message that is there'            status 1 quiet_ctl show envelope 1.aaaaaaaaaaaaaaaa

# ---- pause and resume ----

is   'pause envelope'                            "$(ctl pause envelope "$TWO")" '2 envelopes paused'
is   '... puts it into hold/'                    "$(place "$TWO")" hold
like '... where no flag says that it waits'      "$(ctl show queue "$TWO.0")" '\|-\|'
run_queue
is   '... and no runner touches it'              "$(place "$TWO")" hold
ok   'a message that is paused already'          status 1 quiet_ctl pause envelope "$TWO"
ok   'schedule all does not resume it'           status 1 quiet_ctl schedule all
is   'resume envelope'                           "$(ctl resume envelope "$TWO")" '2 envelopes resumed'
run_queue
is   '... and it goes on'                        "$(mail_count alice)" 2
is   'recipients that are done are not listed'   "$(ctl show queue | cut -d'|' -f2)" "$TWO.0"
like 'a deferral shows'                          "$(ctl show queue)" \
	"^MTA\|$TWO\.0\|TEMPFAIL,ENQUEUED\|x.174y@example\.net\|someguy@somedomain\.org\|[0-9]{10}\|1\$"

# ---- destinations ----

like 'who could not be reached is shown'         "$(ctl show hosts)" '^127\.0\.0\.1\|[0-9]{10}\|[0-9]{10}\|[0-9]{10}\|1\|4\.4\.1 '
like '... with the words of OpenSMTPD'           "$(ctl show hoststats)" '^127\.0\.0\.1\|[0-9]{10}\|4\.4\.1 '
is   '... routes are the same'                   "$(ctl show routes)" "$(ctl show hosts)"
like '... in sentences for people'               "$($PYTHON -c '
import pty
pty.spawn(["smtpctl", "show", "hosts"])')" 'not reached since .*, 1 attempt, next in '
like 'it is counted'                             "$(smtpctl show stats)" '^mta\.unreachable=1$'
printf 'a|b\nk|x|1|2|x|4|bad\n|\nk|x|1|2|3\n' >"$SPOOL/control/hosts"
is   'lines that are none are left out'          "$(ctl show hosts)" ''
rm "$SPOOL/control/hosts"
is   'without the file everybody was reached'    "$(ctl show hosts; echo $?)" 0

# ---- schedule ----

inject a@example.net bob@elsewhere.example
THREE=$ID
put "$soon" "$THREE"; put "$soon" "$TWO"
is   'schedule @DOMAIN'                          "$(ctl schedule @elsewhere.example)" 'command succeeded'
unlike '... makes that mail due'                 "$(place "$THREE")" "^$soon\$"
is   '... and no other'                          "$(place "$TWO")" "$soon"
is   'a domain without mail'                     "$(ctl schedule @nowhere.example; echo $?)" "command failed
1"
put "$soon" "$THREE"
is   'schedule from:STRING'                      "$(ctl schedule from:A@EXAMPLE.net)" 'command succeeded'
unlike '... makes the mail of that sender due'   "$(place "$THREE")" "^$soon\$"
is   'a sender without mail'                     "$(ctl schedule from:nobody@; echo $?)" "command failed
1"
is   'schedule all'                              "$(ctl schedule all)" 'command succeeded'
unlike '... makes all due'                       "$(ctl show queue | cut -d'|' -f3)" '^[^S]*$'
is   'the beginning of an id is enough'          "$(ctl schedule "${THREE%??????}")" 'command succeeded'
ok   '... if no other begins so'                 status 1 quiet_ctl schedule "$(echo "$THREE" | cut -c1-5)"
like '... which is said'                         "$(said)" 'more than one message'
ok   'what is no id is misuse'                   status 64 quiet_ctl schedule '../../etc'
is   'runqueue is schedule all'                  "$(ctl runqueue)" 'command succeeded'

# ---- remove ----

inject a@example.net one@elsewhere.example two@elsewhere.example
FOUR=$ID
is   'one recipient is removed'                  "$(ctl remove "$FOUR.0")" '1 envelope removed'
is   '... and the other stays'                   "$(ctl show queue "$FOUR" | cut -d'|' -f2)" "$FOUR.1"
ok   '... it is not there twice'                 status 1 quiet_ctl remove "$FOUR.0"
is   'remove @DOMAIN'                            "$(ctl remove @elsewhere.example)" '2 envelopes removed'
is   '... leaves the others'                     "$(ctl show queue | cut -d'|' -f2)" "$TWO.0"
is   'they are counted'                          "$(smtpctl show stats | grep removed=)" 'scheduler.envelope.removed=4'
is   'remove all'                                "$(ctl remove all)" '1 envelope removed'
ok   '... and nothing is left'                   queue_is_empty
is   'nothing more can be removed'               "$(ctl remove all; echo $?)" "command failed
1"
unlike 'no notice is sent of it'                 "$(cat "$LOG")" 'queue-bounce.*: from=<>'

# ---- its length ----

inject a@example.net alice@example.org
put hold "$ID"
inject a@example.net alice@example.org
is   'show stats -q counts what waits'           "$(ctl show stats -q | grep queue.length)" \
	"queue.length.new=1
queue.length.cur=0
queue.length.wait=0
queue.length.later=0
queue.length.hold=1
queue.length.corrupt=0"
like '... for Prometheus, too'                   "$(ctl show stats -q -p)" '^pipepost_queue_length\{place="hold"\} 1$'
rm "$SPOOL"/new/* "$SPOOL"/hold/*

# ---- what is damaged ----

inject a@example.net alice@example.org
printf X | dd of="$(echo "$SPOOL/new/$ID"*)" bs=1 seek=$(($(stat -c %s "$SPOOL/new/$ID"*) - 5)) conv=notrunc 2>/dev/null
ctl show queue >/dev/null
like 'a damaged message is named'                "$(said)" "new/$ID.*is damaged"
put corrupt "$ID"
ctl show queue >/dev/null
like '... in corrupt/ it is counted'             "$(said)" '1 damaged message in corrupt/'
is   '... its text can be seen'                  "$(ctl show message "$ID" | tail -n 1)" text
is   '... and it can be removed'                 "$(ctl remove "$ID")" '1 envelope removed'
: >"$SPOOL/later/x"; mkdir "$SPOOL/new/dir"; : >"$SPOOL/new/README"
is   'what is no message is no trouble'          "$(ctl show queue; said)" ''
rm -r "$SPOOL/later/x" "$SPOOL/new/dir" "$SPOOL/new/README"

# ---- what a dead runner has left ----

inject a@example.net alice@example.org
put cur "$ID"
is   'what a dead runner has left in cur/ is removed by the next one' "$(ctl remove "$ID")" '1 envelope removed'
like '... which is said'                         "$(said)" 'left behind by a queue-run that died'
ok   '... the request stays until then'          sh -c "grep -q '^remove $ID cur/$ID' '$SPOOL'/control/req.*"
rm "$SPOOL"/control/req.* "$SPOOL"/cur/*

# ---- with a runner at work ----

# One that delivers by a command which waits until it is told to go on.
cat >"$SANDBOX/command" <<EOT
#!/bin/sh
cat >/dev/null
echo started >>$SANDBOX/home/alice/started
i=0
until test -e $SANDBOX/go || test \$i -ge 400; do sleep 0.05; i=\$((i + 1)); done
EOT
chmod 755 "$SANDBOX/command"
conf <<EOT
listen on 127.0.0.1 port 25 hostname mail.example.org
$(users_table)
accept from any for domain "command.example" userbase <users> deliver to mda "$SANDBOX/command"
accept from any for domain "example.org" userbase <users> deliver to maildir
accept from local for any relay via smtp://127.0.0.1:1
EOT
rm -rf "$SPOOL"/later/* "$SPOOL"/control/req.* "$SANDBOX/home/alice/Maildir"
inject a@example.net alice@example.org
FIVE=$ID
put "$soon" "$FIVE"
start_runner
is_gone() { test -z "$(place "$1")"; }
has_started() { test -s "$SANDBOX/home/alice/started"; }
is_in() { test "$(place "$2")" = "$1"; }
ok   'the runner is there'                       wait_until 10 sh -c 'smtpctl show stats | grep -q runner.running=1'
is   'schedule: it tries at once'                "$(ctl schedule "$FIVE")" 'command succeeded'
ok   '... and it is delivered'                   wait_until 10 has_mail alice
inject a@example.net alice@command.example
SIX=$ID
ok   'a message is being delivered'              wait_until 10 has_started
like '... and shows so'                          "$(ctl show queue "$SIX")" '^MDA\|.*\|PROCESSING,ENQUEUED\|'
is   'pausing it'                                "$(ctl pause envelope "$SIX")" '1 envelope paused'
is   '... waits for its end'                     "$(place "$SIX")" cur
inject a@example.net bob@elsewhere.example
SEVEN=$ID
ok   'a message that waits'                      wait_until 10 sh -c "smtpctl show queue $SEVEN | grep -q TEMPFAIL"
is   '... is removed'                            "$(ctl remove "$SEVEN")" '1 envelope removed'
ok   '... by the runner'                         log_has "queue-run.*: $SEVEN\.0: to=<bob@elsewhere\.example>, delay=[0-9]+, stat=Removed by administrator"
ok   '... and gone'                              wait_until 5 is_gone "$SEVEN"
: >"$SANDBOX/go"
ok   'what was delivered meanwhile is not held'  wait_until 10 is_gone "$SIX"
ctl pause mda >/dev/null
inject a@example.net alice@example.org
EIGHT=$ID
paused() { smtpctl show queue -t "$EIGHT" | grep -q ' paused '; }
ok   'what is switched off waits as paused'      wait_until 10 paused
like '... and is not due'                        "$(ctl show queue "$EIGHT")" '^MDA\|.*\|ENQUEUED\|'
ctl resume mda >/dev/null
ok   '... until it is switched on'               wait_until 10 is_gone "$EIGHT"
stop_runner

# ---- a spool that is not there ----

ok   'without a spool it says who makes it'      status 72 env PIPEPOST_SPOOL="$SANDBOX/none" smtpctl show queue 2>"$SANDBOX/stderr"
like '... in words'                              "$(said)" 'queue-init makes it'
done_testing
