/* The options of a line of a requirement file: words as shlex.split() makes them, options as Python's optparse reads them. */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "python/name.h"
#include "python/requirement_file_parts.h"
#include "python/scan.h"

void requirement_texts_add(struct arena *a, struct requirement_texts *texts, const char *text)
{
	*arena_push(a, &texts->items, &texts->count) = text;
}

bool requirement_texts_have(const struct requirement_texts *texts, const char *text)
{
	for (size_t i = 0; i < texts->count; i++)
		if (!strcmp(texts->items[i], text))
			return true;
	return false;
}

/* Of packages for or against something. */
enum { NAMES_LIMIT = 20000 };

static bool is_word(const char *at, size_t length, const char *word)
{
	return length == strlen(word) && !strncmp(at, word, length);
}

/* The first ":all:" among the names, NULL for none. */
static const char *find_all(const char *value)
{
	for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (is_word(at, strcspn(at, ","), ":all:"))
			return at;
	return NULL;
}

static bool has_none(const char *value)
{
	for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (is_word(at, strcspn(at, ","), ":none:"))
			return true;
	return false;
}

/* Where `text` stands among sorted ones, or would. */
static size_t place_of(const struct requirement_texts *sorted, const char *text, bool *ret_there)
{
	size_t low = 0, high = sorted->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(sorted->items[middle], text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_there = low < sorted->count && !strcmp(sorted->items[low], text);
	return low;
}

static void insert(struct arena *a, struct requirement_texts *sorted, const char *text)
{
	bool there;
	size_t at = place_of(sorted, text, &there);

	if (there)
		return;
	requirement_texts_add(a, sorted, text);
	memmove(sorted->items + at + 1, sorted->items + at, (sorted->count - 1 - at) * sizeof(*sorted->items));
	sorted->items[at] = text;
}

static void drop(struct requirement_texts *sorted, const char *text)
{
	bool there;
	size_t at = place_of(sorted, text, &there);

	if (!there)
		return;
	sorted->count--;
	memmove(sorted->items + at, sorted->items + at + 1, (sorted->count - at) * sizeof(*sorted->items));
}

static bool apply_names(struct arena *a, struct requirement_texts *target, struct requirement_texts *other, const char *value)
{
	for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		size_t length = strcspn(at, ",");

		if (is_word(at, length, ":none:")) {
			target->count = 0;
			continue;
		}
		const char *name = name_canonical(a, arena_strndup(a, at, length));

		drop(other, name);
		insert(a, target, name);
		if (target->count > NAMES_LIMIT)
			return false;
	}
	return true;
}

/* Does "--only-binary=VALUE" (on) or "--no-binary=VALUE": names parted by commas, ":all:", ":none:". False when they become too many. */
static bool apply_control(struct arena *a, struct requirement_control *control, const char *value, bool on)
{
	struct requirement_texts *target = on ? &control->on : &control->off, *other = on ? &control->off : &control->on;
	const char *all;

	/* What stands before ":all:" says nothing, and neither does what stands behind it unless ":none:" is there. */
	while ((all = find_all(value))) {
		target->count = other->count = 0;
		requirement_texts_add(a, target, ":all:");
		value = all + strlen(":all:");
		if (!*value++ || !has_none(value))
			return true;
	}
	return apply_names(a, target, other, value);
}

void requirement_control_add_all(struct arena *a, struct requirement_control *control)
{
	insert(a, &control->on, ":all:");
}

/* ---- words ---- */

struct words {
	const char **items;
	size_t count;
};

/* The place after a quoted part; NULL when it does not end. Between double quotes a backslash stands before these and itself only. */
static const char *read_quoted(const char *at, char quote, struct strbuf *out)
{
	for (; *at != quote; at++) {
		if (*at == '\\' && quote == '"') {
			at++;
			if (*at && *at != '"' && *at != '\\')
				strbuf_add_char(out, '\\');
		}
		if (!*at)
			return NULL;
		strbuf_add_char(out, *at);
	}
	return at + 1;
}

/* One word; the place after it, NULL when a quote or a backslash has no other end. */
static const char *read_word(const char *at, struct strbuf *out)
{
	while (*at && !strchr(" \t\r\n", *at)) {
		if (*at == '"' || *at == '\'') {
			at = read_quoted(at + 1, *at, out);
			if (!at)
				return NULL;
			continue;
		}
		if (*at == '\\' && !*++at)
			return NULL;
		strbuf_add_char(out, *at++);
	}
	return at;
}

static bool split(struct arena *a, const char *at, struct words *ret)
{
	for (at += strspn(at, " \t\r\n"); *at; at += strspn(at, " \t\r\n")) {
		autostrbuf struct strbuf word = {0};

		at = read_word(at, &word);
		if (!at)
			return false;
		*arena_push(a, &ret->items, &ret->count) = arena_strndup(a, strbuf_text(&word), word.length);
	}
	return true;
}

/* ---- options ---- */

/* Of different keys, on one line. */
enum { SETTINGS_LIMIT = 1000 };

struct option_reader {
	struct arena *arena;
	struct requirement_options *o;
	struct requirement_file *file;
	const char *why; /* what is wrong */
};

static bool wrong(struct option_reader *r, const char *why)
{
	r->why = why;
	return false;
}

static bool take_index_url(struct option_reader *r, const char *value)
{
	r->o->index_url = value;
	return true;
}

#define TAKE_TEXT(option, member)                                                                                                                              \
	static bool take_##option(struct option_reader *r, const char *value)                                                                                  \
	{                                                                                                                                                      \
		requirement_texts_add(r->arena, &r->o->member, value);                                                                                         \
		return true;                                                                                                                                   \
	}
TAKE_TEXT(extra_index_url, extra_index_urls)
TAKE_TEXT(find_links, find_links)
TAKE_TEXT(trusted_host, trusted_hosts)
TAKE_TEXT(requirement, requirements)
TAKE_TEXT(constraint, constraints)
TAKE_TEXT(editable, editables)

#define TAKE_TRUTH(option)                                                                                                                                     \
	static bool take_##option(struct option_reader *r, const char *value __attribute__((unused)))                                                          \
	{                                                                                                                                                      \
		return r->o->option = true;                                                                                                                    \
	}
TAKE_TRUTH(no_index)
TAKE_TRUTH(prefer_binary)
TAKE_TRUTH(require_hashes)
TAKE_TRUTH(no_require_hashes)
TAKE_TRUTH(pre)

/* These two count from the moment they are read, on whatever line. */
static bool take_control(struct option_reader *r, struct requirement_control *own, struct requirement_control *whole, const char *value, bool on)
{
	if (*value == '-')
		return wrong(r, "an option stands where names of packages are wanted");
	if (!apply_control(r->arena, own, value, on) || !apply_control(r->arena, whole, value, on))
		return wrong(r, "too many packages are named");
	return true;
}

static bool take_no_binary(struct option_reader *r, const char *value)
{
	return take_control(r, &r->o->binary, &r->file->binary, value, false);
}

static bool take_only_binary(struct option_reader *r, const char *value)
{
	return take_control(r, &r->o->binary, &r->file->binary, value, true);
}

static bool take_all_releases(struct option_reader *r, const char *value)
{
	return take_control(r, &r->o->releases, &r->file->releases, value, true);
}

static bool take_only_final(struct option_reader *r, const char *value)
{
	return take_control(r, &r->o->releases, &r->file->releases, value, false);
}

static bool take_use_feature(struct option_reader *r, const char *value)
{
	static const char *const known[] = {
		"fast-deps", "inprocess-build-deps", "venv-isolation", "truststore", "no-binary-enable-wheel-cache", "build-constraint",
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i], value)) {
			requirement_texts_add(r->arena, &r->o->features, value);
			return true;
		}
	return wrong(r, "--use-feature names none that pip has");
}

static bool take_hash(struct option_reader *r, const char *value)
{
	static const char *const strong[] = {"sha256", "sha384", "sha512"};
	const char *colon = strchr(value, ':'), *algorithm = NULL;
	size_t i = 0;

	for (size_t k = 0; colon && k < ARRAY_LEN(strong); k++)
		if (strlen(strong[k]) == (size_t)(colon - value) && text_starts_with(value, strong[k]))
			algorithm = strong[k];
	if (!algorithm)
		return wrong(r, "--hash needs 'sha256:', 'sha384:' or 'sha512:' and a digest");
	while (i < r->o->hash_count && strcmp(r->o->hashes[i].algorithm, algorithm) != 0)
		i++;
	if (i == r->o->hash_count)
		*arena_push(r->arena, &r->o->hashes, &r->o->hash_count) = (struct requirement_hash){.algorithm = algorithm};
	requirement_texts_add(r->arena, &r->o->hashes[i].digests, colon + 1);
	return true;
}

static bool take_config_settings(struct option_reader *r, const char *value)
{
	const char *equals = strchr(value, '=');
	size_t i = 0;

	if (!equals)
		return wrong(r, "--config-settings needs KEY=VALUE");
	const char *key = arena_strndup(r->arena, value, (size_t)(equals - value));

	while (i < r->o->setting_count && strcmp(r->o->settings[i].key, key) != 0)
		i++;
	if (i == SETTINGS_LIMIT)
		return wrong(r, "too many --config-settings stand on one line");
	if (i == r->o->setting_count)
		*arena_push(r->arena, &r->o->settings, &r->o->setting_count) = (struct requirement_setting){.key = key};
	requirement_texts_add(r->arena, &r->o->settings[i].values, equals + 1);
	return true;
}

/* All that pip 26.3 reads in a file. */
static const struct option {
	const char *name;
	char letter;
	bool has_value;
	bool (*take)(struct option_reader *r, const char *value);
} options[] = {
	{"--index-url", 'i', true, take_index_url},
	{"--pypi-url", 0, true, take_index_url},
	{"--extra-index-url", 0, true, take_extra_index_url},
	{"--no-index", 0, false, take_no_index},
	{"--constraint", 'c', true, take_constraint},
	{"--requirement", 'r', true, take_requirement},
	{"--editable", 'e', true, take_editable},
	{"--find-links", 'f', true, take_find_links},
	{"--no-binary", 0, true, take_no_binary},
	{"--only-binary", 0, true, take_only_binary},
	{"--prefer-binary", 0, false, take_prefer_binary},
	{"--require-hashes", 0, false, take_require_hashes},
	{"--no-require-hashes", 0, false, take_no_require_hashes},
	{"--pre", 0, false, take_pre},
	{"--all-releases", 0, true, take_all_releases},
	{"--only-final", 0, true, take_only_final},
	{"--trusted-host", 0, true, take_trusted_host},
	{"--use-feature", 0, true, take_use_feature},
	{"--hash", 0, true, take_hash},
	{"--config-settings", 'C', true, take_config_settings},
};

/* By its name or the beginning of only one name; NULL, with r->why set, for none. */
static const struct option *find_long(struct option_reader *r, const char *word, size_t length)
{
	const struct option *found = NULL, *second = NULL;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (strncmp(options[i].name, word, length) != 0)
			continue;
		if (!options[i].name[length])
			return &options[i];
		second = found;
		found = &options[i];
	}
	if (!found)
		r->why = arena_printf(r->arena, "there is no option '%.*s' in requirement files", (int)length, word);
	else if (second)
		r->why = arena_printf(r->arena, "option '%.*s' could be '%s' or '%s'", (int)length, word, second->name, found->name);
	return r->why ? NULL : found;
}

static const struct option *find_short(struct option_reader *r, char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].letter == letter)
			return &options[i];
	r->why = arena_printf(r->arena, "there is no option '-%c' in requirement files", letter);
	return NULL;
}

/* Gives the option the value that is attached to it, or the next word. */
static bool take_option(struct option_reader *r, const struct option *option, const char *attached, const struct words *words, size_t *at)
{
	if (!option->has_value)
		return attached ? wrong(r, arena_printf(r->arena, "option '%s' takes no value", option->name)) : option->take(r, NULL);
	if (!attached && *at < words->count)
		attached = words->items[(*at)++];
	return attached ? option->take(r, attached) : wrong(r, arena_printf(r->arena, "option '%s' needs a value", option->name));
}

static bool take_long(struct option_reader *r, const char *word, const struct words *words, size_t *at)
{
	size_t length = strcspn(word, "=");
	const struct option *option = find_long(r, word, length);

	return option && take_option(r, option, word[length] ? word + length + 1 : NULL, words, at);
}

/* "-rfile"; no option of one letter goes without a value, so that a second one never follows. */
static bool take_short(struct option_reader *r, const char *word, const struct words *words, size_t *at)
{
	const struct option *option = find_short(r, word[1]);

	return option && take_option(r, option, word[2] ? word + 2 : NULL, words, at);
}

static bool take_all(struct option_reader *r, const struct words *words)
{
	for (size_t at = 0; at < words->count;) {
		const char *word = words->items[at++];

		if (!strcmp(word, "--"))
			return true;
		/* What stands between options and is none is passed over. */
		if (text_starts_with(word, "--") ? !take_long(r, word, words, &at) : word[0] == '-' && word[1] && !take_short(r, word, words, &at))
			return false;
	}
	return true;
}

const char *requirement_options_read(struct arena *a, const char *line, const char **ret_text, struct requirement_options *ret, struct requirement_file *file)
{
	struct option_reader r = {.arena = a, .o = ret, .file = file};
	struct words words = {0};
	const char *at = line;

	/* The first of the words parted by blanks that begins with '-'; the others are not looked into, as markers have quotes of their own. */
	while (*at != '-' && strchr(at, ' '))
		at = strchr(at, ' ') + 1;
	if (*at != '-')
		at += strlen(at);
	else if (at > line + 1)
		*ret_text = arena_strndup(a, line, (size_t)(at - line - 1));
	if (!*at)
		*ret_text = line;
	if (!split(a, at, &words))
		return "a quote or a backslash is not ended";
	take_all(&r, &words);
	return r.why;
}
