/* A shared object, of which only the names of libraries are read. */
#include "fuzz.h"

#include <string.h>

#include "io/elf.h"

struct bytes {
	const uint8_t *bytes;
	size_t length;
};

static int read_bytes(void *context, uint64_t at, void *bytes, size_t length, struct error *err)
{
	const struct bytes *b = context;

	(void)err;
	FUZZ_CHECK(at <= b->length && length <= b->length - at);
	memcpy(bytes, b->bytes + at, length);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct bytes b = {bytes, length};
	const struct elf_source source = {.read = read_bytes, .context = &b, .size_bytes = length};
	struct elf_names names;

	if (elf_read_names(&a, &source, &names, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INPUT);
		return 0;
	}
	FUZZ_CHECK(elf_is(bytes, length) && names.needed_count <= ELF_NEEDED_MAX);
	for (size_t i = 0; i < names.needed_count; i++)
		FUZZ_CHECK(names.needed[i] && strlen(names.needed[i]) < length);
	return 0;
}
