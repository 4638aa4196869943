#include "registry/pull.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "fetch/store.h"
#include "image/reference.h"

enum { AT_ONCE = 8, CUTS_MAX = 6, FIRST_WAIT_MS = 500, BUSY_WAIT_MS = 1000, PROGRESS_BYTES = 256 * 1024, COMMIT_MANY = 32 };

/* A blob on its way into the store. */
struct download {
	struct download *next;
	struct pull *pull;
	const char *repository, *digest;
	int64_t size_bytes;
	struct store_partial partial;
	uint64_t length_before; /* of the partial file, when this try began */
	unsigned cuts, lies;
	struct error err; /* why it stopped itself */
	bool begins_anew;
	bool is_begun, is_checked;
};

struct pull {
	struct registries *all;
	const char *registry;
	struct arena arena;
	struct download *downloads, *waiting; /* the second: the first that is not begun */
	size_t checked_count;
	struct pull_counts *counts;
	struct error err; /* the first failure */
};

struct pull *pull_new(struct registries *all, const char *registry)
{
	struct pull *p = mem_zero(1, sizeof(*p));

	p->all = all;
	p->registry = arena_strdup(&p->arena, registry);
	return p;
}

void pull_free(struct pull *p)
{
	if (!p)
		return;
	for (struct download *d = p->downloads; d; d = d->next) {
		store_partial_close(&d->partial);
		error_release(&d->err);
	}
	error_release(&p->err);
	arena_release(&p->arena);
	free(p);
}

void pull_blob(struct pull *p, const char *repository, const char *digest, int64_t size_bytes)
{
	for (struct download *d = p->downloads; d; d = d->next) {
		if (!strcmp(d->digest, digest))
			return;
	}
	struct download *d = arena_new(&p->arena, struct download);

	*d = (struct download){.next = p->downloads,
			       .pull = p,
			       .repository = arena_strdup(&p->arena, repository),
			       .digest = arena_strdup(&p->arena, digest),
			       .size_bytes = size_bytes};
	p->downloads = d;
}

static void begin(struct download *d, int64_t delay_ms);

static void begin_next(struct pull *p)
{
	while (p->waiting && !error_is_set(&p->err)) {
		struct download *d = p->waiting;

		p->waiting = d->next;
		d->is_begun = true;
		if (store_has(d->digest + strlen("sha256:"), d->size_bytes)) {
			p->counts->there++;
			continue;
		}
		begin(d, 0);
		return;
	}
}

/* Those that were checked move into the store; one wait for the disk serves many. */
static int commit(struct pull *p, struct error *err)
{
	bool is_synced = false;

	for (struct download *d = p->downloads; d; d = d->next) {
		if (!d->is_checked)
			continue;
		if ((!is_synced && store_sync(&d->partial, err) < 0) || store_partial_commit(&d->partial, err) < 0)
			return -1;
		is_synced = true;
		d->is_checked = false;
	}
	p->checked_count = 0;
	return 0;
}

static void give_up(struct download *d, struct error *err)
{
	struct pull *p = d->pull;

	/* A full disk keeps no piece of ours. */
	if (err->code == ERR_IO)
		store_partial_discard(&d->partial);
	else
		store_partial_close(&d->partial);
	if (!error_is_set(&p->err))
		error_move(&p->err, err);
}

static void give_up_with(struct download *d, enum error_code code, const char *why)
{
	autoerror struct error err = {0};

	error_set(&err, code, "cannot pull '%s' from '%s/%s': %s", d->digest, d->pull->registry, d->repository, why);
	give_up(d, &err);
}

static void try_again(struct download *d, struct error *err)
{
	/* A line that is cut again and again still brings a large blob in, piece by piece. */
	if (d->partial.length >= d->length_before + PROGRESS_BYTES)
		d->cuts = 0;
	if (d->cuts++ >= CUTS_MAX)
		give_up(d, err);
	else
		begin(d, (int64_t)FIRST_WAIT_MS << (d->cuts - 1));
}

static void on_failure(void *context, struct error *err)
{
	struct download *d = context;

	d->pull->counts->received_bytes += d->partial.length - d->length_before;
	if (error_is_set(&d->err))
		give_up(d, &d->err);
	else if (d->begins_anew || err->code == ERR_NETWORK)
		try_again(d, err);
	else
		give_up(d, err);
}

static void on_whole(struct download *d)
{
	struct pull *p = d->pull;
	autoerror struct error err = {0};

	d->pull->counts->received_bytes += d->partial.length - d->length_before;
	if (d->partial.length < (uint64_t)d->size_bytes) {
		error_set(&err, ERR_NETWORK, "cannot pull '%s' from '%s/%s': it ends after %llu of %lld bytes", d->digest, p->registry, d->repository,
			  (unsigned long long)d->partial.length, (long long)d->size_bytes);
		try_again(d, &err);
		return;
	}
	if (store_partial_check(&d->partial, &err) < 0) {
		/* An earlier run may have been told the lie: the file is empty again. */
		if (err.code == ERR_DIGEST && d->lies++ == 0)
			begin(d, 0);
		else if (err.code == ERR_DIGEST)
			give_up_with(d, ERR_DIGEST, "the registry gives other bytes under this digest");
		else
			give_up(d, &err);
		return;
	}
	d->is_checked = true;
	p->counts->received++;
	if (++p->checked_count >= COMMIT_MANY && commit(p, &err) < 0) {
		give_up(d, &err);
		return;
	}
	begin_next(p);
}

static void on_answer(void *context, const struct registry_answer *a)
{
	struct download *d = context;

	if (a->status == 404) {
		give_up_with(d, ERR_NOT_FOUND, "there is no such blob");
	} else if (a->status >= 300) {
		autoerror struct error err = {0};

		/* It has less than an earlier run was given. */
		d->begins_anew = true;
		error_set(&err, ERR_HTTP, "cannot pull '%s' from '%s/%s': the registry answers %ld", d->digest, d->pull->registry, d->repository, a->status);
		try_again(d, &err);
	} else {
		on_whole(d);
	}
}

static bool on_head(void *context, const struct http_answer *head)
{
	struct download *d = context;
	int64_t whole = head->status == 206 ? head->range_total : head->content_length;

	if (head->encoding)
		error_set(&d->err, ERR_HTTP, "cannot pull '%s' from '%s/%s': it comes encoded as '%s'", d->digest, d->pull->registry, d->repository,
			  head->encoding);
	else if (whole >= 0 && whole != d->size_bytes)
		error_set(&d->err, ERR_DIGEST, "cannot pull '%s' from '%s/%s': it has %lld bytes there, not %lld", d->digest, d->pull->registry, d->repository,
			  (long long)whole, (long long)d->size_bytes);
	else if (head->status != 206 && d->partial.length)
		store_partial_restart(&d->partial, &d->err), d->length_before = 0;
	else if (head->status == 206 && head->range_from != (int64_t)d->partial.length)
		d->begins_anew = true;
	return !error_is_set(&d->err) && !d->begins_anew;
}

static bool on_bytes(void *context, const char *bytes, size_t length)
{
	struct download *d = context;

	if (d->partial.length + length > (uint64_t)d->size_bytes) {
		error_set(&d->err, ERR_DIGEST, "cannot pull '%s' from '%s/%s': it has more than its %lld bytes there", d->digest, d->pull->registry,
			  d->repository, (long long)d->size_bytes);
		return false;
	}
	return store_partial_write(&d->partial, bytes, length, &d->err) == 0;
}

static void on_other_run(void *context, const struct registry_answer *a)
{
	struct download *d = context;

	(void)a;
	if (!store_has(d->digest + strlen("sha256:"), d->size_bytes)) {
		begin(d, 0);
		return;
	}
	d->pull->counts->there++;
	begin_next(d->pull);
}

static void begin(struct download *d, int64_t delay_ms)
{
	autoerror struct error err = {0};
	struct registry_call call = {.registry = d->pull->registry,
				     .repository = d->repository,
				     .path = arena_printf(&d->pull->arena, "blobs/%s", d->digest),
				     .delay_ms = delay_ms,
				     .on_head = on_head,
				     .on_bytes = on_bytes,
				     .on_answer = on_answer,
				     .on_failure = on_failure,
				     .context = d};

	if (error_is_set(&d->pull->err))
		return;
	if (!d->partial.path && store_partial_open(&d->partial, d->digest + strlen("sha256:"), &err) < 0) {
		if (err.code != ERR_BUSY) {
			give_up(d, &err);
			return;
		}
		/* Another run pulls it: it is waited for. */
		call.method = "HEAD";
		call.delay_ms = BUSY_WAIT_MS;
		call.on_head = NULL;
		call.on_bytes = NULL;
		call.on_answer = on_other_run;
	} else if ((d->begins_anew || d->partial.length > (uint64_t)d->size_bytes) && d->partial.length && store_partial_restart(&d->partial, &err) < 0) {
		give_up(d, &err);
		return;
	} else if (d->partial.length && d->partial.length == (uint64_t)d->size_bytes) {
		d->length_before = d->partial.length;
		on_whole(d);
		return;
	}
	d->begins_anew = false;
	d->length_before = d->partial.length;
	call.from_byte = (int64_t)d->partial.length;
	registry_add(d->pull->all, &call);
}

static int check_digests(struct pull *p, struct error *err)
{
	for (const struct download *d = p->downloads; d; d = d->next) {
		if (!image_digest_is_valid(d->digest) || d->size_bytes < 0)
			return error_set(err, ERR_INPUT, "cannot pull '%s' from '%s/%s': it is no digest ('sha256:' and 64 hexadecimal digits) of a size",
					 d->digest, p->registry, d->repository);
	}
	return 0;
}

int pull_run(struct pull *p, struct pull_counts *counts, struct error *err)
{
	if (check_digests(p, err) < 0)
		return -1;
	p->counts = counts;
	p->waiting = p->downloads;
	for (int i = 0; i < AT_ONCE; i++)
		begin_next(p);
	int served = registry_serve(p->all, err);
	autoerror struct error late = {0};

	/* What came whole is kept, whatever became of the others. */
	if (commit(p, served < 0 || error_is_set(&p->err) ? &late : err) < 0 || served < 0)
		return -1;
	if (!error_is_set(&p->err))
		return 0;
	error_move(err, &p->err);
	return -1;
}
