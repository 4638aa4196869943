/* Reads lines "A B" and prints how A stands to B by Debian's rules: lt, eq or gt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff/step.h"

int main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		char *space = strchr(line, ' ');

		if (!space)
			return 2;
		*space = '\0';
		int order = system_version_compare(line, space + 1);

		puts(order < 0 ? "lt" : order > 0 ? "gt" : "eq");
	}
	free(line);
	return 0;
}
