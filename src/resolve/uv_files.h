/* The files uv is given: a pyproject.toml that puts the question, and a uv.lock that holds the versions to prefer. Both stand in a folder that does not stay;
   neither holds a secret (credentials go by environment variables). */
#pragma once

#include <stdint.h>

#include "base/diag.h"
#include "base/strbuf.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "recipe/database.h"
#include "resolve/question.h"

#define UV_PROJECT "lockstep-union"

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
/* The project's indexes with the addresses that settings give them, then the user's further ones. A project's index without an address is a problem in `d`. */
/* Reports, in `d`, indexes without an address and addresses that are none. */
void uv_indexes_collect(struct arena *a, const struct database *db, const struct settings *settings, struct diag *d, struct uv_indexes *ret);
/* The alias of an index by the address uv writes; "default" when none has it. */
const char *uv_indexes_alias(const struct uv_indexes *indexes, const char *url);

/* Its address with user and password, or NULL. */
const char *uv_index_address(struct arena *a, const struct uv_index *index);

/* Whether a place of find-links holds a user: it is told to uv in its environment, and written to no file. */
bool uv_find_links_is_secret(const char *place);
void uv_add_pyproject(struct strbuf *out, const struct question *q, const struct uv_indexes *indexes, const struct settings *settings);
/* The name of an asker's dependency group in the pyproject ("c1"), and the extra under which uv's conflict markers know it. */
void uv_add_group(struct strbuf *out, size_t asker);
void uv_add_group_extra(struct strbuf *out, size_t asker);
/* The pins of a lock that have to do with a question. False when there are none. */
bool uv_add_preferences(struct strbuf *out, const struct question *q, const struct lock *last, int64_t cut_off_unix);
