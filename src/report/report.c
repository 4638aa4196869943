#include "report/report.h"

#include "io/json.h"
#include "report/changes.h"
#include "report/show.h"

void report_changes(const struct changes *changes, const struct report_options *options, struct strbuf *out)
{
	switch (options->format) {
	case REPORT_TEXT:
		changes_text(changes, options, out);
		break;
	case REPORT_MARKDOWN:
		changes_markdown(changes, options, out);
		break;
	case REPORT_JSON:
		report_add_changes(&(struct json_writer){.out = out}, NULL, changes);
		break;
	}
}

void report_add_changes(struct json_writer *w, const char *key, const struct changes *changes)
{
	changes_json(changes, w, key);
}

void report_release(const struct release *release, const char *container, const struct report_options *options, struct strbuf *out)
{
	if (options->format == REPORT_JSON)
		show_json(release, container, out);
	else
		show_text(release, container, options, out);
}
