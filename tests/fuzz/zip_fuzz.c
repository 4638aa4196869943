/* A zip archive: refused, or each member is what the directory says of it; and what RECORD and METADATA in it say. */
#include "io/zip.h"

#include <string.h>
#include <zlib.h>

#include "memory_file.h"
#include "python/wheel.h"

enum { MEMBER_LIMIT_BYTES = 1 << 20 };

static void read_members(const char *path)
{
	autozip struct zip z = ZIP_NONE;
	autoerror struct error err = {0};
	struct zip_member member;
	bool found = true;

	if (zip_open(&z, path, &err)) {
		FUZZ_CHECK(err.code == ERR_INPUT);
		return;
	}
	while (!zip_next(&z, &member, &found, &err) && found) {
		autoerror struct error of_member = {0};
		autostrbuf struct strbuf out = {0};

		if (zip_read(&z, &member, MEMBER_LIMIT_BYTES, &out, &of_member))
			FUZZ_CHECK(of_member.code == ERR_INPUT && out.length <= MEMBER_LIMIT_BYTES + 65536);
		else
			FUZZ_CHECK(out.length == member.size_bytes && crc32(0, (const Bytef *)strbuf_text(&out), (uInt)out.length) == member.crc);
	}
	FUZZ_CHECK(!found || err.code == ERR_INPUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autofd int fd = memory_file(bytes, length);
	const char *path = arena_printf(&a, "/proc/self/fd/%d", fd);
	autoerror struct error err = {0};
	char first[DIGEST_HEX_LENGTH + 1] = "", second[DIGEST_HEX_LENGTH + 1] = "";

	read_members(path);
	if (wheel_record_digest(path, first, &err)) {
		FUZZ_CHECK(err.code == ERR_INPUT);
		return 0;
	}
	FUZZ_CHECK(!wheel_record_digest(path, second, &err) && digest_is_hex(first) && !strcmp(first, second));
	return 0;
}
