/* Digests of what can change a lock, an image or what is known of an image. Descriptions, reasons, links, tag files and the order of keys and files are none
   of it. */
#include "recipe/database.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/digest.h"
#include "recipe/constraint.h"

/* To be raised when what goes into a digest, or its order, changes. */
static const char container_scheme[] = "lockstep container 2", database_scheme[] = "lockstep database 2";

static void add_count(struct digest *d, size_t count)
{
	autofree char *text = mem_printf("%zu", count);

	digest_add_part(d, text);
}

static void add_list(struct digest *d, const char *const *words, size_t count)
{
	add_count(d, count);
	for (size_t i = 0; i < count; i++)
		digest_add_part(d, words[i]);
}

/* A list whose order means nothing. */
static void add_set(struct digest *d, const char *const *words, size_t count)
{
	autofree const char **sorted = mem_zero(count, sizeof(const char *));

	for (size_t i = 0; i < count; i++)
		sorted[i] = words[i];
	if (count)
		qsort(sorted, count, sizeof(const char *), text_compare_items);
	add_list(d, sorted, count);
}

/* What came later stands under a name of its own, and only where it is used: the digest of a database that does not use it stays what it was. No part that can
   stand in the same place looks like such a name. */
static void add_optional(struct digest *d, const char *name, const char *text)
{
	autofree char *key = mem_printf("(%s)", name);

	digest_add_part(d, key);
	digest_add_part(d, text);
}

static void add_optional_set(struct digest *d, const char *name, const char *const *words, size_t count)
{
	if (!count)
		return;
	add_optional(d, name, NULL);
	add_set(d, words, count);
}

static void add_group_set(struct digest *d, struct group *const *groups, size_t count)
{
	autofree const char **names = mem_zero(count, sizeof(const char *));

	for (size_t i = 0; i < count; i++)
		names[i] = groups[i]->canonical;
	add_set(d, names, count);
}

static void add_project(struct digest *d, const struct project *p)
{
	digest_add_part(d, p->name);
	digest_add_part(d, p->repository);
	digest_add_part(d, p->venv);
	if (strcmp(p->resolver, "uv") != 0)
		add_optional(d, "resolver", p->resolver);
	add_count(d, p->index_count);
	for (size_t i = 0; i < p->index_count; i++) {
		digest_add_part(d, p->indexes[i].alias);
		digest_add_part(d, p->indexes[i].url);
	}
}

static void add_environment(struct digest *d, const struct environment *e)
{
	digest_add_part(d, e->python);
	digest_add_part(d, e->implementation);
	digest_add_part(d, e->os);
	digest_add_part(d, e->machine);
	digest_add_part(d, e->libc);
	digest_add_part(d, e->libc_version);
}

static void add_further(struct digest *d, const struct base *b)
{
	autoarena struct arena scratch = {0};
	const char **keys = arena_array(&scratch, b->further_count, sizeof(*keys));

	for (size_t i = 0; i < b->further_count; i++) {
		char hex[DIGEST_HEX_LENGTH + 1];
		struct digest one;

		digest_begin(&one);
		add_environment(&one, &b->further[i]);
		digest_end(&one, hex);
		keys[i] = arena_strdup(&scratch, hex);
	}
	add_optional_set(d, "further environments", keys, b->further_count);
}

static void add_base(struct digest *d, const struct base *b)
{
	digest_add_part(d, b->name);
	digest_add_part(d, b->source == BASE_IMAGE ? "image" : "mmdebstrap");
	digest_add_part(d, b->image);
	digest_add_part(d, b->suite);
	digest_add_part(d, b->variant);
	add_set(d, b->components, b->component_count);
	add_set(d, b->packages, b->package_count);
	digest_add_part(d, b->python_executable);
	add_environment(d, &b->environment);
	add_further(d, b);
}

static void add_text(struct digest *d, const struct layer_use *use, const char *text)
{
	autoarena struct arena scratch = {0};

	digest_add_part(d, text ? layer_use_expand(&scratch, use, text) : NULL);
}

static void add_step(struct digest *d, const struct layer_use *use, const struct layer_step *step)
{
	static const char *const kinds[] = {"apt", "wheels", "run", "link", "file", "env", "archive"};

	digest_add_part(d, kinds[step->kind]);
	add_count(d, step->word_count);
	for (size_t i = 0; i < step->word_count; i++)
		add_text(d, use, step->words[i]);
	add_text(d, use, step->path);
	add_text(d, use, step->target);
	add_text(d, use, step->content);
	add_count(d, step->mode);
	digest_add_part(d, step->name);
	add_text(d, use, step->value);
}

/* A new verify or snapshot command is a reason to ask the images again, and to keep their answer in a release. */
static void add_probes(struct digest *d, const struct layer_use *use, const struct layer_probe *probes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct layer_probe *probe = &probes[i];

		if (!layer_use_holds(use, probe->conditions, probe->condition_count))
			continue;
		add_text(d, use, probe->name);
		add_count(d, probe->file_count);
		for (size_t j = 0; j < probe->file_count; j++) {
			digest_add_part(d, probe->file_names[j]);
			add_text(d, use, probe->file_contents[j]);
		}
		add_count(d, probe->command_count);
		for (size_t j = 0; j < probe->command_count; j++) {
			for (const char **word = probe->commands[j]; *word; word++)
				add_text(d, use, *word);
			digest_add_part(d, NULL);
		}
	}
	digest_add_part(d, NULL);
}

static void add_layer_use(struct digest *d, const struct layer_use *use)
{
	const struct layer *layer = use->layer;

	digest_add_part(d, layer->name);
	add_count(d, layer->option_count);
	for (size_t i = 0; i < layer->option_count; i++) {
		digest_add_part(d, layer->options[i].name);
		digest_add_part(d, use->values[i]);
	}
	for (size_t i = 0; i < layer->step_count; i++) {
		if (layer_use_holds(use, layer->steps[i].conditions, layer->steps[i].condition_count))
			add_step(d, use, &layer->steps[i]);
	}
	digest_add_part(d, NULL);
	add_probes(d, use, layer->verify, layer->verify_count);
	add_probes(d, use, layer->snapshot, layer->snapshot_count);
}

static void add_reference(struct digest *d, const struct reference *ref)
{
	static const char *const kinds[] = {"git", "url", "path"};
	const char *parts[] = {kinds[ref->kind], ref->url, ref->commit, ref->subdirectory, ref->path, ref->sha256};

	add_optional(d, "reference", NULL);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		digest_add_part(d, parts[i]);
}

static void add_package(struct digest *d, const struct package *p)
{
	digest_add_part(d, p->canonical);
	digest_add_part(d, p->constraint.specifier);
	digest_add_part(d, p->index);
	add_set(d, p->extras, p->extra_count);
	if (p->reference)
		add_reference(d, p->reference);
}

/* The constraints that apply in a container beside the first, which is part of the package. */
static void add_applied(struct digest *d, const struct container *c, const struct package *p)
{
	autoarena struct arena scratch = {0};
	struct container_constraint *list;
	size_t count, first = *p->constraint.specifier ? 1 : 0;

	container_constraints(&scratch, c, p, false, &list, &count);
	const char **keys = arena_array(&scratch, count, sizeof(*keys));

	for (size_t i = first; i < count; i++)
		keys[i - first] = arena_printf(&scratch, "%s ; %s", list[i].specifier, list[i].marker ? list[i].marker : "");
	add_optional_set(d, "further constraints", keys, count - first);
}

/* All that are declared, wherever they apply. */
static void add_declared(struct digest *d, const struct package *p)
{
	autoarena struct arena scratch = {0};
	const char **keys = arena_array(&scratch, p->constraint_count, sizeof(*keys));

	for (size_t i = 0; i < p->constraint_count; i++)
		keys[i] = constraint_key(&scratch, &p->constraints[i]);
	add_optional_set(d, "declared constraints", keys, p->constraint_count);
	if (p->hold)
		add_optional(d, "hold", p->hold->specifier);
}

/* A waiver may be about a package that nobody declares, and any file may have to be built: they concern every container. */
static void add_waivers(struct digest *d, const struct database *db)
{
	autoarena struct arena scratch = {0};
	const char **waivers = arena_array(&scratch, db->waiver_count, sizeof(*waivers));
	const char **builds = arena_array(&scratch, db->build_constraint_count, sizeof(*builds));

	for (size_t i = 0; i < db->waiver_count; i++)
		waivers[i] = arena_printf(&scratch, "%s %s %s", db->waivers[i].package, db->waivers[i].required, db->waivers[i].specifier);
	for (size_t i = 0; i < db->build_constraint_count; i++)
		builds[i] = arena_printf(&scratch, "%s %s", db->build_constraints[i].canonical, db->build_constraints[i].constraint.specifier);
	add_optional_set(d, "waivers", waivers, db->waiver_count);
	add_optional_set(d, "build constraints", builds, db->build_constraint_count);
}

/* Both may be there by way of others. */
static void add_overwrites(struct digest *d, const struct database *db)
{
	autoarena struct arena scratch = {0};
	const char **pairs = NULL;
	size_t count = 0;

	for (size_t i = 0; i < db->package_count; i++) {
		const struct package *p = &db->packages[i];

		for (size_t j = 0; j < p->overwrite_count; j++)
			*arena_push(&scratch, &pairs, &count) = arena_printf(&scratch, "%s %s", p->canonical, p->overwrites[j].package->canonical);
	}
	add_optional_set(d, "overwrites", pairs, count);
}

static void add_swaps(struct digest *d, const struct container *c)
{
	autoarena struct arena scratch = {0};
	const char **pairs = arena_array(&scratch, c->swap_count, sizeof(*pairs));

	for (size_t i = 0; i < c->swap_count; i++)
		pairs[i] = arena_printf(&scratch, "%s %s", c->swaps[i].from->canonical, c->swaps[i].to->canonical);
	add_set(d, pairs, c->swap_count);
}

static bool is_swapped_in(const struct database *db, const struct package *p)
{
	for (size_t i = 0; i < db->container_count; i++) {
		for (size_t j = 0; j < db->containers[i].swap_count; j++) {
			if (db->containers[i].swaps[j].to == p)
				return true;
		}
	}
	return false;
}

/* Constraints of packages that the container does not name, but may get by way of others. Those of packages that other containers name are part of the digest
   of the whole database only, as far as they hold everywhere: what they change here, agreement changes. */
static void add_limits(struct digest *d, const struct database *db, const struct container *c, struct package *const *packages, size_t package_count)
{
	autoarena struct arena scratch = {0};
	const char **keys = NULL;
	size_t key_count = 0, next = 0;

	for (size_t i = 0; i < db->package_count; i++) {
		const struct package *p = &db->packages[i];
		struct container_constraint *list;
		size_t count;

		while (next < package_count && strcmp(packages[next]->canonical, p->canonical) < 0)
			next++;
		bool is_named = next < package_count && packages[next] == p, is_nobodys = !p->group_count && !is_swapped_in(db, p);

		if (is_named || (!is_nobodys && !p->constraint_count && !p->hold))
			continue;
		container_constraints(&scratch, c, p, false, &list, &count);
		for (size_t j = is_nobodys || !*p->constraint.specifier ? 0 : 1; j < count; j++)
			*arena_push(&scratch, &keys, &key_count) =
				arena_printf(&scratch, "%s %s ; %s", p->canonical, list[j].specifier, list[j].marker ? list[j].marker : "");
	}
	add_optional_set(d, "limits", keys, key_count);
}

void container_digest(const struct container *c, const struct database *db, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	autoarena struct arena scratch = {0};
	struct package **packages;
	struct digest d;
	size_t count;

	digest_begin(&d);
	digest_add_part(&d, container_scheme);
	add_project(&d, &db->project);
	digest_add_part(&d, c->name);
	if (c->base)
		add_base(&d, c->base);
	add_count(&d, c->layer_count);
	for (size_t i = 0; i < c->layer_count; i++)
		add_layer_use(&d, &c->layers[i]);
	add_group_set(&d, c->groups, c->group_count);
	add_swaps(&d, c);
	if (strcmp(c->bytecode, "pip") != 0)
		add_optional(&d, "bytecode", c->bytecode);
	container_packages(&scratch, c, &packages, &count);
	add_count(&d, count);
	for (size_t i = 0; i < count; i++) {
		add_package(&d, packages[i]);
		add_applied(&d, c, packages[i]);
	}
	add_limits(&d, db, c, packages, count);
	add_waivers(&d, db);
	add_overwrites(&d, db);
	add_set(&d, c->apt, c->apt_count);
	add_list(&d, c->env_names, c->env_count); /* sorted when read */
	add_list(&d, c->env_values, c->env_count);
	digest_add_part(&d, c->workdir);
	digest_add_part(&d, c->user);
	digest_end(&d, ret_hex);
}

static const char *conflict_key(struct arena *a, const struct conflict *c)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	add_group_set(&d, c->groups, c->group_count);
	digest_end(&d, hex);
	return arena_strdup(a, hex);
}

static const char *difference_key(struct arena *a, const struct difference *difference)
{
	const char **names = arena_array(a, difference->container_count, sizeof(*names));
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	for (size_t i = 0; i < difference->container_count; i++)
		names[i] = difference->containers[i]->name;
	digest_begin(&d);
	digest_add_part(&d, difference->canonical);
	add_set(&d, names, difference->container_count);
	digest_end(&d, hex);
	return arena_strdup(a, hex);
}

void database_digest(const struct database *db, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	autoarena struct arena scratch = {0};
	const char **conflicts = arena_array(&scratch, db->conflict_count, sizeof(*conflicts));
	const char **differences = arena_array(&scratch, db->difference_count, sizeof(*differences));
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	for (size_t i = 0; i < db->conflict_count; i++)
		conflicts[i] = conflict_key(&scratch, &db->conflicts[i]);
	for (size_t i = 0; i < db->difference_count; i++)
		differences[i] = difference_key(&scratch, &db->differences[i]);
	digest_begin(&d);
	digest_add_part(&d, database_scheme);
	add_project(&d, &db->project);
	add_count(&d, db->group_count);
	for (size_t i = 0; i < db->group_count; i++) {
		digest_add_part(&d, db->groups[i].canonical);
		add_group_set(&d, db->groups[i].includes, db->groups[i].include_count);
	}
	add_count(&d, db->package_count);
	for (size_t i = 0; i < db->package_count; i++) {
		add_package(&d, &db->packages[i]);
		add_declared(&d, &db->packages[i]);
		add_group_set(&d, db->packages[i].groups, db->packages[i].group_count);
	}
	add_set(&d, conflicts, db->conflict_count);
	add_set(&d, differences, db->difference_count);
	add_count(&d, db->container_count);
	for (size_t i = 0; i < db->container_count; i++) {
		container_digest(&db->containers[i], db, hex);
		digest_add_part(&d, hex);
	}
	digest_end(&d, ret_hex);
}
