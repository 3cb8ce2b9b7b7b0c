# Sourced by the tests of the calomel.org how-to, behind lib.sh. It speaks of a system account, calomel, and of
# port 25 of other hosts: the test runs again in a mount and network namespace of its own, so that the host's accounts
# are left alone and any address of 127.0.0.0/8 may be another host. Sets home, its home directory.
if test -z "${HOWTO_ACCOUNTS-}"; then
	need unshare ip
	SANDBOX=$(mktemp -d "${TMPDIR:-/tmp}/pipepost.XXXXXX")
	chmod 755 "$SANDBOX"
	uid=$(id -u) gid=$(id -g)
	test "$uid" -ne 0 || { uid=1000 gid=1000; }
	mkdir -m 700 "$SANDBOX/calomel"
	test "$(id -u)" -ne 0 || chown $uid:$gid "$SANDBOX/calomel"
	{ grep -Ev "^[^:]*:[^:]*:$uid:|^calomel:" /etc/passwd
	echo "calomel:x:$uid:$gid::$SANDBOX/calomel:/bin/sh"; } >"$SANDBOX/passwd"
	{ grep -Ev "^[^:]*:[^:]*:$gid:|^calomel:" /etc/group; echo "calomel:x:$gid:"; } >"$SANDBOX/group"
	HOWTO_ACCOUNTS=$SANDBOX; export HOWTO_ACCOUNTS
	bind='mount --bind "$HOWTO_ACCOUNTS/passwd" /etc/passwd && mount --bind "$HOWTO_ACCOUNTS/group" /etc/group
		ip link set lo up; echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
	if test "$(id -u)" -eq 0; then
		unshare -mn true 2>/dev/null || skip_all 'no namespace may be made here'
		unshare -mn sh -c "$bind; exec sh \"\$0\"" "$0"
	else
		unshare -rmn unshare -U --map-user="$uid" --map-group="$gid" true 2>/dev/null ||
			skip_all 'no user namespace may be made here'
		unshare -rmn sh -c "$bind; exec unshare -U --map-user=$uid --map-group=$gid sh \"\$0\"" "$0"
	fi
	exit
fi
home=$HOWTO_ACCOUNTS/calomel
AT_EXIT='rm -rf "$HOWTO_ACCOUNTS"'

# procmail's rules of the how-to: mail goes into an mbox in ~/Mail
make_procmail_rules()
{
	as_user sh -c 'cd "$1" && mkdir Mail && printf "%s\n" "MAILDIR=\$HOME/Mail" "DEFAULT=inbox" "LOGFILE=log" \
		":0:" "* ^Subject:.*cron" "cron" >.procmailrc' - "$home"
}
inbox_has() { grep -q "^Subject: $1\$" "$home/Mail/${2:-inbox}"; }
