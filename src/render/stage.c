#include "render/stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "recipe/database.h"
#include "render/stage_python.h"
#include "render/step.h"
#include "render/word.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* How often a layer use stands on a base, over all containers; sorted by key. */
struct use_count {
	const char *key;
	size_t count;
};

struct render {
	const struct database *db;
	struct use_count *counts;
	size_t count_count;
};

/* What two uses share when they can be the same stage: the base, the layer, every value. Line feeds cannot stand in any of them. */
static const char *use_key(struct arena *a, const struct base *base, const struct layer_use *use)
{
	autostrbuf struct strbuf key = {0};

	strbuf_printf(&key, "%s\n%s", base->name, use->layer->name);
	for (size_t i = 0; i < use->layer->option_count; i++)
		strbuf_printf(&key, "\n%s", use->values[i] ? use->values[i] : "");
	return arena_strdup(a, strbuf_text(&key));
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct use_count *)a)->key, ((const struct use_count *)b)->key);
}

struct render *render_open(struct arena *a, const struct database *db)
{
	struct render *r = arena_new(a, struct render);
	size_t all = 0, n = 0;

	r->db = db;
	for (size_t i = 0; i < db->container_count; i++)
		all += db->containers[i].layer_count;
	r->counts = arena_array(a, all, sizeof(*r->counts));
	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];

		for (size_t j = 0; j < c->layer_count; j++)
			r->counts[n++] = (struct use_count){.key = use_key(a, c->base, &c->layers[j]), .count = 1};
	}
	if (n)
		qsort(r->counts, n, sizeof(*r->counts), compare_keys);
	for (size_t i = 0; i < n; i++) {
		if (r->count_count && text_equal(r->counts[r->count_count - 1].key, r->counts[i].key))
			r->counts[r->count_count - 1].count++;
		else
			r->counts[r->count_count++] = r->counts[i];
	}
	return r;
}

/* A layer use on its way to its place. */
struct place {
	const struct layer_use *use;
	struct use_count shared;
	bool placed;
};

/* True when nothing this use requires still waits among the others. */
static bool can_be_placed(const struct place *places, size_t count, const struct place *p)
{
	const struct layer *layer = p->use->layer;

	for (size_t i = 0; i < layer->require_count; i++) {
		for (size_t j = 0; j < count; j++) {
			if (!places[j].placed && &places[j] != p && text_equal(places[j].use->layer->name, layer->requires[i]))
				return false;
		}
	}
	return true;
}

static bool goes_before(const struct place *a, const struct place *b)
{
	if (a->shared.count != b->shared.count)
		return a->shared.count > b->shared.count;
	return strcmp(a->shared.key, b->shared.key) < 0;
}

static const struct layer_use **order_layers(struct arena *a, const struct render *r, const struct container *c)
{
	const struct layer_use **ordered = arena_array(a, c->layer_count, sizeof(struct layer_use *));
	struct place *places = arena_array(a, c->layer_count, sizeof(*places));

	for (size_t i = 0; i < c->layer_count; i++) {
		struct use_count wanted = {.key = use_key(a, c->base, &c->layers[i]), .count = 0};
		struct use_count *known = r->count_count ? bsearch(&wanted, r->counts, r->count_count, sizeof(wanted), compare_keys) : NULL;

		places[i] = (struct place){.use = &c->layers[i], .shared = known ? *known : wanted};
	}
	for (size_t n = 0; n < c->layer_count; n++) {
		struct place *best = NULL;

		for (size_t i = 0; i < c->layer_count; i++) {
			struct place *p = &places[i];

			if (!p->placed && can_be_placed(places, c->layer_count, p) && (!best || goes_before(p, best)))
				best = p;
		}
		for (size_t i = 0; !best; i++) { /* a cycle, which check reports: any order will do */
			if (!places[i].placed)
				best = &places[i];
		}
		best->placed = true;
		ordered[n] = best->use;
	}
	return ordered;
}

static int add_base(struct arena *a, const struct container *c, struct stage *s)
{
	const struct base *base = c->base;
	autostrbuf struct strbuf text = {0};

	*s = (struct stage){.kind = STAGE_BASE, .name = "base"};
	if (base->source == BASE_IMAGE) {
		s->from = base->image;
		/* Whatever the image says: steps are root's, and later ones add to PATH. */
		s->text = "USER \"0:0\"\nENV PATH=\"${PATH:-" DEFAULT_PATH "}\"\n";
		return 0;
	}
	s->from = "scratch";
	s->base_tar = base;
	strbuf_printf(&text, "# %s %s, made by mmdebstrap on the machine that builds; apt's sources in it are that machine's.\n", base->suite, base->variant);
	strbuf_add(&text, "ADD " RENDER_BASE_TAR " /\n");
	/* An image from scratch has no PATH of its own, and later steps add to it. */
	strbuf_add(&text, "ENV PATH=\"" DEFAULT_PATH "\"\n");
	s->text = arena_strdup(a, strbuf_text(&text));
	return 0;
}

/* "gcc", "llvm (version 16)". */
static void add_use_title(struct strbuf *out, const struct layer_use *use)
{
	strbuf_add(out, use->layer->name);
	for (size_t i = 0; i < use->layer->option_count; i++)
		strbuf_printf(out, "%s%s %s", i ? ", " : " (", use->layer->options[i].name, use->values[i] ? use->values[i] : "");
	if (use->layer->option_count)
		strbuf_add_char(out, ')');
}

static int add_layer(struct arena *a, const struct container *c, const struct layer_use *use, struct stage *s, struct error *err)
{
	autostrbuf struct strbuf text = {0}, title = {0};
	struct step_needs needs = {0};

	add_use_title(&title, use);
	if (use->layer->description)
		strbuf_printf(&title, ": %s", use->layer->description);
	word_add_comment(&text, strbuf_text(&title));
	if (step_add_all(a, use, c->base, &text, &needs, err) < 0)
		return -1;
	*s = (struct stage){
		.kind = STAGE_LAYER,
		.name = arena_printf(a, "layer-%s", use->layer->name),
		.text = arena_strdup(a, strbuf_text(&text)),
		.layer_use = use,
		.wheels = needs.wheels ? use : NULL,
		.archives = needs.archives ? use : NULL,
		.debian = needs.debian,
	};
	return 0;
}

static void add_apt(struct arena *a, const struct container *c, struct stage *s)
{
	autostrbuf struct strbuf text = {0};

	strbuf_add(&text, "# Further Debian packages of this container.\n");
	step_add_apt(a, &text, "apt", c->apt, c->apt_count);
	*s = (struct stage){.kind = STAGE_APT, .name = "apt", .text = arena_strdup(a, strbuf_text(&text)), .debian = true};
}

/* Labels are one line each: a description that has several is written with spaces between them. */
static const char *label_line(struct arena *a, const char *value)
{
	autostrbuf struct strbuf line = {0};

	for (const char *p = value ? value : ""; *p; p++)
		strbuf_add_char(&line, (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
	while (line.length && line.text[line.length - 1] == ' ')
		line.text[--line.length] = '\0';
	return arena_strdup(a, strbuf_text(&line));
}

static const char *layer_titles(struct arena *a, const struct container *c, const struct layer_use *const *layers)
{
	autostrbuf struct strbuf names = {0};

	for (size_t i = 0; i < c->layer_count; i++) {
		if (i)
			strbuf_add(&names, "; ");
		add_use_title(&names, layers[i]);
	}
	return arena_strdup(a, strbuf_text(&names));
}

static const char *group_names(struct arena *a, const struct container *c)
{
	const char **groups = arena_array(a, c->group_count, sizeof(*groups));
	autostrbuf struct strbuf names = {0};

	for (size_t i = 0; i < c->group_count; i++)
		groups[i] = c->groups[i]->name;
	if (c->group_count)
		qsort(groups, c->group_count, sizeof(*groups), text_compare_items);
	for (size_t i = 0; i < c->group_count; i++)
		strbuf_printf(&names, "%s%s", i ? " " : "", groups[i]);
	return arena_strdup(a, strbuf_text(&names));
}

enum { LABEL_COUNT = 8 };
struct label {
	const char *name, *value;
};

static void list_labels(struct arena *a, const struct render *r, const struct container *c, const struct layer_use *const *layers,
			struct label ret[LABEL_COUNT])
{
	char inputs[DIGEST_HEX_LENGTH + 1];

	container_digest(c, r->db, inputs);
	const struct label labels[LABEL_COUNT] = {
		{"org.opencontainers.image.title", c->name},   {"org.opencontainers.image.description", c->description},
		{"dev.lockstep.project", r->db->project.name}, {"dev.lockstep.container", c->name},
		{"dev.lockstep.base", c->base->name},          {"dev.lockstep.layers", layer_titles(a, c, layers)},
		{"dev.lockstep.groups", group_names(a, c)},    {"dev.lockstep.inputs", inputs},
	};

	for (size_t i = 0; i < LABEL_COUNT; i++)
		ret[i] = (struct label){labels[i].name, label_line(a, labels[i].value)};
}

static void add_labels(struct arena *a, const struct render *r, const struct container *c, const struct layer_use *const *layers, struct strbuf *out)
{
	struct label labels[LABEL_COUNT];

	list_labels(a, r, c, layers, labels);
	strbuf_add(out, "# What this image was made from; inputs is the digest of everything in the database that can change it.\nLABEL");
	for (size_t i = 0; i < LABEL_COUNT; i++) {
		strbuf_printf(out, " \\\n    %s=", labels[i].name);
		word_add_quoted(out, labels[i].value);
	}
	strbuf_add_char(out, '\n');
}

const char *const *render_labels(struct arena *a, const struct render *r, const struct container *c)
{
	const char **list = arena_array(a, LABEL_COUNT + 1, sizeof(*list));
	struct label labels[LABEL_COUNT];

	list_labels(a, r, c, order_layers(a, r, c), labels);
	for (size_t i = 0; i < LABEL_COUNT; i++)
		list[i] = arena_printf(a, "%s=%s", labels[i].name, labels[i].value);
	list[LABEL_COUNT] = NULL;
	return list;
}

static bool is_number(const char *text)
{
	return *text >= '0' && *text <= '9';
}

/* "RUN <test> -- NAME >/dev/null 2>&1 || <make> -- NAME". */
static void add_account(struct strbuf *out, const char *test, const char *make, const char *name)
{
	strbuf_printf(out, "RUN %s ", test);
	text_shell_quote(out, name);
	strbuf_printf(out, " >/dev/null 2>&1 || %s ", make);
	text_shell_quote(out, name);
	strbuf_add_char(out, '\n');
}

/* A group and a user are made where the base has none of that name; numbers need no entry. The working folder belongs to them. */
static void add_user(struct arena *a, struct strbuf *out, const struct container *c)
{
	const char *colon = strchr(c->user, ':'), *group = colon ? colon + 1 : NULL;
	const char *user = colon ? arena_strndup(a, c->user, (size_t)(colon - c->user)) : c->user;

	if (group && !is_number(group))
		add_account(out, "getent group --", "groupadd --", group);
	if (!is_number(user)) {
		autostrbuf struct strbuf make = {0};

		strbuf_add(&make, "useradd --create-home --shell /bin/bash");
		if (group) {
			strbuf_add(&make, " --gid ");
			text_shell_quote(&make, group);
		}
		strbuf_add(&make, " --");
		add_account(out, "id -u --", strbuf_text(&make), user);
	}
	if (!c->workdir)
		return;
	strbuf_add(out, "RUN [ -d ");
	text_shell_quote(out, c->workdir);
	strbuf_add(out, " ] || { mkdir -p -- ");
	text_shell_quote(out, c->workdir);
	strbuf_add(out, " && chown -- ");
	/* "ci:" is also its group */
	text_shell_quote(out, group || is_number(user) ? c->user : arena_printf(a, "%s:", user));
	strbuf_add_char(out, ' ');
	text_shell_quote(out, c->workdir);
	strbuf_add(out, "; }\n");
}

/* All that is in a container beside packages. */
static int add_settings(struct arena *a, const struct container *c, struct strbuf *out, struct error *err)
{
	for (size_t i = 0; i < c->env_count; i++) {
		if (step_add_env(out, c->env_names[i], c->env_values[i], c->pos, err) < 0)
			return -1;
	}
	if ((c->user && !word_is_line(c->user)) || (c->workdir && !word_is_line(c->workdir)))
		return error_set(err, ERR_INPUT, "%s: user and workdir cannot have line breaks", c->file);
	if (c->user)
		add_user(a, out, c);
	if (c->workdir) {
		strbuf_add(out, "WORKDIR ");
		word_add_quoted(out, c->workdir);
		strbuf_add_char(out, '\n');
	}
	if (c->user) {
		strbuf_add(out, "USER ");
		word_add_quoted(out, c->user);
		strbuf_add_char(out, '\n');
	}
	return 0;
}

static int add_container(struct arena *a, const struct render *r, const struct container *c, const struct layer_use *const *layers, struct stage *s,
			 struct error *err)
{
	autostrbuf struct strbuf text = {0};

	if (add_settings(a, c, &text, err) < 0)
		return -1;
	add_labels(a, r, c, layers, &text);
	*s = (struct stage){.kind = STAGE_CONTAINER, .name = "container", .text = arena_strdup(a, strbuf_text(&text))};
	return 0;
}

/* Left out where it would say nothing. */
static int add_system(struct arena *a, const struct container *c, struct stage *stages, size_t *count, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	if (add_settings(a, c, &text, err) < 0)
		return -1;
	if (text.length)
		stages[(*count)++] = (struct stage){.kind = STAGE_CONTAINER, .name = "system", .text = arena_strdup(a, strbuf_text(&text))};
	return 0;
}

static int list_stages(struct arena *a, const struct render *r, const struct container *c, bool below, struct stage **ret, size_t *ret_count, struct error *err)
{
	const struct layer_use **layers = order_layers(a, r, c);
	struct stage *stages = arena_array(a, c->layer_count + 4, sizeof(*stages));
	struct package **packages = NULL;
	size_t count = 0, package_count = 0;

	add_base(a, c, &stages[count++]);
	for (size_t i = 0; i < c->layer_count; i++) {
		if (add_layer(a, c, layers[i], &stages[count++], err) < 0)
			return -1;
	}
	if (c->apt_count)
		add_apt(a, c, &stages[count++]);
	container_packages(a, c, &packages, &package_count);
	if (package_count)
		(below ? stage_venv : stage_python)(a, r->db, c, &stages[count++]);
	if (below ? add_system(a, c, stages, &count, err) < 0 : add_container(a, r, c, layers, &stages[count++], err) < 0)
		return -1;
	*ret = stages;
	*ret_count = count;
	return 0;
}

int render_stages(struct arena *a, const struct render *r, const struct container *c, struct stage **ret, size_t *ret_count, struct error *err)
{
	return list_stages(a, r, c, false, ret, ret_count, err);
}

int render_system_stages(struct arena *a, const struct render *r, const struct container *c, struct stage **ret, size_t *ret_count, struct error *err)
{
	return list_stages(a, r, c, true, ret, ret_count, err);
}
