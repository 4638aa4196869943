#include "engine/engine.h"

#include <string.h>

#include "base/text.h"

static const struct engine_driver *const drivers[] = {&engine_buildah, &engine_docker, NULL};
const char *const engine_names[] = {"buildah", "docker", NULL};

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
	const char *near = text_nearest(name, engine_names, 2);

	error_set(err, ERR_INPUT, "there is no engine '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return error_hint(err, "engines are: buildah, docker");
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
