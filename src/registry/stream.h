/* A blob on its way from one registry into an upload at another, through a little memory and no file. A source that is cut goes on where it was; the bytes are checked on
   their way, and the last of them are given only when all were right. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "io/http.h"
#include "registry/remote.h"

struct stream;

/* Texts of `from` and the digest stay the caller's until stream_free(), which must not come before the registry calls ended. */
struct stream *stream_new(const struct remote *from, const char *digest, int64_t size_bytes);
void stream_free(struct stream *s); /* NULL is fine */
/* The blob's bytes from this one on, as the body of one request. */
void stream_body(struct stream *s, int64_t from, int64_t length, struct http_body *ret);
/* Nobody takes any more: what is under way ends. */
void stream_abandon(struct stream *s);
/* Why it gives nothing more; no error while it does. */
const struct error *stream_error(const struct stream *s);
