#include "cmd/relock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cmd/engines.h"
#include "cmd/making.h"
#include "cmd/open.h"
#include "debian/system.h"
#include "io/terminal.h"
#include "lock/lock_text.h"
#include "python/name.h"
#include "report/problems.h"
#include "resolve/archives.h"
#include "lock/working.h"

void relock_release(struct relock *r)
{
	lock_release(&r->result);
	lock_release(&r->working);
	release_free(&r->release);
	settings_release(&r->settings);
}

static void on_progress(void *context, const char *text)
{
	const struct relock *r = context;
	autostrbuf struct strbuf safe = {0};
	const char *line;

	if (r->call->quiet)
		return;
	text_escape(&safe, text, strlen(text), 0);
	line = strbuf_text(&safe);
	if (terminal_is_live(stderr))
		terminal_block(&line, 1);
	else if (r->call->verbose)
		fprintf(stderr, "%s\n", line);
}

static void on_split(void *context, const char *text)
{
	const struct relock *r = context;
	autostrbuf struct strbuf safe = {0};

	if (r->call->quiet)
		return;
	strbuf_add(&safe, "note: ");
	text_escape(&safe, text, strlen(text), 0);
	terminal_line(strbuf_text(&safe));
}

/* The newest release; before there is one, what was locked before. */
int relock_read_last(struct relock *r, struct error *err)
{
	const char *root = r->db->root, *path = path_join(r->call->arena, root, WORKING_LOCK), *newest = NULL;
	autodiag struct diag ignored = {0};
	autoerror struct error unreadable = {0};

	if (settings_read(&r->settings, root, err) < 0 || release_newest(r->call->arena, root, &newest, err) < 0)
		return -1;
	if (newest) {
		if (release_read(&r->release, root, newest, err) < 0)
			return -1;
		r->last = &r->release.lock;
		r->last_name = newest;
	} else if (file_exists(path) && lock_read(&r->working, path, WORKING_LOCK, &ignored, &unreadable) == 0) {
		r->last = &r->working;
		r->last_name = WORKING_LOCK;
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

static int no_such_package(const struct relock *r, const char *name, struct error *err)
{
	const char **names = NULL;
	size_t count = 0;

	if (!r->last)
		return error_set(err, ERR_NOT_FOUND, "cannot upgrade '%s': nothing is locked yet", name);
	for (size_t i = 0; i < r->last->pin_count; i++)
		*arena_push(r->call->arena, &names, &count) = r->last->pins[i].name;
	error_set(err, ERR_NOT_FOUND, "cannot upgrade '%s': it is not in the last lock (%s)", name, r->last_name);
	return error_hint_nearest(err, name, names, count);
}

/* What a hold keeps back stays where it is, by preference, also without the hold: to see what the hold costs it must be free to move. */
static void add_held(struct relock *r, const char ***names, size_t *count)
{
	for (size_t i = 0; r->without_holds && i < r->db->package_count; i++) {
		const struct package *p = &r->db->packages[i];

		if (p->hold && has_pin(r->last, p->canonical))
			*arena_push(r->call->arena, names, count) = p->canonical;
	}
}

/* Canonical names, all of them locked. */
static int read_upgrades(struct relock *r, const char *const **ret, struct error *err)
{
	const char **names = NULL;
	size_t count = 0;

	for (const char *const *given = command_values(r->call, "upgrade-package"); *given; given++) {
		const char *name = name_is_valid(*given) ? name_canonical(r->call->arena, *given) : *given;

		if (!has_pin(r->last, name))
			return no_such_package(r, name, err);
		*arena_push(r->call->arena, &names, &count) = name;
	}
	add_held(r, &names, &count);
	*arena_push(r->call->arena, &names, &count) = NULL;
	*ret = names;
	return 0;
}

/* A day is looked at to its end, as uv does it, but by UTC wherever this runs; of today what there is by now. */
static bool read_cut_off(const char *at, int64_t *ret_unix)
{
	enum { DAY_LENGTH = sizeof("2026-05-01") - 1, DAY_S = 24 * 60 * 60 };
	int64_t now_unix = clock_now_unix();

	if (!clock_parse_rfc3339(at, ret_unix))
		return false;
	if (strlen(at) == DAY_LENGTH && *ret_unix <= now_unix)
		*ret_unix = *ret_unix + DAY_S < now_unix ? *ret_unix + DAY_S : now_unix;
	return true;
}

int relock_check_use(const struct command_call *call)
{
	const char *at = command_value(call, "at");
	int64_t at_unix;

	if (at && (!read_cut_off(at, &at_unix) || at_unix <= 0))
		return command_usage(call, "'--at %s' is neither a date (2026-05-01) nor a date and time (2026-05-01T12:00:00Z)", at);
	if (at && at_unix > clock_now_unix()) {
		autostrbuf struct strbuf now = {0};

		clock_add_rfc3339(&now, clock_now_unix());
		return command_usage(call, "'--at %s' is yet to come: it is %s", at, strbuf_text(&now));
	}
	return EXIT_DONE;
}

bool relock_is_asked(const struct command_call *call)
{
	return command_flag(call, "upgrade") || command_flag(call, "upgrade-package") || command_flag(call, "upgrade-system") || command_flag(call, "at");
}

static void print_problems_json(struct diag *d)
{
	autostrbuf struct strbuf json = {0};

	problems_add_json(d, &json);
	fputs(strbuf_text(&json), stdout);
}

/* Archives and Debian packages, these with what reaches this machine's mirrors. */
static int resolve_system(struct relock *r, struct lock *lock, struct diag *d, struct error *err)
{
	const char *own = getenv("SSL_CERT_FILE");
	struct engines_use use = {r->call, r->db};
	const struct system_options options = {
		.upgrade = command_flag(r->call, "upgrade-system"),
		.open_engine = engines_open,
		.open_context = &use,
		.ca_file = own && *own ? own : r->settings.ca_file,
		.on_progress = on_progress,
		.context = r,
	};

	if (archives_lock(r->db, &r->settings, r->last, lock, err) < 0)
		return -1;
	lock_sort(lock);
	return system_lock(r->db, r->last, &options, lock, d, err);
}

/* So that what is built while locking is built on the stages that are built later. */
static int lock_system(void *context, struct lock *lock, struct error *err)
{
	autodiag struct diag d = {0};
	int result = resolve_system(context, lock, &d, err);

	open_print_problems(&d);
	return result;
}

static struct making making_of(struct relock *r)
{
	return (struct making){.call = r->call, .db = r->db, .settings = &r->settings, .engine = &r->engine};
}

static int have(void *context, struct pin *pin, const char **ret_path, struct error *err)
{
	const struct making m = making_of(context);

	return making_fetch(&m, pin, ret_path, err);
}

static int build(void *context, const struct lock *lock, struct pin *pin, struct lock_file *ret_wheel, const char **ret_path, struct error *err)
{
	struct relock *r = context;
	struct making m = making_of(r);

	if (making_has(&m, pin, ret_wheel, ret_path))
		return 0;
	m.lock_system = lock_system;
	m.context = r;
	on_progress(r, arena_printf(r->call->arena, "building %s %s, as only that tells what it requires", pin->name, pin->version));
	if (!r->engine.driver && engines_find(r->call, r->db, &r->engine, err) < 0)
		return error_wrap(err, "what it requires is known only when it is built, and there is no engine to build it with");
	return making_one(&m, lock, pin, ret_wheel, ret_path, err);
}

static bool has_deb(const struct lock *lock, const struct lock_deb *deb)
{
	for (size_t i = lock ? lock_first_deb(lock, deb->name) : 0; lock && i < lock->deb_count && !strcmp(lock->debs[i].name, deb->name); i++) {
		if (text_equal(lock->debs[i].sha256, deb->sha256))
			return true;
	}
	return false;
}

/* Archives of Debian packages say nothing of what they had on a day, so what was locked is all that can be kept of the past. */
static void tell_of_cut_off(struct relock *r)
{
	size_t kept = 0, taken = 0;
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < r->result.deb_count; i++) {
		if (lock_deb_has_file(&r->result.debs[i]))
			++*(has_deb(r->last, &r->result.debs[i]) ? &kept : &taken);
	}
	if (!kept && !taken)
		return;
	strbuf_add(&text, "--at does not reach Debian packages, as apt has no cut-off: ");
	if (kept)
		strbuf_printf(&text, "%zu stay%s as locked", kept, kept == 1 ? "s" : "");
	if (taken)
		strbuf_printf(&text, "%s%zu %s what the mirrors have now", kept ? ", " : "", taken, taken == 1 ? "is" : "are");
	on_split(r, strbuf_text(&text));
}

int relock_resolve(struct relock *r, struct error *err)
{
	autodiag struct diag d = {0};
	struct resolve_options options = {.upgrade_all = command_flag(r->call, "upgrade"),
					  .without_holds = r->without_holds,
					  .on_progress = on_progress,
					  .on_split = on_split,
					  .context = r,
					  .have = have,
					  .build = build};
	const char *at = command_value(r->call, "at");

	if (at)
		read_cut_off(at, &options.cut_off_unix);
	if (read_upgrades(r, &options.upgrade_packages, err) < 0)
		return -1;
	int result = resolve_lock(r->db, &r->settings, r->last, &options, &r->result, &d, err);

	if (result == 0)
		result = resolve_system(r, &r->result, &d, err);
	if (r->call->format == FORMAT_JSON && result < 0 && d.problem_count)
		print_problems_json(&d);
	else
		open_print_problems(&d);
	if (result == 0 && at)
		tell_of_cut_off(r);
	if (result == 0)
		r->unchanged = r->last && lock_equal(r->last, &r->result);
	return result;
}
