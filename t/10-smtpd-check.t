#!/bin/sh
# smtpd -n: `configuration OK`, or every error with its place and what would be
# right; the how-tos' configurations as they are printed, and the examples.
. "$(dirname "$0")/lib.sh"
need smtpd newaliases makemap

sandbox
examples=$t_dir/../conf-examples
etc=$SANDBOX/etc
mkdir "$etc"

# check [ARGUMENTS]: its standard error, without what depends on this machine
# (its name, and whether the programs of a rule are installed)
check() { smtpd -n "$@" 2>&1 >/dev/null | grep -Ev "the server's name is|is not available|mda: cannot run"; }
# relocate FILE: the how-tos' directory is ours
relocate() { sed -e "s|/usr/local/etc/mail|$etc|g" -e "s|/etc/mail|$etc|g" "$1"; }
# directives FILE: without comments, empty lines and leading blanks
directives() { sed -e 's/^[[:space:]]*//' -e '/^#/d' -e '/^$/d' "$1"; }

# ---- the two answers ----

ok   'a good configuration: exit 0'          smtpd -n -f "$CONF" 2>/dev/null
is   '... and "configuration OK" on standard error' "$(check -f "$CONF")" 'configuration OK'
is   '... nothing on standard output'        "$(smtpd -n -f "$CONF" 2>/dev/null)" ''
is   'the default is $PIPEPOST_CONF'         "$(check)" 'configuration OK'

conf "$SANDBOX/bad" <<'EOF'
expire 4
listen on all auth
accept for all deliver to mbox
accept from 10.0.0.0/8 for any relay
EOF
ok   'a bad configuration: exit 1'           status 1 smtpd -n -f "$SANDBOX/bad" 2>/dev/null
is   '... every error and warning in one pass, in the order of the lines' "$(check -f "$SANDBOX/bad")" \
"$SANDBOX/bad:1: expire: \"4\" has no unit; write 4s, 4m, 4h or 4d
$SANDBOX/bad:2: listen: auth needs TLS, passwords are never taken in clear text; add tls or smtps
$SANDBOX/bad:3: warning: \"for all\" is from before OpenSMTPD 5.3 and taken as \"for any\"; write that
$SANDBOX/bad:4: from \"10.0.0.0/8\": write from source \"10.0.0.0/8\""
is   'a file that is not there'              "$(check -f "$SANDBOX/none")" \
	"$SANDBOX/none: cannot read the configuration: No such file or directory"
is   'a directory'                           "$(check -f "$SANDBOX")" \
	"$SANDBOX: cannot read the configuration: Is a directory"

# ---- the command line ----

conf "$SANDBOX/macro" <<'EOF'
who = "nobody"
accept from $who for domain "example.org" deliver to maildir
EOF
ok   'a macro of the file is used'           status 1 smtpd -n -f "$SANDBOX/macro" 2>/dev/null
ok   '-D wins over it'                       smtpd -n -f "$SANDBOX/macro" -D who=any 2>/dev/null
ok   '-D without "=" is a usage error'       status 64 smtpd -n -D who 2>/dev/null
ok   '-B is refused'                         status 64 smtpd -B queue=ram -n 2>/dev/null
ok   '-P takes mda, mta or smtp'             status 64 smtpd -P queue -n 2>/dev/null
ok   '-T takes words that OpenSMTPD knows'   status 64 smtpd -T nonsense -n 2>/dev/null
ok   'an unknown option is a usage error'    status 64 smtpd -Z 2>/dev/null
ok   'so is a word too many'                 status 64 smtpd -n more 2>/dev/null
like '-h shows the usage'                    "$(smtpd -h)" '^usage: smtpd '
like '... and the version'                   "$(smtpd -h)" '^pipepost [0-9]'
printf 'unused = "x"\naccept from any for domain "example.org" deliver to maildir\n' | conf "$SANDBOX/notes"
unlike 'notes are not shown'                 "$(check -f "$SANDBOX/notes")" 'note: '
like '... but with -v'                       "$(check -v -f "$SANDBOX/notes")" ':1: note: macro "unused" is not used'
like 'defaults are explained with -v'        "$(printf 'accept for any relay\n' >"$SANDBOX/x"; check -v -f "$SANDBOX/x")" \
	':1: note: no "from": only local clients'

# ---- what the configuration names ----

rule='accept from any for domain "example.org"'
one() { printf '%s\n' "$@" >"$SANDBOX/one"; check -f "$SANDBOX/one"; }
like 'a missing db table is an error'        "$(one "table aliases db:$etc/none.db" "$rule alias <aliases> deliver to mbox")" \
	"one:1: table aliases: cannot read $etc/none.db: No such file or directory; run newaliases"
like 'so is a missing file table'            "$(one "table t file:$etc/none" "$rule alias <t> deliver to mbox")" \
	"one:1: table t: cannot read $etc/none: No such file or directory"
echo 'not a database' >"$etc/broken.db"
like 'so is a db table that is none'         "$(one "table t db:$etc/broken.db" "$rule alias <t> deliver to mbox")" \
	'one:1: table t: '
printf 'one\ntwo\n' >"$etc/list"; printf 'a b\n' >"$etc/map"
like 'so is a list where a mapping is needed' "$(one "table t file:$etc/list" "$rule alias <t> deliver to mbox")" \
	"one:2: alias <t>: $etc/list is a list \\(key only\\), but a mapping is needed"
like 'so is a mapping where a list is needed' "$(one "table t file:$etc/map" 'accept for domain <t> deliver to mbox')" \
	"one:2: for domain <t>: $etc/map is a mapping \\(key value\\), but a list is needed"
like 'so is an unknown kind of table'        "$(one 'table t ldap:/etc/x' "$rule alias <t> deliver to mbox")" \
	'one:1: table t: backend "ldap" does not exist'
like 'so is a certificate that is not there' "$(one "pki a.org certificate \"$etc/none\"" "pki a.org key \"$etc/none\"" \
	"$rule deliver to maildir")" "cannot read $etc/none"
: >"$etc/key"; chmod 644 "$etc/key"
like 'so is a key that everybody may read'   "$(one "pki a.org certificate \"$etc/key\"" "pki a.org key \"$etc/key\"" \
	"$rule deliver to maildir")" "insecure permissions on $etc/key: 644 must not have 037"
printf '%s deliver to mda "/no/such/program -x"\n' "$rule" >"$SANDBOX/one"
like 'a program that is missing is named'    "$(smtpd -n -f "$SANDBOX/one" 2>&1)" \
	'one:1: warning: mda: cannot run /no/such/program: No such file'
like 'mail that would end at uid 0 is a warning' "$(one "$rule deliver to mbox")" 'one:1: warning: mail for root'
unlike '... unless root has an alias'        "$(one "$rule alias { root = \"alice\" } deliver to mbox")" 'mail for root'
like 'a host name without domain is a warning' "$(one 'listen on 127.0.0.1 hostname box' "$rule deliver to maildir")" \
	'one:1: warning: hostname "box" has no domain'
printf 'dbpath /x\n' >"$etc/SQLiteTables.conf"
like 'a missing sqlite configuration: what lies beside it is named' \
	"$(one "table t sqlite:$etc/sqlite" "$rule alias <t> deliver to mbox")" "did you mean sqlite:$etc/SQLiteTables.conf"
rm "$etc/SQLiteTables.conf"

# ---- the how-tos, as printed ----

conf "$SANDBOX/howto-1" <<'EOF'
## listen on localhost (ipv4 only) and port 25 (smtp)
listen on 127.0.0.1 port 25 hostname example.com

## the mail aliases database, created with "newaliases"
#table aliases file:/usr/local/etc/mail/aliases
table aliases db:/usr/local/etc/mail/aliases.db

## This rule is for internal machine mail only.
accept from local for local alias <aliases > deliver to mda "/usr/local/bin/procmail -f -"
accept for all relay
EOF
conf "$SANDBOX/howto-2" <<'EOF'
listen on 127.0.0.1 port 25 hostname example.com
#table aliases file:/usr/local/etc/mail/aliases
table aliases db:/usr/local/etc/mail/aliases.db
accept from local for local alias <aliases > deliver to mda "/usr/local/bin/procmail -f -"
accept from any for domain "somehost.com" alias  <aliases > deliver to mda "/usr/local/bin/procmail -f -"
accept from local for any relay via "mailrelay.domain.lan"
EOF
conf "$SANDBOX/howto-3" <<'EOF'
listen on 127.0.0.1 port 25 hostname somehost.com
expire 4h
#table aliases file:/usr/local/etc/mail/aliases
table aliases db:/usr/local/etc/mail/aliases.db
table secrets db:/usr/local/etc/mail/secrets.db
accept from local for local alias <aliases> deliver to mda "/usr/local/bin/procmail -f -"
accept from any for domain "somehost.com" alias <aliases> deliver to mda "/usr/local/bin/procmail -f -"
accept from local for any relay via tls+auth://label@smtp.gmail.com:587 auth <secrets>
EOF
conf "$SANDBOX/howto-sqlite" <<'EOF'
table domains sqlite:/etc/mail/sqlite
table users sqlite:/etc/mail/sqlite
table sqalias sqlite:/etc/mail/sqlite
listen on all port submission tls auth pki mail.serversave.us mask-source
accept from any for domain alias userbase deliver to mbox
EOF

n=0
for example in local-only relay-central relay-gmail; do
	n=$((n + 1))
	is "$example: its directives are those of the how-to, word for word" \
		"$(directives "$examples/$example/smtpd.conf")" "$(directives "$SANDBOX/howto-$n")"
	relocate "$examples/$example/smtpd.conf" | conf "$SANDBOX/$example.conf"
	rm -f "$etc"/*
	cp "$examples/$example/aliases" "$etc/aliases"
	test ! -e "$examples/$example/secrets" || { cp "$examples/$example/secrets" "$etc/secrets"; chmod 640 "$etc/secrets"; }
	like "$example: before newaliases it says what to run" "$(check -f "$SANDBOX/$example.conf")" \
		"table aliases: cannot read $etc/aliases.db: No such file or directory; run newaliases"
	makemap -t aliases "$etc/aliases" || fail 'makemap'
	test ! -e "$etc/secrets" || makemap "$etc/secrets" || fail 'makemap secrets'
	case $example in
	local-only) line=$(grep -n '^accept for all' "$SANDBOX/local-only.conf" | cut -d: -f1)
		expected="$SANDBOX/local-only.conf:$line: warning: \"for all\" is from before OpenSMTPD 5.3 and taken as \
\"for any\"; write that
configuration OK" ;;
	*) expected='configuration OK' ;;
	esac
	is "$example: then it is right" "$(check -f "$SANDBOX/$example.conf")" "$expected"
	relocate "$SANDBOX/howto-$n" | conf "$SANDBOX/as-printed.conf"
	like "... and so is the how-to as printed" "$(check -f "$SANDBOX/as-printed.conf")" '^configuration OK$'
done

relocate "$SANDBOX/howto-sqlite" | conf "$SANDBOX/as-printed.conf"
got=$(check -f "$SANDBOX/as-printed.conf")
like 'SQLite how-to: the undeclared pki, and the two lines to add' "$got" \
	'as-printed.conf:4: pki name not found: .* pki mail.serversave.us certificate ".*" and: pki mail.serversave.us key '
like '... the rule that lost its <names>, and the rule that was meant' "$got" \
	'conf:5: .*accept from any for domain <domains> alias <sqalias> userbase <users> deliver to mbox$'
like '... and the missing table configuration' "$got" \
	"conf:1: table domains: cannot read $etc/sqlite: No such file or directory"

like 'sqlite-howto: differs from the how-to where that is wrong, and nowhere else' \
	"$(directives "$examples/sqlite-howto/smtpd.conf" | grep -v '^pki' | sed -e 's/ <[a-z]*>//g' |
	diff - "$SANDBOX/howto-sqlite" && echo same)" '^same$'
done_testing
