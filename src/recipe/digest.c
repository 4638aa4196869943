/* Digests of what can change a lock, an image or what is known of an image. Descriptions, reasons, links, tag files and the order of keys and files are none
   of it. */
#include "recipe/database.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/digest.h"

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
		digest_add_part(d, p->resolver);
	add_count(d, p->index_count);
	for (size_t i = 0; i < p->index_count; i++) {
		digest_add_part(d, p->indexes[i].alias);
		digest_add_part(d, p->indexes[i].url);
	}
}

static void add_base(struct digest *d, const struct base *b)
{
	const struct environment *e = &b->environment;

	digest_add_part(d, b->name);
	digest_add_part(d, b->source == BASE_IMAGE ? "image" : "mmdebstrap");
	digest_add_part(d, b->image);
	digest_add_part(d, b->suite);
	digest_add_part(d, b->variant);
	add_set(d, b->components, b->component_count);
	add_set(d, b->packages, b->package_count);
	digest_add_part(d, b->python_executable);
	digest_add_part(d, e->python);
	digest_add_part(d, e->implementation);
	digest_add_part(d, e->os);
	digest_add_part(d, e->machine);
	digest_add_part(d, e->libc);
	digest_add_part(d, e->libc_version);
}

static void add_text(struct digest *d, const struct layer_use *use, const char *text)
{
	autoarena struct arena scratch = {0};

	digest_add_part(d, text ? layer_use_expand(&scratch, use, text) : NULL);
}

static void add_step(struct digest *d, const struct layer_use *use, const struct layer_step *step)
{
	static const char *const kinds[] = {"apt", "wheels", "run", "link", "file", "env"};

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

static void add_package(struct digest *d, const struct package *p)
{
	digest_add_part(d, p->canonical);
	digest_add_part(d, p->constraint.specifier);
	digest_add_part(d, p->index);
	add_set(d, p->extras, p->extra_count);
}

static void add_swaps(struct digest *d, const struct container *c)
{
	autoarena struct arena scratch = {0};
	const char **pairs = arena_array(&scratch, c->swap_count, sizeof(*pairs));

	for (size_t i = 0; i < c->swap_count; i++)
		pairs[i] = arena_printf(&scratch, "%s %s", c->swaps[i].from->canonical, c->swaps[i].to->canonical);
	add_set(d, pairs, c->swap_count);
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
	container_packages(&scratch, c, &packages, &count);
	add_count(&d, count);
	for (size_t i = 0; i < count; i++)
		add_package(&d, packages[i]);
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
