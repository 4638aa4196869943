/* Words of the database on their way into a Dockerfile: each form it has for them, quoted so that builder and shell read them back as they were. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* "# text", one comment line for each line of text, broken at about 120 columns, control characters escaped. Nothing when text is NULL or empty. */
void word_add_comment(struct strbuf *out, const char *text);
/* ["a", "b"]: the exec form, RFC 8259. */
void word_add_exec(struct strbuf *out, const char *const *argv, size_t count);
/* A value of ENV, LABEL, WORKDIR or USER in double quotes; nothing in it is expanded. word_is_line() must hold. */
void word_add_quoted(struct strbuf *out, const char *value);
/* As word_add_quoted, but ${env:NAME} becomes ${NAME}, which the builder expands. */
void word_add_quoted_expanding(struct strbuf *out, const char *value);
/* True when it can stand in an instruction at all: no line break and no other control character but the tab. */
bool word_is_line(const char *value);
/* True for a name of an environment variable: letters, digits and '_', no digit first. */
bool word_is_variable(const char *name);
/* Arguments of printf that print `content` byte for byte, each line of it on a line of its own ("    " and "\" around the break): a format, then the lines. */
void word_add_printf(struct strbuf *out, const char *content);
