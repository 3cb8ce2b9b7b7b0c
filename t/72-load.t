#!/bin/sh
# A thousand messages by twenty connections at once, with a runner that stays:
# each arrives once. Again with the runner killed and started anew five times
# meanwhile: each arrives at least once.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-run deliver-local tcpserver
need_smtp_source
sandbox alice
messages=1000
test -z "${SAN-}" || messages=200
start_tcpserver
default_conf

# smtp-source gives each message a Message-Id of its own, which tells them apart.
# distinct: how many different messages have arrived
distinct() { find "$SANDBOX/home/alice/Maildir/new" -type f -exec grep -h -m 1 '^Message-I[dD]: ' {} + | sort -u | wc -l; }
all_distinct() { test "$(distinct)" -ge "$messages"; }
settled() { queue_is_empty && all_distinct; }

start_runner
ok      "$messages messages by 20 connections are taken"  smtp_source -s 20 -m "$messages" -l 2000 \
	-f s@example.net -t alice@example.org "127.0.0.1:$PORT"
wait_until 120 queue_is_empty
is      '... and each arrives'                "$(distinct)" "$messages"
is      '... once'                            "$(mail_count alice)" "$messages"
stop_runner

rm -rf "$SANDBOX/home/alice/Maildir"
start_runner
smtp_source -s 20 -m "$messages" -l 2000 -f s@example.net -t alice@example.org "127.0.0.1:$PORT" &
source=$!
PIDS="$PIDS $source"
for i in 1 2 3 4 5; do
	sleep 0.3
	kill -KILL "$RUNNER"
	stop "$RUNNER"
	start_runner
done
wait "$source"
is      'again, with the runner killed five times meanwhile: all are taken'  "$?" 0
stop_runner

# What was in the hands of a killed runner waits for its time.
drained() { make_due; run_queue; queue_is_empty; }
wait_until 120 drained
is      '... and each arrives, at least once' "$(distinct)" "$messages"
is      '... nothing is left behind'          "$(find "$SPOOL" -type f -name '*,S=*' | wc -l)" 0
note "$(mail_count alice) files for $messages messages"
done_testing
