/* Reads tables of YAML into structs by rows: a row says what a key is called, what its value must be and where it goes. Unknown keys, missing keys and values
   of a wrong kind are reported, each with what to do, and reading goes on. Knows no key by itself. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "io/value.h"
#include "recipe/word.h"

struct database;
struct constraint;

/* 'when' of a constraint, to be read once containers are known. */
struct condition_later {
	struct constraint *constraint;
	const struct value *when;
};

/* What every reading function needs. */
struct reader {
	struct arena *arena; /* the database's */
	struct diag *diag;
	struct database *db;
	/* Where these stand could not be read, which was said: names of them cannot be judged. */
	bool groups_unread, packages_unread, indexes_unread;
	size_t *group_marks, mark; /* per group: the list it was last seen in, by number */
	struct condition_later *conditions;
	size_t condition_count;
	size_t compared_count; /* names looked at so far to find what unknown ones might mean */
};

enum schema_kind {
	SCHEMA_LINE,  /* const char *: one line, not empty */
	SCHEMA_SET,   /* const char **, with the count: lines that are all different */
	SCHEMA_VALUE, /* const struct value *: kept, for whoever reads it later */
	SCHEMA_READ,  /* what `read` makes of it */
};

enum { SCHEMA_REQUIRED = 1 };

struct schema_row {
	const char *key; /* NULL ends the table */
	enum schema_kind kind;
	int flags;
	size_t offset, count_offset;  /* in the struct */
	const struct word_form *form; /* of a LINE, or of each line of a SET; or NULL */
	void (*read)(struct reader *r, const struct value *v, void *target);
	const char *description; /* what it is, for people: one line, lower case */
};

/* Reads `v`, which is called `what` ("a container", "'python'") and begins at `at`, into `target`. False when `v` is no table at all. */
bool schema_read(struct reader *r, const struct value *v, const char *what, struct pos at, const struct schema_row *rows, void *target);

/* The pieces, for readers with a form of their own. Each reports what is wrong; nothing is said about a VALUE_NULL, which was reported when the file was
   parsed. */
bool schema_is_table(struct reader *r, const struct value *v, const char *what); /* an empty value is none, but no problem either */
bool schema_is_list(struct reader *r, const struct value *v, const char *what);  /* as schema_is_table */
bool schema_is_empty(const struct value *v);                                     /* "key:" with nothing behind it */
/* The text of a value: any, or one line of a form; NULL when it is not. A line's final line feed is dropped (block scalars have one). */
const char *schema_text(struct reader *r, const struct value *v, const char *what);
const char *schema_line(struct reader *r, const struct value *v, const char *what, const struct word_form *form);
void schema_set(struct reader *r, const struct value *v, const char *what, const struct word_form *form, const char ***ret_words, size_t *ret_count);
/* Reports texts that are twice in a list. */
void schema_report_repeated(struct reader *r, const struct value *list, const char *what);
/* Whether there is time left to look for what an unknown name might mean among `count`: where very many names are unknown, that helps nobody. */
bool schema_may_suggest(struct reader *r, size_t count);
/* Reports `name` at `at` as an unknown `what`, with the nearest candidate. */
void schema_unknown(struct reader *r, struct pos at, const char *what, const char *name, const char *const *candidates, size_t count);
/* The place of the byte `offset` of a value's text in its file, as near as the way it was written allows. */
struct pos schema_pos_in(const struct reader *r, const struct value *v, size_t offset);

/* A table whose keys are names the user chose. */
struct schema_named {
	const char *name;      /* as written */
	const char *canonical; /* PEP 503 where names are Python's; else `name` */
	const struct value *value;
	struct pos pos; /* of the key */
};
/* Reads the names of a table, sorted by canonical name; two with the same one are reported, the first is kept. */
void schema_names(struct reader *r, const struct value *v, const char *what, const struct word_form *form, bool canonical, struct schema_named **ret_names,
		  size_t *ret_count);
