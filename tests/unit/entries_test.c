#include "resolve/entries.h"

#include <string.h>

#include "base/alloc.h"
#include "unit.h"

static const struct lock_environment arm = {.name = "arm"}, intel = {.name = "intel"}, old = {.name = "old"};
static const struct asker askers[] = {{.name = "one"}, {.name = "two"}, {.name = "three"}, {.is_layer = true, .name = "layer"}};

/* "one:arm+,intel- two:intel+" -> "one,two@arm,intel; three": who has it, and the entries' owners and environments. */
static void expect(const char *given, const char *wanted)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	struct owner *owners = NULL;
	struct entry *entries;
	size_t owner_count = 0, count;
	char *copy = arena_strdup(&a, given), *rest;

	for (char *asker = strtok_r(copy, " ", &rest); asker; asker = strtok_r(NULL, " ", &rest)) {
		char *colon = strchr(asker, ':');

		for (char *p = colon + 1; *p; p += strcspn(p, ","), p += *p == ',') {
			const struct lock_environment *e = *p == 'a' ? &arm : *p == 'i' ? &intel : &old;
			const struct asker *who = askers;

			while (strncmp(who->name, asker, (size_t)(colon - asker)) != 0)
				who++;
			*arena_push(&a, &owners, &owner_count) = (struct owner){who, e, p[strcspn(p, "+-")] == '+'};
		}
	}
	entries_make(&a, owners, owner_count, &entries, &count);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < entries[i].owner_count; j++)
			strbuf_printf(&text, "%s%s", j ? "," : i ? "; " : "", entries[i].owners[j]->name);
		for (size_t j = 0; j < entries[i].environment_count; j++)
			strbuf_printf(&text, "%s%s", j ? "," : "@", entries[i].environments[j]->name);
	}
	assert_string_equal(strbuf_text(&text), wanted);
	for (size_t i = 0; i < owner_count; i++) {
		size_t has = 0;

		for (size_t j = 0; j < count; j++)
			has += entries[j].has[i];
		assert_int_equal(has, owners[i].has);
	}
}

TEST(one_entry_where_one_list_tells_it_all)
{
	expect("one:intel- two:intel-", "");
	expect("one:intel+ two:intel-", "one");
	expect("one:intel+,arm+ two:intel+,old+", "one,two");
	expect("one:intel+,arm- two:intel-", "one@intel");
	expect("one:intel-,arm+ two:old+", "one,two@arm,old");
	expect("one:intel+,arm- two:intel+,old-", "one,two@intel");
	expect("one:intel-,arm+ two:arm+,old+", "one,two@arm,old");
}

TEST(several_entries_where_it_does_not)
{
	expect("one:intel-,arm+ two:intel+,arm+", "one@arm; two");
	expect("one:intel-,arm+ two:intel+,arm+ three:intel+", "one@arm; two,three");
	expect("one:intel-,arm+ two:intel+,arm-", "one@arm; two@intel");
	expect("one:intel-,arm+ two:intel+,arm- three:intel-,arm+", "one,three@arm; two@intel");
}

TEST(layers_say_nothing_of_environments)
{
	expect("layer:intel+,arm-", "layer");
}
