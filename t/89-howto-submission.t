#!/bin/sh
# The how-to's submission line, end to end: users and blowfish passwords in SQLite, its schema and
# its configuration as they are printed (but for the comma too many), and its listen line. Real
# clients log in and their mail leaves for another server; whoever guesses is slowed down.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/certs.sh"
need smtp-recv smtp-tls auth-check sqlite-lookup queue-inject queue-run deliver-remote smtpd smtpctl tcpserver \
	sqlite3 openssl curl
sandbox
make_certs_dir
make_authority ours ec -pkeyopt ec_paramgen_curve:P-256
make_certificate mail ours DNS:mail.serversave.us rsa:2048
chmod 600 "$CERTS/mail.key"
EXAMPLE=$t_dir/../conf-examples/sqlite-howto
ETC=$SANDBOX/etc/mail DB=$SANDBOX/etc/mail/authdb.sqlite
mkdir -p "$ETC"

# ---- the how-to ----

HASH=$(smtpctl encrypt 'pass word')
like 'smtpctl encrypt makes a blowfish hash' "$HASH" '^\$2b\$[0-9]{2}\$.{53}$'
sqlite3 "$DB" <<EOF
CREATE TABLE users (username VARCHAR(128) NOT NULL, domain VARCHAR(128) NOT NULL, home VARCHAR(256) NOT NULL,password VARCHAR(64) NOT NULL, uid INTEGER NOT NULL, gid INTEGER, active CHAR(1) DEFAULT 'Y' NOT NULL);
CREATE TABLE alias (user VARCHAR NOT NULL, alias VARCHAR NOT NULL);
CREATE TABLE domains (domain VARCHAR(256) NOT NULL, active CHAR(1) DEFAULT 'Y' NOT NULL);
INSERT INTO users VALUES ('foo', 'bar.com', '$SANDBOX/home/alice', '$HASH', $RUN_UID, $RUN_GID, 'Y');
INSERT INTO users VALUES ('gone', 'bar.com', '$SANDBOX/home/bob', '$HASH', $RUN_UID, $RUN_GID, 'N');
INSERT INTO domains (domain) VALUES ('bar.com');
EOF
sed -e "s|/etc/mail/|$ETC/|" -e 's/password, from/password from/' "$EXAMPLE/SQLiteTables.conf" >"$ETC/sqlite"
start_peer
# howto_conf [OPTIONS OF THE LISTENER]
howto_conf()
{
	conf <<-EOF
	table domains sqlite:$ETC/sqlite
	table users sqlite:$ETC/sqlite
	table sqalias sqlite:$ETC/sqlite

	pki mail.serversave.us certificate "$CERTS/mail.pem"
	pki mail.serversave.us key "$CERTS/mail.key"

	listen on all port submission tls auth <users> pki mail.serversave.us mask-source ${1-}

	accept from any for domain <domains> alias <sqalias> userbase <users> deliver to mbox
	accept from local for any relay via smtp://127.0.0.1:$PEER_PORT
	EOF
}
howto_conf
like 'its configuration is OK' "$(smtpd -n -f "$CONF" 2>&1)" '^configuration OK$'
# The port of submission is not free on every host: the listener is chosen by name.
start_tcpserver -l all:587

# ---- clients ----

printf 'From: <foo@bar.com>\nSubject: %s\n\nhello\n' curl >"$SANDBOX/message"
# by_curl USER:PASSWORD [OPTIONS]
by_curl()
{
	t_user=$1; shift
	curl -sS --max-time 60 --crlf --ssl-reqd --cacert "$CERTS/ours.pem" --resolve "mail.serversave.us:$PORT:127.0.0.1" \
		--user "$t_user" --mail-from "${FROM-foo@bar.com}" --mail-rcpt friend@example.net -T "$SANDBOX/message" "$@" \
		"smtp://mail.serversave.us:$PORT/client.example" >"$SANDBOX/said" 2>&1
}
# by_python USER PASSWORD MECHANISM
by_python()
{
	timeout 60 $PYTHON - "$PORT" "$CERTS/ours.pem" "$@" >"$SANDBOX/said" 2>&1 <<'END'
import smtplib, ssl, sys
port, ca, user, password, mechanism = sys.argv[1:]
class Here(smtplib.SMTP):	# the certificate's name, on this host
    def _get_socket(self, host, port, timeout):
        return super()._get_socket('127.0.0.1', port, timeout)
with Here('mail.serversave.us', int(port), local_hostname='client.example') as s:
    assert not s.ehlo_resp and s.ehlo()[0] == 250 and not s.has_extn('auth'), 'AUTH in clear text'
    s.starttls(context=ssl.create_default_context(cafile=ca))
    s.ehlo()
    s.user, s.password = user, password
    print(s.auth(mechanism.upper(), getattr(s, 'auth_' + mechanism)))
    print(s.sendmail('foo@bar.com', ['friend@example.net'], 'From: <foo@bar.com>\nSubject: python\n\nhello\n'))
END
}
has_logged() { wait_until 10 log_has "$@"; }

ok   'curl logs in with name and domain, and sends'  by_curl 'foo@bar.com:pass word'
is   '... the message is in the queue'          "$(queued)" 1
ok   '... the log says who it was'              has_logged 'smtp authentication .*user="?foo@bar\.com"? .*result=ok'
ok   "Python's smtplib, by PLAIN"               by_python foo@bar.com 'pass word' plain
ok   '... by LOGIN, the name in any case'       by_python Foo@Bar.COM 'pass word' login
is   '... both are in the queue'                "$(queued)" 3
if swaks --support 2>/dev/null | grep -q 'TLS supported'; then
	ok 'swaks'                              quiet swaks --server 127.0.0.1 --port "$PORT" --tls --auth LOGIN \
		--auth-user foo@bar.com --auth-password 'pass word' --ehlo client.example --from foo@bar.com \
		--to friend@example.net --h-Subject swaks --timeout 60
else
	skip 'swaks has no TLS here'
fi
if command -v msmtp >/dev/null; then
	ok 'msmtp'                              quiet timeout 60 msmtp --file=/dev/null --host=127.0.0.1 --port="$PORT" --socket= \
		--tls=on --tls-host-override=mail.serversave.us --tls-trust-file="$CERTS/ours.pem" --auth=on --user=foo@bar.com \
		--passwordeval="echo 'pass word'" --domain=client.example --from=foo@bar.com friend@example.net <"$SANDBOX/message"
else
	skip 'msmtp is not there'
fi
sent=$(queued)
run_queue
is   'the mail leaves: the other server has it' "$(ls "$PEER_DIR" | grep -Ec '^[0-9]+$')" "$sent"
ok   '... nothing stays'                        queue_is_empty
relayed=$(grep -l '^Subject: curl' "$PEER_DIR"/[0-9]* | head -n 1)
# trace: the first Received line, unfolded
trace() { sed -n '/^Received:/,/^[^ 	R]/p' "$1" | tr -d '\r' | sed '$d' | tr '\n' ' ' | tr -s ' 	' ' '; }
like '... its trace line says that it came by TLS and from a user' "$(trace "$relayed")" 'with ESMTPSA'
unlike '... and not from where'                 "$(trace "$relayed")" '127\.0\.0\.1|client\.example'
unlike '... nobody sees the login or the password' "$(cat "$relayed")" 'pass word'

# ---- strangers ----

# refused WHAT REGEX COMMAND...: the client fails, and says so; nothing is queued
refused()
{
	t_what=$1 t_regex=$2; shift 2
	not_ok "$t_what" "$@"
	like "... $t_regex" "$(cat "$SANDBOX/said")" "$t_regex"
	is '... nothing is queued' "$(queued)" 0
}
refused 'a wrong password'                      '(Login denied|535)' by_curl 'foo@bar.com:wr0ng'
ok   '... is logged with the client, so that it can be locked out' \
	has_logged 'smtp authentication address=127\.0\.0\.1 .*user="?foo@bar\.com"? .*result=permfail'
refused 'the name without the domain'           '535' by_python foo 'pass word' plain
refused "who has active='N'"                    '535' by_python gone@bar.com 'pass word' plain
refused 'who is not there'                      '535' by_python "x' or 'a'='a" 'pass word' login
cat >"$SANDBOX/script" <<'END'
< ^220
> EHLO client.example
< (?s)^250-(?!.*AUTH).*STARTTLS
> AUTH PLAIN AGZvbwBiYXI=
< ^538
> MAIL FROM:<foo@bar.com>
< ^530
> QUIT
< ^221
END
ok   'without TLS nobody may log in, nor send'  quiet smtp "$SANDBOX/script"
not_ok 'no password is in the log'              log_has 'pass word|wr0ng|AGZvbwBiYXI'
mv "$DB" "$DB.away"
refused 'while the database is away nobody is wrong' '454' by_python foo@bar.com 'pass word' plain
mv "$DB.away" "$DB"

# ---- guessing ----

cat >"$SANDBOX/guess.py" <<'END'
import base64, smtplib, ssl, sys
port = int(sys.argv[1])
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
answers = []
s = smtplib.SMTP('127.0.0.1', port, local_hostname='client.example')
s.starttls(context=context)
s.ehlo()
try:
    for i in range(100):
        answers.append(s.docmd('AUTH PLAIN', base64.b64encode(b'\0foo@bar.com\0guess%d' % i).decode())[0])
except (smtplib.SMTPServerDisconnected, OSError):
    pass
print(*answers)
END
start=$(date +%s)
answers=$(timeout 100 $PYTHON "$SANDBOX/guess.py" "$PORT")
seconds=$(($(date +%s) - start))
like 'of a hundred guesses a session has few, then it is over' "$answers" '^(535 ){2,9}535( 421)?$'
ok   '... which take longer each'               test "$seconds" -ge 3
ok   '... and are in the log'                   has_logged 'too many failed logins'

# ---- who may send as whom ----

howto_conf 'senders <own>'
conf <<EOF
table own { "foo@bar.com" = "foo@bar.com, @example.org" }
$(cat "$CONF")
EOF
ok   'with senders <table> a user sends as himself'  by_curl 'foo@bar.com:pass word'
FROM=foo+list@bar.com
ok   '... also with a tag'                      by_curl 'foo@bar.com:pass word'
FROM=anybody@example.org
ok   '... as who else the table has'            by_curl 'foo@bar.com:pass word'
FROM=boss@bar.com
not_ok '... not as somebody else'               by_curl 'foo@bar.com:pass word'
like '... which is said'                        "$(cat "$SANDBOX/said")" '55[03]'

done_testing
