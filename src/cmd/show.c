#include <stdio.h>

#include "cmd/open.h"
#include "cmd/reading.h"

static int show(struct command_call *call, const char *root, struct release *release, struct error *err)
{
	const char *container = call->argument_count > 1 ? call->arguments[1] : NULL;
	struct report_options options = reading_options(call);
	autostrbuf struct strbuf out = {0};

	if (release_read(release, root, call->arguments[0], err) < 0)
		return -1;
	if (container && reading_check_container(container, release, NULL, err) < 0)
		return -1;
	report_release(release, container, &options, &out);
	fputs(strbuf_text(&out), stdout);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct release release = {0};
	char *root;
	int code = open_root(call, &root, err) < 0 ? -1 : show(call, root, &release, err);

	release_free(&release);
	return code;
}

const struct command command_show = {
	.name = "show",
	.section = "the reviewer",
	.arguments = "RELEASE [CONTAINER]",
	.summary = "show what is in a release",
	.description =
		"Shows what is in a release: for each container its environment, image and tools, the packages that recipes/ declares with the versions\n"
		"they have, those that came with them, and how many system packages. With CONTAINER everything that is known of that one.\n"
		"\n"
		"examples\n"
		"  lockstep show latest\n"
		"  lockstep show v0.2 ci-gpu\n"
		"  lockstep show latest --format json",
	.argument_min = 1,
	.argument_max = 2,
	.formats = TAKES_JSON,
	.run = run,
};
