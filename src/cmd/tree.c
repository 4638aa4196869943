#include "report/tree.h"

#include <stdint.h>
#include <stdio.h>

#include "base/text.h"
#include "cmd/open.h"
#include "cmd/reading.h"
#include "python/name.h"

static int print(struct command_call *call, size_t depth, const char *invert, struct error *err)
{
	struct report_options options = reading_options(call);
	autoreading struct reading_lock r = {0};
	autostrbuf struct strbuf out = {0};

	if (reading_lock(call, &r, err) < 0)
		return -1;
	const struct lock_container *container = reading_container(&r, call->arguments[0], err);
	const struct tree tree = {.lock = r.lock,
				  .from = r.from,
				  .db = r.made,
				  .container = container,
				  .environment = command_value(call, "environment"),
				  .invert = invert,
				  .depth = depth};

	if (!container || report_tree(call->arena, &tree, &options, &out, err) < 0)
		return -1;
	fputs(strbuf_text(&out), stdout);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	const char *depth = command_value(call, "depth"), *invert = command_value(call, "invert");
	uint64_t levels = SIZE_MAX;

	if (depth && (!text_to_u64(depth, &levels) || !levels || levels > 1000000))
		return command_usage(call, "'--depth' takes a number of levels, 1 and up");
	if (invert && !name_is_valid(invert))
		return command_usage(call, "'%s' is no name of a package", invert);
	return print(call, (size_t)levels, invert ? name_canonical(call->arena, invert) : NULL, err);
}

static const struct option options[] = {
	{"depth", 'd', "N", false, "levels of packages to show; 1: only what is declared"},
	{"invert", 'i', "PACKAGE", false, "the other way: what requires this package, up to the groups"},
	{"environment", 0, "NAME", false, "another environment that the container is locked for; else the one it is built for"},
	READING_RELEASE_OPTION,
	{NULL, 0, NULL, false, NULL},
};

const struct command command_tree = {
	.name = "tree",
	.section = "the reviewer",
	.arguments = "CONTAINER",
	.summary = "show what requires what in a container, from its groups down",
	.description =
		"Shows the packages of a container as a tree: its groups, what they declare, and what that requires in the container's environment, with versions\n"
		"and the extras that are asked for; then the wheels of its layers. What was shown above already stands with (*) and is not unfolded again.\n"
		"Where the container is locked for further environments, the last lines name what more these have.\n"
		"\n"
		"examples\n"
		"  lockstep tree ci-cpu\n"
		"  lockstep tree ci-cpu --depth 2\n"
		"  lockstep tree ci-cpu --environment cp311-linux-aarch64-glibc2.36\n"
		"  lockstep tree ci-gpu --invert numpy --release latest",
	.argument_min = 1,
	.argument_max = 1,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
