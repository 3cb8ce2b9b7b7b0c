#!/bin/sh
# Messages of one user to very many domains do not keep the runner from anybody else's mail.
. "$(dirname "$0")/lib.sh"
need queue-inject queue-run deliver-remote deliver-local
sandbox alice
conf <<-EOT
$(users_table)
accept from any for domain "example.org" userbase <users> deliver to maildir
accept from any for any relay
EOT
export PIPEPOST_RESOLVER=127.0.0.1:1	# nobody knows any of them
printf 'Subject: x\n\ntext\n' >"$SANDBOX/message"
inject() { queue-inject <"$SANDBOX/message" 1<"$SANDBOX/envelope" 2>/dev/null; }

for n in $(seq 60); do
	$PYTHON -c 'import sys; print("Fs@example.net\0" + "".join("Ta@d%d-%s.example\0" % (i, sys.argv[1]) for i in range(1000)), end="\0")' \
		"$n" >"$SANDBOX/envelope"
	inject || bail_out 'nothing can be queued'
done
start_runner
ok 'the runner is at work on sixty messages to a thousand domains each' wait_until 30 log_has 'mta error relay=d[0-9]+-'
printf 'Fs@example.net\0Talice@example.org\0\0' >"$SANDBOX/envelope"
inject
ok '... and what comes for somebody here arrives meanwhile' wait_until 30 has_mail alice
stop_runner

done_testing
