/* Layers: what is deflated here is read by zlib, headers are as ustar has them, programs and plans are those that were meant. */
#include "unit.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "io/deflate_join.h"
#include "io/digest.h"
#include "layer/deflate.h"
#include "layer/plan.h"
#include "layer/programs.h"
#include "layer/tar.h"

/* What zlib makes of a whole stream. */
static void inflate_all(const struct strbuf *packed, struct strbuf *plain)
{
	z_stream z = {.next_in = (unsigned char *)packed->text, .avail_in = (unsigned)packed->length};
	int status = Z_OK;

	assert_int_equal(inflateInit2(&z, -MAX_WBITS), Z_OK);
	while (status == Z_OK) {
		z.next_out = (unsigned char *)strbuf_reserve(plain, 4096);
		z.avail_out = 4096;
		status = inflate(&z, Z_NO_FLUSH);
		strbuf_commit(plain, 4096 - z.avail_out);
	}
	assert_int_equal(status, Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
}

static void fill(struct strbuf *text, unsigned seed, size_t length)
{
	srand(seed);
	while (text->length < length) {
		switch (rand() % 4) {
		case 0:
			strbuf_add_repeat(text, (char)rand(), (size_t)rand() % 700);
			break;
		case 1:
			strbuf_add(text, "site-packages/name/module.py");
			break;
		case 2:
			strbuf_add_char(text, (char)rand());
			break;
		default:
			if (text->length > 300) {
				autofree char *copy = mem_strndup(text->text + (size_t)rand() % (text->length - 200), 200);

				strbuf_add(text, copy);
			}
		}
	}
}

TEST(what_is_deflated_is_read_by_zlib)
{
	for (unsigned seed = 0; seed < 200; seed++) {
		autostrbuf struct strbuf text = {0}, packed = {0}, plain = {0};

		fill(&text, seed, seed * 37);
		deflate_text(strbuf_text(&text), text.length, NULL, &packed);
		deflate_end(&packed);
		inflate_all(&packed, &plain);
		assert_int_equal(plain.length, text.length);
		assert_memory_equal(strbuf_text(&plain), strbuf_text(&text), text.length);
	}
}

/* Layers are known by their digests: the bytes that stood in those of the first release stand there for ever. */
TEST(what_is_deflated_has_the_same_bytes_for_ever)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	for (unsigned seed = 0; seed < 200; seed++) {
		autostrbuf struct strbuf text = {0}, packed = {0};
		size_t cut;

		fill(&text, seed, 50 + seed * 37);
		cut = text.length / 3;
		const struct deflate_before before = {text.text, cut, seed * 11};

		deflate_text(text.text + cut, text.length - cut, seed % 3 ? &before : NULL, &packed);
		digest_add(&d, packed.text, packed.length);
	}
	digest_end(&d, hex);
	assert_string_equal(hex, "67d02c1377e20f8a39918c4f210751e96f8e6b4fe7381d4607bd3d038a12b53d");
}

TEST(a_text_refers_to_the_one_before_across_what_lies_between)
{
	for (unsigned seed = 0; seed < 200; seed++) {
		autostrbuf struct strbuf text = {0}, between = {0}, whole = {0}, packed = {0}, plain = {0};

		fill(&text, seed, 512);
		strbuf_add_repeat(&between, 'b', (size_t)seed * 200);
		const struct deflate_before before = {text.text, text.length, between.length};

		deflate_text(text.text, text.length, NULL, &packed);
		size_t first = packed.length;

		deflate_text(strbuf_text(&between), between.length, NULL, &packed);
		size_t middle = packed.length;

		deflate_text(text.text, text.length, &before, &packed);
		/* The same again costs next to nothing as long as the window reaches back to it. */
		if (between.length < 32000)
			assert_true(packed.length - middle < first || first < 40);
		deflate_end(&packed);
		strbuf_add_bytes(&whole, text.text, text.length);
		strbuf_add_bytes(&whole, strbuf_text(&between), between.length);
		strbuf_add_bytes(&whole, text.text, text.length);
		inflate_all(&packed, &plain);
		assert_int_equal(plain.length, whole.length);
		assert_memory_equal(plain.text, whole.text, whole.length);
	}
}

TEST(streams_of_every_level_and_strategy_are_joined)
{
	struct deflate_join join = {0};

	for (unsigned seed = 1; seed < 300; seed++) {
		static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
		autostrbuf struct strbuf text = {0}, joined = {0}, plain = {0};
		z_stream z = {0};

		fill(&text, seed, seed * 211);
		assert_int_equal(deflateInit2(&z, (int)(seed % 10), Z_DEFLATED, -MAX_WBITS, 1 + (int)(seed % 9), strategies[seed % 5]), Z_OK);
		size_t room = deflateBound(&z, text.length);
		autofree unsigned char *packed = mem_alloc(room), *out = mem_alloc(text.length + 1);

		z.next_in = (unsigned char *)text.text;
		z.avail_in = (unsigned)text.length;
		z.next_out = packed;
		z.avail_out = (unsigned)room;
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		size_t length = room - z.avail_out;

		deflateEnd(&z);
		for (unsigned twice = 0; twice < 2; twice++) {
			assert_true(deflate_join_add(&join, packed, length, out, text.length, &joined));
			assert_memory_equal(out, text.text, text.length);
		}
		deflate_end(&joined);
		inflate_all(&joined, &plain);
		assert_int_equal(plain.length, 2 * text.length);
		assert_memory_equal(plain.text + text.length, text.text, text.length);
		assert_false(deflate_join_add(&join, packed, length - 1, out, text.length, &joined));
		assert_false(deflate_join_add(&join, packed, length, out, text.length - 1, &joined));
	}
	deflate_join_release(&join);
}

TEST(headers_of_long_and_foreign_names)
{
	autostrbuf struct strbuf header = {0};

	tar_header(&(struct tar_entry){.path = "a/b", .mode = 0644, .size_bytes = 10}, &header);
	assert_int_equal(header.length, TAR_BLOCK_BYTES);
	assert_string_equal(header.text, "a/b");
	assert_string_equal(header.text + 124, "00000000012");
	strbuf_clear(&header);
	tar_header(&(struct tar_entry){.kind = TAR_FOLDER, .path = "\xc3\xbc", .mode = 0755}, &header);
	assert_int_equal(header.length, 3 * TAR_BLOCK_BYTES);
	assert_string_equal(header.text + TAR_BLOCK_BYTES, "12 path=\xc3\xbc/\n");
	strbuf_clear(&header);
	tar_header(&(struct tar_entry){.path = "large", .mode = 0644, .size_bytes = UINT64_C(1) << 34}, &header);
	assert_string_equal(header.text + TAR_BLOCK_BYTES, "20 size=17179869184\n");
}

TEST(programs_of_entry_points)
{
	static const char text[] = "[console_scripts]\nb = m.n:o.p [extra]\n# a = b:c\na=m:f\na = n:g\n[other]\nx = y:z\n[gui_scripts]\nc = m:f\n";
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct program *list;
	size_t count;

	assert_int_equal(programs_read(&a, text, strlen(text), "3.11", &list, &count, &err), 0);
	assert_int_equal(count, 3);
	assert_string_equal(list[0].module, "n");
	assert_string_equal(list[1].object, "o.p");
	assert_non_null(strstr(program_text(&a, &list[1], "/opt/venv/bin/python"), "from m.n import o\n"));
	assert_int_equal(programs_read(&a, "[console_scripts]\nx = y\n", 24, "3.11", &list, &count, &err), -1);
}

TEST(programs_of_pip_are_for_this_python)
{
	static const char text[] = "[console_scripts]\npip = a:b\npip3 = a:c\npip2.7=a:d\npip3.x=a:e\npipx = a:f\neasy_install-3.8 = s:m\neasy_install = s:m\n";
	static const char *const names[] = {"easy_install", "easy_install-3.11", "pip", "pip3", "pip3.11", "pip3.x", "pipx"};
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct program *list;
	size_t count;

	assert_int_equal(programs_read(&a, text, strlen(text), "3.11", &list, &count, &err), 0);
	assert_int_equal(count, 7);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(list[i].name, names[i]);
	assert_string_equal(list[3].object, "b");
}

static struct layer_package packages[100];
static char names[100][24];

static void set_packages(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "p%02zu", i);
		packages[i] = (struct layer_package){.name = names[i], .size_bytes = (i + 1) * 10000, .moved = i % 10 ? 0 : 0x55, .seen = 8};
	}
}

/* Plans `count` packages on top of the plan that is there, and puts the new one in its place. Returns how many layers of it were kept. */
static size_t plan_next(struct arena *a, size_t count, size_t limit, struct layer_before **before, size_t *before_count, struct layer_group **ret)
{
	struct layer_question question = {packages, count, *before, *before_count, limit};
	size_t group_count, kept = 0, all = 0;

	layer_plan(a, &question, ret, &group_count);
	*before = arena_array(a, group_count, sizeof(**before));
	for (size_t i = 0; i < group_count; i++) {
		kept += (*ret)[i].is_kept;
		all += (*ret)[i].count;
		for (size_t j = 0; j < (*ret)[i].count; j++)
			*arena_push(a, &(*before)[i].names, &(*before)[i].name_count) = packages[(*ret)[i].packages[j]].name;
	}
	assert_int_equal(all, count);
	assert_true(group_count <= limit);
	*before_count = group_count;
	return kept;
}

TEST(a_plan_keeps_what_stood_together)
{
	autoarena struct arena a = {0};
	struct layer_before *before = NULL;
	struct layer_group *groups;
	size_t count = 0;

	set_packages(100);
	assert_int_equal(plan_next(&a, 90, 30, &before, &count, &groups), 0);
	assert_int_equal(count, 30);
	assert_int_equal(plan_next(&a, 90, 30, &before, &count, &groups), 30);
	/* A large one moves: it stood alone, and no other layer is another. */
	packages[89].moves_now = true;
	assert_int_equal(plan_next(&a, 90, 30, &before, &count, &groups), 29);
	packages[89].moves_now = false;
	/* One is gone: those it stood with are written anew. */
	packages[0] = packages[89];
	packages[89] = packages[99];
	assert_int_equal(plan_next(&a, 89, 30, &before, &count, &groups), 29);
	/* One is new, and there is room. */
	assert_int_equal(plan_next(&a, 90, 31, &before, &count, &groups), 30);
	/* One is new, and there is none: one layer is written anew for it, or two become one. */
	assert_in_range(plan_next(&a, 91, 31, &before, &count, &groups), 29, 30);
}

TEST(a_plan_within_its_limit_puts_nothing_together)
{
	autoarena struct arena a = {0};
	struct layer_before *before = NULL;
	struct layer_group *groups;
	size_t count = 0;

	set_packages(20);
	plan_next(&a, 20, 60, &before, &count, &groups);
	assert_int_equal(count, 20);
	plan_next(&a, 20, 1, &before, &count, &groups);
	assert_int_equal(count, 1);
	assert_int_equal(groups[0].count, 20);
	assert_string_equal(packages[groups[0].packages[19]].name, "p19");
}

TEST(a_plan_has_the_large_and_quiet_below)
{
	autoarena struct arena a = {0};
	struct layer_before *before = NULL;
	struct layer_group *groups;
	size_t count = 0;

	set_packages(4);
	packages[3].moved = 0xff;
	packages[2].moved = 1;
	packages[1].moved = packages[0].moved = 0;
	plan_next(&a, 4, 60, &before, &count, &groups);
	size_t order[] = {1, 0, 2, 3};

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(groups[i].packages[0], order[i]);
	/* What moves goes up to where it belongs; what lies below it stays, whatever it weighs by now. */
	packages[0].moves_now = true;
	packages[1].moved = 0x7;
	plan_next(&a, 4, 60, &before, &count, &groups);
	assert_int_equal(groups[0].packages[0], 1);
	assert_true(groups[0].is_kept && groups[1].is_kept + groups[2].is_kept + groups[3].is_kept == 2);
}

TEST(a_plan_of_nothing_is_empty)
{
	autoarena struct arena a = {0};
	struct layer_before gone = {(const char *[]){"gone"}, 1}, *before = &gone;
	struct layer_group *groups;
	size_t count = 1;

	plan_next(&a, 0, 60, &before, &count, &groups);
	assert_int_equal(count, 0);
}
