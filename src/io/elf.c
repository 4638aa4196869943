#include "io/elf.h"

#include <elf.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* A file of either class and byte order, with what is needed of its header. */
struct reader {
	struct arena *a;
	const struct elf_source *source;
	struct error *err;
	bool is_64, is_big;
	uint64_t header_at; /* of the program headers */
	unsigned header_count, header_bytes;
	struct segment {
		uint64_t type, offset, address, file_bytes;
	} *segments;
	size_t segment_count;
};

static int broken(struct reader *r, const char *why)
{
	return error_set(r->err, ERR_INPUT, "no ELF file that can be read: %s", why);
}

static uint64_t number(const struct reader *r, const unsigned char *at, size_t length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++)
		value |= (uint64_t)at[i] << 8 * (r->is_big ? length - 1 - i : i);
	return value;
}

static int read_at(struct reader *r, uint64_t at, void *bytes, size_t length)
{
	if (at > r->source->size_bytes || length > r->source->size_bytes - at)
		return broken(r, "it is cut off");
	return r->source->read(r->source->context, at, bytes, length, r->err);
}

bool elf_is(const void *bytes, size_t length)
{
	return length >= SELFMAG && !memcmp(bytes, ELFMAG, SELFMAG);
}

static int read_header(struct reader *r, struct elf_names *ret)
{
	unsigned char h[sizeof(Elf64_Ehdr)] = {0};
	size_t length = r->source->size_bytes < sizeof(h) ? (size_t)r->source->size_bytes : sizeof(h);

	if (length < sizeof(Elf32_Ehdr) || read_at(r, 0, h, length) < 0)
		return error_is_set(r->err) ? -1 : broken(r, "it is cut off");
	if (!elf_is(h, length) || (h[EI_CLASS] != ELFCLASS32 && h[EI_CLASS] != ELFCLASS64) || (h[EI_DATA] != ELFDATA2LSB && h[EI_DATA] != ELFDATA2MSB))
		return broken(r, "its first bytes are others");
	r->is_64 = h[EI_CLASS] == ELFCLASS64;
	r->is_big = h[EI_DATA] == ELFDATA2MSB;
	ret->machine = (unsigned)number(r, h + offsetof(Elf64_Ehdr, e_machine), 2);
	if (r->is_64 && length < sizeof(Elf64_Ehdr))
		return broken(r, "it is cut off");
	r->header_at = r->is_64 ? number(r, h + offsetof(Elf64_Ehdr, e_phoff), 8) : number(r, h + offsetof(Elf32_Ehdr, e_phoff), 4);
	r->header_bytes = (unsigned)number(r, h + (r->is_64 ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize)), 2);
	r->header_count = (unsigned)number(r, h + (r->is_64 ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum)), 2);
	if (r->header_count && r->header_bytes < (r->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return broken(r, "its program headers are too short");
	return r->header_count > ELF_SEGMENTS_MAX ? broken(r, "it has too many segments") : 0;
}

static int read_segments(struct reader *r)
{
	size_t length = (size_t)r->header_count * r->header_bytes;
	unsigned char *headers = arena_alloc(r->a, length + 1);

	if (length && read_at(r, r->header_at, headers, length) < 0)
		return -1;
	for (size_t i = 0; i < r->header_count; i++) {
		const unsigned char *h = headers + i * r->header_bytes;
		struct segment *s = arena_push(r->a, &r->segments, &r->segment_count);

		s->type = number(r, h, 4);
		s->offset = r->is_64 ? number(r, h + offsetof(Elf64_Phdr, p_offset), 8) : number(r, h + offsetof(Elf32_Phdr, p_offset), 4);
		s->address = r->is_64 ? number(r, h + offsetof(Elf64_Phdr, p_vaddr), 8) : number(r, h + offsetof(Elf32_Phdr, p_vaddr), 4);
		s->file_bytes = r->is_64 ? number(r, h + offsetof(Elf64_Phdr, p_filesz), 8) : number(r, h + offsetof(Elf32_Phdr, p_filesz), 4);
	}
	return 0;
}

/* Where an address of the loaded object lies in the file, with how many bytes follow there. */
static bool place_of(const struct reader *r, uint64_t address, uint64_t *ret_at, uint64_t *ret_left)
{
	for (size_t i = 0; i < r->segment_count; i++) {
		const struct segment *s = &r->segments[i];

		if (s->type != PT_LOAD || address < s->address || address - s->address >= s->file_bytes)
			continue;
		uint64_t into = address - s->address;

		if (s->offset > UINT64_MAX - into)
			return false;
		*ret_at = s->offset + into;
		*ret_left = s->file_bytes - into;
		return true;
	}
	return false;
}

/* Names are read in the order of their places, which is cheapest, and told in the order they stand in. */
struct wanted_name {
	uint64_t offset; /* in the string table */
	const char *text;
	bool is_soname;
};

struct dynamic {
	struct wanted_name *names;
	size_t count;
	uint64_t strings, strings_bytes;
};

static int read_dynamic(struct reader *r, const struct segment *s, struct dynamic *ret)
{
	size_t word = r->is_64 ? 8 : 4, length = s->file_bytes > ELF_DYNAMIC_LIMIT_BYTES ? ELF_DYNAMIC_LIMIT_BYTES : (size_t)s->file_bytes;
	autofree unsigned char *entries = mem_zero(length + 1, 1);

	if (read_at(r, s->offset, entries, length) < 0)
		return -1;
	for (size_t i = 0; i + 2 * word <= length; i += 2 * word) {
		uint64_t tag = number(r, entries + i, word), value = number(r, entries + i + word, word);

		if (tag == DT_NULL)
			break;
		if (tag == DT_STRTAB)
			ret->strings = value;
		if (tag == DT_STRSZ)
			ret->strings_bytes = value;
		if (tag != DT_NEEDED && tag != DT_SONAME)
			continue;
		if (ret->count == ELF_NEEDED_MAX)
			return broken(r, "it needs too many libraries");
		*arena_push(r->a, &ret->names, &ret->count) = (struct wanted_name){.offset = value, .is_soname = tag == DT_SONAME};
	}
	return 0;
}

/* A piece of the names: most lie close together, and going back is dear. */
struct window {
	unsigned char *bytes;
	uint64_t at; /* in the string table */
	size_t length;
};
enum { WINDOW_BYTES = 64 * 1024 };

/* The name when the window holds it with its end, else NULL. */
static const char *name_in(struct reader *r, const struct window *w, uint64_t offset)
{
	if (offset < w->at || offset - w->at >= w->length)
		return NULL;
	const char *text = (const char *)w->bytes + (offset - w->at);
	size_t left = w->length - (size_t)(offset - w->at), length = strnlen(text, left);

	return length < left ? arena_strndup(r->a, text, length) : NULL;
}

static int read_name(struct reader *r, const struct dynamic *d, uint64_t at, uint64_t left, struct window *w, struct wanted_name *name)
{
	uint64_t room = d->strings_bytes < left ? d->strings_bytes : left;

	name->text = name_in(r, w, name->offset);
	if (name->text)
		return 0;
	if (name->offset >= room)
		return broken(r, "a name lies outside its names");
	room -= name->offset;
	*w = (struct window){w->bytes, name->offset, room < WINDOW_BYTES ? (size_t)room : WINDOW_BYTES};
	if (read_at(r, at + name->offset, w->bytes, w->length) < 0)
		return -1;
	name->text = name_in(r, w, name->offset);
	return name->text ? 0 : broken(r, "a name has no end");
}

/* The lowest of those that have no text yet; SIZE_MAX: all have. */
static size_t next_name(const struct dynamic *d)
{
	size_t lowest = SIZE_MAX;

	for (size_t i = 0; i < d->count; i++) {
		if (!d->names[i].text && (lowest == SIZE_MAX || d->names[i].offset < d->names[lowest].offset))
			lowest = i;
	}
	return lowest;
}

static int read_names(struct reader *r, struct dynamic *d)
{
	autofree unsigned char *bytes = d->count ? mem_alloc(WINDOW_BYTES) : NULL;
	struct window window = {.bytes = bytes};
	uint64_t at = 0, left = 0;

	if (d->count && !place_of(r, d->strings, &at, &left))
		return broken(r, "its names lie nowhere");
	for (size_t i; (i = next_name(d)) != SIZE_MAX;) {
		if (read_name(r, d, at, left, &window, &d->names[i]) < 0)
			return -1;
	}
	return 0;
}

static bool is_known(const struct elf_names *n, const char *text)
{
	for (size_t i = 0; i < n->needed_count; i++) {
		if (!strcmp(n->needed[i], text))
			return true;
	}
	return false;
}

int elf_read_names(struct arena *a, const struct elf_source *source, struct elf_names *ret, struct error *err)
{
	struct reader r = {.a = a, .source = source, .err = err};
	struct elf_names names = {0};

	if (read_header(&r, &names) < 0 || read_segments(&r) < 0)
		return -1;
	for (size_t i = 0; i < r.segment_count; i++) {
		struct dynamic d = {0};

		if (r.segments[i].type != PT_DYNAMIC)
			continue;
		if (read_dynamic(&r, &r.segments[i], &d) < 0 || read_names(&r, &d) < 0)
			return -1;
		for (size_t j = 0; j < d.count; j++) {
			if (d.names[j].is_soname)
				names.soname = d.names[j].text;
			else if (!is_known(&names, d.names[j].text))
				*arena_push(a, &names.needed, &names.needed_count) = d.names[j].text;
		}
		break; /* a file has one */
	}
	*ret = names;
	return 0;
}
