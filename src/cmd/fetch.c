#include <stdio.h>

#include "base/text.h"
#include "cmd/command.h"
#include "cmd/open.h"
#include "fetch/fetch.h"
#include "io/json.h"

static void print_text(const struct fetch_result *r, const char *from)
{
	autostrbuf struct strbuf out = {0};

	strbuf_printf(&out, "%zu files (", r->files);
	text_add_size(&out, r->bytes);
	strbuf_printf(&out, ") of %s are in the store: %zu fetched now", from, r->fetched);
	if (r->fetched) {
		strbuf_add(&out, " (");
		text_add_size(&out, r->fetched_bytes);
		strbuf_add(&out, ")");
	}
	printf("%s, %zu there before\n", strbuf_text(&out), r->from_store);
}

static void print_json(const struct fetch_result *r, const char *from)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "lock", from);
	json_add_integer(&w, "files", (int64_t)r->files);
	json_add_integer(&w, "bytes", (int64_t)r->bytes);
	json_add_integer(&w, "from_store", (int64_t)r->from_store);
	json_add_integer(&w, "fetched", (int64_t)r->fetched);
	json_add_integer(&w, "fetched_bytes", (int64_t)r->fetched_bytes);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static int fetch(struct command_call *call, const struct database *db, const struct lock *lock, const char *from, struct error *err)
{
	struct settings settings = {0};
	struct fetch_result result;
	struct fetch_options options = {
		.project = &db->project, .bonds = db, .progress = !call->quiet, .all_environments = command_flag(call, "all-environments")};
	int failed = settings_read(&settings, db->root, err) < 0 || fetch_lock(lock, &settings, db->root, &options, &result, err) < 0;

	if (!failed && call->format == FORMAT_JSON)
		print_json(&result, from);
	else if (!failed)
		print_text(&result, from);
	settings_release(&settings);
	return failed ? -1 : EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	autodatabase struct database db = {0};
	struct lock lock = {0};
	const char *from = NULL;

	if (open_database(call, &db, err) < 0)
		return -1;
	int code = open_lock(&db, &lock, &from, err) < 0 ? -1 : fetch(call, &db, &lock, from, err);

	lock_release(&lock);
	return code;
}

static const struct option options[] = {
	{"all-environments", 0, NULL, false, "also for the environments that containers are locked for, but not built"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_fetch = {
	.name = "fetch",
	.section = "the maintainer",
	.arguments = "",
	.summary = "fetch every file of the current lock into the store",
	.description = "Fetches the files that the current lock's containers and toolchains install, in parallel, into the store in the cache folder. Each is\n"
		       "checked by its sha256 as it comes. What was fetched before is not fetched again; what was cut is gone on with. Index addresses,\n"
		       "credentials, certificates and proxies are those that uv and pip use on this machine.\n"
		       "\n"
		       "What is locked for further environments, that nothing is built for here, is fetched with --all-environments.\n"
		       "\n"
		       "The current lock is .lockstep/lock.toml when it was made from the recipes as they are, else lockfiles/latest/lock.toml.\n"
		       "\n"
		       "examples\n"
		       "  lockstep fetch\n"
		       "  lockstep fetch --format json",
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
