/* The engine interface by hand, for tests with real and false engines:
     engine_try ENGINE|any find | inspect TAG | tag FROM TO | untag TAG | run IMAGE ARG ... (input from stdin) | clean |
       build DOCKERFILE CONTEXT TAG [CA [AUTH]] | pull IMAGE | take IMAGE FOLDER PATH ... |
       describe TAG | save TAG FOLDER | copy TAG FOLDER NEW_TAG HAS TEMPORARY (saved to FOLDER, then loaded) |
       load BELOW TAG HAS TEMPORARY [gzip|zstd|tar FILE DIFF_ID] ... (layers on top of BELOW; HAS -1: all of BELOW) |
       put CONFIG TAG HAS TEMPORARY [gzip|zstd|tar FILE DIFF_ID] ... (an image of that configuration; layers without a file have none)
   save writes the configuration to FOLDER.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "engine/engine.h"
#include "image/image.h"
#include "io/digest.h"
#include "io/signals.h"

static int fail(const struct error *err)
{
	fprintf(stderr, "error %d: %s\n", err->code, err->text);
	return 1;
}

static int inspect(struct engine *e, char **args, struct error *err)
{
	struct engine_image image;

	if (e->driver->inspect(e, args[0], &image, err) < 0)
		return -1;
	printf("id %s\ndigest %s\ncreated %s\nsize %lld\n", image.id, image.digest ? image.digest : "-", image.created, (long long)image.size_bytes);
	return 0;
}

static int run(struct engine *e, char **args, struct error *err)
{
	autostrbuf struct strbuf input = {0};
	autoresult struct process_result result = {0};
	ssize_t got;

	while ((got = read(0, strbuf_reserve(&input, 65536), 65536)) > 0)
		strbuf_commit(&input, (size_t)got);
	if (e->driver->run(e, args[0], (const char *const *)args + 1, strbuf_text(&input), input.length, &result, err) < 0)
		return -1;
	printf("%sexit %d\n", strbuf_text(&result.out), result.exit_status);
	fprintf(stderr, "%s", strbuf_text(&result.err_out));
	return 0;
}

static int build(struct engine *e, int count, char **args, struct error *err)
{
	struct engine_build build = {.dockerfile = args[0], .context = args[1], .tag = args[2]};

	build.ca_file = count > 3 ? args[3] : NULL;
	build.auth_file = count > 4 ? args[4] : NULL;
	struct process_spec spec = {0};
	autoresult struct process_result result = {0};

	if (e->driver->build_argv(e, &build, &spec.argv, &spec.environment, err) < 0)
		return -1;
	return process_run_ok(&spec, &result, err) < 0 ? -1 : engine_keep(e, build.tag, err);
}

static int take(struct engine *e, char **args, struct error *err)
{
	struct engine_files *files = NULL;
	size_t count = 0;

	if (e->driver->take_files(e, args[0], (const char *const *)args + 2, args[1], &files, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		printf("%s below %s\n", files[i].tar, files[i].below);
	return 0;
}

static void show(const struct image *image)
{
	printf("config %s\nmanifest %s\n", image->config_digest, image->digest ? image->digest : "-");
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct image_layer *l = &image->layers[i];

		printf("layer %s %s %s %lld %s\n", l->diff_id, l->digest ? l->digest : "-", l->media_type ? strrchr(l->media_type, '.') : "-",
		       (long long)l->size_bytes, l->path ? l->path : "-");
	}
}

static int describe(struct engine *e, char **args, struct error *err)
{
	struct image image;

	if (e->driver->describe(e, args[0], &image, err) < 0)
		return -1;
	show(&image);
	return 0;
}

static int save(struct engine *e, char **args, struct image *image, struct error *err)
{
	if (e->driver->save(e, args[0], args[1], image, err) < 0)
		return -1;
	show(image);
	return file_write_derived(arena_printf(e->arena, "%s.json", args[1]), image->config, image->config_length, err);
}

static int copy(struct engine *e, char **args, struct error *err)
{
	struct image image;

	return save(e, args, &image, err) < 0 ? -1 : e->driver->load(e, &image, strtoul(args[3], NULL, 10), args[2], args[4], err);
}

static int read_layer(struct engine *e, char **words, struct image_layer *ret, struct error *err)
{
	char hex[DIGEST_HEX_LENGTH + 1];

	if (digest_file(words[1], hex, err) < 0)
		return -1;
	*ret = (struct image_layer){
		.digest = arena_printf(e->arena, "sha256:%s", hex), .diff_id = words[2], .path = words[1], .size_bytes = file_size(words[1])};
	ret->media_type = *words[0] == 'g' ? IMAGE_LAYER_GZIP : *words[0] == 'z' ? IMAGE_LAYER_ZSTD : IMAGE_LAYER_TAR;
	ret->created_by = words[1];
	return 0;
}

static int load(struct engine *e, int count, char **args, struct error *err)
{
	static const char *const labels[] = {"lockstep.test=yes", NULL};
	struct image below, image;
	struct image_layer *layers = NULL;
	struct image_top top = {.labels = labels, .created_unix = 1700000000};

	if (e->driver->describe(e, args[0], &below, err) < 0)
		return -1;
	for (int i = 4; i + 2 < count; i += 3) {
		if (read_layer(e, args + i, arena_push(e->arena, &layers, &top.layer_count), err) < 0)
			return -1;
	}
	top.layers = layers;
	if (image_make(e->arena, &below, &top, &image, err) < 0 ||
	    e->driver->load(e, &image, *args[2] == '-' ? below.layer_count : strtoul(args[2], NULL, 10), args[1], args[3], err) < 0)
		return -1;
	show(&image);
	return 0;
}

static int put(struct engine *e, int count, char **args, struct error *err)
{
	autostrbuf struct strbuf config = {0};
	struct image image;

	if (file_read(args[0], IMAGE_TEXT_MAX_BYTES, &config, err) < 0 ||
	    image_read_config(e->arena, args[0], strbuf_text(&config), config.length, &image, err) < 0)
		return -1;
	for (int i = 4; i + 2 < count; i += 3) {
		struct image_layer layer;

		if (read_layer(e, args + i, &layer, err) < 0)
			return -1;
		for (size_t k = 0; k < image.layer_count; k++) {
			if (!strcmp(image.layers[k].diff_id, layer.diff_id))
				image.layers[k] = layer;
		}
	}
	return e->driver->load(e, &image, strtoul(args[2], NULL, 10), args[1], args[3], err);
}

static int act(struct engine *e, const char *what, int count, char **args, struct error *err)
{
	if (!strcmp(what, "inspect") && count == 1)
		return inspect(e, args, err);
	if (!strcmp(what, "tag") && count == 2)
		return e->driver->tag(e, args[0], args[1], err);
	if (!strcmp(what, "untag") && count == 1)
		return e->driver->untag(e, args[0], err);
	if (!strcmp(what, "run") && count >= 2)
		return run(e, args, err);
	if (!strcmp(what, "build") && count >= 3 && count <= 5)
		return build(e, count, args, err);
	if (!strcmp(what, "pull") && count == 1)
		return e->driver->pull(e, args[0], err);
	if (!strcmp(what, "take") && count >= 3)
		return take(e, args, err);
	if (!strcmp(what, "describe") && count == 1)
		return describe(e, args, err);
	if (!strcmp(what, "save") && count == 2)
		return save(e, args, &(struct image){0}, err);
	if (!strcmp(what, "copy") && count == 5)
		return copy(e, args, err);
	if (!strcmp(what, "load") && count >= 4)
		return load(e, count, args, err);
	if (!strcmp(what, "put") && count >= 4)
		return put(e, count, args, err);
	if (!strcmp(what, "clean"))
		return e->driver->clean(e, count > 0 ? ENGINE_LEFT_BY_BUILDS : ENGINE_LEFT_BY_RUNS, err);
	printf("%s %s\n", e->driver->name, e->version);
	return 0;
}

int main(int argc, char **argv)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e;

	if (argc < 3)
		return 2;
	signals_install();
	if (engine_find(&a, strcmp(argv[1], "any") ? argv[1] : NULL, &e, &err) < 0 || act(&e, argv[2], argc - 3, argv + 3, &err) < 0)
		return fail(&err);
	return 0;
}
