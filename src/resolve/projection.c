#include "resolve/projection.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lock/environment.h"
#include "python/wheel.h"
#include "resolve/entries.h"
#include "resolve/source.h"
#include "resolve/uv_files.h"

/* What one asker reaches in one of its environments. */
struct reach {
	const struct asker *asker;
	const struct lock_environment *environment;
	struct environment_values values;
	const char *group, *group_extra;
	size_t platform;      /* place in the walker's */
	bool *packages;       /* by place in the answer */
	const char ***extras; /* by place: those asked for */
	size_t *extra_counts;
};

/* What files are chosen by: tags are many, environments are few. */
struct platform {
	const struct lock_environment *environment;
	const char *const *tags;
	size_t tag_count;
};

struct walker {
	struct arena scratch, *arena; /* of the walk; of what is returned */
	const struct question *question;
	const struct uv_lock *answer;
	const struct uv_indexes *indexes;
	const struct sources *sources;
	struct platform *platforms;
	size_t platform_count;
	struct reach *reaches;
	size_t reach_count;
	size_t *queue, queue_count;
	struct error *err;
};

static size_t place_of(const struct walker *w, const struct uv_package *package)
{
	return (size_t)(package - w->answer->packages);
}

static bool has_extra(const struct reach *r, size_t package, const char *extra)
{
	for (size_t i = 0; i < r->extra_counts[package]; i++) {
		if (!strcmp(r->extras[package][i], extra))
			return true;
	}
	return false;
}

/* True when the edge is there for this asker, in its environment. */
static bool follows(const struct walker *w, const struct reach *r, const struct uv_package *from, const struct uv_edge *edge)
{
	if (from == w->answer->question) {
		/* What is asked for only to limit it is reached by way of another, or not at all. */
		if (!edge->under || strcmp(edge->under, r->group) != 0 || !asker_wants(r->asker, edge->name))
			return false;
	} else if (edge->under && !has_extra(r, place_of(w, from), edge->under)) {
		return false;
	}
	return environment_holds(&r->values, edge->marker, r->group_extra);
}

/* True when something about the target is new, so that its own edges have to be looked at (again). */
static bool arrive(struct walker *w, struct reach *r, const struct uv_edge *edge, size_t target)
{
	bool is_new = !r->packages[target];

	r->packages[target] = true;
	for (size_t i = 0; i < edge->extra_count; i++) {
		if (has_extra(r, target, edge->extras[i]))
			continue;
		*arena_push(&w->scratch, &r->extras[target], &r->extra_counts[target]) = edge->extras[i];
		is_new = true;
	}
	return is_new;
}

static int walk(struct walker *w, struct reach *r)
{
	w->queue_count = 0;
	*arena_push(&w->scratch, &w->queue, &w->queue_count) = place_of(w, w->answer->question);
	while (w->queue_count) {
		const struct uv_package *from = &w->answer->packages[w->queue[--w->queue_count]];

		for (size_t i = 0; i < from->edge_count; i++) {
			const struct uv_package *target;

			if (!follows(w, r, from, &from->edges[i]))
				continue;
			target = uv_lock_target(w->answer, &from->edges[i]);
			if (!target)
				return error_set(w->err, ERR_FAILED, "uv's lock has no '%s', which '%s' requires", from->edges[i].name, from->name);
			if (arrive(w, r, &from->edges[i], place_of(w, target)))
				*arena_push(&w->scratch, &w->queue, &w->queue_count) = place_of(w, target);
		}
	}
	return 0;
}

/* Only markers on a patch release can bring this about: the base does not say which one it has. */
static int check_once(struct walker *w, const struct reach *r)
{
	for (size_t i = 1; i < w->answer->package_count; i++) {
		const struct uv_package *one = &w->answer->packages[i - 1], *two = &w->answer->packages[i];

		for (size_t j = i; j < w->answer->package_count && !strcmp(one->name, w->answer->packages[j].name); j++) {
			two = &w->answer->packages[j];
			if (r->packages[i - 1] && r->packages[j])
				return error_set(w->err, ERR_CONFLICT,
						 "%s '%s' would need '%s' at %s and at %s, depending on the patch release of Python %s in its base",
						 r->asker->is_layer ? "layer" : "container", r->asker->name, one->name, one->version, two->version,
						 r->environment->python);
		}
	}
	return 0;
}

static size_t platform_of(struct walker *w, const struct lock_environment *environment)
{
	for (size_t i = 0; i < w->platform_count; i++) {
		if (w->platforms[i].environment == environment)
			return i;
	}
	struct platform *platform = arena_push(&w->scratch, &w->platforms, &w->platform_count);

	platform->environment = environment;
	lock_environment_tags(&w->scratch, environment, &platform->tags, &platform->tag_count);
	return w->platform_count - 1;
}

static int make_reaches(struct walker *w, const struct question *q)
{
	for (size_t i = 0; i < q->asker_count; i++) {
		autostrbuf struct strbuf group = {0}, extra = {0};

		uv_add_group(&group, i);
		uv_add_group_extra(&extra, i);
		for (size_t j = 0; j < q->askers[i].environment_count; j++) {
			struct reach *r = arena_push(&w->scratch, &w->reaches, &w->reach_count);

			r->asker = &q->askers[i];
			r->environment = q->askers[i].environments[j];
			r->group = arena_strdup(&w->scratch, strbuf_text(&group));
			r->group_extra = arena_strdup(&w->scratch, strbuf_text(&extra));
			r->packages = arena_array(&w->scratch, w->answer->package_count, sizeof(*r->packages));
			r->extras = arena_array(&w->scratch, w->answer->package_count, sizeof(*r->extras));
			r->extra_counts = arena_array(&w->scratch, w->answer->package_count, sizeof(*r->extra_counts));
			environment_values(&w->scratch, r->environment, &r->values);
			r->platform = platform_of(w, r->environment);
			if (walk(w, r) < 0 || check_once(w, r) < 0)
				return -1;
		}
	}
	return 0;
}

static const char **copy_texts(struct arena *a, const char *const *from, size_t count)
{
	const char **copy = count ? arena_array(a, count, sizeof(*copy)) : NULL;

	for (size_t i = 0; i < count; i++)
		copy[i] = arena_strdup(a, from[i]);
	return copy;
}

static void add_edge(struct walker *w, struct pin *pin, const struct uv_edge *edge, bool everywhere)
{
	const struct uv_package *target = uv_lock_target(w->answer, edge);
	/* uv's markers on forks name groups of its own question; where an edge leads is what remains of them. */
	bool keep_marker = edge->marker_text && !everywhere && !strstr(edge->marker_text, "extra");

	*arena_push(w->arena, &pin->edges, &pin->edge_count) = (struct lock_edge){
		.name = arena_strdup(w->arena, edge->name),
		.version = arena_strdup(w->arena, target->version),
		.extras = copy_texts(w->arena, edge->extras, edge->extra_count),
		.extra_count = edge->extra_count,
		.marker = keep_marker ? arena_strdup(w->arena, edge->marker_text) : NULL,
		.extra = arena_strdup_null(w->arena, edge->under),
	};
}

/* The edges that at least one owner of the pin follows. */
static void add_edges(struct walker *w, struct pin *pin, const struct uv_package *package, const bool *owners)
{
	size_t place = place_of(w, package);

	for (size_t i = 0; i < package->edge_count; i++) {
		const struct uv_edge *edge = &package->edges[i];
		bool somewhere = false, everywhere = true;

		for (size_t j = 0; j < w->reach_count; j++) {
			const struct reach *r = &w->reaches[j];

			if (!owners[j] || (edge->under && !has_extra(r, place, edge->under)))
				continue;
			bool holds = follows(w, r, package, edge);

			somewhere = somewhere || holds;
			everywhere = everywhere && holds;
		}
		if (somewhere)
			add_edge(w, pin, edge, everywhere);
	}
}

/* What the database says is not required stays visible. */
static void add_waived_edges(struct walker *w, struct pin *pin)
{
	const struct question *q = w->question;

	for (size_t i = 0; i < q->left_out_edge_count; i++) {
		const struct left_out_edge *edge = &q->left_out_edges[i];
		bool known = strcmp(edge->package, pin->name) != 0 || (edge->version && strcmp(edge->version, pin->version) != 0);

		for (size_t j = 0; j < pin->edge_count && !known; j++)
			known = pin->edges[j].waived && !strcmp(pin->edges[j].name, edge->waiver->required);
		if (known)
			continue;
		char *why = arena_strdup(w->arena, edge->waiver->why);

		for (char *c = why; *c; c++)
			*c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
		*arena_push(w->arena, &pin->edges, &pin->edge_count) =
			(struct lock_edge){.name = arena_strdup(w->arena, edge->waiver->required), .waived = *why ? why : "waived"};
	}
}

static bool has_file(const struct pin *pin, const char *name)
{
	for (size_t i = 0; i < pin->file_count; i++) {
		if (!strcmp(pin->files[i].name, name))
			return true;
	}
	return false;
}

/* Marks everyone who can use the wheel; true when there is someone. */
static bool fits_someone(struct walker *w, const bool *owners, const struct wheel_name *wheel, bool *fitted)
{
	bool fits = false, *usable = arena_array(&w->scratch, w->platform_count, sizeof(*usable));

	for (size_t i = 0; i < w->platform_count; i++)
		usable[i] = wheel_rank(wheel, w->platforms[i].tags, w->platforms[i].tag_count) >= 0;
	for (size_t i = 0; i < w->reach_count; i++) {
		const struct reach *r = &w->reaches[i];

		if (!owners[i] || !usable[r->platform])
			continue;
		fitted[i] = true;
		fits = true;
	}
	return fits;
}

/* A release that uv knows by its stub: the wheels that its index has, and the archive where somebody has none of them. */
static void add_source_files(struct walker *w, struct pin *pin, const bool *owners, const struct source *source)
{
	bool *fitted = arena_array(&w->scratch, w->reach_count, sizeof(*fitted)), misses = false;

	for (size_t i = 0; i < source->wheel_count; i++) {
		struct wheel_name name;

		if (!wheel_name_parse(&w->scratch, source->wheels[i].name, &name) || strcmp(name.name, pin->name) != 0 ||
		    strcmp(name.version, pin->version) != 0 || !fits_someone(w, owners, &name, fitted))
			continue;
		*arena_push(w->arena, &pin->files, &pin->file_count) = source_copy_file(w->arena, &source->wheels[i]);
	}
	for (size_t i = 0; i < w->reach_count; i++)
		misses = misses || (owners[i] && !fitted[i]);
	if (misses)
		source_fill_pin(w->arena, source, pin);
}

static int add_file(struct walker *w, struct pin *pin, const struct uv_wheel *wheel)
{
	if (!wheel->sha256) {
		error_set(w->err, ERR_NOT_FOUND, "index '%s' gives no SHA-256 for '%s', so it cannot be locked", pin->index, wheel->name);
		return error_hint(w->err, "use an index that gives hashes of its files");
	}
	*arena_push(w->arena, &pin->files, &pin->file_count) = (struct lock_file){
		.name = arena_strdup(w->arena, wheel->name),
		.size_bytes = wheel->size_bytes,
		.sha256 = arena_strdup(w->arena, wheel->sha256),
		.url = arena_strdup(w->arena, wheel->url),
	};
	return 0;
}

static int add_files(struct walker *w, struct pin *pin, const struct uv_package *package, const bool *owners, struct projection *ret)
{
	bool *fitted = arena_array(&w->scratch, w->reach_count, sizeof(*fitted));
	const struct source *source = sources_find(w->sources, pin->name, pin->version);

	if (source) {
		add_source_files(w, pin, owners, source);
		return 0;
	}
	for (size_t i = 0; i < package->wheel_count; i++) {
		struct wheel_name name;

		/* A file of another package or version under this entry would be an index's mistake, or worse. */
		if (!wheel_name_parse(&w->scratch, package->wheels[i].name, &name) || strcmp(name.name, pin->name) != 0 ||
		    strcmp(name.version, pin->version) != 0 || has_file(pin, package->wheels[i].name))
			continue;
		if (fits_someone(w, owners, &name, fitted) && add_file(w, pin, &package->wheels[i]) < 0)
			return -1;
	}
	for (size_t i = 0; i < w->reach_count; i++) {
		if (!owners[i] || fitted[i])
			continue;
		*arena_push(w->arena, &ret->misfits, &ret->misfit_count) = (struct misfit){.name = pin->name,
											   .version = pin->version,
											   .asker = w->reaches[i].asker,
											   .environment = w->reaches[i].environment,
											   .file_count = package->wheel_count};
		break;
	}
	return 0;
}

/* The project's own word for it: what uv writes may be relative to its folder, or hold what it made of it. */
static int set_origin(struct walker *w, const struct uv_package *package, struct pin *pin, const char **ret_stray)
{
	const struct bond *bond = question_bond(w->question, package->name);
	const char *alias = package->registry ? uv_indexes_alias(w->indexes, package->registry) : NULL;
	const struct source *source = sources_find(w->sources, package->name, package->version);

	if (source) {
		pin->index = arena_strdup_null(w->arena, source->index);
		pin->reference = arena_strdup_null(w->arena, source->reference);
		return 0;
	}
	if (bond && bond->index && !text_equal(alias, bond->index))
		*ret_stray = arena_printf(w->arena, "'%s' may come from index '%s' only, but uv took it from %s%s%s", package->name, bond->index,
					  alias ? "index '" : "an address", alias ? alias : "", alias ? "'" : "");
	if (bond && bond->reference && package->registry)
		*ret_stray = arena_printf(w->arena, "'%s' may come from its own place only, but uv took it from index '%s'", package->name, alias ? alias : "");
	if (*ret_stray)
		return 0;
	if (package->registry) {
		pin->index = arena_strdup(w->arena, alias);
		return 0;
	}
	if (!bond || !bond->reference)
		return error_set(w->err, ERR_CONFLICT, "'%s' comes from '%s', which the database does not name", package->name,
				 package->url    ? package->url
				 : package->path ? package->path
						 : "nowhere");
	pin->reference = arena_strdup(w->arena, bond->reference->kind == REFERENCE_PATH ? bond->reference->path : bond->reference->url);
	return 0;
}

/* The hash that the database says stands for the address. */
static int check_reference(struct walker *w, const struct pin *pin)
{
	const struct bond *bond = pin->reference ? question_bond(w->question, pin->name) : NULL;

	if (!bond || !bond->reference->sha256 || !pin->file_count || !strcmp(pin->files[0].sha256, bond->reference->sha256))
		return 0;
	error_set(w->err, ERR_INPUT, "'%s' at '%s' has other bytes than the database says: sha256 %s, not %s", pin->name, pin->reference, pin->files[0].sha256,
		  bond->reference->sha256);
	return error_hint(w->err, "somebody replaced the file, or the sha256 in recipes/python.yaml is wrong");
}

/* One entry of the lock: what a set of reaches has of a package. */
static int add_entry(struct walker *w, const struct uv_package *package, const struct entry *entry, struct projection *ret)
{
	struct pin pin = {.name = arena_strdup(w->arena, package->name), .version = arena_strdup(w->arena, package->version)};

	for (size_t i = 0; i < entry->owner_count; i++) {
		const char ***names = entry->owners[i]->is_layer ? &pin.layers : &pin.containers;
		size_t *count = entry->owners[i]->is_layer ? &pin.layer_count : &pin.container_count;

		*arena_push(w->arena, names, count) = arena_strdup(w->arena, entry->owners[i]->name);
	}
	for (size_t i = 0; i < entry->environment_count; i++)
		*arena_push(w->arena, &pin.environments, &pin.environment_count) = arena_strdup(w->arena, entry->environments[i]->name);
	if (pin.environment_count > 1)
		qsort(pin.environments, pin.environment_count, sizeof(*pin.environments), text_compare_items);
	const char *stray = NULL;

	if (set_origin(w, package, &pin, &stray) < 0)
		return -1;
	for (size_t i = 0; i < w->reach_count && stray; i++) {
		if (entry->has[i])
			*arena_push(w->arena, &ret->strays, &ret->stray_count) = (struct stray){pin.name, w->reaches[i].environment, stray};
	}
	if (stray)
		return 0;
	add_edges(w, &pin, package, entry->has);
	add_waived_edges(w, &pin);
	if (add_files(w, &pin, package, entry->has, ret) < 0 || check_reference(w, &pin) < 0)
		return -1;
	*arena_push(w->arena, &ret->pins, &ret->pin_count) = pin;
	return 0;
}

static int add_pin(struct walker *w, const struct uv_package *package, struct projection *ret)
{
	struct owner *owners = arena_array(&w->scratch, w->reach_count, sizeof(*owners));
	struct entry *entries;
	size_t count;

	for (size_t i = 0; i < w->reach_count; i++)
		owners[i] = (struct owner){w->reaches[i].asker, w->reaches[i].environment, w->reaches[i].packages[place_of(w, package)]};
	entries_make(&w->scratch, owners, w->reach_count, &entries, &count);
	for (size_t i = 0; i < count; i++) {
		if (add_entry(w, package, &entries[i], ret) < 0)
			return -1;
	}
	return 0;
}

int projection_make(struct arena *a, const struct question *q, const struct uv_lock *answer, const struct uv_indexes *indexes, struct projection *ret,
		    struct error *err)
{
	struct walker w = {.arena = a, .question = q, .answer = answer, .indexes = indexes, .sources = q->sources, .err = err};
	int result = make_reaches(&w, q);

	*ret = (struct projection){0};
	for (size_t i = 0; i < answer->package_count && result == 0; i++) {
		if (&answer->packages[i] != answer->question)
			result = add_pin(&w, &answer->packages[i], ret);
	}
	arena_release(&w.scratch);
	return result;
}
