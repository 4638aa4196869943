/* What an index has of a package, read from its page: to know which versions there are to ask uv about. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "python/settings.h"
#include "python/wheel.h"
#include "resolve/uv_files.h"

struct listed_file {
	struct wheel_name wheel;
	const char *requires_python; /* or NULL */
	int64_t uploaded_unix;       /* 0: the index does not say */
	bool is_yanked;
};

struct listed_version {
	const char *version; /* PEP 440 normal form */
	struct listed_file *files;
	size_t file_count;
};

struct listing {
	const char *index, *package;
	bool is_known;                   /* the page was there and could be read */
	struct listed_version *versions; /* newest first; only those with wheels */
	size_t version_count;
};

/* The pages read so far. Zeroed but for the first members is valid. */
struct listings {
	struct settings *settings;
	const struct uv_indexes *indexes;
	const char *root;
	struct arena arena;
	struct listing **items;
	size_t count;
	struct http *http;
};
void listings_release(struct listings *l);

/* The page of a package, asked for once. *ret belongs to the listings; it is not known where the index is a folder, has no page or cannot be asked: uv's own
   answer is then all there is to go by. -1: ERR_CANCELLED. */
int listing_get(struct listings *l, const char *index, const char *package, const struct listing **ret, struct error *err);
