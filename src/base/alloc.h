/* Memory that cannot fail: every function here ends the process when there is none left, so callers never test for NULL. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

/* Like malloc, calloc, realloc, strdup; never NULL. The caller frees what is returned. */
void *mem_alloc(size_t size_bytes) __attribute__((malloc, returns_nonnull));
void *mem_zero(size_t count, size_t size_bytes) __attribute__((malloc, returns_nonnull));
void *mem_resize(void *old, size_t count, size_t size_bytes) __attribute__((returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *text, size_t length) __attribute__((malloc, returns_nonnull));
/* Says that there is no memory left and ends the process; for libraries that tell so. */
__attribute__((noreturn)) void mem_exhausted(void);
/* printf into new memory, owned by the caller. */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

/* Scope cleanup: `autofree char *p = ...;` is freed at the end of the block unless handed out with steal(). */
static inline void mem_cleanup_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}
static inline void *mem_steal(void *pointer_to_pointer)
{
	void **slot = pointer_to_pointer, *taken = *slot;

	*slot = NULL;
	return taken;
}
#define autofree __attribute__((cleanup(mem_cleanup_free)))
#define steal(slot) ((__typeof__(*(slot)))mem_steal(slot))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
