#include "publish/assembled.h"

#include <string.h>

#include "assemble/keep.h"
#include "base/text.h"
#include "fetch/store.h"

/* How a layer that is not here is packed: as the others of its image are. */
static const char *packing_of(struct arena *a, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->layer_count; i++) {
		const struct installed_layer *l = &snapshot->layers[i];

		if (store_has(l->digest, (int64_t)l->size_bytes))
			return image_type_of_file(store_path(a, l->digest));
	}
	return IMAGE_LAYER_GZIP;
}

/* The layers that lockstep made are known by the release, whether they are here or not. */
static void name_layer(struct shelf *s, const struct snapshot *snapshot, struct image_layer *l)
{
	for (size_t i = 0; i < snapshot->layer_count; i++) {
		const struct installed_layer *known = &snapshot->layers[i];

		if (strcmp(known->diff_id, l->diff_id + strlen("sha256:")) != 0)
			continue;
		l->digest = arena_printf(s->arena, "sha256:%s", known->digest);
		l->size_bytes = (int64_t)known->size_bytes;
		l->path = store_has(known->digest, l->size_bytes) ? store_path(s->arena, known->digest) : NULL;
		l->media_type = l->path ? image_type_of_file(l->path) : packing_of(s->arena, snapshot);
		return;
	}
}

/* A layer that is named and not here may be in the registry; where it is not either, the engine gives it. */
static int ask_registry(struct shelf *s, struct shelf_image *image, struct error *err)
{
	struct image *i = &image->image;
	struct remote_question *questions = arena_array(s->arena, i->layer_count + 1, sizeof(*questions));
	struct image_layer **asked = arena_array(s->arena, i->layer_count + 1, sizeof(struct image_layer *));
	size_t count = 0;

	for (size_t n = 0; n < i->layer_count; n++) {
		if (!i->layers[n].digest || i->layers[n].path)
			continue;
		questions[count] = (struct remote_question){.repository = image->at.repository, .name = i->layers[n].digest, .is_blob = true};
		asked[count++] = &i->layers[n];
	}
	if (remote_ask(&image->at, s->arena, questions, count, err) < 0)
		return -1;
	for (size_t n = 0; n < count; n++) {
		if (!questions[n].is_there)
			*asked[n] = (struct image_layer){.diff_id = asked[n]->diff_id};
	}
	return 0;
}

static bool is_known(const struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		if (!image->layers[i].digest)
			return false;
	}
	return true;
}

/* Only what nobody else has is taken out of the engine. */
static int keep(struct shelf *s, struct shelf_image *image, struct engine *e, const char *temporary, struct error *err)
{
	struct image all = image->image;

	if (is_known(&image->image))
		return 0;
	all.layers = arena_array(s->arena, all.layer_count, sizeof(*all.layers));
	memcpy(all.layers, image->image.layers, all.layer_count * sizeof(*all.layers));
	if (keep_layers(s->arena, e, image->tag, temporary, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.layer_count; i++) {
		if (!image->image.layers[i].digest)
			image->image.layers[i] = all.layers[i];
	}
	return 0;
}

int assembled_take(struct shelf *s, struct shelf_image *image, struct engine *e, const char *temporary, struct error *err)
{
	struct image *i = &image->image;

	if (e->driver->describe(e, image->tag, i, err) < 0)
		return err->code == ERR_NOT_FOUND ? error_hint(err, "an image is published where it was built, or where it was pulled") : -1;
	if (!text_equal(i->config_digest, image->snapshot->image_id))
		return error_set(err, ERR_DRIFT, "%s has under '%s' the image '%s', and '%s' was released", e->driver->name, image->tag, i->config_digest,
				 image->snapshot->image_id);
	keep_find(s->arena, i);
	for (size_t n = 0; n < i->layer_count; n++)
		name_layer(s, image->snapshot, &i->layers[n]);
	if (ask_registry(s, image, err) < 0 || keep(s, image, e, temporary, err) < 0 || image_set_manifest(s->arena, i, err) < 0)
		return -1;
	image->digest = i->digest;
	image->is_found = true;
	return shelf_keep_bytes(i->config_digest, i->config, i->config_length, err) < 0 || shelf_keep_bytes(i->digest, i->manifest, i->manifest_length, err) < 0
		       ? -1
		       : 0;
}
