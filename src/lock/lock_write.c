#include <string.h>

#include "base/clock.h"
#include "io/toml.h"
#include "lock/lock_text.h"

static void add_text(struct strbuf *out, const char *key, const char *text)
{
	if (!text)
		return;
	strbuf_printf(out, "%s = ", key);
	toml_add_string(out, text);
	strbuf_add_char(out, '\n');
}

static void add_list(struct strbuf *out, const char *const *items, size_t count)
{
	strbuf_add_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		strbuf_add(out, i ? ", " : "");
		toml_add_string(out, items[i]);
	}
	strbuf_add_char(out, ']');
}

static void add_short_list(struct strbuf *out, const char *key, const char *const *items, size_t count)
{
	strbuf_printf(out, "%s = ", key);
	add_list(out, items, count);
	strbuf_add_char(out, '\n');
}

static void add_head(struct strbuf *out, const struct lock *lock)
{
	strbuf_add(out,
		   "# Written by 'lockstep lock'. Versions, files and hashes of everything the containers install; change recipes/ instead, and lock again.\n");
	strbuf_printf(out, "version = %d\n", LOCK_VERSION);
	add_text(out, "project", lock->project);
	add_text(out, "inputs", lock->inputs);
	strbuf_add(out, "cut-off = ");
	clock_add_rfc3339(out, lock->cut_off_unix);
	strbuf_add(out, "\n\n[tools]\n");
	for (size_t i = 0; i < lock->tool_count; i++) {
		toml_add_key(out, lock->tools[i].name);
		strbuf_add(out, " = ");
		toml_add_string(out, lock->tools[i].version);
		strbuf_add_char(out, '\n');
	}
}

static void add_environment(struct strbuf *out, const struct lock_environment *e)
{
	strbuf_add(out, "\n[[environment]]\n");
	add_text(out, "name", e->name);
	add_text(out, "python", e->python);
	add_text(out, "implementation", e->implementation);
	add_text(out, "os", e->os);
	add_text(out, "machine", e->machine);
	add_text(out, "libc", e->libc);
	add_text(out, "libc-version", e->libc_version);
}

static void add_container(struct strbuf *out, const struct lock_container *c)
{
	strbuf_add(out, "\n[[container]]\n");
	add_text(out, "name", c->name);
	add_text(out, "environment", c->environment);
	if (c->further_count)
		add_short_list(out, "further", c->further, c->further_count);
	add_text(out, "inputs", c->inputs);
	add_text(out, "debian", c->debian);
	add_short_list(out, "groups", c->groups, c->group_count);
	strbuf_add(out, "direct = [\n");
	for (size_t i = 0; i < c->direct_count; i++) {
		strbuf_add(out, "    ");
		toml_add_string(out, c->direct[i]);
		strbuf_add(out, ",\n");
	}
	strbuf_add(out, "]\n");
	if (c->layer_count)
		add_short_list(out, "layers", c->layers, c->layer_count);
}

static void add_member(struct strbuf *out, const char *key, const char *text)
{
	if (!text)
		return;
	strbuf_printf(out, ", %s = ", key);
	toml_add_string(out, text);
}

static void add_edge(struct strbuf *out, const struct lock_edge *e)
{
	strbuf_add(out, "    { name = ");
	toml_add_string(out, e->name);
	add_member(out, "version", e->version);
	if (e->extra_count) {
		strbuf_add(out, ", extras = ");
		add_list(out, e->extras, e->extra_count);
	}
	add_member(out, "marker", e->marker);
	add_member(out, "extra", e->extra);
	add_member(out, "waived", e->waived);
	strbuf_add(out, " },\n");
}

static void add_file(struct strbuf *out, const struct lock_file *f)
{
	strbuf_add(out, "    { name = ");
	toml_add_string(out, f->name);
	strbuf_printf(out, ", size = %llu", (unsigned long long)f->size_bytes);
	add_member(out, "sha256", f->sha256);
	add_member(out, "built-from", f->built_from);
	add_member(out, "build-key", f->build_key);
	strbuf_add(out, " },\n");
}

static void add_pin(struct strbuf *out, const struct pin *pin)
{
	strbuf_add(out, pin_is_toolchain(pin) ? "\n[[toolchain]]\n" : "\n[[package]]\n");
	add_text(out, "name", pin->name);
	add_text(out, "version", pin->version);
	add_text(out, "index", pin->index);
	add_text(out, "reference", pin->reference);
	if (pin_is_toolchain(pin))
		add_short_list(out, "layers", pin->layers, pin->layer_count);
	else
		add_short_list(out, "containers", pin->containers, pin->container_count);
	if (pin->environment_count)
		add_short_list(out, "environments", pin->environments, pin->environment_count);
	if (pin->edge_count)
		strbuf_add(out, "requires = [\n");
	for (size_t i = 0; i < pin->edge_count; i++)
		add_edge(out, &pin->edges[i]);
	strbuf_add(out, pin->edge_count ? "]\n" : "");
	if (pin->build_require_count)
		add_short_list(out, "build-requires", pin->build_requires, pin->build_require_count);
	strbuf_add(out, "files = [\n");
	for (size_t i = 0; i < pin->file_count; i++)
		add_file(out, &pin->files[i]);
	strbuf_add(out, "]\n");
}

static void add_deb(struct strbuf *out, const struct lock_deb *deb)
{
	strbuf_add(out, "\n[[deb]]\n");
	add_text(out, "name", deb->name);
	add_text(out, "version", deb->version);
	add_text(out, "architecture", deb->architecture);
	add_short_list(out, "stages", deb->stages, deb->stage_count);
	if (!lock_deb_has_file(deb))
		return;
	add_text(out, "file", deb->file);
	add_text(out, "path", deb->path);
	strbuf_printf(out, "size = %llu\n", (unsigned long long)deb->size_bytes);
	add_text(out, "sha256", deb->sha256);
}

static void add_archive(struct strbuf *out, const struct lock_archive *archive)
{
	strbuf_add(out, "\n[[archive]]\n");
	add_text(out, "name", archive->name);
	add_text(out, "url", archive->url);
	add_short_list(out, "layers", archive->layers, archive->layer_count);
	strbuf_printf(out, "size = %llu\n", (unsigned long long)archive->size_bytes);
	add_text(out, "sha256", archive->sha256);
}

bool lock_equal(const struct lock *a, const struct lock *b)
{
	autostrbuf struct strbuf left = {0}, right = {0};

	lock_write(a, &left);
	lock_write(b, &right);
	return !strcmp(strbuf_text(&left), strbuf_text(&right));
}

void lock_write(const struct lock *lock, struct strbuf *out)
{
	add_head(out, lock);
	for (size_t i = 0; i < lock->environment_count; i++)
		add_environment(out, &lock->environments[i]);
	for (size_t i = 0; i < lock->container_count; i++)
		add_container(out, &lock->containers[i]);
	for (size_t i = 0; i < lock->pin_count; i++)
		add_pin(out, &lock->pins[i]);
	for (size_t i = 0; i < lock->deb_count; i++)
		add_deb(out, &lock->debs[i]);
	for (size_t i = 0; i < lock->archive_count; i++)
		add_archive(out, &lock->archives[i]);
}
