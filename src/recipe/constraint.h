/* How constraints are written: one of the keys 'range', 'exact', 'caret' and 'not', with its reason, and 'when' it applies. Only for the files of this folder. */
#pragma once

#include <stddef.h>

#include "recipe/database.h"
#include "recipe/schema.h"

/* At most one of the first four is given where all is well. */
struct constraint_fields {
	const struct value *range, *exact, *caret, *excluded; /* excluded: the key 'not' */
	const struct value *when;
	const char *why, *link;
};

/* Rows for a struct of type `type` whose member `form` is a struct constraint_fields: the versions alone, and their reason. */
#define CONSTRAINT_FORM_ROWS(type)                                                                                                                             \
	{.key = "range", SCHEMA_VALUE, 0, offsetof(type, form.range), .description = "a PEP 440 specifier, as \">=1.14,<1.17\""},                              \
		{.key = "exact", SCHEMA_VALUE, 0, offsetof(type, form.exact), .description = "the only version it may be, as \"2.17.7\""},                     \
		{.key = "caret", SCHEMA_VALUE, 0, offsetof(type, form.caret), .description = "as \"^1.2.3\": from there to before 2.0.0, as Poetry has it"},   \
	{                                                                                                                                                      \
		.key = "not", SCHEMA_VALUE, 0, offsetof(type, form.excluded), .description = "versions it may not be, as \"!=1.5.0,!=1.5.1\""                  \
	}
#define CONSTRAINT_REASON_ROWS(type, flag)                                                                                                                     \
	{.key = "why", SCHEMA_LINE, flag, offsetof(type, form.why), .description = "what goes wrong without it"},                                              \
	{                                                                                                                                                      \
		.key = "link", SCHEMA_LINE, 0, offsetof(type, form.link), .form = &word_url, .description = "where the reason is told at length"               \
	}

/* How many of the four keys are given. */
size_t constraint_count(const struct constraint_fields *fields);
/* False, and said, when none of the four keys is. */
bool constraint_need_form(struct reader *r, const struct constraint_fields *fields, const char *what, struct pos at);
/* Reads what is given, and its reason without a word about one that is missing; loose, at `at`, when nothing is. `owner` is whose it is, for messages: "package
   'numpy'". False when what is given is wrong, which is then said. */
bool constraint_read(struct reader *r, const struct constraint_fields *fields, const char *owner, struct pos at, struct constraint *ret);
/* Says that a constraint needs a reason, if it has none. */
void constraint_need_reason(struct reader *r, const struct constraint *c, const char *name);

/* "packages: NAME: constraints:", with conditions left for conditions_read(). */
void constraints_read(struct reader *r, const struct value *v, struct package *p);
/* "packages: NAME: hold:" */
void hold_read(struct reader *r, const struct value *v, struct package *p);
/* A date of review, or NULL when it is wrong; warns when it is past: "the hold on 'numpy'" was to be looked at. */
const char *review_read(struct reader *r, const struct value *v, const char *what);
/* 'when' of a constraint, once containers and layers are known. */
void condition_read(struct reader *r, const struct value *v, struct constraint *c);
/* "packages: NAME: from:" */
void reference_read(struct reader *r, const struct value *v, struct package *p);

/* A text that is the same for constraints that mean the same: specifier and conditions, the latter in any order. */
const char *constraint_key(struct arena *a, const struct constraint *c);
