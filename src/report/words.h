/* The words in which text and Markdown tell of changes; not escaped yet. All results live in the arena. */
#pragma once

#include "diff/diff.h"

/* "v0.1 -> v0.2", "v0.1, the first release" */
const char *words_title(struct arena *a, const struct changes *changes);
/* "packages: 3 upgraded (1 major, 2 patch), 1 added; 98 the same" */
const char *words_summary(struct arena *a, const struct changes *changes);
/* "Debian packages: 131 locked for the first time, in ci-cpu", or NULL where there are none of which that is so. */
const char *words_first_debs(struct arena *a, const struct changes *changes);
/* The same for another list: "2 upgraded, 1 removed"; "" when there are no rows. */
const char *words_counts(struct arena *a, const struct change_list *list);
/* "Debian packages: no longer locked, in ci-cpu", or NULL where there are none of which that is so. */
const char *words_unlocked_debs(struct arena *a, const struct changes *changes);
/* "1.0 -> 2.0", "1.0" where only one side has it, "1.0 (default -> mirror)", "1.0, built from source now" */
const char *words_step(struct arena *a, const struct change_cell *cell);
/* A version as it is; of a digest its first twelve digits. */
const char *words_version(struct arena *a, const char *version);
/* Where a version is taken from on either side, an index's alias or an address; false: there is nothing to tell, as it did not move, or came from an index. */
bool words_origin(struct arena *a, const struct change_cell *cell, const char **ret_old, const char **ret_new);
/* "built from source now", "no longer built from source"; "" when there is nothing to say. */
const char *words_made(const struct change_cell *cell);
/* The containers of a row: "all", "all but ci-lint", "ci-cpu, ci-gpu", "a, b, c and 7 more". */
const char *words_containers(struct arena *a, const struct changes *changes, const struct change *row);
/* "declared onnx>=1.14 -> onnx>=1.15", "required by sphinx"; "" when there is nothing to say. */
const char *words_why(struct arena *a, const struct change *row);
/* "groups +docs -lint; environment a -> b"; what is in it when it is new. */
const char *words_container(struct arena *a, const struct change_container *c);
const char *words_container_class(const struct change_container *c); /* "added", "removed", "changed", or NULL: nothing to tell */
/* "a, b, c and 7 more": at most `most` of them by name. */
const char *words_list(struct arena *a, const char *const *items, size_t count, size_t most);
/* The names of containers whose recipe changed; "" when none. */
const char *words_recipes(struct arena *a, const struct changes *changes);
