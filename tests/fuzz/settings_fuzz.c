/* pip.conf and uv.toml: what stands before the first NUL is one, what follows the other. Refused with a reason, or settings in which nothing is missing. */
#include "python/settings.h"

#include <string.h>

#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	const uint8_t *cut = memchr(bytes, 0, length);
	size_t first = cut ? (size_t)(cut - bytes) : length, rest = cut ? length - first - 1 : 0;
	autofd int pip = memory_file(bytes, first), uv = memory_file(cut ? cut + 1 : bytes, cut ? rest : length);
	struct settings s;

	setenv("PIP_CONFIG_FILE", arena_printf(&a, "/proc/self/fd/%d", pip), 1);
	setenv("UV_CONFIG_FILE", arena_printf(&a, "/proc/self/fd/%d", uv), 1);
	setenv("HOME", "/nonexistent", 1);
	setenv("XDG_CONFIG_DIRS", "/nonexistent", 1);
	if (settings_read(&s, "/nonexistent", &err)) {
		FUZZ_CHECK(error_is_set(&err) && *err.text);
		return 0;
	}
	FUZZ_CHECK(s.index_count && !strcmp(s.indexes[0].alias, "default"));
	for (size_t i = 1; i < s.index_count; i++) {
		FUZZ_CHECK(s.indexes[i].url && *s.indexes[i].alias);
		for (size_t k = 0; k < i && s.index_count < 100; k++)
			FUZZ_CHECK(strcmp(s.indexes[i].alias, s.indexes[k].alias) != 0);
	}
	for (size_t i = 0; i < s.find_links_count; i++)
		FUZZ_CHECK(*s.find_links[i]);
	settings_release(&s);
	return 0;
}
