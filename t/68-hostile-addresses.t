#!/bin/sh
# Addresses and table rows that were made to do harm: what stands in an address
# or a row is data, whatever it looks like. The right reply, nothing executed,
# nothing written outside the mailbox, and a log in which every line is ours.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-run deliver-local queue-bounce sqlite-lookup tcpserver sqlite3
sandbox nobody-in-particular
# Whoever executes or writes what he should not, leaves something here.
CANARY=$SANDBOX/canary VMAIL=$SANDBOX/vmail
mkdir "$CANARY" "$VMAIL"
chmod 777 "$CANARY"
test "$(id -u)" -ne 0 || chown "$RUN_UID:$RUN_GID" "$VMAIL"
DB=$SANDBOX/db TABLE=$SANDBOX/sqlite EXAMPLE=$t_dir/../conf-examples/sqlite-howto
sqlite3 "$DB" <"$EXAMPLE/schema.sql"
sed "s|/etc/mail/authdb.sqlite|$DB|" "$EXAMPLE/sqlite.conf" >"$TABLE"

# sql STATEMENT VALUE...: with the values bound, octet by octet
sql()
{
	$PYTHON - "$DB" "$@" <<-'END'
	import os, sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=10)
	values = [os.fsencode(v) for v in sys.argv[3:]]
	# "\0" as two characters is a NUL; what is no UTF-8 stays what it is.
	values = [v.replace(b"\\0", b"\0").replace(b"\\n", b"\n").replace(b"\\r", b"\r") for v in values]
	db.text_factory = bytes
	cast = sys.argv[2].replace("?", "cast(? as text)")
	for row in db.execute(cast, values).fetchall():
	    print(*row)
	db.commit()
	END
}
# row NAME DOMAIN HOME [UID [GID]]
row()
{
	sql "INSERT INTO users VALUES (?, ?, ?, 'x', ${4:-$RUN_UID}, ${5:-$RUN_GID}, 'Y')" "$1" "$2" "$3"
}
# home PATH: makes it, and prints it
home()
{
	mkdir -p "$1"
	test "$(id -u)" -ne 0 || chown "$RUN_UID:$RUN_GID" "$1"
	printf '%s\n' "$1"
}

sql "INSERT INTO domains (domain) VALUES ('virtual.example')"
BOB=$(home "$VMAIL/bob")
row bob virtual.example "$BOB"
row "o'brien" virtual.example "$(home "$VMAIL/obrien")"
row bob box.example "$BOB"
row bob mda.example "$BOB"
start_tcpserver
conf <<END
listen on 127.0.0.1 port $PORT hostname mail.example.org
table domains sqlite:$TABLE
table users sqlite:$TABLE
table aliases sqlite:$TABLE
accept from any for domain "box.example" userbase <users> deliver to maildir "~/box/%{sender.user}/%{dest.user}"
accept from any for domain "mda.example" userbase <users> deliver to mda "cat >>%{user.directory}/out; echo %{sender} %{sender.user} %{dest} %{dest.user} %{dest.user:raw} \$SENDER >>%{user.directory}/words"
accept from any for domain <domains> alias <aliases> userbase <users> deliver to maildir
END
row_count=$(sql 'SELECT count(*) FROM users')

# talk MAIL-ARGUMENT RCPT-ARGUMENT [LAST]: a session; what is answered to RCPT, or to MAIL if that is refused.
# The arguments are what stands behind "FROM:" and "TO:", with the escapes of converse.py.
talk()
{
	printf '%s\n' '<' '> EHLO client.example.net' '<' "> MAIL FROM:$1" '<' "> RCPT TO:$2" '<' '> QUIT' '<' >"$SANDBOX/script"
	smtp "$SANDBOX/script" >"$SANDBOX/talk"
	grep -A1 '^C: RCPT' "$SANDBOX/talk" | sed -n 's/^S: //p'
}
# A message with that envelope, whatever it takes.
hand_in()
{
	printf '%s\n' '<' '> EHLO client.example.net' '<' "> MAIL FROM:$1" '< ^250' "> RCPT TO:$2" '< ^250' '> DATA' '< ^354' \
		'> Subject: hostile' '> ' '> hello' '> .' '< ^250' '> QUIT' '<' >"$SANDBOX/script"
	quiet smtp "$SANDBOX/script" || note_file "$SANDBOX/said"
}

# ---- RCPT ----

note 'recipients'
# Each line: what stands between the brackets, and the reply.
while IFS='	' read -r address reply; do
	case $address in ''|'#'*) continue ;; esac
	like "RCPT TO:<$address>: $reply" "$(talk '<s@example.net>' "<$address>")" "^$reply"
done <<'END'
# what is an address, of nobody
'@virtual.example	550 5\.1\.1
''@virtual.example	550 5\.1\.1
"x' or '1'='1"@virtual.example	550 5\.1\.1
"' union select 1000,1000,'/tmp' --"@virtual.example	550 5\.1\.1
"'; drop table users; --"@virtual.example	550 5\.1\.1
x'or'1'='1@virtual.example	550 5\.1\.1
bob'--@virtual.example	550 5\.1\.1
%@virtual.example	550 5\.1\.1
%s%n%s%n@virtual.example	550 5\.1\.1
%{user.directory}@virtual.example	550 5\.1\.1
_ob@virtual.example	550 5\.1\.1
*@virtual.example	550 5\.1\.1
?@virtual.example	550 5\.1\.1
?1@virtual.example	550 5\.1\.1
":user"@virtual.example	550 5\.1\.1
"bob;touch x"@virtual.example	550 5\.1\.1
"`touch x`"@virtual.example	550 5\.1\.1
`id`@virtual.example	550 5\.1\.1
"$(touch x)"@virtual.example	550 5\.1\.1
${IFS}@virtual.example	550 5\.1\.1
|id@virtual.example	550 5\.1\.1
"|touch x"@virtual.example	550 5\.1\.1
/etc/passwd@virtual.example	550 5\.1\.1
../../bob@virtual.example	550 5\.1\.1
..@virtual.example	550 5\.1\.1
-n@virtual.example	550 5\.1\.1
--@virtual.example	550 5\.1\.1
"bob@virtual.example"@virtual.example	550 5\.1\.1
"@virtual.example"@virtual.example	550 5\.1\.1
"bob\""@virtual.example	550 5\.1\.1
"b\\x09ob"@virtual.example	550 5\.1\.1
# what is none, or not here
bob@virtual.example'--	501 5\.1\.3
bob@virtual.example%00	501 5\.1\.3
bob@'or'1'='1	501 5\.1\.3
bob@virtual.example;id	501 5\.1\.3
bob@$(id)	501 5\.1\.3
bob@*	501 5\.1\.3
a;b@virtual.example	501 5\.1\.3
$(id)@virtual.example	501 5\.1\.3
bo b@virtual.example	501 5\.1\.3
"bob@virtual.example	501 5\.1\.3
bob\\@virtual.example	501 5\.1\.3
@virtual.example	501 5\.1\.3
@	501 5\.1\.3
	501 5\.1\.3
bob@bob@virtual.example	501 5\.1\.3
bob@virtual.example@elsewhere.example	501 5\.1\.3
bob%virtual.example@elsewhere.example	550 5\.7\.1
elsewhere.example!bob@elsewhere.example	550 5\.7\.1
bob@[127.0.0.1]	550 5\.7\.1
# octets that no address has
bo\0b@virtual.example	50[01] 5\.
bob\0@virtual.example	50[01] 5\.
bob@virtual.example\0.org	50[01] 5\.
bo\rb@virtual.example	50[01] 5\.
"bo\rb"@virtual.example	50[01] 5\.
bo\x1b[2Jb@virtual.example	50[01] 5\.
bo\x7fb@virtual.example	50[01] 5\.
\xff\xfe@virtual.example	501 5\.1\.3 address is not UTF-8
\xc0\xafetc@virtual.example	501 5\.1\.3 address is not UTF-8
\xed\xa0\x80@virtual.example	501 5\.1\.3 address is not UTF-8
bob@\xff.example	501 5\.1\.3
b\xc3\xb6b@virtual.example	553 5\.6\.7
END
like 'a line feed alone ends no command: the sequence is refused' \
	"$(talk '<s@example.net>' '<bo\nRCPT TO:<bob@virtual.example>')" '^50[01] 5\.'
like 'UTF-8 is only an address that nobody has' "$(talk '<s@example.net> SMTPUTF8' '<b\xc3\xb6b@virtual.example>')" '^550 5\.1\.1'
like '128 octets are as long as a local part gets' "$(talk '<s@example.net>' "<$(printf '%0128d' 0)@virtual.example>")" '^550 5\.1\.1'
like '... one more is refused' "$(talk '<s@example.net>' "<$(printf '%0129d' 0)@virtual.example>")" '^501 5\.1\.3 address too long'
like '... and so is a tag that long' "$(talk '<s@example.net>' "<bob+$(printf '%0129d' 0)@virtual.example>")" '^501 5\.1\.3'
for octet in a '"' "'" '\0' '\xff' '\\'; do
	printf '%s\n' '<' '> EHLO client.example.net' '<' '> MAIL FROM:<s@example.net>' '< ^250' '>> RCPT TO:<' \
		">*65536 $octet" '> @virtual.example>' '< ^500 5\.' '> RCPT TO:<bob@virtual.example>' '< ^250' '> QUIT' '< ^221' >"$SANDBOX/script"
	ok "64 KiB of $octet: 500, and the session goes on" quiet smtp "$SANDBOX/script"
done
like "o'brien is a name like others" "$(talk '<s@example.net>' "<O'Brien@virtual.example>")" '^250'
like '... with or without quotes' "$(talk '<s@example.net>' "<\"o'brien\"@virtual.example>")" '^250'
hand_in '<s@example.net>' "<o'brien@virtual.example>"
ok '... and gets his mail' run_queue
is '... one message' "$(ls "$VMAIL/obrien/Maildir/new" | wc -l)" 1

# ---- what tables answer ----

note 'rows of aliases'
# alias VALUE...: "x" is an alias for these, a row each
alias_is()
{
	sql "DELETE FROM alias"
	for v; do sql "INSERT INTO alias VALUES ('x', ?)" "$v"; done
}
LATER='^451 4\.3\.0 <x@virtual\.example>: cannot tell now'
bad_alias()
{
	what=$1; shift
	alias_is "$@"
	like "an alias with $what: 451" "$(talk '<s@example.net>' '<x@virtual.example>')" "$LATER"
}
bad_alias 'a line feed' 'bob\n|touch '"$CANARY/lf"
bad_alias 'a CR' 'error:550 no\r\n250 yes'
bad_alias 'a NUL' 'bob\0|touch '"$CANARY/nul"
bad_alias 'another control octet' "$(printf 'bob\033[2J')"
bad_alias 'a shell command behind a name' "bob; touch $CANARY/semicolon"
bad_alias 'a command in backticks' "\`touch $CANARY/backtick\`"
bad_alias 'a substitution' "\$(touch $CANARY/dollar)"
bad_alias 'a quote that stays open' "\"|touch $CANARY/quote"
bad_alias 'a relative include' ':include:../../etc/passwd'
bad_alias 'a relative file' '../canary/file'
bad_alias 'a format' '%{user.directory}/x'
bad_alias 'two domains' 'bob@virtual.example@other.example'
bad_alias '5000 octets' "$(printf '%05000d' 0)"
bad_alias '5000 octets in rows' "$(printf '%02000d' 0)" "$(printf '%02000d' 1)" "$(printf '%02000d' 2)"
bad_alias 'nothing but a separator' ','
alias_is "' or '1'='1"
like 'an alias with SQL in it is no SQL' "$(talk '<s@example.net>' '<x@virtual.example>')" '^(451 4\.3\.0|550 5\.1\.1)'
alias_is x
like 'an alias to itself ends' "$(talk '<s@example.net>' '<x@virtual.example>')" '^(451|550) '
alias_is "$(printf 'error:550 5.7.1 d\351ja parti')"
like "an alias to a refusal has its words, printable" "$(talk '<s@example.net>' '<x@virtual.example>')" '^550 5\.7\.1 .*parti'

note 'rows of users'
# bad_row WHAT NAME REPLY HOME [UID [GID]]
bad_row()
{
	row "$2" virtual.example "$4" "${5:-}" "${6:-}"
	like "a row with $1: $3" "$(talk '<s@example.net>' "<$2@virtual.example>")" "^$3"
}
bad_row 'a relative home' relative '451 4\.3\.0' "../canary"
bad_row 'no home' empty '451 4\.3\.0' ''
bad_row 'a home with a line feed' lf '451 4\.3\.0' "$CANARY"'\n0:0:/root'
bad_row 'a home with a NUL' nul '451 4\.3\.0' "$CANARY"'\0/x'
bad_row 'a home with another control octet' escape '451 4\.3\.0' "$CANARY/$(printf '\033')x"
bad_row 'uid 0' zero '550 5\.1\.1' "$CANARY" 0
bad_row 'gid 0' zerogid '550 5\.1\.1' "$CANARY" "$RUN_UID" 0
bad_row 'uid -1' minus '550 5\.1\.1' "$CANARY" -1
bad_row 'the uid of a daemon' daemon '451 4\.3\.0' "$CANARY" 1
bad_row 'a uid that would be 0 with 32 bits' huge '451 4\.3\.0' "$CANARY" 4294967296
bad_row 'a word for uid' word '451 4\.3\.0' "$CANARY" "'root'"
bad_row 'two users for uid' colon '451 4\.3\.0' "$CANARY" "'0:0'"

# A home is a path, whatever it looks like. Each of these is made under exactly this name.
n=0
for name in 'a b' '%{sender}' '%s%n' "\$(touch $(printf canary))" '`id`' ';id;' "o'brien" '"quoted"' '*' '|id' '-n' "$(printf '\377\376')"; do
	n=$((n + 1))
	row "name$n" virtual.example "$(home "$VMAIL/odd/$name")"
	hand_in '<"%{rcpt}"@example.net>' "<name$n@virtual.example>"
done
ok 'homes with names like commands and formats' run_queue
is '... are directories like others' "$(find "$VMAIL/odd" -path '*/Maildir/new/*' -type f | wc -l)" "$n"
is '... and nothing else is made' "$(find "$VMAIL/odd" -mindepth 1 -maxdepth 1 | wc -l) $(queued)" "$n 0"

# ---- formats and commands ----

note 'formats and commands'
# As senders: what a command or a path is made of.
T="touch $CANARY/executed"
n=0
for local in "\"\`$T\`\"" "\"\$($T)\"" "\";$T;\"" "\"|$T\"" "\"&$T&\"" "\"' ;$T; '\"" '"\";'"$T"';\""' "\"> $CANARY/out\"" \
    '../../../canary/path' '/etc/passwd' '"../.."' '-rf' '%{user.directory}' '$HOME' '~root' '*' '!!' '"#"' '"a  b"' \
    '"() { :; }; '"$T"'"'; do
	n=$((n + 1))
	hand_in "<$local@example.net>" '<bob@mda.example>'
	hand_in "<$local@example.net>" '<bob@box.example>'
done
# As tags, and as names that somebody has put into the database: for these a file in the home would tell.
for local in 'bob+`touch`' 'bob+$HOME' 'bob+|id' 'bob+&id&' 'bob+{id}' 'bob+../../../canary/tag' 'bob+-rf' 'bob+%{sender}' 'bob+*' \
    '"`touch x`"' '"$(touch x)"' '";touch x;"' '"|touch x"' '"&touch x&"' "\"';touch x;'\"" '"() { :; }; touch x"' '-rf' '%{sender}' '*'; do
	n=$((n + 1))
	for domain in mda.example box.example; do
		case $local in bob+*) ;; *) row "$local" "$domain" "$BOB" ;; esac
		hand_in '<s@example.net>' "<$local@$domain>"
	done
done
ok 'senders, tags and names with commands in them, for a command and for a path' run_queue
is '... reach the command as data' "$(grep -c '^hello' "$BOB/out")" "$n"
is '... and files in the mailbox' "$(find "$BOB/box" -path '*/new/*' -type f | wc -l)" "$n"
is '... which are all in one place below the home' \
	"$(find "$BOB" -path '*/new/*' -type f | sed "s|^$BOB/||" | grep -Ev '^box/[^/]+/[^/]+/new/[^/]+$')" ''
is '... nothing else is in the home' "$(ls -A "$BOB" | tr '\n' ' ')" 'box out words '
is '... and nothing is left in the queue' "$(queued)" 0
for local in . ..; do hand_in "<$local@example.net>" '<bob@box.example>'; done
mark=$(wc -l <"$LOG")
ok 'a sender of dots, where it would name another directory' run_queue
is '... is a deferral that says so' "$(tail -n +$((mark + 1)) "$LOG" | grep -c 'Deferred: .*format: "\." or "\.\." in a path')" 2
row shell mda.example "$(home "$VMAIL/x;touch \$PWD")"
hand_in '<s@example.net>' '<shell@mda.example>'
mark=$(wc -l <"$LOG")
ok 'a home that a shell would act on, for a command' run_queue
like '... is a deferral that says so' "$(tail -n +"$mark" "$LOG")" 'Deferred: .*home directory holds octets that a shell acts on'

# ---- what must not have happened ----

note 'afterwards'
is 'nothing was executed, nothing written where it should not be' "$(ls -A "$CANARY")" ''
is 'homes are where the rows say' "$(ls -A "$VMAIL" | tr '\n' ' ')" "$(printf '%s\n' bob obrien odd 'x;touch $PWD' | tr '\n' ' ')"
is 'the table is there, with its rows' "$(sql "SELECT count(*) > $row_count FROM users")" 1
is 'the log has no octets that a terminal acts on' "$(LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')" "$LOG")" 0
is '... and is plain text' "$($PYTHON -c 'import sys; open(sys.argv[1], encoding="utf-8").read()' "$LOG" 2>&1)" ''
is '... of which each line is ours' "$(grep -Ecv '^smtpd/[a-z-]+\[[0-9]+\]: |^queue-init: ' "$LOG")" 0
done_testing
