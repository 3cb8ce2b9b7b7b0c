#!/bin/sh
# deliver-local, one job from its command line: every action, and what it refuses.
. "$(dirname "$0")/lib.sh"
need deliver-local
named_account
sandbox bob

HOME_DIR=$SANDBOX/home/bob
cat >"$SANDBOX/message" <<'EOT'
Return-Path: <older@example.net>
Received: by somewhere
Subject: a message

From the first line on
>From the second
.a dot
EOT
printf 'an 8-bit octet: \344, and no end of line' >>"$SANDBOX/message"
tail -n +2 "$SANDBOX/message" >"$SANDBOX/rest"
{ printf 'Return-Path: <anna@example.com>\nDelivered-To: bob@example.org\n'; cat "$SANDBOX/rest"; } >"$SANDBOX/expected"

# deliver ARGUMENTS: the message, from anna to bob; its verdict in $SANDBOX/out; the exit code is deliver-local's
deliver()
{
	as_user "$BIN/deliver-local" -u bob -d "$HOME_DIR" -f anna@example.com -r "${TO:-bob@example.org}" "$@" \
		<"${MESSAGE:-$SANDBOX/message}" >"$SANDBOX/out" 2>"$SANDBOX/err"
}
verdict() { cat "$SANDBOX/out"; }
in_home() { (cd "$HOME_DIR" && as_user "$@"); }
files_in() { ls "$1" 2>/dev/null | wc -l; }
clean_home() { in_home find . -mindepth 1 -delete; }

note 'maildir'
ok 'a message is delivered to ~/Maildir, which is made' status 0 deliver
is '... and says where' "$(verdict)" "delivered: 2.0.0 Delivered to Maildir $HOME_DIR/Maildir"
same_file '... with Return-Path and Delivered-To in front, the older Return-Path gone, the rest as it was' \
	"$(the_mail bob)" "$SANDBOX/expected"
is '... nothing is left in tmp' "$(files_in "$HOME_DIR/Maildir/tmp")" 0
is '... the directories are closed to others' \
	"$(in_home stat -c %a Maildir Maildir/tmp Maildir/new Maildir/cur | tr '\n' ' ')" '700 700 700 700 '
is '... and so is the file' "$(stat -c %a "$(the_mail bob)")" 600
like '... its name follows the convention' "$(basename "$(the_mail bob)")" '^[0-9]+\.M[0-9]{6}P[0-9]+Q1_[0-9a-f]{16}\.[^/:]+$'
MESSAGE=/dev/null; ok 'an empty message is delivered' status 0 deliver -p '~/empty'; unset MESSAGE
is '... as the two fields' "$(cat "$HOME_DIR"/empty/new/*)" 'Return-Path: <anna@example.com>
Delivered-To: bob@example.org'
ok 'the path may hold specifiers' status 0 deliver -p '%{user.directory}/boxes/%{dest.domain}/%{sender.user[0]}'
is '... and missing directories on it are made' "$(files_in "$HOME_DIR/boxes/example.org/a/new")" 1
in_home mkdir -p Maildir/.lists/tmp Maildir/.lists/new Maildir/.lists/cur
TO=bob+lists@example.org; ok 'a tag that names a folder' status 0 deliver
is '... delivers into it' "$(files_in "$HOME_DIR/Maildir/.lists/new")" 1
TO=bob+other@example.org; deliver
is 'a tag that names none delivers into the inbox' "$(mail_count bob)" 2
TO='bob+.@example.org'; deliver
is 'a tag of dots does not lead out of the Maildir' "$(files_in "$HOME_DIR/new")$(mail_count bob)" 03
unset TO
in_home rm -rf Maildir/.lists && in_home ln -s / Maildir/.lists
TO=bob+lists@example.org deliver
is 'a folder that is a symbolic link is not entered' "$(mail_count bob)" 4
in_home mkdir -p trap && in_home mkdir evil && in_home ln -s ../evil trap/new
ok 'a new/ that is a symbolic link defers' status 75 deliver -p '~/trap'
is '... and nothing is put where it leads' "$(files_in "$HOME_DIR/evil")$(files_in "$HOME_DIR/trap/tmp")" 00
ok 'a home that is not there defers, and is not made' status 75 deliver -d "$SANDBOX/home/nobody"
not_ok '... really' test -e "$SANDBOX/home/nobody"
ok 'a format that cannot be expanded defers' status 75 deliver -p '~/%{nonsense}'
like '... and says why' "$(verdict)" '^deferred: 4\.3\.5 .*unknown token'
in_home touch -d '2 days ago' Maildir/tmp/stale && in_home touch Maildir/tmp/fresh
deliver
is 'stale files in tmp are swept, others not' "$(ls "$HOME_DIR/Maildir/tmp")" fresh
ok 'several recipients by hand' status 0 deliver -r bob@b.example -p '~/%{dest.domain}'
is '... have a copy each' "$(grep -h Delivered-To "$HOME_DIR"/example.org/new/* "$HOME_DIR"/b.example/new/* | sort)" \
	'Delivered-To: bob@b.example
Delivered-To: bob@example.org'

note 'mbox and files'
clean_home
ok 'a message is appended to an mbox, which is made' status 0 deliver -a mbox -p '~/mbox'
ok '... and another' status 0 deliver -a mbox -p '~/mbox'
is '... each with its From_ line' "$(grep -c '^From anna@example.com ' "$HOME_DIR/mbox")" 2
is '... From_ lines in the text are quoted' "$(grep -c '^>From the first' "$HOME_DIR/mbox") $(grep -c '^>>From the second' "$HOME_DIR/mbox")" '2 2'
ok '... Python reads both back' $PYTHON -c '
import mailbox, sys
box = mailbox.mbox(sys.argv[1], create=False)
assert [m["Delivered-To"] for m in box] == ["bob@example.org"] * 2' "$HOME_DIR/mbox"
printf 'no empty line at the end' | in_home tee mbox2 >/dev/null
deliver -a mbox -p '~/mbox2'
is 'a mailbox that ends in the middle of a line gets an empty line first' "$(sed -n 2,3p "$HOME_DIR/mbox2" | cut -c1-9)" '
From anna'
ok 'an absolute file is appended to' status 0 deliver -a file -p "$HOME_DIR/archive"
like '... nothing in its name is expanded' "$(deliver -a file -p "$HOME_DIR/%{dest}"; ls "$HOME_DIR")" '^%\{dest\}$'
ok '/dev/null discards' status 0 deliver -a file -p /dev/null
ok 'a relative file defers' status 75 deliver -a file -p archive
in_home touch real && in_home ln -s real link && in_home ln archive hard && in_home mkfifo fifo && in_home mkdir dir
for f in link hard fifo dir; do
	ok "a $f in place of the mailbox defers" status 75 deliver -a mbox -p "~/$f"
done
is '... and what a link led to stays as it was' "$(wc -c <"$HOME_DIR/real")" 0
ok "somebody else's file defers" status 75 deliver -a file -p /etc/hostname
in_home touch box
ok 'a home that is a file is the mailbox' status 0 deliver -d "$HOME_DIR/box" -a mbox -p '~/mbox'
is '... of a table row' "$(grep -c '^From ' "$HOME_DIR/box")" 1
ok 'no account name leads out of the system mailboxes' status 75 deliver -u ../x -a mbox
like '... loudly' "$(verdict)" '4\.3\.5'

note 'commands'
clean_home
ok 'a command gets the message' status 0 deliver -a mda -p 'cat >got'
same_file '... on its fd 0' "$HOME_DIR/got" "$SANDBOX/expected"
deliver -a pipe -p 'exec ls /proc/self/fd >fds'
is '... and sees no other descriptors than 0, 1 and 2 (3 is the directory that it lists)' \
	"$(tr '\n' ' ' <"$HOME_DIR/fds")" '0 1 2 3 '
SECRET=x; export SECRET
TO=bob+tag@example.org deliver -a pipe -p 'env | sort >env; pwd >pwd; ps -o sid= -p $$ >sid; echo $$ >pid'
is '... works in the home directory' "$(cat "$HOME_DIR/pwd")" "$(readlink -f "$HOME_DIR")"
is '... leads a session of its own' "$(tr -d ' ' <"$HOME_DIR/sid")" "$(cat "$HOME_DIR/pid")"
not_ok '... knows nothing of our environment' grep SECRET "$HOME_DIR/env"
for v in SENDER=anna@example.com RECIPIENT=bob+tag@example.org ORIGINAL_RECIPIENT=bob+tag@example.org USER=bob \
	LOGNAME=bob "HOME=$HOME_DIR" SHELL=/bin/sh LOCAL=bob+tag DOMAIN=example.org HOST=example.org EXTENSION=tag EXT=tag; do
	ok "... but $v" grep -qx "$v" "$HOME_DIR/env"
done
ok 'specifiers are expanded in an mda command' status 0 deliver -a mda -p 'echo %{sender} >who'
is '... as they should' "$(cat "$HOME_DIR/who")" anna@example.com
ok '... and not in a command of an alias' status 0 deliver -a pipe -p 'echo "%{sender}" >who'
is '... as they should' "$(cat "$HOME_DIR/who")" '%{sender}'
TO='x;$(touch evil)`touch evil`|touch evil@example.org' deliver -a mda -p 'echo %{dest:raw} >who'
not_ok 'an address cannot add a command' test -e "$HOME_DIR/evil"
for code in 0 99; do ok "exit $code is a delivery" status 0 deliver -a mda -p "cat >/dev/null; exit $code"; done
for pair in 65:65 67:67 68:68 100:65; do
	ok "exit ${pair%:*} is permanent" status "${pair#*:}" deliver -a mda -p "exit ${pair%:*}"
done
for code in 1 64 69 70 71 73 75 77 78 111 112 126 127; do
	ok "exit $code means later" status 75 deliver -a mda -p "exit $code"
done
ok 'death by a signal means later' status 75 deliver -a mda -p 'kill -9 $$'
ok 'a command that is not there means later' status 75 deliver -a mda -p '/nowhere/procmail'
ok 'a command need not read the message' status 0 deliver -a mda -p 'exec true'
head -c 3000000 /dev/zero | tr '\0' x >"$SANDBOX/large"
MESSAGE=$SANDBOX/large; ok '... however large it is' status 0 deliver -a mda -p 'exec true'
ok 'a command may write a lot while it reads' status 0 deliver -a mda -p 'tee copy; cat copy >&2'
is '... and gets it all' "$(($(wc -c <"$HOME_DIR/copy") - $(wc -c <"$SANDBOX/large")))" \
	"$(printf 'Return-Path: <anna@example.com>\nDelivered-To: bob@example.org\n' | wc -c)"
unset MESSAGE
deliver -a mda -p 'echo first; echo last >&2; echo; exit 75'
like 'the last line of its output is part of the verdict' "$(verdict)" '^deferred: 4\.3\.0 .*75: last$'
like '... and all of them are logged' "$(cat "$SANDBOX/err")" 'output: first$'
deliver -a mda -p 'printf "a\033[2Jb\r\n"; exit 1'
like 'control octets in it are escaped' "$(verdict)" 'a\\033\[2Jb\\015$'
ok 'a command that takes too long is stopped' status 75 deliver -t 1 -a mda -p 'sleep 60 & echo $! >child; wait'
is_gone() { ! kill -0 "$1" 2>/dev/null || t_is_zombie "$1"; }
ok '... with all that it started' wait_until 10 is_gone "$(cat "$HOME_DIR/child")"

note 'procmail as the mda'
if test -x /usr/bin/procmail; then
	# -m: the home it would look into otherwise is that of the account with our uid.
	printf 'SHELL=/bin/sh\nDEFAULT=%s/procmail-box\n' "$HOME_DIR" | in_home tee .procmailrc >/dev/null
	ok 'procmail takes the message' status 0 deliver -a mda -p '/usr/bin/procmail -f - -m ~/.procmailrc'
	ok '... into its mailbox' grep -q 'Subject: a message' "$HOME_DIR/procmail-box"
	in_home sh -c 'echo "EXITCODE=67
:0
/dev/null" >>.procmailrc'
	ok 'its refusal is permanent' status 67 deliver -a mda -p '/usr/bin/procmail -f - -m ~/.procmailrc'
else
	skip 'procmail is not there'
fi

note '.forward'
clean_home
printf '# mine\n\\bob, carol@example.org\n"|vacation bob"\n' | in_home tee .forward >/dev/null
ok 'a .forward is reported' status 0 deliver -F
is '... one node a line' "$(verdict)" "$(printf 'expanded:\n\tbob\n\tcarol@example.org\n\t|vacation bob')"
is '... and nothing is delivered' "$(mail_count bob)" 0
ok 'it is not looked for without being asked to' status 0 deliver
is '... then the action delivers' "$(mail_count bob)" 1
in_home rm .forward
ok 'without one the action delivers' status 0 deliver -F
is '... once' "$(mail_count bob)" 2
in_home chmod 1700 .
ok 'a sticky home defers' status 75 deliver -F
in_home chmod 700 .
printf 'x@y\n' | in_home tee .forward >/dev/null; in_home chmod 666 .forward
ok 'a .forward that others may write to defers' status 75 deliver -F
in_home rm .forward; in_home mkfifo .forward
ok 'a FIFO in its place defers' status 75 deliver -F
in_home rm .forward
ok 'without action and .forward the verdict is the rule'\''s' status 65 deliver -F -a none -p 'D5.2.1 No mailbox'
is '... in its words' "$(verdict)" 'failed: 5.2.1 No mailbox'
printf 'a@b, c\n' | in_home tee list >/dev/null
ok 'an include file is reported' status 0 deliver -a include -p "$HOME_DIR/list"
is '... likewise' "$(verdict)" "$(printf 'expanded:\n\ta@b\n\tc')"
ok 'a missing include file defers' status 75 deliver -a include -p "$HOME_DIR/none"

note 'loops'
printf 'A: b\nDelivered-To: BOB@example.org\n\ntext\n' >"$SANDBOX/loop"
MESSAGE=$SANDBOX/loop
printf 'x@y\n' | in_home tee .forward >/dev/null
for a in maildir mbox mda lmtp none; do
	ok "a message that has been here before is refused: $a" status 65 deliver -F -a $a -p '~/x'
	is '... as a loop' "$(verdict)" 'failed: 5.4.6 Loop detected'
done
MESSAGE=$SANDBOX/message
{ cat "$SANDBOX/message"; printf '\nDelivered-To: bob@example.org\n'; } >"$SANDBOX/quoted"
MESSAGE=$SANDBOX/quoted; ok 'the text may say so' status 0 deliver -p '~/x'; unset MESSAGE

note 'lmtp'
start_peer --lmtp --reply 'RCPT:carol@example.org=550 5.1.1 no carol' --reply 'DOT:dave@example.org=452 4.2.2 dave is full'
ok 'replies are each recipient'\''s own' status 75 deliver -x -a lmtp -p "127.0.0.1:$PEER_PORT" \
	-r carol@example.org -r dave@example.org
is '... in order' "$(verdict | cut -d' ' -f1,2)" 'delivered: 2.0.0
failed: 5.1.1
deferred: 4.2.2'
stop "$PEER"
start_peer --lmtp --unix "$SANDBOX/lmtp.sock"
chmod 777 "$SANDBOX/lmtp.sock"
ok 'a socket in the file system' status 0 deliver -a lmtp -p "$SANDBOX/lmtp.sock"
like '... gets the user name without rcpt-to' "$(cat "$PEER_DIR/log")" 'RCPT TO:<bob>'
is '... and the text with CRLF' "$(tr -d '\r' <"$PEER_DIR/1" | head -n 4 | tail -n 2)" 'Received: by somewhere
Subject: a message'
stop "$PEER"
for when in CONNECT LHLO MAIL RCPT DATA DOT; do
	start_peer --lmtp --drop $when
	ok "a server that hangs up at $when defers" status 75 deliver -a lmtp -p "127.0.0.1:$PEER_PORT"
	stop "$PEER"
	start_peer --lmtp --hang $when
	ok "... and one that hangs" status 75 deliver -t 1 -a lmtp -p "127.0.0.1:$PEER_PORT"
	stop "$PEER"
done
for when in CONNECT LHLO MAIL DATA; do
	start_peer --lmtp --reply "$when=554 5.3.2 go away"
	ok "a 5xx that is not the recipient's own defers: $when" status 75 deliver -a lmtp -p "127.0.0.1:$PEER_PORT"
	stop "$PEER"
done
ok 'no server: later' status 75 deliver -a lmtp -p "$SANDBOX/none.sock"
ok 'not a destination: later' status 75 deliver -a lmtp -p nonsense
ok 'an address that would break the command: later' status 75 deliver -x -a lmtp -p "$SANDBOX/lmtp.sock" -r 'a b> X@y'

note "Dovecot's lmtp"
AS_USER=
test "$(id -u)" -ne 0 || AS_USER="setpriv --reuid=$RUN_UID --regid=$RUN_GID --clear-groups"
account=$(id -un "$RUN_UID" 2>/dev/null) group=$(id -gn "$account" 2>/dev/null)
if test -x /usr/lib/dovecot/lmtp && test -x /usr/sbin/dovecot && test -n "$account"; then
	D=$SANDBOX/dovecot
	mkdir "$D"; test "$(id -u)" -ne 0 || chown "$RUN_UID" "$D"
	cat >"$D/conf" <<-EOT
	base_dir = $D/run
	state_dir = $D/run
	log_path = $D/log
	default_internal_user = $account
	default_internal_group = $group
	default_login_user = $account
	ssl = no
	protocols = lmtp
	mail_location = maildir:$D/mail/%u
	mail_uid = $RUN_UID
	mail_gid = $RUN_GID
	first_valid_uid = $RUN_UID
	postmaster_address = postmaster@example.org
	passdb {
	  driver = static
	  args = nopassword=y
	}
	userdb {
	  driver = static
	  args = uid=$RUN_UID gid=$RUN_GID home=$D/home/%u allow_all_users=yes
	}
	service lmtp {
	  chroot =
	}
	service anvil {
	  chroot =
	}
	service stats {
	  chroot =
	}
	EOT
	start $AS_USER /usr/sbin/dovecot -F -c "$D/conf" 2>>"$LOG"
	if wait_until 10 test -S "$D/run/lmtp"; then
		ok 'takes a message for two' status 0 deliver -x -a lmtp -p "$D/run/lmtp" -r carol@example.org
		is '... saves it for both' "$(cat "$D"/mail/bob@example.org/new/* "$D"/mail/carol@example.org/new/* |
			grep -c '^From the first line on')" 2
	else
		skip 'dovecot does not start here'
	fi
	stop "$PID"
else
	skip 'dovecot is not there'
fi

note 'the rest'
if test "$(id -u)" -eq 0; then
	ok 'root is refused' sh -c 'cd / && "$0" -u root -d / </dev/null >"$1"; test $? -eq 75' "$BIN/deliver-local" "$SANDBOX/out"
	is '... in clear words' "$(verdict)" 'deferred: 4.3.5 will not deliver as root'
fi
ok 'an unknown option is an error of usage' status 64 deliver -Z
ok '... and so is an unknown action' status 64 deliver -a teleport
ok '... and a time that is none' status 64 deliver -t soon
done_testing
