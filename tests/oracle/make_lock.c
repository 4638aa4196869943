/* Writes a working lock for a project without asking any resolver, and puts its files into the store, for tests of what comes after locking:
     make_lock ROOT [WHERE NAME VERSION FILE] ...
   WHERE: names of containers with commas between them, or "layer:" and a layer use ("layer:cuda{from=wheels,version=13.0}"). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fetch/store.h"
#include "io/digest.h"
#include "lock/environment.h"
#include "recipe/database.h"
#include "lock/working.h"

static void add_environments(struct lock *lock, const struct database *db)
{
	struct arena *a = &lock->arena;

	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];
		struct lock_environment e;
		char inputs[DIGEST_HEX_LENGTH + 1];

		container_digest(c, db, inputs);
		environment_describe(a, &c->base->environment, &e);
		if (!lock_environment(lock, e.name))
			*arena_push(a, &lock->environments, &lock->environment_count) = e;
		*arena_push(a, &lock->containers, &lock->container_count) =
			(struct lock_container){.name = c->name, .environment = e.name, .inputs = arena_strdup(a, inputs)};
	}
}

static int add_pin(struct lock *lock, char **args, struct error *err)
{
	struct arena *a = &lock->arena;
	struct pin pin = {.name = args[1], .version = args[2], .index = "default"};
	char hex[DIGEST_HEX_LENGTH + 1];

	if (digest_file(args[3], hex, err) < 0 || store_add_file(args[3], hex, err) < 0)
		return -1;
	if (!strncmp(args[0], "layer:", 6)) {
		*arena_push(a, &pin.layers, &pin.layer_count) = args[0] + 6;
	} else {
		char *list = arena_strdup(a, args[0]), *saved = NULL;

		for (char *name = strtok_r(list, ",", &saved); name; name = strtok_r(NULL, ",", &saved))
			*arena_push(a, &pin.containers, &pin.container_count) = name;
	}
	*arena_push(a, &pin.files, &pin.file_count) =
		(struct lock_file){.name = path_base(args[3]), .size_bytes = (uint64_t)file_size(args[3]), .sha256 = arena_strdup(a, hex)};
	*arena_push(a, &lock->pins, &lock->pin_count) = pin;
	return 0;
}

static int make(struct lock *lock, struct database *db, struct diag *d, int count, char **args, struct error *err)
{
	char inputs[DIGEST_HEX_LENGTH + 1];

	if (database_load(db, args[0], d, err) < 0 || diag_failed(d, err) < 0)
		return -1;
	database_digest(db, inputs);
	lock->project = db->project.name;
	lock->inputs = arena_strdup(&lock->arena, inputs);
	lock->cut_off_unix = 1767225600;
	*arena_push(&lock->arena, &lock->tools, &lock->tool_count) = (struct lock_tool){.name = "make_lock", .version = "1"};
	add_environments(lock, db);
	for (int i = 1; i + 3 < count; i += 4) {
		if (add_pin(lock, args + i, err) < 0)
			return -1;
	}
	lock_sort(lock);
	return working_lock_write(args[0], lock, NULL, err);
}

int main(int argc, char **argv)
{
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	struct database db = {0};
	struct lock lock = {0};

	if (argc < 2)
		return 2;
	int failed = make(&lock, &db, &d, argc - 1, argv + 1, &err);

	if (failed) {
		diag_print(&d, stderr);
		fprintf(stderr, "error: %s\n", err.text);
	}
	lock_release(&lock);
	database_release(&db);
	return failed ? 1 : 0;
}
