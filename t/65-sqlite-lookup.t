#!/bin/sh
# sqlite-lookup: virtual users in SQLite, from the how-to's first line to what
# can go wrong with a database.
. "$(dirname "$0")/lib.sh"
need sqlite-lookup sqlite3
sandbox
DB=$SANDBOX/authdb.sqlite TABLE=$SANDBOX/sqlite
HOWTO=$t_dir/../conf-examples/sqlite-howto/SQLiteTables.conf

# The schema of the how-to, word for word.
sqlite3 "$DB" <<'EOT'
CREATE TABLE users (username VARCHAR(128) NOT NULL, domain VARCHAR(128) NOT NULL, home VARCHAR(256) NOT NULL,password VARCHAR(64) NOT NULL, uid INTEGER NOT NULL, gid INTEGER, active CHAR(1) DEFAULT 'Y' NOT NULL);
CREATE TABLE alias (user VARCHAR NOT NULL, alias VARCHAR NOT NULL);
CREATE TABLE domains (domain VARCHAR(256) NOT NULL, active CHAR(1) DEFAULT 'Y' NOT NULL);
INSERT INTO users VALUES ('foo', 'bar.com', '/var/vmail/foo', '$2b$10$hash', 2000, 2000, 'Y');
INSERT INTO users VALUES ('old', 'bar.com', '/var/vmail/old', '$2b$10$hash', 2001, 2000, 'N');
INSERT INTO users VALUES ('nogid', 'bar.com', '/var/vmail/nogid', 'x', 2002, NULL, 'Y');
INSERT INTO users VALUES ('zero', 'bar.com', '/var/vmail/zero', 'x', 0, 2000, 'Y');
INSERT INTO users VALUES ('minus', 'bar.com', '/var/vmail/minus', 'x', 2003, -1, 'Y');
INSERT INTO users VALUES ('word', 'bar.com', '/var/vmail/word', 'x', 'abc', 2000, 'Y');
INSERT INTO users VALUES ('huge', 'bar.com', '/var/vmail/huge', 'x', 4294967296, 2000, 'Y');
INSERT INTO users VALUES ('relative', 'bar.com', 'vmail', 'x', 2004, 2000, 'Y');
INSERT INTO users VALUES ('colon:', 'bar.com', '/h', 'x', 2005, 2000, 'Y');
INSERT INTO users VALUES ('nohash', 'bar.com', '/h', '', 2005, 2000, 'Y');
INSERT INTO users VALUES ('line', 'bar.com', '/h' || char(10) || 'x', 'x', 2005, 2000, 'Y');
INSERT INTO users VALUES ('twice', 'bar.com', '/h/1', 'x', 2006, 2000, 'Y'), ('twice', 'baz.com', '/h/2', 'x', 2007, 2000, 'Y');
INSERT INTO alias VALUES ('foo', 'bar@bar.com'), ('list', 'a@example.org'), ('list', 'b'), ('list', ''), ('@bar.com', 'catchall');
INSERT INTO domains VALUES ('bar.com', 'Y'), ('gone.com', 'N');
EOT
chmod 644 "$DB"

# tables FILE: the how-to's configuration for this database, as it is printed
tables() { sed "s|/etc/mail/authdb.sqlite|$DB|" "$HOWTO" >"$1"; }
# mended FILE: the same without its mistakes
mended() { tables "$1" && sed -i -e 's/password, from/password from/' -e '/^dbpath/s/;$//' -e "s/\"Y\"/'Y'/" "$1"; }
# query SQL-LINE...: a configuration of these lines for this database, in $QUERY
QUERY=$SANDBOX/query
query() { { echo "dbpath $DB"; printf '%s\n' "$@"; } >"$QUERY"; }
# lookup CONFIG SERVICE KEY...: result lines, what was said, and the exit code
lookup() { as_user sqlite-lookup "$@" 2>&1 </dev/null; echo "exit $?"; }
# requests CONFIG: what the NULs of standard input mean is shown as |
requests() { tr '|' '\0' | as_user sqlite-lookup "$1" 2>"$SANDBOX/stderr" | tr '\0' '|'; }

# ---- the how-to ----

tables "$TABLE"
is 'an alias' "$(lookup "$TABLE" alias foo)" "bar@bar.com
exit 0"
is 'a domain, though the query has "Y" in double quotes' "$(lookup "$TABLE" domain bar.com)" "bar.com
exit 0"
is 'an inactive domain is not there' "$(lookup "$TABLE" domain gone.com)" 'exit 1'
is 'a user' "$(lookup "$TABLE" userinfo foo)" "2000:2000:/var/vmail/foo
exit 0"
is 'an inactive user is not there' "$(lookup "$TABLE" userinfo old)" 'exit 1'
is 'the stray comma is a broken configuration, named with file and line' "$(lookup "$TABLE" credentials foo@bar.com)" \
	"$TABLE:5: query_credentials: near \"from\": syntax error: remove the comma before from
exit 100"
mended "$TABLE"
is 'without it: login and hash' "$(lookup "$TABLE" credentials foo@bar.com)" "foo:\$2b\$10\$hash
exit 0"

# ---- answers ----

is 'keys are tried in their order, and the first that is there answers' \
	"$(lookup "$TABLE" alias x@bar.com x @bar.com foo)" "catchall
exit 0"
is 'a line for each row of an alias; empty ones are none' "$(lookup "$TABLE" alias list)" "a@example.org
b
exit 0"
is 'keys are lower-cased' "$(lookup "$TABLE" domain BAR.Com)" "bar.com
exit 0"
for u in nogid zero minus; do
	is "a uid or gid that is NULL, 0 or -1 means that there is no such user ($u)" "$(lookup "$TABLE" userinfo $u)" 'exit 1'
done
for u in word huge relative line; do
	like "a row that makes no sense is broken, not absent ($u)" "$(lookup "$TABLE" userinfo $u | tr '\n' ' ')" \
		'sqlite:4: query_userinfo: .* exit 100 $'
done
for u in colon: nohash; do
	like "credentials that make no sense likewise ($u)" "$(lookup "$TABLE" credentials $u@bar.com | tr '\n' ' ')" \
		'sqlite:5: query_credentials: .* exit 100 $'
done
is 'rows that differ: the first, and a warning' "$(lookup "$TABLE" userinfo twice)" \
	"$TABLE:4: query_userinfo: more than one row for one key, and they differ: the first is used
2006:2000:/h/1
exit 0"
is 'a service without a query is a broken configuration' "$(lookup "$TABLE" netaddr 192.0.2.1)" \
	"$TABLE: query_netaddr: is not there, and the table was asked for netaddr
exit 100"
like 'an unknown service, too' "$(lookup "$TABLE" nonsense x)" 'nonsense: there is no such service'
is 'a key longer than any key is not there' "$(lookup "$TABLE" alias "$(printf '%1024s' x)")" 'exit 1'

query 'query_userinfo select uid, gid, home from users where username=:user and domain=:domain' \
	'query_alias select :user || "/" || :domain || "/" || :address' \
	'query_mailaddr select ?1 where ?1 = ?1 and ?2 is null' 'fetch_source select uid from users where uid < 2003 and uid > 0' \
	'query_source select printf("%.*c", length(?) * 4, "x")' 'query_addrname select "a" || char(0) || "b" where 1=? or 1' \
	'query_mailaddrmap select alias from alias where ?1 = ?1'
is 'a user is told apart by his domain with :user and :domain' "$(lookup "$QUERY" userinfo twice@baz.com)" \
	"2007:2000:/h/2
exit 0"
is '... and a bare name has no domain, so nothing matches' "$(lookup "$QUERY" userinfo twice)" 'exit 1'
is ':user, :domain and :address are parts of the key' "$(lookup "$QUERY" alias A@B@C)" "a@b/c/a@b@c
exit 0"
is '?1 may repeat, another parameter is NULL' "$(lookup "$QUERY" mailaddr a@b)" "a@b
exit 0"
is 'fetch_source lists all addresses, without a key' "$(lookup "$QUERY" fetch_source)" "2000
2001
2002
exit 0"
is 'results of 4095 octets are whole' "$(lookup "$QUERY" source "$(printf '%1023s' x)" | wc -c)" 4100
is 'a NUL in a result is broken' "$(lookup "$QUERY" addrname x)" \
	"$QUERY:7: query_addrname: the result holds a line end or NUL
exit 100"
query 'query_alias select printf("%.*c", 4096, ?1)' 'query_domain select null where ?1 is not null' \
	'query_mailaddr select "" where ?1 is not null'
like 'one octet more is broken' "$(lookup "$QUERY" alias x)" 'query_alias: the result has more than 4095 octets'
is 'a row of NULL, as aggregates give, is no row' "$(lookup "$QUERY" domain x)" 'exit 1'
is 'an empty value is found' "$(lookup "$QUERY" mailaddr x)" 'exit 0'

# ---- hostile keys ----

for key in "x' or '1'='1" "foo'; drop table users; --" '" or ""="' '%' '*' 'foo\0' '`id`' '|id' "$(printf 'a\nb')" \
    "$(printf '\377\376\300\200')" '$(id)' '-n' '--' ':user' '?1'; do
	is "a hostile key is only ever bound: $(printf %s "$key" | tr '\n\200-\377' '??')" "$(lookup "$TABLE" userinfo "$key")" 'exit 1'
done
is '... and the table is still there' "$(sqlite3 "$DB" 'select count(*) > 5 from users')" 1

# ---- requests on fd 0 ----

is 'requests are answered in their order, by one process' \
	"$(printf 'domain|bar.com||alias|nobody|foo||userinfo|nobody||alias|list||' | requests "$TABLE")" \
	'0|bar.com||0|bar@bar.com||1||0|a@example.org|b||'
is 'trouble is a status and a reason, and the next request is answered' \
	"$(printf 'userinfo|word||addrname|x||alias|foo||' | requests "$TABLE")" \
	"100|$TABLE:4: query_userinfo: uid and gid must be whole numbers||100|$TABLE: query_addrname: is not there, and the table was asked for addrname||0|bar@bar.com||"
is 'the end of input is the end' "$(requests "$TABLE" </dev/null; cat "$SANDBOX/stderr")" ''
like 'a request cut short is said to be' "$(printf 'alias|fo' | requests "$TABLE")" '^100\|.*: cut short by the end of input\|\|$'
like 'an endless request is refused' "$(head -c 40000 /dev/zero | tr '\0' x | requests "$TABLE")" '^100\|.*too long\|\|$'
like 'a request without service, too' "$(printf '|alias|foo||' | requests "$TABLE")" '^100\|'

$PYTHON - "$BIN/sqlite-lookup" "$TABLE" "$DB" >"$SANDBOX/talk" 2>&1 <<'EOT'
import os, sqlite3, subprocess, sys
p = subprocess.Popen(sys.argv[1:3], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def ask(*words):
    p.stdin.write(b"".join(w.encode() + b"\0" for w in words) + b"\0")
    p.stdin.flush()
    got = b""
    while not got.endswith(b"\0\0"):
        got += p.stdout.read1(100)
    print(got.rstrip(b"\0").replace(b"\0", b"|").decode())
ask("alias", "new")
db = sqlite3.connect(sys.argv[3])
db.execute("insert into alias values ('new', 'target')")
db.commit()
ask("alias", "new")
db.execute("vacuum into '%s.new'" % sys.argv[3])
other = sqlite3.connect(sys.argv[3] + ".new")
other.execute("update alias set alias = 'replaced' where user = 'new'")
other.commit()
other.close()
os.chmod(sys.argv[3] + ".new", 0o644)
os.rename(sys.argv[3] + ".new", sys.argv[3])
ask("alias", "new")
os.rename(sys.argv[3], sys.argv[3] + ".away")
ask("alias", "new")
os.rename(sys.argv[3] + ".away", sys.argv[3])
ask("alias", "new")
p.stdin.close()
print("exit", p.wait())
EOT
is 'a process that stays sees new rows, a replaced database, one that is gone, and one that is back' \
	"$(cat "$SANDBOX/talk")" "1
0|target
0|replaced
111|$TABLE:1: dbpath: $DB: No such file or directory
0|replaced
exit 0"

# ---- databases in trouble ----

mv "$DB" "$DB.away"
is 'a missing database means later' "$(lookup "$TABLE" alias foo)" "$TABLE:1: dbpath: $DB: No such file or directory
exit 111"
not_ok '... and is not created' test -e "$DB"
mkdir "$DB"
is 'a directory in its place is broken' "$(lookup "$TABLE" alias foo)" "$TABLE:1: dbpath: $DB: is not a regular file
exit 100"
rmdir "$DB"; mkfifo "$DB"
like 'a FIFO stops nobody' "$(lookup "$TABLE" alias foo)" 'is not a regular file'
rm "$DB"; : >"$DB"
is 'an empty file is broken' "$(lookup "$TABLE" alias foo)" "$TABLE:2: query_alias: no such table: alias
exit 100"
head -c 8192 /dev/urandom >"$DB"
is 'a file that is no database is broken' "$(lookup "$TABLE" alias foo)" "$TABLE:2: query_alias: file is not a database
exit 100"
head -c 6000 "$DB.away" >"$DB"
like 'a truncated database is broken or later, never absent' "$(lookup "$TABLE" alias nobody)" '^exit 1(00|11)$'
$PYTHON -c '
import sys
d = bytearray(open(sys.argv[1], "rb").read())
d[4096:] = bytes(b ^ 0x5a for b in d[4096:])
open(sys.argv[2], "wb").write(d)' "$DB.away" "$DB"
like 'a damaged database is broken or later, never absent' "$(lookup "$TABLE" alias nobody)" '^exit 1(00|11)$'
rm "$DB"; mv "$DB.away" "$DB"
if test "$(id -u)" -eq 0; then
	chmod 600 "$DB"
	like 'a database that may not be read means later' "$(lookup "$TABLE" alias foo | tr '\n' ' ')" \
		'unable to open database file.* exit 111 $'
	chmod 644 "$DB"
else
	skip 'a database that may not be read means later (needs root)'
fi

# hold SQL: another process runs it and stays in its transaction; sets HOLDER
hold()
{
	rm -f "$SANDBOX/held"
	start $PYTHON -c '
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for sql in sys.argv[3:]:
    db.execute(sql).fetchall()
open(sys.argv[2], "w")
time.sleep(60)' "$DB" "$SANDBOX/held" "$@"
	HOLDER=$PID
	wait_until 10 test -e "$SANDBOX/held"
}
hold 'begin exclusive'
is 'a locked database means later, after a bounded wait' "$(lookup "$TABLE" alias foo)" \
	"$TABLE:2: query_alias: database is locked
exit 111"
is '... for all that was asked at once' "$(printf 'alias|foo||alias|bar||' | requests "$TABLE")" \
	"111|$TABLE:2: query_alias: database is locked||111|$TABLE:2: query_alias: database is locked||"
( sleep 1; kill "$HOLDER" ) &
is 'a lock that goes away in time is waited for' "$(lookup "$TABLE" alias foo)" "bar@bar.com
exit 0"
wait $!; stop "$HOLDER"
query 'query_alias with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n where ?1 is not null'
is 'a query that never ends is stopped' "$(lookup "$QUERY" alias foo)" \
	"$QUERY:2: query_alias: stopped after 5 seconds (an index may be missing)
exit 111"

# ---- WAL mode ----

WAL=$SANDBOX/wal
mkdir "$WAL"; chmod 755 "$WAL"
cp "$DB" "$WAL/db"; DB=$WAL/db
sqlite3 "$DB" 'pragma journal_mode=wal' >/dev/null
mended "$TABLE"
is 'a WAL database that nobody has open is read' "$(lookup "$TABLE" alias foo)" "bar@bar.com
exit 0"
is '... and no file is left beside it' "$(ls "$WAL")" db
hold "insert into alias values ('wal', 'row')"
is 'one that another program writes is read with its newest rows' "$(lookup "$TABLE" alias wal)" "row
exit 0"
stop "$HOLDER" KILL
if test "$(id -u)" -eq 0; then
	rm -f "$WAL/db-shm"
	like 'one whose writer died, in a directory we may not write: later, and what to do' \
		"$(lookup "$TABLE" alias wal | tr '\n' ' ')" 'its -wal has contents that nobody has brought in.* exit 111 $'
else
	skip 'one whose writer died, in a directory we may not write: later (needs root)'
fi
sqlite3 "$DB" 'select 1' >/dev/null; sqlite3 "$DB" 'pragma wal_checkpoint(truncate)' >/dev/null
is '... until it is opened once' "$(lookup "$TABLE" alias wal)" "row
exit 0"
: >"$DB-wal"; rm -f "$DB-shm"
chmod 555 "$WAL"
is 'an empty -wal beside it is no obstacle' "$(lookup "$TABLE" alias wal)" "row
exit 0"
chmod 755 "$WAL"; rm -f "$DB-wal" "$DB-shm"

# While a writer opens, writes and leaves again and again, every answer is one that was true.
start $PYTHON -c '
import sqlite3, sys
for i in range(150):
    db = sqlite3.connect(sys.argv[1])
    db.execute("update alias set alias = ? where user = ?", ("value" + str(i % 2) * 500, "wal"))
    db.commit()
    db.close()' "$DB"
writer=$PID
odd=
while kill -0 "$writer" 2>/dev/null && ! t_is_zombie "$writer"; do
	case $(lookup "$TABLE" alias wal) in
	"value$(printf '%0500d' 0)
exit 0" | "value$(printf '%0500d' 0 | tr 0 1)
exit 0" | "row
exit 0") ;;
	*'exit 111') ;;
	*) odd=yes ;;
	esac
done
stop "$writer"
is 'beside a writer that comes and goes: a true value, or later' "$odd" ''

# ---- rows that are switched off ----

query 'query_userinfo select uid, gid, home, Active from users where username=?' \
	'query_domain select domain, active from domains where domain=?' \
	"query_alias select alias, substr(alias, 1, 1) != 'b' as active from alias where user=? order by alias desc"
is 'a user whose column "active" says no' "$(lookup "$QUERY" userinfo old)" 'inactive
exit 1'
is '... one where it says yes' "$(lookup "$QUERY" userinfo foo)" '2000:2000:/var/vmail/foo
exit 0'
is '... one who is not there' "$(lookup "$QUERY" userinfo none)" 'exit 1'
is '... no key behind the first that is there is tried' "$(lookup "$QUERY" userinfo none old foo)" 'inactive
exit 1'
is '... with requests' "$(printf 'userinfo|old||userinfo|foo||domain|gone.com||' | requests "$QUERY")" \
	'1|inactive||0|2000:2000:/var/vmail/foo||1|inactive||'
is 'of several rows those that are active count' "$(lookup "$QUERY" alias list)" 'a@example.org
exit 0'
is '... and none is active where none is' "$(lookup "$QUERY" alias foo)" 'inactive
exit 1'
sqlite3 "$DB" "INSERT INTO users VALUES ('moved', 'bar.com', '/h/old', 'x', 2010, 2000, 'N'), ('moved', 'bar.com', '/h/new', 'x', 2010, 2000, '1')"
is '... without a warning of the others' "$(lookup "$QUERY" userinfo moved)" '2010:2000:/h/new
exit 0'
sqlite3 "$DB" "INSERT INTO users VALUES ('odd', 'bar.com', '/h', 'x', 2011, 2000, 'perhaps')"
is 'a word that could mean anything is no reason to refuse for good' "$(lookup "$QUERY" userinfo odd)" \
	"$QUERY:2: query_userinfo: active must be Y or 1, N or 0
exit 100"
is '-n takes the column' "$(as_user sqlite-lookup -n "$QUERY" 2>&1 | grep -v 'several rows that differ')" ''
query 'query_userinfo select uid, gid, home, username from users where username=?' \
	'query_credentials select username, password, active from users where username=?'
is '... only under its name, and where it means something' "$(as_user sqlite-lookup -n "$QUERY" 2>&1 | sed "s|$QUERY||")" \
	':2: query_userinfo: gives 4 columns, 3 needed: uid, gid, home
:3: query_credentials: gives 3 columns, 2 needed: login, password hash'

# ---- -n ----

check() { as_user sqlite-lookup -n "$@" 2>&1; echo "exit $?"; }
EXAMPLE=$t_dir/../conf-examples/sqlite-howto
sqlite3 "$SANDBOX/example" <"$EXAMPLE/schema.sql"
chmod 644 "$SANDBOX/example"
sed "s|/etc/mail/authdb.sqlite|$SANDBOX/example|" "$EXAMPLE/sqlite.conf" >"$TABLE"
is '-n says nothing about the corrected example and its schema' "$(check "$TABLE")" 'exit 0'
plans=$(sed -n 's/^query_[a-z]*[[:blank:]]*/explain query plan /p' "$TABLE" | sed 's/$/;/' | sqlite3 "$SANDBOX/example")
unlike '... and every query has its index' "$plans" 'SCAN'
DB=$SANDBOX/authdb.sqlite
query 'query_alias select alias from alias where user=?' "query_domain select domain from domains where domain=? and active='Y'"
is '-n says nothing about a good configuration' "$(check "$QUERY")" 'exit 0'
tables "$TABLE"
out=$(check "$TABLE")
like "-n shows the how-to's stray comma" "$out" "^$TABLE:5: query_credentials: near \"from\": syntax error: remove the comma before from$"
like '... with a mark below it' "$(printf '%s\n' "$out" | grep -A1 'select username, password, from')" '^	                         \^$'
like '... its semicolon' "$out" "^$TABLE:1: warning: $DB: dbpath ended with a semicolon"
like '... its double quotes' "$out" "^$TABLE:3: warning: query_domain: no such column: Y: a string stands in single quotes"
like '... that one name is two users' "$out" "^$TABLE:4: warning: query_userinfo: 'twice' has several rows that differ"
like '... and fails' "$out" '^exit 1$'
mended "$TABLE"
unlike 'warnings do not make it fail' "$(check "$TABLE")" '^exit 1$'
query 'query_userinfo select uid, gid, home from users where username=:user and domain=:domain'
is 'no warning where the domain tells users apart' "$(check "$QUERY")" 'exit 0'
query 'query_userinfo select uid, gid from users where username=?' 'query_alias select alias from aliases where user=?' \
	'query_domain delete from domains where domain=? returning domain' 'query_source select 1' 'query_netaddr ;' \
	'query_mailaddr select 1 where :name=1' 'query_addrname select 1 where ?=?' 'query_mailaddrmap select 1 where ?=1; select 2' \
	'fetch_source select ?' 'query_nonsense x'
is '-n finds everything in one pass' "$(check "$QUERY" | sed "s|$QUERY||")" ":11: warning: query_nonsense: no such key; it is ignored
:3: query_alias: no such table: aliases
:4: query_domain: only select is allowed
:2: query_userinfo: gives 2 columns, 3 needed: uid, gid, home
:6: query_netaddr: there is no statement
:5: query_source: asks for no key: write ? where it belongs
:7: query_mailaddr: no parameter :name: there are ?, :user, :domain and :address
:8: warning: query_addrname: the parameter ? after the first stays NULL and never matches: write ?1 for the key in every place
:9: warning: query_mailaddrmap: what follows the first statement is ignored:  select 2
:10: fetch_source: has no key and takes no parameter
exit 1"
is '... and writes nothing' "$(sqlite3 "$DB" 'select count(*) from domains')" 2
echo "dbpath $SANDBOX/nowhere" >"$QUERY"
like 'a missing database is an error of -n' "$(check "$QUERY" | tr '\n' ' ')" "$QUERY:1: dbpath: .*No such file.* exit 1 $"
is 'so is a missing configuration' "$(check "$SANDBOX/nothing")" "$SANDBOX/nothing: No such file or directory
exit 1"
is 'a missing configuration is broken for a lookup' "$(lookup "$SANDBOX/nothing" alias foo)" \
	"$SANDBOX/nothing: No such file or directory
exit 100"
query 'query_alias select alias from alias where user=?'; echo 'dbpath relative' >>"$QUERY"
is 'so is one that names no absolute path' "$(lookup "$QUERY" alias foo)" "$QUERY:3: relative: dbpath must be an absolute path
exit 100"
head -c 70000 /dev/zero | tr '\0' x >"$QUERY"
like 'so is one that is too large' "$(lookup "$QUERY" alias foo | tr '\n' ' ')" 'File too large exit 100 $'
like 'usage' "$(lookup "$TABLE" alias)" 'usage: sqlite-lookup config service key'

# ---- output that cannot be written ----

mended "$TABLE"
is 'a result that cannot be written means later' "$(sqlite-lookup "$TABLE" alias foo >/dev/full; echo $?)" 111
is 'closed descriptors do no harm' "$(sqlite-lookup "$TABLE" alias nobody <&- >&- 2>&-; echo $?)" 1

# ---- installed set-group-id ----

# A root directory of its own, since such a program reads the installed smtpd.conf only.
ROOT=$SANDBOX/root
mkdir -p "$ROOT/etc/mail"
if test "$(id -u)" -eq 0 && cp "$BIN/sqlite-lookup" "$ROOT/" && chgrp 7000 "$ROOT/sqlite-lookup" &&
    chmod 2755 "$ROOT/sqlite-lookup" && chroot "$ROOT" /sqlite-lookup -n /x 2>&1 | grep -q /x; then
	cp "$DB" "$ROOT/etc/mail/db"
	sed "s|$DB|/etc/mail/db|" "$TABLE" >"$ROOT/etc/mail/sqlite"
	cp "$ROOT/etc/mail/sqlite" "$ROOT/etc/mail/other"
	chgrp 7000 "$ROOT/etc/mail/"*; chmod 640 "$ROOT/etc/mail/"*
	printf 'table users sqlite:/etc/mail/sqlite\naccept for local deliver to maildir\n' >"$ROOT/etc/mail/smtpd.conf"
	printf 'ppauth:x:7001:7001::/:/bin/false\nother:x:7002:7002::/:/bin/false\n' >"$ROOT/etc/passwd"
	# as UID ARGUMENTS: in that root directory, as somebody who may read none of it
	as() { u=$1; shift; PIPEPOST_CONF=/etc/mail/mine chroot --userspec="$u:$u" "$ROOT" /sqlite-lookup "$@" 2>&1; echo "exit $?"; }
	is 'set-group-id: anybody may ask a table that smtpd.conf names' "$(as 7002 /etc/mail/sqlite userinfo foo)" \
		"2000:2000:/var/vmail/foo
exit 0"
	echo 'table users sqlite:/etc/mail/other' >"$ROOT/etc/mail/mine"
	is '... and none that it does not name, whatever the environment says' "$(as 7002 /etc/mail/other userinfo foo)" \
		"/etc/mail/other: no sqlite table of the installed smtpd.conf has this path
exit 100"
	is '... not even by another spelling' "$(as 7002 /etc/mail//sqlite userinfo foo | tail -n 1)" 'exit 100'
	is 'credentials are refused to others' "$(as 7002 /etc/mail/sqlite credentials foo@bar.com)" \
		"/etc/mail/sqlite: credentials: only ppauth and root may ask
exit 100"
	is '... and shown to ppauth' "$(as 7001 /etc/mail/sqlite credentials foo@bar.com)" "foo:\$2b\$10\$hash
exit 0"
	is '... and root' "$(as 0 /etc/mail/sqlite credentials foo@bar.com)" "foo:\$2b\$10\$hash
exit 0"
	echo 'listen nonsense' >>"$ROOT/etc/mail/smtpd.conf"
	like 'a smtpd.conf that does not parse means later' "$(as 7002 /etc/mail/sqlite userinfo foo | tr '\n' ' ')" \
		'^/etc/mail/sqlite: /etc/mail/smtpd.conf:3: .* exit 111 $'
else
	skip 'what a set-group-id sqlite-lookup refuses (needs root, chroot and a static program)'
fi

done_testing
