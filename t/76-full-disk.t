#!/bin/sh
# A message to fifty recipients while the disk of the spool is full from the
# first delivery on: each mailbox gets it once, however often it is tried.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/inject.sh"
need queue-inject queue-run deliver-local
users=$(for i in 0 1 2 3 4; do for j in 0 1 2 3 4 5 6 7 8 9; do echo "u$i$j"; done; done)
sandbox $users

counts() { for u in $users; do mail_count "$u"; done | sort | uniq -c | tr -s ' ' ' '; }
send_to_all()
{
	rm -rf "$SANDBOX"/home/*/Maildir
	printf 'Subject: all\n\ntext\n' >"$SANDBOX/message"
	{ printf 's@example.net' | sed 's/^/F/' | tr -d '\n'; printf '\0'
	for u in $users; do printf 'T%s@example.org\0' "$u"; done; printf '\0'; } >"$SANDBOX/envelope"
	queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG"
}
drained() { make_due; run_queue; queue_is_empty; }

send_to_all
run_queue
is      'undisturbed, each of 50 mailboxes gets it once'  "$(counts)" ' 50 1'

# Where a real disk can be filled: the spool on a small file system of its own.
small=$SANDBOX/small
mkdir "$small"
if test "$(id -u)" -eq 0 && mount -t tmpfs -o size=256k,mode=755 none "$small" 2>/dev/null; then
	AT_EXIT='umount -l "$small" 2>/dev/null'
	export PIPEPOST_SPOOL="$small/spool" SPOOL="$small/spool"
	queue-init "$SPOOL" >>"$LOG" 2>&1
	send_to_all
	is      'a spool on a small disk takes the message'  "$(queued)" 1
	cat /dev/zero >"$small/filler" 2>/dev/null
	not_ok  '... then the disk is full'           sh -c 'echo x >"$1/more"' - "$small" 2>/dev/null
	run_queue
	is      'full from the first delivery on: each of 50 mailboxes gets it once'  "$(counts)" ' 50 1'
	rm -f "$small/filler" "$small/more"
	wait_until 20 drained
	is      '... and still once when there is room again'  "$(counts)" ' 50 1'
	ok      '... and the message is done'         queue_is_empty
	umount "$small"
	export PIPEPOST_SPOOL="$SANDBOX/spool" SPOOL="$SANDBOX/spool"
else
	skip    'no file system may be mounted here'
fi

# Anywhere else: the runner's first writes of a kind fail as on a full disk.
need_strace
for call in write pwrite64 ftruncate mkdirat renameat; do
	send_to_all
	timeout -k 5 20 strace -o "$SANDBOX/trace" -e trace=$call -e inject="$call:error=ENOSPC:when=1..5" \
		"$BIN/queue-run" </dev/null >>"$LOG" 2>&1
	first=$(counts)
	wait_until 20 drained
	is      "the first five $call of the runner fail: each mailbox gets it once"  "$(counts)" ' 50 1' ||
		note "after the first runner: $first"
	queue_is_empty || { rm -rf "$SPOOL"; queue-init "$SPOOL" >>"$LOG" 2>&1; }
done
done_testing
