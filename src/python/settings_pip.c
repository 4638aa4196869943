#include "python/settings_sources.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/ini.h"

enum { CONFIG_LIMIT_BYTES = 1024 * 1024 };

/* pip merges by "section.key" over all its files first, and only then puts the sections over each other. */
struct pip_value {
	const char *section, *key, *value, *from;
};
struct pip {
	struct arena *arena;
	struct pip_value *values;
	size_t value_count;
	struct error *err;
	int failed;
};

/* "--Index_URL" and "index-url" are the same key. */
static const char *normal_key(struct arena *a, const char *key)
{
	char *normal = arena_strdup(a, key);

	for (char *p = normal; *p; p++)
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	return text_starts_with(normal, "--") ? normal + 2 : normal;
}

/* A value may begin on the line after its key. */
static const char *trimmed(struct arena *a, const char *value)
{
	size_t length;

	value += strspn(value, " \t\r\n\f\v");
	length = strlen(value);
	while (length && isspace((unsigned char)value[length - 1]))
		length--;
	return arena_strndup(a, value, length);
}

static void set_value(struct pip *p, const char *section, const char *key, const char *value, const char *from)
{
	struct pip_value new = {section, normal_key(p->arena, key), trimmed(p->arena, value), from};

	for (size_t i = 0; i < p->value_count; i++) {
		if (!strcmp(p->values[i].section, section) && !strcmp(p->values[i].key, new.key)) {
			p->values[i] = new;
			return;
		}
	}
	*arena_push(p->arena, &p->values, &p->value_count) = new;
}

static void add_section(struct pip *p, const char *path, const struct ini *ini, const char *section, const char *as)
{
	for (size_t i = 0; i < ini->entry_count; i++) {
		const struct ini_entry *e = &ini->entries[i];

		if (!strcmp(e->section, section))
			set_value(p, as, e->key, e->value, arena_printf(p->arena, "%s: %s.%s", path, as, e->key));
	}
}

static void add_file(void *context, const char *path)
{
	/* Those that `pip download` and `pip install` look at; of these install counts more, as it is what runs in the images. */
	static const char *const sections[] = {"global", "download", "install"};
	struct pip *p = context;
	autostrbuf struct strbuf text = {0};
	struct ini ini;

	/* As Python's open(): a folder or an unreadable file is passed over by RawConfigParser.read(). */
	if (p->failed || !*path || !file_exists(path) || file_is_dir(path) || access(path, R_OK) < 0)
		return;
	p->failed = file_read(path, CONFIG_LIMIT_BYTES, &text, p->err) < 0 || ini_parse(p->arena, path, strbuf_text(&text), text.length, &ini, p->err) < 0;
	if (p->failed)
		return;
	path = arena_strdup(p->arena, path);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		bool present = false;

		for (size_t k = 0; k < ini.section_count; k++)
			present |= !strcmp(ini.sections[k], sections[i]);
		if (!present)
			continue;
		add_section(p, path, &ini, "DEFAULT", sections[i]);
		add_section(p, path, &ini, sections[i], sections[i]);
	}
}

static void read_files(struct pip *p)
{
	const char *own = getenv("PIP_CONFIG_FILE"), *venv = settings_environment("VIRTUAL_ENV");

	if (own && !strcmp(own, "/dev/null"))
		return;
	settings_each_config_dir(p->arena, "pip/pip.conf", add_file, p);
	add_file(p, "/etc/pip.conf");
	if (!(own && *own && file_exists(own))) {
		const char *user = settings_user_config(p->arena, "pip/pip.conf");

		add_file(p, settings_expand_home(p->arena, "~/.pip/pip.conf"));
		if (user)
			add_file(p, user);
	}
	/* The site's file lies in sys.prefix of the Python that runs pip: the active virtual environment, or the system's. */
	add_file(p, path_join(p->arena, venv ? venv : "/usr", "pip.conf"));
	if (own)
		add_file(p, own);
}

static const struct pip_value *find(const struct pip *p, const char *key)
{
	static const char *const sections[] = {"install", "download", "global"};

	/* In the environment an option stands without a section. Values that are empty are as good as not there. */
	const char *name = arena_printf(p->arena, "PIP_%s", key);

	for (char *c = (char *)(uintptr_t)name; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	const char *value = settings_environment(name);

	if (value) {
		struct pip_value *found = arena_new(p->arena, struct pip_value);

		*found = (struct pip_value){":env:", key, trimmed(p->arena, value), name};
		return found;
	}
	for (size_t s = 0; s < sizeof(sections) / sizeof(sections[0]); s++) {
		for (size_t i = 0; i < p->value_count; i++) {
			const struct pip_value *v = &p->values[i];

			if (!strcmp(v->section, sections[s]) && !strcmp(v->key, key) && *v->value)
				return v;
		}
	}
	return NULL;
}

struct adding {
	struct settings_source *s;
	const char *from;
};

static void add_extra(void *context, const char *word)
{
	struct adding *a = context;

	*arena_push(a->s->arena, &a->s->extras, &a->s->extra_count) = (struct settings_index){.url = word, .from = a->from};
}

static void add_find_links(void *context, const char *word)
{
	struct adding *a = context;

	*arena_push(a->s->arena, &a->s->find_links, &a->s->find_links_count) = settings_expand_home(a->s->arena, word);
}

static void add_trusted_host(void *context, const char *word)
{
	struct adding *a = context;

	*arena_push(a->s->arena, &a->s->trusted_hosts, &a->s->trusted_host_count) = word;
}

static void split(struct settings_source *s, const struct pip_value *v, void (*add)(void *, const char *))
{
	if (v)
		settings_split(s->arena, v->value, " \t\r\n\f\v", add, &(struct adding){s, v->from});
}

/* pip looks at the certificate options before Requests looks at its own variables. */
static void read_certificates(struct settings_source *s, const struct pip *p)
{
	static const char *const variables[] = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"};
	const struct pip_value *cert = find(p, "cert"), *client = find(p, "client-cert");

	if (cert) {
		s->ca_file = settings_expand_home(s->arena, cert->value);
		s->ca_from = cert->from;
	}
	for (size_t i = 0; i < 2 && !s->ca_file; i++) {
		s->ca_file = arena_strdup_null(s->arena, settings_environment(variables[i]));
		s->ca_from = variables[i];
	}
	if (client)
		s->client_cert = settings_expand_home(s->arena, client->value);
}

static int read_truth(const struct pip_value *v, struct error *err)
{
	int truth = v ? settings_truth(v->value) : -1;

	if (v && truth < 0)
		error_set(err, ERR_INPUT, "%s: '%s' is neither true nor false", v->from, v->value);
	return truth;
}

int settings_read_pip(struct settings_source *s, struct error *err)
{
	struct pip p = {.arena = s->arena, .err = err};

	read_files(&p);
	if (p.failed)
		return -1;
	const struct pip_value *index = find(&p, "index-url"), *no_index = find(&p, "no-index"), *proxy = find(&p, "proxy");
	const struct pip_value *timeout = find(&p, "timeout");
	uint64_t seconds;

	if (!index)
		index = find(&p, "pypi-url"); /* pip's other spelling of the option */
	if (index)
		s->default_index = (struct settings_index){.url = index->value, .from = index->from};
	if (!timeout)
		timeout = find(&p, "default-timeout");
	if (timeout && text_to_u64(timeout->value, &seconds) && seconds <= 24 * 3600)
		s->timeout_ms = (int64_t)seconds * 1000;
	split(s, find(&p, "extra-index-url"), add_extra);
	split(s, find(&p, "find-links"), add_find_links);
	split(s, find(&p, "trusted-host"), add_trusted_host);
	read_certificates(s, &p);
	s->proxy = proxy ? proxy->value : NULL;
	s->no_index = read_truth(no_index, err);
	return no_index && s->no_index < 0 ? -1 : 0;
}
