#include "python/settings_sources.h"

#include <ctype.h>
#include <string.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/toml.h"

enum { CONFIG_LIMIT_BYTES = 1024 * 1024 };

struct adding {
	struct settings_source *s;
	const char *from, *folder; /* folder: what relative paths of a file are relative to; NULL: the working folder, left as they are */
};

/* "name=url" or "url" (uv: a name holds ASCII letters, digits, '-', '_', '.'). */
static struct settings_index named_index(struct arena *a, const char *text, const char *from)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	if (length && text[length] == '=')
		return (struct settings_index){.name = arena_strndup(a, text, length), .url = arena_strdup(a, text + length + 1), .from = from};
	return (struct settings_index){.url = arena_strdup(a, text), .from = from};
}

static void add_extra(void *context, const char *word)
{
	struct adding *a = context;

	*arena_push(a->s->arena, &a->s->extras, &a->s->extra_count) = named_index(a->s->arena, word, a->from);
}

/* uv looks at UV_EXTRA_INDEX_URL and extra-index-url after all of UV_INDEX and [[index]], wherever those stand. */
static void add_old_extra(void *context, const char *word)
{
	struct adding *a = context;

	*arena_push(a->s->arena, &a->s->old_extras, &a->s->old_extra_count) = named_index(a->s->arena, word, a->from);
}

static bool is_address(const char *text)
{
	return strstr(text, "://") || text_starts_with(text, "file:");
}

static void add_find_links(void *context, const char *word)
{
	struct adding *a = context;
	const char *place = a->folder && !is_address(word) ? path_join(a->s->arena, a->folder, word) : word;

	*arena_push(a->s->arena, &a->s->find_links, &a->s->find_links_count) = place;
}

static void add_trusted_host(void *context, const char *word)
{
	struct adding *a = context;

	*arena_push(a->s->arena, &a->s->trusted_hosts, &a->s->trusted_host_count) = word;
}

static void set_first(struct settings_index *slot, struct settings_index index)
{
	if (!slot->url)
		*slot = index;
}

static void read_environment_lists(struct settings_source *s)
{
	static const struct {
		const char *name, *separators;
		void (*add)(void *context, const char *word);
	} lists[] = {
		{"UV_INDEX", " \t\r\n\f\v", add_extra},
		{"UV_EXTRA_INDEX_URL", " \t\r\n\f\v", add_old_extra},
		{"UV_FIND_LINKS", ",", add_find_links},
		{"UV_INSECURE_HOST", " \t\r\n\f\v", add_trusted_host},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const char *value = settings_environment(lists[i].name);

		if (value)
			settings_split(s->arena, value, lists[i].separators, lists[i].add, &(struct adding){s, lists[i].name, NULL});
	}
}

static int read_environment_truth(const char *name, int *ret, struct error *err)
{
	const char *value = settings_environment(name);

	if (!value || *ret >= 0)
		return 0;
	*ret = settings_truth(value);
	return *ret < 0 ? error_set(err, ERR_INPUT, "%s: '%s' is neither true nor false", name, value) : 0;
}

static int read_environment(struct settings_source *s, struct error *err)
{
	static const char *const defaults[] = {"UV_DEFAULT_INDEX", "UV_INDEX_URL"}, *const timeouts[] = {"UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT"};
	struct settings_index *const slots[] = {&s->default_index, &s->old_default};
	uint64_t seconds;

	for (size_t i = 0; i < 2; i++) {
		const char *index = settings_environment(defaults[i]), *timeout = settings_environment(timeouts[i]);

		if (index)
			set_first(slots[i], named_index(s->arena, index, defaults[i]));
		if (timeout && !s->timeout_ms && text_to_u64(timeout, &seconds) && seconds <= 24 * 3600)
			s->timeout_ms = (int64_t)seconds * 1000;
	}
	read_environment_lists(s);
	s->ca_file = arena_strdup_null(s->arena, settings_environment("SSL_CERT_FILE"));
	s->ca_from = s->ca_file ? "SSL_CERT_FILE" : NULL;
	s->client_cert = arena_strdup_null(s->arena, settings_environment("SSL_CLIENT_CERT"));
	return read_environment_truth("UV_OFFLINE", &s->offline, err) < 0 || read_environment_truth("UV_NO_INDEX", &s->no_index, err) < 0 ? -1 : 0;
}

/* [[index]]: name, url, default, explicit, format = "flat" (a page of links). */
static void read_index(struct adding *a, const struct value *row)
{
	const char *url = value_get_text(row, "url"), *format = value_get_text(row, "format");

	if (!url)
		return;
	if (format && !strcmp(format, "flat")) {
		add_find_links(a, url);
		return;
	}
	struct settings_index index = {
		.url = is_address(url) ? url : path_join(a->s->arena, a->folder, url),
		.name = value_get_text(row, "name"),
		.from = a->from,
		.explicit_only = value_get_boolean(row, "explicit", false),
	};

	if (value_get_boolean(row, "default", false))
		set_first(&a->s->default_index, index);
	else
		*arena_push(a->s->arena, &a->s->extras, &a->s->extra_count) = index;
}

static void read_texts(struct adding *a, const struct value *table, const char *key, void (*add)(void *context, const char *word))
{
	const struct value *list = value_get(table, key);

	if (!list)
		return;
	a->from = arena_printf(a->s->arena, "%s: %s", a->folder, key);
	for (size_t i = 0; i < list->item_count; i++) {
		if (list->items[i]->kind == VALUE_TEXT)
			add(a, list->items[i]->text);
	}
}

static void read_truth(const struct value *table, const char *key, int *ret)
{
	const struct value *value = value_get(table, key);

	if (*ret < 0 && value && value->kind == VALUE_BOOLEAN)
		*ret = value->boolean;
}

/* Options stand at the top; older files have index options under [pip] too, which only uv's pip interface reads. */
static void read_table(struct settings_source *s, const char *path, const struct value *table)
{
	struct adding a = {.s = s, .folder = arena_strndup(s->arena, path, (size_t)(path_base(path) - path))};
	const struct value *indexes = value_get(table, "index");
	const char *url = value_get_text(table, "index-url"), *proxy = value_get_text(table, "https-proxy");

	a.from = arena_printf(s->arena, "%s: index", path);
	for (size_t i = 0; indexes && i < indexes->item_count; i++)
		read_index(&a, indexes->items[i]);
	if (url)
		set_first(&s->old_default, (struct settings_index){.url = url, .from = arena_printf(s->arena, "%s: index-url", path)});
	read_texts(&a, table, "extra-index-url", add_old_extra);
	read_texts(&a, table, "find-links", add_find_links);
	read_texts(&a, table, "allow-insecure-host", add_trusted_host);
	read_truth(table, "offline", &s->offline);
	read_truth(table, "no-index", &s->no_index);
	if (!s->proxy)
		s->proxy = proxy;
}

static int read_toml(struct arena *a, const char *path, struct value **ret, struct error *err)
{
	autodiag struct diag d = {0};
	struct value *document = toml_read(a, path, path, CONFIG_LIMIT_BYTES, &d);

	if (!document) {
		const struct diag_problem *p = d.problem_count ? &d.problems[0] : NULL;

		return error_set(err, ERR_INPUT, "'%s' line %u: %s", path, p ? p->pos.line : 0, p ? p->text : "no TOML");
	}
	*ret = document;
	return 0;
}

/* The nearest folder from `start` upward with a uv.toml, or a pyproject.toml that has [tool.uv]; as uv looks. */
static int read_project(struct settings_source *s, const char *start, struct error *err)
{
	char *folder = arena_strdup(s->arena, start);

	for (;;) {
		const char *own = path_join(s->arena, folder, "uv.toml"), *shared = path_join(s->arena, folder, "pyproject.toml");
		struct value *document = NULL;

		if (file_size(own) >= 0) {
			if (read_toml(s->arena, own, &document, err) < 0)
				return -1;
			read_table(s, own, document);
			return 0;
		}
		if (file_size(shared) >= 0) {
			if (read_toml(s->arena, shared, &document, err) < 0)
				return -1;
			const struct value *table = value_get(value_get(document, "tool"), "uv");

			if (table) {
				read_table(s, shared, table);
				return 0;
			}
		}
		char *slash = strrchr(folder, '/');

		if (!slash || !folder[1])
			return 0;
		slash[slash == folder] = '\0';
	}
}

static int read_file(struct settings_source *s, const char *path, struct error *err)
{
	struct value *document;

	if (!path || file_size(path) < 0)
		return 0;
	if (read_toml(s->arena, path, &document, err) < 0)
		return -1;
	read_table(s, path, document);
	return 0;
}

static void take_first(void *context, const char *path)
{
	const char **first = context;

	if (!*first && file_size(path) >= 0)
		*first = path;
}

static int read_files(struct settings_source *s, const char *project_root, struct error *err)
{
	const char *only = settings_environment("UV_CONFIG_FILE"), *none = settings_environment("UV_NO_CONFIG"), *system_wide = NULL;

	if (only && file_size(only) < 0)
		return error_set(err, ERR_INPUT, "cannot read '%s', which UV_CONFIG_FILE names", only);
	if (only)
		return read_file(s, arena_strdup(s->arena, only), err);
	if (none && settings_truth(none) == 1)
		return 0;
	settings_each_config_dir(s->arena, "uv/uv.toml", take_first, &system_wide);
	take_first(&system_wide, "/etc/uv/uv.toml");
	if (read_project(s, project_root, err) < 0 || read_file(s, settings_user_config(s->arena, "uv/uv.toml"), err) < 0)
		return -1;
	return read_file(s, system_wide, err);
}

/* Puts "user:password@" into the address of a named index: UV_INDEX_<NAME>_USERNAME and _PASSWORD. */
static void add_credentials(struct arena *a, struct settings_index *index)
{
	const char *scheme = index->url ? strstr(index->url, "://") : NULL;

	if (!index->name || !scheme)
		return;
	char *name = arena_strdup(a, index->name);

	for (char *p = name; *p; p++)
		*p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
	const char *user = settings_environment(arena_printf(a, "UV_INDEX_%s_USERNAME", name));
	const char *password = settings_environment(arena_printf(a, "UV_INDEX_%s_PASSWORD", name));
	size_t host = strcspn(scheme + 3, "/?#");
	const char *at = memrchr(scheme + 3, '@', host), *rest = at ? at + 1 : scheme + 3;
	autostrbuf struct strbuf url = {0};

	if (!user && !password)
		return;
	strbuf_add_bytes(&url, index->url, (size_t)(scheme + 3 - index->url));
	for (const char *parts[] = {user ? user : "", password}, **part = parts; part < parts + 2; part++) {
		for (const char *p = *part; p && *p; p++)
			strbuf_printf(&url, isalnum((unsigned char)*p) || strchr("-._~", *p) ? "%c" : "%%%02X", (unsigned char)*p);
		if (part == parts && password)
			strbuf_add_char(&url, ':');
	}
	strbuf_printf(&url, "@%s", rest);
	index->url = arena_strdup(a, strbuf_text(&url));
}

int settings_read_uv(struct settings_source *s, const char *project_root, struct error *err)
{
	if (read_environment(s, err) < 0 || read_files(s, project_root, err) < 0)
		return -1;
	set_first(&s->default_index, s->old_default);
	for (size_t i = 0; i < s->old_extra_count; i++)
		*arena_push(s->arena, &s->extras, &s->extra_count) = s->old_extras[i];
	add_credentials(s->arena, &s->default_index);
	for (size_t i = 0; i < s->extra_count; i++)
		add_credentials(s->arena, &s->extras[i]);
	return 0;
}
