/* The lines of entry_points.txt that name programs (PyPA, "Entry points specification"). What a line must say is its reader's to judge. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Where the reading stands: zeroed but for the text's bounds. */
struct entry_points {
	const char *at, *end;
	bool is_console, is_graphical; /* in [console_scripts], in [gui_scripts] */
};

/* "name = value", blanks around both taken off; both point into the text. */
struct entry_point_line {
	const char *name, *value; /* value is NULL where there is no '='; the name is then the whole line */
	size_t name_length, value_length;
	bool is_graphical;
};

/* The next line that is for a program; comments and empty lines are passed over. False behind the last. */
bool entry_points_next(struct entry_points *e, struct entry_point_line *ret);
