/* Where a file assigns texts to names, as candidates for tags. One way for Groovy, one for files of lines. Only tags.c uses this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum tag_form {
	TAG_PLAIN,
	TAG_INTERPOLATED, /* a text put together when it is used */
	TAG_ESCAPED,      /* has escapes, so that the bytes are not the text */
	TAG_SLASHED,      /* /.../ or $/.../$ */
	TAG_EXPRESSION,   /* the text is only a part of what is assigned */
};

struct tag_candidate {
	enum tag_form form;
	size_t name_offset, name_length;
	size_t offset, length; /* of the text, without quotes */
};

/* Bytes that are no code: comments and texts. */
struct tag_hidden {
	bool comment;
	size_t offset, length;
};

struct tag_finds {
	struct tag_candidate *candidates; /* by offset */
	size_t candidate_count;
	struct tag_hidden *hidden;
	size_t hidden_count;
};

/* True for a path that is read as Groovy: Jenkinsfile and the like, *.groovy, *.gradle. */
bool tags_is_groovy(const char *path);
/* False with the place and the reason when the file cannot be told apart into code and text. */
bool tags_find_groovy(struct arena *a, const char *text, size_t length, struct tag_finds *ret, size_t *ret_offset, const char **ret_why);
/* Lines "[export] NAME=value", "NAME: value", values plain or in quotes; comments begin with #, ; or //. */
void tags_find_lines(struct arena *a, const char *text, size_t length, struct tag_finds *ret);
