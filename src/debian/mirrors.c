#include "debian/mirrors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/process.h"

enum { SOURCES_LIMIT_BYTES = 1024 * 1024, TARGET_FIELDS = 5 };

/* One target of apt: a component of a suite at an address. */
struct target {
	const char *address, *suite, *codename, *component, *entry; /* entry: "/etc/apt/sources.list.d/debian.sources:1" */
};

/* Splits `line` at '|' in place. */
static bool read_target(char *line, struct target *ret)
{
	const char *fields[TARGET_FIELDS];

	for (size_t i = 0; i < TARGET_FIELDS; i++) {
		char *bar = strchr(line, '|');

		fields[i] = line;
		if (!bar != (i == TARGET_FIELDS - 1))
			return false;
		if (bar) {
			*bar = '\0';
			line = bar + 1;
		}
	}
	*ret = (struct target){fields[0], fields[1], fields[2], fields[3], fields[4]};
	return true;
}

static bool is_suite_of(const char *name, const char *suite)
{
	size_t length = strlen(suite);

	if (strncmp(name, suite, length) != 0)
		return false;
	return !name[length] || !strcmp(name + length, "-updates") || !strcmp(name + length, "-security");
}

static bool is_wanted(const struct target *t, const char *suite, const char *const *components, size_t count)
{
	bool has_component = false;

	for (size_t i = 0; i < count; i++)
		has_component |= !strcmp(components[i], t->component);
	return has_component && (is_suite_of(t->suite, suite) || is_suite_of(t->codename, suite));
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/* The stanza of a deb822 file, counted from 1, or NULL. */
static const char *find_stanza(const char *text, unsigned long number)
{
	bool inside = false;

	for (const char *p = text; *p; p = next_line(p)) {
		bool empty = strspn(p, " \t\r") == strcspn(p, "\n");

		if (*p == '#')
			continue;
		if (!empty && !inside && --number == 0)
			return p;
		inside = !empty;
	}
	return NULL;
}

/* What of a source's options counts here: the key it is held to, and what its owner said of its signature and its age. */
static const struct {
	const char *option, *field;
} kept_options[] = {{"signed-by", "Signed-By"}, {"trusted", "Trusted"}, {"check-valid-until", "Check-Valid-Until"}};

/* Appends "signed-by=/path"; a key that stands there in full is left out. */
static void add_option(struct strbuf *out, size_t kept, const char *value, const char *ends)
{
	size_t length = strcspn(value, ends);

	if (length && (kept || *value == '/'))
		strbuf_printf(out, "%s%s=%.*s", out->length ? " " : "", kept_options[kept].option, (int)length, value);
}

static void options_of_stanza(const char *stanza, struct strbuf *out)
{
	for (size_t kept = 0; kept < ARRAY_LEN(kept_options); kept++) {
		const char *field = kept_options[kept].field;

		for (const char *p = stanza; p && *p && *p != '\n'; p = next_line(p)) {
			if (strncasecmp(p, field, strlen(field)) != 0 || p[strlen(field)] != ':')
				continue;
			p += strlen(field) + 1;
			add_option(out, kept, p + strspn(p, " \t"), " \t\r\n");
			break;
		}
	}
}

static void options_of_line(const char *text, unsigned long number, struct strbuf *out)
{
	const char *line = text;

	while (--number && *line)
		line = next_line(line);
	const char *open = strchr(line, '['), *end = line + strcspn(line, "]\n");

	for (size_t kept = 0; open && open < end && kept < ARRAY_LEN(kept_options); kept++) {
		const char *option = kept_options[kept].option;
		size_t length = strlen(option);

		for (const char *p = open + 1; p < end; p++) {
			if ((p[-1] == '[' || p[-1] == ' ') && !strncmp(p, option, length) && p[length] == '=')
				add_option(out, kept, p + length + 1, " ,]\t\n");
		}
	}
}

/* apt does not tell with which options a source is read; the entry it comes from does. "" when that says nothing. */
static const char *options_of(struct arena *a, const char *entry)
{
	autostrbuf struct strbuf text = {0}, options = {0};
	autoerror struct error ignored = {0};
	const char *colon = strrchr(entry, ':');
	const char *path = colon ? arena_strndup(a, entry, (size_t)(colon - entry)) : NULL;
	unsigned long number = colon ? strtoul(colon + 1, NULL, 10) : 0;

	if (!path || !number || file_read(path, SOURCES_LIMIT_BYTES, &text, &ignored) < 0)
		return "";
	if (text_ends_with(path, ".sources"))
		options_of_stanza(find_stanza(strbuf_text(&text), number), &options);
	else
		options_of_line(strbuf_text(&text), number, &options);
	return arena_strdup(a, strbuf_text(&options));
}

static bool has_word(const char *line, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = strstr(line, word); p; p = strstr(p + 1, word)) {
		if (p[-1] == ' ' && (!p[length] || p[length] == ' '))
			return true;
	}
	return false;
}

/* An address, and the user and password that stand before its host, or NULL. */
struct place {
	const char *address, *user;
};

static struct place split_user(struct arena *a, const char *address)
{
	const char *start = strstr(address, "://"), *at = NULL;

	if (!start)
		return (struct place){address, NULL};
	start += strlen("://");
	for (const char *p = start; *p && *p != '/'; p++) {
		if (*p == '@')
			at = p;
	}
	if (!at)
		return (struct place){address, NULL};
	return (struct place){arena_printf(a, "%.*s%s", (int)(start - address), address, at + 1), arena_strndup(a, start, (size_t)(at - start))};
}

/* apt gives an address as it reads it; a line of sources wants its blanks written. */
static const char *without_blanks(struct arena *a, const char *address)
{
	autostrbuf struct strbuf out = {0};

	for (const char *p = address; *p; p++)
		*p == ' ' ? strbuf_add(&out, "%20") : strbuf_add_char(&out, *p);
	return arena_strdup(a, strbuf_text(&out));
}

/* apt lists a component once for each architecture. */
static void add_target(struct arena *a, const struct target *t, const char ***lines, size_t *count)
{
	const char *options = options_of(a, t->entry);
	const char *start = arena_printf(a, "deb %s%s%s%s %s ", *options ? "[" : "", options, *options ? "] " : "",
					 without_blanks(a, split_user(a, t->address).address), t->suite);

	for (size_t i = 0; i < *count; i++) {
		const char *line = (*lines)[i];

		if (!text_starts_with(line, start))
			continue;
		if (!has_word(line + strlen(start) - 1, t->component))
			(*lines)[i] = arena_printf(a, "%s %s", line, t->component);
		return;
	}
	*arena_push(a, lines, count) = arena_printf(a, "%s%s", start, t->component);
}

static const char *join(struct arena *a, const char *const *words, size_t count)
{
	autostrbuf struct strbuf s = {0};

	for (size_t i = 0; i < count; i++)
		strbuf_printf(&s, "%s%s", i ? " " : "", words[i]);
	return arena_strdup(a, strbuf_text(&s));
}

/* What apt knows: its sources as they are written, which is quick, or those whose lists it fetched, of which it also knows that "stable" is bookworm. `add` is
   called for each; what it gets lives as long as the call. */
static int ask_apt(bool with_lists, void (*add)(void *context, const struct target *t), void *context, struct error *err)
{
	static const char format[] = "$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(SOURCESENTRY)";
	const char *argv[] = {"apt-get", "indextargets", "--format", format, "Created-By: Packages", "--no-release-info", "-oDir::State::lists=/nonexistent/",
			      NULL};

	if (with_lists)
		argv[5] = NULL;
	autoresult struct process_result result = {0};

	if (process_run_ok(&(struct process_spec){.argv = argv, .timeout_ms = 60000}, &result, err) < 0)
		return error_wrap(err, "cannot learn this machine's package mirrors");
	for (char *line = result.out.text, *next; line && *line; line = next) {
		struct target t;
		size_t length = strcspn(line, "\n");

		next = line + length + (line[length] == '\n');
		line[length] = '\0';
		if (read_target(line, &t))
			add(context, &t);
	}
	return 0;
}

struct suite_lines {
	struct arena *arena;
	const char *suite;
	const char *const *components;
	size_t component_count;
	const char **lines;
	size_t count;
};

static void add_line(void *context, const struct target *t)
{
	struct suite_lines *s = context;

	if (is_wanted(t, s->suite, s->components, s->component_count))
		add_target(s->arena, t, &s->lines, &s->count);
}

int mirrors_of_suite(struct arena *a, const char *suite, const char *const *components, size_t component_count, const char ***ret_lines, size_t *ret_count,
		     struct error *err)
{
	const char *own = getenv("LOCKSTEP_APT_MIRROR");
	struct suite_lines s = {.arena = a, .suite = suite, .components = components, .component_count = component_count};

	if (own && *own)
		*arena_push(a, &s.lines, &s.count) = arena_printf(a, "deb %s %s %s", split_user(a, own).address, suite, join(a, components, component_count));
	for (int with_lists = 0; !s.count && with_lists < 2; with_lists++) {
		if (ask_apt(with_lists, add_line, &s, err) < 0)
			return -1;
	}
	*ret_lines = s.lines;
	*ret_count = s.count;
	return 0;
}

struct places {
	struct arena *arena;
	struct place *items;
	size_t count;
};

static void add_place(void *context, const struct target *t)
{
	struct places *all = context;
	struct place place = split_user(all->arena, t->address);

	if (!place.user)
		return;
	for (size_t i = 0; i < all->count; i++) {
		if (text_equal(all->items[i].address, place.address))
			return;
	}
	*arena_push(all->arena, &all->items, &all->count) = (struct place){arena_strdup(all->arena, place.address), place.user};
}

/* One word of an entry: up to `end`, "%40" as "@". False when a file of words between spaces cannot hold it. */
static bool add_word(struct strbuf *out, const char *text, const char *end)
{
	size_t before = out->length;

	for (const char *p = text; p < end; p++) {
		unsigned byte = (unsigned char)*p;

		if (*p == '%' && end - p > 2 && sscanf(p + 1, "%2x", &byte) == 1)
			p += 2;
		if (byte <= ' ' || byte == 0x7f)
			return false;
		strbuf_add_char(out, (char)byte);
	}
	return out->length > before;
}

/* "machine [http://]HOST[:PORT][/PATH] login USER password PASSWORD"; an entry without a protocol is for https. */
static int add_credentials(struct strbuf *out, const struct place *place, struct error *err)
{
	const char *colon = strchr(place->user, ':'), *end = place->user + strlen(place->user);
	const char *machine = text_starts_with(place->address, "https://") ? place->address + strlen("https://") : place->address;

	strbuf_printf(out, "machine %s login ", machine);
	if (!add_word(out, place->user, colon ? colon : end))
		return error_set(err, ERR_INPUT, "the user in the address of apt's source '%s' is empty, or has a space", place->address);
	if (colon) {
		strbuf_add(out, " password ");
		if (!add_word(out, colon + 1, end))
			return error_set(err, ERR_INPUT, "the password in the address of apt's source '%s' is empty, or has a space", place->address);
	}
	strbuf_add_char(out, '\n');
	return 0;
}

int mirrors_add_credentials(struct arena *a, struct strbuf *out, struct error *err)
{
	const char *own = getenv("LOCKSTEP_APT_MIRROR");
	struct places all = {.arena = a};

	if (own && *own)
		add_place(&all, &(struct target){.address = own});
	if (ask_apt(false, add_place, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.count; i++) {
		if (add_credentials(out, &all.items[i], err) < 0)
			return error_hint(err, "apt's own place for such secrets is /etc/apt/auth.conf.d/, see apt_auth.conf(5)");
	}
	return 0;
}

int mirrors_environment(struct arena *a, const char *const **ret_environment, struct error *err)
{
	static const char *const argv[] = {"apt-config", "dump", "--format", "%F %v%n", "Acquire::http::Proxy", "Acquire::https::Proxy", NULL};
	autoresult struct process_result result = {0};
	const char **list = NULL;
	size_t count = 0;

	if (process_run_ok(&(struct process_spec){.argv = argv, .timeout_ms = 60000}, &result, err) < 0)
		return error_wrap(err, "cannot learn apt's proxy");
	for (const char *line = strbuf_text(&result.out); *line; line = next_line(line)) {
		const char *variable = text_starts_with(line, "Acquire::https::Proxy ") ? "https_proxy" : "http_proxy";
		const char *value = line + strcspn(line, " \n");
		size_t length = strcspn(value, "\n");

		/* What the environment says reaches the child anyway, and counts more. */
		if (length < 2 || getenv(variable) || text_starts_with(value, " DIRECT"))
			continue;
		*arena_push(a, &list, &count) = arena_printf(a, "%s=%.*s", variable, (int)length - 1, value + 1);
	}
	*arena_push(a, &list, &count) = NULL;
	*ret_environment = list;
	return 0;
}
