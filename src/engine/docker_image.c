/* Images in and out of docker's daemon, by archives that are streamed to and from its client. */
#include "engine/docker_image.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/workplace.h"
#include "engine/ask.h"
#include "engine/docker_archive.h"
#include "engine/words.h"
#include "image/image.h"
#include "io/json.h"

/* ---- configurations ---- */

/* The daemon shows a configuration only in its own words; the one way to its bytes is to save the image, all of it. So they are kept, by digest. */
static const char *kept_config(struct arena *a, const char *digest)
{
	return arena_printf(a, "%s/images/%s", path_cache_dir(a), digest + strlen("sha256:"));
}

static void keep_config(struct engine *e, const struct image *image)
{
	autoerror struct error ignored = {0};
	const char *path = kept_config(e->arena, image->config_digest);

	if (!file_make_parents(path, &ignored))
		file_write_derived(path, image->config, image->config_length, &ignored);
}

/* False when the file is not there, or not that. */
static bool read_config(struct engine *e, const char *path, const char *id, struct image *ret)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct image image;

	if (file_read(path, IMAGE_TEXT_MAX_BYTES, &text, &ignored) < 0 ||
	    image_read_config(e->arena, path, strbuf_text(&text), text.length, &image, &ignored) < 0 || strcmp(image.config_digest, id) != 0)
		return false;
	*ret = image;
	return true;
}

/* Where a daemon on this machine keeps its images, for those who may look; elsewhere, or with another kind of storage, nothing is there. */
static bool look_at_daemons(struct engine *e, const char *id, struct image *ret)
{
	autoresult struct process_result result = {0};
	autoerror struct error ignored = {0};

	if (ask_words(e, &result, &ignored, e->program, "info", "--format", "{{.Driver}} {{.DockerRootDir}}") < 0)
		return false;
	const char *text = strbuf_text(&result.out);
	size_t driver = strcspn(text, " \n");

	if (text[driver] != ' ')
		return false;
	const char *root = arena_strndup(e->arena, text + driver + 1, strcspn(text + driver + 1, "\n"));

	return read_config(e, arena_printf(e->arena, "%s/image/%.*s/imagedb/content/sha256/%s", root, (int)driver, text, id + strlen("sha256:")), id, ret);
}

static int save(struct engine *e, const char *tag, const char *folder, bool with_layers, struct image *ret, struct error *err)
{
	struct process_pipe pipe autopipe = {0};
	autoresult struct process_result result = {0};
	const char *argv[] = {e->program, "save", tag, NULL};
	autoerror struct error why = {0};

	if (process_pipe_open(&pipe, &(struct process_spec){.argv = argv}, true, err) < 0)
		return -1;
	int failed = docker_archive_read(e->arena, &pipe, folder, with_layers, ret, &why);

	if (failed && why.code == ERR_CANCELLED) {
		error_move(err, &why);
		return -1;
	}
	/* A client that fails writes no archive; then its complaint says more. */
	if (process_pipe_close(&pipe, &result, err) < 0)
		return -1;
	if (result.exit_status != 0)
		return error_set(err, ERR_ENGINE, "docker cannot save '%s': %s", tag, ask_complaint(e->arena, &result));
	if (failed) {
		error_move(err, &why);
		return error_wrap(err, "docker saved '%s' otherwise than it should", tag);
	}
	return 0;
}

static int save_config(struct engine *e, const char *tag, struct image *ret, struct error *err)
{
	const char *folder;

	if (workplace_make(e->arena, workplace_temporary(), 0700, &folder, err) < 0)
		return -1;
	int failed = save(e, tag, folder, false, ret, err);

	workplace_drop(folder);
	return failed;
}

int docker_describe(struct engine *e, const char *tag, struct image *ret, struct error *err)
{
	struct engine_image known;

	if (e->driver->inspect(e, tag, &known, err) < 0)
		return -1;
	if (!image_is_digest(known.id))
		return error_set(err, ERR_ENGINE, "docker says that '%s' has id '%s', which is no digest", tag, known.id);
	if (read_config(e, kept_config(e->arena, known.id), known.id, ret))
		return 0;
	if (!look_at_daemons(e, known.id, ret) && save_config(e, known.id, ret, err) < 0)
		return -1;
	keep_config(e, ret);
	return 0;
}

int docker_save(struct engine *e, const char *tag, const char *folder, struct image *ret, struct error *err)
{
	struct engine_image known;
	struct image image;

	if (e->driver->inspect(e, tag, &known, err) < 0 || save(e, known.id, folder, true, &image, err) < 0)
		return -1;
	keep_config(e, &image);
	if (image_set_manifest(e->arena, &image, err) < 0)
		return -1;
	*ret = image;
	return 0;
}

/* ---- loading ---- */

static size_t common_layers(const struct image *image, const struct value *list)
{
	size_t same = 0;

	while (list->kind == VALUE_ARRAY && same < list->item_count && same < image->layer_count && list->items[same]->kind == VALUE_TEXT &&
	       !strcmp(list->items[same]->text, image->layers[same].diff_id))
		same++;
	return same;
}

/* An image that goes meanwhile is none. */
int docker_common(struct engine *e, const struct image *images, size_t count, size_t *ret, struct error *err)
{
	autoresult struct process_result ids = {0}, layers = {0};
	struct words w = {.arena = e->arena};

	for (size_t i = 0; i < count; i++)
		ret[i] = 0;
	if (ask_words(e, &ids, err, e->program, "image", "ls", "--all", "--quiet", "--no-trunc") < 0)
		return -1;
	words_add_many(&w, e->program, "image", "inspect", "--format", "{{json .RootFS.Layers}}");
	size_t before = w.count;

	for (const char *p = strbuf_text(&ids.out); *p; p += *p == '\n') {
		size_t length = strcspn(p, "\n");

		if (length)
			words_add(&w, arena_strndup(e->arena, p, length));
		p += length;
	}
	if (w.count == before)
		return 0;
	if (process_run(&(struct process_spec){.argv = w.items}, &layers, err) < 0)
		return -1;
	for (const char *p = strbuf_text(&layers.out); *p; p += *p == '\n') {
		autoerror struct error ignored = {0};
		size_t length = strcspn(p, "\n"), same;
		struct value *list;

		if (length && !json_parse(e->arena, "layers", p, length, &list, &ignored)) {
			for (size_t i = 0; i < count; i++)
				ret[i] = (same = common_layers(&images[i], list)) > ret[i] ? same : ret[i];
		}
		p += length;
	}
	return 0;
}

static int check_files(struct engine *e, const struct image *image, size_t has, struct error *err)
{
	for (size_t i = has; i < image->layer_count; i++) {
		const struct image_layer *l = &image->layers[i];

		if (!l->path)
			return error_set(err, ERR_NOT_FOUND, "docker has not got layer %s, and there is no file of it", l->diff_id);
		if (!e->reads_zstd && text_equal(l->media_type, IMAGE_LAYER_ZSTD))
			return error_set(err, ERR_ENGINE, "docker %s cannot read layer %s, which is packed with zstd: 23 and newer can; all can read gzip",
					 e->version, l->diff_id);
	}
	return 0;
}

static int load(struct engine *e, const struct image *image, size_t has, const char *tag, struct error *err)
{
	struct process_pipe pipe autopipe = {0};
	autoresult struct process_result result = {0};
	autoerror struct error why = {0};
	const char *argv[] = {e->program, "load", "--quiet", NULL};

	if (check_files(e, image, has, err) < 0 || process_pipe_open(&pipe, &(struct process_spec){.argv = argv}, false, err) < 0)
		return -1;
	int failed = docker_archive_write(&pipe, image, has, tag, &why);

	/* Only a client that stopped reading has something to say; else the archive is cut off, and must not be taken for whole. */
	if (failed && why.code != ERR_ENGINE) {
		error_move(err, &why);
		return -1;
	}
	if (process_pipe_close(&pipe, &result, err) < 0)
		return -1;
	if (result.exit_status == 0 && !failed)
		return 0;
	const char *complaint = ask_complaint(e->arena, &result);

	return error_set(err, strstr(complaint, "invalid diffID") ? ERR_DIGEST : ERR_ENGINE, "docker cannot load '%s': %s", tag, complaint);
}

int docker_load(struct engine *e, const struct image *image, size_t has, const char *tag, const char *temporary __attribute__((unused)), struct error *err)
{
	autoerror struct error first = {0};
	size_t common = has;

	if (!has && docker_common(e, image, 1, &common, err) < 0)
		return -1;
	int failed = load(e, image, common, tag, &first);

	/* Images may have gone meanwhile; and a daemon with containerd's storage wants all layers. */
	if (failed && first.code == ERR_ENGINE && common) {
		autoerror struct error second = {0};

		failed = load(e, image, 0, tag, &second);
	}
	if (failed)
		error_move(err, &first);
	else
		keep_config(e, image);
	return failed;
}
