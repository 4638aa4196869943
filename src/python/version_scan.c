/* The grammar of PEP 440, appendix B. Every optional part is taken as soon as it can be: no version needs a step back, except an epoch that turns out to be
   the whole release. */
#include "python/version_parts.h"

#include <string.h>

#include "python/scan.h"

static bool is_separator(char c)
{
	return c == '.' || c == '-' || c == '_';
}

static struct version_span take_digits(const char **at)
{
	struct version_span span = {*at, 0};

	while (scan_is_digit(span.start[span.length]))
		span.length++;
	*at += span.length;
	return span;
}

/* "[.-_]? word [.-_]? digits?"; the words are tried in order. Returns the place of the word in the list, -1 when none fits (and nothing is taken). */
static int take_tagged(const char **at, const char *const *words, struct version_span *ret_number)
{
	const char *start = *at + (is_separator(**at) ? 1 : 0);

	for (int i = 0; words[i]; i++) {
		const char *end = scan_word(start, words[i]);

		if (!end)
			continue;
		if (is_separator(*end))
			end++;
		*ret_number = take_digits(&end);
		*at = end;
		return i;
	}
	return -1;
}

static void take_pre(const char **at, struct version_shape *shape)
{
	static const char *const words[] = {"alpha", "a", "beta", "b", "preview", "pre", "c", "rc", NULL};
	static const enum version_pre kinds[] = {VERSION_PRE_A,  VERSION_PRE_A,  VERSION_PRE_B,  VERSION_PRE_B,
						 VERSION_PRE_RC, VERSION_PRE_RC, VERSION_PRE_RC, VERSION_PRE_RC};
	int word = take_tagged(at, words, &shape->pre_number);

	shape->pre = word < 0 ? VERSION_PRE_NONE : kinds[word];
}

static void take_post(const char **at, struct version_shape *shape)
{
	static const char *const words[] = {"post", "rev", "r", NULL};

	if (**at == '-' && scan_is_digit((*at)[1])) {
		++*at;
		shape->post = take_digits(at);
		shape->has_post = true;
		return;
	}
	shape->has_post = take_tagged(at, words, &shape->post) >= 0;
}

static void take_dev(const char **at, struct version_shape *shape)
{
	static const char *const words[] = {"dev", NULL};

	shape->has_dev = take_tagged(at, words, &shape->dev) >= 0;
}

static void take_local(const char **at, struct version_shape *shape)
{
	const char *end = *at + 1;

	if (**at != '+' || !scan_is_alnum(*end))
		return;
	shape->local_count = 1;
	while (scan_is_alnum(*end) || (is_separator(*end) && scan_is_alnum(end[1])))
		shape->local_count += !scan_is_alnum(*end++);
	shape->local = (struct version_span){*at + 1, (size_t)(end - *at - 1)};
	*at = end;
}

static void take_release(const char **at, struct version_shape *shape)
{
	const char *start = *at;

	take_digits(at);
	shape->release_count = 1;
	while (**at == '.' && scan_is_digit((*at)[1])) {
		++*at;
		take_digits(at);
		shape->release_count++;
	}
	shape->release = (struct version_span){start, (size_t)(*at - start)};
}

bool version_scan(const char *at, unsigned flags, struct version_shape *ret)
{
	struct version_shape shape = {.pre = VERSION_PRE_NONE};

	if (scan_lower(*at) == 'v')
		at++;
	shape.start = at;
	if (!scan_is_digit(*at))
		return false;
	struct version_span first = take_digits(&at);

	if (*at == '!' && scan_is_digit(at[1])) {
		shape.epoch = first;
		at++;
	} else {
		at = first.start;
	}
	take_release(&at, &shape);
	if ((flags & VERSION_SCAN_TWO_NUMBERS) && shape.release_count < 2)
		return false;
	if ((flags & VERSION_SCAN_WILDCARD) && at[0] == '.' && at[1] == '*') {
		shape.wildcard = true;
		shape.end = at + 2;
		*ret = shape;
		return true;
	}
	take_pre(&at, &shape);
	take_post(&at, &shape);
	take_dev(&at, &shape);
	if (flags & VERSION_SCAN_LOCAL)
		take_local(&at, &shape);
	shape.end = at;
	*ret = shape;
	return true;
}
