/* BuildKit without docker: `buildctl` and a buildkitd, on this machine or another. buildkitd keeps no images, only a cache; they are in an OCI layout of our own, from which
   a stage goes to it when it lacks it. What is built comes back by links: layers that it stands on are lent to the folder that buildctl writes. */
#include "engine/buildkit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "engine/ask.h"
#include "engine/oci_layout.h"
#include "engine/words.h"
#include "io/digest.h"
#include "io/json.h"

#define DEFAULT_ADDRESS "unix:///run/buildkit/buildkitd.sock"
enum { ANSWER_LIMIT_BYTES = 64 * 1024 * 1024, DOCKERFILE_LIMIT_BYTES = 4 * 1024 * 1024 };

static const char *const proxy_names[] = {"http_proxy",  "https_proxy", "no_proxy",  "all_proxy", "HTTP_PROXY",
					  "HTTPS_PROXY", "NO_PROXY",    "ALL_PROXY", "ftp_proxy", "FTP_PROXY"};

static int open_layout(struct engine *e, struct oci_layout *ret, struct error *err)
{
	return oci_layout_open(e->arena, e->storage, ret, err);
}

/* buildctl's argv for `rest`, in e->arena. */
static void begin_command(struct engine *e, struct words *w)
{
	*w = (struct words){.arena = e->arena};
	words_add(w, e->program);
	words_add_all(w, e->options);
}

/* ---- asking it ---- */

/* "BuildKit: github.com/moby/buildkit v0.26.3 <commit>" */
static int ask_version(struct engine *e, const char *address, struct error *err)
{
	autoresult struct process_result result = {0};
	struct words w;
	static const char said[] = "BuildKit: ";

	begin_command(e, &w);
	words_add_many(&w, "debug", "info");
	if (process_run(&(struct process_spec){.argv = w.items, .timeout_ms = 60000}, &result, err) < 0)
		return -1;
	const char *text = strbuf_text(&result.out);

	if (result.exit_status != 0 || !text_starts_with(text, said)) {
		error_set(err, ERR_ENGINE, "buildkitd at '%s': %s", address, ask_complaint(e->arena, &result));
		return error_hint(err, "start it ('buildkitd --addr %s'), or set BUILDKIT_HOST to the address of one that runs", address);
	}
	text += strlen(said);
	text += strcspn(text, " \n");
	text += strspn(text, " v");
	e->version = arena_strndup(e->arena, text, strcspn(text, " \n"));
	return 0;
}

static int find_program(struct engine *e, struct error *err)
{
	autofree char *program = process_find("buildctl");

	if (!program)
		return error_set(err, ERR_NOT_FOUND, "'buildctl' is not in PATH; it comes with BuildKit, https://github.com/moby/buildkit/releases");
	e->program = arena_strdup(e->arena, program);
	return 0;
}

int buildkit_open(struct engine *e, const struct buildkit_address *at, struct error *err)
{
	struct words options = {.arena = e->arena};
	struct oci_layout layout;

	e->driver = &engine_buildkit;
	if (find_program(e, err) < 0)
		return -1;
	words_add_many(&options, "--addr", at->address);
	if (at->ca)
		words_add_many(&options, "--tlscacert", at->ca);
	if (at->cert)
		words_add_many(&options, "--tlscert", at->cert);
	if (at->key)
		words_add_many(&options, "--tlskey", at->key);
	e->options = options.items;
	e->storage = path_join(e->arena, path_cache_dir(e->arena), "buildkit");
	if (ask_version(e, at->address, err) < 0)
		return -1;
	return open_layout(e, &layout, err);
}

static int buildkit_probe(struct engine *e, struct error *err)
{
	const char *address = getenv("BUILDKIT_HOST");

	return buildkit_open(e, &(struct buildkit_address){.address = address && *address ? address : DEFAULT_ADDRESS}, err);
}

/* ---- building ---- */

/* buildctl reads options with commas as lists in CSV. */
static const char *csv(struct engine *e, const char *key, const char *value)
{
	autostrbuf struct strbuf out = {0};

	strbuf_printf(&out, "\"%s=", key);
	for (const char *p = value; *p; p++) {
		if (*p == '"')
			strbuf_add_char(&out, '"');
		strbuf_add_char(&out, *p);
	}
	strbuf_add_char(&out, '"');
	return arena_strdup(e->arena, strbuf_text(&out));
}

/* Where a build of this process writes what becomes the image `tag`. */
static const char *made_folder(struct engine *e, const char *tag)
{
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_bytes(tag, strlen(tag), hex);
	return arena_printf(e->arena, "%s/made/%ld-%.16s", e->storage, (long)getpid(), hex);
}

/* An image that stands in the layout: the frontend finds it there under its name, and its layers reach buildkitd as far as it lacks them. */
static void add_context(struct engine *e, struct words *w, const char *name, const struct image *image)
{
	words_add_many(w, "--opt", arena_printf(e->arena, "context:%s=oci-layout://lockstep@%s", name, image->digest));
}

/* Of one "FROM image AS name": the image from the layout. One that is an earlier stage, or scratch, is none of ours. */
static int add_from(struct engine *e, const struct oci_layout *l, const struct engine_build *build, const char *name, const char *made, struct words *w,
		    struct error *err)
{
	autoerror struct error why_not = {0};
	struct image image;

	if (!strcmp(name, "scratch"))
		return 0;
	if (oci_layout_find(l, name, &image, NULL, &why_not) < 0) {
		if (why_not.code == ERR_NOT_FOUND && build->pull)
			return 0;
		error_move(err, &why_not);
		return -1;
	}
	add_context(e, w, name, &image);
	return made ? oci_layout_lend(l, &image, made, err) : 0;
}

/* The word after FROM, where a line has it. */
static const char *from_of(struct arena *a, const char *line, size_t length)
{
	static const char from[] = "FROM ";

	if (length <= strlen(from) || strncmp(line, from, strlen(from)) != 0)
		return NULL;
	line += strlen(from);
	return arena_strndup(a, line, strcspn(line, " \r\n"));
}

static int add_froms(struct engine *e, const struct oci_layout *l, const struct engine_build *build, const char *made, struct words *w, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	if (file_read(build->dockerfile, DOCKERFILE_LIMIT_BYTES, &text, err) < 0)
		return -1;
	for (const char *p = strbuf_text(&text); *p;) {
		size_t length = strcspn(p, "\n");
		const char *name = from_of(e->arena, p, length);

		if (name && add_from(e, l, build, name, made, w, err) < 0)
			return -1;
		p += length + (p[length] == '\n');
	}
	return 0;
}

/* What every build has; its images are given with add_context(). */
static void begin_build(struct engine *e, struct words *w, const char *dockerfile, const char *context, bool network)
{
	const char *slash = strrchr(dockerfile, '/');

	begin_command(e, w);
	words_add_many(w, "build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", arena_printf(e->arena, "context=%s", context), "--local");
	words_add(w, arena_printf(e->arena, "dockerfile=%s", !slash ? "." : arena_strndup(e->arena, dockerfile, (size_t)(slash - dockerfile + 1))));
	words_add_many(w, "--opt", arena_printf(e->arena, "filename=%s", path_base(dockerfile)));
	words_add_many(w, "--oci-layout", arena_printf(e->arena, "lockstep=%s", e->storage));
	words_add_many(w, "--opt", network ? "force-network-mode=host" : "force-network-mode=none");
	if (network)
		words_add_many(w, "--allow", "network.host");
}

static void add_proxies(struct engine *e, struct words *w, const char *const *proxies)
{
	for (size_t i = 0; i < ARRAY_LEN(proxy_names); i++) {
		if (getenv(proxy_names[i]))
			words_add_many(w, "--opt", arena_printf(e->arena, "build-arg:%s=%s", proxy_names[i], getenv(proxy_names[i])));
	}
	for (; proxies && *proxies; proxies++)
		words_add_many(w, "--opt", arena_printf(e->arena, "build-arg:%s", *proxies));
}

static int buildkit_build_argv(struct engine *e, const struct engine_build *build, const char *const **ret_argv, const char *const **ret_environment,
			       struct error *err)
{
	const char *made = made_folder(e, build->tag);
	struct oci_layout layout;
	struct words w;

	begin_build(e, &w, build->dockerfile, build->context, build->network);
	if (file_remove_tree(made, err) < 0 || file_make_dirs(made, err) < 0 || open_layout(e, &layout, err) < 0 ||
	    add_froms(e, &layout, build, made, &w, err) < 0)
		return -1;
	if (build->network)
		add_proxies(e, &w, build->proxies);
	if (build->ca_file)
		words_add_many(&w, "--secret", arena_printf(e->arena, "id=ca,%s", csv(e, "src", build->ca_file)));
	if (build->auth_file)
		words_add_many(&w, "--secret", arena_printf(e->arena, "id=apt-auth,%s", csv(e, "src", build->auth_file)));
	for (const char *const *l = build->labels; l && *l; l++)
		words_add_many(&w, "--opt", arena_printf(e->arena, "label:%s", *l));
	/* On the way to a folder of this machine, packing costs more than it saves. */
	words_add_many(&w, "--output", arena_printf(e->arena, "type=oci,tar=false,compression=uncompressed,%s", csv(e, "dest", made)));
	*ret_argv = w.items;
	*ret_environment = NULL;
	return 0;
}

static int buildkit_keep(struct engine *e, const char *tag, struct error *err)
{
	const char *made = made_folder(e, tag);
	struct oci_layout layout;

	if (open_layout(e, &layout, err) < 0 || oci_layout_take(&layout, made, tag, NULL, err) < 0)
		return -1;
	return file_remove_tree(made, err);
}

/* Its plain progress is what docker shows of it. */
static void buildkit_read_line(const char *line, size_t length, struct engine_line *ret)
{
	engine_docker.read_line(line, length, ret);
}

/* ---- images ---- */

static int buildkit_describe(struct engine *e, const char *tag, struct image *ret, struct error *err)
{
	struct oci_layout layout;

	return open_layout(e, &layout, err) < 0 ? -1 : oci_layout_find(&layout, tag, ret, NULL, err);
}

/* The moment stands in the configuration. */
static int buildkit_inspect(struct engine *e, const char *tag, struct engine_image *ret, struct error *err)
{
	struct image image;
	struct value *config;

	if (buildkit_describe(e, tag, &image, err) < 0 || json_parse(e->arena, tag, image.config, image.config_length, &config, err) < 0)
		return -1;
	const char *created = value_get_text(config, "created");

	*ret = (struct engine_image){.id = image.config_digest, .digest = image.digest, .created = created ? created : ""};
	for (size_t i = 0; i < image.layer_count; i++)
		ret->size_bytes += image.layers[i].size_bytes;
	return 0;
}

static int buildkit_tag(struct engine *e, const char *from, const char *to, struct error *err)
{
	struct oci_layout layout;

	return open_layout(e, &layout, err) < 0 ? -1 : oci_layout_tag(&layout, from, to, err);
}

static int buildkit_untag(struct engine *e, const char *tag, struct error *err)
{
	struct oci_layout layout;

	return open_layout(e, &layout, err) < 0 ? -1 : oci_layout_untag(&layout, tag, err);
}

static int buildkit_save(struct engine *e, const char *tag, const char *folder, struct image *ret, struct error *err)
{
	struct image image;

	if (buildkit_describe(e, tag, &image, err) < 0)
		return -1;
	for (size_t i = 0; i < image.layer_count; i++) {
		struct image_layer *layer = &image.layers[i];
		const char *to = path_join(e->arena, folder, layer->digest + strlen("sha256:"));

		if (file_link_or_copy(layer->path, to, err) < 0)
			return -1;
		layer->path = to;
	}
	*ret = image;
	return 0;
}

static int buildkit_load(struct engine *e, const struct image *image, size_t has __attribute__((unused)), const char *tag,
			 const char *temporary __attribute__((unused)), struct error *err)
{
	struct oci_layout layout;

	if (!image->manifest)
		return error_set(err, ERR_NOT_FOUND, "image '%s' has layers that are no files yet", tag);
	return open_layout(e, &layout, err) < 0 ? -1 : oci_layout_put(&layout, image, tag, NULL, err);
}

/* A build whose result is of no use but here: its Dockerfile stands in `folder`, which is its context too. */
static int build_here(struct engine *e, const char *folder, const char *name, const struct image *image, const char *output, struct process_result *ret,
		      struct error *err)
{
	struct words w;

	begin_build(e, &w, path_join(e->arena, folder, "Dockerfile"), folder, false);
	if (image)
		add_context(e, &w, name, image);
	words_add_many(&w, "--output", output);
	return process_run(&(struct process_spec){.argv = w.items}, ret, err);
}

static int write_dockerfile(struct engine *e, const char *folder, const char *text, struct error *err)
{
	return file_write_derived(path_join(e->arena, folder, "Dockerfile"), text, strlen(text), err);
}

static void drop_tree(const char *folder)
{
	autoerror struct error ignored = {0};

	file_remove_tree(folder, &ignored);
}

static int buildkit_pull(struct engine *e, const char *image, struct error *err)
{
	autoresult struct process_result result = {0};
	autoerror struct error why_not = {0};
	const char *made = made_folder(e, image);
	struct oci_layout layout;
	struct engine_image known;

	if (buildkit_inspect(e, image, &known, &why_not) == 0)
		return 0;
	if (why_not.code != ERR_NOT_FOUND) {
		error_move(err, &why_not);
		return -1;
	}
	const char *folder = path_join(e->arena, made, "context"), *image_folder = path_join(e->arena, made, "image");
	int failed = file_remove_tree(made, err) < 0 || file_make_dirs(folder, err) < 0 || file_make_dirs(image_folder, err) < 0 ||
		     open_layout(e, &layout, err) < 0 || write_dockerfile(e, folder, arena_printf(e->arena, "FROM %s\n", image), err) < 0 ||
		     build_here(e, folder, NULL, NULL, arena_printf(e->arena, "type=oci,tar=false,%s", csv(e, "dest", image_folder)), &result, err) < 0;

	if (!failed && result.exit_status != 0)
		failed = error_set(err, ERR_ENGINE, "%s", ask_complaint(e->arena, &result));
	if (!failed)
		failed = oci_layout_take(&layout, image_folder, image, NULL, err);
	drop_tree(made);
	return failed ? -1 : 0;
}

/* ---- running ---- */

/* The answers are files that every user may write; they lie in the image only while the command runs. */
#define ANSWERS "/run/lockstep-answers"
#define QUESTION "/run/lockstep-question"
static const char *const answers[] = {"out", "err", "status"};

static int write_question(struct engine *e, const char *folder, const char *image, const char *const *argv, const char *input, size_t input_length,
			  struct error *err)
{
	autostrbuf struct strbuf script = {0};

	/* Its first line is another each time, so that buildkitd never takes an answer of before. */
	strbuf_printf(&script, "# %s %lld\n", throwaway_name(e->arena), (long long)clock_now_unix());
	for (const char *const *word = argv; *word; word++) {
		text_shell_quote(&script, *word);
		strbuf_add_char(&script, ' ');
	}
	strbuf_add(&script, "<" QUESTION "/input >" ANSWERS "/out 2>" ANSWERS "/err\necho \"$?\" >" ANSWERS "/status\n");
	if (file_make_dirs(path_join(e->arena, folder, "question"), err) < 0 || file_make_dirs(path_join(e->arena, folder, "answers"), err) < 0 ||
	    file_write_derived(path_join(e->arena, folder, "question/run"), strbuf_text(&script), script.length, err) < 0 ||
	    file_write_derived(path_join(e->arena, folder, "question/input"), input ? input : "", input_length, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const char *path = arena_printf(e->arena, "%s/answers/%s", folder, answers[i]);

		if (file_write_derived(path, "", 0, err) < 0)
			return -1;
		if (chmod(path, 0666) < 0)
			return error_errno(err, "cannot open up '%s'", path);
	}
	return write_dockerfile(e, folder,
				arena_printf(e->arena,
					     "FROM %s AS asked\nCOPY answers " ANSWERS "/\n"
					     "RUN --mount=type=bind,source=question,target=" QUESTION " [\"/bin/sh\", \"" QUESTION "/run\"]\n"
					     "FROM scratch\nCOPY --from=asked " ANSWERS " /\n",
					     image),
				err);
}

static int read_answer(struct engine *e, const char *folder, struct process_result *ret, struct error *err)
{
	autostrbuf struct strbuf status = {0};
	autoresult struct process_result result = {0};
	uint64_t code;

	if (file_read(path_join(e->arena, folder, "out"), ANSWER_LIMIT_BYTES, &result.out, err) < 0 ||
	    file_read(path_join(e->arena, folder, "err"), ANSWER_LIMIT_BYTES, &result.err_out, err) < 0 ||
	    file_read(path_join(e->arena, folder, "status"), 16, &status, err) < 0)
		return -1;
	const char *text = arena_strndup(e->arena, strbuf_text(&status), strcspn(strbuf_text(&status), "\n"));

	if (!text_to_u64(text, &code) || code > 255)
		return error_set(err, ERR_ENGINE, "BuildKit did not say how a command in an image ended");
	result.exit_status = (int)code;
	*ret = result;
	result = (struct process_result){0};
	return 0;
}

static int run_in(struct engine *e, const char *folder, const char *name, const struct image *image, struct process_result *ret, struct error *err)
{
	autoresult struct process_result result = {0};
	const char *answer = path_join(e->arena, folder, "answer");

	if (build_here(e, folder, name, image, arena_printf(e->arena, "type=local,%s", csv(e, "dest", answer)), &result, err) < 0)
		return -1;
	if (result.exit_status != 0)
		return error_set(err, ERR_ENGINE, "BuildKit cannot run image '%s': %s", name, ask_complaint(e->arena, &result));
	return read_answer(e, answer, ret, err);
}

static int buildkit_run(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
			struct error *err)
{
	const char *folder;
	struct image found;

	if (buildkit_describe(e, image, &found, err) < 0) {
		/* As the other engines have it: there is nothing to run. */
		err->code = err->code == ERR_NOT_FOUND ? ERR_ENGINE : err->code;
		return -1;
	}
	if (workplace_make(e->arena, workplace_temporary(), 0700, &folder, err) < 0)
		return -1;
	int failed = write_question(e, folder, image, argv, input, input_length, err) < 0 || run_in(e, folder, image, &found, ret, err) < 0;

	workplace_drop(folder);
	return failed ? -1 : 0;
}

/* ---- files ---- */

/* A pattern that fits this path alone, and nothing where it is not there: COPY takes that for none of its business. */
static const char *optional_path(struct arena *a, const char *path)
{
	size_t length = strlen(path);

	return length > 1 ? arena_printf(a, "%.*s[%c]", (int)(length - 1), path, path[length - 1]) : path;
}

/* ["/etc/ap[t]", "/etc/apt"], as JSON, for blanks in paths. */
static void add_copy(struct engine *e, const char *path, struct strbuf *out)
{
	autostrbuf struct strbuf list = {0};
	struct json_writer w = {.out = &list, .compact = true};

	json_begin_array(&w, NULL);
	json_add_text(&w, NULL, optional_path(e->arena, path));
	json_add_text(&w, NULL, path);
	json_end_array(&w);
	strbuf_printf(out, "COPY --from=asked %s", strbuf_text(&list));
}

static int take(struct engine *e, const char *folder, const char *image, const struct image *found, const char *path, const char *tar, bool *ret_is_there,
		struct error *err)
{
	autoresult struct process_result result = {0};
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "FROM %s AS asked\nFROM scratch\n", image);
	add_copy(e, path, &text);
	if (write_dockerfile(e, folder, strbuf_text(&text), err) < 0 ||
	    build_here(e, folder, image, found, arena_printf(e->arena, "type=tar,%s", csv(e, "dest", tar)), &result, err) < 0)
		return -1;
	*ret_is_there = result.exit_status == 0;
	if (result.exit_status == 0)
		return 0;
	const char *complaint = ask_complaint(e->arena, &result);

	/* A link that leads nowhere. */
	if (text_ends_with(complaint, ": not found") || text_ends_with(complaint, "too many links"))
		return 0;
	return error_set(err, ERR_ENGINE, "BuildKit cannot copy '%s' out of '%s': %s", path, image, complaint);
}

static int buildkit_take_files(struct engine *e, const char *image, const char *const *paths, const char *folder, struct engine_files **ret, size_t *ret_count,
			       struct error *err)
{
	struct image found;
	const char *context = path_join(e->arena, folder, "context");

	if (buildkit_describe(e, image, &found, err) < 0 || file_make_dirs(context, err) < 0)
		return -1;
	for (; *paths; paths++) {
		const char *tar = arena_printf(e->arena, "%s/%zu.tar", folder, *ret_count);
		bool is_there;

		if (take(e, context, image, &found, *paths, tar, &is_there, err) < 0)
			return -1;
		if (is_there)
			*arena_push(e->arena, ret, ret_count) = (struct engine_files){tar, "/"};
	}
	return 0;
}

/* What builds of processes that are gone were writing. */
static int buildkit_clean(struct engine *e, bool builds __attribute__((unused)), struct error *err)
{
	const char *folder = path_join(e->arena, e->storage, "made");
	char **names;
	size_t count;

	if (!file_is_dir(folder))
		return 0;
	if (file_list(e->arena, folder, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		long pid = strtol(names[i], NULL, 10);

		if (pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH && file_remove_tree(path_join(e->arena, folder, names[i]), err) < 0)
			return -1;
	}
	return 0;
}

const struct engine_driver engine_buildkit = {
	.name = "buildkit",
	.probe = buildkit_probe,
	.build_argv = buildkit_build_argv,
	.read_line = buildkit_read_line,
	.keep = buildkit_keep,
	.inspect = buildkit_inspect,
	.tag = buildkit_tag,
	.untag = buildkit_untag,
	.run = buildkit_run,
	.pull = buildkit_pull,
	.take_files = buildkit_take_files,
	.describe = buildkit_describe,
	.save = buildkit_save,
	.load = buildkit_load,
	.clean = buildkit_clean,
};
