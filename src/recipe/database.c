#include "recipe/database.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/yaml.h"
#include "recipe/load.h"

struct value *load_file(struct reader *r, const char *file)
{
	autofree char *path = mem_printf("%s/%s", r->db->root, file);
	const char *out = file_exists(path) ? path_leads_out(r->arena, r->db->root, file) : NULL;

	/* What others wrote must not make lockstep show or write files that are none of the project's. */
	if (out) {
		diag_error(r->diag, (struct pos){file, 0, 0}, "a symbolic link leads out of the project, to '%s'", out);
		diag_hint(r->diag, "put a copy of what is meant in its place");
		return NULL;
	}
	return yaml_read(r->arena, path, file, r->diag);
}

/* A file that is nearly one that is read was meant to be read. */
static void warn_stray(struct reader *r, const char *folder, const char *name, const char *wanted)
{
	diag_warning(r->diag, (struct pos){arena_printf(r->arena, "%s/%s", folder, name), 0, 0}, "this file is not read");
	diag_hint(r->diag, "%s", wanted);
}

void load_names(struct reader *r, const char *folder, const char *what, char ***ret_names, size_t *ret_count)
{
	autoerror struct error err = {0};
	char **files = NULL, **names = NULL;
	size_t file_count = 0, count = 0;

	if (file_list(r->arena, path_join(r->arena, r->db->root, folder), &files, &file_count, &err) < 0 && err.code != ERR_NOT_FOUND)
		diag_error(r->diag, (struct pos){folder, 0, 0}, "%s", err.text);
	for (size_t i = 0; i < file_count; i++) {
		size_t length = strlen(files[i]);

		if (files[i][0] == '.' || text_ends_with(files[i], "~"))
			continue;
		if (!text_ends_with(files[i], ".yaml")) {
			warn_stray(r, folder, files[i], "files here end in '.yaml'");
			continue;
		}
		char *name = arena_strndup(r->arena, files[i], length - strlen(".yaml"));

		if (word_name.holds(name)) {
			*arena_push(r->arena, &names, &count) = name;
			continue;
		}
		diag_error(r->diag, (struct pos){arena_printf(r->arena, "%s/%s", folder, files[i]), 0, 0}, "'%s' is no name of a %s", name, what);
		diag_hint(r->diag, "name: %s", word_name.rule);
	}
	if (count)
		qsort(names, count, sizeof(*names), text_compare_items);
	*ret_names = names;
	*ret_count = count;
}

static void check_stray_recipes(struct reader *r)
{
	autoerror struct error err = {0};
	char **files = NULL;
	size_t count = 0;

	if (file_list(r->arena, path_join(r->arena, r->db->root, "recipes"), &files, &count, &err) < 0)
		return; /* that the files in it are missing is said elsewhere */
	for (size_t i = 0; i < count; i++) {
		bool is_yaml = text_ends_with(files[i], ".yaml") || text_ends_with(files[i], ".yml");

		if (is_yaml && files[i][0] != '.' && strcmp(files[i], "project.yaml") != 0 && strcmp(files[i], "python.yaml") != 0)
			warn_stray(r, "recipes", files[i], "files here: project.yaml, python.yaml; bases and layers have folders of their own");
	}
}

int database_find_root(struct arena *a, const char *start, char **ret_root, struct error *err)
{
	autofree char *folder = realpath(start, NULL);

	if (!folder)
		return error_errno(err, "cannot find '%s'", start);
	autofree char *at = mem_strdup(folder);

	for (;;) {
		autofree char *file = mem_printf("%s/recipes/project.yaml", strcmp(at, "/") != 0 ? at : "");

		if (file_exists(file)) {
			*ret_root = arena_strdup(a, at);
			return 0;
		}
		char *slash = strrchr(at, '/');

		if (!slash || !at[1])
			break;
		slash[slash == at] = '\0';
	}
	error_set(err, ERR_NOT_FOUND, "no project here: neither '%s' nor a folder above it has a file 'recipes/project.yaml'", folder);
	return error_hint(err, "to begin one, write recipes/project.yaml with 'name: NAME'; 'lockstep check' then says what is missing");
}

int database_load(struct database *db, const char *root, struct diag *d, struct error *err)
{
	struct reader r = {.arena = &db->arena, .diag = d, .db = db};
	struct python_later later = {0};
	autofree char *real = realpath(root, NULL);

	if (!real || access(real, R_OK | X_OK) < 0)
		return error_errno(err, "cannot read '%s'", root);
	db->root = arena_strdup(&db->arena, real);
	load_project(&r);
	load_python(&r, &later);
	load_bases(&r);
	load_layers(&r);
	load_containers(&r);
	load_python_later(&r, &later);
	check_conflicts(&r);
	check_containers(&r);
	check_constraints(&r);
	check_stray_recipes(&r);
	return 0;
}

void database_release(struct database *db)
{
	arena_release(&db->arena);
	*db = (struct database){0};
}
