#!/bin/sh
# smtpctl doctor: what it finds on a host that is set up well, and what on one
# that is not.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/dns.sh"
need smtpctl queue-run openssl
need_dns_server
sandbox alice

start_dns broken.example <<-EOT
mail.example.org.		A 192.0.2.7
mail.example.org.		AAAA 2001:db8::7
7.2.0.192.in-addr.arpa.		PTR mail.example.org.
7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mail.example.org.
example.org.			MX 10 mail.example.org.
example.org.			TXT "other"
example.org.			TXT "v=spf1 mx" " -all"
_dmarc.example.org.		TXT "v=DMARC1; p=reject"
elsewhere.example.		MX 10 mx.elsewhere.example.
elsewhere.example.		TXT "v=spf1 -all"
elsewhere.example.		TXT "v=spf1 +all"
elsewhere.example.		TXT "v=spf10 +all"
other.example.org.		A 192.0.2.8
8.2.0.192.in-addr.arpa.		PTR pool8.provider.example.
inside.example.org.		A 10.0.0.1
EOT

# certificate DAYS NAME: cert.pem and key.pem of the sandbox
certificate()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$1" -subj "/CN=$2" \
		-addext "subjectAltName=DNS:$2" -keyout "$SANDBOX/key.pem" -out "$SANDBOX/cert.pem" 2>/dev/null
	chmod 600 "$SANDBOX/key.pem"
}
# configure HOSTNAME [DOMAIN]
configure()
{
	conf <<-EOT
	pki mail.example.org certificate "$SANDBOX/cert.pem"
	pki mail.example.org key "$SANDBOX/key.pem"
	listen on 127.0.0.1 port 25 tls pki mail.example.org hostname $1
	$(users_table)
	table aliases { postmaster = alice }
	accept from any for domain "${2:-example.org}" alias <aliases> userbase <users> deliver to maildir
	accept from any for local alias <aliases> userbase <users> deliver to maildir
	EOT
}
doctor() { smtpctl doctor "$@" >"$SANDBOX/doctor" 2>"$SANDBOX/stderr"; }
# of SUBJECT: its line
of() { grep -F ": $1" "$SANDBOX/doctor"; }
certificate 90 mail.example.org
configure mail.example.org
start_runner
wait_until 10 sh -c 'smtpctl show stats | grep -q runner.running=1'

# The name of the host that runs the test is what it is: all lines but those about it.
doctor example.org; status=$?
like 'the configuration'                         "$(of configuration)" '^ok: '
like 'a key that is nobody else'\''s to read'    "$(of 'key ')" '^ok: '
like 'a certificate with time left'              "$(grep 'valid for' "$SANDBOX/doctor")" '^ok: certificate .*: valid for (89|90) more days$'
like '... for the name of its listener'          "$(grep 'is for' "$SANDBOX/doctor")" '^ok: certificate .*: is for mail\.example\.org$'
like 'a commit to the disk'                      "$(of 'commit to')" '^(ok|bad): commit to .* [0-9]+ ms'
is   '... which leaves nothing behind'           "$(ls "$SPOOL/tmp" "$SPOOL/new" | grep -c '^[0-9]')" 0
like 'a runner at work'                          "$(of queue-run)" '^ok: queue-run'
like 'a reader of postmaster'\''s mail'          "$(of 'mail for')" '^ok: '
like 'a full name'                               "$(of 'name mail.example.org')" '^ok: '
like 'a resolver that answers'                   "$(of resolver)" '^ok: '
like 'PTR of IPv4'                               "$(of 'PTR of 192.0.2.7')" '^ok: PTR of 192\.0\.2\.7: mail\.example\.org$'
like 'PTR of IPv6'                               "$(of 'PTR of 2001:db8::7')" '^ok: .*: mail\.example\.org$'
like 'addresses'                                 "$(of 'address of mail.example.org')" '^ok: .* has 2$'
like 'MX'                                        "$(of 'MX of example.org')" '^ok: MX of example\.org: mail\.example\.org$'
like 'SPF, of several strings'                   "$(of 'SPF of example.org')" '^ok: .*: v=spf1 mx -all$'
like 'DMARC'                                     "$(of 'DMARC of example.org')" '^ok: .*: v=DMARC1; p=reject$'
like 'outward is not tried unasked'              "$(of 'port 25 outward')" '^could not tell: '

doctor
like 'the domains of the rules are looked at'    "$(of 'MX of example.org')" '^ok: '

# ---- what is wrong ----

doctor elsewhere.example nothing.example broken.example; status=$?
is   'something bad: exit code 1'                "$status" 1
like 'an MX that is somebody else'               "$(of 'MX of elsewhere.example')" '^bad: .* is mx\.elsewhere\.example, '
like 'two SPF records'                           "$(of 'SPF of elsewhere.example')" '^bad: .*there are 2'
like 'no DMARC'                                  "$(of 'DMARC of elsewhere.example')" '^bad: .*publish TXT "v=DMARC1; p=none" at _dmarc\.elsewhere\.example$'
like 'no MX'                                     "$(of 'MX of nothing.example')" '^bad: .*there is none'
like 'a name server that fails is no absence'    "$(of 'MX of broken.example')" '^could not tell: '
like '... nor of SPF'                            "$(of 'SPF of broken.example')" '^could not tell: '

stop_runner
touch -d '1 hour ago' "$SPOOL/lock"
certificate 5 other.example.org
configure other.example.org
doctor example.org
like 'a PTR that is another name'                "$(of 'PTR of 192.0.2.8')" '^bad: .* is pool8\.provider\.example, not other\.example\.org; '
like 'a certificate that ends soon'              "$(grep 'expires' "$SANDBOX/doctor")" '^bad: certificate .*: it expires in [45] days; renew it$'
like 'a queue that nobody runs'                  "$(of queue-run)" '^bad: .* for 6[01] minutes; '
configure inside.example.org
doctor example.org
like 'an address inside'                         "$(of 'PTR of 10.0.0.1')" '^could not tell: '
like 'a certificate for another name'            "$(grep 'is not for' "$SANDBOX/doctor")" '^bad: certificate .*: is not for inside\.example\.org, '
configure noname
chmod 644 "$SANDBOX/key.pem"
doctor example.org
like 'a name without a dot'                      "$(of 'name noname')" '^bad: '
like 'a key that others may read'                "$(grep 'key\.pem' "$SANDBOX/doctor")" '^bad: pki mail\.example\.org: '
configure gone.example.org
doctor example.org
like 'a name without address'                    "$(of 'address of gone.example.org')" '^bad: '

start_peer
doctor -x "127.0.0.1:$PEER_PORT"
like 'a server outside that greets'              "$(grep outward "$SANDBOX/doctor")" '^ok: port [0-9]+ outward: 127\.0\.0\.1 greets us$'
stop "$PEER"
doctor -x "127.0.0.1:$PEER_PORT"
like '... and one that does not'                 "$(grep outward "$SANDBOX/doctor")" '^bad: port [0-9]+ outward: 127\.0\.0\.1: Connection refused; '

echo frob >>"$CONF"
doctor
like 'a configuration with errors'               "$(of configuration)" '^bad: configuration .*: 1 errors; smtpd -n shows them$'
stop_dns
doctor example.org
like 'no resolver'                               "$(of resolver)" '^bad: '
rm -rf "$SPOOL"
doctor example.org
like 'no spool'                                  "$(grep -F "$SPOOL" "$SANDBOX/doctor" | tail -n 1)" '^bad: .*queue-init makes it$'
ok   'a wrong option is misuse'                  status 64 quiet smtpctl doctor -q
done_testing
