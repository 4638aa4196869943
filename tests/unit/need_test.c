#include "prune/need.h"

#include <stdio.h>
#include <stdlib.h>

#include "prune/words.h"
#include "base/strbuf.h"
#include "unit.h"

TEST(what_nothing_refers_to_goes)
{
	struct needs n = {0};
	struct need_thing *old = needs_add(&n, false), *young = needs_add(&n, true), *named = needs_add(&n, false);

	need_key(&n, old, "a");
	need_key(&n, young, "b");
	need_key(&n, named, "c");
	need_key(&n, named, "d");
	needs_refer(&n, "d", "first");
	needs_refer(&n, "d", "second");
	needs_decide(&n);
	assert_false(old->stays);
	assert_true(young->stays);
	assert_null(young->why);
	assert_true(named->stays);
	assert_string_equal(named->why, "first");
	needs_release(&n);
}

TEST(what_stays_refers_to_others_with_its_reason)
{
	struct needs n = {0};
	struct need_thing *last = needs_add(&n, false), *middle = needs_add(&n, false), *first = needs_add(&n, false), *of_none = needs_add(&n, false);

	need_key(&n, first, "first");
	need_refers(&n, first, "middle");
	need_key(&n, middle, "middle");
	need_refers(&n, middle, "last");
	need_key(&n, last, "last");
	need_refers(&n, last, "first");
	need_key(&n, of_none, "x");
	need_refers(&n, of_none, "x");
	needs_decide(&n);
	assert_false(first->stays || middle->stays || last->stays || of_none->stays);
	needs_refer(&n, "middle", "why");
	needs_decide(&n);
	assert_true(first->stays && middle->stays && last->stays && !of_none->stays);
	assert_string_equal(first->why, "why");
	needs_release(&n);
}

enum { KEYS = 12, THINGS = 20 };

/* Beside a reckoning by matrix: reached from what is young or referred to, in any number of steps. */
TEST(nothing_that_is_referred_to_ever_goes)
{
	srand(7);
	for (int round = 0; round < 2000; round++) {
		struct need_thing *things[THINGS];
		bool keys[THINGS][KEYS] = {{0}}, refers[THINGS][KEYS] = {{0}}, roots[KEYS] = {0}, reached[THINGS] = {0};
		struct needs n = {0};
		char key[16];

		for (int i = 0; i < THINGS; i++) {
			reached[i] = rand() % 10 == 0;
			things[i] = needs_add(&n, reached[i]);
			for (int k = 0; k < KEYS; k++) {
				snprintf(key, sizeof(key), "%d", k);
				if ((keys[i][k] = rand() % 8 == 0))
					need_key(&n, things[i], key);
				if ((refers[i][k] = rand() % 12 == 0))
					need_refers(&n, things[i], key);
			}
		}
		for (int k = 0; k < KEYS; k++) {
			snprintf(key, sizeof(key), "%d", k);
			if ((roots[k] = rand() % 6 == 0))
				needs_refer(&n, key, "root");
		}
		needs_decide(&n);
		for (int step = 0; step < THINGS * KEYS; step++) {
			for (int i = 0; i < THINGS; i++) {
				for (int k = 0; k < KEYS; k++) {
					reached[i] = reached[i] || (keys[i][k] && roots[k]);
					roots[k] = roots[k] || (reached[i] && refers[i][k]);
				}
			}
		}
		for (int i = 0; i < THINGS; i++)
			assert_int_equal(things[i]->stays, reached[i]);
		needs_release(&n);
	}
}

static void note_release(void *context, const char *name)
{
	strbuf_printf(context, "%s ", name);
}

static void note_digest(void *context, const char *hex)
{
	strbuf_printf(context, "%.4s.. ", hex);
}

static void expect_words(const char *text, const char *wanted)
{
	struct strbuf seen = {0};

	words_find(text, strlen(text), &(struct words_found){note_release, note_digest, &seen});
	assert_string_equal(strbuf_text(&seen), wanted);
	strbuf_release(&seen);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(words_of_releases_and_digests_are_found_wherever_they_stand)
{
	expect_words("", "");
	expect_words("v", "");
	expect_words("v1", "v1 ");
	expect_words("ci = 'tiny/ci-a:v0.12' // was v0.3, before v0.2.", "v0.12 v0.3 v0.2 ");
	expect_words("\"${repo}/ci-a:v0.3-${arch}\" ci_v7 x-v8 (v9)", "v0.3 v7 v8 v9 ");
	expect_words("v0.1.2 rev1 xv2 3v4 V5 v.6 vv7", "v0.1.2 ");
	expect_words("v10v11", "v10 ");
	expect_words("a@sha256:" HEX " " HEX "0 x" HEX " " HEX ".tar", "0123.. 0123.. ");
	expect_words("\"" HEX "\"", "0123.. ");
	expect_words("0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "");
}
