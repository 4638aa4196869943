#include "debian/image_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/workplace.h"
#include "engine/engine.h"
#include "io/archive.h"

enum { LINKS_MAX = 40, PATH_MAX_BYTES = 1024 };

/* The dpkg status of a big image has 5 MB. */
static const struct archive_limits limits = {.member_max = 5000, .file_limit_bytes = 32 * 1024 * 1024, .total_limit_bytes = 64 * 1024 * 1024};

bool image_path_is_plain(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/";

	return *path == '/' && strlen(path) <= PATH_MAX_BYTES && strspn(path, plain) == strlen(path) && path_stays_inside(path + 1);
}

/* "/etc/apt/x" of "./apt/x" below "/etc"; NULL for what has no place there. */
static const char *place_of(struct arena *a, const char *below, const char *name)
{
	size_t length;

	name += strspn(name, "/");
	while (text_starts_with(name, "./"))
		name += 1 + strspn(name + 1, "/");
	length = strlen(name);
	while (length && name[length - 1] == '/')
		length--;
	name = arena_strndup(a, name, length);
	return path_stays_inside(name) ? arena_printf(a, "%s/%s", strcmp(below, "/") ? below : "", name) : NULL;
}

static int read_taken(struct arena *a, const struct engine_files *from, struct image_files *files, struct error *err)
{
	struct archive_member *members;
	size_t count;

	if (archive_read_tar(a, from->tar, &limits, &members, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct archive_member *m = &members[i];
		const char *path = place_of(a, from->below, m->name), *link = m->target;

		if (!path)
			continue;
		if (m->kind == ARCHIVE_HARD_LINK)
			link = place_of(a, from->below, m->target);
		if ((m->kind == ARCHIVE_LINK || m->kind == ARCHIVE_HARD_LINK) && !link)
			continue;
		*arena_push(a, &files->items, &files->count) = (struct image_file){path, link, m->bytes, m->length};
	}
	return 0;
}

int image_files_take(struct arena *a, struct engine *e, const char *image, const char *const *paths, struct image_files *files, struct error *err)
{
	struct engine_files *taken = NULL;
	const char *folder;
	size_t count = 0;

	if (workplace_make(a, workplace_temporary(), 0700, &folder, err) < 0)
		return -1;
	int failed = e->driver->take_files(e, image, paths, folder, &taken, &count, err);

	for (size_t i = 0; i < count && !failed; i++)
		failed = read_taken(a, &taken[i], files, err);
	workplace_drop(folder);
	return failed;
}

static const struct image_file *file_at(const struct image_files *files, const char *path)
{
	for (size_t i = files->count; i-- > 0;) { /* what was taken last stands on top */
		if (!strcmp(files->items[i].path, path))
			return &files->items[i];
	}
	return NULL;
}

/* `path` with every "." and ".." taken out, as in an image whose root has no parent. */
static const char *without_dots(struct arena *a, const char *path)
{
	autostrbuf struct strbuf out = {0};

	for (const char *p = path; *p;) {
		size_t length = strcspn(p, "/");

		if (length == 2 && !strncmp(p, "..", 2)) {
			char *slash = out.length ? strrchr(out.text, '/') : NULL;

			out.length = slash ? (size_t)(slash - out.text) : 0;
			if (out.text)
				out.text[out.length] = '\0';
		} else if (length && !(length == 1 && *p == '.')) {
			strbuf_printf(&out, "/%.*s", (int)length, p);
		}
		p += length;
		p += *p == '/';
	}
	return arena_strdup(a, strbuf_text(&out));
}

/* The first part of the path that is a link stands for where that leads; NULL when none is one. */
static const char *follow_one(struct arena *a, const struct image_files *files, const char *path)
{
	for (const char *end = path; *end;) {
		end++;
		end += strcspn(end, "/");
		const char *part = arena_strndup(a, path, (size_t)(end - path)), *slash = strrchr(part, '/');
		const struct image_file *found = file_at(files, part);

		if (!found || !found->link)
			continue;
		const char *folder = *found->link == '/' ? "" : arena_strndup(a, part, (size_t)(slash - part));

		return without_dots(a, arena_printf(a, "%s/%s%s", folder, found->link, end));
	}
	return NULL;
}

/* Where a path really is. NULL when links lead round and round. */
static const char *resolve(struct arena *a, const struct image_files *files, const char *path)
{
	path = without_dots(a, path);
	for (int i = 0; i < LINKS_MAX && strlen(path) <= PATH_MAX_BYTES; i++) {
		const char *next = follow_one(a, files, path);

		if (!next)
			return path;
		path = next;
	}
	return NULL;
}

const struct image_file *image_files_find(struct arena *a, const struct image_files *files, const char *path)
{
	const char *real = resolve(a, files, path);
	const struct image_file *found = real ? file_at(files, real) : NULL;

	return found && found->bytes ? found : NULL;
}

void image_files_in(struct arena *a, const struct image_files *files, const char *folder, const char ***ret_names, size_t *ret_count)
{
	const char *real = resolve(a, files, folder), **names = NULL;
	size_t length = real ? strlen(real) : 0, count = 0;

	for (size_t i = 0; real && i < files->count; i++) {
		const char *path = files->items[i].path, *name = path + length + 1;

		if (strncmp(path, real, length) != 0 || path[length] != '/' || strchr(name, '/') || file_at(files, path) != &files->items[i])
			continue;
		*arena_push(a, &names, &count) = name;
	}
	if (count)
		qsort(names, count, sizeof(*names), text_compare_items);
	*ret_names = names;
	*ret_count = count;
}
