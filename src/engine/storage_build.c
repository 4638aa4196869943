/* Builds by buildah and by podman, which has buildah in it: the same command line and the same output. Steps run with chroot isolation, which works where namespaces
   and limits may not be changed (in containers, on CI machines). */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "engine/storage.h"

void storage_cut_off(struct engine *e, struct words *w)
{
	if (e->unshare)
		words_add_many(w, e->unshare, "--net", "--");
}

/* buildah keeps this path with each working container of a build, so it tells whose that is: of lockstep, and of those who share this cache and with it the lock
   under which they build. There is no such file, so nothing that this machine's mounts.conf names gets into a build. */
const char *storage_build_mark(struct engine *e)
{
	return path_join(e->arena, path_cache_dir(e->arena), "no-mounts.conf");
}

/* It gives steps the proxies of its own environment, and keeps a copy of the context where TMPDIR says. */
static const char *const *build_environment(struct engine *e, const struct engine_build *build)
{
	struct words w = {.arena = e->arena};

	for (const char *const *p = build->network ? build->proxies : NULL; p && *p; p++)
		words_add(&w, *p);
	/* Where it mounts by lists of paths, it knows no colons and commas in them. */
	if (build->temporary && !strpbrk(build->temporary, ":,"))
		words_add(&w, arena_printf(e->arena, "TMPDIR=%s", build->temporary));
	return w.items;
}

void storage_build(struct engine *e, const char *const *begin, const struct engine_build *build, const char *const **ret_argv,
		   const char *const **ret_environment)
{
	struct words w = {.arena = e->arena};

	if (!build->network && !build->pull)
		storage_cut_off(e, &w);
	words_add_all(&w, begin);
	words_add_many(&w, "--isolation", "chroot", "--layers=false", "--network", "host", "--format", "oci", "--force-rm");
	words_add(&w, build->pull ? "--pull" : "--pull-never");
	if (build->ca_file)
		words_add_many(&w, "--secret", arena_printf(e->arena, "id=ca,src=%s", build->ca_file));
	if (build->auth_file)
		words_add_many(&w, "--secret", arena_printf(e->arena, "id=apt-auth,src=%s", build->auth_file));
	for (const char *const *l = build->labels; l && *l; l++)
		words_add_many(&w, "--label", *l);
	words_add_many(&w, "--file", build->dockerfile, "--tag", build->tag, build->context);
	*ret_argv = w.items;
	*ret_environment = build_environment(e, build);
}

/* "STEP 2/6: RUN make" */
static bool read_step(const char *line, size_t length, struct engine_line *ret)
{
	autofree char *text = mem_strndup(line, length);
	unsigned number, total;
	int used = 0;

	if (sscanf(text, "STEP %u/%u: %n", &number, &total, &used) != 2 || !used)
		return false;
	*ret = (struct engine_line){ENGINE_STEP, line + used, length - (size_t)used, number, total};
	return true;
}

static bool begins(const char *line, size_t length, const char *prefix)
{
	return length >= strlen(prefix) && !memcmp(line, prefix, strlen(prefix));
}

void storage_read_line(const char *line, size_t length, struct engine_line *ret)
{
	static const char *const chatter[] = {"Getting image source signatures",
					      "Copying blob ",
					      "Copying config ",
					      "Writing manifest to image ",
					      "Storing signatures",
					      "COMMIT ",
					      "--> ",
					      "Successfully tagged ",
					      "subprocess exited ",
					      "time=\""};

	*ret = (struct engine_line){.kind = ENGINE_OUTPUT, .text = line, .length = length};
	if (read_step(line, length, ret))
		return;
	for (size_t i = 0; i < ARRAY_LEN(chatter); i++) {
		if (begins(line, length, chatter[i]))
			ret->kind = ENGINE_CHATTER;
	}
}
