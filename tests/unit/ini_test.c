#include "io/ini.h"

#include "base/strbuf.h"
#include "unit.h"

static void expect(const char *text, const char *wanted)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf seen = {0};
	struct ini ini = {0};

	if (ini_parse(&a, "f", text, strlen(text), &ini, &err) < 0)
		strbuf_add(&seen, err.text);
	for (size_t i = 0; i < ini.entry_count; i++)
		strbuf_printf(&seen, "%s.%s=%s|", ini.entries[i].section, ini.entries[i].key, ini.entries[i].value);
	assert_string_equal(strbuf_text(&seen), wanted);
}

/* What RawConfigParser does with each of these was asked of it; tests/oracle/settings_pip_test.py asks more. */
TEST(ini_values)
{
	expect("", "");
	expect("[a]\nb = c\nD: e f \n", "a.b=c|a.d=e f|");
	expect("[a]\nb = c=d: e\nf=\n", "a.b=c=d: e|a.f=|");
	expect("[a]\r\nb = c\r\n", "a.b=c|");
	expect("# x\n[a] # tail\n; y\nb = c # kept\n", "a.b=c # kept|");
	expect("[a]\nb = %(c)s ${HOME}\n", "a.b=%(c)s ${HOME}|");
}

TEST(ini_continuation_lines)
{
	expect("[a]\nb = c\n  d\n# no\n\te\n\n  f\n\n\n[g]\n", "a.b=c\nd\ne\n\nf|");
	expect("[a]\n  b = c\n  d = e\n    f\n", "a.b=c|a.d=e\nf|");
	expect("[a]\nb =\n  c\n", "a.b=\nc|");
	expect("[a]\nb = c\n  [d]\n", "a.b=c\n[d]|");
}

TEST(ini_problems)
{
	expect("b = c\n", "'f' line 1: expected a section header, '[global]'");
	expect("[a]\nb\n", "'f' line 2: expected 'key = value'");
	expect("[a]\n= c\n", "'f' line 2: a value without a key");
	expect("[a]\nb=1\nB=2\n", "'f' line 3: 'b' stands twice in section 'a'");
	expect("[a]\n[a]\n", "'f' line 2: section 'a' stands there twice");
	expect("[]\n", "'f' line 1: expected a section header, '[global]'");
	expect("[a]\nb=\xff\n", "'f' is not UTF-8 text");
}
