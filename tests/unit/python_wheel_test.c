#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "io/digest.h"
#include "python/wheel.h"

TEST(wheel_names_have_parts)
{
	autoarena struct arena a = {0};
	struct wheel_name w;

	assert_true(wheel_name_parse(&a, "Foo_Bar-1.0.0-Alpha-1b-py2.py3.PY2-none-Any.whl", &w) == false);
	assert_true(wheel_name_parse(&a, "Foo_Bar-1.00a-1b-py2.py3.PY2-none-Any.whl", &w));
	assert_string_equal(w.name, "foo-bar");
	assert_string_equal(w.version, "1.0a0");
	assert_string_equal(w.build, "1b");
	assert_int_equal(w.tag_count, 2);
	assert_string_equal(w.tags[0], "py2-none-any");
	assert_string_equal(w.tags[1], "py3-none-any");
	assert_true(wheel_name_parse(&a, "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", &w));
	assert_null(w.build);
	assert_string_equal(w.tags[1], "cp311-cp311-manylinux2014_x86_64");
}

TEST(broken_wheel_names_are_refused)
{
	static const char *const names[] = {"",
					    "foo.whl",
					    "foo-1.0-py3-none-any.zip",
					    "foo-1.0-py3-none-any.WHL",
					    "foo-1.0-none-any.whl",
					    "foo-1.0-1-2-py3-none-any.whl",
					    "foo-x-py3-none-any.whl",
					    "foo__bar-1.0-py3-none-any.whl",
					    "foo bar-1.0-py3-none-any.whl",
					    "-1.0-py3-none-any.whl",
					    "foo-1.0-b1-py3-none-any.whl",
					    "foo-1.0--py3-none-any.whl",
					    "foo-1.0-3py-none-any.whl",
					    "foo-1.0-py3..py2-none-any.whl",
					    "foo-1.0-py3-none-.whl"};
	autoarena struct arena a = {0};
	struct wheel_name w;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (wheel_name_parse(&a, names[i], &w))
			fail_msg("'%s' should be refused", names[i]);
}

TEST(wheels_are_ranked_by_tags)
{
	autoarena struct arena a = {0};
	struct wheel_platform platform = {"3.11", "cpython", "x86_64", "glibc", "2.36"};
	const char **tags;
	size_t count;
	struct wheel_name w;

	wheel_tags(&a, &platform, &tags, &count);
	assert_string_equal(tags[0], "cp311-cp311-linux_x86_64");
	assert_string_equal(tags[1], "cp311-cp311-manylinux_2_36_x86_64");
	assert_string_equal(tags[count - 1], "py30-none-any");
	wheel_name_parse(&a, "a-1-cp311-cp311-manylinux_2_36_x86_64.manylinux_2_17_x86_64.whl", &w);
	assert_int_equal(wheel_rank(&w, tags, count), 1);
	wheel_name_parse(&a, "a-1-py3-none-any.whl", &w);
	assert_true(wheel_rank(&w, tags, count) > 1);
	wheel_name_parse(&a, "a-1-cp311-cp311-manylinux_2_37_x86_64.whl", &w);
	assert_int_equal(wheel_rank(&w, tags, count), -1);
}

static const char metadata_text[] = "Metadata-Version: 2.1\nname: Foo.Bar\nVersion: 1.0.0-1\nRequires-Python: >=3.8\nRequires-Dist: numpy\n  (>=1)\n"
				    "Summary: x\nrequires-dist: a; extra == 'B'\nProvides-Extra: B_b\nProvides-Extra: a\n\nName: body\n";

static void check_metadata(const struct wheel_metadata *m)
{
	assert_string_equal(m->name, "Foo.Bar");
	assert_string_equal(m->version, "1.0.0.post1");
	assert_string_equal(m->requires_python, ">=3.8");
	assert_int_equal(m->requires_dist_count, 2);
	assert_string_equal(m->requires_dist[0], "numpy (>=1)");
	assert_string_equal(m->requires_dist[1], "a; extra == 'B'");
	assert_int_equal(m->provides_extra_count, 2);
	assert_string_equal(m->provides_extra[0], "a");
	assert_string_equal(m->provides_extra[1], "b-b");
	assert_int_equal(strlen(m->metadata_sha256), 64);
}

TEST(metadata_is_read)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct wheel_metadata m;

	assert_int_equal(wheel_metadata_parse(&a, metadata_text, strlen(metadata_text), &m, &err), 0);
	check_metadata(&m);
}

static void metadata_breaks(const char *text, const char *why)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct wheel_metadata m;

	assert_int_equal(wheel_metadata_parse(&a, text, strlen(text), &m, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	if (!strstr(err.text, why))
		fail_msg("'%s' should say '%s'", err.text, why);
}

TEST(broken_metadata_is_refused)
{
	metadata_breaks("", "no 'Name'");
	metadata_breaks("\nName: a\nVersion: 1\n", "no 'Name'");
	metadata_breaks("Name: a\n", "no 'Version'");
	metadata_breaks("Name: a\nName: b\nVersion: 1\n", "'Name' twice");
	metadata_breaks("Name: a\nVersion: 1\nVersion: 1\n", "'Version' twice");
	metadata_breaks("Name: a/b\nVersion: 1\n", "no name");
	metadata_breaks("Name: a\nVersion: one\n", "no version");
	metadata_breaks("Name: a\nVersion: 1\nRequires-Dist: \377\n", "UTF-8");
	metadata_breaks("Name: a\nVersion: 1\nRequires-Python: \377\n", "UTF-8");
}

TEST(hostile_names_and_metadata_take_linear_time)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	size_t length = 1 << 20;
	autofree char *text = mem_alloc(length + 64);
	struct wheel_name w;
	struct wheel_metadata m;

	memset(text, 'a', length);
	memcpy(text, "a-1-py3.", 8);
	for (size_t i = 9; i < length; i += 2)
		text[i] = '.';
	memcpy(text + length - 10, "a-none-any.whl", 15);
	assert_false(wheel_name_parse(&a, text, &w));
	memset(text, '\n', length);
	for (size_t i = 1; i < length; i += 2)
		text[i] = ' ';
	memcpy(text, "Name: a\nVersion: 1\nRequires-Dist: a", 35);
	assert_int_equal(wheel_metadata_parse(&a, text, length, &m, &err), 0);
	assert_int_equal(m.requires_dist_count, 1);
	for (size_t i = 36; i + 16 <= length; i += 16)
		memcpy(text + i, "Provides-Extra:\n", 16);
	assert_int_equal(wheel_metadata_parse(&a, text, length, &m, &err), 0);
	assert_int_equal(m.provides_extra_count, 1);
}

/* A small zip writer, so that every field can be wrong. */
struct writer {
	struct strbuf out, directory;
	unsigned count;
};

static void add16(struct strbuf *s, unsigned n)
{
	strbuf_add_char(s, (char)n);
	strbuf_add_char(s, (char)(n >> 8));
}

static void add32(struct strbuf *s, size_t n)
{
	add16(s, n & 0xFFFF);
	add16(s, (unsigned)(n >> 16) & 0xFFFF);
}

static void add_member(struct writer *w, const char *name, const char *bytes, bool packed)
{
	unsigned char deflated[4096];
	size_t length = strlen(bytes), packed_length = length, at = w->out.length;
	size_t crc = crc32(crc32(0, NULL, 0), (const unsigned char *)bytes, (unsigned)length);

	if (packed) {
		z_stream stream = {
			.next_in = (unsigned char *)(uintptr_t)bytes, .avail_in = (unsigned)length, .next_out = deflated, .avail_out = sizeof(deflated)};

		assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
		assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
		packed_length = stream.total_out;
		bytes = (char *)deflated;
		deflateEnd(&stream);
	}
	for (int i = 0; i < 2; i++) {
		struct strbuf *s = i ? &w->directory : &w->out;

		strbuf_add_bytes(s, i ? "PK\1\2\24\0" : "PK\3\4", i ? 6 : 4);
		strbuf_add_bytes(s, "\24\0\0\0", 4);
		add16(s, packed ? 8 : 0);
		add32(s, 0);
		add32(s, crc);
		add32(s, packed_length);
		add32(s, length);
		add16(s, (unsigned)strlen(name));
		add16(s, 0);
		if (i) {
			strbuf_add_bytes(s, "\0\0\0\0\0\0\0\0\0\0", 10);
			add32(s, at);
		}
		strbuf_add(s, name);
	}
	strbuf_add_bytes(&w->out, bytes, packed_length);
	w->count++;
}

static void finish(struct writer *w, const char *path)
{
	autoerror struct error err = {0};
	size_t at = w->out.length;

	strbuf_add_bytes(&w->out, strbuf_text(&w->directory), w->directory.length);
	strbuf_add_bytes(&w->out, "PK\5\6\0\0\0\0", 8);
	add16(&w->out, w->count);
	add16(&w->out, w->count);
	add32(&w->out, w->directory.length);
	add32(&w->out, at);
	add16(&w->out, 0);
	assert_int_equal(file_write(path, w->out.text, w->out.length, &err), 0);
	strbuf_release(&w->directory);
	strbuf_release(&w->out);
}

static const char *const path = "wheel_test.whl";

static void wheel_breaks(enum error_code code, const char *why)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct wheel_metadata m;

	assert_int_equal(wheel_metadata_read(&a, path, &m, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.text, why))
		fail_msg("'%s' should say '%s'", err.text, why);
}

TEST(metadata_is_read_out_of_a_wheel)
{
	for (int packed = 0; packed < 2; packed++) {
		autoarena struct arena a = {0};
		autoerror struct error err = {0};
		struct writer w = {0};
		struct wheel_metadata m;

		add_member(&w, "foo/METADATA", "no", packed);
		add_member(&w, "a/b.dist-info/METADATA", "no", packed);
		add_member(&w, "foo_bar-1.0.post1.dist-info/METADATA", metadata_text, packed);
		add_member(&w, "foo_bar-1.0.post1.dist-info/RECORD", "", packed);
		finish(&w, path);
		if (wheel_metadata_read(&a, path, &m, &err))
			fail_msg("%s", err.text);
		check_metadata(&m);
	}
}

static void one_member(const char *name, const char *text)
{
	struct writer w = {0};

	add_member(&w, name, text, true);
	finish(&w, path);
}

TEST(broken_wheels_are_refused)
{
	autoerror struct error err = {0};

	unlink(path);
	wheel_breaks(ERR_NOT_FOUND, "cannot open");
	assert_int_equal(file_write(path, "", 0, &err), 0);
	wheel_breaks(ERR_INPUT, "not a zip archive");
	one_member("foo/METADATA", metadata_text);
	wheel_breaks(ERR_INPUT, "no METADATA");
	one_member("bar-1.0.dist-info/METADATA", metadata_text);
	wheel_breaks(ERR_INPUT, "metadata of 'Foo.Bar' stands in 'bar-1.0.dist-info'");
	one_member("foo.bar-1.0.dist-info/METADATA", "Name: x\n");
	wheel_breaks(ERR_INPUT, "cannot read the wheel 'wheel_test.whl': metadata has no 'Version'");
	struct writer w = {0};

	add_member(&w, "foo_bar-1.dist-info/METADATA", metadata_text, true);
	add_member(&w, "x-1.dist-info/METADATA", metadata_text, true);
	finish(&w, path);
	wheel_breaks(ERR_INPUT, "more than one METADATA");
}

/* Every byte changed and every length cut: an answer or an error, never more; the sanitizers look on. */
TEST(damaged_wheels_do_no_harm)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf whole = {0};
	size_t read = 0;

	one_member("foo.bar-1.0.dist-info/METADATA", metadata_text);
	assert_int_equal(file_read(path, 1 << 20, &whole, &err), 0);
	for (size_t i = 0; i < 2 * whole.length; i++) {
		autoarena struct arena a = {0};
		autoerror struct error ignored = {0};
		struct wheel_metadata m;
		size_t at = i / 2;
		FILE *f = fopen(path, "wb");

		assert_non_null(f);
		whole.text[at] ^= 0x55;
		fwrite(whole.text, 1, i % 2 ? at : whole.length, f);
		whole.text[at] ^= 0x55;
		fclose(f);
		if (wheel_metadata_read(&a, path, &m, &ignored))
			assert_int_equal(ignored.code, ERR_INPUT);
		else
			read++;
	}
	unlink(path);
	/* Dates, versions and attributes are of no account; what the member says is. */
	assert_in_range(read, 1, 60);
}
