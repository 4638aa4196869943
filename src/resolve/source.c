#include "resolve/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/tarball.h"
#include "lock/environment.h"
#include "python/version.h"
#include "python/wheel.h"
#include "resolve/question.h"
#include "resolve/sizes.h"
#include "resolve/uv_lock.h"

enum { LISTED_MAX = 60, OFFERS_MAX = 100 };

const struct source *sources_find(const struct sources *s, const char *name, const char *version)
{
	for (size_t i = 0; s && i < s->count; i++) {
		if (!strcmp(s->items[i].name, name) && !strcmp(s->items[i].version, version))
			return &s->items[i];
	}
	return NULL;
}

const struct source *sources_latest(const struct sources *s, const char *name)
{
	for (size_t i = s ? s->count : 0; i > 0; i--) {
		if (!strcmp(s->items[i - 1].name, name))
			return &s->items[i - 1];
	}
	return NULL;
}

static const char **copy_texts(struct arena *a, const char *const *from, size_t count)
{
	const char **copy = count ? arena_array(a, count, sizeof(*copy)) : NULL;

	for (size_t i = 0; i < count; i++)
		copy[i] = arena_strdup(a, from[i]);
	return copy;
}

struct lock_file source_copy_file(struct arena *a, const struct lock_file *f)
{
	return (struct lock_file){.name = arena_strdup(a, f->name),
				  .size_bytes = f->size_bytes,
				  .sha256 = arena_strdup(a, f->sha256),
				  .url = arena_strdup_null(a, f->url),
				  .built_from = arena_strdup_null(a, f->built_from),
				  .build_key = arena_strdup_null(a, f->build_key)};
}

void source_fill_pin(struct arena *a, const struct source *source, struct pin *pin)
{
	*arena_push(a, &pin->files, &pin->file_count) = source_copy_file(a, &source->archive);
	for (size_t i = 0; i < source->built_count; i++)
		*arena_push(a, &pin->files, &pin->file_count) = source_copy_file(a, &source->built[i]);
	pin->build_requires = copy_texts(a, source->build_requires, source->build_require_count);
	pin->build_require_count = source->build_require_count;
}

/* ---- what the last lock knows of it ---- */

static bool is_upgraded(const struct sources *s, const char *name)
{
	for (const char *const *p = s->options->upgrade_packages; p && *p; p++) {
		if (!strcmp(*p, name))
			return true;
	}
	return s->options->upgrade_all;
}

static void add_text(struct arena *a, const char ***list, size_t *count, const char *text)
{
	for (size_t i = 0; i < *count; i++) {
		if (!strcmp((*list)[i], text))
			return;
	}
	*arena_push(a, list, count) = arena_strdup(a, text);
}

static void add_built(struct arena *a, struct source *source, const struct lock_file *file)
{
	for (size_t i = 0; i < source->built_count; i++) {
		if (!strcmp(source->built[i].name, file->name))
			return;
	}
	*arena_push(a, &source->built, &source->built_count) = source_copy_file(a, file);
}

/* What its backend asked for at the time, and what was built: both still hold for the same archive. Whether a wheel does is told by its key, when it comes to
   building. */
static void take_from_last(struct sources *s, struct source *source)
{
	for (size_t i = 0; s->last && i < s->last->pin_count; i++) {
		const struct pin *pin = &s->last->pins[i];
		const struct lock_file *archive = pin_is_toolchain(pin) ? NULL : pin_source(pin);

		if (!archive || strcmp(pin->name, source->name) != 0 || strcmp(archive->sha256, source->archive.sha256) != 0)
			continue;
		for (size_t j = 0; j < pin->build_require_count; j++)
			add_text(s->arena, &source->build_requires, &source->build_require_count, pin->build_requires[j]);
		for (size_t j = 0; j < pin->file_count && !is_upgraded(s, pin->name); j++) {
			if (pin->files[j].built_from)
				add_built(s->arena, source, &pin->files[j]);
		}
	}
}

static const char *last_version(const struct sources *s, const char *name)
{
	for (size_t i = 0; s->last && i < s->last->pin_count && !is_upgraded(s, name); i++) {
		if (!pin_is_toolchain(&s->last->pins[i]) && !strcmp(s->last->pins[i].name, name) && pin_source(&s->last->pins[i]))
			return s->last->pins[i].version;
	}
	return NULL;
}

/* ---- its metadata, and the stub ---- */

static int wrong(const struct source *source, struct error *err)
{
	return error_wrap(err, "%s %s has no wheel that fits, and cannot be built", source->name, source->version);
}

/* The archive as a lock of its own, so that it is fetched as everything else is. */
static int have_archive(struct sources *s, struct source *source, const char **ret_path, struct error *err)
{
	struct lock_file *file = &source->archive;
	struct pin pin = {
		.name = source->name, .version = source->version, .index = source->index, .reference = source->reference, .files = file, .file_count = 1};
	struct lock one = {.pins = &pin, .pin_count = 1};

	if (!file->size_bytes && file->sha256 && sizes_fill(&one, s->last, s->search->settings, err) < 0)
		return -1;
	if (!s->options->have)
		return error_set(err, ERR_NOT_FOUND, "'%s' is not here, and nobody can fetch it", file->name);
	return s->options->have(s->options->context, &pin, ret_path, err);
}

/* The archive does not say what the wheel will require: that is built first. */
static int learn_by_building(struct sources *s, struct source *source, struct sdist *sdist, struct error *err)
{
	autoarena struct arena a = {0};
	struct wheel_metadata m;
	struct lock_file built;
	const char *path;
	autostrbuf struct strbuf text = {0};
	struct pin pin = {.name = source->name,
			  .version = source->version ? source->version : PIN_VERSION_UNKNOWN,
			  .index = source->index,
			  .reference = source->reference};

	source_fill_pin(&a, source, &pin);
	if (!s->options->build)
		return error_set(err, ERR_NOT_FOUND, "what '%s' requires is known only when it is built", source->archive.name);
	if (s->options->build(s->options->context, s->lock, &pin, &built, &path, err) < 0)
		return -1;
	if (wheel_metadata_read(s->arena, path, &m, err) < 0)
		return -1;
	for (size_t i = 0; i < pin.build_require_count; i++)
		add_text(s->arena, &source->build_requires, &source->build_require_count, pin.build_requires[i]);
	add_built(s->arena, source, &built);
	strbuf_printf(&text, "Metadata-Version: 2.2\nName: %s\nVersion: %s\n", m.name, m.version);
	if (m.requires_python)
		strbuf_printf(&text, "Requires-Python: %s\n", m.requires_python);
	for (size_t i = 0; i < m.provides_extra_count; i++)
		strbuf_printf(&text, "Provides-Extra: %s\n", m.provides_extra[i]);
	for (size_t i = 0; i < m.requires_dist_count; i++)
		strbuf_printf(&text, "Requires-Dist: %s\n", m.requires_dist[i]);
	sdist->version = m.version;
	sdist->metadata = arena_strdup(s->arena, strbuf_text(&text));
	sdist->metadata_length = text.length;
	return 0;
}

/* "my_package-1.0": as wheels write it. */
static const char *wheel_stem(struct arena *a, const struct source *source)
{
	char *stem = arena_printf(a, "%s-%s", source->name, source->version);

	for (size_t i = 0; i < strlen(source->name); i++)
		stem[i] = stem[i] == '-' ? '_' : stem[i];
	return stem;
}

static int write_stub(struct sources *s, struct source *source, const struct sdist *sdist, struct error *err)
{
	static const char wheel[] = "Wheel-Version: 1.0\nGenerator: lockstep\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
	const char *stem = wheel_stem(s->arena, source), *info = arena_printf(s->arena, "%s.dist-info", stem);
	const char *record = arena_printf(s->arena, "%s/METADATA,,\n%s/WHEEL,,\n%s/RECORD,,\n", info, info, info);
	const struct tarball_member members[] = {
		{.name = arena_printf(s->arena, "%s/METADATA", info), .bytes = sdist->metadata, .length = sdist->metadata_length},
		{.name = arena_printf(s->arena, "%s/WHEEL", info), .bytes = wheel, .length = strlen(wheel)},
		{.name = arena_printf(s->arena, "%s/RECORD", info), .bytes = record, .length = strlen(record)},
	};
	struct tarball t;

	if (!s->folder)
		s->folder = path_join(s->arena, s->search->folder, "stubs");
	source->stub = arena_printf(s->arena, "%s/%s-py3-none-any.whl", s->folder, stem);
	if (file_make_dirs(s->folder, err) < 0 || tarball_open(&t, source->stub, true, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		if (tarball_add(&t, &members[i], err) < 0) {
			tarball_drop(&t);
			return -1;
		}
	}
	return tarball_close(&t, err);
}

static int offer(struct sources *s, struct source *source, const char *subdirectory, struct error *err)
{
	struct sdist sdist;
	const char *path;

	if (have_archive(s, source, &path, err) < 0 ||
	    sdist_read(s->arena, path, source->archive.name, subdirectory, source->name, source->version, &sdist, err) < 0)
		return -1;
	for (size_t i = 0; i < sdist.build_require_count; i++)
		add_text(s->arena, &source->build_requires, &source->build_require_count, sdist.build_requires[i]);
	take_from_last(s, source);
	if (!sdist.metadata && learn_by_building(s, source, &sdist, err) < 0)
		return -1;
	if (!source->version)
		source->version = sdist.version;
	/* A tree of git or a folder has no name of its own. */
	if (!source->archive.name || text_ends_with(source->archive.name, ".tar"))
		source->archive.name = arena_printf(s->arena, "%s-%s.tar", source->name, source->version);
	if (source->build_require_count)
		qsort(source->build_requires, source->build_require_count, sizeof(*source->build_requires), text_compare_items);
	if (write_stub(s, source, &sdist, err) < 0)
		return -1;
	*arena_push(s->arena, &s->items, &s->count) = *source;
	return 0;
}

/* ---- which releases there are: asked of uv, so that cut-off, yanks, indexes and their order count as they do elsewhere ---- */

/* One wish for the package in every environment, under the constraints on it. uv is told that it requires nothing, so it has nothing to build either. */
static void make_listing(struct sources *s, const struct question *q, const char *name, const char *specifier, struct question *ret)
{
	struct arena *a = s->arena;
	struct asker *asker = arena_new(a, struct asker);

	*ret = (struct question){.askers = asker, .asker_count = 1, .listing = name};
	*asker = (struct asker){.is_layer = true, .name = name};
	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].environment_count && !q->askers[i].left_out; j++) {
			const struct lock_environment *e = q->askers[i].environments[j];
			bool known = false;

			for (size_t k = 0; k < asker->environment_count && !known; k++)
				known = asker->environments[k] == e;
			if (!known)
				*arena_push(a, &asker->environments, &asker->environment_count) = e;
		}
		for (size_t j = 0; j < q->askers[i].want_count && !q->askers[i].left_out; j++) {
			const struct want *w = &q->askers[i].wants[j];

			if (!strcmp(w->canonical, name) && !w->left_out && !w->loose && *w->specifier && !w->may_differ)
				*arena_push(a, &ret->exclusions, &ret->exclusion_count) =
					arena_printf(a, "%s%s%s%s", name, w->specifier, w->marker ? " ; " : "", w->marker ? w->marker : "");
		}
	}
	*arena_push(a, &asker->wants, &asker->want_count) = (struct want){.canonical = name, .extras = "", .specifier = specifier};
	/* What is bound to an index is never looked for elsewhere. */
	if (question_bond(q, name)) {
		ret->bonds = arena_new(a, struct bond);
		*ret->bonds = *question_bond(q, name);
		ret->bond_count = 1;
	}
	for (size_t i = 0; i < q->exclusion_count; i++)
		*arena_push(a, &ret->exclusions, &ret->exclusion_count) = q->exclusions[i];
	for (size_t i = 0; i < s->looked_at_count; i++) {
		const char *known = s->looked_at[i];

		if (!strncmp(known, name, strlen(name)) && known[strlen(name)] == '=')
			*arena_push(a, &ret->exclusions, &ret->exclusion_count) = arena_printf(a, "%s!=%s", name, known + strlen(name) + 2);
	}
}

static struct lock_file file_of(const struct uv_wheel *w)
{
	return (struct lock_file){.name = w->name, .size_bytes = w->size_bytes, .sha256 = w->sha256, .url = w->url};
}

static int consider(struct sources *s, const struct uv_package *package, bool *ret_offered, struct error *err)
{
	struct source source = {.name = package->name,
				.version = package->version,
				.index = package->registry ? uv_indexes_alias(&s->search->indexes, package->registry) : "default"};

	add_text(s->arena, &s->looked_at, &s->looked_at_count, arena_printf(s->arena, "%s==%s", package->name, package->version));
	if (!package->sdist || sources_find(s, package->name, package->version))
		return 0;
	if (!sdist_is_of(s->arena, package->sdist->name, package->name, package->version))
		return 0;
	if (!package->sdist->sha256) {
		error_set(err, ERR_NOT_FOUND, "index '%s' gives no SHA-256 for '%s', so it cannot be locked", source.index, package->sdist->name);
		return error_hint(err, "use an index that gives hashes of its files");
	}
	source.archive = file_of(package->sdist);
	for (size_t i = 0; i < package->wheel_count; i++) {
		if (package->wheels[i].sha256)
			*arena_push(s->arena, &source.wheels, &source.wheel_count) = file_of(&package->wheels[i]);
	}
	if (offer(s, &source, NULL, err) < 0)
		return wrong(&source, err);
	*ret_offered = true;
	return 0;
}

/* One question. *ret_any: something was listed. */
static int list_once(struct sources *s, const struct question *q, const char *name, const char *specifier, bool *ret_any, bool *ret_offered, struct error *err)
{
	const struct search_wish wish = {0};
	struct search_refusal refusal;
	struct question listing;
	struct uv_lock answer;

	make_listing(s, q, name, specifier, &listing);
	*ret_any = false;
	int answered = search_ask(s->search, &listing, &wish, &answer, &refusal, err);

	if (answered <= 0)
		return answered;
	for (size_t i = 0; i < answer.package_count; i++) {
		if (strcmp(answer.packages[i].name, name) != 0)
			continue;
		*ret_any = true;
		if (consider(s, &answer.packages[i], ret_offered, err) < 0)
			return -1;
	}
	return 0;
}

int sources_offer(struct sources *s, const struct question *q, const char *name, bool *ret_offered, struct error *err)
{
	const char *last = last_version(s, name);
	const struct bond *bond = question_bond(q, name);
	bool any = true;

	*ret_offered = false;
	/* It comes from its one place as that is. */
	if (bond && bond->reference)
		return 0;
	if (last && !sources_find(s, name, last) && list_once(s, q, name, arena_printf(s->arena, "==%s", last), &any, ret_offered, err) < 0)
		return -1;
	any = true;
	for (int i = 0; i < LISTED_MAX && any && !*ret_offered; i++) {
		if (list_once(s, q, name, "", &any, ret_offered, err) < 0)
			return -1;
	}
	return 0;
}

/* What its index says is for other Pythons is not built either. Of what is bound to its index only the latest offer counts, whatever constraint rules it out. */
static struct question for_these_pythons(struct arena *a, const struct question *q, const struct misfit *misfits, size_t misfit_count)
{
	struct question fitting = *q;

	fitting.exclusions = NULL;
	fitting.exclusion_count = 0;
	for (size_t i = 0; i < q->exclusion_count; i++)
		*arena_push(a, &fitting.exclusions, &fitting.exclusion_count) = q->exclusions[i];
	for (size_t i = 0; i < misfit_count; i++) {
		autostrbuf struct strbuf marker = {0};

		if (!misfits[i].requires_python)
			continue;
		environment_add_marker(&marker, misfits[i].environment);
		*arena_push(a, &fitting.exclusions, &fitting.exclusion_count) =
			arena_printf(a, "%s!=%s ; %s", misfits[i].name, misfits[i].version, strbuf_text(&marker));
	}
	return fitting;
}

int sources_offer_for(struct sources *s, const struct question *q, const struct search_refusal *refusal, const struct misfit *misfits, size_t misfit_count,
		      struct error *err)
{
	const struct question fitting = for_these_pythons(s->arena, q, misfits, misfit_count);
	bool any = false, one;

	if (s->count >= OFFERS_MAX || !s->options->have || !s->search->by->lists_sources)
		return 0;
	for (size_t i = 0; i < refusal->without_wheel_count; i++) {
		if (sources_offer(s, &fitting, refusal->without_wheels[i], &one, err) < 0)
			return -1;
		any = any || one;
	}
	for (size_t i = 0; i < misfit_count && !any; i++) {
		if (!misfits[i].requires_python && sources_offer(s, &fitting, misfits[i].name, &any, err) < 0)
			return -1;
	}
	return any;
}

static void forget_looks(struct sources *s, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->looked_at_count; i++) {
		if (strncmp(s->looked_at[i], name, strlen(name)) != 0 || s->looked_at[i][strlen(name)] != '=')
			s->looked_at[kept++] = s->looked_at[i];
	}
	s->looked_at_count = kept;
}

int sources_offer_last(struct sources *s, const struct question *q, struct error *err)
{
	for (size_t i = 0; s->last && s->options->have && s->search->by->lists_sources && i < s->last->pin_count; i++) {
		const struct pin *pin = &s->last->pins[i];
		autoerror struct error why_not = {0};
		bool any, offered = false;

		if (pin_is_toolchain(pin) || !pin_source(pin) || pin->reference || is_upgraded(s, pin->name) || sources_find(s, pin->name, pin->version))
			continue;
		if (question_bond(q, pin->name) && question_bond(q, pin->name)->reference)
			continue;
		if (list_once(s, q, pin->name, arena_printf(s->arena, "==%s", pin->version), &any, &offered, &why_not) == 0)
			continue;
		/* Perhaps nobody wants it any more; whoever does hears of it when it is looked for. */
		forget_looks(s, pin->name);
		if (why_not.code == ERR_CANCELLED) {
			error_move(err, &why_not);
			return -1;
		}
	}
	return 0;
}

static bool is_source(const struct reference *r)
{
	return r->kind == REFERENCE_GIT || !text_ends_with(r->file_name, ".whl");
}

static struct source source_of(struct sources *s, const struct bond *bond)
{
	const struct reference *r = bond->reference;
	struct source source = {.name = bond->canonical, .version = r->version, .reference = r->kind == REFERENCE_PATH ? r->path : r->url};

	if (r->kind == REFERENCE_GIT) {
		source.reference = arena_printf(s->arena, "git+%s@%s%s%s", r->url, r->commit, r->subdirectory ? "#subdirectory=" : "",
						r->subdirectory ? r->subdirectory : "");
		source.archive.name = arena_printf(s->arena, "%s-%.12s.tar", bond->canonical, r->commit);
		return source;
	}
	source.archive = (struct lock_file){.name = r->file_name, .sha256 = r->sha256, .url = r->kind == REFERENCE_URL ? r->url : NULL};
	if (r->size_bytes)
		source.archive.size_bytes = r->size_bytes;
	else if (bond->file && file_size(bond->file) > 0)
		source.archive.size_bytes = (uint64_t)file_size(bond->file);
	return source;
}

int sources_offer_references(struct sources *s, struct question *q, struct error *err)
{
	for (size_t i = 0; i < q->bond_count; i++) {
		struct bond *bond = &q->bonds[i];
		struct source source;

		if (!bond->reference || !is_source(bond->reference))
			continue;
		if (!s->options->have)
			return error_set(err, ERR_NOT_FOUND, "'%s' has to be built from source, which nothing here can do", bond->canonical);
		source = source_of(s, bond);
		if (offer(s, &source, bond->reference->subdirectory, err) < 0)
			return error_wrap(err, "%s:%u: '%s' from %s", bond->reference->pos.file, bond->reference->pos.line, bond->canonical, source.reference);
		bond->file = s->items[s->count - 1].stub;
	}
	return 0;
}
