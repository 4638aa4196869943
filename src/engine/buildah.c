/* buildah: no daemon. Steps run with chroot isolation, which works where namespaces and limits may not be changed (in containers, on CI machines). */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "engine/ask.h"
#include "engine/engine.h"
#include "engine/list.h"
#include "engine/storage.h"
#include "engine/words.h"
#include "io/digest.h"
#include "io/json.h"

enum { ANSWER_LIMIT_BYTES = 64 * 1024 * 1024, MANIFEST_LIMIT_BYTES = 1024 * 1024 };

static int buildah_probe(struct engine *e, struct error *err)
{
	return storage_probe(e, "{{.store.GraphDriverName}} {{.store.GraphRoot}}\n{{.store.GraphOptions}}", err);
}

static int buildah_build_argv(struct engine *e, const struct engine_build *build, const char *const **ret_argv, const char *const **ret_environment,
			      struct error *err __attribute__((unused)))
{
	storage_build(e, STORAGE_COMMAND(e, "build", "--default-mounts-file", storage_build_mark(e)), build, ret_argv, ret_environment);
	return 0;
}

/* The manifest and the configuration are texts inside the answer. */
static int parse_inside(struct engine *e, const struct value *answer, const char *key, struct value **ret, struct error *err)
{
	const char *text = value_get_text(answer, key);

	if (!text)
		return error_set(err, ERR_ENGINE, "buildah's answer has no '%s'", key);
	return json_parse(e->arena, key, text, strlen(text), ret, err);
}

static int buildah_inspect(struct engine *e, const char *tag, struct engine_image *ret, struct error *err)
{
	struct value *answer, *manifest, *config;
	int64_t size;
	struct image seen;

	switch (storage_look(e, tag, &seen)) {
	case STORAGE_HAS:
		return storage_tell(e, tag, &seen, ret, err);
	case STORAGE_LACKS:
		return error_set(err, ERR_NOT_FOUND, "buildah has no image '%s'", tag);
	case STORAGE_UNSURE:
		break;
	}
	if (ask_json(e, STORAGE_COMMAND(e, "inspect", "--type", "image", tag), &answer, err) < 0) {
		if (storage_is_unknown(err))
			return error_set(err, ERR_NOT_FOUND, "buildah has no image '%s'", tag);
		return -1;
	}
	const char *id = value_get_text(answer, "FromImageID"), *digest = value_get_text(answer, "FromImageDigest");

	if (!id || parse_inside(e, answer, "Manifest", &manifest, err) < 0 || parse_inside(e, answer, "Config", &config, err) < 0)
		return id ? -1 : error_set(err, ERR_ENGINE, "buildah's answer about '%s' has no id", tag);
	struct value *layers = value_get(manifest, "layers");
	const char *created = value_get_text(config, "created");

	*ret = (struct engine_image){.id = arena_printf(e->arena, "sha256:%s", id), .digest = digest, .created = created ? created : ""};
	for (size_t i = 0; layers && i < layers->item_count; i++)
		ret->size_bytes += value_get_integer(layers->items[i], "size", &size) ? size : 0;
	return 0;
}

static int buildah_describe(struct engine *e, const char *tag, struct image *ret, struct error *err)
{
	struct value *answer;
	struct image seen;

	switch (storage_look(e, tag, &seen)) {
	case STORAGE_HAS:
		*ret = seen;
		return 0;
	case STORAGE_LACKS:
		return error_set(err, ERR_NOT_FOUND, "buildah has no image '%s'", tag);
	case STORAGE_UNSURE:
		break;
	}
	if (ask_json(e, STORAGE_COMMAND(e, "inspect", "--type", "image", tag), &answer, err) < 0)
		return storage_is_unknown(err) ? error_set(err, ERR_NOT_FOUND, "buildah has no image '%s'", tag) : -1;
	const char *id = value_get_text(answer, "FromImageID");
	struct storage_texts texts = {.id = arena_printf(e->arena, "sha256:%s", id ? id : ""),
				      .config = value_get_text(answer, "Config"),
				      .manifest = value_get_text(answer, "Manifest")};

	if (!texts.config || !texts.manifest)
		return error_set(err, ERR_ENGINE, "buildah's answer about '%s' has no configuration, or no manifest", tag);
	return storage_read_image(e, tag, &texts, ret, err);
}

static int buildah_save(struct engine *e, const char *tag, const char *folder, struct image *ret, struct error *err)
{
	return storage_save(e, tag, STORAGE_COMMAND(e, "push", "--quiet", "--disable-compression"), folder, ret, err);
}

/* Where a command in a throw-away container writes, by way of a shell. buildah passes both streams through a process of its own that sometimes, on a busy machine,
   ends before it has passed on the last of them; nobody is told. */
#define ANSWERS "/run/lockstep-answers"
static const char writes_answers[] = "exec \"$@\" >" ANSWERS "/out 2>" ANSWERS "/err";

/* Two empty files that the image's user can write, in a folder that nobody else on this machine can enter. */
static int make_answers(struct engine *e, const char **ret_folder, const char **ret_inner, struct error *err)
{
	static const char *const names[] = {"out", "err"};
	const char *temporary = workplace_temporary();

	/* buildah's "from:to" knows no colons in paths. */
	if (workplace_make(e->arena, strpbrk(temporary, ":,") ? "/tmp" : temporary, 0700, ret_folder, err) < 0)
		return -1;
	*ret_inner = path_join(e->arena, *ret_folder, "answers");
	if (file_make_dirs(*ret_inner, err) < 0)
		return -1;
	if (chmod(*ret_inner, 0755) < 0)
		return error_errno(err, "cannot open up '%s'", *ret_inner);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *path = path_join(e->arena, *ret_inner, names[i]);

		if (file_write_derived(path, "", 0, err) < 0)
			return -1;
		if (chmod(path, 0666) < 0)
			return error_errno(err, "cannot open up '%s'", path);
	}
	return 0;
}

/* What the command wrote stands in for what came through buildah; where it wrote nothing, buildah may have had something to say. */
static int take_answer(struct engine *e, const char *folder, const char *name, struct strbuf *into, struct error *err)
{
	const char *path = path_join(e->arena, folder, name);

	if (file_size(path) <= 0)
		return 0;
	strbuf_clear(into);
	return file_read(path, ANSWER_LIMIT_BYTES, into, err);
}

static int run_in(struct engine *e, const char *name, const char *const *argv, const struct process_spec *input, struct process_result *ret, struct error *err)
{
	autoresult struct process_result result = {0};
	struct words w = {.arena = e->arena};
	struct process_spec spec = *input;
	const char *folder = NULL, *inner;
	int failed = make_answers(e, &folder, &inner, err);

	if (!failed) {
		storage_cut_off(e, &w);
		words_add_all(&w, STORAGE_COMMAND(e, "run", "--isolation", "chroot", "--network", "host", "--volume",
						  arena_printf(e->arena, "%s:" ANSWERS, inner), name, "--", "/bin/sh", "-c", writes_answers, "sh"));
		words_add_all(&w, argv);
		spec.argv = w.items;
		failed = process_run(&spec, &result, err);
	}
	if (!failed && (take_answer(e, inner, "out", &result.out, err) < 0 || take_answer(e, inner, "err", &result.err_out, err) < 0))
		failed = -1;
	workplace_drop(folder);
	if (failed)
		return -1;
	*ret = result;
	result = (struct process_result){0};
	return 0;
}

static int buildah_run(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		       struct error *err)
{
	const char *name = throwaway_name(e->arena);
	int failed = ask(e, STORAGE_COMMAND(e, "from", "--pull-never", "--name", name, image), NULL, err);

	if (!failed)
		failed = run_in(e, name, argv, &(struct process_spec){.input = input, .input_length = input_length}, ret, err);
	ask_quietly(STORAGE_COMMAND(e, "rm", name));
	return failed;
}

static int buildah_pull(struct engine *e, const char *image, struct error *err)
{
	return ask_patiently(e, STORAGE_COMMAND(e, "pull", "--quiet", "--policy", "missing", image), err);
}

/* The layers of an image that was written as a folder, most often one. */
static int read_layers(struct engine *e, const char *folder, struct engine_files **ret, size_t *ret_count, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct value *manifest;
	const char *path = path_join(e->arena, folder, "manifest.json");

	if (file_read(path, MANIFEST_LIMIT_BYTES, &text, err) < 0 || json_parse(e->arena, path, strbuf_text(&text), text.length, &manifest, err) < 0)
		return -1;
	const struct value *layers = value_get(manifest, "layers");

	for (size_t i = 0; layers && layers->kind == VALUE_ARRAY && i < layers->item_count; i++) {
		const char *digest = value_get_text(layers->items[i], "digest");

		if (!digest || !text_starts_with(digest, "sha256:") || !digest_is_hex(digest + strlen("sha256:")))
			return error_set(err, ERR_ENGINE, "buildah wrote a manifest with a layer that has no digest");
		*arena_push(e->arena, ret, ret_count) = (struct engine_files){path_join(e->arena, folder, digest + strlen("sha256:")), "/"};
	}
	return 0;
}

/* By way of an image of nothing else: buildah's own copying stays below the root of what it copies from, also where it may not mount that here. */
static int copy_files(struct engine *e, const char *from, const char *to, const char *const *paths, const char *folder, struct error *err)
{
	for (; *paths; paths++) {
		autoerror struct error why_not = {0};

		if (ask(e, STORAGE_COMMAND(e, "copy", "--quiet", "--from", from, to, *paths, *paths), NULL, &why_not) == 0 ||
		    (why_not.code == ERR_ENGINE && strstr(why_not.text, "no such file or directory")))
			continue;
		error_move(err, &why_not);
		return -1;
	}
	return ask(e, STORAGE_COMMAND(e, "commit", "--quiet", "--disable-compression", to, arena_printf(e->arena, "dir:%s", folder)), NULL, err);
}

static int buildah_take_files(struct engine *e, const char *image, const char *const *paths, const char *folder, struct engine_files **ret, size_t *ret_count,
			      struct error *err)
{
	const char *from = throwaway_name(e->arena), *to = throwaway_name(e->arena), *taken = path_join(e->arena, folder, "image");
	int failed = ask(e, STORAGE_COMMAND(e, "from", "--pull-never", "--name", from, image), NULL, err);

	if (!failed)
		failed = ask(e, STORAGE_COMMAND(e, "from", "--name", to, "scratch"), NULL, err);
	if (!failed)
		failed = copy_files(e, from, to, paths, taken, err);
	ask_quietly(STORAGE_COMMAND(e, "rm", from));
	ask_quietly(STORAGE_COMMAND(e, "rm", to));
	return failed ? -1 : read_layers(e, taken, ret, ret_count, err);
}

/* One of a build of ours, whatever image it began from. */
static bool is_marked(struct engine *e, const char *name)
{
	autoresult struct process_result result = {0};
	autoerror struct error ignored = {0};

	if (!strstr(name, "working-container") ||
	    ask(e, STORAGE_COMMAND(e, "inspect", "--type", "container", "--format", "{{.DefaultMountsFilePath}}", name), &result, &ignored) < 0)
		return false;
	const char *seen = strbuf_text(&result.out);

	return text_equal(arena_strndup(e->arena, seen, strcspn(seen, "\n")), storage_build_mark(e));
}

static int buildah_clean(struct engine *e, enum engine_leftovers what, struct error *err)
{
	struct value *list = NULL;

	if (what >= ENGINE_LEFT_BY_RUNS && ask_json(e, STORAGE_COMMAND(e, "containers", "--json"), &list, err) < 0)
		return -1;
	for (size_t i = 0; list && list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		const char *name = value_get_text(list->items[i], "containername");

		if (name && (throwaway_is_left(e->arena, name) || (what >= ENGINE_LEFT_BY_BUILDS && is_marked(e, name))))
			ask_quietly(STORAGE_COMMAND(e, "rm", name));
	}
	return storage_clean(e, err);
}

const struct engine_driver engine_buildah = {
	.name = "buildah",
	.probe = buildah_probe,
	.build_argv = buildah_build_argv,
	.read_line = storage_read_line,
	.inspect = buildah_inspect,
	.tag = storage_tag,
	.untag = storage_untag,
	.run = buildah_run,
	.pull = buildah_pull,
	.take_files = buildah_take_files,
	.describe = buildah_describe,
	.list = buildah_list,
	.load = storage_load,
	.save = buildah_save,
	.clean = buildah_clean,
};
