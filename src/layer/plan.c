#include "layer/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Packages that are in one layer as far as it is decided. */
struct cluster {
	size_t *packages;
	size_t count;
	uint64_t size_bytes, moved;
	bool is_open; /* written anew in any case, or new: what joins it costs no layer that could have stayed */
	bool is_gone;
	const char *why;
};

struct planning {
	struct arena *a;
	const struct layer_package *packages;
	unsigned releases;
	struct cluster *clusters;
	size_t count;
};

/* Out of a thousand: how likely it is written anew in the next release. Half a move for each package that was never seen to move: nothing stays for ever. */
static uint64_t likelihood(const struct planning *p, uint64_t moved, size_t packages)
{
	uint64_t halves = 2 * (uint64_t)__builtin_popcountll(moved) + (packages < 4 ? packages : 4), of = 2 * (uint64_t)p->releases + 4;

	return halves < of ? 1000 * halves / of : 1000;
}

/* What is written a release, in thousandths of bytes. */
static uint64_t cost(const struct planning *p, uint64_t moved, size_t packages, uint64_t size_bytes)
{
	/* A layer costs a few requests and a header, however small. */
	enum { LAYER_BYTES = 2048 };

	return likelihood(p, moved, packages) * (size_bytes + LAYER_BYTES);
}

static uint64_t cost_of(const struct planning *p, const struct cluster *c)
{
	return cost(p, c->moved, c->count, c->size_bytes);
}

static void begin(struct planning *p, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct layer_package *package = &p->packages[i];
		struct cluster *c = NULL;

		for (size_t j = 0; package->before && j < p->count && !c; j++) {
			const char *before = p->packages[p->clusters[j].packages[0]].before;

			c = before && !strcmp(before, package->before) ? &p->clusters[j] : NULL;
		}
		if (!c) {
			c = arena_push(p->a, &p->clusters, &p->count);
			*c = (struct cluster){.why = package->before ? "as before" : "new"};
		}
		*arena_push(p->a, &c->packages, &c->count) = i;
		c->size_bytes += package->size_bytes;
		c->moved |= package->moved;
		c->is_open |= !package->before || package->moves_now;
	}
}

/* How much more is written when the two are one; INT64_MAX where they may not be. */
static int64_t price(const struct planning *p, const struct cluster *one, const struct cluster *other, bool open_only)
{
	if (one->is_gone || other->is_gone || (open_only && !one->is_open && !other->is_open))
		return INT64_MAX;
	return (int64_t)cost(p, one->moved | other->moved, one->count + other->count, one->size_bytes + other->size_bytes) - (int64_t)cost_of(p, one) -
	       (int64_t)cost_of(p, other);
}

static void merge(struct planning *p, struct cluster *to, struct cluster *from)
{
	for (size_t i = 0; i < from->count; i++)
		*arena_push(p->a, &to->packages, &to->count) = from->packages[i];
	to->size_bytes += from->size_bytes;
	to->moved |= from->moved;
	to->is_open |= from->is_open;
	to->why = "put together: cheapest to write as one";
	from->is_gone = true;
}

/* Joins the two that cost least together. First among those of which one is written anew anyway; only then may two layers that could have stayed become one. */
static bool merge_cheapest(struct planning *p, bool open_only)
{
	struct cluster *best_one = NULL, *best_other = NULL;
	int64_t best = INT64_MAX;

	for (size_t i = 0; i < p->count; i++) {
		for (size_t j = i + 1; j < p->count; j++) {
			int64_t now = price(p, &p->clusters[i], &p->clusters[j], open_only);

			if (now < best) {
				best = now;
				best_one = &p->clusters[i];
				best_other = &p->clusters[j];
			}
		}
	}
	if (!best_one)
		return false;
	merge(p, best_one, best_other);
	return true;
}

static int by_name(const void *left, const void *right, void *packages)
{
	const struct layer_package *list = packages;

	return strcmp(list[*(const size_t *)left].name, list[*(const size_t *)right].name);
}

static int by_first(const void *left, const void *right, void *packages)
{
	return by_name(((const struct layer_group *)left)->packages, ((const struct layer_group *)right)->packages, packages);
}

void layer_plan(struct arena *a, const struct layer_package *packages, size_t count, size_t limit, unsigned releases, struct layer_group **ret,
		size_t *ret_count)
{
	struct planning p = {.a = a, .packages = packages, .releases = releases};
	struct layer_group *groups = NULL;
	size_t left, group_count = 0;

	begin(&p, count);
	for (left = p.count; left > limit && merge_cheapest(&p, true); left--)
		;
	for (; left > limit && merge_cheapest(&p, false); left--)
		;
	for (size_t i = 0; i < p.count; i++) {
		struct cluster *c = &p.clusters[i];

		if (c->is_gone)
			continue;
		qsort_r(c->packages, c->count, sizeof(*c->packages), by_name, (void *)(uintptr_t)packages);
		*arena_push(a, &groups, &group_count) = (struct layer_group){c->packages, c->count, c->size_bytes, c->why};
	}
	if (group_count > 1)
		qsort_r(groups, group_count, sizeof(*groups), by_first, (void *)(uintptr_t)packages);
	*ret = groups;
	*ret_count = group_count;
}
