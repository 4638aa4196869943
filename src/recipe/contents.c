/* What a container's groups come to: its groups with all they include, and its packages. */
#include "recipe/database.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* A set of pointers; its size is a power of two and at most half of it is taken. */
struct pointer_set {
	const void **slots;
	size_t size, count;
};

static bool insert(struct pointer_set *set, const void *pointer)
{
	size_t at = (size_t)(((uintptr_t)pointer >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (set->size - 1);

	while (set->slots[at] && set->slots[at] != pointer)
		at = (at + 1) & (set->size - 1);
	if (set->slots[at])
		return false;
	set->slots[at] = pointer;
	set->count++;
	return true;
}

/* Adds; false when it was there. */
static bool pointer_set_add(struct pointer_set *set, const void *pointer)
{
	if (2 * set->count >= set->size) {
		struct pointer_set larger = {.size = set->size ? 2 * set->size : 64};

		larger.slots = mem_zero(larger.size, sizeof(*larger.slots));
		for (size_t i = 0; i < set->size; i++) {
			if (set->slots[i])
				insert(&larger, set->slots[i]);
		}
		free(set->slots);
		*set = larger;
	}
	return insert(set, pointer);
}

void container_groups(struct arena *a, const struct container *c, struct group ***ret, size_t *ret_count)
{
	struct pointer_set seen = {0};
	struct group **groups = NULL;
	size_t count = 0;

	for (size_t i = 0; i < c->group_count; i++) {
		if (pointer_set_add(&seen, c->groups[i]))
			*arena_push(a, &groups, &count) = c->groups[i];
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < groups[i]->include_count; j++) {
			struct group *included = groups[i]->includes[j];

			if (pointer_set_add(&seen, included))
				*arena_push(a, &groups, &count) = included;
		}
	}
	free(seen.slots);
	*ret = groups;
	*ret_count = count;
}

static struct package *swapped(const struct container *c, struct package *p)
{
	for (size_t i = 0; i < c->swap_count; i++) {
		if (c->swaps[i].from == p)
			return c->swaps[i].to;
	}
	return p;
}

static int compare_packages(const void *a, const void *b)
{
	return strcmp((*(struct package *const *)a)->canonical, (*(struct package *const *)b)->canonical);
}

void container_packages(struct arena *a, const struct container *c, struct package ***ret, size_t *ret_count)
{
	autoarena struct arena scratch = {0};
	struct package **packages = NULL;
	struct pointer_set seen = {0};
	struct group **groups;
	size_t group_count, count = 0;

	container_groups(&scratch, c, &groups, &group_count);
	for (size_t i = 0; i < group_count; i++) {
		for (size_t j = 0; j < groups[i]->package_count; j++) {
			struct package *p = swapped(c, groups[i]->packages[j]);

			if (pointer_set_add(&seen, p))
				*arena_push(a, &packages, &count) = p;
		}
	}
	free(seen.slots);
	if (count)
		qsort(packages, count, sizeof(struct package *), compare_packages);
	*ret = packages;
	*ret_count = count;
}
