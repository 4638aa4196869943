/* The words of a Groovy text, as far as one must know them to tell code from comments and texts: what Jenkins reads a Jenkinsfile as (Groovy 2.4). Knows
   tokens, no grammar. Follows Groovy's own lexer in when a slash begins a text, how the kinds of text end, and where ${...} is code again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum groovy_kind { GROOVY_NAME, GROOVY_NUMBER, GROOVY_TEXT, GROOVY_SIGN, GROOVY_NEWLINE, GROOVY_COMMENT };

struct groovy_token {
	enum groovy_kind kind;
	uint32_t offset, length; /* a file of nothing but tokens must not need much more memory than it has bytes */
	/* GROOVY_TEXT only */
	uint32_t inner_offset, inner_length; /* without the quotes */
	char quote;                          /* ' " / or $ (for $/.../$) */
	bool interpolated;                   /* has $name or ${...}; the tokens of ${...} follow this one */
	bool escaped;                        /* has a backslash escape */
};

struct groovy {
	struct groovy_token *tokens; /* by offset; white space gives none */
	size_t token_count;
};

/* Reads `text`, of less than 4 GiB; tokens live in `a`. When a comment or text has no end, or a Unicode escape stands for a quote, so that the rest cannot be told
   apart, false with the place and one line of why. */
bool groovy_scan(struct arena *a, const char *text, size_t length, struct groovy *ret, size_t *ret_offset, const char **ret_why);
/* True when the token is this sign or name. */
bool groovy_is(const char *text, const struct groovy_token *token, const char *word);
