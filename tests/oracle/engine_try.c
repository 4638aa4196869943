/* The engine interface by hand, for tests with real and false engines:
     engine_try ENGINE|any find | inspect TAG | tag FROM TO | untag TAG | run IMAGE ARG ... (input from stdin) | clean | build DOCKERFILE CONTEXT TAG */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "io/signals.h"

static int fail(const struct error *err)
{
	fprintf(stderr, "error %d: %s\n", err->code, err->text);
	return 1;
}

static int inspect(struct engine *e, char **args, struct error *err)
{
	struct engine_image image;

	if (e->driver->inspect(e, args[0], &image, err) < 0)
		return -1;
	printf("id %s\ndigest %s\ncreated %s\nsize %lld\n", image.id, image.digest ? image.digest : "-", image.created, (long long)image.size_bytes);
	return 0;
}

static int run(struct engine *e, char **args, struct error *err)
{
	autostrbuf struct strbuf input = {0};
	autoresult struct process_result result = {0};
	ssize_t got;

	while ((got = read(0, strbuf_reserve(&input, 65536), 65536)) > 0)
		strbuf_commit(&input, (size_t)got);
	if (e->driver->run(e, args[0], (const char *const *)args + 1, strbuf_text(&input), input.length, &result, err) < 0)
		return -1;
	printf("%sexit %d\n", strbuf_text(&result.out), result.exit_status);
	fprintf(stderr, "%s", strbuf_text(&result.err_out));
	return 0;
}

static int build(struct engine *e, char **args, struct error *err)
{
	struct engine_build build = {.dockerfile = args[0], .context = args[1], .tag = args[2]};
	struct process_spec spec = {0};
	autoresult struct process_result result = {0};

	if (e->driver->build_argv(e, &build, &spec.argv, &spec.environment, err) < 0)
		return -1;
	return process_run_ok(&spec, &result, err) < 0 ? -1 : engine_keep(e, build.tag, err);
}

static int act(struct engine *e, const char *what, int count, char **args, struct error *err)
{
	if (!strcmp(what, "inspect") && count == 1)
		return inspect(e, args, err);
	if (!strcmp(what, "tag") && count == 2)
		return e->driver->tag(e, args[0], args[1], err);
	if (!strcmp(what, "untag") && count == 1)
		return e->driver->untag(e, args[0], err);
	if (!strcmp(what, "run") && count >= 2)
		return run(e, args, err);
	if (!strcmp(what, "build") && count == 3)
		return build(e, args, err);
	if (!strcmp(what, "clean"))
		return e->driver->clean(e, count > 0, err);
	printf("%s %s\n", e->driver->name, e->version);
	return 0;
}

int main(int argc, char **argv)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e;

	if (argc < 3)
		return 2;
	signals_install();
	if (engine_find(&a, strcmp(argv[1], "any") ? argv[1] : NULL, &e, &err) < 0 || act(&e, argv[2], argc - 3, argv + 3, &err) < 0)
		return fail(&err);
	return 0;
}
