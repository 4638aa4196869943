#include "resolve/index_http.h"

#include <string.h>

/* Hundreds of small answers are waited for, not received: uv asks for as many at once. */
enum { CONNECTIONS = 32 };

struct http *index_http_new(const struct settings *settings, struct error *err)
{
	struct http_settings http;

	settings_http(settings, &http);
	http.connections = http.connections_per_host = CONNECTIONS;
	return http_new(&http, err);
}

const char *index_http_url(struct arena *a, const char *url, const struct settings *settings)
{
	const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
	size_t host_length = strcspn(host, "/?#");

	for (size_t i = 0; i < settings->index_count; i++) {
		const char *index = settings->indexes[i].url, *begin = index ? strstr(index, "://") : NULL, *at;

		if (!begin)
			continue;
		begin += 3;
		at = memrchr(begin, '@', strcspn(begin, "/?#"));
		if (at && (size_t)(begin - index) == (size_t)(host - url) && !strncmp(index, url, (size_t)(host - url)) &&
		    strcspn(at + 1, "/?#") == host_length && !strncmp(at + 1, host, host_length))
			return arena_printf(a, "%.*s%s", (int)(at + 1 - index), index, host);
	}
	return url;
}
