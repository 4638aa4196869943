#include "io/base64.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/alloc.h"

void base64_add(struct strbuf *out, const void *bytes, size_t length)
{
	/* It writes a NUL behind the text. */
	char *room = strbuf_reserve(out, (length + 2) / 3 * 4 + 1);

	strbuf_commit(out, (size_t)EVP_EncodeBlock((unsigned char *)room, bytes, (int)length));
}

bool base64_decode(const char *text, struct strbuf *out)
{
	size_t length = strlen(text), bare = length;
	autofree char *padded = mem_alloc(length + 4);

	while (bare && text[bare - 1] == '=')
		bare--;
	if (length - bare > 2 || bare % 4 == 1 || length > 1 << 20)
		return false;
	memcpy(padded, text, bare);
	size_t padding = (4 - bare % 4) % 4;

	memset(padded + bare, '=', padding);
	int count = EVP_DecodeBlock((unsigned char *)strbuf_reserve(out, bare + 4), (unsigned char *)padded, (int)(bare + padding));

	if (count < 0)
		return false;
	strbuf_commit(out, (size_t)count - padding);
	return true;
}
