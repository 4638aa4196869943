#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "python/scan.h"
#include "python/specifier.h"

struct specifier_set {
	struct specifier *items;
	size_t count;
	bool names_prerelease;
	const char *normal;
};

/* By text, as str.__lt__ does it: UTF-8 sorts by code point. Equal texts are the same specifier, so their order is of no account. */
static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct specifier *)a)->text, ((const struct specifier *)b)->text);
}

static int by_meaning(const void *a, const void *b)
{
	const struct specifier *x = *(const struct specifier *const *)a, *y = *(const struct specifier *const *)b;
	int order = specifier_compare(x, y);

	return order ? order : (x > y) - (x < y);
}

/* Drops what says the same as one before it, in the order of the texts. */
static void drop_repetitions(struct specifier_set *set)
{
	autofree const struct specifier **sorted = mem_zero(set->count, sizeof(*sorted));
	autofree bool *again = mem_zero(set->count, sizeof(*again));
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++)
		sorted[i] = &set->items[i];
	qsort(sorted, set->count, sizeof(*sorted), by_meaning);
	for (size_t i = 1; i < set->count; i++)
		again[sorted[i] - set->items] = !specifier_compare(sorted[i - 1], sorted[i]);
	for (size_t i = 0; i < set->count; i++)
		if (!again[i])
			set->items[kept++] = set->items[i];
	set->count = kept;
}

static const char *normal_text(struct arena *a, const struct specifier_set *set)
{
	autostrbuf struct strbuf out = {0};

	for (size_t i = 0; i < set->count; i++) {
		if (i)
			strbuf_add_char(&out, ',');
		strbuf_add(&out, set->items[i].text);
	}
	return arena_strndup(a, strbuf_text(&out), out.length);
}

struct specifier_set *specifier_set_parse(struct arena *a, const char *text, size_t *ret_at)
{
	struct specifier_set *set = arena_new(a, struct specifier_set);

	for (const char *at = text;; at++) {
		const char *item = scan_skip_spaces(at), *comma = at + strcspn(at, ",");
		struct specifier s;

		if (item < comma) {
			if (!specifier_parse(a, item, (size_t)(comma - item), &s)) {
				*ret_at = (size_t)(item - text);
				return NULL;
			}
			set->names_prerelease = set->names_prerelease || specifier_names_prerelease(&s);
			*arena_push(a, &set->items, &set->count) = s;
		}
		at = comma;
		if (!*at)
			break;
	}
	if (set->count > 1) {
		qsort(set->items, set->count, sizeof(*set->items), by_text);
		drop_repetitions(set);
	}
	set->normal = normal_text(a, set);
	return set;
}

const char *specifier_set_normal(const struct specifier_set *set)
{
	return set->normal;
}

bool specifier_set_contains(const struct specifier_set *set, const char *version, bool prereleases)
{
	autoarena struct arena arena = {0};
	const struct version *v = version_parse(&arena, version);

	if (v && version_is_prerelease(v) && !prereleases && !set->names_prerelease)
		return false;
	for (size_t i = 0; i < set->count; i++)
		if (!specifier_takes(&set->items[i], version, v))
			return false;
	return true;
}
