#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cmd/open.h"
#include "io/json.h"
#include "release/release_summary.h"
#include "report/table.h"
#include "report/words.h"

static void print_text(struct arena *a, const struct release_summary *rows, size_t count)
{
	static const char *const heads[] = {"release", "date", "packages", "containers", "built by", "after"};
	struct table table = {.arena = a, .column_count = ARRAY_LEN(heads)};
	autostrbuf struct strbuf out = {0};

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_add(&table, COLOR_DIM, heads[i]);
	for (size_t i = count; i-- > 0;) {
		const struct release_summary *row = &rows[i];
		autostrbuf struct strbuf created = {0};

		table_add(&table, COLOR_NONE, row->name);
		clock_add_rfc3339(&created, row->created_unix);
		table_add(&table, COLOR_NONE, strbuf_text(&created));
		table_add(&table, COLOR_NONE, arena_printf(a, "%zu", row->package_count));
		table_add(&table, COLOR_NONE, words_list(a, row->containers, row->container_count, 4));
		table_add(&table, COLOR_NONE, row->engine ? arena_printf(a, "%s %s", row->engine, row->engine_version ? row->engine_version : "") : "");
		table_add(&table, COLOR_NONE, row->previous);
	}
	table_print(&table, 0, stdout, &out);
	fputs(strbuf_text(&out), stdout);
}

static void print_json(const struct release_summary *rows, size_t count)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_array(&w, NULL);
	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf created = {0};

		clock_add_rfc3339(&created, rows[i].created_unix);
		json_begin_object(&w, NULL);
		json_add_text(&w, "name", rows[i].name);
		json_add_text(&w, "created", strbuf_text(&created));
		json_add_text(&w, "previous", rows[i].previous);
		json_add_integer(&w, "packages", (int64_t)rows[i].package_count);
		json_add_integer(&w, "toolchain_packages", (int64_t)rows[i].toolchain_count);
		json_begin_array(&w, "containers");
		for (size_t j = 0; j < rows[i].container_count; j++)
			json_add_text(&w, NULL, rows[i].containers[j]);
		json_end_array(&w);
		json_add_text(&w, "engine", rows[i].engine);
		json_add_text(&w, "engine_version", rows[i].engine_version);
		json_end_object(&w);
	}
	json_end_array(&w);
	fputs(strbuf_text(&out), stdout);
}

static int run(struct command_call *call, struct error *err)
{
	struct release_summary *rows;
	char *root, **names;
	size_t count;

	if (open_root(call, &root, err) < 0 || release_list(call->arena, root, &names, &count, err) < 0)
		return -1;
	if (release_summaries(call->arena, root, names, count, &rows, err) < 0)
		return -1;
	if (call->format == FORMAT_JSON)
		print_json(rows, count);
	else if (count)
		print_text(call->arena, rows, count);
	else if (!call->quiet)
		fputs("no release yet; 'lockstep bump' makes the first\n", stderr);
	return EXIT_DONE;
}

const struct command command_list = {
	.name = "list",
	.section = "the reviewer",
	.arguments = "",
	.summary = "list the releases",
	.description = "Lists all releases, the newest first: when each was made, how many packages it pins, for which containers, and which engine built it.\n"
		       "\n"
		       "examples\n"
		       "  lockstep list\n"
		       "  lockstep list --format json",
	.formats = TAKES_JSON,
	.run = run,
};
