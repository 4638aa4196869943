#include "base/workplace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pid.h"
#include "base/text.h"

#define MAKING_PREFIX "lockstep-making-"

/* What killed runs left: folders named after processes that are gone. */
static void remove_leftovers(struct arena *a, const char *folder)
{
	autoerror struct error ignored = {0};
	char **names;
	size_t count;

	if (file_list(a, folder, &names, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		long pid = text_starts_with(names[i], MAKING_PREFIX) ? strtol(names[i] + strlen(MAKING_PREFIX), NULL, 10) : 0;

		if (pid_has_ended((pid_t)pid))
			file_remove_tree(path_join(a, folder, names[i]), &ignored);
	}
}

int workplace_make(struct arena *a, const char *parent, mode_t mode, const char **ret, struct error *err)
{
	char *folder;

	remove_leftovers(a, parent);
	if (file_make_temp_dir(a, parent, arena_printf(a, MAKING_PREFIX "%ld-", (long)getpid()), &folder, err) < 0)
		return -1;
	*ret = folder;
	return chmod(folder, mode) < 0 ? error_errno(err, "cannot open up '%s'", folder) : 0;
}

void workplace_drop(const char *folder)
{
	autoerror struct error ignored = {0};

	if (folder)
		file_remove_tree(folder, &ignored);
}

const char *workplace_temporary(void)
{
	const char *own = getenv("TMPDIR");

	return own && *own == '/' ? own : "/tmp";
}
