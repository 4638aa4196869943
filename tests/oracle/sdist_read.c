/* usage: sdist_read ARCHIVE NAME VERSION|- [SUBDIRECTORY]: what lockstep knows of an sdist without running it, as text; "error: ..." when it refuses it. */
#include <stdio.h>
#include <string.h>

#include "python/sdist.h"

int main(int argc, char **argv)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct sdist s;

	if (argc < 4)
		return 2;
	if (sdist_read(&a, argv[1], NULL, argc > 4 ? argv[4] : NULL, argv[2], strcmp(argv[3], "-") != 0 ? argv[3] : NULL, &s, &err) < 0) {
		printf("error: %s\n", err.text);
		return 0;
	}
	printf("%s %s\n", s.name, s.version ? s.version : "?");
	for (size_t i = 0; i < s.build_require_count; i++)
		printf("build-requires %s\n", s.build_requires[i]);
	printf("%s", s.metadata ? s.metadata : "dynamic\n");
	return 0;
}
