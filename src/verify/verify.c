#include "verify/verify.h"

#include <string.h>

#include "base/alloc.h"

/* clang-format off */
const struct relation relations[] = {
	{"declared", "declared within lock", 1, false, false, verify_declared},
	{"installed", "lock equals installed", 2, true, false, verify_installed},
	{"agree", "containers agree", 4, false, false, verify_agree},
	{"files", "wheels live together", 8, false, false, verify_files},
	{"index", "indexes still have it", 16, false, true, verify_index},
	{NULL, NULL, 0, false, false, NULL},
};
/* clang-format on */
_Static_assert(ARRAY_LEN(relations) <= RELATIONS_MAX, "results have room for each relation");

const struct relation *relation_find(const char *name)
{
	for (const struct relation *r = relations; r->name; r++) {
		if (!strcmp(r->name, name))
			return r;
	}
	return NULL;
}

void relation_results_release(struct relation_results *r)
{
	for (size_t i = 0; i < r->count; i++) {
		findings_release(&r->items[i].findings);
		error_release(&r->items[i].err);
	}
	*r = (struct relation_results){0};
}

static bool can_be_checked(const struct relation *r, const struct verification *v)
{
	return (!r->needs_images || v->snapshots) && (!r->needs_indexes || v->settings);
}

void verify_relations(const struct verification *v, unsigned asked, struct relation_results *ret)
{
	for (const struct relation *r = relations; r->name; r++) {
		struct relation_result *result = &ret->items[ret->count++];

		*result = (struct relation_result){.relation = r};
		if (!(asked & r->bit) || !can_be_checked(r, v))
			continue;
		if (r->check(v, &result->findings, &result->err) < 0)
			result->state = RELATION_UNKNOWN;
		else
			result->state = result->findings.error_count ? RELATION_FAILS : RELATION_HOLDS;
	}
}

unsigned relation_results_bits(const struct relation_results *r)
{
	unsigned bits = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (r->items[i].state == RELATION_FAILS || r->items[i].state == RELATION_UNKNOWN)
			bits |= r->items[i].relation->bit;
	}
	return bits;
}

size_t relation_results_errors(const struct relation_results *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->count; i++)
		count += r->items[i].findings.error_count;
	return count;
}
