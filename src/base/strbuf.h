/* Growing text. A zeroed struct strbuf is valid and empty; `text` is NULL until something was added and NUL-terminated from then on. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *text;
	size_t length, capacity; /* in bytes; capacity includes the final NUL */
};

void strbuf_release(struct strbuf *s);
#define autostrbuf __attribute__((cleanup(strbuf_release)))
void strbuf_clear(struct strbuf *s); /* keeps the memory */
/* What `from` has, without a copy; `from` is empty then. */
void strbuf_move(struct strbuf *to, struct strbuf *from);
/* The text, "" when nothing was added; owned by the buffer. */
const char *strbuf_text(const struct strbuf *s) __attribute__((returns_nonnull));
/* The text, owned by the caller from now on; the buffer is empty again. */
char *strbuf_detach(struct strbuf *s) __attribute__((returns_nonnull));

void strbuf_add(struct strbuf *s, const char *text);
void strbuf_add_bytes(struct strbuf *s, const char *text, size_t length);
void strbuf_add_char(struct strbuf *s, char c);
void strbuf_add_repeat(struct strbuf *s, char c, size_t count);
void strbuf_printf(struct strbuf *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *s, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Room for `count` more bytes; returns where they go. strbuf_commit() then says how many were written. */
char *strbuf_reserve(struct strbuf *s, size_t count) __attribute__((returns_nonnull));
void strbuf_commit(struct strbuf *s, size_t count);
