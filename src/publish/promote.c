#include "publish/promote.h"

#include <string.h>

#include "base/text.h"
#include "image/reference.h"
#include "registry/push.h"

int promote_parse(struct arena *a, const char *text, const char *release, struct promote_target *ret, struct error *err)
{
	struct image_reference r;
	const char *why;

	if (image_tag_is_valid(text)) {
		*ret = (struct promote_target){.tag = arena_strdup(a, text)};
		return 0;
	}
	if (!image_reference_parse(a, text, &r, &why))
		return error_set(err, ERR_INPUT, "'%s' is no tag and no repository: %s", text, why);
	if (r.digest)
		return error_set(err, ERR_INPUT, "'%s' has a digest: that of an image is its own", text);
	*ret = (struct promote_target){.registry = r.registry, .path = r.repository, .tag = r.tag ? r.tag : arena_strdup(a, release)};
	return 0;
}

static void place(struct shelf *s, const struct promote_target *to, struct promote_outcome *o)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct shelf_image *image = &s->images[i];
		const char *registry = to->registry ? to->registry : image->at.registry;
		const char *repository = to->path ? arena_printf(s->arena, "%s/%s", to->path, image->snapshot->container) : image->at.repository;

		o->images[i] = (struct promote_image){
			.image = image, .repository = repository, .reference = arena_printf(s->arena, "%s/%s:%s", registry, repository, to->tag)};
	}
}

static int look(struct shelf *s, const struct remote *at, const struct promote_target *to, struct promote_outcome *o, struct error *err)
{
	struct remote_question *questions = arena_array(s->arena, s->count + 1, sizeof(*questions));

	for (size_t i = 0; i < s->count; i++)
		questions[i] = (struct remote_question){.repository = o->images[i].repository, .name = to->tag};
	if (remote_ask(at, s->arena, questions, s->count, err) < 0)
		return -1;
	for (size_t i = 0; i < s->count; i++) {
		o->images[i].was_there = text_equal(questions[i].digest, s->images[i].digest);
		o->changed = o->changed || !o->images[i].was_there;
	}
	return 0;
}

static int copy(struct shelf *s, const struct remote *at, struct promote_outcome *o, struct error *err)
{
	struct copy *c = copy_new(at->all, at->registry);

	for (size_t i = 0; i < s->count; i++)
		copy_add(c, &s->images[i].at, o->images[i].repository, s->images[i].digest);
	int result = copy_run(c, &o->copied, err);

	copy_free(c);
	return result;
}

static int move_tags(struct shelf *s, const struct remote *at, const struct promote_target *to, const struct promote_outcome *o, struct error *err)
{
	struct push_manifest *puts = arena_array(s->arena, s->count + 1, sizeof(*puts));
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct image *image = &s->images[i].image;

		if (!o->images[i].was_there)
			puts[count++] = (struct push_manifest){.repository = o->images[i].repository,
							       .name = to->tag,
							       .media_type = image->media_type,
							       .bytes = image->manifest,
							       .length = image->manifest_length};
	}
	return push_manifests(at->all, at->registry, puts, count, err);
}

int promote_run(struct shelf *s, const struct promote_target *to, bool dry_run, struct promote_outcome *ret, struct error *err)
{
	struct remote at = s->images[0].at;

	*ret = (struct promote_outcome){.images = arena_array(s->arena, s->count + 1, sizeof(*ret->images)), .count = s->count};
	if (to->registry)
		at.registry = to->registry;
	place(s, to, ret);
	if (shelf_find_all(s, err) < 0 || look(s, &at, to, ret, err) < 0)
		return -1;
	if (dry_run)
		return 0;
	/* Also where the tags are right: what belongs to an image may have come later. */
	if (to->registry && copy(s, &at, ret, err) < 0)
		return -1;
	ret->changed = ret->changed || ret->copied.manifests;
	return move_tags(s, &at, to, ret, err);
}
