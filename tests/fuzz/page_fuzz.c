/* A page of an index, in both forms: what it names does not depend on the pieces it came in, and stays within its limits. */
#include "fuzz.h"

#include <string.h>

#include "python/page.h"
#include "io/digest.h"

static void on_file(void *context, const struct page_file *file)
{
	struct strbuf *seen = context;

	FUZZ_CHECK(*file->name && *file->link && !strchr(file->link, '#'));
	FUZZ_CHECK(!file->sha256 || digest_is_hex(file->sha256));
	strbuf_printf(seen, "%s|%s|%s\n", file->name, file->link, file->sha256 ? file->sha256 : "");
}

static bool read_in_pieces(const char *bytes, size_t length, bool is_json, size_t piece, struct strbuf *seen)
{
	struct page p = {.on_file = on_file, .context = seen, .is_json = is_json};

	for (size_t at = 0; at < length; at += piece)
		page_add(&p, bytes + at, length - at < piece ? length - at : piece);
	FUZZ_CHECK(p.text.length <= PAGE_TEXT_LIMIT_BYTES + 4 && p.depth <= PAGE_DEPTH_MAX);
	bool whole = page_end(&p);

	page_release(&p);
	return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	for (int form = 0; form < 2; form++) {
		autostrbuf struct strbuf whole = {0}, pieces = {0};
		bool first = read_in_pieces((const char *)bytes, length, form, length + 1, &whole);
		bool second = read_in_pieces((const char *)bytes, length, form, 1, &pieces);

		FUZZ_CHECK(first == second && !strcmp(strbuf_text(&whole), strbuf_text(&pieces)));
	}
	return 0;
}
