/* A client of OCI registries (distribution-spec 1.1): one call after the other or many at once, with what every call needs: who we are (basic, bearer tokens), waiting
   and trying again where a registry asks for it, and errors in the registry's own words. Knows no blobs and no manifests: those are push.h and pull.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/http.h"

struct registry_settings {
	const char *const *plain_http; /* NULL-terminated "host[:port]" that are spoken to without TLS: only where the user says so; or NULL */
	const char *ca_file;           /* as http_settings */
	size_t connections;            /* at most, to one host; 0: 8 */
};

struct registries; /* all that one run speaks to */
struct registries *registries_new(const struct registry_settings *settings, struct error *err);
/* Called again and again while calls are served: for progress. */
void registries_watch(struct registries *r, void (*on_tick)(void *context), void *context);
void registries_free(struct registries *r); /* drops what is under way, without callbacks */

struct registry_answer {
	long status;
	const char *location; /* absolute, or NULL */
	const char *digest;   /* Docker-Content-Digest, or NULL */
	const char *range;    /* Range of an upload, "0-1023"; or NULL */
	const char *link;     /* Link, or NULL */
	const char *subject;  /* OCI-Subject: the registry keeps referrers itself; or NULL */
	const char *etag;     /* or NULL */
	const char *before;   /* how it refused this call before it was tried again, "500 (no space left)"; or NULL */
	const char *content_type;
	const char *body; /* what came, up to the call's limit; NUL-terminated */
	size_t length;
	int64_t content_length; /* -1: not said */
};

struct registry_call {
	const char *registry, *repository;
	const char *from;          /* another repository of it that is read, too (a mount); or NULL */
	bool writes;               /* asks for the right to push */
	bool deletes;              /* asks for the right to delete */
	bool is_optional;          /* what not every registry knows: also a refusal is an answer, but for one that passes or asks who we are */
	const char *method;        /* NULL: GET */
	const char *path;          /* behind "/v2/<repository>/", or an address as it was given with an upload */
	const char *accept;        /* or NULL */
	const char *content_type;  /* of the body, or NULL */
	const char *content_range; /* or NULL */
	const char *condition;     /* a header, "If-Match: ..."; or NULL */
	const struct http_body
		*body; /* or NULL; what it points to stays until the call ends. One that is given as it comes is sent once: the call is not tried again */
	bool is_piece; /* of an upload, which the registry may have taken in part: one that was cut fails with ERR_NETWORK, it is not tried again as it is */
	int64_t from_byte;  /* asks with Range when > 0 */
	int64_t delay_ms;   /* is sent so much later */
	size_t limit_bytes; /* of an answer that is kept; 0: 4 MiB; more is a failure */
	/* As http_request has it; may be NULL. */
	bool (*on_head)(void *context, const struct http_answer *head);
	bool (*has_room)(void *context);
	/* Bytes of a success as they come, in place of keeping them; false stops the call, which then fails. May be NULL. A call that was cut fails with ERR_NETWORK: it is
	   not tried again. */
	bool (*on_bytes)(void *context, const char *bytes, size_t length);
	/* One of the two, once. on_answer also for statuses that are no success but say something of their own (404, 412 and 416); everything else that
	   is none fails: ERR_HTTP with the registry's own words, ERR_NETWORK for what may pass. */
	void (*on_answer)(void *context, const struct registry_answer *answer);
	void (*on_failure)(void *context, struct error *err);
	void *context;
};

/* Queues a call; its texts are copied. May be called from callbacks. */
void registry_add(struct registries *r, const struct registry_call *call);
size_t registry_pending(const struct registries *r);
/* One call by itself, and what it was answered; on_answer and what follows it are not used. Texts live in `a`. */
int registry_ask(struct registries *r, const struct registry_call *call, struct arena *a, struct registry_answer *ret, struct error *err);
/* Serves calls until none is pending. -1: ERR_CANCELLED. */
int registry_serve(struct registries *r, struct error *err);
