#include "base/clock.h"
#include "io/json.h"
#include "report/show.h"

static void add_texts(struct json_writer *w, const char *key, const char *const *texts, size_t count)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_add_text(w, NULL, texts[i]);
	json_end_array(w);
}

static void add_date(struct json_writer *w, const char *key, int64_t at_unix)
{
	autostrbuf struct strbuf date = {0};

	clock_add_rfc3339(&date, at_unix);
	json_add_text(w, key, strbuf_text(&date));
}

static void add_packages(struct json_writer *w, const struct lock *lock, const struct lock_container *c)
{
	const struct lock_environment *environment = lock_environment(lock, c->environment);
	autoarena struct arena a = {0};
	const char *const *tags = NULL;
	size_t tag_count = 0;

	if (environment)
		lock_environment_tags(&a, environment, &tags, &tag_count);
	json_begin_array(w, "packages");
	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		if (!pin_is_built_in(pin, c))
			continue;
		const struct lock_file *file = pin_file_by_tags(pin, tags, tag_count);

		json_begin_object(w, NULL);
		json_add_text(w, "name", pin->name);
		json_add_text(w, "version", pin->version);
		json_add_text(w, "index", pin->index);
		if (pin->reference)
			json_add_text(w, "reference", pin->reference);
		json_add_boolean(w, "direct", lock_is_direct(c, pin->name));
		json_add_text(w, "declared", lock_direct(c, pin->name));
		json_add_text(w, "file", file ? file->name : NULL);
		json_add_text(w, "sha256", file ? file->sha256 : NULL);
		if (file)
			json_add_integer(w, "bytes", (int64_t)file->size_bytes);
		if (file && file->built_from && pin_source(pin)) {
			json_add_text(w, "source", pin_source(pin)->name);
			json_add_text(w, "built_from", file->built_from);
		}
		json_end_object(w);
	}
	json_end_array(w);
}

/* Every package of every environment that it is locked for besides. */
static void add_further(struct json_writer *w, const struct lock *lock, const struct lock_container *c)
{
	if (!c->further_count)
		return;
	json_begin_object(w, "further");
	for (size_t i = 0; i < c->further_count; i++) {
		json_begin_object(w, c->further[i]);
		for (size_t j = 0; j < lock->pin_count; j++) {
			if (pin_is_in(&lock->pins[j], c, c->further[i]))
				json_add_text(w, lock->pins[j].name, lock->pins[j].version);
		}
		json_end_object(w);
	}
	json_end_object(w);
}

static void add_container(struct json_writer *w, const struct release *release, const struct lock_container *c)
{
	const struct snapshot *s = release_snapshot(release, c->name);

	json_begin_object(w, NULL);
	json_add_text(w, "name", c->name);
	json_add_text(w, "environment", c->environment);
	add_texts(w, "groups", c->groups, c->group_count);
	add_further(w, &release->lock, c);
	add_packages(w, &release->lock, c);
	if (s)
		report_add_snapshot(w, s);
	json_end_object(w);
}

static void add_toolchain(struct json_writer *w, const struct lock *lock)
{
	json_begin_array(w, "toolchain");
	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		if (!pin_is_toolchain(pin))
			continue;
		json_begin_object(w, NULL);
		json_add_text(w, "name", pin->name);
		json_add_text(w, "version", pin->version);
		json_add_text(w, "index", pin->index);
		add_texts(w, "layers", pin->layers, pin->layer_count);
		json_end_object(w);
	}
	json_end_array(w);
}

void show_json(const struct release *release, const char *container, struct strbuf *out)
{
	const struct lock *lock = &release->lock;
	struct json_writer w = {.out = out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "name", release->name);
	json_add_text(&w, "previous", release->previous);
	json_add_text(&w, "project", lock->project);
	add_date(&w, "created", release->created_unix);
	add_date(&w, "cut_off", lock->cut_off_unix);
	json_add_text(&w, "tool", release->tool);
	json_begin_object(&w, "locked_by");
	for (size_t i = 0; i < lock->tool_count; i++)
		json_add_text(&w, lock->tools[i].name, lock->tools[i].version);
	json_end_object(&w);
	json_begin_array(&w, "containers");
	for (size_t i = 0; i < lock->container_count; i++) {
		if (!container || lock_container(lock, container) == &lock->containers[i])
			add_container(&w, release, &lock->containers[i]);
	}
	json_end_array(&w);
	add_toolchain(&w, lock);
	json_end_object(&w);
}
