/* What an ELF shared object asks the loader for: the libraries it needs and the name it is known by (DT_NEEDED, DT_SONAME of the gABI, chapter 5). Reads only
   the few places that say so, from whatever can give bytes at a place; trusts none of the numbers in them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Where the bytes come from. read() gives exactly `length` bytes from `at` on, or -1; it is best asked for places that ascend. */
struct elf_source {
	int (*read)(void *context, uint64_t at, void *bytes, size_t length, struct error *err);
	void *context;
	uint64_t size_bytes;
};

struct elf_names {
	const char *soname;  /* or NULL */
	const char **needed; /* in the order they stand in, each once */
	size_t needed_count;
	unsigned machine; /* e_machine: 62 x86-64, 183 aarch64 */
};

enum { ELF_DYNAMIC_LIMIT_BYTES = 1 << 20, ELF_SEGMENTS_MAX = 1024, ELF_NEEDED_MAX = 4096 };

/* Whether these bytes, the first of a file, are an ELF file's. */
bool elf_is(const void *bytes, size_t length);
/* In `a`. A static or relocatable file needs nothing. ERR_INPUT when it is no ELF file, or one whose numbers lead nowhere; what read() said otherwise. */
int elf_read_names(struct arena *a, const struct elf_source *source, struct elf_names *ret, struct error *err);
