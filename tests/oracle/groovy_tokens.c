/* Prints what release/groovy.h takes for texts and names in each file, for groovy_test.py: "T line column last-line last-column", "N line column", or "error". */
#include <stdio.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "release/groovy.h"

/* As Groovy counts: a lone carriage return ends a line too. */
static void add_place(const char *text, size_t offset)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		bool ends = text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n');

		column = ends ? 1 : column + 1;
		line += ends;
	}
	printf(" %u %u", line, column);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		autostrbuf struct strbuf text = {0};
		autoarena struct arena a = {0};
		autoerror struct error err = {0};
		struct groovy g = {0};
		const char *why;
		size_t offset;

		printf("== %s\n", argv[i]);
		if (file_read(argv[i], 1 << 20, &text, &err) < 0 || !groovy_scan(&a, strbuf_text(&text), text.length, &g, &offset, &why)) {
			puts("error");
			continue;
		}
		for (size_t k = 0; k < g.token_count; k++) {
			const struct groovy_token *token = &g.tokens[k];

			if (token->kind != GROOVY_TEXT && token->kind != GROOVY_NAME)
				continue;
			putchar(token->kind == GROOVY_TEXT ? 'T' : 'N');
			add_place(text.text, token->offset);
			if (token->kind == GROOVY_TEXT)
				add_place(text.text, token->offset + token->length);
			putchar('\n');
		}
	}
	return 0;
}
