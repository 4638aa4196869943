#include "unit.h"

#include <elf.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "io/elf.h"

/* An object written down by hand: a header, two segments, a dynamic section and its names, in either class and byte order. */
struct object {
	bool is_64, is_big;
	struct strbuf out;
};

static void add(struct object *o, uint64_t number, size_t length)
{
	for (size_t i = 0; i < length; i++)
		strbuf_add_char(&o->out, (char)(number >> 8 * (o->is_big ? length - 1 - i : i)));
}

static size_t word(const struct object *o)
{
	return o->is_64 ? 8 : 4;
}

static size_t header_bytes(const struct object *o)
{
	return o->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
}

static size_t segment_bytes(const struct object *o)
{
	return o->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static void add_header(struct object *o, unsigned segments)
{
	const unsigned char first[EI_NIDENT] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, o->is_64 ? ELFCLASS64 : ELFCLASS32, o->is_big ? ELFDATA2MSB : ELFDATA2LSB,
						1};

	strbuf_add_bytes(&o->out, (const char *)first, sizeof(first));
	add(o, ET_DYN, 2);
	add(o, EM_X86_64, 2);
	add(o, 1, 4);
	add(o, 0, word(o));
	add(o, header_bytes(o), word(o)); /* program headers behind this one */
	add(o, 0, word(o));
	add(o, 0, 4);
	add(o, header_bytes(o), 2);
	add(o, segment_bytes(o), 2);
	add(o, segments, 2);
	for (int i = 0; i < 3; i++)
		add(o, 0, 2);
}

static void add_segment(struct object *o, uint64_t type, uint64_t offset, uint64_t address, uint64_t file_bytes)
{
	add(o, type, 4);
	if (o->is_64)
		add(o, 0, 4);
	add(o, offset, word(o));
	add(o, address, word(o));
	add(o, 0, word(o));
	add(o, file_bytes, word(o));
	add(o, file_bytes, word(o));
	if (!o->is_64)
		add(o, 0, 4);
	add(o, 0, word(o));
}

struct entry {
	uint64_t tag, value;
};
enum { ADDRESS = 0x100000 };

/* The names begin right behind the dynamic section; DT_STRTAB and DT_STRSZ of `entries` are set to say so where they are 0. */
static void make(struct object *o, const struct entry *entries, size_t count, const char *names, size_t names_length)
{
	uint64_t dynamic = header_bytes(o) + 2 * segment_bytes(o), strings = dynamic + count * 2 * word(o);

	strbuf_clear(&o->out);
	add_header(o, 2);
	add_segment(o, PT_LOAD, 0, ADDRESS, strings + names_length);
	add_segment(o, PT_DYNAMIC, dynamic, ADDRESS + dynamic, count * 2 * word(o));
	for (size_t i = 0; i < count; i++) {
		uint64_t value = entries[i].value;

		if (!value)
			value = entries[i].tag == DT_STRTAB ? ADDRESS + strings : entries[i].tag == DT_STRSZ ? names_length : 0;
		add(o, entries[i].tag, word(o));
		add(o, value, word(o));
	}
	strbuf_add_bytes(&o->out, names, names_length);
}

struct given {
	const char *bytes;
	size_t reads;
};

static int read_given(void *context, uint64_t at, void *bytes, size_t length, struct error *err)
{
	struct given *g = context;

	(void)err;
	g->reads++;
	memcpy(bytes, g->bytes + at, length);
	return 0;
}

/* "soname: needed needed", or what is wrong. Of exactly these bytes, so that a sanitizer sees one too many. */
static const char *names_of(struct arena *a, const char *bytes, size_t length)
{
	autofree char *copy = mem_alloc(length + 1);
	autoerror struct error err = {0};
	struct given g = {.bytes = copy};
	struct elf_source source = {.read = read_given, .context = &g, .size_bytes = length};
	struct elf_names names;
	const char *text;

	memcpy(copy, bytes, length);
	if (elf_read_names(a, &source, &names, &err) < 0) {
		assert_int_equal(err.code, ERR_INPUT);
		return arena_strdup(a, err.text);
	}
	text = arena_printf(a, "%s:", names.soname ? names.soname : "-");
	for (size_t i = 0; i < names.needed_count; i++)
		text = arena_printf(a, "%s %s", text, names.needed[i]);
	return text;
}

static const struct entry usual[] = {{DT_NEEDED, 7}, {DT_SONAME, 1}, {DT_NEEDED, 13}, {DT_NEEDED, 7},
				     {DT_STRTAB, 0}, {DT_STRSZ, 0},  {DT_NULL, 0},    {DT_NEEDED, 999}};
static const char usual_names[] = "\0liba.\0libb.\0libc.";

static const char *of(struct arena *a, struct object *o, const struct entry *entries, size_t count, const char *names, size_t names_length)
{
	make(o, entries, count, names, names_length);
	return names_of(a, o->out.text, o->out.length);
}

TEST(all_classes_and_orders)
{
	autoarena struct arena a = {0};

	for (int i = 0; i < 4; i++) {
		struct object o = {.is_64 = i & 1, .is_big = i & 2};

		assert_string_equal(of(&a, &o, usual, ARRAY_LEN(usual), usual_names, sizeof(usual_names)), "liba.: libb. libc.");
		/* Cut anywhere it is an error, or the same. */
		for (size_t length = 0; length < o.out.length; length++) {
			const char *seen = names_of(&a, o.out.text, length);

			assert_true(!strncmp(seen, "no ELF file that can be read: ", 30) || !strcmp(seen, "liba.: libb. libc."));
		}
		/* Any byte changed is no harm. */
		for (size_t at = 0; at < o.out.length; at++) {
			for (int with = 0; with < 3; with++) {
				char before = o.out.text[at];

				o.out.text[at] = (char)(with == 0 ? 0xff : with == 1 ? 0 : before + 1);
				names_of(&a, o.out.text, o.out.length);
				o.out.text[at] = before;
			}
		}
		strbuf_release(&o.out);
	}
}

TEST(numbers_that_lead_nowhere)
{
	static const struct {
		struct entry entries[4];
		const char *seen;
	} rows[] = {
		{{{DT_NEEDED, 20}, {DT_STRTAB, 0}, {DT_STRSZ, 0}}, "a name lies outside its names"},
		{{{DT_NEEDED, UINT64_MAX}, {DT_STRTAB, 0}, {DT_STRSZ, 0}}, "a name lies outside its names"},
		{{{DT_NEEDED, 1}, {DT_STRTAB, 5}, {DT_STRSZ, 0}}, "its names lie nowhere"},
		{{{DT_NEEDED, 1}, {DT_STRTAB, UINT64_MAX}, {DT_STRSZ, 0}}, "its names lie nowhere"},
		{{{DT_NEEDED, 1}, {DT_STRSZ, 0}, {DT_NULL, 0}}, "its names lie nowhere"},
		{{{DT_NEEDED, 1}, {DT_STRTAB, 0}, {DT_NULL, 0}}, "a name lies outside its names"},
		{{{DT_NEEDED, 13}, {DT_STRTAB, 0}, {DT_STRSZ, 18}}, "a name has no end"},
		{{{DT_NEEDED, 13}, {DT_STRTAB, 0}, {DT_STRSZ, UINT64_MAX}}, NULL},
	};
	autoarena struct arena a = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct object o = {.is_64 = true};
		const char *wanted = rows[i].seen ? arena_printf(&a, "no ELF file that can be read: %s", rows[i].seen) : "-: libc.";

		assert_string_equal(of(&a, &o, rows[i].entries, 4, usual_names, sizeof(usual_names)), wanted);
		strbuf_release(&o.out);
	}
}

TEST(what_needs_nothing)
{
	autoarena struct arena a = {0};
	struct object o = {.is_64 = true};

	add_header(&o, 0);
	assert_string_equal(names_of(&a, o.out.text, o.out.length), "-:");
	o.out.text[offsetof(Elf64_Ehdr, e_phnum)] = 1;
	o.out.text[offsetof(Elf64_Ehdr, e_phentsize)] = 8;
	assert_string_equal(names_of(&a, o.out.text, o.out.length), "no ELF file that can be read: its program headers are too short");
	o.out.text[offsetof(Elf64_Ehdr, e_phnum) + 1] = 0x7f;
	o.out.text[offsetof(Elf64_Ehdr, e_phentsize)] = 56;
	assert_string_equal(names_of(&a, o.out.text, o.out.length), "no ELF file that can be read: it has too many segments");
	assert_string_equal(names_of(&a,
				     "\x7f"
				     "ELF",
				     4),
			    "no ELF file that can be read: it is cut off");
	assert_string_equal(names_of(&a, "a text that is longer than the header of an object, by far. And some more.", 70),
			    "no ELF file that can be read: its first bytes are others");
	strbuf_release(&o.out);
}

TEST(too_many_names)
{
	autoarena struct arena a = {0};
	struct object o = {.is_64 = true};
	struct entry *entries = arena_array(&a, ELF_NEEDED_MAX + 3, sizeof(*entries));

	entries[0] = (struct entry){DT_STRTAB, 0};
	entries[1] = (struct entry){DT_STRSZ, 0};
	for (size_t i = 2; i < ELF_NEEDED_MAX + 3; i++)
		entries[i] = (struct entry){DT_NEEDED, 1};
	assert_string_equal(of(&a, &o, entries, ELF_NEEDED_MAX + 3, usual_names, sizeof(usual_names)),
			    "no ELF file that can be read: it needs too many libraries");
	assert_string_equal(of(&a, &o, entries, ELF_NEEDED_MAX + 2, usual_names, sizeof(usual_names)), "-: liba.");
	strbuf_release(&o.out);
}

/* Names far apart, and one that the window before it holds only in part. */
TEST(names_in_several_pieces)
{
	autoarena struct arena a = {0};
	struct object o = {.is_64 = true};
	char *names = arena_alloc(&a, 300000);
	static const struct entry entries[] = {{DT_STRTAB, 0}, {DT_STRSZ, 0}, {DT_NEEDED, 250000}, {DT_NEEDED, 1}, {DT_NEEDED, 65530}, {DT_SONAME, 299990}};

	memcpy(names + 1, "near", 5);
	memcpy(names + 65530, "across-the-end", 15);
	memcpy(names + 250000, "far", 4);
	memcpy(names + 299990, "last", 5);
	assert_string_equal(of(&a, &o, entries, ARRAY_LEN(entries), names, 300000), "last: far near across-the-end");
	strbuf_release(&o.out);
}
