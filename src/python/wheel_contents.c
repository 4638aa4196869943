#include "python/wheel_contents.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/text.h"
#include "io/elf.h"
#include "io/zip.h"
#include "python/entry_points.h"

enum { ENTRY_POINTS_LIMIT_BYTES = 1 << 20 };
/* Where the names of a shared object could lie at most; reading on would take minutes, and there is none as large. */
static const uint64_t OBJECT_LIMIT_BYTES = UINT64_C(8) << 30;

/* Where a member is installed; NULL: nowhere, or by rules of the installer's own. */
static const char *installed_path(struct arena *a, const char *name)
{
	static const struct {
		const char *scheme, *place;
	} schemes[] = {{"/purelib/", ""}, {"/platlib/", ""}, {"/scripts/", "../../../bin/"}, {"/data/", "../../../"}};
	const char *slash = strchr(name, '/');

	if (text_ends_with(name, "/") || !*name)
		return NULL;
	if (!slash || slash - name < 5 || strncmp(slash - 5, ".data", 5) != 0)
		return arena_strdup(a, name);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (text_starts_with(slash, schemes[i].scheme))
			return arena_printf(a, "%s%s", schemes[i].place, slash + strlen(schemes[i].scheme));
	}
	return NULL;
}

static bool is_entry_points(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash && !strcmp(slash, "/entry_points.txt") && slash - name >= 10 && !strncmp(slash - 10, ".dist-info", 10);
}

/* An installer writes a program for each console and GUI script. */
static void add_scripts(struct arena *a, const char *text, struct wheel_contents *ret)
{
	struct entry_points e = {.at = text, .end = text + strlen(text)};
	struct entry_point_line line;

	while (entry_points_next(&e, &line)) {
		if (line.value && line.name_length)
			*arena_push(a, &ret->files, &ret->file_count) =
				(struct wheel_file){.path = arena_printf(a, "../../../bin/%.*s", (int)line.name_length, line.name),
						    .crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)line.value, line.value_length)};
	}
}

static int compare_files(const void *left, const void *right)
{
	return strcmp(((const struct wheel_file *)left)->path, ((const struct wheel_file *)right)->path);
}

static void sort_files(struct wheel_contents *c)
{
	size_t kept = 0;

	if (c->file_count > 1)
		qsort(c->files, c->file_count, sizeof(*c->files), compare_files);
	for (size_t i = 0; i < c->file_count; i++) {
		if (!kept || strcmp(c->files[kept - 1].path, c->files[i].path) != 0)
			c->files[kept++] = c->files[i];
	}
	c->file_count = kept;
}

/* What is made of one member of a wheel. */
typedef int take_member(struct arena *a, struct zip *z, const struct zip_member *member, struct wheel_contents *ret, struct error *err);

static int take_all(struct arena *a, const char *path, take_member *take, struct wheel_contents *ret, struct error *err)
{
	autozip struct zip z = ZIP_NONE;
	struct zip_member member;
	bool found = true;

	*ret = (struct wheel_contents){0};
	if (zip_open(&z, path, err) < 0)
		return -1;
	for (;;) {
		if (zip_next(&z, &member, &found, err) < 0)
			return -1;
		if (!found)
			return 0;
		if (take(a, &z, &member, ret, err) < 0)
			return -1;
	}
}

static int take_file(struct arena *a, struct zip *z, const struct zip_member *member, struct wheel_contents *ret, struct error *err)
{
	const char *installed = installed_path(a, member->name);
	autostrbuf struct strbuf text = {0};

	if (installed)
		*arena_push(a, &ret->files, &ret->file_count) = (struct wheel_file){installed, member->size_bytes, member->crc};
	if (!is_entry_points(member->name))
		return 0;
	if (zip_read(z, member, ENTRY_POINTS_LIMIT_BYTES, &text, err) < 0)
		return -1;
	add_scripts(a, strbuf_text(&text), ret);
	return 0;
}

int wheel_files_read(struct arena *a, const char *path, struct wheel_contents *ret, struct error *err)
{
	if (take_all(a, path, take_file, ret, err) < 0)
		return -1;
	sort_files(ret);
	return 0;
}

static bool is_object(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return text_ends_with(name, ".so") || strstr(name, ".so.");
}

static int read_stream(void *context, uint64_t at, void *bytes, size_t length, struct error *err)
{
	return zip_stream_read(context, at, bytes, length, err);
}

/* A broken one is left out, and no failure. */
static int take_object(struct arena *a, struct zip *z, const struct zip_member *member, struct wheel_contents *ret, struct error *err)
{
	const char *installed = is_object(member->name) ? installed_path(a, member->name) : NULL;
	autoerror struct error broken = {0};
	struct zip_stream *stream = NULL;
	struct elf_names names;

	(void)err;
	if (!installed || member->size_bytes > OBJECT_LIMIT_BYTES || zip_stream_open(z, member, &stream, &broken) < 0)
		return 0;
	const struct elf_source source = {.read = read_stream, .context = stream, .size_bytes = member->size_bytes};

	if (elf_read_names(a, &source, &names, &broken) == 0)
		*arena_push(a, &ret->objects, &ret->object_count) =
			(struct wheel_object){.path = installed, .soname = names.soname, .needed = names.needed, .needed_count = names.needed_count};
	zip_stream_close(stream);
	return 0;
}

static int compare_objects(const void *left, const void *right)
{
	return strcmp(((const struct wheel_object *)left)->path, ((const struct wheel_object *)right)->path);
}

int wheel_objects_read(struct arena *a, const char *path, struct wheel_contents *ret, struct error *err)
{
	if (take_all(a, path, take_object, ret, err) < 0)
		return -1;
	if (ret->object_count > 1)
		qsort(ret->objects, ret->object_count, sizeof(*ret->objects), compare_objects);
	return 0;
}
