#include "debian/place.h"

#include <string.h>

#include "base/text.h"
#include "debian/image.h"
#include "debian/question.h"
#include "debian/sources.h"
#include "fetch/store.h"
#include "io/archive.h"
#include "recipe/database.h"

/* ---- opening ---- */

static bool is_of(const struct lock_deb *deb, const struct deb_record *r)
{
	return !strcmp(deb->name, r->name) && !strcmp(deb->version, r->version) && !strcmp(deb->architecture, r->architecture);
}

/* A stanza as a Packages file has it, from the package itself. */
static int read_stored(struct place *p, const struct lock_deb *deb, struct deb_record *ret, struct error *err)
{
	autostrbuf struct strbuf control = {0};
	const char *path = store_path(p->arena, deb->sha256);
	struct deb_record r;

	if (archive_read_control(path, &control, err) < 0 || deb_record_read(p->arena, strbuf_text(&control), false, deb->file, &r, err) < 0)
		return -1;
	if (!is_of(deb, &r))
		return error_set(err, ERR_INPUT, "'%s' is %s %s of %s, but locked as %s %s of %s", deb->file, r.name, r.version, r.architecture, deb->name,
				 deb->version, deb->architecture);
	r.path = deb->path;
	r.sha256 = deb->sha256;
	r.size_bytes = deb->size_bytes;
	*ret = r;
	return 0;
}

/* 1: found. */
static int find_listed(struct place *p, const struct lock_deb *deb, struct deb_record *ret, struct error *err)
{
	return packages_find(p->root.packages, p->arena, deb->name, deb->architecture, deb->version, deb->sha256, ret, err);
}

static int find_locals(struct place *p, struct error *err)
{
	for (size_t i = 0; i < p->kept_count; i++) {
		const struct lock_deb *deb = p->kept[i];
		struct deb_record record;
		int found = find_listed(p, deb, &record, err);

		if (found < 0)
			return -1;
		if (found || !store_has(deb->sha256, (int64_t)deb->size_bytes))
			continue;
		if (read_stored(p, deb, &record, err) < 0)
			return -1;
		*arena_push(p->arena, &p->locals, &p->local_count) = (struct place_local){deb, record};
	}
	return 0;
}

static int add_locals(struct place *p, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < p->local_count; i++) {
		const struct deb_record *r = &p->locals[i].record;

		strbuf_printf(&text, "%sFilename: ./%s\nSize: %llu\nSHA256: %s\n\n", r->stanza, p->locals[i].deb->file, (unsigned long long)r->size_bytes,
			      r->sha256);
	}
	return p->local_count ? apt_root_add_local(&p->root, strbuf_text(&text), p->base->suite ? p->base->suite : "image", err) : 0;
}

/* 1001: also where the archives have a newer one. */
static int pin_kept(struct place *p, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < p->kept_count; i++)
		strbuf_printf(&text, "Package: %s\nPin: version %s\nPin-Priority: 1001\n\n", p->kept[i]->name, p->kept[i]->version);
	return apt_root_set_preferences(&p->root, strbuf_text(&text), text.length, err);
}

static int update(struct place *p, struct error *err)
{
	if (apt_root_update(&p->root, err) == 0)
		return 0;
	if (p->image && err->code == ERR_NETWORK)
		error_hint(err, "these are the mirrors that image '%s' names; LOCKSTEP_APT_MIRROR, an address, stands in for all of them", p->base->image);
	return -1;
}

int place_open(struct place *p, struct error *err)
{
	const char *const own[] = {debian_architecture(p->base->environment.machine), NULL};
	struct apt_place where = {.architectures = own, .access = p->access};

	if (p->is_open)
		return 0;
	if (p->image) {
		where.architectures = p->image->architectures;
		where.image = p->image->folder;
		where.sources = p->image->sources;
		where.source_count = p->image->source_count;
	} else if (sources_of_base(p->arena, p->base, &where.sources, &where.source_count, err) < 0) {
		return -1;
	}
	if (apt_root_open(p->arena, &where, &p->root, err) < 0)
		return -1;
	p->is_open = true;
	if (update(p, err) < 0 || find_locals(p, err) < 0 || add_locals(p, err) < 0 || pin_kept(p, err) < 0)
		return error_wrap(err, "base '%s'", p->base->name);
	return 0;
}

void place_close(struct place *p)
{
	if (p->is_open)
		apt_root_close(&p->root);
	p->is_open = false;
	p->local_count = 0;
}

int place_find(struct place *p, const struct lock_deb *deb, struct deb_record *ret, struct error *err)
{
	int found = find_listed(p, deb, ret, err);

	if (found < 0)
		return -1;
	for (size_t i = 0; i < p->local_count && !found; i++) {
		if (p->locals[i].deb == deb || is_of(deb, &p->locals[i].record)) {
			*ret = p->locals[i].record;
			found = 1;
		}
	}
	if (found)
		return 0;
	error_set(err, ERR_NOT_FOUND, "'%s' %s is locked, but its mirrors no longer have it, and neither has the store", deb->name, deb->version);
	return error_hint(err, "'lockstep fetch --from DIR' takes it from a mirror folder; 'lockstep lock --upgrade-system' lets the Debian packages move");
}

/* ---- asking ---- */

static bool is_in(const struct deb_record *list, size_t count, const char *name, const char *architecture)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i].name, name) && lock_deb_same_architecture(list[i].architecture, architecture))
			return true;
	}
	return false;
}

static int set_status(struct place *p, const struct deb_record *list, size_t count, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; p->image && i < p->image->package_count; i++) {
		const struct deb_record *r = &p->image->packages[i].record;

		if (!is_in(list, count, r->name, r->architecture))
			strbuf_printf(&text, "%s\n", r->stanza);
	}
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&text, "Status: install ok installed\n%s\n", list[i].stanza);
	return apt_root_set_status(&p->root, strbuf_text(&text), text.length, err);
}

static const struct lock_deb *kept_version(const struct place *p, const char *name, const char *architecture)
{
	for (size_t i = 0; i < p->kept_count; i++) {
		if (!strcmp(p->kept[i]->name, name) && !strcmp(p->kept[i]->architecture, architecture))
			return p->kept[i];
	}
	return NULL;
}

/* The record of what apt would install. */
static int find_chosen(struct place *p, const struct apt_action *action, struct deb_record *ret, struct error *err)
{
	const struct lock_deb *kept = kept_version(p, action->name, action->architecture);

	if (kept && strcmp(kept->version, action->version) != 0) {
		struct deb_record ignored;

		/* It was held to its version, so that can only be gone. */
		return place_find(p, kept, &ignored, err) < 0
			       ? -1
			       : error_set(err, ERR_CONFLICT, "apt would move '%s' from %s to %s", action->name, kept->version, action->version);
	}
	if (kept)
		return place_find(p, kept, ret, err);
	int found = packages_find(p->root.packages, p->arena, action->name, action->architecture, action->version, NULL, ret, err);

	if (found < 0)
		return -1;
	return found ? 0 : error_set(err, ERR_FAILED, "apt would install '%s' %s, of which its lists say nothing", action->name, action->version);
}

/* An image is older than its mirrors, and what is installed on it often wants the newer of something it has. */
static bool may_replace(const struct place *p, const struct apt_action *action, const struct deb_record *list, size_t count)
{
	return p->image && action->replaces && image_package(p->image, action->name, action->architecture) &&
	       !is_in(list, count, action->name, action->architecture);
}

static int take_actions(struct place *p, const struct apt_action *actions, size_t action_count, const char *what, struct pos pos, struct deb_record **list,
			size_t *count, struct diag *d, struct error *err)
{
	for (size_t i = 0; i < action_count; i++) {
		struct deb_record record;

		if (actions[i].removes || (actions[i].replaces && !may_replace(p, &actions[i], *list, *count))) {
			diag_error(d, pos, "%s would %s '%s', which is installed below it", what, actions[i].removes ? "remove" : "replace", actions[i].name);
			diag_hint(d, "what a container has is what its base and its layers have; leave one of the two out");
			return error_set(err, ERR_CONFLICT, "the Debian packages of %s cannot be locked", what);
		}
		if (find_chosen(p, &actions[i], &record, err) < 0)
			return -1;
		*arena_push(p->arena, list, count) = record;
	}
	return 0;
}

/* "gcc" of "Unable to locate package gcc", or NULL. In the arena. */
static const char *unknown_in(struct arena *a, const char *line)
{
	static const char *const before[] = {"Unable to locate package ", "Package '", "Couldn't find any package by glob '"};

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		if (text_starts_with(line, before[i]) && (i != 1 || strstr(line, "no installation candidate")))
			return arena_strndup(a, line + strlen(before[i]), strcspn(line + strlen(before[i]), "'\n "));
	}
	return NULL;
}

static int tell_unknown(struct place *p, const char *name, const char *what, struct pos pos, struct diag *d, struct error *err)
{
	const char *const *names;
	size_t count;

	if (packages_names(p->root.packages, p->arena, &names, &count, err) < 0)
		return -1;
	const char *near = text_nearest(name, names, count);

	diag_error(d, pos, "%s: the archives of base '%s' have no package '%s'", what, p->base->name, name);
	if (near)
		diag_hint(d, "did you mean '%s'?", near);
	return 0;
}

/* apt's lines as one. */
static const char *on_one_line(struct arena *a, const char *text)
{
	autostrbuf struct strbuf out = {0};

	for (const char *p = text; *p;) {
		size_t blank = strspn(p, " \n"), length;

		if (blank && out.length && p[blank])
			strbuf_add(&out, memchr(p, '\n', blank) ? "; " : " ");
		p += blank;
		length = strcspn(p, " \n");
		strbuf_add_bytes(&out, p, length);
		p += length;
	}
	return arena_strdup(a, strbuf_text(&out));
}

static int tell_refusal(struct place *p, const char *refusal, const char *what, struct pos pos, struct diag *d, struct error *err)
{
	bool any = false;

	for (const char *line = refusal; *line;) {
		line += strspn(line, " ");
		const char *unknown = unknown_in(p->arena, line);

		if (unknown && tell_unknown(p, unknown, what, pos, d, err) < 0)
			return -1;
		any |= unknown != NULL;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	if (!any) {
		diag_error(d, pos, "%s: apt cannot install its Debian packages on what is below: %s", what, on_one_line(p->arena, refusal));
		if (p->kept_count)
			diag_hint(d, "locked versions stay as they are; 'lockstep lock --upgrade-system' lets them move");
	}
	return error_set(err, any ? ERR_NOT_FOUND : ERR_CONFLICT, "the Debian packages of %s cannot be locked", what);
}

static int resolve(struct place *p, const char *const *words, const char *what, struct pos pos, struct deb_record **list, size_t *count, struct diag *d,
		   struct error *err)
{
	struct apt_action *actions;
	const char *refusal;
	size_t action_count;

	if (set_status(p, *list, *count, err) < 0)
		return -1;
	int answered = apt_root_simulate(&p->root, p->arena, words, &actions, &action_count, &refusal, err);

	if (answered < 0)
		return -1;
	return answered ? take_actions(p, actions, action_count, what, pos, list, count, d, err) : tell_refusal(p, refusal, what, pos, d, err);
}

/* ---- the base ---- */

static bool is_variant(const struct base *b, const char *names)
{
	const char *at = strstr(names, b->variant);

	return at && (at == names || at[-1] == ' ') && (at[strlen(b->variant)] == ' ' || !at[strlen(b->variant)]);
}

/* Packages of the suite itself for which `wanted` holds; apt-patterns(7). */
static const char *pattern(struct place *p, const char *wanted)
{
	const struct base *b = p->base;

	return arena_printf(p->arena, "?narrow(?or(?archive(^%s$),?codename(^%s$)),?architecture(%s),%s)", b->suite, b->suite,
			    debian_architecture(b->environment.machine), wanted);
}

/* What mmdebstrap installs beside what is essential; NULL-terminated. */
static const char *const *further_words(struct place *p, bool with_variant)
{
	const struct base *b = p->base;
	const char **words = NULL, *wanted = NULL;
	size_t count = 0;

	*arena_push(p->arena, &words, &count) = "install";
	*arena_push(p->arena, &words, &count) = "--no-install-recommends";
	for (size_t i = 0; i < b->package_count; i++)
		*arena_push(p->arena, &words, &count) = b->packages[i];
	if (is_variant(b, "required minbase buildd"))
		wanted = "?and(?priority(required),?not(?essential))";
	else if (is_variant(b, "important debootstrap"))
		wanted = "?and(?or(?priority(required),?priority(important)),?not(?essential))";
	else if (is_variant(b, "standard"))
		wanted = "?and(?or(~prequired,~pimportant,~pstandard),?not(?essential))";
	if (with_variant && is_variant(b, "buildd"))
		*arena_push(p->arena, &words, &count) = "build-essential";
	if (with_variant && wanted)
		*arena_push(p->arena, &words, &count) = pattern(p, wanted);
	bool any = count > 2;

	*arena_push(p->arena, &words, &count) = NULL;
	return any ? words : NULL;
}

int place_resolve_base(struct place *p, struct deb_record **list, size_t *count, struct diag *d, struct error *err)
{
	const char *what = arena_printf(p->arena, "base '%s'", p->base->name);
	const char *const essential[] = {"install", "--no-install-recommends", "-o", "pkgCacheGen::ForceEssential=,", pattern(p, "?essential"), NULL};
	const char *const upgrade[] = {"dist-upgrade", NULL};

	if (!is_variant(p->base, "extract custom")) {
		if (resolve(p, is_variant(p->base, "apt") ? upgrade : essential, what, p->base->pos, list, count, d, err) < 0)
			return -1;
	}
	const char *const *further = further_words(p, true);

	return further ? resolve(p, further, what, p->base->pos, list, count, d, err) : 0;
}

int place_resolve_step(struct place *p, const struct system_step *step, struct deb_record **list, size_t *count, struct diag *d, struct error *err)
{
	const char **words = NULL;
	size_t word_count = 0;

	*arena_push(p->arena, &words, &word_count) = "install";
	*arena_push(p->arena, &words, &word_count) = "--no-install-recommends";
	for (size_t i = 0; i < step->word_count; i++)
		*arena_push(p->arena, &words, &word_count) = step->words[i];
	*arena_push(p->arena, &words, &word_count) = NULL;
	return resolve(p, words, step->what, step->pos, list, count, d, err);
}
