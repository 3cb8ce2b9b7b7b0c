#!/bin/sh
# What a newcomer types: make demo passes a message through and leaves nothing
# running; make install puts programs where they find each other.
. "$(dirname "$0")/lib.sh"
top=$(cd "$t_dir/.." && pwd)
SANDBOX=$(mktemp -d "${TMPDIR:-/tmp}/pipepost.XXXXXX")
chmod 755 "$SANDBOX"
export BUILD_DIR
run_demo() { sh "$top/conf-examples/demo/run" "$SANDBOX/$1" >"$SANDBOX/out" 2>&1 </dev/null; }
run_install()
{
	make -s -C "$top" install BUILD="${BUILD_DIR#"$top"/}" SAN="${SAN-}" DESTDIR="$to" PREFIX=/usr/local >"$SANDBOX/out" 2>&1
}

ok      'the demo ends well'                  run_demo demo ||
	note_file "$SANDBOX/out"
like    '... shows the message'               "$(cat "$SANDBOX/out")" '^    Subject: It works$'
like    '... checks its configuration'        "$(cat "$SANDBOX/out")" 'configuration OK'
like    '... says how to go on'               "$(tail -n 1 "$SANDBOX/out")" '^It works\. Go on:  \. demo/env'
is      '... and leaves nothing running'      "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -c "[s]mtpd -d -f $SANDBOX")" 0
ok      'it may be run again'                 run_demo demo ||
	note_file "$SANDBOX/out"
mkdir "$SANDBOX/mine"; echo precious >"$SANDBOX/mine/file"
run_demo mine
like    '... but not over a directory that is not its own'  "$(cat "$SANDBOX/out" "$SANDBOX/mine/file")" '^precious$'

case $BUILD_DIR in
"$top"/*)
	to=$SANDBOX/package
	ok      'make install DESTDIR= PREFIX='       run_install || note_file "$SANDBOX/out"
	for p in smtp-recv queue-inject queue-run queue-bounce deliver-local; do
		ok "... $p, for the others to find"       test -x "$to/usr/local/libexec/pipepost/$p"
	done
	for p in smtpd sendmail mailq newaliases makemap queue-init queue-run; do
		ok "... $p, for people to type"           test -x "$to/usr/local/sbin/$p"
	done
	ok      '... manuals'                         test -s "$to/usr/local/share/man/man8/smtp-recv.8"
	ok      '... documents'                       test -s "$to/usr/local/share/doc/pipepost/INSTALL"
	is      '... and nothing anywhere else'       "$(find "$to" -maxdepth 3 -mindepth 3 | sort | sed 's|.*/local/||' | tr '\n' ' ')" \
		'libexec sbin share '
	is      '... no file has a set-id bit'        "$(find "$to" -type f -perm /6000)" ''
	;;
*)	skip    'installation is from a build below the source' ;;
esac
done_testing
