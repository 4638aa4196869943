#include "cmd/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/unified.h"
#include "cmd/open.h"
#include "io/json.h"
#include "io/terminal.h"
#include "render/committed.h"

/* What is printed is what the project's files say: made safe for a terminal, left as it is for a program. */
static void print_text(const char *text, size_t length)
{
	autostrbuf struct strbuf safe = {0};

	if (isatty(STDOUT_FILENO)) {
		text_escape(&safe, text, length, TEXT_ESCAPE_KEEP_NEWLINE | TEXT_ESCAPE_KEEP_TAB);
		fwrite(strbuf_text(&safe), 1, safe.length, stdout);
	} else {
		fwrite(text, 1, length, stdout);
	}
}

static const char *const state_names[] = {
	[COMMITTED_SAME] = "same",
	[COMMITTED_DIFFERENT] = "different",
	[COMMITTED_MISSING] = "missing",
	[COMMITTED_STALE] = "stale",
};

static void print_json(const struct committed_file *files, size_t count, bool check)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_begin_array(&w, "files");
	for (size_t i = 0; i < count; i++) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "path", files[i].path);
		json_add_text(&w, "container", files[i].container);
		json_add_text(&w, "state", state_names[files[i].state]);
		json_add_boolean(&w, "written", files[i].written);
		if (check && files[i].state != COMMITTED_SAME) {
			autostrbuf struct strbuf diff = {0};

			committed_diff(&files[i], &diff);
			json_add_text(&w, "diff", strbuf_text(&diff));
		}
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static void print_check(const struct committed_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf diff = {0};

		committed_diff(&files[i], &diff);
		print_text(strbuf_text(&diff), diff.length);
	}
}

static void print_written(const struct committed_file *files, size_t count, bool quiet)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf path = {0};

		text_escape(&path, files[i].path, strlen(files[i].path), 0);
		if (files[i].written)
			printf("%s %s\n", files[i].state == COMMITTED_MISSING ? "new    " : "changed", strbuf_text(&path));
		else if (files[i].state == COMMITTED_STALE)
			fprintf(stderr, "lockstep render: '%s' was made for a container that is no longer there; remove it\n", strbuf_text(&path));
		any = any || files[i].written;
	}
	if (!any && !quiet)
		printf("nothing to write: all %zu files say what the database says\n", count);
}

static bool differ(const struct committed_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (files[i].state != COMMITTED_SAME)
			return true;
	}
	return false;
}

static int run(struct command_call *call, struct error *err)
{
	autodatabase struct database db = {0};
	autofd int lock = -1;
	struct committed_file *files = NULL;
	bool check = command_flag(call, "check");
	size_t count = 0;
	char *root = NULL;

	if (!check && (open_root(call, &root, err) < 0 || open_for_change(root, &lock, err) < 0))
		return -1;
	if (open_database(call, &db, err) < 0 || committed_compare(call->arena, &db, &files, &count, err) < 0)
		return -1;
	if (!check && committed_write(&db, files, count, err) < 0)
		return -1;
	if (call->format == FORMAT_JSON)
		print_json(files, count, check);
	else if (check)
		print_check(files, count);
	else
		print_written(files, count, call->quiet);
	return check && differ(files, count) ? EXIT_FAILED : EXIT_DONE;
}

static const struct option options[] = {
	{"check", 0, NULL, false, "write nothing; print what would change as a unified diff and exit 1 if anything would"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_render = {
	.name = "render",
	.section = "the maintainer",
	.arguments = "",
	.summary = "write the Dockerfiles and docker-bake.json that the database describes",
	.description = "Writes containers/<name>/Dockerfile for every container, and containers/docker-bake.json. They are a function of the database alone,\n"
		       "so the same database gives the same bytes on any machine; a file that already says it is left untouched.\n\n"
		       "examples\n"
		       "  lockstep render                  write what changed\n"
		       "  lockstep render --check          for CI: is what is committed what the database says?\n"
		       "  lockstep render --check | patch -p1    the same as 'lockstep render'",
	.argument_max = 0,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
