#!/bin/sh
# smtpctl: its words, its switches, the counters, and what it does under other names.
. "$(dirname "$0")/lib.sh"
need smtpctl smtp-recv queue-inject queue-run sendmail tcpserver
sandbox alice

ctl() { smtpctl "$@" 2>"$SANDBOX/stderr"; }
quiet_ctl() { ctl "$@" >/dev/null; }
said() { cat "$SANDBOX/stderr"; }
# stat KEY: its value
stat_of() { smtpctl show stats | sed -n "s/^$1=//p"; }

# ---- words ----

is   'words may be abbreviated'                  "$(ctl sh statu | head -n 1)" 'MDA running'
ok   '... not so far that they mean two'         status 64 quiet_ctl sh st
like '... which is said'                         "$(said)" 'sh*t*: that could be the beginning of several commands'
ok   'what is no command is misuse'              status 64 quiet_ctl frobnicate
like '... and named'                             "$(said)" 'frobnicate: there is no such command'
ok   'without words it shows its usage'          status 64 quiet_ctl
like '... with every command'                    "$(said)" 'smtpctl pause envelope ID'
ok   '-h is no misuse'                           status 0 quiet smtpctl -h
ok   'too many words are misuse'                 status 64 quiet_ctl show status now

# Each command of the usage stands in the manual page.
page=$(mandoc -T utf8 "$t_dir/../queue-run/smtpctl.8" 2>/dev/null | col -b 2>/dev/null | tr -s ' \n' '  ')
missing=
if test -n "$page"; then
	smtpctl -h | sed -n 's/^ *smtpctl \([a-z ]*[a-z]\).*/\1/p' >"$SANDBOX/commands"
	while read -r command; do
		last=${command##* }
		case $page in *" $last"*) ;; *) missing="$missing $command;" ;; esac
	done <"$SANDBOX/commands"
	is 'every command has its place in the manual page' "$missing" ''
else
	skip 'mandoc is not there'
fi

# ---- switches ----

start_tcpserver
banner() { timeout 5 $PYTHON -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(s.makefile().readline().strip())' "$PORT"; }

like 'mail is accepted'                          "$(banner)" '^220 '
is   'pause smtp'                                "$(ctl pause smtp)" 'command succeeded'
like '... the network is sent away for a while'  "$(banner)" '^421 4\.3\.2 .* is closed for a while'
ok   '... which is logged'                       log_has 'smtp failed-command .*421 4\.3\.2.*smtpctl pause smtp'
ok   '... but not who submits mail here'         quiet sh -c 'printf "QUIT\r\n" | sendmail -bs | grep "^220 "'
is   '... show status knows'                     "$(ctl show status | sed -n 3p)" 'SMTP paused'
is   'resume smtp'                               "$(ctl resume smtp)" 'command succeeded'
like '... mail is accepted again'                "$(banner)" '^220 '
is   'resuming what is not paused succeeds'      "$(ctl resume smtp)" 'command succeeded'
ctl pause incoming >/dev/null; ctl pause local >/dev/null; ctl pause outgoing >/dev/null
is   'the words of 2009 mean the same'           "$(ctl show status | head -n 3)" \
	"MDA paused
MTA paused
SMTP paused"
ctl resume incoming >/dev/null; ctl resume mda >/dev/null; ctl resume mta >/dev/null
ctl pause domain @Example.NET >/dev/null
ctl log verbose >/dev/null
is   'a domain is paused by name; logs are verbose' "$(ctl show status)" \
	"MDA running
MTA running
SMTP running
DOMAIN example.net paused
LOG verbose"
ok   '... in files that every program can see'   test -e "$SPOOL/control/pause-domain/example.net" -a -e "$SPOOL/control/verbose"
ctl resume domain example.net >/dev/null; ctl log brief >/dev/null
is   '... and back'                              "$(ctl show status | tail -n 2)" \
	"SMTP running
LOG brief"
for d in ../x a/b .hidden '' 'a b' "$(printf 'a\tb')"; do
	ok "'$d' is no domain"                   status 64 quiet_ctl pause domain "$d"
done

# ---- counters ----

is   'show stats has the counters of the how-to, in its order' "$(ctl show stats | sed -n '1,24s/=.*//p')" \
	"mta.sessions
mta.sessions.active
parent.uptime
queue.inserts.local
queue.inserts.remote
runner.active
smtp.errors.delays
smtp.errors.linetoolong
smtp.errors.read_eof
smtp.errors.read_system
smtp.errors.read_timeout
smtp.errors.tempfail
smtp.errors.toofast
smtp.errors.write_eof
smtp.errors.write_system
smtp.errors.write_timeout
smtp.sessions
smtp.sessions.aborted
smtp.sessions.active
smtp.sessions.timeout
smtp.sessions.smtps
smtp.sessions.smtps.active
smtp.sessions.starttls
smtp.sessions.starttls.active"

ok   '-z begins anew'                            status 0 quiet smtpctl show stats -z
is   '... at zero'                               "$(stat_of smtp.sessions)" 0
sessions_active() { test "$(stat_of smtp.sessions.active)" -eq "$1"; }
ok   'nobody is connected'                       wait_until 5 sessions_active 0
start $PYTHON -c '
import socket, sys, time
c = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for i in range(3)]
for s in c: s.recv(100)
time.sleep(60)' "$PORT"
client=$PID
ok   'those who are connected are counted'       wait_until 10 sessions_active 3
kill -KILL "-$client"
ok   '... until they are gone'                   wait_until 10 sessions_active 0
is   '... and their sessions stay counted'       "$(stat_of smtp.sessions)" 3
ok   '... as broken off'                         wait_until 5 test "$(stat_of smtp.sessions.aborted)" -eq 3

printf 'Subject: x\n\ntext\n' | sendmail -f a@example.net alice@example.org bob@example.net 2>>"$LOG"
$PYTHON -c '
import smtplib, sys
smtplib.SMTP("127.0.0.1", int(sys.argv[1])).sendmail("a@example.net", "alice@example.org", "Subject: x\n\ntext\n")' "$PORT"
is   'recipients from here and from the network are told apart' \
	"$(stat_of queue.inserts.local) $(stat_of queue.inserts.remote)" "2 1"
like 'the same for Prometheus'                   "$(ctl show stats -p)" '^pipepost_queue_inserts_local_total 2$'
is   '... each with its type'                    "$(ctl show stats -p | grep -c '^# TYPE ')" "$(ctl show stats -p | grep -c '^pipepost_')"
start_runner
running() { test "$(stat_of runner.running)" -eq "$1"; }
ok   'a runner is counted'                       wait_until 10 running 1
kill -KILL "-$RUNNER"
ok   '... until it is killed'                    wait_until 10 running 0

rm "$SPOOL/stats/remote"
is   'a file of counters that is not there counts nothing' "$(stat_of mta.sessions)" 0
printf x >"$SPOOL/stats/remote"
ok   '... one of another size is complained of'  status 72 quiet_ctl show stats

# ---- encrypt ----

matches() { $PYTHON -W ignore -c 'import crypt, sys; sys.exit(crypt.crypt(sys.argv[1], sys.argv[2]) != sys.argv[2])' "$1" "$2"; }
ok   'encrypt makes a hash of a password'        matches secret "$(ctl encrypt secret)"
like '... for tables that know bcrypt'           "$(ctl encrypt secret)" '^\$2b\$10\$.{53}$'
printf 'one\ntwo\n' | ctl encrypt -s sha512 >"$SANDBOX/hashes"
ok   '... one for each line of input'            matches two "$(sed -n 2p "$SANDBOX/hashes")"
unlike '... never the same twice'                "$(ctl encrypt secret)" "$(ctl encrypt secret | sed 's/[$.*]/\\&/g')"
ok   'what is no kind is misuse'                 status 64 quiet_ctl encrypt -s md5 x
ok   'an empty password is none'                 status 65 quiet_ctl encrypt ''

# ---- words that say how ----

is   'update table succeeds'                     "$(ctl update table aliases)" 'command succeeded'
ok   'trace says how'                            status 1 quiet_ctl trace smtp
like '... in words'                              "$(said)" 'log verbose'
ok   'stop says how'                             status 1 quiet_ctl stop

# ---- other names ----

mkdir "$SANDBOX/other" "$SANDBOX/sbin"
for p in sendmail newaliases makemap; do
	printf '#!/bin/sh\necho "${0##*/} $*"\n' >"$SANDBOX/other/$p"
	chmod 755 "$SANDBOX/other/$p"
done
for p in sendmail send-mail mailq newaliases makemap hoststat; do ln -s "$BIN/smtpctl" "$SANDBOX/sbin/$p"; done
as_name() { PIPEPOST_BIN=$SANDBOX/other "$SANDBOX/sbin/$@"; }
is   'called sendmail it is sendmail'            "$(as_name sendmail -t -i)" 'sendmail -t -i'
is   '... send-mail too'                         "$(as_name send-mail x)" 'sendmail x'
is   'called mailq it is mailq'                  "$(as_name mailq -m)" 'sendmail -m'
is   'called makemap it is makemap'              "$(as_name makemap secrets)" 'makemap secrets'
is   'called newaliases it is newaliases'        "$(as_name newaliases)" 'newaliases '
is   'called hoststat it has nothing to say'     "$(as_name hoststat; echo $?)" 0
is   'mailwrapper gives the name, not the path'  "$($PYTHON -c '
import os, sys
os.execv(sys.argv[1], ["mailq", "-m"])' "$BIN/smtpctl" | wc -l)" "$(smtpctl show queue -m | wc -l)"
done_testing
