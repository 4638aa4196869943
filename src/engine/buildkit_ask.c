/* What lockstep asks of images by BuildKit: each question is a small build, whose result goes to a folder of this machine. */
#include "engine/buildkit_parts.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "engine/ask.h"
#include "engine/buildkit.h"
#include "engine/buildkit_watch.h"
#include "io/json.h"

enum { ANSWER_LIMIT_BYTES = 64 * 1024 * 1024 };

int buildkit_build_here(struct engine *e, const char *folder, const char *name, const struct image *image, const char *repository, const char *output,
			struct process_result *ret, struct error *err)
{
	const char *why = "";

	for (unsigned tries = 0;;) {
		struct words w;

		buildkit_begin(e, &w, path_join(e->arena, folder, "Dockerfile"), folder, false);
		if (image)
			buildkit_add_image(e, &w, name, image, repository);
		if (output)
			words_add_many(&w, "--output", output);
		int end = buildkit_call(e, w.items, ret, &why, err);

		if (end != BUILDKIT_LOST)
			return end;
		if (!buildkit_go_on(e, why, &tries))
			return *why ? error_set(err, ERR_ENGINE, "buildkitd is gone: %s", why) : 0;
		process_result_release(ret);
		*ret = (struct process_result){0};
	}
}

int buildkit_wake(struct engine *e, struct error *err)
{
	for (unsigned tries = 0; e->worker_count;) {
		autoerror struct error why_not = {0};

		if (buildkit_ask(e, &why_not) == 0)
			return 0;
		if (why_not.code == ERR_CANCELLED || !buildkit_go_on(e, arena_strndup(e->arena, why_not.text, strcspn(why_not.text, "\n")), &tries)) {
			error_move(err, &why_not);
			return -1;
		}
	}
	return 0;
}

int buildkit_write_dockerfile(struct engine *e, const char *folder, const char *text, struct error *err)
{
	return file_write_derived(path_join(e->arena, folder, "Dockerfile"), text, strlen(text), err);
}

void buildkit_drop_tree(const char *folder)
{
	autoerror struct error ignored = {0};

	file_remove_tree(folder, &ignored);
}

int buildkit_pull(struct engine *e, const char *image, struct error *err)
{
	autoresult struct process_result result = {0};
	autoerror struct error why_not = {0};
	const char *made = buildkit_made(e, image);
	struct oci_layout layout;
	struct image known;

	if (buildkit_describe(e, image, &known, &why_not) == 0)
		return 0;
	if (why_not.code != ERR_NOT_FOUND) {
		error_move(err, &why_not);
		return -1;
	}
	const char *folder = path_join(e->arena, made, "context"), *image_folder = path_join(e->arena, made, "image");
	int failed = file_remove_tree(made, err) < 0 || file_make_dirs(folder, err) < 0 || file_make_dirs(image_folder, err) < 0 ||
		     buildkit_layout(e, &layout, err) < 0 || buildkit_write_dockerfile(e, folder, arena_printf(e->arena, "FROM %s\n", image), err) < 0 ||
		     buildkit_build_here(e, folder, NULL, NULL, NULL, arena_printf(e->arena, "type=oci,tar=false,%s", buildkit_csv(e, "dest", image_folder)),
					 &result, err) < 0;

	if (!failed && result.exit_status != 0)
		failed = error_set(err, ERR_ENGINE, "%s", ask_complaint(e->arena, &result));
	if (!failed)
		failed = oci_layout_take(&layout, image_folder, image, NULL, err);
	buildkit_drop_tree(made);
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
	return buildkit_write_dockerfile(e, folder,
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

static int run_in(struct engine *e, const char *folder, const char *name, const struct image *image, const char *repository, struct process_result *ret,
		  struct error *err)
{
	autoresult struct process_result result = {0};
	const char *answer = path_join(e->arena, folder, "answer");

	if (buildkit_build_here(e, folder, name, image, repository, arena_printf(e->arena, "type=local,%s", buildkit_csv(e, "dest", answer)), &result, err) < 0)
		return -1;
	if (result.exit_status != 0)
		return error_set(err, ERR_ENGINE, "BuildKit cannot run image '%s': %s", name, ask_complaint(e->arena, &result));
	return read_answer(e, answer, ret, err);
}

int buildkit_run(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		 struct error *err)
{
	const char *folder, *repository;
	struct image found;

	if (buildkit_find(e, image, &found, &repository, err) < 0) {
		/* As the other engines have it: there is nothing to run. */
		err->code = err->code == ERR_NOT_FOUND ? ERR_ENGINE : err->code;
		return -1;
	}
	if (workplace_make(e->arena, workplace_temporary(), 0700, &folder, err) < 0)
		return -1;
	int failed = write_question(e, folder, image, argv, input, input_length, err) < 0 || run_in(e, folder, image, &found, repository, ret, err) < 0;

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

static int take(struct engine *e, const char *folder, const char *image, const struct image *found, const char *repository, const char *path, const char *tar,
		bool *ret_is_there, struct error *err)
{
	autoresult struct process_result result = {0};
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "FROM %s AS asked\nFROM scratch\n", image);
	add_copy(e, path, &text);
	if (buildkit_write_dockerfile(e, folder, strbuf_text(&text), err) < 0 ||
	    buildkit_build_here(e, folder, image, found, repository, arena_printf(e->arena, "type=tar,%s", buildkit_csv(e, "dest", tar)), &result, err) < 0)
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

int buildkit_take_files(struct engine *e, const char *image, const char *const *paths, const char *folder, struct engine_files **ret, size_t *ret_count,
			struct error *err)
{
	struct image found;
	const char *repository, *context = path_join(e->arena, folder, "context");

	if (buildkit_find(e, image, &found, &repository, err) < 0 || file_make_dirs(context, err) < 0)
		return -1;
	for (; *paths; paths++) {
		const char *tar = arena_printf(e->arena, "%s/%zu.tar", folder, *ret_count);
		bool is_there;

		if (take(e, context, image, &found, repository, *paths, tar, &is_there, err) < 0)
			return -1;
		if (is_there)
			*arena_push(e->arena, ret, ret_count) = (struct engine_files){tar, "/"};
	}
	return 0;
}
