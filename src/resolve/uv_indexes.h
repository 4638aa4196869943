/* The package indexes that resolvers are told of: whose they are, where they stand, and how to name the one that an answer speaks of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "python/settings.h"
#include "recipe/database.h"

/* An index as uv is told of it. */
struct uv_index {
	const char *alias;
	const char *url;             /* without user information; NULL: uv's own */
	const char *user, *password; /* decoded, or NULL */
	const char *name;            /* the user's own name for it in uv's settings, or NULL */
	const char *from;            /* where its address was said */
	bool explicit_only;
};
struct uv_indexes {
	struct uv_index *items; /* in order of preference */
	size_t count;
};
/* The project's indexes with the addresses that settings give them, then the user's further ones. Reports, in `d`, a project's index without an address and
   addresses that are none. */
void uv_indexes_collect(struct arena *a, const struct database *db, const struct settings *settings, struct diag *d, struct uv_indexes *ret);
/* NULL: none goes by this alias. */
const struct uv_index *uv_indexes_find(const struct uv_indexes *indexes, const char *alias);
/* The alias of an index by the address uv writes; "default" when none has it. */
const char *uv_indexes_alias(const struct uv_indexes *indexes, const char *url);
/* Its address with user and password, or NULL. */
const char *uv_index_address(struct arena *a, const struct uv_index *index);
