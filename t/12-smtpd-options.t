#!/bin/sh
# smtpd's options act in the programs that it starts; as process 1 of a container
# it serves, reaps what others leave behind, and ends when told to.
. "$(dirname "$0")/lib.sh"
need smtpd smtp-recv queue-run queue-init

sandbox
free_port() { $PYTHON -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
PORT=$(free_port); export PORT
# start_smtpd [ARGUMENTS]: in the foreground; sets SMTPD
start_smtpd()
{
	: >"$LOG"
	start "$BIN/smtpd" -d "$@" >>"$LOG" 2>&1 </dev/null
	SMTPD=$PID
	wait_until 30 answers
}
# banner: the first line the server says
banner()
{
	$PYTHON - "$PORT" <<-'END'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	print(s.makefile().readline().rstrip())
	END
}
answers() { banner 2>/dev/null | grep -Eq '^(220|421) '; }
send() { quiet $PYTHON "$t_dir/lib/send.py" "$PORT" a@example.net "$SANDBOX/message" "$1"; }
printf 'Subject: one\n\nhello\n' >"$SANDBOX/message"

# ---- -D ----

conf <<EOF
where = "nowhere.example"
listen on 127.0.0.1 port $PORT hostname mail.example.org
$(users_table)
accept from any for domain \$where userbase <users> deliver to maildir
EOF
start_smtpd
ok   'without -D the macro of the file holds'  status 1 send alice@example.org
stop "$SMTPD"
start_smtpd -D where=example.org -D unused=1
ok   '-D: sessions know the macro'           send alice@example.org
ok   '... and so does the runner'            wait_until 30 has_mail alice
stop "$SMTPD"

# ---- -P ----

default_conf
start_smtpd -P smtp
like '-P smtp: clients hear 421'             "$(banner)" '^421 4\.3\.2 mail\.example\.org is closed for a while'
like '... and the log says who has closed it'  "$(cat "$LOG")" 'result="421 4\.3\.2 .*why="paused \(smtpctl pause smtp\)"$'
ok   '... a local user has a door of his own'  sh -c 'printf "QUIT\r\n" | smtp-recv -b 2>/dev/null | grep -q ^220'
rm "$SPOOL/control/pause-smtp"
like '... until it is resumed'               "$(banner)" '^220 '
stop "$SMTPD"
start_smtpd -P mda -P mta
ok   '-P mda: the flag for the runner is set'  test -f "$SPOOL/control/pause-mda"
ok   '-P mta: likewise'                      test -f "$SPOOL/control/pause-mta"
rm "$SPOOL/control/pause-mda" "$SPOOL/control/pause-mta"
stop "$SMTPD"

# ---- -T, -v ----

start_smtpd
banner >/dev/null
ok   'a conversation is not logged'          status 1 log_has '>>> 220 '
stop "$SMTPD"
start_smtpd -T smtp
send alice@example.org
ok   '-T smtp: sessions are'                 log_has '>>> 220 '
ok   '... with the rule that accepts a recipient'  log_has "rule $CONF:3 accepts <alice@example.org>"
stop "$SMTPD"
start_smtpd -T imsg
banner >/dev/null
ok   '-T imsg: there is nothing of that kind'  status 1 log_has '>>> 220 '
stop "$SMTPD"
# What is handed to the programs: fakes that say so.
mkdir "$SANDBOX/fake"
ln -s "$BIN"/* "$SANDBOX/fake/"
rm "$SANDBOX/fake/smtp-recv" "$SANDBOX/fake/queue-run"
printf '#!/bin/sh\necho "220 fake $*"\n' >"$SANDBOX/fake/smtp-recv"
printf '#!/bin/sh\necho "runner: $*" >&2\nexec sleep 100\n' >"$SANDBOX/fake/queue-run"
chmod 755 "$SANDBOX/fake/smtp-recv" "$SANDBOX/fake/queue-run"
options()
{
	PIPEPOST_BIN=$SANDBOX/fake start_smtpd "$@"
	wait_until 30 log_has '^runner: '
	echo "session:$(banner | cut -c 4-), $(grep '^runner: ' "$LOG" | sed "s| -f $CONF||")"
	stop "$SMTPD"
}
is   '-T mta is for the runner'              "$(options -T mta)" 'session: fake, runner: -s -v'
is   '-T rules is for both'                  "$(options -T rules)" 'session: fake -v, runner: -s -v'
is   '-v as well'                            "$(options -v)" 'session: fake -v, runner: -s -v'

# ---- -F ----

start "$BIN/smtpd" -F >"$SANDBOX/said" 2>&1 </dev/null
ok   '-F: in the foreground'                 wait_until 30 answers
if test -e /dev/log; then
	is '... and the log goes to syslog'      "$(cat "$SANDBOX/said")" ''
else
	like '... and without syslog the log is not lost'  "$(cat "$SANDBOX/said")" 'smtpd/smtpd\[[0-9]+\]: started'
fi
stop "$PID"

# ---- process 1 ----

# In a pid namespace: smtpd is process 1, and a child of a child that has gone is its own.
cat >"$SANDBOX/fake/smtp-recv" <<'EOF'
#!/bin/sh
(sleep 0.2 & exec true) &
wait
echo "220 $$"
EOF
rm "$SANDBOX/fake/queue-run"
ln -s "$BIN/queue-run" "$SANDBOX/fake/queue-run"
unshare=
unshare -pf --mount-proc true 2>/dev/null && unshare='unshare -pf --mount-proc'
test -n "$unshare" || { unshare -rpf --mount-proc true 2>/dev/null && unshare='unshare -rpf --mount-proc'; }
if test -n "$unshare"; then
	: >"$LOG"
	PIPEPOST_BIN=$SANDBOX/fake start $unshare "$BIN/smtpd" -d >>"$LOG" 2>&1 </dev/null
	container=$PID
	ok   'process 1: it answers'                 wait_until 30 answers
	ok   '... as that'                           log_has 'started: .*process 1,'
	first=$(pgrep -P "$container")
	banner >/dev/null
	# zombies: how many children of process 1 are dead and not reaped
	zombies() { for t_p in $(pgrep -P "$first"); do t_is_zombie "$t_p" && echo "$t_p"; done | wc -l; }
	sleeps() { pgrep -P "$first" sleep; }
	is_clean() { test -z "$(sleeps)" && test "$(zombies)" -eq 0; }
	ok   '... what sessions leave behind is reaped' wait_until 30 is_clean
	kill -TERM "$first"
	is_over() { ! kill -0 "$first" 2>/dev/null; }
	ok   '... and TERM ends it, and all of its programs' wait_until 30 is_over
	wait "$container"
	is   '... with exit 0'                       "$?" 0
	ok   '... the runner in order'               log_has 'smtpd/smtpd\[1\]: stopped'
else
	skip 'pid namespaces are not to be had'
fi
done_testing
