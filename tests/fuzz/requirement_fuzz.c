/* A requirement, and the same text as a marker. */
#include "fuzz.h"

#include <string.h>

#include "base/alloc.h"
#include "python/name.h"
#include "python/requirement.h"

static const struct marker_environment environment = {
	.implementation_name = "cpython",
	.implementation_version = "3.11.2",
	.os_name = "posix",
	.platform_machine = "x86_64",
	.platform_python_implementation = "CPython",
	.platform_release = "6.1.0",
	.platform_system = "Linux",
	.platform_version = "#1",
	.python_full_version = "3.11.2+",
	.python_version = "3.11",
	.sys_platform = "linux",
};

static void try_marker(struct arena *a, const struct marker *m)
{
	bool defined, defined_again, truth = marker_evaluate(m, &environment, "foo", &defined);
	const char *normal = marker_normal(a, m);
	size_t at;

	/* Backslashes and line ends in a literal's meaning do not stand for themselves when they are read again. */
	if (!normal || strpbrk(normal, "\\\n\r") || strstr(normal, "\xC0\x80"))
		return;
	struct marker *again = marker_parse(a, normal, &at);

	FUZZ_CHECK(again && !strcmp(normal, marker_normal(a, again)));
	FUZZ_CHECK(marker_evaluate(again, &environment, "foo", &defined_again) == truth && defined == defined_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	char *text = arena_strndup(&a, (const char *)bytes, length);
	size_t at = SIZE_MAX;
	const char *why = NULL;
	struct requirement *r = requirement_parse(&a, text, &at, &why);

	if (r) {
		FUZZ_CHECK(*r->name && *r->canonical && r->specifiers && !(r->url && *r->specifier));
		if (r->marker)
			try_marker(&a, r->marker);
	} else {
		FUZZ_CHECK(at <= strlen(text) && why);
	}
	struct marker *m = marker_parse(&a, text, &at);

	if (m)
		try_marker(&a, m);
	else
		FUZZ_CHECK(at <= strlen(text));
	return 0;
}
