#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { BLOCK_BYTES = 64 * 1024, FEW_BYTES = 512 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char memory[];
};

void arena_release(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	a->total_bytes = 0;
}

static struct arena_block *block_new(size_t size_bytes)
{
	struct arena_block *block = mem_zero(1, sizeof(*block) + size_bytes);

	block->size = size_bytes;
	return block;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
	size_t need = (size_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct arena_block *block = a->blocks;

	a->total_bytes += need;
	if (need > BLOCK_BYTES / 4) {
		/* A large object gets a block of its own behind the current one, so that the rest of the current one is not lost. */
		struct arena_block *own = block_new(need);

		own->used = need;
		if (block) {
			own->next = block->next;
			block->next = own;
		} else {
			a->blocks = own;
		}
		return own->memory;
	}
	if (!block || block->size - block->used < need) {
		block = block_new(BLOCK_BYTES);
		block->next = a->blocks;
		a->blocks = block;
	}
	void *memory = block->memory + block->used;

	block->used += need;
	return memory;
}

void *arena_array(struct arena *a, size_t count, size_t size_bytes)
{
	if (size_bytes && count > SIZE_MAX / 2 / size_bytes)
		mem_exhausted();
	return arena_alloc(a, count * size_bytes);
}

char *arena_strndup(struct arena *a, const char *text, size_t length)
{
	char *copy = arena_alloc(a, length + 1);

	if (length)
		memcpy(copy, text, length);
	return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

char *arena_strdup_null(struct arena *a, const char *text)
{
	return text ? arena_strdup(a, text) : NULL;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	char few[FEW_BYTES];
	va_list args;

	va_start(args, format);
	int length = vsnprintf(few, sizeof(few), format, args);
	va_end(args);
	if (length < 0)
		mem_exhausted();
	if ((size_t)length < sizeof(few))
		return arena_strndup(a, few, (size_t)length);
	char *text = arena_alloc(a, (size_t)length + 1);

	va_start(args, format);
	vsnprintf(text, (size_t)length + 1, format, args);
	va_end(args);
	return text;
}

void *arena_grow(struct arena *a, void *items, size_t count, size_t size_bytes)
{
	if (count && (count & (count - 1)))
		return items;
	void *moved = arena_array(a, count ? count * 2 : 1, size_bytes);

	if (count)
		memcpy(moved, items, count * size_bytes);
	return moved;
}
