/* An http address, as libcurl is given it: nothing of it can end a header line, and what is read of it is read again the same. */
#include "io/http_url.h"

#include <string.h>

#include "base/arena.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	const char *text = arena_strndup(&a, (const char *)bytes, length);
	struct http_url u, again;

	if (!http_url_parse(text, &u))
		return 0;
	FUZZ_CHECK(!strcmp(u.scheme, "http") || !strcmp(u.scheme, "https"));
	FUZZ_CHECK(*u.host && *u.port && u.plain && !strchr(u.plain, '\n') && !strchr(u.plain, '\r') && !strchr(u.plain, '#'));
	FUZZ_CHECK(http_url_same_origin(&u, &u) && http_url_in_hosts(&u, (const char *const[]){u.host, NULL}));
	FUZZ_CHECK(http_url_parse(u.plain, &again) && http_url_same_origin(&u, &again) && !again.user && !again.password && !strcmp(u.plain, again.plain));
	http_url_release(&again);
	http_url_release(&u);
	return 0;
}
