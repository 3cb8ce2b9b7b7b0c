#!/bin/sh
# smtps, and AUTH: where it is offered, PLAIN and LOGIN octet by octet, what a wrong password
# costs, what the rules, the trace line and the log know of the user, and any checkpassword
# program in place of auth-check.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/certs.sh"
need smtp-recv smtp-tls auth-check queue-inject queue-init tcpserver openssl

sandbox
make_certs_dir
EC='ec -pkeyopt ec_paramgen_curve:P-256'
make_authority ours $EC
make_certificate mail ours DNS:mail.example.org $EC
chmod 600 "$CERTS"/*.key
CA=$CERTS/ours.pem

# Users: names are keys of the table, in lower case. The passwords of the second is not ASCII.
hash() { openssl passwd -6 "$1"; }
{ printf 'alice: %s\n' "$(hash secret)"; printf 'jürgen@example.org: %s\n' "$(hash 'zwölf')"; } >"$SANDBOX/users"
chmod 600 "$SANDBOX/users"

# configure OPTIONS: the listen line. RULE: the accept line
RULE='accept authenticated for any relay via "smtp://192.0.2.1"'
configure()
{
	conf <<-EOT
	pki mail.example.org certificate "$CERTS/mail.pem" key "$CERTS/mail.key"
	table passwords file:$SANDBOX/users
	table mine { alice = "alice@example.org, @alice.example.org" }
	listen on ${ON:-all} port $PORT hostname mail.example.org $*
	$(users_table)
	accept from any for domain "example.org" userbase <users> deliver to maildir
	$RULE
	EOT
}
start_tcpserver

b64() { printf "$1" | base64 -w 0; }
client() { timeout 100 $PYTHON "$t_dir/lib/tls_client.py" "$PORT" "$CA" "$@" >"$SANDBOX/said" 2>&1; }
# tls WHAT [OPTIONS]: the script on standard input goes as expected, inside TLS
tls()
{
	t_what=$1; shift
	: >"$LOG"
	if client "$@"; then pass "$t_what"; else fail "$t_what"; note_file "$SANDBOX/said"; fi
}
talk()
{
	cat >"$SANDBOX/script"
	: >"$LOG"
	if smtp "$SANDBOX/script" >"$SANDBOX/said" 2>&1; then pass "$1"; else fail "$1"; note_file "$SANDBOX/said"; fi
}
logged() { wait_until 5 log_has "$1"; }
new_file() { ls "$SPOOL"/new/*; }

# --- smtps ---

configure smtps
tls 'smtps: TLS from the first octet, then the banner' --smtps <<'END'
	< ^220 mail.example.org ESMTP
	> EHLO client.example
	< 250-SMTPUTF8\n250 HELP$
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
like '... the trace line says ESMTPS' "$(cat "$SPOOL"/new/*)" 'with ESMTPS$'
rm -f "$SPOOL"/new/*
PLAIN_SERVER=$TCPSERVER
start_tcpserver -w 2000
configure smtps
tls 'a client that speaks before the banner is refused in TLS, too' --smtps --first 'EHLO early\r\n' <<'END'
	< ^554 5.5.1
	eof
END
stop "$PLAIN_SERVER"; stop "$TCPSERVER"
start_tcpserver

# --- where AUTH is offered ---

configure tls auth '<passwords>'
talk 'submission: AUTH is not offered in clear text, nor taken' <<'END'
	<
	> EHLO client.example
	< 250-STARTTLS\n250 HELP$
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^538 5.7.11
	> MAIL FROM:<a@example.net>
	< ^530 5.7.0 Authentication required
END
tls '... but in TLS, and nothing is taken without it' <<'END'
	> EHLO client.example
	< 250-AUTH PLAIN LOGIN\n250 HELP$
	> MAIL FROM:<a@example.net>
	< ^530 5.7.0 Authentication required
END
configure
talk 'a listener without auth has none' <<'END'
	<
	> EHLO client.example
	< 250-SMTPUTF8\n250 HELP$
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^502 5.5.1
END
ON=127.0.0.1
configure auth '<passwords>'
talk 'where only this host comes in it is offered without TLS' <<'END'
	<
	> EHLO client.example
	< 250-AUTH PLAIN LOGIN\n250 HELP$
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^235 2.7.0
END
configure tls-require auth '<passwords>'
talk '... unless it demands TLS' <<'END'
	<
	> EHLO client.example
	< 250-STARTTLS\n250 HELP$
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^538
END
ON=
configure auth '<passwords>'
like '... where others come, too, that is an error' "$(smtpd -n -f "$CONF" 2>&1)" 'auth needs TLS'
ON=

# --- the conversation ---

configure tls auth '<passwords>' tag submitted
tls 'PLAIN with an initial response, and then the user is trusted' <<'END'
	> EHLO client.example
	<
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^235 2.7.0
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^503 5.5.1
	> EHLO client.example
	< 250-SMTPUTF8\n250 HELP$
	> MAIL FROM:<alice@example.org> AUTH=<>
	< ^250
	> RCPT TO:<friend@elsewhere.example>
	< ^250
	> DATA
	< ^354
	> text
	> .
	< ^250
	> QUIT
	< ^221
END
like 'the trace line says ESMTPSA'        "$(cat "$(new_file)")" 'with ESMTPSA$'
unlike '... and not who it was'           "$(sed -n '1,/;/p' "$(new_file)")" 'user='
like 'the queue knows the user'           "$(tr '\0' '\n' <"$(new_file)")" '^Aalice$'
like '... and the tag'                    "$(tr '\0' '\n' <"$(new_file)")" '^Lsubmitted$'
ok 'the log has user, mechanism and client' logged \
	'smtp authentication address=127.0.0.1 host=localhost user="alice" mechanism=PLAIN result=ok$'
not_ok '... and no password' log_has 'AGFs|secret'
rm -f "$SPOOL"/new/*
tls 'PLAIN without, LOGIN with and without' <<END
	> EHLO client.example
	<
	> auth plain
	< ^334 \$
	> $(b64 '\0ALICE\0secret')
	< ^235
END
for first in "AUTH LOGIN
	< ^334 VXNlcm5hbWU6\$
	> $(b64 alice)" "AUTH LOGIN $(b64 alice)"; do
	tls "$(printf '%s' "$first" | head -n 1)" <<-END
	> EHLO client.example
	<
	> $first
	< ^334 UGFzc3dvcmQ6\$
	> $(b64 secret)
	< ^235
	END
done
tls 'PLAIN may name the user twice, and no one else; characters in two pieces are characters' <<END
	> EHLO client.example
	<
	> AUTH PLAIN $(b64 'alice\0bob\0secret')
	< ^535 5.7.8
	> AUTH PLAIN $(b64 'JU\314\210RGEN@example.org\0JU\314\210RGEN@example.org\0zwo\314\210lf')
	< ^235
END
tls 'what is no answer is 501, what is not known 504' <<END
	> EHLO client.example
	<
	> AUTH
	< ^501 5.5.4
	> AUTH CRAM-MD5
	< ^504 5.5.4
	> AUTH PLAIN =
	< ^501 5.5.2
	> AUTH PLAIN AGFsaWNlAHNlY3JldA=
	< ^501 5.5.2
	> AUTH PLAIN $(b64 'alice\0secret')
	< ^501 5.5.2
	> AUTH PLAIN $(b64 '\0alice\0sec\0ret')
	< ^501 5.5.2
	> AUTH PLAIN
	< ^334
	> *
	< ^501 5.7.0 .*cancel
	> AUTH LOGIN
	< ^334
	> $(b64 alice)
	< ^334
	> *
	< ^501 5.7.0
	> NOOP
	< ^250
END
tls 'an answer has 2048 octets' <<'END'
	> EHLO client.example
	<
	> AUTH LOGIN
	< ^334
	>*3000 QUJD
	>> \r\n
	< ^500 5.5.6
	> AUTH PLAIN
	< ^334
	>> AGFs\nAGFs\r\n
	< ^501 5.5.2
	> NOOP
	< ^250
END
tls 'AUTH needs EHLO, and has no place in a transaction' <<'END'
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^503 5.5.1
	> HELO client.example
	<
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^503 5.5.1
END
configure tls auth-optional '<passwords>'
tls 'auth-optional: mail without a login is taken, but not relayed' <<'END'
	> EHLO client.example
	< 250-AUTH PLAIN LOGIN
	> MAIL FROM:<a@example.net>
	< ^250
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^503 5.5.1
	> RCPT TO:<alice@example.org>
	< ^250
	> RCPT TO:<friend@elsewhere.example>
	< ^550 5.7.1
END

configure tls auth '<passwords>' senders '<mine>'
tls 'senders: what a user may send as' <<'END'
	> EHLO client.example
	<
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^235
	> MAIL FROM:<bob@example.org>
	< ^550 5.7.1 <bob@example.org>: you may not send as this
	> MAIL FROM:<Alice@example.org>
	< ^250
	> RSET
	< ^250
	> MAIL FROM:<anything@alice.example.org>
	< ^250
	> RSET
	< ^250
	> MAIL FROM:<>
	< ^250
END
configure tls auth '<passwords>' senders '<gone>'
sed -i "s|^table mine|table gone file:$SANDBOX/nowhere\n&|" "$CONF"
tls '... a table that cannot be asked is 451' <<'END'
	> EHLO client.example
	<
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^235
	> MAIL FROM:<alice@example.org>
	< ^451 4.3.0
END
configure tls auth-optional '<passwords>' senders '<mine>'
tls '... who has not authenticated is for the rules' <<'END'
	> EHLO client.example
	<
	> MAIL FROM:<a@example.net>
	< ^250
END

# --- wrong passwords ---

configure tls auth '<passwords>'
start_of=$(date +%s)
tls 'a wrong password, an unknown user and nonsense hear the same, and then it is over' <<END
	> EHLO client.example
	<
	> AUTH PLAIN $(b64 '\0alice\0wrong')
	< ^535 5.7.8 Authentication credentials invalid\$
	> AUTH PLAIN $(b64 '\0ghost\0secret')
	< ^535 5.7.8 Authentication credentials invalid\$
	> AUTH PLAIN $(b64 '\0al\nice\0secret')
	< ^535 5.7.8 Authentication credentials invalid\$
	< ^421 4.7.0 .*too many failed logins
	eof
END
ok '... not at once' test $(($(date +%s) - start_of)) -ge 5
ok '... the log has each, with the client' logged \
	'smtp authentication address=127.0.0.1 host=localhost user="ghost" mechanism=PLAIN result=permfail$'
is '... three of them' "$(grep -c 'result=permfail' "$LOG")" 3

# --- the log of a conversation ---

stop "$TCPSERVER"
start_tcpserver -v
configure tls auth '<passwords>'
tls 'a conversation that is logged whole' <<END
	> EHLO client.example
	<
	> AUTH LOGIN
	< ^334
	> $(b64 alice)
	< ^334
	> $(b64 secret)
	< ^235
	> AUTH PLAIN $(b64 '\0alice\0secret')
	< ^503
	> $(b64 '\0alice\0secret')
	< ^500
	> NOOP
	< ^250
	> AUTH$(printf '\t')PLAIN $(b64 '\0alice\0secret')
	< ^500
	> QUIT
	< ^221
END
ok '... has both sides' logged '<<< QUIT$'
ok '... but no password' test -z "$(grep -e "$(b64 secret)" -e 'AGFsaWNlAHNlY3JldA' -e secret "$LOG")"

# --- the trace line ---

configure tls auth '<passwords>' mask-source received-auth
tls 'mask-source and received-auth' <<'END'
	> EHLO client.example
	<
	> AUTH PLAIN AGFsaWNlAHNlY3JldA==
	< ^235
	> MAIL FROM:<alice@example.org>
	<
	> RCPT TO:<bob@example.org>
	<
	> DATA
	< ^354
	> .
	< ^250
END
trace=$(sed -n '1,/;/p' "$(new_file)")
unlike 'mask-source: no client, no address, no greeting' "$trace" 'client|127\.0\.0\.1|from'
like 'received-auth: the user'            "$trace" '\(auth=yes user=alice\);'
rm -f "$SPOOL"/new/*

# --- other programs ---

mkdir "$SANDBOX/bin2"
# checker EXIT: a checkpassword program that writes down what it gets
checker()
{
	cat >"$SANDBOX/checkpassword.new" <<-EOT
	#!/bin/sh
	cat <&3 >"$SANDBOX/input"
	echo "\$#:\$1:\$(env | grep -c '^SSL\|^TLS')" >"$SANDBOX/called"
	$1
	EOT
	chmod 755 "$SANDBOX/checkpassword.new"
	mv "$SANDBOX/checkpassword.new" "$SANDBOX/checkpassword"
}
# asks WHAT REPLY
asks()
{
	printf '> EHLO client.example\n<\n> AUTH PLAIN %s\n< %s\n' "$(b64 '\0alice\0secret')" "$2" >"$SANDBOX/script"
	tls "$1" <"$SANDBOX/script"
}
configure tls auth "\"exec:$SANDBOX/checkpassword\""
checker 'exec "$@"'
asks 'any checkpassword program will do' ^235
is '... it hears login, password and a timestamp' "$(tr '\0' '|' <"$SANDBOX/input")" 'alice|secret||'
is '... and runs /bin/true' "$(cat "$SANDBOX/called")" '1:/bin/true:0'
checker 'exit 1'
asks '... that says no with 1' '^535 5.7.8'
while IFS='|' read -r how why; do
	checker "$how"
	asks "... or cannot tell: $how" '^454 4.7.0'
	ok '... which the log says' logged "result=tempfail why=\"$why"
done <<'END'
exit 111|the program cannot tell now
exit 77|the program died
kill -9 $$|the program died
END
rm "$SANDBOX/checkpassword"
asks 'a program that is not there is 454' '^454 4.7.0'

done_testing
