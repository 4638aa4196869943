/* The programs that an installer makes for a wheel's entry points (PyPA, "Entry points specification"), and their text, as pip has them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct program {
	const char *name;   /* a plain file name */
	const char *module; /* "package.module" */
	const char *object; /* "main", "Class.method" */
	bool is_graphical;
};

/* Console and GUI programs of an entry_points.txt, by name, each once (of two the one that stands last). Of pip and easy_install there is one for `version`
   ("3.11"), and none for another, as pip does it. ERR_INPUT, without a subject, when one of them is none. In `a`. */
int programs_read(struct arena *a, const char *text, size_t length, const char *version, struct program **ret, size_t *ret_count, struct error *err);
/* The program that pip writes for it, begun with the line for `python`. In `a`. */
const char *program_text(struct arena *a, const struct program *p, const char *python);
/* "#!/opt/venv/bin/python\n", or what a kernel that takes no long or spaced line needs instead. In `a`. */
const char *program_first_line(struct arena *a, const char *python);
