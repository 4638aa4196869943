/* JSON: read by jansson into a tree of io/value.h, written by a small streaming writer. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "io/value.h"

/* Strict JSON (RFC 8259; duplicate keys are errors). The tree lives in `a`; positions are not known (line 0). `what` names the text in errors. */
int json_parse(struct arena *a, const char *what, const char *text, size_t length, struct value **ret_value, struct error *err);

/* Writes into `out` as it is called; commas, indentation (two spaces, or none with compact) and escapes are its work: invalid UTF-8 becomes U+FFFD,
   and what could drive a terminal (text_is_control) is an escape, so that a program's output may be looked at.
   `key` is NULL inside arrays and for the outermost value, behind which stands one newline. */
struct json_writer {
	struct strbuf *out;
	bool compact;
	unsigned depth;
	bool has_items; /* in the array or object being written */
};
void json_begin_object(struct json_writer *w, const char *key);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *key);
void json_end_array(struct json_writer *w);
void json_add_text(struct json_writer *w, const char *key, const char *text); /* NULL text is written as null */
void json_add_integer(struct json_writer *w, const char *key, int64_t number);
void json_add_boolean(struct json_writer *w, const char *key, bool truth);
void json_add_null(struct json_writer *w, const char *key);
/* A whole tree, as json_parse() gives it; of a text that holds NUL bytes what stands before the first. */
void json_add_value(struct json_writer *w, const char *key, const struct value *v);
