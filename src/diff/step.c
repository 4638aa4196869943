#include "diff/step.h"

#include <string.h>

#include "python/version.h"

static bool same_epoch(const char *a, const char *b)
{
	const char *a_mark = strchr(a, '!'), *b_mark = strchr(b, '!');
	size_t a_length = a_mark ? (size_t)(a_mark - a) : 0, b_length = b_mark ? (size_t)(b_mark - b) : 0;

	return a_length == b_length && !memcmp(a, b, a_length);
}

enum change_class step_python(const char *old, const char *new)
{
	autoarena struct arena a = {0};
	const struct version *from = version_parse(&a, old), *to = version_parse(&a, new);
	int order = from && to ? version_compare(from, to) : version_compare_texts(old, new);

	if (!strcmp(old, new))
		return CHANGE_NONE;
	if (order > 0)
		return CHANGE_DOWNGRADED;
	if (!from || !to)
		return CHANGE_UPGRADED;
	if (!same_epoch(version_normal(&a, from), version_normal(&a, to)) || strcmp(version_release_at(from, 0), version_release_at(to, 0)) != 0)
		return CHANGE_MAJOR;
	return strcmp(version_release_at(from, 1), version_release_at(to, 1)) != 0 ? CHANGE_MINOR : CHANGE_PATCH;
}

/* Letters before other characters, '~' before the end, digits like the end: they begin the next part. */
static int rank(char c)
{
	if (c == '~')
		return -1;
	if (!c || (c >= '0' && c <= '9'))
		return 0;
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? (unsigned char)c : (unsigned char)c + 256;
}

static int compare_part(const char *a, size_t a_length, const char *b, size_t b_length)
{
	const char *a_end = a + a_length, *b_end = b + b_length;

	while (a < a_end || b < b_end) {
		for (;;) {
			int left = a < a_end ? rank(*a) : 0, right = b < b_end ? rank(*b) : 0;

			if (left != right)
				return left - right;
			if (!left)
				break;
			a++;
			b++;
		}
		size_t a_digits, b_digits;

		while (a < a_end && *a == '0')
			a++;
		while (b < b_end && *b == '0')
			b++;
		for (a_digits = 0; a + a_digits < a_end && a[a_digits] >= '0' && a[a_digits] <= '9';)
			a_digits++;
		for (b_digits = 0; b + b_digits < b_end && b[b_digits] >= '0' && b[b_digits] <= '9';)
			b_digits++;
		int order = a_digits != b_digits ? (a_digits > b_digits ? 1 : -1) : memcmp(a, b, a_digits);

		if (order)
			return order;
		a += a_digits;
		b += b_digits;
	}
	return 0;
}

struct parts {
	const char *epoch, *upstream, *revision;
	size_t epoch_length, upstream_length, revision_length;
};

static struct parts split(const char *version)
{
	const char *colon = strchr(version, ':'), *upstream = colon ? colon + 1 : version, *dash = strrchr(upstream, '-');
	struct parts p = {.epoch = version, .epoch_length = colon ? (size_t)(colon - version) : 0, .upstream = upstream};

	p.upstream_length = dash ? (size_t)(dash - upstream) : strlen(upstream);
	p.revision = dash ? dash + 1 : "";
	p.revision_length = strlen(p.revision);
	return p;
}

int system_version_compare(const char *a, const char *b)
{
	struct parts left = split(a), right = split(b);
	int order = compare_part(left.epoch, left.epoch_length, right.epoch, right.epoch_length);

	if (!order)
		order = compare_part(left.upstream, left.upstream_length, right.upstream, right.upstream_length);
	return order ? order : compare_part(left.revision, left.revision_length, right.revision, right.revision_length);
}

enum change_class step_system(const char *old, const char *new)
{
	if (!strcmp(old, new))
		return CHANGE_NONE;
	return system_version_compare(old, new) > 0 ? CHANGE_DOWNGRADED : CHANGE_UPGRADED;
}
