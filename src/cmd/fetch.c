#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/open.h"
#include "debian/pool.h"
#include "fetch/simple_index.h"
#include "release/release.h"
#include "cmd/fetching.h"
#include "io/json.h"

static void print_text(const struct fetch_result *r, const char *from)
{
	autostrbuf struct strbuf out = {0};

	strbuf_printf(&out, "%zu file%s (", r->files, text_plural(r->files));
	text_add_size(&out, r->bytes);
	strbuf_printf(&out, ") of %s %s in the store: %zu fetched now", from, r->files == 1 ? "is" : "are", r->fetched);
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

static int write_mirror(const struct command_call *call, const struct database *db, const struct lock *lock, struct error *err)
{
	const char *folder = command_value(call, "mirror");
	struct mirror_counts counts = {0};

	if (!folder)
		return 0;
	if (file_make_dirs(folder, err) < 0 || simple_index_write(lock, folder, &counts, err) < 0 || pool_write(db, lock, folder, &counts, err) < 0)
		return error_wrap(err, "mirror folder '%s'", folder);
	if (call->format != FORMAT_JSON)
		printf("%zu files are in '%s', %zu of them new: pip install --index-url .../simple/; apt: deb [trusted=yes] file:... SUITE main\n",
		       counts.files, folder, counts.added);
	return 0;
}

/* A folder that is not there has nothing, which would look like one that lacks it all. */
static int check_mirrors(const struct command_call *call, struct error *err)
{
	const char *folders = command_value(call, "from"), *missing = fetching_missing_mirror(call->arena, &folders);

	if (missing)
		return error_set(err, ERR_NOT_FOUND, "there is no mirror folder '%s', which '--from' names", missing);
	return 0;
}

static int fetch(struct command_call *call, const struct database *db, const struct lock *lock, const char *from, struct error *err)
{
	struct settings settings = {0};
	struct fetch_result result;
	struct fetch_options options = {.project = &db->project,
					.bonds = db,
					.progress = !call->quiet,
					.all_environments = command_flag(call, "all-environments"),
					.from = command_value(call, "from")};
	int failed = settings_read(&settings, db->root, err) < 0 || fetching_run(call, db, lock, &settings, &options, &result, err) < 0;

	if (!failed && call->format == FORMAT_JSON)
		print_json(&result, from);
	else if (!failed)
		print_text(&result, from);
	settings_release(&settings);
	return failed || write_mirror(call, db, lock, err) < 0 ? -1 : EXIT_DONE;
}

/* Of the release that is named, or the one that counts now. */
static int fetch_named(struct command_call *call, const struct database *db, struct error *err)
{
	struct lock lock = {0};
	struct release release = {0};
	const char *from = NULL;
	int code = -1;

	if (call->argument_count) {
		if (release_read(&release, db->root, call->arguments[0], err) == 0)
			code = fetch(call, db, &release.lock, release.name, err);
	} else if (open_lock(db, &lock, &from, err) == 0) {
		code = fetch(call, db, &lock, from, err);
	}
	release_free(&release);
	lock_release(&lock);
	return code;
}

static int run(struct command_call *call, struct error *err)
{
	autodatabase struct database db = {0};

	return check_mirrors(call, err) < 0 || open_database(call, &db, err) < 0 ? -1 : fetch_named(call, &db, err);
}

static const struct option options[] = {
	{"all-environments", 0, NULL, false, "also for the environments that containers are locked for, but not built"},
	{"from", 0, "DIR", false, "take what this mirror folder has from there; LOCKSTEP_MIRROR names one for all commands"},
	{"mirror", 0, "DIR", false, "and put everything into this folder, an index for pip and an archive for apt"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_fetch = {
	.name = "fetch",
	.section = "the maintainer",
	.arguments = "[RELEASE]",
	.summary = "fetch every file of the current lock into the store",
	.description =
		"Fetches the files that the current lock's containers and toolchains install, and their Debian packages, in parallel, into the store in the cache\n"
		"folder. Each is checked by its sha256 as it comes. What was fetched before is not fetched again; what was cut is gone on with. Index addresses,\n"
		"credentials, certificates and proxies are those that uv and pip use on this machine, for Debian packages those of apt.\n"
		"\n"
		"The current lock is .lockstep/lock.toml when it was made from the recipes as they are, else lockfiles/latest/lock.toml; with RELEASE, that one's.\n"
		"\n"
		"A mirror folder outlives indexes and mirrors that move on. 'pip install --index-url file:///DIR/simple/' installs from it, apt with the source\n"
		"'deb [trusted=yes] file:/DIR SUITE main' (it is not signed), and lockstep with --from or LOCKSTEP_MIRROR. Filling it again adds what is new.\n"
		"\n"
		"examples\n"
		"  lockstep fetch\n"
		"  lockstep fetch --mirror /srv/lockstep v0.3    keep all that v0.3 needs\n"
		"  LOCKSTEP_MIRROR=/srv/lockstep lockstep build  build it again, whatever became of the mirrors",
	.argument_max = 1,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
