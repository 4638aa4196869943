#include "recipe/load.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const struct schema_row mmdebstrap_rows[] = {
	{.key = "suite", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct base, suite), .form = &word_suite, .description = "the release, as bookworm"},
	{.key = "variant",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct base, variant),
	 .form = &word_mmdebstrap,
	 .description = "which packages it begins with; minbase when missing"},
	{.key = "components",
	 SCHEMA_SET,
	 0,
	 offsetof(struct base, components),
	 offsetof(struct base, component_count),
	 &word_suite,
	 .description = "parts of the archive; [main] when missing"},
	{.key = "include",
	 SCHEMA_SET,
	 0,
	 offsetof(struct base, packages),
	 offsetof(struct base, package_count),
	 &word_apt,
	 .description = "Debian packages it gets at once"},
	{.key = NULL},
};

struct from_fields {
	const struct value *mmdebstrap;
	const struct value *image;
};

static const struct schema_row from_rows[] = {
	{.key = "mmdebstrap", SCHEMA_VALUE, 0, offsetof(struct from_fields, mmdebstrap), .description = "a Debian tree made on this machine"},
	{.key = "image", SCHEMA_VALUE, 0, offsetof(struct from_fields, image), .description = "an image of a registry, by digest"},
	{.key = NULL},
};

static void read_from(struct reader *r, const struct value *v, void *target)
{
	struct from_fields fields = {0};
	struct base *b = target;

	if (!schema_read(r, v, "'from'", v->pos, from_rows, &fields))
		return;
	if (!fields.mmdebstrap == !fields.image) {
		diag_error(r->diag, v->pos, "'from' needs one of 'mmdebstrap' and 'image'%s", fields.image ? ", and has both" : "");
		return;
	}
	if (fields.image) {
		b->source = BASE_IMAGE;
		b->image_pos = fields.image->pos;
		b->image = schema_line(r, fields.image, "'image'", &word_image_digest);
		return;
	}
	b->source = BASE_MMDEBSTRAP;
	schema_read(r, fields.mmdebstrap, "'mmdebstrap'", fields.mmdebstrap->pos, mmdebstrap_rows, b);
}

#define ENVIRONMENT_ROWS(required)                                                                                                                             \
	{.key = "python",                                                                                                                                      \
	 SCHEMA_LINE,                                                                                                                                          \
	 required,                                                                                                                                             \
	 offsetof(struct environment, python),                                                                                                                 \
	 .form = &word_python_minor,                                                                                                                           \
	 .description = "Python's version, as 3.11"},                                                                                                          \
		{.key = "implementation",                                                                                                                      \
		 SCHEMA_LINE,                                                                                                                                  \
		 0,                                                                                                                                            \
		 offsetof(struct environment, implementation),                                                                                                 \
		 .form = &word_implementation,                                                                                                                 \
		 .description = "cpython, when missing"},                                                                                                      \
		{.key = "os", SCHEMA_LINE, 0, offsetof(struct environment, os), .form = &word_os, .description = "linux, when missing"},                       \
		{.key = "machine", SCHEMA_LINE, required, offsetof(struct environment, machine), .form = &word_machine, .description = "as x86_64"},           \
		{.key = "libc", SCHEMA_LINE, 0, offsetof(struct environment, libc), .form = &word_libc, .description = "glibc, when missing"},                 \
	{                                                                                                                                                      \
		.key = "libc_version", SCHEMA_LINE, required, offsetof(struct environment, libc_version), .form = &word_dotted,                                \
		.description = "the C library's version, as 2.36; wheels are chosen by it"                                                                     \
	}

static const struct schema_row environment_rows[] = {ENVIRONMENT_ROWS(SCHEMA_REQUIRED), {.key = NULL}};
static const struct schema_row further_rows[] = {ENVIRONMENT_ROWS(0), {.key = NULL}};

static void read_environment(struct reader *r, const struct value *v, void *target)
{
	struct environment *e = &((struct base *)target)->environment;

	e->pos = v->pos;
	schema_read(r, v, "'environment'", v->pos, environment_rows, e);
}

enum { FURTHER_MAX = 100 };

static void read_further(struct reader *r, const struct value *v, void *target)
{
	struct base *b = target;

	if (!schema_is_list(r, v, "'further_environments'"))
		return;
	if (v->item_count > FURTHER_MAX) {
		diag_error(r->diag, v->items[FURTHER_MAX]->pos, "more than %d further environments", FURTHER_MAX);
		return;
	}
	for (size_t i = 0; i < v->item_count; i++) {
		struct environment one = {.pos = v->items[i]->pos};
		size_t errors = r->diag->error_count;

		/* One that was not read whole would look like another. */
		if (schema_read(r, v->items[i], "an environment", one.pos, further_rows, &one) && r->diag->error_count == errors)
			*arena_push(r->arena, &b->further, &b->further_count) = one;
	}
}

static const struct schema_row base_rows[] = {
	{.key = "description", SCHEMA_LINE, 0, offsetof(struct base, description), .description = "what it is"},
	{.key = "from", SCHEMA_READ, SCHEMA_REQUIRED, .read = read_from, .description = "mmdebstrap: {suite: ...}, or image: \"repository@sha256:...\""},
	{.key = "python",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct base, python_executable),
	 .form = &word_path,
	 .description = "its Python interpreter; /usr/bin/python3 when missing"},
	{.key = "environment", SCHEMA_READ, SCHEMA_REQUIRED, .read = read_environment, .description = "what Python packages are chosen for"},
	{.key = "further_environments",
	 SCHEMA_READ,
	 .read = read_further,
	 .description = "locked for these too, though not built here; a field that is missing is that of 'environment'"},
	{.key = NULL},
};

static const char *or_else(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static bool same_environment(const struct environment *a, const struct environment *b)
{
	return !strcmp(a->python, b->python) && !strcmp(a->implementation, b->implementation) && !strcmp(a->os, b->os) && !strcmp(a->machine, b->machine) &&
	       !strcmp(a->libc, b->libc) && !strcmp(a->libc_version, b->libc_version);
}

static void fill_further(struct reader *r, struct base *b)
{
	const struct environment *own = &b->environment;

	for (size_t i = 0; i < b->further_count; i++) {
		struct environment *e = &b->further[i];
		bool is_known = false;

		e->python = or_else(e->python, own->python);
		e->implementation = or_else(e->implementation, own->implementation);
		e->os = or_else(e->os, own->os);
		e->machine = or_else(e->machine, own->machine);
		e->libc = or_else(e->libc, own->libc);
		e->libc_version = or_else(e->libc_version, own->libc_version);
		for (size_t j = 0; j < i && !is_known; j++)
			is_known = same_environment(&b->further[j], e);
		if (same_environment(own, e))
			diag_error(r->diag, e->pos, "this environment does not differ from 'environment'");
		else if (is_known)
			diag_error(r->diag, e->pos, "this environment is given twice");
	}
}

/* Nothing after this needs to ask whether a member is there, also where the file was wrong. */
static void fill(struct reader *r, struct base *b)
{
	struct environment *e = &b->environment;

	b->python_executable = or_else(b->python_executable, "/usr/bin/python3");
	e->python = or_else(e->python, "3.11");
	e->implementation = or_else(e->implementation, "cpython");
	e->os = or_else(e->os, "linux");
	e->machine = or_else(e->machine, "x86_64");
	e->libc = or_else(e->libc, "glibc");
	e->libc_version = or_else(e->libc_version, "2.36");
	fill_further(r, b);
	if (b->source == BASE_IMAGE) {
		b->image = or_else(b->image, "");
		return;
	}
	b->suite = or_else(b->suite, "stable");
	b->variant = or_else(b->variant, "minbase");
	if (!b->component_count)
		*arena_push(r->arena, &b->components, &b->component_count) = "main";
	qsort(b->components, b->component_count, sizeof(*b->components), text_compare_items);
	if (b->package_count)
		qsort(b->packages, b->package_count, sizeof(*b->packages), text_compare_items);
}

void load_bases(struct reader *r)
{
	struct database *db = r->db;
	char **names;

	load_names(r, "recipes/bases", "base", &names, &db->base_count);
	db->bases = arena_array(r->arena, db->base_count, sizeof(*db->bases));
	for (size_t i = 0; i < db->base_count; i++) {
		struct base *b = &db->bases[i];
		const char *file = arena_printf(r->arena, "recipes/bases/%s.yaml", names[i]);
		struct value *v = load_file(r, file);

		b->name = names[i];
		b->pos = b->environment.pos = (struct pos){file, 0, 0};
		if (v)
			schema_read(r, v, "a base", b->pos, base_rows, b);
		fill(r, b);
	}
}
