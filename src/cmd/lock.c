#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cmd/open.h"
#include "cmd/relock.h"
#include "diff/diff.h"
#include "io/json.h"
#include "report/report.h"
#include "lock/working.h"

static size_t count_files(const struct lock *lock, uint64_t *ret_bytes)
{
	size_t count = 0;

	*ret_bytes = 0;
	for (size_t i = 0; i < lock->pin_count; i++) {
		count += lock->pins[i].file_count;
		for (size_t j = 0; j < lock->pins[i].file_count; j++)
			*ret_bytes += lock->pins[i].files[j].size_bytes;
	}
	for (size_t i = 0; i < lock->deb_count; i++) {
		count += lock_deb_has_file(&lock->debs[i]);
		*ret_bytes += lock->debs[i].size_bytes;
	}
	return count;
}

/* What moved since what is preferred; NULL when there was nothing, or nothing moved. */
static const struct changes *changes_of(const struct relock *r)
{
	if (!r->last || r->unchanged)
		return NULL;
	return changes_between_locks(r->call->arena, r->last_name, r->last, "the new lock", &r->result, NULL);
}

static void print_holds_left_out(const struct database *db)
{
	size_t count = 0;

	for (size_t i = 0; i < db->package_count; i++) {
		const struct hold *hold = db->packages[i].hold;

		if (hold)
			printf("%s %s %s (%s, until %s)", count++ ? "," : "without the holds:", db->packages[i].name, hold->specifier, hold->owner,
			       hold->review);
	}
	puts(count ? "" : "without the holds: there are none");
}

static void print_text(const struct relock *r, bool written)
{
	const struct report_options options = {.format = REPORT_TEXT, .stream = stdout};
	autostrbuf struct strbuf text = {0}, line = {0}, date = {0};
	const struct changes *changes = changes_of(r);
	uint64_t bytes;
	size_t files = count_files(&r->result, &bytes);

	if (r->without_holds)
		print_holds_left_out(r->db);
	if (changes) {
		report_changes(changes, &options, &text);
		printf("%s\n", strbuf_text(&text));
	}
	clock_add_rfc3339(&date, r->result.cut_off_unix);
	strbuf_printf(&line, "%zu package%s", r->result.pin_count, text_plural(r->result.pin_count));
	if (r->result.deb_count)
		strbuf_printf(&line, " and %zu Debian package%s", r->result.deb_count, text_plural(r->result.deb_count));
	strbuf_printf(&line, " in %zu container%s, %zu file%s (", r->result.container_count, text_plural(r->result.container_count), files, text_plural(files));
	text_add_size(&line, bytes);
	strbuf_printf(&line, "), as of %s", strbuf_text(&date));
	if (r->unchanged)
		printf("unchanged since %s: %s\n", r->last_name, strbuf_text(&line));
	else
		printf("%s: %s\n", written ? "locked" : "would lock", strbuf_text(&line));
}

static void print_json(const struct relock *r, bool written)
{
	autostrbuf struct strbuf out = {0}, date = {0};
	const struct changes *changes = changes_of(r);
	struct json_writer w = {.out = &out};
	uint64_t bytes;
	size_t files = count_files(&r->result, &bytes);

	clock_add_rfc3339(&date, r->result.cut_off_unix);
	json_begin_object(&w, NULL);
	if (r->without_holds) {
		json_begin_array(&w, "without_holds");
		for (size_t i = 0; i < r->db->package_count; i++) {
			if (r->db->packages[i].hold)
				json_add_text(&w, NULL, r->db->packages[i].canonical);
		}
		json_end_array(&w);
	}
	json_add_text(&w, "last", r->last ? r->last_name : NULL);
	json_add_boolean(&w, "unchanged", r->unchanged);
	json_add_text(&w, "written", written ? WORKING_LOCK : NULL);
	json_add_text(&w, "cut_off", strbuf_text(&date));
	json_add_integer(&w, "packages", (int64_t)r->result.pin_count);
	json_add_integer(&w, "debian_packages", (int64_t)r->result.deb_count);
	json_add_integer(&w, "containers", (int64_t)r->result.container_count);
	json_add_integer(&w, "files", (int64_t)files);
	json_add_integer(&w, "bytes", (int64_t)bytes);
	if (changes)
		report_add_changes(&w, "changes", changes);
	else
		json_add_null(&w, "changes");
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static int lock_all(struct relock *r, struct error *err)
{
	bool dry_run = command_flag(r->call, "dry-run");
	autofd int lock_fd = -1;

	if (open_for_change(r->db->root, &lock_fd, err) < 0 || relock_read_last(r, err) < 0 || relock_resolve(r, err) < 0)
		return -1;
	if (!dry_run && working_lock_write(r->db->root, &r->result, NULL, err) < 0)
		return -1;
	if (r->call->format == FORMAT_JSON)
		print_json(r, !dry_run);
	else
		print_text(r, !dry_run);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct database db = {0};
	autorelock struct relock r = {.call = call, .db = &db};
	int code = relock_check_use(call);

	r.without_holds = db.without_holds = command_flag(call, "without-holds");
	if (code == EXIT_DONE && r.without_holds && !command_flag(call, "dry-run"))
		code = command_usage(call,
				     "'--without-holds' shows what the holds cost, and a lock that ignores them is not to be built: give '--dry-run' too");
	if (code == EXIT_DONE)
		code = open_database(call, &db, err) < 0 ? -1 : lock_all(&r, err);
	database_release(&db);
	return code;
}

static const struct option options[] = {
	RELOCK_OPTIONS,
	{"dry-run", 'n', NULL, false, "show the difference and write nothing"},
	{"without-holds", 0, NULL, false, "with --dry-run: as if recipes/python.yaml had no holds, to see what they cost"},
	{"engine", 'e', "NAME", false,
	 "for asking a base's image, and for building what tells only then what it requires: buildah, docker, podman or buildkit; the first that works when not given"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_lock = {
	.name = "lock",
	.section = "the maintainer",
	.arguments = "",
	.summary = "resolve the packages of all containers together",
	.description =
		"Resolves what all containers want at once, so that they agree, and writes every version, file and hash to .lockstep/lock.toml; shows what\n"
		"moved since the last release. What the last release has stays as it is unless a recipe forbids it or it is asked to move. A clash is\n"
		"explained by the constraints in recipes/ that bring it about.\n"
		"\n"
		"Debian packages of bases and layers are resolved by apt, from the archives this machine's apt knows, and locked in the same way. They move only\n"
		"with --upgrade-system, whatever their mirrors have. Where a base is an image of a registry, an engine is asked once what it has and which archives\n"
		"it names.\n"
		"\n"
		"With --at, nothing that was uploaded later is looked at: whatever is locked and newer than that goes back too, also beside --upgrade-package.\n"
		"Debian packages have no such date: those that are locked stay, and what is newly asked for is what the mirrors have now.\n"
		"\n"
		"examples\n"
		"  lockstep lock                            after a change of recipes\n"
		"  lockstep lock --upgrade-package numpy    move numpy, and what has to move with it\n"
		"  lockstep lock --upgrade --dry-run        what a move to the newest of everything would bring\n"
		"  lockstep lock --upgrade-system           take what Debian has mended since\n"
		"  lockstep lock --upgrade --at 2026-05-01  the newest of everything as it was on that day\n"
		"  lockstep lock --dry-run --without-holds  what would move if nothing were held; with --upgrade, beside everything else",
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
