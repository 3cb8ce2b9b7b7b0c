#!/bin/sh
# deliver-remote is killed at each system call by which it talks to another host
# or to the runner, and each of those calls fails; the runner is killed at each
# call that changes the disk while it relays. Then another runner finishes.
#
# The message arrives: at least once, and once only where no process died behind
# the final dot. It is never bounced for it, nor left behind.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/inject.sh"
need_strace
need queue-inject queue-run deliver-remote
sandbox alice
write_wrapper deliver-remote
start_peer
conf <<-END
	$(users_table)
	accept from any for domain "here.example" userbase <users> deliver to maildir
	accept from any for any relay via "smtp://127.0.0.1:$PEER_PORT"
END
printf 'Subject: crash\n\nsome text\n.\nend\n' >"$SANDBOX/message"
printf 'Falice@here.example\0Tbob@there.example\0Tcarol@elsewhere.example\0\0' >"$SANDBOX/envelope"

# What the peer has taken so far, as "whole copies, torn ones"
received()
{
	$PYTHON - "$PEER_DIR" <<-'END'
	import glob, sys
	texts = [open(f, "rb").read() for f in glob.glob(sys.argv[1] + "/[0-9]*")]
	whole = sum(t.endswith(b"\r\nsome text\r\n.\r\nend\r\n") for t in texts)
	print(whole, len(texts) - whole)
	END
}
accept_one() { queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>>"$LOG"; }
# A destination that did not answer is tried again at once.
settled() { rm -f "$SPOOL/control/hosts"; make_due; run_queue && queue_is_empty; }
# finish MOST: runs the queue to its end; tells in a word whether the promise held
finish()
{
	wait_until 30 settled || { echo "not settled: $(ls "$SPOOL"/*/ | tr '\n' ' ')"; rm -rf "$SPOOL"; queue-init "$SPOOL" >>"$LOG" 2>&1; return; }
	set -- "$1" $(received)
	rm -f "$PEER_DIR"/[0-9]*
	test "$(mail_count alice)" -eq 0 || { echo bounced; rm -rf "$SANDBOX/home/alice/Maildir"; return; }
	test "$2" -ge 1 && test "$2" -le "$1" && test "$3" -eq 0 && echo kept || echo "arrived $2 times, torn $3 times"
}

# ---- deliver-remote ----

TALK=connect,write,writev,sendto,sendmsg,read,readv,recvfrom,recvmsg,pread64
# attempt OPTIONS: a pass with the first deliver-remote under strace
attempt()
{
	rm -f "$WRAP"/trace.*
	echo "-s 9999 -e trace=$TALK $*" >"$WRAP/options"
	accept_one || return
	run_queue
	echo '-e trace=none' >"$WRAP/options"
}
attempt
is 'undisturbed, the message arrives once' "$(finish 1)" kept || done_testing
# From the final dot on nobody knows whether the message was taken, and the runner
# tries once more by itself; before it, it was not.
awk '/^connect\(.*AF_INET|recvmsg\(/ { is_on = 1 }
	/\\r\\n\.\\r\\n"/ { is_sent = 1 }
	match($0, /^[a-z0-9]+\(/) { call = substr($0, 1, RLENGTH - 1); n[call]++; if (is_on) print call, n[call], is_sent ? 3 : 1 }' \
	"$WRAP"/trace.* >"$SANDBOX/calls"
ok '... which takes some calls' test -s "$SANDBOX/calls"
exec 7<"$SANDBOX/calls"
while read -r call when most <&7; do
	attempt -e inject="$call:signal=KILL:when=$when"
	is "deliver-remote is killed at $call $when" "$(finish "$most")" kept
	attempt -e inject="$call:error=EIO:when=$when"
	is "... EIO" "$(finish "$most")" kept
done
exec 7<&-

# ---- the runner ----

CALLS=$DISK_CALLS,socketpair,sendmsg,sendto,recvfrom
# runner OPTIONS: a pass of which the runner itself is disturbed
runner()
{
	accept_one
	timeout -k 5 20 strace -o "$SANDBOX/trace" -e trace="$CALLS" "$@" "$BIN/queue-run" </dev/null >>"$LOG" 2>&1
}
runner
is 'undisturbed, the runner relays it once' "$(finish 1)" kept
# What it does with a message, from the moment it takes it.
awk '/^rename(at)?\(/ { is_on = 1 }
	match($0, /^[a-z0-9]+\(/) { call = substr($0, 1, RLENGTH - 1); n[call]++; if (is_on) print call, n[call] }' \
	"$SANDBOX/trace" >"$SANDBOX/calls"
ok '... which takes some calls' test -s "$SANDBOX/calls"
exec 7<"$SANDBOX/calls"
while read -r call when <&7; do
	runner -e inject="$call:signal=KILL:when=$when"
	is "the runner is killed at $call $when" "$(finish 2)" kept
	error=$(errors_of "$call" | cut -d ' ' -f 1)
	runner -e inject="$call:error=$error:when=$when"
	is "... $error" "$(finish 2)" kept
done
exec 7<&-
done_testing
