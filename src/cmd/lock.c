#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/open.h"
#include "io/json.h"
#include "io/terminal.h"
#include "lock/lock_text.h"
#include "python/name.h"
#include "python/settings.h"
#include "recipe/database.h"
#include "release/release.h"
#include "resolve/resolve.h"
#include "resolve/working.h"

/* Everything one run opens; each is valid when zeroed. */
struct session {
	struct command_call *call;
	struct database db;
	struct settings settings;
	struct release release;
	struct lock working, result;
	const struct lock *last; /* what is preferred, or NULL */
	const char *last_name;   /* "v0.3", or how else it is called */
	struct diag d;
	int lock_fd;
};

static void close_session(struct session *s)
{
	lock_release(&s->result);
	lock_release(&s->working);
	release_free(&s->release);
	settings_release(&s->settings);
	database_release(&s->db);
	diag_release(&s->d);
	file_cleanup_fd(&s->lock_fd);
}

static void on_progress(void *context, const char *text)
{
	const struct session *s = context;
	autostrbuf struct strbuf safe = {0};
	const char *line;

	if (s->call->quiet)
		return;
	text_escape(&safe, text, strlen(text), 0);
	line = strbuf_text(&safe);
	if (terminal_is_live(stderr))
		terminal_block(&line, 1);
	else if (s->call->verbose)
		fprintf(stderr, "%s\n", line);
}

/* The newest release; before there is one, what was locked before. */
static int read_last(struct session *s, struct error *err)
{
	const char *root = s->db.root, *path = path_join(s->call->arena, root, WORKING_LOCK), *newest = NULL;
	autodiag struct diag ignored = {0};
	autoerror struct error unreadable = {0};

	if (release_newest(s->call->arena, root, &newest, err) < 0)
		return -1;
	if (newest) {
		if (release_read(&s->release, root, newest, err) < 0)
			return -1;
		s->last = &s->release.lock;
		s->last_name = newest;
	} else if (file_exists(path) && lock_read(&s->working, path, WORKING_LOCK, &ignored, &unreadable) == 0) {
		s->last = &s->working;
		s->last_name = WORKING_LOCK;
	}
	return 0;
}

static bool has_pin(const struct lock *lock, const char *name)
{
	for (size_t i = 0; lock && i < lock->pin_count; i++) {
		if (!strcmp(lock->pins[i].name, name))
			return true;
	}
	return false;
}

static int no_such_package(const struct session *s, const char *name, struct error *err)
{
	const char **names = NULL, *near;
	size_t count = 0;

	if (!s->last)
		return error_set(err, ERR_NOT_FOUND, "cannot upgrade '%s': nothing is locked yet", name);
	for (size_t i = 0; i < s->last->pin_count; i++)
		*arena_push(s->call->arena, &names, &count) = s->last->pins[i].name;
	near = text_nearest(name, names, count);
	error_set(err, ERR_NOT_FOUND, "cannot upgrade '%s': it is not in the last lock (%s)", name, s->last_name);
	return near ? error_hint(err, "did you mean '%s'?", near) : -1;
}

/* Canonical names, all of them locked. */
static int read_upgrades(struct session *s, const char *const **ret, struct error *err)
{
	const char **names = NULL;
	size_t count = 0;

	for (const char *const *given = command_values(s->call, "upgrade-package"); *given; given++) {
		const char *name = name_is_valid(*given) ? name_canonical(s->call->arena, *given) : *given;

		if (!has_pin(s->last, name))
			return no_such_package(s, name, err);
		*arena_push(s->call->arena, &names, &count) = name;
	}
	*arena_push(s->call->arena, &names, &count) = NULL;
	*ret = names;
	return 0;
}

static size_t count_files(const struct lock *lock, uint64_t *ret_bytes)
{
	size_t count = 0;

	*ret_bytes = 0;
	for (size_t i = 0; i < lock->pin_count; i++) {
		count += lock->pins[i].file_count;
		for (size_t j = 0; j < lock->pins[i].file_count; j++)
			*ret_bytes += lock->pins[i].files[j].size_bytes;
	}
	return count;
}

static bool same_as_last(const struct session *s)
{
	autostrbuf struct strbuf before = {0}, after = {0};

	if (!s->last)
		return false;
	lock_write(s->last, &before);
	lock_write(&s->result, &after);
	return !strcmp(strbuf_text(&before), strbuf_text(&after));
}

static void print_text(const struct session *s, bool unchanged, bool written)
{
	autostrbuf struct strbuf line = {0}, date = {0};
	uint64_t bytes;
	size_t files = count_files(&s->result, &bytes);

	clock_add_rfc3339(&date, s->result.cut_off_unix);
	strbuf_printf(&line, "%zu packages in %zu containers, %zu files (", s->result.pin_count, s->result.container_count, files);
	text_add_size(&line, bytes);
	strbuf_printf(&line, "), as of %s", strbuf_text(&date));
	if (unchanged)
		printf("unchanged since %s: %s\n", s->last_name, strbuf_text(&line));
	else
		printf("%s: %s\n", written ? "locked" : "would lock", strbuf_text(&line));
}

static void print_json(const struct session *s, bool unchanged, bool written)
{
	autostrbuf struct strbuf out = {0}, date = {0};
	struct json_writer w = {.out = &out};
	uint64_t bytes;
	size_t files = count_files(&s->result, &bytes);

	clock_add_rfc3339(&date, s->result.cut_off_unix);
	json_begin_object(&w, NULL);
	json_add_text(&w, "last", s->last ? s->last_name : NULL);
	json_add_boolean(&w, "unchanged", unchanged);
	json_add_text(&w, "written", written ? WORKING_LOCK : NULL);
	json_add_text(&w, "cut_off", strbuf_text(&date));
	json_add_integer(&w, "packages", (int64_t)s->result.pin_count);
	json_add_integer(&w, "containers", (int64_t)s->result.container_count);
	json_add_integer(&w, "files", (int64_t)files);
	json_add_integer(&w, "bytes", (int64_t)bytes);
	json_end_object(&w);
	printf("%s\n", strbuf_text(&out));
}

static int lock_all(struct session *s, struct resolve_options *options, struct error *err)
{
	bool dry_run = command_flag(s->call, "dry-run"), unchanged;
	int result;

	if (open_for_change(s->db.root, &s->lock_fd, err) < 0 || read_last(s, err) < 0 || read_upgrades(s, &options->upgrade_packages, err) < 0 ||
	    settings_read(&s->settings, s->db.root, err) < 0)
		return -1;
	result = resolve_lock(&s->db, &s->settings, s->last, options, &s->result, &s->d, err);
	open_print_problems(&s->d);
	if (result < 0)
		return -1;
	unchanged = same_as_last(s);
	if (!dry_run && working_lock_write(s->db.root, &s->result, NULL, err) < 0)
		return -1;
	if (s->call->format == FORMAT_JSON)
		print_json(s, unchanged, !dry_run);
	else
		print_text(s, unchanged, !dry_run);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct session s = {.call = call, .lock_fd = -1};
	struct resolve_options options = {.upgrade_all = command_flag(call, "upgrade"), .on_progress = on_progress, .context = &s};
	const char *at = command_value(call, "at");
	int code;

	if (at && (!clock_parse_rfc3339(at, &options.cut_off_unix) || options.cut_off_unix <= 0))
		return command_usage(call, "'--at %s' is neither a date (2026-05-01) nor a date and time (2026-05-01T12:00:00Z)", at);
	if (options.cut_off_unix > clock_now_unix())
		return command_usage(call, "'--at %s' is yet to come", at);
	code = open_database(call, &s.db, err) < 0 ? -1 : lock_all(&s, &options, err);
	close_session(&s);
	return code;
}

static const struct option options[] = {
	{"upgrade", 'U', NULL, false, "take the newest version of everything that the recipes allow"},
	{"upgrade-package", 'P', "NAME", true, "take the newest version of this package, and of others only what it needs"},
	{"at", 0, "DATE", false, "look at nothing that was uploaded at or after this date"},
	{"dry-run", 'n', NULL, false, "show the difference and write nothing"},
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
		"examples\n"
		"  lockstep lock                            after a change of recipes\n"
		"  lockstep lock --upgrade-package numpy    move numpy, and what has to move with it\n"
		"  lockstep lock --upgrade --dry-run        what a move to the newest of everything would bring\n"
		"  lockstep lock --upgrade --at 2026-05-01  the newest of everything as it was on that day",
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
