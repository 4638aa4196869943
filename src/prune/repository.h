/* The git repository that a project is in: what some of its files say on every branch and tag, in every stash, in every worktree and its index. git is run as a child;
   nothing of the repository is run, and nothing is fetched. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

/* A place that may have a version of each file. */
struct repository_place {
	const char *name;   /* "branch 'main'", "the worktree '/work/b'", "a stash" */
	const char *tree;   /* what git reads files of: a commit, "" for the index; NULL: files of this machine */
	const char *folder; /* the worktree's top, for its index and its files; else NULL */
};

/* In the arena it was opened with. */
struct repository {
	struct arena *arena;
	const char *root;   /* of the project */
	const char *prefix; /* of the project in the repository, "sub/" or "" */
	bool is_there;      /* false: the project is in no repository */
	struct repository_place *places;
	size_t place_count;
};

/* Asks which places there are. The project's own worktree is one of them also where there is no repository. ERR_ENGINE, ERR_NOT_FOUND when there is one that cannot
   be asked. */
int repository_open(struct arena *a, const char *root, struct repository *ret, struct error *err);
/* The project's folder alone, whatever repository it is in. */
void repository_of_folder(struct arena *a, const char *root, struct repository *ret);

typedef void (*repository_take)(void *context, const struct repository_place *place, const char *path, const char *text, size_t length);
/* Gives the files at `paths` (in the project) of every place that has them; a content that several places share is given for the
   first of them only. -1 also when one is there and cannot be read. */
int repository_read(const struct repository *r, const char *const *paths, size_t count, repository_take take, void *context, struct error *err);
