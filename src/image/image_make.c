#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "image/image.h"
#include "image/json_text.h"

/* A writer ends its text with a newline, which has no place inside another. */
static const char *finish(struct arena *a, const struct strbuf *out)
{
	return arena_strndup(a, strbuf_text(out), out->length - 1);
}

struct label {
	const char *key, *value;
};

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

static void set_label(struct arena *a, struct label **labels, size_t *count, const char *key, const char *value)
{
	for (size_t i = 0; i < *count; i++) {
		if (!strcmp((*labels)[i].key, key)) {
			(*labels)[i].value = value;
			return;
		}
	}
	*arena_push(a, labels, count) = (struct label){key, value};
}

static const char *labels_text(struct arena *a, const struct value *below, const char *const *set)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out, .compact = true};
	struct label *labels = NULL;
	size_t count = 0;

	for (size_t i = 0; below && i < below->entry_count; i++)
		set_label(a, &labels, &count, below->entries[i].key, below->entries[i].value->text);
	for (; *set; set++) {
		size_t length = strcspn(*set, "=");

		set_label(a, &labels, &count, arena_strndup(a, *set, length), (*set)[length] ? *set + length + 1 : "");
	}
	if (count)
		qsort(labels, count, sizeof(*labels), compare_labels);
	json_begin_object(&w, NULL);
	for (size_t i = 0; i < count; i++)
		json_add_text(&w, labels[i].key, labels[i].value);
	json_end_object(&w);
	return finish(a, &out);
}

static const struct value *table_or_null(const struct value *v)
{
	return v && v->kind == VALUE_TABLE ? v : NULL;
}

/* The member "config", with the labels. */
static const char *config_text(struct arena *a, const char *text, const struct value *root, const char *const *labels)
{
	autostrbuf struct strbuf out = {0};
	const struct value *config = table_or_null(value_get(root, "config"));
	struct json_change change = {"Labels", labels_text(a, value_get(config, "Labels"), labels)};

	json_text_change(&out, config ? json_text_of(text, root, "config", NULL) : NULL, config, &change, 1);
	return arena_strdup(a, strbuf_text(&out));
}

static const char *rootfs_text(struct arena *a, const char *text, const struct value *root, const struct image *image)
{
	autostrbuf struct strbuf ids = {0}, out = {0};
	struct json_writer w = {.out = &ids, .compact = true};

	json_begin_array(&w, NULL);
	for (size_t i = 0; i < image->layer_count; i++)
		json_add_text(&w, NULL, image->layers[i].diff_id);
	json_end_array(&w);
	struct json_change change = {"diff_ids", finish(a, &ids)};

	json_text_change(&out, json_text_of(text, root, "rootfs", NULL), value_get(root, "rootfs"), &change, 1);
	return arena_strdup(a, strbuf_text(&out));
}

static void add_history(struct json_writer *w, const char *created, const char *created_by)
{
	json_begin_object(w, NULL);
	json_add_text(w, "created", created);
	json_add_text(w, "created_by", created_by);
	json_end_object(w);
}

/* One entry for each layer that is put on top; and for those below that the history does not tell of, or the new ones would stand for them. */
static const char *history_text(struct arena *a, const char *text, const struct value *root, size_t below_count, const struct image_top *top,
				const char *created)
{
	autostrbuf struct strbuf out = {0}, added = {0};
	struct json_writer w = {.out = &added, .compact = true};
	const struct value *history = value_get(root, "history");
	size_t length = 0, count = history && history->kind == VALUE_ARRAY ? history->item_count : 0, told = 0;
	const char *old = count ? json_text_of(text, root, "history", &length) : "";

	for (size_t i = 0; i < count; i++)
		told += !value_get_boolean(history->items[i], "empty_layer", false);
	json_begin_array(&w, NULL);
	for (; told < below_count; told++)
		add_history(&w, created, "");
	for (size_t i = 0; i < top->layer_count; i++)
		add_history(&w, created, top->layers[i].created_by ? top->layers[i].created_by : "lockstep");
	bool is_more = w.has_items;

	json_end_array(&w);
	if (!count || !is_more)
		return count ? arena_strndup(a, old, length) : finish(a, &added);
	strbuf_add_bytes(&out, old, length - 1); /* without its ']' */
	strbuf_add_char(&out, ',');
	strbuf_add_bytes(&out, strbuf_text(&added) + 1, added.length - 2);
	return arena_strdup(a, strbuf_text(&out));
}

static const char *new_config(struct arena *a, const struct image *below, const struct value *root, const struct image_top *top, const struct image *image)
{
	static const char *const none[] = {NULL};
	autostrbuf struct strbuf created = {0}, out = {0};

	clock_add_rfc3339(&created, top->created_unix);
	struct json_change changes[] = {
		{"created", arena_printf(a, "\"%s\"", strbuf_text(&created))},
		{"config", config_text(a, below->config, root, top->labels ? top->labels : none)},
		{"rootfs", rootfs_text(a, below->config, root, image)},
		{"history", history_text(a, below->config, root, below->layer_count, top, strbuf_text(&created))},
	};
	json_text_change(&out, below->config, root, changes, sizeof(changes) / sizeof(*changes));
	return arena_strdup(a, strbuf_text(&out));
}

static void add_descriptor(struct json_writer *w, const char *key, const char *type, const char *digest, int64_t size_bytes)
{
	json_begin_object(w, key);
	json_add_text(w, "mediaType", type);
	json_add_text(w, "digest", digest);
	json_add_integer(w, "size", size_bytes);
	json_end_object(w);
}

const char *image_manifest_text(struct arena *a, const struct image *image)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out, .compact = true};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "schemaVersion", 2);
	json_add_text(&w, "mediaType", IMAGE_MANIFEST_TYPE);
	add_descriptor(&w, "config", IMAGE_CONFIG_TYPE, image->config_digest, (int64_t)image->config_length);
	json_begin_array(&w, "layers");
	for (size_t i = 0; i < image->layer_count; i++)
		add_descriptor(&w, NULL, image->layers[i].media_type, image->layers[i].digest, image->layers[i].size_bytes);
	json_end_array(&w);
	json_end_object(&w);
	return finish(a, &out);
}

int image_set_manifest(struct arena *a, struct image *image, struct error *err)
{
	const char *manifest = image_manifest_text(a, image);

	return image_read_manifest(a, "the new image", manifest, strlen(manifest), image, err);
}

static bool are_known(const struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		if (!image->layers[i].digest)
			return false;
	}
	return true;
}

int image_make(struct arena *a, const struct image *below, const struct image_top *top, struct image *ret, struct error *err)
{
	struct image all = {.layers = arena_array(a, below->layer_count + top->layer_count, sizeof(*all.layers)), .layer_count = below->layer_count};
	struct image made = {0};
	struct value *root;

	if (json_parse(a, "the image below", below->config, below->config_length, &root, err) < 0)
		return -1;
	if (below->layer_count)
		memcpy(all.layers, below->layers, below->layer_count * sizeof(*all.layers));
	for (size_t i = 0; i < top->layer_count; i++)
		all.layers[all.layer_count++] = top->layers[i];
	const char *config = new_config(a, below, root, top, &all);

	/* What is made is held to what is read: a diff id that is none, a text that grew too long. */
	if (image_read_config(a, "the new image", config, strlen(config), &made, err) < 0)
		return -1;
	made.layers = all.layers;
	if (are_known(&made) && image_set_manifest(a, &made, err) < 0)
		return -1;
	*ret = made;
	return 0;
}
