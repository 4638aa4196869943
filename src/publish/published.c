#include "publish/published.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "image/reference.h"
#include "io/json.h"
#include "release/release.h"

enum { FILE_LIMIT_BYTES = 64 << 20 };

static int compare(const void *a, const void *b)
{
	const struct published_image *x = a, *y = b;
	int order = release_name_compare(x->release, y->release);

	return order ? order : strcmp(x->container, y->container);
}

static int read_release(struct arena *a, const struct value_entry *entry, struct published *p, struct error *err)
{
	const struct value *containers = entry->value;

	if (!release_name_is_valid(entry->key) || containers->kind != VALUE_TABLE)
		return error_set(err, ERR_INPUT, "'" PUBLISHED_FILE "' has '%s', which is no release with its images", entry->key);
	for (size_t i = 0; i < containers->entry_count; i++) {
		const struct value_entry *image = &containers->entries[i];

		if (!path_is_plain_name(image->key) || image->value->kind != VALUE_TEXT || !image_digest_is_valid(image->value->text))
			return error_set(err, ERR_INPUT,
					 "'" PUBLISHED_FILE "' says of container '%s' of %s what is no digest ('sha256:' and 64 hexadecimal digits)",
					 image->key, entry->key);
		*arena_push(a, &p->images, &p->count) = (struct published_image){.release = entry->key, .container = image->key, .digest = image->value->text};
	}
	return 0;
}

int published_read(struct arena *a, const char *root, struct published *ret, struct error *err)
{
	const char *path = path_join(a, root, PUBLISHED_FILE);
	autostrbuf struct strbuf text = {0};
	struct published p = {0};
	struct value *v;

	*ret = p;
	if (!file_exists(path))
		return 0;
	if (file_read(path, FILE_LIMIT_BYTES, &text, err) < 0 || json_parse(a, PUBLISHED_FILE, strbuf_text(&text), text.length, &v, err) < 0)
		return -1;
	if (v->kind != VALUE_TABLE)
		return error_set(err, ERR_INPUT, "'" PUBLISHED_FILE "' is no table of releases");
	for (size_t i = 0; i < v->entry_count; i++) {
		if (read_release(a, &v->entries[i], &p, err) < 0)
			return -1;
	}
	if (p.count)
		qsort(p.images, p.count, sizeof(*p.images), compare);
	*ret = p;
	return 0;
}

static struct published_image *find(const struct published *p, const char *release, const char *container)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!strcmp(p->images[i].release, release) && !strcmp(p->images[i].container, container))
			return &p->images[i];
	}
	return NULL;
}

const char *published_digest(const struct published *p, const char *release, const char *container)
{
	const struct published_image *image = find(p, release, container);

	return image ? image->digest : NULL;
}

static void write(const struct published *p, struct strbuf *out)
{
	struct json_writer w = {.out = out};

	json_begin_object(&w, NULL);
	for (size_t i = 0; i < p->count; i++) {
		if (!i || strcmp(p->images[i].release, p->images[i - 1].release) != 0)
			json_begin_object(&w, p->images[i].release);
		json_add_text(&w, p->images[i].container, p->images[i].digest);
		if (i + 1 == p->count || strcmp(p->images[i].release, p->images[i + 1].release) != 0)
			json_end_object(&w);
	}
	json_end_object(&w);
}

int published_note(const char *root, const struct published_image *images, size_t count, struct error *err)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	struct published p;

	if (published_read(&a, root, &p, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct published_image *known = find(&p, images[i].release, images[i].container);

		if (known)
			known->digest = images[i].digest;
		else
			*arena_push(&a, &p.images, &p.count) = images[i];
	}
	if (p.count)
		qsort(p.images, p.count, sizeof(*p.images), compare);
	write(&p, &text);
	return file_write_if_changed(path_join(&a, root, PUBLISHED_FILE), text.text, text.length, NULL, err);
}
