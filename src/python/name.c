#include "python/name.h"

#include <string.h>

#include "python/scan.h"

static bool is_separator(char c)
{
	return c == '.' || c == '-' || c == '_';
}

bool name_is_valid(const char *name)
{
	size_t length = 0;

	for (; name[length]; length++)
		if (!scan_is_alnum(name[length]) && !is_separator(name[length]))
			return false;
	return length && scan_is_alnum(name[0]) && scan_is_alnum(name[length - 1]);
}

char *name_canonical(struct arena *a, const char *name)
{
	char *canonical = arena_alloc(a, strlen(name) + 1), *end = canonical;

	for (; *name; name++) {
		if (!is_separator(*name))
			*end++ = scan_lower(*name);
		else if (end == canonical || end[-1] != '-')
			*end++ = '-';
	}
	return canonical;
}

bool name_is_canonical(const char *name)
{
	for (const char *c = name; *c; c++) {
		bool plain = scan_is_digit(*c) || (*c >= 'a' && *c <= 'z');

		if (!plain && (*c != '-' || c == name || !scan_is_alnum(c[1])))
			return false;
	}
	return *name;
}
