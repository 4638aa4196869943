#include "publish/pull_image.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/workplace.h"
#include "fetch/store.h"
#include "io/json.h"
#include "registry/manifest.h"

enum { RELEASES_MAX = 8, CONTAINERS_MAX = 16 };

/* The configuration, small, and with it the layers' diff ids. */
static int read_config(struct shelf *s, struct shelf_image *image, struct error *err)
{
	const struct image *m = &image->image;
	const char *name = arena_printf(s->arena, "the configuration of '%s'", image->tag), *text, *manifest = m->manifest;
	size_t length = m->manifest_length;
	struct image whole = {0};

	if (m->config_length > IMAGE_TEXT_MAX_BYTES)
		return error_set(err, ERR_INPUT, "cannot read %s: it is too long", name);
	if (remote_bytes(&image->at, s->arena, m->config_digest, (int64_t)m->config_length, &text, err) < 0 ||
	    image_read_config(s->arena, name, text, m->config_length, &whole, err) < 0 ||
	    image_read_manifest(s->arena, name, manifest, length, &whole, err) < 0 ||
	    shelf_keep_bytes(whole.config_digest, whole.config, whole.config_length, err) < 0)
		return -1;
	image->image = whole;
	return 0;
}

static size_t shared(const struct image *a, const struct image *b)
{
	size_t count = 0;

	while (count < a->layer_count && count < b->layer_count && text_equal(a->layers[count].diff_id, b->layers[count].diff_id))
		count++;
	return count;
}

static void count_shared(struct engine *e, const struct image *image, const char *tag, size_t *best)
{
	autoerror struct error ignored = {0};
	struct image other;

	if (e->driver->describe(e, tag, &other, &ignored) < 0)
		return;
	size_t count = shared(image, &other);

	*best = count > *best ? count : *best;
}

/* How many of the lowest layers the engine has, by the images that it may have: of other releases of this container, and of other containers, which stand on the same base. */
static size_t count_had(struct shelf *s, const struct shelf_image *image, struct engine *e, const char *const *releases, size_t release_count)
{
	const char *container = image->snapshot->container;
	const char *folder = arena_strndup(s->arena, image->tag, (size_t)(strrchr(image->tag, '/') - image->tag));
	size_t best = 0;

	for (size_t i = 0; i < release_count && i < RELEASES_MAX; i++)
		count_shared(e, &image->image, arena_printf(s->arena, "%s/%s:%s", folder, container, releases[i]), &best);
	for (size_t i = 0; i < s->release->snapshot_count && i < CONTAINERS_MAX; i++)
		count_shared(e, &image->image, arena_printf(s->arena, "%s/%s:%s", folder, s->release->snapshots[i].container, s->release->name), &best);
	return best;
}

/* Those above `has` into the store; all that are in it get their paths. */
static int fetch(struct shelf *s, struct shelf_image *image, size_t has, struct pull_image_outcome *ret, struct error *err)
{
	struct image *m = &image->image;
	struct pull *p = pull_new(image->at.all, image->at.registry);

	for (size_t i = has; i < m->layer_count; i++) {
		pull_blob(p, image->at.repository, m->layers[i].digest, m->layers[i].size_bytes);
		if (!store_has(m->layers[i].digest + strlen("sha256:"), m->layers[i].size_bytes))
			ret->total_bytes += (uint64_t)m->layers[i].size_bytes;
	}
	int result = pull_run(p, &ret->counts, err);

	pull_free(p);
	for (size_t i = 0; i < m->layer_count; i++) {
		const char *hex = m->layers[i].digest + strlen("sha256:");

		m->layers[i].path = store_has(hex, m->layers[i].size_bytes) ? store_path(s->arena, hex) : NULL;
	}
	return result;
}

static bool engine_has(struct shelf *s, const struct shelf_image *image, struct engine *e)
{
	autoerror struct error ignored = {0};
	struct engine_image found;

	(void)s;
	return e->driver->inspect(e, image->tag, &found, &ignored) == 0 && text_equal(found.id, image->snapshot->image_id);
}

static int load(struct shelf *s, const struct shelf_image *image, struct engine *e, size_t has, struct error *err)
{
	const char *parent = path_join(s->arena, s->root, ".lockstep/pull"), *temporary = NULL;

	if (file_make_dirs(parent, err) < 0 || workplace_make(s->arena, parent, 0700, &temporary, err) < 0)
		return -1;
	int result = e->driver->load(e, &image->image, has, image->tag, temporary, err);

	workplace_drop(temporary);
	return result;
}

int pull_image_load(struct shelf *s, struct engine *e, const char *const *releases, size_t release_count, struct pull_image_outcome *ret, struct error *err)
{
	struct shelf_image *image = &s->images[0];

	*ret = (struct pull_image_outcome){.image = image};
	if (engine_has(s, image, e)) {
		ret->was_there = true;
		ret->has = image->snapshot->layer_count;
		return 0;
	}
	if (shelf_find_all(s, err) < 0 || read_config(s, image, err) < 0)
		return -1;
	ret->has = count_had(s, image, e, releases, release_count);
	if (fetch(s, image, ret->has, ret, err) < 0 || load(s, image, e, ret->has, err) < 0)
		return -1;
	if (engine_has(s, image, e))
		return 0;
	return error_set(err, ERR_DRIFT, "%s has under '%s' another image than the one that was released, '%s'", e->driver->name, image->tag,
			 image->snapshot->image_id);
}

/* ---- as a folder ---- */

static int write_index(struct shelf *s, const struct shelf_image *image, const char *folder, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out, .compact = true};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "schemaVersion", 2);
	json_add_text(&w, "mediaType", IMAGE_INDEX_TYPE);
	json_begin_array(&w, "manifests");
	json_begin_object(&w, NULL);
	json_add_text(&w, "mediaType", image->image.media_type);
	json_add_text(&w, "digest", image->digest);
	json_add_integer(&w, "size", (int64_t)image->image.manifest_length);
	json_begin_object(&w, "annotations");
	json_add_text(&w, "org.opencontainers.image.ref.name", s->release->name);
	json_end_object(&w);
	json_end_object(&w);
	json_end_array(&w);
	json_end_object(&w);
	return file_write_derived(path_join(s->arena, folder, "oci-layout"), layout, sizeof(layout) - 1, err) < 0
		       ? -1
		       : file_write_derived(path_join(s->arena, folder, "index.json"), out.text, out.length, err);
}

static int write_blobs(struct shelf *s, const struct shelf_image *image, const char *blobs, struct error *err)
{
	const struct image *m = &image->image;

	if (file_make_dirs(blobs, err) < 0 ||
	    file_write_derived(path_join(s->arena, blobs, m->digest + strlen("sha256:")), m->manifest, m->manifest_length, err) < 0 ||
	    file_write_derived(path_join(s->arena, blobs, m->config_digest + strlen("sha256:")), m->config, m->config_length, err) < 0)
		return -1;
	for (size_t i = 0; i < m->layer_count; i++) {
		if (file_link_or_copy(m->layers[i].path, path_join(s->arena, blobs, m->layers[i].digest + strlen("sha256:")), err) < 0)
			return -1;
	}
	return 0;
}

int pull_image_layout(struct shelf *s, const char *folder, struct pull_image_outcome *ret, struct error *err)
{
	struct shelf_image *image = &s->images[0];
	const char *temporary = arena_printf(s->arena, "%s.part", folder);

	*ret = (struct pull_image_outcome){.image = image};
	if (file_exists(folder) || file_is_dir(folder))
		return error_set(err, ERR_INPUT, "'%s' is there already", folder);
	if (shelf_find_all(s, err) < 0 || read_config(s, image, err) < 0 || fetch(s, image, 0, ret, err) < 0)
		return -1;
	/* What a killed run left has this name, too. */
	if (file_remove_tree(temporary, err) < 0 || write_blobs(s, image, path_join(s->arena, temporary, "blobs/sha256"), err) < 0 ||
	    write_index(s, image, temporary, err) < 0)
		return -1;
	return file_rename(temporary, folder, err);
}
