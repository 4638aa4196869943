#include "layer/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Packages that are in one layer as far as it is decided. */
struct cluster {
	size_t *packages;
	size_t count;
	uint64_t size_bytes, moved; /* bit 0 of moved: now */
	unsigned seen;
	bool is_kept; /* stands as it stood: what joins it has its bytes written anew */
	bool is_gone;
	size_t at; /* where it stood, if it is kept */
	const char *why;
	size_t partner; /* the later cluster it is cheapest to join with; */
	int64_t price;  /* at this price. PRICE_NONE: there is none */
};

struct planning {
	struct arena *a;
	const struct layer_question *question;
	struct cluster *clusters;
	size_t count;
};

static const int64_t PRICE_NONE = INT64_MAX;

/* Releases to come that a plan is made for: the more, the more layers that could have stayed are written anew for their sake. A layer costs a few requests and a header,
   however small; an engine that writes it as long as for a MiB of files. All is counted in whole numbers, so that every machine finds the same plan. All found by bench/plan.py, which shows how little they matter. */
enum { HORIZON = 4, LAYER_BYTES = 2048, SCALE = 1024, PRIOR_RELEASES = 4, WRITE_BYTES = 1 << 20 };

/* Out of SCALE: how likely one of so many packages moves in a release. Before any is known half a move each in four releases: nothing stays for ever. */
static uint64_t likelihood(uint64_t moved, unsigned seen, size_t packages)
{
	uint64_t of = 2 * (uint64_t)seen + 2 * PRIOR_RELEASES;
	uint64_t halves = 2 * (uint64_t)__builtin_popcountll(moved) + (packages < 2 * PRIOR_RELEASES ? packages : 2 * PRIOR_RELEASES);

	return halves < of ? SCALE * halves / of : SCALE;
}

/* What is written in the releases to come, in bytes times SCALE. */
static int64_t cost(uint64_t moved, unsigned seen, size_t packages, uint64_t size_bytes)
{
	return (int64_t)(likelihood(moved, seen, packages) * (size_bytes + LAYER_BYTES)) * HORIZON;
}

static int64_t cost_of(const struct cluster *c)
{
	return cost(c->moved, c->seen, c->count, c->size_bytes);
}

static unsigned max_seen(const struct cluster *one, const struct cluster *other)
{
	return one->seen > other->seen ? one->seen : other->seen;
}

/* What joining two costs: the bytes of those that could have stayed, and how much more is written later. */
static int64_t price(const struct cluster *one, const struct cluster *other)
{
	uint64_t now = (one->is_kept ? one->size_bytes : 0) + (other->is_kept ? other->size_bytes : 0);

	if (one->is_gone || other->is_gone)
		return PRICE_NONE;
	return (int64_t)(now * SCALE) + cost(one->moved | other->moved, max_seen(one, other), one->count + other->count, one->size_bytes + other->size_bytes) -
	       cost_of(one) - cost_of(other);
}

static void add(struct planning *p, struct cluster *c, size_t index)
{
	const struct layer_package *package = &p->question->packages[index];

	*arena_push(p->a, &c->packages, &c->count) = index;
	c->size_bytes += package->size_bytes;
	c->moved |= package->moved << 1 | package->moves_now;
	if (package->seen > c->seen)
		c->seen = package->seen;
}

struct place {
	const char *name;
	size_t layer;
};

static int by_place_name(const void *left, const void *right)
{
	return strcmp(((const struct place *)left)->name, ((const struct place *)right)->name);
}

static const char *reason(const struct layer_package *package, bool is_kept, bool was_there)
{
	if (is_kept)
		return "as before";
	if (!was_there)
		return "new";
	return package->moves_now ? "moved" : "what it was with has moved or is gone";
}

/* What stands as it stood is one cluster; everything else begins on its own. */
static void begin(struct planning *p)
{
	const struct layer_question *q = p->question;
	struct place *places = NULL;
	size_t place_count = 0;
	size_t *still = arena_array(p->a, q->before_count + 1, sizeof(*still)), *kept = arena_array(p->a, q->before_count + 1, sizeof(*kept));
	size_t *layer_of = arena_array(p->a, q->count + 1, sizeof(*layer_of));

	for (size_t i = 0; i < q->before_count; i++) {
		for (size_t j = 0; j < q->before[i].name_count; j++)
			*arena_push(p->a, &places, &place_count) = (struct place){q->before[i].names[j], i};
	}
	if (place_count > 1)
		qsort(places, place_count, sizeof(*places), by_place_name);
	for (size_t i = 0; i < q->count; i++) {
		struct place wanted = {.name = q->packages[i].name};
		const struct place *found = place_count ? bsearch(&wanted, places, place_count, sizeof(*places), by_place_name) : NULL;

		layer_of[i] = found ? found->layer : SIZE_MAX;
		if (found && !q->packages[i].moves_now)
			still[found->layer]++;
	}
	for (size_t i = 0; i < q->count; i++) {
		size_t layer = layer_of[i];
		bool is_kept = layer != SIZE_MAX && still[layer] == q->before[layer].name_count;

		if (is_kept && kept[layer]) {
			add(p, &p->clusters[kept[layer] - 1], i);
			continue;
		}
		struct cluster *c = arena_push(p->a, &p->clusters, &p->count);

		*c = (struct cluster){.is_kept = is_kept, .at = layer, .why = reason(&q->packages[i], is_kept, layer != SIZE_MAX)};
		if (is_kept)
			kept[layer] = p->count;
		add(p, c, i);
	}
}

static void find_partner(struct planning *p, size_t index)
{
	struct cluster *c = &p->clusters[index];

	c->price = PRICE_NONE;
	for (size_t i = index + 1; i < p->count; i++) {
		int64_t now = price(c, &p->clusters[i]);

		if (now < c->price) {
			c->price = now;
			c->partner = i;
		}
	}
}

static void merge(struct planning *p, size_t to_index)
{
	struct cluster *to = &p->clusters[to_index];
	size_t from_index = to->partner;
	struct cluster *from = &p->clusters[from_index];

	for (size_t i = 0; i < from->count; i++)
		*arena_push(p->a, &to->packages, &to->count) = from->packages[i];
	to->size_bytes += from->size_bytes;
	to->moved |= from->moved;
	to->seen = max_seen(to, from);
	to->is_kept = false;
	to->why = "put together: cheapest to write as one";
	from->is_gone = true;
	for (size_t i = 0; i < p->count; i++) {
		struct cluster *c = &p->clusters[i];

		if (c->is_gone)
			continue;
		if (i == to_index || (c->price != PRICE_NONE && (c->partner == to_index || c->partner == from_index))) {
			find_partner(p, i);
		} else if (i < to_index) {
			int64_t now = price(c, to);

			if (now < c->price) {
				c->price = now;
				c->partner = to_index;
			}
		}
	}
}

static bool merge_cheapest(struct planning *p)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < p->count; i++) {
		const struct cluster *c = &p->clusters[i];

		if (!c->is_gone && c->price != PRICE_NONE && (best == SIZE_MAX || c->price < p->clusters[best].price))
			best = i;
	}
	if (best == SIZE_MAX)
		return false;
	merge(p, best);
	return true;
}

static int by_name(const void *left, const void *right, void *packages)
{
	const struct layer_package *list = packages;

	return strcmp(list[*(const size_t *)left].name, list[*(const size_t *)right].name);
}

/* Everything above the lowest layer that moves is written anew. With moves independent of each other that is least when bytes * (1 - p) / p falls on the way up. */
static int by_weight(const void *left, const void *right, void *context)
{
	const struct planning *p = context;
	const struct cluster *one = left, *other = right;
	uint64_t one_moves = likelihood(one->moved, one->seen, one->count), other_moves = likelihood(other->moved, other->seen, other->count);
	uint64_t one_key = (one->size_bytes + WRITE_BYTES) * (SCALE + 1 - one_moves) * other_moves,
		 other_key = (other->size_bytes + WRITE_BYTES) * (SCALE + 1 - other_moves) * one_moves;

	if (one_key != other_key)
		return one_key > other_key ? -1 : 1;
	return by_name(&one->packages[0], &other->packages[0], (void *)(uintptr_t)p->question->packages);
}

static int by_place(const void *left, const void *right)
{
	const struct cluster *one = left, *other = right;

	return (one->at > other->at) - (one->at < other->at);
}

/* What was the lowest and still stands, unbroken, stays where it is. All above the first that does not has to be written anew whatever its order: that is chosen for
   the releases to come. */
static void arrange(struct planning *p)
{
	struct cluster *left = NULL;
	size_t left_count = 0, kept = 0, standing = 0;

	for (int want_kept = 1; want_kept >= 0; want_kept--) {
		for (size_t i = 0; i < p->count; i++) {
			if (!p->clusters[i].is_gone && p->clusters[i].is_kept == want_kept)
				*arena_push(p->a, &left, &left_count) = p->clusters[i];
		}
		kept = want_kept ? left_count : kept;
	}
	if (kept > 1)
		qsort(left, kept, sizeof(*left), by_place);
	while (standing < kept && left[standing].at == standing)
		standing++;
	for (size_t i = 0; i < left_count; i++)
		qsort_r(left[i].packages, left[i].count, sizeof(*left[i].packages), by_name, (void *)(uintptr_t)p->question->packages);
	if (left_count - standing > 1)
		qsort_r(left + standing, left_count - standing, sizeof(*left), by_weight, p);
	p->clusters = left;
	p->count = left_count;
}

void layer_plan(struct arena *a, const struct layer_question *question, struct layer_group **ret, size_t *ret_count)
{
	struct planning p = {.a = a, .question = question};
	struct layer_group *groups = NULL;
	size_t left, group_count = 0;

	begin(&p);
	for (size_t i = 0; i < p.count && p.count > question->limit; i++)
		find_partner(&p, i);
	for (left = p.count; left > question->limit && merge_cheapest(&p); left--)
		;
	arrange(&p);
	for (size_t i = 0; i < p.count; i++) {
		struct cluster *c = &p.clusters[i];

		*arena_push(a, &groups, &group_count) = (struct layer_group){c->packages, c->count, c->size_bytes, c->is_kept, c->why};
	}
	*ret = groups;
	*ret_count = group_count;
}
