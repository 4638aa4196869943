/* uv.lock, read: uv's own format, of which lockstep knows version 1. Only what a lock needs is kept. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "python/marker.h"

/* What a package requires of another, as uv resolved it. */
struct uv_edge {
	const char *name, *version; /* version NULL: the only one there is */
	const char **extras;
	size_t extra_count;
	const char *marker_text;
	const struct marker *marker; /* NULL: always */
	const char *under;           /* the extra, or for the question itself the group, that it belongs to; NULL: always */
};

struct uv_wheel {
	const char *name;    /* file name, decoded */
	const char *url;     /* or the path of a local file */
	const char *sha256;  /* NULL when the index gave none */
	uint64_t size_bytes; /* 0 when it gave none */
	bool is_local;
};

struct uv_package {
	const char *name, *version, *registry; /* registry NULL for the question itself, and for what comes from one place: */
	const char *url, *path;                /* the address, or the path of the file, or both NULL */
	struct uv_edge *edges;
	size_t edge_count;
	struct uv_wheel *wheels;
	size_t wheel_count;
	struct uv_wheel *sdist; /* its archive of sources, or NULL */
};

struct uv_lock {
	struct uv_package *packages; /* by name, as uv writes them */
	size_t package_count;
	const struct uv_package *question; /* the generated project itself */
	int64_t cut_off_unix;              /* 0: none was used */
};

/* ERR_FAILED when the file is not of the form that is known. Everything lives in `a`. */
int uv_lock_read(struct arena *a, const char *path, struct uv_lock *ret, struct error *err);
/* A wheel that is a file of this machine: its size and digest are asked of itself. `path` lives as long as the answer. ERR_FAILED when it is not there. */
int uv_wheel_read_local(struct arena *a, const char *path, struct uv_wheel *ret, struct error *err);
/* The package an edge leads to, or NULL. */
const struct uv_package *uv_lock_target(const struct uv_lock *lock, const struct uv_edge *edge);
