/* What http.c and its callers ask about addresses, by libcurl's own parser, so that both see the same host. */
#include "io/http.h"

#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "io/http_url.h"

char *http_redacted(const char *url)
{
	const char *scheme = strstr(url, "://"), *rest = scheme ? scheme + 3 : url, *end = rest + strcspn(rest, "?#");
	const char *at = memrchr(rest, '@', strcspn(rest, "/?#"));
	autostrbuf struct strbuf out = {0};

	strbuf_add_bytes(&out, url, (size_t)(rest - url));
	rest = at ? at + 1 : rest;
	strbuf_add_bytes(&out, rest, (size_t)(end - rest));
	if (*end == '?')
		strbuf_add(&out, "?...");
	return strbuf_detach(&out);
}

static char *part(CURLU *u, CURLUPart what, unsigned flags)
{
	char *text = NULL, *copy = NULL;

	if (curl_url_get(u, what, &text, flags) == CURLUE_OK)
		copy = mem_strdup(text);
	curl_free(text);
	return copy;
}

bool http_url_parse(const char *url, struct http_url *ret)
{
	CURLU *u = curl_url();
	bool good = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;

	*ret = (struct http_url){0};
	if (good) {
		ret->scheme = part(u, CURLUPART_SCHEME, 0);
		ret->host = part(u, CURLUPART_HOST, 0);
		ret->port = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
		ret->user = part(u, CURLUPART_USER, CURLU_URLDECODE);
		ret->password = part(u, CURLUPART_PASSWORD, CURLU_URLDECODE);
		curl_url_set(u, CURLUPART_USER, NULL, 0);
		curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		ret->plain = part(u, CURLUPART_URL, 0);
	}
	curl_url_cleanup(u);
	good = good && ret->scheme && ret->host && *ret->host && ret->port && ret->plain && (!strcmp(ret->scheme, "http") || !strcmp(ret->scheme, "https"));
	if (!good)
		http_url_release(ret);
	return good;
}

void http_url_release(struct http_url *u)
{
	char **texts[] = {&u->scheme, &u->host, &u->port, &u->user, &u->password, &u->plain};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*texts[i]);
	*u = (struct http_url){0};
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b)
{
	return !strcmp(a->scheme, b->scheme) && !strcasecmp(a->host, b->host) && !strcmp(a->port, b->port);
}

bool http_url_in_hosts(const struct http_url *u, const char *const *hosts)
{
	for (; hosts && *hosts; hosts++) {
		const char *scheme = strstr(*hosts, "://"), *host = scheme ? scheme + 3 : *hosts;
		size_t length = strlen(u->host);

		if (!strncasecmp(host, u->host, length) && (!host[length] || (host[length] == ':' && !strcmp(host + length + 1, u->port))))
			return true;
	}
	return false;
}

/* Puts base's user information into an address that has none. */
static void inherit_user(CURLU *joined, const char *base)
{
	CURLU *page = curl_url();
	char *user = NULL, *password = NULL, *own = NULL;

	if (page && curl_url_set(page, CURLUPART_URL, base, 0) == CURLUE_OK && curl_url_get(joined, CURLUPART_USER, &own, 0) != CURLUE_OK) {
		/* Still encoded, so what is set is what was given. */
		if (curl_url_get(page, CURLUPART_USER, &user, 0) == CURLUE_OK)
			curl_url_set(joined, CURLUPART_USER, user, 0);
		if (curl_url_get(page, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
			curl_url_set(joined, CURLUPART_PASSWORD, password, 0);
	}
	curl_free(user);
	curl_free(password);
	curl_free(own);
	curl_url_cleanup(page);
}

char *http_url_join(const char *base, const char *link)
{
	CURLU *u = curl_url();
	struct http_url from, to;
	char *joined = NULL;

	if (!http_url_parse(base, &from)) {
		curl_url_cleanup(u);
		return NULL;
	}
	if (u && curl_url_set(u, CURLUPART_URL, from.plain, 0) == CURLUE_OK && curl_url_set(u, CURLUPART_URL, link, CURLU_URLENCODE) == CURLUE_OK) {
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		joined = part(u, CURLUPART_URL, 0);
	}
	if (joined && http_url_parse(joined, &to)) {
		if (http_url_same_origin(&from, &to)) {
			inherit_user(u, base);
			free(joined);
			joined = part(u, CURLUPART_URL, 0);
		}
		http_url_release(&to);
	} else {
		free(joined);
		joined = NULL;
	}
	http_url_release(&from);
	curl_url_cleanup(u);
	return joined;
}

bool http_url_is_same_origin(const char *url, const char *other)
{
	struct http_url a, b;

	if (!http_url_parse(url, &a))
		return false;
	if (!http_url_parse(other, &b)) {
		http_url_release(&a);
		return false;
	}
	bool is_same = http_url_same_origin(&a, &b);

	http_url_release(&a);
	http_url_release(&b);
	return is_same;
}

bool http_url_is_at(const char *url, const char *const *hosts)
{
	struct http_url u;

	if (!http_url_parse(url, &u))
		return false;
	bool is_at = http_url_in_hosts(&u, hosts);

	http_url_release(&u);
	return is_at;
}
