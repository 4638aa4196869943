/* Which engine a command uses: the one that --engine names, else BuildKit at the workers of --workers or of recipes/project.yaml, else the first that works. */
#pragma once

#include "cmd/command.h"
#include "engine/engine.h"
#include "recipe/database.h"

enum { ENGINES_JOBS_OTHERWISE = 2 }; /* at once, where nothing says how many */

#define ENGINES_WORKERS_OPTION                                                                                                                                 \
	{                                                                                                                                                      \
		"workers", 0, "ADDRESSES", false, "use BuildKit at these addresses, with commas between them; else at those of recipes/project.yaml"           \
	}

/* EXIT_DONE, or EXIT_USAGE after saying what is wrong with --workers. */
int engines_check_use(const struct command_call *call);
/* In the call's arena. Workers that cannot be used are told of on stderr, each with the reason. `ret` may point to what the options say when a command has no --workers. */
int engines_find(const struct command_call *call, const struct database *db, struct engine *ret, struct error *err);
/* The same, for those who learn only later that they need one. */
struct engines_use {
	const struct command_call *call;
	const struct database *db;
};
int engines_open(void *use, struct engine *ret, struct error *err);
/* The same workers, without asking any; none: NULL. In `a`. */
struct buildkit_address *engines_workers(struct arena *a, const struct database *db, const char *list, size_t *ret_count);
