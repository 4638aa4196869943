#include "python/wheel.h"

#include <string.h>

#include "base/text.h"
#include "python/name.h"
#include "python/scan.h"
#include "python/version.h"

/* Wheels in the world have a handful of tags; the limit keeps a hostile name from being multiplied out. */
enum { TAG_LIMIT = 1024 };

struct parts {
	const char **texts;
	size_t count;
};

/* Cuts `text` at '-' into at most `limit` parts. */
static size_t cut(struct arena *a, const char *text, size_t length, const char **parts, size_t limit)
{
	const char *end = text + length;
	size_t count = 0;

	while (count < limit) {
		const char *dash = memchr(text, '-', (size_t)(end - text));

		parts[count++] = arena_strndup(a, text, (size_t)((dash ? dash : end) - text));
		if (!dash)
			return count;
		text = dash + 1;
	}
	return limit + 1;
}

/* PEP 427 escapes runs of other characters to one '_'. */
static bool is_escaped_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!scan_is_alnum(*c) && *c != '.' && (*c != '_' || c[1] == '_'))
			return false;
	return *name;
}

static bool is_identifier(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!scan_is_letter(*c) && *c != '_' && (!scan_is_digit(*c) || c == text))
			return false;
	return *text;
}

/* A compressed set: "py2.py3". In lower case, each once, in order; false when one of them is empty. */
static bool read_set(struct arena *a, const char *text, struct parts *ret)
{
	for (size_t parts = 1; parts <= TAG_LIMIT; parts++, text++) {
		size_t length = strcspn(text, "."), i = 0;
		char *part = arena_strndup(a, text, length);

		if (!length)
			return false;
		for (char *c = part; *c; c++)
			*c = scan_lower(*c);
		while (i < ret->count && strcmp(ret->texts[i], part) != 0)
			i++;
		if (i == ret->count)
			*arena_push(a, &ret->texts, &ret->count) = part;
		text += length;
		if (!*text)
			return true;
	}
	return false;
}

static bool expand_tags(struct arena *a, const char *const *sets, struct wheel_name *ret)
{
	struct parts python = {0}, abi = {0}, platform = {0};

	if (!read_set(a, sets[0], &python) || !read_set(a, sets[1], &abi) || !read_set(a, sets[2], &platform))
		return false;
	/* Each is at most TAG_LIMIT, so that the product does not overflow. */
	size_t count = python.count * abi.count * platform.count;

	if (count > TAG_LIMIT)
		return false;
	for (size_t i = 0; i < python.count; i++)
		if (!is_identifier(python.texts[i]))
			return false;
	ret->tags = arena_array(a, count, sizeof(*ret->tags));
	ret->tag_count = count;
	for (size_t i = 0; i < count; i++)
		ret->tags[i] = arena_printf(a, "%s-%s-%s", python.texts[i / platform.count / abi.count], abi.texts[i / platform.count % abi.count],
					    platform.texts[i % platform.count]);
	return true;
}

bool wheel_name_parse(struct arena *a, const char *file_name, struct wheel_name *ret)
{
	enum { PART_LIMIT = 6 };
	const char *parts[PART_LIMIT];
	size_t length = strlen(file_name), suffix = strlen(".whl");

	if (!text_ends_with(file_name, ".whl"))
		return false;
	size_t count = cut(a, file_name, length - suffix, parts, PART_LIMIT);
	struct wheel_name wheel = {0};

	if ((count != 5 && count != 6) || !is_escaped_name(parts[0]))
		return false;
	struct version *version = version_parse(a, parts[1]);

	if (!version)
		return false;
	wheel.name = name_canonical(a, parts[0]);
	wheel.version = version_normal(a, version);
	wheel.build = count == 6 ? parts[2] : NULL;
	if (wheel.build && !scan_is_digit(*wheel.build))
		return false;
	if (!expand_tags(a, parts + count - 3, &wheel))
		return false;
	*ret = wheel;
	return true;
}
