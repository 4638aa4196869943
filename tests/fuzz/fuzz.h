/* What a fuzz target is: libFuzzer calls this with bytes of its own making, replay.c with the files of the corpus. A target aborts when something that must always
   hold does not. */
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
