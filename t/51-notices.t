#!/bin/sh
# Notices from end to end: who hears what of failure, delay and success, by what
# the sender asked for and the next server can do.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-run deliver-local deliver-remote queue-bounce
sandbox alice bob carol

# mail RCPT-WITH-PARAMETERS... [-- MAIL-PARAMETERS]: a message from alice, by SMTP; $FROM instead
mail()
{
	t_rcpts=
	while test $# -gt 0 && test "$1" != --; do t_rcpts="$t_rcpts$(printf 'RCPT TO:%s' "$1")
"; shift; done
	test $# -eq 0 || shift
	{
		printf 'EHLO client.example.net\r\nMAIL FROM:<%s> %s\r\n' "${FROM-alice@here.example}" "$*"
		printf '%s' "$t_rcpts" | sed "s/\$/$(printf '\r')/"
		printf 'DATA\r\nMessage-ID: <original@here.example>\r\nSubject: what it is about\r\n\r\nthe text\r\n.\r\nQUIT\r\n'
	} | smtp-recv -b 2>>"$LOG" >"$SANDBOX/said"
	grep -q '^250 2.0.0' "$SANDBOX/said" || { note_file "$SANDBOX/said"; return 1; }
}
# notice [USER]: the notice to alice as lines: envelope and top fields, types of its parts, then the
# fields of the report, unfolded; what a mail parser finds wrong is a line, too
notice()
{
	$PYTHON - "$(the_mail "${1:-alice}")" <<-'END'
	import email, email.policy, sys
	m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
	for part in m.walk():
	    for d in part.defects + [d for h in part.values() for d in getattr(h, "defects", ())]:
	        print("defect:", d)
	for name in ("Return-Path", "From", "To", "Subject", "Auto-Submitted", "References"):
	    print("%s: %s" % (name, m[name]))
	words, status, original = m.iter_parts()
	print("parts:", " ".join(p.get_content_type() for p in (words, status, original)))
	for block in status.get_payload():
	    for name, value in block.items():
	        print("%s: %s" % (name, " ".join(str(value).split())))
	print("words:", " ".join(words.get_content().split()))
	END
}
no_notice() { is "$1" "$(mail_count alice)" 0; }
work() { run_queue && run_queue; }
forget() { rm -rf "$SANDBOX"/home/*/Maildir; : >"$LOG"; }
peer_has() { grep -Eq -e "$1" "$PEER_DIR/log"; }

# ---- other hosts: one that knows DSN, and one that does not ----

start_peer --reply 'RCPT:no@old.example=550 5.1.1 nobody of that name' --offer 'old.example' --offer PIPELINING \
	--reply 'RCPT:busy@old.example=450 4.2.1 come back later'
OLD_PORT=$PEER_PORT
start_peer --offer new.example --offer PIPELINING --offer DSN
# the configuration, with further lines in front
configure()
{
	conf <<-END
	$1
	listen on 127.0.0.1 port 25 hostname mail.here.example
	$(users_table)
	table aliases { two = "bob, far@new.example", one = "bob", lost = "nobody@old.example" }
	accept from any for domain "here.example" alias <aliases> userbase <users> deliver to maildir
	accept from any for domain "old.example" relay via "smtp://127.0.0.1:$OLD_PORT"
	accept from any for domain "new.example" relay via "smtp://127.0.0.1:$PEER_PORT"
	accept for local userbase <postmasters> deliver to maildir
	END
}
configure "table postmasters { postmaster = \"$RUN_UID:$RUN_GID:$SANDBOX/home/carol\" }"

note 'failure'
mail '<no@old.example> ORCPT=rfc822;First+2BLast@old.example' '<yes@old.example>' -- RET=FULL ENVID=QQ+2B1
work
out=$(notice)
unlike 'the sender hears of it in a message without defects' "$out" '^defect'
like '... from the null reverse-path' "$out" '^Return-Path: <>'
like '... that no robot answers' "$out" '^Auto-Submitted: auto-replied'
like '... beside the original' "$out" '^References: <original@here.example>'
like '... words, report, and the message, as RET=FULL asks' "$out" '^parts: text/plain message/delivery-status message/rfc822'
like '... with the envelope id' "$out" '^Original-Envelope-Id: QQ\+1$'
like '... the recipient as the sender knew it' "$out" '^Original-Recipient: rfc822;First\+Last@old.example$'
like '... and as it was tried' "$out" '^Final-Recipient: rfc822; no@old.example$'
like '... that it failed' "$out" '^Action: failed$'
like '... its code' "$out" '^Status: 5\.1\.1$'
like '... the server' "$out" '^Remote-MTA: dns; 127.0.0.1$'
like '... and its words' "$out" '^Diagnostic-Code: smtp; 550 5\.1\.1 nobody of that name$'
is '... nothing of the other recipient' "$(printf '%s\n' "$out" | grep -c '^Final-Recipient')" 1
like '... in plain words first' "$out" '^words: .*could not be delivered.* no@old.example .*said: 550 5.1.1 nobody.*Check the address'
forget
mail '<no@old.example> NOTIFY=NEVER'
work
no_notice 'NOTIFY=NEVER: nobody is told'
is '... and nothing is left' "$(queued)" 0
mail '<no@old.example> NOTIFY=SUCCESS,DELAY'
work
no_notice 'NOTIFY without FAILURE: neither'
forget
mail '<no@old.example> NOTIFY=FAILURE'
work
like 'RET not given: only the header comes back' "$(notice)" '^parts: .* text/rfc822-headers'
forget

note 'success'
mail '<bob@here.example> NOTIFY=SUCCESS' '<carol@here.example>'
work
out=$(notice)
unlike 'delivered here: the sender hears of it' "$out" '^defect'
like '... as delivered' "$out" '^Action: delivered$'
like '... with a code of success' "$out" '^Status: 2\.'
is '... only of whom he asked for' "$(printf '%s\n' "$out" | grep '^Final-Recipient')" 'Final-Recipient: rfc822; bob@here.example'
forget
mail '<yes@old.example> NOTIFY=SUCCESS,FAILURE'
work
like 'to a server without DSN: relayed' "$(notice)" '^Action: relayed$'
like '... in words' "$(notice)" 'Passed on to a mail server that does not send notices'
forget
mail '<yes@new.example> NOTIFY=SUCCESS'
work
no_notice 'to a server with DSN: that one tells'
ok '... as it is asked to' peer_has 'RCPT TO:<yes@new.example> NOTIFY=SUCCESS'
forget
mail '<two@here.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;two@here.example'
work
out=$(notice)
like 'an alias of several: expanded' "$out" '^Action: expanded$'
is '... and no more than that' "$(printf '%s\n' "$out" | grep -c '^Action')" 1
is '... while each has the mail' "$(mail_count bob)" 1
ok '... asked of the next server is only what the sender has not heard yet' \
	peer_has 'RCPT TO:<far@new.example> NOTIFY=FAILURE ORCPT=rfc822;two@here.example$'
forget
mail '<two@here.example> NOTIFY=SUCCESS'
work
ok '... or nothing' peer_has 'RCPT TO:<far@new.example> NOTIFY=NEVER'
forget
mail '<one@here.example> NOTIFY=SUCCESS ORCPT=rfc822;one@here.example'
work
out=$(notice)
like 'an alias of one: delivered' "$out" '^Action: delivered$'
like '... under the name that the sender knows' "$out" '^Original-Recipient: rfc822;one@here.example$'
forget

has_ended() { ! kill -0 "$1" 2>/dev/null || t_is_zombie "$1"; }
# A command that ends when there is a gate.
cp "$CONF" "$SANDBOX/conf.before"
conf <<-END
	$(users_table)
	accept from any for domain "here.example" recipient "alice@here.example" userbase <users> deliver to maildir
	accept from any for domain "here.example" userbase <users> deliver to mda "touch $SANDBOX/began; until test -e $SANDBOX/gate; do sleep 0.1; done"
END
chmod 777 "$SANDBOX"
start_runner
mail '<bob@here.example> NOTIFY=SUCCESS'
wait_until 20 test -e "$SANDBOX/began"
kill -TERM "$RUNNER"
wait_until 10 log_has 'stopping'
: >"$SANDBOX/gate"
ok 'a runner that is to end while something is delivered' wait_until 30 has_ended "$RUNNER"
stop_runner
work
like '... still tells of it' "$(notice)" '^Action: delivered$'
chmod 755 "$SANDBOX"
conf <"$SANDBOX/conf.before"
forget

note 'delay'
configure "bounce-warn 1s
table postmasters { postmaster = \"$RUN_UID:$RUN_GID:$SANDBOX/home/carol\" }"
mail '<busy@old.example>' '<busy@old.example> NOTIFY=FAILURE'
sleep 1.1
work
out=$(notice)
unlike 'what waits too long is told' "$out" '^defect'
like '... as delayed' "$out" '^Action: delayed$'
like '... with the code of the last attempt' "$out" '^Status: 4\.2\.1$'
like '... and until when it is tried' "$out" '^Will-Retry-Until: '
like '... in words that calm' "$out" 'need not send the message again'
is '... and is kept' "$(queued)" 1
make_due
work
is '... told once' "$(mail_count alice)" 1
forget
rm -rf "$SPOOL/later"/*
mail '<busy@old.example> NOTIFY=FAILURE,SUCCESS'
sleep 1.1
work
no_notice 'NOTIFY without DELAY: it is not told'
rm -rf "$SPOOL/later"/*
forget

note 'notices that fail'
FROM='' mail '<no@old.example>'
work
is 'of a notice postmaster hears' "$(mail_count carol)" 1
like '... with all of it' "$(notice carol)" '^parts: .* message/rfc822'
like '... in a message that cannot bounce' "$(notice carol)" '^Return-Path: <#@\[\]>'
forget
configure 'table postmasters { nobody = "1:1:/" }'
FROM='' mail '<no@old.example>'
work
is 'where postmaster is not there either, it is discarded' "$(queued)" 0
like '... and the log says so' "$(cat "$LOG")" 'stat=(Discarded|Failed)'
no_notice '... and nobody else is told'
done_testing
