#include "registry/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/strbuf.h"
#include "io/digest.h"

enum { ROOM_BYTES = 512 * 1024, CUTS_MAX = 6, FIRST_WAIT_MS = 500, PROGRESS_BYTES = 256 * 1024 };

/* One request to the source. */
struct flow {
	struct stream *stream;
	int64_t position, began; /* of the next byte it brings, and of the first */
};

struct stream {
	struct remote from;
	const char *digest;
	int64_t size_bytes;
	struct arena arena;
	struct flow *flow;  /* the one that counts; others end as soon as they bring something */
	struct strbuf kept; /* came and not given */
	size_t kept_from;   /* how many bytes of `kept` are given */
	int64_t given;      /* bytes of the blob, up to here */
	struct digest running;
	int64_t hashed;
	unsigned cuts;
	struct error err;
};

struct stream *stream_new(const struct remote *from, const char *digest, int64_t size_bytes)
{
	struct stream *s = mem_zero(1, sizeof(*s));

	*s = (struct stream){.from = *from, .digest = digest, .size_bytes = size_bytes, .given = -1};
	digest_begin(&s->running);
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	digest_drop(&s->running);
	strbuf_release(&s->kept);
	error_release(&s->err);
	arena_release(&s->arena);
	free(s);
}

const struct error *stream_error(const struct stream *s)
{
	return &s->err;
}

void stream_abandon(struct stream *s)
{
	s->flow = NULL;
}

static size_t kept_bytes(const struct stream *s)
{
	return s->kept.length - s->kept_from;
}

static void begin(struct stream *s, int64_t position, int64_t delay_ms);

static void fail(struct stream *s, enum error_code code, const char *why)
{
	error_set(&s->err, code, "cannot copy '%s' from '%s/%s': %s", s->digest, s->from.registry, s->from.repository, why);
	s->flow = NULL;
}

static bool has_room(void *context)
{
	const struct flow *f = context;

	return f->stream->flow != f || kept_bytes(f->stream) < ROOM_BYTES;
}

/* Bytes that come a second time, after a cut, are hashed once. */
static bool check(struct stream *s, int64_t position, const char *bytes, size_t length)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	int64_t end = position + (int64_t)length, seen = s->hashed - position;

	if (end > s->hashed && seen >= 0) {
		digest_add(&s->running, bytes + seen, length - (size_t)seen);
		s->hashed = end;
		if (end == s->size_bytes) {
			digest_end(&s->running, hex);
			if (strcmp(hex, s->digest + strlen("sha256:")) != 0) {
				fail(s, ERR_DIGEST, "the registry gives other bytes under this digest");
				return false;
			}
		}
	}
	return true;
}

static bool on_bytes(void *context, const char *bytes, size_t length)
{
	struct flow *f = context;
	struct stream *s = f->stream;

	if (s->flow != f)
		return false;
	if (f->position + (int64_t)length > s->size_bytes) {
		fail(s, ERR_DIGEST, "it has more bytes there than its manifest says");
		return false;
	}
	if (!check(s, f->position, bytes, length))
		return false;
	f->position += (int64_t)length;
	/* What precedes is for sources that cannot begin in the middle. */
	int64_t before = f->position - (int64_t)length, wanted = s->given + (int64_t)kept_bytes(s);

	if (f->position <= wanted)
		return true;
	if (s->kept_from) {
		memmove(s->kept.text, s->kept.text + s->kept_from, kept_bytes(s));
		s->kept.length -= s->kept_from;
		s->kept_from = 0;
	}
	strbuf_add_bytes(&s->kept, bytes + (wanted - before), (size_t)(f->position - wanted));
	return true;
}

static bool on_head(void *context, const struct http_answer *head)
{
	struct flow *f = context;
	struct stream *s = f->stream;

	if (s->flow != f)
		return false;
	if (head->encoding)
		fail(s, ERR_HTTP, "it comes encoded");
	else if (head->status != 206)
		f->position = f->began = 0;
	else if (head->range_from != f->position)
		fail(s, ERR_HTTP, "the registry gives another part than it was asked for");
	return s->flow == f;
}

static void go_on(struct flow *f, enum error_code code, const char *why)
{
	struct stream *s = f->stream;

	if (f->position >= f->began + PROGRESS_BYTES)
		s->cuts = 0;
	if (s->cuts++ >= CUTS_MAX)
		fail(s, code, why);
	else
		begin(s, s->given + (int64_t)kept_bytes(s), (int64_t)FIRST_WAIT_MS << (s->cuts - 1));
}

static void on_failure(void *context, struct error *err)
{
	struct flow *f = context;

	if (f->stream->flow != f)
		return;
	if (err->code == ERR_NETWORK) {
		go_on(f, ERR_NETWORK, err->text);
	} else if (!error_is_set(&f->stream->err)) {
		error_move(&f->stream->err, err);
		f->stream->flow = NULL;
	}
}

static void on_answer(void *context, const struct registry_answer *a)
{
	struct flow *f = context;

	if (f->stream->flow != f)
		return;
	if (a->status >= 300)
		fail(f->stream, a->status == 404 ? ERR_NOT_FOUND : ERR_HTTP, a->status == 404 ? "there is no such blob" : "the registry does not give its end");
	else if (f->position < f->stream->size_bytes)
		go_on(f, ERR_NETWORK, "it ends too early");
}

static void begin(struct stream *s, int64_t position, int64_t delay_ms)
{
	struct flow *f = arena_new(&s->arena, struct flow);

	*f = (struct flow){.stream = s, .position = position, .began = position};
	s->flow = f;
	registry_add(s->from.all, &(struct registry_call){.registry = s->from.registry,
							  .repository = s->from.repository,
							  .path = arena_printf(&s->arena, "blobs/%s", s->digest),
							  .from_byte = position,
							  .delay_ms = delay_ms,
							  .on_head = on_head,
							  .has_room = has_room,
							  .on_bytes = on_bytes,
							  .on_answer = on_answer,
							  .on_failure = on_failure,
							  .context = f});
}

static bool has_some(void *context)
{
	const struct stream *s = context;

	return error_is_set(&s->err) || kept_bytes(s) > 0;
}

static ssize_t give(void *context, char *bytes, size_t room)
{
	struct stream *s = context;
	size_t count = kept_bytes(s) < room ? kept_bytes(s) : room;

	if (error_is_set(&s->err))
		return -1;
	memcpy(bytes, s->kept.text + s->kept_from, count);
	s->kept_from += count;
	s->given += (int64_t)count;
	if (!kept_bytes(s)) {
		strbuf_clear(&s->kept);
		s->kept_from = 0;
	}
	return (ssize_t)count;
}

void stream_body(struct stream *s, int64_t from, int64_t length, struct http_body *ret)
{
	*ret = (struct http_body){.length = length, .give = give, .has_some = has_some, .context = s};
	if (s->given == from && (s->flow || s->given == s->size_bytes))
		return;
	/* The upload is elsewhere: at its beginning, or behind a cut where its registry says. */
	strbuf_clear(&s->kept);
	s->kept_from = 0;
	s->given = from;
	if (length && !error_is_set(&s->err))
		begin(s, from, 0);
}
