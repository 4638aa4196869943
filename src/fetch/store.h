/* The content-addressed store: <cache>/files/sha256/<2 hex>/<64 hex>, mode 0444. A file in it is trusted by its name: it gets there by rename after its bytes
   were hashed and synced. What is under way lies in <cache>/files/partial/<64 hex>, locked by the process that writes it, and is gone on with by the next. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/digest.h"

/* Where a file lies or would lie. In the arena. */
char *store_path(struct arena *a, const char *sha256);
/* True when it is there with this size; size_bytes -1: any. A file of another size is as good as not there, and will be replaced. */
bool store_has(const char *sha256, int64_t size_bytes);
/* Hashes it again. ERR_DIGEST when its bytes are not what its name says, ERR_NOT_FOUND when it is not there. */
int store_check(const char *sha256, struct error *err);
/* Copies a file of this machine into the store. ERR_DIGEST when it is not the one. */
int store_add_file(const char *path, const char *sha256, struct error *err);
/* Bytes that can still be written where the store is; UINT64_MAX when that cannot be told. */
uint64_t store_free_bytes(void);

/* A file on its way into the store. Zeroed is valid and closed. */
struct store_partial {
	int fd; /* valid while `path` is set */
	char *path;
	char sha256[DIGEST_HEX_LENGTH + 1];
	uint64_t length;       /* bytes there, all hashed */
	uint64_t written_back; /* of them handed to the disk */
	struct digest digest;
};
/* Opens or goes on with the partial file and hashes what is there. ERR_BUSY when another process works on it; ERR_CANCELLED after a signal. */
int store_partial_open(struct store_partial *p, const char *sha256, struct error *err);
int store_partial_write(struct store_partial *p, const char *bytes, size_t length, struct error *err);
/* Throws away what is there. */
int store_partial_restart(struct store_partial *p, struct error *err);
/* Checks the digest. ERR_DIGEST, with both, when it is wrong: then the file is empty again, and still open. */
int store_partial_check(struct store_partial *p, struct error *err);
/* For a file that was made here and not fetched: opened under the key of what it is made from, written to `fd` past this module, and now known by its own
   digest, which the writer has seen. Waits for the disk. */
int store_partial_made(struct store_partial *p, const char *sha256, struct error *err);
/* Makes durable what was written; after it, files that were checked may be committed. One call for many files: each would wait for the disk by itself. */
int store_sync(const struct store_partial *any, struct error *err);
/* Moves a file that was checked and synced into the store; *p is closed. */
int store_partial_commit(struct store_partial *p, struct error *err);
/* Lets go of it; what is there stays for the next time. */
void store_partial_close(struct store_partial *p);
/* As close, and removes it. */
void store_partial_discard(struct store_partial *p);
