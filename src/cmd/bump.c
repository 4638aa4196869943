#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "build/build.h"
#include "cmd/building.h"
#include "cmd/engines.h"
#include "cmd/inspect.h"
#include "cmd/making.h"
#include "cmd/open.h"
#include "cmd/publishing.h"
#include "cmd/relock.h"
#include "debian/system.h"
#include "diff/diff.h"
#include "cmd/fetching.h"
#include "io/json.h"
#include "io/terminal.h"
#include "lock/lock_text.h"
#include "release/make.h"
#include "release/tags.h"
#include "render/committed.h"
#include "report/build_display.h"
#include "report/report.h"
#include "lock/working.h"

/* Everything one bump holds; zeroed but for lock_fd is valid. */
struct bump {
	struct command_call *call;
	struct database db;
	struct relock relock;
	struct lock working;     /* what an earlier `lock` or bump left, where it is gone on with */
	const struct lock *lock; /* the one that is built: the last release's, the working one, or the new one */
	const char *name;        /* of the release this may make */
	struct tags tags;
	struct engine engine;
	struct rendered_file *rendered;
	size_t rendered_count;
	bool same_lock, same_files, same_tags; /* as the last release has them */
	struct inspect inspect;
	struct build_outcome built;
	struct fetch_result fetched;
	struct publishing publishing;
	int lock_fd;
	int64_t began_ms;
};

static void bump_release(struct bump *b)
{
	publishing_release(&b->publishing);
	inspect_release(&b->inspect);
	tags_release(&b->tags);
	lock_release(&b->working);
	relock_release(&b->relock);
	database_release(&b->db);
	file_cleanup_fd(&b->lock_fd);
}

static const char *last_name(const struct bump *b)
{
	return b->relock.release.name;
}

/* "== text", so that the phases of a long run can be found again in its output. */
static void say(const struct bump *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct bump *b, const char *format, ...)
{
	autostrbuf struct strbuf text = {0}, line = {0};
	va_list args;

	if (b->call->quiet)
		return;
	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	strbuf_printf(&line, "%s==%s ", terminal_begin(stderr, COLOR_BOLD), terminal_end(stderr));
	text_escape(&line, strbuf_text(&text), text.length, 0);
	terminal_line(strbuf_text(&line));
}

/* Whatever can be said to be wrong before anything is resolved or built is said here. */
static int prepare(struct bump *b, struct error *err)
{
	autodiag struct diag d = {0};
	struct committed_file *files;
	size_t count;

	if (open_database(b->call, &b->db, err) < 0 || open_for_change(b->db.root, &b->lock_fd, err) < 0)
		return -1;
	b->relock.call = b->call;
	b->relock.db = &b->db;
	if (tags_read(&b->tags, &b->db, &d, err) < 0) {
		open_print_problems(&d);
		return error_wrap(err, "the image tags cannot be moved");
	}
	if (relock_read_last(&b->relock, err) < 0 || release_check_latest(b->db.root, err) < 0 ||
	    render_files(b->call->arena, &b->db, &b->rendered, &b->rendered_count, err) < 0 ||
	    committed_compare(b->call->arena, &b->db, &files, &count, err) < 0)
		return -1;
	b->name = release_next_name(b->call->arena, last_name(b), b->db.project.first_release);
	b->same_files = true;
	for (size_t i = 0; i < count; i++)
		b->same_files = b->same_files && (files[i].state == COMMITTED_SAME || files[i].state == COMMITTED_STALE);
	b->same_tags = last_name(b) && tags_are_at(&b->tags, last_name(b));
	return engines_find(b->call, &b->db, &b->engine, err);
}

/* The lock of an earlier run that made no release of it, when it still fits the database. */
static bool take_working(struct bump *b, const char *digest)
{
	autodiag struct diag ignored = {0};
	autoerror struct error unreadable = {0};
	const char *path = path_join(b->call->arena, b->db.root, WORKING_LOCK);

	if (!file_exists(path) || lock_read(&b->working, path, WORKING_LOCK, &ignored, &unreadable) < 0 || !text_equal(b->working.inputs, digest) ||
	    !system_is_complete(&b->db, &b->working))
		return false;
	b->lock = &b->working;
	return true;
}

/* The same but for its cut-off date, which alone makes no release. */
static bool is_release_lock(const struct bump *b, const struct lock *lock)
{
	struct lock dated = *lock;

	dated.cut_off_unix = b->relock.release.lock.cut_off_unix;
	return last_name(b) && lock_equal(&dated, &b->relock.release.lock);
}

/* Chooses the lock: nothing is resolved when nothing was asked to move and what was locked fits the database as it is. */
static int lock(struct bump *b, struct error *err)
{
	char digest[DIGEST_HEX_LENGTH + 1];
	bool asked = relock_is_asked(b->call);

	database_digest(&b->db, digest);
	if (!asked && take_working(b, digest)) {
		say(b, "going on with the lock in %s", WORKING_LOCK);
	} else if (!asked && last_name(b) && text_equal(b->relock.release.lock.inputs, digest) && system_is_complete(&b->db, &b->relock.release.lock)) {
		b->lock = &b->relock.release.lock;
	} else {
		say(b, "locking the packages of %zu container%s together", b->db.container_count, text_plural(b->db.container_count));
		if (relock_resolve(&b->relock, err) < 0)
			return -1;
		b->lock = &b->relock.result;
	}
	b->same_lock = is_release_lock(b, b->lock);
	if (b->same_lock)
		b->lock = &b->relock.release.lock;
	/* Kept, so that a run that is stopped is gone on with where it was; what was kept already has its addresses beside it, and would lose them. */
	if (!b->same_lock && b->lock != &b->working && !command_flag(b->call, "dry-run"))
		return working_lock_write(b->db.root, b->lock, NULL, err);
	return 0;
}

/* What moves, before anything is built; for programs only where that is all they get. */
static void show_changes(const struct bump *b)
{
	autostrbuf struct strbuf out = {0};
	bool dry_run = command_flag(b->call, "dry-run"), json = b->call->format == FORMAT_JSON;
	struct report_options options = {.format = json ? REPORT_JSON : REPORT_TEXT, .stream = stdout};

	if (json ? !dry_run : b->same_lock || (b->call->quiet && !dry_run))
		return;
	terminal_block(NULL, 0);
	report_changes(changes_between_locks(b->call->arena, last_name(b), last_name(b) ? &b->relock.release.lock : NULL, b->name, b->lock, NULL), &options,
		       &out);
	fputs(strbuf_text(&out), stdout);
	fflush(stdout);
}

static const char *image_name(const struct bump *b, const struct container *c, const char *release)
{
	return arena_printf(b->call->arena, "%s/%s:%s", b->db.project.repository, c->name, release);
}

/* Whether the engine has every image of the last release. */
static bool has_images(struct bump *b)
{
	for (size_t i = 0; i < b->db.container_count; i++) {
		autoerror struct error ignored = {0};
		struct engine_image image;

		if (b->engine.driver->inspect(&b->engine, image_name(b, &b->db.containers[i], last_name(b)), &image, &ignored) < 0)
			return false;
	}
	return true;
}

/* The last release's own lock stays as it is. */
static int own_lock(struct bump *b, struct lock **ret, struct error *err)
{
	autodiag struct diag ignored = {0};
	autostrbuf struct strbuf text = {0};

	if (b->lock == &b->relock.release.lock) {
		lock_write(b->lock, &text);
		lock_release(&b->working);
		if (lock_parse(&b->working, WORKING_LOCK, strbuf_text(&text), text.length, &ignored, err) < 0)
			return -1;
		b->lock = &b->working;
	}
	*ret = b->lock == &b->working ? &b->working : &b->relock.result;
	return 0;
}

/* What the lock has only as source is built before it is looked at any further, as the lock then says what came out. */
static int build_wheels(struct bump *b, struct error *err)
{
	const char *jobs = command_value(b->call, "jobs");
	struct making m = {.call = b->call, .db = &b->db, .settings = &b->relock.settings, .engine = &b->engine};
	struct wheels_outcome outcome;
	struct lock *own;
	uint64_t at_once = 0;

	if (!wheels_are_wanted(b->lock))
		return 0;
	if (jobs)
		text_to_u64(jobs, &at_once);
	m.at_once = (unsigned)at_once;
	if (own_lock(b, &own, err) < 0 || making_wheels(&m, own, &outcome, err) < 0)
		return -1;
	if (outcome.built)
		say(b, "built %zu wheel%s from source with %s", outcome.built, outcome.built == 1 ? "" : "s", b->engine.driver->name);
	b->same_lock = is_release_lock(b, own);
	return 0;
}

static int fetch(struct bump *b, struct error *err)
{
	struct fetch_options options = {.project = &b->db.project, .bonds = &b->db, .progress = !b->call->quiet};

	say(b, "fetching what is not in the store yet");
	if (fetching_run(b->call, &b->db, b->lock, &b->relock.settings, &options, &b->fetched, err) < 0 || build_wheels(b, err) < 0)
		return -1;
	return fetching_check_closed(b->lock, err);
}

/* Before anything is built. */
static int check_wheels(struct bump *b, struct error *err)
{
	const struct container **containers = arena_array(b->call->arena, b->db.container_count + 1, sizeof(*containers));

	for (size_t i = 0; i < b->db.container_count; i++)
		containers[i] = &b->db.containers[i];
	return inspect_wheels(b->call, &b->db, b->lock, containers, b->db.container_count, err);
}

static int build(struct bump *b, struct error *err)
{
	struct build_display display = {.quiet = b->call->quiet, .verbose = b->call->verbose};
	struct work_watch watch = build_display_watch(&display);
	struct build_request request = {.db = &b->db, .lock = b->lock, .engine = &b->engine, .watch = &watch};

	building_request(b->call, &request);
	if (building_layers(b->call, &b->db, last_name(b) ? &b->relock.release : NULL, &request, err) < 0)
		return -1;
	if (command_flag(b->call, "explain")) {
		autostrbuf struct strbuf text = {0};
		struct build_plan plan;

		if (build_plan_of(b->call->arena, &request, &plan, err) < 0)
			return -1;
		build_plan_explain(&plan, &text);
		open_print_notes(&text);
	}
	say(b, "building with %s %s", b->engine.driver->name, b->engine.version);
	if (b->engine.note)
		say(b, "%s", b->engine.note);
	int result = build_containers(b->call->arena, &request, &b->built, err);

	build_display_release(&display);
	return result;
}

static int look_inside(struct bump *b, struct error *err)
{
	struct inspect *i = &b->inspect;

	i->count = b->built.image_count;
	i->containers = arena_array(b->call->arena, i->count, sizeof(*i->containers));
	i->images = arena_array(b->call->arena, i->count, sizeof(*i->images));
	i->snapshots = arena_array(b->call->arena, i->count, sizeof(*i->snapshots));
	for (size_t n = 0; n < i->count; n++) {
		i->containers[n] = b->built.images[n].container;
		i->images[n] = b->built.images[n].tag;
	}
	say(b, "asking the images what is in them");
	i->verifies = true;
	if (inspect_snapshot(i, b->call, &b->db, &b->engine, last_name(b) ? &b->relock.release : NULL, err) < 0)
		return -1;
	for (size_t n = 0; n < i->count; n++)
		building_note_layers(&b->built.images[n], &i->snapshots[n]);
	say(b, "verifying: lock, images and each other");
	inspect_verify(i, b->call, &b->db, b->lock, &b->engine, true, NULL,
		       relation_find("declared")->bit | relation_find("installed")->bit | relation_find("agree")->bit);
	for (size_t n = 0; n < i->results.count; n++) {
		inspect_print(&i->results.items[n], 0, stderr);
		if (i->results.items[n].state == RELATION_UNKNOWN) {
			error_move(err, &i->results.items[n].err);
			return -1;
		}
	}
	size_t count = relation_results_errors(&i->results);

	if (!count)
		return 0;
	error_set(err, ERR_DRIFT, "nothing is released: %zu finding%s in the images", count, count == 1 ? "" : "s");
	return error_hint(err, "'lockstep build --explain' tells what was built and why; the last release is as it was");
}

/* The images under the names a release gives them. After the release itself: a run that is stopped in between finds them missing and gives them again. */
static int tag_images(struct bump *b, const char *release, struct error *err)
{
	for (size_t i = 0; i < b->inspect.count; i++) {
		if (b->engine.driver->tag(&b->engine, b->inspect.images[i], image_name(b, b->inspect.containers[i], release), err) < 0)
			return -1;
	}
	return 0;
}

/* What was built here may be what the last release has already: then nothing has to be released, the images only had to be made on this machine. */
static bool same_content(struct bump *b)
{
	struct release made = {.name = b->name, .lock = *b->lock, .snapshots = b->inspect.snapshots, .snapshot_count = b->inspect.count};

	return b->same_lock && b->same_files && b->same_tags && !changes_any(changes_between_releases(b->call->arena, &b->relock.release, &made, NULL));
}

static int release(struct bump *b, struct error *err)
{
	autodiag struct diag d = {0};
	autostrbuf struct strbuf notes = {0};

	say(b, "releasing %s", b->name);
	int result = release_make(&b->db, b->lock, b->inspect.snapshots, b->inspect.count, b->rendered, b->rendered_count, b->name, &d, &notes, err);

	open_print_problems(&d);
	open_print_notes(&notes);
	if (result < 0)
		return -1;
	if (tag_images(b, b->name, err) == 0)
		return 0;
	error_wrap(err, "%s is released, but its images have not got their names yet", b->name);
	return error_hint(err, "'lockstep bump' gives them");
}

static void json_outcome(const struct bump *b, const char *outcome, const char *release_name)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "outcome", outcome);
	json_add_text(&w, "release", release_name);
	json_add_text(&w, "previous", last_name(b));
	json_add_text(&w, "engine", b->engine.driver->name);
	json_add_integer(&w, "fetched_bytes", (int64_t)b->fetched.fetched_bytes);
	json_add_integer(&w, "built", (int64_t)b->built.built_count);
	json_begin_array(&w, "images");
	for (size_t i = 0; i < b->inspect.count; i++) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "container", b->inspect.containers[i]->name);
		json_add_text(&w, "image", image_name(b, b->inspect.containers[i], release_name));
		json_add_text(&w, "image_id", b->inspect.snapshots[i].image_id);
		json_add_integer(&w, "packages", (int64_t)b->inspect.snapshots[i].package_count);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static void print_outcome(const struct bump *b, const char *outcome, const char *release_name)
{
	int64_t seconds = (clock_monotonic_ms() - b->began_ms) / 1000;

	if (b->call->format == FORMAT_JSON) {
		json_outcome(b, outcome, release_name);
		return;
	}
	if (!strcmp(outcome, "nothing to do"))
		printf("nothing to do: %s is what the database says, and its images are in %s\n", release_name, b->engine.driver->name);
	else if (!strcmp(outcome, "rebuilt"))
		printf("%s holds: its images were built here in %" PRId64 " s, verified, and contain what it says\n", release_name, seconds);
	else
		printf("released %s in %" PRId64 " s: %zu container%s built, verified and pinned together\n", release_name, seconds, b->inspect.count,
		       text_plural(b->inspect.count));
	for (size_t i = 0; i < b->inspect.count; i++)
		printf("  %s  %zu Python packages, %zu Debian packages\n", image_name(b, b->inspect.containers[i], release_name),
		       b->inspect.snapshots[i].package_count, b->inspect.snapshots[i].system_count);
}

static bool nothing_to_do(struct bump *b)
{
	return b->same_lock && b->same_files && b->same_tags && !command_flag(b->call, "fresh-bases") && has_images(b);
}

/* The changes of the lock are shown already; what a bump would be for beside them. */
static void print_dry_run(const struct bump *b)
{
	const char *why = !b->same_files                         ? "rendered files are not what the database says"
			  : !b->same_tags                        ? "the tags are not at the last release"
			  : command_flag(b->call, "fresh-bases") ? "the bases would be made again"
								 : "the engine has not all of its images";

	if (b->same_lock && b->call->format != FORMAT_JSON)
		printf("no package would move since %s, but %s\n", last_name(b), why);
}

static int work(struct bump *b, struct error *err)
{
	bool dry_run = command_flag(b->call, "dry-run");

	if (prepare(b, err) < 0 || lock(b, err) < 0)
		return -1;
	show_changes(b);
	if (nothing_to_do(b)) {
		if (!dry_run && publishing_bumped(&b->publishing, b->call, &b->db, &b->engine, last_name(b), err) < 0)
			return -1;
		if (!dry_run || b->call->format != FORMAT_JSON)
			print_outcome(b, "nothing to do", last_name(b));
		return EXIT_DONE;
	}
	if (dry_run) {
		print_dry_run(b);
		return EXIT_DONE;
	}
	if (fetch(b, err) < 0 || check_wheels(b, err) < 0 || build(b, err) < 0 || look_inside(b, err) < 0)
		return -1;
	if (same_content(b)) {
		if (tag_images(b, last_name(b), err) < 0 || publishing_bumped(&b->publishing, b->call, &b->db, &b->engine, last_name(b), err) < 0)
			return -1;
		print_outcome(b, "rebuilt", last_name(b));
		return EXIT_DONE;
	}
	if (release(b, err) < 0 || publishing_bumped(&b->publishing, b->call, &b->db, &b->engine, b->name, err) < 0)
		return -1;
	print_outcome(b, "released", b->name);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct bump b = {.call = call, .lock_fd = -1, .began_ms = clock_monotonic_ms()};
	int code = relock_check_use(call);

	if (code == EXIT_DONE)
		code = building_check_use(call);
	if (code == EXIT_DONE)
		code = work(&b, err);
	bump_release(&b);
	return code;
}

static const struct option options[] = {
	RELOCK_OPTIONS,
	BUILDING_OPTIONS,
	{"explain", 0, NULL, false, "say of each stage why it is built"},
	{"publish", 0, NULL, false, "publish the release, as 'lockstep publish' does"},
	{"dry-run", 'n', NULL, false, "lock, show what would move, and stop; as JSON what 'lockstep diff' prints"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_bump = {
	.name = "bump",
	.section = "the maintainer",
	.arguments = "",
	.summary = "lock, build, verify and release all containers together",
	.description =
		"The whole way: locks the packages of all containers at once, shows what moves since the last release, fetches every file by hash, builds the\n"
		"containers, asks the images what is in them, verifies that against the lock, and makes a release: lockfiles/, the rendered files and the tags "
		"in\n"
		"the Jenkinsfile move together, or not at all. A run that fails or is stopped leaves the last release as it was; the next one goes on from "
		"what\n"
		"was finished. With nothing to do it says so and writes nothing.\n"
		"\n"
		"examples\n"
		"  lockstep bump                              after a change of recipes\n"
		"  lockstep bump --upgrade-package numpy      move numpy, and what has to move with it\n"
		"  lockstep bump --upgrade-system             take what Debian has mended since\n"
		"  lockstep bump --upgrade --dry-run          what a move to the newest of everything would bring",
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
