#include "io/folder_archive.h"

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "io/tarball.h"

struct gathering {
	struct arena arena;
	const char *folder, *name;
	const char **paths; /* below the folder */
	size_t count;
	uint64_t size_bytes;
};

static int refuse(const struct gathering *g, const char *path, const char *why, struct error *err)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, path, strlen(path), 0);
	return error_set(err, ERR_INPUT, "'%s' in '%s' %s", strbuf_text(&safe), g->folder, why);
}

static bool is_left_behind(const char *name)
{
	static const char *const names[] = {".git", ".hg", ".svn", "__pycache__"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(name, names[i]))
			return true;
	}
	return text_ends_with(name, ".pyc");
}

static int gather(struct gathering *g, const char *inner, struct error *err);

static int gather_one(struct gathering *g, const char *path, struct error *err)
{
	const char *whole = path_join(&g->arena, g->folder, path);
	struct stat st;

	if (lstat(whole, &st) < 0)
		return error_errno(err, "cannot look at '%s'", whole);
	if (S_ISDIR(st.st_mode))
		return gather(g, path, err);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return refuse(g, path, "is neither file, folder nor link", err);
	if (!path_is_plain_name(path_base(path)) || !text_is_utf8(path, strlen(path)))
		return refuse(g, path, "has a name that no archive should have", err);
	g->size_bytes += (uint64_t)st.st_size;
	if (g->count >= FOLDER_ARCHIVE_FILES_MAX || g->size_bytes > FOLDER_ARCHIVE_MAX_BYTES)
		return error_set(err, ERR_INPUT, "'%s' has more than %d files or 256 MiB", g->folder, FOLDER_ARCHIVE_FILES_MAX);
	*arena_push(&g->arena, &g->paths, &g->count) = path;
	return 0;
}

static int gather(struct gathering *g, const char *inner, struct error *err)
{
	const char *whole = *inner ? path_join(&g->arena, g->folder, inner) : g->folder;
	DIR *dir = opendir(whole);
	struct dirent *entry;
	int failed = 0;

	if (!dir)
		return error_errno(err, "cannot list '%s'", whole);
	while (!failed && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || is_left_behind(entry->d_name))
			continue;
		failed = gather_one(g, *inner ? arena_printf(&g->arena, "%s/%s", inner, entry->d_name) : arena_strdup(&g->arena, entry->d_name), err);
	}
	closedir(dir);
	return failed;
}

static int add(const struct gathering *g, const char *path, struct tarball *t, struct error *err)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	const char *whole = path_join(&a, g->folder, path);
	struct tarball_member member = {.name = arena_printf(&a, "%s/%s", g->name, path)};
	char target[PATH_MAX];
	struct stat st;

	if (lstat(whole, &st) < 0)
		return error_errno(err, "cannot look at '%s'", whole);
	member.is_link = S_ISLNK(st.st_mode);
	member.is_executable = st.st_mode & S_IXUSR;
	if (member.is_link) {
		ssize_t length = readlink(whole, target, sizeof(target));

		if (length < 0 || (size_t)length >= sizeof(target))
			return error_errno(err, "cannot read the link '%s'", whole);
		strbuf_add_bytes(&text, target, (size_t)length);
	} else if (file_read(whole, FOLDER_ARCHIVE_MAX_BYTES, &text, err) < 0) {
		return -1;
	}
	member.bytes = strbuf_text(&text);
	member.length = text.length;
	return tarball_add(t, &member, err);
}

static int write_all(const struct gathering *g, const char *path, struct error *err)
{
	struct tarball t;

	if (tarball_open(&t, path, false, err) < 0)
		return -1;
	for (size_t i = 0; i < g->count; i++) {
		if (add(g, g->paths[i], &t, err) < 0) {
			tarball_drop(&t);
			return -1;
		}
	}
	return tarball_close(&t, err);
}

int folder_archive(const char *folder, const char *name, const char *path, struct error *err)
{
	struct gathering g = {.folder = folder, .name = name};
	int failed = gather(&g, "", err);

	if (g.count)
		qsort(g.paths, g.count, sizeof(*g.paths), text_compare_items);
	if (!failed)
		failed = write_all(&g, path, err);
	arena_release(&g.arena);
	return failed;
}
