/* pylock.toml written: the same bytes for the same lock. */
#include "python/pylock.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/toml.h"

/* An inline table or a table of lines at work. */
struct writer {
	struct strbuf *out;
	const char *between; /* ", " inline, "\n" else */
	bool some;           /* a key is written */
};

static void add_key(struct writer *w, const char *key)
{
	strbuf_printf(w->out, "%s%s = ", w->some ? w->between : "", key);
	w->some = true;
}

static void add_text(struct writer *w, const char *key, const char *text)
{
	if (!text)
		return;
	add_key(w, key);
	toml_add_string(w->out, text);
}

static void add_verbatim(struct writer *w, const char *key, const char *text)
{
	if (!text)
		return;
	add_key(w, key);
	strbuf_add(w->out, text);
}

static void add_names(struct writer *w, const char *key, const struct pylock_names *names)
{
	if (!names->count)
		return;
	add_key(w, key);
	strbuf_add_char(w->out, '[');
	for (size_t i = 0; i < names->count; i++) {
		strbuf_add(w->out, i ? ", " : "");
		toml_add_string(w->out, names->items[i]);
	}
	strbuf_add_char(w->out, ']');
}

static struct writer begin_table(struct writer *w, const char *key)
{
	add_key(w, key);
	strbuf_add_char(w->out, '{');
	return (struct writer){.out = w->out, .between = ", "};
}

static void end_table(struct writer *w)
{
	strbuf_add_char(w->out, '}');
}

static void add_hashes(struct writer *w, const struct pylock_file *file)
{
	struct writer table = begin_table(w, "hashes");

	for (size_t i = 0; i < file->hash_count; i++) {
		autostrbuf struct strbuf key = {0};

		toml_add_key(&key, file->hashes[i].algorithm);
		add_text(&table, strbuf_text(&key), file->hashes[i].value);
	}
	end_table(&table);
}

static void add_size(struct writer *w, const struct pylock_file *file)
{
	if (!file->has_size)
		return;
	add_key(w, "size");
	strbuf_printf(w->out, "%lld", (long long)file->size_bytes);
}

/* An archive's keys have another order than those of an sdist or a wheel. */
static void add_archive(struct writer *w, const struct pylock_file *file)
{
	struct writer table = begin_table(w, "archive");

	add_text(&table, "url", file->url);
	add_text(&table, "path", file->path);
	add_size(&table, file);
	add_verbatim(&table, "upload-time", file->upload_time);
	add_hashes(&table, file);
	add_text(&table, "subdirectory", file->subdirectory);
	end_table(&table);
}

static void add_file_keys(struct writer *w, const struct pylock_file *file)
{
	add_text(w, "name", file->name);
	add_verbatim(w, "upload-time", file->upload_time);
	add_text(w, "url", file->url);
	add_text(w, "path", file->path);
	add_size(w, file);
	add_hashes(w, file);
}

static void add_sdist(struct writer *w, const struct pylock_file *file)
{
	struct writer table = begin_table(w, "sdist");

	add_file_keys(&table, file);
	end_table(&table);
}

static void add_wheels(struct writer *w, const struct pylock_package *p)
{
	if (!p->wheel_count)
		return;
	add_key(w, "wheels");
	strbuf_add(w->out, "[\n");
	for (size_t i = 0; i < p->wheel_count; i++) {
		struct writer table = {.out = w->out, .between = ", "};

		strbuf_add(w->out, "    {");
		add_file_keys(&table, &p->wheels[i]);
		strbuf_add(w->out, "},\n");
	}
	strbuf_add_char(w->out, ']');
}

static void add_tables(struct writer *w, const char *key, struct value **tables, size_t count)
{
	if (!count)
		return;
	add_key(w, key);
	strbuf_add(w->out, "[\n");
	for (size_t i = 0; i < count; i++) {
		strbuf_add(w->out, "    ");
		toml_add_value(w->out, tables[i]);
		strbuf_add(w->out, ",\n");
	}
	strbuf_add_char(w->out, ']');
}

static void add_vcs(struct writer *w, const struct pylock_vcs *vcs)
{
	struct writer table = begin_table(w, "vcs");

	add_text(&table, "type", vcs->type);
	add_text(&table, "url", vcs->url);
	add_text(&table, "path", vcs->path);
	add_text(&table, "requested-revision", vcs->requested_revision);
	add_text(&table, "commit-id", vcs->commit_id);
	add_text(&table, "subdirectory", vcs->subdirectory);
	end_table(&table);
}

static void add_directory(struct writer *w, const struct pylock_directory *directory)
{
	struct writer table = begin_table(w, "directory");

	add_text(&table, "path", directory->path);
	if (directory->has_editable)
		add_verbatim(&table, "editable", directory->editable ? "true" : "false");
	add_text(&table, "subdirectory", directory->subdirectory);
	end_table(&table);
}

static void add_package(struct strbuf *out, const struct pylock_package *p)
{
	struct writer w = {.out = out, .between = "\n"};

	strbuf_add(out, "\n[[packages]]\n");
	add_text(&w, "name", p->name);
	add_text(&w, "version", p->version);
	add_text(&w, "marker", p->marker_text);
	add_text(&w, "requires-python", p->requires_python);
	add_tables(&w, "dependencies", p->dependencies, p->dependency_count);
	if (p->vcs)
		add_vcs(&w, p->vcs);
	if (p->directory)
		add_directory(&w, p->directory);
	if (p->archive)
		add_archive(&w, p->archive);
	add_text(&w, "index", p->index);
	if (p->sdist)
		add_sdist(&w, p->sdist);
	add_wheels(&w, p);
	add_tables(&w, "attestation-identities", p->attestations, p->attestation_count);
	if (p->tool) {
		add_key(&w, "tool");
		toml_add_value(out, p->tool);
	}
	strbuf_add_char(out, '\n');
}

void pylock_write(struct strbuf *out, const struct pylock *lock)
{
	struct writer w = {.out = out, .between = "\n"};

	add_text(&w, "lock-version", lock->lock_version);
	add_names(&w, "environments", &lock->environments);
	add_text(&w, "requires-python", lock->requires_python);
	add_names(&w, "extras", &lock->extras);
	add_names(&w, "dependency-groups", &lock->dependency_groups);
	add_names(&w, "default-groups", &lock->default_groups);
	add_text(&w, "created-by", lock->created_by);
	if (!lock->package_count)
		add_verbatim(&w, "packages", "[]");
	strbuf_add_char(out, '\n');
	for (size_t i = 0; i < lock->package_count; i++)
		add_package(out, &lock->packages[i]);
	if (!lock->tool)
		return;
	strbuf_add(out, "\n[tool]\n");
	for (size_t i = 0; i < lock->tool->entry_count; i++) {
		const struct value_entry *entry = &lock->tool->entries[i];

		toml_add_entry(out, entry);
		strbuf_add_char(out, '\n');
	}
}

static int compare_versions(const char *a, const char *b)
{
	return a && b ? version_compare_texts(a, b) : (a != NULL) - (b != NULL);
}

static int by_package(const void *a, const void *b)
{
	const struct pylock_package *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (!order)
		order = compare_versions(x->version, y->version);
	return order ? order : text_compare(x->marker_text, y->marker_text);
}

static int by_place(const void *a, const void *b)
{
	const struct pylock_file *x = a, *y = b;
	autoarena struct arena names = {0};
	int order = text_compare(pylock_file_name(&names, x), pylock_file_name(&names, y));

	if (!order)
		order = text_compare(x->url, y->url);
	return order ? order : text_compare(x->path, y->path);
}

static int by_algorithm(const void *a, const void *b)
{
	return strcmp(((const struct pylock_hash *)a)->algorithm, ((const struct pylock_hash *)b)->algorithm);
}

static void sort(void *items, size_t count, size_t size_bytes, int (*compare)(const void *a, const void *b))
{
	if (count)
		qsort(items, count, size_bytes, compare);
}

static void sort_hashes(struct pylock_file *file)
{
	if (file)
		sort(file->hashes, file->hash_count, sizeof(*file->hashes), by_algorithm);
}

static void sort_names(struct pylock_names *names)
{
	sort(names->items, names->count, sizeof(*names->items), text_compare_items);
}

void pylock_sort(struct pylock *lock)
{
	sort_names(&lock->extras);
	sort_names(&lock->dependency_groups);
	sort_names(&lock->default_groups);
	sort(lock->packages, lock->package_count, sizeof(*lock->packages), by_package);
	for (size_t i = 0; i < lock->package_count; i++) {
		struct pylock_package *p = &lock->packages[i];

		sort_hashes(p->archive);
		sort_hashes(p->sdist);
		for (size_t k = 0; k < p->wheel_count; k++)
			sort_hashes(&p->wheels[k]);
		sort(p->wheels, p->wheel_count, sizeof(*p->wheels), by_place);
	}
}
