#!/bin/sh
# deliver-local when the system fails it: each system call that touches the
# disk, or starts a command, fails or kills the process in turn.
. "$(dirname "$0")/lib.sh"
need deliver-local
need_strace
sandbox bob

HOME_DIR=$SANDBOX/home/bob
printf 'Subject: a message\n\ntext\n' >"$SANDBOX/message"
in_home() { (cd "$HOME_DIR" && as_user "$@"); }
in_home mkdir -p Maildir/tmp Maildir/new Maildir/cur
printf 'From x Tue Nov 24 02:00:00 2026\nSubject: old\n\nold\n\n' >"$SANDBOX/old"

# faulty INJECTION ARGUMENTS: a delivery with something wrong
faulty()
{
	t_inject=$1; shift
	as_user timeout 60 strace -f -o "$SANDBOX/trace" -e trace="${t_inject%%:*}" -e inject="$t_inject" \
		"$BIN/deliver-local" -u bob -d "$HOME_DIR" -f anna@example.com -r bob@example.org "$@" \
		<"$SANDBOX/message" >"$SANDBOX/out" 2>>"$LOG"
}
: >"$SANDBOX/trace"; chmod 666 "$SANDBOX/trace"
fresh_maildir() { in_home find Maildir -type f -delete; }
fresh_mbox() { in_home rm -f mbox; in_home tee mbox <"$SANDBOX/old" >/dev/null; }
whole() { for t_f in "$HOME_DIR"/Maildir/new/*; do test ! -e "$t_f" || test "$(tail -n 1 "$t_f")" = text || return 1; done; }
left() { echo "$(ls "$HOME_DIR/Maildir/new" | wc -l) $(ls "$HOME_DIR/Maildir/tmp" | wc -l)"; }

note 'maildir: what fails is deferred, and nothing is left'
for call in fsync:error=EIO fsync:error=ENOSPC fsync:error=EIO:when=2 linkat:error=ENOSPC linkat:error=EMLINK \
	write:error=ENOSPC:when=1 write:error=EDQUOT:when=1 write:error=EIO:when=1 openat:error=EMFILE:when=4+ \
	openat:error=ENOSPC:when=7+ getrandom:error=ENOSYS close:error=EIO:when=5+; do
	fresh_maildir
	faulty "$call" -p '~/Maildir'
	code=$?
	# Counted with what the loader does: the fault may come before main().
	case $call in
	openat*|close*|getrandom*) ok "$call is no delivery" test "$code" -ne 0 ;;
	*) is "$call defers" "$code" 75 ;;
	esac
	is '... and leaves nothing' "$(left)" '0 0'
done
fresh_maildir
faulty unlinkat:error=EIO -p '~/Maildir'
is 'a name in tmp that cannot be removed does no harm' "$?$(ls "$HOME_DIR/Maildir/new" | wc -l)" 01

note 'maildir: killed at each call'
for call in openat:when=6 openat:when=7 openat:when=8 write:when=1 fsync:when=1 linkat unlinkat fsync:when=2; do
	fresh_maildir
	faulty "$(echo "$call" | sed 's/\(:when\|$\)/:signal=KILL\1/')" -p '~/Maildir'
	ok "$call: what is in new is whole" whole
done

note 'mbox: what fails is deferred, and the mailbox is as it was'
for call in fsync:error=EIO:when=1 fsync:error=ENOSPC write:error=ENOSPC:when=1 write:error=EIO:when=1 \
	flock:error=ENOLCK; do
	fresh_mbox
	faulty "$call" -a mbox -p '~/mbox'
	is "$call defers" "$?" 75
	same_file '... and the mailbox is as it was' "$HOME_DIR/mbox" "$SANDBOX/old"
done
fresh_mbox
head -c 300000 /dev/zero | tr '\0' x >"$SANDBOX/large"
{ cat "$SANDBOX/message" "$SANDBOX/large"; } >"$SANDBOX/message.large"
as_user sh -c 'ulimit -f 100; exec "$0" "$@"' "$BIN/deliver-local" -u bob -d "$HOME_DIR" -r bob@x -a mbox -p '~/mbox' \
	<"$SANDBOX/message.large" >"$SANDBOX/out"
is 'a mailbox that would grow too large defers' "$?" 75
same_file '... and is as it was' "$HOME_DIR/mbox" "$SANDBOX/old"
as_user sh -c 'ulimit -f 100; exec "$0" "$@"' "$BIN/deliver-local" -u bob -d "$HOME_DIR" -r bob@x \
	<"$SANDBOX/message.large" >"$SANDBOX/out"
is 'a message that is too large for a file defers' "$?" 75
like '... and says what it is' "$(cat "$SANDBOX/out")" '^deferred: 4\.2\.2 '
fresh_mbox
faulty fsync,ftruncate:error=EIO -a mbox -p '~/mbox'
is 'what cannot be taken back is never called delivered' "$?" 75
like '... and said aloud' "$(cat "$SANDBOX/out")" 'could not be taken back'

note 'commands'
for call in pipe2:error=EMFILE pipe2:error=ENFILE:when=2 clone:error=EAGAIN clone:error=ENOMEM execve:error=ENOMEM \
	chdir:error=EACCES dup2:error=EBADF write:error=ENOSPC:when=1 write:error=EIO:when=1 \
	setsid:error=EPERM pidfd_open:error=ENOSYS close_range:error=ENOSYS; do
	in_home rm -f got
	faulty "$call" -a mda -p 'cat >got'
	code=$?
	case $call in
	setsid*|pidfd_open*|close_range*) is "$call does no harm" "$code" 0 ;;
	*) is "$call defers" "$code" 75 ;;
	esac
done

note 'memory'
for limit in 1000 2000 4000; do
	as_user sh -c 'ulimit -v "$1"; shift; exec "$0" "$@"' "$BIN/deliver-local" $limit -u bob -d "$HOME_DIR" -r bob@x \
		<"$SANDBOX/message.large" >"$SANDBOX/out" 2>/dev/null
	case $? in 0|75|127|134|137|139) pass "with $limit KiB of memory: delivered or not, never refused" ;;
	*) fail "with $limit KiB of memory" ;; esac
done
done_testing
