#include "assemble/pack.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "fetch/store.h"
#include "io/gzip_file.h"

/* As it is: an engine that keeps layers packed checked them when they came. */
static int take_packed(const char *path, struct packed *ret, struct error *err)
{
	struct packed p = {.size_bytes = (uint64_t)file_size(path)};

	if (digest_file(path, p.sha256, err) < 0 || (!store_has(p.sha256, (int64_t)p.size_bytes) && store_add_file(path, p.sha256, err) < 0))
		return -1;
	*ret = p;
	return 0;
}

static int pack_into(struct store_partial *partial, const char *path, const char *diff_id, struct packed *ret, struct error *err)
{
	struct gzip_file made;
	struct packed p;

	if (store_partial_restart(partial, err) < 0 || gzip_file(path, partial->fd, partial->path, &made, err) < 0)
		return -1;
	if (strcmp(made.plain, diff_id + strlen("sha256:")) != 0)
		return error_set(err, ERR_DIGEST, "layer '%s' is another one, its sha256 is %s", diff_id, made.plain);
	memcpy(p.sha256, made.packed, sizeof(p.sha256));
	p.size_bytes = made.packed_bytes;
	if (store_partial_made(partial, p.sha256, err) < 0 || store_partial_commit(partial, err) < 0)
		return -1;
	*ret = p;
	return 0;
}

int pack_layer(const char *path, const char *diff_id, struct packed *ret, struct error *err)
{
	struct store_partial partial = {0};

	if (gzip_file_is(path))
		return take_packed(path, ret, err);
	if (store_partial_open(&partial, diff_id + strlen("sha256:"), err) < 0)
		return -1;
	if (pack_into(&partial, path, diff_id, ret, err) < 0) {
		store_partial_discard(&partial);
		return -1;
	}
	return 0;
}
