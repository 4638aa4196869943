/* A release: a version number with the joint lock and, for every container, the snapshot of its image. Read from and written to lockfiles/<name>/:
   lock.toml, <container>.txt, release.json, SHA256SUMS. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lock/lock.h"
#include "snapshot/snapshot.h"

struct release {
	struct arena arena;
	const char *name;     /* "v0.1" */
	const char *previous; /* the release before it, or NULL */
	int64_t created_unix;
	const char *tool; /* "lockstep 0.1.0" */
	struct lock lock;
	struct snapshot *snapshots; /* one per container of the lock, by container */
	size_t snapshot_count;
};

void release_free(struct release *r); /* frees what it holds, not the struct */
#define autorelease __attribute__((cleanup(release_free)))
const struct snapshot *release_snapshot(const struct release *r, const char *container);

/* "v1", "v0.12": the names releases have. */
bool release_name_is_valid(const char *name);
/* By their numbers: v0.9 before v0.10, v1 before v1.0. */
int release_name_compare(const char *a, const char *b);
/* The names of all releases in lockfiles/, oldest first (by version number). A project without any gives none. */
int release_list(struct arena *a, const char *root, char ***ret_names, size_t *ret_count, struct error *err);
/* The newest, or NULL in *ret_name when there is none. */
int release_newest(struct arena *a, const char *root, const char **ret_name, struct error *err);
/* Reads one; every file is checked against its SHA256SUMS first, and a file changed by hand is named (ERR_INPUT). ERR_NOT_FOUND, with the nearest name, when
   there is none of that name; "latest" is the newest. */
int release_read(struct release *r, const char *root, const char *name, struct error *err);
/* The name that follows: v0.9 -> v0.10; `first` when there is none yet. In `a`. */
const char *release_next_name(struct arena *a, const char *newest, const char *first);
/* ERR_INPUT when lockfiles/latest/ was changed by hand or is not the newest release. */
int release_check_latest(const char *root, struct error *err);
