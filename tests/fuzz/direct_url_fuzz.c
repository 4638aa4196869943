/* A direct_url.json, and the same text as an address. */
#include "fuzz.h"

#include <string.h>

#include "python/direct_url.h"
#include "python/url.h"

static void try_address(struct arena *a, const char *text)
{
	struct url_parts parts, again;

	if (!url_split(a, text, &parts))
		return;
	const char *whole = url_unsplit(a, &parts), *bare = url_without_user(a, text);

	FUZZ_CHECK(bare && url_file_name(a, text) && url_join(a, text, "x/../y"));
	FUZZ_CHECK(!url_split(a, whole, &again) || !strcmp(parts.query, again.query));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf first = {0}, second = {0};
	struct direct_url u, again;

	try_address(&a, arena_strndup(&a, (const char *)bytes, length));
	if (direct_url_parse(&a, "fuzz", (const char *)bytes, length, &u, &err)) {
		FUZZ_CHECK(error_is_set(&err));
		return 0;
	}
	FUZZ_CHECK(*direct_url_requirement(&a, &u, "x"));
	direct_url_write(&first, &u);
	FUZZ_CHECK(strlen(strbuf_text(&first)) == first.length);
	/* Taking the user away can leave an address that is none, or no folder's. */
	if (direct_url_parse(&a, "fuzz", strbuf_text(&first), first.length, &u, &err))
		return 0;
	/* Now the hashes are in order. */
	direct_url_write(&second, &u);
	if (direct_url_parse(&a, "fuzz", strbuf_text(&second), second.length, &again, &err))
		return 0;
	FUZZ_CHECK(u.kind == again.kind && u.hash_count == again.hash_count && u.has_editable == again.has_editable);
	return 0;
}
