#!/bin/sh
# TLS as a client, against OpenSSL: what verifies, what does not and which reason it
# gives, and that nothing from before the handshake and nothing that was cut off counts.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/certs.sh"
need openssl
CLIENT=$BUILD_DIR/tool/tls-client
test -x "$CLIENT" || skip_all 'the tool tls-client is not built'
sandbox
make_certs_dir

EC='ec -pkeyopt ec_paramgen_curve:'
name=DNS:mail.example.org
make_authority ours
make_authority other
make_authority ecroot $EC'P-384'
make_certificate good ours $name rsa:2048
make_certificate ec ecroot $name ${EC}P-256
make_certificate p521 ours $name ${EC}P-521
make_certificate rsa4096 ours $name rsa:4096
make_certificate wild ours 'DNS:*.example.org' ${EC}P-256
make_certificate second ours "DNS:www.example.net,$name" ${EC}P-256
make_certificate common ours '' ${EC}P-256 -- -subj /CN=mail.example.org
make_certificate address ours IP:127.0.0.1 ${EC}P-256
make_certificate expired ours $name ${EC}P-256 -- -startdate 20200101000000Z -enddate 20200131000000Z
make_certificate early ours $name ${EC}P-256 -- -startdate 20980101000000Z -enddate 20990101000000Z
make_certificate weak ours $name rsa:1024
make_certificate sha1 ours $name ${EC}P-256 -- -md sha1
make_certificate middle ours '' ${EC}P-256 -- -extensions middle
make_certificate leaf middle $name ${EC}P-256
make_certificate false good $name ${EC}P-256
make_certificate client ours DNS:client.example.org rsa:2048
make_certificate ecclient ours DNS:client.example.org ${EC}P-256
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mail.example.org -addext subjectAltName=$name \
	-keyout "$CERTS/self.key" -out "$CERTS/self.pem" 2>>"$CERTS/said"
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mail.example.org -addext subjectAltName=$name \
	-addext basicConstraints=critical,CA:FALSE -keyout "$CERTS/lone.key" -out "$CERTS/lone.pem" 2>>"$CERTS/said"
cat "$CERTS/leaf.pem" "$CERTS/middle.pem" >"$CERTS/chain.pem"; cp "$CERTS/leaf.key" "$CERTS/chain.key"
cat "$CERTS/leaf.pem" "$CERTS/middle.pem" "$CERTS/ours.pem" >"$CERTS/whole.pem"; cp "$CERTS/leaf.key" "$CERTS/whole.key"
cat "$CERTS/false.pem" "$CERTS/good.pem" >"$CERTS/forged.pem"; cp "$CERTS/false.key" "$CERTS/forged.key"
cat "$CERTS/other.pem" "$CERTS/ours.pem" >"$CERTS/two.pem"
CA=$CERTS/ours.pem

# serve CERTIFICATE [ARGUMENTS]: the peer of t/lib/tls_peer.py; sets PEER, PEER_PORT, PEER_DIR
serve()
{
	test -z "${PEER-}" || stop "$PEER"
	t_cert=$1; shift
	PEER_DIR=$(mktemp -d "$SANDBOX/peer.XXXXXX")
	start $PYTHON "$t_dir/lib/tls_peer.py" --dir "$PEER_DIR" --cert "$CERTS/$t_cert.pem" --key "$CERTS/$t_cert.key" \
		"$@" 2>>"$LOG"
	PEER=$PID
	wait_until 10 test -s "$PEER_DIR/ready" || bail_out 'the server did not start'
	read -r PEER_PORT <"$PEER_DIR/ready"
}
# client [ARGUMENTS] NAME
client()
{
	said=$(eval "t_last=\${$#}"; t_n=$#; t_args=
		for t_a; do t_n=$((t_n - 1)); test $t_n -lt 1 || t_args="$t_args $t_a"; done
		timeout 60 "$CLIENT" $t_args "$PEER_PORT" "$t_last" 2>&1)
}
# said NAME: the value of that fact
said() { printf '%s\n' "$said" | sed -n "s/^$1: //p"; }
heard() { grep -Eq -e "$1" "$PEER_DIR/log"; }

# --- what verifies ---

serve good
client -v -a "$CA" mail.example.org
is 'a certificate of a known authority verifies' "$(said certificate)" verified
is '... the handshake is done' "$(said handshake)" 'done'
is '... replies are read' "$(said reply)" '250 peer\012SIZE 1000'
is '... to the end' "$(said last)" '221 bye
close-notify'
like '... with forward secrecy and AEAD' "$(said session)" '^TLSv1.2 TLS_ECDHE_RSA_WITH_[A-Z0-9_]*(GCM|POLY1305)_SHA[0-9]+ [0-9]+$'
is '... the log can name it' "$(said subject)" mail.example.org
is '... by its fingerprint' "$(said fingerprint)" \
	"$(openssl x509 -in "$CERTS/good.pem" -outform DER | sha256sum | cut -d ' ' -f 1)"
ok '... the server heard the name' heard '^sni mail.example.org$'
client -v -a "$CA" Mail.Example.ORG.
is 'a closing dot and capitals in the name do not count' "$(said certificate)" verified
client -v -a "$CERTS/two.pem" mail.example.org
is 'any authority of the file will do' "$(said certificate)" verified

# verifies WHAT CERTIFICATE AUTHORITIES
verifies()
{
	serve "$2"
	client -v -a "$CERTS/$3.pem" mail.example.org
	is "$1 verifies" "$(said certificate) $(said handshake)" 'verified done'
}
verifies 'an EC certificate of an EC authority' ec ecroot
like '... with an ECDSA suite' "$(said session)" '^TLSv1.2 TLS_ECDHE_ECDSA_WITH_'
verifies 'P-521' p521 ours
verifies 'RSA with 4096 bits' rsa4096 ours
verifies 'a wildcard' wild ours
verifies 'the second name of a certificate' second ours
verifies 'a common name, where there are no other names' common ours
verifies 'a chain with an authority in the middle' chain ours
verifies 'a chain with its root' whole ours
verifies 'a self-signed certificate that is in the file' self self
verifies 'one that is no authority and is in the file' lone lone

# --- what does not, and why ---

# fails CERTIFICATE AUTHORITIES NAME REASON: with -v not; without it is accepted, and the log can say why
fails()
{
	serve "$1"
	client -v -a "$CERTS/$2.pem" "$3"
	is "$1: $4" "$(said handshake)" "$4"
	not_ok '... and the server hears nothing' heard EHLO
	client -a "$CERTS/$2.pem" "$3"
	is '... where nothing must verify it is accepted' "$(said handshake)" 'done'
	is '... and the reason can be logged' "$(said certificate)" "$4"
}
fails expired ours mail.example.org 'the certificate expired on 2020-01-31'
fails early ours mail.example.org 'the certificate is not valid yet: it begins on 2098-01-01'
fails good ours mx.example.org 'the certificate is for another name'
fails wild ours a.b.example.org 'the certificate is for another name'
fails address ours mail.example.org 'the certificate is for another name'
fails good other mail.example.org "the certificate's issuer is unknown"
fails self ours mail.example.org 'the certificate is self-signed'
fails leaf ours mail.example.org "the certificate's issuer is unknown"
fails weak ours mail.example.org 'a key in the certificate chain is weak (RSA under 2048 bits)'
fails forged ours mail.example.org 'the certificate was signed by one that is no authority'
fails sha1 ours mail.example.org 'the certificate uses an algorithm that is not supported, or no longer'

serve address
client -v -a "$CA" 127.0.0.1
is 'an address cannot be verified, and says so' "$(said start)" \
	'a certificate cannot be verified for an address, only for a name'
client -a "$CA" 127.0.0.1
is '... but is good for encryption' "$(said handshake)" 'done'
is '... which is not called verified' "$(said certificate)" 'there is no name to look for in the certificate'
ok '... and no address is sent as a name' heard '^sni None$'
serve good
client -v mail.example.org
is 'without authorities nothing is verified' "$(said start)" 'no authorities are known here'
client mail.example.org
is '... and the log can say so' "$(said certificate)" 'no authorities are known here'

# --- files ---

: >"$SANDBOX/empty"
client -a "$SANDBOX/empty" mail.example.org
is 'a file without certificates is refused' "$(said authorities)" 'it has no certificate'
head -c 700 "$CA" >"$SANDBOX/half"
client -a "$SANDBOX/half" mail.example.org
is '... and one that is cut off' "$(said authorities)" 'it is not whole and valid PEM'
client -a "$SANDBOX/none" mail.example.org
is '... and one that is not there' "$(said authorities)" 'No such file or directory'

# --- our own certificate ---

openssl rsa -in "$CERTS/client.key" -traditional -out "$CERTS/pkcs1.key" 2>/dev/null
openssl ec -in "$CERTS/ecclient.key" -out "$CERTS/sec1.key" 2>/dev/null
openssl rsa -in "$CERTS/client.key" -aes128 -passout pass:x -out "$CERTS/locked.key" 2>/dev/null
openssl rsa -in "$CERTS/client.key" -traditional -aes128 -passout pass:x -out "$CERTS/locked1.key" 2>/dev/null
openssl genpkey -algorithm ed25519 -out "$CERTS/ed25519.key" 2>/dev/null
openssl ecparam -name prime256v1 >"$CERTS/parameters.key"; cat "$CERTS/sec1.key" >>"$CERTS/parameters.key"
cat "$CERTS/client.pem" "$CERTS/client.key" >"$CERTS/both.pem"
cp "$CERTS/client.key" "$CERTS/open.key"
chmod 600 "$CERTS"/*.key "$CERTS/both.pem"; chmod 644 "$CERTS/open.key"

serve good --client-ca "$CA"
client mail.example.org
ok 'a server that wants a certificate refuses who has none' test "$(said handshake)" != 'done' -o "$(said greeting)" != '220 peer'
# shows WHAT CERTIFICATE KEY
shows()
{
	: >"$PEER_DIR/log"
	client -c "$CERTS/$2" -k "$CERTS/$3" mail.example.org
	is "$1: ours is shown" "$(said handshake)" 'done'
	ok '... and accepted' heard '^client client.example.org$'
}
shows 'RSA, PKCS#8' client.pem client.key
shows 'RSA, PKCS#1' client.pem pkcs1.key
shows 'EC, PKCS#8' ecclient.pem ecclient.key
shows 'EC, SEC1' ecclient.pem sec1.key
shows 'EC, behind its parameters' ecclient.pem parameters.key
shows 'certificate and key in one file' both.pem both.pem
# refuses WHAT CERTIFICATE KEY REASON
refuses()
{
	client -c "$CERTS/$2" -k "$CERTS/$3" mail.example.org
	is "$1 is refused" "$(said key)" "$4"
}
refuses 'an encrypted key' client.pem locked.key 'the key is encrypted; it must be stored without a passphrase'
refuses 'an encrypted key of the old kind' client.pem locked1.key \
	'the key is encrypted; it must be stored without a passphrase'
refuses 'the key of another certificate' client.pem ecclient.key 'the key does not belong to the certificate'
refuses 'the key of another certificate of its kind' client.pem good.key 'the key does not belong to the certificate'
refuses 'a key of an unknown kind' client.pem ed25519.key \
	'the key is not RSA (up to 4096 bits) or EC (P-256, P-384, P-521)'
cp "$CERTS/client.pem" "$CERTS/no.key"; chmod 600 "$CERTS/no.key"
refuses 'a file without key' client.pem no.key 'it has no private key'
refuses 'a key that others may read' client.pem open.key 'others may read or change it: chmod 600 (or 640)'
refuses 'a weak key' weak.pem weak.key 'the key has fewer than 2048 bits'

# --- STARTTLS ---

serve good --starttls
client -s -v -a "$CA" mail.example.org
is 'after STARTTLS the session goes on in TLS' "$(said handshake) $(said reply)" 'done 250 peer\012SIZE 1000'
is '... nothing had to be thrown away' "$(said 'thrown away')" 0
serve good --starttls --inject '250 8.8.8 injected\r\n250 more\r\n'
client -s -v -a "$CA" mail.example.org
is 'text in front of the handshake is thrown away' "$(said 'thrown away')" 30
is '... and never read as a reply' "$(said handshake) $(said reply)" 'done 250 peer\012SIZE 1000'
serve good --starttls --inject-late '250 8.8.8 injected\r\n'
client -s -v -a "$CA" mail.example.org
not_ok '... nor where it comes later' test "$(said reply)" = '250 8.8.8 injected'

# --- endings ---

serve good --cut quit
client -v -a "$CA" mail.example.org
is 'an end without close-notify is noticed' "$(said last)" '221 bye
the connection was cut without close-notify'
serve good --cut reply
client -v -a "$CA" mail.example.org
is '... and half a reply is none' "$(said reply)" 'the connection was cut without close-notify'
serve good --cut hello
client -v -a "$CA" mail.example.org
is '... and half a handshake' "$(said handshake)" 'the connection was cut in the middle of the handshake'
serve good --no-tls
client -v -a "$CA" mail.example.org
is 'text in place of TLS is no TLS' "$(said handshake)" 'the peer does not speak TLS, or not version 1.2'

# --- versions and suites ---

# session WHAT NAME ARGUMENTS...
session()
{
	t_what=$1 t_want=$2; shift 2
	serve "$@"
	client -v -a "$CA" mail.example.org
	is "$t_what" "$(said session)" "$t_want"
}
session 'AES-256-GCM' 'TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 256' good --ciphers ECDHE-RSA-AES256-GCM-SHA384
session 'ChaCha20' 'TLSv1.2 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 256' good --ciphers ECDHE-RSA-CHACHA20-POLY1305
session 'a CBC suite with forward secrecy is better than none' 'TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256 128' \
	good --ciphers ECDHE-RSA-AES128-SHA256
serve good --ciphers AES128-GCM-SHA256
client -v -a "$CA" mail.example.org
is 'where verified TLS is wanted there is no suite without forward secrecy' "$(said handshake)" \
	'the peer refused (alert handshake_failure)'
client -a "$CA" mail.example.org
is '... where any TLS will do, there is' "$(said session)" 'TLSv1.2 TLS_RSA_WITH_AES_128_GCM_SHA256 128'
for version in 1.1 1.3; do
	serve good --max $version
	client -a "$CA" mail.example.org
	like "a server that speaks TLS $version only is not for us" "$(said handshake)" '^the peer refused \(alert'
done

done_testing
