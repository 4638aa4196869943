/* Every file a lock needs on this machine, into the store: found by the address the resolver saw, or on the index's page by name and digest; many at once, gone
   on with where they were cut, tried again where that can help, checked as they come. Knows nothing of what the files are for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "recipe/database.h"

struct fetch_options {
	const struct project *project; /* addresses of indexes that recipes/project.yaml gives; or NULL */
	const struct database *bonds;  /* says which packages may come from one index only: no other is asked for them; or NULL */
	bool sources;                  /* also the archives of what was built from them already */
	bool all_environments;         /* for those too that containers are locked for, but not built */
	bool progress;                 /* show a bar, or plain lines, on stderr */
	size_t parallel;               /* transfers at once; 0: 12 */
	unsigned tries;                /* in a row without getting anywhere, per file and per page; 0: 6 */
	int64_t backoff_ms;            /* before the second try, doubled for each further; 0: 500 */
	int64_t stall_timeout_ms;      /* 0: what the settings say, or 30 s */
	const char *from;              /* folders as mirror_write() makes them, with ':' between, that are looked into first; NULL: LOCKSTEP_MIRROR */
};

struct fetch_result {
	size_t files, from_store, fetched; /* files of the lock; of them there already; of them got now */
	uint64_t bytes;                    /* of all of the lock's files */
	uint64_t fetched_bytes;            /* received, or copied from a folder of find-links, now */
};

/* Where Debian packages lie: the roots of their archives, asked in this order. */
struct fetch_archives {
	const char *const *addresses; /* "http://user:password@host/debian/", or absolute folders; NULL-terminated */
	const char *ca_file;          /* PEM, or NULL: as for indexes */
	const char *proxy;            /* or NULL for what http_proxy and friends say */
};

/* Fetches what the lock's containers and toolchains install in the environments they are built for. -1 lists every file that could not be had; what was fetched stays in the
   store, and what was cut is gone on with by the next run. LOCKSTEP_FETCH_TRIES, _BACKOFF_MS and _STALL_MS in the environment stand for options left at 0. */
int fetch_lock(const struct lock *lock, const struct settings *s, const char *root, const struct fetch_options *options, struct fetch_result *ret,
	       struct error *err);
/* As fetch_lock(), for the Debian packages of the lock; counts are added to *ret. */
int fetch_debs(const struct lock *lock, const struct settings *s, const char *root, const struct fetch_archives *archives, const struct fetch_options *options,
	       struct fetch_result *ret, struct error *err);
