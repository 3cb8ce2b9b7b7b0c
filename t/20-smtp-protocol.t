#!/bin/sh
# smtp-recv speaks RFC 5321 and the extensions it offers, as transcripts.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-init tcpserver

sandbox
start_tcpserver
default_conf

# talk WHAT: the script on standard input goes as expected
talk()
{
	cat >"$SANDBOX/script"
	if smtp "$SANDBOX/script" >"$SANDBOX/said" 2>&1; then pass "$1"; else fail "$1"; note_file "$SANDBOX/said"; fi
}

# stranger [VARIABLE=VALUE...]: tcpserver hands connections over as those of 192.0.2.7
stranger()
{
	: >"$SANDBOX/port"
	start tcpserver -1 -H -R -D 127.0.0.1 0 env TCPREMOTEIP=192.0.2.7 "$@" "$BIN/smtp-recv" -e -l 127.0.0.1 \
		>"$SANDBOX/port" 2>>"$LOG" </dev/null
	wait_until 10 test -s "$SANDBOX/port" || bail_out 'tcpserver did not start'
	read -r PORT <"$SANDBOX/port"
}

talk 'EHLO lists what is offered, and nothing else' <<'END'
	< ^220 mail.example.org ESMTP
	> EHLO client.example
	< ^250-mail.example.org\n250-PIPELINING\n250-SIZE \d+\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250-DSN\n250-SMTPUTF8\n250 HELP$
	> QUIT
	< ^221 2.0.0
	eof
END

talk 'HELO is answered by one line, and then no parameters are taken' <<'END'
	<
	> HELO client.example
	< ^250 mail.example.org$
	> MAIL FROM:<a@example.net> SIZE=100
	< ^555 5.5.4
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org> NOTIFY=NEVER
	< ^555 5.5.4
	> RCPT TO:<alice@example.org>
	< ^250
END

talk 'verbs do not care for case, and blanks around arguments are forgiven' <<'END'
	<
	> ehlo client.example\x20
	< ^250
	> mail from: <a@example.net>  body=8bitmime\x20
	< ^250 2.1.0
	> rCpT tO: <alice@example.org>
	< ^250 2.1.5
	> rset
	< ^250 2.0.0
	> quit
	< ^221
END

talk 'commands come in their order or are refused with 503' <<'END'
	<
	> MAIL FROM:<a@example.net>
	< ^503 5.5.1 EHLO
	> NOOP is allowed
	< ^250
	> RSET
	< ^250
	> MAIL FROM:<a@example.net>
	< ^503
	> EHLO client.example
	< ^250
	> RCPT TO:<alice@example.org>
	< ^503 5.5.1 MAIL first
	> DATA
	< ^503
	> MAIL FROM:<a@example.net>
	< ^250
	> MAIL FROM:<b@example.net>
	< ^503
	> DATA
	< ^503
	> RCPT TO:<ghost@example.org>
	< ^550 5.1.1 <ghost@example.org>
	> DATA
	< ^554 5.5.1 no valid recipients
END

talk 'EHLO in the middle begins anew' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> EHLO client.example
	< ^250
	> RCPT TO:<alice@example.org>
	< ^503
	> MAIL FROM:<>
	< ^250
END

talk 'what is not done here says so' <<'END'
	<
	> EHLO client.example
	< ^250
	> VRFY alice
	< ^252 2.5.0
	> VRFY
	< ^501
	> EXPN staff
	< ^502 5.5.1
	> STARTTLS
	< ^502 5.5.1
	> AUTH PLAIN AGEAYg==
	< ^502 5.5.1
	> BDAT 10 LAST
	< ^502 5.5.1
	> HELP
	< ^214-2.0.0 [^\n]*MAIL
	> EHLO
	< ^501 5.5.4
	> HELO two words
	< ^501 5.5.4
	> DATA now
	< ^503
END

talk 'a browser is told so, once' <<'END'
	<
	> GET / HTTP/1.1
	< ^554
	eof
END

talk 'parameters are checked' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net> SIZE=x
	< ^501 5.5.4 bad value of SIZE
	> MAIL FROM:<a@example.net> BODY=BINARYMIME
	< ^501 5.5.4
	> MAIL FROM:<a@example.net> BODY=7BIT BODY=7BIT
	< ^501 5.5.4 BODY is there twice
	> MAIL FROM:<a@example.net> RET=SOME
	< ^501 5.5.4
	> MAIL FROM:<a@example.net> ENVID=a+0Ab
	< ^501 5.5.4
	> MAIL FROM:<a@example.net> HOLDFOR=10
	< ^555 5.5.4
	> MAIL FROM:<a@example.net>SIZE=10
	< ^501 5.5.4
END

talk '... those of RCPT too' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org> NOTIFY=NEVER,DELAY
	< ^501 5.5.4 bad value of NOTIFY
	> RCPT TO:<alice@example.org> NOTIFY=SUCCESS,SUCCESS
	< ^501 5.5.4
	> RCPT TO:<alice@example.org> NOTIFY=
	< ^501 5.5.4
	> RCPT TO:<alice@example.org> ORCPT=alice
	< ^501 5.5.4
	> RCPT TO:<alice@example.org> ORCPT=rfc822;a+zz
	< ^501 5.5.4
	> RCPT TO:<alice@example.org> ORCPT=rfc822;a+2Bb@example.net NOTIFY=DELAY,FAILURE
	< ^250
END

talk 'addresses are checked' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:a@example.net
	< ^501 5.1.7
	> MAIL FROM:<a@>
	< ^501 5.1.7
	> MAIL FROM:<jos\xc3\xa9@example.net>
	< ^553 5.6.7
	> MAIL FROM:<jos\xe9@example.net> SMTPUTF8
	< ^501 5.1.7 .*UTF-8
	> MAIL FROM:<jos\xc3\xa9@example.net> SMTPUTF8
	< ^250
	> RCPT TO:<>
	< ^501 5.1.3
	> RCPT TO:<a b@example.org>
	< ^501 5.1.3
	> RCPT TO:<@relay.example,@other.example:alice@EXAMPLE.org>
	< ^250
END

talk 'a message is taken, with its queue id in the reply' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net> SIZE=20 BODY=8BITMIME RET=HDRS ENVID=QQ314
	< ^250
	> RCPT TO:<alice@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Alice@example.org
	< ^250
	> DATA
	< ^354
	> Subject: one
	>
	> ..dots
	> .
	< ^250 2.0.0 \d+\.[A-Za-z0-9]{16} Message accepted for delivery$
	> QUIT
	< ^221
END
mail=$(ls "$SPOOL"/new/* 2>/dev/null)
text=$(tr '\0' '\n' <"${mail:-/dev/null}")
like '... and the trace line says from whom, how and for whom'  "$text" \
	'^Received: from client.example \(localhost \[127.0.0.1\]\)$'
like '... (how)'                          "$text" '^	by mail.example.org with ESMTP$'
like '... (for whom)'                     "$text" '^	for <alice@example.org>; '
like '... and a doubled dot is one again' "$text" '^\.dots$'
like '... and the log has the line that people look for' \
	"$(cat "$LOG")" '[0-9]+\.[A-Za-z0-9]{16}: from=<a@example.net>, size=20, nrcpts=1, proto=ESMTP, relay=localhost \[127\.0\.0\.1\]$'
like '... and NOTIFY is kept'             "$text" '^Nsd$'
like '... and ORCPT'                      "$text" '^Orfc822;Alice@example.org$'
like '... and ENVID'                      "$text" 'QQ314'
rm -f "$SPOOL"/new/*

talk 'two messages in one session, pipelined, and HELO says SMTP' <<'END'
	<
	> HELO client.example
	< ^250
	>> MAIL FROM:<>\r\nRCPT TO:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n
	< ^250
	< ^250
	< ^250
	< ^354
	>> x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n
	< ^250
	< ^250
	< ^250
	< ^354
	>> .\r\nQUIT\r\n
	< ^250
	< ^221
	eof
END
is   '... two files'                      "$(ls "$SPOOL"/new | wc -l)" 2
like '... with SMTP, and no "for" where there are two' "$(cat "$SPOOL"/new/* | tr '\0' '\n')" 'with SMTP; '
rm -f "$SPOOL"/new/*

talk 'a client that vanishes before the final dot leaves nothing' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> Subject: half
	close
END
talk '... nor does one whose dot has come only half' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> Subject: half
	>> .\r
	shut
	eof
END
is '... indeed nothing'                   "$(ls "$SPOOL"/new | wc -l)" 0
unlike '... and queue-inject does not complain' "$(cat "$LOG")" '^queue-inject'

talk 'a host that is told without a domain is the listener' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<someone>
	< ^250
	> RCPT TO:<nobody-here>
	< <nobody-here@mail.example.org>
END

{ cat "$CONF"; echo 'accept from local for local alias { postmaster = alice } userbase <users> deliver to maildir'; } | conf
stranger
talk 'a stranger may write to postmaster without domain' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<Postmaster>
	< ^250
	> RCPT TO:<alice@example.com>
	< ^550 5.7.1 <alice@example.com>: relaying refused$
	> RCPT TO:<alice@example.org>
	< ^250
END
like '... and the refusal stands in the log' "$(cat "$LOG")" \
	'smtp failed-command address=192\.0\.2\.7 host=unknown helo=client\.example from=<a@example\.net> command="RCPT TO:<alice@example\.com>" result="550 5\.7\.1 <alice@example\.com>: relaying refused" why='
talk 'who says more before the reply to EHLO is cut off' <<'END'
	<
	>> EHLO client.example\r\nMAIL FROM:<a@example.net>\r\n
	< ^554 5.5.0
	eof
END
talk 'who says more before the reply to DATA is cut off, and nothing is queued' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	>> DATA\r\nSubject: x\r\n\r\n.\r\n
	< ^554 5.5.0
	eof
END
talk 'a text that follows a refused DATA is not read as commands' <<'END'
	<
	> EHLO client.example
	< ^250
	>> DATA\r\nRSET\r\nNOOP\r\n
	< ^503
	< ^554 5.5.0
	eof
END
is '... nothing was queued'               "$(ls "$SPOOL"/new | wc -l)" 0

stranger RELAYCLIENT=
{ cat "$CONF"; echo 'accept from local for any relay'; } | conf
talk 'RELAYCLIENT makes a stranger count as local' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.com>
	< ^250
END

# ---- what a listener may ask for ----

# listener WORDS...: a configuration whose listen line has these words
listener()
{
	conf <<-EOT
	pki mail certificate "/nowhere/cert.pem"
	pki mail key "/nowhere/key.pem"
	listen on 127.0.0.1 port 25 hostname mail.example.org $*
	$(users_table)
	accept from any for domain "example.org" userbase <users> deliver to maildir
	EOT
}
stranger
listener no-dsn mask-source
rm -f "$SPOOL"/new/*
talk 'no-dsn: DSN is neither offered nor taken' <<'END'
	<
	> EHLO client.example
	< ^250-ENHANCEDSTATUSCODES\n250-SMTPUTF8
	> MAIL FROM:<a@example.net> RET=FULL
	< ^555
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org> NOTIFY=NEVER
	< ^555
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> x
	> .
	< ^250
END
like 'mask-source: the trace line says nothing of the client' "$(cat "$SPOOL"/new/*)" \
	'^Received: by mail.example.org with ESMTP$'
listener tls-require pki mail
talk 'tls-require: MAIL in clear is refused' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^530 5.7.0
END
listener tls auth pki mail
talk 'auth: so is MAIL without a login' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^530 5.7.0
END
listener smtps pki mail
talk 'smtps: no word in clear' <<'END'
	eof
END
default_conf

# speak_first: connects to PORT, speaks before it listens, and prints the answer
speak_first()
{
	python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
s.sendall(b"EHLO early\r\n")
s.settimeout(10)
sys.stdout.write(s.recv(1000).decode())' "$PORT"
}

: >"$SANDBOX/port"
start tcpserver -1 -H -R -D 127.0.0.1 0 "$BIN/smtp-recv" -w 300 >"$SANDBOX/port" 2>>"$LOG" </dev/null
wait_until 10 test -s "$SANDBOX/port" || bail_out 'tcpserver did not start'
read -r PORT <"$SANDBOX/port"
like 'a client that speaks before the banner is refused' "$(speak_first)" '^554 5\.5\.1 .*wait for the banner'

rm -f "$SPOOL"/new/*
# The whole conversation at once, on pipes, as a local user may.
whole()
{
	printf '%s\r\n' 'EHLO x' 'MAIL FROM:<>' 'RCPT TO:<alice@example.org>' DATA 'Subject: p' '' x . QUIT
}
like 'on pipes the client is a local user' "$(whole | smtp-recv 2>>"$LOG")" '^250 2\.0\.0 [0-9]+\.'
like '... which the trace line says'       "$(cat "$SPOOL"/new/*)" '^Received: from x \(localhost \[local\]\)'
like '... a wrapper names the client by TCPREMOTEIP, v4-mapped or not' \
	"$(PROTO=TCP TCPREMOTEIP=::ffff:192.0.2.9 smtp-recv </dev/null 2>&1 >/dev/null)" 'connected address=192\.0\.2\.9'
like '... or by the prefix that PROTO tells' \
	"$(PROTO=SSL SSLREMOTEIP=2001:db8:0::1 smtp-recv </dev/null 2>&1 >/dev/null)" 'connected address=2001:db8::1 '
like '... a wrapper that names nobody is not believed to be local' \
	"$(PROTO=TCP smtp-recv </dev/null 2>&1)" 'no session: .*no usable client address'
like '... nor one that names nonsense' \
	"$(TCPREMOTEIP=localhost smtp-recv </dev/null 2>&1)" 'no session: .*no usable client address'
ok   '... a wrong option is exit 64'       status 64 smtp-recv -Z 2>/dev/null

done_testing
