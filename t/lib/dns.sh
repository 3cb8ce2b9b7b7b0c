# Sourced by the tests that need a DNS server: NSD from Debian, which make deps unpacks and
# nobody installs. Needs lib.sh and a sandbox.
#
#	. "$t_dir/lib/dns.sh"
#	need_dns_server
#	sandbox
#	start_dns <<-EOT
#	example.org.       MX 10 mx.example.org.
#	mx.example.org.    A 127.0.0.1
#	EOT

# need_dns_server: skip the whole test where there is none
need_dns_server()
{
	t_nsd=$t_dir/../.peers/nsd/usr/sbin/nsd
	test -x "$t_nsd" || t_nsd=$(command -v nsd || test ! -x /usr/sbin/nsd || echo /usr/sbin/nsd)
	test -n "$t_nsd" && "$t_nsd" -v >/dev/null 2>&1 || skip_all 'the DNS server nsd is not there (make deps)'
}

# start_dns [DOMAIN...] <ZONE: a DNS server on a free port of 127.0.0.1, or on the one it had
# before; sets DNS_PORT, DNS_SERVER, exports PIPEPOST_RESOLVER. ZONE is in the form of a zone file, with
# absolute names: all that it says, and nothing else is there. For the DOMAINs the server fails.
start_dns()
{
	t_dns=$SANDBOX/dns
	mkdir -p "$t_dns"
	{
		printf '$ORIGIN .\n$TTL 60\n@ SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60\n@ NS ns.invalid.\n'
		cat
	} >"$t_dns/zone"
	for t_try in 1 2 3 4 5; do
		t_dns_port=${DNS_PORT:-$(t_free_port)}
		t_dns_conf "$@" >"$t_dns/conf"
		start "$t_nsd" -d -c "$t_dns/conf" >>"$t_dns/said" 2>&1 </dev/null
		DNS_SERVER=$PID
		wait_until 10 t_dns_is_settled && t_dns_answers && break
		stop "$DNS_SERVER"
		DNS_SERVER=
	done
	test -n "$DNS_SERVER" || { note_file "$t_dns/said"; note_file "$t_dns/log"; bail_out 'the DNS server does not start'; }
	DNS_PORT=$t_dns_port
	PIPEPOST_RESOLVER=127.0.0.1:$DNS_PORT
	export PIPEPOST_RESOLVER
}

# stop_dns: from now on nobody answers there
stop_dns() { stop "$DNS_SERVER"; }

t_free_port()
{
	$PYTHON -c 'import socket
while True:
    t, u = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
    t.bind(("127.0.0.1", 0))
    try:
        u.bind(t.getsockname())
    except OSError:
        continue
    print(t.getsockname()[1])
    break'
}

t_dns_conf()
{
	cat <<-EOT
	server:
	  ip-address: 127.0.0.1@$t_dns_port
	  username: ""
	  chroot: ""
	  zonesdir: "$t_dns"
	  pidfile: ""
	  database: ""
	  logfile: "$t_dns/log"
	  zonelistfile: "$t_dns/zone.list"
	  xfrdfile: "$t_dns/xfrd.state"
	  xfrdir: "$t_dns"
	  cookie-secret-file: ""
	  rrl-ratelimit: 0
	remote-control:
	  control-enable: no
	zone:
	  name: .
	  zonefile: zone
	EOT
	for t_domain; do printf 'zone:\n  name: %s\n  zonefile: none.%s\n' "$t_domain" "$t_domain"; done
}

# One question, for the root's SOA.
t_dns_answers()
{
	$PYTHON -c 'import socket, sys
u = socket.socket(type=socket.SOCK_DGRAM)
u.connect(("127.0.0.1", int(sys.argv[1])))
u.settimeout(1)
u.send(bytes.fromhex("beef00000001000000000000" "00" "0006" "0001"))
sys.exit(u.recv(512)[:2] != bytes.fromhex("beef"))' "$t_dns_port" 2>/dev/null
}

t_dns_is_settled() { t_dns_answers || t_is_gone "$DNS_SERVER" || t_is_zombie "$DNS_SERVER"; }
