#!/bin/sh
# queue-run is killed at each system call that changes the disk, and each of
# those calls fails with each error it may have; then another runner finishes.
#
# No accepted message is missing, whatever happens: each recipient's mailbox
# has it at least once, the alias's command ran at least once, and the sender
# of the failing one has the notice. A call that only failed makes nothing twice.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/inject.sh"
need_strace
need queue-inject queue-run deliver-local
sandbox alice bob
printf 'team: alice, bob\nlist: team, bob\n' >"$SANDBOX/aliases"
conf <<-END
	listen on 127.0.0.1 port 25 hostname mail.example.org
	$(users_table)
	table aliases file:$SANDBOX/aliases
	accept from any for domain "example.org" alias <aliases> userbase <users> deliver to maildir
END

# two messages: one through a nested alias, one to a user who is not there
accept_two()
{
	printf 'Subject: list\n\ntext\n' >"$SANDBOX/message"
	printf 'Falice@example.org\0Tlist@example.org\0Tteam@example.org\0\0' >"$SANDBOX/envelope"
	queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG" || return 1
	printf 'Subject: nobody\n\ntext\n' >"$SANDBOX/message"
	printf 'Fbob@example.org\0Tnobody@example.org\0\0' >"$SANDBOX/envelope"
	queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG"
}

subjects() { cat /dev/null $(mailbox "$1") | grep -c "^Subject: $2"; }

# runner OPTIONS: one pass under strace, of which only the runner itself is disturbed
runner()
{
	timeout -k 5 10 strace -o "$SANDBOX/trace" -e trace="$DISK_CALLS,clone,clone3,fork,vfork" "$@" \
		"$BIN/queue-run" </dev/null >>"$LOG" 2>&1
}

settled() { make_due; run_queue && queue_is_empty; }

# finish MOST: another runner; tells in a word whether all is there, each at most MOST times
finish()
{
	# What a dead runner's children still work on is left alone until they are gone.
	wait_until 20 settled || { echo "not settled: $(ls "$SPOOL"/*/ | tr '\n' ' ')"; reset_all; return; }
	got="$(subjects alice list) $(subjects bob list) $(subjects bob 'nobody')$(tail_bounces)"
	reset_all
	set -- "$1" $got
	for n in "$2" "$3" "$5"; do
		test "$n" -ge 1 && test "$n" -le "$1" || { echo "alice $2, bob $3, notices $5"; return; }
	done
	echo kept
}
tail_bounces()
{
	printf ' %s' "$(cat /dev/null $(mailbox bob) | grep -ci '^content-type: multipart/report')"
}
reset_all()
{
	rm -rf "$SANDBOX"/home/*/Maildir
	queue_is_empty || { rm -rf "$SPOOL"; queue-init "$SPOOL" >>"$LOG" 2>&1; }
}

accept_two || bail_out 'queue-inject failed'
runner
is      'undisturbed, all arrives once'       "$(finish 1)" kept || done_testing
calls_in "$SANDBOX/trace" >"$SANDBOX/calls"
grep -Eo '^(clone3?|v?fork)\(' "$SANDBOX/trace" | tr -d '(' | awk '{ print $1, ++n[$1] }' >"$SANDBOX/forks"
ok      '... which takes some calls that change the disk'  test -s "$SANDBOX/calls"

exec 7<"$SANDBOX/calls"
while read -r call when <&7; do
	accept_two
	runner -e inject="$call:signal=KILL:when=$when"
	is "killed at $call $when" "$(finish 9)" kept || note_file "$SANDBOX/trace"
	for error in $(errors_of "$call" | cut -d ' ' -f 1); do
		accept_two
		runner -e inject="$call:error=$error:when=$when"
		is "$error from $call $when" "$(finish 1)" kept || note_file "$SANDBOX/trace"
	done
done
exec 7<&-

exec 7<"$SANDBOX/forks"
while read -r call when <&7; do
	for error in EAGAIN ENOMEM; do
		accept_two
		runner -e inject="$call:error=$error:when=$when"
		is "$error from $call $when" "$(finish 1)" kept || note_file "$SANDBOX/trace"
	done
done
exec 7<&-

for call in openat write pwrite64 linkat renameat unlinkat mkdirat fsync; do
	for error in $(errors_of $call); do
		accept_two
		runner -e inject="$call:error=$error:when=1..2"
		is "$error from the first two $call" "$(finish 9)" kept || note_file "$SANDBOX/trace"
	done
done
done_testing
