#!/bin/sh
# Every unit test program of t/unit/, one line for each of its tests.
. "$(dirname "$0")/lib.sh"

for t_p in "$BUILD_DIR"/t/*; do
	test -x "$t_p" || skip_all 'no unit tests are built'
	name=${t_p##*/}
	out=$("$t_p" 2>&1)
	code=$?
	# cmocka's own lines, or TAP where a program chose that
	ran=$(printf '%s\n' "$out" | sed -n -e 's/^\[       OK \] //p' -e 's/^ok [0-9]* - //p')
	for t_case in $ran; do pass "$name: $t_case"; done
	if test "$code" -ne 0 || test -z "$ran"; then
		fail "$name: exit code $code"
		printf '%s\n' "$out" | grep -v '^\[\(       OK\| RUN     \) \]' | sed 's/^/# /'
	fi
done
done_testing
