#include "assemble/keep.h"

#include <string.h>

#include "assemble/pack.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/store.h"

enum { NOTE_LIMIT_BYTES = 4096 };

static const char *packed_path(struct arena *a, const char *diff_id)
{
	const char *hex = diff_id + strlen("sha256:");

	return arena_printf(a, "%s/layers/packed/%.2s/%s", path_cache_dir(a), hex, hex);
}

/* "<sha256> <size>\n" */
static void find_layer(struct arena *a, struct image_layer *l)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	uint64_t size;

	if (file_read(packed_path(a, l->diff_id), NOTE_LIMIT_BYTES, &text, &ignored) < 0)
		return;
	char *hex = arena_strdup(a, strbuf_text(&text)), *number = strchr(hex, ' ');

	if (!number)
		return;
	*number++ = '\0';
	number[strcspn(number, "\n")] = '\0';
	if (!digest_is_hex(hex) || !text_to_u64(number, &size) || !store_has(hex, (int64_t)size))
		return;
	l->digest = arena_printf(a, "sha256:%s", hex);
	l->media_type = IMAGE_LAYER_GZIP;
	l->size_bytes = (int64_t)size;
	l->path = store_path(a, hex);
}

static int note_layer(struct arena *a, const char *diff_id, const struct packed *p, struct error *err)
{
	const char *path = packed_path(a, diff_id), *text = arena_printf(a, "%s %llu\n", p->sha256, (unsigned long long)p->size_bytes);

	return file_make_parents(path, err) < 0 ? -1 : file_write_derived(path, text, strlen(text), err);
}

/* What the engine says of packed layers is of its own storage. */
void keep_find(struct arena *a, struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		struct image_layer *l = &image->layers[i];

		*l = (struct image_layer){.diff_id = l->diff_id};
		find_layer(a, l);
	}
}

bool keep_is_whole(const struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		if (!image->layers[i].path)
			return false;
	}
	return true;
}

static int keep_layer(struct arena *a, const struct image_layer *saved, struct image_layer *l, struct error *err)
{
	struct packed packed;

	if (!saved->path || strcmp(saved->diff_id, l->diff_id) != 0)
		return error_set(err, ERR_ENGINE, "it is another image by now");
	if (pack_layer(saved->path, saved->diff_id, &packed, err) < 0 || note_layer(a, l->diff_id, &packed, err) < 0)
		return -1;
	find_layer(a, l);
	return 0;
}

int keep_layers(struct arena *a, struct engine *e, const char *tag, const char *temporary, struct image *image, struct error *err)
{
	const char *folder = path_join(a, temporary, "saved");
	struct image saved;
	int failed;

	if (keep_is_whole(image))
		return 0;
	failed = file_remove_tree(folder, err) < 0 || file_make_dirs(folder, err) < 0 || e->driver->save(e, tag, folder, &saved, err) < 0;
	if (!failed && saved.layer_count != image->layer_count)
		failed = error_set(err, ERR_ENGINE, "it is another image by now");
	for (size_t i = 0; !failed && i < saved.layer_count; i++)
		failed = !image->layers[i].path && keep_layer(a, &saved.layers[i], &image->layers[i], err) < 0;

	autoerror struct error ignored = {0};

	file_remove_tree(folder, &ignored);
	return failed ? error_wrap(err, "cannot take the layers of image '%s' out of %s", tag, e->driver->name) : 0;
}
