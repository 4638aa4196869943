#include "debian/packages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

enum { STANZA_LIMIT_BYTES = 1024 * 1024, CHUNK_BYTES = 256 * 1024, NAME_MAX_BYTES = 200 };

/* One stanza of one file. */
struct place {
	uint64_t hash; /* of the name */
	uint64_t offset;
	uint32_t length;
	unsigned file;
};

struct packages {
	char **paths;
	size_t path_count;
	struct place *places;
	size_t place_count, place_capacity;
	bool is_sorted;
};

/* ---- form ---- */

static bool is_of(const char *text, const char *first, const char *rest)
{
	size_t length = strlen(text);

	return length && length <= NAME_MAX_BYTES && strchr(first, *text) && strspn(text, rest) == length;
}

bool deb_is_name(const char *text)
{
	return is_of(text, LOWER DIGITS, LOWER DIGITS "+-.");
}

bool deb_is_version(const char *text)
{
	return is_of(text, DIGITS, LOWER UPPER DIGITS ".+-~:");
}

bool deb_is_architecture(const char *text)
{
	return is_of(text, LOWER DIGITS, LOWER DIGITS "-");
}

bool deb_is_path(const char *text)
{
	text += text_starts_with(text, "./") ? 2 : 0;
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '\\')
			return false;
	}
	return path_stays_inside(text) && text_ends_with(text, ".deb");
}

/* ---- stanzas ---- */

size_t stanza_length(const char *text)
{
	const char *p = text;

	while (*p && *p != '\n') {
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return (size_t)(p - text);
}

/* Where the value of a field begins and its line ends. */
static const char *find_field(const char *stanza, const char *name, const char **ret_end)
{
	size_t length = strlen(name);

	for (const char *line = stanza; *line && *line != '\n';) {
		size_t line_length = strcspn(line, "\n");

		if (line_length > length && line[length] == ':' && !strncasecmp(line, name, length)) {
			*ret_end = line + line_length;
			return line + length + 1;
		}
		line += line_length + (line[line_length] == '\n');
	}
	return NULL;
}

static const char *trimmed(struct arena *a, const char *value, const char *end)
{
	value += strspn(value, " \t");
	while (end > value && strchr(" \t\r", end[-1]))
		end--;
	return arena_strndup(a, value, end > value ? (size_t)(end - value) : 0);
}

const char *stanza_field(struct arena *a, const char *stanza, const char *name)
{
	const char *end, *value = find_field(stanza, name, &end);

	return value ? trimmed(a, value, end) : NULL;
}

const char *stanza_whole_field(struct arena *a, const char *stanza, const char *name)
{
	const char *end, *value = find_field(stanza, name, &end);

	while (value && *end && (end[1] == ' ' || end[1] == '\t'))
		end += 1 + strcspn(end + 1, "\n");
	return value ? trimmed(a, value, end) : NULL;
}

static int wrong(const char *from, const char *what, const char *seen, struct error *err)
{
	return error_set(err, ERR_INPUT, "'%s' names a Debian package whose %s is '%s', which no archive has", from, what, seen ? seen : "");
}

int deb_record_read(struct arena *a, const char *stanza, bool listed, const char *from, struct deb_record *ret, struct error *err)
{
	struct deb_record r = {
		.name = stanza_field(a, stanza, "Package"),
		.version = stanza_field(a, stanza, "Version"),
		.architecture = stanza_field(a, stanza, "Architecture"),
		.path = listed ? stanza_field(a, stanza, "Filename") : NULL,
		.sha256 = listed ? stanza_field(a, stanza, "SHA256") : NULL,
	};
	const char *size = listed ? stanza_field(a, stanza, "Size") : NULL;
	size_t length = strlen(stanza);

	if (!r.name || !deb_is_name(r.name))
		return wrong(from, "name", r.name, err);
	if (!r.version || !deb_is_version(r.version))
		return wrong(from, "version", r.version, err);
	if (!r.architecture || !deb_is_architecture(r.architecture))
		return wrong(from, "architecture", r.architecture, err);
	if (listed && (!r.path || !deb_is_path(r.path)))
		return wrong(from, "file name", r.path, err);
	if (listed && (!r.sha256 || !digest_is_hex(r.sha256)))
		return wrong(from, "SHA256", r.sha256, err);
	if (listed && (!size || !text_to_u64(size, &r.size_bytes) || !r.size_bytes))
		return wrong(from, "size", size, err);
	if (r.path)
		r.path += text_starts_with(r.path, "./") ? 2 : 0;
	while (length && stanza[length - 1] == '\n')
		length--;
	r.stanza = arena_printf(a, "%.*s\n", (int)length, stanza);
	*ret = r;
	return 0;
}

/* ---- the index ---- */

struct packages *packages_new(void)
{
	return mem_zero(1, sizeof(struct packages));
}

void packages_free(struct packages *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->path_count; i++)
		free(p->paths[i]);
	free(p->paths);
	free(p->places);
	free(p);
}

/* FNV-1a. */
static uint64_t hash_of(const char *text, size_t length)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
	return hash;
}

static void add_place(struct packages *p, const char *stanza, size_t length, uint64_t offset)
{
	static const char field[] = "Package: ";
	const char *name = length > strlen(field) && !strncmp(stanza, field, strlen(field)) ? stanza : memmem(stanza, length, "\nPackage: ", strlen(field) + 1);

	/* What has no name is no package: a comment, or nothing. */
	if (!name)
		return;
	name += strlen(field) + (*name == '\n');
	if (p->place_count == p->place_capacity) {
		p->place_capacity = p->place_capacity ? p->place_capacity * 2 : 4096;
		p->places = mem_resize(p->places, p->place_capacity, sizeof(*p->places));
	}
	p->places[p->place_count++] = (struct place){
		.hash = hash_of(name, strcspn(name, " \t\r\n")), .offset = offset, .length = (uint32_t)length, .file = (unsigned)p->path_count - 1};
	p->is_sorted = false;
}

/* Takes the whole stanzas off the front of `text`; `last` also what is left at the end. */
static void take_stanzas(struct packages *p, struct strbuf *text, uint64_t *offset, bool last)
{
	char *begin = text->text, *end = text->text + text->length;

	while (begin < end) {
		char *empty = memmem(begin, (size_t)(end - begin), "\n\n", 2);

		if (!empty && !last)
			break;
		size_t length = empty ? (size_t)(empty - begin) + 1 : (size_t)(end - begin);
		char *next = begin + length + (empty != NULL);

		if (empty)
			*empty = '\0'; /* strcspn() above must end */
		add_place(p, begin, length, *offset);
		if (empty)
			*empty = '\n';
		*offset += (uint64_t)(next - begin);
		begin = next;
	}
	size_t left = (size_t)(end - begin);

	memmove(text->text, begin, left);
	text->text[left] = '\0';
	text->length = left;
}

int packages_add(struct packages *p, const char *path, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t offset = 0;

	if (fd < 0)
		return error_errno(err, "cannot read '%s'", path);
	p->paths = mem_resize(p->paths, p->path_count + 1, sizeof(*p->paths));
	p->paths[p->path_count++] = mem_strdup(path);
	for (;;) {
		ssize_t got = read(fd, strbuf_reserve(&text, CHUNK_BYTES), CHUNK_BYTES);

		if (got < 0)
			return error_errno(err, "cannot read '%s'", path);
		strbuf_commit(&text, (size_t)got);
		if (text.length)
			take_stanzas(p, &text, &offset, !got);
		if (!got)
			return 0;
		if (text.length > STANZA_LIMIT_BYTES)
			return error_set(err, ERR_INPUT, "'%s' has an entry beyond %d bytes, which no archive has", path, STANZA_LIMIT_BYTES);
	}
}

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static void sort(struct packages *p)
{
	if (!p->is_sorted && p->place_count > 1)
		qsort(p->places, p->place_count, sizeof(*p->places), compare_places);
	p->is_sorted = true;
}

static int read_place(const struct packages *p, const struct place *place, struct strbuf *out, struct error *err)
{
	const char *path = p->paths[place->file];
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	strbuf_clear(out);
	if (fd < 0)
		return error_errno(err, "cannot read '%s'", path);
	if (pread(fd, strbuf_reserve(out, place->length), place->length, (off_t)place->offset) != (ssize_t)place->length)
		return error_set(err, ERR_IO, "cannot read '%s': it changed", path);
	strbuf_commit(out, place->length);
	return 0;
}

static size_t first_place(const struct packages *p, uint64_t hash)
{
	size_t low = 0, high = p->place_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->places[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int packages_find(struct packages *p, struct arena *a, const char *name, const char *architecture, const char *version, const char *sha256,
		  struct deb_record *ret, struct error *err)
{
	uint64_t hash = hash_of(name, strlen(name));
	autostrbuf struct strbuf text = {0};
	autoarena struct arena scratch = {0};

	sort(p);
	for (size_t i = first_place(p, hash); i < p->place_count && p->places[i].hash == hash; i++) {
		const struct place *place = &p->places[i];

		if (read_place(p, place, &text, err) < 0)
			return -1;
		if (!text_equal(stanza_field(&scratch, strbuf_text(&text), "Package"), name) ||
		    !text_equal(stanza_field(&scratch, strbuf_text(&text), "Version"), version) ||
		    !text_equal(stanza_field(&scratch, strbuf_text(&text), "Architecture"), architecture))
			continue;
		if (sha256 && !text_equal(stanza_field(&scratch, strbuf_text(&text), "SHA256"), sha256))
			continue;
		return deb_record_read(a, strbuf_text(&text), true, path_base(p->paths[place->file]), ret, err) < 0 ? -1 : 1;
	}
	return 0;
}

int packages_names(struct packages *p, struct arena *a, const char *const **ret, size_t *ret_count, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	const char **names = NULL;
	size_t count = 0;

	sort(p);
	for (size_t i = 0; i < p->place_count; i++) {
		if (i && p->places[i].hash == p->places[i - 1].hash)
			continue;
		if (read_place(p, &p->places[i], &text, err) < 0)
			return -1;
		const char *name = stanza_field(a, strbuf_text(&text), "Package");

		if (name && deb_is_name(name))
			*arena_push(a, &names, &count) = name;
	}
	if (count)
		qsort(names, count, sizeof(*names), text_compare_items);
	*ret = names;
	*ret_count = count;
	return 0;
}
