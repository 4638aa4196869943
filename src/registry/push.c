#include "registry/push.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/stream.h"

/* Up to here a blob goes in one request; larger ones in pieces of this size, so that a cut costs no more than one. */
enum { PIECE_BYTES = 32 << 20, CUTS_MAX = 5, FIRST_WAIT_MS = 500 };

/* A blob on its way: asked for, mounted or sent. */
struct upload {
	struct upload *next;
	struct push *push;
	const char *repository;
	struct push_blob blob;
	int fd;
	struct stream *stream;
	struct upload *leader; /* the upload of the same blob to another repository that this one mounts from once it is there */
	enum { UPLOAD_ASKED, UPLOAD_MISSING, UPLOAD_THERE } state;
	const char *location; /* of the upload under way */
	int64_t sent;         /* bytes the registry has */
	struct http_body body;
	bool is_begun;
	unsigned cuts;
	const char *before; /* how a piece of it was refused before the registry forgot it; or NULL */
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
	for (struct upload *u = p->uploads; u; u = u->next) {
		file_cleanup_fd(&u->fd);
		stream_free(u->stream);
	}
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

	if (u->stream)
		stream_abandon(u->stream);
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
	if (error_is_set(&u->push->err)) {
		if (u->stream)
			stream_abandon(u->stream);
		return;
	}
	call.registry = u->push->registry;
	call.repository = u->repository;
	call.writes = true;
	call.context = u;
	registry_add(u->push->all, &call);
}

static void begin(struct upload *u, bool mounts);
static void go_on(struct upload *u);

/* It is in its repository: those that waited for it mount it. */
static void arrived(struct upload *u)
{
	u->state = UPLOAD_THERE;
	file_cleanup_fd(&u->fd);
	for (struct upload *other = u->push->uploads; other; other = other->next) {
		if (other->leader != u)
			continue;
		other->leader = NULL;
		other->blob.from = u->repository;
		begin(other, true);
	}
}

/* Registries drop an upload of which a piece was cut, or could not be kept: it begins anew. */
static void is_forgotten(struct upload *u, const struct registry_answer *a)
{
	if (a->before)
		u->before = arena_strdup(&u->push->arena, a->before);
	if (u->cuts++ >= CUTS_MAX) {
		failed_with(u, ERR_HTTP,
			    u->before ? arena_printf(&u->push->arena, "the registry answers %s, and forgets the upload", u->before)
				      : "the registry does not know the upload any more");
		return;
	}
	u->location = NULL;
	u->sent = 0;
	begin(u, false);
}

static void on_ended(void *context, const struct registry_answer *a)
{
	struct upload *u = context;

	if (a->status == 404 || a->status == 416) {
		is_forgotten(u, a);
		return;
	}
	if (a->digest && strcmp(a->digest, u->blob.digest) != 0) {
		failed_with(u, ERR_DIGEST, "the registry says that it got other bytes");
		return;
	}
	u->push->counts->sent++;
	arrived(u);
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
		is_forgotten(u, a);
		return;
	}
	if (a->status != 416) {
		u->cuts = 0;
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

/* A connection that was cut, or a server that failed more often than is tried again as it is: the registry is asked where the upload stands. */
static void on_cut(void *context, struct error *err)
{
	struct upload *u = context;

	if (u->stream && error_is_set(stream_error(u->stream))) {
		autoerror struct error own = {0};

		error_set(&own, stream_error(u->stream)->code, "%s", stream_error(u->stream)->text);
		failed(u, &own);
		return;
	}
	if (err->code != ERR_NETWORK || u->cuts++ >= CUTS_MAX) {
		failed(u, err);
		return;
	}
	ask(u,
	    &(struct registry_call){.path = u->location, .delay_ms = (int64_t)FIRST_WAIT_MS << (u->cuts - 1), .on_answer = on_standing, .on_failure = failed});
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
	struct registry_call call = {.content_type = "application/octet-stream", .body = &u->body, .is_piece = true, .on_failure = on_cut};

	u->body = (struct http_body){
		.bytes = u->blob.bytes ? u->blob.bytes + u->sent : NULL, .fd = u->fd, .from = u->sent, .length = is_last ? left : PIECE_BYTES};
	if (u->stream)
		stream_body(u->stream, u->sent, u->body.length, &u->body);
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
		arrived(u);
		return;
	}
	if (a->status == 404 || !a->location) {
		failed_with(u, ERR_HTTP,
			    a->status == 404 ? "there is no such repository, and it cannot be made" : "the registry does not say where to send it");
		return;
	}
	if (!u->blob.path && !u->blob.bytes && !u->blob.source) {
		failed_with(u, ERR_NOT_FOUND, "it is not there, not to be mounted, and not here");
		return;
	}
	if (!u->blob.bytes && !u->blob.path && !u->stream)
		u->stream = stream_new(u->blob.source, u->blob.digest, u->blob.size_bytes);
	if (u->blob.path && u->fd < 0)
		u->fd = open(u->blob.path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (u->blob.path && u->fd < 0) {
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

	u->state = a->status >= 300 ? UPLOAD_MISSING : UPLOAD_THERE;
	if (u->state == UPLOAD_THERE && a->content_length >= 0 && a->content_length != u->blob.size_bytes)
		failed_with(u, ERR_DIGEST, "the registry has it with another size");
	else if (u->state == UPLOAD_THERE)
		u->push->counts->there++;
}

/* What is nowhere is sent to one repository; what is in another, or will be, is mounted. */
static void begin_missing(struct push *p)
{
	for (struct upload *u = p->uploads; u; u = u->next) {
		if (u->state != UPLOAD_MISSING)
			continue;
		p->counts->wanted_bytes += (uint64_t)u->blob.size_bytes;
		for (struct upload *other = p->uploads; other && !u->leader; other = other->next) {
			if (other == u || strcmp(other->blob.digest, u->blob.digest) != 0)
				continue;
			if (other->state == UPLOAD_THERE)
				u->blob.from = other->repository;
			else if (other->is_begun)
				u->leader = other;
		}
		if (u->leader)
			continue;
		u->is_begun = true;
		begin(u, true);
	}
}

int push_run(struct push *p, struct push_counts *counts, struct error *err)
{
	p->counts = counts;
	for (struct upload *u = p->uploads; u; u = u->next)
		ask(u, &(struct registry_call){
			       .method = "HEAD", .path = arena_printf(&p->arena, "blobs/%s", u->blob.digest), .on_answer = on_asked, .on_failure = failed});
	if (registry_serve(p->all, err) < 0)
		return -1;
	begin_missing(p);
	if (registry_serve(p->all, err) < 0)
		return -1;
	if (!error_is_set(&p->err))
		return 0;
	error_move(err, &p->err);
	return -1;
}
