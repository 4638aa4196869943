#include "resolve/resolve.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/signals.h"
#include "io/yaml.h"
#include "lock/lock_order.h"
#include "lock/lock_text.h"
#include "resolve/asking.h"
#include "resolve/candidates.h"
#include "resolve/clash.h"
#include "resolve/differences.h"
#include "resolve/projection.h"
#include "resolve/question.h"
#include "resolve/resolver.h"
#include "resolve/search.h"
#include "resolve/settle.h"
#include "resolve/sizes.h"
#include "resolve/source.h"
#include "resolve/waivers.h"
#include "version.h"

/* What is asked besides, to find out which of the wishes clash or what could be better: so long, or as long as so many questions take where machine or index are slow. */
enum { EXPLAIN_LIMIT_MS = 60 * 1000, EXPLAIN_QUESTIONS = 30, EXPLAIN_LIMIT_MAX_MS = 300 * 1000 };

void resolver_progress(const struct resolver *r, const char *text)
{
	if (r->options->on_progress)
		r->options->on_progress(r->options->context, text);
}

static void warn_of_misfits(struct resolver *r, size_t first)
{
	for (size_t i = first; i < r->asking.misfit_count; i++) {
		const struct misfit *m = &r->asking.misfits[i];
		const struct package *package = database_package(r->db, m->name);
		autostrbuf struct strbuf why = {0};

		if (!m->requires_python && sources_find(&r->sources, m->name, m->version))
			continue;
		misfit_add_reason(&why, m);
		diag_warning(r->d, package ? package->pos : (struct pos){0}, "%s %s was passed over: %s", m->name, m->version, strbuf_text(&why));
	}
}

static struct search_wish wish_of(const struct resolver *r)
{
	return (struct search_wish){.last = r->last, .upgrade_all = r->options->upgrade_all, .upgrade_packages = r->options->upgrade_packages};
}

/* 1: answered; 0: refused; -1: error. */
static int ask(struct resolver *r, const struct question *q, struct projection *ret, struct search_refusal *refusal)
{
	const struct search_wish wish = wish_of(r);
	int64_t began_ms = clock_monotonic_ms();
	int answered = asking_ask(&r->asking, q, &wish, ret, refusal, r->err);
	int64_t took_ms = clock_monotonic_ms() - began_ms;

	r->longest_ms = took_ms > r->longest_ms ? took_ms : r->longest_ms;
	if (answered > 0 && r->asking.cut_off_unix)
		r->ret->cut_off_unix = r->asking.cut_off_unix;
	return answered;
}

static int64_t explain_limit_ms(const struct resolver *r)
{
#ifdef LOCKSTEP_TEST_HOOKS
	const char *text = getenv("LOCKSTEP_TEST_EXPLAIN_MS");
	uint64_t limit_ms;

	if (text && text_to_u64(text, &limit_ms))
		return (int64_t)limit_ms;
#endif
	int64_t limit = r->longest_ms * EXPLAIN_QUESTIONS;

	return limit < EXPLAIN_LIMIT_MS ? EXPLAIN_LIMIT_MS : limit > EXPLAIN_LIMIT_MAX_MS ? EXPLAIN_LIMIT_MAX_MS : limit;
}

int resolver_answer(struct resolver *r, struct question *q, struct projection *ret)
{
	size_t known_misfits = r->asking.misfit_count;
	struct search_refusal refusal;
	int answered = ask(r, q, ret, &refusal);

	/* Only where wheels are no answer, something is built. */
	while (!answered && q->sources) {
		resolver_progress(r, "looking for what can be built from source");
		int offered = sources_offer_for(&r->sources, q, &refusal, r->asking.misfits, r->asking.misfit_count, r->err);

		if (offered <= 0) {
			answered = offered;
			break;
		}
		answered = ask(r, q, ret, &refusal);
	}
	/* Where one answer for all is none, those that may differ are asked for apart. */
	if (!answered && question_part(&r->scratch, r->db, q))
		answered = ask(r, q, ret, &refusal);
	if (answered < 0)
		return -1;
	if (!answered) {
		resolver_progress(r, "looking for the smallest clash");
		return clash_explain(&r->asking, q, &refusal, explain_limit_ms(r), r->d, r->err);
	}
	warn_of_misfits(r, known_misfits);
	return 0;
}

/* Nothing of what was asked is other than last time, and neither is the answer: it was settled then. */
static bool is_settled(const struct resolver *r, const struct projection *p)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	size_t same = 0, of_containers = 0;

	if (!r->last || r->options->upgrade_all || r->options->without_holds || (r->options->upgrade_packages && *r->options->upgrade_packages))
		return false;
	database_digest(r->db, hex);
	if (strcmp(hex, r->last->inputs) != 0)
		return false;
	for (size_t i = 0; i < r->last->pin_count; i++) {
		const struct pin *pin = &r->last->pins[i];

		of_containers += !pin_is_toolchain(pin);
		for (size_t j = 0; j < p->pin_count; j++)
			same += !pin_is_toolchain(pin) && !strcmp(p->pins[j].name, pin->name) && !strcmp(p->pins[j].version, pin->version);
	}
	return same == p->pin_count && same == of_containers;
}

static int settle(struct resolver *r, const struct question *q, struct projection *p)
{
	const struct search_wish wish = wish_of(r);
	struct settling s = {.asking = &r->asking,
			     .db = r->db,
			     .listings = &r->listings,
			     .splits = &r->splits,
			     .wish = &wish,
			     .question = q,
			     .limit_ms = explain_limit_ms(r),
			     .on_progress = r->options->on_progress,
			     .context = r->options->context,
			     .d = r->d,
			     .err = r->err,
			     .answer = p};

	return settle_versions(&s) < 0 || settle_upgrades(&s) < 0 || settle_moves(&s) < 0 ? -1 : 0;
}

static bool same_layers_pin(const struct pin *a, const struct pin *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->version, b->version) && !strcmp(a->index, b->index);
}

/* Two uses of a toolchain often hold the same pin. */
void resolver_merge_pin(struct lock *lock, const struct pin *pin)
{
	struct arena *a = &lock->arena;

	for (size_t i = 0; i < lock->pin_count; i++) {
		struct pin *known = &lock->pins[i];

		if (!pin_is_toolchain(known) || !same_layers_pin(known, pin))
			continue;
		for (size_t j = 0; j < pin->layer_count; j++)
			*arena_push(a, &known->layers, &known->layer_count) = pin->layers[j];
		for (size_t j = 0; j < pin->file_count; j++) {
			bool has = false;

			for (size_t k = 0; k < known->file_count; k++)
				has = has || !strcmp(known->files[k].name, pin->files[j].name);
			if (!has)
				*arena_push(a, &known->files, &known->file_count) = pin->files[j];
		}
		for (size_t j = 0; j < pin->edge_count; j++) {
			bool has = false;

			for (size_t k = 0; k < known->edge_count; k++)
				has = has ||
				      (!strcmp(known->edges[k].name, pin->edges[j].name) && !strcmp(known->edges[k].version, pin->edges[j].version) &&
				       text_equal(known->edges[k].extra, pin->edges[j].extra) && text_equal(known->edges[k].marker, pin->edges[j].marker));
			if (!has)
				*arena_push(a, &known->edges, &known->edge_count) = pin->edges[j];
		}
		return;
	}
	*arena_push(a, &lock->pins, &lock->pin_count) = *pin;
}

/* The page of a package: of its own index, or of the first that has one, as uv chooses. NULL or unknown: there is none to be had. */
static int listing_of(struct resolver *r, const struct question *q, const char *package, const struct listing **ret)
{
	const struct bond *bond = question_bond(q, package);

	*ret = NULL;
	if (bond)
		return bond->index ? listing_get(&r->listings, bond->index, package, ret, r->err) : 0;
	for (size_t i = 0; i < r->search.indexes.count && !(*ret && (*ret)->is_known); i++) {
		if (!r->search.indexes.items[i].explicit_only && listing_get(&r->listings, r->search.indexes.items[i].alias, package, ret, r->err) < 0)
			return -1;
	}
	return 0;
}

/* uv takes a waiver for one version or for all: where it is of some, each of them is named. */
static int prepare(struct resolver *r, struct question *q)
{
	for (size_t i = 0; i < q->waiver_count; i++) {
		const struct listing *listing;

		if (question_waive_at_once(&r->scratch, q, &q->waivers[i]))
			continue;
		if (listing_of(r, q, q->waivers[i].package, &listing) < 0)
			return -1;
		for (size_t j = 0; listing && j < listing->version_count; j++)
			question_waive(&r->scratch, q, q->waivers[i].package, listing->versions[j].version);
	}
	return 0;
}

static int resolve_containers(struct resolver *r)
{
	struct question *q = &r->containers;
	struct projection p = {0};

	resolver_progress(r, "resolving the packages of all containers together");
	do {
		if (resolver_answer(r, q, &p) < 0 || (!is_settled(r, &p) && settle(r, q, &p) < 0))
			return -1;
		search_drop(&r->search);
	} while (question_limit_reached(&r->scratch, r->db, r->options->without_holds, q, p.pins, p.pin_count));
	for (size_t i = 0; i < p.pin_count; i++)
		*arena_push(&r->ret->arena, &r->ret->pins, &r->ret->pin_count) = p.pins[i];
	return 0;
}

static int prepare_containers(struct resolver *r)
{
	struct question *q = &r->containers;

	q->sources = &r->sources;
	question_limit(&r->scratch, r->db, r->options->without_holds, q);
	return prepare(r, q);
}

static int resolve_layers(struct resolver *r)
{
	const struct search_wish wish = wish_of(r);
	size_t count;
	struct question *questions;

	questions_for_layers(&r->scratch, r->db, &r->environments, r->d, &questions, &count);
	if (r->d->error_count)
		return diag_failed(r->d, r->err);
	/* What all containers are asked is mostly known before the answers about toolchains are. */
	if (count)
		asking_begin(&r->asking, &r->containers, &wish);
	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf text = {0};
		struct projection p = {0};

		strbuf_printf(&text, "resolving the files of %s", questions[i].askers->name);
		resolver_progress(r, strbuf_text(&text));
		if (prepare(r, &questions[i]) < 0 || resolver_answer(r, &questions[i], &p) < 0 || settle(r, &questions[i], &p) < 0 ||
		    differences_refuse_layer(&questions[i], p.pins, p.pin_count, &r->splits, r->d, r->err) < 0)
			return -1;
		for (size_t j = 0; j < p.pin_count; j++)
			resolver_merge_pin(r->ret, &p.pins[j]);
	}
	return 0;
}

/* Constraints of a package that hold always are one requirement, in an order of their own; those under a marker are others. */
static void describe_package(struct arena *a, const struct want *wants, size_t count, struct lock_container *ret)
{
	autoarena struct arena scratch = {0};
	autostrbuf struct strbuf text = {0};
	const char **specifiers = NULL;
	size_t specifier_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (!wants[i].marker && *wants[i].specifier)
			*arena_push(&scratch, &specifiers, &specifier_count) = wants[i].specifier;
	}
	if (specifier_count > 1)
		qsort(specifiers, specifier_count, sizeof(*specifiers), text_compare_items);
	strbuf_printf(&text, "%s%s", wants->canonical, wants->extras);
	for (size_t i = 0; i < specifier_count; i++)
		strbuf_printf(&text, "%s%s", i ? "," : "", specifiers[i]);
	*arena_push(a, &ret->direct, &ret->direct_count) = arena_strdup(a, strbuf_text(&text));
	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf further = {0};

		if (!wants[i].marker)
			continue;
		want_add_requirement(&further, &wants[i]);
		*arena_push(a, &ret->direct, &ret->direct_count) = arena_strdup(a, strbuf_text(&further));
	}
}

/* Wants of one package stand beside each other. */
static void describe_wants(struct arena *a, const struct asker *asker, struct lock_container *ret)
{
	size_t end;

	for (size_t i = 0; i < asker->want_count; i = end) {
		for (end = i + 1; end < asker->want_count && !strcmp(asker->wants[end].canonical, asker->wants[i].canonical);)
			end++;
		if (!asker->wants[i].is_limit)
			describe_package(a, &asker->wants[i], end - i, ret);
	}
}

static void describe_container(struct resolver *r, size_t index, const struct asker *asker, struct lock_container *ret)
{
	const struct container *c = &r->db->containers[index];
	struct arena *a = &r->ret->arena;
	char hex[DIGEST_HEX_LENGTH + 1];

	container_digest(c, r->db, hex);
	*ret = (struct lock_container){.name = arena_strdup(a, c->name),
				       .environment = arena_strdup(a, r->environments.of_container[index].items[0]->name),
				       .inputs = arena_strdup(a, hex)};
	for (size_t i = 1; i < r->environments.of_container[index].count; i++)
		*arena_push(a, &ret->further, &ret->further_count) = arena_strdup(a, r->environments.of_container[index].items[i]->name);
	for (size_t i = 0; i < c->group_count; i++)
		*arena_push(a, &ret->groups, &ret->group_count) = arena_strdup(a, c->groups[i]->name);
	describe_wants(a, asker, ret);
	for (size_t i = 0; i < c->layer_count; i++)
		*arena_push(a, &ret->layers, &ret->layer_count) = lock_layer_name(a, &c->layers[i]);
}

static void describe(struct resolver *r)
{
	struct arena *a = &r->ret->arena;
	char hex[DIGEST_HEX_LENGTH + 1];

	database_digest(r->db, hex);
	r->ret->project = arena_strdup(a, r->db->project.name);
	r->ret->inputs = arena_strdup(a, hex);
	*arena_push(a, &r->ret->tools, &r->ret->tool_count) = (struct lock_tool){"lockstep", LOCKSTEP_VERSION};
	*arena_push(a, &r->ret->tools, &r->ret->tool_count) = (struct lock_tool){r->search.by->name, arena_strdup(a, r->search.version)};
	r->ret->environments = r->environments.items;
	r->ret->environment_count = r->environments.count;
	for (size_t i = 0; i < r->db->container_count; i++)
		describe_container(r, i, &r->containers.askers[i], arena_push(a, &r->ret->containers, &r->ret->container_count));
}

/* An edge names the version it leads to only where its part of the lock has several. The pins are sorted. */
static bool has_several_versions(const struct lock *lock, bool toolchain, const char *name)
{
	const char *version = NULL;

	for (size_t i = lock_first_pin(lock, toolchain, name); i < lock->pin_count && !strcmp(lock->pins[i].name, name); i++) {
		if (pin_is_toolchain(&lock->pins[i]) != toolchain)
			break;
		if (version && strcmp(version, lock->pins[i].version) != 0)
			return true;
		version = lock->pins[i].version;
	}
	return false;
}

void resolver_shorten_edges(struct lock *lock)
{
	for (size_t i = 0; i < lock->pin_count; i++) {
		for (size_t j = 0; j < lock->pins[i].edge_count; j++) {
			struct lock_edge *edge = &lock->pins[i].edges[j];

			if (!has_several_versions(lock, pin_is_toolchain(&lock->pins[i]), edge->name))
				edge->version = NULL;
		}
	}
}

/* The same pins as last time: then the old cut-off still says what was looked at, unless another was asked for. */
static void keep_cut_off(struct resolver *r)
{
	struct lock with_our_pins;

	if (!r->last || r->options->cut_off_unix)
		return;
	with_our_pins = *r->last;
	with_our_pins.pins = r->ret->pins;
	with_our_pins.pin_count = r->ret->pin_count;
	if (lock_equal(r->last, &with_our_pins))
		r->ret->cut_off_unix = r->last->cut_off_unix;
}

/* A folder that a killed run left behind goes too: the caller holds the project lock. */
int resolver_make_folder(struct resolver *r, const char *prefix)
{
	char *parent = path_join(&r->scratch, r->db->root, ".lockstep"), *folder, **names;
	size_t count;

	if (file_make_dirs(parent, r->err) < 0 || file_list(&r->scratch, parent, &names, &count, r->err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (text_starts_with(names[i], prefix) && file_remove_tree(path_join(&r->scratch, parent, names[i]), r->err) < 0)
			return -1;
	}
	if (file_make_temp_dir(&r->scratch, parent, prefix, &folder, r->err) < 0)
		return -1;
	r->search.folder = folder;
	return 0;
}

static int resolve(struct resolver *r)
{
	environments_collect(&r->ret->arena, r->db, &r->environments);
	r->search.cut_off_unix = r->options->cut_off_unix;
	r->asking = (struct asking){
		.search = &r->search, .arena = &r->ret->arena, .listings = &r->listings, .pythons = {.settings = r->search.settings, .last = r->last}};
	r->ret->cut_off_unix = r->options->cut_off_unix ? r->options->cut_off_unix : clock_now_unix();
	if (resolver_make_folder(r, "resolve-") < 0)
		return -1;
	r->sources = (struct sources){.arena = &r->scratch, .search = &r->search, .options = r->options, .last = r->last, .lock = r->ret};
	question_for_containers(&r->scratch, r->db, &r->environments, r->options->without_holds, &r->containers);
	describe(r);
	/* Toolchains first: what is built from source to learn its requirements is built on them. */
	if (prepare_containers(r) < 0 || resolve_layers(r) < 0 || sources_offer_references(&r->sources, &r->containers, r->err) < 0 ||
	    sources_offer_last(&r->sources, &r->containers, r->err) < 0 || resolve_containers(r) < 0 || builds_resolve(r, r->ret) < 0)
		return -1;
	lock_sort(r->ret);
	differences_check(r->db, r->ret, &r->splits, r->d);
	if (r->d->error_count)
		return error_set(r->err, ERR_CONFLICT, "containers would differ where nothing says that they may");
	if (r->options->on_split)
		differences_tell(r->ret, &r->splits, r->options->on_split, r->options->context);
	waivers_check(r->db, r->ret, r->d);
	overwrites_check(r->db, r->ret, r->d);
	resolver_shorten_edges(r->ret);
	lock_sort(r->ret);
	if (sizes_fill(r->ret, r->last, r->search.settings, r->err) < 0 || signals_check(r->err) < 0)
		return -1;
	keep_cut_off(r);
	return 0;
}

void resolve_add_sources(const struct database *db, struct diag *d)
{
	for (size_t i = 0; i < d->problem_count; i++) {
		const char *file = d->problems[i].pos.file;
		autoarena struct arena a = {0};
		autostrbuf struct strbuf text = {0};
		autoerror struct error ignored = {0};
		bool known = !file;

		for (size_t j = 0; j < d->source_count && !known; j++)
			known = !strcmp(d->sources[j].file, file);
		if (!known && file_read(path_join(&a, db->root, file), YAML_LIMIT_BYTES, &text, &ignored) == 0)
			diag_add_source(d, file, strbuf_text(&text), text.length);
	}
}

static int finish(struct resolver *r, int result)
{
	autoerror struct error ignored = {0};

	search_drop(&r->search);
	if (r->search.folder)
		file_remove_tree(r->search.folder, &ignored);
	resolve_add_sources(r->db, r->d);
	listings_release(&r->listings);
	pythons_release(&r->asking.pythons);
	arena_release(&r->scratch);
	return result;
}

int resolve_lock(const struct database *db, struct settings *settings, const struct lock *last, const struct resolve_options *o, struct lock *ret,
		 struct diag *clash, struct error *err)
{
	struct resolver r = {.db = db, .last = last, .options = o, .ret = ret, .d = clash, .err = err};
	int result;

	*ret = (struct lock){0};
	r.listings = (struct listings){.settings = settings, .indexes = &r.search.indexes, .root = db->root};
	r.splits.arena = &r.scratch;
	result = search_find(&r.scratch, db, settings, clash, &r.search, err);
	if (result == 0)
		result = resolve(&r);
	if (result < 0)
		lock_release(ret);
	return finish(&r, result);
}

int resolve_build(const struct database *db, struct settings *settings, const struct lock *last, const struct resolve_options *o, struct lock *lock,
		  const struct pin *pin, const char *const *requirements, size_t count, struct diag *clash, struct error *err)
{
	struct resolver r = {.db = db, .last = last, .options = o, .ret = lock, .d = clash, .err = err};
	int result = search_find(&r.scratch, db, settings, clash, &r.search, err);

	if (result == 0)
		result = builds_resolve_anew(&r, lock, pin, requirements, count);
	return finish(&r, result);
}
