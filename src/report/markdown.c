#include "report/markdown.h"

#include <string.h>

#include "base/text.h"

static size_t longest_run(const char *text, char c)
{
	size_t longest = 0, run = 0;

	for (; *text; text++) {
		run = *text == c ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

void markdown_add_code(struct strbuf *out, const char *text)
{
	autostrbuf struct strbuf safe = {0};
	size_t fence;

	if (!*text)
		return;
	text_escape(&safe, text, strlen(text), 0);
	fence = longest_run(safe.text, '`') + 1;
	strbuf_add_repeat(out, '`', fence);
	/* A span of spaces, or with a backtick at an end, needs one space more on both sides (CommonMark, "Code spans"). */
	bool pad = fence > 1 || safe.text[0] == ' ' || safe.text[safe.length - 1] == ' ';

	strbuf_add(out, pad ? " " : "");
	for (size_t i = 0; i < safe.length; i++) {
		/* The only character a table looks for before it looks for spans. */
		if (safe.text[i] == '|')
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, safe.text[i]);
	}
	strbuf_add(out, pad ? " " : "");
	strbuf_add_repeat(out, '`', fence);
}
