#include "engine/docker_archive.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/json.h"
#include "layer/tar.h"

enum { LINKS_MAX = 8 };

/* ---- writing ---- */

static const char *layer_name(struct arena *a, const struct image_layer *layer)
{
	return arena_printf(a, "%s/layer.tar", layer->diff_id + strlen("sha256:"));
}

static int write_header(struct process_pipe *to, const char *path, int64_t size_bytes, struct error *err)
{
	autostrbuf struct strbuf out = {0};

	tar_header(&(struct tar_entry){.kind = TAR_FILE, .path = path, .mode = 0644, .size_bytes = (uint64_t)size_bytes}, &out);
	return process_pipe_write(to, out.text, out.length, err);
}

static int write_padding(struct process_pipe *to, int64_t size_bytes, struct error *err)
{
	static const char zeros[TAR_BLOCK_BYTES];

	return process_pipe_write(to, zeros, tar_padding((uint64_t)size_bytes), err);
}

static int write_text(struct process_pipe *to, const char *path, const char *text, size_t length, struct error *err)
{
	return write_header(to, path, (int64_t)length, err) < 0 || process_pipe_write(to, text, length, err) < 0 || write_padding(to, (int64_t)length, err) < 0
		       ? -1
		       : 0;
}

static bool is_written_before(const struct image *image, size_t has, size_t i)
{
	for (size_t k = has; k < i; k++) {
		if (!strcmp(image->layers[k].diff_id, image->layers[i].diff_id))
			return true;
	}
	return false;
}

static int write_layers(struct arena *a, struct process_pipe *to, const struct image *image, size_t has, struct error *err)
{
	for (size_t i = has; i < image->layer_count; i++) {
		const struct image_layer *l = &image->layers[i];
		int64_t size_bytes = file_size(l->path);

		if (is_written_before(image, has, i))
			continue;
		if (size_bytes < 0)
			return error_set(err, ERR_NOT_FOUND, "layer %s is not there as file '%s'", l->diff_id, l->path);
		if (write_header(to, layer_name(a, l), size_bytes, err) < 0 || process_pipe_send(to, l->path, size_bytes, err) < 0 ||
		    write_padding(to, size_bytes, err) < 0)
			return -1;
	}
	return 0;
}

static int write_manifest(struct arena *a, struct process_pipe *to, const struct image *image, const char *config, const char *tag, struct error *err)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out, .compact = true};

	json_begin_array(&w, NULL);
	json_begin_object(&w, NULL);
	json_add_text(&w, "Config", config);
	json_begin_array(&w, "RepoTags");
	json_add_text(&w, NULL, tag);
	json_end_array(&w);
	json_begin_array(&w, "Layers");
	for (size_t i = 0; i < image->layer_count; i++)
		json_add_text(&w, NULL, layer_name(a, &image->layers[i]));
	json_end_array(&w);
	json_end_object(&w);
	json_end_array(&w);
	return write_text(to, "manifest.json", out.text, out.length, err);
}

int docker_archive_write(struct process_pipe *to, const struct image *image, size_t has, const char *tag, struct error *err)
{
	static const char end[2 * TAR_BLOCK_BYTES];
	autoarena struct arena a = {0};
	const char *config = arena_printf(&a, "%s.json", image->config_digest + strlen("sha256:"));

	if (write_text(to, config, image->config, image->config_length, err) < 0 || write_layers(&a, to, image, has, err) < 0 ||
	    write_manifest(&a, to, image, config, tag, err) < 0)
		return -1;
	return process_pipe_write(to, end, sizeof(end), err);
}

/* ---- reading ---- */

struct saved {
	struct arena *arena;
	const char *folder;
	struct unpacked *files;
	size_t count;
};

/* "a/../b/./c" -> "b/c"; what leads out of the archive leads nowhere in it. */
static const char *plain_name(struct arena *a, const char *name)
{
	autostrbuf struct strbuf out = {0};

	for (const char *p = name; *p;) {
		size_t length = strcspn(p, "/");

		if (length == 2 && !memcmp(p, "..", 2)) {
			const char *slash = out.length ? strrchr(out.text, '/') : NULL;

			out.length = slash ? (size_t)(slash - out.text) : 0;
			if (out.text)
				out.text[out.length] = '\0';
		} else if (length && !(length == 1 && *p == '.')) {
			strbuf_add(&out, out.length ? "/" : "");
			strbuf_add_bytes(&out, p, length);
		}
		p += length + (p[length] == '/');
	}
	return arena_strdup(a, strbuf_text(&out));
}

/* The file of that name, also by way of links; one layer may stand for several. */
static struct unpacked *find_file(const struct saved *s, const char *name)
{
	name = plain_name(s->arena, name);
	for (unsigned hop = 0; hop < LINKS_MAX; hop++) {
		struct unpacked *found = NULL;

		for (size_t i = 0; i < s->count && !found; i++) {
			if (!strcmp(plain_name(s->arena, s->files[i].name), name))
				found = &s->files[i];
		}
		if (!found || !found->target)
			return found && found->path ? found : NULL;
		const char *slash = strrchr(name, '/');

		name = plain_name(s->arena, arena_printf(s->arena, "%.*s/%s", slash ? (int)(slash - name) : 0, name, found->target));
	}
	return NULL;
}

static int read_text(const struct saved *s, const char *name, struct strbuf *out, struct error *err)
{
	const struct unpacked *file = name ? find_file(s, name) : NULL;

	return file ? file_read(file->path, IMAGE_TEXT_MAX_BYTES, out, err) : error_set(err, ERR_INPUT, "the archive has no '%s'", name ? name : "Config");
}

static int place_layer(const struct saved *s, const char *name, struct image_layer *ret, struct error *err)
{
	struct unpacked *file = find_file(s, name);

	if (!file)
		return error_set(err, ERR_INPUT, "the archive has no '%s'", name);
	const char *to = path_join(s->arena, s->folder, file->sha256);

	if (rename(file->path, to) < 0)
		return error_errno(err, "cannot rename '%s' to '%s'", file->path, to);
	file->path = ret->path = to;
	ret->digest = arena_printf(s->arena, "sha256:%s", file->sha256);
	ret->size_bytes = file->size_bytes;
	ret->media_type = image_type_of_file(to);
	if (!strcmp(ret->media_type, IMAGE_LAYER_TAR) && strcmp(ret->digest, ret->diff_id) != 0)
		return error_set(err, ERR_DIGEST, "layer '%s' has digest %s, not %s as the configuration says", name, ret->digest, ret->diff_id);
	return 0;
}

static int place_layers(const struct saved *s, const struct value *names, struct image *image, struct error *err)
{
	if (!names || names->kind != VALUE_ARRAY || names->item_count != image->layer_count)
		return error_set(err, ERR_INPUT, "the archive has not as many layers as its configuration names, %zu", image->layer_count);
	for (size_t i = 0; i < image->layer_count; i++) {
		if (names->items[i]->kind != VALUE_TEXT || place_layer(s, names->items[i]->text, &image->layers[i], err) < 0)
			return error_is_set(err) ? -1 : error_set(err, ERR_INPUT, "layer %zu of the archive has no name", i + 1);
	}
	return 0;
}

static int read_saved(const struct saved *s, bool with_layers, struct image *ret, struct error *err)
{
	autostrbuf struct strbuf manifest = {0}, config = {0};
	struct value *list;

	if (read_text(s, "manifest.json", &manifest, err) < 0 || json_parse(s->arena, "manifest.json", strbuf_text(&manifest), manifest.length, &list, err) < 0)
		return -1;
	if (list->kind != VALUE_ARRAY || list->item_count != 1)
		return error_set(err, ERR_INPUT, "the archive has not one image");
	const char *name = value_get_text(list->items[0], "Config");

	if (read_text(s, name, &config, err) < 0 || image_read_config(s->arena, name, strbuf_text(&config), config.length, ret, err) < 0)
		return -1;
	return with_layers ? place_layers(s, value_get(list->items[0], "Layers"), ret, err) : 0;
}

int docker_archive_read(struct arena *a, struct process_pipe *from, const char *folder, bool with_layers, struct image *ret, struct error *err)
{
	struct saved s = {.arena = a, .folder = folder};
	struct image image;

	if (unpack_from(a, from, folder, with_layers ? 0 : IMAGE_TEXT_MAX_BYTES, &s.files, &s.count, err) < 0)
		return -1;
	int failed = read_saved(&s, with_layers, &image, err);

	for (size_t i = 0; i < s.count; i++) {
		if (s.files[i].path && strstr(path_base(s.files[i].path), "member-"))
			unlink(s.files[i].path);
	}
	if (!failed)
		*ret = image;
	return failed;
}
