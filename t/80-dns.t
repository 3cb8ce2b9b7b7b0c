#!/bin/sh
# deliver-remote finds the servers of a domain by a real name server: preference, equals, implicit MX,
# literals, aliases, null MX, IPv6, our own name in the list; and what of it is for good and what for now.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/dns.sh"
need deliver-remote
need_dns_server
sandbox

# All servers have one port, and addresses of their own.
start_peer --listen 127.0.0.2
port=$PEER_PORT best=$PEER_DIR
start_peer --listen 127.0.0.3 --port "$port"
second=$PEER_DIR
start_peer --listen 127.0.0.5 --port "$port" --reply 'CONNECT=554 5.7.1 not you'
start_peer --listen 127.0.0.6 --port "$port" --drop MAIL
has_v6=
$PYTHON -c 'import socket; socket.create_server(("::1", 0), family=socket.AF_INET6)' 2>/dev/null && {
	has_v6=yes
	start_peer --listen ::1 --port "$port"
}
big=$(n=0; while test $n -lt 20; do printf '%s' xxxxxxxxxx; n=$((n + 1)); [ $n = 5 -o $n = 10 -o $n = 15 ] && printf .; done)

zone()
{
	cat <<-EOT
	best.example.            A 127.0.0.2
	second.example.          A 127.0.0.3
	gone.example.            A 127.0.0.4
	third.example.           A 127.0.0.3
	two.example.             A 127.0.0.4
	two.example.             A 127.0.0.3
	six.example.             AAAA ::1
	both.example.            AAAA ::1
	both.example.            A 127.0.0.2
	plain.example.           MX 10 best.example.
	order.example.           MX 20 second.example.
	order.example.           MX 5 best.example.
	next.example.            MX 5 gone.example.
	next.example.            MX 10 second.example.
	unwilling.example.       A 127.0.0.5
	fickle.example.          A 127.0.0.6
	trouble.example.         MX 5 unwilling.example.
	trouble.example.         MX 6 fickle.example.
	trouble.example.         MX 7 second.example.
	sick.example.            MX 5 unwilling.example.
	sick.example.            MX 6 gone.example.
	equal.example.           MX 10 best.example.
	equal.example.           MX 10 second.example.
	own.example.             MX 30 second.example.
	own.example.             MX 20 here.example.
	own.example.             MX 20 gone.example.
	own.example.             MX 10 best.example.
	kept.example.            MX 30 second.example.
	kept.example.            MX 20 here.example.
	kept.example.            MX 10 gone.example.
	loop.example.            MX 10 here.example.
	loop.example.            MX 20 best.example.
	here.example.            A 127.0.0.3
	null.example.            MX 0 .
	nothing.example.         TXT "no address"
	lost.example.            MX 10 nothing.example.
	half.example.            MX 10 a.broken.example.
	half.example.            MX 20 second.example.
	later.example.           MX 10 a.broken.example.
	alias.example.           CNAME plain.example.
	ring.example.            CNAME ring2.example.
	ring2.example.           CNAME ring.example.
	aliased.example.         MX 10 alias-host.example.
	alias-host.example.      CNAME best.example.
	v6.example.              MX 10 six.example.
	xn--bcher-kva.example.   MX 10 best.example.
	many.example.            MX 10 best.example.
	EOT
	n=0
	while test $n -lt 60; do
		echo "many.example. MX 20 $big.h$n.example."
		n=$((n + 1))
	done
}
zone >"$SANDBOX/zone"
start_dns broken.example <"$SANDBOX/zone"

# by_hand [OPTIONS] DESTINATION: the report's line for the recipient in $said
by_hand()
{
	said=$(printf 'Subject: x\n\nx\n' | deliver-remote -t 10 "$@" s@here.example r@there.example 2>>"$LOG" |
		tr '\0' '\n' | head -n 1)
}
# deliver DOMAIN [OPTIONS]
deliver()
{
	t_domain=$1; shift
	by_hand -o "port=$port" "$@" "$t_domain"
}
# goes DOMAIN TO [OPTIONS]: it is accepted, by the server of that name and address
goes()
{
	t_to=$2 t_d=$1; shift 2
	deliver "$t_d" "$@"
	case $said in "r2.0.0 $t_to: 250 "*) return 0 ;; esac
	note "got: $said"
	return 1
}
# ends DOMAIN REPORT [OPTIONS]: exactly that
ends()
{
	t_report=$2 t_d=$1; shift 2
	deliver "$t_d" "$@"
	test "$said" = "$t_report" || { note "got: $said"; return 1; }
}
messages() { ls "$1" | grep -Ec '^[0-9]+$'; }

ok 'mail for a domain goes to its MX' goes plain.example 'best.example[127.0.0.2]'
ok '... the one with the lowest preference' goes order.example 'best.example[127.0.0.2]'
ok '... and the next one where that is not there' goes next.example 'second.example[127.0.0.3]'
ok '... to each of its addresses' goes two.example 'two.example[127.0.0.3]'
ok '... past one that does not want us and one that hangs up at MAIL' goes trouble.example 'second.example[127.0.0.3]'
ok '... and of several reasons that of a server that was there is told' ends sick.example \
	's4.7.1 unwilling.example[127.0.0.5]: 554 5.7.1 not you'
before=$(messages "$second") n=0
while test $n -lt 16; do goes equal.example best >/dev/null; n=$((n + 1)); done
ok 'equal ones share the mail' test "$(messages "$second")" -gt "$before" -a "$(messages "$second")" -lt $((before + 16))
ok 'a domain without MX is its own server' goes second.example 'second.example[127.0.0.3]'
ok 'an address in brackets needs no name server' goes '[127.0.0.2]' '127.0.0.2[127.0.0.2]'
ok 'a domain that is an alias: the MX of what it stands for' goes alias.example 'best.example[127.0.0.2]'
ok 'an MX that is an alias is followed, too' goes aliased.example 'alias-host.example[127.0.0.2]'
ok 'a domain in letters of another script' goes 'bücher.example' 'best.example[127.0.0.2]'
ok 'an answer that does not fit a datagram' goes many.example 'best.example[127.0.0.2]'
if test -n "$has_v6"; then
	ok 'a server may have IPv6 only' goes v6.example 'six.example[::1]'
	ok '... where it has both, IPv6 comes first' goes both.example 'both.example[::1]'
	ok '... unless smtpd.conf wants inet4' goes both.example 'both.example[127.0.0.2]' -o inet4=1
	ok '[IPv6:...] is an address' goes '[IPv6:::1]' '::1[::1]'
else
	skip 'there is no ::1 here'
fi
ok 'inet6 and a server with IPv4 only: later' ends plain.example \
	's4.4.4 No mail server of plain.example has an IPv6 address, and smtpd.conf allows no other' -o inet6=1

ok 'a backup MX hands on to better ones' goes own.example 'best.example[127.0.0.2]' -o own-name=here.example
ok '... never to worse ones' ends kept.example 's4.4.1 gone.example[127.0.0.4]: Connection refused' -o own-name=here.example
ok 'the best MX of a domain that it delivers nowhere says so' ends loop.example \
	'h5.4.6 Mail for loop.example loops back to this host: it is the best mail server itself, but has no rule that delivers' \
	-o own-name=here.example

ok 'no such domain: for good' ends nowhere.example 'h5.1.2 There is no domain nowhere.example'
ok 'null MX: for good' ends null.example 'h5.1.10 The domain null.example accepts no mail (null MX)'
ok 'neither MX nor address: for good' ends nothing.example \
	'h5.1.2 The domain nothing.example has no mail server and no address'
ok 'an MX without address: for good' ends lost.example 'h5.4.4 No mail server of lost.example (nothing.example) has an address'
ok 'brackets without an address: for good' ends '[127.0.0.256]' 'h5.1.2 [127.0.0.256] is no address'
deliver broken.example
like 'a name server that fails: later' "$said" '^s4\.4\.3 MX of broken\.example: .*SERVFAIL'
deliver later.example
like '... for the address of the only MX, too' "$said" '^s4\.4\.3 .*a\.broken\.example: .*SERVFAIL'
ok '... but another MX will do' goes half.example 'second.example[127.0.0.3]'
deliver ring.example
like 'aliases in a ring: later' "$said" '^s4\.4\.3 '

# Hosts that smtpd.conf names: by address, not by MX, and never for good.
by_hand "smtp://plain.example:$port"
like 'a relay is no domain: its MX records are not asked for' "$said" \
	'^s4\.3\.5 The host plain\.example, which smtpd\.conf names, has no address'
by_hand "smtp://second.example:$port"
like '... its address is' "$said" '^r2\.0\.0 second\.example\[127\.0\.0\.3\]: 250 '

stop_dns
deliver plain.example
like 'where no name server answers: later' "$said" '^s4\.4\.3 MX of plain\.example: no answer from the name server'

done_testing
