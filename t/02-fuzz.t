#!/bin/sh
# Every parser of peers' data, a few seconds each, on what earlier runs found
# worth keeping, and always by the same random numbers, so that no change is blamed for what luck has
# found. `make check-fuzz FUZZ_SECONDS=3600 FUZZ_SEED=0` looks longer and elsewhere.
. "$(dirname "$0")/lib.sh"

for t_p in "$BUILD_DIR"/fuzz/*; do
	test -x "$t_p" || skip_all 'no fuzz targets are built (clang is needed)'
	name=${t_p##*/}
	corpus=$BUILD_DIR/corpus/$name
	seeds=$t_dir/fuzz/seeds/$name
	mkdir -p "$corpus"
	test -d "$seeds" || seeds=
	if out=$(cd "$corpus" && "$t_p" -max_total_time="${FUZZ_SECONDS:-5}" -seed="${FUZZ_SEED:-1}" -verbosity=0 -close_fd_mask=1 \
	    "$corpus" $seeds 2>&1); then
		pass "$name"
	else
		fail "$name"
		printf '%s\n' "$out" | tail -n 40 | sed 's/^/# /'
	fi
done
done_testing
