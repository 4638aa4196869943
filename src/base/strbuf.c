#include "base/strbuf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

void strbuf_release(struct strbuf *s)
{
	free(s->text);
	*s = (struct strbuf){0};
}

void strbuf_clear(struct strbuf *s)
{
	s->length = 0;
	if (s->text)
		s->text[0] = '\0';
}

const char *strbuf_text(const struct strbuf *s)
{
	return s->text ? s->text : "";
}

char *strbuf_detach(struct strbuf *s)
{
	char *text = s->text ? s->text : mem_strdup("");

	*s = (struct strbuf){0};
	return text;
}

void strbuf_move(struct strbuf *to, struct strbuf *from)
{
	strbuf_release(to);
	*to = *from;
	*from = (struct strbuf){0};
}

char *strbuf_reserve(struct strbuf *s, size_t count)
{
	if (s->capacity - s->length <= count || !s->text) {
		size_t need = s->length + count + 1, capacity = s->capacity ? s->capacity : 64;

		if (need < count)
			mem_exhausted();
		while (capacity < need && capacity < SIZE_MAX / 2)
			capacity *= 2;
		s->text = mem_resize(s->text, capacity < need ? need : capacity, 1);
		s->capacity = capacity < need ? need : capacity;
	}
	s->text[s->length] = '\0';
	return s->text + s->length;
}

void strbuf_commit(struct strbuf *s, size_t count)
{
	assert(s->text && s->length + count < s->capacity);
	s->length += count;
	s->text[s->length] = '\0';
}

void strbuf_add_bytes(struct strbuf *s, const char *text, size_t length)
{
	char *end = strbuf_reserve(s, length);

	if (length)
		memcpy(end, text, length);
	strbuf_commit(s, length);
}

void strbuf_add(struct strbuf *s, const char *text)
{
	strbuf_add_bytes(s, text, strlen(text));
}

void strbuf_add_char(struct strbuf *s, char c)
{
	*strbuf_reserve(s, 1) = c;
	strbuf_commit(s, 1);
}

void strbuf_add_repeat(struct strbuf *s, char c, size_t count)
{
	memset(strbuf_reserve(s, count), c, count);
	strbuf_commit(s, count);
}

void strbuf_vprintf(struct strbuf *s, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(length >= 0);
	vsnprintf(strbuf_reserve(s, (size_t)length), (size_t)length + 1, format, args);
	strbuf_commit(s, (size_t)length);
}

void strbuf_printf(struct strbuf *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	strbuf_vprintf(s, format, args);
	va_end(args);
}
