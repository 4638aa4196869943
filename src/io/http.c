#include "io/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/http_rules.h"
#include "io/http_transfer.h"
#include "io/signals.h"

enum { REDIRECTS_MAX = 10, CONNECT_TIMEOUT_MS = 15 * 1000 };

static char *copy(const char *text)
{
	return text ? mem_strdup(text) : NULL;
}

/* The environment's word, where the caller has none: what OpenSSL, uv, curl and Requests look at. */
static void find_certificates(struct http *h, const struct http_settings *s)
{
	static const char *const variables[] = {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"};

	h->ca_file = copy(s->ca_file);
	h->ca_from = copy(s->ca_from);
	for (size_t i = 0; i < ARRAY_LEN(variables) && !h->ca_file; i++) {
		const char *value = getenv(variables[i]);

		if (value && *value) {
			h->ca_file = mem_strdup(value);
			h->ca_from = mem_strdup(variables[i]);
		}
	}
}

static int check_certificates(const struct http *h, struct error *err)
{
	const char *files[] = {h->ca_file, h->client_cert};

	for (size_t i = 0; i < 2; i++) {
		if (files[i] && access(files[i], R_OK) < 0)
			return error_set(err, ERR_INPUT, "cannot read the %s '%s'%s%s%s: %s", i ? "client certificate" : "CA certificates", files[i],
					 !i && h->ca_from ? ", which " : "", !i && h->ca_from ? h->ca_from : "", !i && h->ca_from ? " names" : "",
					 strerror(errno));
	}
	return 0;
}

static char **copy_list(const char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	char **copies = mem_zero(count + 1, sizeof(*copies));

	for (size_t i = 0; i < count; i++)
		copies[i] = mem_strdup(list[i]);
	return copies;
}

static void free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

struct http *http_new(const struct http_settings *s, struct error *err)
{
	struct http *h = mem_zero(1, sizeof(*h));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(h->multi = curl_multi_init())) {
		free(h);
		error_set(err, ERR_FAILED, "cannot start libcurl");
		return NULL;
	}
	find_certificates(h, s);
	h->client_cert = copy(s->client_cert);
	h->netrc_file = copy(s->netrc_file);
	h->proxy = copy(s->proxy);
	h->connect_timeout_ms = s->connect_timeout_ms ? s->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	h->insecure_hosts = copy_list(s->insecure_hosts);
	h->plain_hosts = s->plain_hosts ? copy_list(s->plain_hosts) : NULL;
	curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)(s->connections ? s->connections : 16));
	curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)(s->connections_per_host ? s->connections_per_host : 8));
	if (check_certificates(h, err) < 0) {
		http_free(h);
		return NULL;
	}
	return h;
}

static void transfer_free(struct transfer *t)
{
	*t->slot = t->next;
	if (t->next)
		t->next->slot = t->slot;
	t->http->pending--;
	if (t->easy) {
		curl_multi_remove_handle(t->http->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->with_authorization);
	free((char *)(uintptr_t)t->body.bytes);
	strbuf_release(&t->answer_headers);
	strbuf_release(&t->refusal);
	http_url_release(&t->first);
	http_url_release(&t->now);
	free((char *)(uintptr_t)t->request.url);
	free((char *)(uintptr_t)t->request.method);
	free(t->content_type);
	free(t->encoding);
	free(t);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->transfers)
		transfer_free(h->transfers);
	curl_multi_cleanup(h->multi);
	free_list(h->insecure_hosts);
	free_list(h->plain_hosts);
	free(h->ca_file);
	free(h->ca_from);
	free(h->client_cert);
	free(h->netrc_file);
	free(h->proxy);
	free(h);
	curl_global_cleanup();
}

static bool is_without_tls(const struct http *h, const struct http_url *u)
{
	return h->plain_hosts && !strcmp(u->scheme, "http") && !http_url_in_hosts(u, (const char *const *)h->plain_hosts);
}

void http_add(struct http *h, const struct http_request *r)
{
	struct transfer *t = mem_zero(1, sizeof(*t));

	*t = (struct transfer){.http = h, .next = h->transfers, .slot = &h->transfers, .request = *r};
	if (t->next)
		t->next->slot = &t->next;
	h->transfers = t;
	h->pending++;
	t->request.url = mem_strdup(r->url);
	t->request.method = copy(r->method);
	t->request.headers = NULL;
	transfer_begin_answer(t);
	/* A bad address is told like every other failure: from http_wait(). */
	if (!http_url_parse(r->url, &t->first) || !http_url_parse(r->url, &t->now))
		return;
	if (is_without_tls(h, &t->first)) {
		snprintf(t->reason, sizeof(t->reason), "without TLS it is not spoken to");
		return;
	}
	t->easy = curl_easy_init();
	if (!t->easy)
		mem_exhausted();
	transfer_set_up(t, r);
	transfer_point(t);
	curl_multi_add_handle(h->multi, t->easy);
}

size_t http_pending(const struct http *h)
{
	return h->pending;
}

static void give_kept(struct transfer *t)
{
	for (char *line = t->answer_headers.text, *end; line && (end = strchr(line, '\n')); line = end + 1) {
		char *colon = strchr(line, ':');

		*end = *colon = '\0';
		t->request.on_header(t->request.context, line, colon + 1);
	}
	if (t->refusal.length)
		t->request.on_refusal(t->request.context, t->refusal.text, t->refusal.length);
}

static void finish(struct transfer *t, enum http_outcome outcome, struct error *err)
{
	void (*on_done)(void *, const struct http_answer *) = t->request.on_done;

	if (outcome == HTTP_DONE)
		give_kept(t);
	t->answer.outcome = outcome;
	t->answer.err = outcome == HTTP_FAILED ? err : NULL;
	if (on_done)
		on_done(t->request.context, &t->answer);
	transfer_free(t);
}

static void describe_certificates(const struct transfer *t, CURLcode code, struct strbuf *why)
{
	const struct http *h = t->http;

	if (code == CURLE_PEER_FAILED_VERIFICATION)
		strbuf_printf(why, "; if HTTPS is inspected here, name the CA that is to be trusted with SSL_CERT_FILE or PIP_CERT");
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
		if (h->ca_file)
			strbuf_printf(why, " (now it is '%s'%s%s)", h->ca_file, h->ca_from ? " from " : "", h->ca_from ? h->ca_from : "");
		else
			strbuf_printf(why, " (now it is the system's)");
	}
}

static void fail(struct transfer *t, CURLcode code)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf why = {0};
	autofree char *shown = http_redacted(t->now.plain ? t->now.plain : t->request.url);
	long proxy_status = 0;

	if (t->easy)
		curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	t->answer.transient = http_may_pass(code);
	if (t->stalled) {
		t->answer.transient = true;
		strbuf_printf(&why, "no byte came for %lld s",
			      (long long)((t->request.stall_timeout_ms ? t->request.stall_timeout_ms : STALL_TIMEOUT_MS) + 999) / 1000);
	} else if (proxy_status >= 400) {
		t->answer.transient = proxy_status >= 500;
		strbuf_printf(&why, "the proxy refused with %ld", proxy_status);
	} else {
		strbuf_add(&why, t->reason[0] ? t->reason : curl_easy_strerror(code));
		describe_certificates(t, code, &why);
	}
	error_set(&err, ERR_NETWORK, "cannot fetch '%s': %s", shown, strbuf_text(&why));
	finish(t, HTTP_FAILED, &err);
}

static void fail_with(struct transfer *t, const char *why)
{
	snprintf(t->reason, sizeof(t->reason), "%s", why);
	fail(t, CURLE_OK);
}

/* True when the answer was a redirect, and is dealt with. */
static bool follow(struct transfer *t)
{
	char *target = NULL;
	struct http_url next;

	if (t->answer.status < 301 || t->answer.status > 308 || (t->answer.status > 303 && t->answer.status < 307))
		return false;
	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &target);
	if (!target)
		return false;
	if (++t->redirects > REDIRECTS_MAX) {
		fail_with(t, "redirected more than 10 times");
		return true;
	}
	if (!http_url_parse(target, &next)) {
		fail_with(t, "it redirects to something that is neither http nor https");
		return true;
	}
	if (is_without_tls(t->http, &next) || t->body.give) {
		fail_with(t, t->body.give ? "it redirects what is sent to it" : "it redirects to a host that is not spoken to without TLS");
		http_url_release(&next);
		return true;
	}
	curl_multi_remove_handle(t->http->multi, t->easy);
	http_url_release(&t->now);
	t->now = next;
	transfer_point(t);
	curl_multi_add_handle(t->http->multi, t->easy);
	return true;
}

static void conclude(struct transfer *t, CURLcode code)
{
	transfer_fill_answer(t);
	if (t->refused) {
		finish(t, HTTP_STOPPED, NULL);
	} else if (code == CURLE_OK || t->drowned) {
		/* An answer without a body has had no on_head yet. */
		if (t->answer.status >= 200 && t->answer.status < 300 && !t->head_given && t->request.on_head &&
		    !t->request.on_head(t->request.context, &t->answer))
			finish(t, HTTP_STOPPED, NULL);
		else if (!follow(t))
			finish(t, HTTP_DONE, NULL);
	} else {
		fail(t, code);
	}
}

static void end_stalled(struct http *h)
{
	int64_t now_ms = clock_monotonic_ms();

	for (struct transfer *t = h->transfers, *next; t; t = next) {
		int64_t limit_ms = t->request.stall_timeout_ms ? t->request.stall_timeout_ms : STALL_TIMEOUT_MS;

		next = t->next;
		if (!t->easy) {
			fail(t, CURLE_URL_MALFORMAT);
		} else if (t->is_sent && now_ms - t->last_byte_ms > limit_ms) {
			t->stalled = true;
			transfer_fill_answer(t);
			fail(t, CURLE_OPERATION_TIMEDOUT);
		}
	}
}

static bool wake_resting(struct http *h)
{
	bool any = false;

	for (struct transfer *t = h->transfers; t; t = t->next)
		any = (t->easy && transfer_wake(t)) || any;
	return any;
}

int http_wait(struct http *h, int timeout_ms, struct error *err)
{
	struct curl_waitfd wake = {.fd = signals_fd(), .events = CURL_WAIT_POLLIN};
	int running = 0, queued = 0;
	CURLMsg *message;

	if (signals_check(err) < 0)
		return -1;
	curl_multi_perform(h->multi, &running);
	/* With nothing to report yet, sleep until something moves; a stall is noticed within a quarter of a second. */
	message = curl_multi_info_read(h->multi, &queued);
	if (!message) {
		while (wake_resting(h))
			curl_multi_perform(h->multi, &running);
		curl_multi_poll(h->multi, &wake, wake.fd >= 0, timeout_ms < 250 ? timeout_ms : 250, NULL);
		curl_multi_perform(h->multi, &running);
		message = curl_multi_info_read(h->multi, &queued);
	}
	for (; message; message = curl_multi_info_read(h->multi, &queued)) {
		struct transfer *t = NULL;
		CURLcode code = message->data.result;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		if (message->msg == CURLMSG_DONE && t)
			conclude(t, code);
	}
	end_stalled(h);
	return signals_check(err);
}
