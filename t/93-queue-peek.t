#!/bin/sh
# queue-peek installed set-uid, as on a real host, and called by users: what
# they see of the queue, and what they can remove from it.
#
# Set-id it works on the installed spool, so the test runs in a mount namespace
# of its own, where that is the sandbox's.
. "$(dirname "$0")/lib.sh"
need queue-inject queue-peek smtpctl sendmail queue-run unshare setpriv
test "${SAN-}" != 1 || skip_all 'a set-id program does not hear the options of the sanitizers'
test "$(id -u)" -eq 0 || skip_all 'only root can install a set-id program'
test -n "${IN_NAMESPACE-}" || {
	unshare -m mount -t tmpfs none /var/spool 2>/dev/null || skip_all 'nothing can be mounted here'
	IN_NAMESPACE=yes exec unshare -m "$0"
}
mount -t tmpfs none /var/spool && mkdir /var/spool/pipepost || bail_out 'no namespace'
sandbox alice

QUEUE=4242 DOOR=4243 ALICE=1000 EVE=1001
sed -e '/^ppsmtp:/d' /etc/passwd >"$SANDBOX/passwd"
echo "ppsmtp:x:$DOOR:$DOOR::/:/bin/false" >>"$SANDBOX/passwd"
mount --bind "$SANDBOX/passwd" /etc/passwd
chown -R $QUEUE:$QUEUE "$SPOOL"
mount --bind "$SPOOL" /var/spool/pipepost
PIPEPOST_BIN=$SANDBOX/installed; export PIPEPOST_BIN
mkdir "$PIPEPOST_BIN"
ln -s "$BIN"/* "$PIPEPOST_BIN"
rm "$PIPEPOST_BIN/queue-inject" "$PIPEPOST_BIN/queue-peek"
cp "$BIN/queue-inject" "$BIN/queue-peek" "$PIPEPOST_BIN"
chown $QUEUE:$QUEUE "$PIPEPOST_BIN/queue-inject" "$PIPEPOST_BIN/queue-peek"
chmod 6755 "$PIPEPOST_BIN/queue-inject" "$PIPEPOST_BIN/queue-peek"

# as UID COMMAND...
as() { t_id=$1; shift; setpriv --reuid="$t_id" --regid="$t_id" --clear-groups -- "$@" 2>"$SANDBOX/stderr"; }
said() { cat "$SANDBOX/stderr"; }
# inject UID RECIPIENT...: $ID is its queue id
inject()
{
	t_uid=$1; shift
	{ printf 'Fs@example.net\0'; printf 'T%s\0' "$@"; printf '\0'; } >"$SANDBOX/envelope"
	printf 'Subject: x\n\ntext\n' >"$SANDBOX/text"
	as "$t_uid" "$PIPEPOST_BIN/queue-inject" <"$SANDBOX/text" 1<"$SANDBOX/envelope" || bail_out 'nothing can be queued'
	ID=$(ls -t "$SPOOL/new" | head -n 1 | sed 's/,.*//')
	mv "$SPOOL/new/$ID"* "$SPOOL/hold/"
}
ids() { cut -d'|' -f2; }

inject $ALICE a@example.com b@example.com; HERS=$ID
inject $EVE c@example.com; EVES=$ID
PIPEPOST_ORIGIN=smtp PIPEPOST_CLIENT=192.0.2.1; export PIPEPOST_ORIGIN PIPEPOST_CLIENT
inject $DOOR alice@example.org; DOORS=$ID
unset PIPEPOST_ORIGIN PIPEPOST_CLIENT

is   'a user sees the own mail'                  "$(as $ALICE "$PIPEPOST_BIN/queue-peek" | ids)" "$HERS.0
$HERS.1"
is   '... and nothing else'                      "$(said)" ''
is   'so does mailq'                             "$(as $ALICE "$PIPEPOST_BIN/mailq" | ids)" "$HERS.0
$HERS.1"
is   '... with its options'                      "$(as $ALICE "$PIPEPOST_BIN/mailq" -l "$HERS.1" | tr -cd '|\n')" '|||||||||||||'
is   'so does smtpctl show queue'                "$(as $ALICE "$PIPEPOST_BIN/smtpctl" show queue "$HERS.1" | ids)" "$HERS.1"
is   'root sees all of it'                       "$(smtpctl show queue | wc -l)" 4
is   'another user sees other mail'              "$(as $EVE "$PIPEPOST_BIN/mailq" | ids)" "$EVES.0"
is   'somebody without mail sees none'           "$(as 1002 "$PIPEPOST_BIN/mailq"; said)" ''
is   'what came by SMTP is no user'\''s'         "$(as $DOOR "$PIPEPOST_BIN/queue-peek" | ids)" ''
is   'of mail that is not the own one not even that it is there' \
	"$(as $EVE "$PIPEPOST_BIN/queue-peek" "$HERS"; said | sed "s/$HERS/ID/")" \
	"$(as $EVE "$PIPEPOST_BIN/queue-peek" 1.aaaaaaaaaaaaaaaa; said | sed 's/1.aaaaaaaaaaaaaaaa/ID/')"
ok   'show message is not for users'             status 77 as $ALICE "$PIPEPOST_BIN/smtpctl" show message "$HERS"
ok   'nor is schedule'                           status 77 as $ALICE "$PIPEPOST_BIN/smtpctl" schedule all
ok   'nor remove all'                            status 64 as $ALICE "$PIPEPOST_BIN/smtpctl" remove all
ok   'show stats is'                             quiet as $ALICE "$PIPEPOST_BIN/smtpctl" show stats
ok   '... but not -z'                            status 77 as $ALICE "$PIPEPOST_BIN/smtpctl" show stats -z
quiet smtpctl pause domain example.net
like 'show status is'                            "$(as $ALICE "$PIPEPOST_BIN/smtpctl" show status)" '^DOMAIN example\.net paused$'
is   '... of flags that belong to the queue'     "$(stat -c %a:%u "$SPOOL/control/pause-domain/example.net")" "644:$QUEUE"
quiet smtpctl resume domain example.net
rmdir "$SPOOL/control/pause-domain"

# ---- the environment ----

mkdir "$SANDBOX/hers" && chown $ALICE "$SANDBOX/hers"
is   'the environment leads it nowhere else'     \
	"$(as $EVE env PIPEPOST_SPOOL="$SANDBOX/hers" PIPEPOST_CONF=/dev/zero PIPEPOST_LOG=stderr "$PIPEPOST_BIN/queue-peek" | ids)" "$EVES.0"
cp "$BIN/queue-peek" "$SANDBOX/plain"
ok   'without the set-id bit nothing is seen'    status 77 as $ALICE env PIPEPOST_SPOOL=/var/spool/pipepost "$SANDBOX/plain"

# ---- removal ----

ok   'another user'\''s mail cannot be removed'  status 1 quiet as $EVE "$PIPEPOST_BIN/queue-peek" -r "$HERS"
ok   '... nor mail from the network'             status 1 quiet as $EVE "$PIPEPOST_BIN/smtpctl" remove "$DOORS"
is   '... nor does it leave a request'           "$(ls "$SPOOL/control")" ''
is   'the own mail can'                          "$(as $ALICE "$PIPEPOST_BIN/smtpctl" remove "$HERS.1")" '1 envelope removed'
like '... by the next runner'                    "$(said)" 'the next one removes it'
is   '... which is asked for that alone'         "$(cat "$SPOOL"/control/req.*)" "remove $HERS.1 hold/$(basename "$SPOOL/hold/$HERS"*)"
is   '... in a file of the queue'                "$(stat -c %a:%u "$SPOOL"/control/req.*)" "600:$QUEUE"
# Whoever holds the lock performs it: root's smtpctl, for instance.
quiet smtpctl pause envelope all
is   '... and it is gone'                        "$(as $ALICE "$PIPEPOST_BIN/mailq" | ids)" "$HERS.0"
ok   'a limit on the size of files tears nothing' sh -c "! setpriv --reuid=$ALICE --regid=$ALICE --clear-groups -- \
	sh -c 'ulimit -f 0; $PIPEPOST_BIN/queue-peek -r $HERS >/dev/null 2>&1' && test -z \"\$(ls -A $SPOOL/control)\""
is   '... and the message is there'              "$(smtpctl show queue | grep -c "$HERS")" 1
done_testing
