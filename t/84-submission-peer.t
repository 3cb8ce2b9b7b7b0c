#!/bin/sh
# Example 3 of the how-tos against a real provider: Postfix, with STARTTLS and SASL and a certificate that
# a test's own authority has signed. Delivered, verified, authenticated; or it stays queued, and the reason is
# in the log and in mailq.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/certs.sh"
. "$t_dir/lib/dns.sh"
. "$t_dir/lib/submission.sh"
need queue-inject queue-run deliver-remote sendmail makemap openssl
need_dns_server
need_submission
test -x "$BUILD_DIR/bin/auth-check" || skip_all 'auth-check is not built'
sandbox
make_certs_dir
EC='ec -pkeyopt ec_paramgen_curve:P-256'
name=DNS:submission.example.net
make_authority ours $EC
make_certificate good ours $name $EC
make_certificate elsewhere ours DNS:elsewhere.example.net $EC
make_certificate expired ours $name $EC -- -startdate 20200101000000Z -enddate 20200131000000Z
start_dns <<-EOT
submission.example.net. A 127.0.0.1
EOT

start_submission
conf <<-EOT
listen on 127.0.0.1 port 25 hostname somehost.example
expire 4h
table secrets db:$SANDBOX/secrets.db
ca ours certificate "$CERTS/ours.pem"
accept from local for any relay via tls+auth://label@submission.example.net:$SUBMISSION_PORT auth <secrets> ca ours
EOT

# serve CERTIFICATE [SETTING...]: how the provider behaves from now on
serve()
{
	t_name=$1; shift
	set_submission "$CERTS/$t_name.pem" "$CERTS/$t_name.key" "$@"
	: >"$SUBMISSION_LOG"
}
# secret LINE: the table of secrets, made as the how-to says
secret()
{
	printf '%s\n' "$1" >"$SANDBOX/secrets"
	chmod 640 "$SANDBOX/secrets"
	makemap "$SANDBOX/secrets" >"$SANDBOX/said" 2>&1 || note "makemap: $(cat "$SANDBOX/said")"
}
# post: a message of a local user, and a pass of the runner
post()
{
	: >"$LOG"
	rm -rf "$SPOOL/control/hosts"
	printf 'Subject: relay\n\nhello\n' | sendmail -f root@somehost.example friend@elsewhere.example 2>>"$LOG" && run_queue
}
provider_has() { grep -Eq -e "$1" "$SUBMISSION_LOG"; }
# stays WHAT REASON: it is still queued, the log and mailq have the reason
stays()
{
	post
	ok "$1: the message stays queued" test "$(queued)" -eq 1
	like '... the log says why' "$(grep 'stat=Deferred' "$LOG")" "$2"
	if test -x "$BIN/smtpctl"; then
		like '... mailq, too' "$(mailq -l 2>&1)" "$2"
	else
		skip 'smtpctl is not built'
	fi
	unlike '... and the provider has not got it' "$(cat "$SUBMISSION_LOG")" 'status=sent'
	rm -rf "$SPOOL/later/"* "$SPOOL/control/hosts"
}

secret 'label me@example.net:s3cret'
serve good
ok 'with the right password a message goes out' post
ok '... to the end' queue_is_empty
ok '... verified' log_has ' mta tls relay=submission.example.net\[127.0.0.1\] ciphers=TLSv1.2:.* verify=ok '
ok '... authenticated' log_has ' mta authentication relay=submission.example.net\[127.0.0.1\] user=me@example.net result=ok'
ok '... logged as sent' log_has 'to=<friend@elsewhere.example>, delay=[0-9]+, stat=Sent'
ok '... and the provider says so, too' wait_until 10 provider_has 'sasl_method=PLAIN, sasl_username=me@example.net'
ok '... and that it has delivered' wait_until 10 provider_has 'to=<friend@elsewhere.example>.*status=sent'
secret 'label me@example.net:!echo s3cret'
ok 'a command may tell the password' post
ok '... to the end' queue_is_empty
has_delivered() { test "$(grep -c 'to=<friend@elsewhere.example>.*status=sent' "$SUBMISSION_LOG")" -eq "$1"; }
ok '... which the provider says, too' wait_until 10 has_delivered 2

serve good
secret 'label me@example.net:wrong'
stays 'a wrong password' '4\.7\.8 submission\.example\.net\[127\.0\.0\.1\]: 535 5\.7\.8 .*\(AUTH PLAIN\)'
secret 'other me@example.net:s3cret'
stays 'no secret for the label' 'label.*makemap'
secret 'label me@example.net:s3cret'
serve elsewhere
stays 'a certificate for another name' 'the certificate is for another name'
serve expired
stays 'an expired certificate' 'the certificate expired on 2020-01-31'
serve good 'smtpd_tls_security_level = none' 'smtpd_tls_auth_only = no'
stays 'no STARTTLS offered' 'TLS is required, but the server does not offer STARTTLS'

serve good
secret 'label me@example.net:wrong'
post
secret 'label me@example.net:s3cret'
if test -x "$BIN/smtpctl"; then
	ok 'when the password is mended, smtpctl schedule all makes due what waits' quiet smtpctl schedule all
	ok '... the next pass sends it, though the provider counted as dead' run_queue
	ok '... to the end' queue_is_empty
fi

done_testing
