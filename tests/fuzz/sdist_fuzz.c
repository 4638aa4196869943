/* An archive of sources, and the same bytes as its file name. */
#include <string.h>

#include "memory_file.h"
#include "python/name.h"
#include "python/sdist.h"
#include "python/sdist_name.h"
#include "python/version.h"

static void try_name(struct arena *a, const char *text)
{
	struct sdist_name name;

	if (!sdist_name_parse(a, text, &name))
		return;
	struct version *v = version_parse(a, name.version);

	FUZZ_CHECK(v && !strcmp(name.version, version_normal(a, v)) && !strcmp(name.name, name_canonical(a, name.name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autofd int fd = memory_file(bytes, length);
	struct sdist s;

	try_name(&a, arena_strndup(&a, (const char *)bytes, length));
	if (sdist_read(&a, arena_printf(&a, "/proc/self/fd/%d", fd), "x.tar.gz", NULL, "pkg", NULL, &s, &err)) {
		FUZZ_CHECK(error_is_set(&err));
		return 0;
	}
	FUZZ_CHECK(!strcmp(s.name, "pkg") && s.build_backend && (!s.metadata || s.version));
	return 0;
}
