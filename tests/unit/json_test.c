#include "io/json.h"

#include "unit.h"

/* What is written for one text, without the quotes and the newline behind it. */
static void expect_text(const char *text, const char *wanted)
{
	autostrbuf struct strbuf out = {0}, quoted = {0};
	struct json_writer w = {.out = &out, .compact = true};

	json_begin_array(&w, NULL);
	json_add_text(&w, NULL, text);
	json_end_array(&w);
	strbuf_printf(&quoted, "[\"%s\"]\n", wanted);
	assert_string_equal(strbuf_text(&out), strbuf_text(&quoted));
}

TEST(texts_cannot_drive_a_terminal)
{
	expect_text("plain \xc3\xa4", "plain \xc3\xa4");
	expect_text("\"\\\n", "\\\"\\\\\\n");
	expect_text("\x1b[2J\x7f\t", "\\u001b[2J\\u007f\\u0009");
	expect_text("\xc2\x9b"
		    "2J",
		    "\\u009b2J"); /* C1: "\x1b[" in one character */
	expect_text("\xe2\x80\xae"
		    "gnp.exe",
		    "\\u202egnp.exe"); /* right to left from here */
	expect_text("a\xff"
		    "b\xc3",
		    "a\xef\xbf\xbd"
		    "b\xef\xbf\xbd");
}

TEST(what_is_written_is_read_again)
{
	static const char text[] = "a\x1b\xc2\x9b\xe2\x80\xae\xf0\x9f\x98\x80\"\\\n";
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};
	struct value *document;

	json_begin_object(&w, NULL);
	json_add_text(&w, "text", text);
	json_begin_array(&w, "numbers");
	json_add_integer(&w, NULL, -1);
	json_add_boolean(&w, NULL, true);
	json_add_null(&w, NULL);
	json_end_array(&w);
	json_end_object(&w);
	assert_int_equal(json_parse(&a, "it", strbuf_text(&out), out.length, &document, &err), 0);
	assert_string_equal(value_get_text(document, "text"), text);
	assert_int_equal(value_get(document, "numbers")->item_count, 3);
}

TEST(a_text_ends_with_one_newline)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_begin_object(&w, "inner");
	json_add_integer(&w, "n", 1);
	json_end_object(&w);
	json_end_object(&w);
	assert_string_equal(strbuf_text(&out), "{\n  \"inner\": {\n    \"n\": 1\n  }\n}\n");
}

TEST(a_nul_byte_is_no_json)
{
	static const char text[] = "[null\0,1]";
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct value *v;

	assert_int_equal(json_parse(&a, "it", text, sizeof(text) - 1, &v, &err), -1);
	assert_string_equal(err.text, "it: not valid JSON: there is a NUL byte in it");
}
