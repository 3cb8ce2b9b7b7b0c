#!/bin/sh
# What goes wrong under TLS, on purpose or not: text in front of the handshake, sessions that
# are cut, processes that are killed, handshakes that never end, and many at a time. Nothing
# of it is executed or delivered, and the next client is served.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/certs.sh"
need smtp-recv smtp-tls queue-inject queue-init tcpserver openssl

sandbox
make_certs_dir
EC='ec -pkeyopt ec_paramgen_curve:P-256'
make_authority ours $EC
make_certificate mail ours DNS:mail.example.org $EC
chmod 600 "$CERTS"/*.key
CA=$CERTS/ours.pem
configure()
{
	conf <<-EOT
	pki mail.example.org certificate "$CERTS/mail.pem" key "$CERTS/mail.key"
	listen on 127.0.0.1 port $PORT hostname mail.example.org $*
	$(users_table)
	accept from any for domain "example.org" userbase <users> deliver to maildir
	EOT
}
start_tcpserver

# client [OPTIONS]: t/lib/tls_client.py with the script on standard input
client() { timeout 100 $PYTHON "$t_dir/lib/tls_client.py" "$PORT" "$CA" "$@" >"$SANDBOX/said" 2>&1; }
tls()
{
	t_what=$1; shift
	: >"$LOG"
	if client "$@"; then pass "$t_what"; else fail "$t_what"; note_file "$SANDBOX/said"; fi
}
attack() { timeout 110 $PYTHON "$t_dir/lib/tls_attack.py" "$@" 2>>"$LOG"; }
logged() { wait_until 10 log_has "$1"; }
# children PID: the pids of its children
children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
is_quiet() { test -z "$(children "$TCPSERVER")"; }
nothing_is_queued() { is '... nothing is queued' "$(queued)" 0; }

cat >"$SANDBOX/greet" <<'END'
	> EHLO client.example
	<
	> QUIT
	< ^221
	eof
END
cat >"$SANDBOX/half" <<'END'
	> EHLO client.example
	<
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> Subject: half
	>
	> pay 100
END
served() { tls '... and the next client is served' <"$SANDBOX/greet"; }

# --- text in clear around the handshake ---

configure tls
commands='EHLO evil\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nevil\r\n.\r\n'
tls 'commands in one segment with STARTTLS are thrown away: TLS begins with nothing' --before "$commands" <<'END'
	> MAIL FROM:<a@example.net>
	< ^503 5.5.1 EHLO
	> EHLO client.example
	<
	> RCPT TO:<alice@example.org>
	< ^503
	> QUIT
	< ^221
END
ok '... as the log says' logged 'smtp tls-injection address=127.0.0.1 host=localhost dropped=[0-9]+$'
nothing_is_queued
: >"$LOG"
client --behind "$commands" <"$SANDBOX/greet"
is 'commands in place of the handshake end the session' "$?" 3
ok '... as the log says' logged 'smtp tls-failed .*reason="the peer does not speak TLS'
nothing_is_queued
tls 'two handshakes: STARTTLS inside TLS is refused' <<'END'
	> STARTTLS
	< ^503 5.5.1
END

# --- sessions that end in the middle ---

{ cat "$SANDBOX/half"; echo cut; } >"$SANDBOX/script"
tls 'a connection that is cut in the middle of a message' <"$SANDBOX/script"
ok '... is noticed' logged 'smtp tls-cut .*reason="the connection was cut without close-notify"'
ok '... is over' logged 'smtp disconnected .*messages=0'
nothing_is_queued
{ cat "$SANDBOX/half"; echo unwrap; } >"$SANDBOX/script"
tls 'TLS that is closed in the middle of a message' <"$SANDBOX/script"
ok '... is over' logged 'smtp disconnected .*messages=0'
nothing_is_queued
not_ok '... and has ended as it should' log_has tls-cut
{ cat "$SANDBOX/half"; printf '> .\n< ^250\ncut\n'; } >"$SANDBOX/script"
tls 'a connection that is cut after the final reply' <"$SANDBOX/script"
ok '... is over' logged 'smtp disconnected .*messages=1'
is '... the message is queued' "$(queued)" 1
rm -f "$SPOOL"/new/*

# --- processes that die ---

# kill_in_data WHICH: kills smtp-tls (or smtp-recv) while a message is being sent
kill_in_data()
{
	: >"$LOG"; : >"$SANDBOX/said"
	wait_until 10 is_quiet
	{ cat "$SANDBOX/half"; printf 'sleep 3\n> .\n<\n'; } >"$SANDBOX/script"
	client <"$SANDBOX/script" &
	t_client=$!
	wait_until 10 grep -q 'S: 354' "$SANDBOX/said" || note 'DATA did not come'
	t_pid=$(children "$TCPSERVER")
	test "$1" = smtp-recv || for t_child in $(children $t_pid); do
		test "$(cat "/proc/$t_child/comm")" != "$1" || t_pid=$t_child
	done
	ok "kill -9 of $1 in the middle of a message" kill -9 $t_pid
	wait "$t_client"
	unlike '... the client hears no 250' "$(tail -n 1 "$SANDBOX/said")" '^S: 250'
	ok '... all processes of the session end' wait_until 15 is_quiet
	nothing_is_queued
	served
}
if test -r "/proc/$$/task/$$/children"; then
	kill_in_data smtp-tls
	kill_in_data smtp-recv
else
	skip 'processes do not tell their children here'
fi

# --- handshakes ---

# handshake WHAT HOW SECONDS REPORT
handshake()
{
	is "$1" "$(attack handshake "$BIN/smtp-tls" "$CONF" "$PORT" "$3" "$2")" "RF$4|
0"
}
handshake 'who says nothing has so much time and no more' silent 1 'no answer within the time limit'
handshake '... also who sends octet by octet' slow 1 'no answer within the time limit'
handshake 'garbage is no TLS' garbage 30 'the peer does not speak TLS, or not version 1.2'
handshake 'who hangs up is gone' hangup 30 'the connection was cut in the middle of the handshake'
configure
is 'a listener without TLS has no certificate to show' \
	"$(attack handshake "$BIN/smtp-tls" "$CONF" "$PORT" 30 silent)" \
	"F$CONF: there is no listener with TLS for this connection|
0"

# --- many ---

configure smtps
: >"$LOG"
is '500 at a time, some of which stay for ever: clients that mean it are served' \
	"$(attack flood "$PORT" "$CA" 500 40 100)" 40
ok '... all processes end with their clients' wait_until 30 is_quiet

# --- under inetd ---

cat >"$SANDBOX/loud" <<END
#!/bin/sh
echo 'this is for nobody in TLS' >&2
cat >/dev/null; cat <&1 >/dev/null
END
chmod 755 "$SANDBOX/loud"
stop "$TCPSERVER"
configure tls
is 'descriptor 2 being the client, too, nothing goes into the session from there' \
	"$(QMAILQUEUE=$SANDBOX/loud attack inetd "$BIN/smtp-recv" "$PORT" "$CA" 2>&1 | tail -n 2)" \
	"250 2.0.0 Message accepted for delivery
221 2.0.0 mail.example.org closing the connection"
done_testing
