#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/projects.h"
#include "io/digest.h"
#include "io/json.h"
#include "io/yaml.h"
#include "prune/parts.h"
#include "prune/repository.h"
#include "prune/words.h"
#include "release/release.h"

#define TEXT_LIMIT_BYTES ((size_t)256 << 20)

/* A project of this machine: the one that is pruned, or another one that shares its cache, and perhaps its images. */
struct project_seen {
	struct prune *p;
	const char *root;
	bool is_own;
	bool has_our_images; /* its images have the names that ours have: another clone */
	const char **tag_files;
	size_t tag_file_count;
	char **releases;
	size_t release_count;
	const char **named; /* releases that a tag file names */
	size_t named_count;
};

/* A text that is looked through, and what is said of what stands in it. */
struct look {
	struct project_seen *s;
	const char *why;
	bool digests_of_images;
};

static void on_digest(void *context, const char *hex)
{
	struct look *l = context;

	prune_refer(l->s->p, "sha256", hex, l->why);
	if (l->digests_of_images)
		prune_refer(l->s->p, "digest", hex, l->why);
}

static void on_release(void *context, const char *name)
{
	struct look *l = context;
	struct arena *a = &l->s->p->arena;

	prune_refer(l->s->p, "release", name, l->why);
	for (size_t i = 0; i < l->s->named_count; i++) {
		if (!strcmp(l->s->named[i], name))
			return;
	}
	*arena_push(a, &l->s->named, &l->s->named_count) = arena_strdup(a, name);
}

/* Of a text that is no tag file only digests count. */
static void look_at(struct project_seen *s, const char *text, size_t length, const char *why, bool is_tag_file)
{
	struct look l = {s, why, is_tag_file};

	words_find(text, length, &(struct words_found){is_tag_file && s->has_our_images ? on_release : NULL, on_digest, &l});
}

/* "v0.3", or of another project with where that is. */
static const char *from(struct project_seen *s, const char *what)
{
	return s->is_own ? what : arena_printf(&s->p->arena, "%s of '%s'", what, s->root);
}

static int look_at_file(struct project_seen *s, const char *path, const char *why, struct error *err)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	autoerror struct error why_not = {0};

	if (file_read(path_join(&a, s->root, path), TEXT_LIMIT_BYTES, &text, &why_not) == 0) {
		look_at(s, strbuf_text(&text), text.length, why, false);
		return 0;
	}
	if (why_not.code == ERR_NOT_FOUND)
		return 0;
	error_move(err, &why_not);
	return -1;
}

/* ---- recipes/project.yaml, also of another branch, as far as it can be read ---- */

static void add_tag_file(struct project_seen *s, const char *path)
{
	if (!path_stays_inside(path))
		return;
	for (size_t i = 0; i < s->tag_file_count; i++) {
		if (!strcmp(s->tag_files[i], path))
			return;
	}
	*arena_push(&s->p->arena, &s->tag_files, &s->tag_file_count) = arena_strdup(&s->p->arena, path);
}

static void take_settings(void *context, const struct repository_place *place, const char *path, const char *text, size_t length)
{
	struct project_seen *s = context;
	autoarena struct arena a = {0};
	autodiag struct diag ignored = {0};
	const struct value *v = yaml_parse(&a, path, text, length, &ignored), *tags = value_get(v, "tags");
	const struct project *own = &s->p->request->db->project;
	const char *name = value_get_text(v, "name"), *repository = value_get_text(v, "repository");

	(void)place;
	s->has_our_images |= (name && !strcmp(name, own->name)) || (repository && !strcmp(repository, own->repository));
	for (size_t i = 0; tags && tags->kind == VALUE_ARRAY && i < tags->item_count; i++) {
		if (tags->items[i]->kind == VALUE_TEXT)
			add_tag_file(s, tags->items[i]->text);
	}
}

static void take_tag_file(void *context, const struct repository_place *place, const char *path, const char *text, size_t length)
{
	struct project_seen *s = context;

	look_at(s, text, length, from(s, arena_printf(&s->p->arena, "'%s' of %s names it", path, place->name)), true);
}

static void take_lock(void *context, const struct repository_place *place, const char *path, const char *text, size_t length)
{
	struct project_seen *s = context;

	look_at(s, text, length, from(s, arena_printf(&s->p->arena, "'%s' of %s has it", path, place->name)), false);
}

/* ---- releases ---- */

static bool is_kept(const struct project_seen *s, size_t i)
{
	return i + s->p->request->keep >= s->release_count;
}

/* By these an image is known wherever it is. */
static void add_image_digests(struct prune *p, struct need_thing *release, const char *text, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error ignored = {0};
	struct value *v = NULL;

	if (json_parse(&a, "release", text, length, &v, &ignored) < 0)
		return;
	const struct value *containers = value_get(v, "containers");

	for (size_t i = 0; containers && containers->kind == VALUE_ARRAY && i < containers->item_count; i++) {
		const char *const digests[] = {value_get_text(containers->items[i], "image_id"), value_get_text(containers->items[i], "image_digest")};

		for (size_t k = 0; k < ARRAY_LEN(digests); k++) {
			const char *hex = digests[k] && text_starts_with(digests[k], "sha256:") ? digests[k] + strlen("sha256:") : digests[k];

			if (hex && digest_is_hex(hex))
				need_key(&p->needs, release, arena_printf(&a, "digest:%s", hex));
		}
	}
}

struct release_thing {
	struct prune *p;
	struct need_thing *thing;
};

static void refer_to_digest(void *context, const char *hex)
{
	struct release_thing *r = context;

	need_refers(&r->p->needs, r->thing, arena_printf(&r->p->arena, "sha256:%s", hex));
}

/* A release of this project: where it stays, so do its images and what it is made of. */
static int add_release(struct project_seen *s, const char *name, struct error *err)
{
	static const char *const files[] = {"lock.toml", "release.json"};
	struct prune *p = s->p;
	struct release_thing r = {p, needs_add(&p->needs, false)};

	need_key(&p->needs, r.thing, arena_printf(&p->arena, "release:%s", name));
	need_refers(&p->needs, r.thing, arena_printf(&p->arena, "of:%s", name));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autoarena struct arena a = {0};
		autostrbuf struct strbuf text = {0};
		autoerror struct error why_not = {0};

		if (file_read(arena_printf(&a, "%s/lockfiles/%s/%s", s->root, name, files[i]), TEXT_LIMIT_BYTES, &text, &why_not) < 0) {
			if (why_not.code == ERR_NOT_FOUND)
				continue;
			error_move(err, &why_not);
			return -1;
		}
		words_find(strbuf_text(&text), text.length, &(struct words_found){.on_digest = refer_to_digest, .context = &r});
		if (i)
			add_image_digests(p, r.thing, strbuf_text(&text), text.length);
	}
	return 0;
}

static int collect_releases(struct project_seen *s, struct error *err)
{
	struct arena *a = &s->p->arena;

	if (release_list(a, s->root, &s->releases, &s->release_count, err) < 0)
		return -1;
	for (size_t i = 0; i < s->release_count; i++) {
		const char *name = s->releases[i];

		if (is_kept(s, i) && s->has_our_images)
			prune_refer(s->p, "release", name,
				    from(s, i + 1 == s->release_count ? "the newest release"
								      : arena_printf(a, "among the newest %zu releases", s->p->request->keep)));
		if (s->is_own) {
			if (add_release(s, name, err) < 0)
				return -1;
			continue;
		}
		/* Another project says itself what it keeps. */
		if (look_at_file(s, arena_printf(a, "lockfiles/%s/lock.toml", name), from(s, arena_printf(a, "release %s", name)), err) < 0 ||
		    look_at_file(s, arena_printf(a, "lockfiles/%s/release.json", name), from(s, arena_printf(a, "release %s", name)), err) < 0)
			return -1;
	}
	return 0;
}

/* The working lock, the record of what was built last, and what else stands there. */
static int collect_work(struct project_seen *s, struct error *err)
{
	autoarena struct arena a = {0};
	autoerror struct error ignored = {0};
	char **names;
	size_t count;

	if (file_list(&a, path_join(&a, s->root, ".lockstep"), &names, &count, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		const char *path = path_join(&a, ".lockstep", names[i]);

		if (file_size(path_join(&a, s->root, path)) > 0 && look_at_file(s, path, from(s, arena_printf(&s->p->arena, "'%s' has it", path)), err) < 0)
			return -1;
	}
	return 0;
}

/* Releases that a branch names and this checkout has not: what they are made of stays, too. */
static int collect_named(struct project_seen *s, const struct repository *r, struct error *err)
{
	struct arena *a = &s->p->arena;
	const char **paths = NULL;
	size_t count = 0;

	for (size_t i = 0; i < s->named_count; i++) {
		if (!release_name_is_valid(s->named[i]) || file_exists(arena_printf(a, "%s/lockfiles/%s", s->root, s->named[i])))
			continue;
		*arena_push(a, &paths, &count) = arena_printf(a, "lockfiles/%s/lock.toml", s->named[i]);
		*arena_push(a, &paths, &count) = arena_printf(a, "lockfiles/%s/release.json", s->named[i]);
	}
	return count ? repository_read(r, paths, count, take_lock, s, err) : 0;
}

/* A worktree whose repository was removed is a folder like any other; not so ours, which may only be away for a while. */
static int open_repository(const struct project_seen *s, struct repository *ret, struct error *err)
{
	autoerror struct error why_not = {0};

	if (repository_open(&s->p->arena, s->root, ret, &why_not) == 0)
		return 0;
	if (!s->is_own && strstr(why_not.text, "not a git repository")) {
		repository_of_folder(&s->p->arena, s->root, ret);
		return 0;
	}
	error_move(err, &why_not);
	return -1;
}

static int collect_project(struct prune *p, const char *root, bool is_own, struct error *err)
{
	static const char *const settings[] = {"recipes/project.yaml"}, *const newest[] = {"lockfiles/latest/lock.toml", "lockfiles/latest/release.json"};
	struct project_seen s = {.p = p, .root = root, .is_own = is_own, .has_our_images = is_own};
	struct repository r;

	add_tag_file(&s, "Jenkinsfile");
	for (size_t i = 0; is_own && i < p->request->db->project.tag_file_count; i++)
		add_tag_file(&s, p->request->db->project.tag_files[i]);
	if (open_repository(&s, &r, err) < 0 || repository_read(&r, settings, ARRAY_LEN(settings), take_settings, &s, err) < 0)
		return -1;
	/* What this checkout itself has is told first: its reasons are the plainest. */
	if (collect_releases(&s, err) < 0 || repository_read(&r, s.tag_files, s.tag_file_count, take_tag_file, &s, err) < 0 || collect_work(&s, err) < 0)
		return -1;
	if (repository_read(&r, newest, ARRAY_LEN(newest), take_lock, &s, err) < 0)
		return -1;
	return collect_named(&s, &r, err);
}

int prune_collect(struct prune *p, struct error *err)
{
	const char *own = p->request->db->root, **roots;
	size_t count;

	if (collect_project(p, own, true, err) < 0)
		return -1;
	projects_list(&p->arena, &roots, &count);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(roots[i], own) != 0 && collect_project(p, roots[i], false, err) < 0)
			return error_wrap(err, "it cannot be told what the project '%s' needs", roots[i]);
	}
	return 0;
}
