/* A project of any five files is loaded, and what can be asked of it is asked. The input is the files' text, each begun by a line "@FILE n":
   0 project.yaml, 1 python.yaml, 2 a base, 3 a layer, 4 a container. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "python/marker.h"
#include "python/version.h"
#include "recipe/database.h"

static const char *const files[] = {"recipes/project.yaml", "recipes/python.yaml", "recipes/bases/b.yaml", "recipes/layers/l.yaml",
				    "containers/c/container.yaml"};
static char root[] = "/tmp/lockstep-fuzz-XXXXXX";

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void remove_root(void)
{
	struct error err = {0};

	file_remove_tree(root, &err);
	error_release(&err);
}

static void make_root(void)
{
	autoerror struct error err = {0};

	must(mkdtemp(root), "a temporary folder can be made");
	atexit(remove_root);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autofree char *path = mem_printf("%s/%s", root, files[i]);

		must(file_make_parents(path, &err) == 0, "and folders in it");
	}
}

static void write_files(const char *text, size_t length)
{
	const char *end = text + length;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autofree char *path = mem_printf("%s/%s", root, files[i]), *mark = mem_printf("@FILE %zu\n", i);
		FILE *f = fopen(path, "w");
		const char *from = length ? memmem(text, length, mark, strlen(mark)) : NULL;

		must(f != NULL, "files can be written");
		if (from) {
			from += strlen(mark);
			const char *to = memmem(from, (size_t)(end - from), "@FILE ", 6);

			fwrite(from, 1, (size_t)((to ? to : end) - from), f);
		}
		fclose(f);
	}
}

static void ask_use(struct arena *a, const struct layer_use *use)
{
	for (size_t i = 0; i < use->layer->option_count; i++)
		must(use->values[i] != NULL, "every option has a value");
	for (size_t i = 0; i < use->layer->step_count; i++) {
		const struct layer_step *step = &use->layer->steps[i];

		layer_use_holds(use, step->conditions, step->condition_count);
		for (size_t j = 0; j < step->word_count; j++)
			layer_use_expand(a, use, step->words[j]);
	}
}

static void ask_constraints(struct arena *a, const struct container *c, const struct package *p)
{
	struct container_constraint *list;
	size_t count, without_holds, at;

	container_constraints(a, c, p, false, &list, &count);
	for (size_t i = 0; i < count; i++) {
		must(*list[i].specifier && specifier_set_parse(a, list[i].specifier, &at), "a constraint is a specifier");
		must(!list[i].marker || marker_parse(a, list[i].marker, &at), "what is left of its conditions is a marker");
	}
	container_constraints(a, c, p, true, &list, &without_holds);
	must(count == without_holds + (p->hold != NULL), "a hold is one constraint more");
}

static void ask(struct database *db)
{
	autoarena struct arena a = {0};
	struct package **packages;
	char hex[65];
	size_t count;

	database_digest(db, hex);
	must(strlen(hex) == 64, "a digest has 64 digits");
	for (size_t i = 0; i < db->container_count; i++) {
		container_packages(&a, &db->containers[i], &packages, &count);
		for (size_t j = 1; j < count; j++)
			must(strcmp(packages[j - 1]->canonical, packages[j]->canonical) < 0, "packages are sorted, each once");
		for (size_t j = 0; j < count; j++)
			ask_constraints(&a, &db->containers[i], packages[j]);
		for (size_t j = 0; j < db->containers[i].layer_count; j++)
			ask_use(&a, &db->containers[i].layers[j]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static bool made;
	struct database db = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	char *printed = NULL;
	size_t printed_length = 0;

	if (!made)
		make_root();
	made = true;
	write_files((const char *)bytes, length);
	must(database_load(&db, root, &d, &err) == 0, "a folder that is there can be loaded");
	ask(&db);
	database_release(&db);
	FILE *out = open_memstream(&printed, &printed_length);

	diag_print(&d, out);
	fclose(out);
	free(printed);
	return 0;
}
