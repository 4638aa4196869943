/* One function for each form in which changes are shown (report.h chooses). */
#pragma once

#include "diff/diff.h"
#include "report/report.h"

void changes_text(const struct changes *changes, const struct report_options *options, struct strbuf *out);
void changes_markdown(const struct changes *changes, const struct report_options *options, struct strbuf *out);
void changes_json(const struct changes *changes, struct json_writer *w, const char *key);
