/* Names of images: refused with a reason, or parts that are valid and give a name that is read as the same parts. */
#include "image/reference.h"

#include <string.h>

#include "base/text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	const char *text = arena_strndup(&a, (const char *)bytes, length), *why = NULL;
	struct image_reference r, again;

	if (!image_reference_parse(&a, text, &r, &why)) {
		FUZZ_CHECK(why && *why);
		return 0;
	}
	FUZZ_CHECK(image_repository_is_valid(r.repository) && *r.registry && !strpbrk(r.registry, "/ \r\n@"));
	FUZZ_CHECK((!r.tag || image_tag_is_valid(r.tag)) && (!r.digest || image_digest_is_valid(r.digest)));
	FUZZ_CHECK(image_reference_parse(&a, image_reference_text(&a, &r), &again, &why));
	FUZZ_CHECK(text_equal(r.registry, again.registry) && text_equal(r.repository, again.repository) && text_equal(r.tag, again.tag) &&
		   text_equal(r.digest, again.digest));
	return 0;
}
