#include "diff/diff.h"

#include <stdio.h>

#include "cmd/open.h"
#include "cmd/reading.h"

static int diff(struct command_call *call, const char *root, struct release *old, struct release *new, struct error *err)
{
	const char *container = command_value(call, "container");
	struct report_options options = reading_options(call);
	autostrbuf struct strbuf out = {0};

	options.system_packages = command_flag(call, "system");
	if (release_read(old, root, call->arguments[0], err) < 0 || release_read(new, root, call->arguments[1], err) < 0)
		return -1;
	if (container && reading_check_container(container, old, new, err) < 0)
		return -1;
	const struct changes *changes = changes_between_releases(call->arena, old, new, container);

	report_changes(changes, &options, &out);
	fputs(strbuf_text(&out), stdout);
	return changes_any(changes) ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct release old = {0}, new = {0};
	char *root;
	int code = open_root(call, &root, err) < 0 ? -1 : diff(call, root, &old, &new, err);

	release_free(&old);
	release_free(&new);
	return code;
}

static const struct option options[] = {
	{"container", 'c', "NAME", false, "compare this container only"},
	{"system", 's', NULL, false, "list every system package that moved, not only how many"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_diff = {
	.name = "diff",
	.section = "the reviewer",
	.arguments = "RELEASE RELEASE",
	.summary = "show what moved between two releases",
	.description =
		"Shows what moved between two releases: packages that recipes/ declares first, then those that came with them, one row each, with a column\n"
		"for each container where they differ; then toolchains, the archives that layers unpack, and system packages. It also tells what is taken from\n"
		"another index or address than before, what is built from source now, and whose Debian packages are locked for the first time. 'latest' is the\n"
		"newest release. Exit status: 0 when nothing that is installed differs, 1 when something does (or with a message when they cannot be compared).\n"
		"\n"
		"examples\n"
		"  lockstep diff v0.1 latest\n"
		"  lockstep diff v0.1 v0.2 --container ci-gpu --system\n"
		"  lockstep diff v0.1 v0.2 --format md    for a pull request",
	.argument_min = 2,
	.argument_max = 2,
	.formats = TAKES_JSON | TAKES_MARKDOWN,
	.options = options,
	.run = run,
};
