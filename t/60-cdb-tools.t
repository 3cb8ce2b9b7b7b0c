#!/bin/bash
# makemap, newaliases and readmap: what they print, what they build, and that
# the old map stands whatever happens on the way to the new one.
. "$(dirname "$0")/lib.sh"
need makemap newaliases readmap

SANDBOX=$(mktemp -d "${TMPDIR:-/tmp}/pipepost.XXXXXX") || bail_out 'no temporary directory'
PATH=$BUILD_DIR/bin:$PATH
export PIPEPOST_BIN=$BUILD_DIR/bin
cd "$SANDBOX" || exit 1

# put FILE: standard input becomes FILE
put() { cat >"$1"; }
# said COMMAND...: both outputs and the exit code
said() { "$@" 2>&1; printf '[%s]\n' $?; }
# mode FILE
mode() { stat -c %a "$1"; }
# drafts: temporary files left behind
drafts() { find . -name '*.db.??????' | wc -l; }

# ---- newaliases, as the how-to shows it ----

put aliases <<EOF
root:       calomel
webmaster:  calomel
freebsd:    calomel
EOF
conf_with()
{
	put smtpd.conf <<-EOF
	listen on 127.0.0.1 port 25 hostname example.com
	$1
	accept from local for local alias <aliases > deliver to mda "/usr/bin/procmail -f -"
	EOF
}
conf_with "table aliases db:$SANDBOX/aliases.db"

is 'newaliases prints the source and the number of aliases' \
    "$(said newaliases -f smtpd.conf)" "$SANDBOX/aliases: 3 aliases
[0]"
is '... having needed no map to begin with, it made one' "$(readmap aliases.db webmaster)" calomel
conf_with "table aliases file:$SANDBOX/aliases"
rm aliases.db
is 'a file: table of that name does as well' "$(said newaliases -f smtpd.conf)" "$SANDBOX/aliases: 3 aliases
[0]"
ok '... and the map stands beside the text' test -f aliases.db
is 'PIPEPOST_CONF names the configuration too' \
    "$(PIPEPOST_CONF=$SANDBOX/smtpd.conf said newaliases)" "$SANDBOX/aliases: 3 aliases
[0]"
ln -s "$BUILD_DIR/bin/makemap" newaliases
is 'makemap called newaliases is newaliases, as in mailer.conf' \
    "$(said ./newaliases -f smtpd.conf)" "$SANDBOX/aliases: 3 aliases
[0]"
printf 'root: calomel\n' >aliases
is 'one alias is still "aliases"' "$(newaliases -f smtpd.conf)" "$SANDBOX/aliases: 1 aliases"
conf_with "table aliases { root = calomel }"
like 'an inline table has nothing to build' "$(said newaliases -f smtpd.conf)" 'smtpd.conf:2: .*nothing to make'
printf 'accept nonsense\n' >bad.conf
like 'an error in the configuration is named with its line' "$(said newaliases -f bad.conf)" '^newaliases: bad.conf:1: '
like '... and ends it with 1' "$(said newaliases -f bad.conf)" '^\[1\]$'
like 'other arguments are a usage error' "$(said newaliases now)" '^usage: newaliases'

# ---- makemap: entries ----

put plain <<'EOF'
# comment
label user@x:pa#ss   # the password has a '#', this is a comment

Key:	value with blanks  
long a \
  b
EOF
is 'makemap is silent, but for a doubtful comment' "$(said makemap plain)" \
    "makemap: plain:2: warning: what stands behind ' #' is taken for a comment
[0]"
is 'keys are lower-cased, values are kept' "$(makemap -U plain.db)" \
    "label	user@x:pa#ss
key	value with blanks
long	a   b"

put list <<'EOF'
team: alice,
  bob, carol@example.org
ops: "|/usr/local/bin/page -a x, y"
  dba: alice
EOF
is 'an indented line continues one that ends with a comma; else it is an entry; both are said' \
    "$(said makemap -t aliases list)" \
'makemap: list:2: warning: the indented line is taken to continue the one before, which ends with a comma
makemap: list:4: warning: the indented line is an entry of its own, since no comma ends the one before
[0]'
is 'a comma in quotes separates nothing' "$(readmap list.db ops)" '"|/usr/local/bin/page -a x, y"'
is '... the continued list is whole' "$(readmap list.db team)" 'alice, bob, carol@example.org'

printf 'example.org\n*.example.net\nvalues are: keys\n' >set
ok 'a set takes each line as a key' makemap -t set set
is '... with the value <set>' "$(makemap -U set.db)" 'example.org	<set>
*.example.net	<set>
values are: keys	<set>'

printf 'a: b\n' | said makemap hash form >out
is 'sendmail'\''s form reads standard input' "$(cat out; readmap form.db a)" '[0]
b'
is '... into a file for its maker alone' "$(mode form.db)" 600
chmod 640 form.db
printf 'a: c\n' | makemap cdb form
is '... or as the map before it was' "$(mode form.db) $(readmap form.db a)" '640 c'
printf 'x: y\n' | makemap -o given.db -
is '"-" with -o is standard input' "$(readmap given.db x)" y
like '"-" without -o is refused' "$(printf 'x: y\n' | said makemap -)" 'need -o'
for t_format in hash btree cdb; do
	ok "-d $t_format is accepted" makemap -d $t_format -o fmt.db plain 2>/dev/null
done
like '-d dbm is not' "$(said makemap -d dbm plain)" "unsupported DB type 'dbm'"
like 'an unknown -t is not' "$(said makemap -t maybe plain)" "unsupported type 'maybe'"
like 'no argument is a usage error with 1' "$(said makemap | tr '\n' ' ')" 'usage: makemap .*\[1\]'
is '-b, -C and -O are taken and ignored' "$(said makemap -b i -C x -O y -o fmt.db set | tail -1)" '[1]'
ok '... in front of good entries' makemap -b i -C x -O y -o fmt.db aliases

chmod 640 aliases
makemap -t aliases aliases
is 'the map has the mode of its source' "$(mode aliases.db)" 640

# ---- makemap: refusals ----

: >empty
is 'an empty map is made with a warning' "$(said makemap empty)" 'makemap: warning: empty map created: empty.db
[0]'
ok '... and holds nothing' test -z "$(readmap empty.db)"
printf 'a: b\na: c\n' >twice
is 'a duplicate is named' "$(said makemap twice)" 'makemap: twice:2: duplicate entry for a
[1]'
printf 'a: b\nb\n: c\n"quoted user": d\nx: "|open\nA: e\nu: err or\n' >many
is 'all bad lines are named in one run' "$(said makemap -t aliases many | sed 's/: not a user name.*/: not a user name/')" \
'makemap: many:2: invalid entry: there is no value
makemap: many:3: invalid entry: the key is missing before the colon
makemap: many:4: invalid entry: a key may not be quoted
makemap: many:5: invalid entry: a quote is not closed
makemap: many:6: duplicate entry for a
makemap: many:7: invalid entry: not a user name
[1]'
not_ok '... and nothing is made' test -e many.db
is 'a missing file' "$(said makemap nothere)" 'makemap: stat: nothere: No such file or directory
[1]'
is 'a locked file' "$(flock -x plain "$BUILD_DIR/bin/makemap" plain 2>&1; echo "[$?]")" 'makemap: plain is locked
[1]'
like 'a directory' "$(mkdir dir; said makemap dir)" 'dir is not a regular file'
mkfifo fifo
like 'a FIFO does not make it wait' "$(said makemap fifo)" 'fifo is not a regular file'
cp plain same.db
like 'a map never replaces its own source' "$(said makemap -o same.db same.db 2>&1)" 'own source'
ok '... which is as it was' cmp -s plain same.db
truncate -s 5G huge
is 'more than 4 GiB is an error, not a wrapped map' "$(said makemap huge)" 'makemap: huge is over 4 GiB
[1]'
rm huge

# ---- hostile text ----

printf 'a: b\0c\n' >nul
like 'a NUL is refused' "$(said makemap nul)" 'nul:1: invalid entry: the line holds a NUL'
printf 'a: \033[2Jb\n' >escape
like 'a control character is refused' "$(said makemap escape)" 'escape:1: invalid entry: .*control character'
printf '%s\033]0;x\a' bad >esc_name; mv esc_name "$(printf 'n\033me')"
unlike 'a file name cannot write to the terminal' "$(said makemap "$(printf 'n\033me')")" "$(printf '\033')"
head -c 1024 /dev/zero | tr '\0' k >long_key
like 'a key over 1023 octets is refused' "$(said makemap -t set long_key)" 'the key is longer than 1023 octets'
{ printf 'k: '; head -c 65536 /dev/zero | tr '\0' v; } >long_value
like 'a value over 65535 octets is refused' "$(said makemap long_value)" 'the value is longer than 65535 octets'
{ head -c 1023 /dev/zero | tr '\0' k; printf ': '; head -c 65535 /dev/zero | tr '\0' v; } >just
ok 'one octet less is not' makemap just
is '... and comes back whole' "$(readmap just.db | wc -c)" $((1023 + 1 + 65535 + 1))
head -c 4096 /dev/urandom >noise
like 'noise is refused, line by line but not endlessly' "$(said makemap noise | wc -l)" '^([1-9]|1[0-9]|2[0-2])$'

# ---- readmap ----

is 'readmap prints the value of a key, whatever its case' "$(said readmap list.db DBA)" 'alice
[0]'
is 'an absent key is exit 1, without words' "$(said readmap list.db nobody)" '[1]'
is 'a missing file is exit 111' "$(said readmap nothere.db x)" 'readmap: nothere.db: No such file or directory
[111]'
like 'a text file is exit 100' "$(said readmap plain x | tr '\n' ' ')" 'too short for a cdb file.*\[100\]'
cp list.db cut.db; truncate -s 2100 cut.db
like 'a map cut short is exit 100' "$(said readmap cut.db | tr '\n' ' ')" '\[100\]'
like 'no argument is a usage error' "$(said readmap)" '^usage: readmap'
like 'a full disk below standard output is noticed' "$(readmap just.db 2>&1 >/dev/full; echo "[$?]")" '\[111\]'

# ---- a million entries ----

awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "user%d@example%d.org: box%d, copy%d@example.net\n", i, i % 977, i, i }' >million
ok 'a million aliases are made into a map' makemap -t aliases million
is '... each of which is found there' "$(readmap million.db | cksum)" "$(sed 's/: /	/' million | cksum)"
is '... one by its key' "$(readmap million.db user977@example0.org)" 'box977, copy977@example.net'
printf 'user5@example5.org: x\n' >>million
is 'and a duplicate among a million is found' "$(said makemap -t aliases million)" \
'makemap: million:1000001: duplicate entry for user5@example5.org
[1]'

# terminal COMMAND...: its output on a terminal
terminal() { $PYTHON -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$@" </dev/null; }
sed -i '$d' million
if terminal true 2>/dev/null; then
	like 'a terminal is shown progress' "$(terminal "$BUILD_DIR/bin/makemap" -t aliases million | tr '\r' '\n')" \
	    'makemap: 500000 entries read'
else
	skip 'no terminal here'
fi

# ---- the old map stands ----

strace -f -o /dev/null -e trace=write -e inject=write:retval=1 true 2>/dev/null || {
	skip 'processes may not be traced here'
	done_testing
}
printf 'old: map\n' >map; makemap map
awk 'BEGIN { for (i = 0; i < 2000; i++) printf "new%d: map%d\n", i, i }' >map

# with_fault FAULT: makemap under strace, with this fault injected; its words and exit code
with_fault()
{
	# the shell says "Killed" on its own standard error
	{ strace -f -qq -o /dev/null -e "trace=${1%%:*}" -e "inject=$1" "$BUILD_DIR/bin/makemap" map; echo "[$?]"; } 2>&1
}
is_old() { test "$(readmap map.db)" = 'old	map'; }

for t_fault in write:error=ENOSPC:when=1 write:error=ENOSPC:when=5 fsync:error=EIO:when=1 rename:error=EIO \
    fchmod:error=EPERM lseek:error=EIO:when=1; do
	like "$t_fault is said" "$(with_fault $t_fault)" '^makemap: map.db: '
	ok '... the old map stands' is_old
	is '... and nothing is left behind' "$(drafts)" 0
done
like 'a full disk has its name' "$(with_fault write:error=ENOSPC:when=3 | tr '\n' ' ')" \
    '^makemap: map.db: No space left on device \[1\]'
for t_fault in write:signal=KILL:when=1 write:signal=KILL:when=5 fsync:signal=KILL:when=1 rename:signal=KILL; do
	with_fault $t_fault >out 2>&1
	if test $t_fault = rename:signal=KILL; then
		ok "$t_fault: the map is the old one or the new one" test "$(readmap map.db | wc -l)" = 1 -o \
		    "$(readmap map.db | wc -l)" = 2000
		printf 'old: map\n' >map.old; makemap -o map.db map.old
	else
		ok "$t_fault: the old map stands" is_old
	fi
	rm -f map.db.??????
done
with_fault write:signal=TERM:when=2 >out 2>&1
ok 'TERM while writing: the old map stands, or the new one is whole' test "$(readmap map.db | wc -l)" = 1 -o \
    "$(readmap map.db | wc -l)" = 2000
is '... and nothing is left behind' "$(drafts)" 0
like 'a failing sync of the directory is said' "$(with_fault fsync:error=EIO:when=2)" 'not yet durable'
ok 'and at last the new map is made' makemap map
is '... whole' "$(readmap map.db | wc -l)" 2000

done_testing
