/* HTTP(S) by libcurl's multi interface: many transfers at once, bodies streamed to the caller. Knows status codes and headers; retrying, resuming and
   checking are its callers' work. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct http; /* one per run: connections, certificates and proxies are shared */

struct http_settings {
	const char *ca_file;               /* PEM bundle, or NULL for what SSL_CERT_FILE or the system says */
	const char *client_cert;           /* PEM with key, or NULL */
	const char *netrc_file;            /* or NULL for none */
	const char *const *insecure_hosts; /* NULL-terminated "host[:port]" whose certificates are not checked (pip's trusted-host), or NULL */
	size_t connections;                /* at most, in all; 0: 16 */
	size_t connections_per_host;       /* 0: 8 */
};

enum http_outcome {
	HTTP_DONE,    /* a whole answer; look at the status */
	HTTP_FAILED,  /* resolve, connect, TLS, cut: `err` says; `transient` says whether trying again can help */
	HTTP_STOPPED, /* on_body refused */
};

struct http_answer {
	enum http_outcome outcome;
	long status; /* 0 when there was none */
	bool transient;
	int64_t retry_after_ms;    /* from Retry-After (seconds or date), -1 when not given */
	int64_t body_bytes;        /* received by on_body */
	int64_t content_length;    /* of this answer, -1 when not given */
	const char *content_type;  /* without parameters, or NULL; valid during the callback */
	const char *effective_url; /* after redirects; valid during the callback */
	const struct error *err;   /* when FAILED */
};

struct http_request {
	const char *method;         /* NULL: GET */
	const char *url;            /* http or https only, also after redirects; user:password@ is used and never printed */
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	int64_t resume_from;        /* asks with Range when > 0 */
	bool compressed;            /* accept gzip (index pages, not files) */
	bool use_netrc;
	int64_t stall_timeout_ms; /* no byte for so long: FAILED, transient; 0: 30 s */
	/* Body bytes as they come, only for 2xx answers; return false to stop. `status` tells 200 from 206. */
	bool (*on_body)(void *context, long status, const char *bytes, size_t length);
	void (*on_done)(void *context, const struct http_answer *answer); /* exactly once; may add requests */
	void *context;
};

struct http *http_new(const struct http_settings *settings, struct error *err);
void http_free(struct http *h);
/* Queues a request; its texts are copied. */
void http_add(struct http *h, const struct http_request *request);
size_t http_pending(const struct http *h);
/* Serves transfers for at most timeout_ms. -1: ERR_CANCELLED after a signal. */
int http_wait(struct http *h, int timeout_ms, struct error *err);
/* A URL with its user information cut out, for messages; malloc'ed. */
char *http_redacted(const char *url);
