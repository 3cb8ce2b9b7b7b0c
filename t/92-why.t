#!/bin/sh
# smtpctl why: what the rules do with an address, in the words of smtp-recv's
# reply and log.
. "$(dirname "$0")/lib.sh"
need smtpctl smtp-recv tcpserver makemap
sandbox alice

printf 'alias1: alice\nloop: loop2\nloop2: loop\nnobody: error:550 5.7.1 go away\nremote: bob@example.net\n' >"$SANDBOX/aliases"
printf 'list.example\n' >"$SANDBOX/domains"
configure()
{
	conf <<-EOT
	listen on 127.0.0.1 port ${PORT:-25} hostname mail.example.org
	$(users_table)
	table aliases file:$SANDBOX/aliases
	table domains file:$SANDBOX/domains
	table spammers { "@spam.example" }
	reject from any sender <spammers> for any
	accept from any for domain "example.org" alias <aliases> userbase <users> deliver to maildir
	accept from any for domain <domains> alias <aliases> userbase <users> deliver to maildir
	accept from local for any relay via smtp://127.0.0.1:1
	EOT
}
configure
start_tcpserver
configure

why() { smtpctl why "$@" 2>"$SANDBOX/stderr"; }
said() { cat "$SANDBOX/stderr"; }
# at the door: the reply to RCPT, of a client that is somebody else, without its last four octets
door()
{
	timeout 10 $PYTHON -c '
import os, socket, subprocess, sys
a, b = socket.socketpair()
env = dict(os.environ, TCPREMOTEIP="192.0.2.7", TCPLOCALIP="127.0.0.1", TCPLOCALPORT=sys.argv[1], PROTO="TCP")
p = subprocess.Popen(["smtp-recv", "-e"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(sys.argv[2], "a"), env=env, text=True, bufsize=1)
def ask(line):
    p.stdin.write(line + "\r\n"); p.stdin.flush()
    return p.stdout.readline().strip()
p.stdout.readline()
ask("HELO client.example"); ask("MAIL FROM:<" + sys.argv[4] + ">")
print(ask("RCPT TO:<" + sys.argv[3] + ">"))
ask("QUIT"); p.stdin.close(); p.wait()' "$PORT" "$LOG" "$1" "$2"
}
# logged: what the log says of the last refusal
logged() { grep failed-command "$LOG" | tail -n 1 | sed 's/.* why="\(.*\)"$/\1/'; }

for case in 'alice@example.org a@example.net' 'ghost@example.org a@example.net' 'x@elsewhere.example a@example.net' \
	'alias1@list.example a@example.net' 'alice@example.org joe@spam.example' 'loop@example.org a@example.net' \
	'nobody@list.example a@example.net' 'remote@example.org a@example.net'; do
	address=${case% *} sender=${case#* }
	: >"$SANDBOX/why"
	why "$address" from 192.0.2.7 sender "$sender" >"$SANDBOX/why"; status=$?
	reply=$(door "$address" "$sender")
	is   "$address from $sender: the result is the reply at the door" "$(sed -n 's/^result: //p' "$SANDBOX/why")" "$reply"
	case $reply in
	2*)	is '... and the exit code is 0'      "$status" 0 ;;
	*)	is '... and the exit code is 1'      "$status" 1
		is '... why stands in the log, word for word' "$(sed -n 's/^why: //p' "$SANDBOX/why")" "$(logged)" ;;
	esac
done

line() { grep -n "$1" "$CONF" | cut -d: -f1; }
is   'each rule tried is there with its place, each table with its answer' \
	"$(why alias1@list.example from 192.0.2.7 sender a@example.net | sed "s|$SANDBOX|DIR|g; s|<dynamic:[0-9]*>|<dynamic>|")" \
	"mail for <alias1@list.example> from 192.0.2.7, sender <a@example.net>:
    <spammers> mailaddr a@example.net: not there
DIR/smtpd.conf:$(line '^reject'): not sender <spammers>
    <dynamic> domain list.example: not there
DIR/smtpd.conf:$(line '"example.org"'): not for domain <dynamic>
    <domains> domain list.example: yes
DIR/smtpd.conf:$(line '<domains>' | tail -n 1): matches: accept from any for domain <domains> alias <aliases> userbase <users> deliver to maildir
    <aliases> alias alias1: alice
    <spammers> mailaddr a@example.net: not there
DIR/smtpd.conf:$(line '^reject'): not sender <spammers>
    <dynamic> domain list.example: not there
DIR/smtpd.conf:$(line '"example.org"'): not for domain <dynamic>
    <domains> domain list.example: yes
DIR/smtpd.conf:$(line '<domains>' | tail -n 1): matches: accept from any for domain <domains> alias <aliases> userbase <users> deliver to maildir
    <aliases> alias alice: not there
    <users> userinfo alice@list.example, alice: $RUN_UID:$RUN_GID:DIR/home/alice
result: 250 2.1.5 Ok
why: rule DIR/smtpd.conf:$(line '<domains>' | tail -n 1); user alice is in <users> (DIR/smtpd.conf:$(line '<domains>' | tail -n 1))
way: maildir of user alice (uid $RUN_UID)"
like 'without a client it is mail of this host'  "$(why x@elsewhere.example)" '^way: relay via smtp://127\.0\.0\.1:1$'
like '... from a client it is not'               "$(why x@elsewhere.example from 192.0.2.7)" '^result: 550 5\.7\.1 '
like '... unless that is authenticated'          "$(why x@elsewhere.example from 192.0.2.7 user joe)" '^result: 250 '
rm "$SANDBOX/domains"
ok   'what cannot be told is neither yes nor no'  status 75 quiet why alias1@list.example from 192.0.2.7
like '... and says why'                          "$(why alias1@list.example from 192.0.2.7)" "<domains> domain list.example: cannot tell: $SANDBOX/domains: No such file"
ok   'what is no address is not asked for'        status 65 quiet why 'a b'
ok   'what is no client is misuse'               status 64 quiet why alice@example.org from nowhere
ok   'what is left over is misuse'               status 64 quiet why alice@example.org from
is   'nothing of it breaks the terminal'         "$(why "$(printf 'a\033b@example.org')" from 192.0.2.7 | tr -cd '\033')" ''
printf 'frob\n' >>"$CONF"
ok   'a configuration with errors is named'      status 78 quiet why alice@example.org
like '... with the line'                         "$(said)" "smtpd.conf:[0-9]+: "
done_testing
