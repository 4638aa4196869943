/* Answers questions about pylock.toml and the markers in it, for pylock_test.py. */
#include "question.h"

#include "io/toml.h"
#include "python/pylock.h"
#include "python/sdist_name.h"

static void add_text(struct question *q, const char *key, const char *text)
{
	if (text)
		json_add_text(&q->w, key, text);
}

static void add_names(struct question *q, const char *key, const struct pylock_names *names)
{
	if (!names->count)
		return;
	json_begin_array(&q->w, key);
	for (size_t i = 0; i < names->count; i++)
		json_add_text(&q->w, NULL, names->items[i]);
	json_end_array(&q->w);
}

static void add_value(struct question *q, const char *key, const struct value *v)
{
	autostrbuf struct strbuf text = {0};

	if (!v)
		return;
	toml_add_value(&text, v);
	json_add_text(&q->w, key, strbuf_text(&text));
}

static void add_values(struct question *q, const char *key, struct value **values, size_t count)
{
	if (!count)
		return;
	json_begin_array(&q->w, key);
	for (size_t i = 0; i < count; i++)
		add_value(q, NULL, values[i]);
	json_end_array(&q->w);
}

static void add_file(struct question *q, const char *key, const struct pylock_file *f)
{
	if (!f)
		return;
	json_begin_object(&q->w, key);
	add_text(q, "name", f->name);
	add_text(q, "upload-time", f->upload_time);
	add_text(q, "url", f->url);
	add_text(q, "path", f->path);
	if (f->has_size)
		json_add_integer(&q->w, "size", f->size_bytes);
	json_begin_object(&q->w, "hashes");
	for (size_t i = 0; i < f->hash_count; i++)
		json_add_text(&q->w, f->hashes[i].algorithm, f->hashes[i].value);
	json_end_object(&q->w);
	add_text(q, "subdirectory", f->subdirectory);
	json_end_object(&q->w);
}

static void add_direct(struct question *q, const struct pylock_package *p)
{
	if (p->vcs) {
		json_begin_object(&q->w, "vcs");
		add_text(q, "type", p->vcs->type);
		add_text(q, "url", p->vcs->url);
		add_text(q, "path", p->vcs->path);
		add_text(q, "requested-revision", p->vcs->requested_revision);
		add_text(q, "commit-id", p->vcs->commit_id);
		add_text(q, "subdirectory", p->vcs->subdirectory);
		json_end_object(&q->w);
	}
	if (p->directory) {
		json_begin_object(&q->w, "directory");
		add_text(q, "path", p->directory->path);
		if (p->directory->has_editable)
			json_add_boolean(&q->w, "editable", p->directory->editable);
		add_text(q, "subdirectory", p->directory->subdirectory);
		json_end_object(&q->w);
	}
	add_file(q, "archive", p->archive);
}

static void add_package(struct question *q, const struct pylock_package *p)
{
	json_begin_object(&q->w, NULL);
	add_text(q, "name", p->name);
	add_text(q, "version", p->version);
	add_text(q, "marker", p->marker ? marker_normal(&q->arena, p->marker) : NULL);
	add_text(q, "requires-python", p->requires_python);
	add_values(q, "dependencies", p->dependencies, p->dependency_count);
	add_direct(q, p);
	add_text(q, "index", p->index);
	add_file(q, "sdist", p->sdist);
	if (p->wheel_count)
		json_begin_array(&q->w, "wheels");
	for (size_t i = 0; i < p->wheel_count; i++)
		add_file(q, NULL, &p->wheels[i]);
	if (p->wheel_count)
		json_end_array(&q->w);
	add_values(q, "attestation-identities", p->attestations, p->attestation_count);
	add_value(q, "tool", p->tool);
	json_end_object(&q->w);
}

static void add_lock(struct question *q, const char *key, const struct pylock *lock)
{
	json_begin_object(&q->w, key);
	add_text(q, "lock-version", lock->lock_version);
	if (lock->environments.count)
		json_begin_array(&q->w, "environments");
	for (size_t i = 0; i < lock->environments.count; i++)
		json_add_text(&q->w, NULL, marker_normal(&q->arena, lock->environment_markers[i]));
	if (lock->environments.count)
		json_end_array(&q->w);
	add_text(q, "requires-python", lock->requires_python);
	add_names(q, "extras", &lock->extras);
	add_names(q, "dependency-groups", &lock->dependency_groups);
	add_names(q, "default-groups", &lock->default_groups);
	add_text(q, "created-by", lock->created_by);
	json_begin_array(&q->w, "packages");
	for (size_t i = 0; i < lock->package_count; i++)
		add_package(q, &lock->packages[i]);
	json_end_array(&q->w);
	add_value(q, "tool", lock->tool);
	json_end_object(&q->w);
}

static struct pylock *read_lock(struct question *q, const char *text, size_t length, struct diag *d)
{
	const struct value *document = toml_parse(&q->arena, "pylock.toml", text, length, d);

	return document ? pylock_read(&q->arena, document, d) : NULL;
}

static void add_problems(struct question *q, const struct diag *d)
{
	json_begin_array(&q->w, "refused");
	for (size_t i = 0; i < d->problem_count; i++)
		json_add_text(&q->w, NULL, d->problems[i].text);
	json_end_array(&q->w);
}

/* The lock; whether it was written and read without a difference; and what was written. */
static void ask_pylock(struct question *q)
{
	autodiag struct diag d = {0};
	autostrbuf struct strbuf first = {0}, second = {0};
	struct pylock *lock = read_lock(q, q->fields[1], q->lengths[1], &d);

	json_begin_object(&q->w, NULL);
	if (!lock) {
		add_problems(q, &d);
	} else {
		pylock_write(&first, lock);
		struct pylock *again = read_lock(q, strbuf_text(&first), first.length, &d);

		add_lock(q, "lock", lock);
		if (again)
			pylock_write(&second, again);
		json_add_boolean(&q->w, "stable", again && text_equal(strbuf_text(&first), strbuf_text(&second)));
		json_add_text(&q->w, "written", strbuf_text(&first));
		pylock_sort(lock);
		strbuf_clear(&first);
		pylock_write(&first, lock);
		json_add_text(&q->w, "sorted", strbuf_text(&first));
	}
	json_end_object(&q->w);
}

static struct marker_environment environment_at(const struct question *q, size_t at)
{
	const char *const *f = q->fields + at;

	return (struct marker_environment){f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10]};
}

/* Names parted by commas; "-" for none. */
static struct marker_names names_of(struct question *q, const char *text)
{
	const char **items = NULL;
	size_t count = 0;

	while (strcmp(text, "-") != 0) {
		size_t length = strcspn(text, ",");

		*arena_push(&q->arena, &items, &count) = arena_strndup(&q->arena, text, length);
		if (!text[length])
			break;
		text += length + 1;
	}
	return (struct marker_names){items, count};
}

static bool prefers(void *context, const char *name)
{
	const struct marker_names *names = context;

	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->items[i], name))
			return true;
	return false;
}

/* select LOCK EXTRAS GROUPS|"default" PREFERRED TAGS ELEVEN... */
static void ask_select(struct question *q)
{
	static const char *const sources[] = {"vcs", "directory", "archive", "sdist", "wheel"};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	struct pylock *lock = read_lock(q, q->fields[1], q->lengths[1], &d);
	struct marker_environment environment = environment_at(q, 6);
	struct marker_names groups = names_of(q, q->fields[3]), preferred = names_of(q, q->fields[4]), tags = names_of(q, q->fields[5]);
	struct pylock_target target = {.environment = &environment,
				       .tags = tags.items,
				       .tag_count = tags.count,
				       .extras = names_of(q, q->fields[2]),
				       .dependency_groups = strcmp(q->fields[3], "default") != 0 ? &groups : NULL,
				       .prefer_sdist = preferred.count ? prefers : NULL,
				       .context = &preferred};
	struct pylock_choice *choices;
	size_t count;

	json_begin_object(&q->w, NULL);
	if (!lock) {
		add_problems(q, &d);
	} else if (pylock_select(&q->arena, lock, &target, &choices, &count, &err)) {
		json_add_text(&q->w, "refused", err.text);
	} else {
		json_begin_array(&q->w, "chosen");
		for (size_t i = 0; i < count; i++) {
			json_begin_array(&q->w, NULL);
			json_add_text(&q->w, NULL, choices[i].package->name);
			json_add_text(&q->w, NULL, sources[choices[i].source]);
			json_add_text(&q->w, NULL, choices[i].source >= PYLOCK_SDIST ? pylock_file_name(&q->arena, choices[i].file) : NULL);
			json_end_array(&q->w);
		}
		json_end_array(&q->w);
	}
	json_end_object(&q->w);
}

/* marker CONTEXT TEXT EXTRA EXTRAS GROUPS ELEVEN... */
static void ask_marker(struct question *q)
{
	static const char *const contexts[] = {"metadata", "lock_file", "requirement"};
	struct marker_environment environment = environment_at(q, 6);
	struct marker_question question = {.extra = q->fields[3], .extras = names_of(q, q->fields[4]), .dependency_groups = names_of(q, q->fields[5])};
	size_t at;
	struct marker *m = marker_parse(&q->arena, q->fields[2], &at);
	bool defined = false, truth = false;

	while (strcmp(contexts[question.context], q->fields[1]) != 0)
		question.context++;
	json_begin_object(&q->w, NULL);
	if (m)
		truth = marker_evaluate_in(m, &environment, &question, &defined);
	json_add_text(&q->w, "answer", !m ? "no marker" : !defined ? "undefined" : truth ? "yes" : "no");
	json_end_object(&q->w);
}

static void ask_sdist(struct question *q)
{
	struct sdist_name name;

	json_begin_object(&q->w, NULL);
	if (sdist_name_parse(&q->arena, q->fields[1], &name)) {
		json_add_text(&q->w, "name", name.name);
		json_add_text(&q->w, "version", name.version);
	} else {
		json_add_text(&q->w, "refused", "no such name");
	}
	json_end_object(&q->w);
}

static void ask_lock_name(struct question *q)
{
	json_begin_object(&q->w, NULL);
	json_add_boolean(&q->w, "is", pylock_is_file_name(q->fields[1]));
	json_end_object(&q->w);
}

int main(void)
{
	static const struct question_kind kinds[] = {
		{"pylock", 2, ask_pylock}, {"select", 17, ask_select}, {"marker", 17, ask_marker}, {"sdist", 2, ask_sdist}, {"lock-name", 2, ask_lock_name},
	};

	return question_main(kinds, ARRAY_LEN(kinds));
}
