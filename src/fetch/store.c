#include "fetch/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/signals.h"

enum { CHUNK_BYTES = 128 * 1024, WRITEBACK_BYTES = 4 * 1024 * 1024 };

char *store_path(struct arena *a, const char *sha256)
{
	assert(digest_is_hex(sha256));
	return arena_printf(a, "%s/files/sha256/%.2s/%s", path_cache_dir(a), sha256, sha256);
}

bool store_has(const char *sha256, int64_t size_bytes)
{
	autoarena struct arena a = {0};
	int64_t there = file_size(store_path(&a, sha256));

	return there >= 0 && (size_bytes < 0 || there == size_bytes);
}

int store_check(const char *sha256, struct error *err)
{
	autoarena struct arena a = {0};
	const char *path = store_path(&a, sha256);
	char seen[DIGEST_HEX_LENGTH + 1];

	if (digest_file(path, seen, err) < 0)
		return -1;
	if (strcmp(seen, sha256) != 0)
		return error_set(err, ERR_DIGEST, "'%s' in the store has the digest %s; remove it and run 'lockstep fetch'", path, seen);
	return 0;
}

uint64_t store_free_bytes(void)
{
	autoarena struct arena a = {0};
	struct statvfs v;
	char *path = path_cache_dir(&a);

	/* The cache may not be there yet: then what counts is the nearest folder above that is. */
	while (statvfs(path, &v) < 0) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			return UINT64_MAX;
		*slash = '\0';
	}
	return v.f_frsize ? (uint64_t)v.f_bavail * v.f_frsize : UINT64_MAX;
}

static void forget(struct store_partial *p)
{
	close(p->fd);
	digest_drop(&p->digest);
	free(p->path);
	*p = (struct store_partial){0};
}

/* A lock on a name that another process has moved into the store meanwhile is a lock on nothing. */
static bool is_still_there(const struct store_partial *p)
{
	struct stat open_file, named;

	return fstat(p->fd, &open_file) == 0 && stat(p->path, &named) == 0 && open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

static int hash_what_is_there(struct store_partial *p, struct error *err)
{
	autofree char *chunk = mem_alloc(CHUNK_BYTES);

	for (;;) {
		ssize_t got = read(p->fd, chunk, CHUNK_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "cannot read '%s'", p->path);
		if (!got)
			return 0;
		digest_add(&p->digest, chunk, (size_t)got);
		p->length += (uint64_t)got;
		if (signals_check(err) < 0)
			return -1;
	}
}

int store_partial_open(struct store_partial *p, const char *sha256, struct error *err)
{
	autoarena struct arena a = {0};

	assert(digest_is_hex(sha256) && !p->path);
	*p = (struct store_partial){.path = mem_printf("%s/files/partial/%s", path_cache_dir(&a), sha256), .fd = -1};
	memcpy(p->sha256, sha256, sizeof(p->sha256));
	for (;;) {
		if (file_make_parents(p->path, err) < 0)
			break;
		p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (p->fd < 0) {
			error_errno(err, "cannot write '%s'", p->path);
			break;
		}
		if (flock(p->fd, LOCK_EX | LOCK_NB) < 0) {
			error_set(err, ERR_BUSY, "another process fetches '%s'", p->path);
			break;
		}
		if (!is_still_there(p)) {
			close(p->fd);
			continue;
		}
		digest_begin(&p->digest);
		if (hash_what_is_there(p, err) == 0)
			return 0;
		digest_drop(&p->digest);
		break;
	}
	if (p->fd >= 0)
		close(p->fd);
	free(p->path);
	*p = (struct store_partial){0};
	return -1;
}

int store_partial_write(struct store_partial *p, const char *bytes, size_t length, struct error *err)
{
	while (length) {
		ssize_t done = write(p->fd, bytes, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return error_errno(err, "cannot write '%s'", p->path);
		digest_add(&p->digest, bytes, (size_t)done);
		p->length += (uint64_t)done;
		bytes += done;
		length -= (size_t)done;
	}
	/* The disk begins early, so that the sync at the end has little left to wait for. Only a hint: failure does not matter. */
	if (p->length - p->written_back >= WRITEBACK_BYTES) {
		(void)sync_file_range(p->fd, (off64_t)p->written_back, (off64_t)(p->length - p->written_back), SYNC_FILE_RANGE_WRITE);
		p->written_back = p->length;
	}
	return 0;
}

int store_partial_restart(struct store_partial *p, struct error *err)
{
	if (ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0)
		return error_errno(err, "cannot write '%s'", p->path);
	digest_drop(&p->digest);
	digest_begin(&p->digest);
	p->length = p->written_back = 0;
	return 0;
}

int store_partial_check(struct store_partial *p, struct error *err)
{
	char seen[DIGEST_HEX_LENGTH + 1];

	digest_end(&p->digest, seen);
	if (strcmp(seen, p->sha256) != 0) {
		if (store_partial_restart(p, err) < 0)
			return -1;
		return error_set(err, ERR_DIGEST, "its sha256 is %s, locked is %s", seen, p->sha256);
	}
	(void)sync_file_range(p->fd, (off64_t)p->written_back, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

int store_partial_made(struct store_partial *p, const char *sha256, struct error *err)
{
	assert(digest_is_hex(sha256));
	memcpy(p->sha256, sha256, sizeof(p->sha256));
	return fdatasync(p->fd) < 0 ? error_errno(err, "cannot write '%s'", p->path) : 0;
}

int store_sync(const struct store_partial *any, struct error *err)
{
	return syncfs(any->fd) < 0 ? error_errno(err, "cannot write '%s'", any->path) : 0;
}

int store_partial_commit(struct store_partial *p, struct error *err)
{
	autoarena struct arena a = {0};
	const char *target = store_path(&a, p->sha256);

	if (file_make_parents(target, err) < 0)
		return -1;
	/* The folders need no sync: a name lost with the power is a file to fetch again. */
	if (fchmod(p->fd, 0444) < 0 || rename(p->path, target) < 0)
		return error_errno(err, "cannot move '%s' to '%s'", p->path, target);
	forget(p);
	return 0;
}

void store_partial_close(struct store_partial *p)
{
	if (!p->path)
		return;
	if (!p->length)
		unlink(p->path);
	forget(p);
}

void store_partial_discard(struct store_partial *p)
{
	if (!p->path)
		return;
	unlink(p->path);
	forget(p);
}

static int copy_into(struct store_partial *p, int fd, const char *path, struct error *err)
{
	autofree char *chunk = mem_alloc(CHUNK_BYTES);

	for (;;) {
		ssize_t got = read(fd, chunk, CHUNK_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "cannot read '%s'", path);
		if (!got)
			return 0;
		if (store_partial_write(p, chunk, (size_t)got, err) < 0 || signals_check(err) < 0)
			return -1;
	}
}

int store_add_file(const char *path, const char *sha256, struct error *err)
{
	struct store_partial p = {0};
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return error_errno(err, "cannot read '%s'", path);
	if (store_partial_open(&p, sha256, err) < 0)
		return -1;
	if (store_partial_restart(&p, err) < 0 || copy_into(&p, fd, path, err) < 0 || store_partial_check(&p, err) < 0 || store_sync(&p, err) < 0 ||
	    store_partial_commit(&p, err) < 0) {
		store_partial_discard(&p);
		return -1;
	}
	return 0;
}
