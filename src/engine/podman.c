/* podman: no daemon; buildah builds for it, in the same storage. Where its containers do not start (namespaces, control groups and limits may not be changed, as in
   containers and on CI machines), commands run as a step of a build that is thrown away. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "engine/ask.h"
#include "engine/copy_out.h"
#include "engine/engine.h"
#include "engine/list.h"
#include "engine/storage.h"
#include "engine/words.h"
#include "image/image.h"
#include "io/json.h"

enum { ANSWER_LIMIT_BYTES = 64 * 1024 * 1024, NUMBER_LIMIT_BYTES = 64, OWN_FAILURE = 125, CANNOT_START = 126 };

static int podman_probe(struct engine *e, struct error *err)
{
	const char *service = getenv("CONTAINER_HOST");

	/* Its images are in the service's storage; a folder of the same path here is another one. */
	if (service && *service) {
		error_set(err, ERR_ENGINE, "podman is to work through a service (CONTAINER_HOST), whose storage cannot be read from here");
		return error_hint(err, "unset CONTAINER_HOST for a storage of this machine; docker's client reaches the same service by DOCKER_HOST");
	}
	return storage_probe(e, "{{.Store.GraphDriverName}} {{.Store.GraphRoot}}\n{{.Store.GraphOptions}}", err);
}

static int podman_build_argv(struct engine *e, const struct engine_build *build, const char *const **ret_argv, const char *const **ret_environment,
			     struct error *err __attribute__((unused)))
{
	storage_build(e, STORAGE_COMMAND(e, "--default-mounts-file", storage_build_mark(e), "build"), build, ret_argv, ret_environment);
	return 0;
}

static int podman_inspect(struct engine *e, const char *tag, struct engine_image *ret, struct error *err)
{
	struct value *answer;
	int64_t size;
	struct image seen;

	switch (storage_look(e, tag, &seen)) {
	case STORAGE_HAS:
		return storage_tell(e, tag, &seen, ret, err);
	case STORAGE_LACKS:
		return error_set(err, ERR_NOT_FOUND, "podman has no image '%s'", tag);
	case STORAGE_UNSURE:
		break;
	}
	if (ask_json(e, STORAGE_COMMAND(e, "image", "inspect", tag), &answer, err) < 0)
		return storage_is_unknown(err) ? error_set(err, ERR_NOT_FOUND, "podman has no image '%s'", tag) : -1;
	const struct value *image = answer->kind == VALUE_ARRAY && answer->item_count ? answer->items[0] : NULL;
	const char *id = value_get_text(image, "Id"), *created = value_get_text(image, "Created");

	if (!id)
		return error_set(err, ERR_ENGINE, "podman's answer about '%s' has no id", tag);
	*ret = (struct engine_image){
		.id = arena_printf(e->arena, "sha256:%s", id), .digest = value_get_text(image, "Digest"), .created = created ? created : ""};
	ret->size_bytes = value_get_integer(image, "Size", &size) ? size : 0;
	return 0;
}

/* ---- running ---- */

/* podman would raise these, which not everybody may; what we have is enough. The kernel's highest process number bounds the processes that it lets anybody ask for. */
static const char *limit(struct arena *a, const char *name, __rlimit_resource_t resource)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct rlimit ours = {.rlim_max = RLIM_INFINITY};
	unsigned long most = 1048576;

	if (!file_read("/proc/sys/kernel/pid_max", NUMBER_LIMIT_BYTES, &text, &ignored) && resource == RLIMIT_NPROC)
		most = strtoul(strbuf_text(&text), NULL, 10);
	getrlimit(resource, &ours);
	if (ours.rlim_max < most)
		most = (unsigned long)ours.rlim_max;
	return arena_printf(a, "%s=%lu:%lu", name, most, most);
}

/* Its own failure, about which it says something; a command's own status is that command's business. */
static bool podman_itself_failed(const struct process_result *result)
{
	const char *text = strbuf_text(&result->err_out);

	return (result->exit_status == OWN_FAILURE || result->exit_status == CANNOT_START) && (text_starts_with(text, "Error: ") || strstr(text, "\nError: "));
}

static int run_container(struct engine *e, const char *image, const char *const *argv, const struct process_spec *input, struct process_result *ret,
			 struct error *err)
{
	const char *name = throwaway_name(e->arena);
	struct words w = {.arena = e->arena};
	struct process_spec spec = *input;

	words_add_all(&w, STORAGE_COMMAND(e, "run", "--rm", "--pull", "never", "--network", "none", "--interactive", "--name", name, "--ulimit",
					  limit(e->arena, "nofile", RLIMIT_NOFILE), "--ulimit", limit(e->arena, "nproc", RLIMIT_NPROC), "--entrypoint", argv[0],
					  image));
	words_add_all(&w, argv + 1);
	spec.argv = w.items;
	int failed = process_run(&spec, ret, err);

	if (failed || ret->signal || podman_itself_failed(ret))
		ask_quietly(STORAGE_COMMAND(e, "rm", "--force", "--ignore", "--time", "0", name));
	return failed;
}

#define ANSWERS "/run/lockstep-answers"

/* The step: the command with its input, and what becomes of it, all in a folder that the step sees. */
static int write_step(struct engine *e, const char *folder, const char *image, const char *const *argv, const struct process_spec *input, struct error *err)
{
	static const char *const open_names[] = {"out", "err", "status"};
	autostrbuf struct strbuf step = {0}, file = {0};
	const char *inner = path_join(e->arena, folder, "answers");

	process_add_command(&step, argv);
	strbuf_add(&step, " <" ANSWERS "/in >" ANSWERS "/out 2>" ANSWERS "/err\necho $? >" ANSWERS "/status\nexit 1\n");
	strbuf_printf(&file, "FROM %s\nRUN [\"/bin/sh\", \"" ANSWERS "/step\"]\n", image);
	if (file_make_dirs(inner, err) < 0 || file_write_derived(path_join(e->arena, folder, "Containerfile"), file.text, file.length, err) < 0 ||
	    file_write_derived(path_join(e->arena, inner, "step"), step.text, step.length, err) < 0 ||
	    file_write_derived(path_join(e->arena, inner, "in"), input->input ? input->input : "", input->input_length, err) < 0)
		return -1;
	/* For the image's user, whatever our umask. */
	if (chmod(inner, 0755) < 0 || chmod(path_join(e->arena, inner, "step"), 0644) < 0 || chmod(path_join(e->arena, inner, "in"), 0644) < 0)
		return error_errno(err, "cannot open up '%s'", inner);
	for (size_t i = 0; i < ARRAY_LEN(open_names); i++) {
		const char *path = path_join(e->arena, inner, open_names[i]);

		if (file_write_derived(path, "", 0, err) < 0)
			return -1;
		if (chmod(path, 0666) < 0)
			return error_errno(err, "cannot open up '%s'", path);
	}
	return 0;
}

/* A step that fails leaves no image; what it did is told by its status. */
static int read_step(struct engine *e, const char *folder, struct process_result *ret, struct error *err)
{
	autostrbuf struct strbuf status = {0};
	const char *inner = path_join(e->arena, folder, "answers");
	struct process_result result = {0};

	if (file_read(path_join(e->arena, inner, "status"), NUMBER_LIMIT_BYTES, &status, err) < 0)
		return -1;
	if (!status.length)
		return error_set(err, ERR_ENGINE, "podman cannot run a step in it: %s", ask_complaint(e->arena, ret));
	result.exit_status = (int)strtol(status.text, NULL, 10);
	if (file_read(path_join(e->arena, inner, "out"), ANSWER_LIMIT_BYTES, &result.out, err) < 0 ||
	    file_read(path_join(e->arena, inner, "err"), ANSWER_LIMIT_BYTES, &result.err_out, err) < 0) {
		process_result_release(&result);
		return -1;
	}
	process_result_release(ret);
	*ret = result;
	return 0;
}

static int run_step(struct engine *e, const char *image, const char *const *argv, const struct process_spec *input, struct process_result *ret,
		    struct error *err)
{
	const char *temporary = workplace_temporary(), *folder, *const * words, *const * environment;
	autoresult struct process_result result = {0};

	/* podman's "from:to" knows no colons in paths. */
	if (workplace_make(e->arena, strpbrk(temporary, ":,") ? "/tmp" : temporary, 0700, &folder, err) < 0)
		return -1;
	const char *volume = arena_printf(e->arena, "%s/answers:" ANSWERS, folder);
	struct engine_build build = {.dockerfile = path_join(e->arena, folder, "Containerfile"),
				     .context = folder,
				     .tag = arena_printf(e->arena, "localhost/%s:latest", throwaway_name(e->arena))};
	int failed = write_step(e, folder, image, argv, input, err);

	if (!failed) {
		storage_build(e, STORAGE_COMMAND(e, "--default-mounts-file", storage_build_mark(e), "build", "--volume", volume), &build, &words, &environment);
		failed = process_run(&(struct process_spec){.argv = words, .environment = environment}, &result, err);
	}
	if (!failed)
		failed = read_step(e, folder, &result, err);
	workplace_drop(folder);
	if (failed)
		return -1;
	*ret = result;
	result = (struct process_result){0};
	return 0;
}

static int podman_run(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		      struct error *err)
{
	autoresult struct process_result result = {0};
	struct process_spec spec = {.input = input, .input_length = input_length};
	struct engine_image known;

	if (!e->runs_in_builds) {
		if (run_container(e, image, argv, &spec, &result, err) < 0)
			return -1;
		if (!podman_itself_failed(&result)) {
			*ret = result;
			result = (struct process_result){0};
			return 0;
		}
		autoerror struct error why_not = {0};

		if (podman_inspect(e, image, &known, &why_not) < 0)
			return error_set(err, ERR_ENGINE, "podman cannot run image '%s': %s", image, ask_complaint(e->arena, &result));
	}
	if (run_step(e, image, argv, &spec, ret, err) < 0)
		return -1;
	e->runs_in_builds = true;
	return 0;
}

/* ---- files, images ---- */

static int podman_pull(struct engine *e, const char *image, struct error *err)
{
	autoerror struct error why_not = {0};
	struct engine_image known;

	if (podman_inspect(e, image, &known, &why_not) == 0)
		return 0;
	if (why_not.code != ERR_NOT_FOUND) {
		error_move(err, &why_not);
		return -1;
	}
	return ask_patiently(e, STORAGE_COMMAND(e, "pull", "--quiet", image), err);
}

/* The container is never started. */
static int podman_take_files(struct engine *e, const char *image, const char *const *paths, const char *folder, struct engine_files **ret, size_t *ret_count,
			     struct error *err)
{
	static const char *const not_there[] = {"could not be found on container", NULL};
	const char *name = throwaway_name(e->arena);
	int failed = ask(e, STORAGE_COMMAND(e, "create", "--pull", "never", "--network", "none", "--name", name, image, "/nothing"), NULL, err);

	if (!failed)
		failed = copy_out(e, name, paths, not_there, folder, ret, ret_count, err);
	ask_quietly(STORAGE_COMMAND(e, "rm", "--force", "--ignore", name));
	return failed;
}

static int podman_describe(struct engine *e, const char *tag, struct image *ret, struct error *err)
{
	struct storage_texts texts = {0};
	struct engine_image image;

	if (storage_look(e, tag, ret) == STORAGE_HAS)
		return 0;
	if (podman_inspect(e, tag, &image, err) < 0)
		return -1;
	texts.id = image.id;
	return storage_find_texts(e, &texts, err) < 0 ? -1 : storage_read_image(e, tag, &texts, ret, err);
}

static int podman_save(struct engine *e, const char *tag, const char *folder, struct image *ret, struct error *err)
{
	return storage_save(e, tag, STORAGE_COMMAND(e, "push", "--quiet"), folder, ret, err);
}

/* ---- cleaning ---- */

/* buildah's own file about a working container says whose build it is of. */
static bool is_marked(struct engine *e, const char *id)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	const char *path = arena_printf(e->arena, "%s/%s-containers/%s/userdata/buildah.json", e->storage ? e->storage : "", e->storage_driver, id);
	struct value *state;

	return file_read(path, ANSWER_LIMIT_BYTES, &text, &ignored) == 0 &&
	       json_parse(e->arena, path, strbuf_text(&text), text.length, &state, &ignored) == 0 &&
	       text_equal(value_get_text(state, "defaultMountsFilePath"), storage_build_mark(e));
}

static int podman_clean(struct engine *e, enum engine_leftovers what, struct error *err)
{
	autoresult struct process_result result = {0};

	if (what >= ENGINE_LEFT_BY_RUNS &&
	    ask(e, STORAGE_COMMAND(e, "ps", "--all", "--external", "--no-trunc", "--format", "{{.ID}} {{.Names}}"), &result, err) < 0)
		return -1;
	for (const char *p = strbuf_text(&result.out); *p; p += *p == '\n') {
		size_t length = strcspn(p, "\n"), id_length = strcspn(p, " \n");
		const char *id = arena_strndup(e->arena, p, id_length), *name = arena_strndup(e->arena, p + id_length, length - id_length);

		name += *name == ' ';
		if (throwaway_is_left(e->arena, name) || (what >= ENGINE_LEFT_BY_BUILDS && strstr(name, "working-container") && is_marked(e, id)))
			ask_quietly(STORAGE_COMMAND(e, "rm", "--force", "--ignore", "--time", "0", id));
		p += length;
	}
	return storage_clean(e, err);
}

const struct engine_driver engine_podman = {
	.name = "podman",
	.probe = podman_probe,
	.build_argv = podman_build_argv,
	.read_line = storage_read_line,
	.inspect = podman_inspect,
	.tag = storage_tag,
	.untag = storage_untag,
	.run = podman_run,
	.pull = podman_pull,
	.take_files = podman_take_files,
	.describe = podman_describe,
	.save = podman_save,
	.load = storage_load,
	.list = podman_list,
	.clean = podman_clean,
};
