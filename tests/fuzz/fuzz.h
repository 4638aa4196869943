/* A fuzz target: one file tests/fuzz/NAME_fuzz.c that defines fuzz_one, its corpus in tests/fuzz/corpus/NAME/. `make tests` links it with replay.c, which runs
   the corpus and mutations of it; `make fuzz CC=clang` links it with libFuzzer: build/fuzz/tests/fuzz/NAME_fuzz tests/fuzz/corpus/NAME. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* What must hold whatever the input is; also where assert is off. */
#define FUZZ_CHECK(condition)                                                                                                                                  \
	do {                                                                                                                                                   \
		if (!(condition)) {                                                                                                                            \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                                                         \
			abort();                                                                                                                               \
		}                                                                                                                                              \
	} while (0)
