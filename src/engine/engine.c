#include "engine/engine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "engine/ask.h"

static const struct engine_driver *const drivers[] = {&engine_buildah, &engine_docker, &engine_podman, &engine_buildkit, NULL};
const char *const engine_names[] = {"buildah", "docker", "podman", "buildkit", NULL};

static int probe(struct arena *a, const struct engine_driver *driver, struct engine *ret, struct error *err)
{
	struct engine e = {.driver = driver, .arena = a};

	if (driver->probe(&e, err) < 0)
		return -1;
	*ret = e;
	return 0;
}

static int find_named(struct arena *a, const char *name, struct engine *ret, struct error *err)
{
	for (size_t i = 0; drivers[i]; i++) {
		if (!strcmp(drivers[i]->name, name))
			return probe(a, drivers[i], ret, err) < 0 ? error_wrap(err, "engine '%s' does not work here", name) : 0;
	}
	error_set(err, ERR_INPUT, "there is no engine '%s'; engines are: buildah, docker, podman, buildkit", name);
	return error_hint_nearest(err, name, engine_names, ARRAY_LEN(drivers) - 1);
}

const struct engine_driver *engine_driver_find(const char *name)
{
	for (size_t i = 0; drivers[i]; i++) {
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	}
	return NULL;
}

int engine_find(struct arena *a, const char *name, struct engine *ret, struct error *err)
{
	autostrbuf struct strbuf reasons = {0};

	if (name)
		return find_named(a, name, ret, err);
	for (size_t i = 0; drivers[i]; i++) {
		autoerror struct error reason = {0};

		if (probe(a, drivers[i], ret, &reason) == 0)
			return 0;
		if (reason.code == ERR_CANCELLED) {
			error_move(err, &reason);
			return -1;
		}
		strbuf_printf(&reasons, "\n%s: %s", drivers[i]->name, reason.text);
	}
	return error_set(err, ERR_ENGINE, "no engine works here%s", strbuf_text(&reasons));
}

int engine_keep(struct engine *e, const char *tag, struct error *err)
{
	return e->driver->keep ? e->driver->keep(e, tag, err) : 0;
}

int engine_inspect_all(struct engine *e, const char *const *tags, size_t count, struct engine_image *ret, struct error *err)
{
	if (!count)
		return 0;
	return (e->driver->inspect_all ? e->driver->inspect_all : engine_inspect_each)(e, tags, count, ret, err);
}
