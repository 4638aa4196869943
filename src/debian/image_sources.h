/* The apt sources of an image, as they stand in its files (sources.list(5)), brought into one form: what is no source of packages over http or https is left out, what
   has not its form is refused. Knows nothing of where the files come from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct image_source {
	const char *address;                                     /* "http://host/debian", without a user */
	const char *suite, *components;                          /* "bookworm", "main contrib"; components "" with a suite that ends with '/' */
	const char *architectures, *trusted, *check_valid_until; /* as written, or NULL */
	const char *const *keys;                                 /* paths in the image, or fingerprints; NULL-terminated, or NULL */
	const char *key;                                         /* one that stands there in full, or NULL */
};

struct image_sources {
	struct arena *arena;
	struct image_source *items;
	size_t count;
	const char **left_out; /* "/etc/apt/sources.list:3: 'cdrom:...' is ..." */
	size_t left_out_count;
};

/* Adds the sources of a file: lines, or with `stanzas` deb822 stanzas. ERR_INPUT, naming `path` and line. */
int image_sources_read(struct image_sources *s, const char *path, const char *text, bool stanzas, struct error *err);
