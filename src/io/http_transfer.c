#include "io/http_transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/http_rules.h"
#include "version.h"

enum { ERROR_BODY_LIMIT_BYTES = 1024 * 1024 };

void transfer_begin_answer(struct transfer *t)
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
		transfer_begin_answer(t);
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

void transfer_fill_answer(struct transfer *t)
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
		transfer_fill_answer(t);
		t->refused = t->request.on_head && !t->request.on_head(t->request.context, &t->answer);
	}
	if (!t->refused && t->request.has_room && !t->request.has_room(t->request.context)) {
		t->rests = true;
		return CURL_WRITEFUNC_PAUSE;
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
	if (t->body.give && wanted && !t->body.has_some(t->body.context)) {
		t->rests = true;
		return CURL_READFUNC_PAUSE;
	}
	if (t->body.give && wanted)
		got = t->body.give(t->body.context, bytes, wanted);
	else if (t->body.bytes)
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

	if (origin != SEEK_SET || offset > t->body.length || (t->body.give && offset != t->body_sent))
		return CURL_SEEKFUNC_CANTSEEK;
	t->body_sent = offset;
	return CURL_SEEKFUNC_OK;
}

bool transfer_wake(struct transfer *t)
{
	if (!t->rests)
		return false;
	/* Whoever it waits for has a clock of his own. */
	t->last_byte_ms = clock_monotonic_ms();
	if (!(t->body.give && t->body.has_some(t->body.context)) && !(t->request.has_room && t->request.has_room(t->request.context)))
		return false;
	t->rests = false;
	curl_easy_pause(t->easy, CURLPAUSE_CONT);
	return true;
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

void transfer_point(struct transfer *t)
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

void transfer_set_up(struct transfer *t, const struct http_request *r)
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
	/* What a transfer that rests has been sent already must be kept: little, without HTTP/2's wide windows. */
	if (r->has_room)
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
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
