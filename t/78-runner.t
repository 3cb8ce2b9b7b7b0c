#!/bin/sh
# queue-run as it is lived with: two of them, signals, a configuration that is
# broken for a while, processes that outlive it, notices that cannot be made.
. "$(dirname "$0")/lib.sh"
need queue-inject queue-run deliver-local queue-bounce
sandbox alice

# inject SENDER RECIPIENT
inject()
{
	printf 'F%s\0T%s\0\0' "$1" "$2" >"$SANDBOX/envelope"
	printf 'Subject: x\n\ntext\n' >"$SANDBOX/message"
	queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG"
}
# configure: example.org into Maildirs; command.example into a command that waits
configure()
{
	conf <<-EOT
	$(users_table)
	accept from any for domain "example.org" userbase <users> deliver to maildir
	accept from any for domain "command.example" userbase <users> deliver to mda "$SANDBOX/command"
	EOT
}
cat >"$SANDBOX/command" <<EOT
#!/bin/sh
cat >/dev/null
echo started >>$SANDBOX/home/alice/started
i=0
until test -e $SANDBOX/go || test \$i -ge 400; do sleep 0.05; i=\$((i + 1)); done
echo ended >>$SANDBOX/home/alice/ended
EOT
chmod 755 "$SANDBOX/command"
runs_command() { test -s "$SANDBOX/home/alice/started"; }
lines_of() { cat "$SANDBOX/home/alice/$1" 2>/dev/null | wc -l; }
configure

# ---- two of them ----

start_runner
inject s@example.net alice@example.org
ok   'a runner that stays delivers'              wait_until 10 has_mail alice
ok   'a second one ends at once, with success'   run_queue
ok   '... also one that would stay'              run_queue -s

# ---- HUP ----

stop_runner
rm -rf "$SANDBOX/home/alice/Maildir"
inject s@example.net alice@example.org
mkdir "$SANDBOX/aside" && mv "$SPOOL"/new/* "$SANDBOX/aside"
start_runner
inject s@example.net alice@example.org
wait_until 10 has_mail alice
mv "$SANDBOX"/aside/* "$SPOOL/new"
kill -HUP "$RUNNER"
ok   'HUP: a file that nobody told of is found'  wait_until 10 has_mail alice 2
rm -rf "$SANDBOX/home/alice/Maildir"

# ---- a broken configuration ----

echo 'no such thing' >>"$CONF"
kill -HUP "$RUNNER"
ok   'a broken configuration is logged'          wait_until 10 log_has 'no mail is taken up until it parses'
inject s@example.net alice@example.org
sleep 0.3
is   '... and mail waits'                        "$(queued):$(mail_count alice)" 1:0
configure
ok   '... until it is mended, without a signal'  wait_until 10 has_mail alice
ok   '... and is gone then'                      wait_until 10 queue_is_empty

# ---- TERM ----

inject s@example.net alice@command.example
wait_until 10 runs_command
kill -TERM "$RUNNER"
ok   'TERM: a delivery that runs has time'       wait_until 10 log_has 'stopping: running deliveries have'
touch "$SANDBOX/go"
stop "$RUNNER"
is   '... and it ends with success'              "$?" 0
is   '... with the delivery recorded'            "$(queued):$(lines_of ended)" 0:1
rm "$SANDBOX/go" "$SANDBOX/home/alice/started" "$SANDBOX/home/alice/ended"

# ---- a process that outlives its runner ----

start_runner
inject s@example.net alice@command.example
wait_until 10 runs_command
kill -KILL "$RUNNER"
is_dead() { ! kill -0 "$RUNNER" 2>/dev/null || t_is_zombie "$RUNNER"; }
wait_until 10 is_dead
inject s@example.net alice@example.org
rm -rf "$SANDBOX/home/alice/Maildir"
ok   'a pass beside a process of a killed runner ends'  run_queue
is   '... and delivers what is new'              "$(mail_count alice)" 1
is   '... but leaves what is in that process'"'s hands" "$(ls "$SPOOL/cur" | wc -l):$(lines_of started)" 1:1
touch "$SANDBOX/go"
is_over() { run_queue && test -z "$(ls "$SPOOL/cur")"; }
ok   '... until it has ended'                    wait_until 10 is_over
make_due
run_queue
is   '... and then delivers again: nobody knows how it ended' "$(queued):$(lines_of ended)" 0:2
stop "$RUNNER"

# ---- notices that cannot be ----

mkdir "$SANDBOX/bin.other"
ln -s "$BIN"/* "$SANDBOX/bin.other"
rm "$SANDBOX/bin.other/queue-bounce"
printf '#!/bin/sh\ncat >/dev/null\nexit 75\n' >"$SANDBOX/bin.other/queue-bounce"
chmod 755 "$SANDBOX/bin.other/queue-bounce"
inject s@example.net nobody@example.org
PIPEPOST_BIN=$SANDBOX/bin.other run_queue
is   'a notice that cannot be made now is kept'  "$(queued)" 1
printf '#!/bin/sh\ncat >/dev/null\nexit 65\n' >"$SANDBOX/bin.other/queue-bounce"
make_due
PIPEPOST_BIN=$SANDBOX/bin.other run_queue
is   'one that can never be made does not keep the message for ever' "$(queued)" 0
ok   '... and the log says that nobody was told' log_has 'no notice about it can be made: nobody is told'

# ---- delays ----

configure
{ cat "$CONF"; echo 'bounce-warn 1s, 2s'; echo 'accept from any for domain "later.example" userbase <users> deliver to mda "exit 75"'; } | conf
inject alice@example.org alice@later.example
sleep 2
make_due
run_queue
is   'one notice tells of all delays that are over' "$(grep -c ': notice=' "$LOG")" 1

# ---- aliases that say no ----

rm -rf "$SPOOL/later"/*
conf <<-END
	$(users_table)
	table aliases { gone = "error:550 5.1.6 moved away", away = "error:450 4.2.1 on holiday" }
	accept from any for domain "example.org" alias <aliases> userbase <users> deliver to maildir
END
inject s@example.net gone@example.org
inject s@example.net away@example.org
run_queue
ok   'an alias to "error:550" fails'  log_has 'stat=Failed: 550 5\.1\.6 moved away'
ok   '... one to "error:450" waits'   log_has 'stat=Deferred: 450 4\.2\.1 on holiday'
is   '... and is kept'                "$(find "$SPOOL/later" -type f | wc -l)" 1
rm -rf "$SPOOL/later"/*
done_testing
