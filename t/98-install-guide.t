#!/bin/sh
# INSTALL, "From nothing to mail", word by word: every line there that begins with "#" is
# typed, in a namespace with the installed tree. Mail is received, submitted and
# delivered. And the container's tree carries mail as the root directory of process 1.
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
