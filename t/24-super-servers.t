#!/bin/sh
# smtp-recv under each super-server: it knows its client, and its log never reaches the client.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-init

sandbox
# make deps unpacks it and does not install it.
test ! -d "$t_dir/../.peers/xinetd" || PATH=$PATH:$t_dir/../.peers/xinetd/usr/sbin

free_port() { $PYTHON -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

cat >"$SANDBOX/script" <<'END'
	< ^220 mail.example.org ESMTP
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<ghost@example.org>
	< ^550 5.1.1
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> Subject: super
	> .
	< ^250 2.0.0 \d+\.\w+ Message accepted
	> QUIT
	< ^221
	eof
END

# serves WHAT: the script goes as expected, and the trace line has the client
serves()
{
	default_conf
	rm -f "$SPOOL"/new/*
	if smtp "$SANDBOX/script" >"$SANDBOX/said" 2>&1; then pass "$1"; else fail "$1"; note_file "$SANDBOX/said"; fi
	like "... and the client is known" "$(cat "$SPOOL"/new/* 2>/dev/null)" \
		'^Received: from client\.example \(localhost \[127\.0\.0\.1\]\)'
}

is_listening() { $PYTHON -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$PORT"; }

if command -v tcpserver >/dev/null; then
	start_tcpserver
	serves 'tcpserver'
	like '... and the log is on its descriptor 2' "$(cat "$LOG")" 'smtp-recv\[[0-9]+\]: smtp connected address=127\.0\.0\.1 host=localhost'
	stop "$TCPSERVER"
else
	skip 'tcpserver is not there'
fi

# inetd hands one socket over as 0, 1 and 2.
PORT=$(free_port)
cat >"$SANDBOX/inetd.py" <<'END'
import os, socket, sys
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("127.0.0.1", int(sys.argv[1])))
l.listen(5)
while True:
    c, _ = l.accept()
    if os.fork() == 0:
        for fd in 0, 1, 2:
            os.dup2(c.fileno(), fd)
        os.execv(sys.argv[2], sys.argv[2:])
    c.close()
END
start $PYTHON "$SANDBOX/inetd.py" "$PORT" "$BIN/smtp-recv" -v 2>>"$LOG"
wait_until 10 is_listening
serves 'inetd: descriptor 2 is the client, and hears nothing of the log'
stop "$PID"

if command -v xinetd >/dev/null; then
	PORT=$(free_port)
	cat >"$SANDBOX/xinetd.conf" <<-END
	defaults
	{
		log_type = FILE $SANDBOX/xinetd.log
	}
	service smtp-test
	{
		type = UNLISTED
		bind = 127.0.0.1
		port = $PORT
		socket_type = stream
		protocol = tcp
		wait = no
		user = $(id -un)
		instances = 20
		server = $BIN/smtp-recv
		env = PIPEPOST_CONF=$CONF PIPEPOST_SPOOL=$SPOOL PIPEPOST_BIN=$BIN
	}
	END
	start xinetd -dontfork -f "$SANDBOX/xinetd.conf" -pidfile "$SANDBOX/xinetd.pid" 2>>"$SANDBOX/xinetd.err"
	if wait_until 5 is_listening; then
		serves 'xinetd'
	else
		skip 'xinetd does not start here'
	fi
	stop "$PID"
else
	skip 'xinetd is not there'
fi

activate=$(command -v systemd-socket-activate || ls /lib/systemd/systemd-socket-activate 2>/dev/null)
if test -n "$activate"; then
	for how in --inetd ''; do
		PORT=$(free_port)
		start "$activate" -l "127.0.0.1:$PORT" -a $how -E PIPEPOST_CONF -E PIPEPOST_SPOOL -E PIPEPOST_BIN \
			-E PIPEPOST_LOG -E ASAN_OPTIONS "$BIN/smtp-recv" 2>>"$SANDBOX/systemd.log"
		wait_until 5 is_listening
		serves "systemd, Accept=yes ${how:-with descriptor 3}"
		stop "$PID"
	done
else
	skip 'systemd-socket-activate is not there'
fi

done_testing
