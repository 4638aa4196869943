/* Images put into containers-storage. The client reads an OCI layout (image-spec, image-layout.md) and names the image by the layout's folder; it gets its tag when its
   layers were seen to be those that its configuration names, which the client does not ask. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/pid.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "engine/ask.h"
#include "engine/storage.h"
#include "io/archive.h"
#include "io/digest.h"
#include "io/json.h"

/* ---- the layout ---- */

static int write_text(struct arena *a, const char *folder, const char *name, const char *text, size_t length, struct error *err)
{
	return file_write_derived(path_join(a, folder, name), text, length, err);
}

static int place_blob(struct arena *a, const char *blobs, const char *digest, const char *path, struct error *err)
{
	const char *to = path_join(a, blobs, digest + strlen("sha256:"));

	if (file_size(path) < 0)
		return error_set(err, ERR_NOT_FOUND, "layer %s is not there as file '%s'", digest, path);
	/* Two layers may be one file. */
	if (link(path, to) == 0 || errno == EEXIST)
		return 0;
	/* On another file system a link by name does: what it names is read now. */
	autofree char *whole = realpath(path, NULL);

	if (!whole || symlink(whole, to) < 0)
		return error_errno(err, "cannot link '%s' to '%s'", to, path);
	return 0;
}

/* A layer that the storage has, or should have, stands by its diff id; one with a file by that. */
static bool is_handed_over(const struct image *image, size_t i, size_t has)
{
	return i >= has && image->layers[i].path;
}

/* Of layers that are not handed over the storage needs no more than which they are. */
static int write_manifest(struct arena *a, const struct image *image, size_t has, const char *blobs, char ret_hex[DIGEST_HEX_LENGTH + 1], size_t *ret_length,
			  struct error *err)
{
	struct image handed_over = *image;

	handed_over.layers = arena_array(a, image->layer_count + 1, sizeof(*handed_over.layers));
	for (size_t i = 0; i < image->layer_count; i++) {
		struct image_layer *l = &handed_over.layers[i];

		*l = image->layers[i];
		if (!is_handed_over(image, i, has))
			*l = (struct image_layer){.digest = l->diff_id, .media_type = IMAGE_LAYER_TAR};
	}
	const char *text = image_manifest_text(a, &handed_over);

	*ret_length = strlen(text);
	digest_bytes(text, *ret_length, ret_hex);
	return write_text(a, blobs, ret_hex, text, *ret_length, err);
}

static int write_index(struct arena *a, const char *folder, const char *digest, size_t length, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out, .compact = true};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "schemaVersion", 2);
	json_begin_array(&w, "manifests");
	json_begin_object(&w, NULL);
	json_add_text(&w, "mediaType", IMAGE_MANIFEST_TYPE);
	json_add_text(&w, "digest", digest);
	json_add_integer(&w, "size", (int64_t)length);
	json_end_object(&w);
	json_end_array(&w);
	json_end_object(&w);
	if (write_text(a, folder, "index.json", out.text, out.length, err) < 0)
		return -1;
	return write_text(a, folder, "oci-layout", layout, strlen(layout), err);
}

static int write_layout(struct arena *a, const struct image *image, size_t has, const char *folder, struct error *err)
{
	const char *blobs = path_join(a, folder, "blobs/sha256");
	char manifest[DIGEST_HEX_LENGTH + 1];
	size_t length;

	if (file_make_dirs(blobs, err) < 0)
		return -1;
	for (size_t i = has; i < image->layer_count; i++) {
		if (is_handed_over(image, i, has) && place_blob(a, blobs, image->layers[i].digest, image->layers[i].path, err) < 0)
			return -1;
	}
	if (write_text(a, blobs, image->config_digest + strlen("sha256:"), image->config, image->config_length, err) < 0 ||
	    write_manifest(a, image, has, blobs, manifest, &length, err) < 0)
		return -1;
	return write_index(a, folder, arena_printf(a, "sha256:%s", manifest), length, err);
}

/* ---- what the storage has ---- */

/* A layer's id is made of its own digest and of the id below it. */
static void top_layer_id(const struct image *image, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	ret_hex[0] = '\0';
	for (size_t i = 0; i < image->layer_count; i++) {
		const char *hex = image->layers[i].diff_id + strlen("sha256:");
		struct digest d;

		if (!i) {
			memcpy(ret_hex, hex, DIGEST_HEX_LENGTH + 1);
			continue;
		}
		digest_begin(&d);
		digest_add(&d, ret_hex, DIGEST_HEX_LENGTH);
		digest_add(&d, "+", 1);
		digest_add(&d, hex, DIGEST_HEX_LENGTH);
		digest_end(&d, ret_hex);
	}
}

static bool storage_agrees(struct engine *e, const struct image *image)
{
	autoerror struct error ignored = {0};
	char wanted[DIGEST_HEX_LENGTH + 1];
	struct value *list;

	top_layer_id(image, wanted);
	if (storage_images(e, e->arena, &list, &ignored) < 0)
		return false;
	for (size_t i = 0; list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		const char *id = value_get_text(list->items[i], "id");

		if (text_equal(id, image->config_digest + strlen("sha256:")))
			return text_equal(value_get_text(list->items[i], "layer"), wanted);
	}
	return false;
}

/* A storage that names its layers otherwise says nothing; then what was handed over is read once more. */
static int check_layers(struct engine *e, const struct image *image, size_t has, struct error *err)
{
	if (storage_agrees(e, image))
		return 0;
	for (size_t i = has; i < image->layer_count; i++) {
		const struct image_layer *l = &image->layers[i];
		char seen[DIGEST_HEX_LENGTH + 1];

		if (!is_handed_over(image, i, has))
			continue;
		if (archive_plain_digest(l->path, seen, err) < 0)
			return -1;
		if (strcmp(seen, l->diff_id + strlen("sha256:")) != 0)
			return error_set(err, ERR_DIGEST, "layer %zu of image %s holds an archive of digest sha256:%s, not %s as its configuration says", i + 1,
					 image->config_digest, seen, l->diff_id);
	}
	return 0;
}

/* ---- names of images that are being loaded ---- */

/* Of this machine: several may share a storage. */
static const char *load_prefix(struct arena *a)
{
	char host[65] = "", hex[DIGEST_HEX_LENGTH + 1];

	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	digest_bytes(host, strlen(host), hex);
	return arena_printf(a, "lockstep-load-%.12s-", hex);
}

static const char *load_name(struct arena *a)
{
	static unsigned number;

	return arena_printf(a, "%s%ld-%u", load_prefix(a), (long)getpid(), ++number);
}

/* "localhost/lockstep-load-<machine>-<process>-<number>:latest" of a process that is gone. */
static bool load_is_left(struct arena *a, const char *name)
{
	const char *prefix = arena_printf(a, "localhost/%s", load_prefix(a));
	char *end;

	if (!text_starts_with(name, prefix))
		return false;
	long pid = strtol(name + strlen(prefix), &end, 10);

	return *end == '-' && pid != (long)getpid() && pid_has_ended((pid_t)pid);
}

int storage_clean(struct engine *e, struct error *err)
{
	struct value *list;

	if (!e->storage || storage_images(e, e->arena, &list, err) < 0) {
		/* No image yet, or another way of keeping them. */
		error_release(err);
		return 0;
	}
	for (size_t i = 0; list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		const struct value *names = value_get(list->items[i], "names");

		for (size_t k = 0; names && names->kind == VALUE_ARRAY && k < names->item_count; k++) {
			if (names->items[k]->kind == VALUE_TEXT && load_is_left(e->arena, names->items[k]->text))
				ask_quietly(STORAGE_COMMAND(e, "rmi", names->items[k]->text));
		}
	}
	return 0;
}

/* ---- loading ---- */

/* What it keeps while it unpacks lies in the folder too, and goes with it. */
static int pull_layout(struct engine *e, const char *temporary, const char *name, struct error *err)
{
	autoresult struct process_result result = {0};
	const char *argument = arena_printf(e->arena, "TMPDIR=%s", temporary);
	struct process_spec spec = {
		.argv = STORAGE_COMMAND(e, "pull", "--quiet", arena_printf(e->arena, "oci:%s", name)),
		.environment = *temporary == '/' ? (const char *const[]){argument, NULL} : NULL,
		.folder = temporary,
	};

	if (process_run(&spec, &result, err) < 0)
		return -1;
	if (result.exit_status != 0)
		return error_set(err, ERR_ENGINE, "%s: %s", e->driver->name, ask_complaint(e->arena, &result));
	return 0;
}

/* The layout's blob that was not there says which layer the storage has not got. */
static int explain(struct engine *e, const struct image *image, size_t has, struct error *err)
{
	if (err->code != ERR_ENGINE || !strstr(err->text, "no such file or directory"))
		return -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		const char *diff_id = image->layers[i].diff_id;

		if (!is_handed_over(image, i, has) && strstr(err->text, diff_id + strlen("sha256:")))
			return error_set(err, ERR_NOT_FOUND, "%s has not got layer %s, and there is no file of it", e->driver->name, diff_id);
	}
	return -1;
}

static int name_it(struct engine *e, const struct image *image, size_t has, const char *loaded, const char *tag, struct error *err)
{
	int failed = check_layers(e, image, has, err);

	if (!failed)
		failed = storage_tag(e, loaded, tag, err);
	/* The last name takes the image with it. */
	ask_quietly(STORAGE_COMMAND(e, "rmi", loaded));
	return failed;
}

static int load(struct engine *e, const struct image *image, size_t has, const char *tag, const char *temporary, struct error *err)
{
	const char *name = load_name(e->arena), *folder = path_join(e->arena, temporary, name);
	autoerror struct error ignored = {0};
	int failed = write_layout(e->arena, image, has, folder, err);

	if (!failed && pull_layout(e, temporary, name, err) < 0)
		failed = explain(e, image, has, err);
	file_remove_tree(folder, &ignored);
	return failed ? -1 : name_it(e, image, has, arena_printf(e->arena, "localhost/%s:latest", name), tag, err);
}

int storage_load(struct engine *e, const struct image *image, size_t has, const char *tag, const char *temporary, struct error *err)
{
	bool are_files = has > 0;
	autoerror struct error first = {0};

	for (size_t i = 0; i < image->layer_count; i++)
		are_files &= image->layers[i].path != NULL;
	if (load(e, image, has, tag, temporary, &first) == 0)
		return 0;
	/* What was there when we were told may have been removed since. */
	if (first.code == ERR_NOT_FOUND && are_files)
		return load(e, image, 0, tag, temporary, err);
	error_move(err, &first);
	return -1;
}
