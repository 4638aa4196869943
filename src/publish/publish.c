#include "publish/publish.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "fetch/store.h"
#include "publish/artifacts.h"
#include "publish/assembled.h"
#include "publish/published.h"

/* What the registry has of an image, each a question to it. */
enum { HAS_IMAGE, HAS_LOCK, HAS_SNAPSHOT, HAS_TAG, HAS_COUNT };

struct publishing {
	struct shelf *shelf;
	const struct publish_request *request;
	struct publish_outcome *ret;
	struct artifact (*artifacts)[ARTIFACT_COUNT]; /* per image */
	struct remote_question (*has)[HAS_COUNT];
	const struct remote *at; /* the registry */
};

/* The manifests that are known without an engine. One that is published under the release's tag and another image is told of with the tags. */
static int find_known(struct publishing *p, struct error *err)
{
	for (size_t i = 0; i < p->shelf->count; i++) {
		autoerror struct error failure = {0};

		if (shelf_find(p->shelf, &p->shelf->images[i], &failure) == 0 || (failure.code == ERR_DIGEST && p->request->replace))
			continue;
		error_move(err, &failure);
		return err->code == ERR_DIGEST ? error_hint(err, "'--replace' moves the tags to the release's images") : -1;
	}
	return 0;
}

static int assemble_rest(struct publishing *p, struct error *err)
{
	struct engine *e = NULL;
	const char *parent = path_join(p->shelf->arena, p->shelf->root, ".lockstep/publish"), *temporary = NULL;
	int result = 0;

	for (size_t i = 0; i < p->shelf->count && result == 0; i++) {
		struct shelf_image *image = &p->shelf->images[i];

		if (image->is_found)
			continue;
		if (!e && !(e = p->request->find_engine(p->request->context, err)))
			result = -1;
		else if (!temporary && (file_make_dirs(parent, err) < 0 || workplace_make(p->shelf->arena, parent, 0700, &temporary, err) < 0))
			result = -1;
		else
			result = assembled_take(p->shelf, image, e, temporary, err);
	}
	workplace_drop(temporary);
	return result;
}

static int ask(struct publishing *p, struct error *err)
{
	struct shelf *s = p->shelf;

	for (size_t i = 0; i < s->count; i++) {
		const struct shelf_image *image = &s->images[i];
		const char *const names[HAS_COUNT] = {image->digest, p->artifacts[i][0].referrer.self.digest, p->artifacts[i][1].referrer.self.digest,
						      s->release->name};

		for (int n = 0; n < HAS_COUNT; n++)
			p->has[i][n] = (struct remote_question){.repository = image->at.repository, .name = names[n]};
	}
	return remote_ask(p->at, s->arena, p->has[0], s->count * HAS_COUNT, err);
}

/* Its layers may have been packed another time: the configuration says which image it is. */
static bool is_same_image(struct publishing *p, const struct shelf_image *image, const char *digest)
{
	autoerror struct error ignored = {0};
	struct remote_manifest text;
	struct image other = {0};

	return remote_manifest(&image->at, p->shelf->arena, digest, &text, &ignored) == 0 &&
	       image_read_manifest(p->shelf->arena, "it", text.bytes, text.length, &other, &ignored) == 0 &&
	       text_equal(other.config_digest, image->snapshot->image_id);
}

/* A release's tag is moved only from nothing, or from the same image in another wrapping. */
static int check_tags(struct publishing *p, struct error *err)
{
	for (size_t i = 0; i < p->shelf->count; i++) {
		const struct shelf_image *image = &p->shelf->images[i];
		const struct remote_question *tag = &p->has[i][HAS_TAG];

		if (tag->is_there && !text_equal(tag->digest, image->digest) && !p->request->replace && !is_same_image(p, image, tag->digest)) {
			error_set(err, ERR_CONFLICT, "'%s' names another image in the registry, '%s'", image->tag, tag->digest);
			return error_hint(err, "'--replace' moves the tag to the release's image '%s'", image->digest);
		}
	}
	return 0;
}

static bool is_whole(const struct publishing *p, size_t i)
{
	const struct remote_question *has = p->has[i];

	return has[HAS_IMAGE].is_there && has[HAS_LOCK].is_there && has[HAS_SNAPSHOT].is_there && has[HAS_TAG].is_there &&
	       text_equal(has[HAS_TAG].digest, p->shelf->images[i].digest);
}

static void want_image(struct publishing *p, struct push *push, size_t i)
{
	struct shelf_image *image = &p->shelf->images[i];
	const struct image *m = &image->image;
	const char *repository = image->at.repository, *hex = m->config_digest + strlen("sha256:");

	push_blob(push, repository,
		  &(struct push_blob){.digest = m->config_digest,
				      .size_bytes = (int64_t)m->config_length,
				      .path = store_has(hex, (int64_t)m->config_length) ? store_path(p->shelf->arena, hex) : NULL});
	for (size_t n = 0; n < m->layer_count; n++) {
		const struct image_layer *l = &m->layers[n];
		const char *layer_hex = l->digest + strlen("sha256:");

		push_blob(push, repository,
			  &(struct push_blob){.digest = l->digest,
					      .size_bytes = l->size_bytes,
					      .path = store_has(layer_hex, l->size_bytes) ? store_path(p->shelf->arena, layer_hex) : NULL});
	}
}

static int push_blobs(struct publishing *p, struct error *err)
{
	struct push *push = push_new(p->request->all, p->at->registry);

	for (size_t i = 0; i < p->shelf->count; i++) {
		if (!p->has[i][HAS_IMAGE].is_there)
			want_image(p, push, i);
		for (int n = 0; n < ARTIFACT_COUNT; n++) {
			if (!p->has[i][HAS_LOCK + n].is_there)
				artifacts_push_blobs(&p->artifacts[i][n], push);
		}
	}
	int result = push_run(push, &p->ret->blobs, err);

	push_free(push);
	return result;
}

static bool is_here(const struct image *m)
{
	bool is_here = store_has(m->config_digest + strlen("sha256:"), (int64_t)m->config_length);

	for (size_t i = 0; i < m->layer_count; i++)
		is_here = is_here && store_has(m->layers[i].digest + strlen("sha256:"), m->layers[i].size_bytes);
	return is_here;
}

static bool forget_parted(struct publishing *p)
{
	bool any = false;

	for (size_t i = 0; i < p->shelf->count; i++) {
		struct shelf_image *image = &p->shelf->images[i];

		if (image->image.config || p->has[i][HAS_IMAGE].is_there || is_here(&image->image))
			continue;
		image->is_found = false;
		any = true;
	}
	return any;
}

/* The images under their digests, or with `tags` under the release's name. */
static int push_images(struct publishing *p, bool tags, struct error *err)
{
	struct push_manifest *puts = arena_array(p->shelf->arena, p->shelf->count + 1, sizeof(*puts));
	size_t count = 0;

	for (size_t i = 0; i < p->shelf->count; i++) {
		const struct shelf_image *image = &p->shelf->images[i];
		bool is_there = tags ? text_equal(p->has[i][HAS_TAG].digest, image->digest) : p->has[i][HAS_IMAGE].is_there;

		if (!is_there)
			puts[count++] = (struct push_manifest){.repository = image->at.repository,
							       .name = tags ? p->shelf->release->name : image->digest,
							       .media_type = image->image.media_type,
							       .bytes = image->image.manifest,
							       .length = image->image.manifest_length};
	}
	return push_manifests(p->request->all, p->at->registry, puts, count, err);
}

static int push_artifacts(struct publishing *p, struct error *err)
{
	struct referrer *referrers = arena_array(p->shelf->arena, p->shelf->count * ARTIFACT_COUNT + 1, sizeof(*referrers));
	size_t count = 0;

	for (size_t i = 0; i < p->shelf->count; i++) {
		for (int n = 0; n < ARTIFACT_COUNT && !is_whole(p, i); n++) {
			referrers[count] = p->artifacts[i][n].referrer;
			referrers[count++].is_there = p->has[i][HAS_LOCK + n].is_there;
		}
	}
	return referrers_push(p->at, referrers, count, err);
}

static int note(struct publishing *p, struct error *err)
{
	struct published_image *images = arena_array(p->shelf->arena, p->shelf->count + 1, sizeof(*images));

	for (size_t i = 0; i < p->shelf->count; i++)
		images[i] = (struct published_image){
			.release = p->shelf->release->name, .container = p->shelf->images[i].snapshot->container, .digest = p->shelf->images[i].digest};
	return published_note(p->shelf->root, images, p->shelf->count, err);
}

static int look(struct publishing *p, struct error *err)
{
	struct shelf *s = p->shelf;

	for (size_t i = 0; i < s->count; i++) {
		if (!s->images[i].is_found)
			continue;
		if (artifacts_make(s, &s->images[i], p->artifacts[i], err) < 0)
			return -1;
		for (int n = 0; n < ARTIFACT_COUNT; n++)
			p->ret->images[i].artifacts[n] = p->artifacts[i][n].referrer.self.digest;
	}
	return 0;
}

static void settle(struct publishing *p, enum publish_state otherwise)
{
	for (size_t i = 0; i < p->shelf->count; i++) {
		bool is_there = p->shelf->images[i].is_found && is_whole(p, i);

		p->ret->images[i].state = is_there ? PUBLISH_THERE : otherwise;
		p->ret->changed = p->ret->changed || !is_there;
	}
}

/* Nothing is taken out of an engine for it: what is only there is not published. */
static int look_only(struct publishing *p, struct error *err)
{
	struct shelf known = *p->shelf;
	struct publishing some = *p;

	known.count = 0;
	known.images = arena_array(known.arena, p->shelf->count + 1, sizeof(*known.images));
	for (size_t i = 0; i < p->shelf->count; i++)
		p->ret->images[i].state = PUBLISH_WANTED;
	if (look(p, err) < 0)
		return -1;
	some.shelf = &known;
	for (size_t i = 0; i < p->shelf->count; i++) {
		if (!p->shelf->images[i].is_found) {
			p->ret->changed = true;
			continue;
		}
		known.images[0] = p->shelf->images[i];
		known.count = 1;
		some.artifacts = &p->artifacts[i];
		some.has = &p->has[i];
		if (ask(&some, err) < 0 || check_tags(&some, err) < 0)
			return -1;
		p->ret->images[i].state = is_whole(&some, 0) ? PUBLISH_THERE : PUBLISH_WANTED;
		p->ret->changed = p->ret->changed || !is_whole(&some, 0);
	}
	return 0;
}

int publish_run(struct shelf *s, const struct publish_request *request, struct publish_outcome *ret, struct error *err)
{
	struct publishing p = {.shelf = s, .request = request, .ret = ret, .at = &s->images[0].at};

	*ret = (struct publish_outcome){.images = arena_array(s->arena, s->count + 1, sizeof(*ret->images)), .count = s->count};
	p.artifacts = arena_array(s->arena, s->count + 1, sizeof(*p.artifacts));
	p.has = arena_array(s->arena, s->count + 1, sizeof(*p.has));
	for (size_t i = 0; i < s->count; i++)
		ret->images[i].image = &s->images[i];
	if (find_known(&p, err) < 0)
		return -1;
	if (request->dry_run)
		return look_only(&p, err);
	if (assemble_rest(&p, err) < 0 || look(&p, err) < 0 || ask(&p, err) < 0)
		return -1;
	/* Known from another time, for another registry, and its parts are gone from the store since. */
	if (forget_parted(&p) && (assemble_rest(&p, err) < 0 || look(&p, err) < 0 || ask(&p, err) < 0))
		return -1;
	if (check_tags(&p, err) < 0)
		return -1;
	settle(&p, PUBLISH_SENT);
	if (ret->changed && (push_blobs(&p, err) < 0 || push_images(&p, false, err) < 0 || push_artifacts(&p, err) < 0 || push_images(&p, true, err) < 0))
		return -1;
	return note(&p, err);
}
