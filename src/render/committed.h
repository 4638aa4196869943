/* Rendered files beside what the project's folder holds: what differs, and writing it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

struct database;

enum committed_state {
	COMMITTED_SAME,
	COMMITTED_DIFFERENT,
	COMMITTED_MISSING, /* the database describes it, it is not there */
	COMMITTED_STALE,   /* lockstep made it for a container that is no longer described */
};

struct committed_file {
	const char *path;      /* relative to the project's root */
	const char *container; /* its name; NULL for docker-bake.json */
	enum committed_state state;
	const char *before, *after; /* what is there, what should be; "" where there is nothing */
	size_t before_length, after_length;
	bool written;
};

/* Renders everything and compares; by path. In `a`. A Dockerfile that lockstep did not make is none of its business. */
int committed_compare(struct arena *a, const struct database *db, struct committed_file **ret, size_t *ret_count, struct error *err);
/* Writes what is missing or different, each file atomically; stale ones stay, since only their owner knows that nothing else needs them. */
int committed_write(const struct database *db, struct committed_file *files, size_t count, struct error *err);
/* Appends the unified difference of one file, "a/" and "b/" before its path, for `patch -p1` and `git apply`; nothing when it is the same. */
void committed_diff(const struct committed_file *file, struct strbuf *out);
