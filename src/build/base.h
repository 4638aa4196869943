/* Base trees: what mmdebstrap makes of a base recipe, kept as one tar file in the cache and shared by all projects. Knows no engine and no container. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/process.h"

struct access;
struct base;
struct lock;
struct lock_deb;

struct base_tree {
	const struct base *base;
	const char *
		key; /* over everything that decides what is in it: recipe, packages (where none are locked, but the moment), mirrors, how mmdebstrap is called */
	const char *path;   /* <cache>/bases/<key>.tar */
	const char *sha256; /* of the tar; NULL while there is none */
	const char **mirrors;
	size_t mirror_count;
	const struct lock_deb **debs; /* what it is made of; none: what its mirrors have */
	size_t deb_count;
	const char *output, *workplace; /* temporary folders, while it is made */
};

/* What this machine's apt said of a base's mirrors: it is slow to answer, and is asked once in a run. */
struct base_mirrors {
	const struct base *base;
	const char **lines;
	size_t count;
};
struct base_memory {
	struct base_mirrors *items;
	size_t count;
};

/* Looks for the tree of a base whose source is BASE_MMDEBSTRAP, made of the packages that `lock` has for it. In `a`, which `memory` must not outlive. */
int base_tree_find(struct arena *a, const struct base *base, const struct lock *lock, struct base_memory *memory, struct base_tree *ret, struct error *err);
/* The command that makes it, for a process_pool; then base_tree_finish(), and always base_tree_drop(). ERR_NOT_FOUND, saying what to install, when there is no
   mmdebstrap. Nothing of `access` stays in the tree; its files must be there until the command ended. */
int base_tree_command(struct arena *a, struct base_tree *tree, const struct access *access, struct process_spec *ret, struct error *err);
/* After the command ended well: hashes the tar, moves it to its place and sets sha256. */
int base_tree_finish(struct arena *a, struct base_tree *tree, struct error *err);
/* Removes the temporary folders. */
void base_tree_drop(struct base_tree *tree);
