#include "debian/image_sources.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"

enum { SOURCES_MAX = 1000, WORDS_MAX = 1000, PATH_SHOWN_MAX = 200 };

/* One entry before it is looked at: every list of its words NULL-terminated. */
struct entry {
	const char *path;
	unsigned line;
	const char **types, **addresses, **suites, **components, **architectures, **keys;
	const char *trusted, *check_valid_until, *key;
	bool disabled;
};

static int wrong(const struct entry *e, const char *what, const char *seen, struct error *err)
{
	return error_set(err, ERR_INPUT, "%s:%u: %s '%.*s' is none that apt would read", e->path, e->line, what, PATH_SHOWN_MAX, seen ? seen : "");
}

/* The words of a text up to its end, NULL-terminated. */
static const char **words_of(struct arena *a, const char *text, size_t length, const char *between)
{
	const char **words = NULL, *end = text + length;
	size_t count = 0;

	while (text < end && count < WORDS_MAX) {
		size_t word = 0;

		while (text + word < end && !strchr(between, text[word]))
			word++;
		if (word)
			*arena_push(a, &words, &count) = arena_strndup(a, text, word);
		text += word + (text + word < end);
	}
	*arena_push(a, &words, &count) = NULL;
	return words;
}

static const char *joined(struct arena *a, const char *const *words, const char *between)
{
	autostrbuf struct strbuf out = {0};

	for (; words && *words; words++)
		strbuf_printf(&out, "%s%s", out.length ? between : "", *words);
	return arena_strdup(a, strbuf_text(&out));
}

/* ---- what counts ---- */

/* These go into lines of our own. */
static bool is_word(const char *text, const char *further)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+-";
	const char *p = text;

	for (; *p; p++) {
		if (!strchr(plain, *p) && !strchr(further, *p))
			return false;
	}
	return p > text;
}

static bool are_words(const char *const *words, const char *further)
{
	for (; words && *words; words++) {
		if (!is_word(*words, further))
			return false;
	}
	return true;
}

static bool is_truth(const char *text)
{
	static const char *const known[] = {"yes", "true", "on", "1", "with", "enable", "no", "false", "off", "0", "without", "disable", NULL};

	for (const char *const *k = known; *k; k++) {
		if (!strcasecmp(text, *k))
			return true;
	}
	return false;
}

static bool is_no(const char *text)
{
	return !strcasecmp(text, "no") || !strcasecmp(text, "false") || !strcasecmp(text, "off") || !strcmp(text, "0") || !strcasecmp(text, "without") ||
	       !strcasecmp(text, "disable");
}

/* Without the user and password: those are this machine's. */
static const char *without_user(struct arena *a, const char *address)
{
	const char *host = strstr(address, "://") + 3, *end = host + strcspn(host, "/"), *at = memrchr(host, '@', (size_t)(end - host));

	return at ? arena_printf(a, "%.*s%s", (int)(host - address), address, at + 1) : address;
}

static void leave_out(struct image_sources *s, const struct entry *e, const char *address, const char *why)
{
	*arena_push(s->arena, &s->left_out, &s->left_out_count) =
		arena_printf(s->arena, "%s:%u: source '%.*s' is left out: %s", e->path, e->line, PATH_SHOWN_MAX, address, why);
}

/* What apt reads other than over the network would be this machine's, and some of its methods run programs. */
static bool is_remote(const char *address)
{
	return !strncasecmp(address, "http://", strlen("http://")) || !strncasecmp(address, "https://", strlen("https://"));
}

static int add_source(struct image_sources *s, const struct entry *e, const char *address, const char *suite, struct error *err)
{
	bool flat = text_ends_with(suite, "/");

	if (!is_remote(address)) {
		leave_out(s, e, address, "only http and https are asked");
		return 0;
	}
	address = without_user(s->arena, address);
	if (!is_word(address, "/:%=@,$()&?;"))
		return wrong(e, "the address", address, err);
	if (!is_word(suite, "/:$()") || text_starts_with(suite, "/"))
		return wrong(e, "the suite", suite, err);
	if (flat == (e->components && *e->components))
		return wrong(e, flat ? "a suite with components," : "a suite without components,", suite, err);
	if (s->count == SOURCES_MAX)
		return error_set(err, ERR_INPUT, "%s: more than %d sources", e->path, SOURCES_MAX);
	*arena_push(s->arena, &s->items, &s->count) = (struct image_source){
		.address = address,
		.suite = suite,
		.components = joined(s->arena, e->components, " "),
		.architectures = e->architectures ? joined(s->arena, e->architectures, ",") : NULL,
		.trusted = e->trusted,
		.check_valid_until = e->check_valid_until,
		.keys = e->keys,
		.key = e->key,
	};
	return 0;
}

static bool has_packages(const struct entry *e)
{
	bool any = false;

	for (const char **t = e->types; t && *t; t++)
		any |= !strcmp(*t, "deb");
	return any && !e->disabled;
}

static int add_entry(struct image_sources *s, const struct entry *e, struct error *err)
{
	if (!has_packages(e))
		return 0;
	if (!are_words(e->components, "/$():"))
		return wrong(e, "one of the components", joined(s->arena, e->components, " "), err);
	if (!are_words(e->architectures, ""))
		return wrong(e, "one of the architectures", joined(s->arena, e->architectures, " "), err);
	if (!are_words(e->keys, "/!"))
		return wrong(e, "the key", joined(s->arena, e->keys, " "), err);
	if ((e->trusted && !is_truth(e->trusted)) || (e->check_valid_until && !is_truth(e->check_valid_until)))
		return wrong(e, "the setting", e->trusted ? e->trusted : e->check_valid_until, err);
	if (!e->addresses || !*e->addresses || !e->suites || !*e->suites)
		return error_set(err, ERR_INPUT, "%s:%u: a source without an address and a suite", e->path, e->line);
	for (const char **address = e->addresses; *address; address++) {
		for (const char **suite = e->suites; *suite; suite++) {
			if (add_source(s, e, *address, *suite, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* ---- lines: deb [option=value ...] ADDRESS SUITE COMPONENT ... ---- */

static void set_option(struct arena *a, struct entry *e, const char *option)
{
	const char *value = strchr(option, '=');

	if (!value)
		return;
	const char *name = arena_strndup(a, option, (size_t)(value - option));

	value++;
	if (!strcasecmp(name, "arch"))
		e->architectures = words_of(a, value, strlen(value), ",");
	else if (!strcasecmp(name, "signed-by"))
		e->keys = words_of(a, value, strlen(value), ",");
	else if (!strcasecmp(name, "trusted"))
		e->trusted = value;
	else if (!strcasecmp(name, "check-valid-until"))
		e->check_valid_until = value;
}

static int read_line(struct image_sources *s, const char *path, unsigned number, const char *line, struct error *err)
{
	static const char blanks[] = " \t\r";
	struct arena *a = s->arena;
	struct entry e = {.path = path, .line = number};

	line += strspn(line, blanks);
	size_t length = strcspn(line, "#"), type = strcspn(line, " \t\r#[");

	if (!length)
		return 0;
	e.types = words_of(a, line, type, blanks);
	const char *rest = line + type, *end = line + length;

	rest += strspn(rest, blanks);
	if (*rest == '[' && rest < end) {
		const char *close = memchr(rest, ']', (size_t)(end - rest));

		if (!close)
			return wrong(&e, "the line", line, err);
		for (const char **option = words_of(a, rest + 1, (size_t)(close - rest) - 1, blanks); *option; option++)
			set_option(a, &e, *option);
		rest = close + 1;
	}
	const char **words = words_of(a, rest, (size_t)(end - rest), blanks);
	size_t count = 0;

	while (words[count])
		count++;
	e.addresses = words_of(a, count ? words[0] : "", count ? strlen(words[0]) : 0, blanks);
	e.suites = words_of(a, count > 1 ? words[1] : "", count > 1 ? strlen(words[1]) : 0, blanks);
	e.components = count > 2 ? words + 2 : NULL;
	return add_entry(s, &e, err);
}

static int read_lines(struct image_sources *s, const char *path, const char *text, struct error *err)
{
	for (unsigned number = 1; *text; number++) {
		const char *line = arena_strndup(s->arena, text, strcspn(text, "\n"));

		line += strspn(line, " \t\r");
		if (read_line(s, path, number, line, err) < 0)
			return -1;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return 0;
}

/* ---- stanzas: fields and what continues them ---- */

/* A key in full: its lines, each continued by a blank; a dot stands for an empty one. */
static const char *key_of(struct arena *a, const char *value)
{
	autostrbuf struct strbuf out = {0};

	for (const char *p = value; *p;) {
		p += strspn(p, " \t");
		size_t length = strcspn(p, "\r\n");

		if (!(length == 1 && *p == '.'))
			strbuf_add_bytes(&out, p, length);
		strbuf_add_char(&out, '\n');
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return arena_strdup(a, strbuf_text(&out));
}

static const char *one_word(struct arena *a, const char *value)
{
	const char **words = words_of(a, value, strlen(value), " \t\r\n");

	return *words ? *words : "";
}

static void set_field(struct arena *a, struct entry *e, const char *name, const char *value)
{
	const char **words = words_of(a, value, strlen(value), " \t\r\n");

	if (!strcasecmp(name, "Types"))
		e->types = words;
	else if (!strcasecmp(name, "URIs") || !strcasecmp(name, "URI"))
		e->addresses = words;
	else if (!strcasecmp(name, "Suites"))
		e->suites = words;
	else if (!strcasecmp(name, "Components"))
		e->components = words;
	else if (!strcasecmp(name, "Architectures"))
		e->architectures = words;
	else if (!strcasecmp(name, "Enabled"))
		e->disabled = is_no(one_word(a, value));
	else if (!strcasecmp(name, "Trusted"))
		e->trusted = one_word(a, value);
	else if (!strcasecmp(name, "Check-Valid-Until"))
		e->check_valid_until = one_word(a, value);
	else if (!strcasecmp(name, "Signed-By") && strstr(value, "-----BEGIN PGP PUBLIC KEY BLOCK-----"))
		e->key = key_of(a, value);
	else if (!strcasecmp(name, "Signed-By"))
		e->keys = words;
}

/* A field with its continued lines, without the comments between them. Goes behind it. */
static const char *field_text(struct arena *a, const char **at, unsigned *number)
{
	autostrbuf struct strbuf out = {0};
	const char *p = *at;

	do {
		if (*p != '#')
			strbuf_printf(&out, "%.*s\n", (int)strcspn(p, "\n"), p);
		p += strcspn(p, "\n");
		p += *p == '\n';
		++*number;
	} while (*p == '#' || ((*p == ' ' || *p == '\t') && strspn(p, " \t\r") != strcspn(p, "\n")));
	*at = p;
	return arena_strdup(a, strbuf_text(&out));
}

static int read_stanzas(struct image_sources *s, const char *path, const char *text, struct error *err)
{
	struct entry e = {.path = path};
	bool inside = false;

	for (unsigned number = 1; *text;) {
		bool empty = strspn(text, " \t\r") == strcspn(text, "\n");

		if (empty && inside && add_entry(s, &e, err) < 0)
			return -1;
		if (empty || !inside) {
			e = (struct entry){.path = path, .line = number};
			inside = false;
		}
		const char *field = field_text(s->arena, &text, &number), *colon = strchr(field, ':');

		if (empty || !colon)
			continue;
		set_field(s->arena, &e, arena_strndup(s->arena, field, (size_t)(colon - field)), colon + 1 + strspn(colon + 1, " \t"));
		inside = true;
	}
	return inside ? add_entry(s, &e, err) : 0;
}

int image_sources_read(struct image_sources *s, const char *path, const char *text, bool stanzas, struct error *err)
{
	return stanzas ? read_stanzas(s, path, text, err) : read_lines(s, path, text, err);
}
