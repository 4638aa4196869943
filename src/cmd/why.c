#include "report/why.h"

#include <stdio.h>
#include <string.h>

#include "cmd/open.h"
#include "cmd/reading.h"
#include "python/name.h"

/* Debian Policy 5.6.1: of these characters, so that "libstdc++6" can be asked for, which is no name of a Python package. */
static bool is_debian_name(const char *text)
{
	return strlen(text) > 1 && strchr("+-.", *text) == NULL && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.")] == '\0';
}

static int run(struct command_call *call, struct error *err)
{
	const char *container = call->argument_count > 1 ? call->arguments[1] : NULL;
	struct report_options options = reading_options(call);
	autoreading struct reading_lock r = {0};
	autostrbuf struct strbuf out = {0};
	struct why_answer answer;

	const char *given = call->arguments[0];

	if (!name_is_valid(given) && !is_debian_name(given))
		return command_usage(call, "'%s' is no name of a package", given);
	if (reading_lock(call, &r, err) < 0 || (container && !reading_container(&r, container, err)))
		return -1;
	const struct why why = {.lock = r.lock,
				.from = r.from,
				.db = r.made,
				.package = name_is_valid(given) ? name_canonical(call->arena, given) : given,
				.container = container,
				.debian = given};

	if (why_find(call->arena, &why, &answer, err) < 0)
		return -1;
	report_why(call->arena, &answer, &options, &out);
	fputs(strbuf_text(&out), stdout);
	return EXIT_DONE;
}

static const struct option options[] = {
	READING_RELEASE_OPTION,
	{NULL, 0, NULL, false, NULL},
};

const struct command command_why = {
	.name = "why",
	.section = "the reviewer",
	.arguments = "PACKAGE [CONTAINER]",
	.summary = "say why a package is in the containers, and what holds it where it is",
	.description =
		"Prints the shortest chains from the groups that recipes/python.yaml declares, or from the layer recipes, to a package: each step with the\n"
		"requirement behind it, where the wheel is in the store in the wheel's own words, and the line of recipes/ that begins it. Containers with the\n"
		"same chains are told of together. What only a further environment has, which containers are locked for but not built for, stands by itself with\n"
		"that environment's name. Then what recipes/ say of the package itself: constraints, holds, waivers, differences, swaps.\n"
		"\n"
		"Of a Debian package it says which version is locked, and whether bases, layers or containers' apt lists install it.\n"
		"\n"
		"examples\n"
		"  lockstep why packaging\n"
		"  lockstep why numpy ci-gpu --release v0.2\n"
		"  lockstep why libstdc++6\n"
		"  lockstep why nvidia-cuda-nvcc --format json",
	.argument_min = 1,
	.argument_max = 2,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
