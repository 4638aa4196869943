#include "publish/shelf.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "fetch/store.h"
#include "image/reference.h"
#include "publish/published.h"
#include "recipe/database.h"

static int place(struct arena *a, const struct database *db, const struct release *release, const struct snapshot *s, struct registries *all,
		 const struct published *published, struct shelf_image *ret, struct error *err)
{
	const char *text = arena_printf(a, "%s/%s:%s", db->project.repository, s->container, release->name), *why;
	struct image_reference r;

	if (!image_reference_parse(a, text, &r, &why)) {
		error_set(err, ERR_INPUT, "'%s' names no image in a registry: %s", text, why);
		return error_hint(err, "'repository' of recipes/project.yaml says where images are, as registry.example:5000/team");
	}
	*ret = (struct shelf_image){.snapshot = s,
				    .at = {.all = all, .registry = r.registry, .repository = r.repository},
				    .tag = text,
				    .digest = published_digest(published, release->name, s->container)};
	return 0;
}

int shelf_open(struct arena *a, const struct database *db, const struct release *release, const char *container, struct registries *all, struct shelf *ret,
	       struct error *err)
{
	struct shelf s = {.arena = a, .root = db->root, .release = release};
	struct published published;

	if (published_read(a, db->root, &published, err) < 0)
		return -1;
	for (size_t i = 0; i < release->snapshot_count; i++) {
		struct shelf_image image;

		if (container && strcmp(container, release->snapshots[i].container) != 0)
			continue;
		if (place(a, db, release, &release->snapshots[i], all, &published, &image, err) < 0)
			return -1;
		*arena_push(a, &s.images, &s.count) = image;
	}
	if (!s.count)
		return error_set(err, ERR_NOT_FOUND, "release %s has no container '%s'", release->name, container ? container : "");
	*ret = s;
	return 0;
}

/* Its configuration names every layer by its content: an image with the same one is the same image. */
static int take(struct shelf *s, struct shelf_image *image, const char *bytes, size_t length, bool *ret_same, struct error *err)
{
	const char *name = arena_printf(s->arena, "the manifest of '%s'", image->tag);
	struct image found = {0};

	if (image_read_manifest(s->arena, name, bytes, length, &found, err) < 0)
		return -1;
	*ret_same = text_equal(found.config_digest, image->snapshot->image_id);
	if (*ret_same) {
		image->image = found;
		image->digest = found.digest;
		image->is_found = true;
	}
	return 0;
}

static int take_stored(struct shelf *s, struct shelf_image *image, struct error *err)
{
	const char *hex = image->digest + strlen("sha256:");
	autoerror struct error damaged = {0};
	autostrbuf struct strbuf text = {0};
	bool is_same = false;

	if (!store_has(hex, -1) || store_check(hex, &damaged) < 0 || file_read(store_path(s->arena, hex), IMAGE_TEXT_MAX_BYTES, &text, &damaged) < 0)
		return 0;
	if (take(s, image, strbuf_text(&text), text.length, &is_same, err) < 0)
		return -1;
	return is_same ? 0
		       : error_set(err, ERR_DIGEST, "'" PUBLISHED_FILE "' says '%s' of '%s', which is another image than the one that was released",
				   image->digest, image->tag);
}

int shelf_find(struct shelf *s, struct shelf_image *image, struct error *err)
{
	const char *name = image->digest ? image->digest : s->release->name;
	autoerror struct error failure = {0};
	struct remote_manifest text;
	bool is_same = false;

	if (image->is_found)
		return 0;
	if (image->digest && take_stored(s, image, err) < 0)
		return -1;
	if (image->is_found)
		return 0;
	if (remote_manifest(&image->at, s->arena, name, &text, &failure) < 0) {
		if (failure.code == ERR_NOT_FOUND)
			return 0;
		error_move(err, &failure);
		return -1;
	}
	if (take(s, image, text.bytes, text.length, &is_same, err) < 0)
		return -1;
	if (is_same)
		return shelf_keep_bytes(text.digest, text.bytes, text.length, err);
	return error_set(err, ERR_DIGEST, "'%s/%s' has under '%s' another image than the one that was released as %s", image->at.registry, image->at.repository,
			 name, s->release->name);
}

int shelf_find_all(struct shelf *s, struct error *err)
{
	for (size_t i = 0; i < s->count; i++) {
		if (shelf_find(s, &s->images[i], err) < 0)
			return -1;
		if (s->images[i].is_found)
			continue;
		error_set(err, ERR_NOT_FOUND, "'%s' is not published", s->images[i].tag);
		return error_hint(err, "'lockstep publish %s' does that, where the release was built", s->release->name);
	}
	return 0;
}

int shelf_keep_bytes(const char *digest, const char *bytes, size_t length, struct error *err)
{
	struct store_partial partial = {0};
	const char *hex = digest + strlen("sha256:");

	if (store_has(hex, (int64_t)length))
		return 0;
	if (store_partial_open(&partial, hex, err) < 0)
		return -1;
	if (store_partial_restart(&partial, err) == 0 && store_partial_write(&partial, bytes, length, err) == 0 && store_partial_check(&partial, err) == 0 &&
	    store_sync(&partial, err) == 0 && store_partial_commit(&partial, err) == 0)
		return 0;
	store_partial_discard(&partial);
	return -1;
}
