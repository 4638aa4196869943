#!/usr/bin/env bash
# Every fuzz target holds on every file of its corpus: tests/fuzz/NAME_fuzz.c on tests/fuzz/corpus/NAME/.
set -eu
for source in "$ROOT"/tests/fuzz/*_fuzz.c; do
	name=$(basename "$source" _fuzz.c)
	"$ROOT/build/debug/tests/fuzz/${name}_fuzz" "$ROOT/tests/fuzz/corpus/$name"/*
done
