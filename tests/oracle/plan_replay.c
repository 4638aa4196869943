/* Plans the layers of one lock after another: plan_replay LIMIT <SEQUENCE. Of standard input, "= LABEL" begins a lock, "+ name version bytes" is new or has moved,
   "- name" is gone. Prints "= LABEL" for each lock and then its layers, the lowest first: "kept" or "new", then "name version bytes" for each package, tabs between. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "layer/plan.h"

struct known {
	struct layer_package package;
	char *version;
};

struct replay {
	struct known *known;
	size_t count;
	struct layer_before *before;
	size_t before_count, limit;
	struct arena names, arena; /* the latter of `before` */
};

static struct known *find(struct replay *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++) {
		if (!strcmp(r->known[i].package.name, name))
			return &r->known[i];
	}
	return NULL;
}

static void apply(struct replay *r, char *line)
{
	char *rest = line + 2, *name = strsep(&rest, " "), *version = strsep(&rest, " ");
	struct known *k = find(r, name);

	if (*line == '-') {
		if (k)
			*k = r->known[--r->count];
		return;
	}
	if (k) {
		k->package.moves_now = true;
	} else {
		k = arena_push(&r->names, &r->known, &r->count);
		k->package.name = arena_strdup(&r->names, name);
	}
	k->package.size_bytes = strtoull(rest, NULL, 10);
	k->version = arena_strdup(&r->names, version);
}

static void plan(struct replay *r)
{
	struct arena a = {0};
	struct layer_package *packages = arena_array(&a, r->count + 1, sizeof(*packages));
	struct layer_group *groups;
	size_t group_count;

	for (size_t i = 0; i < r->count; i++)
		packages[i] = r->known[i].package;
	struct layer_question question = {packages, r->count, r->before, r->before_count, r->limit};

	layer_plan(&a, &question, &groups, &group_count);
	struct layer_before *before = arena_array(&a, group_count + 1, sizeof(*before));

	for (size_t i = 0; i < group_count; i++) {
		printf("%s\t%s", groups[i].is_kept ? "kept" : "new", groups[i].why);
		for (size_t j = 0; j < groups[i].count; j++) {
			const struct known *k = &r->known[groups[i].packages[j]];

			*arena_push(&a, &before[i].names, &before[i].name_count) = arena_strdup(&a, k->package.name);
			printf("\t%s %s %" PRIu64, k->package.name, k->version, k->package.size_bytes);
		}
		putchar('\n');
	}
	for (size_t i = 0; i < r->count; i++) {
		struct layer_package *package = &r->known[i].package;

		package->moved = package->moved << 1 | package->moves_now;
		package->moves_now = false;
		package->seen += package->seen < LAYER_PLAN_HISTORY;
	}
	arena_release(&r->arena);
	r->arena = a;
	r->before = before;
	r->before_count = group_count;
}

int main(int argc, char **argv)
{
	struct replay r = {.limit = argc == 2 ? strtoul(argv[1], NULL, 10) : 0};
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	bool is_open = false;

	if (!r.limit)
		return 2;
	while ((length = getline(&line, &room, stdin)) > 0) {
		line[length - 1] = '\0';
		if (*line == '=') {
			if (is_open)
				plan(&r);
			puts(line);
			is_open = true;
		} else {
			apply(&r, line);
		}
	}
	if (is_open)
		plan(&r);
	return 0;
}
