#include "python/specifier.h"

#include <assert.h>
#include <string.h>

#include "python/scan.h"

static const char *const operator_texts[] = {
	[SPECIFIER_COMPATIBLE] = "~=", [SPECIFIER_EQUAL] = "==", [SPECIFIER_NOT_EQUAL] = "!=", [SPECIFIER_AT_MOST] = "<=",
	[SPECIFIER_AT_LEAST] = ">=",   [SPECIFIER_BELOW] = "<",  [SPECIFIER_ABOVE] = ">",      [SPECIFIER_ARBITRARY] = "===",
};

static const unsigned scan_flags[] = {
	[SPECIFIER_COMPATIBLE] = VERSION_SCAN_TWO_NUMBERS,
	[SPECIFIER_EQUAL] = VERSION_SCAN_WILDCARD | VERSION_SCAN_LOCAL,
	[SPECIFIER_NOT_EQUAL] = VERSION_SCAN_WILDCARD | VERSION_SCAN_LOCAL,
	[SPECIFIER_ARBITRARY] = 0,
};

/* "===" before "==", "<=" before "<". */
static const char *scan_operator(const char *at, enum specifier_op *ret)
{
	static const enum specifier_op order[] = {SPECIFIER_ARBITRARY, SPECIFIER_COMPATIBLE, SPECIFIER_EQUAL, SPECIFIER_NOT_EQUAL,
						  SPECIFIER_AT_MOST,   SPECIFIER_AT_LEAST,   SPECIFIER_BELOW, SPECIFIER_ABOVE};

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		const char *end = scan_word(at, operator_texts[order[i]]);

		if (end) {
			*ret = order[i];
			return end;
		}
	}
	return NULL;
}

static unsigned flags_of(enum specifier_op op)
{
	return op <= SPECIFIER_NOT_EQUAL ? scan_flags[op] : 0;
}

/* What "===" takes: anything up to white space, ';' or ')'. */
static const char *scan_arbitrary(const char *at, const char *limit)
{
	while (at < limit && *at != ';' && *at != ')' && !scan_space(at))
		at++;
	return at;
}

static const char *scan(const char *at, const char *limit, enum specifier_op *ret_operator, const char **ret_version, struct version_shape *ret_shape)
{
	at = scan_operator(at, ret_operator);
	if (!at)
		return NULL;
	*ret_version = scan_skip_spaces(at);
	if (*ret_operator == SPECIFIER_ARBITRARY)
		return *ret_version < limit ? scan_arbitrary(*ret_version, limit) : limit;
	return version_scan(*ret_version, flags_of(*ret_operator), ret_shape) ? ret_shape->end : NULL;
}

const char *specifier_scan(const char *at, const char *limit)
{
	enum specifier_op op;
	const char *version;
	struct version_shape shape;

	return scan(at, limit, &op, &version, &shape);
}

/* The first version after all that begin with the first `count` numbers of v's release: "1.2" gives "1.3.dev0". */
static struct version *after_prefix(struct arena *a, const struct version *v, size_t count)
{
	struct version *next = arena_new(a, struct version);

	*next = (struct version){.epoch = v->epoch, .pre = VERSION_PRE_NONE, .has_dev = true};
	next->pre_number = next->post = next->dev = (struct version_number){"0", 1};
	next->release = arena_array(a, count, sizeof(*next->release));
	memcpy(next->release, v->release, count * sizeof(*next->release));
	next->release[count - 1] = version_number_next(a, v->release[count - 1]);
	next->release_count = next->trimmed_count = count; /* the last one is not zero */
	return next;
}

/* The lowest version that begins with v's whole release: "1.2" gives "1.2.dev0". */
static struct version *prefix_floor(struct arena *a, const struct version *v)
{
	struct version *low = arena_new(a, struct version);

	*low = *v;
	low->has_dev = true;
	return low;
}

/* The first version that "<v" no longer takes: v itself when it is a pre-release, else v's earliest development release, as "<1.0" takes no 1.0a1. */
static const struct version *below_bound(struct arena *a, const struct version *v)
{
	return version_is_prerelease(v) ? v : prefix_floor(a, v);
}

/* The first version that ">v" takes when v is a development or post-release; NULL for others, which have no such first version. */
static const struct version *above_bound(struct arena *a, const struct version *v)
{
	if (!v->has_dev && !v->has_post)
		return NULL;
	struct version *next = arena_new(a, struct version);

	*next = *v;
	if (v->has_dev) {
		next->dev = version_number_next(a, v->dev);
	} else {
		next->post = version_number_next(a, v->post);
		next->has_dev = true;
	}
	return next;
}

static void set_bounds(struct arena *a, struct specifier *s)
{
	if (s->op == SPECIFIER_COMPATIBLE) {
		s->bound = after_prefix(a, s->version, s->version->release_count - 1);
	} else if (s->wildcard) {
		s->floor = prefix_floor(a, s->version);
		s->bound = after_prefix(a, s->version, s->version->release_count);
	} else if (s->op == SPECIFIER_BELOW) {
		s->bound = below_bound(a, s->version);
	} else if (s->op == SPECIFIER_ABOVE) {
		s->bound = above_bound(a, s->version);
	}
}

bool specifier_parse(struct arena *a, const char *text, size_t length, struct specifier *ret)
{
	const char *limit = text + length, *version;
	enum specifier_op op;
	struct version_shape shape;
	const char *end = scan(scan_skip_spaces(text), limit, &op, &version, &shape);

	if (!end || end != scan_trim_end(end, limit))
		return false;
	assert(end <= limit);
	size_t operator_length = strlen(operator_texts[op]), version_length = version < end ? (size_t)(end - version) : 0;
	char *normal = arena_alloc(a, operator_length + version_length + 1);

	memcpy(normal, operator_texts[op], operator_length);
	memcpy(normal + operator_length, version, version_length);
	*ret = (struct specifier){.op = op, .text = normal, .version_text = normal + operator_length};
	if (op == SPECIFIER_ARBITRARY) {
		ret->version = version_parse(a, ret->version_text);
	} else {
		ret->wildcard = shape.wildcard;
		ret->version = version_build(a, &shape);
		set_bounds(a, ret);
	}
	return true;
}

static bool same_family(const struct version *a, const struct version *b)
{
	struct version x = *a, y = *b;

	x.has_post = y.has_post = x.has_dev = y.has_dev = false;
	x.post = y.post = x.dev = y.dev = (struct version_number){"0", 1};
	return !version_compare_public(&x, &y);
}

/* ">1.0" takes neither 1.0+local nor 1.0.post1. */
static bool is_above(const struct specifier *s, const struct version *v)
{
	if (s->bound)
		return version_compare(v, s->bound) >= 0;
	return version_compare(v, s->version) > 0 && !same_family(v, s->version);
}

static bool is_equal(const struct specifier *s, const struct version *v)
{
	if (s->wildcard)
		return version_compare(v, s->floor) >= 0 && version_compare(v, s->bound) < 0;
	return s->version->local_count ? !version_compare(v, s->version) : !version_compare_public(v, s->version);
}

bool specifier_takes(const struct specifier *s, const char *text, const struct version *version)
{
	if (s->op == SPECIFIER_ARBITRARY)
		return scan_equal_anycase(text, s->version_text);
	if (!version)
		return false;
	switch (s->op) {
	case SPECIFIER_COMPATIBLE:
		return version_compare(version, s->version) >= 0 && version_compare(version, s->bound) < 0;
	case SPECIFIER_EQUAL:
		return is_equal(s, version);
	case SPECIFIER_NOT_EQUAL:
		return !is_equal(s, version);
	case SPECIFIER_AT_MOST:
		return version_compare_public(version, s->version) <= 0;
	case SPECIFIER_AT_LEAST:
		return version_compare(version, s->version) >= 0;
	case SPECIFIER_BELOW:
		return version_compare(version, s->bound) < 0;
	default:
		return is_above(s, version);
	}
}

bool specifier_names_prerelease(const struct specifier *s)
{
	return s->op != SPECIFIER_NOT_EQUAL && !s->wildcard && s->version && version_is_prerelease(s->version);
}

int specifier_compare(const struct specifier *a, const struct specifier *b)
{
	if (a->op != b->op)
		return (int)a->op - (int)b->op;
	if (a->wildcard != b->wildcard)
		return a->wildcard - b->wildcard;
	if (a->op == SPECIFIER_ARBITRARY || a->wildcard)
		return strcmp(a->text, b->text);
	int order = version_compare(a->version, b->version);

	/* "~=1.0" and "~=1.0.0" are not the same. */
	if (!order && a->op == SPECIFIER_COMPATIBLE)
		order = (a->version->release_count > b->version->release_count) - (a->version->release_count < b->version->release_count);
	return order;
}
