/* A file in the form of pip.conf: entries in sections, each once, or one clear problem. */
#include "fuzz.h"

#include <string.h>

#include "io/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct ini ini = {0};

	if (ini_parse(&a, "fuzz.conf", (const char *)bytes, length, &ini, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INPUT && err.text && !ini.entry_count);
		return 0;
	}
	for (size_t i = 0; i < ini.entry_count; i++) {
		const struct ini_entry *e = &ini.entries[i];

		FUZZ_CHECK(*e->key && *e->section && e->value && e->line > 0 && e->line <= length);
		for (size_t k = 0; k < i && length < 4096; k++)
			FUZZ_CHECK(strcmp(e->key, ini.entries[k].key) != 0 || strcmp(e->section, ini.entries[k].section) != 0);
	}
	return 0;
}
