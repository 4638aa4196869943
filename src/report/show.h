/* One function for each form in which a release is shown (report.h chooses). */
#pragma once

#include "release/release.h"
#include "report/report.h"

void show_text(const struct release *release, const char *container, const struct report_options *options, struct strbuf *out);
void show_json(const struct release *release, const char *container, struct strbuf *out);
