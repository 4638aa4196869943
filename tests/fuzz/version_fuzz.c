/* A version, a line end, a set of specifiers; the same text as a caret. */
#include "fuzz.h"

#include <string.h>

#include "base/alloc.h"
#include "python/version.h"

static void try_version(struct arena *a, const char *text)
{
	struct version *v = version_parse(a, text);

	if (!v)
		return;
	const char *normal = version_normal(a, v);
	struct version *again = version_parse(a, normal);

	FUZZ_CHECK(again && !version_compare(v, again) && !strcmp(normal, version_normal(a, again)));
	FUZZ_CHECK(version_is_prerelease(v) == version_is_prerelease(again));
	FUZZ_CHECK(version_release_count(v) == version_release_count(again));
}

/* The three rules on pre-releases, on a list of one and of two. */
static void try_filter(const struct specifier_set *set, const char *version)
{
	const char *versions[] = {version, "1.0"};
	bool taken[2], left[2], needed[2];

	for (size_t count = 1; count <= 2; count++) {
		specifier_set_filter(set, versions, count, PRERELEASES_TAKEN, taken);
		specifier_set_filter(set, versions, count, PRERELEASES_LEFT, left);
		specifier_set_filter(set, versions, count, PRERELEASES_WHERE_NEEDED, needed);
		for (size_t i = 0; i < count; i++) {
			FUZZ_CHECK(taken[i] == specifier_set_contains(set, versions[i], true));
			FUZZ_CHECK(left[i] <= needed[i] && needed[i] <= taken[i]);
		}
	}
}

static void try_caret(struct arena *a, const char *text)
{
	size_t at = SIZE_MAX;
	const char *why = NULL, *specifier = caret_specifier(a, text, &at, &why);

	FUZZ_CHECK(specifier ? specifier_set_parse(a, specifier, &at) != NULL : at <= strlen(text) && why);
}

static void try_set(struct arena *a, const char *text, const char *version)
{
	size_t at = SIZE_MAX;
	struct specifier_set *set = specifier_set_parse(a, text, &at);

	if (!set) {
		FUZZ_CHECK(at < strlen(text));
		return;
	}
	const char *normal = specifier_set_normal(set);
	struct specifier_set *again = specifier_set_parse(a, normal, &at);

	FUZZ_CHECK(again && !strcmp(normal, specifier_set_normal(again)));
	for (int pre = 0; pre < 2; pre++)
		FUZZ_CHECK(specifier_set_contains(set, version, pre) == specifier_set_contains(again, version, pre));
	try_filter(set, version);
	FUZZ_CHECK(specifier_set_contains(set, version, true) || !specifier_set_contains(set, version, false));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	char *text = arena_strndup(&a, (const char *)bytes, length), *set = strchr(text, '\n');

	if (set)
		*set++ = '\0';
	else
		set = text;
	try_version(&a, text);
	try_set(&a, set, text);
	try_caret(&a, set);
	int order = version_compare_texts(text, set), reverse = version_compare_texts(set, text);

	FUZZ_CHECK((order < 0) == (reverse > 0) && (order > 0) == (reverse < 0));
	return 0;
}
