#!/bin/sh
# deliver-local is killed at each system call that changes the disk, and each
# of those calls fails with each error it may have: into a Maildir, into an
# mbox, and through a command. Then the runner tries again.
#
# The message arrives: once, and once more for each time that deliver-local was
# killed between writing and telling (the runner starts it anew once by itself).
# It is never bounced for it, and an mbox holds whole messages only.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/inject.sh"
need_strace
need queue-inject queue-run deliver-local
sandbox alice
write_wrapper deliver-local
home=$SANDBOX/home/alice

printf 'Subject: crash\n\nsome text\nFrom here on\n' >"$SANDBOX/message"
printf 'Falice@example.org\0Talice@example.org\0\0' >"$SANDBOX/envelope"

deliver_to()
{
	conf <<-END
	listen on 127.0.0.1 port 25 hostname mail.example.org
	$(users_table)
	accept from any for domain "example.org" userbase <users> deliver to $1
	END
}

# arrived: how many whole copies
arrived()
{
	case $kind in
	maildir) mail_count alice ;;
	mbox) $PYTHON - "$home/mbox" <<-'END'
		import re, sys
		try:
		    s = open(sys.argv[1], "rb").read()
		except FileNotFoundError:
		    s = b""
		parts = re.split(rb"(?m)^From (?=\S+ \w{3} \w{3} [ \d]\d )", s)[1:]
		print(len(parts) if all(p.endswith(b"some text\n>From here on\n\n") for p in parts) else "torn")
		END
		;;
	mda) cat /dev/null "$home/copies" 2>/dev/null | grep -c '^From here on$' ;;
	esac
}

settled() { make_due; run_queue && queue_is_empty; }

note_trace() { cat "$WRAP"/trace.* | sed 's/^/# /'; }

# attempt OPTIONS: one message, one pass with deliver-local under strace
attempt()
{
	rm -rf "$home/Maildir" "$home/mbox" "$home/copies" "$WRAP"/trace.*
	echo "-f -e trace=$DISK_CALLS $*" >"$WRAP/options"
	queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG" || return
	run_queue
	echo '-e trace=none' >"$WRAP/options"
}

# finish MOST: the word that tells
finish()
{
	wait_until 20 settled || { echo "not settled"; rm -rf "$SPOOL"; queue-init "$SPOOL" >>"$LOG" 2>&1; return; }
	n=$(arrived)
	case $n in
	torn) echo 'a torn mbox'; return ;;
	esac
	bounces=$(cat /dev/null "$home/mbox" "$home/copies" $(mailbox alice) 2>/dev/null | grep -ci 'multipart/report')
	test "$bounces" -eq 0 || { echo 'a bounce'; return; }
	test "$n" -ge 1 && test "$n" -le "$1" || { echo "arrived $n times"; return; }
	echo kept
}

for kind in maildir mbox mda; do
	case $kind in
	mda) deliver_to "mda \"cat >>$home/copies\"" ;;
	*) deliver_to $kind ;;
	esac
	attempt
	is      "$kind: undisturbed, it arrives once"  "$(finish 1)" kept || { note_file "$LOG"; continue; }
	attempt
	cat "$WRAP"/trace.* | sed 's/^[0-9]* *//' >"$SANDBOX/trace"
	finish 1 >/dev/null
	calls_in "$SANDBOX/trace" >"$SANDBOX/calls"
	exec 7<"$SANDBOX/calls"
	while read -r call when <&7; do
		attempt -e inject="$call:signal=KILL:when=$when"
		is "$kind: killed at $call $when" "$(finish 3)" kept || note_trace
		for error in $(errors_of "$call"); do
			attempt -e inject="$call:error=$error:when=$when"
			is "$kind: $error from $call $when" "$(finish 2)" kept || note_trace
		done
	done
	exec 7<&-
	for call in fork vfork clone clone3; do
		attempt -e trace="$DISK_CALLS,$call" -e inject="$call:error=EAGAIN:when=1+"
		is "$kind: EAGAIN from $call" "$(finish 1)" kept
	done
done
done_testing
