#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/building.h"
#include "cmd/engines.h"
#include "cmd/inspect.h"
#include "cmd/open.h"
#include "io/json.h"
#include "io/terminal.h"
#include "lock/current.h"
#include "python/settings.h"

static const char *const state_names[] = {
	[RELATION_NOT_ASKED] = "not asked", [RELATION_HOLDS] = "holds", [RELATION_FAILS] = "fails", [RELATION_UNKNOWN] = "unknown"};

static void add_finding(struct json_writer *w, const struct finding *f)
{
	json_begin_object(w, NULL);
	json_add_text(w, "kind", f->kind);
	json_add_text(w, "severity", f->is_warning ? "warning" : "error");
	json_add_text(w, "container", f->container);
	json_add_text(w, "package", f->is_package ? f->subject : NULL);
	json_add_text(w, "subject", f->subject);
	json_add_text(w, "expected", f->expected);
	json_add_text(w, "found", f->found);
	json_add_text(w, "text", f->text);
	json_add_text(w, "file", f->pos.file);
	if (f->pos.file) {
		json_add_integer(w, "line", f->pos.line);
		json_add_integer(w, "column", f->pos.column);
	}
	json_end_object(w);
}

static void add_relation(struct json_writer *w, const struct relation_result *r)
{
	json_begin_object(w, NULL);
	json_add_text(w, "name", r->relation->name);
	json_add_text(w, "title", r->relation->title);
	json_add_integer(w, "bit", r->relation->bit);
	json_add_text(w, "state", state_names[r->state]);
	if (r->state == RELATION_HOLDS || r->state == RELATION_FAILS)
		json_add_boolean(w, "ok", r->state == RELATION_HOLDS);
	else
		json_add_null(w, "ok");
	json_add_text(w, "checked", r->findings.checked);
	json_add_text(w, "problem", r->err.text);
	json_begin_array(w, "findings");
	for (size_t i = 0; i < r->findings.count; i++)
		add_finding(w, &r->findings.items[i]);
	json_end_array(w);
	json_end_object(w);
}

static void add_images(struct json_writer *w, const struct inspect *i)
{
	json_begin_array(w, "images");
	for (size_t n = 0; i->is_asked && n < i->count; n++) {
		json_begin_object(w, NULL);
		json_add_text(w, "container", i->containers[n]->name);
		json_add_text(w, "image", i->images[n]);
		json_add_text(w, "image_id", i->snapshots[n].image_id);
		json_add_integer(w, "packages", (int64_t)i->snapshots[n].package_count);
		json_end_object(w);
	}
	json_end_array(w);
}

static void print_json(const struct inspect *i, const char *lock_from, unsigned bits)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_boolean(&w, "verified", !bits);
	json_add_integer(&w, "exit_bits", bits);
	json_add_text(&w, "lock", lock_from);
	add_images(&w, i);
	json_begin_array(&w, "relations");
	for (size_t n = 0; n < i->results.count; n++)
		add_relation(&w, &i->results.items[n]);
	json_end_array(&w);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static void print_relation(const struct relation_result *r)
{
	size_t errors = r->findings.error_count;

	if (r->state == RELATION_NOT_ASKED)
		return;
	printf("%s%-22s%s ", terminal_begin(stdout, COLOR_BOLD), r->relation->title, terminal_end(stdout));
	if (r->state == RELATION_HOLDS)
		printf("%sholds%s: %s\n", terminal_begin(stdout, COLOR_GREEN), terminal_end(stdout),
		       r->findings.checked ? r->findings.checked : "nothing to look at");
	else if (r->state == RELATION_FAILS)
		printf("%s%zu finding%s%s\n", terminal_begin(stdout, COLOR_RED), errors, errors == 1 ? "" : "s", terminal_end(stdout));
	else
		printf("%scannot be told%s\n", terminal_begin(stdout, COLOR_RED), terminal_end(stdout));
	inspect_print(r, 2, stdout);
}

static void print_text(const struct inspect *i, const char *lock_from)
{
	size_t packages = 0, errors = relation_results_errors(&i->results), holding = 0;

	for (size_t n = 0; n < i->results.count; n++) {
		print_relation(&i->results.items[n]);
		holding += i->results.items[n].state == RELATION_HOLDS;
	}
	for (size_t n = 0; i->is_asked && n < i->count; n++)
		packages += i->snapshots[n].package_count;
	if (errors && i->is_asked)
		printf("%zu finding%s: the images are not what %s says\n", errors, errors == 1 ? "" : "s", lock_from);
	else if (errors)
		printf("%zu finding%s in %s\n", errors, errors == 1 ? "" : "s", lock_from);
	else if (relation_results_bits(&i->results))
		return;
	else if (i->is_asked)
		printf("verified: %zu container%s, %zu installed packages are exactly what %s says\n", i->count, i->count == 1 ? "" : "s", packages, lock_from);
	else
		printf("verified: %zu relation%s of %s, without looking into images\n", holding, holding == 1 ? "" : "s", lock_from);
}

/* What a run is about. */
struct verify {
	struct command_call *call;
	struct inspect inspect;
	const char *from;
	unsigned asked;
	bool fits; /* the lock is made from recipes/ as they are */
	struct engine engine;
	struct settings settings;
};

static bool asks_for(const struct verify *v, bool images)
{
	for (const struct relation *r = relations; r->name; r++) {
		if ((v->asked & r->bit) && (images ? r->needs_images : r->needs_indexes))
			return true;
	}
	return false;
}

static int look_into_images(struct verify *v, const struct database *db, const struct lock *lock, struct error *err)
{
	if (engines_find(v->call, db, &v->engine, err) < 0 || inspect_choose(&v->inspect, v->call, db, lock, v->from, &v->engine, err) < 0)
		return -1;
	v->inspect.verifies = !command_flag(v->call, "no-probes") && (v->asked & relation_find("installed")->bit);
	return inspect_snapshot(&v->inspect, v->call, db, &v->engine, NULL, err);
}

/* The lock that counts, or the newest there is: that recipes/ changed since is the first thing to be found. */
static int read_lock(struct verify *v, const struct database *db, struct lock *lock, struct error *err)
{
	autodiag struct diag d = {0};
	int failed = lock_newest(db, lock, &v->from, &v->fits, &d, err);

	open_print_problems(&d);
	return failed || !v->fits ? failed : open_check_release(db, v->from, err);
}

static int check(struct verify *v, const struct database *db, struct lock *lock, struct error *err)
{
	autoerror struct error unseen = {0};
	bool blind;

	if (read_lock(v, db, lock, err) < 0 || inspect_containers(&v->inspect, v->call, db, err) < 0)
		return -1;
	if (asks_for(v, false) && settings_read(&v->settings, db->root, err) < 0)
		return -1;
	blind = asks_for(v, true) && look_into_images(v, db, lock, &unseen) < 0;
	inspect_verify(&v->inspect, v->call, db, lock, &v->engine, !command_flag(v->call, "no-probes"), asks_for(v, false) ? &v->settings : NULL, v->asked);
	/* What could be told without images is told; and that they could not be looked into. */
	for (size_t i = 0; blind && i < v->inspect.results.count; i++) {
		struct relation_result *r = &v->inspect.results.items[i];

		if ((v->asked & r->relation->bit) && r->relation->needs_images) {
			r->state = RELATION_UNKNOWN;
			error_set(&r->err, unseen.code, "%s", unseen.text);
		}
	}
	return 0;
}

/* Of what could not be told, each reason once. */
static void print_problems(const struct verify *v)
{
	for (size_t i = 0; i < v->inspect.results.count; i++) {
		const struct relation_result *r = &v->inspect.results.items[i];
		autostrbuf struct strbuf safe = {0};

		if (r->state != RELATION_UNKNOWN)
			continue;
		text_escape(&safe, r->err.text, strlen(r->err.text), TEXT_ESCAPE_KEEP_NEWLINE);
		fprintf(stderr, "%serror:%s %s\n", terminal_begin(stderr, COLOR_RED), terminal_end(stderr), strbuf_text(&safe));
	}
}

static int verify(struct command_call *call, const struct database *db, struct lock *lock, struct error *err)
{
	struct verify v = {.call = call};
	int code = EXIT_DONE;

	for (const struct relation *r = relations; r->name; r++)
		v.asked |= !r->needs_indexes || command_flag(call, "index") ? r->bit : 0;
	if (*command_values(call, "only"))
		v.asked = 0;
	for (const char *const *name = command_values(call, "only"); *name; name++)
		v.asked |= relation_find(*name)->bit;
	code = check(&v, db, lock, err);
	if (code == 0) {
		unsigned bits = relation_results_bits(&v.inspect.results);

		if (call->format == FORMAT_JSON)
			print_json(&v.inspect, v.from, bits);
		else
			print_text(&v.inspect, v.from);
		fflush(stdout);
		print_problems(&v);
		code = bits ? EXIT_FAILED : EXIT_DONE;
	}
	settings_release(&v.settings);
	inspect_release(&v.inspect);
	return code;
}

static int run(struct command_call *call, struct error *err)
{
	for (const char *const *name = command_values(call, "only"); *name; name++) {
		if (!relation_find(*name))
			return command_usage(call, "'--only' takes declared, installed, agree, files or index, not '%s'", *name);
	}
	return inspect_run(call, verify, err);
}

static const struct option options[] = {
	{"only", 'o', "RELATION", true, "check this relation alone: declared, installed, agree, files, index"},
	{"index", 0, NULL, false, "ask the package indexes too whether they still offer what is locked"},
	{"engine", 'e', "NAME", false, "the engine that has the images: buildah, docker, podman or buildkit"},
	BUILDING_LAYERS_OPTION,
	ENGINES_WORKERS_OPTION,
	{"image", 0, "IMAGE", false, "verify this image instead of the container's own"},
	{"no-probes", 0, NULL, false, "leave out the verify commands of the layer recipes"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_verify = {
	.name = "verify",
	.section = "the maintainer",
	.arguments = "[CONTAINER ...]",
	.summary = "check that recipes, lock, wheels, images and indexes agree",
	.description =
		"Checks relations, each by itself; the number is its bit in the JSON's exit_bits:\n"
		"  declared   1  what recipes/ declare for a container, with its constraints, holds and swaps, is satisfied by the lock; what each wheel requires\n"
		"                is locked too, and nothing that nobody needs; the lock was made from these recipes\n"
		"  installed  2  each image has installed exactly what the lock says: nothing missing or extra, no other version or origin, no file changed since;\n"
		"                and the verify commands of the layer recipes pass\n"
		"  agree      4  a package is at one version in all containers, in the lock and in the images, except where a difference is declared\n"
		"  files      8  no file belongs to two packages of a container, and no shared object needs another CUDA than the container has\n"
		"  index     16  what is locked was neither yanked, nor removed, nor replaced on its index since: only with --index, as it needs a network\n"
		"Only 'installed' needs an engine; where that has no images, the others are told of all the same. Exits with 1 when anything is found.\n"
		"\n"
		"examples\n"
		"  lockstep verify                                   all containers of the newest lock\n"
		"  lockstep verify --only declared --only agree      what can be told from files alone\n"
		"  lockstep verify --only index --format json        for a nightly job\n"
		"  lockstep verify ci-gpu --image my/ci-gpu:test     an image that something else built",
	.argument_max = 1000,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
