#!/bin/sh
# Two hosts that find each other by a real name server, each with a spool and port 25 of its own, in a network of
# their own: mail goes both ways, and a loop between them ends in one notice.
if test "${1-}" != inside; then
	for t_flags in -n '-Unc --keep-caps'; do
		unshare $t_flags sh -c 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start' 2>/dev/null &&
			exec unshare $t_flags sh "$0" inside
	done
	echo '1..0 # SKIP a network of its own cannot be made here'
	exit 0
fi
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/dns.sh"
need tcpserver smtp-recv queue-inject queue-run queue-bounce deliver-remote deliver-local
need_dns_server
$PYTHON -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 0x49))' || skip_all 'the loopback interface cannot be switched on'
sandbox anna bert
start_dns <<-EOT
one.example.       MX 10 mx.one.example.
mx.one.example.    A 127.0.0.2
two.example.       MX 10 mx.two.example.
mx.two.example.    A 127.0.0.3
EOT

# host N ADDRESS NAME OTHER: that host, and its sides of one.example or two.example and of the loop
host()
{
	mkdir "$SANDBOX/$1"
	conf "$SANDBOX/$1/smtpd.conf" <<-EOT
	listen on $2 port 25 hostname mx.$3
	$(users_table)
	accept from any for domain "$3" userbase <users> deliver to maildir
	accept from any for domain "loop.example" relay via "smtp://$4" hostname "mx.$3"
	accept from any for any relay hostname "mx.$3"
	EOT
	on "$1" queue-init "$SANDBOX/$1/spool" >>"$LOG" 2>&1 || bail_out "queue-init: $(cat "$LOG")"
	start env PIPEPOST_CONF="$SANDBOX/$1/smtpd.conf" PIPEPOST_SPOOL="$SANDBOX/$1/spool" \
		tcpserver -H -R -D -c 50 -b 50 -l "mx.$3" "$2" 25 "$BIN/smtp-recv" 2>>"$SANDBOX/$1/log" </dev/null
	start env PIPEPOST_CONF="$SANDBOX/$1/smtpd.conf" PIPEPOST_SPOOL="$SANDBOX/$1/spool" \
		"$BIN/queue-run" -s 2>>"$SANDBOX/$1/log" </dev/null
}
# on N COMMAND
on()
{
	t_host=$1; shift
	PIPEPOST_CONF=$SANDBOX/$t_host/smtpd.conf PIPEPOST_SPOOL=$SANDBOX/$t_host/spool "$@"
}
# inject N SENDER RECIPIENT
inject()
{
	printf 'F%s\0T%s\0\0' "$2" "$3" >"$SANDBOX/envelope"
	printf 'Subject: x\n\ntext\n' | on "$1" queue-inject 1<"$SANDBOX/envelope" 2>>"$LOG"
}
is_idle() { test -z "$(find "$SANDBOX/$1/spool/new" "$SANDBOX/$1/spool/cur" "$SANDBOX/$1/spool/later" -type f)"; }
both_are_idle() { is_idle 1 && is_idle 2; }
log_of() { cat "$SANDBOX/$1/log"; }

host 1 127.0.0.2 one.example 127.0.0.3
host 2 127.0.0.3 two.example 127.0.0.2

inject 1 anna@one.example bert@two.example
ok 'mail for the other host arrives' wait_until 20 has_mail bert
like '... by its MX' "$(log_of 1)" 'mta connected relay=mx\.two\.example\[127\.0\.0\.3\]'
like '... with the names of both' "$(cat "$(the_mail bert)")" '^Received: from mx\.one\.example .*'
inject 2 bert@two.example anna@one.example
ok '... and the other way' wait_until 20 has_mail anna
inject 1 anna@one.example nobody@two.example
ok 'who is not there is reported to the sender' wait_until 20 has_mail anna 2
like '... with the words of the other host' "$(cat $(mailbox anna))" '550 5\.1\.1 '
wait_until 20 both_are_idle

before=$(mail_count anna)
inject 1 anna@one.example somebody@loop.example
has_notice() { test "$(mail_count anna)" -gt "$before"; }
ok 'a loop between the two ends' wait_until 60 has_notice
ok '... wholly' wait_until 20 both_are_idle
is '... in one notice' "$(mail_count anna)" $((before + 1))
notice=$(grep -l loop.example $(mailbox anna) | head -n 1)
like '... that names the reason' "$(cat "$notice")" '^Status: 5\.4\.6'
is '... and none of it goes to anybody else' "$(mail_count bert)" 1

done_testing
