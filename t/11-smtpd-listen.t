#!/bin/sh
# smtpd as the super-server: listeners, limits, children that die, and the end.
. "$(dirname "$0")/lib.sh"
need smtpd smtp-recv queue-run queue-init

sandbox
free_port() { $PYTHON -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
PORT=$(free_port); export PORT
# start_smtpd [ARGUMENTS]: in the foreground; sets SMTPD
start_smtpd()
{
	start "$BIN/smtpd" -d "$@" >>"$LOG" 2>&1 </dev/null
	SMTPD=$PID
}
# banner [PORT]: the first line the server says
banner()
{
	$PYTHON - "${1:-$PORT}" <<-'END'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	print(s.makefile().readline().rstrip())
	END
}
answers() { banner "${1:-$PORT}" 2>/dev/null | grep -q "${2:-^220 }"; }
# children PROGRAM: the pids of smtpd's children of that name
children()
{
	for t_f in /proc/[0-9]*/stat; do
		read -r t_pid t_comm t_state t_ppid t_rest <"$t_f" || continue
		test "$t_ppid" = "$SMTPD" && test "$t_comm" = "($1)" && test "$t_state" != Z && echo "$t_pid"
	done 2>/dev/null
}
is_idle() { ! runs smtp-recv && ! runs cat; }
runs() { test -n "$(children "$1")"; }

# ---- the start ----

conf <<EOF
listen on all port $PORT auth
EOF
ok   'a bad configuration: exit 1'           status 1 "$BIN/smtpd" -d 2>"$SANDBOX/err"
like '... and its errors are shown'          "$(cat "$SANDBOX/err")" 'smtpd\.conf:1: listen: auth needs TLS'
default_conf

rm -rf "$SPOOL"
start_smtpd
ok   'smtpd -d answers on the port of smtpd.conf' wait_until 10 answers
ok   '... and has made the missing spool'    test -d "$SPOOL/new"
ok   '... and a runner runs'                 wait_until 10 runs queue-run
like 'the log stands on standard error'      "$(cat "$LOG")" 'smtpd/smtpd\[[0-9]+\]: started'
ok   'a port that is taken: exit 69'         status 69 "$BIN/smtpd" -d 2>"$SANDBOX/err"
like '... naming line, address and reason'   "$(cat "$SANDBOX/err")" \
	"smtpd\.conf:1: listen on 127\.0\.0\.1 port $PORT: 127\.0\.0\.1: Address already in use"

printf 'Subject: one\n\nhello\n' >"$SANDBOX/message"
ok   'a message is taken'                    $PYTHON "$t_dir/lib/send.py" "$PORT" a@example.net \
	"$SANDBOX/message" alice@example.org
ok   '... and delivered'                     wait_until 20 has_mail alice

# ---- children ----

runner=$(children queue-run)
kill -KILL "$runner"
another_runs() { t_now=$(children queue-run); test -n "$t_now" && test "$t_now" != "$runner"; }
ok   'a killed runner is started again'      wait_until 10 another_runs
like '... and the log says why it ended'     "$(cat "$LOG")" 'queue-run ended by signal 9'
$PYTHON - "$PORT" >"$SANDBOX/talk" <<'END' &
import socket, sys
a = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
f = a.makefile()
f.readline()
print("ready", flush=True)
print(repr(f.readline()), flush=True)
END
talk=$!
wait_until 10 grep -q ready "$SANDBOX/talk"
ok   'a session is a process of its own'     wait_until 10 runs smtp-recv
kill -KILL $(children smtp-recv)
wait "$talk"
ok   '... killed, it costs its own session'  grep -q "''" "$SANDBOX/talk"
ok   '... and the next is served'            answers

# ---- HUP ----

other=$(free_port)
conf <<EOF
listen on 127.0.0.1 port $other hostname mail.example.org
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
EOF
kill -HUP "$SMTPD"
ok   'HUP: a new listener is opened'         wait_until 10 answers "$other"
ok   '... and one that is gone is closed'    status 1 answers "$PORT"
echo 'nonsense' | conf
kill -HUP "$SMTPD"
ok   'HUP with a broken file: the log says so'  wait_until 10 log_has 'has errors, see smtpd -n'
like '... sessions hear 421, as any with a broken file'  "$(banner "$other")" '^421 4\.3\.5 '
default_conf

# ---- the end ----

stop "$SMTPD"
is   'TERM: exit 0'                          "$?" 0
not_ok '... the runner is gone'              runs queue-run
start_smtpd
wait_until 10 answers
stop "$SMTPD" INT
is   'INT: exit 0'                           "$?" 0
start_smtpd -v
wait_until 10 answers
wait_until 10 is_idle
$PYTHON - "$PORT" <<'END' &
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
while s.recv(512):
    pass
END
idle=$!
wait_until 10 runs smtp-recv
kill -TERM "$SMTPD"
ok   'TERM: nobody else is served'           wait_until 10 status 1 answers
kill -HUP "$SMTPD"
sleep 0.1
ok   '... HUP does not change that'          status 1 answers
stop "$SMTPD"
is   'TERM with an idle session: exit 0'     "$?" 0
wait "$idle"
pass '... and the session is ended'

# ---- what a session is given, and the limits: a smtp-recv of our own ----

mkdir "$SANDBOX/fake"
ln -s "$BIN"/* "$SANDBOX/fake/"
rm "$SANDBOX/fake/smtp-recv"
cat >"$SANDBOX/fake/smtp-recv" <<'EOF'
#!/bin/sh
echo "220 $PROTO $TCPLOCALIP $TCPLOCALPORT $TCPREMOTEIP ${TCPREMOTEPORT:+port} ${RELAYCLIENT-none} $* $PIPEPOST_CONF"
exec cat >/dev/null
EOF
chmod 755 "$SANDBOX/fake/smtp-recv"
RELAYCLIENT='' TCPREMOTEHOST=liar PIPEPOST_BIN=$SANDBOX/fake start_smtpd -v
wait_until 10 answers
is   'a session gets the UCSPI variables, and nothing about other connections' "$(banner)" \
	"220 TCP 127.0.0.1 $PORT 127.0.0.1 port none -v $CONF"
wait_until 10 is_idle
is   'of 225 connections at a time the first 200 are served, the others hear 421 4.7.0' "$($PYTHON - "$PORT" <<'END'
import socket, sys
address = ("127.0.0.1", int(sys.argv[1]))
held, lines = [], []
for n in range(225):
    s = socket.create_connection(address, 30)
    lines.append(s.makefile().readline()[:9].rstrip())
    held.append(s)
print(sum(l.startswith("220") for l in lines), len(lines[200:]), set(lines[200:]))
END
)" "200 25 {'421 4.7.0'}"
like '... which the log says'                "$(cat "$LOG")" 'connection from 127\.0\.0\.1 refused: too many connections'
ok   '... and when they have gone, others are served'  wait_until 10 answers
stop "$SMTPD"
is   'TERM: exit 0'                          "$?" 0
is   '... of the refused connections 20 have a line'  "$(grep -c 'connection from 127\.0\.0\.1 refused' "$LOG")" 20
like '... and one tells how many more there were'  "$(cat "$LOG")" ': 5 more connections refused in the last minute$'

# A network namespace of its own has clients that are not on the loopback network.
cat >"$SANDBOX/network" <<'EOF'
ip link set lo up && ip address add 192.0.2.1/32 dev lo && ip address add 192.0.3.1/32 dev lo || exit 75
printf 'listen on 192.0.2.1 port 2525\naccept from any for domain "example.org" deliver to maildir\n' >"$CONF.net"
smtpd -d -f "$CONF.net" 2>>"$LOG" &
smtpd=$!
"$PYTHON" - <<'END'
import socket, time
def connect(source):
    for n in range(100):
        try:
            s = socket.create_connection(("192.0.2.1", 2525), 30, (source, 0))
            return s, s.makefile().readline()[:9].rstrip()
        except ConnectionRefusedError:
            time.sleep(0.05)
held = [connect("192.0.2.1") for n in range(12)]
print(sum(l.startswith("220") for s, l in held), [l for s, l in held if not l.startswith("220")])
print(connect("192.0.3.1")[1][:3])
END
kill "$smtpd"
wait "$smtpd"
EOF
export CONF LOG PYTHON
if command -v ip >/dev/null && unshare -rn ip link set lo up 2>/dev/null; then
	is   'of 12 connections from one network 10 are served; another network has its own' \
		"$(PIPEPOST_BIN=$SANDBOX/fake unshare -rn sh "$SANDBOX/network")" "10 ['421 4.7.0', '421 4.7.0']
220"
else
	skip 'network namespaces are not to be had'
fi

# ---- who a session is ----

# Installed: the spool belongs to somebody, and there is an account ppsmtp.
cat >"$SANDBOX/fake/smtp-recv" <<'EOF'
#!/bin/sh
echo "220 $(id -u):$(id -g):$(id -G)"
EOF
cat >"$SANDBOX/accounts" <<'EOF'
{ cat /etc/passwd; echo ppsmtp:x:64321:64322::/nonexistent:/bin/false; } >"$CONF.passwd"
mount --bind "$CONF.passwd" /etc/passwd || exit 75
exec "$BIN/smtpd" -d
EOF
export BIN
if test "$(id -u)" -eq 0 && unshare -m true 2>/dev/null; then
	chown -R "$RUN_UID:$RUN_GID" "$SPOOL"
	PIPEPOST_BIN=$SANDBOX/fake start unshare -m sh "$SANDBOX/accounts" >>"$LOG" 2>&1 </dev/null
	wait_until 10 answers
	is 'installed, root gives a session to ppsmtp: its uid, its gid, no other group' "$(banner)" \
		'220 64321:64322:64322'
	stop "$PID"
	chown -R 0:0 "$SPOOL"
else
	skip 'root only'
fi

# ---- in the background ----

ok   'without -d it goes to the background'  smtpd -f "$CONF"
ok   '... and answers'                       wait_until 10 answers
pid=$(pgrep -f "^smtpd -f $CONF\$")
is_gone() { ! kill -0 "$pid" 2>/dev/null || t_is_zombie "$pid"; }
ok   '... as one process, known by its command line'  kill "$pid"
ok   '... which TERM ends'                   wait_until 20 is_gone
done_testing
