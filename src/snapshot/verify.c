#include "snapshot/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "fetch/store.h"
#include "python/version.h"
#include "python/wheel.h"
#include "snapshot/probe.h"

void findings_release(struct findings *f)
{
	arena_release(&f->arena);
	*f = (struct findings){0};
}

const char *finding_kind_name(enum finding_kind kind)
{
	static const char *const names[] = {"undeclared", "missing", "extra", "version", "origin", "altered", "environment", "disagree", "probe"};

	return names[kind];
}

static void add(struct findings *f, enum finding_kind kind, const char *container, const char *subject, const char *text)
{
	struct finding *item = arena_push(&f->arena, &f->items, &f->count);

	*item = (struct finding){kind, arena_strdup_null(&f->arena, container), arena_strdup(&f->arena, subject), arena_strdup(&f->arena, text)};
}

void verify_declared(const struct database *db, const struct lock *lock, struct findings *ret)
{
	autoarena struct arena a = {0};

	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];
		struct package **packages;
		size_t count;

		container_packages(&a, c, &packages, &count);
		for (size_t j = 0; j < count; j++) {
			const struct constraint *constraint = &packages[j]->constraint;
			const struct pin *pin = lock_pin(lock, c->name, packages[j]->canonical);
			size_t at;
			struct specifier_set *set = specifier_set_parse(&a, constraint->specifier, &at);

			if (!pin)
				add(ret, FINDING_UNDECLARED, c->name, packages[j]->canonical, "is declared, but the lock has no pin for it");
			else if (set && !specifier_set_contains(set, pin->version, true))
				add(ret, FINDING_UNDECLARED, c->name, packages[j]->canonical,
				    arena_printf(&a, "is locked at %s, but %s:%u says '%s'", pin->version, constraint->pos.file, constraint->pos.line,
						 constraint->specifier));
		}
	}
}

static void verify_environment(const struct lock_environment *environment, const struct snapshot *s, struct findings *ret)
{
	const struct {
		const char *marker, *wanted;
	} rows[] = {{"python_version", environment->python},
		    {"implementation_name", environment->implementation},
		    {"sys_platform", environment->os},
		    {"platform_machine", environment->machine}};
	autoarena struct arena a = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *seen = NULL;

		for (size_t j = 0; j < s->marker_count; j++)
			seen = strcmp(s->markers[j].name, rows[i].marker) == 0 ? s->markers[j].value : seen;
		if (!text_equal(seen, rows[i].wanted))
			add(ret, FINDING_ENVIRONMENT, s->container, rows[i].marker,
			    arena_printf(&a, "is '%s' in the image, but its base says '%s'", seen ? seen : "not known", rows[i].wanted));
	}
	for (size_t i = 0; i < s->tool_count; i++) {
		if (!strcmp(environment->libc, "glibc") && !strcmp(s->tools[i].name, "glibc") && strcmp(s->tools[i].version, environment->libc_version) != 0)
			add(ret, FINDING_ENVIRONMENT, s->container, "glibc",
			    arena_printf(&a, "is %s in the image, but its base says %s", s->tools[i].version, environment->libc_version));
	}
}

/* Whether an installed package is the wheel that was locked; silent where the store no longer has the wheel. */
static void verify_wheel(const struct pin *pin, const struct lock_environment *environment, const struct installed_package *p, const char *container,
			 struct findings *ret)
{
	autoarena struct arena a = {0};
	autoerror struct error ignored = {0};
	const struct lock_file *file = pin_file(pin, environment);
	char digest[DIGEST_HEX_LENGTH + 1];

	if (!p->record_sha256) {
		if (!p->altered)
			add(ret, FINDING_ORIGIN, container, p->name, "has no RECORD, as everything that is installed from a wheel has");
		return;
	}
	if (!file)
		return;
	const char *path = store_path(&a, file->sha256);

	if (file_exists(path) && wheel_record_digest(path, digest, &ignored) == 0 && strcmp(digest, p->record_sha256) != 0)
		add(ret, FINDING_ORIGIN, container, p->name,
		    arena_printf(&a, "has version %s, but was not installed from %s%s%s", p->version, file->name,
				 file->built_from && pin_source(pin) ? ", built from " : "", file->built_from && pin_source(pin) ? pin_source(pin)->name : ""));
}

static void verify_package(const struct pin *pin, const struct lock_environment *environment, const struct installed_package *p, const char *container,
			   struct findings *ret)
{
	autoarena struct arena a = {0};

	if (version_compare_texts(p->version, pin->version) != 0) {
		add(ret, FINDING_VERSION, container, p->name, arena_printf(&a, "is installed at %s, but locked at %s", p->version, pin->version));
		return;
	}
	/* What lockstep builds of git says so itself; a wheel from one place has nobody to write it down. */
	bool is_git = pin->reference && text_starts_with(pin->reference, "git+");

	if (p->editable || (is_git && !p->direct_url) || (p->direct_url && !text_equal(p->direct_url, pin->reference)))
		add(ret, FINDING_ORIGIN, container, p->name,
		    arena_printf(&a, "was installed from '%s', but is locked from %s'%s'",
				 p->direct_url ? p->direct_url
				 : p->editable ? "a folder"
					       : "somewhere that nothing tells",
				 pin->reference ? "" : "index ", pin->reference ? pin->reference : pin->index));
	else
		verify_wheel(pin, environment, p, container, ret);
	if (p->altered)
		add(ret, FINDING_ALTERED, container, p->name, arena_printf(&a, "has a file that is not the one that was installed: %s", p->altered));
}

void verify_installed(const struct lock *lock, const struct container *c, const struct snapshot *s, struct findings *ret)
{
	autoarena struct arena a = {0};
	const struct lock_container *part = lock_container(lock, c->name);
	const struct lock_environment *environment = part ? lock_environment(lock, part->environment) : NULL;

	if (!environment) {
		add(ret, FINDING_MISSING, c->name, c->name, "is no container of the lock");
		return;
	}
	if (s->marker_count)
		verify_environment(environment, s, ret);
	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];
		const struct installed_package *p = pin_is_built_in(pin, part) ? snapshot_package(s, pin->name) : NULL;

		if (p)
			verify_package(pin, environment, p, c->name, ret);
		else if (pin_is_built_in(pin, part))
			add(ret, FINDING_MISSING, c->name, pin->name, arena_printf(&a, "is locked at %s, but not installed", pin->version));
	}
	for (size_t i = 0; i < s->package_count; i++) {
		if (!lock_pin(lock, c->name, s->packages[i].name))
			add(ret, FINDING_EXTRA, c->name, s->packages[i].name, arena_printf(&a, "is installed at %s, but not locked", s->packages[i].version));
		if (i && !strcmp(s->packages[i].name, s->packages[i - 1].name))
			add(ret, FINDING_EXTRA, c->name, s->packages[i].name,
			    arena_printf(&a, "is installed twice, the second time at %s", s->packages[i].version));
	}
	for (size_t i = 0; i < s->stray_count; i++)
		add(ret, FINDING_EXTRA, c->name, s->strays[i].path, s->strays[i].text);
}

static bool is_declared_difference(const struct database *db, const char *package, const char *left, const char *right)
{
	for (size_t i = 0; i < db->difference_count; i++) {
		const struct difference *d = &db->differences[i];
		bool covers = !d->container_count;

		for (size_t j = 0; j < d->container_count; j++)
			covers = covers || !strcmp(d->containers[j]->name, left) || !strcmp(d->containers[j]->name, right);
		if (covers && !strcmp(d->canonical, package))
			return true;
	}
	return false;
}

void verify_agreement(const struct database *db, const struct snapshot *snapshots, size_t count, struct findings *ret)
{
	autoarena struct arena a = {0};

	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			for (size_t k = 0; k < snapshots[i].package_count; k++) {
				const struct installed_package *left = &snapshots[i].packages[k], *right = snapshot_package(&snapshots[j], left->name);

				if (right && version_compare_texts(left->version, right->version) != 0 &&
				    !is_declared_difference(db, left->name, snapshots[i].container, snapshots[j].container))
					add(ret, FINDING_DISAGREE, NULL, left->name,
					    arena_printf(&a, "is %s in %s, but %s in %s, and no difference is declared", left->version, snapshots[i].container,
							 right->version, snapshots[j].container));
			}
		}
	}
}

static void read_probe(const struct value *result, const struct container *c, struct findings *ret)
{
	autostrbuf struct strbuf text = {0};
	const struct value *command = value_get(result, "command");
	const char *output = value_get_text(result, "output"), *name = value_get_text(result, "name");
	int64_t status = 1;

	if (value_get_integer(result, "status", &status) && status == 0)
		return;
	strbuf_add(&text, "verify command failed: ");
	for (size_t i = 0; command && i < command->item_count; i++) {
		if (i)
			strbuf_add_char(&text, ' ');
		if (command->items[i]->kind == VALUE_TEXT)
			text_shell_quote(&text, command->items[i]->text);
	}
	strbuf_printf(&text, " (exit status %lld)", (long long)status);
	if (output && *output)
		strbuf_printf(&text, "\n%s", output);
	add(ret, FINDING_PROBE, c->name, name ? name : "?", strbuf_text(&text));
}

int verify_probes(struct engine *e, const char *image, const struct container *c, struct findings *ret, struct error *err)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf request = {0};
	struct json_writer w = {.out = &request, .compact = true};
	struct value *answer;
	size_t asked = 0;

	json_begin_object(&w, NULL);
	json_begin_array(&w, "verify");
	for (size_t i = 0; i < c->layer_count; i++) {
		probe_add_all(&a, &w, &c->layers[i], c->layers[i].layer->verify, c->layers[i].layer->verify_count);
		asked += c->layers[i].layer->verify_count;
	}
	json_end_array(&w);
	json_end_object(&w);
	if (!asked)
		return 0;
	if (probe_ask(&a, e, image, c, &request, &answer, err) < 0)
		return error_wrap(err, "container '%s'", c->name);
	const struct value *results = value_get(answer, "verify");

	for (size_t i = 0; results && i < results->item_count; i++)
		read_probe(results->items[i], c, ret);
	return 0;
}
