#include "python/version.h"

#include <assert.h>
#include <string.h>

#include "base/strbuf.h"
#include "python/scan.h"
#include "python/version_parts.h"

static int compare_sizes(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_bytes(struct version_number a, struct version_number b)
{
	int order = memcmp(a.digits, b.digits, a.length < b.length ? a.length : b.length);

	return order ? order : compare_sizes(a.length, b.length);
}

int version_number_compare(struct version_number a, struct version_number b)
{
	return a.length != b.length ? compare_sizes(a.length, b.length) : memcmp(a.digits, b.digits, a.length);
}

struct version_number version_number_next(struct arena *a, struct version_number n)
{
	size_t nines = 0;

	while (nines < n.length && n.digits[n.length - 1 - nines] == '9')
		nines++;
	bool longer = nines == n.length;
	char *digits = arena_alloc(a, n.length + longer + 1);

	memcpy(digits + longer, n.digits, n.length);
	memset(digits + longer + n.length - nines, '0', nines);
	if (longer)
		digits[0] = '1';
	else
		digits[n.length - 1 - nines]++;
	return (struct version_number){digits, n.length + longer};
}

static const char zero_digits[] = "0";

static struct version_number zero(void)
{
	return (struct version_number){zero_digits, 1};
}

/* The number in `span`, cut out of `copy`, which holds the text from `origin` on. The NUL goes over the byte after it, so every span is read before. */
static struct version_number number_at(const char *copy, const char *origin, struct version_span span)
{
	if (!span.length)
		return zero();
	struct version_number n = {copy + (span.start - origin), span.length};

	while (n.length > 1 && *n.digits == '0') {
		n.digits++;
		n.length--;
	}
	return n;
}

static void build_release(struct arena *a, struct version *v, char *copy, const struct version_shape *shape)
{
	const char *at = shape->release.start, *end = at + shape->release.length;

	v->release = arena_array(a, shape->release_count, sizeof(*v->release));
	v->release_count = shape->release_count;
	for (size_t i = 0; i < v->release_count; i++) {
		struct version_span span = {at, 0};

		while (at + span.length < end && at[span.length] != '.')
			span.length++;
		v->release[i] = number_at(copy, shape->start, span);
		if (v->release[i].length != 1 || *v->release[i].digits != '0')
			v->trimmed_count = i + 1;
		at += span.length + 1;
	}
}

static void build_local(struct arena *a, struct version *v, char *copy, const struct version_shape *shape)
{
	char *at = copy + (shape->local.start - shape->start), *end = at + shape->local.length;

	v->local = arena_array(a, shape->local_count, sizeof(*v->local));
	v->local_count = shape->local_count;
	for (size_t i = 0; i < v->local_count; i++) {
		struct version_segment *segment = &v->local[i];
		char *start = at;

		segment->is_number = true;
		for (; at < end && scan_is_alnum(*at); at++) {
			segment->is_number = segment->is_number && scan_is_digit(*at);
			*at = scan_lower(*at);
		}
		struct version_span span = {start, (size_t)(at - start)};

		segment->text = segment->is_number ? number_at(start, start, span) : (struct version_number){start, span.length};
		*at++ = '\0'; /* the separator, or the NUL at the end */
	}
}

/* What stands behind a number in the copy was read already. */
static void terminate(struct version_number n)
{
	if (n.digits != zero_digits)
		((char *)n.digits)[n.length] = '\0';
}

struct version *version_build(struct arena *a, const struct version_shape *shape)
{
	struct version *v = arena_new(a, struct version);
	size_t length = (size_t)(shape->end - shape->start);
	char *copy = arena_strndup(a, shape->start, length);

	v->epoch = number_at(copy, shape->start, shape->epoch);
	v->pre = shape->pre;
	v->pre_number = number_at(copy, shape->start, shape->pre_number);
	v->has_post = shape->has_post;
	v->post = number_at(copy, shape->start, shape->post);
	v->has_dev = shape->has_dev;
	v->dev = number_at(copy, shape->start, shape->dev);
	build_release(a, v, copy, shape);
	if (shape->local_count)
		build_local(a, v, copy, shape);
	terminate(v->epoch);
	terminate(v->pre_number);
	terminate(v->post);
	terminate(v->dev);
	for (size_t i = 0; i < v->release_count; i++)
		terminate(v->release[i]);
	return v;
}

/* The count of numbers in a text that is nothing but a release ("1.26.4"), as most versions are; 0 when it is anything else. */
static size_t count_plain_release(const char *text, const char **ret_end)
{
	size_t count = 0;

	do {
		text += count != 0;
		if (!scan_is_digit(*text))
			return 0;
		while (scan_is_digit(*text))
			text++;
		count++;
	} while (*text == '.');
	*ret_end = text;
	return *text ? 0 : count;
}

/* The version that such a text is: the same as version_build makes of it, in one piece of memory. */
static struct version *build_plain_release(struct arena *a, const char *text, size_t length, size_t count)
{
	static const struct version plain = {
		.epoch = {zero_digits, 1}, .pre_number = {zero_digits, 1}, .post = {zero_digits, 1}, .dev = {zero_digits, 1}, .pre = VERSION_PRE_NONE};
	struct version *v = arena_alloc(a, sizeof(*v) + count * sizeof(*v->release) + length + 1);

	*v = plain;
	v->release = (struct version_number *)(v + 1);
	v->release_count = count;
	char *copy = (char *)(v->release + count);

	for (size_t i = 0; i < count; i++) {
		while (*text == '0' && scan_is_digit(text[1]))
			text++;
		char *start = copy;

		while (scan_is_digit(*text))
			*copy++ = *text++;
		v->release[i] = (struct version_number){start, (size_t)(copy - start)};
		if (*start != '0')
			v->trimmed_count = i + 1;
		copy++;
		text++;
	}
	return v;
}

struct version *version_parse(struct arena *a, const char *text)
{
	struct version_shape shape;
	const char *end;
	size_t plain_count = count_plain_release(text, &end);

	if (plain_count)
		return build_plain_release(a, text, (size_t)(end - text), plain_count);
	if (!version_scan(scan_skip_spaces(text), VERSION_SCAN_LOCAL, &shape) || *scan_skip_spaces(shape.end))
		return NULL;
	return version_build(a, &shape);
}

static int compare_release(const struct version *a, const struct version *b)
{
	size_t shorter = a->trimmed_count < b->trimmed_count ? a->trimmed_count : b->trimmed_count;

	for (size_t i = 0; i < shorter; i++) {
		int order = version_number_compare(a->release[i], b->release[i]);

		if (order)
			return order;
	}
	return compare_sizes(a->trimmed_count, b->trimmed_count);
}

/* "1.0.dev1" comes before "1.0a1": a development release of a final release sorts below its pre-releases. */
static int pre_rank(const struct version *v)
{
	return v->pre == VERSION_PRE_NONE && !v->has_post && v->has_dev ? -1 : (int)v->pre;
}

int version_compare_public(const struct version *a, const struct version *b)
{
	int order = version_number_compare(a->epoch, b->epoch);

	if (!order)
		order = compare_release(a, b);
	if (!order)
		order = pre_rank(a) - pre_rank(b);
	if (!order)
		order = version_number_compare(a->pre_number, b->pre_number);
	if (!order)
		order = a->has_post - b->has_post;
	if (!order)
		order = version_number_compare(a->post, b->post);
	if (!order)
		order = b->has_dev - a->has_dev;
	return order ? order : version_number_compare(a->dev, b->dev);
}

int version_compare(const struct version *a, const struct version *b)
{
	int order = version_compare_public(a, b);

	for (size_t i = 0; !order && i < a->local_count && i < b->local_count; i++) {
		const struct version_segment *x = &a->local[i], *y = &b->local[i];

		if (x->is_number != y->is_number)
			return x->is_number - y->is_number; /* words sort below numbers */
		order = x->is_number ? version_number_compare(x->text, y->text) : compare_bytes(x->text, y->text);
	}
	return order ? order : compare_sizes(a->local_count, b->local_count);
}

int version_compare_texts(const char *a, const char *b)
{
	autoarena struct arena arena = {0};
	struct version *x = version_parse(&arena, a), *y = version_parse(&arena, b);

	if (x && y)
		return version_compare(x, y);
	return x || y ? (x != NULL) - (y != NULL) : strcmp(a, b);
}

char *version_normal(struct arena *a, const struct version *v)
{
	static const char *const pre_names[] = {"a", "b", "rc"};
	autostrbuf struct strbuf out = {0};

	if (strcmp(v->epoch.digits, "0") != 0)
		strbuf_printf(&out, "%s!", v->epoch.digits);
	for (size_t i = 0; i < v->release_count; i++) {
		if (i)
			strbuf_add_char(&out, '.');
		strbuf_add_bytes(&out, v->release[i].digits, v->release[i].length);
	}
	if (v->pre != VERSION_PRE_NONE)
		strbuf_printf(&out, "%s%s", pre_names[v->pre], v->pre_number.digits);
	if (v->has_post)
		strbuf_printf(&out, ".post%s", v->post.digits);
	if (v->has_dev)
		strbuf_printf(&out, ".dev%s", v->dev.digits);
	for (size_t i = 0; i < v->local_count; i++) {
		strbuf_add_char(&out, i ? '.' : '+');
		strbuf_add_bytes(&out, v->local[i].text.digits, v->local[i].text.length);
	}
	return arena_strndup(a, strbuf_text(&out), out.length);
}

bool version_is_prerelease(const struct version *v)
{
	return v->has_dev || v->pre != VERSION_PRE_NONE;
}

size_t version_release_count(const struct version *v)
{
	return v->release_count;
}

const char *version_release_at(const struct version *v, size_t i)
{
	return i < v->release_count ? v->release[i].digits : "0";
}
