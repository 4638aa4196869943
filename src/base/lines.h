/* A text of lines, taken apart where it stands. */
#pragma once

#include <string.h>

/* The next line of *text, its end cut off; *text moves behind it. NULL at the end of all. */
static inline char *lines_next(char **text)
{
	char *line = *text;
	size_t length = strcspn(line, "\n");

	if (!*line)
		return NULL;
	*text = line + length + (line[length] == '\n');
	line[length] = '\0';
	return line;
}
