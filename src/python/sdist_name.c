#include "python/sdist_name.h"

#include <string.h>

#include "base/text.h"
#include "python/name.h"
#include "python/version.h"

bool sdist_name_parse(struct arena *a, const char *file_name, struct sdist_name *ret)
{
	size_t suffix = text_ends_with(file_name, ".tar.gz") ? strlen(".tar.gz") : text_ends_with(file_name, ".zip") ? strlen(".zip") : 0;

	if (!suffix)
		return false;
	char *stem = arena_strndup(a, file_name, strlen(file_name) - suffix), *dash = strrchr(stem, '-');
	struct version *version = dash && dash > stem ? version_parse(a, dash + 1) : NULL;

	if (!version)
		return false;
	*dash = '\0';
	ret->name = name_canonical(a, stem);
	ret->version = version_normal(a, version);
	return true;
}
