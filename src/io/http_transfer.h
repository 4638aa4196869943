/* One transfer of http.c: what is asked of curl for it, and what curl gives back. Only http.c uses this. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/strbuf.h"
#include "io/http.h"
#include "io/http_url.h"

enum { STALL_TIMEOUT_MS = 30 * 1000 };

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
	bool rests;               /* until its body has some, or whoever takes what comes has room */
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
	char **insecure_hosts, **plain_hosts; /* the second: NULL when any host may be spoken to without TLS */
	int64_t connect_timeout_ms;
};

/* Forgets what came, before an answer begins. */
void transfer_begin_answer(struct transfer *t);
/* Reads from curl what is known of the answer. */
void transfer_fill_answer(struct transfer *t);
/* Goes on with one that rests, when it can; true when it did. */
bool transfer_wake(struct transfer *t);
/* All that stays the same, whatever the address. */
void transfer_set_up(struct transfer *t, const struct http_request *r);
/* Everything that depends on the address the transfer is at now: it goes anew with every redirect. */
void transfer_point(struct transfer *t);
