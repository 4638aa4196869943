/* RECORD of a wheel: an archive is made around the bytes. Its digest does not depend on the order of its rows where each is a line. */
#include <string.h>
#include <zlib.h>

#include "memory_file.h"
#include "python/wheel.h"

static const char name[] = "x-1.dist-info/RECORD";

static void add_number(struct strbuf *out, uint64_t number, unsigned bytes)
{
	for (; bytes; bytes--, number >>= 8)
		strbuf_add_char(out, (char)(number & 0xff));
}

/* What a member's header and its entry in the directory both say (PKWARE APPNOTE 4.3.7, 4.3.12). */
static void add_member(struct strbuf *out, const char *text, size_t length)
{
	add_number(out, 20, 2);
	add_number(out, 0, 8); /* no flags, stored, no time, no date */
	add_number(out, crc32(0, (const Bytef *)text, (uInt)length), 4);
	add_number(out, length, 4);
	add_number(out, length, 4);
	add_number(out, sizeof(name) - 1, 2);
	add_number(out, 0, 2);
}

static void add_archive(struct strbuf *out, const char *text, size_t length)
{
	strbuf_add(out, "PK\3\4");
	add_member(out, text, length);
	strbuf_add(out, name);
	strbuf_add_bytes(out, text, length);
	size_t directory = out->length;

	strbuf_add(out, "PK\1\2");
	add_number(out, 20, 2);
	add_member(out, text, length);
	add_number(out, 0, 14);
	strbuf_add(out, name);
	size_t end = out->length;

	strbuf_add(out, "PK\5\6");
	add_number(out, 0, 4);
	add_number(out, 1, 2);
	add_number(out, 1, 2);
	add_number(out, end - directory, 4);
	add_number(out, directory, 4);
	add_number(out, 0, 2);
}

static void digest_of(const char *text, size_t length, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf archive = {0};

	add_archive(&archive, text, length);
	autofd int fd = memory_file(archive.text, archive.length);

	FUZZ_CHECK(!wheel_record_digest(arena_printf(&a, "/proc/self/fd/%d", fd), ret_hex, &err) && digest_is_hex(ret_hex));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autostrbuf struct strbuf turned = {0};
	const char *text = (const char *)bytes;
	char first[DIGEST_HEX_LENGTH + 1], second[DIGEST_HEX_LENGTH + 1];

	digest_of(text, length, first);
	if (memchr(text, '"', length) || memchr(text, '\r', length) || !length || text[length - 1] != '\n')
		return 0;
	for (size_t end = length; end;) {
		size_t start = end - 1;

		while (start && text[start - 1] != '\n')
			start--;
		strbuf_add_bytes(&turned, text + start, end - start);
		end = start;
	}
	digest_of(turned.text, turned.length, second);
	FUZZ_CHECK(!strcmp(first, second));
	return 0;
}
