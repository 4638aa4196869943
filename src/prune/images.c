#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/text.h"
#include "build/build.h"
#include "engine/buildkit.h"
#include "io/digest.h"
#include "lock/current.h"
#include "prune/parts.h"
#include "prune/words.h"
#include "release/release.h"

/* ---- which engines ---- */

/* The engine before it that keeps its images in the same storage and speaks for both; or itself. */
static struct engine *owner_of(const struct prune *p, struct engine *e)
{
	for (size_t i = 0; &p->engines[i] != e; i++) {
		if (e->storage && text_equal(p->engines[i].storage, e->storage))
			return &p->engines[i];
	}
	return e;
}

/* While we hold it nobody builds there, and what a build has just found finished does not go away under it. -1 where somebody does. */
static int hold(struct prune *p, const struct engine *e)
{
	autoerror struct error ignored = {0};
	const char *path = path_join(&p->arena, e->storage ? e->storage : path_cache_dir(&p->arena), "lockstep-building.lock");
	int fd = file_make_parents(path, &ignored) < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		file_cleanup_fd(&fd);
		fd = -1;
	}
	return fd;
}

static int find_one(struct prune *p, const char *name, struct error *err)
{
	autoerror struct error why_not = {0};
	struct engine e = {.arena = &p->arena};

	/* Its images need nobody to answer. */
	if (!strcmp(name, engine_buildkit.name)) {
		if (buildkit_open_images(&e))
			*arena_push(&p->arena, &p->engines, &p->engine_count) = e;
		return 0;
	}
	if (engine_find(&p->arena, name, &e, &why_not) == 0) {
		if (e.driver->list)
			*arena_push(&p->arena, &p->engines, &p->engine_count) = e;
		return 0;
	}
	if (why_not.code == ERR_CANCELLED || text_equal(p->request->engine, name)) {
		error_move(err, &why_not);
		return -1;
	}
	/* One that is not installed has no containers; of one that is and does not answer people should know. */
	if (!strstr(why_not.text, "not in PATH"))
		strbuf_printf(&p->notes, "%s is not asked, so its images stay: %.*s\n", name, (int)strcspn(why_not.text, "\n"), why_not.text);
	return 0;
}

/* The one that is asked for comes first, and so speaks for those that share its storage. */
static int find_engines(struct prune *p, struct error *err)
{
	if (p->request->engine && find_one(p, p->request->engine, err) < 0)
		return -1;
	for (const char *const *name = engine_names; *name; name++) {
		if (!text_equal(p->request->engine, *name) && find_one(p, *name, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- what is in them ---- */

struct of_container {
	struct prune *p;
	const char *why;
};

static void refer_to_image(void *context, const char *hex)
{
	struct of_container *c = context;

	prune_refer(c->p, "digest", hex, c->why);
}

static void add_container(struct prune *p, const struct engine *e, const struct engine_container *c)
{
	const char *why = arena_printf(&p->arena, "container '%s' of %s stands on it", c->name, e->driver->name);
	struct of_container context = {p, why};

	prune_refer(p, "image", prune_short_name(c->image), why);
	if (c->id)
		prune_refer(p, "id", c->id, why);
	words_find(c->image, strlen(c->image), &(struct words_found){.on_digest = refer_to_image, .context = &context});
	if (c->id)
		words_find(c->id, strlen(c->id), &(struct words_found){.on_digest = refer_to_image, .context = &context});
}

/* The release that an image belongs to by its name; NULL when it is none of this project's. */
static const char *release_of(struct prune *p, const char *name, const char **ret_container)
{
	const char *ours = prune_short_name(p->request->db->project.repository), *rest = prune_short_name(name), *colon;

	if (!text_starts_with(rest, ours) || rest[strlen(ours)] != '/')
		return NULL;
	rest += strlen(ours) + 1;
	colon = strchr(rest, ':');
	if (!colon || strchr(rest, '/') || !release_name_is_valid(colon + 1))
		return NULL;
	*ret_container = arena_strndup(&p->arena, rest, (size_t)(colon - rest));
	return colon + 1;
}

static const char *own_name(struct prune *p, const struct engine *e, const char *name)
{
	return arena_printf(&p->arena, "%s %s", e->driver->name, name);
}

static void add_image(struct prune *p, struct engine *e, const struct engine_tag *t, bool is_wanted)
{
	const char *stages = arena_printf(&p->arena, "localhost/lockstep/%s/", p->request->db->project.name), *container;
	const char *release = release_of(p, t->name, &container), *why = NULL;
	const char *own = own_name(p, e, t->name);
	bool is_stage = text_starts_with(t->name, stages);

	if (!is_stage && !release)
		return;
	struct prune_item *item = prune_add(p, is_stage ? PRUNE_STAGE : PRUNE_IMAGE, t->name, t->size_bytes, t->created_unix);

	item->engine = e;
	item->image_id = t->id;
	prune_key(p, item, "own", own);
	prune_key(p, item, "image", prune_short_name(t->name));
	prune_key(p, item, "id", t->id);
	if (is_stage) {
		const char *colon = strrchr(t->name, ':');

		prune_key(p, item, "twin", t->id);
		if (colon && digest_is_hex(colon + 1))
			prune_key(p, item, "sha256", colon + 1);
		else
			why = "nothing is known of what it is for";
	} else {
		prune_key(p, item, "of", release);
		need_refers(&p->needs, item->thing, arena_printf(&p->arena, "twin:%s", t->id));
		if (!file_exists(arena_printf(&p->arena, "%s/lockfiles/%s/%s.txt", p->request->db->root, release, container)))
			why = arena_printf(&p->arena, "no release in lockfiles/ of this checkout has it");
	}
	if (!is_wanted)
		why = arena_printf(&p->arena, "only %s is asked about", p->request->engine);
	if (why)
		prune_refer(p, "own", own, why);
}

/* ---- what the next build begins with ---- */

static int refer_to_plan(struct prune *p, struct engine *e, const struct lock *lock, enum build_layers layers, struct error *err)
{
	static const char why[] = "the next build begins with it";
	const struct build_request q = {.db = p->request->db, .lock = lock, .engine = e, .layers = layers};
	struct build_plan plan;

	if (build_plan_of(&p->arena, &q, &plan, err) < 0)
		return -1;
	for (size_t i = 0; i < plan.job_count; i++) {
		if (plan.jobs[i]->key)
			prune_refer(p, "sha256", plan.jobs[i]->key, why);
	}
	for (size_t i = 0; i < plan.tree_count; i++)
		prune_refer(p, "sha256", plan.trees[i].key, why);
	for (size_t i = 0; plan.images && i < plan.container_count; i++) {
		if (plan.images[i].is_planned)
			prune_refer(p, "sha256", plan.images[i].key, why);
	}
	return 0;
}

static int plan_next(struct prune *p, struct engine *e, struct lock *lock, struct error *err)
{
	autodiag struct diag ignored = {0};
	const char *from;
	bool fits;

	if (lock_newest(p->request->db, lock, &from, &fits, &ignored, err) < 0)
		return err->code == ERR_NOT_FOUND ? 1 : -1;
	return refer_to_plan(p, e, lock, BUILD_LAYERS_ENGINE, err) < 0 || refer_to_plan(p, e, lock, BUILD_LAYERS_LOCKSTEP, err) < 0 ? -1 : 0;
}

/* Where that cannot be told, all stages stay. */
static int add_next(struct prune *p, struct engine *e, const struct engine_listing *listing, struct error *err)
{
	autoerror struct error why_not = {0};
	struct lock lock = {0};
	int known = plan_next(p, e, &lock, &why_not);

	lock_release(&lock);
	if (known >= 0)
		return 0;
	if (why_not.code == ERR_CANCELLED) {
		error_move(err, &why_not);
		return -1;
	}
	const char *why = arena_printf(&p->arena, "what the next build needs cannot be told: %s", why_not.text);

	for (size_t i = 0; i < listing->tag_count; i++) {
		if (text_starts_with(listing->tags[i].name, arena_printf(&p->arena, "localhost/lockstep/%s/", p->request->db->project.name)))
			prune_refer(p, "own", own_name(p, owner_of(p, e), listing->tags[i].name), why);
	}
	return 0;
}

int prune_images(struct prune *p, struct error *err)
{
	if (find_engines(p, err) < 0)
		return -1;
	for (size_t i = 0; i < p->engine_count; i++) {
		struct engine *e = &p->engines[i];
		bool is_wanted = !p->request->engine || !strcmp(p->request->engine, e->driver->name);
		struct engine_listing listing;

		/* What an engine would build next has keys of its own, also in a storage that it shares. */
		if (e->driver->list(e, &listing, err) < 0 || add_next(p, e, &listing, err) < 0)
			return -1;
		for (size_t k = 0; k < listing.container_count; k++)
			add_container(p, e, &listing.containers[k]);
		for (size_t k = 0; owner_of(p, e) == e && k < listing.tag_count; k++)
			add_image(p, e, &listing.tags[k], is_wanted);
	}
	return 0;
}

void prune_hold(struct prune *p)
{
	p->holds = arena_array(&p->arena, p->engine_count + 1, sizeof(*p->holds));
	for (size_t i = 0; i < p->engine_count; i++)
		p->holds[i] = hold(p, &p->engines[i]);
}

int prune_remove_image(struct prune *p, struct prune_item *item, struct error *err)
{
	for (size_t i = 0; i < p->engine_count; i++) {
		if (&p->engines[i] == item->engine && p->holds[i] < 0)
			return error_set(err, ERR_BUSY, "somebody builds in %s right now", item->engine->driver->name);
	}
	return item->engine->driver->untag(item->engine, item->name, err);
}
