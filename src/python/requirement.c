#include "python/requirement.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "python/marker_parts.h"
#include "python/name.h"
#include "python/scan.h"

struct parser {
	struct arena *arena;
	const char *at;
	const char *why; /* what was expected at `at` */
};

static bool expected(struct parser *p, const char *what)
{
	p->why = what;
	return false;
}

static void skip_blanks(struct parser *p)
{
	p->at = scan_skip_blanks(p->at);
}

static bool take(struct parser *p, char c)
{
	bool there = *p->at == c;

	p->at += there;
	return there;
}

/* A name as the reference takes it: it may end with '_', but '.' and '-' at its end are left for what follows. */
static const char *take_name(struct parser *p)
{
	const char *end = p->at;

	if (!scan_is_alnum(*end))
		return NULL;
	while (scan_is_alnum(*end) || *end == '.' || *end == '-' || *end == '_')
		end++;
	while (end[-1] == '.' || end[-1] == '-')
		end--;
	const char *name = arena_strndup(p->arena, p->at, (size_t)(end - p->at));

	p->at = end;
	return name;
}

static void sort_extras(struct requirement *r)
{
	size_t kept = 0;

	if (r->extra_count)
		qsort(r->extras, r->extra_count, sizeof(*r->extras), text_compare_items);
	for (size_t i = 0; i < r->extra_count; i++)
		if (!kept || strcmp(r->extras[kept - 1], r->extras[i]) != 0)
			r->extras[kept++] = r->extras[i];
	r->extra_count = kept;
}

static bool take_extras(struct parser *p, struct requirement *r)
{
	if (!take(p, '['))
		return true;
	skip_blanks(p);
	for (bool first = true;; first = false) {
		const char *name = take_name(p);

		if (!name && first)
			break;
		if (!name)
			return expected(p, "the name of an extra after ','");
		*arena_push(p->arena, &r->extras, &r->extra_count) = name_canonical(p->arena, name);
		skip_blanks(p);
		if (!take(p, ','))
			break;
		skip_blanks(p);
	}
	if (!take(p, ']'))
		return expected(p, "the name of an extra, ',' or ']'");
	sort_extras(r);
	return true;
}

static bool after_specifier(struct parser *p)
{
	if (p->at[0] == '.' && p->at[1] == '*')
		return expected(p, "no '.*': it goes with '==' and '!=' and a plain release only");
	if (p->at[0] == '+' && scan_is_alnum(p->at[1]))
		return expected(p, "no local version: it goes with '==' and '!=' only");
	return true;
}

static bool take_specifiers(struct parser *p, struct requirement *r)
{
	autostrbuf struct strbuf text = {0};
	bool parenthesised = take(p, '(');
	const char *limit = p->at + strlen(p->at), *start, *end;
	size_t at;

	skip_blanks(p);
	start = p->at;
	while ((end = specifier_scan(p->at, limit))) {
		strbuf_add_bytes(&text, p->at, (size_t)(end - p->at));
		p->at = end;
		if (!after_specifier(p))
			return false;
		skip_blanks(p);
		if (!take(p, ','))
			break;
		strbuf_add_char(&text, ',');
		skip_blanks(p);
	}
	if (parenthesised && !take(p, ')'))
		return expected(p, "',' or ')' after a version specifier");
	/* "===" may have swallowed commas and what followed them. */
	r->specifiers = specifier_set_parse(p->arena, strbuf_text(&text), &at);
	if (!r->specifiers) {
		p->at = start;
		return expected(p, "a version specifier");
	}
	r->specifier = specifier_set_normal(r->specifiers);
	return true;
}

static bool take_url(struct parser *p, struct requirement *r)
{
	size_t at;

	skip_blanks(p);
	size_t length = strcspn(p->at, " \t");

	if (!length)
		return expected(p, "an address after '@'");
	r->url = arena_strndup(p->arena, p->at, length);
	r->specifier = "";
	r->specifiers = specifier_set_parse(p->arena, "", &at);
	p->at += length;
	return true;
}

static bool take_marker(struct parser *p, struct requirement *r)
{
	if (!*p->at)
		return true;
	if (!take(p, ';'))
		return expected(p, r->url                       ? "';' and a marker, or the end"
				   : *r->specifier || r->extras ? "',' and a version specifier, ';' and a marker, or the end"
								: "a version specifier, ';' and a marker, or the end");
	const char *start = scan_skip_blanks(p->at);

	r->marker = marker_parse_part(p->arena, &p->at);
	if (!r->marker)
		return expected(p, "a marker: a variable or quoted text, an operator, another of them");
	if (*p->at)
		return expected(p, "'and', 'or' or the end of the marker");
	r->marker_text = arena_strndup(p->arena, start, (size_t)(scan_trim_end(start, p->at) - start));
	return true;
}

static bool take_requirement(struct parser *p, struct requirement *r)
{
	skip_blanks(p);
	r->name = take_name(p);
	if (!r->name)
		return expected(p, "the name of a package");
	r->canonical = name_canonical(p->arena, r->name);
	skip_blanks(p);
	if (!take_extras(p, r))
		return false;
	skip_blanks(p);
	if (!(take(p, '@') ? take_url(p, r) : take_specifiers(p, r)))
		return false;
	skip_blanks(p);
	return take_marker(p, r);
}

struct requirement *requirement_parse(struct arena *a, const char *text, size_t *ret_at, const char **ret_why)
{
	struct parser p = {.arena = a, .at = text};
	struct requirement *r = arena_new(a, struct requirement);

	if (take_requirement(&p, r))
		return r;
	*ret_at = (size_t)(p.at - text);
	*ret_why = p.why;
	return NULL;
}
