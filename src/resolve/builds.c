#include <string.h>

#include "python/requirement.h"
#include "resolve/resolver.h"
#include "resolve/sizes.h"

static void add_build_want(struct resolver *r, struct asker *asker, const char *text)
{
	size_t at;
	const char *why;
	struct requirement *q = requirement_parse(&r->scratch, text, &at, &why);
	autostrbuf struct strbuf extras = {0};

	if (!q)
		return;
	for (size_t i = 0; i < q->extra_count; i++)
		strbuf_printf(&extras, "%s%s%s", i ? "," : "[", q->extras[i], i + 1 < q->extra_count ? "" : "]");
	*arena_push(&r->scratch, &asker->wants, &asker->want_count) = (struct want){.canonical = q->canonical,
										    .extras = arena_strdup(&r->scratch, strbuf_text(&extras)),
										    .specifier = q->url ? "" : q->specifier,
										    .marker = q->marker_text,
										    .through = "its [build-system]"};
}

/* What recipes/ say of packages that the build names, for who reads that it cannot be had. */
static void add_build_constraints(struct strbuf *out, const struct resolver *r, const struct asker *asker)
{
	const char *before = " ('build_constraints' say ";

	for (size_t i = 0; i < r->db->build_constraint_count; i++) {
		const struct build_constraint *b = &r->db->build_constraints[i];
		bool named = false;

		for (size_t j = 0; j < asker->want_count && !named; j++)
			named = !strcmp(asker->wants[j].canonical, b->canonical);
		if (!named)
			continue;
		strbuf_printf(out, "%s%s%s, at %s:%u", before, b->canonical, b->constraint.specifier, b->constraint.pos.file, b->constraint.pos.line);
		before = "; ";
	}
	if (out->length)
		strbuf_add_char(out, ')');
}

static int refuse_build(struct resolver *r, const struct pin *pin, const struct asker *asker)
{
	autostrbuf struct strbuf constraints = {0};

	add_build_constraints(&constraints, r, asker);
	return error_wrap(r->err, "%s %s has to be built from %s, and what builds it cannot be had%s", pin->name, pin->version, pin_source(pin)->name,
			  strbuf_text(&constraints));
}

static int resolve_one_build(struct resolver *r, struct lock *lock, const struct pin *pin, const struct lock_environment *environment)
{
	struct asker *asker = arena_new(&r->scratch, struct asker);
	struct question q = {.askers = asker, .asker_count = 1};
	autostrbuf struct strbuf text = {0};
	struct projection p = {0};

	*asker = (struct asker){.is_layer = true, .name = pin_build_name(&r->scratch, pin, environment)};
	*arena_push(&r->scratch, &asker->environments, &asker->environment_count) = environment;
	for (size_t i = 0; i < pin->build_require_count; i++)
		add_build_want(r, asker, pin->build_requires[i]);
	if (!asker->want_count)
		return 0;
	for (size_t i = 0; i < r->db->build_constraint_count; i++) {
		const struct build_constraint *b = &r->db->build_constraints[i];

		*arena_push(&r->scratch, &q.exclusions, &q.exclusion_count) = arena_printf(&r->scratch, "%s%s", b->canonical, b->constraint.specifier);
	}
	strbuf_printf(&text, "resolving what builds %s %s", pin->name, pin->version);
	resolver_progress(r, strbuf_text(&text));
	if (resolver_answer(r, &q, &p) < 0)
		return refuse_build(r, pin, asker);
	for (size_t i = 0; i < p.pin_count; i++)
		resolver_merge_pin(lock, &p.pins[i]);
	return 0;
}

/* Whether some container is built for the environment, has the pin, and no wheel of an index for it. */
static bool is_built_for(const struct lock *lock, const struct pin *pin, const struct lock_environment *environment)
{
	struct pin of_index = *pin;
	autoarena struct arena a = {0};
	bool wanted = false;

	for (size_t i = 0; i < lock->container_count && !wanted; i++)
		wanted = !strcmp(lock->containers[i].environment, environment->name) && pin_is_built_in(pin, &lock->containers[i]);
	if (!wanted)
		return false;
	of_index.files = NULL;
	of_index.file_count = 0;
	for (size_t i = 0; i < pin->file_count; i++) {
		if (!pin->files[i].built_from)
			*arena_push(&a, &of_index.files, &of_index.file_count) = pin->files[i];
	}
	return !pin_file(&of_index, environment);
}

static int resolve_builds_of(struct resolver *r, struct lock *lock, size_t place)
{
	for (size_t i = 0; i < lock->environment_count; i++) {
		const struct pin pin = lock->pins[place];

		if (is_built_for(lock, &pin, &lock->environments[i]) && resolve_one_build(r, lock, &pin, &lock->environments[i]) < 0)
			return -1;
	}
	return 0;
}

int builds_resolve(struct resolver *r, struct lock *lock)
{
	for (size_t i = 0; i < lock->pin_count; i++) {
		if (!pin_is_toolchain(&lock->pins[i]) && pin_source(&lock->pins[i]) && resolve_builds_of(r, lock, i) < 0)
			return -1;
	}
	return 0;
}

/* A lock that was read says which version an edge leads to only where it had several then. */
static void lengthen_edges(struct lock *lock)
{
	for (size_t i = 0; i < lock->pin_count; i++) {
		for (size_t j = 0; pin_is_toolchain(&lock->pins[i]) && j < lock->pins[i].edge_count; j++) {
			struct lock_edge *edge = &lock->pins[i].edges[j];

			for (size_t k = 0; k < lock->pin_count && !edge->version; k++) {
				if (pin_is_toolchain(&lock->pins[k]) && !strcmp(lock->pins[k].name, edge->name))
					edge->version = lock->pins[k].version;
			}
		}
	}
}

/* What built it before goes; toolchain pins that nobody is left for go with it. */
static void forget_builds(struct resolver *r, struct lock *lock, const struct pin *pin)
{
	size_t kept = 0;

	for (size_t i = 0; i < lock->pin_count; i++) {
		struct pin *p = &lock->pins[i];
		bool was_toolchain = pin_is_toolchain(p);
		size_t layers = 0;

		for (size_t j = 0; j < p->layer_count; j++) {
			bool gone = false;

			for (size_t k = 0; k < lock->environment_count && !gone; k++)
				gone = !strcmp(p->layers[j], pin_build_name(&r->scratch, pin, &lock->environments[k]));
			if (!gone)
				p->layers[layers++] = p->layers[j];
		}
		p->layer_count = layers;
		if (!was_toolchain || layers)
			lock->pins[kept++] = *p;
	}
	lock->pin_count = kept;
}

int builds_resolve_anew(struct resolver *r, struct lock *lock, const struct pin *pin, const char *const *requirements, size_t count)
{
	struct pin wanted = *pin;

	r->search.cut_off_unix = r->options->cut_off_unix ? r->options->cut_off_unix : lock->cut_off_unix;
	r->asking = (struct asking){.search = &r->search, .arena = &lock->arena, .pythons = {.settings = r->search.settings}};
	if (resolver_make_folder(r, "builds-") < 0)
		return -1;
	lengthen_edges(lock);
	forget_builds(r, lock, &wanted);
	for (size_t i = 0; i < lock->pin_count; i++) {
		struct pin *p = &lock->pins[i];

		if (pin_is_toolchain(p) || strcmp(p->name, wanted.name) != 0 || strcmp(p->version, wanted.version) != 0 || !pin_source(p))
			continue;
		p->build_requires = NULL;
		p->build_require_count = 0;
		for (size_t j = 0; j < count; j++)
			*arena_push(&lock->arena, &p->build_requires, &p->build_require_count) = arena_strdup(&lock->arena, requirements[j]);
		if (resolve_builds_of(r, lock, i) < 0)
			return -1;
	}
	if (sizes_fill(lock, r->last, r->search.settings, r->err) < 0)
		return -1;
	lock_sort(lock);
	resolver_shorten_edges(lock);
	lock_sort(lock);
	return 0;
}
