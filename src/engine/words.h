/* An argv that grows in an arena, always NULL-terminated. For the engines. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

struct words {
	struct arena *arena;
	const char **items;
	size_t count;
};

static inline void words_add(struct words *w, const char *word)
{
	*arena_push(w->arena, &w->items, &w->count) = word;
	/* The terminator stands behind the last word without being counted. */
	w->items = arena_grow(w->arena, w->items, w->count, sizeof(*w->items));
	w->items[w->count] = NULL;
}

/* A NULL-terminated list; NULL adds nothing. */
static inline void words_add_all(struct words *w, const char *const *list)
{
	for (; list && *list; list++)
		words_add(w, *list);
}

#define words_add_many(w, ...) words_add_all((w), (const char *const[]){__VA_ARGS__, NULL})
