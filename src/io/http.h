/* HTTP(S) by libcurl's multi interface: many transfers at once, bodies streamed to the caller. Knows status codes and headers; retrying, resuming and
   checking are its callers' work. Redirects are followed here, to http and https only; user information is for the host it was given with and no other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum { HTTP_REFUSAL_MAX_BYTES = 64 * 1024 };

struct http; /* one per run: connections, certificates and proxies are shared */

struct http_settings {
	const char *ca_file;               /* PEM bundle or folder, or NULL for what SSL_CERT_FILE, CURL_CA_BUNDLE or the system say */
	const char *ca_from;               /* who said ca_file, for messages, or NULL */
	const char *client_cert;           /* PEM with key, or NULL */
	const char *netrc_file;            /* or NULL for none */
	const char *proxy;                 /* or NULL for what https_proxy and friends say */
	const char *const *insecure_hosts; /* NULL-terminated "host[:port]" whose certificates are not checked (pip's trusted-host), or NULL */
	const char *const *plain_hosts;    /* the only ones that are spoken to without TLS, also after redirects; NULL: any may be */
	size_t connections;                /* at most, in all; 0: 16 */
	size_t connections_per_host;       /* 0: 8 */
	int64_t connect_timeout_ms;        /* 0: 15 s */
};

enum http_outcome {
	HTTP_DONE,    /* a whole answer; look at the status */
	HTTP_FAILED,  /* resolve, connect, TLS, cut: `err` says; `transient` says whether trying again can help */
	HTTP_STOPPED, /* on_head or on_body refused */
};

struct http_answer {
	enum http_outcome outcome;
	long status; /* 0 when there was none */
	bool transient;
	int64_t retry_after_ms;    /* from Retry-After (seconds or date), -1 when not given */
	int64_t body_bytes;        /* received by on_body */
	int64_t content_length;    /* of this answer, -1 when not given */
	int64_t range_from;        /* where a 206 answer begins, by its Content-Range; -1 when it says nothing usable */
	int64_t range_total;       /* size of the whole, by Content-Range; -1 when not given */
	const char *content_type;  /* without parameters, or NULL; valid during the callback */
	const char *encoding;      /* Content-Encoding when it is not identity and was left in the body, or NULL; valid during the callback */
	const char *effective_url; /* after redirects; valid during the callback */
	const struct error *err;   /* when FAILED */
};

/* What a request sends: bytes, part of a file read as it goes, or what somebody gives as it comes. */
struct http_body {
	const char *bytes; /* or NULL; copied */
	int fd;            /* else of the file, the caller's, open until on_done */
	int64_t from;      /* in the file */
	int64_t length;    /* of either; 0: an empty body */
	/* Or given: writes at most `room` bytes and returns how many, -1 when there will be no more: then the request fails. It is asked only while has_some() says so,
	   and never for the same bytes twice: no redirect is followed then. */
	ssize_t (*give)(void *context, char *bytes, size_t room);
	bool (*has_some)(void *context);
	void *context;
};

struct http_request {
	const char *method;           /* NULL: GET; "HEAD", "POST", ... */
	const struct http_body *body; /* or NULL; sent again after a redirect that keeps the method */
	const char *authorization;    /* value of that header: for this origin and no other; or NULL */
	const char *url;              /* http or https only, also after redirects; user:password@ is used and never printed */
	const char *const *headers;   /* "Name: value", NULL-terminated, or NULL */
	int64_t resume_from;          /* asks with Range when > 0 */
	bool compressed;              /* accept gzip (index pages, not files) */
	bool use_netrc;
	int64_t stall_timeout_ms; /* no byte for so long: FAILED, transient; 0: 30 s */
	/* Once before the first byte of a 2xx body, with what the headers said; return false to stop. May be NULL. */
	bool (*on_head)(void *context, const struct http_answer *head);
	/* Body bytes as they come, only for 2xx answers; return false to stop. `status` tells 200 from 206. */
	bool (*on_body)(void *context, long status, const char *bytes, size_t length);
	/* Whether on_body has room; else the body waits until it has. May be NULL. */
	bool (*has_room)(void *context);
	/* Each header of the answer, whatever its status, before on_done; none of redirects on the way. May be NULL. */
	void (*on_header)(void *context, const char *name, const char *value);
	/* The body of an answer that is no success, as far as it is kept (HTTP_REFUSAL_MAX_BYTES), before on_done. May be NULL. */
	void (*on_refusal)(void *context, const char *bytes, size_t length);
	void (*on_done)(void *context, const struct http_answer *answer); /* exactly once, unless http_free() comes first; may add requests */
	void *context;
};

/* ERR_INPUT when the certificates cannot be read. */
struct http *http_new(const struct http_settings *settings, struct error *err);
void http_free(struct http *h); /* drops what is under way, without on_done */
/* Queues a request; its texts are copied. */
void http_add(struct http *h, const struct http_request *request);
size_t http_pending(const struct http *h);
/* Serves transfers for at most timeout_ms. -1: ERR_CANCELLED after a signal. */
int http_wait(struct http *h, int timeout_ms, struct error *err);
/* A URL with its user information and its query cut out, for messages; malloc'ed. */
char *http_redacted(const char *url);
/* `link` as it stands on the page at `base` (RFC 3986), without its fragment; a link to the page's own host inherits the page's user information. malloc'ed;
   NULL when it is no http or https address. */
char *http_url_join(const char *base, const char *link);
/* Whether it is an address at one of these hosts: NULL-terminated "host" or "host:port", or NULL. */
bool http_url_is_at(const char *url, const char *const *hosts);
/* Whether both are http or https addresses of one scheme, host and port. */
bool http_url_is_same_origin(const char *url, const char *other);
