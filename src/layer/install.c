#include "layer/install.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/charset.h"
#include "layer/entry_points.h"
#include "python/name.h"
#include "python/record_rows.h"

enum { TEXT_LIMIT_BYTES = 64 << 20, MEMBERS_MAX = 2000000 };
/* Beyond this a wheel may not unpack to more than so many times its size. */
static const uint64_t BOMB_FREE_BYTES = UINT64_C(256) << 20;
enum { BOMB_TIMES = 100 };

struct member {
	struct zip_member zip;
	const char *name;      /* normal form, UTF-8 */
	const char *installed; /* as RECORD has it, relative to the library folder; NULL: not installed */
	const char *hash;      /* of what was rewritten, else NULL */
	size_t length;         /* of what was rewritten */
	uint64_t limit;        /* where the next one begins */
	bool is_recorded;
};

/* An installation being worked out. */
struct plan {
	struct arena *a;
	const char *wheel; /* its file name, for messages */
	const struct install_place *place;
	const struct install_options *options;
	struct install *install;
	struct member *members; /* by name */
	size_t count;
	uint64_t wheel_bytes;
	const char *dist_info; /* "name-1.0.dist-info" */
	const char *library;   /* purelib or platlib */
	struct entry_point *programs;
	size_t program_count;
	struct record_rows record;
};

static int refuse(const struct plan *p, const char *member, const char *why, struct error *err)
{
	autostrbuf struct strbuf shown = {0};

	text_escape(&shown, member, strlen(member), 0);
	return error_set(err, ERR_INPUT, "cannot install '%s': '%s' in it %s", p->wheel, strbuf_text(&shown), why);
}

static int refuse_wheel(const struct plan *p, const char *why, struct error *err)
{
	return error_set(err, ERR_INPUT, "cannot install '%s': it %s", p->wheel, why);
}

void install_release(struct install *i)
{
	zip_release(&i->zip);
}

/* Of plain parts, as pip's normpath leaves it: "a//b" and "./a" are fine there, and so are they here. NULL when it is absolute, leads out or is nothing. */
static const char *normal_path(struct arena *a, const char *name)
{
	autostrbuf struct strbuf path = {0};

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

/* Names without the mark for UTF-8 are in the code page that the format began with, as Python reads them. */
static int read_name(struct plan *p, const struct zip_member *zip, const char **ret, struct error *err)
{
	enum { UTF_8_FLAG = 0x800 };
	autostrbuf struct strbuf name = {0};
	const char *table;
	enum charset set;

	if (!(zip->flags & UTF_8_FLAG) && charset_find("cp437", &set, &table)) {
		if (charset_decode(set, table, zip->name, strlen(zip->name), &name, err) < 0)
			return -1;
	} else {
		strbuf_add(&name, zip->name);
	}
	if (has_control(strbuf_text(&name)))
		return refuse(p, zip->name, "has a name with control characters, or one that is no UTF-8", err);
	*ret = normal_path(p->a, strbuf_text(&name));
	return *ret ? 0 : refuse(p, zip->name, "would be installed outside of the folders that are for it", err);
}

static int add_member(struct plan *p, const struct zip_member *zip, struct error *err)
{
	unsigned kind = zip->mode & S_IFMT;
	struct member m = {.zip = *zip};

	m.zip.name = arena_strdup(p->a, zip->name);
	if (p->count == MEMBERS_MAX)
		return refuse(p, zip->name, "is one of too many", err);
	if (kind && kind != S_IFREG)
		return refuse(p, zip->name, "is a link or a device: a wheel has files only", err);
	if (read_name(p, zip, &m.name, err) < 0)
		return -1;
	*arena_push(p->a, &p->members, &p->count) = m;
	return 0;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct member *)left)->name, ((const struct member *)right)->name);
}

static int by_place(const void *left, const void *right)
{
	uint64_t a = (*(const struct member *const *)left)->zip.header_at, b = (*(const struct member *const *)right)->zip.header_at;

	return a < b ? -1 : a > b;
}

/* Says of each member where it must end, so that no two share bytes. */
static int set_limits(struct plan *p, struct error *err)
{
	struct member **placed = arena_array(p->a, p->count + 1, sizeof(*placed));

	for (size_t i = 0; i < p->count; i++)
		placed[i] = &p->members[i];
	if (p->count > 1)
		qsort(placed, p->count, sizeof(struct member *), by_place);
	for (size_t i = 0; i < p->count; i++) {
		placed[i]->limit = i + 1 < p->count ? placed[i + 1]->zip.header_at : p->install->zip.directory_at;
		if (placed[i]->limit == placed[i]->zip.header_at)
			return refuse(p, placed[i]->name, "has its bytes where another member has them", err);
	}
	return 0;
}

static int list_members(struct plan *p, struct error *err)
{
	struct zip_member zip;
	uint64_t total = 0;
	bool found = true;

	while (zip_next(&p->install->zip, &zip, &found, err) == 0 && found) {
		if (text_ends_with(zip.name, "/") && !zip.size_bytes)
			continue;
		if (add_member(p, &zip, err) < 0)
			return -1;
		total += zip.size_bytes;
		if (zip.size_bytes > UINT64_C(1) << 40 || (total > BOMB_FREE_BYTES && total / BOMB_TIMES > p->wheel_bytes))
			return refuse(p, zip.name, "makes it unpack to more than a hundred times its size", err);
	}
	if (error_is_set(err))
		return -1;
	if (p->count > 1)
		qsort(p->members, p->count, sizeof(*p->members), by_name);
	for (size_t i = 1; i < p->count; i++) {
		if (!strcmp(p->members[i - 1].name, p->members[i].name))
			return refuse(p, p->members[i].name, "is there twice", err);
	}
	return set_limits(p, err);
}

static struct member *find_member(const struct plan *p, const char *name)
{
	struct member key = {.name = name};

	return p->count ? bsearch(&key, p->members, p->count, sizeof(key), by_name) : NULL;
}

/* The one top-level folder "<name>-<version>.dist-info", whose name must be the distribution's. */
static int find_dist_info(struct plan *p, struct error *err)
{
	for (size_t i = 0; i < p->count; i++) {
		const char *name = p->members[i].name, *slash = strchr(name, '/');

		if (!slash || slash - name <= 10 || strncmp(slash - 10, ".dist-info", 10) != 0)
			continue;
		const char *folder = arena_strndup(p->a, name, (size_t)(slash - name));

		if (p->dist_info && strcmp(p->dist_info, folder) != 0)
			return refuse_wheel(p, "has more than one .dist-info folder", err);
		p->dist_info = folder;
	}
	if (!p->dist_info)
		return refuse_wheel(p, "has no .dist-info folder: it is no wheel", err);
	const char *end = strrchr(p->dist_info, '-'), *dash = strchr(p->dist_info, '-');
	const char *name = name_canonical(p->a, arena_strndup(p->a, p->dist_info, (size_t)(dash - p->dist_info)));

	return end && !strcmp(name, p->options->name) ? 0 : refuse(p, p->dist_info, "is of another project", err);
}

/* A text of the .dist-info folder; *ret_member is NULL when there is none. */
static int read_text(struct plan *p, const char *name, struct strbuf *ret, struct member **ret_member, struct error *err)
{
	*ret_member = find_member(p, arena_printf(p->a, "%s/%s", p->dist_info, name));
	return *ret_member ? zip_read(&p->install->zip, &(*ret_member)->zip, TEXT_LIMIT_BYTES, ret, err) : 0;
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

static int read_wheel(struct plan *p, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct member *member;

	if (read_text(p, "WHEEL", &text, &member, err) < 0)
		return -1;
	if (!member)
		return refuse_wheel(p, "has no WHEEL file", err);
	const char *version = field(p->a, strbuf_text(&text), "Wheel-Version"), *pure = field(p->a, strbuf_text(&text), "Root-Is-Purelib");

	if (!version || strncmp(version, "1.", 2) != 0)
		return refuse_wheel(p, "is of a wheel version that is not known (1.0 is)", err);
	p->library = pure && !strcasecmp(pure, "true") ? p->place->purelib : p->place->platlib;
	return 0;
}

static int read_programs(struct plan *p, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct member *member;

	if (read_text(p, "entry_points.txt", &text, &member, err) < 0)
		return -1;
	if (entry_points_read(p->a, strbuf_text(&text), text.length, &p->programs, &p->program_count, err) < 0)
		return error_wrap(err, "cannot install '%s': entry_points.txt in it has", p->wheel);
	return 0;
}

/* Every member stands in RECORD, with its size where one is given; nothing stands there that is not in the wheel. */
static int check_record(struct plan *p, struct error *err)
{
	for (size_t i = 0; i < p->record.count; i++) {
		const struct record_row *row = &p->record.rows[i];
		const char *name = normal_path(p->a, row->path);
		struct member *m = name ? find_member(p, name) : NULL;
		uint64_t size;

		if (!m)
			return refuse(p, row->path, "stands in RECORD and is not there", err);
		if (*row->size && (!text_to_u64(row->size, &size) || size != m->zip.size_bytes))
			return refuse(p, row->path, "has another size than RECORD says", err);
		m->is_recorded = true;
	}
	for (size_t i = 0; i < p->count; i++) {
		const char *base = path_base(p->members[i].name);
		bool is_signature = !strcmp(base, "RECORD.jws") || !strcmp(base, "RECORD.p7s");

		if (!p->members[i].is_recorded && !is_signature)
			return refuse(p, p->members[i].name, "does not stand in RECORD", err);
	}
	return 0;
}

static int read_record(struct plan *p, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct member *member;

	if (read_text(p, "RECORD", &text, &member, err) < 0)
		return -1;
	if (!member)
		return refuse_wheel(p, "has no RECORD", err);
	member->is_recorded = true;
	record_rows_parse(p->a, strbuf_text(&text), text.length, &p->record);
	return check_record(p, err);
}

/* A program that setuptools wrote into the wheel for an entry point: the installer's own takes its place. */
static bool is_wrapper(const struct plan *p, const char *name)
{
	static const char *const endings[] = {".exe", "-script.py", ".pya"};
	autofree char *plain = mem_strdup(name);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (text_ends_with(plain, endings[i])) {
			plain[strlen(plain) - strlen(endings[i])] = '\0';
			break;
		}
	}
	for (size_t i = 0; i < p->program_count; i++) {
		if (!strcmp(p->programs[i].name, plain))
			return true;
	}
	return false;
}

/* The path relative to the folder `from`, both absolute and normal. */
static const char *relative(struct arena *a, const char *path, const char *from)
{
	autostrbuf struct strbuf text = {0};
	size_t common = 0, i = 0;

	for (; path[i] && path[i] == from[i]; i++) {
		if (path[i] == '/')
			common = i + 1;
	}
	if (path[i] == '/' && !from[i])
		return arena_strdup(a, path + i + 1);
	for (const char *rest = from + common; *rest; rest += strcspn(rest, "/"), rest += *rest == '/')
		strbuf_add(&text, "../");
	strbuf_add(&text, path + common);
	return arena_strdup(a, strbuf_text(&text));
}

static struct install_file *add_file(struct plan *p, const char *path, bool is_executable)
{
	struct install_file *f = arena_push(p->a, &p->install->files, &p->install->count);

	*f = (struct install_file){.path = path + 1, .is_executable = is_executable};
	return f;
}

static void place_member(struct plan *p, struct member *m, const char *folder, const char *rest)
{
	const char *path = path_join(p->a, folder, rest);
	struct install_file *f = add_file(p, path, m->zip.mode & 0111 && S_ISREG(m->zip.mode));

	m->installed = relative(p->a, path, p->library);
	f->member = &m->zip;
	f->limit = m->limit;
}

/* A script that begins with "#!python" gets the container's in its place; others stay as they are. */
static int place_script(struct plan *p, struct member *m, const char *name, struct error *err)
{
	static const char mark[] = "#!python";
	char begin[sizeof(mark) - 1];
	struct zip_stream *stream = NULL;

	if (is_wrapper(p, path_base(name)))
		return 0;
	place_member(p, m, p->place->scripts, name);
	if (m->zip.size_bytes < sizeof(begin))
		return 0;
	if (zip_stream_open(&p->install->zip, &m->zip, &stream, err) < 0)
		return -1;
	int result = zip_stream_read(stream, 0, begin, sizeof(begin), err);

	zip_stream_close(stream);
	if (result < 0 || memcmp(begin, mark, sizeof(begin)) != 0)
		return result;
	autostrbuf struct strbuf text = {0}, rewritten = {0};

	if (zip_read(&p->install->zip, &m->zip, TEXT_LIMIT_BYTES, &text, err) < 0)
		return -1;
	const char *newline = memchr(text.text, '\n', text.length);
	size_t first = newline ? (size_t)(newline - text.text) + 1 : text.length;

	strbuf_printf(&rewritten, "#!%s\n", p->place->python);
	strbuf_add_bytes(&rewritten, text.text + first, text.length - first);
	struct install_file *f = &p->install->files[p->install->count - 1];

	f->member = NULL;
	f->length = m->length = rewritten.length;
	f->text = arena_alloc(p->a, rewritten.length + 1);
	memcpy((char *)(uintptr_t)f->text, rewritten.text, rewritten.length);
	m->hash = record_rows_hash(p->a, rewritten.text, rewritten.length);
	return 0;
}

/* "name-1.0.data/<scheme>/<rest>" */
static int place_data(struct plan *p, struct member *m, const char *scheme, struct error *err)
{
	const char *rest = strchr(scheme, '/');

	if (!rest)
		return refuse(p, m->name, "lies in no folder of a scheme", err);
	const char *name = arena_strndup(p->a, scheme, (size_t)(rest - scheme));

	rest++;
	if (!strcmp(name, "scripts"))
		return place_script(p, m, rest, err);
	if (!strcmp(name, "purelib"))
		place_member(p, m, p->place->purelib, rest);
	else if (!strcmp(name, "platlib"))
		place_member(p, m, p->place->platlib, rest);
	else if (!strcmp(name, "headers"))
		place_member(p, m, path_join(p->a, p->place->headers, p->options->name), rest);
	else if (!strcmp(name, "data"))
		place_member(p, m, p->place->data, rest);
	else
		return refuse(p, m->name, "lies in a folder of a scheme that is not known", err);
	return 0;
}

static int place_members(struct plan *p, struct error *err)
{
	const char *record = arena_printf(p->a, "%s/RECORD", p->dist_info);

	for (size_t i = 0; i < p->count; i++) {
		struct member *m = &p->members[i];
		const char *slash = strchr(m->name, '/');

		if (!strcmp(m->name, record))
			continue;
		if (!slash || slash - m->name <= 5 || strncmp(slash - 5, ".data", 5) != 0)
			place_member(p, m, p->library, m->name);
		else if (place_data(p, m, slash + 1, err) < 0)
			return -1;
	}
	return 0;
}

/* A file that the installer makes, with its row for RECORD. */
static void make_file(struct plan *p, const char *path, bool is_executable, const char *text)
{
	struct install_file *f = add_file(p, path, is_executable);

	f->text = text;
	f->length = strlen(text);
	*arena_push(p->a, &p->record.rows, &p->record.count) = (struct record_row){
		.path = relative(p->a, path, p->library), .hash = record_rows_hash(p->a, text, f->length), .size = arena_printf(p->a, "%zu", f->length)};
}

static const char *info_path(struct plan *p, const char *name)
{
	return arena_printf(p->a, "%s/%s/%s", p->library, p->dist_info, name);
}

/* Rows of the wheel's RECORD become rows of where the files are now. */
static void move_rows(struct plan *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->record.count; i++) {
		struct record_row row = p->record.rows[i];
		const struct member *m = find_member(p, normal_path(p->a, row.path));

		if (m->installed)
			row.path = m->installed;
		if (m->hash) {
			row.hash = m->hash;
			row.size = arena_printf(p->a, "%zu", m->length);
		}
		p->record.rows[kept++] = row;
	}
	p->record.count = kept;
}

static void make_files(struct plan *p)
{
	move_rows(p);
	for (size_t i = 0; i < p->program_count; i++)
		make_file(p, path_join(p->a, p->place->scripts, p->programs[i].name), true, entry_point_script(p->a, &p->programs[i], p->place->python));
	make_file(p, info_path(p, "INSTALLER"), false, "pip\n");
	if (p->options->direct_url)
		make_file(p, info_path(p, "direct_url.json"), false, p->options->direct_url);
	if (p->options->is_requested)
		make_file(p, info_path(p, "REQUESTED"), false, "");
}

static void make_record(struct plan *p)
{
	autostrbuf struct strbuf text = {0};
	struct install_file *f = add_file(p, info_path(p, "RECORD"), false);

	record_rows_write(&p->record, &text);
	f->text = arena_strdup(p->a, strbuf_text(&text));
	f->length = text.length;
}

static int by_path(const void *left, const void *right)
{
	return strcmp(((const struct install_file *)left)->path, ((const struct install_file *)right)->path);
}

/* Also two members of different names may be meant for one place, and what the installer makes may be in the wheel already. */
static int sort_files(struct plan *p, struct error *err)
{
	struct install_file *files = p->install->files;

	qsort(files, p->install->count, sizeof(*files), by_path);
	for (size_t i = 1; i < p->install->count; i++) {
		if (!strcmp(files[i - 1].path, files[i].path))
			return refuse(p, files[i].path, "would be installed twice", err);
	}
	return 0;
}

int install_read(struct arena *a, const char *wheel, const struct install_place *place, const struct install_options *options, struct install *ret,
		 struct error *err)
{
	int64_t size = file_size(wheel);
	struct plan p = {.a = a, .wheel = options->file_name, .place = place, .options = options, .install = ret, .wheel_bytes = size > 0 ? (uint64_t)size : 0};

	*ret = INSTALL_NONE;
	if (zip_open(&ret->zip, wheel, err) < 0 || list_members(&p, err) < 0 || find_dist_info(&p, err) < 0 || read_wheel(&p, err) < 0 ||
	    read_programs(&p, err) < 0 || read_record(&p, err) < 0 || place_members(&p, err) < 0)
		return -1;
	make_files(&p);
	make_record(&p);
	return sort_files(&p, err);
}
