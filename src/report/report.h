/* Showing changes and releases: text for a terminal, Markdown for a pull request, JSON for programs. Whatever a lock or an image said is escaped for where it
   goes. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/strbuf.h"

struct changes;
struct json_writer;
struct release;
struct snapshot;

enum report_format { REPORT_TEXT, REPORT_MARKDOWN, REPORT_JSON };

struct report_options {
	enum report_format format;
	FILE *stream;         /* text: coloured as this stream can show; NULL: never */
	bool system_packages; /* text and Markdown: name every Debian package that moved, not only how many */
};

/* Appends all of it, ending in a newline. */
void report_changes(const struct changes *changes, const struct report_options *options, struct strbuf *out);
/* What REPORT_JSON is, as a part of a larger JSON text. */
void report_add_changes(struct json_writer *w, const char *key, const struct changes *changes);
/* What is in a release; with `container` everything of that one. Text or JSON. */
void report_release(const struct release *release, const char *container, const struct report_options *options, struct strbuf *out);
/* What is in an image, but for its Python packages, as members of an object that is being written: engine, image_id, tools, markers, ... */
void report_add_snapshot(struct json_writer *w, const struct snapshot *s);
