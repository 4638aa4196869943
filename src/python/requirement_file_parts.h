/* The steps of reading a requirement file; for the files of this folder. Everybody else uses requirement_file.h. */
#pragma once

#include "python/requirement_file.h"

/* Appends the file as UTF-8: by its byte order mark, by a "coding" comment in its first two lines, or as it is. */
int requirement_text_decode(const char *bytes, size_t length, struct strbuf *out, struct error *err);

struct requirement_text_line {
	unsigned number; /* of its first line, from 1 */
	const char *text;
};
/* The lines of a text: those that end with a backslash joined, without comments, blank lines and white space around, variables put in. */
void requirement_text_lines(struct arena *a, const char *text, const struct requirement_source *source, struct requirement_text_line **ret, size_t *ret_count);

/* Takes one line apart: what stands before the first word with '-', NULL for nothing, and the options. `file` gets what counts even on lines of requirements. NULL,
   or what is wrong. */
const char *requirement_options_read(struct arena *a, const char *line, const char **ret_text, struct requirement_options *ret, struct requirement_file *file);

void requirement_texts_add(struct arena *a, struct requirement_texts *texts, const char *text);
bool requirement_texts_have(const struct requirement_texts *texts, const char *text);
/* Adds ":all:" to its `on` and leaves all else. */
void requirement_control_add_all(struct arena *a, struct requirement_control *control);
