/* What a fuzz target is: libFuzzer calls this with bytes of its own making, replay.c with the files of the corpus. A target aborts when something that must always
   hold does not. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
