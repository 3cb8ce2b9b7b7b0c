#!/bin/sh
# The whole chain, from tcpserver to Maildir: what real clients send arrives
# octet for octet, aliases and .forward lead where they should, what cannot be
# delivered now is tried again, and what never can be is reported.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-run deliver-local queue-bounce
need tcpserver swaks curl
need_smtp_source
sandbox alice bob carol
mkdir "$SANDBOX/public" && chmod 777 "$SANDBOX/public"
{ echo 'bob@example.org'; echo '# a comment'; echo 'carol, alice'; } >"$SANDBOX/include"
cat >"$SANDBOX/aliases" <<END
team:    staff
staff:   alice, bob
command: "|cat >$SANDBOX/public/command; echo \$SENDER >$SANDBOX/public/sender"
file:    $SANDBOX/public/file
include: :include:$SANDBOX/include
loop:    loop2
loop2:   loop
mixed:   alice, "|cat >$SANDBOX/public/mixed", bob@example.org
bad:     error:550 5.7.1 gone for good
END
configure()
{
	conf <<-END
	listen on 127.0.0.1 port ${PORT:-25} hostname mail.example.org
	$(users_table)
	table aliases file:$SANDBOX/aliases
	$1
	accept from any for domain "example.org" alias <aliases> userbase <users> deliver to ${2:-maildir}
	END
}
start_tcpserver
configure ''
start_runner

converse() { smtp >>"$LOG"; }

# whole FILE: the delivered FILE ends with the octets of MESSAGE, behind trace fields only
whole()
{
	size=$(wc -c <"$MESSAGE")
	tail -c "$size" "$1" | cmp -s - "$MESSAGE" || { note_file "$1"; return 1; }
	head -c "-$size" "$1" | grep -Ev '^(Return-Path: <|Delivered-To: |Received: |[ 	])' && return 1
	return 0
}
MESSAGE=$SANDBOX/message
arrives() { wait_until 20 has_mail "$@"; }
empty_mailboxes() { rm -rf "$SANDBOX"/home/*/Maildir; }

# ---- clients ----

printf 'From: <s@example.net>\nSubject: swaks\n\nhello\n' >"$MESSAGE"
ok      'swaks hands a message in'            swaks --silent 3 --server 127.0.0.1 --port "$PORT" \
	--helo client.example.net --from s@example.net --to alice@example.org --data "@$MESSAGE"
ok      '... and it arrives'                  arrives alice
like    '... with what swaks sent'            "$(cat "$(the_mail alice)")" '^Subject: swaks$'
mail=$(the_mail alice)
is      '... Return-Path first'               "$(sed -n 1p "$mail")" 'Return-Path: <s@example.net>'
is      '... then Delivered-To'               "$(sed -n 2p "$mail")" 'Delivered-To: alice@example.org'
like    '... then one Received field'         "$(sed -n 3p "$mail")" '^Received: from client.example.net '
is      '... of one hop'                      "$(grep -c '^Received:' "$mail")" 1
ok      '... the file is the recipient'\''s'  test "$(stat -c %u "$mail")" = "$RUN_UID"
is      '... and nobody else may read it'     "$(stat -c %a "$mail" | tail -c 3)" 00
empty_mailboxes

printf 'From: <s@example.net>\nSubject: curl\n\nhello\n' >"$MESSAGE"
ok      'curl hands a message in for two'     curl -s --crlf --mail-from s@example.net --mail-rcpt alice@example.org \
	--mail-rcpt bob@example.org -T "$MESSAGE" "smtp://127.0.0.1:$PORT/client.example.net"
ok      '... it arrives at the first'         arrives alice
ok      '... and at the second'               arrives bob
ok      '... whole'                           whole "$(the_mail alice)"
ok      '... at both'                         whole "$(the_mail bob)"
empty_mailboxes

ok      'smtp-source hands in ten in four sessions'  smtp_source -s 4 -m 10 -l 3000 -f s@example.net \
	-t alice@example.org "127.0.0.1:$PORT"
ok      '... ten arrive'                      arrives alice 10
is      '... and no more'                     "$(mail_count alice)" 10
empty_mailboxes

# ---- octet for octet (Python's smtplib) ----

send() { $PYTHON "$t_dir/lib/send.py" "$PORT" "$@"; }
comes_through()
{
	what=$1
	ok "smtplib: $what is taken"          send s@example.net "$MESSAGE" alice@example.org
	ok "... and arrives octet for octet"  eval 'arrives alice && whole "$(the_mail alice)"'
	empty_mailboxes
}
printf 'Subject: dots\n\n.\n..\n...\n.a\n..b\na.\n.\n' >"$MESSAGE"
comes_through 'a text full of dot lines'
printf 'Subject: 8 bit\n\n\344\366\374 \303\244 \377\376 \001\033[1m\177\n\t \n' >"$MESSAGE"
comes_through 'a text with 8-bit and control octets'
$PYTHON -c 'print("Subject: long\n\n" + "\n".join("x" * n for n in (997, 998, 900)) + "\n", end="")' >"$MESSAGE"
comes_through 'a text with lines of 998 octets'
$PYTHON -c 'import random; random.seed(1)
print("Subject: big\n\n" + "".join("%060x\n" % random.getrandbits(240) for _ in range(50000)), end="")' >"$MESSAGE"
comes_through 'a message of 3 MB'
: >"$MESSAGE"
ok      'an empty message (raw) is taken'     converse <<'END'
	< ^220
	> HELO client.example.net
	< ^250
	> MAIL FROM:<s@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> .
	< ^250
	> QUIT
	< ^221
END
ok      '... and arrives with nothing behind the trace fields'  eval 'arrives alice && whole "$(the_mail alice)"'
empty_mailboxes
printf '\n' >"$MESSAGE"
comes_through 'an empty line'
printf 'no header at all, only this line\n' >"$MESSAGE"
comes_through 'a message without header'
printf '\n\nbody only\n\n\n' >"$MESSAGE"
comes_through 'a message that begins with empty lines'
printf 'Subject: From\n\nFrom here\n>From there\nReturn-Path: <x>\n' >"$MESSAGE"
comes_through 'a text with From lines'

# ---- aliases ----

printf 'Subject: alias\n\nhello\n' >"$MESSAGE"
ok      'an alias of an alias, a list'        send s@example.net "$MESSAGE" team@example.org
ok      '... reaches its members'             eval 'arrives alice && arrives bob'
is      '... once'                            "$(mail_count alice) $(mail_count bob)" '1 1'
like    '... and Delivered-To names the address it came through'  "$(cat "$(the_mail bob)")" \
	'^Delivered-To: (team|bob)@example.org$'
empty_mailboxes

ok      'an alias that is a command'          send s@example.net "$MESSAGE" command@example.org
if wait_until 20 test -s "$SANDBOX/public/sender"; then
	ok      '... has the message on fd 0'         grep -q '^Subject: alias$' "$SANDBOX/public/command"
	is      '... the sender in its environment'   "$(cat "$SANDBOX/public/sender")" s@example.net
else
	fail    '... is run'; skip 'no sender'
fi
ok      'an alias that is a file'             send s@example.net "$MESSAGE" file@example.org
ok      '... gets the message appended'       wait_until 20 grep -q '^Subject: alias$' "$SANDBOX/public/file"
like    '... as an mbox'                      "$(head -n 1 "$SANDBOX/public/file")" '^From s@example.net '
ok      'an alias that is an include file'    send s@example.net "$MESSAGE" include@example.org
ok      '... reaches all who stand in it'     eval 'arrives alice && arrives bob && arrives carol'
empty_mailboxes
ok      'an alias of all kinds'               send s@example.net "$MESSAGE" mixed@example.org
ok      '... reaches users and addresses'     eval 'arrives alice && arrives bob'
ok      '... and the command'                 wait_until 20 test -s "$SANDBOX/public/mixed"
empty_mailboxes
like    'an alias to error: refuses with its words'  "$(send s@example.net "$MESSAGE" bad@example.org)" 'gone for good'

# A loop of aliases is refused at the door; from inside it comes back as a notice.
inject() { printf "F%s\\0T%s\\0\\0" "$1" "$2" >"$SANDBOX/envelope"; queue-inject <"$MESSAGE" 1<"$SANDBOX/envelope" 2>>"$LOG"; }
like    'a loop of aliases is refused by smtp-recv'  "$(send s@example.net "$MESSAGE" loop@example.org)" '55[04]'
ok      '... from inside it is queued'        inject alice@example.org loop@example.org
ok      '... and comes back'                  arrives alice
like    '... as a notice that names it'       "$(cat "$(the_mail alice)")" '^Final-Recipient: *rfc822; *loop@example.org'
empty_mailboxes

# ---- .forward ----

as_user sh -c 'printf "%s\n" bob@example.org "|cat >$1/forward" >$2/.forward' - "$SANDBOX/public" "$SANDBOX/home/carol"
ok      'a recipient with a .forward'         send s@example.net "$MESSAGE" carol@example.org
ok      '... has it forwarded'                arrives bob
ok      '... and given to a command, as that user'  wait_until 20 test -s "$SANDBOX/public/forward"
is      '... of that uid'                     "$(stat -c %u "$SANDBOX/public/forward")" "$RUN_UID"
is      '... with no copy of her own'         "$(mail_count carol)" 0
empty_mailboxes
as_user sh -c 'printf "%s\n" "\\carol" alice >$1/.forward' - "$SANDBOX/home/carol"
ok      'a .forward that names oneself'       send s@example.net "$MESSAGE" carol@example.org
ok      '... keeps a copy and forwards one'   eval 'arrives carol && arrives alice'
is      '... each once'                       "$(mail_count carol) $(mail_count alice)" '1 1'
rm -f "$SANDBOX/home/carol/.forward"
empty_mailboxes

# ---- refusals ----

like    'an unknown user is refused at RCPT'  "$(send s@example.net "$MESSAGE" nobody@example.org)" '550.*5\.1\.1'
like    'a foreign domain is refused'         "$(send s@example.net "$MESSAGE" a@example.com)" '55[04]'
ok      'nothing is left in the queue'        wait_until 20 queue_is_empty
ok      'the runner ends cleanly on TERM'     status 0 stop_runner

# ---- retry, expiry, notices ----

configure 'expire 1s' "mda \"exit 75\""
ok      'where delivery cannot be made now'   send bob@example.org "$MESSAGE" alice@example.org
run_queue
is      '... the message waits'               "$(queued)" 1
like    '... and the log says why'            "$(cat "$LOG")" 'to=<alice@example.org>.*stat=Deferred'
run_queue
is      '... it is not tried before its time' "$(grep -c 'to=<alice@example.org>.*stat=Deferred' "$LOG")" 1
configure ''
make_due; run_queue
is      '... and goes out once it can'        "$(mail_count alice)" 1
empty_mailboxes

configure 'expire 1s' "mda \"echo the disk of the post office is full; exit 75\""
ok      'where delivery can never be made'    send bob@example.org "$MESSAGE" alice@example.org
for i in 1 2 3 4; do
	run_queue
	sleep 0.6
	make_due
done
configure ''
make_due; run_queue
ok      '... the sender hears of it'          has_mail bob
notice=$(cat /dev/null $(mailbox bob))
like    '... by a message with null reverse-path'  "$notice" '^Return-Path: <>$'
like    '... of type multipart/report'        "$notice" '^Content-Type: multipart/report'
like    '... that names the recipient'        "$notice" '^Final-Recipient: *rfc822; *alice@example.org'
like    '... the action'                      "$notice" '^Action: failed'
like    '... a status'                        "$notice" '^Status: [45]\.[0-9]+\.[0-9]+'
like    '... the reason'                      "$notice" 'post office is full'
like    '... and holds the header returned'   "$notice" '^Subject: alias$'
empty_mailboxes

ok      'mail from the null reverse-path that cannot be delivered'  inject '' nobody@example.org
run_queue; make_due; run_queue
is      '... makes no notice to anybody'      "$(mail_count alice) $(mail_count bob)" '0 0'
unlike  '... and nothing was found corrupt'   "$(find "$SPOOL/corrupt" "$SPOOL/hold" -type f)" .
done_testing
