#!/bin/sh
# sendmail: the programs that call it, and the ways in which they do; what they
# send is in the mailbox that they meant, with the envelope that they meant.
. "$(dirname "$0")/lib.sh"
need sendmail queue-inject queue-run smtp-recv newaliases makemap

sandbox
HOST=$(head -n 1 /etc/mail/mailname 2>/dev/null || head -n 1 /etc/mailname 2>/dev/null || hostname)
ME=$(id -un)
conf <<EOF
listen on 127.0.0.1 port 25 hostname mail.example.org
$(users_table)
accept from any for domain { "example.org", "$HOST" } userbase <users> deliver to maildir
EOF

# arrives WHO: the queue is run; then the only message of WHO is in $MAIL, and the mailbox is empty again
arrives()
{
	run_queue
	test "$(mail_count "$1")" -eq 1 || { note "$1 has $(mail_count "$1") messages"; return 1; }
	mv "$(the_mail "$1")" "$MAIL"
}
MAIL=$SANDBOX/mail
field() { sed '/^$/q' "$MAIL" | sed -n "s/^$1: //p"; }
reverse_path() { sed -n '1s/^Return-Path: <\(.*\)>$/\1/p' "$MAIL"; }
said() { cat "$SANDBOX/stderr"; }

# ---- cron ----

# What cron hands to popen(): its header, then what the job has printed, which may hold a dot.
printf 'From: root (Cron Daemon)\nTo: alice\nSubject: Cron <alice@host> echo\nMIME-Version: 1.0\nContent-Type: text/plain; charset=US-ASCII\nContent-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\none\n.\ntwo\n' |
	sendmail -FCronDaemon -i -B8BITMIME -oem alice 2>"$SANDBOX/stderr"
is   'cron: exit 0'                          "$?" 0
ok   '... its mail arrives'                  arrives alice
is   '... whole, dot and all'                "$(body_of "$MAIL")" 'one
.
two'
is   '... with the header as it was'         "$(field From)|$(field To)" 'root (Cron Daemon)|alice'
is   '... and the reverse-path of who runs it'  "$(reverse_path)" "$ME@$HOST"
printf 'Subject: x\n\n' | PIPEPOST_SPOOL=/nonexistent sendmail -FCronDaemon -i -B8BITMIME -oem alice 2>"$SANDBOX/stderr"
is   '... 75 where there is no queue, which cron logs'  "$?" 75
like '... with one line that says what makes one'  "$(said)" 'queue-init'

# ---- git send-email ----

if test -x "$(git --exec-path 2>/dev/null)/git-send-email" && perl -MMail::Address -e 1 2>/dev/null; then
	HOME=$SANDBOX; export HOME
	mkdir "$SANDBOX/repository"
	(
		cd "$SANDBOX/repository" && git init -q . && git config user.name 'A U Thor' &&
		git config user.email author@example.com && echo 1 >file && git add file && git commit -qm 'One' &&
		git format-patch -q --root -o ../patches &&
		git send-email --quiet --confirm=never --suppress-cc=self --smtp-server="$BIN/sendmail" \
			--envelope-sender=auto --to=alice@example.org --cc=bob@example.org ../patches
	) >"$SANDBOX/git.log" 2>&1 || note_file "$SANDBOX/git.log"
	ok   'git send-email: To'                    arrives alice
	is   '... with its envelope sender'          "$(reverse_path)" author@example.com
	is   '... and its subject'                   "$(field Subject)" '[PATCH] One'
	is   '... and one Message-ID'                "$(grep -ci '^message-id:' "$MAIL")" 1
	ok   '... a patch that git can apply'        sh -c "mkdir '$SANDBOX/applied' && cd '$SANDBOX/applied' && git init -q . &&
		git -c user.name=x -c user.email=x@example.com am -q '$MAIL' && test -f file"
	ok   '... Cc'                                arrives bob
else
	skip 'git send-email is not there'
fi

# ---- mutt ----

if command -v mutt >/dev/null; then
	cat >"$SANDBOX/muttrc" <<-EOF
	set sendmail="$BIN/sendmail -oem -oi"
	set from="alice@example.com"
	set realname="Alice"
	set use_envelope_from=yes
	set dsn_notify="failure,delay"
	set dsn_return=hdrs
	set copy=no
	EOF
	printf 'Text\n.\nmore\n' | HOME=$SANDBOX mutt -n -F "$SANDBOX/muttrc" -s 'From mutt' -b bob@example.org alice@example.org \
		>"$SANDBOX/said" 2>&1 </dev/stdin
	is   'mutt: exit 0'                          "$?" 0
	facts=$(cat "$SPOOL"/new/* | tr '\0' '\n')
	like '... its wish for notices is kept'      "$facts" '^Nfd$'
	like '... and what they should hold'         "$facts" '^RHDRS$'
	ok   '... it arrives'                        arrives alice
	is   '... from whom it should'               "$(field From)|$(reverse_path)" 'Alice <alice@example.com>|alice@example.com'
	is   '... whole'                             "$(body_of "$MAIL")" 'Text
.
more'
	ok   '... and the blind copy'                arrives bob
	is   '... which nobody is told of'           "$(grep -c '^Bcc' "$MAIL")" 0
else
	skip 'mutt is not there'
fi

# ---- mail(1) ----

if command -v s-nail >/dev/null; then
	echo body | HOME=$SANDBOX s-nail -n -S v15-compat -S mta="$BIN/sendmail" -s 'From mail' alice@example.org >"$SANDBOX/said" 2>&1
	is   'mail(1): exit 0'                       "$?" 0
	ok   '... it arrives'                        arrives alice
	is   '... with its subject'                  "$(field Subject)" 'From mail'
else
	skip 'mail(1) is not there'
fi

# ---- PHP ----

# mail() gives a shell sendmail_path and its fifth argument, and writes header and text with CRLF or LF.
php_mail() { sh -c "sendmail -t -i $1" 2>"$SANDBOX/stderr"; }
printf 'To: alice@example.org\r\nSubject: PHP\r\nX-PHP-Originating-Script: 33:x.php\r\nFrom: web@example.com\r\n\r\nline 1\r\nline 2\r\n' |
	php_mail '-fbounces@example.com'
is   'PHP: exit 0'                           "$?" 0
ok   '... it arrives'                        arrives alice
is   '... with the sender of its fifth argument'  "$(reverse_path)" bounces@example.com
is   '... CRLF or LF'                        "$(body_of "$MAIL")" 'line 1
line 2'
printf 'To: \r\nSubject: PHP\r\n\r\n' | php_mail ''
ok   '... without recipients mail() is false'  test "$?" -ne 0
if command -v php >/dev/null; then
	php -d sendmail_path="$BIN/sendmail -t -i" -r \
		'exit(mail("alice@example.org", "Subject", "a\n.\nb\n", "From: web@example.com\r\nBcc: bob@example.org", "-fbounces@example.com") ? 0 : 1);'
	is   '... and the real one: true'            "$?" 0
	ok   '... it arrives'                        arrives alice
	ok   '... with its blind copy'               arrives bob
else
	skip 'php is not there'
fi

# ---- others, by what they pass ----

# passes WHAT ARGUMENTS...: a message to alice by these arguments arrives
passes()
{
	what=$1; shift
	printf 'To: alice@example.org\nSubject: x\n\ntext\n' | sendmail "$@" 2>"$SANDBOX/stderr" && ok "$what" arrives alice && return
	fail "$what: $(said)"
}
passes 'logwatch'                            -t
passes 'Exim, for a notice of its own'       -t -oem -oi -f '<>'
is     '... the null reverse-path'           "$(reverse_path)" ''
passes 'old daemons'                         -odi -oem -oi -t
passes 'FreeBSD periodic, by mail(1)'        -i alice@example.org
passes 'Emacs'                               -f carol@example.com -oi -oem -odb -t
passes 'smartd, mdadm'                       -oi -t
passes 'fail2ban'                            -t -f fail2ban@example.com
passes 'Python and Perl programs'            -t -oi -oem
passes 'Mailman, by vectors of old'          -oi -f 'list-bounces@example.com' alice@example.org
passes 'sendmail of FreeBSD'                 -L sm-msp-queue -Am -t
passes 'a tag and a log'                     -L 'send mail' -X /dev/null -t
passes 'options in one word'                 -tioem
passes 'RequestTracker'                      -oi -t -f rt@example.com

# ---- -bs ----

# Alpine and others speak SMTP on pipes; all at once, without waiting.
printf 'EHLO localhost\r\nMAIL FROM:<carol@example.com>\r\nRCPT TO:<alice@example.org>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\nSubject: bs\r\n\r\nby SMTP\r\n.\r\nQUIT\r\n' |
	sendmail -bs -odb -oem >"$SANDBOX/said" 2>"$SANDBOX/stderr"
is   '-bs: exit 0'                           "$?" 0
like '... a local user may not relay where no rule says so'  "$(cat "$SANDBOX/said")" '^550 5\.7\.1 <x@elsewhere\.example>'
ok   '... the message arrives'               arrives alice
like '... and is known as local'             "$(cat "$LOG" "$SANDBOX/stderr")" 'from=<carol@example\.com>, size=[0-9]+, nrcpts=1, proto=ESMTP, relay=localhost \[local\]'
is   '... without PIPEPOST_LOG and syslog nothing is said on a terminal'  "$(printf 'QUIT\r\n' | env -u PIPEPOST_LOG sendmail -bs 2>&1 >/dev/null)" ''

# ---- who calls ----

printf 'Subject: x\n\n' | NAME='Al Ice' sendmail alice@example.org 2>/dev/null; arrives alice
is   '$NAME is the full name for From'       "$(field From)" "Al Ice <$ME@$HOST>"
printf 'Subject: x\n\n' | NAME='Al Ice' sendmail -F Other alice@example.org 2>/dev/null; arrives alice
is   '... unless -F names another'           "$(field From)" "Other <$ME@$HOST>"
printf 'Subject: x\n\n' | USER=daemon LOGNAME=daemon sendmail alice@example.org 2>/dev/null; arrives alice
is   '$USER of another account is not believed'  "$(reverse_path)" "$ME@$HOST"
cat >"$SANDBOX/twins" <<EOF
{ cat /etc/passwd; echo "twin:x:$(id -u):$(id -g):Twin:/:/bin/sh"; } >"$SANDBOX/passwd"
mount --bind "$SANDBOX/passwd" /etc/passwd || exit 1
printf 'Subject: x\n\n' | USER=twin sendmail alice@example.org 2>/dev/null
EOF
if test "$(id -u)" -eq 0 && unshare -m true 2>/dev/null; then
	unshare -m sh "$SANDBOX/twins"; arrives alice
	is   '... of two accounts with the uid it tells which'  "$(field From)" "Twin <twin@$HOST>"
else
	skip 'root only'
fi

# ---- the names ----

for name in hoststat purgestat; do
	ok   "$name: nothing to tell"            quiet "$name"
	is   '... and nothing told'              "$(cat "$SANDBOX/said")" ''
done
printf 'Subject: x\n\n' | send-mail alice@example.org 2>/dev/null
ok   'send-mail'                             arrives alice
printf 'root: alice\npostmaster: root\n' >"$SANDBOX/aliases"
conf <<EOF
table aliases db:$SANDBOX/aliases.db
$(users_table)
accept from any for domain "example.org" alias <aliases> userbase <users> deliver to maildir
EOF
is   'newaliases'                            "$(newaliases)" "$SANDBOX/aliases: 2 aliases"
is   'sendmail -bi'                          "$(sendmail -bi)" "$SANDBOX/aliases: 2 aliases"
is   'sendmail -I'                           "$(sendmail -I)" "$SANDBOX/aliases: 2 aliases"
printf 'one: alice\n' >"$SANDBOX/others"
sendmail -bi "-oA$SANDBOX/others" >"$SANDBOX/said" 2>&1
ok   '-oA: other aliases'                    test -s "$SANDBOX/others.db"
rm "$SANDBOX/others.db"
sendmail -bi -O "AliasFile=$SANDBOX/others" >"$SANDBOX/said" 2>&1
ok   '-O AliasFile=: likewise'               test -s "$SANDBOX/others.db"

# ---- -q ----

printf 'Subject: x\n\n' | sendmail root@example.org 2>/dev/null
ok   '-q: the queue is run once'             quiet sendmail -q
ok   '... and the alias was used'            has_mail alice
rm -rf "$SANDBOX/home/alice/Maildir"
# Where a runner is at work, it is told: what waits is due.
as_user touch "$SANDBOX/home/alice/Maildir"
printf 'Subject: waits\n\n' | sendmail root@example.org 2>/dev/null
run_queue
is   'a message that waits'                  "$(queued)" 1
rm "$SANDBOX/home/alice/Maildir"
if test -x "$BIN/smtpctl"; then
	start_runner
	runs() { ! flock -n "$SPOOL/lock" true; }
	wait_until 10 runs
	ok   '-q: a runner at work is told'      quiet sendmail -q
	ok   '... and tries what waits'          wait_until 20 has_mail alice
	stop_runner
else
	skip 'smtpctl is not there'
fi
if test "$(id -u)" -eq 0; then
	chmod 700 "$SPOOL/new"
	as_user sendmail -q 2>"$SANDBOX/stderr"
	is   '-q is not for everybody: 77'       "$?" 77
	like '... and says whose it is'          "$(said)" "only root and the owner of $SPOOL"
else
	skip 'root only'
fi
done_testing
