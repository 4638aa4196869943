#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "cmd/engines.h"
#include "cmd/open.h"
#include "debian/question.h"
#include "engine/buildkit.h"
#include "io/http.h"
#include "io/json.h"
#include "io/terminal.h"
#include "lock/current.h"
#include "python/settings.h"
#include "release/release.h"
#include "release/tags.h"
#include "resolve/search.h"

enum state { STATE_OK, STATE_NOTE, STATE_MISSING };

struct row {
	const char *subject;
	enum state state;
	const char *text; /* what was seen */
	const char *mend; /* the command or change that mends it, or NULL */
};

struct doctor {
	struct arena *arena;
	const struct command_call *call;
	struct database db;
	bool has_database;
	struct row *rows;
	size_t row_count;
};

static void add(struct doctor *d, const char *subject, enum state state, const char *text, const char *mend)
{
	*arena_push(d->arena, &d->rows, &d->row_count) = (struct row){subject, state, arena_strdup(d->arena, text), mend ? arena_strdup(d->arena, mend) : NULL};
}

/* The error's first line is what was seen; its further lines say what to do, and so may its end, which is not said twice. */
static void add_error(struct doctor *d, const char *subject, enum state state, const struct error *err, const char *mend)
{
	size_t first = strcspn(err->text, "\n");
	const char *end = mend ? arena_printf(d->arena, "; run '%s'", mend) : "", *hint = err->text[first] ? err->text + first + 1 : mend;

	if (text_ends_with(err->text, end))
		first -= strlen(end);
	add(d, subject, state, arena_strndup(d->arena, err->text, first), hint);
}

static void check_project(struct doctor *d)
{
	autoerror struct error err = {0};
	autodiag struct diag problems = {0};
	char *root;

	if (open_root(d->call, &root, &err) < 0 || database_load(&d->db, root, &problems, &err) < 0) {
		add_error(d, "project", STATE_MISSING, &err, NULL);
		return;
	}
	d->has_database = !problems.error_count;
	if (problems.error_count)
		add(d, "project", STATE_MISSING,
		    arena_printf(d->arena, "%s: %zu error%s in the database", root, problems.error_count, text_plural(problems.error_count)), "lockstep check");
	else
		add(d, "project", STATE_OK,
		    arena_printf(d->arena, "%s: '%s', %zu container%s, %zu package%s declared", root, d->db.project.name, d->db.container_count,
				 text_plural(d->db.container_count), d->db.package_count, text_plural(d->db.package_count)),
		    NULL);
}

static void check_resolver(struct doctor *d, struct settings *settings)
{
	autoerror struct error err = {0};
	autodiag struct diag problems = {0};
	struct search search = {0};

	if (!d->has_database)
		return;
	if (search_find(d->arena, &d->db, settings, &problems, &search, &err) < 0)
		add_error(d, "resolver", STATE_MISSING, &err, search.by->missing_hint);
	else
		add(d, "resolver", STATE_OK, arena_printf(d->arena, "%s %s, %s", search.by->name, search.version, search.program), NULL);
}

static void check_engines(struct doctor *d)
{
	bool any = false;
	size_t first = d->row_count;

	for (size_t i = 0; engine_names[i]; i++) {
		autoerror struct error err = {0};
		struct engine e = {0};

		if (engine_find(d->arena, engine_names[i], &e, &err) < 0) {
			add_error(d, "engine", STATE_NOTE, &err, NULL);
			continue;
		}
		any = true;
		add(d, "engine", STATE_OK, arena_printf(d->arena, "%s %s, %s", e.driver->name, e.version, e.program), NULL);
		if (e.note)
			add(d, "engine", STATE_NOTE, e.note, NULL);
	}
	/* One engine is enough; without any, each of them is missing. */
	for (size_t i = first; i < d->row_count && !any; i++)
		d->rows[i].state = STATE_MISSING;
}

/* Those of recipes/project.yaml. One that cannot be used is missed by nobody while another can. */
static void check_workers(struct doctor *d)
{
	autoerror struct error err = {0};
	struct engine e = {.arena = d->arena};
	size_t count = 0;
	struct buildkit_address *addresses = d->has_database ? engines_workers(d->arena, &d->db, NULL, &count) : NULL;

	if (!count)
		return;
	enum state otherwise = buildkit_open_workers(&e, addresses, count, ENGINES_JOBS_OTHERWISE, &err) < 0 ? STATE_MISSING : STATE_NOTE;

	for (size_t i = 0; i < count; i++) {
		const struct engine_worker *w = &e.workers[i];

		if (w->gone)
			add(d, "worker", otherwise, arena_printf(d->arena, "%s: %s", w->address, w->gone),
			    "start its buildkitd, or take it out of 'workers' in recipes/project.yaml");
		else
			add(d, "worker", STATE_OK,
			    arena_printf(d->arena, "%s: BuildKit %s, %u build%s at once", w->address, w->engine.version, w->slots, text_plural(w->slots)),
			    NULL);
	}
}

static bool is_installed_on(const struct database *db, const struct base *base)
{
	for (size_t i = 0; i < db->container_count; i++) {
		if (db->containers[i].base == base && system_is_asked(&db->containers[i]))
			return true;
	}
	return false;
}

static void check_bases(struct doctor *d)
{
	autofree char *program = process_find("mmdebstrap"), *apt = process_find("apt-get");
	bool unlocked = text_equal(getenv("LOCKSTEP_SYSTEM_PACKAGES"), "unlocked");

	if (d->has_database && unlocked)
		add(d, "apt", STATE_NOTE, "LOCKSTEP_SYSTEM_PACKAGES is 'unlocked': Debian packages are left out of the lock", NULL);
	for (size_t i = 0; d->has_database && i < d->db.base_count; i++) {
		bool is_tree = d->db.bases[i].source == BASE_MMDEBSTRAP;

		if (!is_tree && !is_installed_on(&d->db, &d->db.bases[i]))
			continue;
		if (is_tree && program)
			add(d, "mmdebstrap", STATE_OK, arena_printf(d->arena, "%s, for base '%s'", program, d->db.bases[i].name), NULL);
		else if (is_tree)
			add(d, "mmdebstrap", STATE_MISSING, arena_printf(d->arena, "not found; base '%s' is made with it", d->db.bases[i].name),
			    "apt-get install mmdebstrap");
		if (apt)
			add(d, "apt", STATE_OK, arena_printf(d->arena, "%s, for the Debian packages of base '%s'", apt, d->db.bases[i].name), NULL);
		else
			add(d, "apt", STATE_MISSING,
			    arena_printf(d->arena, "apt-get not found; it resolves the Debian packages of base '%s'", d->db.bases[i].name),
			    "lock on a Debian machine; a lock that has them builds anywhere");
	}
}

static void check_indexes(struct doctor *d)
{
	autoerror struct error err = {0};
	struct settings s = {0};

	if (settings_read(&s, d->db.root ? d->db.root : ".", &err) < 0) {
		add_error(d, "settings", STATE_MISSING, &err, NULL);
		settings_release(&s);
		return;
	}
	check_resolver(d, &s);
	for (size_t i = 0; i < s.index_count; i++) {
		autofree char *url = s.indexes[i].url ? http_redacted(s.indexes[i].url) : mem_strdup("the one built into pip and uv");

		add(d, "index", STATE_OK, arena_printf(d->arena, "'%s' is %s (%s)", s.indexes[i].alias, url, s.indexes[i].from), NULL);
	}
	if (s.ca_file && access(s.ca_file, R_OK) < 0)
		add(d, "certificates", STATE_MISSING, arena_printf(d->arena, "'%s' cannot be read", s.ca_file), "set SSL_CERT_FILE to a bundle that is there");
	else if (s.ca_file)
		add(d, "certificates", STATE_OK, s.ca_file, NULL);
	settings_release(&s);
}

static void check_tags(struct doctor *d)
{
	autoerror struct error err = {0};
	autodiag struct diag problems = {0};
	autotags struct tags tags = {0};

	if (!d->has_database)
		return;
	if (tags_read(&tags, &d->db, &problems, &err) == 0) {
		add(d, "tags", STATE_OK, arena_printf(d->arena, "%zu in %zu file%s", tags.place_count, tags.file_count, text_plural(tags.file_count)), NULL);
		return;
	}
	diag_sort(&problems);
	for (size_t i = 0; i < problems.problem_count; i++)
		add(d, "tags", STATE_MISSING,
		    arena_printf(d->arena, "%s:%u: %s", problems.problems[i].pos.file, problems.problems[i].pos.line, problems.problems[i].text),
		    problems.problems[i].hint);
}

static void check_releases(struct doctor *d)
{
	autoerror struct error err = {0};
	autodiag struct diag problems = {0};
	struct lock lock = {0};
	const char *newest, *from;

	if (!d->has_database)
		return;
	if (release_newest(d->arena, d->db.root, &newest, &err) < 0)
		add_error(d, "releases", STATE_MISSING, &err, NULL);
	else
		add(d, "releases", newest ? STATE_OK : STATE_NOTE, newest ? arena_printf(d->arena, "the newest is %s", newest) : "none yet",
		    newest ? NULL : "lockstep bump");
	error_release(&err);
	if (lock_current(&d->db, &lock, &from, &problems, &err) < 0)
		add_error(d, "lock", STATE_NOTE, &err, "lockstep lock");
	else
		add(d, "lock", STATE_OK,
		    arena_printf(d->arena, "%s, %zu pin%s, made from the database as it is", from, lock.pin_count, text_plural(lock.pin_count)), NULL);
	lock_release(&lock);
}

static void check_space(struct doctor *d, const char *subject, const char *folder)
{
	static const uint64_t enough_bytes = 20ull * 1000 * 1000 * 1000;
	autofree char *place = mem_strdup(folder);
	autostrbuf struct strbuf size = {0};
	struct statvfs fs;

	/* A cache that does not exist yet will lie where its nearest parent is. */
	while (statvfs(place, &fs) < 0 && strrchr(place, '/') > place)
		*strrchr(place, '/') = '\0';
	if (statvfs(place, &fs) < 0)
		return;
	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;

	text_add_size(&size, free_bytes);
	if (free_bytes < enough_bytes)
		add(d, subject, STATE_NOTE, arena_printf(d->arena, "%s free in %s", strbuf_text(&size), folder), "images with CUDA and LLVM want about 20 GB");
	else
		add(d, subject, STATE_OK, arena_printf(d->arena, "%s free in %s", strbuf_text(&size), folder), NULL);
}

static const char *const state_names[] = {"ok", "note", "missing"};

static void print_text(const struct doctor *d)
{
	static const enum terminal_color colors[] = {COLOR_GREEN, COLOR_YELLOW, COLOR_RED};

	for (size_t i = 0; i < d->row_count; i++) {
		const struct row *row = &d->rows[i];
		autostrbuf struct strbuf text = {0}, mend = {0};

		text_escape(&text, row->text, strlen(row->text), 0);
		printf("%s%-8s%s%-13s %s\n", terminal_begin(stdout, colors[row->state]), state_names[row->state], terminal_end(stdout), row->subject,
		       strbuf_text(&text));
		for (const char *line = row->mend; line && *line;) {
			size_t length = strcspn(line, "\n");

			strbuf_clear(&mend);
			text_escape(&mend, line, length, 0);
			printf("%22s-> %s\n", "", strbuf_text(&mend));
			line += length + (line[length] == '\n');
		}
	}
}

static void print_json(const struct doctor *d)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_begin_array(&w, "checks");
	for (size_t i = 0; i < d->row_count; i++) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "subject", d->rows[i].subject);
		json_add_text(&w, "state", state_names[d->rows[i].state]);
		json_add_text(&w, "text", d->rows[i].text);
		json_add_text(&w, "mend", d->rows[i].mend);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static int run(struct command_call *call, struct error *err __attribute__((unused)))
{
	struct doctor d = {.arena = call->arena, .call = call};
	int code = EXIT_DONE;

	check_project(&d);
	check_engines(&d);
	check_workers(&d);
	check_bases(&d);
	check_indexes(&d);
	check_tags(&d);
	check_releases(&d);
	check_space(&d, "cache", path_cache_dir(call->arena));
	if (d.db.root)
		check_space(&d, "project disk", d.db.root);
	if (call->format == FORMAT_JSON)
		print_json(&d);
	else
		print_text(&d);
	for (size_t i = 0; i < d.row_count; i++)
		code = d.rows[i].state == STATE_MISSING ? EXIT_FAILED : code;
	database_release(&d.db);
	return code;
}

const struct command command_doctor = {
	.name = "doctor",
	.section = "starting",
	.arguments = "",
	.summary = "say what is missing on this machine, and the command that mends it",
	.description =
		"Looks at everything a bump needs: the database, the resolver, the engines, BuildKit workers, mmdebstrap, apt, index addresses and certificates, the tags in the\n"
		"Jenkinsfile, releases and free space. Changes nothing. Exits with 1 when something is missing that a bump cannot do without.",
	.formats = TAKES_JSON,
	.run = run,
};
