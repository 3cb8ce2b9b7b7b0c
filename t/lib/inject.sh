# Sourced by the tests that kill programs, or let their calls fail, at each
# system call in turn. Needs lib.sh; call need_strace first.

# Calls that change the disk. openat counts only with O_CREAT.
DISK_CALLS=openat,write,pwrite64,writev,link,linkat,unlink,unlinkat,rename,renameat,renameat2,fsync,fdatasync,mkdir,mkdirat,ftruncate,flock

# calls_in TRACE [PATTERN]: "CALL N" for each disk call in a trace written with
# `strace -o` (no -f), N counting that call as strace's when= does. With PATTERN
# only the lines that match it.
calls_in()
{
	awk -v pattern="${2:-.}" '
		match($0, /^[a-z0-9_]+\(/) {
			call = substr($0, 1, RLENGTH - 1)
			n[call]++
			if (call == "openat" && $0 !~ /O_CREAT/)
				next
			if ($0 ~ pattern)
				print call, n[call]
		}' "$1"
}

# errors_of CALL: the errors that the tests let it fail with
errors_of()
{
	case $1 in
	openat) echo ENOSPC EMFILE ENOMEM EIO ;;
	write|writev|pwrite64) echo ENOSPC EIO ;;
	link|linkat|rename|renameat|renameat2|mkdir|mkdirat) echo ENOSPC EIO ENOMEM ;;
	flock) echo ENOMEM EINTR ;;
	fork|vfork|clone|clone3) echo EAGAIN ENOMEM ;;
	*) echo EIO ;;
	esac
}

# write_wrapper NAME: a directory of programs, WRAP, in which NAME runs under
# strace with the options in the file WRAP/options, and the rest is as in BIN.
# PIPEPOST_BIN then points there. Its trace, one per process, is WRAP/trace.PID.
write_wrapper()
{
	WRAP=$SANDBOX/wrap
	mkdir "$WRAP" && chmod 777 "$WRAP"
	for t_p in "$BIN"/*; do ln -s "$t_p" "$WRAP/${t_p##*/}"; done
	rm -f "$WRAP/$1"
	cat >"$WRAP/$1" <<-END
	#!/bin/sh
	exec strace -o $WRAP/trace.\$\$ \$(cat $WRAP/options) $BIN/$1 "\$@"
	END
	chmod 755 "$WRAP/$1"
	PIPEPOST_BIN=$WRAP
}
