#!/bin/sh
# The SQLite how-to, from its first line to its last: its schema, its table
# configuration and its queries as they are printed, users, aliases and domains
# in the database and no system account behind them. Mail comes in by SMTP under
# tcpserver, and Debian's Dovecot shows it to the same user, whose password it
# finds in the same database. Only the paths differ from what is printed.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-run deliver-local smtpd sqlite-lookup tcpserver sqlite3
named_account
sandbox
EXAMPLE=$t_dir/../conf-examples/sqlite-howto
ETC=$SANDBOX/etc/mail VMAIL=$SANDBOX/vmail
mkdir -p "$ETC" "$VMAIL"
DB=$ETC/authdb.sqlite

# ---- the database ----

# "The password": blowfish, as the how-to's author had it.
HASH='$2b$05$2NaFqqxKkrGV1J6EHKlSH.hjpZCSpWKRHb5IhkYD8I.kpIgH5k3.y'
sqlite3 "$DB" <<'EOT'
CREATE TABLE users (username VARCHAR(128) NOT NULL, domain VARCHAR(128) NOT NULL, home VARCHAR(256) NOT NULL,password VARCHAR(64) NOT NULL, uid INTEGER NOT NULL, gid INTEGER, active CHAR(1) DEFAULT 'Y' NOT NULL);
CREATE TABLE alias (user VARCHAR NOT NULL, alias VARCHAR NOT NULL);
CREATE TABLE domains (domain VARCHAR(256) NOT NULL, active CHAR(1) DEFAULT 'Y' NOT NULL);
EOT
sql() { sqlite3 "$DB" ".timeout 5000" "$@"; }
# virtual NAME DOMAIN [ACTIVE]: a row, and the home it names
virtual()
{
	mkdir -p "$VMAIL/$2" && mkdir -m 700 "$VMAIL/$2/$1"
	test "$(id -u)" -ne 0 || chown "$RUN_UID:$RUN_GID" "$VMAIL/$2/$1"
	sql "INSERT INTO users VALUES ('$1', '$2', '$VMAIL/$2/$1', '$HASH', $RUN_UID, $RUN_GID, '${3:-Y}')"
}
virtual bar bar.com
virtual gone bar.com N
sql "INSERT INTO domains (domain) VALUES ('bar.com')" "INSERT INTO domains VALUES ('closed.com', 'N')" \
	"INSERT INTO alias VALUES ('foo', 'bar@bar.com'), ('all', 'foo'), ('all', 'bar@bar.com')"

# ---- its configuration ----

# As printed, for this database.
sed "s|/etc/mail/|$ETC/|" "$EXAMPLE/SQLiteTables.conf" >"$ETC/sqlite"
# howto_conf ACTION: smtpd.conf as printed, with the <names> that the web page has lost
howto_conf()
{
	conf <<-END
	listen on 127.0.0.1 port ${PORT:-25} hostname mail.serversave.us
	table domains sqlite:$ETC/sqlite
	table users sqlite:$ETC/sqlite
	table sqalias sqlite:$ETC/sqlite

	accept from any for domain <domains> alias <sqalias> userbase <users> deliver to $1
	END
}
howto_conf mbox
out=$(smtpd -n -f "$CONF" 2>&1)
like 'smtpd -n shows the stray comma of query_credentials' "$out" \
	"sqlite:5: query_credentials: near \"from\": syntax error: remove the comma before from$"
unlike '... and does not call this OK' "$out" '^configuration OK'
# The how-to's walk through the file has this query without it.
sed -i 's/^query_credentials .*/query_credentials select username, password from users where (username||'"'@'"'||domain)=? and active="Y";/' \
	"$ETC/sqlite"
out=$(smtpd -n -f "$CONF" 2>&1)
like 'without it: configuration OK' "$out" '^configuration OK$'
like '... and a word about the semicolon behind the path' "$out" 'warning: .*dbpath ended with a semicolon'
not_ok '... which made no file of that name' test -e "$DB;"
is 'the credentials are where the how-to says' "$(sqlite-lookup "$ETC/sqlite" credentials bar@bar.com)" "bar:$HASH"
sed -e "s|/etc/mail|$ETC|" "$EXAMPLE/SQLiteTables.conf" >"$ETC/sqlite"

# ---- mail ----

start_tcpserver
howto_conf mbox
start_runner
# send SUBJECT RCPT...
send()
{
	printf 'From: <s@example.net>\nSubject: %s\n\nhello\n' "$1" >"$SANDBOX/message"; shift
	$PYTHON "$t_dir/lib/send.py" "$PORT" s@example.net "$SANDBOX/message" "$@"
}
subjects() { cat "$@" 2>/dev/null | sed -n 's/^Subject: //p' | sort; }
MBOX=$VMAIL/bar.com/bar/mbox
mbox_has() { subjects "$MBOX" | grep -qx "$1"; }

note 'deliver to mbox, with the configuration as it is printed, comma and all'
ok   'a user in the database is taken'          send one bar@bar.com
ok   '... and the message is in the mbox in his home'  wait_until 20 mbox_has one
is   '... which belongs to the uid and gid of his row' "$(stat -c %u:%g "$MBOX")" "$RUN_UID:$RUN_GID"
ok   'an alias in the database is taken: foo is bar@bar.com'  send two foo@bar.com
ok   '... and leads to the user'                wait_until 20 mbox_has two
ok   'names are asked for in lower case'        send three BAR@Bar.COM
ok   '... and found'                            wait_until 20 mbox_has three
ok   'an alias of several rows, which all lead to him'  send four all@bar.com
ok   '... arrives'                              wait_until 20 mbox_has four
ok   'a tag is no part of the name'             send five bar+tag@bar.com
ok   '... nor in the way'                       wait_until 20 mbox_has five
like 'who is not in the database is refused'    "$(send no nobody@bar.com)" "550.*5\.1\.1"
ok   '... and the log says which table did not know him'  log_has 'user nobody not in <users> .*smtpd\.conf:6'
like "who has active='N' is refused"            "$(send no gone@bar.com)" "550.*5\.1\.1"
like 'an inactive domain is no domain of ours'  "$(send no bar@closed.com)" "550.*5\.7\.1"
like 'nor is one that is not there'             "$(send no bar@elsewhere.com)" "550.*5\.7\.1"
like 'a system account is nobody here'          "$(send no daemon@bar.com)" "550.*5\.1\.1"
ok   'nothing is left in the queue'             wait_until 20 queue_is_empty
is   'each message is there once'               "$(subjects "$MBOX" | tr '\n' ' ')" 'five four one three two '
is   'nobody else has got anything'             "$(find "$VMAIL" -type f)" "$MBOX"

note 'a user of tomorrow: rows work from the moment they are there'
virtual late bar.com
ok   'a new user is taken'                      send six late@bar.com
ok   '... and gets his mail'                    wait_until 20 grep -q 'Subject: six' "$VMAIL/bar.com/late/mbox"
sql  "UPDATE users SET active='N' WHERE username='late'"
like 'and none once he is disabled'             "$(send no late@bar.com)" "550.*5\.1\.1"
sql  "UPDATE domains SET active='N'"
like 'nor has anybody when the domain is'       "$(send no bar@bar.com)" "550.*5\.7\.1"
sql  "UPDATE domains SET active='Y' WHERE domain='bar.com'"

note 'deliver to maildir'
stop_runner
howto_conf maildir
start_runner
MAILDIR=$VMAIL/bar.com/bar/Maildir
maildir_has() { subjects "$MAILDIR"/new/* | grep -qx "$1"; }
ok   'a user is taken'                          send seven bar@bar.com
ok   '... and has it in the Maildir in his home'  wait_until 20 maildir_has seven
ok   'and so is an alias'                       send eight foo@bar.com
ok   '... which leads there, too'               wait_until 20 maildir_has eight

note "the example's mended queries: one name in two domains is two users"
sed "s|/etc/mail/|$ETC/|" "$EXAMPLE/sqlite.conf" | conf "$ETC/sqlite"
like 'smtpd -n has nothing to say about them'   "$(smtpd -n -f "$CONF" 2>&1)" '^configuration OK$'
sql  "INSERT INTO domains (domain) VALUES ('baz.com')"
virtual bar baz.com
ok   'bar@baz.com is taken'                     send nine bar@baz.com
OTHER=$VMAIL/baz.com/bar/Maildir
ok   '... and has it'                           wait_until 20 sh -c 'grep -q "Subject: nine" "$0"/new/*' "$OTHER"
not_ok '... not bar@bar.com'                    maildir_has nine
ok   'nothing is left in the queue'             wait_until 20 queue_is_empty

# ---- Dovecot ----

note "Debian's Dovecot, with the same database"
AS_USER=
test "$(id -u)" -ne 0 || AS_USER="setpriv --reuid=$RUN_UID --regid=$RUN_GID --clear-groups"
account=$(id -un "$RUN_UID" 2>/dev/null) group=$(id -gn "$account" 2>/dev/null)
D=$SANDBOX/dovecot

# The author's own step: "getting dovecot to accept your virtual users using SQLite and do user@domain.tld for auth".
dovecot_conf()
{
	cat >"$D/conf" <<-END
	base_dir = $D/run
	state_dir = $D/run
	log_path = $D/log
	default_internal_user = $account
	default_internal_group = $group
	default_login_user = $account
	ssl = no
	disable_plaintext_auth = no
	protocols = imap
	mail_location = maildir:~/Maildir
	first_valid_uid = 1
	passdb {
	  driver = sql
	  args = $D/sql
	}
	userdb {
	  driver = sql
	  args = $D/sql
	}
	service imap-login {
	  chroot =
	  inet_listener imap {
	    address = 127.0.0.1
	    port = $IMAP_PORT
	  }
	}
	service auth-worker {
	  user = $account
	}
	service anvil {
	  chroot =
	}
	service stats {
	  chroot =
	}
	END
	cat >"$D/sql" <<-END
	driver = sqlite
	connect = $DB
	default_pass_scheme = BLF-CRYPT
	password_query = SELECT username, domain, password FROM users WHERE username='%n' AND domain='%d' AND active='Y'
	user_query = SELECT home, uid, gid FROM users WHERE username='%n' AND domain='%d' AND active='Y'
	END
}
# subjects_by_imap USER PASSWORD: what the inbox holds, or the refusal
subjects_by_imap()
{
	$PYTHON - "$IMAP_PORT" "$@" <<-'END' | tr -d '\r' | sort
	import imaplib, sys
	c = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]), timeout=30)
	try:
	    c.login(sys.argv[2], sys.argv[3])
	except imaplib.IMAP4.error as e:
	    sys.exit(print(e))
	c.select("INBOX", readonly=True)
	for n in c.search(None, "ALL")[1][0].split():
	    print(c.fetch(n, "(BODY[HEADER.FIELDS (SUBJECT)])")[1][0][1].decode().strip())
	c.logout()
	END
}
talks() { $PYTHON -c 'import socket, sys; assert socket.create_connection(("127.0.0.1", sys.argv[1]), 5).recv(4) == b"* OK"' "$IMAP_PORT"; }
start_dovecot()
{
	mkdir "$D"; test "$(id -u)" -ne 0 || chown "$RUN_UID" "$D"
	for try in 1 2 3; do
		IMAP_PORT=$($PYTHON -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		dovecot_conf
		start $AS_USER /usr/sbin/dovecot -F -c "$D/conf" 2>>"$LOG"
		wait_until 10 talks && return
		stop "$PID"
	done
	note_file "$D/log"
	return 1
}

if test ! -x /usr/sbin/dovecot || test ! -x /usr/lib/dovecot/imap; then
	skip 'Dovecot reads it (dovecot-imapd is not there)'
elif ! ls /usr/lib/dovecot/modules/auth/*sqlite* >/dev/null 2>&1; then
	skip 'Dovecot reads it (dovecot-sqlite is not there)'
elif test -z "$account"; then
	skip "Dovecot reads it (uid $RUN_UID has no account for it to run as)"
elif ! start_dovecot; then
	skip 'Dovecot reads it (it does not start here)'
else
	is 'by IMAP bar@bar.com logs in with the password of his row, and his mail is there' \
		"$(subjects_by_imap bar@bar.com 'correct horse')" 'Subject: eight
Subject: seven'
	is '... bar@baz.com has his own' "$(subjects_by_imap bar@baz.com 'correct horse')" 'Subject: nine'
	ok 'while he is logged in nowhere, more comes' send ten foo@bar.com
	ok '... is delivered' wait_until 20 maildir_has ten
	like '... and seen by the next IMAP session' "$(subjects_by_imap bar@bar.com 'correct horse')" 'Subject: ten'
	like 'another password opens nothing' "$(subjects_by_imap bar@bar.com wrong)" 'AUTHENTICATIONFAILED'
	sql "UPDATE users SET active='N' WHERE domain='baz.com'"
	like "active='N' shuts Dovecot's door" "$(subjects_by_imap bar@baz.com 'correct horse')" 'AUTHENTICATIONFAILED'
	like '... and ours' "$(send no bar@baz.com)" "550.*5\.1\.1"
fi
done_testing
