#include "engine/oci_layout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "io/json.h"

#define NAME_KEY "org.opencontainers.image.ref.name"
#define REPOSITORY_KEY "dev.lockstep.repository"
enum { INDEX_LIMIT_BYTES = 64 << 20 };

struct entry {
	const char *name, *digest, *media_type;
	int64_t size_bytes;
	const char *repository; /* or NULL */
};

struct index {
	struct entry *entries; /* by name */
	size_t count;
};

/* ---- the index ---- */

static const char *blob_path(const struct oci_layout *l, const char *folder, const char *digest)
{
	return arena_printf(l->arena, "%s/blobs/sha256/%s", folder, digest + strlen("sha256:"));
}

static int read_index(const struct oci_layout *l, const char *folder, struct index *ret, struct error *err)
{
	const char *path = path_join(l->arena, folder, "index.json");
	autostrbuf struct strbuf text = {0};
	struct value *root;

	*ret = (struct index){0};
	if (!file_exists(path))
		return 0;
	if (file_read(path, INDEX_LIMIT_BYTES, &text, err) < 0 || json_parse(l->arena, path, strbuf_text(&text), text.length, &root, err) < 0)
		return error_hint(err, "'%s' can be removed: what was in it is built again", folder);
	const struct value *list = value_get(root, "manifests");

	for (size_t i = 0; list && list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		const struct value *item = list->items[i], *notes = value_get(item, "annotations");
		const char *name = value_get_text(notes, NAME_KEY), *type = value_get_text(item, "mediaType");
		struct entry e = {name ? name : "", value_get_text(item, "digest"), type ? type : IMAGE_MANIFEST_TYPE, 0,
				  value_get_text(notes, REPOSITORY_KEY)};

		if (image_is_digest(e.digest) && value_get_integer(item, "size", &e.size_bytes))
			*arena_push(l->arena, &ret->entries, &ret->count) = e;
	}
	return 0;
}

static int write_index(const struct oci_layout *l, const struct index *index, struct error *err)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "schemaVersion", 2);
	json_add_text(&w, "mediaType", IMAGE_INDEX_TYPE);
	json_begin_array(&w, "manifests");
	for (size_t i = 0; i < index->count; i++) {
		const struct entry *e = &index->entries[i];

		json_begin_object(&w, NULL);
		json_add_text(&w, "mediaType", e->media_type);
		json_add_text(&w, "digest", e->digest);
		json_add_integer(&w, "size", e->size_bytes);
		json_begin_object(&w, "annotations");
		json_add_text(&w, NAME_KEY, e->name);
		if (e->repository)
			json_add_text(&w, REPOSITORY_KEY, e->repository);
		json_end_object(&w);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	return file_write(path_join(l->arena, l->folder, "index.json"), strbuf_text(&out), out.length, err);
}

static struct entry *find_entry(const struct index *index, const char *name)
{
	for (size_t i = 0; i < index->count; i++) {
		if (!strcmp(index->entries[i].name, name))
			return &index->entries[i];
	}
	return NULL;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int lock_layout(const struct oci_layout *l, int *ret_fd, struct error *err)
{
	const char *path = path_join(l->arena, l->folder, "lock");
	autofd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_errno(err, "cannot open '%s'", path);
	if (flock(fd, LOCK_EX) < 0)
		return error_errno(err, "cannot lock '%s'", path);
	*ret_fd = file_steal_fd(&fd);
	return 0;
}

int oci_layout_open(struct arena *a, const char *folder, struct oci_layout *ret, struct error *err)
{
	static const char said[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
	const char *path = path_join(a, folder, "oci-layout");

	if (file_make_dirs(path_join(a, folder, "blobs/sha256"), err) < 0)
		return -1;
	if (!file_exists(path) && file_write(path, said, strlen(said), err) < 0)
		return -1;
	*ret = (struct oci_layout){a, folder};
	return 0;
}

/* ---- images ---- */

/* A text whose digest is its name. */
static int read_blob(const struct oci_layout *l, const char *folder, const char *digest, struct strbuf *out, struct error *err)
{
	const char *path = blob_path(l, folder, digest);
	char hex[DIGEST_HEX_LENGTH + 1];

	if (file_size(path) < 0)
		return error_set(err, ERR_NOT_FOUND, "there is no '%s'", path);
	if (file_read(path, IMAGE_TEXT_MAX_BYTES, out, err) < 0)
		return -1;
	digest_bytes(strbuf_text(out), out->length, hex);
	return strcmp(hex, digest + strlen("sha256:")) ? error_set(err, ERR_DIGEST, "'%s' is not what its name says", path) : 0;
}

static int read_image(const struct oci_layout *l, const char *folder, const struct entry *e, struct image *ret, struct error *err)
{
	autostrbuf struct strbuf manifest = {0}, config = {0};
	struct image named = {0}, image = {0};

	if (read_blob(l, folder, e->digest, &manifest, err) < 0 ||
	    image_read_manifest(l->arena, e->name, strbuf_text(&manifest), manifest.length, &named, err) < 0 ||
	    read_blob(l, folder, named.config_digest, &config, err) < 0 ||
	    image_read_config(l->arena, e->name, strbuf_text(&config), config.length, &image, err) < 0 ||
	    image_read_manifest(l->arena, e->name, strbuf_text(&manifest), manifest.length, &image, err) < 0)
		return -1;
	for (size_t i = 0; i < image.layer_count; i++) {
		struct image_layer *layer = &image.layers[i];
		const char *path = blob_path(l, folder, layer->digest);

		if (file_size(path) == layer->size_bytes)
			layer->path = path;
		else if (!e->repository)
			return error_set(err, ERR_NOT_FOUND, "layer '%s' of '%s' is gone", layer->digest, e->name);
	}
	*ret = image;
	return 0;
}

int oci_layout_find(const struct oci_layout *l, const char *name, struct image *ret, const char **ret_repository, struct error *err)
{
	autoerror struct error why_not = {0};
	struct index index;

	if (read_index(l, l->folder, &index, err) < 0)
		return -1;
	const struct entry *e = find_entry(&index, name);

	if (!e)
		return error_set(err, ERR_NOT_FOUND, "there is no image '%s' in '%s'", name, l->folder);
	if (read_image(l, l->folder, e, ret, &why_not) < 0)
		return error_set(err, ERR_NOT_FOUND, "there is no image '%s' in '%s': %s", name, l->folder, why_not.text);
	if (ret_repository)
		*ret_repository = e->repository;
	return 0;
}

int oci_layout_names(const struct oci_layout *l, const char *const **ret, size_t *ret_count, struct error *err)
{
	const char **names = NULL;
	struct index index;

	*ret_count = 0;
	if (read_index(l, l->folder, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++)
		*arena_push(l->arena, &names, ret_count) = index.entries[i].name;
	*ret = names;
	return 0;
}

/* ---- changes; the layout is locked ---- */

static void note_parts(const struct oci_layout *l, const struct image *image, const char ***parts, size_t *count)
{
	*arena_push(l->arena, parts, count) = image->digest + strlen("sha256:");
	*arena_push(l->arena, parts, count) = image->config_digest + strlen("sha256:");
	for (size_t i = 0; i < image->layer_count; i++)
		*arena_push(l->arena, parts, count) = image->layers[i].digest + strlen("sha256:");
}

/* What no image needs. Where one cannot be read, nothing is removed: what it needs is not known. */
static void drop_unused(const struct oci_layout *l, const struct index *index)
{
	autoerror struct error ignored = {0};
	const char *folder = path_join(l->arena, l->folder, "blobs/sha256"), **parts = NULL;
	size_t part_count = 0, count;
	char **names;

	for (size_t i = 0; i < index->count; i++) {
		autoerror struct error why_not = {0};
		struct image image;

		if (read_image(l, l->folder, &index->entries[i], &image, &why_not) < 0)
			return;
		note_parts(l, &image, &parts, &part_count);
	}
	if (part_count)
		qsort(parts, part_count, sizeof(*parts), text_compare_items);
	if (file_list(l->arena, folder, &names, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!part_count || !bsearch(&names[i], parts, part_count, sizeof(*parts), text_compare_items))
			file_remove_tree(path_join(l->arena, folder, names[i]), &ignored);
	}
}

/* Names the image; what its name was of before may be of no use now. */
static int set_entry(const struct oci_layout *l, const struct entry *wanted, struct error *err)
{
	struct index index;

	if (read_index(l, l->folder, &index, err) < 0)
		return -1;
	struct entry *e = find_entry(&index, wanted->name);
	bool replaces = e && strcmp(e->digest, wanted->digest) != 0;

	if (!e)
		e = arena_push(l->arena, &index.entries, &index.count);
	*e = *wanted;
	qsort(index.entries, index.count, sizeof(*index.entries), compare_entries);
	if (write_index(l, &index, err) < 0)
		return -1;
	if (replaces)
		drop_unused(l, &index);
	return 0;
}

static int take_blob(const struct oci_layout *l, const char *digest, const char *from, int64_t size_bytes, struct error *err)
{
	const char *to = blob_path(l, l->folder, digest);

	return file_size(to) == size_bytes ? 0 : file_link_or_copy(from, to, err);
}

static int take_layers(const struct oci_layout *l, const struct image *image, const char *repository, struct error *err)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct image_layer *layer = &image->layers[i];

		if (layer->path && take_blob(l, layer->digest, layer->path, layer->size_bytes, err) < 0)
			return -1;
		if (!layer->path && !repository && file_size(blob_path(l, l->folder, layer->digest)) != layer->size_bytes)
			return error_set(err, ERR_NOT_FOUND, "layer '%s' is not in '%s'", layer->digest, l->folder);
	}
	return 0;
}

static int put_text(const struct oci_layout *l, const char *digest, const char *text, size_t length, struct error *err)
{
	const char *path = blob_path(l, l->folder, digest);

	return file_size(path) == (int64_t)length ? 0 : file_write(path, text, length, err);
}

static int put_locked(const struct oci_layout *l, const struct image *image, const char *name, const char *repository, struct error *err)
{
	struct entry e = {name, image->digest, image->media_type, (int64_t)image->manifest_length, repository};

	if (take_layers(l, image, repository, err) < 0 || put_text(l, image->config_digest, image->config, image->config_length, err) < 0 ||
	    put_text(l, image->digest, image->manifest, image->manifest_length, err) < 0)
		return -1;
	return set_entry(l, &e, err);
}

int oci_layout_put(const struct oci_layout *l, const struct image *image, const char *name, const char *repository, struct error *err)
{
	autofd int fd = -1;

	return lock_layout(l, &fd, err) < 0 ? -1 : put_locked(l, image, name, repository, err);
}

int oci_layout_take(const struct oci_layout *l, const char *other_folder, const char *name, const char *repository, struct error *err)
{
	autofd int fd = -1;
	struct index index;
	struct image image;

	if (read_index(l, other_folder, &index, err) < 0)
		return -1;
	if (index.count != 1)
		return error_set(err, ERR_ENGINE, "'%s' has %zu images, not one", other_folder, index.count);
	index.entries->repository = repository;
	if (read_image(l, other_folder, index.entries, &image, err) < 0 || lock_layout(l, &fd, err) < 0)
		return -1;
	return put_locked(l, &image, name, repository, err);
}

int oci_layout_tag(const struct oci_layout *l, const char *from, const char *to, struct error *err)
{
	autofd int fd = -1;
	struct index index;

	if (lock_layout(l, &fd, err) < 0 || read_index(l, l->folder, &index, err) < 0)
		return -1;
	const struct entry *e = find_entry(&index, from);

	if (!e)
		return error_set(err, ERR_NOT_FOUND, "there is no image '%s' in '%s'", from, l->folder);
	struct entry other = *e;

	other.name = to;
	return set_entry(l, &other, err);
}

int oci_layout_untag(const struct oci_layout *l, const char *name, struct error *err)
{
	autofd int fd = -1;
	struct index index;

	if (lock_layout(l, &fd, err) < 0 || read_index(l, l->folder, &index, err) < 0)
		return -1;
	struct entry *e = find_entry(&index, name);

	if (!e)
		return 0;
	*e = index.entries[--index.count];
	qsort(index.entries, index.count, sizeof(*index.entries), compare_entries);
	if (write_index(l, &index, err) < 0)
		return -1;
	drop_unused(l, &index);
	return 0;
}

static int lend_blob(const struct oci_layout *l, const char *digest, const char *other_folder, struct error *err)
{
	return file_link_or_copy(blob_path(l, l->folder, digest), blob_path(l, other_folder, digest), err);
}

int oci_layout_lend(const struct oci_layout *l, const struct image *image, const char *other_folder, struct error *err)
{
	if (file_make_dirs(path_join(l->arena, other_folder, "blobs/sha256"), err) < 0)
		return -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		if (image->layers[i].path && lend_blob(l, image->layers[i].digest, other_folder, err) < 0)
			return -1;
	}
	return 0;
}

bool oci_layout_has(const struct oci_layout *l, const char *digest)
{
	return file_exists(blob_path(l, l->folder, digest));
}

int oci_layout_fill(const struct oci_layout *l, const struct image *image, const char *other_folder, struct error *err)
{
	autofd int fd = -1;

	if (lock_layout(l, &fd, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct image_layer *layer = &image->layers[i];
		const char *from = blob_path(l, other_folder, layer->digest);

		if (file_size(blob_path(l, l->folder, layer->digest)) == layer->size_bytes)
			continue;
		if (file_size(from) != layer->size_bytes)
			return error_set(err, ERR_NOT_FOUND, "layer '%s' did not come", layer->digest);
		if (take_blob(l, layer->digest, from, layer->size_bytes, err) < 0)
			return -1;
	}
	return 0;
}
