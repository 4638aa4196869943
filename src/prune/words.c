#include "prune/words.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "io/digest.h"

static bool is_alnum(const char *text, size_t length, size_t at)
{
	return at < length && isalnum((unsigned char)text[at]);
}

static bool is_digit(const char *text, size_t length, size_t at)
{
	return at < length && text[at] >= '0' && text[at] <= '9';
}

/* The length of "v0.12" at `at`, or 0. */
static size_t release_length(const char *text, size_t length, size_t at)
{
	size_t end = at + 1;

	if (text[at] != 'v' || !is_digit(text, length, end))
		return 0;
	while (is_digit(text, length, end) || (end < length && text[end] == '.' && is_digit(text, length, end + 1)))
		end++;
	return end - at;
}

static void tell_release(const char *text, size_t length, const struct words_found *found)
{
	autofree char *name = mem_strndup(text, length);

	found->on_release(found->context, name);
}

void words_find(const char *text, size_t length, const struct words_found *found)
{
	char hex[DIGEST_HEX_LENGTH + 1] = "";

	for (size_t at = 0; at < length; at++) {
		if (!is_alnum(text, length, at) || (at && is_alnum(text, length, at - 1)))
			continue;
		size_t release = found->on_release ? release_length(text, length, at) : 0;

		if (release)
			tell_release(text + at, release, found);
		if (!found->on_digest || length - at < DIGEST_HEX_LENGTH || is_alnum(text, length, at + DIGEST_HEX_LENGTH))
			continue;
		memcpy(hex, text + at, DIGEST_HEX_LENGTH);
		if (digest_is_hex(hex))
			found->on_digest(found->context, hex);
	}
}
