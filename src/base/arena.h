/* An arena: memory for everything that lives exactly as long as one set of objects (a database, a lock, a snapshot). Nothing is freed
   one by one. A zeroed struct arena is valid and empty; arena_release() gives everything back and leaves it so again. */
#pragma once

#include <stddef.h>

struct arena_block;
struct arena {
	struct arena_block *blocks;
	size_t total_bytes; /* handed out, for limits and statistics */
};

void arena_release(struct arena *a);
#define autoarena __attribute__((cleanup(arena_release)))

/* Zeroed memory, aligned for any type; lives as long as the arena. Never NULL. */
void *arena_alloc(struct arena *a, size_t size_bytes) __attribute__((returns_nonnull));
void *arena_array(struct arena *a, size_t count, size_t size_bytes) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *text) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *text, size_t length) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
/* As arena_strdup, but NULL stays NULL. */
char *arena_strdup_null(struct arena *a, const char *text);
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))

/* Make room for one more element in an array that lives in the arena: `items` has `count` elements; capacity is the next power of two,
   so it needs no field. Returns the array, moved if it had to grow; the element at index `count` is zeroed. */
void *arena_grow(struct arena *a, void *items, size_t count, size_t size_bytes) __attribute__((returns_nonnull));
/* Append: `*arena_push(a, &list, &count) = value`, typed by the list. */
#define arena_push(a, items, count) (*(items) = arena_grow((a), *(items), *(count), sizeof(**(items))), &(*(items))[(*(count))++])
