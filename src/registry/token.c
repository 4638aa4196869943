#include "registry/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/base64.h"
#include "io/json.h"
#include "registry/credentials.h"

enum { TOKEN_LIMIT_BYTES = 1 << 20, ATTEMPTS_MAX = 5, FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 120 * 1000 };

struct right {
	struct right *next;
	struct arena arena;
	struct rights *all;
	const char *registry, *scope;
	char *authorization;
	const char *realm, *service; /* of the token server, as asked last */
	unsigned attempts;           /* to get the token */
	int64_t again_ms;            /* when its server is asked again; 0: it is being asked, or needs not be */
	bool is_asked;               /* a token is being fetched */
	bool is_known;               /* `who` was looked for */
	struct credentials who;
	struct right_waiter *waiting;
	struct strbuf answer;
};

void rights_release(struct rights *r)
{
	for (struct right *right = r->first, *next; right; right = next) {
		next = right->next;
		free(right->authorization);
		strbuf_release(&right->answer);
		arena_release(&right->arena);
		free(right);
	}
	r->first = NULL;
}

struct right *right_find(struct rights *r, const char *registry, const char *scope)
{
	for (struct right *right = r->first; right; right = right->next) {
		if (!strcmp(right->registry, registry) && !strcmp(right->scope, scope))
			return right;
	}
	struct right *right = mem_zero(1, sizeof(*right));

	*right = (struct right){.next = r->first, .all = r};
	right->registry = arena_strdup(&right->arena, registry);
	right->scope = arena_strdup(&right->arena, scope);
	r->first = right;
	return right;
}

const char *right_authorization(const struct right *right)
{
	return right->authorization;
}

static void wake(struct right *right, const struct error *err)
{
	struct right_waiter *waiting = right->waiting;

	right->waiting = NULL;
	right->is_asked = false;
	for (struct right_waiter *w = waiting, *next; w; w = next) {
		next = w->next;
		w->next = NULL;
		w->on_known(w, err);
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

	bool may_pass = a->outcome == HTTP_DONE ? a->status == 429 || a->status == 408 || a->status >= 500 : a->outcome == HTTP_FAILED && a->transient;

	if (may_pass && right->attempts < ATTEMPTS_MAX && a->retry_after_ms <= LONGEST_WAIT_MS) {
		right->again_ms = clock_monotonic_ms() + (a->retry_after_ms >= 0 ? a->retry_after_ms : FIRST_WAIT_MS << (right->attempts - 1));
		return;
	}
	if (a->outcome == HTTP_DONE && a->status == 200)
		read_token(right, &err);
	else if (a->outcome == HTTP_DONE)
		error_set(&err, ERR_HTTP, "its token server answers %ld%s", a->status,
			  a->status == 401 || a->status == 403 ? "; log in with the engine's 'login'" : "");
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
static void ask_token(struct right *right)
{
	const struct credentials *who = &right->who;
	autostrbuf struct strbuf url = {0}, form = {0}, basic = {0};
	struct http_body body = {0};
	struct http_request request = {.on_body = keep_token, .on_done = on_token, .context = right};
	static const char *const form_type[] = {"Content-Type: application/x-www-form-urlencoded", NULL};

	right->attempts++;
	right->again_ms = 0;
	strbuf_clear(&right->answer);
	if (who->identity_token) {
		strbuf_add(&form, "grant_type=refresh_token&client_id=lockstep&service=");
		text_percent_encode(&form, right->service ? right->service : "", "");
		strbuf_add(&form, "&scope=");
		text_percent_encode(&form, right->scope, "");
		strbuf_add(&form, "&refresh_token=");
		text_percent_encode(&form, who->identity_token, "");
		body = (struct http_body){.bytes = strbuf_text(&form), .length = (int64_t)form.length};
		request.method = "POST";
		request.body = &body;
		request.headers = form_type;
		strbuf_add(&url, right->realm);
	} else {
		strbuf_add(&url, right->realm);
		if (right->service)
			add_parameter(&url, "service", right->service, strlen(right->service));
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
	http_add(right->all->http, &request);
}

static void use_basic(struct right *right)
{
	autofree char *plain = mem_printf("%s:%s", right->who.user, right->who.password);
	autostrbuf struct strbuf basic = {0};

	strbuf_add(&basic, "Basic ");
	base64_add(&basic, plain, strlen(plain));
	free(right->authorization);
	right->authorization = strbuf_detach(&basic);
}

void right_ask(struct right *right, const char *repository, const struct challenge *challenge, struct right_waiter *w)
{
	autoerror struct error err = {0};

	w->next = right->waiting;
	right->waiting = w;
	if (right->is_asked)
		return;
	right->is_asked = true;
	right->attempts = 0;
	if (!right->is_known && credentials_find(&right->arena, right->registry, repository, &right->who, &err) < 0) {
		wake(right, &err);
		return;
	}
	right->is_known = true;
	if (challenge->kind == CHALLENGE_BEARER) {
		right->realm = arena_strdup(&right->arena, challenge->realm);
		right->service = arena_strdup_null(&right->arena, challenge->service);
		ask_token(right);
		return;
	}
	if (challenge->kind == CHALLENGE_BASIC && right->who.user)
		use_basic(right);
	else
		error_set(&err, ERR_HTTP, "it asks who we are, and no credentials for it are known; log in with the engine's 'login'");
	wake(right, &err);
}

int64_t rights_due(struct rights *r, int64_t wait_ms)
{
	int64_t now_ms = clock_monotonic_ms();

	for (struct right *right = r->first; right; right = right->next) {
		if (!right->again_ms)
			continue;
		if (right->again_ms <= now_ms)
			ask_token(right);
		else if (right->again_ms - now_ms < wait_ms)
			wait_ms = right->again_ms - now_ms;
	}
	return wait_ms;
}
