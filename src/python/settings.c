#include "python/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "io/http.h"
#include "io/process.h"
#include "python/settings_sources.h"

const char *settings_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

const char *settings_expand_home(struct arena *a, const char *path)
{
	const char *home = settings_environment("HOME");

	if (path[0] != '~' || (path[1] && path[1] != '/') || !home)
		return arena_strdup(a, path);
	return arena_printf(a, "%s%s", home, path + 1);
}

int settings_truth(const char *text)
{
	static const char *const words[2][6] = {{"0", "false", "no", "n", "f", "off"}, {"1", "true", "yes", "y", "t", "on"}};

	for (int truth = 0; truth < 2; truth++) {
		for (size_t i = 0; i < 6; i++) {
			if (!strcasecmp(text, words[truth][i]))
				return truth;
		}
	}
	return -1;
}

void settings_split(struct arena *a, const char *text, const char *separators, void (*add)(void *context, const char *word), void *context)
{
	for (;;) {
		text += strspn(text, separators);
		size_t length = strcspn(text, separators);

		if (!length)
			return;
		add(context, arena_strndup(a, text, length));
		text += length;
	}
}

struct each_dir {
	struct arena *arena;
	const char *name;
	void (*add)(void *context, const char *path);
	void *context;
};

static void add_config_dir(void *context, const char *folder)
{
	struct each_dir *e = context;

	e->add(e->context, path_join(e->arena, settings_expand_home(e->arena, folder), e->name));
}

void settings_each_config_dir(struct arena *a, const char *name, void (*add)(void *context, const char *path), void *context)
{
	const char *folders = settings_environment("XDG_CONFIG_DIRS");

	settings_split(a, folders ? folders : "/etc/xdg", ":", add_config_dir, &(struct each_dir){a, name, add, context});
}

const char *settings_user_config(struct arena *a, const char *name)
{
	const char *own = settings_environment("XDG_CONFIG_HOME"), *home = settings_environment("HOME");

	if (own)
		return path_join(a, own, name);
	return home ? arena_printf(a, "%s/.config/%s", home, name) : NULL;
}

static bool alias_is_taken(const struct settings *s, const char *alias)
{
	for (size_t i = 0; i < s->index_count; i++) {
		if (!strcmp(s->indexes[i].alias, alias))
			return true;
	}
	return false;
}

static bool url_is_known(const struct settings *s, const char *url)
{
	for (size_t i = 0; i < s->index_count; i++) {
		if (s->indexes[i].url && !strcmp(s->indexes[i].url, url))
			return true;
	}
	return false;
}

static void add_extras(struct settings *s, const struct settings_source *source, size_t *number)
{
	for (size_t i = 0; i < source->extra_count; i++) {
		struct settings_index index = source->extras[i];

		/* As uv does: of one name the first counts. */
		if (url_is_known(s, index.url) || (index.name && alias_is_taken(s, index.name)))
			continue;
		index.alias = index.name;
		while (!index.alias || alias_is_taken(s, index.alias))
			index.alias = arena_printf(&s->arena, "extra-%zu", ++*number);
		*arena_push(&s->arena, &s->indexes, &s->index_count) = index;
	}
}

static void merge(struct settings *s, const struct settings_source *uv, const struct settings_source *pip)
{
	const struct settings_source *const sources[] = {uv, pip};
	struct settings_index first = uv->default_index.url ? uv->default_index : pip->default_index;
	size_t number = 0, host_count = 0;

	first.alias = "default";
	if (!first.url)
		first.from = "built in";
	*arena_push(&s->arena, &s->indexes, &s->index_count) = first;
	for (size_t i = 0; i < 2; i++) {
		const struct settings_source *source = sources[i];

		add_extras(s, source, &number);
		for (size_t k = 0; k < source->find_links_count; k++)
			*arena_push(&s->arena, &s->find_links, &s->find_links_count) = source->find_links[k];
		for (size_t k = 0; k < source->trusted_host_count; k++)
			*arena_push(&s->arena, &s->trusted_hosts, &host_count) = source->trusted_hosts[k];
		if (!s->ca_file && source->ca_file) {
			s->ca_file = source->ca_file;
			s->ca_from = source->ca_from;
		}
		s->client_cert = s->client_cert ? s->client_cert : source->client_cert;
		s->proxy = s->proxy ? s->proxy : source->proxy;
		s->timeout_ms = s->timeout_ms ? s->timeout_ms : source->timeout_ms;
	}
	if (host_count)
		*arena_push(&s->arena, &s->trusted_hosts, &host_count) = NULL;
	s->no_index = (uv->no_index >= 0 ? uv->no_index : pip->no_index) == 1;
	s->offline = uv->offline == 1 || s->no_index;
}

static void find_netrc(struct settings *s)
{
	const char *own = settings_environment("NETRC"), *names[] = {"~/.netrc", "~/_netrc"};

	if (own) {
		s->netrc = settings_expand_home(&s->arena, own);
		return;
	}
	for (size_t i = 0; i < 2 && !s->netrc; i++) {
		const char *path = settings_expand_home(&s->arena, names[i]);

		if (path[0] == '/' && file_size(path) >= 0)
			s->netrc = path;
	}
}

int settings_read(struct settings *s, const char *project_root, struct error *err)
{
	*s = (struct settings){0};
	struct settings_source uv = {.arena = &s->arena, .offline = -1, .no_index = -1};
	struct settings_source pip = {.arena = &s->arena, .offline = -1, .no_index = -1};

	if (settings_read_uv(&uv, project_root, err) < 0 || settings_read_pip(&pip, err) < 0) {
		settings_release(s);
		return -1;
	}
	merge(s, &uv, &pip);
	find_netrc(s);
	return 0;
}

void settings_release(struct settings *s)
{
	arena_release(&s->arena);
	*s = (struct settings){0};
}

void settings_http(const struct settings *s, struct http_settings *ret)
{
	*ret = (struct http_settings){
		.ca_file = s->ca_file,
		.ca_from = s->ca_from,
		.client_cert = s->client_cert,
		.netrc_file = s->netrc,
		.proxy = s->proxy,
		.insecure_hosts = s->trusted_hosts,
	};
}

const char *settings_index_url(const struct settings *s, const char *alias)
{
	for (size_t i = 0; i < s->index_count; i++) {
		if (!strcmp(s->indexes[i].alias, alias))
			return s->indexes[i].url;
	}
	return NULL;
}

/* The first address in `text` after "default", ended by white space, '>' , ')' or ']'. In the arena, or NULL. */
static const char *stated_default(struct arena *a, const char *text)
{
	for (const char *at = text; (at = strstr(at, "default")); at += strlen("default")) {
		const char *address = at + strlen("default");

		address += strspn(address, ":<> \t\r\n(");
		if (!strncmp(address, "https://", 8) || !strncmp(address, "http://", 7))
			return arena_strndup(a, address, strcspn(address, " \t\r\n>)]"));
	}
	return NULL;
}

/* Each tool's own help states the address; in an environment of their own variables it would state the user's, and then we would not be asking. */
int settings_default_index(struct settings *s, const char *project_root, const char **ret_url, struct error *err)
{
	const char *own = settings_environment("LOCKSTEP_UV"), *local = process_find_set_up(&s->arena, project_root, "bin/uv");
	const char *const uv[] = {own ? own : local ? local : "uv", "pip", "install", "--help", NULL};
	const char *const pip[] = {"python3", "-m", "pip", "--isolated", "download", "--help", NULL};
	const char *const *const programs[] = {uv, pip};
	const char *url = s->index_count ? s->indexes[0].url : NULL;

	for (size_t i = 0; i < 2 && !url; i++) {
		static const char *const plain[] = {"NO_COLOR=1", "COLUMNS=400", "PIP_CONFIG_FILE=/dev/null", "PIP_INDEX_URL", NULL};
		struct process_spec spec = {.argv = programs[i], .environment = plain, .timeout_ms = 20 * 1000};
		autoresult struct process_result result = {0};
		autoerror struct error ignored = {0};

		if (process_run_ok(&spec, &result, &ignored) == 0)
			url = stated_default(&s->arena, strbuf_text(&result.out));
		else if (ignored.code == ERR_CANCELLED)
			return error_set(err, ERR_CANCELLED, "%s", ignored.text);
	}
	if (!url)
		return error_set(err, ERR_NOT_FOUND,
				 "nobody says which package index to use, and neither uv nor pip tells its built-in one; set UV_DEFAULT_INDEX, or index-url in "
				 "pip.conf");
	if (s->index_count)
		s->indexes[0].url = url;
	*ret_url = url;
	return 0;
}
