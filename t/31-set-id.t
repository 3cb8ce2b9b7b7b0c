#!/bin/sh
# queue-inject installed set-id, as on a real host, and called by a user who
# means no good: what he may tell of his message, and what he may not.
#
# Set-id it works on the installed spool, so the test runs in a mount namespace
# of its own, where that is the sandbox's.
. "$(dirname "$0")/lib.sh"
need queue-inject sendmail queue-run deliver-local unshare setpriv
test "${SAN-}" != 1 || skip_all 'a set-id program does not hear the options of the sanitizers'
test "$(id -u)" -eq 0 || skip_all 'only root can install a set-id program'
test -n "${IN_NAMESPACE-}" || {
	unshare -m mount -t tmpfs none /var/spool 2>/dev/null || skip_all 'nothing can be mounted here'
	IN_NAMESPACE=yes exec unshare -m "$0"
}
mount -t tmpfs none /var/spool && mkdir /var/spool/pipepost || bail_out 'no namespace'
sandbox alice

# Accounts: the owner of the queue, who is nobody's login, ppsmtp, and a user.
QUEUE=4242 DOOR=4243 USER_ID=1000
sed -e '/^ppsmtp:/d' /etc/passwd >"$SANDBOX/passwd"
echo "ppsmtp:x:$DOOR:$DOOR::/:/bin/false" >>"$SANDBOX/passwd"
mount --bind "$SANDBOX/passwd" /etc/passwd
chown -R $QUEUE:$QUEUE "$SPOOL"
mount --bind "$SPOOL" /var/spool/pipepost
PIPEPOST_BIN=$SANDBOX/installed; export PIPEPOST_BIN
mkdir "$PIPEPOST_BIN"
ln -s "$BIN"/* "$PIPEPOST_BIN"
rm "$PIPEPOST_BIN/queue-inject" "$PIPEPOST_BIN/sendmail"
cp "$BIN/queue-inject" "$BIN/sendmail" "$PIPEPOST_BIN"
chown $QUEUE:$QUEUE "$PIPEPOST_BIN/queue-inject"
chmod 6755 "$PIPEPOST_BIN/queue-inject"

printf 'Fsender@example.net\0Talice@example.org\0\0' >"$SANDBOX/envelope"
as() { setpriv --reuid="$1" --regid="$1" --clear-groups -- "$SHELL_AS" -c "$2"; }
SHELL_AS=/bin/sh
# inject UID [COMMANDS]: queue-inject as that user, after the commands
inject()
{
	printf 'Subject: x\n\ntext\n' >"$SANDBOX/text"
	as "$1" "${2-:}; exec $PIPEPOST_BIN/queue-inject" <"$SANDBOX/text" 1<"$SANDBOX/envelope" 2>"$SANDBOX/stderr"
}
queued_file() { ls "$SPOOL"/new/*; }
# facts: those of the only message, one a line
facts() { tr '\0' '\n' <"$(queued_file)" | sed -n '/^o/,/^V1/p' | sed '/^$/d; /^V1/d'; }
traces() { tr '\0' '\n' <"$(queued_file)" | grep -c '^Received:'; }
drop() { rm -f "$SPOOL"/new/* "$SPOOL"/tmp/*; }

claims='export PIPEPOST_ORIGIN=smtp PIPEPOST_CLIENT=192.0.2.1 PIPEPOST_HELO=friend PIPEPOST_USER=boss \
	PIPEPOST_TAG=inside PIPEPOST_BODY=8BITMIME PIPEPOST_RET=HDRS PIPEPOST_ENVID=an+20id PIPEPOST_SMTPUTF8=1'

ok   'a user may put a message into the queue'   inject $USER_ID "$claims"
is   '... and say what it holds, and how to report on it, but not where it came from' "$(facts)" \
	"olocal
u$USER_ID
B8BITMIME
RHDRS
Ean+20id
8"
is   '... and gets a trace line'                 "$(traces)" 1
like '... with his uid'                          "$(head -n 1 "$(queued_file)")" "invoked by uid $USER_ID"
is   '... the file is for the queue only'        "$(stat -c %a:%u "$(queued_file)")" "600:$QUEUE"
drop

inject $USER_ID 'export PIPEPOST_BODY="8BITMIME AUTH=<>" PIPEPOST_RET=ALL PIPEPOST_ENVID="a b"'
is   'what SMTP does not know of is not believed from anybody' "$(facts)" "olocal
u$USER_ID"
drop

inject $DOOR "$claims"
like 'ppsmtp is believed'                        "$(facts)" '^C192.0.2.1$'
is   '... and brings its own trace line'         "$(traces)" 0
drop
inject $DOOR
is   '... without facts, it is unknown where the mail came from' "$(facts)" "ounknown
u$DOOR"
drop

# A file that its reader may not open would be stuck for ever.
inject $USER_ID 'umask 0777'
is   'whatever the umask, the runner can read the file' "$(stat -c %a "$(queued_file)")" 600
drop

SHELL_AS=/bin/bash
inject $USER_ID 'ulimit -f 0'
is   'a limit on the size of files is a write error' "$?" 53
is   '... and leaves nothing behind'             "$(ls "$SPOOL/tmp" "$SPOOL/new" | grep -c '^[0-9]')" 0
drop
SHELL_AS=/bin/sh

inject $USER_ID "export PIPEPOST_SPOOL=$SANDBOX/other PIPEPOST_CONF=/dev/zero PIPEPOST_LOG=stderr TZ=/dev/zero"
is   'the environment leads it nowhere else'     "$?:$(ls "$SPOOL/new" | wc -l)" 0:1
drop

inject $USER_ID 'exec 1<&-'
is   'without descriptor 1 there is no envelope' "$?:$(ls "$SPOOL/new" "$SPOOL/tmp" | grep -c '^[0-9]')" 54:0
drop
inject $USER_ID 'exec 2>&-'
is   'without descriptor 2 it does its work'     "$?:$(traces)" 0:1
drop

head -c 70000000 /dev/zero | tr '\0' a >"$SANDBOX/huge"
cp "$SANDBOX/envelope" "$SANDBOX/envelope.small"
{ printf 'Fs@example.net\0T'; cat "$SANDBOX/huge"; } >"$SANDBOX/envelope"
inject $USER_ID
is   'an envelope without end is refused'        "$?:$(ls "$SPOOL/new" "$SPOOL/tmp" | grep -c '^[0-9]')" 91:0
cp "$SANDBOX/envelope.small" "$SANDBOX/envelope"
rm "$SANDBOX/huge"

printf 'Subject: x\n\ntext\n' | as $USER_ID "exec $PIPEPOST_BIN/sendmail -f sender@example.net alice@example.org" 2>"$SANDBOX/stderr"
is   'sendmail queues through it'                "$?" 0
is   '... with one trace line'                   "$(traces)" 1
is   '... and no file is left in tmp/'           "$(ls "$SPOOL/tmp" | wc -l)" 0
done_testing
