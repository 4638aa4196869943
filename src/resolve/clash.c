#include "resolve/clash.h"

#include <string.h>

#include "base/clock.h"
#include "resolve/clash_said.h"

enum { NODES_MAX = 60 }; /* of the search for a smaller clash than the first one found: how many ask something */

struct shrinking {
	struct asking *asking;
	struct arena *arena;
	struct question q; /* thinned out as far as it is known to be refused still */
	struct search_refusal refusal;
	int64_t limit_ms;
	bool out_of_time;
	bool may_be_smaller; /* the search for another clash did not come to its end */
	struct error *err;
};

/* 1: refused still (and the refusal is remembered); 0: there is an answer now; -1: error. Out of time counts as an answer: what was taken out goes back. */
static int still_refused(struct shrinking *s)
{
	static const struct search_wish no_wish = {0};
	struct search_refusal refusal = {0};
	struct projection ignored;

	if (clock_monotonic_ms() >= s->asking->deadline_ms) {
		s->out_of_time = true;
		return 0;
	}
	int answered = asking_ask(s->asking, &s->q, &no_wish, &ignored, &refusal, s->err);

	if (answered < 0 && s->err->code != ERR_CANCELLED && clock_monotonic_ms() >= s->asking->deadline_ms) {
		error_release(s->err);
		s->out_of_time = true;
		return 0;
	}
	if (answered < 0)
		return -1;
	if (answered)
		return 0;
	s->refusal = refusal;
	return 1;
}

/* Sets the flag and asks; takes it back when there is an answer then. */
static int try_without(struct shrinking *s, bool *flag)
{
	*flag = true;
	int refused = still_refused(s);

	if (refused <= 0)
		*flag = false;
	return refused < 0 ? -1 : 0;
}

/* uv's message names most of what clashes: if that alone is refused, everything else is out at once. What is out already stays out. */
static int keep_mentioned(struct shrinking *s)
{
	struct want **unnamed = NULL;
	size_t count = 0;

	for (size_t i = 0; i < s->q.asker_count; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count; j++) {
			struct want *w = &s->q.askers[i].wants[j];

			if (!w->left_out && !clash_mentions(s->refusal.text, w->canonical))
				*arena_push(s->arena, &unnamed, &count) = w;
		}
	}
	for (size_t i = 0; i < count; i++)
		unnamed[i]->left_out = true;
	int refused = count ? still_refused(s) : 1;

	for (size_t i = 0; i < count && refused == 0; i++)
		unnamed[i]->left_out = false;
	return refused < 0 ? -1 : 0;
}

static int drop_askers(struct shrinking *s)
{
	for (size_t i = 0; i < s->q.asker_count && s->q.asker_count > 1; i++) {
		if (try_without(s, &s->q.askers[i].left_out) < 0)
			return -1;
	}
	return 0;
}

static int drop_wants(struct shrinking *s)
{
	for (size_t i = 0; i < s->q.asker_count; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count && !s->q.askers[i].left_out; j++) {
			if (!s->q.askers[i].wants[j].left_out && try_without(s, &s->q.askers[i].wants[j].left_out) < 0)
				return -1;
		}
	}
	return 0;
}

/* With its constraint gone a wish may still be part of the clash; the constraint is then not to blame. */
static int loosen_wants(struct shrinking *s)
{
	for (size_t i = 0; i < s->q.asker_count; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count && !s->q.askers[i].left_out; j++) {
			struct want *w = &s->q.askers[i].wants[j];

			if (!w->left_out && *w->specifier && try_without(s, &w->loose) < 0)
				return -1;
		}
	}
	return 0;
}

/* Further environments that a container is locked for may have no part in it. */
static int drop_environments(struct shrinking *s)
{
	for (size_t i = 0; i < s->q.asker_count; i++) {
		struct asker *asker = &s->q.askers[i];

		for (size_t j = 0; j < asker->environment_count && asker->environment_count > 1 && !asker->left_out;) {
			const struct asker before = *asker;
			const struct lock_environment **fewer = NULL;
			size_t count = 0;

			for (size_t k = 0; k < before.environment_count; k++) {
				if (k != j)
					*arena_push(s->arena, &fewer, &count) = before.environments[k];
			}
			asker->environments = fewer;
			asker->environment_count = count;
			int refused = still_refused(s);

			if (refused < 0)
				return -1;
			if (!refused) {
				asker->environments = before.environments;
				asker->environment_count = before.environment_count;
				j++;
			}
		}
	}
	return 0;
}

static bool has_item(const struct culprit *items, size_t count, const struct want *w)
{
	for (size_t i = 0; i < count; i++) {
		if (clash_same_want(items[i].want, w))
			return true;
	}
	return false;
}

/* Beside a package in any version a constraint of the same package is one thing more. */
static bool is_told(const struct culprit *items, size_t count, const struct want *w)
{
	for (size_t i = 0; i < count; i++) {
		if (items[i].want->loose == w->loose && clash_same_want(items[i].want, w))
			return true;
	}
	return false;
}

static void collect(struct shrinking *s, struct clash *ret)
{
	*ret = (struct clash){.q = s->q, .refusal = s->refusal};
	for (size_t i = 0; i < s->q.asker_count; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count && !s->q.askers[i].left_out; j++) {
			const struct want *w = &s->q.askers[i].wants[j];

			if (!w->left_out && !is_told(ret->items, ret->item_count, w))
				*arena_push(s->arena, &ret->items, &ret->item_count) = (struct culprit){w, &s->q.askers[i]};
		}
	}
}

/* What is asked now is refused: takes out of it what can go. Each thing is tried once, for what was needed with more beside it is needed with less. */
static int shrink(struct shrinking *s, struct clash *ret)
{
	if (keep_mentioned(s) < 0 || drop_askers(s) < 0 || drop_wants(s) < 0 || loosen_wants(s) < 0 || drop_environments(s) < 0)
		return -1;
	collect(s, ret);
	return 0;
}

/* Declared things that a clash is looked for without. */
struct node {
	struct culprit *banned;
	size_t banned_count;
};

static void take_out(struct question *q, const struct culprit *items, size_t count)
{
	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].want_count; j++) {
			struct want *w = &q->askers[i].wants[j];

			w->left_out = w->left_out || has_item(items, count, w);
		}
	}
}

static const struct clash *known_without(const struct clash *known, size_t count, const struct node *node)
{
	for (size_t i = 0; i < count; i++) {
		bool meets = false;

		for (size_t j = 0; j < known[i].item_count; j++)
			meets = meets || has_item(node->banned, node->banned_count, known[i].items[j].want);
		if (!meets)
			return &known[i];
	}
	return NULL;
}

static bool has_node(const struct node *nodes, size_t count, const struct node *node)
{
	for (size_t i = 0; i < count; i++) {
		bool same = nodes[i].banned_count == node->banned_count;

		for (size_t j = 0; j < node->banned_count && same; j++)
			same = has_item(nodes[i].banned, nodes[i].banned_count, node->banned[j].want);
		if (same)
			return true;
	}
	return false;
}

static void add_nodes(struct shrinking *s, struct node **nodes, size_t *count, const struct node *from, const struct clash *clash)
{
	for (size_t i = 0; i < clash->item_count; i++) {
		struct node next = {0};

		for (size_t j = 0; j < from->banned_count; j++)
			*arena_push(s->arena, &next.banned, &next.banned_count) = from->banned[j];
		*arena_push(s->arena, &next.banned, &next.banned_count) = clash->items[i];
		if (!has_node(*nodes, *count, &next))
			*arena_push(s->arena, nodes, count) = next;
	}
}

/* There may be several clashes, and the resolver tells of any. Every other one leaves out something of each that is known, so those are looked for by leaving out
   one thing after another (Reiter's tree of hitting sets, breadth first). */
static int find_smallest(struct shrinking *s, const struct question *all, struct clash *best)
{
	struct clash *known = NULL;
	struct node *nodes = NULL, root = {0};
	size_t known_count = 0, node_count = 0, asked = 0;

	*arena_push(s->arena, &known, &known_count) = *best;
	add_nodes(s, &nodes, &node_count, &root, best);
	for (size_t i = 0; i < node_count && best->item_count > 1; i++) {
		const struct node node = nodes[i];
		const struct clash *clash = known_without(known, known_count, &node);

		if (asked == NODES_MAX || s->out_of_time) {
			s->may_be_smaller = true;
			break;
		}
		if (!clash) {
			struct clash found;

			asked++;
			question_copy(s->arena, all, &s->q);
			take_out(&s->q, node.banned, node.banned_count);
			int refused = still_refused(s);

			if (refused < 0 || (refused && shrink(s, &found) < 0))
				return -1;
			if (!refused)
				continue;
			*arena_push(s->arena, &known, &known_count) = found;
			clash = &known[known_count - 1];
		}
		if (clash->item_count < best->item_count && !s->out_of_time)
			*best = *clash;
		add_nodes(s, &nodes, &node_count, &node, clash);
	}
	s->may_be_smaller = s->may_be_smaller || s->out_of_time;
	return 0;
}

/* An index whose address is wrong answers 404 for everything, and uv takes each for a package that does not exist. */
static int index_knows_nothing(struct shrinking *s, const struct question *all, bool *ret)
{
	size_t tried = 0;

	*ret = false;
	for (size_t i = 0; i < all->asker_count && tried < 3; i++) {
		for (size_t j = 0; j < all->askers[i].want_count && tried < 3; j++) {
			const struct want *w = &all->askers[i].wants[j];
			struct want one = {.canonical = w->canonical, .extras = "", .specifier = ""};
			struct asker asker = all->askers[i];

			if (clash_is_missing(&s->refusal, w->canonical))
				continue;
			one.package = w->package;
			asker.wants = &one;
			asker.want_count = 1;
			s->q = (struct question){.askers = &asker, .asker_count = 1};
			int refused = still_refused(s);

			if (refused < 0)
				return -1;
			if (!refused || !clash_is_missing(&s->refusal, w->canonical))
				return 0;
			tried++;
		}
	}
	*ret = tried > 0;
	return 0;
}

static int unknown_index(const struct search *search, struct error *err)
{
	const struct uv_index *index = search->indexes.count ? &search->indexes.items[0] : NULL;

	error_set(err, ERR_HTTP, "index '%s' (from %s) has none of the packages that were looked for (404)", index ? index->alias : "default",
		  index ? index->from : "built in");
	return error_hint(err, "is its address that of a simple index (it mostly ends in /simple/)?");
}

/* 1: there is a lock without this constraint, and what it has of the package. */
static int without(struct shrinking *s, const struct question *all, const struct want *w, struct projection *ret)
{
	static const struct search_wish no_wish = {0};
	struct search_refusal ignored;
	struct question q;

	question_copy(s->arena, all, &q);
	for (size_t i = 0; i < q.asker_count; i++) {
		for (size_t j = 0; j < q.askers[i].want_count; j++)
			q.askers[i].wants[j].loose = clash_same_want(w, &q.askers[i].wants[j]);
	}
	int answered = asking_ask(s->asking, &q, &no_wish, ret, &ignored, s->err);

	if (answered < 0 && s->err->code != ERR_CANCELLED) {
		error_release(s->err);
		return 0;
	}
	return answered;
}

static bool wants_all(const struct asker *asker, const struct clash *c)
{
	for (size_t i = 0; i < c->item_count; i++) {
		bool wanted = false;

		for (size_t j = 0; j < asker->want_count; j++)
			wanted = wanted || !strcmp(asker->wants[j].canonical, c->items[i].want->canonical);
		if (!wanted)
			return false;
	}
	return true;
}

/* What could be done, each thing tried, holds first: they are the ones meant to go. */
static int suggest(struct shrinking *s, const struct question *all, const struct clash *c, struct strbuf *ret)
{
	bool in_one = false;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < c->item_count; i++) {
			const struct want *w = c->items[i].want;
			struct projection p;

			/* What a build requires stands in its source, not in recipes. */
			if (w->loose || !*w->specifier || !w->pos.file || (w->hold != NULL) != (pass == 0))
				continue;
			int answered = without(s, all, w, &p);

			if (answered < 0)
				return -1;
			for (size_t j = 0; answered && j < p.pin_count; j++) {
				if (strcmp(p.pins[j].name, w->canonical) != 0)
					continue;
				strbuf_printf(ret, "%swithout %s '%s' of '%s' (%s:%u) there is a lock, with %s %s%s", ret->length ? "\n" : "",
					      w->hold ? "the hold" : "the constraint", w->specifier, w->canonical, w->pos.file, (unsigned)w->pos.line,
					      w->canonical, p.pins[j].version, w->hold ? "; lock --without-holds --dry-run shows what else would move" : "");
				break;
			}
		}
	}
	if (ret->length || c->item_count == 1)
		return 0;
	for (size_t i = 0; i < all->asker_count; i++)
		in_one = in_one || wants_all(&all->askers[i], c);
	strbuf_add(
		ret,
		in_one ? "what they require of each other has to change: another version of one of them, or a waiver ('waivers' in recipes/python.yaml) where "
			 "a requirement is not true"
		       : "no container wants all of them: declare what they fight over a 'difference' in recipes/python.yaml, if the containers may disagree");
	return 0;
}

static int explain(struct shrinking *s, const struct question *all, struct diag *d)
{
	struct clash clash;
	autostrbuf struct strbuf suggestion = {0};

	question_copy(s->arena, all, &s->q);
	if (shrink(s, &clash) < 0)
		return -1;
	bool is_sure = !s->out_of_time;

	if (clash.refusal.missing_count) {
		struct shrinking other = *s;
		bool nothing;

		if (index_knows_nothing(&other, all, &nothing) < 0)
			return -1;
		if (nothing)
			return unknown_index(s->asking->search, s->err);
	} else if (find_smallest(s, all, &clash) < 0 || suggest(s, all, &clash, &suggestion) < 0) {
		return -1;
	}
	clash_tell(&clash, all, s->asking, d, s->err);
	if (suggestion.length)
		error_hint(s->err, "%s", strbuf_text(&suggestion));
	if (!is_sure)
		error_hint(s->err, "the smallest set was not found within %lld s; not all that is named need be to blame",
			   (long long)(s->limit_ms + 999) / 1000);
	else if (s->may_be_smaller)
		error_hint(s->err, "all that is named is needed for this clash; whether there is another of fewer was not tried to the end");
	return -1;
}

int clash_explain(struct asking *asking, const struct question *q, const struct search_refusal *refusal, int64_t limit_ms, struct diag *d, struct error *err)
{
	struct shrinking s = {.asking = asking, .arena = asking->search->arena, .refusal = *refusal, .limit_ms = limit_ms, .err = err};

	asking->deadline_ms = clock_monotonic_ms() + limit_ms;
	explain(&s, q, d);
	asking->deadline_ms = 0;
	return -1;
}
