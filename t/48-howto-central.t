#!/bin/sh
# The second example of the calomel.org how-to, by conf-examples/relay-central: local mail and mail for
# somehost.com to procmail, everything else of this machine to a central server, which is Postfix's smtp-sink here.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib/dns.sh"
need smtp-recv sendmail newaliases queue-run deliver-local deliver-remote smtpd tcpserver procmail
need_smtp_source
need_dns_server
. "$t_dir/lib/calomel.sh"
sandbox nobody-in-particular
etc=$SANDBOX/etc
mkdir "$etc" "$SANDBOX/central"
chmod 777 "$SANDBOX/central"
CONF=$etc/smtpd.conf PIPEPOST_CONF=$etc/smtpd.conf

start_dns <<-EOT
mailrelay.domain.lan.	A 127.0.0.5
EOT
examples=$t_dir/../conf-examples/relay-central
cp "$examples/aliases" "$etc/aliases"
sed -e "s|/usr/local/etc/mail|$etc|; s|/usr/local/bin/procmail|$(command -v procmail)|" "$examples/smtpd.conf" >"$CONF"
is   'newaliases says how many there are'  "$(newaliases 2>&1)" "$etc/aliases: 1 aliases"
like 'smtpd -n: configuration OK'          "$(smtpd -n -f "$CONF" 2>&1)" '^configuration OK$'
make_procmail_rules

# What it takes is written to central/, a file for each message, with the envelope in front.
start_central()
{
	t_as=
	test "$(id -u)" -ne 0 || t_as='-u nobody'
	LD_LIBRARY_PATH=$t_peer/lib/postfix start "$t_peer/sbin/smtp-sink" $t_as -d "$SANDBOX/central/%M." 127.0.0.5:25 100 \
		2>>"$LOG" </dev/null
}
is_up() { $PYTHON -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)' "$1" "$2" 2>/dev/null; }
central_has() { grep -lq "^Subject: $1\$" "$SANDBOX"/central/*; }
start_central
start tcpserver -H -R -D -l example.com 127.0.0.1 25 "$BIN/smtp-recv" 2>>"$LOG" </dev/null
wait_until 10 is_up 127.0.0.1 25 && wait_until 10 is_up 127.0.0.5 25 || bail_out 'nobody listens'
start_runner

# send SUBJECT RECIPIENT: by SMTP
send()
{
	printf 'Subject: %s\n\nhello\n' "$1" >"$SANDBOX/message"
	$PYTHON "$t_dir/lib/send.py" 25 sender@example.com "$SANDBOX/message" "$2"
}
ok 'mail for root is taken'                        send one root@localhost
ok '... and calomel has it'                        wait_until 20 inbox_has one
ok 'mail for somehost.com is taken'                send two calomel@somehost.com
ok '... and calomel has it'                        wait_until 20 inbox_has two
ok 'mail for the world is taken from this machine' send three someone@world.example
ok '... and the central server has it'             wait_until 20 central_has three
like '... with its envelope'                       "$(cat "$SANDBOX"/central/*)" '^X-Rcpt-Args: <someone@world\.example>'
ok '... the log says so in the form of the how-to' log_has 'to=<someone@world.example>, delay=[0-9]+, stat=Sent$'
printf 'Subject: four\n\nhello\n' | sendmail -f root other@world.example 2>>"$LOG"
ok 'so does what programs send'                    wait_until 20 central_has four
ok 'nothing is left in the queue'                  wait_until 20 queue_is_empty
stop_runner
done_testing
