#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "io/yaml.h"

struct reading {
	struct arena arena;
	struct diag diag;
	struct value *value;
};

static void read_bytes(struct reading *r, const char *text, size_t length)
{
	r->value = yaml_parse(&r->arena, "f.yaml", text, length, &r->diag);
}

static void read_text(struct reading *r, const char *text)
{
	read_bytes(r, text, strlen(text));
}

static void release(struct reading *r)
{
	arena_release(&r->arena);
	diag_release(&r->diag);
}
#define autoreading __attribute__((cleanup(release))) struct reading

static void assert_problem(const struct reading *r, size_t i, unsigned line, unsigned column, const char *text)
{
	assert_true(i < r->diag.problem_count);
	assert_string_equal(r->diag.problems[i].text, text);
	assert_int_equal(r->diag.problems[i].pos.line, line);
	assert_int_equal(r->diag.problems[i].pos.column, column);
	assert_string_equal(r->diag.problems[i].pos.file, "f.yaml");
}

TEST(scalars_stay_text)
{
	autoreading r = {0};

	read_text(&r, "a: 3.10\nb: true\nc: ~\nd:\ne: \"\"\nf: 'it''s'\ng: 0x10\nh: 2001-01-01\ni: \"\\x41\\u00e4\"\n");
	assert_int_equal(r.diag.problem_count, 0);
	assert_string_equal(value_get_text(r.value, "a"), "3.10");
	assert_string_equal(value_get_text(r.value, "b"), "true");
	assert_string_equal(value_get_text(r.value, "c"), "~");
	assert_string_equal(value_get_text(r.value, "d"), "");
	assert_true(value_get(r.value, "d")->plain);
	assert_string_equal(value_get_text(r.value, "e"), "");
	assert_false(value_get(r.value, "e")->plain);
	assert_string_equal(value_get_text(r.value, "f"), "it's");
	assert_string_equal(value_get_text(r.value, "g"), "0x10");
	assert_string_equal(value_get_text(r.value, "h"), "2001-01-01");
	assert_string_equal(value_get_text(r.value, "i"), "A\xc3\xa4");
}

TEST(blocks_keep_and_fold_lines)
{
	autoreading r = {0};

	read_text(&r, "keep: |\n  one\n   two\n\n  three\nfold: >-\n  one\n  two\n");
	assert_string_equal(value_get_text(r.value, "keep"), "one\n two\n\nthree\n");
	assert_string_equal(value_get_text(r.value, "fold"), "one two");
}

TEST(places_are_in_bytes)
{
	autoreading r = {0};

	read_text(&r, "\xc3\xa4: {\"\xe2\x82\xac\": x}\nlist:\n- a\n-   - \xf0\x9f\x98\200b\n");
	assert_int_equal(r.diag.problem_count, 0);
	struct value *table = value_get(r.value, "\xc3\xa4"), *list = value_get(r.value, "list");

	assert_int_equal(table->pos.column, 5);
	assert_int_equal(table->entries[0].key_pos.column, 6);
	assert_int_equal(table->entries[0].value->pos.column, 13);
	assert_int_equal(list->items[1]->items[0]->pos.line, 4);
	assert_int_equal(list->items[1]->items[0]->pos.column, 7);
	assert_int_equal(r.value->entries[1].key_pos.line, 2);
}

TEST(empty_documents_are_empty_tables)
{
	static const char *const texts[] = {"", "\n", "# only this\n", "---\n", "---\n# this\n...\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		autoreading r = {0};

		read_text(&r, texts[i]);
		assert_int_equal(r.diag.problem_count, 0);
		assert_int_equal(r.value->kind, VALUE_TABLE);
		assert_int_equal(r.value->entry_count, 0);
	}
}

TEST(duplicates_keep_the_first)
{
	autoreading r = {0};

	read_text(&r, "b: 1\na: 2\n'b': 3\nc: 4\nb: 5\n");
	assert_int_equal(r.diag.problem_count, 2);
	assert_problem(&r, 0, 3, 1, "key 'b' is given twice; the first is in line 1");
	assert_problem(&r, 1, 5, 1, "key 'b' is given twice; the first is in line 1");
	assert_int_equal(r.value->entry_count, 3);
	assert_string_equal(value_get_text(r.value, "b"), "1");
	assert_string_equal(r.value->entries[2].key, "c");
}

/* What is refused leaves a VALUE_NULL or nothing, and the rest is read. */
TEST(reading_goes_on)
{
	autoreading r = {0};

	read_text(&r, "a: &x [1]\nb: *x\n<<: {c: 1}\n? [d]\n: {e: *x}\nf: \"\\0\"\ng: end\n");
	assert_int_equal(r.diag.problem_count, 5);
	assert_problem(&r, 0, 1, 4, "anchor '&x': anchors are not read here");
	assert_problem(&r, 1, 2, 4, "alias '*x': aliases are not read here");
	assert_problem(&r, 2, 3, 1, "merge key '<<': merge keys are not read here");
	assert_problem(&r, 3, 4, 3, "a key must be a text");
	assert_problem(&r, 4, 6, 4, "the text holds a NUL character");
	assert_int_equal(r.value->entry_count, 4);
	assert_int_equal(value_get(r.value, "b")->kind, VALUE_NULL);
	assert_int_equal(value_get(r.value, "f")->kind, VALUE_NULL);
	assert_string_equal(value_get_text(r.value, "g"), "end");
}

TEST(cycles_are_no_cycles)
{
	autoreading r = {0};

	read_text(&r, "&a [*a, &b {c: *b, d: *a}]\n");
	assert_int_equal(r.diag.problem_count, 5);
	assert_int_equal(r.value->items[0]->kind, VALUE_NULL);
}

TEST(a_quoted_merge_key_is_a_key)
{
	autoreading r = {0};

	read_text(&r, "'<<': x\n");
	assert_int_equal(r.diag.problem_count, 0);
	assert_string_equal(value_get_text(r.value, "<<"), "x");
}

/* A laugh in a few bytes stays a few bytes. */
TEST(aliases_cost_nothing)
{
	autoreading r = {0};
	autostrbuf struct strbuf text = {0};

	strbuf_add(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 9; i++) {
		strbuf_printf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 9; j++)
			strbuf_printf(&text, "%s*a%d", j ? "," : "", i - 1);
		strbuf_add(&text, "]\n");
	}
	read_text(&r, strbuf_text(&text));
	assert_null(r.value);
	assert_true(r.diag.problem_count <= 21);
	assert_true(r.arena.total_bytes < 100000);
}

static void nest(struct strbuf *text, unsigned depth)
{
	strbuf_add_repeat(text, '[', depth);
	strbuf_add_repeat(text, ']', depth);
}

TEST(depth_has_a_limit)
{
	for (unsigned depth = YAML_LIMIT_DEPTH; depth <= YAML_LIMIT_DEPTH + 1; depth++) {
		autoreading r = {0};
		autostrbuf struct strbuf text = {0};

		nest(&text, depth);
		read_text(&r, strbuf_text(&text));
		assert_int_equal(r.diag.problem_count, depth > YAML_LIMIT_DEPTH);
		assert_int_equal(r.value == NULL, depth > YAML_LIMIT_DEPTH);
	}
}

TEST(values_have_a_limit)
{
	for (size_t over = 0; over < 2; over++) {
		autoreading r = {0};
		autostrbuf struct strbuf text = {0};

		strbuf_add_char(&text, '[');
		for (size_t i = 0; i < YAML_LIMIT_NODES - 1 + over; i++)
			strbuf_add(&text, "a,");
		strbuf_add_char(&text, ']');
		read_text(&r, strbuf_text(&text));
		assert_int_equal(r.value == NULL, over);
	}
}

TEST(bytes_have_a_limit)
{
	for (size_t over = 0; over < 2; over++) {
		autoreading r = {0};
		autostrbuf struct strbuf text = {0};

		strbuf_add_repeat(&text, '#', YAML_LIMIT_BYTES + over);
		read_bytes(&r, strbuf_text(&text), text.length);
		assert_int_equal(r.value == NULL, over);
	}
}

/* Many values in one line, whose places are counted in characters by libyaml: the way there must not be walked again for each. */
TEST(one_long_line_is_read_in_time)
{
	autoreading r = {0};
	autostrbuf struct strbuf text = {0};

	strbuf_add_char(&text, '[');
	for (size_t i = 0; i < 100000; i++)
		strbuf_add(&text, "\xc3\xa4,");
	strbuf_add_char(&text, ']');
	read_text(&r, strbuf_text(&text));
	assert_non_null(r.value);
	assert_int_equal(r.value->items[99999]->pos.column, 1 + 1 + 99999 * 3);
}

TEST(other_encodings_are_refused)
{
	static const struct {
		const char *bytes;
		size_t length;
		unsigned column;
	} cases[] = {
		{"a: \xff", 4, 4}, {"a: \xc3", 4, 4},       {"a: \xed\xa0\x80", 6, 4}, {"\xfe\xff\0a", 4, 1}, {"\xff\376a\0", 4, 1},
		{"a\0b", 3, 2},    {"\xef\xbb\xbfx", 4, 1}, {"\xc2\x85", 2, 1},        {"a\x7f", 2, 2},       {"a\rb", 3, 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoreading r = {0};

		read_bytes(&r, cases[i].bytes, cases[i].length);
		assert_null(r.value);
		assert_int_equal(r.diag.problem_count, 1);
		assert_int_equal(r.diag.problems[0].pos.column, cases[i].column);
	}
}
