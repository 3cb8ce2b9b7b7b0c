#!/bin/sh
# Mail that waits for one table holds up none that can be decided about without
# it: not by its lock, not by its silence, not by its number.
. "$(dirname "$0")/lib.sh"
need smtpctl queue-inject queue-run deliver-local sqlite-lookup sqlite3
sandbox alice bob carol dave
ETC=$SANDBOX/etc; mkdir "$ETC"

# database NAME USER...: a database with these users, and its table configuration
database()
{
	t_db=$ETC/$1.db
	cat >"$ETC/$1" <<-END
	dbpath $t_db
	query_domain select domain from domains where domain=?
	query_userinfo select uid, gid, home from users where username=?
	END
	shift
	sqlite3 "$t_db" 'CREATE TABLE domains (domain)' 'CREATE TABLE users (username, uid, gid, home)'
	for u; do sqlite3 "$t_db" "INSERT INTO users VALUES ('$u', $RUN_UID, $RUN_GID, '$SANDBOX/home/$u')"; done
}
database one bob
database two carol dave
sqlite3 "$ETC/two.db" "INSERT INTO domains VALUES ('two.example')"

# A program that answers when there is a gate.
cat >"$ETC/gated" <<-END
#!/bin/sh
until test -e "$SANDBOX/gate"; do sleep 0.1; done
echo $RUN_UID:$RUN_GID:$SANDBOX/home/dave
END
chmod 755 "$ETC/gated"

# For mail from both@example.net two.example needs two tables: the domain is in the
# second database, the users are in the first.
conf <<END
$(users_table)
table one sqlite:$ETC/one
table two sqlite:$ETC/two
table two-again sqlite:$ETC/two
table gated exec:$ETC/gated
accept from any for domain "inline.example" userbase <users> deliver to maildir
accept from any for domain "one.example" userbase <one> deliver to maildir
accept from any for domain "gated.example" userbase <gated> deliver to maildir
accept from any sender "both@example.net" for domain <two> userbase <one> deliver to maildir
accept from any for domain <two> userbase <two-again> deliver to maildir
END

# send RECIPIENT [COUNT [SENDER]]: so many messages
send()
{
	printf 'F%s@example.net\0T%s\0\0' "${3:-s}" "$1" >"$SANDBOX/envelope"
	printf 'Subject: to %s\n\nhello\n' "$1" >"$SANDBOX/text"
	for i in $(seq "${2:-1}"); do
		queue-inject <"$SANDBOX/text" 1<"$SANDBOX/envelope" 2>>"$LOG" || return 1
	done
}
# stats: what was said of recipients, in order
stats() { grep -o -e 'to=<[^>]*>, delay=[0-9]*, stat=[A-Z][a-z]*' "$LOG" | sed 's/, delay=[0-9]*//'; }
# outcome REGEX: how often it was said
outcomes() { stats | grep -Ec -e "$1"; }
outcome_of() { test "$(outcomes "$1")" -ge "${2:-1}"; }
# hold: another process locks the first database; release
hold()
{
	rm -f "$SANDBOX/held"
	start $PYTHON -c '
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("begin exclusive")
open(sys.argv[2], "w")
time.sleep(600)' "$ETC/one.db" "$SANDBOX/held"
	HOLDER=$PID
	wait_until 10 test -e "$SANDBOX/held"
}
empty_mailboxes() { rm -rf "$SANDBOX"/home/*/Maildir; }

note 'a locked database'
hold
send bob@one.example 20
send bob@two.example 10 both
start_runner
sleep 0.5	# all of them have asked
send alice@inline.example
send carol@two.example
ok 'mail that inline tables decide about arrives while thirty messages wait' wait_until 20 has_mail alice
ok '... so does mail that another database decides about' wait_until 20 has_mail carol
is '... before the first of those that wait is answered' "$(stats | head -n 2 | sort | tr '\n' ' ')" \
	'to=<alice@inline.example>, stat=Sent to=<carol@two.example>, stat=Sent '
ok 'those that wait are deferred in the end' wait_until 40 outcome_of 'to=<bob@.*stat=Deferred' 30
like '... because of the lock' "$(cat "$LOG")" 'stat=Deferred: 4\.3\.0 .*one:.*database is locked'
stop "$HOLDER"
stop_runner
make_due
ok 'when the lock has gone' run_queue
is '... all of them arrive' "$(mail_count bob) $(queued)" '30 0'
empty_mailboxes

note 'a program that says nothing'
send dave@gated.example 530
: >"$LOG"
start_runner
ok 'when more wait for it than the window holds, some go back' \
	wait_until 30 log_has 'gated.example.*Deferred: 4\.3\.0 a table does not answer, and others wait for it already'
send alice@inline.example
send carol@two.example
ok '... so that mail of others is taken up and arrives' wait_until 20 has_mail alice
ok '... with another table, too' wait_until 20 has_mail carol
is '... while it still says nothing' "$(mail_count dave) $(outcomes 'gated.example.*stat=Sent')" '0 0'
: >"$SANDBOX/gate"
ok 'it speaks: those who waited get their mail' wait_until 40 has_mail dave 50
stop_runner

note 'a message that is removed or paused while it waits for a table'
rm -rf "$SPOOL/later"/* "$SANDBOX/gate"
empty_mailboxes
send dave@gated.example 2
start_runner
in_hand() { test "$(find "$SPOOL/cur" -type f | wc -l)" -eq "$1"; }
wait_until 10 in_hand 2
sleep 0.3	# the question is out
set -- $(ls "$SPOOL/cur" | sed 's/,.*//')
ok 'smtpctl removes one' smtpctl remove "$1"
ok '... and pauses the other' smtpctl pause envelope "$2"
: >"$SANDBOX/gate"
ok 'when the table answers, neither is in hand any more' wait_until 30 in_hand 0
stop_runner
is '... neither was delivered' "$(mail_count dave)" 0
is '... and the one that was paused is there' "$(ls "$SPOOL/hold" | sed 's/,.*//') $(queued)" "$2 1"
done_testing
