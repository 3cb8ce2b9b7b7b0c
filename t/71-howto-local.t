#!/bin/sh
# The first example of the calomel.org how-to, whole: local mail only, aliases
# made by newaliases, delivery through the recipient's procmail rules, by SMTP
# under tcpserver and from sendmail. Only the paths differ from what is printed.
. "$(dirname "$0")/lib.sh"
need smtp-recv sendmail newaliases queue-run deliver-local smtpd tcpserver procmail
. "$t_dir/lib/calomel.sh"
sandbox nobody-in-particular
etc=$SANDBOX/etc
mkdir "$etc"
CONF=$etc/smtpd.conf PIPEPOST_CONF=$etc/smtpd.conf

cat >"$etc/aliases" <<-END
	root:       calomel
	webmaster:  calomel
	freebsd:    calomel
END
# As printed; "PORT" is where tcpserver listens, procmail is where Debian has it.
write_conf()
{
	sed -e "s|/usr/local/etc/mail|$etc|" -e "s|/usr/local/bin/procmail|$(command -v procmail)|" \
	    -e "s|port 25|port ${PORT:-25}|" >"$CONF" <<-'END'
	#######################################################
	## Calomel.org  OpenSMTPD -- /usr/local/etc/mail/smtpd.conf
	##              https://calomel.org/opensmtpd.html

	## listen on localhost (ipv4 only) and port 25 (smtp)
	listen on 127.0.0.1 port 25 hostname example.com

	## the mail aliases database, created with "newaliases"
	#table aliases file:/usr/local/etc/mail/aliases
	table aliases db:/usr/local/etc/mail/aliases.db

	## accept mail from the local machine (lo0) to localhost accounts and pass to
	## the recipient's procmail rules. Address mapping is derived from the aliases file.
	## This rule is for internal machine mail only.
	accept from local for local alias <aliases > deliver to mda "/usr/local/bin/procmail -f -"
	accept for all relay

	#######################################################
	END
}
write_conf

is      'newaliases says how many there are'  "$(newaliases 2>&1)" "$etc/aliases: 3 aliases"
like    'smtpd -n: configuration OK'          "$(smtpd -n -f "$CONF" 2>&1)" '^configuration OK$'

make_procmail_rules
start_tcpserver
write_conf
start_runner
send()
{
	$PYTHON "$t_dir/lib/send.py" "$PORT" sender@example.com "$SANDBOX/message" "$@"
}
quietly() { "$@" <"$SANDBOX/message" 2>>"$LOG"; }

printf 'Subject: one\n\nhello\n' >"$SANDBOX/message"
ok      'SMTP: root@localhost is taken'       send root@localhost
ok      '... and procmail puts it into ~/Mail'  wait_until 20 inbox_has one
printf 'Subject: two\n\nhello\n' >"$SANDBOX/message"
ok      'SMTP: webmaster of the host name is taken'  send webmaster@example.com
ok      '... and arrives'                     wait_until 20 inbox_has two
printf 'Subject: three\n\nhello\n' >"$SANDBOX/message"
ok      'SMTP: a name without domain is taken'  send freebsd
ok      '... and arrives'                     wait_until 20 inbox_has three
printf 'Subject: from cron\n\nhello\n' >"$SANDBOX/message"
ok      'sendmail: mail to root is queued'    quietly sendmail -i -f sender root
ok      '... and procmail sorts it by its rules'  wait_until 20 inbox_has 'from cron' cron
printf 'To: calomel@localhost\nSubject: four\n\nhello\n' >"$SANDBOX/message"
ok      'sendmail -t: mail to the account itself is queued'  quietly sendmail -t
ok      '... and arrives'                     wait_until 20 inbox_has four
is      'the mbox belongs to the account'     "$(stat -c %u "$home/Mail/inbox")" "$RUN_UID"
is      '... each message is there once'      "$(grep -c '^Subject: ' "$home/Mail/inbox")" 4
like    'a name that nobody has is refused'   "$(send nobody-here@localhost)" '550.*5\.1\.1'
ok      'nothing is left in the queue'        wait_until 20 queue_is_empty
stop_runner
done_testing
