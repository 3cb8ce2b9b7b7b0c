#!/bin/sh
# Two pipepost hosts that find each other through DNS and talk on port 25, in a network of their own.
if test -z "${IN_NETWORK-}"; then
	unshare=
	for try in 'unshare -n' 'unshare -cn --keep-caps'; do
		test -n "$unshare" || { $try ip link set lo up 2>/dev/null && unshare=$try; }
	done
	test -n "$unshare" || { echo '1..0 # SKIP no network of our own can be made here'; exit 0; }
	IN_NETWORK=1 exec $unshare sh -c 'ip link set lo up && exec sh "$0"' "$0"
fi
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/dns.sh"
need smtp-recv queue-inject queue-run deliver-remote deliver-local queue-bounce sendmail
need_dns_server
sandbox anna bert

start_dns <<-EOT
a.example.		MX 10 mx.a.example.
mx.a.example.		A 127.0.0.2
b.example.		MX 20 gone.b.example.
b.example.		MX 10 nobody.b.example.
b.example.		MX 30 mx.b.example.
nobody.b.example.	A 127.0.0.9
mx.b.example.		A 127.0.0.3
nomail.example.		MX 0 .
loop.example.		MX 10 mx.a.example.
EOT

# on HOST COMMAND...: with the spool and the configuration of that host
on()
{
	t_host=$1; shift
	PIPEPOST_SPOOL=$SANDBOX/$t_host/spool PIPEPOST_CONF=$SANDBOX/$t_host/smtpd.conf "$@"
}
# host NAME ADDRESS USER: a host with its configuration (the last rule, on fd 0, says where other mail goes)
host()
{
	mkdir -p "$SANDBOX/$1" && chmod 755 "$SANDBOX/$1"
	{
		printf 'listen on %s port 25 hostname mx.%s\n' "$2" "$1"
		users_table; echo
		echo "accept from any for domain \"$1\" userbase <users> deliver to maildir"
		cat
	} >"$SANDBOX/$1/smtpd.conf"
	on "$1" queue-init "$SANDBOX/$1/spool" >>"$LOG" 2>&1 || bail_out "queue-init: $(tail -n 1 "$LOG")"
	on "$1" start tcpserver -H -R -D -l "mx.$1" "$2" 25 "$BIN/smtp-recv" 2>>"$LOG" </dev/null
	on "$1" start "$BIN/queue-run" -s 2>>"$LOG" </dev/null >>"$LOG"
}
is_up() { $PYTHON -c 'import socket, sys; socket.create_connection((sys.argv[1], 25), 1)' "$1" 2>/dev/null; }
queued_on() { find "$SANDBOX/$1/spool/new" "$SANDBOX/$1/spool/cur" "$SANDBOX/$1/spool/later" "$SANDBOX/$1/spool/wait" -type f | wc -l; }
is_idle() { test "$(queued_on a.example)" -eq 0 && test "$(queued_on b.example)" -eq 0; }
send() { printf 'Subject: %s\n\nhello\n' "$2" | on a.example sendmail -f anna@a.example "$1"; }

host a.example 127.0.0.2 <<-EOT
accept from any for domain "loop.example" relay via "smtp://mx.b.example:25"
accept from local for any relay
EOT
host b.example 127.0.0.3 <<-EOT
accept from any for domain "loop.example" relay
accept from local for any relay
EOT
wait_until 10 is_up 127.0.0.2 && wait_until 10 is_up 127.0.0.3 || bail_out 'no host is up'

send bert@b.example one
ok 'mail finds the other host through its MX, past one that is gone and one that does not answer' wait_until 20 has_mail bert
like '... by which way it came stands in it' "$(grep -A1 '^Received:' "$(the_mail bert)" | tr -d '\n')" 'by mx.b.example'
printf 'Subject: two\n\nback\n' | on b.example sendmail -f bert@b.example anna@a.example
ok 'and back' wait_until 20 has_mail anna
rm -f "$SANDBOX"/home/*/Maildir/new/*

send nobody@b.example unknown
ok 'an unknown user there is a notice here' wait_until 20 has_mail anna
like '... from the host that had the mail' "$(cat "$(the_mail anna)")" 'Remote-MTA: dns; mx.b.example'
rm -f "$SANDBOX"/home/anna/Maildir/new/*

send x@nomail.example null
ok 'a domain that takes no mail (null MX) fails at once' wait_until 20 has_mail anna
like '... for that reason' "$(cat "$(the_mail anna)")" 'Status: 5\.1\.10'
rm -f "$SANDBOX"/home/anna/Maildir/new/*

send x@nowhere.example absent
ok 'so does one that is not there' wait_until 20 has_mail anna
like '... for that one' "$(cat "$(the_mail anna)")" 'Status: 5\.1\.2'
rm -f "$SANDBOX"/home/anna/Maildir/new/*

send round@loop.example loop
ok 'mail that two hosts send to each other ends' wait_until 60 has_mail anna
like '... as a notice that says so' "$(cat "$(the_mail anna)")" 'Status: 5\.4\.6'
wait_until 20 is_idle
is '... one' "$(mail_count anna)" 1
ok '... and nothing is left of it' is_idle

done_testing
