#include "unit.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/alloc.h"
#include "python/name.h"
#include "python/version.h"

TEST(names_are_valid_and_canonical)
{
	autoarena struct arena a = {0};

	assert_true(name_is_valid("ml_dtypes"));
	assert_true(name_is_valid("A"));
	assert_false(name_is_valid(""));
	assert_false(name_is_valid("-a"));
	assert_false(name_is_valid("a."));
	assert_false(name_is_valid("a b"));
	assert_false(name_is_valid("\303\251"));
	assert_string_equal(name_canonical(&a, "Foo._-Bar"), "foo-bar");
	assert_true(name_is_canonical("a-b2"));
	assert_false(name_is_canonical("a--b"));
	assert_false(name_is_canonical("A"));
	assert_false(name_is_canonical("a-"));
	assert_false(name_is_canonical(""));
}

static void normal_is(const char *text, const char *normal)
{
	autoarena struct arena a = {0};
	struct version *v = version_parse(&a, text);

	if (!v && normal)
		fail_msg("'%s' should be a version", text);
	if (v)
		assert_string_equal(version_normal(&a, v), normal ? normal : "(none)");
}

TEST(versions_have_a_normal_form)
{
	normal_is("1.0.0-Alpha.1", "1.0.0a1");
	normal_is(" v1!01.002RC\n", "1!1.2rc0");
	normal_is("1.0-1", "1.0.post1");
	normal_is("1.0a--1", "1.0a0.post1");
	normal_is("1.0preview.rev-dev.", "1.0rc0.post0.dev0");
	normal_is("0!1.0+Ubuntu-001_x.Y", "1.0+ubuntu.1.x.y");
	normal_is("123456789012345678901234567890.0", "123456789012345678901234567890.0");
	normal_is("\342\200\2121.0\343\200\200", "1.0");
	normal_is("", NULL);
	normal_is("1!", NULL);
	normal_is("1.", NULL);
	normal_is("1.0+", NULL);
	normal_is("1.0+a..b", NULL);
	normal_is("1.0prev", NULL);
	normal_is("1 .0", NULL);
	normal_is("\302\2411.0", NULL);
}

TEST(versions_sort_as_pep_440_says)
{
	static const char *const ordered[] = {"0.dev0",
					      "1.dev0",
					      "1.0.dev456",
					      "1.0a1.dev1",
					      "1.0a1",
					      "1.0a2.dev456",
					      "1.0a12",
					      "1.0b1.dev1",
					      "1.0b2",
					      "1.0b2.post345.dev456",
					      "1.0b2.post345",
					      "1.0rc1",
					      "1.0",
					      "1.0+abc.5",
					      "1.0+abc.7",
					      "1.0+5",
					      "1.0+5.0",
					      "1.0.post456.dev34",
					      "1.0.post456",
					      "1.0.15",
					      "1.1.dev1",
					      "1.10",
					      "99999999999999999999",
					      "100000000000000000000",
					      "1!0.1"};
	size_t count = sizeof(ordered) / sizeof(*ordered);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			int order = version_compare_texts(ordered[i], ordered[j]);

			if ((order > 0) - (order < 0) != (i > j) - (i < j))
				fail_msg("%s and %s: %d", ordered[i], ordered[j], order);
		}
	assert_int_equal(version_compare_texts("1.0", "v1.0.0"), 0);
	assert_true(version_compare_texts("zzz", "0.dev0") < 0);
	assert_true(version_compare_texts("abc", "abd") < 0);
}

TEST(the_release_segment_can_be_read)
{
	autoarena struct arena a = {0};
	struct version *v = version_parse(&a, "1!3.011.99999999999999999999a1");

	assert_int_equal(version_release_count(v), 3);
	assert_string_equal(version_release_at(v, 0), "3");
	assert_string_equal(version_release_at(v, 1), "11");
	assert_string_equal(version_release_at(v, 2), "99999999999999999999");
	assert_string_equal(version_release_at(v, 3), "0");
	assert_true(version_is_prerelease(v));
}

static void takes(const char *set, const char *version, bool prereleases, bool expected)
{
	autoarena struct arena a = {0};
	size_t at;
	struct specifier_set *s = specifier_set_parse(&a, set, &at);

	if (!s)
		fail_msg("'%s' is no set: %zu", set, at);
	if (specifier_set_contains(s, version, prereleases) != expected)
		fail_msg("'%s' and %s: expected %d", set, version, expected);
}

TEST(sets_take_what_packaging_takes)
{
	takes("", "1.0", false, true);
	takes("", "nonsense", false, true);
	takes("", "1.0a1", false, false);
	takes(">=1.0", "nonsense", true, false);
	takes("~=1.4,!=1.4.3", "1.4.3", true, false);
	takes("~=1.4,!=1.4.3", "1.99", true, true);
	takes("~=1.4", "2.0.dev0", true, false);
	takes("~=1.4.9", "1.5", true, false);
	takes("==1.0", "1.0.0+local", true, true);
	takes("==1.0+local", "1.0", true, false);
	takes("!=1.0", "1.0+local", true, false);
	takes("==1.0.*", "1", true, true);
	takes("==1.9.*", "1.10", true, false);
	takes("!=1.0.*", "1.0a1", true, false);
	takes("<=1.0", "1.0+local", true, true);
	takes(">=1.0", "1.0+local", true, true);
	takes(">1.0", "1.0.post1", true, false);
	takes(">1.0", "1.0+local", true, false);
	takes(">1.0", "1.0.0.1", true, true);
	takes(">1.0.post1", "1.0.post2", true, true);
	takes(">1.0.dev1", "1.0.dev2", true, true);
	takes(">1.0.dev9", "1.0.dev9+x", true, false);
	takes("<1.0", "1.0a1", true, false);
	takes("<1.0rc1", "1.0a1", false, true);
	takes(">=1.0a1", "1.1b1", false, true);
	takes(">=1.0", "1.1b1", false, false);
	takes("===Foo", "foo", false, true);
	takes("=== 1.0", "1.0.0", true, false);
}

static void broken_at(const char *set, size_t expected)
{
	autoarena struct arena a = {0};
	size_t at = 999;

	assert_null(specifier_set_parse(&a, set, &at));
	assert_int_equal(at, expected);
}

TEST(broken_sets_say_where)
{
	broken_at("1.0", 0);
	broken_at(">=1.0, foo", 7);
	broken_at(">=1.0+local", 0);
	broken_at("~=1", 0);
	broken_at("==1.0a1.*", 0);
	broken_at(">=1.*", 0);
	broken_at("===a b", 0);
	broken_at("==", 0);
}

TEST(sets_have_a_normal_text)
{
	autoarena struct arena a = {0};
	size_t at;

	assert_string_equal(specifier_set_normal(specifier_set_parse(&a, " >= v1.0 ,,!=2.0,>=1 , ~=1.0, ~=1.0.0", &at)), "!=2.0,>=1,~=1.0,~=1.0.0");
	assert_string_equal(specifier_set_normal(specifier_set_parse(&a, "==0!1,==v1,==V0!2.1.*,<v2.POSt0", &at)), "<v2.POSt0,==0!1,==V0!2.1.*");
	assert_string_equal(specifier_set_normal(specifier_set_parse(&a, "", &at)), "");
}

TEST(hostile_versions_take_linear_time)
{
	autoarena struct arena a = {0};
	size_t length = 1 << 20, at;
	autofree char *text = mem_alloc(length + 8);

	memset(text, '9', length);
	memcpy(text, "<", 2);
	text[1] = '9';
	memcpy(text + length, ".9", 3);
	assert_non_null(specifier_set_parse(&a, text, &at));
	memcpy(text, "~=", 2);
	assert_non_null(specifier_set_parse(&a, text, &at));
	for (size_t i = 3; i < length; i += 2)
		text[i] = '.';
	memcpy(text + length, "9", 2);
	assert_non_null(version_parse(&a, text + 2));
	for (size_t i = 0; i + 4 <= length; i += 4)
		memcpy(text + i, ">=1,", 4);
	text[length] = '\0';
	assert_string_equal(specifier_set_normal(specifier_set_parse(&a, text, &at)), ">=1");
	memset(text, ',', length);
	assert_non_null(specifier_set_parse(&a, text, &at));
	memset(text, ' ', length);
	assert_non_null(specifier_set_parse(&a, text, &at));
}
