#!/bin/sh
# auth-check for other servers, as the checkpassword program of Debian's Dovecot: the users of the
# mail system are its users, without a table of its own.
. "$(dirname "$0")/lib.sh"
need auth-check sqlite-lookup smtpctl sqlite3
test -x /usr/sbin/dovecot && test -x /usr/lib/dovecot/checkpassword-reply || skip_all 'dovecot is not there'
test "${SAN-}" != 1 || skip_all 'Dovecot starts it without the options of the sanitizers'
named_account
sandbox
account=$(id -un "$RUN_UID" 2>/dev/null) && group=$(id -gn "$account" 2>/dev/null) ||
	skip_all "uid $RUN_UID has no account for Dovecot to run as"
D=$SANDBOX/dovecot DB=$SANDBOX/authdb.sqlite
mkdir "$D"; test "$(id -u)" -ne 0 || chown "$RUN_UID" "$D"

HASH=$(smtpctl encrypt 'correct horse')
sqlite3 "$DB" "CREATE TABLE users (username, domain, password, active);
	INSERT INTO users VALUES ('foo', 'bar.com', '$HASH', 'Y'), ('gone', 'bar.com', '$HASH', 'N')"
printf '%s\n' "dbpath $DB" \
	"query_credentials select username, password from users where (username||'@'||domain)=? and active='Y'" >"$SANDBOX/sqlite"
conf <<EOF
table users sqlite:$SANDBOX/sqlite
accept for local deliver to maildir
EOF

cat >"$D/conf" <<EOF
base_dir = $D/run
state_dir = $D/run
log_path = $D/log
default_internal_user = $account
default_internal_group = $group
default_login_user = $account
ssl = no
auth_failure_delay = 0
protocols =
passdb {
  driver = checkpassword
  args = $BIN/auth-check -f $CONF -t users
}
userdb {
  driver = static
  args = uid=$RUN_UID gid=$RUN_GID home=$SANDBOX/home/alice
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
EOF
AS_USER=
test "$(id -u)" -ne 0 || AS_USER="setpriv --reuid=$RUN_UID --regid=$RUN_GID --clear-groups"
start $AS_USER /usr/sbin/dovecot -F -c "$D/conf" 2>>"$LOG"
wait_until 20 test -S "$D/run/auth-client" || {
	note_file "$D/log"
	skip_all 'Dovecot does not start here'
}
# login USER PASSWORD: what Dovecot makes of it
login() { timeout 60 $AS_USER doveadm -c "$D/conf" auth test "$1" "$2" 2>&1 | sed -n 's/^passdb: .* auth //p'; }

is 'who is right is let in'                     "$(login foo@bar.com 'correct horse')" succeeded
is '... also by the name in another case'       "$(login Foo@Bar.COM 'correct horse')" succeeded
is 'another password is not'                    "$(login foo@bar.com 'correct  horse')" failed
is '... nor who is not active'                  "$(login gone@bar.com 'correct horse')" failed
is '... nor who is not there'                   "$(login bar@bar.com 'correct horse')" failed
mv "$DB" "$DB.away"
unlike 'while the database is away nobody is let in' "$(login foo@bar.com 'correct horse')" succeeded
ok '... for a reason that will pass'            grep -q 'checkpassword.*111' "$D/log"
mv "$DB.away" "$DB"
is '... and then he is'                         "$(login foo@bar.com 'correct horse')" succeeded
done_testing
