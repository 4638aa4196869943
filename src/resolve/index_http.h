/* Asking an index for what uv does not tell, the way the user's settings say. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "io/http.h"
#include "python/settings.h"

struct http *index_http_new(const struct settings *settings, struct error *err);
/* The address of a file with the credentials of the index whose host it is on. In `a`. */
const char *index_http_url(struct arena *a, const char *url, const struct settings *settings);
