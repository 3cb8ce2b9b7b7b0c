#!/bin/sh
# queue-inject is killed at each system call that changes the disk, and each of
# those calls fails with each error it may have. Then the runner does its work.
#
# Exit 0: the message arrives, once. Any other exit code: it never arrives.
# Killed: it arrives at most once, and not at all where it had not been linked
# into new/. Nothing stays behind that would be delivered later.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/inject.sh"
need_strace
need queue-inject queue-run deliver-local
sandbox alice

printf 'Subject: crash\n\nsome text\n.\n' >"$SANDBOX/message"
printf 'Fsender@example.net\0Talice@example.org\0\0' >"$SANDBOX/envelope"

# inject OPTIONS: queue-inject under strace; sets code, is_linked
inject()
{
	strace -o "$SANDBOX/trace" -e trace="$DISK_CALLS" "$@" "$BIN/queue-inject" \
		<"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG"
	code=$?
	grep -Eq '^link(at)?\(.* = 0$' "$SANDBOX/trace" && is_linked=yes || is_linked=no
}

# outcome: runs the queue to its end and tells in one word whether the promise holds
outcome()
{
	run_queue || { echo "queue-run failed"; return; }
	n=$(mail_count alice)
	left=$(queued)
	rm -rf "$SANDBOX/home/alice/Maildir" "$SPOOL"/tmp/*
	test "$left" -eq 0 || { echo "$left left in the queue"; rm -rf "$SPOOL"; queue-init "$SPOOL" >>"$LOG"; return; }
	case $1,$code,$is_linked,$n in
	*,0,*,1) echo kept ;;
	*,0,*,*) echo "accepted, arrived $n times" ;;
	kill,*,no,0|kill,*,yes,[01]) echo kept ;;
	kill,*) echo "killed, linked: $is_linked, arrived $n times" ;;
	*,0) echo kept ;;
	*) echo "refused with $code, arrived $n times" ;;
	esac
}

inject
is      'undisturbed, the message is accepted'  "$code" 0 || { note_file "$SANDBOX/trace"; done_testing; }
is      '... and arrives'                       "$(outcome undisturbed)" kept
calls_in "$SANDBOX/trace" >"$SANDBOX/calls"
ok      '... which takes some calls that change the disk'  test -s "$SANDBOX/calls"

exec 7<"$SANDBOX/calls"
while read -r call when <&7; do
	inject -e inject="$call:signal=KILL:when=$when"
	is "killed at $call $when" "$(outcome kill)" kept || note_file "$SANDBOX/trace"
	for error in $(errors_of "$call"); do
		inject -e inject="$call:error=$error:when=$when"
		is "$error from $call $when" "$(outcome fail)" kept || note_file "$SANDBOX/trace"
		case $code in
		0|5[0-9]|6[0-9]|7[0-9]|81) ;;
		*) fail "... is no reason for exit code $code, which is permanent" ;;
		esac
		inject -e inject="$call:error=$error:when=$when+"
		is "$error from $call $when and ever after" "$(outcome fail)" kept || note_file "$SANDBOX/trace"
	done
done
exec 7<&-

for call in read mmap brk openat; do
	for when in 1 2 3 4 5 6; do
		inject -e trace="$DISK_CALLS,$call" -e inject="$call:error=ENOMEM:when=$when"
		is "ENOMEM from $call $when" "$(outcome fail)" kept || note_file "$SANDBOX/trace"
	done
done

printf 'Subject: crash\n\n' >"$SANDBOX/message"
$PYTHON -c 'print(("x" * 900 + "\n") * 200, end="")' >>"$SANDBOX/message"
inject
calls_in "$SANDBOX/trace" '^write' >"$SANDBOX/calls"
outcome undisturbed >/dev/null
exec 7<"$SANDBOX/calls"
while read -r call when <&7; do
	inject -e inject="$call:signal=KILL:when=$when"
	is "a longer message, killed at $call $when" "$(outcome kill)" kept
	inject -e inject="$call:error=ENOSPC:when=$when+"
	is "a longer message, the disk is full at $call $when" "$(outcome fail)" kept
done
done_testing
