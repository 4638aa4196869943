/* closure LOCK FOLDER: the second look at a lock; wheels are FOLDER/<sha256>. Prints the problems; exit 0 closed, 1 not. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "lock/lock_text.h"
#include "resolve/resolve.h"

struct place {
	struct arena arena;
	const char *folder;
};

static const char *lookup(void *context, const char *sha256)
{
	struct place *place = context;
	const char *path = path_join(&place->arena, place->folder, sha256);

	return file_exists(path) ? path : NULL;
}

int main(int argc, char **argv)
{
	struct place place = {.folder = argc == 3 ? argv[2] : NULL};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	struct lock lock = {0};
	int result = place.folder ? lock_read(&lock, argv[1], "lock.toml", &d, &err) : -1;

	if (result == 0)
		result = resolve_check_closure(&lock, lookup, &place, &d, &err);
	diag_print(&d, stdout);
	if (result < 0)
		printf("%s\n", err.text ? err.text : "closure LOCK FOLDER");
	lock_release(&lock);
	arena_release(&place.arena);
	return result < 0;
}
