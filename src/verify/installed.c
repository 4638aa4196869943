/* What an image has installed beside what its part of the lock says; and what its layer recipes want verified in it. */
#include "verify/verify.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/engine.h"
#include "fetch/store.h"
#include "io/json.h"
#include "python/version.h"
#include "python/wheel.h"
#include "snapshot/probe.h"
#include "snapshot/snapshot.h"
#include "verify/installed.h"

static void add(struct findings *f, const char *kind, const char *container, const char *package, const char *expected, const char *found, const char *text)
{
	findings_add(f,
		     &(struct finding){
			     .kind = kind, .container = container, .subject = package, .is_package = true, .expected = expected, .found = found, .text = text});
}

/* About something that is no package. */
static void add_other(struct findings *f, const char *kind, const char *container, const char *subject, const char *expected, const char *found,
		      const char *text)
{
	findings_add(f, &(struct finding){.kind = kind, .container = container, .subject = subject, .expected = expected, .found = found, .text = text});
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
			add_other(ret, "environment", s->container, rows[i].marker, rows[i].wanted, seen,
				  arena_printf(&a, "is '%s' in the image, but its base says '%s'", seen ? seen : "not known", rows[i].wanted));
	}
	for (size_t i = 0; i < s->tool_count; i++) {
		if (!strcmp(environment->libc, "glibc") && !strcmp(s->tools[i].name, "glibc") && strcmp(s->tools[i].version, environment->libc_version) != 0)
			add_other(ret, "environment", s->container, "glibc", environment->libc_version, s->tools[i].version,
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
			add(ret, "origin", container, p->name, "a wheel", NULL, "has no RECORD, as everything that is installed from a wheel has");
		return;
	}
	if (!file)
		return;
	const char *path = store_path(&a, file->sha256);

	if (file_exists(path) && wheel_record_digest(path, digest, &ignored) == 0 && strcmp(digest, p->record_sha256) != 0)
		add(ret, "origin", container, p->name, file->name, NULL,
		    arena_printf(&a, "has version %s, but was not installed from %s%s%s", p->version, file->name,
				 file->built_from && pin_source(pin) ? ", built from " : "", file->built_from && pin_source(pin) ? pin_source(pin)->name : ""));
}

/* Installed from elsewhere than from where it is locked. */
static void origin(const struct pin *pin, const struct installed_package *p, const char *container, struct findings *ret)
{
	autoarena struct arena a = {0};
	const char *from = p->direct_url ? p->direct_url : p->editable ? "a folder" : "somewhere that nothing tells";

	add(ret, "origin", container, p->name, pin->reference ? pin->reference : pin->index, from,
	    arena_printf(&a, "was installed from '%s', but is locked from %s'%s'", from, pin->reference ? "" : "index ",
			 pin->reference ? pin->reference : pin->index));
}

static void verify_package(const struct pin *pin, const struct lock_environment *environment, const struct installed_package *p, const char *container,
			   struct findings *ret)
{
	autoarena struct arena a = {0};

	if (version_compare_texts(p->version, pin->version) != 0) {
		add(ret, "version", container, p->name, pin->version, p->version,
		    arena_printf(&a, "is installed at %s, but locked at %s", p->version, pin->version));
		return;
	}
	/* What comes from an address says so (PEP 610); where the project's own files lie is nobody else's business. */
	bool has_address = pin->reference && strstr(pin->reference, "://");

	if (p->editable || (has_address && !p->direct_url) || (p->direct_url && !text_equal(p->direct_url, pin->reference)))
		origin(pin, p, container, ret);
	else
		verify_wheel(pin, environment, p, container, ret);
	if (p->altered)
		add(ret, "altered", container, p->name, NULL, p->altered,
		    arena_printf(&a, "has a file that is not the one that was installed: %s", p->altered));
}

static void compare_image(const struct lock *lock, const struct container *c, const struct snapshot *s, struct findings *ret)
{
	autoarena struct arena a = {0};
	const struct lock_container *part = lock_container(lock, c->name);
	const struct lock_environment *environment = part ? lock_environment(lock, part->environment) : NULL;

	if (!environment) {
		add_other(ret, "missing", c->name, c->name, NULL, NULL, "is no container of the lock");
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
			add(ret, "missing", c->name, pin->name, pin->version, NULL, arena_printf(&a, "is locked at %s, but not installed", pin->version));
	}
	for (size_t i = 0; i < s->package_count; i++) {
		if (!lock_pin(lock, c->name, s->packages[i].name))
			add(ret, "extra", c->name, s->packages[i].name, NULL, s->packages[i].version,
			    arena_printf(&a, "is installed at %s, but not locked", s->packages[i].version));
		if (i && !strcmp(s->packages[i].name, s->packages[i - 1].name))
			add(ret, "extra", c->name, s->packages[i].name, s->packages[i - 1].version, s->packages[i].version,
			    arena_printf(&a, "is installed twice, the second time at %s", s->packages[i].version));
	}
	for (size_t i = 0; i < s->stray_count; i++)
		add_other(ret, "extra", c->name, s->strays[i].path, NULL, NULL, s->strays[i].text);
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
	add_other(ret, "probe", c->name, name ? name : "?", "exit status 0", NULL, strbuf_text(&text));
}

/* The verify commands of its layers; false: it has none. */
static bool write_probes(struct arena *a, const struct container *c, struct strbuf *request)
{
	struct json_writer w = {.out = request, .compact = true};

	json_begin_object(&w, NULL);
	size_t asked = probe_add_verify(a, &w, c);

	json_end_object(&w);
	return asked;
}

static void read_probes(const struct value *results, const struct container *c, struct findings *ret)
{
	for (size_t k = 0; results && results->kind == VALUE_ARRAY && k < results->item_count; k++)
		read_probe(results->items[k], c, ret);
}

/* What was run when the image was asked. */
static int read_verified(const struct snapshot *s, const struct container *c, struct findings *ret, struct error *err)
{
	autoarena struct arena a = {0};
	struct value *results;

	if (json_parse(&a, "what verify commands gave", s->verified, strlen(s->verified), &results, err) < 0)
		return error_wrap(err, "container '%s'", c->name);
	read_probes(results, c, ret);
	return 0;
}

/* All containers at once. */
static int run_probes(const struct verification *v, struct findings *ret, struct error *err)
{
	autoarena struct arena a = {0};
	struct probe_question *questions = arena_array(&a, v->container_count + 1, sizeof(*questions));
	size_t count = 0;

	for (size_t i = 0; i < v->container_count; i++) {
		struct probe_question *q = &questions[count];

		*q = (struct probe_question){.container = v->containers[i], .image = v->images[i]};
		if (!v->snapshots[i].verified && write_probes(&a, v->containers[i], &q->request))
			count++;
		else
			strbuf_release(&q->request);
	}
	int failed = probe_ask(&a, v->engine, questions, count, err);

	for (size_t i = 0; i < count; i++) {
		if (!failed)
			read_probes(value_get(questions[i].answer, "verify"), questions[i].container, ret);
		strbuf_release(&questions[i].request);
	}
	return failed;
}

int verify_installed(const struct verification *v, struct findings *ret, struct error *err)
{
	size_t packages = 0;

	for (size_t i = 0; v->probes && i < v->container_count; i++) {
		if (v->snapshots[i].verified && read_verified(&v->snapshots[i], v->containers[i], ret, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < v->container_count; i++) {
		compare_image(v->lock, v->containers[i], &v->snapshots[i], ret);
		installed_check_debian(v->lock, v->containers[i], &v->snapshots[i], ret);
		packages += v->snapshots[i].package_count;
	}
	if (v->probes && run_probes(v, ret, err) < 0)
		return -1;
	findings_checked(ret, "%zu image%s, %zu installed package%s", v->container_count, v->container_count == 1 ? "" : "s", packages,
			 packages == 1 ? "" : "s");
	return 0;
}
