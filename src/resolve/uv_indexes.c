#include "resolve/uv_indexes.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/http.h"

static char *percent_decoded(struct arena *a, const char *text, size_t length)
{
	autostrbuf struct strbuf out = {0};

	text_percent_decode(&out, text, length);
	return arena_strdup(a, strbuf_text(&out));
}

/* "https://user:password@host/path" -> the address without and the two apart. */
static void split_credentials(struct arena *a, const char *url, struct uv_index *ret)
{
	const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
	size_t authority = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', authority);

	ret->url = arena_strdup(a, url);
	if (!scheme || !at)
		return;
	const char *colon = memchr(host, ':', (size_t)(at - host));

	ret->url = arena_printf(a, "%.*s%s", (int)(host - url), url, at + 1);
	ret->user = percent_decoded(a, host, (size_t)((colon ? colon : at) - host));
	ret->password = colon ? percent_decoded(a, colon + 1, (size_t)(at - colon - 1)) : NULL;
}

const struct uv_index *uv_indexes_find(const struct uv_indexes *indexes, const char *alias)
{
	for (size_t i = 0; i < indexes->count; i++) {
		if (!strcmp(indexes->items[i].alias, alias))
			return &indexes->items[i];
	}
	return NULL;
}

static const struct settings_index *find_setting(const struct settings *settings, const char *alias)
{
	for (size_t i = 0; i < settings->index_count; i++) {
		if (!strcmp(settings->indexes[i].alias, alias))
			return &settings->indexes[i];
	}
	return NULL;
}

/* What is no address would come back as a failure of uv's, or as packages that do not exist. uv also takes files and folders. */
static void check_address(struct diag *d, const struct uv_index *index, const char *url)
{
	autofree char *whole = http_url_join(url, url);

	if (whole || text_starts_with(url, "file://") || file_is_dir(url))
		return;
	diag_error(d, (struct pos){0}, "index '%s' (from %s) has an address that is none: '%s'", index->alias, index->from, url);
	diag_hint(d, "an address is like https://index.example/simple/; what stands for '/', ':' or '@' in a user or password is written %%2F, %%3A, %%40");
}

static void add_index(struct arena *a, struct uv_indexes *ret, const char *alias, const char *url, const struct settings_index *setting, struct diag *d)
{
	struct uv_index *index = arena_push(a, &ret->items, &ret->count);

	index->alias = alias;
	index->name = setting ? setting->name : NULL;
	index->explicit_only = setting && setting->explicit_only;
	index->from = setting && setting->from ? setting->from : "recipes/project.yaml";
	if (!url)
		return;
	check_address(d, index, url);
	split_credentials(a, url, index);
}

void uv_indexes_collect(struct arena *a, const struct database *db, const struct settings *settings, struct diag *d, struct uv_indexes *ret)
{
	*ret = (struct uv_indexes){0};
	for (size_t i = 0; i < db->project.index_count; i++) {
		const struct index *index = &db->project.indexes[i];
		const char *url = index->url ? index->url : settings_index_url(settings, index->alias);

		if (!url && strcmp(index->alias, "default") != 0) {
			diag_error(d, index->pos, "no address is known for index '%s'", index->alias);
			diag_hint(d, "give it here as 'url', or name it in your own settings: UV_INDEX=%s=<address>", index->alias);
			continue;
		}
		add_index(a, ret, index->alias, url, index->url ? NULL : find_setting(settings, index->alias), d);
	}
	for (size_t i = 0; i < settings->index_count; i++) {
		if (!uv_indexes_find(ret, settings->indexes[i].alias))
			add_index(a, ret, settings->indexes[i].alias, settings->indexes[i].url, &settings->indexes[i], d);
	}
}

/* uv writes the folder of an index that is one without "file://" and with its escapes read. */
static void add_folder_or_url(struct strbuf *out, const char *url)
{
	if (text_starts_with(url, "file:///"))
		text_percent_decode(out, url + strlen("file://"), strlen(url) - strlen("file://"));
	else
		strbuf_add(out, url);
}

static bool same_url(const char *one, const char *other)
{
	autostrbuf struct strbuf left = {0}, right = {0};
	add_folder_or_url(&left, one);
	add_folder_or_url(&right, other);
	const char *a = strbuf_text(&left), *b = strbuf_text(&right);
	size_t a_length = left.length, b_length = right.length;

	while (a_length && a[a_length - 1] == '/')
		a_length--;
	while (b_length && b[b_length - 1] == '/')
		b_length--;
	return a_length == b_length && !memcmp(a, b, a_length);
}

const char *uv_indexes_alias(const struct uv_indexes *indexes, const char *url)
{
	for (size_t i = 0; i < indexes->count; i++) {
		if (indexes->items[i].url && same_url(indexes->items[i].url, url))
			return indexes->items[i].alias;
	}
	return "default";
}

const char *uv_index_address(struct arena *a, const struct uv_index *index)
{
	const char *scheme = index->url ? strstr(index->url, "://") : NULL;
	autostrbuf struct strbuf out = {0};

	if (!scheme || !index->user)
		return index->url;
	strbuf_add_bytes(&out, index->url, (size_t)(scheme + 3 - index->url));
	text_percent_encode(&out, index->user, "");
	if (index->password) {
		strbuf_add_char(&out, ':');
		text_percent_encode(&out, index->password, "");
	}
	strbuf_printf(&out, "@%s", scheme + 3);
	return arena_strdup(a, strbuf_text(&out));
}
