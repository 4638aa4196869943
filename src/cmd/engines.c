#include "cmd/engines.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/buildkit.h"

static bool has_option(const struct command_call *call, const char *name)
{
	for (const struct option *o = call->command->options; o && o->name; o++) {
		if (!strcmp(o->name, name))
			return true;
	}
	return false;
}

static const char *value_of(const struct command_call *call, const char *name)
{
	return has_option(call, name) ? command_value(call, name) : NULL;
}

int engines_check_use(const struct command_call *call)
{
	const char *list = value_of(call, "workers"), *engine = value_of(call, "engine");
	size_t length;

	if (list && engine && strcmp(engine, "buildkit") != 0)
		return command_usage(call, "'--workers' are of BuildKit, and '--engine %s' is not", engine);
	for (const char *p = list; p; p = p[length] ? p + length + 1 : NULL) {
		length = strcspn(p, ",");
		const char *address = arena_strndup(call->arena, p, length);

		if (!project_worker_is_address(address))
			return command_usage(call, "'%s' is no address of a worker: tcp://HOST:PORT, or unix:///PATH; several with commas between them",
					     address);
	}
	return EXIT_DONE;
}

/* What the project says of a worker holds for it wherever it is named. */
static struct buildkit_address address_of(const struct database *db, const char *address)
{
	for (size_t i = 0; db && i < db->project.worker_count; i++) {
		const struct project_worker *w = &db->project.workers[i];

		if (!strcmp(w->address, address))
			return (struct buildkit_address){w->address, w->ca, w->cert, w->key, w->jobs};
	}
	return (struct buildkit_address){.address = address};
}

struct buildkit_address *engines_workers(struct arena *a, const struct database *db, const char *list, size_t *ret_count)
{
	struct buildkit_address *addresses = NULL;
	size_t length;

	*ret_count = 0;
	for (const char *p = list; p; p = p[length] ? p + length + 1 : NULL) {
		length = strcspn(p, ",");
		struct buildkit_address one = address_of(db, arena_strndup(a, p, length));
		bool known = false;

		for (size_t i = 0; i < *ret_count; i++)
			known = known || !strcmp(addresses[i].address, one.address);
		if (!known)
			*arena_push(a, &addresses, ret_count) = one;
	}
	for (size_t i = 0; !list && db && i < db->project.worker_count; i++)
		*arena_push(a, &addresses, ret_count) = address_of(db, db->project.workers[i].address);
	return addresses;
}

static void tell(const struct command_call *call, const struct engine *e)
{
	for (size_t i = 0; !call->quiet && i < e->worker_count; i++) {
		autostrbuf struct strbuf line = {0};

		if (!e->workers[i].gone)
			continue;
		text_escape(&line, e->workers[i].gone, strlen(e->workers[i].gone), 0);
		fprintf(stderr, "note: worker %s is not used: %s\n", e->workers[i].address, strbuf_text(&line));
	}
}

static void on_note(void *context __attribute__((unused)), const char *text)
{
	autostrbuf struct strbuf line = {0};

	text_escape(&line, text, strlen(text), 0);
	fprintf(stderr, "note: %s\n", strbuf_text(&line));
}

int engines_find(const struct command_call *call, const struct database *db, struct engine *ret, struct error *err)
{
	const char *list = value_of(call, "workers"), *name = value_of(call, "engine"), *jobs = value_of(call, "jobs");
	bool workers = list || !name || !strcmp(name, "buildkit");
	uint64_t at_once = ENGINES_JOBS_OTHERWISE;
	size_t count = 0;
	struct buildkit_address *addresses = workers ? engines_workers(call->arena, db, list, &count) : NULL;

	if (!count)
		return engine_find(call->arena, name, ret, err);
	if (jobs)
		text_to_u64(jobs, &at_once);
	*ret = (struct engine){.arena = call->arena};
	if (buildkit_open_workers(ret, addresses, count, (unsigned)at_once, err) < 0)
		return -1;
	ret->on_note = call->quiet ? NULL : on_note;
	tell(call, ret);
	return 0;
}

int engines_open(void *use, struct engine *ret, struct error *err)
{
	const struct engines_use *u = use;

	return engines_find(u->call, u->db, ret, err);
}
