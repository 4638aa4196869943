#include "unit.h"

#include "base/strbuf.h"
#include "io/toml.h"
#include "python/dependency_groups.h"

/* What a group comes to, or all problems as "line:column: text", parted by blanks and line ends. */
static char *resolved(struct arena *a, const char *text, const char *name)
{
	autodiag struct diag d = {0};
	autostrbuf struct strbuf out = {0};
	struct dependency_groups groups = {0};
	struct dependency_group_requirement *items = NULL;
	size_t count = 0;
	const struct value *document = toml_parse(a, "pyproject.toml", text, strlen(text), &d);

	assert_non_null(document);
	if (dependency_groups_read(a, document, &d, &groups))
		dependency_groups_resolve(a, &groups, name, (struct pos){0}, &d, &items, &count);
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&out, "%s%s/%s:%u", i ? " " : "", items[i].group, items[i].text, items[i].pos.line);
	diag_sort(&d);
	for (size_t i = 0; i < d.problem_count; i++)
		strbuf_printf(&out, "%u:%u: %s\n", d.problems[i].pos.line, d.problems[i].pos.column, d.problems[i].text);
	return arena_strdup(a, strbuf_text(&out));
}

static void resolves_to(const char *text, const char *name, const char *expected)
{
	autoarena struct arena a = {0};

	assert_string_equal(resolved(&a, text, name), expected);
}

TEST(includes_stand_where_they_are)
{
	resolves_to("[dependency-groups]\na = ['x', {include-group = 'B_b'}, 'y', {include-group = 'b.B'}]\nb-b = ['z']\n", "A", "a/x:2 b-b/z:3 a/y:2 b-b/z:3");
	resolves_to("[dependency-groups]\na = []\n", "a", "");
	resolves_to("x = 1\n", "a", "0:0: there is no group 'a'\n");
}

TEST(mistakes_name_the_chain_and_the_place)
{
	resolves_to("[dependency-groups]\na = [{include-group = 'b'}]\nb = [\n {include-group = 'c'}]\nc = [{include-group = 'A'}]\n", "b",
		    "2:23: group 'b' includes itself: b -> c -> a -> b\n");
	resolves_to("[dependency-groups]\na = [{include-group = 'a'}]\n", "a", "2:23: group 'a' includes itself: a -> a\n");
	resolves_to("[dependency-groups]\na = [{include-group = 'n'}]\n", "a", "2:23: there is no group 'n' (a -> n)\n");
	resolves_to("[dependency-groups]\na = ['x', 'y =', 1, {}, {include-group = 1}, {x = 'y'}]\n", "a",
		    "2:11: group 'a': 'y =' is no requirement: expected a version specifier, ';' and a marker, or the end at character 3\n"
		    "2:18: group 'a': an item is a whole number, neither a requirement nor an include\n"
		    "2:21: group 'a': a table in a group holds include-group and nothing else\n"
		    "2:42: group 'a': include-group is no name\n"
		    "2:46: group 'a': a table in a group holds include-group and nothing else\n");
	resolves_to("[dependency-groups]\na = [{include-group = 'b'}]\nb = 'x'\n", "a", "3:5: group 'b' (a -> b) is text, not a list\n");
	resolves_to("[dependency-groups]\na = [\"x\\u0000\"]\n", "a", "2:6: group 'a': 'x' is no requirement: expected no NUL at character 2\n");
	resolves_to("[dependency-groups]\na = [{include-group = \"a\\u0000\"}]\n", "a", "2:23: group 'a': include-group is no name\n");
}

TEST(names_are_compared_in_canonical_form)
{
	resolves_to("[dependency-groups]\nte_st = []\nTe-St = []\n", "x", "3:1: group 'Te-St' is the same as 'te_st' in line 2: both are 'te-st'\n");
	resolves_to("dependency-groups = 1\n", "x", "1:21: dependency-groups is a whole number, not a table\n");
	resolves_to("[dependency-groups]\n\"a b\" = ['x']\n", "a b", "a b/x:22:1: 'a b' is no valid name of a group\n");
	resolves_to("[dependency-groups]\n\"a\\u0000b\" = ['x']\n", "a", "2:1: a group's name holds a NUL\n");
}

TEST(groups_that_double_at_each_step_are_bounded)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};

	strbuf_add(&text, "[dependency-groups]\ng0 = ['x']\n");
	for (int i = 1; i <= 60; i++)
		strbuf_printf(&text, "g%d = [{include-group = 'g%d'}, {include-group = 'g%d'}]\n", i, i - 1, i - 1);
	assert_string_equal(resolved(&a, strbuf_text(&text), "g60"), "0:0: group 'g60' comes to more than 1000000 requirements\n");
	strbuf_clear(&text);
	strbuf_add(&text, "[dependency-groups]\ng0 = []\n");
	for (int i = 1; i <= 190; i++)
		strbuf_printf(&text, "g%d = [{include-group = 'g%d'}, {include-group = 'g%d'}]\n", i, i - 1, i - 1);
	assert_string_equal(resolved(&a, strbuf_text(&text), "g190"), "");
	for (int i = 0; i <= 9900; i++)
		strbuf_printf(&text, "x%d = []\n", i);
	assert_string_equal(resolved(&a, strbuf_text(&text), "x"), "1:2: there are more than 10000 groups\n");
	text.length = (size_t)(strstr(text.text, "x0 = ") - text.text);
	for (int i = 191; i <= 201; i++)
		strbuf_printf(&text, "g%d = [{include-group = 'g%d'}]\n", i, i - 1);
	assert_string_equal(resolved(&a, strbuf_text(&text), "g201"),
			    "4:24: group 'g1' stands deeper than 200 includes\n4:48: group 'g1' stands deeper than 200 includes\n");
}

TEST(all_groups_are_checked)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	struct dependency_groups groups = {0};
	const char text[] = "[dependency-groups]\na = ['=']\nb = ['x']\nc = [1]\n";
	const struct value *document = toml_parse(&a, "pyproject.toml", text, strlen(text), &d);

	assert_true(dependency_groups_read(&a, document, &d, &groups));
	assert_false(dependency_groups_check(&groups, &d));
	assert_int_equal(d.error_count, 2);
	groups.count = 0;
	assert_true(dependency_groups_check(&groups, &d));
}
