#include "io/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/file.h"

void digest_begin(struct digest *d)
{
	d->context = EVP_MD_CTX_new();
	if (!d->context || EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1)
		abort(); /* no memory, or a libcrypto without SHA-256 */
}

void digest_add(struct digest *d, const void *bytes, size_t length)
{
	if (length && EVP_DigestUpdate(d->context, bytes, length) != 1)
		abort();
}

void digest_add_part(struct digest *d, const char *text)
{
	uint64_t length = text ? strlen(text) : UINT64_MAX;
	unsigned char prefix[8];

	for (size_t i = 0; i < sizeof(prefix); i++)
		prefix[i] = (unsigned char)(length >> (8 * i));
	digest_add(d, prefix, sizeof(prefix));
	if (text)
		digest_add(d, text, (size_t)length);
}

void digest_end(struct digest *d, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[DIGEST_HEX_LENGTH / 2];

	if (EVP_DigestFinal_ex(d->context, bytes, NULL) != 1)
		abort();
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_hex[DIGEST_HEX_LENGTH] = '\0';
	digest_drop(d);
}

void digest_drop(struct digest *d)
{
	EVP_MD_CTX_free(d->context);
	d->context = NULL;
}

void digest_bytes(const void *bytes, size_t length, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	struct digest d;

	digest_begin(&d);
	digest_add(&d, bytes, length);
	digest_end(&d, ret_hex);
}

int digest_file(const char *path, char ret_hex[DIGEST_HEX_LENGTH + 1], struct error *err)
{
	enum { CHUNK = 128 * 1024 };
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	autofree unsigned char *chunk = mem_alloc(CHUNK);
	struct digest d;

	if (fd < 0)
		return error_errno(err, "cannot read '%s'", path);
	digest_begin(&d);
	for (;;) {
		ssize_t got = read(fd, chunk, CHUNK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			digest_drop(&d);
			return error_errno(err, "cannot read '%s'", path);
		}
		if (!got)
			break;
		digest_add(&d, chunk, (size_t)got);
	}
	digest_end(&d, ret_hex);
	return 0;
}

bool digest_is_hex(const char *text)
{
	return strlen(text) == DIGEST_HEX_LENGTH && strspn(text, "0123456789abcdef") == DIGEST_HEX_LENGTH;
}
