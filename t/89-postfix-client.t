#!/bin/sh
# Postfix sends us mail with smtp_tls_security_level=verify.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/certs.sh"
. "$t_dir/lib/submission.sh"
need smtp-recv smtp-tls queue-run deliver-local tcpserver openssl
need_submission
sandbox
make_certs_dir
EC='ec -pkeyopt ec_paramgen_curve:P-256'
NAME=mail.example.org
make_authority ours $EC
make_certificate mail ours DNS:$NAME $EC
chmod 600 "$CERTS"/*.key
CA=$CERTS/ours.pem

start_submission
start_tcpserver
conf <<EOT
pki $NAME certificate "$CERTS/mail.pem" key "$CERTS/mail.key"
listen on 127.0.0.1 port $PORT tls-require hostname $NAME
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
EOT
start_runner
# relays NAME: Postfix hands a message to us if our certificate is for that name
relays()
{
	set_submission "$CERTS/mail.pem" "$CERTS/mail.key" 'default_transport = smtp' "relayhost = [127.0.0.1]:$PORT" \
		'smtpd_relay_restrictions = permit_mynetworks, reject' 'mynetworks = 127.0.0.0/8' \
		'smtp_tls_security_level = verify' "smtp_tls_CAfile = $CA" "smtp_tls_verify_cert_match = $1" 'smtp_tls_loglevel = 1'
	: >"$SUBMISSION_LOG"
	$PYTHON "$t_dir/lib/send.py" "$SUBMISSION_PORT" sender@example.net "$SANDBOX/message" alice@example.org
}
printf 'Subject: x\n\nhello\n' >"$SANDBOX/message"
postfix_has() { grep -Eq -e "$1" "$SUBMISSION_LOG"; }
relays "$NAME"
ok 'Postfix verifies us' wait_until 30 postfix_has 'Verified TLS connection established to 127.0.0.1.*TLSv1.2'
ok '... and the mail arrives' wait_until 20 has_mail alice
relays mail.example.net
ok '... under another name it sends nothing' wait_until 30 postfix_has 'Server certificate not verified'
done_testing
