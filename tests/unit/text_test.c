#include "base/text.h"

#include "base/strbuf.h"
#include "unit.h"

static void expect_decoded(const char *text, const char *wanted)
{
	autostrbuf struct strbuf out = {0};

	text_percent_decode(&out, text, strlen(text));
	assert_string_equal(strbuf_text(&out), wanted);
}

TEST(percent_escapes_are_read)
{
	expect_decoded("a%2Bb%2bc", "a+b+c");
	expect_decoded("%41", "A");
	expect_decoded("100%", "100%");
	expect_decoded("%4", "%4");
	expect_decoded("%g1%1g%", "%g1%1g%");
	expect_decoded("a%00b", "a%00b"); /* no C text can hold it */
	expect_decoded("%%41", "%A");
	expect_decoded("", "");
}

TEST(hexadecimal_digits_are_of_either_case)
{
	assert_int_equal(text_hex_digit('0'), 0);
	assert_int_equal(text_hex_digit('9'), 9);
	assert_int_equal(text_hex_digit('a'), 10);
	assert_int_equal(text_hex_digit('F'), 15);
	assert_int_equal(text_hex_digit('g'), -1);
	assert_int_equal(text_hex_digit('\0'), -1);
	assert_int_equal(text_hex_digit('\x10'), -1); /* with 0x20 it would be '0' */
}

static void expect_utf8(uint32_t code, const char *wanted)
{
	autostrbuf struct strbuf out = {0};

	text_add_utf8(&out, code);
	assert_string_equal(strbuf_text(&out), wanted);
}

TEST(characters_become_utf8)
{
	expect_utf8(0x7f, "\x7f");
	expect_utf8(0x80, "\xc2\x80");
	expect_utf8(0x7ff, "\xdf\xbf");
	expect_utf8(0x800, "\xe0\xa0\x80");
	expect_utf8(0xffff, "\xef\xbf\xbf");
	expect_utf8(0x10000, "\xf0\x90\x80\x80");
	expect_utf8(0x10ffff, "\xf4\x8f\xbf\xbf");
}
