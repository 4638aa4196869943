/* Answers for constraint_test.py, a line each: "caret<TAB>^1.2.3" with the specifier or "no", "exclude<TAB>>=2<TAB><2" with 1, 0 or "no". */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "python/version.h"

static const char *ask_caret(struct arena *a, const char *text)
{
	const char *why, *specifier;
	size_t at;

	specifier = caret_specifier(a, text, &at, &why);
	return specifier ? specifier : at <= strlen(text) ? arena_printf(a, "no: %s", why) : "a place outside of the text";
}

static const char *ask_exclude(struct arena *a, const char *one, const char *other)
{
	size_t at;
	const struct specifier_set *x = specifier_set_parse(a, one, &at), *y = specifier_set_parse(a, other, &at);

	return !x || !y ? "no" : specifier_sets_exclude(x, y) ? "1" : "0";
}

int main(void)
{
	autofree char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		autoarena struct arena a = {0};
		char *rest = line, *word = strsep(&rest, "\t\n"), *one = strsep(&rest, "\t\n"), *other = strsep(&rest, "\t\n");

		if (one)
			puts(!strcmp(word, "caret") ? ask_caret(&a, one) : ask_exclude(&a, one, other ? other : ""));
	}
	return 0;
}
