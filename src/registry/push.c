#include "registry/push.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"

/* Up to here a blob goes in one request; larger ones in pieces of this size, so that a cut costs no more than one. */
enum { PIECE_BYTES = 32 << 20, CUTS_MAX = 5 };

/* A blob on its way: asked for, mounted or sent. */
struct upload {
	struct upload *next;
	struct push *push;
	const char *repository;
	struct push_blob blob;
	int fd;
	const char *location; /* of the upload under way */
	int64_t sent;         /* bytes the registry has */
	struct http_body body;
	unsigned cuts;
};

struct push {
	struct registries *all;
	const char *registry;
	struct arena arena;
	struct upload *uploads;
	struct push_counts *counts;
	struct error err; /* the first failure */
};

struct push *push_new(struct registries *all, const char *registry)
{
	struct push *p = mem_zero(1, sizeof(*p));

	p->all = all;
	p->registry = arena_strdup(&p->arena, registry);
	return p;
}

void push_free(struct push *p)
{
	if (!p)
		return;
	for (struct upload *u = p->uploads; u; u = u->next)
		file_cleanup_fd(&u->fd);
	error_release(&p->err);
	arena_release(&p->arena);
	free(p);
}

void push_blob(struct push *p, const char *repository, const struct push_blob *blob)
{
	for (struct upload *u = p->uploads; u; u = u->next) {
		if (!strcmp(u->repository, repository) && !strcmp(u->blob.digest, blob->digest))
			return;
	}
	struct upload *u = arena_new(&p->arena, struct upload);

	*u = (struct upload){.next = p->uploads, .push = p, .repository = arena_strdup(&p->arena, repository), .blob = *blob, .fd = -1};
	p->uploads = u;
}

static void failed(void *context, struct error *err)
{
	struct upload *u = context;

	if (!error_is_set(&u->push->err))
		error_move(&u->push->err, err);
}

static void failed_with(struct upload *u, enum error_code code, const char *why)
{
	autoerror struct error err = {0};

	error_set(&err, code, "cannot push '%s' to '%s/%s': %s", u->blob.digest, u->push->registry, u->repository, why);
	failed(u, &err);
}

static void ask(struct upload *u, const struct registry_call *what)
{
	struct registry_call call = *what;

	/* After a failure nothing new begins. */
	if (error_is_set(&u->push->err))
		return;
	call.registry = u->push->registry;
	call.repository = u->repository;
	call.writes = true;
	call.context = u;
	registry_add(u->push->all, &call);
}

static void begin(struct upload *u, bool mounts);
static void go_on(struct upload *u);

static void on_ended(void *context, const struct registry_answer *a)
{
	struct upload *u = context;

	if (a->status == 404 || a->status == 416) {
		failed_with(u, ERR_HTTP, "the registry does not know the upload any more");
		return;
	}
	if (a->digest && strcmp(a->digest, u->blob.digest) != 0) {
		failed_with(u, ERR_DIGEST, "the registry says that it got other bytes");
		return;
	}
	u->push->counts->sent++;
}

/* "0-1023": the last byte it has. An upload that has none says nothing, or "0-0". */
static bool read_range(const char *range, int64_t *ret_sent)
{
	const char *dash = range ? strchr(range, '-') : NULL;
	uint64_t last;

	if (!dash || !text_to_u64(dash + 1, &last) || last > INT64_MAX - 1)
		return false;
	*ret_sent = last ? (int64_t)last + 1 : 0;
	return true;
}

static void on_standing(void *context, const struct registry_answer *a)
{
	struct upload *u = context;

	if (a->status == 404) {
		u->location = NULL;
		begin(u, false);
		return;
	}
	u->sent = 0;
	if (!read_range(a->range, &u->sent) || u->sent > u->blob.size_bytes)
		u->sent = 0;
	if (a->location)
		u->location = arena_strdup(&u->push->arena, a->location);
	go_on(u);
}

static void on_piece(void *context, const struct registry_answer *a)
{
	struct upload *u = context;

	if (a->status == 404) {
		failed_with(u, ERR_HTTP, "the registry does not know the upload any more");
		return;
	}
	if (a->status != 416) {
		u->push->counts->sent_bytes += (uint64_t)u->body.length;
		u->sent += u->body.length;
	}
	if (!a->location && a->status != 416) {
		failed_with(u, ERR_HTTP, "the registry does not say where the upload goes on");
		return;
	}
	if (a->location)
		u->location = arena_strdup(&u->push->arena, a->location);
	/* What it has is its word: a piece may have come in part. */
	if (a->status == 416 && u->cuts++ >= CUTS_MAX)
		failed_with(u, ERR_HTTP, "the registry does not take the pieces in order");
	else if (a->status == 416)
		ask(u, &(struct registry_call){.path = u->location, .on_answer = on_standing, .on_failure = failed});
	else
		go_on(u);
}

/* A connection that was cut, or a server that failed, more often than is tried again as it is: the registry is asked where the upload stands. */
static void on_cut(void *context, struct error *err)
{
	struct upload *u = context;

	if (err->code != ERR_NETWORK || u->cuts++ >= CUTS_MAX) {
		failed(u, err);
		return;
	}
	ask(u, &(struct registry_call){.path = u->location, .on_answer = on_standing, .on_failure = failed});
}

static const char *with_digest(struct upload *u)
{
	autostrbuf struct strbuf url = {0};

	strbuf_printf(&url, "%s%cdigest=", u->location, strchr(u->location, '?') ? '&' : '?');
	text_percent_encode(&url, u->blob.digest, "");
	return arena_strdup(&u->push->arena, strbuf_text(&url));
}

/* The next piece; the last, or only, one closes the upload. */
static void go_on(struct upload *u)
{
	int64_t left = u->blob.size_bytes - u->sent;
	bool is_last = left <= PIECE_BYTES;
	struct registry_call call = {.content_type = "application/octet-stream", .body = &u->body, .on_failure = on_cut};

	u->body = (struct http_body){
		.bytes = u->blob.bytes ? u->blob.bytes + u->sent : NULL, .fd = u->fd, .from = u->sent, .length = is_last ? left : PIECE_BYTES};
	if (u->sent || !is_last)
		call.content_range = left ? arena_printf(&u->push->arena, "%lld-%lld", (long long)u->sent, (long long)(u->sent + u->body.length - 1)) : NULL;
	if (is_last) {
		call.method = "PUT";
		call.path = with_digest(u);
		call.on_answer = on_ended;
		u->push->counts->sent_bytes += (uint64_t)left;
	} else {
		call.method = "PATCH";
		call.path = u->location;
		call.on_answer = on_piece;
	}
	ask(u, &call);
}

static void on_begun(void *context, const struct registry_answer *a)
{
	autoerror struct error err = {0};
	struct upload *u = context;

	if (a->status == 201) {
		u->push->counts->mounted++;
		return;
	}
	if (a->status == 404 || !a->location) {
		failed_with(u, ERR_HTTP,
			    a->status == 404 ? "there is no such repository, and it cannot be made" : "the registry does not say where to send it");
		return;
	}
	if (!u->blob.path && !u->blob.bytes) {
		failed_with(u, ERR_NOT_FOUND, "it is not there, not to be mounted, and not here");
		return;
	}
	if (!u->blob.bytes && u->fd < 0)
		u->fd = open(u->blob.path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (!u->blob.bytes && u->fd < 0) {
		error_errno(&err, "cannot read '%s'", u->blob.path);
		failed(u, &err);
		return;
	}
	u->location = arena_strdup(&u->push->arena, a->location);
	u->sent = 0;
	go_on(u);
}

static void begin(struct upload *u, bool mounts)
{
	static const struct http_body nothing = {.bytes = ""};
	autostrbuf struct strbuf path = {0};

	strbuf_add(&path, "blobs/uploads/");
	if (mounts && u->blob.from) {
		strbuf_add(&path, "?mount=");
		text_percent_encode(&path, u->blob.digest, "");
		strbuf_add(&path, "&from=");
		text_percent_encode(&path, u->blob.from, "");
	}
	ask(u, &(struct registry_call){.method = "POST",
				       .path = strbuf_text(&path),
				       .from = mounts ? u->blob.from : NULL,
				       .body = &nothing,
				       .on_answer = on_begun,
				       .on_failure = failed});
}

static void on_asked(void *context, const struct registry_answer *a)
{
	struct upload *u = context;

	if (a->status != 404 && (a->content_length < 0 || a->content_length == u->blob.size_bytes))
		u->push->counts->there++;
	else if (a->status != 404)
		failed_with(u, ERR_DIGEST, "the registry has it with another size");
	else
		begin(u, true);
}

int push_run(struct push *p, struct push_counts *counts, struct error *err)
{
	p->counts = counts;
	for (struct upload *u = p->uploads; u; u = u->next)
		ask(u, &(struct registry_call){
			       .method = "HEAD", .path = arena_printf(&p->arena, "blobs/%s", u->blob.digest), .on_answer = on_asked, .on_failure = failed});
	if (registry_serve(p->all, err) < 0)
		return -1;
	if (!error_is_set(&p->err))
		return 0;
	error_move(err, &p->err);
	return -1;
}

/* A manifest under way. */
struct manifest_put {
	const char *digest; /* of what was sent */
	const char *where;
	bool has_subject;
	struct error *err;
};

static void on_put(void *context, const struct registry_answer *a)
{
	struct manifest_put *m = context;

	m->has_subject = a->subject != NULL;
	if (a->status == 404 || a->status == 416)
		error_set(m->err, ERR_HTTP, "cannot push a manifest to %s: there is no such repository", m->where);
	else if (a->digest && strcmp(a->digest, m->digest) != 0)
		error_set(m->err, ERR_DIGEST, "cannot push a manifest to %s: the registry says that it got other bytes", m->where);
}

static void on_put_failed(void *context, struct error *err)
{
	struct manifest_put *m = context;

	error_move(m->err, err);
}

int push_manifest(struct registries *all, const char *registry, const char *repository, const char *name, const char *media_type, const char *bytes,
		  size_t length, bool *ret_subject, struct error *err)
{
	autoarena struct arena a = {0};
	const struct http_body body = {.bytes = bytes, .length = (int64_t)length};
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_bytes(bytes, length, hex);
	struct manifest_put m = {.digest = arena_printf(&a, "sha256:%s", hex), .where = arena_printf(&a, "'%s/%s'", registry, repository), .err = err};

	registry_add(all, &(struct registry_call){.registry = registry,
						  .repository = repository,
						  .writes = true,
						  .method = "PUT",
						  .path = arena_printf(&a, "manifests/%s", name),
						  .content_type = media_type,
						  .body = &body,
						  .on_answer = on_put,
						  .on_failure = on_put_failed,
						  .context = &m});
	if (registry_serve(all, err) < 0)
		return -1;
	if (ret_subject)
		*ret_subject = m.has_subject;
	return error_is_set(err) ? -1 : 0;
}
