#include "registry/manifest.h"

#include <string.h>

#include "image/image.h"
#include "image/reference.h"
#include "io/json.h"
#include "registry/remote.h"

enum { ITEMS_MAX = 10000, SHOWN_MAX = 80 };

/* More than any registry keeps in one blob. */
static const int64_t largest_bytes = (int64_t)1 << 50;

bool manifest_is_index(const char *media_type)
{
	return !strcmp(media_type, REMOTE_INDEX_TYPE) || !strcmp(media_type, REMOTE_DOCKER_LIST_TYPE);
}

const char *manifest_artifact_type(const struct manifest *m)
{
	return m->artifact_type ? m->artifact_type : m->config.media_type;
}

static int read_descriptor(const char *what, const struct value *v, struct descriptor *ret, struct error *err)
{
	struct descriptor d = {
		.media_type = value_get_text(v, "mediaType"), .digest = value_get_text(v, "digest"), .artifact_type = value_get_text(v, "artifactType")};

	if (!d.digest || !image_digest_is_valid(d.digest))
		return error_set(err, ERR_INPUT, "cannot read %s: '%.*s' in it is no digest ('sha256:' and 64 hexadecimal digits)", what, SHOWN_MAX,
				 d.digest ? d.digest : "");
	if (!value_get_integer(v, "size", &d.size_bytes) || d.size_bytes < 0 || d.size_bytes > largest_bytes)
		return error_set(err, ERR_INPUT, "cannot read %s: '%s' in it has no size that can be", what, d.digest);
	if (!d.media_type || strpbrk(d.media_type, "\r\n"))
		return error_set(err, ERR_INPUT, "cannot read %s: '%s' in it has no media type", what, d.digest);
	*ret = d;
	return 0;
}

int manifest_read(struct arena *a, const char *what, const char *text, size_t length, struct manifest *ret, struct error *err)
{
	struct manifest m = {0};
	int64_t version = 0;
	struct value *v;

	if (json_parse(a, "it", text, length, &v, err) < 0)
		return error_wrap(err, "cannot read %s", what);
	const struct value *layers = value_get(v, "layers"), *manifests = value_get(v, "manifests"), *config = value_get(v, "config");

	if (v->kind != VALUE_TABLE || !value_get_integer(v, "schemaVersion", &version) || version != 2 || (!layers && !manifests))
		return error_set(err, ERR_INPUT, "cannot read %s: it is no image manifest and no index of version 2", what);
	if (layers && manifests)
		return error_set(err, ERR_INPUT, "cannot read %s: it has layers like an image and manifests like an index", what);
	m.is_index = manifests != NULL;
	const struct value *list = manifests ? manifests : layers;

	if (list->kind != VALUE_ARRAY || list->item_count > ITEMS_MAX)
		return error_set(err, ERR_INPUT, "cannot read %s: it names no list of at most %d %s", what, ITEMS_MAX, m.is_index ? "manifests" : "layers");
	if (!m.is_index && read_descriptor(what, config, &m.config, err) < 0)
		return -1;
	m.items = arena_array(a, list->item_count + 1, sizeof(*m.items));
	m.item_count = list->item_count;
	m.values = list->items;
	for (size_t i = 0; i < list->item_count; i++) {
		if (read_descriptor(what, list->items[i], &m.items[i], err) < 0)
			return -1;
	}
	m.artifact_type = value_get_text(v, "artifactType");
	m.subject = value_get_text(value_get(v, "subject"), "digest");
	*ret = m;
	return 0;
}

static void add_descriptor(struct json_writer *w, const char *key, const struct descriptor *d, const char *title)
{
	json_begin_object(w, key);
	json_add_text(w, "mediaType", d->media_type);
	json_add_text(w, "digest", d->digest);
	json_add_integer(w, "size", d->size_bytes);
	if (d->artifact_type)
		json_add_text(w, "artifactType", d->artifact_type);
	if (title) {
		json_begin_object(w, "annotations");
		json_add_text(w, "org.opencontainers.image.title", title);
		json_end_object(w);
	}
	json_end_object(w);
}

void manifest_write_artifact(const char *artifact_type, const struct artifact_file *files, size_t count, const struct descriptor *subject, const char *created,
			     struct strbuf *out)
{
	static const struct descriptor empty = {
		.media_type = MANIFEST_EMPTY_TYPE, .digest = MANIFEST_EMPTY_DIGEST, .size_bytes = (int64_t)sizeof(MANIFEST_EMPTY_BYTES) - 1};
	struct json_writer w = {.out = out, .compact = true};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "schemaVersion", 2);
	json_add_text(&w, "mediaType", IMAGE_MANIFEST_TYPE);
	json_add_text(&w, "artifactType", artifact_type);
	add_descriptor(&w, "config", &empty, NULL);
	json_begin_array(&w, "layers");
	for (size_t i = 0; i < count; i++)
		add_descriptor(&w, NULL,
			       &(struct descriptor){.media_type = files[i].media_type, .digest = files[i].digest, .size_bytes = (int64_t)files[i].length},
			       files[i].name);
	json_end_array(&w);
	add_descriptor(&w, "subject", subject, NULL);
	if (created) {
		json_begin_object(&w, "annotations");
		json_add_text(&w, "org.opencontainers.image.created", created);
		json_end_object(&w);
	}
	json_end_object(&w);
}

void manifest_write_index(struct value *const *values, size_t value_count, const struct descriptor *more, size_t more_count, struct strbuf *out)
{
	struct json_writer w = {.out = out, .compact = true};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "schemaVersion", 2);
	json_add_text(&w, "mediaType", REMOTE_INDEX_TYPE);
	json_begin_array(&w, "manifests");
	for (size_t i = 0; i < value_count; i++)
		json_add_value(&w, NULL, values[i]);
	for (size_t i = 0; i < more_count; i++)
		add_descriptor(&w, NULL, &more[i], NULL);
	json_end_array(&w);
	json_end_object(&w);
}
