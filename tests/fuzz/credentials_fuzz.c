/* auth.json and config.json of the engines, and the answer of a credential helper: what stands before the first NUL is the file, what follows the answer. Refused with a
   reason, or credentials that are whole. */
#include "registry/credentials.h"

#include <string.h>

#include "memory_file.h"

static void check(const struct credentials *c)
{
	FUZZ_CHECK(!c->user == !c->password);
	FUZZ_CHECK(c->from || (!c->user && !c->identity_token));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0}, other = {0};
	const uint8_t *cut = memchr(bytes, 0, length);
	size_t first = cut ? (size_t)(cut - bytes) : length, rest = cut ? length - first - 1 : 0;
	autofd int file = memory_file(bytes, first);
	const char *answer = arena_strndup(&a, cut ? (const char *)cut + 1 : "", rest);
	struct credentials found = {0}, helped = {0};

	setenv("REGISTRY_AUTH_FILE", arena_printf(&a, "/proc/self/fd/%d", file), 1);
	/* No helper is there. */
	setenv("PATH", "/nonexistent", 1);
	if (credentials_find(&a, "registry.example:5000", "team/ci-cpu", &found, &err) < 0)
		FUZZ_CHECK(error_is_set(&err) && *err.text);
	else
		check(&found);
	if (credentials_read_helper(&a, "docker-credential-x", answer, rest, &helped, &other) < 0)
		FUZZ_CHECK(error_is_set(&other) && *other.text);
	else
		check(&helped);
	return 0;
}
