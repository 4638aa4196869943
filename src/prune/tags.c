#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "image/reference.h"
#include "prune/parts.h"
#include "registry/referrers.h"
#include "registry/remote.h"
#include "release/release.h"

/* A repository of the registry while its tags are looked at. */
struct tags_of {
	struct prune *p;
	const char *container;
	struct remote at;
	const char *const *names;
	struct remote_question *questions; /* the digest of each */
	size_t count;
};

/* The container of an image in a registry. Of this project's images only. */
static struct remote remote_of(struct prune *p, const char *container)
{
	struct image_reference r = {0};
	const char *why;
	const char *text = arena_printf(&p->arena, "%s/%s", p->request->db->project.repository, container);

	if (!image_reference_parse(&p->arena, text, &r, &why))
		return (struct remote){0};
	return (struct remote){.all = p->request->registries, .registry = r.registry, .repository = r.repository};
}

static const char *same_key(struct tags_of *t, const char *digest)
{
	return arena_printf(&t->p->arena, "%s@%s", t->at.repository, digest);
}

static bool is_of_release(const struct tags_of *t, const char *tag)
{
	return release_name_is_valid(tag) && file_exists(arena_printf(&t->p->arena, "%s/lockfiles/%s/%s.txt", t->p->request->db->root, tag, t->container));
}

/* "sha256-<hex>", under which a registry that cannot list referrers has those of a manifest. */
static const char *subject_of(struct tags_of *t, const char *tag)
{
	const char *digest = text_starts_with(tag, "sha256-") ? arena_printf(&t->p->arena, "sha256:%s", tag + strlen("sha256-")) : "";

	return image_digest_is_valid(digest) ? digest : NULL;
}

/* A tag that nobody here made stays, and all that an index under it names. */
static int keep_tag(struct tags_of *t, const char *tag, const char *digest, struct error *err)
{
	const char *why = arena_printf(&t->p->arena, "tag '%s' is the same image", tag);
	struct remote_manifest found;
	struct manifest m;

	prune_refer(t->p, "same", same_key(t, digest), why);
	if (remote_manifest(&t->at, &t->p->arena, tag, &found, err) < 0)
		return -1;
	if (manifest_read(&t->p->arena, tag, found.bytes, found.length, &m, err) < 0)
		return -1;
	for (size_t i = 0; m.is_index && i < m.item_count; i++)
		prune_refer(t->p, "same", same_key(t, m.items[i].digest), arena_printf(&t->p->arena, "the index '%s' names it", tag));
	return 0;
}

static struct prune_item *add_tag(struct tags_of *t, const char *tag, const char *digest)
{
	const char *name = arena_printf(&t->p->arena, "%s/%s:%s", t->at.registry, t->at.repository, tag);
	struct prune_item *item = prune_add(t->p, PRUNE_TAG, name, 0, 0);
	struct remote *at = arena_new(&t->p->arena, struct remote);

	*at = t->at;
	item->remote = at;
	item->image_id = digest;
	return item;
}

static int look_at_tag(struct tags_of *t, size_t i, struct error *err)
{
	const char *tag = t->names[i], *digest = t->questions[i].digest, *subject = subject_of(t, tag);
	struct prune *p = t->p;

	if (!t->questions[i].is_there || !digest)
		return 0;
	if (subject) {
		struct prune_item *item = add_tag(t, tag, digest);

		/* It goes where what it belongs to went before: a run was killed in between. */
		prune_key(p, item, "subject", same_key(t, subject));
		struct remote_question q = {.repository = t->at.repository, .name = subject};

		if (remote_ask(&t->at, &p->arena, &q, 1, err) < 0)
			return -1;
		if (q.is_there)
			prune_refer(p, "subject", same_key(t, subject), "the image that it belongs to is there");
		return 0;
	}
	if (!is_of_release(t, tag))
		return keep_tag(t, tag, digest, err);
	struct prune_item *item = add_tag(t, tag, digest);
	const char *same = same_key(t, digest);

	prune_key(p, item, "of", tag);
	prune_key(p, item, "image", prune_short_name(item->name));
	prune_key(p, item, "digest", digest + strlen("sha256:"));
	prune_key(p, item, "same", same);
	need_refers(&p->needs, item->thing, arena_printf(&p->arena, "same:%s", same));
	return 0;
}

static int look_at_container(struct prune *p, const char *container, struct error *err)
{
	struct tags_of t = {.p = p, .container = container, .at = remote_of(p, container)};
	autoerror struct error why_not = {0};

	if (!t.at.repository)
		return error_set(err, ERR_INPUT, "'%s' is no repository of a registry", p->request->db->project.repository);
	if (remote_tags(&t.at, &p->arena, &t.names, &t.count, &why_not) < 0) {
		if (why_not.code == ERR_NOT_FOUND)
			return 0;
		error_move(err, &why_not);
		return -1;
	}
	t.questions = arena_array(&p->arena, t.count + 1, sizeof(*t.questions));
	for (size_t i = 0; i < t.count; i++)
		t.questions[i] = (struct remote_question){.repository = t.at.repository, .name = t.names[i]};
	if (remote_ask(&t.at, &p->arena, t.questions, t.count, err) < 0)
		return -1;
	for (size_t i = 0; i < t.count; i++) {
		if (look_at_tag(&t, i, err) < 0)
			return -1;
	}
	return 0;
}

static void add_name(struct prune *p, const char ***names, size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++) {
		if (!strcmp((*names)[i], name))
			return;
	}
	*arena_push(&p->arena, names, count) = name;
}

/* The containers that are, and those that a release had. */
static int list_containers(struct prune *p, const char ***ret, size_t *ret_count, struct error *err)
{
	const struct database *db = p->request->db;
	char **releases, **files;
	size_t release_count, file_count;

	for (size_t i = 0; i < db->container_count; i++)
		add_name(p, ret, ret_count, db->containers[i].name);
	if (release_list(&p->arena, db->root, &releases, &release_count, err) < 0)
		return -1;
	for (size_t i = 0; i < release_count; i++) {
		if (file_list(&p->arena, arena_printf(&p->arena, "%s/lockfiles/%s", db->root, releases[i]), &files, &file_count, err) < 0)
			return -1;
		for (size_t k = 0; k < file_count; k++) {
			if (text_ends_with(files[k], ".txt"))
				add_name(p, ret, ret_count, arena_strndup(&p->arena, files[k], strlen(files[k]) - strlen(".txt")));
		}
	}
	return 0;
}

int prune_tags(struct prune *p, struct error *err)
{
	const char **names = NULL;
	size_t count = 0;

	if (!p->request->registries)
		return 0;
	if (list_containers(p, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (look_at_container(p, names[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Most registries drop the tags of a manifest with it; others go on serving it under them. */
static int remove_name(struct prune *p, const struct remote *at, const char *tag, struct error *err)
{
	struct remote_question q = {.repository = at->repository, .name = tag};
	bool was_there;

	if (remote_ask(at, &p->arena, &q, 1, err) < 0)
		return -1;
	return q.is_there ? remote_delete(at, tag, &was_there, err) : 0;
}

/* With its manifest, which no tag that stays has, go all tags of it; then what belongs to it. */
int prune_remove_tag(struct prune *p, const struct prune_item *item, struct error *err)
{
	const struct remote *at = item->remote;
	struct descriptor *referrers = NULL;
	size_t count = 0;
	bool was_there;

	if (referrers_list(at, &p->arena, item->image_id, NULL, &referrers, &count, err) < 0 || remote_delete(at, item->image_id, &was_there, err) < 0 ||
	    remove_name(p, at, strrchr(item->name, ':') + 1, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (remote_delete(at, referrers[i].digest, &was_there, err) < 0)
			return -1;
	}
	struct remote_question list = {.repository = at->repository, .name = referrers_tag(&p->arena, item->image_id)};

	if (remote_ask(at, &p->arena, &list, 1, err) < 0)
		return -1;
	if (list.is_there && list.digest && remote_delete(at, list.digest, &was_there, err) < 0)
		return -1;
	return remove_name(p, at, list.name, err);
}
