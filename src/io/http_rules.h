/* Small rules of HTTP and of libcurl's result codes; inside io/ only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "bytes 100-199/200" (RFC 9110, 14.4); the size may be "*". What is not understood leaves both as they are. */
void http_content_range(const char *value, int64_t *ret_from, int64_t *ret_total);
/* Whether trying again can help after a transfer ended with this CURLcode. */
bool http_may_pass(int code);
