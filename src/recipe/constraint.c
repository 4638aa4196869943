#include "recipe/constraint.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "python/version.h"
#include "recipe/load.h"

/* The text without white space: PEP 440 gives none a meaning. */
static const char *without_space(struct arena *a, const char *text)
{
	char *out = arena_strdup(a, text), *end = out;

	for (const char *p = out; *p; p++) {
		if (*p != ' ' && *p != '\t')
			*end++ = *p;
	}
	*end = '\0';
	return out;
}

/* What the reference implementation takes and no resolver does: a comma with nothing before it, "===" with nothing behind it, white space
   that is not ASCII, numbers past 64 bits. Reports it. */
static bool is_odd(struct reader *r, const struct value *v, const char *text)
{
	enum { DIGITS_MAX = 19 };
	const char *place = NULL, *why = NULL;

	for (const char *part = text, *end; !why; part = end + 1) {
		const char *start = part + strspn(part, " \t");

		end = part + strcspn(part, ",");
		if (start >= end && (*end || part == text)) {
			place = start;
			why = "there is nothing between its commas";
		} else if (!strncmp(start, "===", 3) && start + 3 + strspn(start + 3, " \t") >= end) {
			place = start;
			why = "'===' names no version";
		}
		if (!*end)
			break;
	}
	for (const char *p = text; *p && !why; p++) {
		if ((unsigned char)*p < 0x80)
			continue;
		place = p;
		why = "there is a character in it that is not ASCII";
	}
	for (const char *p = text; *p && !why; p += strcspn(p, "0123456789")) {
		size_t digits = strspn(p, "0123456789");

		if (digits > DIGITS_MAX) {
			place = p;
			why = "no resolver takes so large a number";
		}
		p += digits;
	}
	if (!why)
		return false;
	diag_error(r->diag, schema_pos_in(r, v, (size_t)(place - text)), "'%s' cannot be asked for: %s", text, why);
	return true;
}

static const char *read_range(struct reader *r, const struct value *v)
{
	const char *text = schema_line(r, v, "'range'", NULL), *why;
	size_t at = 0, caret_at;

	if (!text)
		return NULL;
	const struct specifier_set *set = specifier_set_parse(r->arena, text, &at);

	if (set && is_odd(r, v, text))
		return NULL;
	if (set && specifier_sets_exclude(set, set)) {
		diag_error(r->diag, v->pos, "no version at all is in '%s'", text);
		return NULL;
	}
	if (set)
		return without_space(r->arena, text);
	diag_error(r->diag, schema_pos_in(r, v, at), "'%s' is no version specifier (PEP 440)", text);
	if (version_parse(r->arena, text))
		diag_hint(r->diag, "for this version alone write exact: \"%s\"", text);
	else if (caret_specifier(r->arena, text, &caret_at, &why))
		diag_hint(r->diag, "that is written caret: \"%s\"", text);
	else
		diag_hint(r->diag, "as \">=1.14,<1.17\" or \"~=2.3\"");
	return NULL;
}

static const char *read_exact(struct reader *r, const struct value *v)
{
	const char *text = schema_line(r, v, "'exact'", NULL), *specifier;
	size_t at = 0;

	if (!text)
		return NULL;
	specifier = arena_printf(r->arena, "==%s", without_space(r->arena, text));
	if (version_parse(r->arena, text))
		return is_odd(r, v, text) ? NULL : specifier;
	diag_error(r->diag, v->pos, "'%s' is no version (PEP 440)", text);
	if (text_starts_with(text, "==") && version_parse(r->arena, text + strspn(text, "= ")))
		diag_hint(r->diag, "without '==': exact: \"%s\"", text + strspn(text, "= "));
	else if (specifier_set_parse(r->arena, specifier, &at))
		diag_hint(r->diag, "for all versions like it write range: \"%s\"", specifier);
	else if (specifier_set_parse(r->arena, text, &at))
		diag_hint(r->diag, "a specifier belongs into 'range'");
	return NULL;
}

static const char *read_caret(struct reader *r, const struct value *v)
{
	const char *text = schema_line(r, v, "'caret'", NULL), *why, *specifier;
	size_t at = 0, other;

	if (!text)
		return NULL;
	specifier = caret_specifier(r->arena, text, &at, &why);
	if (specifier)
		return specifier;
	diag_error(r->diag, schema_pos_in(r, v, at), "'%s' is no caret: %s", text, why);
	if (version_parse(r->arena, text))
		diag_hint(r->diag, "as \"^%s\"", text);
	else if (specifier_set_parse(r->arena, text, &other))
		diag_hint(r->diag, "a specifier belongs into 'range'");
	else
		diag_hint(r->diag, "as \"^1.2.3\", which is \">=1.2.3,<2.0.0\"; what else must hold goes under 'constraints'");
	return NULL;
}

/* Where the first item of a valid specifier stands that is no "!=", or NULL. */
static const char *other_than_not(const char *text)
{
	for (const char *item = text; *item; item += strcspn(item, ",")) {
		item += strspn(item, ", \t");
		if (*item && strncmp(item, "!=", 2) != 0)
			return item;
	}
	return NULL;
}

static const char *read_not(struct reader *r, const struct value *v)
{
	const char *text = schema_line(r, v, "'not'", NULL), *other;
	size_t at = 0;

	if (!text)
		return NULL;
	if (!specifier_set_parse(r->arena, text, &at)) {
		diag_error(r->diag, schema_pos_in(r, v, at), "'%s' is no list of versions with '!=' (PEP 440)", text);
		diag_hint(r->diag, "as \"!=%s\"", version_parse(r->arena, text) ? text : "1.5.0,!=1.5.1");
		return NULL;
	}
	if (is_odd(r, v, text))
		return NULL;
	other = other_than_not(text);
	if (other) {
		diag_error(r->diag, schema_pos_in(r, v, (size_t)(other - text)), "'not' takes versions with '!=' only, not '%.*s'", (int)strcspn(other, ", \t"),
			   other);
		diag_hint(r->diag, "any other specifier belongs into 'range'");
		return NULL;
	}
	return without_space(r->arena, text);
}

static const struct {
	const char *key;
	size_t offset;
	enum constraint_kind kind;
	const char *(*read)(struct reader *r, const struct value *v); /* the specifier, or NULL */
} forms[] = {
	{"range", offsetof(struct constraint_fields, range), CONSTRAINT_RANGE, read_range},
	{"exact", offsetof(struct constraint_fields, exact), CONSTRAINT_EXACT, read_exact},
	{"caret", offsetof(struct constraint_fields, caret), CONSTRAINT_CARET, read_caret},
	{"not", offsetof(struct constraint_fields, excluded), CONSTRAINT_NOT, read_not},
};

static const struct value *given(const struct constraint_fields *fields, size_t form)
{
	const struct value *v;

	memcpy(&v, (const char *)fields + forms[form].offset, sizeof(v));
	return v;
}

size_t constraint_count(const struct constraint_fields *fields)
{
	return !!fields->range + !!fields->exact + !!fields->caret + !!fields->excluded;
}

bool constraint_read(struct reader *r, const struct constraint_fields *fields, const char *owner, struct pos at, struct constraint *ret)
{
	const char *first = NULL;
	bool well = true;

	*ret = (struct constraint){.specifier = "", .why = fields->why, .link = fields->link, .pos = at};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const struct value *v = given(fields, i);
		const char *specifier;

		if (!v)
			continue;
		if (first) {
			diag_error(r->diag, v->pos, "%s has '%s' and '%s'; it can have one of them", owner, first, forms[i].key);
			return false;
		}
		first = forms[i].key;
		ret->pos = v->pos;
		specifier = forms[i].read(r, v);
		well = specifier != NULL;
		if (!specifier)
			continue;
		ret->specifier = specifier;
		ret->kind = forms[i].kind;
	}
	return well;
}

void constraint_need_reason(struct reader *r, const struct constraint *c, const char *name)
{
	if (c->why)
		return;
	diag_error(r->diag, c->pos, "the constraint of '%s' has no reason", name);
	diag_hint(r->diag, "say in 'why' what goes wrong without it, so that others know when it can go");
}

bool constraint_need_form(struct reader *r, const struct constraint_fields *fields, const char *what, struct pos at)
{
	if (!constraint_count(fields))
		diag_error(r->diag, at, "%s needs one of 'range', 'exact', 'caret' and 'not'", what);
	return constraint_count(fields) > 0;
}

/* Reads a table with one of the four keys in it; a misspelt key is not also said to be missing. */
static bool read_table(struct reader *r, const struct value *v, const char *what, const struct schema_row *rows, void *target,
		       const struct constraint_fields *fields)
{
	size_t errors = r->diag->error_count;

	if (!schema_read(r, v, what, v->pos, rows, target))
		return false;
	if (!constraint_count(fields) && r->diag->error_count > errors)
		return false;
	return constraint_need_form(r, fields, what, v->pos);
}

struct further_fields {
	struct constraint_fields form;
};

static const struct schema_row further_rows[] = {
	CONSTRAINT_FORM_ROWS(struct further_fields),
	CONSTRAINT_REASON_ROWS(struct further_fields, 0),
	{.key = "when",
	 SCHEMA_VALUE,
	 0,
	 offsetof(struct further_fields, form.when),
	 .description = "where it applies: a marker, a container or a fact of a layer; everywhere when missing"},
	{.key = NULL},
};

void constraints_read(struct reader *r, const struct value *v, struct package *p)
{
	autofree char *owner = mem_printf("a constraint of '%s'", p->name);

	if (!schema_is_list(r, v, "'constraints'"))
		return;
	p->constraints = arena_array(r->arena, v->item_count, sizeof(*p->constraints));
	for (size_t i = 0; i < v->item_count; i++) {
		const struct value *item = v->items[i];
		struct constraint *c = &p->constraints[p->constraint_count];
		struct further_fields fields = {0};

		if (!read_table(r, item, "a constraint", further_rows, &fields, &fields.form))
			continue;
		constraint_read(r, &fields.form, owner, item->pos, c);
		constraint_need_reason(r, c, p->name);
		if (fields.form.when)
			*arena_push(r->arena, &r->conditions, &r->condition_count) = (struct condition_later){c, fields.form.when};
		p->constraint_count++;
	}
}

enum { DAY_S = 24 * 60 * 60 };

const char *review_read(struct reader *r, const struct value *v, const char *what)
{
	const char *text = schema_line(r, v, "'review'", &word_date);
	int64_t at_unix;

	if (text && clock_parse_rfc3339(text, &at_unix) && clock_now_unix() >= at_unix + DAY_S) {
		diag_warning(r->diag, v->pos, "%s is past its review date, %s", what, text);
		diag_hint(r->diag, "see whether it can go; if it must stay, give it a new date");
	}
	return text;
}

struct hold_fields {
	struct constraint_fields form;
	const char *owner;
	const struct value *review;
};

static const struct schema_row hold_rows[] = {
	CONSTRAINT_FORM_ROWS(struct hold_fields),
	CONSTRAINT_REASON_ROWS(struct hold_fields, SCHEMA_REQUIRED),
	{.key = "owner", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct hold_fields, owner), .description = "who will see to it that it can go"},
	{.key = "review",
	 SCHEMA_VALUE,
	 SCHEMA_REQUIRED,
	 offsetof(struct hold_fields, review),
	 .description = "the day by which somebody looks at it again, as 2026-12-31"},
	{.key = NULL},
};

void hold_read(struct reader *r, const struct value *v, struct package *p)
{
	autofree char *owner = mem_printf("the hold on '%s'", p->name);
	struct hold_fields fields = {0};
	struct constraint c;

	bool has_form = read_table(r, v, "a hold", hold_rows, &fields, &fields.form);
	const char *review = fields.review ? review_read(r, fields.review, owner) : NULL;

	if (!has_form || !constraint_read(r, &fields.form, owner, v->pos, &c))
		return;
	p->hold = arena_new(r->arena, struct hold);
	*p->hold = (struct hold){.specifier = c.specifier,
				 .why = c.why ? c.why : "",
				 .owner = fields.owner ? fields.owner : "",
				 .link = c.link,
				 .review = review ? review : "",
				 .pos = c.pos};
}
