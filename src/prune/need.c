#include "prune/need.h"

#define HASH_FUNCTION HASH_FNV /* as in recipe/check.c: clang does not pass over the default's switch */
#include <uthash.h>

struct need_reference {
	const char *key, *why;
	UT_hash_handle hh;
};

void needs_release(struct needs *n)
{
	HASH_CLEAR(hh, n->references);
	arena_release(&n->arena);
	*n = (struct needs){0};
}

struct need_thing *needs_add(struct needs *n, bool is_young)
{
	struct need_thing *thing = arena_new(&n->arena, struct need_thing);

	thing->is_young = is_young;
	*arena_push(&n->arena, &n->things, &n->thing_count) = thing;
	return thing;
}

void need_key(struct needs *n, struct need_thing *thing, const char *key)
{
	*arena_push(&n->arena, &thing->keys, &thing->key_count) = arena_strdup(&n->arena, key);
}

void need_refers(struct needs *n, struct need_thing *thing, const char *key)
{
	*arena_push(&n->arena, &thing->refers, &thing->refer_count) = arena_strdup(&n->arena, key);
}

static struct need_reference *find(const struct needs *n, const char *key)
{
	struct need_reference *found = NULL;

	HASH_FIND_STR(n->references, key, found);
	return found;
}

const char *needs_why(const struct needs *n, const char *key)
{
	const struct need_reference *found = find(n, key);

	return found ? found->why : NULL;
}

void needs_refer(struct needs *n, const char *key, const char *why)
{
	struct need_reference *r;

	if (find(n, key))
		return;
	r = arena_new(&n->arena, struct need_reference);
	r->key = arena_strdup(&n->arena, key);
	r->why = arena_strdup(&n->arena, why);
	HASH_ADD_KEYPTR(hh, n->references, r->key, strlen(r->key), r);
}

static const char *reason_of(const struct needs *n, const struct need_thing *thing)
{
	const char *why = NULL;

	for (size_t i = 0; i < thing->key_count && !why; i++)
		why = needs_why(n, thing->keys[i]);
	return why;
}

/* What is only young refers to others as well: it may be used again tomorrow. */
static void stay(struct needs *n, struct need_thing *thing, const char *why)
{
	thing->stays = true;
	thing->why = why;
	for (size_t i = 0; i < thing->refer_count; i++)
		needs_refer(n, thing->refers[i], why ? why : "it was used of late, or what refers to it");
}

void needs_decide(struct needs *n)
{
	bool again = true;

	for (size_t i = 0; i < n->thing_count; i++)
		n->things[i]->stays = false;
	for (size_t i = 0; i < n->thing_count; i++) {
		struct need_thing *thing = n->things[i];

		if (thing->is_young)
			stay(n, thing, reason_of(n, thing));
	}
	while (again) {
		again = false;
		for (size_t i = 0; i < n->thing_count; i++) {
			struct need_thing *thing = n->things[i];
			const char *why = thing->stays && thing->why ? NULL : reason_of(n, thing);

			if (!why)
				continue;
			again = again || !thing->stays;
			stay(n, thing, why);
		}
	}
}
