#include "registry/registry.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "io/json.h"
#include "registry/challenge.h"
#include "registry/token.h"

enum {
	ATTEMPTS_MAX = 6,
	FIRST_WAIT_MS = 500,
	LONGEST_WAIT_MS = 120 * 1000,
	ANSWER_LIMIT_BYTES = 4 << 20,
	SERVE_MS = 1000,
	HEADERS_MAX = 6,
	WORDS_MAX = 300,
};

struct call {
	struct call *next; /* in registries->calls */
	struct right_waiter waiter;
	struct registries *all;
	struct registry_call what; /* texts in `arena` */
	struct arena arena;
	struct right *right;
	const char *used; /* the authorization it was sent with; "" for none */
	unsigned attempts, refusals;
	int64_t again_ms; /* when it is to be sent again; 0: it is under way, or waits for a token */
	struct challenge challenge;
	struct strbuf body, refusal;
	bool is_drowned;
	const char *base; /* "https://host/" */
	const char *location, *digest, *range, *link, *subject, *etag;
	const char *before; /* as in registry_answer */
};

struct registries {
	struct http *http;
	char **plain_http;
	struct rights rights;
	struct call *calls;
	size_t pending;
	void (*on_tick)(void *context);
	void *context;
};

struct registries *registries_new(const struct registry_settings *s, struct error *err)
{
	struct registries *r = mem_zero(1, sizeof(*r));
	struct http_settings http = {.ca_file = s->ca_file, .connections = 32, .connections_per_host = s->connections ? s->connections : 8};
	size_t count = 0;

	while (s->plain_http && s->plain_http[count])
		count++;
	r->plain_http = mem_zero(count + 1, sizeof(*r->plain_http));
	for (size_t i = 0; i < count; i++)
		r->plain_http[i] = mem_strdup(s->plain_http[i]);
	http.plain_hosts = (const char *const *)r->plain_http;
	r->http = http_new(&http, err);
	r->rights.http = r->http;
	if (r->http)
		return r;
	registries_free(r);
	return NULL;
}

void registries_watch(struct registries *r, void (*on_tick)(void *context), void *context)
{
	r->on_tick = on_tick;
	r->context = context;
}

static void call_free(struct call *c)
{
	struct call **at = &c->all->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->all->pending--;
	strbuf_release(&c->body);
	strbuf_release(&c->refusal);
	arena_release(&c->arena);
	free(c);
}

void registries_free(struct registries *r)
{
	if (!r)
		return;
	http_free(r->http);
	while (r->calls)
		call_free(r->calls);
	rights_release(&r->rights);
	for (size_t i = 0; r->plain_http && r->plain_http[i]; i++)
		free(r->plain_http[i]);
	free(r->plain_http);
	free(r);
}

/* Scopes are parted by a space, as in the token specification. */
static const char *scope_of(struct call *c)
{
	const struct registry_call *w = &c->what;
	const char *own = arena_printf(&c->arena, "repository:%s:pull%s%s", w->repository, w->writes ? ",push" : "", w->deletes ? ",delete" : "");

	return w->from && strcmp(w->from, w->repository) != 0 ? arena_printf(&c->arena, "%s repository:%s:pull", own, w->from) : own;
}

static const char *where(struct call *c)
{
	return arena_printf(&c->arena, "'%s/%s'", c->what.registry, c->what.repository);
}

static void fail(struct call *c, struct error *err)
{
	c->what.on_failure(c->what.context, err);
	call_free(c);
}

static void fail_with(struct call *c, enum error_code code, const char *why)
{
	autoerror struct error err = {0};

	error_set(&err, code, "cannot %s %s: %s", c->what.deletes ? "delete from" : c->what.writes ? "write to" : "read from", where(c), why);
	fail(c, &err);
}

/* The registry's own words: {"errors": [{"code": ..., "message": ...}]}, as far as they are text for people. */
static const char *refusal_text(struct call *c)
{
	autoerror struct error ignored = {0};
	autostrbuf struct strbuf text = {0};
	struct value *v = NULL;

	if (!c->refusal.length || json_parse(&c->arena, "answer", c->refusal.text, c->refusal.length, &v, &ignored) < 0)
		return "";
	const struct value *errors = value_get(v, "errors");

	for (size_t i = 0; errors && errors->kind == VALUE_ARRAY && i < errors->item_count && i < 3; i++) {
		const char *code = value_get_text(errors->items[i], "code"), *message = value_get_text(errors->items[i], "message");

		if (!code && !message)
			continue;
		strbuf_add(&text, text.length ? "; " : " (");
		if (message)
			text_escape(&text, message, strnlen(message, WORDS_MAX), 0);
		strbuf_add(&text, message && code ? ", " : "");
		if (code)
			text_escape(&text, code, strnlen(code, WORDS_MAX), 0);
	}
	if (text.length)
		strbuf_add_char(&text, ')');
	return arena_strdup(&c->arena, strbuf_text(&text));
}

static void try_again(struct call *c, int64_t asked_ms)
{
	c->again_ms = clock_monotonic_ms() + (asked_ms >= 0 ? asked_ms : FIRST_WAIT_MS << (c->attempts - 1));
}

static void answer(struct call *c, const struct http_answer *a)
{
	const struct registry_answer r = {.status = a->status,
					  .location = c->location,
					  .digest = c->digest,
					  .range = c->range,
					  .link = c->link,
					  .subject = c->subject,
					  .etag = c->etag,
					  .before = c->before,
					  .content_type = a->content_type,
					  .body = strbuf_text(&c->body),
					  .length = c->body.length,
					  .content_length = a->content_length};

	c->what.on_answer(c->what.context, &r);
	call_free(c);
}

static bool is_told(long status)
{
	return (status >= 200 && status < 300) || status == 404 || status == 412 || status == 416;
}

static void send(struct call *c);

static void on_right(struct right_waiter *w, const struct error *err)
{
	struct call *c = (struct call *)((char *)w - offsetof(struct call, waiter));

	if (error_is_set(err))
		fail_with(c, err->code, err->text);
	else
		send(c);
}

/* Whoever asks who we are must be the registry: not a host that it sent us to. */
static bool may_ask(const struct call *c, const struct http_answer *a)
{
	return c->challenge.kind != CHALLENGE_NONE && a->effective_url && http_url_is_same_origin(a->effective_url, c->base);
}

static void authorize(struct call *c)
{
	const char *known = right_authorization(c->right);

	/* Another call has been given a token since this one was sent. */
	if (known && strcmp(c->used, known) != 0)
		send(c);
	else
		right_ask(c->right, c->what.repository, &c->challenge, &c->waiter);
}

static void on_header(void *context, const char *name, const char *value)
{
	struct call *c = context;
	const struct {
		const char *name, **place;
	} kept[] = {{"location", &c->location}, {"docker-content-digest", &c->digest}, {"range", &c->range},
		    {"link", &c->link},         {"oci-subject", &c->subject},          {"etag", &c->etag}};

	if (!strcasecmp(name, "www-authenticate"))
		challenge_read(&c->arena, value, &c->challenge);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (!strcasecmp(name, kept[i].name))
			*kept[i].place = arena_strdup(&c->arena, value);
	}
}

static bool on_body(void *context, long status, const char *bytes, size_t length)
{
	struct call *c = context;
	size_t limit = c->what.limit_bytes ? c->what.limit_bytes : ANSWER_LIMIT_BYTES;

	(void)status;
	if (c->what.on_bytes)
		return c->what.on_bytes(c->what.context, bytes, length);
	c->is_drowned = c->body.length + length > limit;
	if (!c->is_drowned)
		strbuf_add_bytes(&c->body, bytes, length);
	return !c->is_drowned;
}

static bool on_head(void *context, const struct http_answer *head)
{
	struct call *c = context;

	return c->what.on_head(c->what.context, head);
}

static bool has_room(void *context)
{
	struct call *c = context;

	return c->what.has_room(c->what.context);
}

static void on_refusal(void *context, const char *bytes, size_t length)
{
	struct call *c = context;

	strbuf_add_bytes(&c->refusal, bytes, length);
}

static bool may_pass(long status)
{
	return status == 429 || status == 408 || status == 425 || status == 500 || (status >= 502 && status <= 504);
}

/* What was given as it came cannot be given again: whoever gives it begins anew. */
static bool is_once(const struct call *c)
{
	return c->what.body && c->what.body->give;
}

static void refused(struct call *c, const struct http_answer *a)
{
	const char *words = refusal_text(c);
	bool is_new = a->status == 401 && c->refusals++ < 2 && may_ask(c, a);

	if (is_once(c) && (is_new || may_pass(a->status)))
		fail_with(c, ERR_NETWORK, arena_printf(&c->arena, "it answers %ld%s", a->status, words));
	else if (is_new)
		authorize(c);
	else if (may_pass(a->status) && a->retry_after_ms > LONGEST_WAIT_MS)
		fail_with(c, ERR_HTTP,
			  arena_printf(&c->arena, "it answers %ld and wants nothing more of us for %lld s%s", a->status, (long long)a->retry_after_ms / 1000,
				       words));
	else if (may_pass(a->status) && c->attempts < ATTEMPTS_MAX)
		c->before = arena_printf(&c->arena, "%ld%s", a->status, words), try_again(c, a->retry_after_ms);
	else if (a->status == 401 || a->status == 403)
		fail_with(c, ERR_HTTP,
			  arena_printf(&c->arena, "it refuses with %ld%s; log in with the engine's 'login', or ask for the right", a->status, words));
	else
		fail_with(c, ERR_HTTP, arena_printf(&c->arena, "it answers %ld%s%s", a->status, a->status == 507 ? ", it has no space left" : "", words));
}

static void on_done(void *context, const struct http_answer *a)
{
	struct call *c = context;

	if (a->outcome == HTTP_STOPPED)
		fail_with(c, ERR_HTTP, c->is_drowned ? "its answer is longer than any such answer" : "the answer is not what was asked for");
	else if (a->outcome == HTTP_FAILED && a->transient && c->attempts < ATTEMPTS_MAX && !c->what.on_bytes && !is_once(c) && !c->what.is_piece)
		try_again(c, -1);
	else if (a->outcome == HTTP_FAILED)
		fail_with(c, a->transient ? ERR_NETWORK : ERR_HTTP, a->err->text);
	else if (is_told(a->status) || (c->what.is_optional && a->status >= 400 && a->status < 500 && a->status != 401 && !may_pass(a->status))) {
		autofree char *location = c->location ? http_url_join(a->effective_url, c->location) : NULL;

		c->location = arena_strdup_null(&c->arena, location);
		answer(c, a);
	} else {
		refused(c, a);
	}
}

static void send(struct call *c)
{
	const struct registry_call *w = &c->what;
	const char *lines[HEADERS_MAX] = {NULL}, *authorization = right_authorization(c->right);
	size_t count = 0;
	const char *url = strstr(w->path, "://") ? w->path : arena_printf(&c->arena, "%sv2/%s/%s", c->base, w->repository, w->path);

	if (w->accept)
		lines[count++] = arena_printf(&c->arena, "Accept: %s", w->accept);
	if (w->content_type)
		lines[count++] = arena_printf(&c->arena, "Content-Type: %s", w->content_type);
	if (w->content_range)
		lines[count++] = arena_printf(&c->arena, "Content-Range: %s", w->content_range);
	if (w->condition)
		lines[count++] = w->condition;
	c->attempts++;
	c->again_ms = 0;
	c->challenge = (struct challenge){0};
	c->location = c->digest = c->range = c->link = c->subject = c->etag = NULL;
	strbuf_clear(&c->body);
	strbuf_clear(&c->refusal);
	c->used = authorization ? arena_strdup(&c->arena, authorization) : "";
	http_add(c->all->http, &(struct http_request){.method = w->method,
						      .url = url,
						      .headers = lines,
						      .body = w->body,
						      /* An upload may lie elsewhere, and does not learn who we are there. */
						      .authorization = http_url_is_same_origin(url, c->base) ? authorization : NULL,
						      .resume_from = w->from_byte,
						      .on_head = w->on_head ? on_head : NULL,
						      .has_room = w->has_room ? has_room : NULL,
						      .on_header = on_header,
						      .on_body = on_body,
						      .on_refusal = on_refusal,
						      .on_done = on_done,
						      .context = c});
}

void registry_add(struct registries *r, const struct registry_call *call)
{
	struct call *c = mem_zero(1, sizeof(*c));
	struct arena *a = &c->arena;

	*c = (struct call){.all = r, .next = r->calls, .what = *call, .used = ""};
	r->calls = c;
	r->pending++;
	c->what.registry = arena_strdup(a, call->registry);
	c->what.repository = arena_strdup(a, call->repository);
	c->what.from = arena_strdup_null(a, call->from);
	c->what.method = arena_strdup_null(a, call->method);
	c->what.path = arena_strdup(a, call->path);
	c->what.accept = arena_strdup_null(a, call->accept);
	c->what.content_type = arena_strdup_null(a, call->content_type);
	c->what.content_range = arena_strdup_null(a, call->content_range);
	c->what.condition = arena_strdup_null(a, call->condition);
	if (call->body) {
		struct http_body *body = arena_new(a, struct http_body);

		*body = *call->body;
		c->what.body = body;
	}
	c->waiter.on_known = on_right;
	c->base = arena_printf(a, "http://%s/", call->registry);
	if (!http_url_is_at(c->base, (const char *const *)r->plain_http))
		c->base = arena_printf(a, "https://%s/", call->registry);
	c->right = right_find(&r->rights, call->registry, scope_of(c));
	if (call->delay_ms)
		c->again_ms = clock_monotonic_ms() + call->delay_ms;
	else
		send(c);
}

size_t registry_pending(const struct registries *r)
{
	return r->pending;
}

/* Sends what has waited long enough; how long the next has to wait, in *ret_wait_ms. */
static void send_due(struct registries *r, int *ret_wait_ms)
{
	int64_t now_ms = clock_monotonic_ms(), wait_ms = SERVE_MS;

	for (struct call *c = r->calls, *next; c; c = next) {
		next = c->next;
		if (!c->again_ms)
			continue;
		if (c->again_ms <= now_ms)
			send(c);
		else if (c->again_ms - now_ms < wait_ms)
			wait_ms = c->again_ms - now_ms;
	}
	wait_ms = rights_due(&r->rights, wait_ms);
	*ret_wait_ms = (int)wait_ms;
}

int registry_serve(struct registries *r, struct error *err)
{
	int wait_ms;

	while (r->pending) {
		send_due(r, &wait_ms);
		if (http_wait(r->http, wait_ms, err) < 0)
			return -1;
		if (r->on_tick)
			r->on_tick(r->context);
	}
	return 0;
}

struct asked {
	struct arena *arena;
	struct registry_answer *ret;
	struct error *err;
};

static void on_asked(void *context, const struct registry_answer *answer)
{
	const struct asked *asked = context;
	struct arena *a = asked->arena;

	*asked->ret = *answer;
	asked->ret->location = arena_strdup_null(a, answer->location);
	asked->ret->digest = arena_strdup_null(a, answer->digest);
	asked->ret->range = arena_strdup_null(a, answer->range);
	asked->ret->link = arena_strdup_null(a, answer->link);
	asked->ret->subject = arena_strdup_null(a, answer->subject);
	asked->ret->etag = arena_strdup_null(a, answer->etag);
	asked->ret->before = arena_strdup_null(a, answer->before);
	asked->ret->content_type = arena_strdup_null(a, answer->content_type);
	asked->ret->body = arena_strndup(a, answer->body, answer->length);
}

static void on_ask_failed(void *context, struct error *err)
{
	const struct asked *asked = context;

	error_move(asked->err, err);
}

int registry_ask(struct registries *r, const struct registry_call *call, struct arena *a, struct registry_answer *ret, struct error *err)
{
	autoerror struct error failure = {0};
	struct asked asked = {.arena = a, .ret = ret, .err = &failure};
	struct registry_call own = *call;

	own.on_answer = on_asked;
	own.on_failure = on_ask_failed;
	own.context = &asked;
	registry_add(r, &own);
	if (registry_serve(r, err) < 0)
		return -1;
	if (!error_is_set(&failure))
		return 0;
	error_move(err, &failure);
	return -1;
}
