#include "unit.h"

#include "render/word.h"

static void add_exec(struct strbuf *out, const char *word)
{
	word_add_exec(out, &word, 1);
}

static void check(void (*add)(struct strbuf *, const char *), const char *text, const char *expected)
{
	autostrbuf struct strbuf out = {0};

	add(&out, text);
	assert_string_equal(strbuf_text(&out), expected);
}

TEST(comments_have_a_sign_on_every_line)
{
	check(word_add_comment, "", "");
	check(word_add_comment, "one", "# one\n");
	check(word_add_comment, "one\ntwo\n", "# one\n# two\n");
	check(word_add_comment, "one\n\ntwo", "# one\n#\n# two\n");
	check(word_add_comment, "a\rb\x1b[31m \\", "# a\\x0db\\x1b[31m \\\n");
	check(word_add_comment, NULL, "");
}

TEST(comments_are_broken_at_spaces)
{
	autostrbuf struct strbuf text = {0}, expected = {0};

	for (size_t i = 0; i < 50; i++)
		strbuf_add(&text, i ? " word" : "word");
	strbuf_add(&expected, "# word");
	for (size_t i = 1; i < 24; i++)
		strbuf_add(&expected, " word");
	strbuf_add(&expected, "\n# word");
	for (size_t i = 1; i < 24; i++)
		strbuf_add(&expected, " word");
	strbuf_add(&expected, "\n# word word\n");
	check(word_add_comment, strbuf_text(&text), strbuf_text(&expected));

	strbuf_clear(&text);
	strbuf_clear(&expected);
	strbuf_add_repeat(&text, 'x', 300);
	strbuf_printf(&expected, "# %s\n# y\n", strbuf_text(&text));
	strbuf_add(&text, " y");
	check(word_add_comment, strbuf_text(&text), strbuf_text(&expected));
}

TEST(exec_form_is_json)
{
	check(add_exec, "", "[\"\"]");
	check(add_exec, "a\"\\\n\t\x01\x7f/", "[\"a\\\"\\\\\\u000a\\u0009\\u0001\\u007f/\"]");
	check(add_exec, "${x} $(y)", "[\"${x} $(y)\"]");
}

TEST(values_are_not_expanded)
{
	check(word_add_quoted, "", "\"\"");
	check(word_add_quoted, "a b", "\"a b\"");
	check(word_add_quoted, "$x ${y} \"\\", "\"\\$x \\${y} \\\"\\\\\"");
	check(word_add_quoted, "${env:PATH}", "\"\\${env:PATH}\"");
}

TEST(values_are_expanded_where_they_say_so)
{
	check(word_add_quoted_expanding, "/a:${env:PATH}", "\"/a:${PATH}\"");
	check(word_add_quoted_expanding, "${env:A}${env:B_1}", "\"${A}${B_1}\"");
	check(word_add_quoted_expanding, "${env:}${env:1}${env:A-b}${env:A", "\"\\${env:}\\${env:1}\\${env:A-b}\\${env:A\"");
	check(word_add_quoted_expanding, "${PATH}", "\"\\${PATH}\"");
}

TEST(lines_and_variables_are_told)
{
	assert_true(word_is_line("a\tb"));
	assert_true(word_is_line(""));
	assert_false(word_is_line("a\nb"));
	assert_false(word_is_line("a\rb"));
	assert_false(word_is_line("\x7f"));
	assert_true(word_is_variable("_A1"));
	assert_false(word_is_variable("1A"));
	assert_false(word_is_variable("A-B"));
	assert_false(word_is_variable(""));
}

TEST(printf_prints_lines_or_escapes)
{
	check(word_add_printf, "", "'%b'");
	check(word_add_printf, "a\n", "'%s\\n' \\\n        a");
	check(word_add_printf, "a b\n\n#\\\n", "'%s\\n' \\\n        'a b' \\\n        '' \\\n        '#\\'");
	check(word_add_printf, "a\nb", "'%b' \\\n        'a\\n' \\\n        b");
	check(word_add_printf, "\r\\\n", "'%b' \\\n        '\\0015\\\\\\n'");
}
