#include "unit.h"

#include <math.h>

#include "base/clock.h"
#include "base/file.h"
#include "io/toml.h"

static struct value *parse(struct arena *a, struct diag *d, const char *text)
{
	return toml_parse(a, "t.toml", text, strlen(text), d);
}

/* Each is refused, with one problem that has this text at this place. */
static const struct {
	const char *text;
	unsigned line, column;
	const char *problem;
} refused[] = {
	{"a = 1\na = 2\n", 2, 1, "'a' is given twice; first in line 1"},
	{"a = 1\n[a]\n", 2, 2, "'a' is given twice; first in line 1"},
	{"[a]\n[a]\n", 2, 2, "'a' is given twice; first in line 1"},
	{"[a]\n[[a]]\n", 2, 3, "'a' is given twice; first in line 1"},
	{"a = []\n[[a]]\n", 2, 3, "'a' is given twice; first in line 1"},
	{"a = {}\n[a.b]\n", 2, 2, "'a' is given twice; first in line 1"},
	{"a = {b = 1}\na.c = 2\n", 2, 1, "'a' is given twice; first in line 1"},
	{"[a.b]\n[a]\nb.c = 1\n", 3, 1, "'b' is given twice; first in line 1"},
	{"a.b = 1\na.b.c = 2\n", 2, 3, "'b' is given twice; first in line 1"},
	{"[x]\na.b = 1\n[x.a]\n", 3, 4, "'a' is given twice; first in line 2"},
	{"a = {b = 1, b = 2}\n", 1, 13, "'b' is given twice; first in line 1"},
	{"a = \n", 1, 5, "expected a value"},
	{"a 1\n", 1, 3, "expected '=' after the key"},
	{"= 1\n", 1, 1, "expected a key"},
	{"a = 1 b = 2\n", 1, 7, "expected the end of the line"},
	{"a = word\n", 1, 5, "'word' is no value; text stands in quotes"},
	{"a = 01\n", 1, 5, "'01' is no value; text stands in quotes"},
	{"a = 1__0\n", 1, 5, "'1__0' is no value; text stands in quotes"},
	{"a = 1.\n", 1, 5, "'1.' is no value; text stands in quotes"},
	{"a = +0x1\n", 1, 5, "'+0x1' is no value; text stands in quotes"},
	{"a = 9223372036854775808\n", 1, 5, "number does not fit into 64 bits"},
	{"a = 2023-02-29\n", 1, 5, "'2023-02-29' is no date or time"},
	{"a = 24:00:00\n", 1, 5, "'24:00:00' is no date or time"},
	{"a = \"x\n", 1, 5, "text is not closed on its line"},
	{"a = \"\"\"x\n\n", 3, 1, "text that began at line 1 is not closed"},
	{"a = \"\\x\"\n", 1, 6, "unknown escape; a backslash itself is written '\\\\'"},
	{"a = \"\\u12\"\n", 1, 6, "'\\u' needs 4 hexadecimal digits"},
	{"a = \"\\ud800\"\n", 1, 6, "'\\u' names no Unicode character"},
	{"a = \"\x01\"\n", 1, 6, "control character in text; write it as an escape"},
	{"# \x7f\n", 1, 3, "control character in a comment"},
	{"a = 1\rb = 2\n", 1, 6, "expected the end of the line"},
	{"a = [1 2]\n", 1, 8, "expected ',' or ']' in the list that began in line 1"},
	{"a = {b = 1,}\n", 1, 12, "expected a key"},
	{"a = {b = 1\n}\n", 1, 11, "expected ',' or '}' in an inline table"},
	{"[a\n", 1, 3, "expected ']' after the name of the table"},
	{"[[a]\n", 1, 5, "expected ']]' after the name of the table"},
	{"\"\"\"a\"\"\" = 1\n", 1, 1, "a key cannot be multi-line text"},
	{"a = 1\nb = \"\xff\"\n", 2, 6, "not valid UTF-8"},
};

TEST(refuses_with_place)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		autoarena struct arena a = {0};
		autodiag struct diag d = {0};
		const char *line;
		size_t length;

		assert_null(parse(&a, &d, refused[i].text));
		assert_int_equal(d.problem_count, 1);
		assert_string_equal(d.problems[0].text, refused[i].problem);
		assert_int_equal(d.problems[0].pos.line, refused[i].line);
		assert_int_equal(d.problems[0].pos.column, refused[i].column);
		assert_true(diag_line(&d, d.problems[0].pos, &line, &length));
	}
}

TEST(reports_every_key_given_twice)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};

	assert_null(parse(&a, &d, "a = 1\na = 2\n[t]\n[t]\nx = 1\n[a.b]\nx = 1\nx = 2\n"));
	assert_int_equal(d.error_count, 4);
}

TEST(gives_values_and_places)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	struct value *v = parse(
		&a, &d, "\xef\xbb\xbft = \"a\\u0000\\t\"\nn = -9223372036854775808\nf = -inf\n d . e = 2024-02-29 10:00:00Z\n[[p]]\nx = [\n  true, # c\n]\n");
	assert_non_null(v);
	assert_int_equal(v->entry_count, 5);
	assert_int_equal(value_get(v, "t")->text_length, 3);
	assert_memory_equal(value_get(v, "t")->text, "a\0\t", 4);
	int64_t n = 0;

	assert_true(value_get_integer(v, "n", &n));
	assert_true(n == INT64_MIN);
	assert_true(isinf(value_get(v, "f")->floating));
	struct value *date = value_get(value_get(v, "d"), "e");

	assert_int_equal(date->kind, VALUE_DATETIME);
	assert_string_equal(date->text, "2024-02-29 10:00:00Z");
	assert_int_equal(date->pos.line, 4);
	assert_int_equal(date->pos.column, 10);
	struct value *x = value_get(value_get(v, "p")->items[0], "x");

	assert_int_equal(x->items[0]->pos.line, 7);
	assert_int_equal(x->items[0]->pos.column, 3);
	assert_string_equal(x->items[0]->pos.file, "t.toml");
}

TEST(limits_depth)
{
	static const char *const repeated[] = {"[", "{a=", "a.", "[a."};

	for (size_t i = 0; i < 4; i++) {
		autoarena struct arena a = {0};
		autodiag struct diag d = {0};
		autostrbuf struct strbuf text = {0};

		strbuf_add(&text, i < 2 ? "x = " : i == 3 ? "[" : "");
		for (int n = 0; n < 100000; n++)
			strbuf_add(&text, i == 3 ? "a." : repeated[i]);
		assert_null(parse(&a, &d, text.text));
		assert_int_equal(d.problem_count, 1);
		assert_string_equal(d.problems[0].text, "nested deeper than 100");
	}
}

TEST(limits_values)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf text = {0};

	strbuf_add(&text, "x = [");
	for (int n = 0; n < TOML_LIMIT_VALUES; n++)
		strbuf_add(&text, "1,");
	assert_null(parse(&a, &d, text.text));
	assert_string_equal(d.problems[0].text, "more than 2000000 values in one file");
}

/* 200,000 keys in one table and as many tables: a search of the whole table for each would take minutes. */
TEST(takes_time_in_proportion)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf text = {0};
	int64_t began = clock_monotonic_ms();

	for (int n = 0; n < 200000; n++)
		strbuf_printf(&text, "key-%d = %d\n", n, n);
	for (int n = 0; n < 200000; n++)
		strbuf_printf(&text, "[t.x%d]\n", n);
	struct value *v = parse(&a, &d, text.text);

	assert_non_null(v);
	assert_int_equal(v->entry_count, 200001);
	assert_true(clock_monotonic_ms() - began < 10000);
}

TEST(writes_what_it_reads)
{
	static const char *const texts[] = {"", "plain", "a b", "\"\\\b\t\n\f\r\x01\x7f", "é😀", "a.b"};
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		toml_add_key(&text, texts[i]);
		strbuf_add(&text, " = ");
		toml_add_string(&text, texts[i]);
		strbuf_add(&text, "\n");
	}
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	struct value *v = parse(&a, &d, text.text);

	assert_non_null(v);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(value_get_text(v, texts[i]), texts[i]);
	strbuf_clear(&text);
	toml_add_string(&text, "\xff\xc0");
	assert_string_equal(text.text, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(reads_files)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};

	assert_int_equal(file_write("a.toml", "a = 1\n", 6, &err), 0);
	assert_non_null(toml_read(&a, "a.toml", "a.toml", 100, &d));
	assert_null(toml_read(&a, "a.toml", "a.toml", 5, &d));
	assert_null(toml_read(&a, "b.toml", "b.toml", 5, &d));
	assert_int_equal(d.error_count, 2);
}

TEST(values_are_written_on_one_line)
{
	static const char line[] = "x = [1, {\"a b\" = 0.30000000000000004, c = -0.0, d = 1e+300, e = [true, nan, -inf, inf], f = 1979-05-27}, \"\\u0000\"]";
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf out = {0};
	const struct value *document = toml_parse(&a, "f", line, strlen(line), &d);

	assert_non_null(document);
	toml_add_entry(&out, &document->entries[0]);
	assert_string_equal(strbuf_text(&out), line);
}
