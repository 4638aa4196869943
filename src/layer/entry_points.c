#include "layer/entry_points.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

enum { FIRST_LINE_MAX_BYTES = 127 };

static const char *trim(struct arena *a, const char *begin, const char *end)
{
	while (begin < end && isspace((unsigned char)*begin))
		begin++;
	while (end > begin && isspace((unsigned char)end[-1]))
		end--;
	return arena_strndup(a, begin, (size_t)(end - begin));
}

static bool is_dotted(const char *text)
{
	bool begins = true;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '.' && begins)
			return false;
		/* Letters beyond ASCII can be names of Python's. */
		if (c != '.' && !isalnum(c) && c != '_' && c < 128)
			return false;
		begins = c == '.';
	}
	return !begins;
}

/* "tool = package.module:object [extra]" */
static int read_line(struct arena *a, const char *line, const char *end, struct entry_point *ret, struct error *err)
{
	const char *equals = memchr(line, '=', (size_t)(end - line));

	if (!equals)
		return error_set(err, ERR_INPUT, "a program without '='");
	const char *value = trim(a, equals + 1, end), *bracket = strchr(value, '[');

	if (bracket)
		value = trim(a, value, bracket);
	const char *colon = strchr(value, ':');

	ret->name = trim(a, line, equals);
	if (!path_is_plain_name(ret->name))
		return error_set(err, ERR_INPUT, "a program whose name is no name of a file");
	if (!colon)
		return error_set(err, ERR_INPUT, "the program '%s' names no object to call", ret->name);
	ret->module = trim(a, value, colon);
	ret->object = trim(a, colon + 1, colon + strlen(colon));
	if (!is_dotted(ret->module) || !is_dotted(ret->object))
		return error_set(err, ERR_INPUT, "the program '%s' names no module and object", ret->name);
	return 0;
}

static int compare(const void *left, const void *right)
{
	return strcmp(((const struct entry_point *)left)->name, ((const struct entry_point *)right)->name);
}

static void add(struct arena *a, const struct entry_point *e, struct entry_point **list, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		if (!strcmp((*list)[i].name, e->name)) {
			(*list)[i] = *e;
			return;
		}
	}
	*arena_push(a, list, count) = *e;
}

int entry_points_read(struct arena *a, const char *text, size_t length, struct entry_point **ret, size_t *ret_count, struct error *err)
{
	struct entry_point *list = NULL;
	size_t count = 0;
	bool is_scripts = false;

	for (const char *at = text, *stop = text + length; at < stop;) {
		const char *end = memchr(at, '\n', (size_t)(stop - at));

		end = end ? end : stop;
		const char *line = trim(a, at, end);
		struct entry_point e;

		if (*line == '[')
			is_scripts = !strcmp(line, "[console_scripts]") || !strcmp(line, "[gui_scripts]");
		else if (is_scripts && *line && *line != '#' && *line != ';') {
			if (read_line(a, at, end, &e, err) < 0)
				return -1;
			add(a, &e, &list, &count);
		}
		at = end + (end < stop);
	}
	if (count > 1)
		qsort(list, count, sizeof(*list), compare);
	*ret = list;
	*ret_count = count;
	return 0;
}

const char *script_first_line(struct arena *a, const char *python)
{
	/* "#!" and the end of the line count, too. */
	if (strlen(python) + 3 <= FIRST_LINE_MAX_BYTES && !strchr(python, ' '))
		return arena_printf(a, "#!%s\n", python);
	const char *quote = strchr(python, ' ') ? "\"" : "";

	/* To the shell an exec; to Python a text in three quotes. */
	return arena_printf(a, "#!/bin/sh\n'''exec' %s%s%s \"$0\" \"$@\"\n' '''\n", quote, python, quote);
}

const char *entry_point_script(struct arena *a, const struct entry_point *e, const char *python)
{
	size_t first_length = strcspn(e->object, ".");

	return arena_printf(a,
			    "%s# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom %s import %.*s\nif __name__ == '__main__':\n"
			    "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(%s())\n",
			    script_first_line(a, python), e->module, (int)first_length, e->object, e->object);
}
