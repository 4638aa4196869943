#include "unit.h"

#include <stdbool.h>

#include "base/alloc.h"
#include "python/requirement.h"

static const struct marker_environment linux_311 = {
	.implementation_name = "cpython",
	.implementation_version = "3.11.2",
	.os_name = "posix",
	.platform_machine = "x86_64",
	.platform_python_implementation = "CPython",
	.platform_release = "6.1.0-13-amd64",
	.platform_system = "Linux",
	.platform_version = "#1 SMP",
	.python_full_version = "3.11.2",
	.python_version = "3.11",
	.sys_platform = "linux",
};

static void holds(const char *text, const char *extra, int expected)
{
	autoarena struct arena a = {0};
	size_t at;
	bool defined;
	struct marker *m = marker_parse(&a, text, &at);

	if (!m)
		fail_msg("'%s' is no marker: %zu", text, at);
	bool truth = marker_evaluate(m, &linux_311, extra, &defined);

	if ((defined ? truth : -1) != expected)
		fail_msg("%s: %d, expected %d", text, defined ? truth : -1, expected);
}

TEST(markers_hold_as_packaging_says)
{
	holds("python_version >= '3.9'", "", 1);
	holds("python_version < '3.9'", "", 0);
	holds("'3.9' <= python_version", "", 1);
	holds("'3.12' <= python_version", "", 0);
	holds("python_version in '3.10 3.11'", "", 1);
	holds("python_version not in '3.10, 3.11'", "", 0);
	holds("os_name=='posix'and sys_platform=='linux'", "", 1);
	holds("os.name == 'nt' or (sys.platform == 'linux' and platform.machine == 'x86_64')", "", 1);
	holds("os_name == 'nt' and sys_platform == 'x' or os_name == 'posix'", "", 1);
	holds("os_name == 'posix' or sys_platform == 'x' and os_name == 'nt'", "", 1);
	holds("extra == 'Foo.Bar'", "foo-bar", 1);
	holds("'FOO_bar' == extra", "foo-bar", 1);
	holds("extra == 'foo'", "", 0);
	holds("platform_release >= '6'", "", 0);
	holds("platform_release == '6.1.0-13-amd64'", "", 1);
	holds("python_full_version === '3.11.2'", "", 1);
	holds("os_name < 'z'", "", 0);
	holds("os_name >= 'posix'", "", 1);
	holds("platform_python_implementation != \"PyPy\"", "", 1);
	holds("python_implementation == 'C\\x50ython'", "", 1);
	holds("os_name == 'a\\0b'", "", 0);
	holds("'posix' == 'os_name'", "", 1);
	holds("os_name == sys_platform", "", 0);
}

TEST(comparisons_without_meaning_do_not_hold)
{
	holds("os_name ~= 'posix'", "", -1);
	holds("os_name === 'posix'", "", -1);
	holds("'a' == 'a'", "", -1);
	holds("'x' in extras", "x", -1);
	holds("'x' in dependency_groups or os_name == 'posix'", "", -1);
	holds("python_version ~= '3'", "", -1);
}

static void marker_breaks(const char *text, size_t expected)
{
	autoarena struct arena a = {0};
	size_t at = 999;

	assert_null(marker_parse(&a, text, &at));
	if (at != expected)
		fail_msg("'%s' breaks at %zu, expected %zu", text, at, expected);
}

TEST(broken_markers_say_where)
{
	marker_breaks("", 0);
	marker_breaks("python_version", 14);
	marker_breaks("python_version >= 3", 18);
	marker_breaks("python_versions == '3'", 0);
	marker_breaks("os_name = 'a'", 8);
	marker_breaks("os_name not 'a'", 12);
	marker_breaks("os_name notin 'a'", 8);
	marker_breaks("(os_name == 'a'", 15);
	marker_breaks("os_name == 'a')", 14);
	marker_breaks("os_name == 'a' os_name == 'b'", 15);
	marker_breaks("os_name == 'a\\", 11);
	marker_breaks("os_name == 'a\\'", 11);
	marker_breaks("os_name == 'a\nb'", 11);
	marker_breaks("os_name == '\\xg0'", 11);
	marker_breaks("OS_NAME == 'a'", 0);
}

static void normal_is(const char *text, const char *expected)
{
	autoarena struct arena a = {0};
	size_t at;

	assert_string_equal(marker_normal(&a, marker_parse(&a, text, &at)), expected);
}

TEST(markers_have_a_normal_text)
{
	normal_is("(( os.name=='a' ))", "os_name == \"a\"");
	normal_is("(os_name=='a'or os_name=='\"')and(extra=='A_b')", "(os_name == \"a\" or os_name == '\"') and extra == \"a-b\"");
}

TEST(requirements_have_parts)
{
	autoarena struct arena a = {0};
	size_t at;
	const char *why;
	struct requirement *r = requirement_parse(&a, " Foo.Bar [B_b, a,a] (>=1.0 , !=1.5) ; python_version < '4' ", &at, &why);

	assert_non_null(r);
	assert_string_equal(r->name, "Foo.Bar");
	assert_string_equal(r->canonical, "foo-bar");
	assert_int_equal(r->extra_count, 2);
	assert_string_equal(r->extras[0], "a");
	assert_string_equal(r->extras[1], "b-b");
	assert_string_equal(r->specifier, "!=1.5,>=1.0");
	assert_true(specifier_set_contains(r->specifiers, "1.6", false));
	assert_null(r->url);
	assert_string_equal(r->marker_text, "python_version < '4'");
	assert_true(marker_holds(r->marker, &linux_311, ""));
	r = requirement_parse(&a, "foo@file:///a;b ;os_name=='nt'", &at, &why);
	assert_string_equal(r->url, "file:///a;b");
	assert_string_equal(r->specifier, "");
	assert_string_equal(r->marker_text, "os_name=='nt'");
	r = requirement_parse(&a, "foo[]", &at, &why);
	assert_int_equal(r->extra_count, 0);
	assert_null(r->marker);
	assert_non_null(requirement_parse(&a, "foo>=1,", &at, &why));
	assert_non_null(requirement_parse(&a, "foo ===a,>=1", &at, &why));
}

static void requirement_breaks(const char *text, size_t expected, const char *expected_why)
{
	autoarena struct arena a = {0};
	size_t at = 999;
	const char *why = NULL;

	assert_null(requirement_parse(&a, text, &at, &why));
	if (at != expected || !strstr(why, expected_why))
		fail_msg("'%s' breaks at %zu (%s), expected %zu (%s)", text, at, why, expected, expected_why);
}

TEST(broken_requirements_say_where_and_why)
{
	requirement_breaks("", 0, "name of a package");
	requirement_breaks("-foo", 0, "name of a package");
	requirement_breaks("foo bar", 4, "a version specifier");
	requirement_breaks("foo[a b]", 6, "',' or ']'");
	requirement_breaks("foo[a,]", 6, "after ','");
	requirement_breaks("foo>=1.*", 6, "no '.*'");
	requirement_breaks("foo>=1+x", 6, "no local version");
	requirement_breaks("foo(>=1", 7, "')'");
	requirement_breaks("foo>=1 x", 7, "';' and a marker");
	requirement_breaks("foo===a,b", 3, "a version specifier");
	requirement_breaks("foo @ ", 6, "an address");
	requirement_breaks("foo;", 4, "a marker");
	requirement_breaks("foo;os_name=='a' x", 17, "'and', 'or'");
	requirement_breaks("foo\n", 3, "a version specifier");
	requirement_breaks("foo>=1-", 6, "';' and a marker");
}

TEST(hostile_requirements_take_linear_time)
{
	autoarena struct arena a = {0};
	size_t length = 1 << 20, at;
	const char *why;
	autofree char *text = mem_alloc(length + 32);

	memset(text, '(', length);
	text[length] = '\0';
	assert_null(marker_parse(&a, text, &at));
	assert_int_equal(at, 500);
	memset(text, 'a', length);
	assert_non_null(requirement_parse(&a, text, &at, &why));
	memcpy(text, "a[", 2);
	for (size_t i = 3; i < length; i += 2)
		text[i] = ',';
	text[length - 1] = ']';
	assert_non_null(requirement_parse(&a, text, &at, &why));
	memset(text, '\\', length);
	memcpy(text, "os_name == '", 12);
	memcpy(text + length, "'", 2);
	assert_non_null(marker_parse(&a, text, &at));
	for (size_t i = 0; i + 16 <= length; i += 16)
		memcpy(text + i, "os_name == ''or ", 16);
	memcpy(text + length, "''in extra", 11);
	assert_non_null(marker_parse(&a, text, &at));
	memset(text, ' ', length);
	text[0] = 'a';
	text[length] = '\0';
	assert_non_null(requirement_parse(&a, text, &at, &why));
}
