#include "cmd/command.h"

#include <stdio.h>

#include "base/strbuf.h"
#include "recipe/database.h"
#include "report/problems.h"

static void print_text(const struct database *db, struct diag *d)
{
	autostrbuf struct strbuf line = {0};

	problems_print(d, stdout);
	if (!d->error_count)
		strbuf_printf(&line, "%zu container%s, %zu package%s, ", db->container_count, db->container_count == 1 ? "" : "s", db->package_count,
			      db->package_count == 1 ? "" : "s");
	problems_add_count(d, &line);
	printf("%s\n", strbuf_text(&line));
}

static int run(struct command_call *call, struct error *err)
{
	autodatabase struct database db = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf json = {0};
	char *root;

	if (database_find_root(call->arena, call->start_folder, &root, err) < 0 || database_load(&db, root, &d, err) < 0)
		return -1;
	if (command_flag(call, "strict"))
		diag_make_strict(&d);
	diag_sort(&d); /* drops repetitions, so the counts are those of what is shown */
	if (call->format == FORMAT_JSON) {
		problems_add_json(&d, &json);
		fputs(strbuf_text(&json), stdout);
	} else {
		print_text(&db, &d);
	}
	return d.error_count ? EXIT_FAILED : EXIT_DONE;
}

static const struct option options[] = {
	{"strict", 's', NULL, false, "warnings are errors: a hold or waiver past its review date, a group or package in no container, a file not read"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_check = {
	.name = "check",
	.section = "starting",
	.arguments = "",
	.summary = "say everything that is wrong in the database",
	.description = "Reads all files under recipes/ and containers/ and prints every problem of every file at once, as\n"
		       "file:line:column, with the line, a caret and what to do. Exits 1 when there are errors; warnings\n"
		       "alone are no failure unless --strict makes errors of them. One of these is a hold or a waiver past\n"
		       "its review date; which day it is says the clock of the machine (or LOCKSTEP_NOW), in UTC, and not\n"
		       "SOURCE_DATE_EPOCH, which is about bytes. Reads only, and asks nobody: whether a waiver is of use, or names\n"
		       "a package that no container has, is known only when everything is resolved, and 'lockstep lock' says it.\n"
		       "\n"
		       "  lockstep check\n"
		       "  lockstep check --strict         what a nightly job asks, so that no hold is forgotten\n"
		       "  lockstep check --format json",
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
