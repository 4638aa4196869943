/* Base64 (RFC 4648, section 4) by libcrypto. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

void base64_add(struct strbuf *out, const void *bytes, size_t length);
/* Appends the bytes. False when `text` is no base64; padding may be missing. */
bool base64_decode(const char *text, struct strbuf *out);
