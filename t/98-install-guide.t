#!/bin/sh
# INSTALL, "From nothing to mail", word by word: every line there that begins with "#" is
# typed, in a namespace with the installed tree. Mail is received, submitted, delivered
# and relayed. And the container's tree carries mail as the root directory of process 1.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/installed.sh"
need smtpd smtp-tls auth-check queue-run deliver-local useradd openssl curl
installed_namespace net
install_here
command -v curl | grep -q '^/usr/local' && skip_all 'curl is in /usr/local'

# The lines are typed by root; their home is the sandbox's.
mkdir "$SANDBOX/home" && mount --bind "$SANDBOX/home" /home
sed -n '/^3\. From nothing/,/^4\. /p' "$t_dir/../INSTALL" | awk '
	/^\t# / { sub(/^\t# /, ""); typed = 1 }
	/^\t    / && typed { sub(/^\t    /, "") }
	typed { line = line $0; if (sub(/\\$/, " ", line)) next; print line; line = ""; typed = 0 }' >"$SANDBOX/lines"
is 'INSTALL has its commands' "$(test "$(wc -l <"$SANDBOX/lines")" -ge 15 && echo yes)" yes
maildir_has() { grep -qs "$1" /home/alice/Maildir/new/*; }
exec 9<"$SANDBOX/lines"
while read -r line <&9; do
	case $line in
	'ls /home'*) ok '(a moment later)' wait_until 10 maildir_has hello ;;
	esac
	sh -c "$line" >"$SANDBOX/said" 2>&1 9<&- </dev/null
	status=$?
	test "$status" -eq 0 || note_file "$SANDBOX/said"
	is "# $(printf %s "$line" | tr '\\' '/')" "$status" 0
	case $line in
	'smtpd -n') like '... says what INSTALL says' "$(cat "$SANDBOX/said")" '^configuration OK$' ;;
	curl*) ok '... and the submitted message is there' wait_until 10 maildir_has 'Subject: submitted' ;;
	esac
done
cat >"$SANDBOX/script" <<-'EOT'
	< ^220 mail.example.org
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<postmaster@example.org>
	< ^250
	> DATA
	< ^354
	> Subject: received
	> .
	< ^250 2.0.0
	> QUIT
	< ^221
EOT
PORT=25
ok 'mail comes in for the domain' quiet smtp "$SANDBOX/script"
ok '... and postmaster'"'"'s gets to alice' wait_until 10 maildir_has 'Subject: received'

# ---- out to another host, found by its MX ----

# Another host is another network namespace, at the other end of a cable.
. "$t_dir/lib/dns.sh"
t_nsd=$t_dir/../.peers/nsd/usr/sbin/nsd
if command -v ip >/dev/null && command -v nsenter >/dev/null && test -x "$t_nsd"; then
	start unshare --net sleep 600
	elsewhere=$PID
	is_elsewhere() { test "$(readlink /proc/$elsewhere/ns/net)" != "$(readlink /proc/self/ns/net)"; }
	wait_until 5 is_elsewhere
	there() { nsenter --net="/proc/$elsewhere/ns/net" "$@"; }
	ip link add here0 type veth peer name there0 && ip link set there0 netns "$elsewhere" &&
		ip addr add 192.0.2.25/24 dev here0 && ip link set here0 up &&
		there ip addr add 192.0.2.80/24 dev there0 && there ip link set there0 up || bail_out 'no cable'
	mkdir "$SANDBOX/peer"
	start nsenter --net="/proc/$elsewhere/ns/net" $PYTHON "$t_dir/lib/peer.py" --dir "$SANDBOX/peer" \
		--listen 192.0.2.80 --port 25 >"$SANDBOX/peer/stdout" 2>>"$LOG"
	wait_until 10 test -s "$SANDBOX/peer/ready" || bail_out 'the other host does not start'
	DNS_PORT=53
	start_dns <<-EOT
	elsewhere.example.     MX 10 mx.elsewhere.example.
	mx.elsewhere.example.  A 192.0.2.80
	EOT
	unset PIPEPOST_RESOLVER
	echo 'nameserver 127.0.0.1' >/etc/resolv.conf
	submit=$(sed -n 's/--mail-rcpt alice@example.org/--mail-rcpt friend@elsewhere.example/; s/^curl/curl/p' "$SANDBOX/lines")
	ok 'a message to another domain is submitted' quiet sh -c "$submit"
	has_left() { grep -qs 'Subject: submitted' "$SANDBOX"/peer/[0-9]*; }
	ok '... and leaves for the host that the MX names' wait_until 20 has_left
	status_line() { there $PYTHON -c '
import socket
s = socket.create_connection(("192.0.2.25", 25))
f = s.makefile("rw", newline="\r\n")
f.readline()
for c in "EHLO x", "MAIL FROM:<a@elsewhere.example>", "RCPT TO:<b@elsewhere.example>":
    f.write(c + "\n")
    f.flush()
    while True:
        line = f.readline()
        if line[3:4] != "-":
            break
print(line.strip())'; }
	like 'a stranger from there may not relay' "$(status_line)" '^550 5\.7\.1'
else
	skip 'ip, nsenter and nsd (make deps) are needed for another host'
fi
unlike 'the submission hides the client' "$(grep -h '^Received: from' $(grep -ls submitted /home/alice/Maildir/new/*))" '127\.0\.0\.1'
smtpds() { ps -eo pid=,comm= | awk '$2 == "smtpd" || $2 == "queue-run" { print $1 }'; }
kill $(smtpds); none_left() { test -z "$(smtpds)"; }
ok 'TERM ends smtpd and its runner' wait_until 40 none_left

# ---- the container ----

if ldd /bin/true >/dev/null 2>&1; then
	TREE=$SANDBOX/tree
	ok 'the tree of the container is made' sh "$t_dir/../conf-examples/container/tree" "$TREE"
	is '... with no shell in it' "$(find "$TREE" -name sh -o -name bash -o -name busybox)" ''
	is '... and the bits' "$(stat -c '%U %a' "$TREE$BIN/queue-inject")" 'ppqueue 6755'
	mkdir -p "$TREE/var/vmail/alice" && chown 5000:5000 "$TREE/var/vmail/alice"
	conf "$TREE/etc/mail/smtpd.conf" <<-'EOT'
	listen on 127.0.0.1 port 25 hostname mail.example.org
	table users { alice = "5000:5000:/var/vmail/alice" }
	accept from any for domain "example.org" userbase <users> deliver to maildir
	EOT
	mknod -m 666 "$TREE/dev/null" c 1 3; mknod -m 666 "$TREE/dev/urandom" c 1 9
	start unshare --mount --pid --fork --kill-child sh -c 'mount -t proc none "$1/proc" && exec chroot "$1" /usr/local/sbin/smtpd -d' sh "$TREE" 2>>"$LOG"
	sed '/postmaster/,+1d; s/DATA/RCPT TO:<alice@example.org>\n\t< ^250\n\t> DATA/' "$SANDBOX/script" >"$SANDBOX/script.2"
	is_open() { $PYTHON -c 'import socket; socket.create_connection(("127.0.0.1", 25))'; }
	ok 'smtpd as process 1 opens its port' wait_until 10 is_open
	ok '... a message comes in' quiet smtp "$SANDBOX/script.2"
	contained() { test "$(ls "$TREE/var/vmail/alice/Maildir/new" | wc -l)" -eq 1; }
	ok '... and is delivered' wait_until 10 contained
	is '... as the row says' "$(stat -c %u "$TREE/var/vmail/alice/Maildir/new/"*)" 5000
	first() { ps -o pid= --ppid "$PID"; }
	kill $(first); no_first() { test -z "$(first)"; }
	ok '... and TERM ends it' wait_until 40 no_first
else
	skip 'ldd cannot tell the libraries here'
fi
done_testing
