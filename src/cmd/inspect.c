#include "cmd/inspect.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "build/build.h"
#include "cmd/building.h"
#include "cmd/engines.h"
#include "cmd/open.h"
#include "io/terminal.h"
#include "release/release.h"

void inspect_release(struct inspect *i)
{
	for (size_t n = 0; i->snapshots && n < i->count; n++)
		snapshot_release(&i->snapshots[n]);
	relation_results_release(&i->results);
	*i = (struct inspect){0};
}

int inspect_containers(struct inspect *i, struct command_call *call, const struct database *db, struct error *err)
{
	if (open_containers(call, db, &i->containers, &i->count, err) < 0)
		return -1;
	i->images = arena_array(call->arena, i->count + 1, sizeof(*i->images));
	i->snapshots = arena_array(call->arena, i->count + 1, sizeof(*i->snapshots));
	return 0;
}

/* The images that were built from a lock and not released yet. */
static int choose_built(struct inspect *i, struct command_call *call, const struct database *db, const struct lock *lock, struct engine *e, struct error *err)
{
	struct build_plan plan;
	struct build_request request = {.db = db, .lock = lock, .engine = e, .containers = i->containers, .container_count = i->count};

	if (building_layers(call, db, NULL, &request, err) < 0 || build_plan_of(call->arena, &request, &plan, err) < 0)
		return -1;
	for (size_t n = 0; n < i->count; n++) {
		i->images[n] = build_plan_tag(&plan, n);
		if (!i->images[n]) {
			error_set(err, ERR_NOT_FOUND, "container '%s' is not built from the current lock yet", i->containers[n]->name);
			return error_hint(err, "'lockstep build' builds it");
		}
	}
	return 0;
}

int inspect_choose(struct inspect *i, struct command_call *call, const struct database *db, const struct lock *lock, const char *lock_from, struct engine *e,
		   struct error *err)
{
	const char *given = command_value(call, "image"), *newest = NULL;
	struct engine_image image;

	if (given) {
		i->images[0] = given;
		return 0;
	}
	if (release_newest(call->arena, db->root, &newest, err) < 0)
		return -1;
	if (newest && text_starts_with(lock_from, "lockfiles/")) {
		size_t found = 0;

		for (size_t n = 0; n < i->count; n++) {
			autoerror struct error ignored = {0};

			i->images[n] = arena_printf(call->arena, "%s/%s:%s", db->project.repository, i->containers[n]->name, newest);
			found += e->driver->inspect(e, i->images[n], &image, &ignored) == 0;
		}
		if (found == i->count)
			return 0;
	}
	return choose_built(i, call, db, lock, e, err);
}

static void say(const struct command_call *call, const char *verb, const char *container)
{
	autostrbuf struct strbuf line = {0};
	const char *text;

	if (call->quiet)
		return;
	strbuf_printf(&line, "%s %s", verb, container);
	text = strbuf_text(&line);
	if (terminal_is_live(stderr))
		terminal_block(&text, 1);
	else
		fprintf(stderr, "%s\n", text);
}

int inspect_snapshot(struct inspect *i, const struct command_call *call, const struct database *db, struct engine *e, const struct release *hashed,
		     struct error *err)
{
	struct snapshot_question *questions = arena_array(call->arena, i->count + 1, sizeof(*questions));
	autoerror struct error ignored = {0};

	/* Throw-away containers of a run that was killed while it asked. */
	(void)e->driver->clean(e, ENGINE_LEFT_BY_RUNS, &ignored);
	for (size_t n = 0; n < i->count; n++) {
		questions[n] = (struct snapshot_question){
			.image = i->images[n],
			.container = i->containers[n],
			.verifies = i->verifies,
			.released = hashed ? release_snapshot(hashed, i->containers[n]->name) : NULL,
		};
		say(call, "asking", i->containers[n]->name);
	}
	int failed = snapshot_take(i->snapshots, e, questions, i->count, db, err);

	terminal_block(NULL, 0);
	if (failed)
		return -1;
	i->is_asked = true;
	return 0;
}

void inspect_verify(struct inspect *i, const struct command_call *call, const struct database *db, const struct lock *lock, struct engine *e, bool probes,
		    struct settings *settings, unsigned asked)
{
	const struct verification v = {.db = db,
				       .lock = lock,
				       .containers = i->containers,
				       .container_count = i->count,
				       .snapshots = i->is_asked ? i->snapshots : NULL,
				       .engine = e,
				       .images = i->images,
				       .probes = probes,
				       .settings = settings};

	for (size_t n = 0; i->is_asked && n < i->count; n++)
		say(call, "verifying", i->containers[n]->name);
	relation_results_release(&i->results);
	verify_relations(&v, asked, &i->results);
	terminal_block(NULL, 0);
}

static void print_finding(const struct finding *f, size_t indent, FILE *out)
{
	autostrbuf struct strbuf subject = {0}, text = {0};
	const char *line;
	bool names_container = f->container && strcmp(f->container, f->subject) != 0;

	text_escape(&subject, f->subject, strlen(f->subject), 0);
	text_escape(&text, f->text, strlen(f->text), TEXT_ESCAPE_KEEP_NEWLINE | TEXT_ESCAPE_KEEP_TAB);
	line = strbuf_text(&text);
	fprintf(out, "%*s%s%s%s%s%s%s %.*s\n", (int)indent, "", terminal_begin(out, f->is_warning ? COLOR_YELLOW : COLOR_RED), f->is_warning ? "warning: " : "",
		names_container ? f->container : "", terminal_end(out), names_container ? ": " : "", strbuf_text(&subject), (int)strcspn(line, "\n"), line);
	for (line += strcspn(line, "\n"); *line;) {
		size_t length = strcspn(++line, "\n");

		if (length)
			fprintf(out, "%*s    %.*s\n", (int)indent, "", (int)length, line);
		line += length;
	}
}

void inspect_print(const struct relation_result *r, size_t indent, FILE *out)
{
	for (size_t i = 0; i < r->findings.count; i++)
		print_finding(&r->findings.items[i], indent, out);
}

int inspect_wheels(const struct command_call *call, const struct database *db, const struct lock *lock, const struct container **containers, size_t count,
		   struct error *err)
{
	struct verification v = {.db = db, .lock = lock, .containers = containers, .container_count = count};
	autorelations struct relation_results results = {0};
	size_t shadows = 0;

	verify_relations(&v, relation_find("files")->bit, &results);
	for (size_t i = 0; i < results.count; i++) {
		const struct findings *f = &results.items[i].findings;

		if (!call->quiet || f->error_count)
			inspect_print(&results.items[i], 0, stderr);
		for (size_t j = 0; j < f->count; j++)
			shadows += !f->items[j].is_warning && !strcmp(f->items[j].kind, "shadow");
	}
	if (!shadows)
		return 0;
	error_set(err, ERR_CONFLICT, "nothing is built: packages own the same files; only one of them can be in a container");
	return error_hint(err, "whose files are wanted says recipes/python.yaml, as packages: 'NAME: {overwrites: [OTHER]}'");
}

int inspect_run(struct command_call *call, inspect_ask ask, struct error *err)
{
	struct database db = {0};
	struct lock lock = {0};
	int code = engines_check_use(call);

	if (code != EXIT_DONE)
		return code;
	if (command_value(call, "image") && call->argument_count != 1)
		return command_usage(call, "'--image' needs the one container it is of");
	if (building_check_layers(call) != EXIT_DONE)
		return EXIT_USAGE;
	code = open_database(call, &db, err) < 0 ? -1 : ask(call, &db, &lock, err);
	lock_release(&lock);
	database_release(&db);
	return code;
}
