#include "report/report.h"

#include "report/changes.h"

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
		changes_json(changes, out);
		break;
	}
}
