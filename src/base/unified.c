#include "base/unified.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

enum { CONTEXT = 3 };

struct line {
	const char *text;
	size_t length; /* with its newline, if it has one */
	uint64_t hash;
};

struct side {
	struct line *lines;
	long count;
	bool *changed; /* per line: not in the other text */
};

/* furthest[k] and nearest[k] are how far on diagonal k (x - y) the searches from the front and from the back have come. */
struct search {
	struct side a, b;
	long *furthest, *nearest;
};

static struct side split(const char *text, size_t length)
{
	struct side s = {0};
	size_t lines = 0;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n' || i + 1 == length;
	s.lines = mem_zero(lines + 1, sizeof(*s.lines));
	s.changed = mem_zero(lines + 1, sizeof(*s.changed));
	for (size_t i = 0; i < length;) {
		const char *end = memchr(text + i, '\n', length - i);
		struct line *line = &s.lines[s.count++];

		line->text = text + i;
		line->length = end ? (size_t)(end - line->text) + 1 : length - i;
		line->hash = 14695981039346656037u; /* FNV-1a */
		for (size_t j = 0; j < line->length; j++)
			line->hash = (line->hash ^ (unsigned char)line->text[j]) * 1099511628211u;
		i += line->length;
	}
	return s;
}

static bool same(const struct search *s, long x, long y)
{
	const struct line *a = &s->a.lines[x], *b = &s->b.lines[y];

	return a->hash == b->hash && a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

struct box {
	long left, right, top, bottom; /* lines left..right of a, top..bottom of b; ends excluded */
};

/* The range of diagonals a search has reached. */
struct reach {
	long low, high;
};

static void widen(struct reach *r, struct box box, long *at, long sentinel)
{
	if (r->low > box.left - box.bottom)
		at[--r->low - 1] = sentinel;
	else
		r->low++;
	if (r->high < box.right - box.top)
		at[++r->high + 1] = sentinel;
	else
		r->high--;
}

/* A point on a shortest path, found where the searches from both corners meet. Neither side of the box is empty and both its corners differ. */
static void find_middle(const struct search *s, struct box box, long *ret_x, long *ret_y)
{
	long *f = s->furthest, *n = s->nearest, front = box.left - box.top, back = box.right - box.bottom;
	struct reach forward = {front, front}, backward = {back, back};
	bool odd = (front - back) & 1;

	f[front] = box.left;
	n[back] = box.right;
	for (;;) {
		widen(&forward, box, f, -1);
		for (long k = forward.high; k >= forward.low; k -= 2) {
			long x = f[k - 1] < f[k + 1] ? f[k + 1] : f[k - 1] + 1, y = x - k;

			while (x < box.right && y < box.bottom && same(s, x, y))
				x++, y++;
			f[k] = x;
			if (odd && backward.low <= k && k <= backward.high && n[k] <= x) {
				*ret_x = x, *ret_y = y;
				return;
			}
		}
		widen(&backward, box, n, LONG_MAX);
		for (long k = backward.high; k >= backward.low; k -= 2) {
			long x = n[k - 1] < n[k + 1] ? n[k - 1] : n[k + 1] - 1, y = x - k;

			while (x > box.left && y > box.top && same(s, x - 1, y - 1))
				x--, y--;
			n[k] = x;
			if (!odd && forward.low <= k && k <= forward.high && x <= f[k]) {
				*ret_x = x, *ret_y = y;
				return;
			}
		}
	}
}

static void compare(const struct search *s, struct box box)
{
	while (box.left < box.right && box.top < box.bottom && same(s, box.left, box.top))
		box.left++, box.top++;
	while (box.left < box.right && box.top < box.bottom && same(s, box.right - 1, box.bottom - 1))
		box.right--, box.bottom--;
	if (box.left == box.right) {
		for (long y = box.top; y < box.bottom; y++)
			s->b.changed[y] = true;
	} else if (box.top == box.bottom) {
		for (long x = box.left; x < box.right; x++)
			s->a.changed[x] = true;
	} else {
		long x = 0, y = 0;

		find_middle(s, box, &x, &y);
		compare(s, (struct box){box.left, x, box.top, y});
		compare(s, (struct box){x, box.right, y, box.bottom});
	}
}

static void add_line(struct strbuf *out, char sign, const struct line *line)
{
	strbuf_add_char(out, sign);
	strbuf_add_bytes(out, line->text, line->length);
	if (line->text[line->length - 1] != '\n')
		strbuf_add(out, "\n\\ No newline at end of file\n");
}

/* "12,3"; ",1" is left out; an empty range is named by the line before it. */
static void add_range(struct strbuf *out, long start, long count)
{
	strbuf_printf(out, "%ld", count ? start + 1 : start);
	if (count != 1)
		strbuf_printf(out, ",%ld", count);
}

static void add_hunk(struct strbuf *out, const struct search *s, struct box h)
{
	strbuf_add(out, "@@ -");
	add_range(out, h.left, h.right - h.left);
	strbuf_add(out, " +");
	add_range(out, h.top, h.bottom - h.top);
	strbuf_add(out, " @@\n");
	for (long x = h.left, y = h.top; x < h.right || y < h.bottom;) {
		if (x < h.right && s->a.changed[x])
			add_line(out, '-', &s->a.lines[x++]);
		else if (y < h.bottom && s->b.changed[y])
			add_line(out, '+', &s->b.lines[y++]);
		else
			add_line(out, ' ', &s->a.lines[x++]), y++;
	}
}

/* Unchanged lines go by in pairs, so x and y move together outside of changes. */
static void add_hunks(struct strbuf *out, const struct search *s)
{
	long x = 0, y = 0;

	while (x < s->a.count || y < s->b.count) {
		struct box h;
		long quiet = 0;

		while (x < s->a.count && y < s->b.count && !s->a.changed[x] && !s->b.changed[y])
			x++, y++;
		if (x == s->a.count && y == s->b.count)
			return;
		long lead = x < CONTEXT ? x : CONTEXT;

		h = (struct box){.left = x - lead, .top = y - lead};
		/* Changes that are at most two contexts apart share a hunk. */
		while ((x < s->a.count || y < s->b.count) && quiet <= 2 * CONTEXT) {
			if (x < s->a.count && s->a.changed[x])
				x++, quiet = 0;
			else if (y < s->b.count && s->b.changed[y])
				y++, quiet = 0;
			else
				x++, y++, quiet++;
		}
		long trail = quiet > CONTEXT ? quiet - CONTEXT : 0;

		h.right = x - trail;
		h.bottom = y - trail;
		add_hunk(out, s, h);
	}
}

bool unified_diff(struct strbuf *out, struct unified_text before, struct unified_text after)
{
	struct search s = {.a = split(before.text, before.length), .b = split(after.text, after.length)};
	size_t diagonals = (size_t)(s.a.count + s.b.count) + 3;
	long *furthest = mem_zero(diagonals, sizeof(long)), *nearest = mem_zero(diagonals, sizeof(long));
	bool differ = before.length != after.length || (before.length && memcmp(before.text, after.text, before.length) != 0);

	s.furthest = furthest + s.b.count + 1;
	s.nearest = nearest + s.b.count + 1;
	if (differ) {
		compare(&s, (struct box){.right = s.a.count, .bottom = s.b.count});
		strbuf_printf(out, "--- %s\n+++ %s\n", before.label, after.label);
		add_hunks(out, &s);
	}
	free(furthest);
	free(nearest);
	free(s.a.lines);
	free(s.a.changed);
	free(s.b.lines);
	free(s.b.changed);
	return differ;
}
