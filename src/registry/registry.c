#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "io/base64.h"
#include "io/json.h"
#include "registry/challenge.h"
#include "registry/credentials.h"

enum {
	ATTEMPTS_MAX = 6,
	FIRST_WAIT_MS = 500,
	LONGEST_WAIT_MS = 120 * 1000,
	ANSWER_LIMIT_BYTES = 4 << 20,
	TOKEN_LIMIT_BYTES = 1 << 20,
	SERVE_MS = 1000,
};

/* A right at a registry: what a scope is asked with. Calls wait in `waiting` while the token is fetched. */
struct right {
	struct right *next;
	char *registry, *scope;
	char *authorization; /* value of the header; NULL: none is needed, or none is known yet */
	bool is_asked;       /* a token is being fetched */
	struct call *waiting;
	struct strbuf answer;
};

struct call {
	struct call *next; /* in registries->calls */
	struct call *next_waiting;
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
	const char *location, *digest, *range, *link, *subject;
};

struct registries {
	struct http *http;
	char **plain_http;
	struct right *rights;
	struct call *calls;
	size_t pending;
};

static void send(struct call *c);

struct registries *registries_new(const struct registry_settings *s, struct error *err)
{
	struct registries *r = mem_zero(1, sizeof(*r));
	const struct http_settings http = {.ca_file = s->ca_file, .connections = 32, .connections_per_host = s->connections ? s->connections : 8};
	size_t count = 0;

	while (s->plain_http && s->plain_http[count])
		count++;
	r->plain_http = mem_zero(count + 1, sizeof(*r->plain_http));
	for (size_t i = 0; i < count; i++)
		r->plain_http[i] = mem_strdup(s->plain_http[i]);
	r->http = http_new(&http, err);
	if (r->http)
		return r;
	registries_free(r);
	return NULL;
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
	for (struct right *right = r->rights, *next; right; right = next) {
		next = right->next;
		free(right->registry);
		free(right->scope);
		free(right->authorization);
		strbuf_release(&right->answer);
		free(right);
	}
	for (size_t i = 0; r->plain_http && r->plain_http[i]; i++)
		free(r->plain_http[i]);
	free(r->plain_http);
	free(r);
}

/* One right for all calls that ask for the same. */
static struct right *find_right(struct registries *r, const char *registry, const char *scope)
{
	for (struct right *right = r->rights; right; right = right->next) {
		if (!strcmp(right->registry, registry) && !strcmp(right->scope, scope))
			return right;
	}
	struct right *right = mem_zero(1, sizeof(*right));

	*right = (struct right){.next = r->rights, .registry = mem_strdup(registry), .scope = mem_strdup(scope)};
	r->rights = right;
	return right;
}

/* Scopes are parted by a space, as in the token specification. */
static const char *scope_of(struct call *c)
{
	const struct registry_call *w = &c->what;
	const char *own = arena_printf(&c->arena, "repository:%s:pull%s", w->repository, w->writes ? ",push" : "");

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

	error_set(&err, code, "cannot %s %s: %s", c->what.writes ? "write to" : "read from", where(c), why);
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

		if (code || message)
			strbuf_printf(&text, "%s%s%s%.300s", i ? "; " : " (", message ? message : "", message && code ? ", " : "", code ? code : "");
	}
	if (text.length)
		strbuf_add_char(&text, ')');
	return arena_strdup(&c->arena, strbuf_text(&text));
}

static void try_again(struct call *c, int64_t asked_ms)
{
	int64_t wait_ms = FIRST_WAIT_MS << (c->attempts - 1);

	if (asked_ms >= 0)
		wait_ms = asked_ms;
	c->again_ms = clock_monotonic_ms() + (wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS);
}

static void answer(struct call *c, const struct http_answer *a)
{
	const struct registry_answer r = {.status = a->status,
					  .location = c->location,
					  .digest = c->digest,
					  .range = c->range,
					  .link = c->link,
					  .subject = c->subject,
					  .content_type = a->content_type,
					  .body = strbuf_text(&c->body),
					  .length = c->body.length,
					  .content_length = a->content_length};

	c->what.on_answer(c->what.context, &r);
	call_free(c);
}

static bool is_told(long status)
{
	return (status >= 200 && status < 300) || status == 404 || status == 416;
}

static void wake(struct right *right, struct error *err)
{
	struct call *waiting = right->waiting;

	right->waiting = NULL;
	right->is_asked = false;
	for (struct call *c = waiting, *next; c; c = next) {
		next = c->next_waiting;
		c->next_waiting = NULL;
		if (err && error_is_set(err)) {
			autoerror struct error own = {0};

			error_set(&own, err->code, "cannot %s %s: %s", c->what.writes ? "write to" : "read from", where(c), err->text);
			fail(c, &own);
		} else {
			send(c);
		}
	}
}

static bool keep_token(void *context, long status, const char *bytes, size_t length)
{
	struct right *right = context;

	(void)status;
	strbuf_add_bytes(&right->answer, bytes, length);
	return right->answer.length <= TOKEN_LIMIT_BYTES;
}

static void read_token(struct right *right, struct error *err)
{
	autoarena struct arena a = {0};
	struct value *v;

	if (json_parse(&a, "the token server's answer", strbuf_text(&right->answer), right->answer.length, &v, err) < 0)
		return;
	const char *token = value_get_text(v, "token");

	token = token ? token : value_get_text(v, "access_token");
	if (!token || !*token || strpbrk(token, "\r\n")) {
		error_set(err, ERR_HTTP, "its token server gave no token");
		return;
	}
	free(right->authorization);
	right->authorization = mem_printf("Bearer %s", token);
}

static void on_token(void *context, const struct http_answer *a)
{
	autoerror struct error err = {0};
	struct right *right = context;

	if (a->outcome == HTTP_DONE && a->status == 200)
		read_token(right, &err);
	else if (a->outcome == HTTP_DONE)
		error_set(&err, ERR_HTTP, "its token server refused with %ld; log in with the engine's 'login'", a->status);
	else
		error_set(&err, ERR_NETWORK, "its token server: %s", a->err ? a->err->text : "its answer is too long");
	wake(right, &err);
}

static void add_parameter(struct strbuf *url, const char *name, const char *value, size_t length)
{
	autofree char *text = mem_strndup(value, length);

	strbuf_printf(url, "%c%s=", strchr(strbuf_text(url), '?') ? '&' : '?', name);
	text_percent_encode(url, text, "");
}

/* OAuth2 where we have an identity token (docker's "authorization token" specification), else a plain question with our name. */
static void ask_token(struct call *c, const struct credentials *who)
{
	struct right *right = c->right;
	autostrbuf struct strbuf url = {0}, form = {0}, basic = {0};
	struct http_body body = {0};
	struct http_request request = {.on_body = keep_token, .on_done = on_token, .context = right};
	static const char *const form_type[] = {"Content-Type: application/x-www-form-urlencoded", NULL};

	strbuf_clear(&right->answer);
	if (who->identity_token) {
		strbuf_add(&form, "grant_type=refresh_token&client_id=lockstep&service=");
		text_percent_encode(&form, c->challenge.service ? c->challenge.service : "", "");
		strbuf_add(&form, "&scope=");
		text_percent_encode(&form, right->scope, "");
		strbuf_add(&form, "&refresh_token=");
		text_percent_encode(&form, who->identity_token, "");
		body = (struct http_body){.bytes = strbuf_text(&form), .length = (int64_t)form.length};
		request.method = "POST";
		request.body = &body;
		request.headers = form_type;
		strbuf_add(&url, c->challenge.realm);
	} else {
		strbuf_add(&url, c->challenge.realm);
		if (c->challenge.service)
			add_parameter(&url, "service", c->challenge.service, strlen(c->challenge.service));
		for (const char *at = right->scope; *at; at += strcspn(at, " "), at += *at == ' ')
			add_parameter(&url, "scope", at, strcspn(at, " "));
		if (who->user) {
			autofree char *plain = mem_printf("%s:%s", who->user, who->password);

			strbuf_add(&basic, "Basic ");
			base64_add(&basic, plain, strlen(plain));
			request.authorization = strbuf_text(&basic);
		}
	}
	request.url = strbuf_text(&url);
	http_add(c->all->http, &request);
}

static bool is_plain(const struct registries *r, const char *registry)
{
	for (char **host = r->plain_http; *host; host++) {
		if (!strcmp(*host, registry))
			return true;
	}
	return false;
}

/* A token server without TLS may have our password only where the registry is spoken to so as well. */
static bool may_ask(const struct call *c)
{
	return text_starts_with(c->challenge.realm, "https://") || (text_starts_with(c->challenge.realm, "http://") && is_plain(c->all, c->what.registry));
}

static void authorize(struct call *c)
{
	autoerror struct error err = {0};
	struct right *right = c->right;
	struct credentials who;

	/* Another call has been given a token since this one was sent. */
	if (right->authorization && strcmp(c->used, right->authorization) != 0) {
		send(c);
		return;
	}
	c->next_waiting = right->waiting;
	right->waiting = c;
	if (right->is_asked)
		return;
	right->is_asked = true;
	if (credentials_find(&c->arena, c->what.registry, c->what.repository, &who, &err) < 0) {
		wake(right, &err);
	} else if (c->challenge.kind == CHALLENGE_BEARER && may_ask(c)) {
		ask_token(c, &who);
	} else if (c->challenge.kind == CHALLENGE_BEARER) {
		error_set(&err, ERR_HTTP, "its token server '%s' is not spoken to by https", c->challenge.realm);
		wake(right, &err);
	} else if (c->challenge.kind == CHALLENGE_BASIC && who.user) {
		autofree char *plain = mem_printf("%s:%s", who.user, who.password);
		autostrbuf struct strbuf basic = {0};

		strbuf_add(&basic, "Basic ");
		base64_add(&basic, plain, strlen(plain));
		free(right->authorization);
		right->authorization = strbuf_detach(&basic);
		wake(right, NULL);
	} else {
		error_set(&err, ERR_HTTP, "it asks who we are, and no credentials for it are known; log in with the engine's 'login'");
		wake(right, &err);
	}
}

static void on_header(void *context, const char *name, const char *value)
{
	struct call *c = context;
	const struct {
		const char *name, **place;
	} kept[] = {{"location", &c->location}, {"docker-content-digest", &c->digest}, {"range", &c->range}, {"link", &c->link}, {"oci-subject", &c->subject}};

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

static void on_refusal(void *context, const char *bytes, size_t length)
{
	struct call *c = context;

	strbuf_add_bytes(&c->refusal, bytes, length);
}

static void refused(struct call *c, const struct http_answer *a)
{
	const char *words = refusal_text(c);

	if (a->status == 401 && c->refusals++ < 2 && c->challenge.kind != CHALLENGE_NONE)
		authorize(c);
	else if ((a->status == 429 || a->status == 408 || a->status >= 500) && c->attempts < ATTEMPTS_MAX)
		try_again(c, a->retry_after_ms);
	else if (a->status == 401 || a->status == 403)
		fail_with(c, ERR_HTTP,
			  arena_printf(&c->arena, "it refuses with %ld%s; log in with the engine's 'login', or ask for the right", a->status, words));
	else
		fail_with(c, ERR_HTTP, arena_printf(&c->arena, "it answers %ld%s", a->status, words));
}

static void on_done(void *context, const struct http_answer *a)
{
	struct call *c = context;

	if (a->outcome == HTTP_STOPPED)
		fail_with(c, ERR_HTTP, c->is_drowned ? "its answer is longer than any such answer" : "the answer is not what was asked for");
	else if (a->outcome == HTTP_FAILED && a->transient && c->attempts < ATTEMPTS_MAX && !c->what.on_bytes)
		try_again(c, -1);
	else if (a->outcome == HTTP_FAILED)
		fail_with(c, a->err->code, a->err->text);
	else if (is_told(a->status)) {
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
	const char *lines[4] = {NULL};
	size_t count = 0;
	const char *base = arena_printf(&c->arena, "%s://%s/", is_plain(c->all, w->registry) ? "http" : "https", w->registry);
	const char *url = strstr(w->path, "://") ? w->path : arena_printf(&c->arena, "%sv2/%s/%s", base, w->repository, w->path);

	if (w->accept)
		lines[count++] = arena_printf(&c->arena, "Accept: %s", w->accept);
	if (w->content_type)
		lines[count++] = arena_printf(&c->arena, "Content-Type: %s", w->content_type);
	if (w->content_range)
		lines[count++] = arena_printf(&c->arena, "Content-Range: %s", w->content_range);
	c->attempts++;
	c->again_ms = 0;
	c->challenge = (struct challenge){0};
	c->location = c->digest = c->range = c->link = c->subject = NULL;
	strbuf_clear(&c->body);
	strbuf_clear(&c->refusal);
	c->used = c->right->authorization ? arena_strdup(&c->arena, c->right->authorization) : "";
	http_add(c->all->http, &(struct http_request){.method = w->method,
						      .url = url,
						      .headers = lines,
						      .body = w->body,
						      /* An upload may lie elsewhere, and does not learn who we are there. */
						      .authorization = http_url_is_same_origin(url, base) ? c->right->authorization : NULL,
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
	if (call->body) {
		struct http_body *body = arena_new(a, struct http_body);

		*body = *call->body;
		c->what.body = body;
	}
	c->right = find_right(r, call->registry, scope_of(c));
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
	*ret_wait_ms = (int)wait_ms;
}

int registry_serve(struct registries *r, struct error *err)
{
	int wait_ms;

	while (r->pending) {
		send_due(r, &wait_ms);
		if (http_wait(r->http, wait_ms, err) < 0)
			return -1;
	}
	return 0;
}
