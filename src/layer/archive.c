#include "layer/archive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "io/charset.h"
#include "python/name.h"

enum { TEXT_LIMIT_BYTES = 64 << 20, MEMBERS_MAX = 2000000 };
/* Beyond this a wheel may not unpack to more than so many times its size. */
static const uint64_t BOMB_FREE_BYTES = UINT64_C(256) << 20;
enum { BOMB_TIMES = 100 };

void archive_release(struct archive *w)
{
	zip_release(&w->zip);
}

int archive_refuse(const struct archive *w, const char *member, const char *why, struct error *err)
{
	autostrbuf struct strbuf shown = {0};

	text_escape(&shown, member, strlen(member), 0);
	return error_set(err, ERR_INPUT, "cannot install '%s': '%s' in it %s", w->file_name, strbuf_text(&shown), why);
}

int archive_wrap(const struct archive *w, const char *member, struct error *err)
{
	autostrbuf struct strbuf shown = {0};

	if (!member)
		return error_wrap(err, "cannot install '%s'", w->file_name);
	text_escape(&shown, member, strlen(member), 0);
	return error_wrap(err, "cannot install '%s': '%s' in it", w->file_name, strbuf_text(&shown));
}

static int refuse_wheel(const struct archive *w, const char *why, struct error *err)
{
	return error_set(err, ERR_INPUT, "cannot install '%s': it %s", w->file_name, why);
}

static bool is_normal(const char *name)
{
	for (;; name++) {
		size_t length = strcspn(name, "/");

		if (!length || (*name == '.' && (length == 1 || (length == 2 && name[1] == '.'))))
			return false;
		name += length;
		if (!*name)
			return true;
	}
}

const char *archive_normal_path(struct arena *a, const char *name)
{
	autostrbuf struct strbuf path = {0};

	if (is_normal(name))
		return name;
	if (*name == '/')
		return NULL;
	while (*name) {
		size_t length = strcspn(name, "/");

		if (length == 2 && !strncmp(name, "..", 2))
			return NULL;
		if (length && !(length == 1 && *name == '.'))
			strbuf_printf(&path, "%s%.*s", path.length ? "/" : "", (int)length, name);
		name += length + (name[length] == '/');
	}
	return path.length ? arena_strdup(a, strbuf_text(&path)) : NULL;
}

/* What Linux takes: 255 bytes for a name, 4096 for a path with the folders above it. */
static bool is_too_long(const char *name)
{
	enum { NAME_MAX_BYTES = 255, PATH_MAX_BYTES = 3072 };
	size_t length = strlen(name);

	for (; *name; name += strcspn(name, "/"), name += *name == '/') {
		if (strcspn(name, "/") > NAME_MAX_BYTES)
			return true;
	}
	return length > PATH_MAX_BYTES;
}

static bool has_control(const char *name)
{
	uint32_t code;

	for (size_t length = strlen(name), count; length; name += count, length -= count) {
		count = text_utf8_decode(name, length, &code);
		if (!count || text_is_control(code))
			return true;
	}
	return false;
}

static bool is_ascii(const char *name)
{
	while (*name && (unsigned char)*name < 0x80)
		name++;
	return !*name;
}

/* Names without the mark for UTF-8 are in the code page that the format began with, as Python reads them. */
static int read_name(struct archive *w, const struct zip_member *zip, const char **ret, struct error *err)
{
	enum { UTF_8_FLAG = 0x800 };
	autostrbuf struct strbuf decoded = {0};
	const char *name = zip->name, *table;
	enum charset set;

	if (!(zip->flags & UTF_8_FLAG) && !is_ascii(name) && charset_find("cp437", &set, &table)) {
		if (charset_decode(set, table, name, strlen(name), &decoded, err) < 0)
			return -1;
		name = arena_strdup(w->arena, strbuf_text(&decoded));
	}
	if (has_control(name))
		return archive_refuse(w, zip->name, "has a name with control characters, or one that is no UTF-8", err);
	if (is_too_long(name))
		return archive_refuse(w, zip->name, "has a name that is too long for a file", err);
	*ret = archive_normal_path(w->arena, name);
	return *ret ? 0 : archive_refuse(w, zip->name, "would be installed outside of the folders that are for it", err);
}

static int add_member(struct archive *w, const struct zip_member *zip, struct error *err)
{
	unsigned kind = zip->mode & S_IFMT;
	struct archive_member m = {.zip = *zip, .hash = ""};

	m.zip.name = arena_strdup(w->arena, zip->name);
	if (w->count == MEMBERS_MAX)
		return archive_refuse(w, zip->name, "is one of too many", err);
	if (kind && kind != S_IFREG)
		return archive_refuse(w, zip->name, "is a link or a device: a wheel has files only", err);
	if (read_name(w, &m.zip, &m.name, err) < 0)
		return -1;
	w->members[w->count++] = m;
	return 0;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct archive_member *)left)->name, ((const struct archive_member *)right)->name);
}

static int by_place(const void *left, const void *right)
{
	uint64_t a = (*(const struct archive_member *const *)left)->zip.header_at, b = (*(const struct archive_member *const *)right)->zip.header_at;

	return a < b ? -1 : a > b;
}

/* Says of each member where it must end, so that no two share bytes. */
static int set_limits(struct archive *w, struct error *err)
{
	struct archive_member **placed = arena_array(w->arena, w->count + 1, sizeof(*placed));

	for (size_t i = 0; i < w->count; i++)
		placed[i] = &w->members[i];
	if (w->count > 1)
		qsort(placed, w->count, sizeof(struct archive_member *), by_place);
	for (size_t i = 0; i < w->count; i++) {
		placed[i]->limit = i + 1 < w->count ? placed[i + 1]->zip.header_at : w->zip.directory_at;
		if (placed[i]->limit == placed[i]->zip.header_at)
			return archive_refuse(w, placed[i]->name, "has its bytes where another member has them", err);
	}
	return 0;
}

static int list_members(struct archive *w, struct error *err)
{
	struct zip_member zip;
	uint64_t total = 0;
	bool found = true;

	w->members = arena_array(w->arena, zip_count(&w->zip) + 1, sizeof(*w->members));
	for (;;) {
		if (zip_next(&w->zip, &zip, &found, err) < 0)
			return archive_wrap(w, NULL, err);
		if (!found)
			break;
		if (text_ends_with(zip.name, "/") && !zip.size_bytes)
			continue;
		if (add_member(w, &zip, err) < 0)
			return -1;
		total += zip.size_bytes;
		if (zip.size_bytes > UINT64_C(1) << 40 || (total > BOMB_FREE_BYTES && total / BOMB_TIMES > w->size_bytes))
			return archive_refuse(w, zip.name, "makes it unpack to more than a hundred times its size", err);
	}
	if (w->count > 1)
		qsort(w->members, w->count, sizeof(*w->members), by_name);
	for (size_t i = 1; i < w->count; i++) {
		if (!strcmp(w->members[i - 1].name, w->members[i].name))
			return archive_refuse(w, w->members[i].name, "is there twice", err);
	}
	return set_limits(w, err);
}

struct archive_member *archive_find(const struct archive *w, const char *name)
{
	struct archive_member key = {.name = name};

	return w->count ? bsearch(&key, w->members, w->count, sizeof(key), by_name) : NULL;
}

/* The one top-level folder "<name>-<version>.dist-info", whose name must be the distribution's. */
static int find_dist_info(struct archive *w, struct error *err)
{
	for (size_t i = 0; i < w->count; i++) {
		const char *name = w->members[i].name, *slash = strchr(name, '/');

		if (!slash || slash - name <= 10 || strncmp(slash - 10, ".dist-info", 10) != 0)
			continue;
		const char *folder = arena_strndup(w->arena, name, (size_t)(slash - name));

		if (w->dist_info && strcmp(w->dist_info, folder) != 0)
			return refuse_wheel(w, "has more than one .dist-info folder", err);
		w->dist_info = folder;
	}
	if (!w->dist_info)
		return refuse_wheel(w, "has no .dist-info folder: it is no wheel", err);
	const char *end = strrchr(w->dist_info, '-'), *dash = strchr(w->dist_info, '-');
	const char *name = name_canonical(w->arena, arena_strndup(w->arena, w->dist_info, (size_t)(dash - w->dist_info)));

	return end && !strcmp(name, w->project) ? 0 : archive_refuse(w, w->dist_info, "is of another project", err);
}

/* A text of the .dist-info folder; *ret_member is NULL when there is none. */
static int read_text(struct archive *w, const char *name, struct strbuf *ret, struct archive_member **ret_member, struct error *err)
{
	*ret_member = archive_find(w, arena_printf(w->arena, "%s/%s", w->dist_info, name));
	if (*ret_member && zip_read(&w->zip, &(*ret_member)->zip, TEXT_LIMIT_BYTES, ret, err) < 0)
		return archive_wrap(w, (*ret_member)->name, err);
	return 0;
}

/* The value of a line "Key: value" of WHEEL; NULL when there is none. */
static const char *field(struct arena *a, const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncasecmp(line, key, length) != 0 || line[length] != ':')
			continue;
		const char *begin = line + length + 1 + strspn(line + length + 1, " \t");

		return arena_strndup(a, begin, strcspn(begin, "\r\n"));
	}
	return NULL;
}

static int read_wheel(struct archive *w, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct archive_member *member;

	if (read_text(w, "WHEEL", &text, &member, err) < 0)
		return -1;
	if (!member)
		return refuse_wheel(w, "has no WHEEL file", err);
	if (!archive_find(w, arena_printf(w->arena, "%s/METADATA", w->dist_info)))
		return refuse_wheel(w, "has no METADATA", err);
	const char *version = field(w->arena, strbuf_text(&text), "Wheel-Version"), *pure = field(w->arena, strbuf_text(&text), "Root-Is-Purelib");

	if (!version || strncmp(version, "1.", 2) != 0)
		return refuse_wheel(w, "is of a wheel version that is not known (1.0 is)", err);
	w->is_pure = pure && !strcasecmp(pure, "true");
	return 0;
}

static int read_programs(struct archive *w, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct archive_member *member;

	if (read_text(w, "entry_points.txt", &text, &member, err) < 0)
		return -1;
	if (programs_read(w->arena, strbuf_text(&text), text.length, w->version, &w->programs, &w->program_count, err) < 0)
		return error_wrap(err, "cannot install '%s': entry_points.txt in it has", w->file_name);
	return 0;
}

/* Every member stands in RECORD, with its size where one is given; nothing stands there that is not in the wheel. */
static int check_record(struct archive *w, struct error *err)
{
	for (size_t i = 0; i < w->record.count; i++) {
		const struct record_row *row = &w->record.rows[i];
		const char *name = archive_normal_path(w->arena, row->path);
		struct archive_member *m = name ? archive_find(w, name) : NULL;
		uint64_t size;

		if (!m)
			return archive_refuse(w, row->path, "stands in RECORD and is not there", err);
		if (*row->size && (!text_to_u64(row->size, &size) || size != m->zip.size_bytes))
			return archive_refuse(w, row->path, "has another size than RECORD says", err);
		if (m->is_recorded && *m->hash && *row->hash && strcmp(m->hash, row->hash) != 0)
			return archive_refuse(w, row->path, "stands in RECORD with two digests", err);
		if (!m->is_recorded || *row->hash)
			m->hash = row->hash;
		m->is_recorded = true;
	}
	for (size_t i = 0; i < w->count; i++) {
		const char *base = path_base(w->members[i].name);
		bool is_signature = !strcmp(base, "RECORD.jws") || !strcmp(base, "RECORD.p7s");

		if (!w->members[i].is_recorded && !is_signature)
			return archive_refuse(w, w->members[i].name, "does not stand in RECORD", err);
	}
	return 0;
}

static int read_record(struct archive *w, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct archive_member *member;

	if (read_text(w, "RECORD", &text, &member, err) < 0)
		return -1;
	if (!member)
		return refuse_wheel(w, "has no RECORD", err);
	member->is_recorded = true;
	record_rows_parse(w->arena, strbuf_text(&text), text.length, &w->record);
	return check_record(w, err);
}

int archive_read(struct arena *a, const char *path, const char *file_name, const char *project, const char *version, struct archive *ret, struct error *err)
{
	int64_t size = file_size(path);

	*ret = ARCHIVE_NONE;
	ret->arena = a;
	ret->file_name = file_name;
	ret->project = project;
	ret->version = version;
	ret->size_bytes = size > 0 ? (uint64_t)size : 0;
	if (zip_open(&ret->zip, path, err) < 0)
		return archive_wrap(ret, NULL, err);
	if (list_members(ret, err) < 0 || find_dist_info(ret, err) < 0 || read_wheel(ret, err) < 0 || read_programs(ret, err) < 0)
		return -1;
	return read_record(ret, err);
}
