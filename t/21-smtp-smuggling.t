#!/bin/sh
# One message stays one message: nothing but CRLF.CRLF ends it, however others read line ends.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-init tcpserver

sandbox
start_tcpserver
default_conf

# After each ending that is none, the text goes on with a whole second message
# in the attacker's name; then comes the true end.
second='MAIL FROM:<evil@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nevil\r\n'

# refuses WHAT ENDING REPLY
refuses()
{
	rm -f "$SPOOL"/new/*
	cat >"$SANDBOX/script" <<-END
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	>> Subject: x\\r\\n\\r\\nx$2$second\\r\\n.\\r\\n
	< $3
	> NOOP
	< ^250 2.0.0 Ok$
	> QUIT
	< ^221
	eof
	END
	if smtp "$SANDBOX/script" >"$SANDBOX/said" 2>&1 && test -z "$(ls "$SPOOL/new")"; then
		pass "$1"
	else
		fail "$1"
		note_file "$SANDBOX/said"
	fi
}

refuses 'LF . LF'           '\n.\n'         '^550 5.6.11'
refuses 'LF . CRLF'         '\n.\r\n'       '^550 5.6.11'
refuses 'CRLF . LF'         '\r\n.\n'       '^550 5.6.11'
refuses 'CR . CR'           '\r.\r'         '^550 5.6.11'
refuses 'CR . CRLF'         '\r.\r\n'       '^550 5.6.11'
refuses 'CRLF . CR'         '\r\n.\r'       '^550 5.6.11'
refuses 'CR LF . CR . LF'   '\r\n.\r.\n'    '^550 5.6.11'
refuses 'CR CR LF . CRLF'   '\r\r\n.\r\r\n' '^550 5.6.11'
refuses 'LF LF . LF'        '\n\n.\n\n'     '^550 5.6.11'
refuses 'LF CR . LF CR'     '\n\r.\n\r'     '^550 5.6.11'
refuses 'CRLF NUL . CRLF'   '\r\n\0.\r\n'   '^550 5.6.0'
refuses 'CRLF . NUL CRLF'   '\r\n.\0\r\n'   '^550 5.6.0'
refuses 'CR NUL LF . CRLF'  '\r\0\n.\r\n'   '^550 5.6'
refuses 'LF alone'          '\n'            '^550 5.6.11'
refuses 'CR alone'          '\r'            '^550 5.6.11'

# The same octet by octet in two packets: the state survives.
cat >"$SANDBOX/script" <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	>> x\r
	sleep 0.1
	>> .\r\n
	>> x\r\n
	sleep 0.1
	>> .\r
	sleep 0.1
	>> .\r\n.\r
	sleep 0.1
	>> \n
	< ^550 5.6.11
END
ok 'a bare CR at the end of one packet is remembered in the next' \
	quiet smtp "$SANDBOX/script" || note_file "$SANDBOX/said"

# Commands.
cat >"$SANDBOX/script" <<'END'
	<
	>> EHLO client.example\n
	< ^500 5.5.2 bare
	>> EHLO client.example\nMAIL FROM:<a@example.net>\r\n
	< ^500 5.5.2
	>> EHLO client\rexample\r\n
	< ^500 5.5.2
	>> EHLO client.example\0x\r\n
	< ^500 5.5.2
	> MAIL FROM:<a@example.net>
	< ^503
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net\n>
	< ^500 5.5.2
END
ok 'a command ends at CRLF only' quiet smtp "$SANDBOX/script" || note_file "$SANDBOX/said"

# With -a they are data.
stop "$TCPSERVER"
rm -f "$SPOOL"/new/*
start_tcpserver -a
default_conf
cat >"$SANDBOX/script" <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	>> Subject: x\r\n\r\nx\n.\nRSET\r.\r\nNOOP\r\n.\r\n
	< ^250 2.0.0
	> NOOP
	< ^250 2.0.0 Ok$
END
ok 'option -a takes bare CR and LF as data' quiet smtp "$SANDBOX/script" || note_file "$SANDBOX/said"
is '... and they still end nothing' "$(ls "$SPOOL/new" | wc -l)" 1
cr=$(printf '\r')
like '... whatever stands behind them' "$(tr '\0' '\n' <"$(ls "$SPOOL"/new/*)")" "^RSET$cr\\.\$"

done_testing
