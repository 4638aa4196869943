#include "python/entry_points.h"

#include <string.h>

static const char *trim(const char *begin, const char *end, size_t *ret_length)
{
	while (begin < end && (*begin == ' ' || *begin == '\t'))
		begin++;
	while (end > begin && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*ret_length = (size_t)(end - begin);
	return begin;
}

static bool is_header(const char *line, size_t length, const char *header)
{
	return length == strlen(header) && !strncmp(line, header, length);
}

static void read_line(const char *line, size_t length, struct entry_point_line *ret)
{
	const char *end = line + length, *equals = memchr(line, '=', length);

	*ret = (struct entry_point_line){0};
	ret->name = trim(line, equals ? equals : end, &ret->name_length);
	if (equals)
		ret->value = trim(equals + 1, end, &ret->value_length);
}

bool entry_points_next(struct entry_points *e, struct entry_point_line *ret)
{
	while (e->at < e->end) {
		const char *newline = memchr(e->at, '\n', (size_t)(e->end - e->at)), *end = newline ? newline : e->end;
		size_t length;
		const char *line = trim(e->at, end, &length);

		e->at = newline ? newline + 1 : end;
		if (length && *line == '[') {
			e->is_console = is_header(line, length, "[console_scripts]");
			e->is_graphical = is_header(line, length, "[gui_scripts]");
		} else if (length && (e->is_console || e->is_graphical) && *line != '#' && *line != ';') {
			read_line(line, length, ret);
			ret->is_graphical = e->is_graphical;
			return true;
		}
	}
	return false;
}
