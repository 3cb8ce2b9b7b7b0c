#!/bin/sh
# A database that is gone, locked, damaged, replaced or slow, and a helper that
# dies: 451 at the door, a deferral in the queue, one clear line in the log each,
# no mail lost, nobody else held up, and all is well again without a restart.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-run deliver-local queue-bounce sqlite-lookup tcpserver sqlite3
sandbox alice bob carol
ETC=$SANDBOX/etc
mkdir "$ETC"
DB=$ETC/db TABLE=$ETC/sqlite EXAMPLE=$t_dir/../conf-examples/sqlite-howto

# The programs in a directory of our own: one of them is to be missing now and then.
mkdir "$SANDBOX/mine"
for p in "$BIN"/*; do ln -s "$p" "$SANDBOX/mine/"; done
PIPEPOST_BIN=$SANDBOX/mine; export PIPEPOST_BIN
HELPER=$SANDBOX/mine/sqlite-lookup

sql() { sqlite3 "$DB" '.timeout 5000' "$@"; }
sqlite3 "$DB" <"$EXAMPLE/schema.sql"
for u in bob carol; do
	sql "INSERT INTO users VALUES ('$u', 'virtual.example', '$SANDBOX/home/$u', 'x', $RUN_UID, $RUN_GID, 'Y')"
done
sql "INSERT INTO domains (domain) VALUES ('virtual.example')"
sed "s|/etc/mail/authdb.sqlite|$DB|" "$EXAMPLE/sqlite.conf" >"$TABLE"

# alice needs no database, bob and carol do.
start_tcpserver
conf <<END
listen on 127.0.0.1 port $PORT hostname mail.example.org
table inline { alice = "$RUN_UID:$RUN_GID:$SANDBOX/home/alice" }
table domains sqlite:$TABLE
table users sqlite:$TABLE
table aliases sqlite:$TABLE
accept from any for domain "inline.example" userbase <inline> deliver to maildir
accept from any for domain <domains> alias <aliases> userbase <users> deliver to maildir
END
ALICE=alice@inline.example BOB=bob@virtual.example CAROL=carol@virtual.example

# ---- what is asked again and again ----

# rcpt ADDRESS...: one session; what is answered to each RCPT
rcpt()
{
	{
		printf '<\n> EHLO client.example.net\n<\n> MAIL FROM:<s@example.net>\n<\n'
		for a; do printf '> RCPT TO:<%s>\n<\n' "$a"; done
		printf '> QUIT\n<\n'
	} >"$SANDBOX/script"
	smtp "$SANDBOX/script" | grep -A1 '^C: RCPT' | sed -n 's/^S: //p'
}
# send ADDRESS [SENDER]: a message by SMTP
send()
{
	printf 'Subject: to %s\n\nhello\n' "$1" >"$SANDBOX/message"
	$PYTHON "$t_dir/lib/send.py" "$PORT" "${2:-s@example.net}" "$SANDBOX/message" "$1"
}
lines_before=0
mark() { lines_before=$(wc -l <"$LOG"); }
since() { tail -n +$((lines_before + 1)) "$LOG" | grep -v -e 'smtp connected' -e 'smtp disconnected' \
	-e 'queue-run.*: warning: .* belongs to root'; }
# since_has REGEX
since_has() { since | grep -Eq -e "$1"; }
empty_mailboxes() { rm -rf "$SANDBOX"/home/*/Maildir; }

LATER="^451 4\.3\.0 <$BOB>"
# trouble WHAT REASON: what the door says, and what becomes of a message that was taken before
trouble()
{
	note "$1"
	mark
	got=$(rcpt "$BOB" "$ALICE")
	like "$1: 451 4.3.0 at the door" "$got" "$LATER"
	like '... and the next recipient of the session, who needs no database, is taken' "$got" '^250'
	is   '... one line in the log' "$(since | wc -l)" 1
	like '... which says why' "$(since)" "smtp failed-command .*command=\"RCPT .*result=\"451 4\.3\.0 <$BOB>.*why=.*$2"
	make_due
	mark
	ok   '... a message that was taken before is deferred' run_queue
	is   '... and kept' "$(queued)" 1
	is   '... with one line in the log' "$(since | wc -l)" 1
	like '... which says why' "$(since)" "to=<$BOB>, delay=[0-9]+, stat=Deferred: 4\.3\.[05] .*$2"
}
# healed WHAT: after that
healed()
{
	like "$1: taken at the door" "$(rcpt "$BOB")" '^250'
	make_due
	ok   '... the message that waited goes out' run_queue
	ok   '... and is there' test "$(mail_count bob)" -eq 1 -a "$(queued)" -eq 0
	empty_mailboxes
	quiet send "$BOB" || bail_out "$(cat "$SANDBOX/said")"
}

# hold: another process locks the database; release
hold()
{
	rm -f "$SANDBOX/held"
	start $PYTHON -c '
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("begin exclusive")
open(sys.argv[2], "w")
time.sleep(600)' "$DB" "$SANDBOX/held"
	HOLDER=$PID
	wait_until 10 test -e "$SANDBOX/held"
}
release() { stop "$HOLDER"; }

# ---- the database ----

is 'all is well' "$(quiet send "$BOB"; queued)" 1

mv "$DB" "$DB.away"
trouble 'a database that is gone' 'db: No such file or directory'
mv "$DB.away" "$DB"
healed 'it is back'

hold
trouble 'a database that is locked' 'database is locked'
release
healed 'it is free'

cp "$DB" "$DB.whole"
head -c 6000 "$DB.whole" >"$DB.part" && mv "$DB.part" "$DB"
trouble 'a database that was truncated' '(malformed|not a database|disk I/O)'
mv "$DB.whole" "$DB"
healed 'it is whole'

cp "$DB" "$DB.whole"
: >"$DB"
trouble 'a database that is empty' 'no such table'
mv "$DB.whole" "$DB"
healed 'it is full'

cp "$TABLE" "$TABLE.good"
sed 's/^query_userinfo.*/query_userinfo with recursive n(i) as (select 1 union all select i + 1 from n) select max(i), 1, 1 from n where ? is not null/' \
	"$TABLE.good" | conf "$TABLE"
trouble 'a query that never ends' 'sqlite:[0-9]+: query_userinfo: stopped after 5 seconds'
mv "$TABLE.good" "$TABLE"
healed 'it ends'

mv "$TABLE" "$TABLE.away"
trouble 'a table configuration that is gone' 'sqlite: No such file or directory'
mv "$TABLE.away" "$TABLE"
healed 'it is back'

# ---- the helper ----

rm "$HELPER"
trouble 'a helper that is missing' 'cannot run .*sqlite-lookup: No such file'
printf '#!/bin/sh\nkill -9 $$\n' >"$HELPER"; chmod 755 "$HELPER"
trouble 'a helper that is killed' 'sqlite-lookup has ended'
printf '#!/bin/sh\nprintf "what\\\\0\\\\0do you want"\nexec sleep 1000\n' >"$HELPER"
trouble 'a helper that talks nonsense' 'sqlite-lookup speaks nonsense'
printf '#!/bin/sh\necho "my disk is full" >&2\nexit 111\n' >"$HELPER"
trouble 'a helper that says why it cannot' 'sqlite-lookup: my disk is full'
ln -sf "$BIN/sqlite-lookup" "$HELPER"
healed 'the right one is back'

# ---- a runner that stays ----

note 'nobody else is held up, and nothing is restarted'
run_queue; empty_mailboxes
for i in 1 2 3; do quiet send "$BOB"; done
hold
mark
start_runner
ok 'a message for a user without database is taken while the database is locked' send "$ALICE"
ok '... and arrives while others wait for the lock' wait_until 30 has_mail alice
ok '... with the lock still there' kill -0 "$HOLDER"
ok 'the others are deferred' wait_until 30 since_has "to=<$BOB>.*stat=Deferred: 4\.3\.0.*database is locked"
like '... later than that one arrived' "$(since | grep -o -e 'stat=[DS][a-z]*' | head -n 1)" 'stat=Sent'
ok '... and all are kept' wait_until 30 test "$(queued)" -eq 3
release
# A table that made others wait is left alone for some seconds; then it is asked again.
again() { quiet send "$CAROL" && sleep 1 && has_mail carol; }
ok 'when the lock has gone, mail goes out again, by the same runner' wait_until 30 again
cp "$DB" "$DB.new"
sqlite3 "$DB.new" "UPDATE users SET home='$SANDBOX/home/alice' WHERE username='carol'"
rm -rf "$SANDBOX/home/alice/Maildir" "$SANDBOX/home/carol/Maildir"
mv "$DB.new" "$DB"
ok 'a database is replaced by rename, and a message taken' send "$CAROL"
ok '... which goes where the new one says' wait_until 20 has_mail alice
is '... not where the old one did' "$(mail_count carol)" 0
stop_runner
make_due
ok 'those that were deferred have their turn' run_queue
is '... and arrive, all of them' "$(mail_count bob) $(queued)" '3 0'

# ---- a table that does not answer at all ----

note 'a program that answers when it likes'
printf '#!/bin/sh\nuntil test -e "%s/gate"; do sleep 0.1; done\necho %s:%s:%s/home/bob\n' "$SANDBOX" "$RUN_UID" "$RUN_GID" "$SANDBOX" \
	>"$ETC/slow"
chmod 755 "$ETC/slow"
cp "$CONF" "$SANDBOX/conf.before"
{
	sed '/^accept/,$d' "$CONF"
	cat <<-END
	table slow exec:$ETC/slow
	accept from any for domain "slow.example" userbase <slow> deliver to maildir
	END
	sed -n '/^accept/,$p' "$CONF"
} | conf
empty_mailboxes
: >"$SANDBOX/gate"
ok 'a message for it is taken while it answers' send bob@slow.example
rm "$SANDBOX/gate"
start_runner
ok 'a message for somebody else' send "$ALICE"
ok '... arrives while that one waits' wait_until 20 has_mail alice
is '... and waits still' "$(mail_count bob)" 0
: >"$SANDBOX/gate"
ok '... until it is answered' wait_until 60 has_mail bob
stop_runner
conf <"$SANDBOX/conf.before"

# ---- between acceptance and delivery ----

note 'a user and a domain that are switched off after their mail was taken'
empty_mailboxes
sql "UPDATE users SET home='$SANDBOX/home/carol' WHERE username='carol'"
quiet send "$BOB" "$ALICE"; quiet send "$CAROL" "$ALICE"
sql "UPDATE users SET active='N' WHERE username='bob'"
mark
ok 'a pass of the queue after one was disabled' run_queue
like '... his message fails at the first attempt, and it says why' "$(since)" \
	"to=<$BOB>, delay=[0-9]+, stat=Failed: 5\.1\.1 user bob is disabled: inactive in <users>"
is '... the other one has his mail' "$(mail_count carol)" 1
run_queue
is '... and the sender is told' "$(mail_count alice) $(queued)" '1 0'
like '... that it is final' "$(cat "$(the_mail alice)")" '^Status: 5\.1\.1'
like '... and why' "$(cat "$(the_mail alice)")" 'user bob is disabled'
empty_mailboxes
sql "UPDATE users SET active='Y' WHERE username='bob'"
quiet send "$BOB" "$ALICE"
sql "UPDATE domains SET active='N'"
mark
ok 'a pass of the queue after the domain was disabled' run_queue
like '... the message fails at the first attempt' "$(since)" \
	"to=<$BOB>, delay=[0-9]+, stat=Failed: 5\.1\.1 .*domain virtual.example is disabled: inactive in <domains>"
run_queue
is '... and the sender is told' "$(mail_count alice) $(queued)" '1 0'
sql "UPDATE domains SET active='Y'"

note 'users that are not there any more, in the queries of the how-to'
sed -e '/^query_domain/s/, active from\(.*\)/ from\1 and active="Y"/' -e '/^query_userinfo/s/,active from\(.*\)/ from\1 and active="Y"/' \
	"$TABLE" | conf "$TABLE"
empty_mailboxes
quiet send "$BOB" "$ALICE"; quiet send "$CAROL" "$ALICE"
sql "UPDATE users SET active='N' WHERE username='bob'" "DELETE FROM users WHERE username='carol'"
mark
ok 'a pass of the queue after one was disabled and one removed' run_queue
like '... the disabled one is deferred, and it says why' "$(since)" \
	"to=<$BOB>, delay=[0-9]+, stat=Deferred: 4\.1\.1 user bob not in <users>"
like '... so is the one that was removed' "$(since)" "to=<$CAROL>, .*stat=Deferred: 4\.1\.1 user carol not in <users>"
make_due
mark
ok 'found absent once more within 15 minutes' run_queue
is '... they are deferred again' "$(since | grep -c 'stat=Deferred: 4.1.1') $(queued)" '2 2'
is '... and the sender hears nothing' "$(mail_count alice)" 0
sql "UPDATE users SET active='Y' WHERE username='bob'"
make_due
ok 'one that is back in time' run_queue
is '... has his mail' "$(mail_count bob) $(queued)" '1 1'

# later COMMAND: with the clock 18 minutes ahead: 15, and a slot
later() { ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" faketime -f +18m "$@"; }
pass_later() { later timeout -k 5 60 queue-run 2>>"$LOG" </dev/null; }
if command -v faketime >/dev/null && later true 2>/dev/null; then
	mark
	ok 'found absent once more after 18 minutes' pass_later
	like '... he is unknown' "$(since)" "to=<$CAROL>, delay=[0-9]+, stat=User unknown: 5\.1\.1 user carol not in <users>"
	is '... which is all the log has to say of him' "$(since | grep -c "to=<$CAROL>")" 1
	run_queue
	is '... and the sender is told' "$(mail_count alice) $(queued)" '1 0'
	like '... who it is about' "$(cat "$(the_mail alice)")" "^Final-Recipient: rfc822; *$CAROL"
	like '... that it is final' "$(cat "$(the_mail alice)")" '^Status: 5\.1\.1'
	like '... and why' "$(cat "$(the_mail alice)")" 'user carol not in <users>'
else
	skip 'found absent after 18 minutes (needs faketime)'
	make_due
fi

note 'a domain that is disabled after its mail was taken'
empty_mailboxes
quiet send "$BOB" "$ALICE"
sql "UPDATE domains SET active='N'"
mark
ok 'a pass of the queue' run_queue
like '... it is deferred: the configuration may be mended' "$(since)" "to=<$BOB>, .*stat=Deferred: 4\.3\.5 no rule accepts"
sql "UPDATE domains SET active='Y'"
make_due
ok 'another one, when it is back' run_queue
is '... it is delivered' "$(mail_count bob) $(queued)" '1 0'
done_testing
