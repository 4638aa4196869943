#include "layer/install.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "layer/programs.h"
#include "python/record_rows.h"

enum { SCRIPT_LIMIT_BYTES = 64 << 20 };

/* Where a member went. */
struct placed {
	const char *path;        /* as RECORD has it, relative to the library folder; NULL: not installed */
	const char *hash, *size; /* as RECORD has them where the bytes are no longer the wheel's; else NULL */
};

/* An installation being worked out. */
struct plan {
	struct arena *a;
	const struct install_place *place;
	const struct install_options *options;
	struct install *install;
	struct archive *archive; /* of it */
	struct placed *placed;   /* by member */
	size_t room;             /* for files that need not be moved: a power of two */
	size_t wheel_rows;       /* of RECORD: those behind are of what is made here */
};

void install_release(struct install *i)
{
	archive_release(&i->archive);
	zip_release(&i->bytecode);
	free(i->record);
	i->record = NULL;
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
	for (size_t i = 0; i < p->archive->program_count; i++) {
		if (!strcmp(p->archive->programs[i].name, plain))
			return true;
	}
	return false;
}

/* The path relative to the folder `from`, both absolute and normal; a part of `path` where it lies in there. */
static const char *relative(struct arena *a, const char *path, const char *from)
{
	autostrbuf struct strbuf text = {0};
	size_t common = 0, i = 0;

	for (; path[i] && path[i] == from[i]; i++) {
		if (path[i] == '/')
			common = i + 1;
	}
	if (path[i] == '/' && !from[i])
		return path + i + 1;
	for (const char *rest = from + common; *rest; rest += strcspn(rest, "/"), rest += *rest == '/')
		strbuf_add(&text, "../");
	strbuf_add(&text, path + common);
	return arena_strdup(a, strbuf_text(&text));
}

static struct install_file *push_file(struct plan *p)
{
	struct install *i = p->install;

	return i->count < p->room ? &i->files[i->count++] : arena_push(p->a, &i->files, &i->count);
}

static struct install_file *add_file(struct plan *p, const char *path, bool is_executable)
{
	struct install_file *f = push_file(p);

	*f = (struct install_file){.path = path + 1, .recorded = relative(p->a, path, p->install->library), .is_executable = is_executable};
	return f;
}

static void place_member(struct plan *p, const struct archive_member *m, const char *folder, const char *rest)
{
	const char *path = path_join(p->a, folder, rest);
	struct install_file *f = add_file(p, path, m->zip.mode & 0111 && S_ISREG(m->zip.mode));

	p->placed[m - p->archive->members].path = f->recorded;
	f->zip = &p->archive->zip;
	f->member = &m->zip;
	f->limit = m->limit;
	f->hash = m->hash;
}

/* What now stands in RECORD of a member whose bytes are others than in the wheel. */
static void change_row(struct plan *p, const struct archive_member *m, const char *hash, const char *size)
{
	struct placed *placed = &p->placed[m - p->archive->members];

	placed->hash = hash;
	placed->size = size;
}

static int rewrite_script(struct plan *p, const struct archive_member *m, struct install_file *f, struct error *err)
{
	autostrbuf struct strbuf text = {0}, rewritten = {0};

	if (zip_read(&p->archive->zip, &m->zip, SCRIPT_LIMIT_BYTES, &text, err) < 0)
		return archive_wrap(p->archive, m->name, err);
	char sha256[DIGEST_HEX_LENGTH + 1];

	digest_bytes(text.text, text.length, sha256);
	if (!record_rows_hash_fits(m->hash, sha256))
		return archive_refuse(p->archive, m->name, "has another digest than RECORD says", err);
	const char *newline = memchr(text.text, '\n', text.length);
	size_t first = newline ? (size_t)(newline - text.text) + 1 : text.length;

	strbuf_printf(&rewritten, "#!%s\n", p->place->python);
	strbuf_add_bytes(&rewritten, text.text + first, text.length - first);
	f->member = NULL;
	f->length = rewritten.length;
	f->text = memcpy(arena_alloc(p->a, rewritten.length), rewritten.text, rewritten.length);
	change_row(p, m, record_rows_hash(p->a, rewritten.text, rewritten.length), arena_printf(p->a, "%zu", rewritten.length));
	return 0;
}

/* A script that begins with "#!python" gets the container's in its place; others stay as they are. */
static int place_script(struct plan *p, const struct archive_member *m, const char *name, struct error *err)
{
	static const char mark[] = "#!python";
	char begin[sizeof(mark) - 1];
	struct zip_stream *stream = NULL;

	if (is_wrapper(p, path_base(name)))
		return 0;
	place_member(p, m, p->place->scripts, name);
	if (m->zip.size_bytes < sizeof(begin))
		return 0;
	if (zip_stream_open(&p->archive->zip, &m->zip, &stream, err) < 0)
		return archive_wrap(p->archive, m->name, err);
	int result = zip_stream_read(stream, 0, begin, sizeof(begin), err);

	zip_stream_close(stream);
	if (result < 0)
		return archive_wrap(p->archive, m->name, err);
	if (memcmp(begin, mark, sizeof(begin)) != 0)
		return 0;
	return rewrite_script(p, m, &p->install->files[p->install->count - 1], err);
}

/* "name-1.0.data/<scheme>/<rest>" */
static int place_data(struct plan *p, const struct archive_member *m, const char *scheme, struct error *err)
{
	const char *rest = strchr(scheme, '/');

	if (!rest)
		return archive_refuse(p->archive, m->name, "lies in no folder of a scheme", err);
	const char *name = arena_strndup(p->a, scheme, (size_t)(rest - scheme));

	rest++;
	if (!strcmp(name, "scripts"))
		return place_script(p, m, rest, err);
	if (!strcmp(name, "purelib"))
		place_member(p, m, p->place->purelib, rest);
	else if (!strcmp(name, "platlib"))
		place_member(p, m, p->place->platlib, rest);
	else if (!strcmp(name, "headers"))
		place_member(p, m, path_join(p->a, p->place->headers, p->archive->project), rest);
	else if (!strcmp(name, "data"))
		place_member(p, m, p->place->data, rest);
	else
		return archive_refuse(p->archive, m->name, "lies in a folder of a scheme that is not known", err);
	return 0;
}

static int place_members(struct plan *p, struct error *err)
{
	const char *record = arena_printf(p->a, "%s/RECORD", p->archive->dist_info);

	for (size_t i = 0; i < p->archive->count; i++) {
		const struct archive_member *m = &p->archive->members[i];
		const char *slash = strchr(m->name, '/');

		if (!strcmp(m->name, record))
			continue;
		if (!slash || slash - m->name <= 5 || strncmp(slash - 5, ".data", 5) != 0)
			place_member(p, m, p->install->library, m->name);
		else if (place_data(p, m, slash + 1, err) < 0)
			return -1;
	}
	return 0;
}

/* A file that the installer makes, with its row for RECORD. */
static void make_file(struct plan *p, const char *path, bool is_executable, const char *text)
{
	struct install_file *f = add_file(p, path, is_executable);

	f->is_made = true;
	f->text = text;
	f->length = strlen(text);
	*arena_push(p->a, &p->archive->record.rows, &p->archive->record.count) =
		(struct record_row){.path = f->recorded, .hash = record_rows_hash(p->a, text, f->length), .size = arena_printf(p->a, "%zu", f->length)};
}

static const char *info_path(struct plan *p, const char *name)
{
	return arena_printf(p->a, "%s/%s/%s", p->install->library, p->archive->dist_info, name);
}

/* Rows of the wheel's RECORD become rows of where the files are now. */
static void move_rows(struct plan *p)
{
	for (size_t i = 0; i < p->wheel_rows; i++) {
		struct record_row *row = &p->archive->record.rows[i];
		const struct archive_member *m = archive_find(p->archive, archive_normal_path(p->a, row->path));
		const struct placed *placed = &p->placed[m - p->archive->members];

		if (placed->path)
			row->path = placed->path;
		if (placed->hash) {
			row->hash = placed->hash;
			row->size = placed->size;
		}
	}
}

static void make_files(struct plan *p)
{
	move_rows(p);
	for (size_t i = 0; i < p->archive->program_count; i++)
		make_file(p, path_join(p->a, p->place->scripts, p->archive->programs[i].name), true,
			  program_text(p->a, &p->archive->programs[i], p->place->python));
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

	record_rows_write(&p->archive->record, &text);
	f->length = text.length;
	f->text = p->install->record = strbuf_detach(&text);
}

static int by_path(const void *left, const void *right)
{
	return strcmp(((const struct install_file *)left)->path, ((const struct install_file *)right)->path);
}

/* A compiled source takes the place of one that the wheel brought. RECORD names it without a digest, as pip does it. */
static void add_compiled(struct plan *p, const struct zip_member *zip, size_t count)
{
	struct install_file key = {.path = arena_strdup(p->a, zip->name)}, *old;
	struct zip_member *m = arena_alloc(p->a, sizeof(*m));

	*m = *zip;
	m->name = key.path;
	old = count ? bsearch(&key, p->install->files, count, sizeof(key), by_path) : NULL;
	if (old && old->member) {
		/* The first member of it is the archive's: what is behind the pointer is a part of it. */
		size_t index = (size_t)((const char *)old->member - (const char *)p->archive->members) / sizeof(*p->archive->members);

		change_row(p, &p->archive->members[index], "", "");
	} else {
		*arena_push(p->a, &p->archive->record.rows, &p->archive->record.count) =
			(struct record_row){.path = relative(p->a, arena_printf(p->a, "/%s", key.path), p->install->library), .hash = "", .size = ""};
	}
	if (!old)
		old = push_file(p);
	*old = (struct install_file){.path = key.path, .zip = &p->install->bytecode, .member = m, .limit = UINT64_MAX};
}

static int add_bytecode(struct plan *p, struct error *err)
{
	struct zip *zip = &p->install->bytecode;
	size_t count = p->install->count;
	struct zip_member member;
	bool found = true;

	if (!p->options->bytecode)
		return 0;
	if (zip_open(zip, p->options->bytecode, err) < 0)
		return -1;
	if (count > 1)
		qsort(p->install->files, count, sizeof(*p->install->files), by_path);
	while (zip_next(zip, &member, &found, err) == 0 && found)
		add_compiled(p, &member, count);
	return error_is_set(err) ? -1 : 0;
}

/* A wheel that would take the place of the interpreter, or of what makes a folder its environment. */
static int check_venv(const struct plan *p, struct error *err)
{
	const struct install_place *place = p->place;
	const char *const taken[] = {path_join(p->a, place->data, "pyvenv.cfg"), place->python, path_join(p->a, place->scripts, "python"),
				     path_join(p->a, place->scripts, "python3"), arena_printf(p->a, "%s/python%s", place->scripts, place->version)};

	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		struct install_file key = {.path = taken[i] + 1};

		if (bsearch(&key, p->install->files, p->install->count, sizeof(key), by_path))
			return archive_refuse(p->archive, key.path, "would take the place of the container's Python", err);
	}
	return 0;
}

/* Also two members of different names may be meant for one place, and what the installer makes may be in the wheel already. */
static int sort_files(struct plan *p, struct error *err)
{
	struct install_file *files = p->install->files;

	qsort(files, p->install->count, sizeof(*files), by_path);
	for (size_t i = 1; i < p->install->count; i++) {
		if (!strcmp(files[i - 1].path, files[i].path))
			return archive_refuse(p->archive, files[i].path, "would be installed twice", err);
	}
	return check_venv(p, err);
}

int install_read(struct arena *a, const char *wheel, const struct install_place *place, const struct install_options *options, struct install *ret,
		 struct error *err)
{
	struct plan p = {.a = a, .place = place, .options = options, .install = ret, .archive = &ret->archive};

	*ret = INSTALL_NONE;
	if (archive_read(a, wheel, options->file_name, options->name, place->version, &ret->archive, err) < 0)
		return -1;
	ret->library = ret->archive.is_pure ? place->purelib : place->platlib;
	p.wheel_rows = ret->archive.record.count;
	p.placed = arena_array(a, ret->archive.count + 1, sizeof(*p.placed));
	/* Places for them all, so that the list is not moved as it grows. */
	for (p.room = 1; p.room < ret->archive.count + ret->archive.program_count;)
		p.room *= 2;
	ret->files = arena_array(a, p.room, sizeof(*ret->files));
	if (place_members(&p, err) < 0 || add_bytecode(&p, err) < 0)
		return -1;
	make_files(&p);
	make_record(&p);
	return sort_files(&p, err);
}
