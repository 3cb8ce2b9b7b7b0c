#!/bin/sh
# Tables that programs answer: any program (exec:), OpenSMTPD's table programs
# (TYPE:), and sqlite-lookup. What a good one says counts; a bad one costs
# "try again later", one clear log line, and nobody else's mail.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-run deliver-local sqlite-lookup smtpd sqlite3
sandbox lola
example=$t_dir/../conf-examples/exec-table

# Table programs stand beside ours.
mkdir "$SANDBOX/tools"
ln -s "$BIN"/* "$SANDBOX/tools/"
cp "$t_dir/lib/table-test" "$SANDBOX/tools/table-test"
PIPEPOST_BIN=$SANDBOX/tools
rows=$SANDBOX/rows TREE=$SANDBOX/tree DB=$SANDBOX/db.sqlite

# rcpt ADDRESS...: the replies to these recipients in one session; the log goes to $LOG
rcpt()
{
	{ printf 'EHLO test\r\nMAIL FROM:<s@example.org>\r\n'
	for a; do printf 'RCPT TO:<%s>\r\n' "$a"; done
	printf 'QUIT\r\n'; } | smtp-recv -b 2>>"$LOG" | tr -d '\r' | sed -n '/^250 HELP/,/^221/p' | sed '1,2d;$d'
}
# inject ADDRESS...: a message to these recipients
inject()
{
	{ printf 'EHLO test\r\nMAIL FROM:<s@example.org>\r\n'
	for a; do printf 'RCPT TO:<%s>\r\n' "$a"; done
	printf 'DATA\r\nSubject: test\r\n\r\nhello\r\n.\r\nQUIT\r\n'; } | smtp-recv -b 2>>"$LOG" >"$SANDBOX/said"
}
# is_running NAME: some process runs a program of this sandbox called so
is_running()
{
	cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | {
		while read -r t_p; do test "$t_p" != "$SANDBOX/tools/$1" || exit 0; done
		exit 1
	}
}
t_not() { ! "$@"; }
# the_last N: the end of the log
the_last() { tail -n "$1" "$LOG"; }
queued_is() { test "$(queued)" -eq "$1"; }

# ---- exec ----

sed "s|/etc/mail|$SANDBOX|" "$example/tree-lookup" >"$SANDBOX/tree-lookup"
chmod 755 "$SANDBOX/tree-lookup"
mkdir -p "$TREE/example.net/user" "$TREE/example.net/alias" "$TREE/example.com/user"
add_user tina; add_user other
echo "$RUN_UID:$RUN_GID:$SANDBOX/home/tina" >"$TREE/example.net/user/tina"
echo "$RUN_UID:$RUN_GID:$SANDBOX/home/other" >"$TREE/example.com/user/tina"
printf '%s\n' tina tina@example.com >"$TREE/example.net/alias/both"
sed "s|/etc/mail|$SANDBOX|" "$example/smtpd.conf" | conf

like 'smtpd -n finds nothing wrong with the example of an exec table' "$(smtpd -n 2>&1)" '^configuration OK$'
is   'exec: users, aliases, and what is not there' \
	"$(rcpt tina@example.net tina+tag@example.net both@example.net nobody@example.net tina@elsewhere.example)" \
	"250 2.1.5 Ok
250 2.1.5 Ok
250 2.1.5 Ok
550 5.1.1 <nobody@example.net>: no such user
550 5.7.1 <tina@elsewhere.example>: relaying refused"
is   '... and no key leads out of the tree' "$(rcpt ../user/tina@example.net 'tina@..')" \
	"550 5.1.1 <../user/tina@example.net>: no such user
501 5.1.3 this is no <address>"
inject tina@example.net both@example.net
run_queue
ok   'exec: an alias of several lines is a list: each has the message' has_mail tina 1
ok   '... and the same name in another domain is another user' has_mail other 1
echo inactive >"$TREE/example.net/user/idle"
is   'exec: a user who is switched off' "$(rcpt idle@example.net)" '550 5.1.1 <idle@example.net>: this address is disabled'
inject tina@example.net
echo inactive >"$TREE/example.net/user/tina"
ok   '... after his mail was taken' run_queue
like '... it fails at once' "$(cat "$LOG")" 'to=<tina@example.net>.*stat=Failed: 5\.1\.1 user tina is disabled: inactive in <'
echo "$RUN_UID:$RUN_GID:$SANDBOX/home/tina" >"$TREE/example.net/user/tina"
mv "$TREE" "$TREE.away"
like 'exec: exit 111 is "try again later"' "$(rcpt tina@example.net)" '^451 4\.3\.0 '
like '... and the reason is what the program said' "$(the_last 2)" "rule $CONF:[0-9]+.*$TREE: is not there"
mv "$TREE.away" "$TREE"
is   '... and when it can tell again, it does' "$(rcpt tina@example.net)" '250 2.1.5 Ok'

# bad_exec SCRIPT: a program that does this
bad_exec() { printf '#!/bin/sh\n%s\n' "$1" >"$SANDBOX/tree-lookup"; }
for what in 'exit 2' 'kill -9 $$' 'kill -SEGV $$' 'exit 100' 'head -c 100000 /dev/zero | tr "\0" x' \
    'printf "1000:1000:/home/\001\n"'; do
	bad_exec "$what"
	like "exec: a program that does: $what" "$(rcpt tina@example.net)" '^451 4\.3\.0 '
done
rm "$SANDBOX/tree-lookup"
like 'exec: a program that is not there is "try again later"' "$(rcpt tina@example.net)" '^451 4\.3\.0 '
like '... smtpd -n calls it an error' "$(smtpd -n 2>&1)" "^$CONF:[0-9]+: table tree: cannot run $SANDBOX/tree-lookup"

# ---- OpenSMTPD's protocol ----

cat >"$rows" <<-END
	domain example.net example.net
	alias list pia, pia+x@example.net
	userinfo pia $RUN_UID:$RUN_GID:$SANDBOX/home/pia
END
add_user pia
: >"$rows.log"; chmod 666 "$rows.log"
mode() { echo "$1" >"$rows.mode"; : >"$rows.log"; }
starts() { grep -c '^start$' "$rows.log"; }
conf <<-END
	table t test:$rows
	$(users_table)
	accept from any for domain "local.example" userbase <users> deliver to maildir
	accept from any for domain <t> alias <t> userbase <t> deliver to maildir
END

mode good
like 'TYPE: smtpd -n finds the program beside ours' "$(smtpd -n 2>&1)" '^configuration OK$'
mode good
is   'TYPE: users, aliases, and what is not there' \
	"$(rcpt pia@example.net list@example.net pia+tag@example.net nobody@example.net pia@elsewhere.example)" \
	"250 2.1.5 Ok
250 2.1.5 Ok
250 2.1.5 Ok
550 5.1.1 <nobody@example.net>: no such user
550 5.7.1 <pia@elsewhere.example>: relaying refused"
is   '... started once for the session' "$(starts)" 1
is   '... greeted as smtpd-tables(7) has it' "$(sed -n 2,5p "$rows.log")" "config|smtpd-version|7.8.0
config|protocol|0.1
config|tablename|t
config|ready"
like '... and asked so' "$(sed -n 6,7p "$rows.log")" '^table\|0\.1\|[0-9]+\.[0-9]{6}\|t\|check\|domain\|00000001\|example\.net$'
not_ok '... and it ends with the session' is_running table-test

mode mortal
is   'TYPE: one that has died since it last answered is started again, unnoticed' \
	"$(rcpt pia@example.net)" '250 2.1.5 Ok'
for how in greeting stranger empty garbage error death; do
	mode $how
	like "TYPE: \"try again later\" for ($how)" "$(rcpt pia@example.net pia@local.example)" '^451 4\.3\.0 '
	like '... with the reason in the log' "$(the_last 3)" "rule $CONF:[0-9]+: .*table-test"
	not_ok '... and it is gone' is_running table-test
done
ok   'TYPE: a program that dies is quoted' log_has 'table-test: I die'
ok   'TYPE: what it reports itself is quoted' log_has 'the disk is on fire'

mode good
inject pia@example.net list@example.net
mode death
inject lola@local.example
run_queue
ok   'TYPE: in the queue as well: what it cannot tell waits' queued_is 1
ok   '... and mail that does not need it goes on' has_mail lola
mode good
make_due
run_queue
ok   '... until it can' has_mail pia 1
ok   '... and the queue is empty' queue_is_empty
ok   '... and nobody is left behind' wait_until 10 t_not is_running table-test

# The runner never waits for it.
mode good
inject pia@example.net
mode silence
start_runner
ok   'TYPE: while the runner is not answered' wait_until 30 is_running table-test
inject lola@local.example
ok   '... other mail is delivered' wait_until 30 has_mail lola 2
mode good
conf <<-END
	table t test:$rows
	$(users_table)
	accept from any for any userbase <users> deliver to maildir
END
ok   '... another configuration asks anew at once' wait_until 30 has_mail pia 2
ok   '... and ends whoever still waits' wait_until 10 t_not is_running table-test
conf <<-END
	table t test:$rows
	accept from any for domain <t> alias <t> userbase <t> deliver to maildir
END
stop_runner
inject pia@example.net
mode silence
start_runner
ok   'TYPE: a runner that ends' wait_until 30 is_running table-test
stop_runner
ok   '... ends whoever it waits for' wait_until 10 t_not is_running table-test
is   '... and the message stays for the next one' "$(queued)" 1
mode good
make_due
run_queue
ok   '... which delivers it' has_mail pia 3

conf <<-END
	table t missing:$rows
	accept from any for domain <t> deliver to maildir
END
like 'TYPE: without the program it is "try again later"' "$(rcpt pia@example.net)" '^451 4\.3\.0 '
like '... smtpd -n says where it was looked for' "$(smtpd -n 2>&1)" "^$CONF:1: table t: .*table-missing"

# Silence takes its full time: it is looked at again further down.
cp "$rows" "$rows.silent"; echo silence >"$rows.silent.mode"; : >"$rows.silent.log"; chmod 666 "$rows.silent.log"
conf "$SANDBOX/silent.conf" <<-END
	table t test:$rows.silent
	accept from any for domain <t> deliver to maildir
END
(PIPEPOST_CONF=$SANDBOX/silent.conf rcpt pia@example.net >"$SANDBOX/silent") &
silent=$!

# ---- sqlite ----

sed '/^query_credentials/d' "$t_dir/../conf-examples/sqlite-howto/sqlite.conf" |
	sed "s|/etc/mail/authdb.sqlite|$DB|" >"$SANDBOX/sqlite"
sqlite3 "$DB" <"$t_dir/../conf-examples/sqlite-howto/schema.sql"
add_user vera; add_user vera2
sqlite3 "$DB" "INSERT INTO domains VALUES ('example.net','Y'),('example.com','Y'),('gone.example','N');
	INSERT INTO alias VALUES ('list','vera@example.net'),('list','vera@example.com');
	INSERT INTO users (username,domain,home,password,uid,gid,active) VALUES
	 ('vera','example.net','$SANDBOX/home/vera','x',$RUN_UID,$RUN_GID,'Y'),
	 ('vera','example.com','$SANDBOX/home/vera2','x',$RUN_UID,$RUN_GID,'Y'),
	 ('old','example.net','$SANDBOX/home/vera','x',$RUN_UID,$RUN_GID,'N');"
chmod 666 "$DB"; test "$(id -u)" -ne 0 || chown "$RUN_UID:$RUN_GID" "$DB"
conf <<-END
	table domains sqlite:$SANDBOX/sqlite
	table users sqlite:$SANDBOX/sqlite
	table sqalias sqlite:$SANDBOX/sqlite
	$(users_table | sed 's/table users/table locals/')
	accept from any for domain "local.example" userbase <locals> deliver to maildir
	accept from any for domain <domains> alias <sqalias> userbase <users> deliver to maildir
END

like 'sqlite: smtpd -n asks sqlite-lookup, and is content' "$(smtpd -n 2>&1)" '^configuration OK$'
is   'sqlite: users, aliases, and who is not there or inactive' \
	"$(rcpt vera@example.net list@example.net nobody@example.net old@example.net vera@gone.example)" \
	"250 2.1.5 Ok
250 2.1.5 Ok
550 5.1.1 <nobody@example.net>: no such user
550 5.1.1 <old@example.net>: this address is disabled
550 5.1.1 <vera@gone.example>: this address is disabled"
like '... the log says which table switched them off' "$(cat "$LOG")" 'user old is disabled: inactive in <users>'
like '... the domain, too' "$(cat "$LOG")" 'domain gone.example is disabled: inactive in <domains>'
inject vera@example.net list@example.net
run_queue
is   'sqlite: delivered' "$(mail_count vera), $(mail_count vera2)" '1, 1'

# lock: the database is locked until unlock
lock()
{
	rm -f "$SANDBOX/locked"
	start $PYTHON -c 'import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("begin exclusive")
open(sys.argv[2], "w").close()
time.sleep(300)' "$DB" "$SANDBOX/locked"
	LOCKER=$PID
	wait_until 10 test -e "$SANDBOX/locked"
}
unlock() { stop "$LOCKER"; }

inject vera@example.net		# accepted before the lock
lock
like 'sqlite: a locked database is "try again later"' "$(rcpt vera@example.net)" '^451 4\.3\.0 '
like '... and the log says so, with the rule' "$(the_last 2)" "rule $CONF:[0-9]+.*database is locked"
is   '... each of many recipients does not wait for it anew' \
	"$(rcpt vera@example.net vera@example.net vera@example.net | sort -u | wc -l)" 1
inject lola@local.example
start_runner
ok   '... mail that does not need it is delivered meanwhile' wait_until 60 has_mail lola 2
ok   '... what needs it waits in the queue' wait_until 60 sh -c "ls '$SPOOL'/later/*/* >/dev/null"
like '... with that reason' "$(grep 'stat=Deferred' "$LOG" | tail -n 1)" '4\.3\.0 .*database is locked'
unlock
is   '... and without a restart all is well again' "$(rcpt vera@example.net)" '250 2.1.5 Ok'
stop_runner
make_due
run_queue
is   '... for the queue, too' "$(mail_count vera), $(queued)" '2, 0'

echo 'this is no database' >"$SANDBOX/none"
sed "s|^dbpath.*|dbpath $SANDBOX/none|" "$SANDBOX/sqlite" >"$SANDBOX/sqlite.new"
mv "$SANDBOX/sqlite" "$SANDBOX/sqlite.good"; mv "$SANDBOX/sqlite.new" "$SANDBOX/sqlite"
like 'sqlite: what is no database is "try again later"' "$(rcpt vera@example.net)" '^451 4\.3\.0 '
rm "$SANDBOX/sqlite"
like 'sqlite: so is a configuration that is not there' "$(rcpt vera@example.net)" '^451 4\.3\.0 '
like '... with the reason in the log' "$(the_last 2)" "$SANDBOX/sqlite: No such file"
mv "$SANDBOX/sqlite.good" "$SANDBOX/sqlite"

# sqlite-lookup itself, as bad as it can be
for what in 'exec head -c 300000 /dev/zero' 'exec cat' 'exit 0' 'kill -9 $$' 'echo sorry >&2; exit 111'; do
	rm -f "$SANDBOX/tools/sqlite-lookup"
	printf '#!/bin/sh\n%s\n' "$what" >"$SANDBOX/tools/sqlite-lookup"; chmod 755 "$SANDBOX/tools/sqlite-lookup"
	like "sqlite: \"try again later\" for a helper that does: $what" "$(rcpt vera@example.net)" '^451 4\.3\.0 '
done
rm "$SANDBOX/tools/sqlite-lookup"
like 'sqlite: without the program it is "try again later"' "$(rcpt vera@example.net)" '^451 4\.3\.0 '
like '... said loudly' "$(the_last 2)" "cannot run $SANDBOX/tools/sqlite-lookup: No such file"
like '... smtpd -n calls it an error' "$(smtpd -n 2>&1)" "^$CONF:1: table domains: .*sqlite-lookup"

# ---- silence ----

wait $silent
like 'TYPE: one that says nothing is waited for half a minute, then "try again later"' "$(cat "$SANDBOX/silent")" \
	'^451 4\.3\.0 '
not_ok '... and it is gone' is_running table-test

done_testing
