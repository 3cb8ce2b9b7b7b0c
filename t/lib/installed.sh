# For tests of the installed tree, as root: a mount namespace in which /etc is a
# copy, and /usr/local, /var/spool and /var/mail are empty. `make install` and all
# the programs do there what they do on a host, and the host sees none of it.
#
#	. "$(dirname "$0")/lib.sh"
#	. "$t_dir/lib/installed.sh"
#	installed_namespace [net]	begins anew inside; skips the test where that cannot be.
#					net: with a network of its own, where every port is
#					free, and processes of its own, which end with the test
#	install_here [MAKE ARGUMENTS]
#
# Then SANDBOX, LOG, BIN (the installed programs) are set, and SPOOL and CONF are
# the installed ones; nothing of PIPEPOST_* is in the environment.

installed_namespace()
{
	test "${SAN-}" != 1 || skip_all 'a set-id program does not hear the options of the sanitizers'
	test "$(id -u)" -eq 0 || skip_all 'only root can install with accounts'
	command -v unshare >/dev/null && command -v setpriv >/dev/null || skip_all 'unshare and setpriv are needed'
	case ${IN_NAMESPACE-} in
	net) raise_loopback; return ;;
	yes) return ;;
	esac
	unshare -m mount -t tmpfs none /var/spool 2>/dev/null || skip_all 'nothing can be mounted here'
	grep -q '^/etc /usr/local/libexec/pipepost' "$BUILD_DIR/paths" || skip_all 'compiled for another PREFIX'
	case ${1-} in
	net)	IN_NAMESPACE=net exec unshare --mount --propagation private --net --pid --fork --kill-child \
			--mount-proc "$0" ;;
	*)	IN_NAMESPACE=yes exec unshare --mount --propagation private "$0" ;;
	esac
}

raise_loopback()
{
	$PYTHON -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 1))' || bail_out 'no loopback interface'
}

install_here()
{
	SANDBOX=$(mktemp -d "${TMPDIR:-/tmp}/pipepost.XXXXXX") || bail_out 'no temporary directory'
	chmod 755 "$SANDBOX"
	LOG=$SANDBOX/log; : >"$LOG"; chmod 666 "$LOG"
	cp -a /etc "$SANDBOX/etc" && mount --bind "$SANDBOX/etc" /etc || bail_out 'no /etc of our own'
	sed -i '/^pp[a-z]*:/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow
	rm -rf /etc/mail; mkdir /etc/mail
	for t_dir_here in /usr/local /var/spool /var/mail; do
		mount -t tmpfs -o mode=755 none $t_dir_here || bail_out "no $t_dir_here of our own"
	done
	chmod 1777 /var/mail
	test ! -S /dev/log || mount --bind /dev/null /dev/log
	unset MAKEFLAGS MAKELEVEL MFLAGS PIPEPOST_CONF PIPEPOST_SPOOL PIPEPOST_BIN PIPEPOST_LOG
	# What is built is built: no test compiles anything.
	make -s -C "$t_dir/.." -o all install BUILD="${BUILD_DIR#"$(cd "$t_dir/.." && pwd)/"}" "$@" \
		>"$SANDBOX/install.log" 2>&1 || { note_file "$SANDBOX/install.log"; bail_out 'make install fails'; }
	BIN=/usr/local/libexec/pipepost SPOOL=/var/spool/pipepost CONF=/etc/mail/smtpd.conf
	PATH=/usr/local/sbin:$PATH; export PATH
}

# add_account NAME: an account of the system with a home directory
add_account()
{
	mkdir -p "$SANDBOX/home"
	useradd -m -N -g users -d "$SANDBOX/home/$1" -s /bin/sh "$1" >>"$LOG" 2>&1 || bail_out "no account $1"
	chmod 700 "$SANDBOX/home/$1"
}

# as ACCOUNT COMMAND...: with its uid, its gid and no other group
as()
{
	t_as=$1; shift
	setpriv --reuid="$t_as" --regid="$(id -g "$t_as")" --clear-groups "$@"
}
