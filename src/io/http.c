#include "io/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/http_rules.h"
#include "io/http_url.h"
#include "io/signals.h"
#include "version.h"

enum { REDIRECTS_MAX = 10, ERROR_BODY_LIMIT_BYTES = 1024 * 1024, STALL_TIMEOUT_MS = 30 * 1000, CONNECT_TIMEOUT_MS = 15 * 1000 };

struct transfer {
	struct http *http;
	struct transfer *next, **slot; /* in http->transfers */
	CURL *easy;
	struct curl_slist *headers, *with_authorization; /* the second: the first and that */
	struct http_body body;
	int64_t body_sent;
	struct strbuf answer_headers, refusal; /* "Name: value\n" each; what came with a status that is no success */
	struct http_request request;           /* its texts: url and method are owned, headers are in the list above */
	struct http_url first;                 /* as asked */
	struct http_url now;                   /* as redirected */
	unsigned redirects;
	bool is_sent;             /* connected and asked: the stall clock runs */
	bool head_given, refused; /* refused: on_head or on_body said stop */
	bool stalled, drowned;    /* drowned: an error page without end */
	int64_t last_byte_ms, discarded_bytes;
	struct http_answer answer;
	char *content_type, *encoding;
	char reason[CURL_ERROR_SIZE];
};

struct http {
	CURLM *multi;
	struct transfer *transfers;
	size_t pending;
	char *ca_file, *ca_from, *client_cert, *netrc_file, *proxy;
	char **insecure_hosts;
	int64_t connect_timeout_ms;
};

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

struct http *http_new(const struct http_settings *s, struct error *err)
{
	struct http *h = mem_zero(1, sizeof(*h));
	size_t count = 0;

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
	while (s->insecure_hosts && s->insecure_hosts[count])
		count++;
	h->insecure_hosts = mem_zero(count + 1, sizeof(*h->insecure_hosts));
	for (size_t i = 0; i < count; i++)
		h->insecure_hosts[i] = mem_strdup(s->insecure_hosts[i]);
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
	for (size_t i = 0; h->insecure_hosts && h->insecure_hosts[i]; i++)
		free(h->insecure_hosts[i]);
	free(h->insecure_hosts);
	free(h->ca_file);
	free(h->ca_from);
	free(h->client_cert);
	free(h->netrc_file);
	free(h->proxy);
	free(h);
	curl_global_cleanup();
}

static void begin_answer(struct transfer *t)
{
	t->answer = (struct http_answer){.retry_after_ms = -1, .content_length = -1, .range_from = -1, .range_total = -1};
	free(t->content_type);
	free(t->encoding);
	t->content_type = t->encoding = NULL;
	t->head_given = false;
	strbuf_clear(&t->answer_headers);
	strbuf_clear(&t->refusal);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	size_t length = size * count;
	autofree char *line = mem_strndup(bytes, length);
	char *colon = strchr(line, ':'), *value = colon ? colon + 1 : NULL;

	t->last_byte_ms = clock_monotonic_ms();
	if (text_starts_with(line, "HTTP/"))
		begin_answer(t);
	if (!value)
		return length;
	*colon = '\0';
	value += strspn(value, " \t");
	value[strcspn(value, "\r\n")] = '\0';
	if (t->request.on_header && t->answer_headers.length < HTTP_REFUSAL_MAX_BYTES)
		strbuf_printf(&t->answer_headers, "%s:%s\n", line, value);
	if (!strcasecmp(line, "content-range")) {
		http_content_range(value, &t->answer.range_from, &t->answer.range_total);
	} else if (!strcasecmp(line, "content-type") && !t->content_type) {
		value[strcspn(value, "; \t")] = '\0';
		t->content_type = mem_strdup(value);
	} else if (!strcasecmp(line, "content-encoding") && !t->request.compressed && !t->encoding && strcasecmp(value, "identity") != 0) {
		t->encoding = mem_strdup(value);
	}
	return length;
}

static void fill_answer(struct transfer *t)
{
	curl_off_t length = -1, retry_after = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->answer.status);
	if (curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) == CURLE_OK)
		t->answer.content_length = length;
	if (curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0)
		t->answer.retry_after_ms = retry_after > 1000000 ? 1000000000 : retry_after * 1000;
	t->answer.content_type = t->content_type;
	t->answer.encoding = t->encoding;
	t->answer.effective_url = t->now.plain;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	size_t length = size * count;
	long status = 0;

	t->last_byte_ms = clock_monotonic_ms();
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299) {
		if (t->request.on_refusal && t->refusal.length + length <= HTTP_REFUSAL_MAX_BYTES)
			strbuf_add_bytes(&t->refusal, bytes, length);
		t->discarded_bytes += (int64_t)length;
		t->drowned = t->discarded_bytes > ERROR_BODY_LIMIT_BYTES;
		return t->drowned ? 0 : length;
	}
	if (!t->head_given) {
		t->head_given = true;
		fill_answer(t);
		t->refused = t->request.on_head && !t->request.on_head(t->request.context, &t->answer);
	}
	if (!t->refused && t->request.on_body)
		t->refused = !t->request.on_body(t->request.context, status, bytes, length);
	if (t->refused)
		return length ? 0 : 1;
	t->answer.body_bytes += (int64_t)length;
	return length;
}

static size_t give_body(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	int64_t left = t->body.length - t->body_sent;
	size_t room = size * count, wanted = left < (int64_t)room ? (size_t)left : room;
	ssize_t got = (ssize_t)wanted;

	t->last_byte_ms = clock_monotonic_ms();
	if (t->body.bytes)
		memcpy(bytes, t->body.bytes + t->body_sent, wanted);
	else if (wanted)
		got = pread(t->body.fd, bytes, wanted, (off_t)(t->body.from + t->body_sent));
	if (got < 0 || (wanted && !got))
		return CURL_READFUNC_ABORT;
	t->body_sent += got;
	return (size_t)got;
}

/* curl begins again where it must send anew: a connection that was closed before, a redirect. */
static int seek_body(void *context, curl_off_t offset, int origin)
{
	struct transfer *t = context;

	if (origin != SEEK_SET || offset > t->body.length)
		return CURL_SEEKFUNC_CANTSEEK;
	t->body_sent = offset;
	return CURL_SEEKFUNC_OK;
}

static int on_sent(void *context, char *remote, char *local, int remote_port, int local_port)
{
	struct transfer *t = context;

	(void)remote, (void)local, (void)remote_port, (void)local_port;
	t->is_sent = true;
	t->last_byte_ms = clock_monotonic_ms();
	return CURL_PREREQFUNC_OK;
}

/* The one that curl was built to read. */
static bool has_certificate_file(void)
{
	const char *file = curl_version_info(CURLVERSION_NOW)->cainfo;

	return file && file_exists(file);
}

static void set_certificates(const struct transfer *t)
{
	const struct http *h = t->http;
	bool insecure = http_url_in_hosts(&t->now, (const char *const *)h->insecure_hosts);

	if (h->ca_file)
		curl_easy_setopt(t->easy, file_is_dir(h->ca_file) ? CURLOPT_CAPATH : CURLOPT_CAINFO, h->ca_file);
	/* curl reads its certificates once for all connections only where none are in a folder too; the folder it was built with holds what the file holds. */
	if (h->ca_file ? !file_is_dir(h->ca_file) : has_certificate_file())
		curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
	if (h->client_cert)
		curl_easy_setopt(t->easy, CURLOPT_SSLCERT, h->client_cert);
	curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, insecure ? 0L : 1L);
	curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, insecure ? 0L : 2L);
}

/* Everything that depends on the address the transfer is at now: it goes anew with every redirect. */
static void point(struct transfer *t)
{
	bool own = http_url_same_origin(&t->first, &t->now);
	const struct http_url *u = t->now.user || !own ? &t->now : &t->first;
	bool netrc = t->request.use_netrc && t->http->netrc_file && !u->user;

	set_certificates(t);
	curl_easy_setopt(t->easy, CURLOPT_URL, t->now.plain);
	curl_easy_setopt(t->easy, CURLOPT_USERNAME, u->user);
	curl_easy_setopt(t->easy, CURLOPT_PASSWORD, u->user && !u->password ? "" : u->password);
	curl_easy_setopt(t->easy, CURLOPT_NETRC, (long)(netrc ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED));
	if (netrc)
		curl_easy_setopt(t->easy, CURLOPT_NETRC_FILE, t->http->netrc_file);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, own && t->with_authorization ? t->with_authorization : t->headers);
	t->is_sent = false;
	t->body_sent = 0;
	t->discarded_bytes = 0;
	t->reason[0] = '\0';
}

static void set_body(struct transfer *t, const struct http_request *r)
{
	if (!r->body)
		return;
	t->body = *r->body;
	if (t->body.bytes) {
		t->body.bytes = mem_alloc((size_t)t->body.length + 1);
		memcpy((char *)(uintptr_t)t->body.bytes, r->body->bytes, (size_t)t->body.length);
	}
	curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body.length);
	curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, seek_body);
	curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method ? r->method : "PUT");
}

static void set_up(struct transfer *t, const struct http_request *r)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->reason);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "lockstep/" LOCKSTEP_VERSION);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)t->http->connect_timeout_ms);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 128L * 1024);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_sent);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
	if (t->http->proxy)
		curl_easy_setopt(e, CURLOPT_PROXY, t->http->proxy);
	if (r->method && !strcmp(r->method, "HEAD"))
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else if (r->method)
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->resume_from > 0) {
		autofree char *range = mem_printf("%lld-", (long long)r->resume_from);

		curl_easy_setopt(e, CURLOPT_RANGE, range);
	}
	/* A file is wanted as it is: its digest is over those bytes. */
	if (r->compressed)
		curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
	else
		t->headers = curl_slist_append(t->headers, "Accept-Encoding: identity");
	for (size_t i = 0; r->headers && r->headers[i]; i++)
		t->headers = curl_slist_append(t->headers, r->headers[i]);
	if (r->body)
		t->headers = curl_slist_append(t->headers, "Expect:");
	if (r->authorization) {
		autofree char *line = mem_printf("Authorization: %s", r->authorization);

		for (const struct curl_slist *at = t->headers; at; at = at->next)
			t->with_authorization = curl_slist_append(t->with_authorization, at->data);
		t->with_authorization = curl_slist_append(t->with_authorization, line);
	}
	set_body(t, r);
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
	begin_answer(t);
	/* A bad address is told like every other failure: from http_wait(). */
	if (!http_url_parse(r->url, &t->first) || !http_url_parse(r->url, &t->now))
		return;
	t->easy = curl_easy_init();
	if (!t->easy)
		mem_exhausted();
	set_up(t, r);
	point(t);
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
	curl_multi_remove_handle(t->http->multi, t->easy);
	http_url_release(&t->now);
	t->now = next;
	point(t);
	curl_multi_add_handle(t->http->multi, t->easy);
	return true;
}

static void conclude(struct transfer *t, CURLcode code)
{
	fill_answer(t);
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
			fill_answer(t);
			fail(t, CURLE_OPERATION_TIMEDOUT);
		}
	}
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
