#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/open.h"
#include "io/json.h"
#include "io/terminal.h"
#include "release/release_store.h"

/* Several lines to stderr, made safe for a terminal. */
static void print_lines(const struct strbuf *lines)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, strbuf_text(lines), lines->length, TEXT_ESCAPE_KEEP_NEWLINE);
	fputs(strbuf_text(&safe), stderr);
}

static void print_changes_json(const struct release_store_changes *c)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "releases", (int64_t)c->release_count);
	json_add_integer(&w, "added", (int64_t)c->added);
	json_add_integer(&w, "replaced", (int64_t)c->replaced);
	json_add_integer(&w, "removed", (int64_t)c->removed);
	json_add_boolean(&w, "rebuilt", c->rebuilt);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static void print_changes(const struct release_store_changes *c)
{
	static const char *const words[] = {"added", "replaced", "removed"};
	const size_t counts[] = {c->added, c->replaced, c->removed};
	bool changed = c->rebuilt;

	printf("lockfiles/lockstep.db: %zu release%s", c->release_count, c->release_count == 1 ? "" : "s");
	if (c->rebuilt)
		printf(", made again");
	for (size_t i = 0; i < 3 && !c->rebuilt; i++) {
		if (counts[i])
			printf(", %zu %s", counts[i], words[i]);
		changed = changed || counts[i];
	}
	printf("%s\n", changed ? "" : ", up to date");
}

static int write_records(const struct command_call *call, const char *root, struct error *err)
{
	autochanges struct release_store_changes changes = {0};
	autofd int lock = -1;

	if (open_for_change(root, &lock, err) < 0)
		return -1;
	if ((command_flag(call, "rebuild") ? release_store_rebuild(root, &changes, err) : release_store_sync(root, &changes, err)) < 0)
		return -1;
	print_lines(&changes.notes);
	if (call->format == FORMAT_JSON)
		print_changes_json(&changes);
	else
		print_changes(&changes);
	return EXIT_DONE;
}

static int check_records(const struct command_call *call, const char *root, struct error *err)
{
	autostrbuf struct strbuf report = {0}, out = {0};
	struct json_writer w = {.out = &out};
	int same;

	same = release_store_check(root, &report, err);
	if (same < 0)
		return -1;
	print_lines(&report);
	if (call->format == FORMAT_JSON) {
		json_begin_object(&w, NULL);
		json_add_boolean(&w, "same", same);
		json_end_object(&w);
		fputs(strbuf_text(&out), stdout);
	} else {
		puts(same ? "lockfiles/: every release is as it was made, and lockfiles/lockstep.db says the same" : "lockfiles/: differs");
	}
	return same ? EXIT_DONE : EXIT_FAILED;
}

static int run(struct command_call *call, struct error *err)
{
	char *root;

	if (command_flag(call, "check") && command_flag(call, "rebuild"))
		return command_usage(call, "'--check' and '--rebuild' exclude each other");
	if (open_root(call, &root, err) < 0)
		return -1;
	return command_flag(call, "check") ? check_records(call, root, err) : write_records(call, root, err);
}

static const struct option options[] = {
	{"check", 0, NULL, false, "change nothing; exit 1 when a release's text was changed or the store says something else"},
	{"rebuild", 0, NULL, false, "make the store of releases again from nothing"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_records = {
	.name = "records",
	.section = "the maintainer",
	.arguments = "",
	.summary = "bring lockfiles/lockstep.db up to date with the releases' text, check or rebuild it",
	.description = "lockfiles/lockstep.db is the store of releases: every one of them in SQLite, for questions over many of them. It is made from the\n"
		       "text in lockfiles/ alone, so it can be deleted at any time; 'lockstep bump' keeps it up to date. After a\n"
		       "git pull this adds what came. --check reads every release, compares each file with its SHA256SUMS,\n"
		       "lockfiles/latest with the newest release, and the store with the text, row for row.\n"
		       "\n"
		       "  lockstep records\n"
		       "  lockstep records --check",
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
