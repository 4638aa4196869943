#include "fetch/simple_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "fetch/mirror_layout.h"
#include "fetch/store.h"
#include "io/json.h"
#include "python/name.h"
#include "python/wheel.h"

enum { PAGE_LIMIT_BYTES = 64 * 1024 * 1024 };

/* A file on a page. */
struct entry {
	const char *name, *sha256, *requires_python;
	int64_t size_bytes;
};

struct simple_page {
	struct arena *arena;
	const char *folder; /* of the package */
	const char *package;
	struct entry *entries;
	size_t count;
};

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* What the page named before, as its JSON form says; a page that cannot be read is made again. */
static void read_before(struct simple_page *p)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	const char *path = path_join(p->arena, p->folder, "index.json");
	struct value *page = NULL;

	if (file_read(path, PAGE_LIMIT_BYTES, &text, &ignored) < 0 || json_parse(p->arena, path, strbuf_text(&text), text.length, &page, &ignored) < 0)
		return;
	const struct value *files = value_get(page, "files");

	for (size_t i = 0; files && files->kind == VALUE_ARRAY && i < files->item_count; i++) {
		const struct value *file = files->items[i];
		struct entry e = {
			.name = value_get_text(file, "filename"),
			.sha256 = value_get_text(value_get(file, "hashes"), "sha256"),
			.requires_python = value_get_text(file, "requires-python"),
		};

		if (e.name && e.sha256 && path_is_plain_name(e.name) && digest_is_hex(e.sha256) && value_get_integer(file, "size", &e.size_bytes) &&
		    file_size(path_join(p->arena, p->folder, e.name)) == e.size_bytes)
			*arena_push(p->arena, &p->entries, &p->count) = e;
	}
}

static int add_file(struct simple_page *p, const struct lock_file *file, struct mirror_counts *counts, struct error *err)
{
	const char *path = path_join(p->arena, p->folder, file->name), *stored = store_path(p->arena, file->sha256);
	autoerror struct error ignored = {0};
	struct wheel_metadata metadata;
	struct entry *e = NULL;

	counts->files++;
	for (size_t i = 0; i < p->count && !e; i++)
		e = !strcmp(p->entries[i].name, file->name) ? &p->entries[i] : NULL;
	if (e && !strcmp(e->sha256, file->sha256))
		return 0;
	if (!e)
		e = arena_push(p->arena, &p->entries, &p->count);
	if (file_link_or_copy(stored, path, err) < 0)
		return -1;
	counts->added++;
	*e = (struct entry){.name = file->name, .sha256 = file->sha256, .size_bytes = file_size(stored)};
	if (text_ends_with(file->name, ".whl") && wheel_metadata_read(p->arena, stored, &metadata, &ignored) == 0)
		e->requires_python = metadata.requires_python;
	return 0;
}

/* In an attribute or as text of HTML; file names and specifiers have nothing worse. */
static void add_html(struct strbuf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (strchr("<>&\"'", c) || c < ' ' || c == 0x7f)
			strbuf_printf(out, "&#%u;", c);
		else
			strbuf_add_char(out, *p);
	}
}

static void add_link(struct strbuf *out, const char *name)
{
	for (const char *p = name; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._~", *p))
			strbuf_add_char(out, *p);
		else
			strbuf_printf(out, "%%%02x", (unsigned char)*p);
	}
}

static void begin_html(struct strbuf *out, const char *title)
{
	strbuf_add(out, "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.0\">\n<title>");
	add_html(out, title);
	strbuf_add(out, "</title>\n</head>\n<body>\n");
}

static void add_page_html(const struct simple_page *p, struct strbuf *out)
{
	begin_html(out, p->package);
	for (size_t i = 0; i < p->count; i++) {
		const struct entry *e = &p->entries[i];

		strbuf_add(out, "<a href=\"");
		add_link(out, e->name);
		strbuf_printf(out, "#sha256=%s\"", e->sha256);
		if (e->requires_python) {
			strbuf_add(out, " data-requires-python=\"");
			add_html(out, e->requires_python);
			strbuf_add_char(out, '"');
		}
		strbuf_add_char(out, '>');
		add_html(out, e->name);
		strbuf_add(out, "</a><br>\n");
	}
	strbuf_add(out, "</body>\n</html>\n");
}

static void begin_json(struct json_writer *w)
{
	json_begin_object(w, NULL);
	json_begin_object(w, "meta");
	json_add_text(w, "api-version", "1.1");
	json_end_object(w);
}

static void add_page_json(const struct simple_page *p, struct strbuf *out)
{
	struct json_writer w = {.out = out};

	begin_json(&w);
	json_add_text(&w, "name", p->package);
	json_begin_array(&w, "files");
	for (size_t i = 0; i < p->count; i++) {
		const struct entry *e = &p->entries[i];
		autostrbuf struct strbuf link = {0};

		add_link(&link, e->name);
		json_begin_object(&w, NULL);
		json_add_text(&w, "filename", e->name);
		json_add_text(&w, "url", strbuf_text(&link));
		json_add_integer(&w, "size", e->size_bytes);
		json_begin_object(&w, "hashes");
		json_add_text(&w, "sha256", e->sha256);
		json_end_object(&w);
		if (e->requires_python)
			json_add_text(&w, "requires-python", e->requires_python);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
}

static int write_both(struct arena *a, const char *folder, const struct strbuf *html, const struct strbuf *json, struct error *err)
{
	if (file_write_if_changed(path_join(a, folder, "index.html"), strbuf_text(html), html->length, NULL, err) < 0)
		return -1;
	return file_write_if_changed(path_join(a, folder, "index.json"), strbuf_text(json), json->length, NULL, err);
}

static int write_page(struct simple_page *p, struct error *err)
{
	autostrbuf struct strbuf html = {0}, json = {0};

	qsort(p->entries, p->count, sizeof(*p->entries), compare_entries);
	add_page_html(p, &html);
	add_page_json(p, &json);
	return write_both(p->arena, p->folder, &html, &json, err);
}

/* All pins of one package stand one after another; toolchains have their own. */
static int write_package(struct arena *a, const struct lock *lock, const char *name, const char *folder, struct mirror_counts *counts, struct error *err)
{
	struct simple_page p = {.arena = a, .package = name, .folder = arena_printf(a, "%s/simple/%s", folder, name)};

	if (file_make_dirs(p.folder, err) < 0)
		return -1;
	read_before(&p);
	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		for (size_t k = 0; !strcmp(pin->name, name) && k < pin->file_count; k++) {
			if (store_has(pin->files[k].sha256, (int64_t)pin->files[k].size_bytes) && add_file(&p, &pin->files[k], counts, err) < 0)
				return -1;
		}
	}
	return p.count ? write_page(&p, err) : 0;
}

/* The list of all packages there are, whatever lock they came with. */
static int write_list(struct arena *a, const char *folder, struct error *err)
{
	const char *simple = path_join(a, folder, "simple");
	autostrbuf struct strbuf html = {0}, json = {0};
	struct json_writer w = {.out = &json};
	char **names;
	size_t count;

	if (file_list(a, simple, &names, &count, err) < 0)
		return -1;
	begin_html(&html, "packages");
	begin_json(&w);
	json_begin_array(&w, "projects");
	for (size_t i = 0; i < count; i++) {
		if (!name_is_valid(names[i]) || !file_exists(arena_printf(a, "%s/%s/index.html", simple, names[i])))
			continue;
		strbuf_printf(&html, "<a href=\"%s/\">%s</a><br>\n", names[i], names[i]);
		json_begin_object(&w, NULL);
		json_add_text(&w, "name", names[i]);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	strbuf_add(&html, "</body>\n</html>\n");
	return write_both(a, simple, &html, &json, err);
}

static int write_archives(struct arena *a, const struct lock *lock, const char *folder, struct mirror_counts *counts, struct error *err)
{
	for (size_t i = 0; i < lock->archive_count; i++) {
		const struct lock_archive *archive = &lock->archives[i];
		const char *path = path_join(a, folder, mirror_archive_path(a, archive));

		counts->files++;
		if (file_size(path) == (int64_t)archive->size_bytes)
			continue;
		if (file_make_parents(path, err) < 0 || file_link_or_copy(store_path(a, archive->sha256), path, err) < 0)
			return -1;
		counts->added++;
	}
	return 0;
}

int simple_index_write(const struct lock *lock, const char *folder, struct mirror_counts *ret, struct error *err)
{
	autoarena struct arena a = {0};

	if (file_make_dirs(path_join(&a, folder, "simple"), err) < 0)
		return -1;
	for (size_t i = 0; i < lock->pin_count; i++) {
		bool before = false;

		for (size_t k = 0; k < i && !before; k++)
			before = !strcmp(lock->pins[k].name, lock->pins[i].name);
		if (!before && write_package(&a, lock, lock->pins[i].name, folder, ret, err) < 0)
			return -1;
	}
	return write_archives(&a, lock, folder, ret, err) < 0 ? -1 : write_list(&a, folder, err);
}
