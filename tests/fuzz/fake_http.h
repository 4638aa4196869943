/* io/http.h without a network, for fuzz targets: every request is answered by the next answer of a script, whatever it asks. A script's answers are parted by NUL; each is
   "STATUS\nName: value\n...\n\nbody". Status 0: the connection is cut, after what the body says; 1: it cannot be made. Time passes only by being waited for. */
#pragma once

#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "fuzz.h"
#include "io/http.h"
#include "io/http_rules.h"

enum { FAKE_REQUESTS_MAX = 200, FAKE_IDLE_MAX = 100, FAKE_CHUNK_BYTES = 100 };

static const char *fake_script;
static size_t fake_length;
static unsigned fake_requests;
static int64_t fake_ms;
/* Called with each request. */
static void (*fake_look)(const struct http_request *request);

struct fake_request {
	struct fake_request *next;
	struct http_request request;
	char *url;
	struct http_body body;
	int64_t left; /* to be given */
};

struct http {
	struct fake_request *requests;
	unsigned idle;
};

/* Clocks that stand wait for nothing. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = (struct timespec){.tv_sec = 1000 + fake_ms / 1000, .tv_nsec = fake_ms % 1000 * 1000000};
	return 0;
}

int usleep(useconds_t time_us)
{
	fake_ms += time_us / 1000 + 1;
	return 0;
}

struct http *http_new(const struct http_settings *settings, struct error *err)
{
	(void)settings;
	(void)err;
	return mem_zero(1, sizeof(struct http));
}

static void fake_drop(struct http *h, struct fake_request *r)
{
	struct fake_request **at = &h->requests;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	free(r->url);
	free(r);
}

void http_free(struct http *h)
{
	while (h->requests)
		fake_drop(h, h->requests);
	free(h);
}

void http_add(struct http *h, const struct http_request *request)
{
	struct fake_request *r = mem_zero(1, sizeof(*r)), **end = &h->requests;

	r->request = *request;
	r->url = mem_strdup(request->url);
	if (request->body) {
		r->body = *request->body;
		r->left = request->body->give ? request->body->length : 0;
	}
	if (fake_look)
		fake_look(request);
	r->request.headers = NULL;
	r->request.authorization = NULL;
	while (*end)
		end = &(*end)->next;
	*end = r;
}

size_t http_pending(const struct http *h)
{
	return h->requests != NULL;
}

/* The next answer of the script, cut off it. */
static char *fake_take(size_t *ret_length)
{
	size_t length = strnlen(fake_script, fake_length);
	char *text = mem_strndup(fake_script, length);

	*ret_length = length;
	length += length < fake_length;
	fake_script += length;
	fake_length -= length;
	return text;
}

struct fake_answer {
	struct http_answer known;
	struct strbuf kept; /* "name\0value\0" */
	char *type;
	const char *body;
	size_t length;
};

static void fake_header(struct fake_answer *a, char *line)
{
	char *value = strchr(line, ':');
	uint64_t number;

	if (!value)
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	value[strcspn(value, "\r")] = '\0';
	strbuf_add_bytes(&a->kept, line, strlen(line) + 1);
	strbuf_add_bytes(&a->kept, value, strlen(value) + 1);
	if (!strcasecmp(line, "content-range")) {
		http_content_range(value, &a->known.range_from, &a->known.range_total);
	} else if (!strcasecmp(line, "retry-after") && text_to_u64(value, &number)) {
		a->known.retry_after_ms = number > 1000000 ? 1000000000 : (int64_t)number * 1000;
	} else if (!strcasecmp(line, "content-length") && text_to_u64(value, &number) && number <= INT64_MAX) {
		a->known.content_length = (int64_t)number;
	} else if (!strcasecmp(line, "content-type") && !a->type) {
		a->type = mem_strdup(value);
		a->type[strcspn(a->type, "; \t")] = '\0';
	}
}

static void fake_parse(struct fake_answer *a, char *text, size_t length)
{
	char *at = text, *line_end = strchr(text, '\n');

	a->known = (struct http_answer){.retry_after_ms = -1, .content_length = -1, .range_from = -1, .range_total = -1};
	a->known.status = strtol(text, NULL, 10) % 600;
	for (at = line_end ? line_end + 1 : text + length; *at && *at != '\n'; at = line_end ? line_end + 1 : at + strlen(at)) {
		line_end = strchr(at, '\n');
		if (line_end)
			*line_end = '\0';
		char *rest = line_end ? line_end : at + strlen(at);

		fake_header(a, at);
		at = rest;
	}
	a->body = *at == '\n' ? at + 1 : at;
	a->length = (size_t)(text + length - a->body);
	a->known.content_type = a->type;
}

/* False: whoever takes it wants no more. */
static bool fake_give_body(struct fake_request *r, struct fake_answer *a, long status)
{
	for (size_t at = 0; at < a->length && r->request.on_body; at += FAKE_CHUNK_BYTES) {
		size_t piece = a->length - at < FAKE_CHUNK_BYTES ? a->length - at : FAKE_CHUNK_BYTES;

		a->known.body_bytes += (int64_t)piece;
		if (!r->request.on_body(r->request.context, status, a->body + at, piece))
			return false;
	}
	return true;
}

static void fake_answer(struct http *h, struct fake_request *r)
{
	autoerror struct error err = {0};
	struct fake_answer a = {0};
	struct http_request *q = &r->request;
	size_t length;
	autofree char *text = fake_take(&length);

	fake_parse(&a, text, length);
	long status = a.known.status >= 100 ? a.known.status : 0;
	bool is_success = (status >= 200 && status < 300) || a.known.status == 0, takes = true;

	a.known.effective_url = r->url;
	a.known.outcome = HTTP_DONE;
	if (is_success) {
		a.known.status = status ? status : 200;
		takes = (!q->on_head || q->on_head(q->context, &a.known)) && fake_give_body(r, &a, a.known.status);
	}
	if (!takes) {
		a.known.outcome = HTTP_STOPPED;
	} else if (!status || fake_requests > FAKE_REQUESTS_MAX) {
		error_set(&err, ERR_NETWORK, "cut");
		a.known.outcome = HTTP_FAILED;
		a.known.transient = !a.known.status || a.known.status == 200 ? fake_requests <= FAKE_REQUESTS_MAX : false;
		a.known.err = &err;
	} else {
		for (size_t at = 0; at < a.kept.length && q->on_header;) {
			const char *name = a.kept.text + at, *value = name + strlen(name) + 1;

			q->on_header(q->context, name, value);
			at += strlen(name) + strlen(value) + 2;
		}
		if (!is_success && a.length && q->on_refusal)
			q->on_refusal(q->context, a.body, a.length < HTTP_REFUSAL_MAX_BYTES ? a.length : HTTP_REFUSAL_MAX_BYTES);
	}
	q->on_done(q->context, &a.known);
	fake_drop(h, r);
	strbuf_release(&a.kept);
	free(a.type);
}

/* What is sent as it comes is taken; true when there is no more of it. */
static bool fake_take_body(struct http *h, struct fake_request *r, bool *ret_failed)
{
	char bytes[FAKE_CHUNK_BYTES];

	*ret_failed = false;
	while (r->left > 0) {
		if (!r->body.has_some(r->body.context))
			return false;
		ssize_t given = r->body.give(r->body.context, bytes, sizeof(bytes));

		FUZZ_CHECK(given <= (ssize_t)sizeof(bytes) && given <= r->left);
		*ret_failed = given < 0;
		if (given < 0)
			return true;
		r->left -= given;
		h->idle = 0;
	}
	return true;
}

static void fake_fail(struct http *h, struct fake_request *r)
{
	autoerror struct error err = {0};
	struct http_answer a = {.outcome = HTTP_FAILED, .err = &err, .retry_after_ms = -1, .content_length = -1, .range_from = -1, .range_total = -1};

	error_set(&err, ERR_NETWORK, "nothing more is given");
	r->request.on_done(r->request.context, &a);
	fake_drop(h, r);
}

int http_wait(struct http *h, int timeout_ms, struct error *err)
{
	bool failed;

	(void)err;
	for (struct fake_request *r = h->requests; r; r = r->next) {
		if (!fake_take_body(h, r, &failed) && h->idle < FAKE_IDLE_MAX)
			continue;
		h->idle = 0;
		fake_requests++;
		if (failed || r->left > 0)
			fake_fail(h, r);
		else
			fake_answer(h, r);
		return 0;
	}
	h->idle++;
	fake_ms += timeout_ms > 0 ? timeout_ms : 1;
	return 0;
}
