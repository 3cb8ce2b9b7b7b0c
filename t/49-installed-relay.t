#!/bin/sh
# The installed tree, from a login on port 587 to a provider that wants one, too: every part under its own account,
# keys, hashes and secrets each readable by one of them.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/installed.sh"
. "$t_dir/lib/certs.sh"
need smtp-recv smtp-tls auth-check queue-inject queue-run deliver-remote smtpd makemap useradd openssl
installed_namespace net
install_here
make_certs_dir
chmod 755 "$CERTS"
make_authority ca ec:"$(openssl ecparam -name prime256v1 -out "$CERTS/p256" && echo "$CERTS/p256")"
make_certificate provider ca DNS:localhost rsa:2048
make_certificate mail ca DNS:mail.example.org rsa:2048
cat "$CERTS/provider.pem" "$CERTS/provider.key" >"$CERTS/provider"

mkdir /etc/mail/keys
cp "$CERTS/mail.pem" "$CERTS/mail.key" "$CERTS/ca.pem" /etc/mail/keys/
chgrp pptls /etc/mail/keys/mail.key && chmod 640 /etc/mail/keys/mail.key
printf 'alice: %s\n' "$(openssl passwd -6 'right one')" >/etc/mail/users
printf 'label provider-user:provider-secret\n' >/etc/mail/secrets
chgrp ppauth /etc/mail/users /etc/mail/secrets && chmod 640 /etc/mail/users /etc/mail/secrets
ok 'makemap keeps the mode and the group of secrets' makemap /etc/mail/secrets
is '... so that ppauth alone reads them' "$(stat -c '%G %a' /etc/mail/secrets.db)" 'ppauth 640'

peer() { start_peer --tls "$CERTS/provider" --auth "$1"; }
configure()
{
	cat >"$CONF" <<-EOT
	pki mail.example.org certificate "/etc/mail/keys/mail.pem" key "/etc/mail/keys/mail.key"
	ca provider certificate "/etc/mail/keys/ca.pem"
	table users file:/etc/mail/users
	table secrets db:/etc/mail/secrets.db
	listen on 127.0.0.1 port 587 tls-require auth <users> pki mail.example.org hostname mail.example.org mask-source
	accept from local for any relay via tls+auth://label@localhost:$PEER_PORT auth <secrets> ca provider
	EOT
}
peer provider-user:provider-secret
configure
like 'smtpd -n is content' "$(smtpd -n 2>&1)" 'configuration OK'
start smtpd -d 2>>"$LOG" >>"$LOG" </dev/null
is_up() { $PYTHON -c 'import socket; socket.create_connection(("127.0.0.1", 587), 1)' 2>/dev/null; }
wait_until 10 is_up || bail_out 'smtpd does not listen'

# submit PASSWORD SUBJECT
cat >"$SANDBOX/submit.py" <<'EOT'
import smtplib, ssl, sys
s = smtplib.SMTP("127.0.0.1", 587, "client.example", timeout=30)
context = ssl.create_default_context(cafile=sys.argv[1])
s._host = "mail.example.org"
s.starttls(context=context)
s.ehlo()
s.login("alice", sys.argv[2])
s.sendmail("alice@example.org", ["someone@world.example"], "Subject: %s\n\nhello\n" % sys.argv[3])
s.quit()
EOT
submit() { $PYTHON "$SANDBOX/submit.py" "$CERTS/ca.pem" "$1" "$2" >"$SANDBOX/said" 2>&1; }
received() { ls "$PEER_DIR" | grep -c '^[0-9]*$'; }
has_received() { test "$(received)" -ge "$1"; }

ok 'alice logs in over TLS and her message is taken' submit 'right one' first
ok '... and leaves by the provider, logged in and verified' wait_until 20 has_received 1
like '... with her address' "$(cat "$PEER_DIR/log")" 'MAIL FROM:<alice@example.org>'
unlike '... and without a trace of where she was' "$(cat "$PEER_DIR/1")" 'client\.example|127\.0\.0\.1'
like '... as a message that came by ESMTPSA' "$(tr -d '\r' <"$PEER_DIR/1")" 'with ESMTPSA'
like '... to a certificate that was verified' "$(cat "$LOG")" 'deliver-remote.*mta tls .*verify=(ok|yes)'
not_ok 'a wrong password is refused' submit 'wrong one' second
like '... with 535' "$(cat "$SANDBOX/said")" '535'
unlike 'no password is in the log' "$(cat "$LOG")" 'right one|wrong one|provider-secret'
is 'each part had an account of its own' "$(ps -eo user=,args= | sed -n 's/^\([a-z]*\) .*\(queue-run\|deliver-remote\) .*/\1 \2/p' | grep -v '^root' | sort -u | tr '\n' ' ')" \
	'ppqueue queue-run ppremote deliver-remote '

# The provider has changed the password.
stop "$PEER"
peer provider-user:changed
configure
ok 'with other credentials at the provider mail is still taken' submit 'right one' third
deferred() { grep -q 'someone@world.example>.*stat=Deferred: 4.7.*535' "$LOG"; }
ok '... and waits, with what the provider said' wait_until 30 deferred
printf 'label provider-user:changed\n' >/etc/mail/secrets
makemap /etc/mail/secrets
smtpctl schedule all >>"$LOG" 2>&1
ok '... until makemap has the new ones' wait_until 30 has_received 1

done_testing
