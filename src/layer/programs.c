#include "layer/programs.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "python/entry_points.h"

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
static int read_program(struct arena *a, const struct entry_point_line *line, struct program *ret, struct error *err)
{
	if (!line->value)
		return error_set(err, ERR_INPUT, "a program without '='");
	const char *value = trim(a, line->value, line->value + line->value_length), *bracket = strchr(value, '[');

	if (bracket)
		value = trim(a, value, bracket);
	const char *colon = strchr(value, ':');

	ret->name = trim(a, line->name, line->name + line->name_length);
	ret->is_graphical = line->is_graphical;
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
	return strcmp(((const struct program *)left)->name, ((const struct program *)right)->name);
}

struct programs {
	struct program *list;
	size_t count;
};

static struct program *find(const struct programs *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!strcmp(p->list[i].name, name))
			return &p->list[i];
	}
	return NULL;
}

static void add(struct arena *a, struct programs *p, const struct program *program)
{
	struct program *same = find(p, program->name);

	*(same ? same : arena_push(a, &p->list, &p->count)) = *program;
}

/* Digits, and with `dots` a dot and digits. */
static bool is_number(const char *text, bool dots)
{
	size_t length = strspn(text, "0123456789");

	if (!length || !text[length])
		return length > 0;
	return dots && text[length] == '.' && is_number(text + length + 1, false);
}

static bool is_versioned(const char *name, const char *plain, const char *between)
{
	size_t length = strlen(plain), dash = strlen(between);

	if (strncmp(name, plain, length) != 0)
		return false;
	return !name[length] || (!strncmp(name + length, between, dash) && is_number(name + length + dash, true));
}

/* Wheels of pip and setuptools name programs for the Python that they were made with. */
static void set_version(struct arena *a, struct programs *p, const char *plain, const char *between, bool has_major, const char *version)
{
	const struct program *found = find(p, plain);

	if (!found || found->is_graphical)
		return;
	struct program program = *found;
	size_t kept = 0;

	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].is_graphical || !is_versioned(p->list[i].name, plain, between))
			p->list[kept++] = p->list[i];
	}
	p->count = kept;
	add(a, p, &program);
	program.name = arena_printf(a, "%s%s%s", plain, between, version);
	add(a, p, &program);
	program.name = arena_printf(a, "%s%s%.*s", plain, between, (int)strcspn(version, "."), version);
	if (has_major)
		add(a, p, &program);
}

int programs_read(struct arena *a, const char *text, size_t length, const char *version, struct program **ret, size_t *ret_count, struct error *err)
{
	struct entry_points points = {.at = text, .end = text + length};
	struct programs programs = {0};
	struct entry_point_line line;

	while (entry_points_next(&points, &line)) {
		struct program program = {0};

		if (read_program(a, &line, &program, err) < 0)
			return -1;
		add(a, &programs, &program);
	}
	set_version(a, &programs, "pip", "", true, version);
	set_version(a, &programs, "easy_install", "-", false, version);
	if (programs.count > 1)
		qsort(programs.list, programs.count, sizeof(*programs.list), compare);
	*ret = programs.list;
	*ret_count = programs.count;
	return 0;
}

const char *program_first_line(struct arena *a, const char *python)
{
	/* "#!" and the end of the line count, too. */
	if (strlen(python) + 3 <= FIRST_LINE_MAX_BYTES && !strchr(python, ' '))
		return arena_printf(a, "#!%s\n", python);
	const char *quote = strchr(python, ' ') ? "\"" : "";

	/* To the shell an exec; to Python a text in three quotes. */
	return arena_printf(a, "#!/bin/sh\n'''exec' %s%s%s \"$0\" \"$@\"\n' '''\n", quote, python, quote);
}

const char *program_text(struct arena *a, const struct program *p, const char *python)
{
	size_t first_length = strcspn(p->object, ".");

	return arena_printf(a,
			    "%s# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom %s import %.*s\nif __name__ == '__main__':\n"
			    "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(%s())\n",
			    program_first_line(a, python), p->module, (int)first_length, p->object, p->object);
}
