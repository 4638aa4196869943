/* The tables of the store and how they came to be. Only the store's own files use this. */
#pragma once

#include "base/error.h"
#include "io/sql.h"
#include "release/release.h"

/* Brings an open store to the newest form, each step in a transaction. ERR_INPUT with *ret_newer when a newer lockstep made it. */
int release_store_migrate(struct sql *db, const char *path, bool *ret_newer, struct error *err);
/* Stops after a version, for tests of the steps between. */
int release_store_migrate_to(struct sql *db, const char *path, int version, bool *ret_newer, struct error *err);
enum { RELEASE_STORE_VERSION = 7 };

/* All rows of one release; `sums_sha256` is the digest of its SHA256SUMS. Part of the caller's transaction. */
int release_store_insert(struct sql *db, const struct release *r, const char *sums_sha256, struct error *err);
