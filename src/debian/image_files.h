/* Files that were taken out of an image, as they stand in it. Names and links are an image's own: they lead nowhere but within what was taken. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct engine;

struct image_file {
	const char *path;  /* absolute, without "." and ".." */
	const char *link;  /* where a link leads, as it stands there; else NULL */
	const char *bytes; /* of a file, with a NUL behind them; NULL: a folder, a link, or more than a file of apt's would have */
	size_t length;
};

/* Zeroed is valid and empty. */
struct image_files {
	struct image_file *items;
	size_t count;
};

/* Takes what is at these absolute paths of an image that the engine has. In `a`. ERR_INPUT when it is more than any image would have. */
int image_files_take(struct arena *a, struct engine *e, const char *image, const char *const *paths, struct image_files *files, struct error *err);
/* The file at a path, links followed; NULL when there is none, or it has too much in it. */
const struct image_file *image_files_find(struct arena *a, const struct image_files *files, const char *path);
/* The names of what is in a folder, sorted, in `a`. */
void image_files_in(struct arena *a, const struct image_files *files, const char *folder, const char ***ret_names, size_t *ret_count);
/* A path that can be asked for: absolute, of characters that no engine reads anything into. */
bool image_path_is_plain(const char *path);
