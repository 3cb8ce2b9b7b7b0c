#!/bin/sh
# The log: the how-tos' two lines as they stand there, one grep for the queue id
# that tells all of a message, refusals with their reason, whole conversations
# where they are wished, and no secret or stranger's line in any of it.
. "$(dirname "$0")/lib.sh"
need tcpserver smtp-recv queue-run sendmail

sandbox
conf <<EOF
listen on 127.0.0.1 port 25 hostname mail.example.org
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
EOF
start_tcpserver
# since: what was logged after mark
mark() { lines=$(wc -l <"$LOG"); }
since() { tail -n +$((lines + 1)) "$LOG"; }
# talk: a conversation from standard input, and what was logged until its session was over
talk()
{
	mark
	smtp >"$SANDBOX/talk" || note_file "$SANDBOX/talk"
	wait_until 10 is_over
}
is_over() { since | grep -q 'smtp disconnected'; }
# without_pids: log lines without what differs from run to run
without_pids() { sed -E -e 's/^smtpd\/([a-z-]+)\[[0-9]+\]: /\1: /' -e 's/[0-9]+\.[A-Za-z0-9]{16}/ID/' -e 's/delay=[0-9]+/delay=0/'; }

# ---- one message, from the session to the mailbox ----

talk <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<user@our_domain.example>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> Subject: log
	>
	> x
	> .
	< ^250
	> QUIT
	< ^221
END
is 'a session without TLS is four lines' "$(since | without_pids | grep -v 'no listen line')" \
'smtp-recv: smtp connected address=127.0.0.1 host=localhost
smtp-recv: ID: from=<user@our_domain.example>, size=16, nrcpts=1, proto=ESMTP, relay=localhost [127.0.0.1]
smtp-recv: ID: smtp message helo=client.example
smtp-recv: smtp disconnected address=127.0.0.1 host=localhost reason="quit" messages=1'
id=$(grep -oE '[0-9]+\.[A-Za-z0-9]{16}' "$LOG" | head -n 1)
run_queue
is 'one grep for the queue id tells whence it came and where it went' "$(grep -F "$id" "$LOG" | without_pids)" \
"smtp-recv: ID: from=<user@our_domain.example>, size=16, nrcpts=1, proto=ESMTP, relay=localhost [127.0.0.1]
smtp-recv: ID: smtp message helo=client.example
queue-run: ID.0: mda delivery result=ok stat=\"2.0.0 Delivered to Maildir $SANDBOX/home/alice/Maildir\"
queue-run: ID.0: to=<alice@example.org>, delay=0, stat=Sent"
mark
printf 'Subject: x\n\n' | sendmail -f carol@example.org bob@example.org 2>>"$LOG"
like 'what sendmail takes is logged in the same form' "$(since)" \
	"^smtpd/sendmail\[[0-9]+\]: [0-9]+\.[A-Za-z0-9]{16}: from=<carol@example\.org>, size=[0-9]+, nrcpts=1, proto=local, relay=$(id -un)@localhost$"

# ---- refusals ----

talk <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<x@elsewhere.example>
	< ^550
	> RCPT TO:<"a\" result=\"250"@elsewhere.example>
	< ^550
	> RCPT TO:<nobody@example.org>
	< ^550
	> ETRN x\x1b[2J
	< ^500
END
like 'a refusal tells command, reply and envelope' "$(since)" \
	'smtp failed-command address=127\.0\.0\.1 host=localhost helo=client\.example from=<a@example\.net> command="RCPT TO:<x@elsewhere\.example>" result="550 5\.7\.1 <x@elsewhere\.example>: relaying refused" why="'
like '... the rule that no user was found by, and the table' "$(since | grep 'nobody@')" \
	"why=\"rule $CONF:3; .*<users>.*\"$"
like 'no text of a client ends a value' "$(since)" 'command="RCPT TO:<\\"a\\\\\\" result=\\\\\\"250\\"@elsewhere\.example>"'
like '... or moves the cursor of who reads it' "$(since)" 'command="ETRN x\\\\?033\[2J"'

# A client may be refused with 4xx for ever: that must not fill the log.
{ echo 'limit session max-rcpt 1'; cat "$CONF"; } >"$CONF.limit"; mv "$CONF.limit" "$CONF"
{
	printf '\t<\n\t> EHLO client.example\n\t< ^250\n\t> MAIL FROM:<>\n\t< ^250\n\t> RCPT TO:<alice@example.org>\n\t< ^250\n'
	n=0
	while test $n -lt 70; do printf '\t> RCPT TO:<bob@example.org>\n\t< ^452\n'; n=$((n + 1)); done
} >"$SANDBOX/flood"
talk <"$SANDBOX/flood"
is 'of seventy refusals fifty have a line' "$(since | grep -c 'failed-command .*command=')" 50
like '... and one tells how many more there were' "$(since)" 'smtp failed-command address=127\.0\.0\.1 host=localhost suppressed=20$'
conf <<EOF
listen on 127.0.0.1 port 25 hostname mail.example.org
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
EOF

# ---- conversations ----

conversation()
{
	talk <<-'END'
		<
		> EHLO client.example
		< ^250
		> AUTH PLAIN AHVzZXIAc2VjcmV0
		< ^5
		> c2VjcmV0
		< ^500
		> cGFzc3dvcmQ=
		< ^500
		> AUTH
		< ^5
		> MAIL FROM:<a@example.net>
		< ^250
		> RCPT TO:<alice@example.org>
		< ^250
		> DATA
		< ^354
		> Subject: private
		>
		> x
		> .
		< ^250
		> QUIT
		< ^221
	END
}
conversation
unlike 'a conversation is not logged' "$(since)" '(<<<|>>>) '
unlike '... and a refused AUTH does not show its secrets' "$(since)" 'c2VjcmV0|cGFzc3dv'
touch "$SPOOL/control/verbose"
conversation
like 'control/verbose: what the client says' "$(since)" '<<< MAIL FROM:<a@example\.net>$'
like '... and what it hears' "$(since)" '>>> 250 2\.1\.0 Ok$'
unlike '... without secrets' "$(since)" 'AHVzZXIAc2VjcmV0|c2VjcmV0|cGFzc3dv'
like '... of which it says that they were there' "$(since)" '<<< AUTH \(\.\.\.\)$'
unlike '... nor the text' "$(since)" 'private'
like '... but how much of it' "$(since)" '<<< \(20 octets of text\)$'
rm "$SPOOL/control/verbose"
conversation
unlike '... and is over when the flag is gone' "$(since)" '<<< '

# LMTP has a conversation, too.
start_peer --lmtp
conf <<EOF
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to lmtp "127.0.0.1:$PEER_PORT"
EOF
mark
run_queue
unlike 'an LMTP conversation is not logged' "$(since)" 'LMTP >>>'
like '... but what the server said of each message' "$(since)" \
	'[0-9]+\.[A-Za-z0-9]{16}\.0: mda delivery result=ok stat="2\.[0-9.]+ LMTP 127\.0\.0\.1:[0-9]+: 250 '
printf 'Subject: x\n\n' | sendmail bob@example.org 2>>"$LOG"
touch "$SPOOL/control/verbose"
mark
run_queue
like 'control/verbose: LMTP, with the queue id' "$(since)" '^smtpd/deliver-local\[[0-9]+\]: [0-9]+\.[A-Za-z0-9]{16}: LMTP >>> RCPT TO:<bob'
rm "$SPOOL/control/verbose"
printf 'Subject: x\n\n' | sendmail bob@example.org 2>>"$LOG"
mark
run_queue -v
like 'queue-run -v: the same' "$(since)" 'LMTP >>> LHLO '
like '... both sides of it' "$(since)" 'LMTP <<< 250 2\.0\.0 taken for bob$'


# ---- to another host ----

start_peer
conf <<EOF
accept from local for any relay via smtp://127.0.0.1:$PEER_PORT
EOF
mark
printf 'Subject: x\n\n' | sendmail -f carol@example.org dave@remote.example 2>>"$LOG"
run_queue
id=$(since | grep -oE '[0-9]+\.[A-Za-z0-9]{16}' | head -n 1)
is 'one grep for the queue id tells what the remote server has said' \
	"$(grep -F "$id" "$LOG" | without_pids | sed -E -e 's/size=[0-9]+/size=N/' -e "s/$PEER_PORT/PORT/g")" \
"sendmail: ID: from=<carol@example.org>, size=N, nrcpts=1, proto=local, relay=$(id -un)@localhost
deliver-remote: ID: mta connected relay=127.0.0.1[127.0.0.1]
queue-run: ID.0: mta delivery result=ok stat=\"2.0.0 127.0.0.1[127.0.0.1]: 250 2.0.0 taken\"
queue-run: ID.0: to=<dave@remote.example>, delay=0, stat=Sent"

done_testing
