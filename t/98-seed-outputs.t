#!/bin/sh
# Each command and output that the how-tos of calomel.org and "OpenSMTPD SQlite" print,
# beside ours. Only paths differ. (What smtpctl prints is tested with smtpctl, the
# SQLite how-to in 67-howto-sqlite.t.)
. "$(dirname "$0")/lib.sh"
need smtpd smtp-recv queue-run queue-init sendmail newaliases makemap smtpctl

sandbox calomel alice
etc=$SANDBOX/etc
mkdir "$etc"

# ---- "Update the aliases file" ----

cat >"$etc/aliases" <<'END'
root:       calomel
webmaster:  calomel
freebsd:    calomel
END
cat >"$etc/smtpd.conf" <<END
table aliases db:$etc/aliases.db
accept from local for local alias <aliases> deliver to maildir
END
# newaliases: /usr/local/etc/mail/aliases: 3 aliases
is   'newaliases'                            "$(PIPEPOST_CONF=$etc/smtpd.conf newaliases)" "$etc/aliases: 3 aliases"
echo 'root: calomel' >"$etc/aliases"
is   '... of one alias'                      "$(PIPEPOST_CONF=$etc/smtpd.conf newaliases)" "$etc/aliases: 1 aliases"
# mailer.conf of FreeBSD: "newaliases /usr/local/libexec/opensmtpd/makemap"
ln -s "$BIN/makemap" "$SANDBOX/newaliases"
is   '... and by its mailer.conf: makemap, called newaliases'  "$(PIPEPOST_CONF=$etc/smtpd.conf "$SANDBOX/newaliases")" \
	"$etc/aliases: 1 aliases"

# "sendmail /usr/local/sbin/smtpctl", likewise send-mail and mailq
mkdir "$SANDBOX/wrapped"
for name in sendmail send-mail mailq; do ln -s "$BIN/smtpctl" "$SANDBOX/wrapped/$name"; done
for name in sendmail send-mail; do
	printf 'Subject: x\n\n' | "$SANDBOX/wrapped/$name" -v alice@example.org >"$SANDBOX/said" 2>&1
	is   "... smtpctl, called $name: exit 0"     "$?" 0
	like '... a message is queued'               "$(cat "$SANDBOX/said")" 'octets queued as [0-9]'
done
is   '... called mailq: the queue'           "$("$SANDBOX/wrapped/mailq" | cut -d '|' -f 5)" "alice@example.org
alice@example.org"
rm -f "$SPOOL"/new/*

# ---- "Example #3": the secrets ----

printf 'label GMAIL_USERNAME@gmail.com:GMAIL_PASSWORD\n' >"$etc/secrets"
chmod 640 "$etc/secrets"
is   'makemap secrets: nothing is printed'   "$(cd "$etc" && makemap secrets 2>&1)" ''
ok   '... secrets.db is there'               test -s "$etc/secrets.db"
is   '... open to nobody that the text is not open to'  "$(stat -c %a "$etc/secrets.db")" 640
is   '... with the label, as makemap itself reads it'  "$(makemap -U "$etc/secrets.db" 2>&1 | tr -s '\t ' ' ')" \
	'label GMAIL_USERNAME@gmail.com:GMAIL_PASSWORD'

# ---- "Check smtpd.conf for errors" ----

for example in local-only relay-central relay-gmail; do
	sed -e "s|/usr/local/etc/mail|$etc|g; s|/etc/mail/|$etc/|g" -e "s|/usr/local/bin/procmail|/bin/true|" \
		"$t_dir/../conf-examples/$example/smtpd.conf" >"$etc/$example.conf"
	is "smtpd -n: $example"                  "$(smtpd -n -f "$etc/$example.conf" 2>&1 | grep -v warning:)" 'configuration OK'
	ok '... exit 0'                          quiet smtpd -n -f "$etc/$example.conf"
done

# ---- "Start the smtpd. Pick one method" ----

free_port() { $PYTHON -c 'import socket; s = socket.socket(socket.AF_INET6); s.bind(("::1", 0)); print(s.getsockname()[1])'; }
$PYTHON -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null || skip_all 'there is no IPv6 here'
PORT=$(free_port)
conf <<EOF
listen on ::1 port $PORT hostname example.com
$(users_table)
accept from any for domain "somedomain.example" userbase <users> deliver to maildir
EOF
answers() { $PYTHON -c 'import socket, sys; print(socket.create_connection(("::1", int(sys.argv[1])), 10).makefile().readline())' "$PORT" 2>/dev/null | grep -q "^220 "; }
# "-dv": see error output on the console
start "$BIN/smtpd" -dv >>"$LOG" 2>&1 </dev/null
SMTPD=$PID
ok   'smtpd -dv'                             wait_until 30 answers
unlike '... "could not load cert: lo0, no SSL/TLS/AUTH support" is not said'  "$(cat "$LOG")" 'cert|SSL'

# ---- "Where can the logs for smtpd be found?" ----

cat >"$SANDBOX/send.py" <<'END'
import smtplib, sys
with smtplib.SMTP("::1", int(sys.argv[1]), local_hostname="client.example", timeout=20) as s:
    s.sendmail("user@our_domain.example", ["alice@somedomain.example"], b"Subject: maillog\r\n\r\nx\r\n")
END
$PYTHON "$SANDBOX/send.py" "$PORT" || note 'not sent'
wait_until 30 has_mail alice
maillog() { grep smtpd "$LOG" | sed -E 's/^smtpd\/[a-z-]+\[[0-9]+\]: //'; }
# Jan 10 12:30:00 test smtpd[13226]: 1244651996.ZjcewNaiDZhvzdsD: from=<user@our_domain.org>, size=471, nrcpts=1, proto=ESMTP, relay=localhost [IPv6:::1]
like 'cat maillog | grep smtpd: accepted'    "$(maillog)" \
	'^[0-9]{10}\.[A-Za-z0-9]{16}: from=<user@our_domain\.example>, size=20, nrcpts=1, proto=ESMTP, relay=localhost \[IPv6:::1\]$'
# Jan 10 12:30:00 test smtpd[20966]: 1244651996.ZjcewNaiDZhvzdsD.2164998912: to=<someguy@somedomain.org>, delay=0, stat=Sent
like '... and sent'                          "$(maillog)" \
	'^[0-9]{10}\.[A-Za-z0-9]{16}\.[0-9]+: to=<alice@somedomain\.example>, delay=[0-9]+, stat=Sent$'
is   '... both of one message'               "$(maillog | grep -E 'from=|stat=Sent' | grep -oE '^[0-9]+\.[A-Za-z0-9]{16}' | sort -u | wc -l)" 1
# "One could expect the logs to show the full conversation between client and server."
like 'with -v: the full conversation'        "$(maillog)" '^<<< (RCPT TO|rcpt TO):<alice@somedomain\.example>$'
like '... of both sides'                     "$(maillog)" '^>>> 250 2\.1\.5 '

# ---- "Fix permissions": the spool ----

is   'the spool: open to look through'       "$(stat -c %a "$SPOOL")" 755
is   '... the mail in it to its owner only'  "$(cd "$SPOOL" && stat -c %a new cur wait later tmp hold corrupt | sort -u)" 700

# ---- "rm -rf /var/spool/smtpd/*" ----

stop "$SMTPD"
start_runner
# It is at work, not only on its way: it has delivered something.
before=$(mail_count alice)
printf 'Subject: x\n\n' | sendmail alice@somedomain.example 2>/dev/null
wait_until 30 has_mail alice $((before + 1))
rm -rf "${SPOOL:?}"/*
printf 'Subject: x\n\n' | sendmail alice@somedomain.example 2>"$SANDBOX/stderr"
is   'rm -rf of the spool: sendmail exits 75'  "$?" 75
is   '... and says why'                      "$(tail -n 1 "$SANDBOX/stderr")" 'sendmail: nothing queued: 4.3.0 the queue is not there'
like '... and what makes it'                 "$(cat "$SANDBOX/stderr")" "queue-inject: $SPOOL.* \(queue-init makes it\)"
run_queue 2>"$SANDBOX/stderr"
is   '... queue-run exits 72'                "$?" 72
like '... and says the same'                 "$(cat "$LOG")" "queue-run: $SPOOL/lock \(queue-init makes it\): No such file"
kill -HUP "$RUNNER"
ended() { t_is_zombie "$RUNNER" || ! kill -0 "$RUNNER" 2>/dev/null; }
ok   '... a runner at work ends'             wait_until 30 ended
like '... and says why'                      "$(cat "$LOG")" "$SPOOL was removed under this runner"
stop "$RUNNER"
is   '... with 72, for its supervisor'       "$?" 72
# "Opesmtpd will remake all of the queue directories when it starts."
start "$BIN/smtpd" -d >>"$LOG" 2>&1 </dev/null
SMTPD=$PID
ok   'smtpd makes it anew when it starts'    wait_until 30 answers
rm -rf "$SANDBOX/home/alice/Maildir"
$PYTHON "$SANDBOX/send.py" "$PORT"
ok   '... and mail goes through'             wait_until 30 has_mail alice
stop "$SMTPD"

# The how-to's own recipe for the directories does no harm.
rm -rf "${SPOOL:?}"/*
for d in corrupt incoming purge queue temporary; do mkdir "$SPOOL/$d" && chmod 700 "$SPOOL/$d"; done
mkdir -m 1777 "$SPOOL/offline"
ok   'the directories of the how-to may be there'  quiet queue-init "$SPOOL"
printf 'Subject: x\n\n' | sendmail alice@somedomain.example 2>/dev/null
ok   '... they are not in the way'           run_queue
is   '... of mail'                           "$(mail_count alice)" 2

# ---- the errors of the how-to's questions ----

printf 'Subject: x\n\n' | sendmail -L tag alice@somedomain.example 2>"$SANDBOX/stderr"
is   '"sendmail: unknown option -- L" is not said'  "$?" 0
run_queue
printf '#!/bin/sh\nexit 111\n' >"$SANDBOX/dead"; chmod 755 "$SANDBOX/dead"
$PYTHON -c 'print("Subject: x\n\n" + "y\n" * 200000)' | QMAILQUEUE=$SANDBOX/dead send-mail alice@somedomain.example 2>"$SANDBOX/stderr"
is   '"send-mail: write error: Broken pipe": the queue program dies, and it is "try again"'  "$?" 75
like '... in words'                          "$(cat "$SANDBOX/stderr")" '^sendmail: nothing queued: '
done_testing
