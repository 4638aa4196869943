/* Files in the form of Python's RawConfigParser with its default settings, which is how pip reads pip.conf: sections, "key = value" or "key: value",
   continuation lines, whole-line comments with '#' or ';', a DEFAULT section, no interpolation. Duplicate sections and keys are errors. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct ini_entry {
	const char *section; /* as written; "DEFAULT" where values for every section stand */
	const char *key;     /* lower case */
	const char *value;   /* continuation lines joined by newlines; "" when empty */
	unsigned line;
};

struct ini {
	struct ini_entry *entries; /* in the order of the file */
	size_t entry_count;
	const char **sections; /* without DEFAULT; also those without entries */
	size_t section_count;
};

/* Parses `text`, called `file` in errors. Everything lives in `a`. ERR_INPUT, with the line, when it is no such file. */
int ini_parse(struct arena *a, const char *file, const char *text, size_t length, struct ini *ret, struct error *err);
