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

static bool takes(const struct specifier_set *set, const char *text, const struct version *version)
{
	for (size_t i = 0; i < set->count; i++)
		if (!specifier_takes(&set->items[i], text, version))
			return false;
	return true;
}

bool specifier_set_contains(const struct specifier_set *set, const char *version, bool prereleases)
{
	autoarena struct arena arena = {0};
	const struct version *v = version_parse(&arena, version);

	if (v && version_is_prerelease(v) && !prereleases && !set->names_prerelease)
		return false;
	return takes(set, version, v);
}

void specifier_set_filter(const struct specifier_set *set, const char *const *versions, size_t count, enum specifier_prereleases rule, bool *ret_kept)
{
	autoarena struct arena a = {0};
	const struct version **parsed = arena_array(&a, count, sizeof(struct version *));
	bool any_final = false;

	for (size_t i = 0; i < count; i++) {
		parsed[i] = version_parse(&a, versions[i]);
		ret_kept[i] = takes(set, versions[i], parsed[i]);
		any_final = any_final || (ret_kept[i] && parsed[i] && !version_is_prerelease(parsed[i]));
	}
	if (rule == PRERELEASES_WHERE_NEEDED)
		rule = set->names_prerelease || !any_final ? PRERELEASES_TAKEN : PRERELEASES_LEFT;
	for (size_t i = 0; i < count && rule == PRERELEASES_LEFT; i++)
		ret_kept[i] = ret_kept[i] && !(parsed[i] && version_is_prerelease(parsed[i]));
}

bool specifier_set_names_prerelease(const struct specifier_set *set)
{
	return set->names_prerelease;
}

/* The versions from `low` to `high`, either NULL when there is no such end. */
struct span {
	const struct version *low, *high;
	bool low_is_out; /* "low" itself is not taken */
	bool high_is_in; /* "high" is taken, whatever its local part */
};

static void raise_low(struct span *span, const struct version *low, bool is_out)
{
	int order = span->low ? version_compare(low, span->low) : 0;

	if (span->low && (order < 0 || (order == 0 && !is_out)))
		return;
	span->low = low;
	span->low_is_out = is_out;
}

static void lower_high(struct span *span, const struct version *high, bool is_in)
{
	int order = span->high && high ? version_compare(high, span->high) : 0;

	if (!high || (span->high && (order > 0 || (order == 0 && is_in))))
		return;
	span->high = high;
	span->high_is_in = is_in;
}

static void narrow(struct span *span, const struct specifier *s)
{
	switch (s->op) {
	case SPECIFIER_COMPATIBLE:
	case SPECIFIER_AT_LEAST:
		raise_low(span, s->version, false);
		lower_high(span, s->bound, false);
		break;
	case SPECIFIER_EQUAL:
		raise_low(span, s->wildcard ? s->floor : s->version, false);
		lower_high(span, s->wildcard ? s->bound : s->version, !s->wildcard);
		break;
	case SPECIFIER_AT_MOST:
		lower_high(span, s->version, true);
		break;
	case SPECIFIER_BELOW:
		lower_high(span, s->bound, false);
		break;
	case SPECIFIER_ABOVE:
		raise_low(span, s->bound ? s->bound : s->version, !s->bound);
		break;
	default: /* "!=" and "===" are no spans */
		break;
	}
}

static bool is_empty(const struct span *span)
{
	if (!span->low || !span->high)
		return false;
	if (!span->high_is_in)
		return version_compare(span->low, span->high) >= 0;
	int order = version_compare_public(span->low, span->high);

	return order > 0 || (order == 0 && span->low_is_out);
}

static bool is_point(const struct specifier *s)
{
	return s->op == SPECIFIER_EQUAL && !s->wildcard;
}

/* Whether no version that the "==" of a point takes is taken by `s`. */
static bool excludes_point(const struct specifier *s, const struct specifier *point)
{
	bool names_local = s->version && s->version->local_count;

	if (s->op == SPECIFIER_ARBITRARY)
		return s->version && version_compare_public(s->version, point->version) != 0;
	/* "==1.0" takes 1.0+x too, so a word about 1.0+y decides nothing; "==2.0+y" was found to be beyond it before. */
	if (names_local && !point->version->local_count)
		return false;
	return !specifier_takes(s, point->version_text, point->version);
}

static bool excludes_points(const struct specifier_set *set, const struct specifier_set *points)
{
	for (size_t i = 0; i < points->count; i++) {
		for (size_t j = 0; is_point(&points->items[i]) && j < set->count; j++) {
			if (excludes_point(&set->items[j], &points->items[i]))
				return true;
		}
	}
	return false;
}

bool specifier_sets_exclude(const struct specifier_set *a, const struct specifier_set *b)
{
	struct span span = {0};

	for (size_t i = 0; i < a->count; i++)
		narrow(&span, &a->items[i]);
	for (size_t i = 0; i < b->count; i++)
		narrow(&span, &b->items[i]);
	return is_empty(&span) || excludes_points(a, b) || excludes_points(b, a) || excludes_points(a, a) || excludes_points(b, b);
}
