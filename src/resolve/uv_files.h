/* The files uv is given: a pyproject.toml that puts the question, and a uv.lock that holds the versions to prefer. Both stand in a folder that does not stay;
   neither holds a secret (credentials go by environment variables). */
#pragma once

#include <stdint.h>

#include "base/strbuf.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "resolve/question.h"
#include "resolve/uv_indexes.h"

#define UV_PROJECT "lockstep-union"
/* The group that asks for packages only to bind them to their place. */
#define UV_BOUND_GROUP "bound"

/* Whether a place of find-links holds a user: it is told to uv in its environment, and written to no file. */
bool uv_find_links_is_secret(const char *place);
void uv_add_pyproject(struct strbuf *out, const struct question *q, const struct uv_indexes *indexes, const struct settings *settings);
/* The name of an asker's dependency group in the pyproject ("c1"), and the extra under which uv's conflict markers know it. */
void uv_add_group(struct strbuf *out, size_t asker);
void uv_add_group_extra(struct strbuf *out, size_t asker);
/* The pins of a lock that have to do with a question. False when there are none. */
bool uv_add_preferences(struct strbuf *out, const struct question *q, const struct lock *last, int64_t cut_off_unix);
