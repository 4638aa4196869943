/* Anything that could be taken for what pip freeze writes comes back byte for byte, also when it was sorted and is read again. */
#include "fuzz.h"

#include <string.h>

#include "python/freeze.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf again = {0};
	struct freeze f = freeze_read(&a, (const char *)bytes, length);

	freeze_write(&again, &f);
	FUZZ_CHECK(again.length == length && (!length || !memcmp(again.text, bytes, length)));
	for (size_t i = 0; i < f.count; i++)
		FUZZ_CHECK(f.entries[i].text || f.entries[i].path || f.entries[i].name);
	freeze_sort(&f);
	strbuf_clear(&again);
	freeze_write(&again, &f);
	FUZZ_CHECK(again.length == length);
	return 0;
}
