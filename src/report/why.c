#include "report/why.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "fetch/store.h"
#include "lock/environment.h"
#include "python/requirement.h"
#include "python/wheel.h"
#include "report/words.h"

/* One graph that is asked, with what its markers and files are chosen by. */
struct asked {
	struct arena *a;
	const struct why *why;
	struct lock_graph graph;
	struct environment_values values;
	const char *const *tags;
	size_t tag_count;
	struct origin *origins;
	size_t origin_count;
};

/* What a wheel says it requires of another package here, "a>=1, a<3" where it says it twice; false when it says nothing of it. */
static bool requirement_of(const struct asked *q, const struct wheel_metadata *m, const struct lock_edge *e, struct why_step *step)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < m->requires_dist_count; i++) {
		size_t at;
		const char *why;
		const struct requirement *r = requirement_parse(q->a, m->requires_dist[i], &at, &why);

		if (!r || strcmp(r->canonical, e->name) != 0 || !environment_holds(&q->values, r->marker, e->extra ? e->extra : ""))
			continue;
		strbuf_add(&text, text.length ? ", " : "");
		strbuf_add(&text, e->name);
		for (size_t j = 0; j < r->extra_count; j++)
			strbuf_printf(&text, "%s%s", j ? "," : "[", r->extras[j]);
		strbuf_printf(&text, "%s%s", r->extra_count ? "]" : "", r->specifier);
		step->marker = r->marker_text;
	}
	step->requirement = arena_strdup(q->a, strbuf_text(&text));
	return text.length;
}

static void edge_requirement(struct arena *a, const struct lock_edge *e, struct why_step *step)
{
	autostrbuf struct strbuf text = {0};

	strbuf_add(&text, e->name);
	for (size_t j = 0; j < e->extra_count; j++)
		strbuf_printf(&text, "%s%s", j ? "," : "[", e->extras[j]);
	strbuf_add(&text, e->extra_count ? "]" : "");
	step->requirement = arena_strdup(a, strbuf_text(&text));
	step->marker = e->marker;
}

static struct why_step step_of(const struct asked *q, const struct lock_arc *arc)
{
	const struct pin *from = q->graph.nodes[arc->from].pin;
	const struct lock_file *file = pin_file_by_tags(from, q->tags, q->tag_count);
	struct why_step step = {.pin = q->graph.nodes[arc->to].pin, .extra = arc->edge->extra};
	autoerror struct error ignored = {0};
	struct wheel_metadata metadata;

	/* The lock keeps who requires whom; which versions of it, only the wheel says. */
	if (file && store_has(file->sha256, (int64_t)file->size_bytes) && wheel_metadata_read(q->a, store_path(q->a, file->sha256), &metadata, &ignored) == 0 &&
	    requirement_of(q, &metadata, arc->edge, &step))
		return step;
	edge_requirement(q->a, arc->edge, &step);
	return step;
}

static void add_chain(const struct asked *q, const struct lock_chain *chain, const struct origin *origin, struct why_place *place)
{
	struct why_chain *ret = arena_push(q->a, &place->chains, &place->chain_count);

	*ret = (struct why_chain){.origin = origin, .root = q->graph.nodes[chain->root].pin};
	for (size_t i = 0; i < chain->count; i++)
		*arena_push(q->a, &ret->steps, &ret->step_count) = step_of(q, &q->graph.arcs[chain->arcs[i]]);
}

/* A root in several groups begins several chains. */
static void add_chains(const struct asked *q, size_t target, struct why_place *place)
{
	struct lock_chain *chains;
	size_t count, total;

	lock_graph_chains(q->a, &q->graph, target, WHY_CHAINS_MAX, &chains, &count, &total);
	place->chain_total = total;
	for (size_t i = 0; i < count; i++) {
		size_t groups = 0;

		for (size_t j = 0; j < q->origin_count; j++) {
			if (q->origins[j].root != chains[i].root)
				continue;
			if (place->chain_count < WHY_CHAINS_MAX)
				add_chain(q, &chains[i], &q->origins[j], place);
			place->chain_total += groups++ > 0;
		}
	}
}

static void start(struct asked *q, struct arena *a, const struct why *why, const struct lock_environment *environment)
{
	*q = (struct asked){.a = a, .why = why};
	environment_values(a, environment, &q->values);
	lock_environment_tags(a, environment, &q->tags, &q->tag_count);
}

static bool is_in(const char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i], text))
			return true;
	}
	return false;
}

static bool is_same_place(const struct why_place *a, const struct why_place *b)
{
	if (a->is_built != b->is_built || a->is_besides != b->is_besides || (a->is_besides && strcmp(a->environments[0], b->environments[0]) != 0))
		return false;
	return !strcmp(a->text, b->text) && text_equal(a->layer, b->layer);
}

/* Joins the place where all is the same already, or adds one. */
static void keep(struct arena *a, struct why_answer *answer, struct why_place *place, const char *container)
{
	struct why_place *same = NULL;
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "%s\n", place->pin->version);
	why_text_chains(a, place, NULL, &text);
	place->text = arena_strdup(a, strbuf_text(&text));
	for (size_t i = 0; i < answer->place_count && !same; i++) {
		if (is_same_place(&answer->places[i], place))
			same = &answer->places[i];
	}
	if (!same) {
		same = arena_push(a, &answer->places, &answer->place_count);
		*same = *place;
	} else if (!is_in(same->environments, same->environment_count, place->environments[0])) {
		*arena_push(a, &same->environments, &same->environment_count) = place->environments[0];
	}
	if (container)
		*arena_push(a, &same->containers, &same->container_count) = container;
}

static bool is_same_pin(const struct pin *a, const struct pin *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->version, b->version);
}

/* Whether two chains lead over the same packages; what the steps say may be from one wheel here and from another there. */
static bool is_same_chain(const struct why_chain *a, const struct why_chain *b)
{
	if (a->step_count != b->step_count || !text_equal(a->origin->group, b->origin->group) || !is_same_pin(a->root, b->root))
		return false;
	for (size_t i = 0; i < a->step_count; i++) {
		if (!is_same_pin(a->steps[i].pin, b->steps[i].pin))
			return false;
	}
	return true;
}

static bool is_told(const struct why_place *told, size_t count, const struct why_chain *chain)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < told[i].chain_count; j++) {
			if (is_same_chain(&told[i].chains[j], chain))
				return true;
		}
	}
	return false;
}

/* Whether an environment has a version or a chain that none before it has. */
static bool has_news(const struct why_place *told, size_t count, const struct why_place *place)
{
	bool is_version_told = false;

	for (size_t i = 0; i < count; i++)
		is_version_told = is_version_told || is_same_pin(told[i].pin, place->pin);
	for (size_t i = 0; i < place->chain_count; i++) {
		if (!is_told(told, count, &place->chains[i]))
			return true;
	}
	return !is_version_told;
}

static void set_environment(struct arena *a, struct why_place *place, const char *name)
{
	place->environments = NULL;
	place->environment_count = 0;
	*arena_push(a, &place->environments, &place->environment_count) = name;
}

/* The chains in one environment of a container. */
static bool find_in_container(struct arena *a, const struct why *why, const struct lock_container *c, const char *name, struct why_place *place)
{
	const struct lock_environment *environment = lock_environment(why->lock, name);
	struct asked q;

	if (!environment || !lock_pin_in(why->lock, c->name, name, why->package))
		return false;
	start(&q, a, why, environment);
	lock_graph_of_container(a, why->lock, c, environment, &q.graph);
	long target = lock_graph_find(&q.graph, why->package);

	if (target < 0)
		return false;
	origins_of_container(a, &q.graph, why->db, &q.origins, &q.origin_count);
	place->pin = q.graph.nodes[target].pin;
	set_environment(a, place, environment->name);
	add_chains(&q, (size_t)target, place);
	return true;
}

static void ask_container(struct arena *a, const struct why *why, const struct lock_container *c, struct why_answer *answer)
{
	struct why_place *told = NULL;
	size_t told_count = 0;
	const char *name;

	for (size_t i = 0; (name = lock_container_environment(c, i)); i++) {
		struct why_place place = {.is_built = !i, .is_besides = i > 0};

		if (!find_in_container(a, why, c, name, &place) || !has_news(told, told_count, &place))
			continue;
		*arena_push(a, &told, &told_count) = place;
		keep(a, answer, &place, c->name);
	}
}

static void add_containers_of(struct arena *a, const struct why *why, struct why_place *place)
{
	for (size_t i = 0; i < why->lock->container_count; i++) {
		const char *name = why->lock->containers[i].name, **layers;
		size_t count;

		origins_layers(a, why->lock, why->db, name, &layers, &count);
		for (size_t j = 0; j < count; j++) {
			if (!strcmp(layers[j], place->layer))
				*arena_push(a, &place->containers, &place->container_count) = name;
		}
	}
}

/* The environments of the containers that have a layer: those they are built for, then the further ones; of a build, or where nobody knows who has it, all. */
static size_t environments_of(struct arena *a, const struct lock *lock, const struct why_place *layer, const char ***ret, size_t *ret_count)
{
	size_t built = 0;

	*ret = NULL;
	*ret_count = 0;
	for (size_t further = 0; further < 2; further++) {
		for (size_t i = 0; i < layer->container_count; i++) {
			const struct lock_container *c = lock_container(lock, layer->containers[i]);
			const char *name;

			for (size_t j = further; (name = lock_container_environment(c, j)) && (further || !j); j++) {
				if (!is_in(*ret, *ret_count, name))
					*arena_push(a, ret, ret_count) = name;
			}
		}
		built = further ? built : *ret_count;
	}
	for (size_t i = 0; i < lock->environment_count && !layer->container_count; i++)
		*arena_push(a, ret, ret_count) = lock->environments[i].name;
	return layer->container_count ? built : *ret_count;
}

static bool find_in_layer(struct arena *a, const struct why *why, const char *name, struct why_place *place)
{
	const struct lock_environment *environment = lock_environment(why->lock, name);
	struct asked q;

	if (!environment || !pin_file(place->pin, environment))
		return false;
	start(&q, a, why, environment);
	lock_graph_of_layer(a, why->lock, place->layer, environment, &q.graph);
	origins_of_layer(a, &q.graph, why->db, &q.origins, &q.origin_count);
	long target = lock_graph_find(&q.graph, why->package);

	if (target < 0)
		return false;
	set_environment(a, place, environment->name);
	add_chains(&q, (size_t)target, place);
	return true;
}

/* A layer's wheels are the same in all environments of the containers that have it; what leads to them may differ. */
static void ask_layer(struct arena *a, const struct why *why, const struct pin *pin, const char *layer, struct why_answer *answer)
{
	struct why_place asked = {.layer = layer, .pin = pin}, *told = NULL, unneeded = {0};
	const char **environments;
	size_t count, told_count = 0;

	add_containers_of(a, why, &asked);
	if (why->container && !is_in(asked.containers, asked.container_count, why->container))
		return;
	size_t built = environments_of(a, why->lock, &asked, &environments, &count);

	for (size_t i = 0; i < count; i++) {
		struct why_place place = asked;

		place.is_built = i < built;
		place.is_besides = i >= built || told_count > 0;
		if (!find_in_layer(a, why, environments[i], &place))
			continue;
		if (!place.chain_total && !unneeded.pin)
			unneeded = place;
		if (!place.chain_total || !has_news(told, told_count, &place))
			continue;
		*arena_push(a, &told, &told_count) = place;
		keep(a, answer, &place, NULL);
	}
	if (!told_count && unneeded.pin)
		keep(a, answer, &unneeded, NULL);
}

static bool is_base_of(const struct lock_container *c, const char *base)
{
	size_t length = strlen(base);

	return c->debian && !strncmp(c->debian, base, length) && (c->debian[length] == ' ' || !c->debian[length]);
}

static void add_stage(struct arena *a, struct why_deb *deb, const char *kind, const char *name, const char *container)
{
	struct why_stage *stage = NULL;

	for (size_t i = 0; i < deb->stage_count && !stage; i++) {
		if (!strcmp(deb->stages[i].kind, kind) && text_equal(deb->stages[i].name, name))
			stage = &deb->stages[i];
	}
	if (!stage) {
		stage = arena_push(a, &deb->stages, &deb->stage_count);
		*stage = (struct why_stage){.kind = kind, .name = name};
	}
	*arena_push(a, &stage->containers, &stage->container_count) = container;
}

/* "base:debian-bookworm", "ci-cpu/layer-gcc", "ci-cpu/apt", for each container that is asked for. */
static void read_stage(struct arena *a, const struct why *why, const char *text, struct why_deb *deb)
{
	const char *base = text_starts_with(text, "base:") ? text + strlen("base:") : NULL, *slash = strchr(text, '/');

	for (size_t i = 0; i < why->lock->container_count; i++) {
		const struct lock_container *c = &why->lock->containers[i];
		size_t length = strlen(c->name);

		if (why->container && strcmp(why->container, c->name) != 0)
			continue;
		if (base && is_base_of(c, base))
			add_stage(a, deb, "base", base, c->name);
		if (base || !slash || length != (size_t)(slash - text) || strncmp(text, c->name, length) != 0)
			continue;
		if (text_starts_with(slash + 1, "layer-"))
			add_stage(a, deb, "layer", slash + 1 + strlen("layer-"), c->name);
		else
			add_stage(a, deb, "apt", NULL, c->name);
	}
}

static void ask_debian(struct arena *a, const struct why *why, struct why_answer *answer)
{
	const struct lock *lock = why->lock;

	for (size_t i = why->debian ? lock_first_deb(lock, why->debian) : lock->deb_count; i < lock->deb_count && !strcmp(lock->debs[i].name, why->debian);
	     i++) {
		struct why_deb deb = {.deb = &lock->debs[i]};

		for (size_t j = 0; j < deb.deb->stage_count; j++)
			read_stage(a, why, deb.deb->stages[j], &deb);
		if (deb.stage_count)
			*arena_push(a, &answer->debs, &answer->deb_count) = deb;
	}
}

/* Where else it is, and what else there is a name of. */
static void add_debian_names(struct arena *a, const struct why *why, const char ***names, size_t *count, const char ***elsewhere, size_t *elsewhere_count)
{
	struct why everywhere = *why;
	struct why_answer found = {0};

	everywhere.container = NULL;
	ask_debian(a, &everywhere, &found);
	for (size_t i = 0; i < found.deb_count; i++) {
		for (size_t j = 0; j < found.debs[i].stage_count; j++) {
			const struct why_stage *s = &found.debs[i].stages[j];

			for (size_t k = 0; k < s->container_count; k++)
				*arena_push(a, elsewhere, elsewhere_count) =
					arena_printf(a, "%s (Debian package %s)", s->containers[k], found.debs[i].deb->version);
		}
	}
	for (size_t i = 0; why->debian && i < why->lock->deb_count; i++)
		*arena_push(a, names, count) = why->lock->debs[i].name;
}

static int refuse(struct arena *a, const struct why *why, struct error *err)
{
	const struct package *declared = why->db ? database_package(why->db, why->package) : NULL;
	const char **names = NULL, **elsewhere = NULL;
	size_t count = 0, elsewhere_count = 0;

	for (size_t i = 0; i < why->lock->pin_count; i++) {
		const struct pin *pin = &why->lock->pins[i];

		*arena_push(a, &names, &count) = pin->name;
		for (size_t j = 0; j < pin->container_count && !strcmp(pin->name, why->package); j++)
			*arena_push(a, &elsewhere, &elsewhere_count) = arena_printf(a, "%s (%s)", pin->containers[j], pin->version);
		for (size_t j = 0; j < pin->layer_count && !strcmp(pin->name, why->package); j++)
			*arena_push(a, &elsewhere, &elsewhere_count) = arena_printf(a, "layer %s (%s)", pin->layers[j], pin->version);
	}
	for (size_t i = 0; why->db && i < why->db->package_count; i++)
		*arena_push(a, &names, &count) = why->db->packages[i].canonical;
	add_debian_names(a, why, &names, &count, &elsewhere, &elsewhere_count);
	error_set(err, ERR_NOT_FOUND, "'%s' is not in %s%s%s", why->package, why->from, why->container ? ", container " : "",
		  why->container ? why->container : "");
	if (elsewhere_count)
		return error_hint(err, "it is in %s", words_list(a, elsewhere, elsewhere_count, 8));
	if (declared)
		return error_hint(err, "%s:%u declares it, but no container has it", declared->pos.file, declared->pos.line);
	return error_hint_nearest(err, why->package, names, count);
}

int why_find(struct arena *a, const struct why *why, struct why_answer *ret, struct error *err)
{
	*ret = (struct why_answer){.why = why};
	for (size_t i = 0; i < why->lock->container_count; i++) {
		if (!why->container || !strcmp(why->container, why->lock->containers[i].name))
			ask_container(a, why, &why->lock->containers[i], ret);
	}
	for (size_t i = 0; i < why->lock->pin_count; i++) {
		const struct pin *pin = &why->lock->pins[i];

		for (size_t j = 0; j < pin->layer_count && !strcmp(pin->name, why->package); j++)
			ask_layer(a, why, pin, pin->layers[j], ret);
	}
	ask_debian(a, why, ret);
	return ret->place_count || ret->deb_count ? 0 : refuse(a, why, err);
}
