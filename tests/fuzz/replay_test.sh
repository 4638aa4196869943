#!/bin/sh
# Every fuzz target on its corpus and on mutations of it, with sanitizers. LOCKSTEP_TEST_MUTATIONS: of each file, default 100.
set -eu
found=0
for source in "$ROOT"/tests/fuzz/*_fuzz.c; do
	name=$(basename "$source" _fuzz.c)
	"$ROOT/build/debug/tests/fuzz/${name}_fuzz" -m "${LOCKSTEP_TEST_MUTATIONS:-100}" "$ROOT/tests/fuzz/corpus/$name" || {
		echo "$name: run it again with -o FILE to see the input"
		exit 1
	}
	found=$((found + 1))
done
[ "$found" -gt 0 ]
