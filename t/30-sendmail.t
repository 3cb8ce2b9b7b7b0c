#!/bin/sh
# sendmail: called as real programs call it, the message and the envelope that
# reach the queue are what those programs mean.

. "$(dirname "$0")/lib.sh"
need sendmail queue-inject queue-init
sandbox

ME=$(id -un)

# A queue program that keeps what it is given.
FAKE=$SANDBOX/fake
cat >"$FAKE" <<EOT
#!/bin/sh
cat >$SANDBOX/message
tr '\\000' '|' <&1 >$SANDBOX/envelope
env | grep '^PIPEPOST_' | sort >$SANDBOX/facts
EOT
chmod 755 "$FAKE"

# submit ARGUMENTS...: fd 0 through sendmail to the fake
submit() { rm -f "$SANDBOX/message" "$SANDBOX/envelope"; QMAILQUEUE=$FAKE sendmail "$@" 2>"$SANDBOX/stderr"; }
envelope() { cat "$SANDBOX/envelope"; }
# header: the fields, what differs from run to run made plain
header()
{
	sed '/^$/q' "$SANDBOX/message" | sed -E \
		-e 's/[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [-+][0-9]{4}$/DATE/' \
		-e 's/^Message-ID: <[0-9]+\.[a-z0-9]{16}@/Message-ID: <UNIQUE@/'
}
body() { body_of "$SANDBOX/message"; }
field() { sed '/^$/q' "$SANDBOX/message" | grep -i "^$1:"; }
count() { sed '/^$/q' "$SANDBOX/message" | grep -ic "^$1:"; }
# exit_of CODE COMMAND...: for commands that read fd 0
exit_of() { status "$@" 2>"$SANDBOX/stderr"; }

# The server's name, as the program itself sees it.
echo | submit -f x x
HOST=$(envelope | sed 's/^Fx@\([^|]*\)|.*/\1/')

# ---- what is added, and what is left alone ----

printf 'Subject: hello\n\nThis is it.\n' | submit -f alice@example.org -F 'Alice' bob@example.com
is 'a header that lacks From, Date and Message-ID gets them' "$(header)" \
"Subject: hello
From: Alice <alice@example.org>
Date: DATE
Message-ID: <UNIQUE@$HOST>"
is '... and the body as it was' "$(body)" 'This is it.'
is '... and the envelope holds -f and the argument' "$(envelope)" 'Falice@example.org|Tbob@example.com||'

cat >"$SANDBOX/whole" <<'EOT'
From: "A. L. Ice" <alice@example.org>
date:	Mon, 1 Jan 2024 00:00:00 +0000
To: bob@example.com,
   carol@example.com
Message-Id: <1@example.org>
X-Odd : spaces   stay  
Subject: =?utf-8?q?h=C3=A9?=

body
EOT
submit bob@example.com <"$SANDBOX/whole"
same_file 'a complete message is passed on as it is' "$SANDBOX/message" "$SANDBOX/whole"

printf 'only a body\n' | submit bob@example.com
is 'text without header is a body' "$(body)" 'only a body'
printf 'To: x@example.com\nno field: really\nthis is text\n' | submit bob@example.com
is 'the first line that is no field begins the body' "$(body)" 'no field: really
this is text'
: | submit bob@example.com
is 'an empty message is a message' "$(count Message-ID)" 1
printf 'Subject: no line end' | submit bob@example.com
is 'a header without line end gets one' "$(field Subject)" 'Subject: no line end'
printf 'From someone Tue Nov 24 02:00:00 2026\nReturn-Path: <x@example.com>\nSubject: s\n\nb\n' | submit bob@example.com
unlike 'a leading "From " line and Return-Path are dropped' "$(cat "$SANDBOX/message")" '^(From |Return-Path)'
printf 'Subject: s\r\nX-A: a\r\n b\r\n\r\nline\r\nbare\rcr\r\n' | submit bob@example.com
printf 'line\nbare\rcr\n' >"$SANDBOX/expected"; body >"$SANDBOX/got"
same_file 'CRLF line ends become LF; a bare CR stays' "$SANDBOX/got" "$SANDBOX/expected"
printf 'Subject: s\n\na\000b\n' | submit bob@example.com
is 'NUL becomes a space' "$(body)" 'a b'
printf 'Subject: s\n\none\n.\ntwo\n..\n' | submit bob@example.com
is 'a single dot does not end the message' "$(body)" 'one
.
two
..'
$PYTHON -c 'print("Subject: s\n\n" + "x" * 300000)' | submit bob@example.com
is 'long lines pass as they are' "$(body | wc -c)" 300001
$PYTHON -c 'import sys; sys.stdout.write("x" * 3000000)' | submit bob@example.com
is '... also one that never ends and could have become a header' "$(body | wc -c)" 3000000
$PYTHON -c 'print("X-Long: " + "x" * 2000000)' >"$SANDBOX/long"
ok 'a header without end is refused' exit_of 65 submit bob@example.com <"$SANDBOX/long"

# ---- names ----

printf '\n' | submit -f alice@example.org -F 'Alice (home), "A"' bob@example.com
is 'a full name with special characters is quoted' "$(field From)" \
	'From: "Alice (home), \"A\"" <alice@example.org>'
printf '\n' | submit -f alice@example.org -F "$(printf 'J\303\274rgen')" bob@example.com
is 'a full name that is not ASCII is encoded' "$(field From)" 'From: =?UTF-8?B?SsO8cmdlbg==?= <alice@example.org>'
printf '\n' | submit -f alice@example.org -F "$(printf 'A\nBcc: x@example.com')" bob@example.com
is 'a full name cannot begin a line' "$(field From; count Bcc)" \
	'From: "A Bcc: x@example.com" <alice@example.org>
0'
printf '\n' | submit bob@example.com
is 'without -f the reverse-path is the login name here' "$(envelope)" "F$ME@$HOST|Tbob@example.com||"
for sender in '' '<>'; do
	printf '\n' | submit -f "$sender" bob@example.com
	is "-f '$sender' is the null reverse-path" "$(envelope)" 'F|Tbob@example.com||'
done
printf '\n' | submit -falice bob
is 'names without domain get the name of this host' "$(envelope)" "Falice@$HOST|Tbob@$HOST||"
printf '\n' | submit -r '<alice@example.org>' 'Bob <bob@example.com>, carol@example.com' bob@example.com
is 'one argument may hold several recipients; each is kept once' "$(envelope)" \
	'Falice@example.org|Tbob@example.com|Tcarol@example.com||'
printf '\n' | submit -- -odd@example.com
is 'behind -- an argument may begin with -' "$(envelope)" "F$ME@$HOST|T-odd@example.com||"

# ---- -t ----

cat >"$SANDBOX/headers" <<'EOT'
To: Bob <bob@example.com>, carol (the other) @ example.com
Cc: "Doe, John" <john@example.com>,
	group: a@example.com, b@example.com;
Bcc: secret@example.com
Subject: t

b
EOT
submit -t -i <"$SANDBOX/headers"
is '-t takes To, Cc and Bcc' "$(envelope)" \
	"F$ME@$HOST|Tbob@example.com|Tcarol@example.com|Tjohn@example.com|Ta@example.com|Tb@example.com|Tsecret@example.com||"
is '... and strips Bcc' "$(count Bcc)" 0
submit -t extra@example.com bob@example.com <"$SANDBOX/headers"
is '-t adds to the arguments, each recipient once' "$(envelope)" \
	"F$ME@$HOST|Textra@example.com|Tbob@example.com|Tcarol@example.com|Tjohn@example.com|Ta@example.com|Tb@example.com|Tsecret@example.com||"
submit bob@example.com <"$SANDBOX/headers"
is 'without -t Bcc names no recipient' "$(envelope)" "F$ME@$HOST|Tbob@example.com||"
is '... and is stripped all the same' "$(count Bcc)" 0
{ printf 'Resent-To: r@example.com\nResent-Bcc: s@example.com\n'; cat "$SANDBOX/headers"; } | submit -t
is '-t takes the Resent fields alone where there are any' "$(envelope)" \
	"F$ME@$HOST|Tr@example.com|Ts@example.com||"
is '... and strips Resent-Bcc' "$(count Resent-Bcc)" 0
printf 'Subject: nobody\n\n' >"$SANDBOX/nobody"
ok '-t without any recipient is refused' exit_of 65 submit -t <"$SANDBOX/nobody"
ok 'no recipient at all is a usage error' exit_of 64 submit <"$SANDBOX/nobody"
ok 'an argument that is no address is refused' exit_of 65 submit 'a b <' <"$SANDBOX/nobody"

# ---- as programs call it ----

printf 'From: root (Cron Daemon)\nTo: bob\nSubject: Cron <bob@here> true\n\nout\n' |
	submit -FCronDaemon -i -B8BITMIME -oem bob
is 'cron: the recipient is the argument' "$(envelope)" "F$ME@$HOST|Tbob@$HOST||"
like '... and the body type is a fact' "$(cat "$SANDBOX/facts")" '=8BITMIME$'
printf 'To: bob@example.com\r\nSubject: php\r\nX-PHP: 1\r\n\r\nText\r\n' | submit -t -i -fwww@example.org
is 'PHP: header recipients, -f attached' "$(envelope)" 'Fwww@example.org|Tbob@example.com||'
submit -oem -oi -f alice@example.org -N failure,delay -R hdrs -V 'id=1+2' -- bob@example.com <"$SANDBOX/whole"
is 'mutt: DSN options reach the envelope' "$(envelope)" 'Falice@example.org|Tbob@example.com|Nfd||'
like '... and the facts' "$(cat "$SANDBOX/facts")" '=HDRS$'
like '... ENVID as xtext' "$(cat "$SANDBOX/facts")" '=id\+3D1\+2B2$'
submit -N never bob@example.com <"$SANDBOX/whole"
is '-N never' "$(envelope)" "F$ME@$HOST|Tbob@example.com|Nnever||"
submit -t -oem -oi -f '<>' <"$SANDBOX/headers"
like 'Exim: bounces have the null reverse-path' "$(envelope)" '^F\|Tbob'
submit -odi -oem -oi -om -o7 -oA/etc/aliases -em -m -n -s -U -x -G -L tag -A c -C /tmp/other.cf -d0.1 -h 3 -p ESMTP \
	-X /dev/null -O DeliveryMode=b -J -E -Q bob@example.com <"$SANDBOX/whole"
is 'options of other MTAs are accepted, with their arguments' "$(envelope)" "F$ME@$HOST|Tbob@example.com||"
submit -tif alice@example.org <"$SANDBOX/headers"
like 'letters may share a word' "$(envelope)" '^Falice@example.org\|Tbob@'
for bad in -Z -Nsometimes -Rmost -bz '-q!x' -o -f; do
	ok "$bad is a usage error" exit_of 64 submit "$bad" </dev/null
	is '... told in one line' "$(wc -l <"$SANDBOX/stderr")" 1
done
ok 'host status is nothing' exit_of 0 sendmail -bh </dev/null
ok 'an interval for -q is accepted with a notice' exit_of 0 sendmail -q30m </dev/null
like '... that says what to do' "$(cat "$SANDBOX/stderr")" 'queue-run'
ln -s "$BIN/sendmail" "$SANDBOX/hoststat"
ok 'the name decides too' exit_of 0 "$SANDBOX/hoststat" -x </dev/null

mkdir "$SANDBOX/other"
ln -s "$BIN/sendmail" "$SANDBOX/other/mailq"
ok 'a program that is not installed is named' exit_of 72 env PIPEPOST_BIN="$SANDBOX/other" "$SANDBOX/other/mailq"
like '... in words' "$(cat "$SANDBOX/stderr")" 'smtpctl is not installed'
for p in smtpctl newaliases smtp-recv queue-run smtpd; do
	printf '#!/bin/sh\necho %s "$@"\n' $p >"$SANDBOX/other/$p"; chmod 755 "$SANDBOX/other/$p"
done
# other ARGUMENTS...: what sendmail becomes
other() { PIPEPOST_BIN=$SANDBOX/other sendmail "$@"; }
is 'mailq shows the queue, with its own options' \
	"$(PIPEPOST_BIN=$SANDBOX/other "$SANDBOX/other/mailq" -l)" 'smtpctl show queue -l'
is '-bp shows the queue' "$(other -bp)" 'smtpctl show queue'
is '-bi rebuilds the aliases' "$(other -bi)" 'newaliases'
is '-I too' "$(other -I)" 'newaliases'
is '-bs speaks SMTP' "$(other -bs)" 'smtp-recv -b'
is '-q runs the queue' "$(other -q)" 'queue-run'
is '-qI schedules a message' "$(other -qI1.abc)" 'smtpctl schedule 1.abc'
is '-qR schedules the mail for a domain' "$(other -qRexample.org)" 'smtpctl schedule @example.org'
is '-qS that of a sender' "$(other -qSalice@)" 'smtpctl schedule from:alice@'
is '-bd starts smtpd' "$(other -bd -q30m 2>/dev/null)" 'smtpd'
is '-bD in the foreground, with syslog' "$(other -bD)" 'smtpd -F'

if test -x "$(git --exec-path 2>/dev/null)/git-send-email"; then
	mkdir "$SANDBOX/repository"
	(
		cd "$SANDBOX/repository" && HOME=$SANDBOX && export HOME && git init -q . &&
		git config user.name 'A U Thor' && git config user.email author@example.org &&
		echo 1 >file && git add file && git commit -qm 'One' &&
		git format-patch -q --root -o ../patches &&
		QMAILQUEUE=$FAKE git send-email --quiet --confirm=never --smtp-server="$BIN/sendmail" \
			--to=bob@example.com --cc=carol@example.com ../patches
	) >"$SANDBOX/git.log" 2>&1 || note_file "$SANDBOX/git.log"
	like 'git send-email' "$(envelope)" 'Tbob@example.com\|Tcarol@example.com\|'
else
	skip 'git send-email is not there'
fi

# ---- the queue's answers ----

# answer LINES: a queue program that does as told
answer() { printf '#!/bin/sh\n%s\n' "$1" >"$SANDBOX/answer"; chmod 755 "$SANDBOX/answer"; }
answered() { QMAILQUEUE=$SANDBOX/answer sendmail bob@example.com <"$SANDBOX/whole" 2>"$SANDBOX/stderr"; }
answer 'cat >/dev/null; exit 53'
ok 'a full disk means try again' status 75 answered
like '... and one line says why' "$(cat "$SANDBOX/stderr")" '^sendmail: nothing queued: 4\.3\.0 write error or disk full$'
answer 'cat >/dev/null; printf "D5.7.1 no thanks" >&6; exit 82'
ok 'a refusal for good is told as one' status 65 answered
like '... with its words' "$(cat "$SANDBOX/stderr")" '5\.7\.1 no thanks$'
answer 'kill -9 $$'
ok 'a crash means try again' status 75 answered
rm -f "$SANDBOX/answer"
ok 'a missing queue program means try again' status 75 answered
answer 'exit 53'
$PYTHON -c 'print("Subject: s\n\n" + "x\n" * 3000000)' >"$SANDBOX/big"
ok 'a program that does not read costs no signal' exit_of 75 env QMAILQUEUE="$SANDBOX/answer" \
	sendmail bob@example.com <"$SANDBOX/big"

# ---- -bv ----

conf <<EOT
table aliases { team = "alice, bob@example.org, |/bin/cat", broken = "error:550 gone" }
$(users_table)
accept from local for domain "example.org" userbase <users> alias <aliases> deliver to maildir
accept from local for any relay via smtp://smart.example.com
EOT
is '-bv tells where mail would go' "$(sendmail -bv alice@example.org x@example.com)" \
'alice@example.org: to the maildir of user alice
x@example.com: relayed via smtp://smart.example.com'
is '... through aliases' "$(sendmail -bv team@example.org)" \
'team@example.org: stands for
  alice: to the maildir of user alice
  bob@example.org: to the maildir of user bob
  |/bin/cat'
ok '... and exits 67 for what is refused' quiet exit_of 67 sendmail -bv nobody@example.org alice@example.org
ok '... 78 where the configuration has errors' exit_of 78 env PIPEPOST_CONF=/nonexistent sendmail -bv a@example.org
default_conf

# ---- the real queue ----

printf 'Subject: real\n\nreal body\n' | sendmail -v -f alice@example.org bob@example.org 2>"$SANDBOX/stderr"
is 'a message is queued' "$(queued)" 1
like '... -v tells under which id' "$(cat "$SANDBOX/stderr")" 'octets queued as [0-9]+\.[A-Za-z0-9]{16}$'
like '... and so does the log' "$(cat "$SANDBOX/stderr")" \
	': [0-9]+\.[A-Za-z0-9]{16}: from=<alice@example\.org>, size=[0-9]+, nrcpts=1, proto=local, relay='"$ME@localhost$"
ok '... with the body' grep -q '^real body$' "$SPOOL"/new/*
is '... below one trace line, which tells the uid' "$(tr '\0' '\n' <"$(ls "$SPOOL"/new/*)" | grep '^Received')" \
	"Received: by $HOST (pipepost, invoked by uid $(id -u))"
rm -f "$SPOOL"/new/*
{ printf 'max-message-size 100k\n'; cat "$CONF"; } >"$CONF.new" && mv "$CONF.new" "$CONF"
ok 'max-message-size holds for sendmail' exit_of 65 sendmail bob@example.org <"$SANDBOX/big"
is '... and nothing is queued' "$(queued)" 0
mv "$SPOOL" "$SPOOL.away"
ok 'a missing spool means try again' exit_of 75 sendmail bob@example.org <"$SANDBOX/whole"
mv "$SPOOL.away" "$SPOOL"

done_testing
