#!/bin/sh
# STARTTLS as a server: what is offered when, which certificate is shown to whom, which
# files and clients are refused, and what the trace line and the log say of it.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/certs.sh"
need smtp-recv smtp-tls queue-inject queue-init tcpserver openssl

sandbox
make_certs_dir
EC='ec -pkeyopt ec_paramgen_curve:P-256'
make_authority ours $EC
make_authority other $EC
make_certificate mail ours DNS:mail.example.org $EC
make_certificate www ours DNS:www.example.net rsa:2048
make_certificate client ours DNS:client.example.org $EC
make_certificate stranger other DNS:client.example.org $EC
cat "$CERTS/mail.pem" "$CERTS/ours.pem" >"$CERTS/chain.pem"
chmod 600 "$CERTS"/*.key
CA=$CERTS/ours.pem

# configure OPTIONS: a listen line with these options. LINES: in front of it; CERT, KEY: other files for mail.example.org
CERT=$CERTS/chain.pem KEY=$CERTS/mail.key LINES= HOST=mail.example.org
configure()
{
	conf <<-EOT
	pki mail.example.org certificate "$CERT"
	pki mail.example.org key "$KEY"
	pki www.example.net certificate "$CERTS/www.pem"
	pki www.example.net key "$CERTS/www.key"
	ca ours certificate "$CA"
	$LINES
	listen on 127.0.0.1 port $PORT hostname $HOST $*
	$(users_table)
	accept from any for domain "example.org" userbase <users> deliver to maildir
	EOT
}
start_tcpserver

# client [OPTIONS]: the script on standard input goes as expected, inside TLS
client() { timeout 60 $PYTHON "$t_dir/lib/tls_client.py" "$PORT" "$CA" "$@" >"$SANDBOX/said" 2>&1; }
# tls WHAT [OPTIONS]: the same, as a result
tls()
{
	t_what=$1; shift
	: >"$LOG"
	if client "$@"; then pass "$t_what"; else fail "$t_what"; note_file "$SANDBOX/said"; fi
}
# no_tls WHAT [OPTIONS]: the handshake fails
no_tls()
{
	t_what=$1; shift
	: >"$LOG"
	client "$@" </dev/null
	is "$t_what" "$?" 3
}
# talk WHAT: in clear text
talk()
{
	cat >"$SANDBOX/script"
	: >"$LOG"
	if smtp "$SANDBOX/script" >"$SANDBOX/said" 2>&1; then pass "$1"; else fail "$1"; note_file "$SANDBOX/said"; fi
}
said() { sed -n "s/^$1: //p" "$SANDBOX/said"; }
printf '> QUIT\n< ^221\neof\n' >"$SANDBOX/quit"
logged() { wait_until 5 log_has "$1"; }

# --- a session ---

configure tls
tls 'STARTTLS is offered, and in TLS no more' <<'END'
	> EHLO client.example
	< ^250-mail.example.org\n250-PIPELINING\n250-SIZE \d+\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250-DSN\n250-SMTPUTF8\n250 HELP$
	> STARTTLS
	< ^503 5.5.1
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> text
	> .
	< ^250
	> QUIT
	< ^221
	eof
END
like '... in clear text it is' "$(said S)" '^250-STARTTLS$'
trace=$(sed -n '1,/;/p' "$SPOOL"/new/*)
like 'the trace line says ESMTPS'    "$trace" '^	by mail.example.org with ESMTPS$'
like '... and the cipher suite'      "$trace" '^	tls TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 \(TLSv1\.2\);'
ok 'the log has protocol, cipher, name and the client'"'"'s certificate' logged \
	'smtp tls address=127.0.0.1 host=localhost ciphers=TLSv1.2:TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:128 name=mail.example.org client="none"$'
ok '... and the message its protocol' logged 'proto=ESMTPS,'
tls 'after the handshake the client has to say again who it is' <<'END'
	> MAIL FROM:<a@example.net>
	< ^503 5.5.1 EHLO
END
talk 'STARTTLS takes no parameter' <<'END'
	<
	> STARTTLS now
	< ^501 5.5.4
	> NOOP
	< ^250
END

configure
talk 'without the option it is neither offered nor possible' <<'END'
	<
	> EHLO client.example
	< ^250-mail.example.org\n250-PIPELINING\n250-SIZE \d+\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250-DSN\n250-SMTPUTF8\n250 HELP$
	> STARTTLS
	< ^502 5.5.1
END

configure tls-require
talk 'tls-require: no mail in clear text' <<'END'
	<
	> EHLO client.example
	< 250-STARTTLS
	> MAIL FROM:<a@example.net>
	< ^530 5.7.0 Must issue a STARTTLS command first
END
tls '... but in TLS' <<'END'
	> EHLO client.example
	<
	> MAIL FROM:<a@example.net>
	< ^250
END

# --- other clients ---

configure tls
out=$({ sleep 1; printf 'QUIT\n'; sleep 1; } |
	timeout 20 openssl s_client -starttls smtp -connect "127.0.0.1:$PORT" -CAfile "$CA" -verify_return_error \
	-servername mail.example.org -crlf -quiet 2>&1)
like 'openssl s_client -starttls smtp' "$out" '^221 2\.0\.0'
if command -v swaks >/dev/null; then
	out=$(swaks --server 127.0.0.1 --port "$PORT" --ehlo client.example --from a@example.net --to alice@example.org \
		--tls --tls-verify --tls-ca-path "$CA" --tls-sni mail.example.org 2>&1)
	like 'swaks --tls' "$out" '~> .*|^<~  250 2\.0\.0'
else
	skip 'swaks is not there'
fi
if command -v curl >/dev/null; then
	printf 'Subject: curl\r\n\r\nx\r\n' >"$SANDBOX/curl"
	ok 'curl --ssl-reqd' curl -sS --ssl-reqd --cacert "$CA" --connect-to "mail.example.org:25:127.0.0.1:$PORT" \
		smtp://mail.example.org:25/client.example --mail-from a@example.net --mail-rcpt alice@example.org \
		--upload-file "$SANDBOX/curl"
else
	skip 'curl is not there'
fi

# --- versions and suites ---

no_tls 'TLS 1.1 is refused' --max 1.1 --ciphers ALL:@SECLEVEL=0
ok '... and the log says why' logged 'smtp tls-failed address=127.0.0.1 host=localhost reason="the handshake failed .alert protocol_version sent."$'
for suite in AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-ECDSA-AES128-SHA; do
	no_tls "... and so is $suite" --ciphers "$suite:@SECLEVEL=0"
done
for suite in ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305; do
	tls "$suite is spoken" --ciphers $suite <"$SANDBOX/quit"
	like '... as the log says' "$(cat "$LOG")" "TLS_ECDHE_ECDSA_WITH_(AES_256_GCM_SHA384|CHACHA20_POLY1305_SHA256):256"
done

# --- which certificate ---

# subject NAME: the subject of what is shown to a client that asks for NAME ("" for none)
subject()
{
	set -- "${1:+-servername $1}"
	timeout 20 openssl s_client -starttls smtp -connect "127.0.0.1:$PORT" ${1:--noservername} </dev/null 2>/dev/null |
		sed -n 's/^subject=CN = //p'
}
is 'a client gets the certificate for the name it asks for' "$(subject www.example.net)" www.example.net
is '... whatever the case of letters'                       "$(subject WWW.Example.NET)" www.example.net
is '... the one named like the listener without a name'     "$(subject '')" mail.example.org
is '... or with another name'                               "$(subject nobody.example.com)" mail.example.org
configure tls pki www.example.net
is 'pki says which is the usual one'                        "$(subject nobody.example.com)" www.example.net
is '... a name asked for still counts'                      "$(subject mail.example.org)" mail.example.org
LINES='table names { "127.0.0.1" = "www.example.net" }'
configure tls hostnames '<names>'
is 'hostnames: the name of the local address counts'        "$(subject '')" www.example.net
LINES="pki \"*\" certificate \"$CERTS/www.pem\" key \"$CERTS/www.key\""
HOST=mx.example.org
configure tls
is '* is for listeners whose name has none of its own'       "$(subject '')" www.example.net
LINES= HOST=mail.example.org

# --- files ---

openssl rsa -in "$CERTS/www.key" -traditional -out "$CERTS/pkcs1.key" 2>/dev/null
openssl ec -in "$CERTS/mail.key" -out "$CERTS/sec1.key" 2>/dev/null
openssl rsa -in "$CERTS/www.key" -aes128 -passout pass:x -out "$CERTS/locked.key" 2>/dev/null
cp "$CERTS/mail.key" "$CERTS/open.key"
chmod 600 "$CERTS"/*.key; chmod 644 "$CERTS/open.key"
for key in sec1:chain:mail.example.org pkcs1:www:www.example.net; do
	IFS=: read -r key cert name <<-EOT
	$key
	EOT
	KEY=$CERTS/$key.key CERT=$CERTS/$cert.pem
	configure tls
	tls "a new key is used from the next session on: $key" --name "$name" <"$SANDBOX/quit"
done
# without_tls WHAT KEY REASON: TLS is not to be had; the client hears of it and can go on
without_tls()
{
	KEY=$CERTS/$2 CERT=$CERTS/www.pem
	configure tls
	talk "$1: STARTTLS is answered 454, and the session goes on" <<-'END'
	<
	> EHLO client.example
	<
	> STARTTLS
	< ^454 4.7.0
	> MAIL FROM:<a@example.net>
	< ^250
	END
	ok '... the log names the file and says why' logged "pki mail.example.org: $KEY: $3"
	like '... and so does smtpd -n' "$(smtpd -n -f "$CONF" 2>&1)" "smtpd.conf:[12]: (pki mail.example.org: $KEY: $3|pki key: .*$KEY.*)"
}
without_tls 'an encrypted key' locked.key 'the key is encrypted; it must be stored without a passphrase'
without_tls 'a key that others may read' open.key 'others may read or change it: chmod 600 \(or 640\)'
without_tls 'the key of another certificate' mail.key 'the key does not belong to the certificate'
without_tls 'no key' nothing.key 'No such file or directory'
LINES='listen on 127.0.0.1 port 1 tls hostname nobody.example.com' KEY=$CERTS/mail.key CERT=$CERTS/chain.pem
configure tls
like 'smtpd -n finds a listener without a certificate' "$(smtpd -n -f "$CONF" 2>&1)" \
	'smtpd.conf:6: listen: there is no pki nobody.example.com to show'
make_certificate old ours DNS:mail.example.org $EC -- -startdate 20200101000000Z -enddate 20200131000000Z
chmod 600 "$CERTS/old.key"
LINES= KEY=$CERTS/old.key CERT=$CERTS/old.pem
configure tls
like '... and one that has expired' "$(smtpd -n -f "$CONF" 2>&1)" 'warning: pki mail.example.org: .*/old.pem has expired'
KEY=$CERTS/mail.key CERT=$CERTS/chain.pem
cp "$CERTS/www.key" "$CERTS/www.good"; cp "$CERTS/mail.key" "$CERTS/www.key"
configure tls
: >"$LOG"
is 'a broken pki costs only those who ask for its name' "$(subject www.example.net)" mail.example.org
ok '... loudly' logged 'pki www.example.net: .*www.key: the key does not belong to the certificate; pki mail.example.org is shown instead'
mv "$CERTS/www.good" "$CERTS/www.key"

# --- certificates of clients ---

configure tls-require verify ca ours
no_tls 'verify: a client without certificate is refused'
ok '... and the log says why' logged 'smtp tls-failed .*the peer sent no certificate'
no_tls '... and so is one whose issuer is unknown' --cert "$CERTS/stranger.pem" --key "$CERTS/stranger.key"
ok '... and the log says why' logged "the certificate's issuer is unknown"
tls '... but not one of the given authority' --cert "$CERTS/client.pem" --key "$CERTS/client.key" <<'END'
	> EHLO client.example
	<
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<bob@example.org>
	< ^250
	> DATA
	< ^354
	> .
	< ^250
END
ok '... and the log names it' logged 'client="verified" subject="client.example.org" fingerprint=[0-9a-f]{64}$'
like '... and the trace line' "$(cat "$SPOOL"/new/*)" '\(TLSv1\.2, client certificate verified\)'
configure smtps verify ca ours
no_tls 'smtps verify is the same' --smtps
tls '... with a certificate' --smtps --cert "$CERTS/client.pem" --key "$CERTS/client.key" <<'END'
	< ^220
END
configure tls ca ours
tls 'without verify a client may show none' <"$SANDBOX/quit"
ok '... and the log says so' logged 'client="the client showed no certificate"'
tls '... or one that is good for nothing' --cert "$CERTS/stranger.pem" --key "$CERTS/stranger.key" <"$SANDBOX/quit"
ok '... and the log says so' logged "client=\"the certificate's issuer is unknown\""

done_testing
