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
	d->context = NULL;
	d->length = 0;
	sha256_begin(&d->running);
	if (sha256_is_there())
		return;
	d->context = EVP_MD_CTX_new();
	if (!d->context || EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1)
		abort(); /* no memory, or a libcrypto without SHA-256 */
}

static size_t count_rest(const struct digest *d)
{
	return (size_t)(d->length % SHA256_BLOCK_BYTES);
}

/* What lacks for a whole block, of at most `length` bytes. */
static size_t fill_rest(struct digest *d, const unsigned char *bytes, size_t length)
{
	size_t rest = count_rest(d), count = rest ? SHA256_BLOCK_BYTES - rest : 0;

	if (count > length)
		count = length;
	memcpy(d->rest + rest, bytes, count);
	d->length += count;
	if (count && !count_rest(d))
		sha256_blocks(&d->running, d->rest, 1);
	return count;
}

/* Behind whole blocks: fewer bytes than one. */
static void keep_rest(struct digest *d, const unsigned char *bytes, size_t length)
{
	memcpy(d->rest, bytes, length);
	d->length += length;
}

void digest_add(struct digest *d, const void *bytes, size_t length)
{
	if (!length)
		return;
	if (d->context) {
		if (EVP_DigestUpdate(d->context, bytes, length) != 1)
			abort();
		return;
	}
	size_t done = fill_rest(d, bytes, length), whole = (length - done) / SHA256_BLOCK_BYTES * SHA256_BLOCK_BYTES;
	const unsigned char *at = (const unsigned char *)bytes + done;

	if (done == length)
		return;
	sha256_blocks(&d->running, at, whole / SHA256_BLOCK_BYTES);
	d->length += whole;
	keep_rest(d, at + whole, length - done - whole);
}

void digest_add_both(struct digest *one, struct digest *other, const void *bytes, size_t length)
{
	size_t rest = count_rest(one), before = rest ? SHA256_BLOCK_BYTES - rest : 0;

	if (one->context || other->context || rest != count_rest(other) || length < before + SHA256_BLOCK_BYTES) {
		digest_add(one, bytes, length);
		digest_add(other, bytes, length);
		return;
	}
	const unsigned char *at = bytes;
	size_t whole = (length - before) / SHA256_BLOCK_BYTES * SHA256_BLOCK_BYTES;

	fill_rest(one, at, before);
	fill_rest(other, at, before);
	sha256_blocks_of_both(&one->running, &other->running, at + before, whole / SHA256_BLOCK_BYTES);
	one->length += whole;
	other->length += whole;
	keep_rest(one, at + before + whole, length - before - whole);
	keep_rest(other, at + before + whole, length - before - whole);
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

/* A bit, zeros, and the length in bits behind it bring the last block to its end. */
static void end_here(struct digest *d, unsigned char ret[DIGEST_HEX_LENGTH / 2])
{
	unsigned char last[2 * SHA256_BLOCK_BYTES] = {0};
	size_t rest = count_rest(d), length = rest + 9 > SHA256_BLOCK_BYTES ? sizeof(last) : SHA256_BLOCK_BYTES;
	uint64_t bits = d->length * 8;

	memcpy(last, d->rest, rest);
	last[rest] = 0x80;
	for (size_t i = 0; i < 8; i++)
		last[length - 1 - i] = (unsigned char)(bits >> (8 * i));
	sha256_blocks(&d->running, last, length / SHA256_BLOCK_BYTES);
	for (size_t i = 0; i < DIGEST_HEX_LENGTH / 2; i++)
		ret[i] = (unsigned char)(d->running.state[i / 4] >> (8 * (3 - i % 4)));
}

void digest_end(struct digest *d, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[DIGEST_HEX_LENGTH / 2];

	if (!d->context)
		end_here(d, bytes);
	else if (EVP_DigestFinal_ex(d->context, bytes, NULL) != 1)
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
