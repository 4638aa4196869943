#include "image/image.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "image/json_text.h"
#include "io/digest.h"

bool image_is_digest(const char *text)
{
	return text && text_starts_with(text, "sha256:") && digest_is_hex(text + strlen("sha256:"));
}

const char *image_type_of_file(const char *path)
{
	unsigned char magic[4] = {0};
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, magic, sizeof(magic)) != (ssize_t)sizeof(magic))
		return IMAGE_LAYER_TAR;
	if (!memcmp(magic, "\x1f\x8b", 2))
		return IMAGE_LAYER_GZIP;
	return !memcmp(magic, "\x28\xb5\x2f\xfd", sizeof(magic)) ? IMAGE_LAYER_ZSTD : IMAGE_LAYER_TAR;
}

static const char *digest_of(struct arena *a, const char *text, size_t length)
{
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_bytes(text, length, hex);
	return arena_printf(a, "sha256:%s", hex);
}

/* Engines are written in Go, whose reader takes a key in any case for its own: two readers, two images. */
static int refuse_other_case(const char *name, const struct value *table, const char *const *known, struct error *err)
{
	for (size_t i = 0; i < table->entry_count; i++) {
		for (const char *const *k = known; *k; k++) {
			if (!strcasecmp(table->entries[i].key, *k) && strcmp(table->entries[i].key, *k) != 0)
				return error_set(err, ERR_INPUT, "%s: has '%s', which some programs read as '%s'", name, table->entries[i].key, *k);
		}
	}
	return 0;
}

/* A table under `key`; *ret is NULL when it is not there or null. */
static int optional(const char *name, const struct value *table, const char *key, enum value_kind kind, const struct value **ret, struct error *err)
{
	*ret = value_get(table, key);
	if (*ret && (*ret)->kind == VALUE_NULL)
		*ret = NULL;
	if (*ret && (*ret)->kind != kind)
		return error_set(err, ERR_INPUT, "%s: '%s' is %s, not %s", name, key, value_kind_name((*ret)->kind), value_kind_name(kind));
	return 0;
}

static int required(const char *name, const struct value *table, const char *key, enum value_kind kind, const struct value **ret, struct error *err)
{
	if (optional(name, table, key, kind, ret, err) < 0)
		return -1;
	return *ret ? 0 : error_set(err, ERR_INPUT, "%s: has no '%s'", name, key);
}

static int check_labels(const char *name, const struct value *root, struct error *err)
{
	static const char *const known[] = {"Labels", NULL};
	const struct value *config, *labels;

	if (optional(name, root, "config", VALUE_TABLE, &config, err) < 0 || (config && refuse_other_case(name, config, known, err) < 0) ||
	    optional(name, config, "Labels", VALUE_TABLE, &labels, err) < 0)
		return -1;
	for (size_t i = 0; labels && i < labels->entry_count; i++) {
		const struct value_entry *label = &labels->entries[i];

		if (label->value->kind != VALUE_TEXT)
			return error_set(err, ERR_INPUT, "%s: label '%s' is %s, not text", name, label->key, value_kind_name(label->value->kind));
		if (strlen(label->key) != label->key_length || strlen(label->value->text) != label->value->text_length)
			return error_set(err, ERR_INPUT, "%s: label '%s' has a NUL in it", name, label->key);
	}
	return 0;
}

/* A history may be left out; one of more layers than there are is of another image (docker refuses to show it). */
static int check_history(const char *name, const struct value *root, size_t layer_count, struct error *err)
{
	const struct value *history;
	size_t told = 0;

	if (optional(name, root, "history", VALUE_ARRAY, &history, err) < 0)
		return -1;
	for (size_t i = 0; history && i < history->item_count; i++) {
		const struct value *empty;

		if (history->items[i]->kind != VALUE_TABLE)
			return error_set(err, ERR_INPUT, "%s: entry %zu of 'history' is %s, not a table", name, i + 1,
					 value_kind_name(history->items[i]->kind));
		if (optional(name, history->items[i], "empty_layer", VALUE_BOOLEAN, &empty, err) < 0)
			return -1;
		told += !value_get_boolean(history->items[i], "empty_layer", false);
	}
	return told <= layer_count ? 0 : error_set(err, ERR_INPUT, "%s: 'history' tells of %zu layers, there are %zu", name, told, layer_count);
}

static int check_root(const char *name, const struct value *root, struct error *err)
{
	static const char *const known[] = {"architecture", "config", "created", "history", "os", "rootfs", NULL};
	static const char *const texts[] = {"architecture", "os"};
	const struct value *text;

	if (root->kind != VALUE_TABLE)
		return error_set(err, ERR_INPUT, "%s: is %s, not a table", name, value_kind_name(root->kind));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (required(name, root, texts[i], VALUE_TEXT, &text, err) < 0)
			return -1;
	}
	return refuse_other_case(name, root, known, err) < 0 || optional(name, root, "created", VALUE_TEXT, &text, err) < 0 ? -1 : 0;
}

static int read_diff_ids(struct arena *a, const char *name, const struct value *root, struct image *ret, struct error *err)
{
	static const char *const known[] = {"diff_ids", "type", NULL};
	const struct value *rootfs, *type, *ids;

	if (required(name, root, "rootfs", VALUE_TABLE, &rootfs, err) < 0 || refuse_other_case(name, rootfs, known, err) < 0 ||
	    required(name, rootfs, "type", VALUE_TEXT, &type, err) < 0 || required(name, rootfs, "diff_ids", VALUE_ARRAY, &ids, err) < 0)
		return -1;
	if (strcmp(type->text, "layers") != 0)
		return error_set(err, ERR_INPUT, "%s: 'rootfs' is of type '%s', not 'layers'", name, type->text);
	ret->layers = arena_array(a, ids->item_count, sizeof(*ret->layers));
	for (size_t i = 0; i < ids->item_count; i++) {
		const char *id = ids->items[i]->kind == VALUE_TEXT ? ids->items[i]->text : NULL;

		if (!image_is_digest(id))
			return error_set(err, ERR_INPUT, "%s: entry %zu of 'diff_ids', '%s', is not 'sha256:' and 64 hexadecimal digits", name, i + 1,
					 id ? id : value_kind_name(ids->items[i]->kind));
		ret->layers[i].diff_id = id;
	}
	ret->layer_count = ids->item_count;
	return 0;
}

static int parse(struct arena *a, const char *name, const char *text, size_t length, struct value **ret, struct error *err)
{
	if (length > IMAGE_TEXT_MAX_BYTES)
		return error_set(err, ERR_INPUT, "%s: has %zu bytes, more than any honest one", name, length);
	return json_parse(a, name, text, length, ret, err);
}

int image_read_config(struct arena *a, const char *name, const char *text, size_t length, struct image *ret, struct error *err)
{
	struct image image = {.config_length = length};
	struct value *root;

	if (parse(a, name, text, length, &root, err) < 0 || check_root(name, root, err) < 0 || read_diff_ids(a, name, root, &image, err) < 0 ||
	    check_labels(name, root, err) < 0 || check_history(name, root, image.layer_count, err) < 0)
		return -1;
	image.config = arena_strndup(a, text, length);
	image.config_digest = digest_of(a, text, length);
	*ret = image;
	return 0;
}

struct type {
	const char *name, *oci;
};

static const struct type manifest_types[] = {{IMAGE_MANIFEST_TYPE, IMAGE_MANIFEST_TYPE}, {IMAGE_DOCKER_MANIFEST_TYPE, IMAGE_MANIFEST_TYPE}, {0}};
static const struct type config_types[] = {{IMAGE_CONFIG_TYPE, IMAGE_CONFIG_TYPE}, {"application/vnd.docker.container.image.v1+json", IMAGE_CONFIG_TYPE}, {0}};
static const struct type layer_types[] = {{IMAGE_LAYER_TAR, IMAGE_LAYER_TAR},
					  {IMAGE_LAYER_GZIP, IMAGE_LAYER_GZIP},
					  {IMAGE_LAYER_ZSTD, IMAGE_LAYER_ZSTD},
					  {"application/vnd.docker.image.rootfs.diff.tar", IMAGE_LAYER_TAR},
					  {"application/vnd.docker.image.rootfs.diff.tar.gzip", IMAGE_LAYER_GZIP},
					  {"application/vnd.docker.image.rootfs.diff.tar.zstd", IMAGE_LAYER_ZSTD},
					  {0}};

static const char *find_type(const struct type *types, const char *name)
{
	for (; types->name; types++) {
		if (!strcmp(types->name, name))
			return types->oci;
	}
	return NULL;
}

/* A descriptor (descriptor.md). */
static int read_descriptor(const char *name, const struct value *v, const struct type *types, struct image_layer *ret, struct error *err)
{
	static const char *const known[] = {"digest", "mediaType", "size", NULL};
	const struct value *type, *digest, *size;

	if (v->kind != VALUE_TABLE)
		return error_set(err, ERR_INPUT, "%s: is %s, not a table", name, value_kind_name(v->kind));
	if (refuse_other_case(name, v, known, err) < 0 || required(name, v, "mediaType", VALUE_TEXT, &type, err) < 0 ||
	    required(name, v, "digest", VALUE_TEXT, &digest, err) < 0 || required(name, v, "size", VALUE_INTEGER, &size, err) < 0)
		return -1;
	ret->media_type = find_type(types, type->text);
	if (!ret->media_type)
		return error_set(err, ERR_INPUT, "%s: is of type '%s', which is not known here", name, type->text);
	if (!image_is_digest(digest->text))
		return error_set(err, ERR_INPUT, "%s: digest '%s' is not 'sha256:' and 64 hexadecimal digits", name, digest->text);
	if (size->integer < 0)
		return error_set(err, ERR_INPUT, "%s: has a size of %lld bytes", name, (long long)size->integer);
	ret->digest = digest->text;
	ret->size_bytes = size->integer;
	return 0;
}

static int check_kind(const char *name, const struct value *root, struct error *err)
{
	static const char *const known[] = {"config", "layers", "manifests", "mediaType", "schemaVersion", NULL};
	const struct value *type;
	int64_t version;

	if (root->kind != VALUE_TABLE)
		return error_set(err, ERR_INPUT, "%s: is %s, not a table", name, value_kind_name(root->kind));
	if (refuse_other_case(name, root, known, err) < 0 || optional(name, root, "mediaType", VALUE_TEXT, &type, err) < 0)
		return -1;
	if (!value_get_integer(root, "schemaVersion", &version) || version != 2)
		return error_set(err, ERR_INPUT, "%s: is no manifest of schema version 2", name);
	if (value_get(root, "manifests"))
		return error_set(err, ERR_INPUT, "%s: is an index of images, not a manifest", name);
	if (type && !find_type(manifest_types, type->text))
		return error_set(err, ERR_INPUT, "%s: is of type '%s', not an image's manifest", name, type->text);
	return 0;
}

static int read_descriptors(struct arena *a, const char *name, const struct value *root, struct image_layer *ret_config, struct image_layer **ret,
			    size_t *ret_count, struct error *err)
{
	const struct value *config, *layers;

	if (required(name, root, "config", VALUE_TABLE, &config, err) < 0 || required(name, root, "layers", VALUE_ARRAY, &layers, err) < 0 ||
	    read_descriptor(arena_printf(a, "%s: 'config'", name), config, config_types, ret_config, err) < 0)
		return -1;
	*ret = arena_array(a, layers->item_count, sizeof(**ret));
	*ret_count = layers->item_count;
	for (size_t i = 0; i < layers->item_count; i++) {
		if (read_descriptor(arena_printf(a, "%s: layer %zu", name, i + 1), layers->items[i], layer_types, *ret + i, err) < 0)
			return -1;
	}
	return 0;
}

/* The manifest's layers and those of the configuration become one. */
static int join_config(const char *name, const struct image_layer *config, struct image_layer *layers, size_t count, const struct image *with,
		       struct error *err)
{
	if (strcmp(config->digest, with->config_digest) != 0 || (uint64_t)config->size_bytes != with->config_length)
		return error_set(err, ERR_INPUT, "%s: its configuration is '%s' of %lld bytes, not '%s' of %zu", name, config->digest,
				 (long long)config->size_bytes, with->config_digest, with->config_length);
	if (count != with->layer_count)
		return error_set(err, ERR_INPUT, "%s: has %zu layers, its configuration has %zu", name, count, with->layer_count);
	for (size_t i = 0; i < count; i++) {
		layers[i].diff_id = with->layers[i].diff_id;
		layers[i].path = with->layers[i].path;
		layers[i].created_by = with->layers[i].created_by;
	}
	return 0;
}

int image_read_manifest(struct arena *a, const char *name, const char *text, size_t length, struct image *ret, struct error *err)
{
	struct image_layer config = {0}, *layers;
	struct value *root;
	size_t count;

	if (parse(a, name, text, length, &root, err) < 0 || check_kind(name, root, err) < 0 ||
	    read_descriptors(a, name, root, &config, &layers, &count, err) < 0 || (ret->config && join_config(name, &config, layers, count, ret, err) < 0))
		return -1;
	const char *type = value_get_text(root, "mediaType");

	ret->config_digest = config.digest;
	ret->config_length = (size_t)config.size_bytes;
	ret->manifest = arena_strndup(a, text, length);
	ret->manifest_length = length;
	ret->digest = digest_of(a, text, length);
	ret->media_type = type ? type : IMAGE_MANIFEST_TYPE;
	ret->layers = layers;
	ret->layer_count = count;
	return 0;
}
