/* entry_points.txt (PyPA, "Entry points specification") as far as an installer needs it: the programs it makes, and their text. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct entry_point {
	const char *name;   /* of the program: a plain file name */
	const char *module; /* "package.module" */
	const char *object; /* "main", "Class.method" */
};

/* Console and GUI programs, by name, each once (of two the one that stands last). ERR_INPUT, without a subject, when one of them is none. In `a`. */
int entry_points_read(struct arena *a, const char *text, size_t length, struct entry_point **ret, size_t *ret_count, struct error *err);
/* The program that pip writes for it, begun with the line for `python`. In `a`. */
const char *entry_point_script(struct arena *a, const struct entry_point *e, const char *python);
/* "#!/opt/venv/bin/python\n", or what a kernel that takes no long or spaced line needs instead. In `a`. */
const char *script_first_line(struct arena *a, const char *python);
