/* docker with BuildKit: a client before 23 that has it built in, or a newer one with the buildx plugin. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/text.h"
#include "engine/ask.h"
#include "engine/copy_out.h"
#include "engine/docker_image.h"
#include "engine/engine.h"
#include "engine/list.h"
#include "engine/words.h"
#include "io/json.h"

/* The first docker whose BuildKit is a plugin. */
enum { DOCKER_NEEDS_BUILDX = 23, DOCKER_OLDEST = 19, DOCKER_READS_ZSTD = 23 };

static const char *const proxy_names[] = {"http_proxy",  "https_proxy", "no_proxy",  "all_proxy", "HTTP_PROXY",
					  "HTTPS_PROXY", "NO_PROXY",    "ALL_PROXY", "ftp_proxy", "FTP_PROXY"};

static int ask_versions(struct engine *e, struct error *err)
{
	autoresult struct process_result result = {0};
	const char *argv[] = {e->program, "version", "--format", "{{.Client.Version}} {{.Server.Version}}", NULL};
	struct process_spec spec = {.argv = argv, .timeout_ms = 60000};

	if (process_run(&spec, &result, err) < 0)
		return -1;
	const char *text = strbuf_text(&result.out);
	size_t client = strcspn(text, " \n");

	if (result.exit_status == 0 && isdigit((unsigned char)*text) && text[client] == ' ') {
		/* The server builds and runs; of the client only its age matters. */
		e->version = arena_strndup(e->arena, text + client + 1, strcspn(text + client + 1, " \n"));
		long major = strtol(text, NULL, 10);

		e->reads_zstd = strtol(e->version, NULL, 10) >= DOCKER_READS_ZSTD;

		if (major < DOCKER_OLDEST)
			return error_set(err, ERR_ENGINE, "'%s' is version %.*s; RUN --mount needs 20.10 or newer", e->program, (int)client, text);
		if (major >= DOCKER_NEEDS_BUILDX && ask_words(e, NULL, err, e->program, "buildx", "version") < 0)
			return error_set(err, ERR_ENGINE, "'%s' %.*s has no buildx plugin; 'apt-get install docker-buildx-plugin' mends that", e->program,
					 (int)client, text);
		return 0;
	}
	error_set(err, ERR_ENGINE, "'%s': %s", e->program, ask_complaint(e->arena, &result));
	return error_hint(err, "start the daemon ('systemctl start docker') or set DOCKER_HOST to one that runs");
}

static int docker_probe(struct engine *e, struct error *err)
{
	autofree char *first = process_find("docker");
	const char *candidates[] = {first ? arena_strdup(e->arena, first) : NULL, "/usr/bin/docker"};
	autoerror struct error complaint = {0};

	if (!first)
		return error_set(err, ERR_NOT_FOUND, "'docker' is not in PATH; 'apt-get install docker.io' mends that");
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		autoerror struct error reason = {0};

		e->program = candidates[i];
		if (ask_versions(e, &reason) == 0)
			return 0;
		/* The first complaint is about the docker that people see; the distribution's own one is only the way out. */
		if (i == 0 || reason.code == ERR_CANCELLED)
			error_move(&complaint, &reason);
		if (complaint.code == ERR_CANCELLED || !strcmp(candidates[i], candidates[1]))
			break;
	}
	error_move(err, &complaint);
	return -1;
}

static int docker_build_argv(struct engine *e, const struct engine_build *build, const char *const **ret_argv, const char *const **ret_environment,
			     struct error *err __attribute__((unused)))
{
	struct words w = {.arena = e->arena}, environment = {.arena = e->arena};

	words_add_many(&w, e->program, "build", "--progress", "plain", "--network", build->network ? "host" : "none");
	/* Predefined build arguments: they reach the steps and stay out of the image. Without a value docker takes it from the environment, so that a password
	   in it is in no list of processes. */
	for (size_t i = 0; build->network && i < ARRAY_LEN(proxy_names); i++) {
		if (getenv(proxy_names[i]))
			words_add_many(&w, "--build-arg", proxy_names[i]);
	}
	words_add_many(&environment, "DOCKER_BUILDKIT=1", "BUILDKIT_PROGRESS=plain", "DOCKER_CLI_HINTS=false");
	for (const char *const *p = build->network ? build->proxies : NULL; p && *p; p++) {
		words_add_many(&w, "--build-arg", arena_strndup(e->arena, *p, strcspn(*p, "=")));
		words_add(&environment, *p);
	}
	if (build->ca_file)
		words_add_many(&w, "--secret", arena_printf(e->arena, "id=ca,src=%s", build->ca_file));
	if (build->auth_file)
		words_add_many(&w, "--secret", arena_printf(e->arena, "id=apt-auth,src=%s", build->auth_file));
	for (const char *const *l = build->labels; l && *l; l++)
		words_add_many(&w, "--label", *l);
	words_add_many(&w, "--file", build->dockerfile, "--tag", build->tag, build->context);
	*ret_argv = w.items;
	*ret_environment = environment.items;
	return 0;
}

/* After "#6 ": "[2/3] RUN make". A stage name may stand before the numbers: "[base 2/3]". */
static bool read_step(const char *text, struct engine_line *ret)
{
	unsigned number, total;
	int used = 0;

	if ((sscanf(text, "[%u/%u] %n", &number, &total, &used) != 2 && sscanf(text, "[%*[^] ] %u/%u] %n", &number, &total, &used) != 2) || !used)
		return false;
	ret->kind = ENGINE_STEP;
	ret->text += used;
	ret->length -= (size_t)used;
	ret->number = number;
	ret->total = total;
	return true;
}

/* BuildKit's plain progress: "#6 [2/3] RUN make", "#6 sha256:...", "#6 0.052 output", "#6 DONE 1.1s", "#6 ERROR: ...". */
static void docker_read_line(const char *line, size_t length, struct engine_line *ret)
{
	autofree char *copy = mem_strndup(line, length);
	int used = 0;
	double at;

	*ret = (struct engine_line){.kind = ENGINE_OUTPUT, .text = line, .length = length};
	if (sscanf(copy, "#%*u %n", &used) < 0 || !used)
		return;
	ret->text += used;
	ret->length -= (size_t)used;
	const char *text = copy + used;
	int stamp = 0;

	if (read_step(text, ret) || text_starts_with(text, "ERROR"))
		return;
	if (isdigit((unsigned char)*text) && sscanf(text, "%lf%n", &at, &stamp) == 1 && (text[stamp] == ' ' || !text[stamp])) {
		size_t skip = (size_t)stamp + (text[stamp] == ' ');

		ret->text += skip;
		ret->length -= skip;
		return;
	}
	ret->kind = ENGINE_CHATTER;
}

static const char *const *read_layers(struct arena *a, const struct value *rootfs, size_t *ret_count)
{
	const struct value *list = value_get(rootfs, "Layers");
	size_t count = list && list->kind == VALUE_ARRAY ? list->item_count : 0;
	const char **layers = arena_array(a, count + 1, sizeof(*layers));

	for (size_t i = 0; i < count; i++) {
		if (!(layers[i] = list->items[i]->text))
			return NULL;
	}
	*ret_count = count;
	return list ? layers : NULL;
}

static int read_image(struct engine *e, const struct value *image, const char *tag, struct engine_image *ret, struct error *err)
{
	const char *id = value_get_text(image, "Id"), *created = value_get_text(image, "Created");
	const struct value *digests = value_get(image, "RepoDigests");
	const char *digest = digests && digests->kind == VALUE_ARRAY && digests->item_count ? digests->items[0]->text : NULL;
	int64_t size;

	if (!id)
		return error_set(err, ERR_ENGINE, "docker's answer about '%s' has no id", tag);
	if (digest && strchr(digest, '@'))
		digest = strchr(digest, '@') + 1;
	*ret = (struct engine_image){.id = id, .digest = digest, .created = created ? created : ""};
	ret->size_bytes = value_get_integer(image, "Size", &size) ? size : 0;
	ret->layers = read_layers(e->arena, value_get(image, "RootFS"), &ret->layer_count);
	return 0;
}

static int docker_inspect(struct engine *e, const char *tag, struct engine_image *ret, struct error *err)
{
	struct value *answer;

	if (ask_json(e, (const char *const[]){e->program, "image", "inspect", tag, NULL}, &answer, err) < 0) {
		if (err->code == ERR_ENGINE && strstr(err->text, "No such image"))
			return error_set(err, ERR_NOT_FOUND, "docker has no image '%s'", tag);
		return -1;
	}
	return read_image(e, answer && answer->kind == VALUE_ARRAY && answer->item_count ? answer->items[0] : NULL, tag, ret, err);
}

/* "Error: No such image: NAME", a line for each that it has not. False when it complains of something else. */
static bool read_missing(struct engine *e, const struct process_result *result, const char *const *tags, size_t count, bool *missing)
{
	static const char says[] = "No such image: ";
	char *text = arena_strdup(e->arena, strbuf_text(&result->err_out)), *line;

	while ((line = lines_next(&text))) {
		const char *name = strstr(line, says);
		bool is_known = !*line;

		for (size_t i = 0; name && i < count; i++) {
			if (!strcmp(name + strlen(says), tags[i]))
				is_known = missing[i] = true;
		}
		if (!is_known)
			return false;
	}
	return true;
}

/* What it finds it shows in the order that it was asked in. 1: it says something else than expected. */
static int inspect_together(struct engine *e, const char *const *tags, size_t count, struct engine_image *ret, struct error *err)
{
	autoresult struct process_result result = {0};
	autoerror struct error ignored = {0};
	bool *missing = arena_array(e->arena, count, sizeof(*missing));
	struct words w = {.arena = e->arena};
	struct value *answer;
	size_t at = 0;

	words_add_many(&w, e->program, "image", "inspect");
	for (size_t i = 0; i < count; i++)
		words_add(&w, tags[i]);
	if (process_run(&(struct process_spec){.argv = w.items, .timeout_ms = ASK_TIMEOUT_MS}, &result, err) < 0)
		return -1;
	if (!read_missing(e, &result, tags, count, missing) ||
	    json_parse(e->arena, "images", strbuf_text(&result.out), result.out.length, &answer, &ignored) < 0 || answer->kind != VALUE_ARRAY)
		return 1;
	for (size_t i = 0; i < count; i++)
		at += !missing[i];
	if (at != answer->item_count)
		return 1;
	at = 0;
	for (size_t i = 0; i < count; i++) {
		ret[i] = (struct engine_image){0};
		if (!missing[i] && read_image(e, answer->items[at++], tags[i], &ret[i], err) < 0)
			return -1;
	}
	return 0;
}

static int docker_inspect_all(struct engine *e, const char *const *tags, size_t count, struct engine_image *ret, struct error *err)
{
	int told = inspect_together(e, tags, count, ret, err);

	return told > 0 ? engine_inspect_each(e, tags, count, ret, err) : told;
}

static int docker_tag(struct engine *e, const char *from, const char *to, struct error *err)
{
	return ask_words(e, NULL, err, e->program, "tag", from, to);
}

static int docker_untag(struct engine *e, const char *tag, struct error *err)
{
	if (ask_words(e, NULL, err, e->program, "rmi", tag) == 0)
		return 0;
	if (!strstr(err->text, "No such image"))
		return -1;
	error_release(err);
	return 0;
}

/* 125 is docker's own failure, and then it says so itself; the command's own 125 is its own business. */
static bool docker_itself_failed(const struct process_result *result)
{
	const char *text = strbuf_text(&result->err_out);

	return result->exit_status == 125 && (text_starts_with(text, "docker:") || strstr(text, "\ndocker:") || text_starts_with(text, "Cannot connect"));
}

static int docker_run(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		      struct error *err)
{
	autoresult struct process_result result = {0};
	const char *name = throwaway_name(e->arena);
	struct words w = {.arena = e->arena};

	words_add_many(&w, e->program, "run", "--rm", "--pull", "never", "--network", "none", "-i", "--name", name, "--entrypoint", argv[0], image);
	words_add_all(&w, argv + 1);
	int failed = process_run(&(struct process_spec){.argv = w.items, .input = input, .input_length = input_length}, &result, err);

	if (failed || result.signal) /* the client is gone, the daemon may still have the container */
		ask_quietly((const char *const[]){e->program, "rm", "-f", name, NULL});
	if (failed)
		return -1;
	if (docker_itself_failed(&result))
		return error_set(err, ERR_ENGINE, "docker cannot run image '%s': %s", image, ask_complaint(e->arena, &result));
	*ret = result;
	result = (struct process_result){0};
	return 0;
}

static int docker_pull(struct engine *e, const char *image, struct error *err)
{
	autoerror struct error why_not = {0};
	struct engine_image known;

	if (docker_inspect(e, image, &known, &why_not) == 0)
		return 0;
	if (why_not.code != ERR_NOT_FOUND) {
		error_move(err, &why_not);
		return -1;
	}
	return ask_patiently(e, (const char *const[]){e->program, "pull", "--quiet", image, NULL}, err);
}

/* The container is never started. */
static int docker_take_files(struct engine *e, const char *image, const char *const *paths, const char *folder, struct engine_files **ret, size_t *ret_count,
			     struct error *err)
{
	static const char *const not_there[] = {"No such container:path", "Could not find the file", NULL};
	const char *name = throwaway_name(e->arena);
	int failed = ask_words(e, NULL, err, e->program, "create", "--pull", "never", "--network", "none", "--name", name, "--entrypoint", "/nothing", image);

	if (!failed)
		failed = copy_out(e, name, paths, not_there, folder, ret, ret_count, err);
	ask_quietly((const char *const[]){e->program, "rm", "-f", name, NULL});
	return failed;
}

static int docker_clean(struct engine *e, enum engine_leftovers what, struct error *err)
{
	autoresult struct process_result result = {0};

	if (what < ENGINE_LEFT_BY_RUNS)
		return 0;
	if (ask_words(e, &result, err, e->program, "ps", "-a", "--format", "{{.Names}}", "--filter", "name=lockstep-run-") < 0)
		return -1;
	for (const char *p = strbuf_text(&result.out); *p;) {
		size_t length = strcspn(p, "\n");
		const char *name = arena_strndup(e->arena, p, length);

		if (throwaway_is_left(e->arena, name))
			ask_quietly((const char *const[]){e->program, "rm", "-f", name, NULL});
		p += length + (p[length] == '\n');
	}
	return 0;
}

const struct engine_driver engine_docker = {
	.name = "docker",
	.probe = docker_probe,
	.build_argv = docker_build_argv,
	.read_line = docker_read_line,
	.inspect = docker_inspect,
	.inspect_all = docker_inspect_all,
	.tag = docker_tag,
	.untag = docker_untag,
	.run = docker_run,
	.pull = docker_pull,
	.take_files = docker_take_files,
	.describe = docker_describe,
	.save = docker_save,
	.common = docker_common,
	.load = docker_load,
	.list = docker_list,
	.clean = docker_clean,
};
