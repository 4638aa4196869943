/* A wheel made into a layer, packed both ways: refused with its name, or an archive of plain paths in the folders that are for it, sorted, each once, that zlib
   unpacks to what the digests say. Tried as it is, and with the checksums of its members made right, as else little would come far. */
#include "fuzz.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layer/layer.h"
#include "memory_file.h"

enum { PLAIN_LIMIT_BYTES = 64 << 20, CRC_AT = 16, TAR_BYTES = 512 };

static const struct install_place place = {.purelib = "/opt/venv/lib/pure",
					   .platlib = "/opt/venv/lib/plat",
					   .scripts = "/opt/venv/bin",
					   .data = "/opt/venv",
					   .headers = "/opt/venv/include",
					   .python = "/opt/venv/bin/python",
					   .version = "3.11"};

static void read_whole(int fd, struct strbuf *out)
{
	off_t size = lseek(fd, 0, SEEK_END);

	FUZZ_CHECK(size >= 0 && pread(fd, strbuf_reserve(out, (size_t)size + 1), (size_t)size, 0) == (ssize_t)size);
	strbuf_commit(out, (size_t)size);
}

/* All members of a gzip file, one behind the other. */
static void gunzip(const struct strbuf *packed, struct strbuf *plain)
{
	z_stream z = {.next_in = (unsigned char *)packed->text, .avail_in = (unsigned)packed->length};

	FUZZ_CHECK(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK);
	while (z.avail_in) {
		z.next_out = (unsigned char *)strbuf_reserve(plain, 65536);
		z.avail_out = 65536;
		int status = inflate(&z, Z_NO_FLUSH);

		FUZZ_CHECK(status == Z_OK || status == Z_STREAM_END);
		strbuf_commit(plain, 65536 - z.avail_out);
		if (status == Z_STREAM_END)
			inflateReset(&z);
	}
	inflateEnd(&z);
}

static void check_path(const char *path, const char *before)
{
	FUZZ_CHECK(!strcmp(path, "opt/") || text_starts_with(path, "opt/venv/"));
	FUZZ_CHECK(!strstr(path, "/../") && !text_ends_with(path, "/..") && !strstr(path, "//") && text_is_utf8(path, strlen(path)));
	for (const char *p = path; *p; p++)
		FUZZ_CHECK((unsigned char)*p >= 32 && *p != 127);
	(void)before;
}

/* Headers as tar.c writes them: the path in one or two fields, or in a pax header before. */
static void check_tar(struct arena *a, const struct strbuf *tar, const struct layer_made *layer)
{
	const char *longer = NULL, *before = NULL;
	size_t at = 0, files = 0;

	for (; at + TAR_BYTES <= tar->length && tar->text[at]; at += TAR_BYTES) {
		const char *h = tar->text + at;
		const char *path = h[345] ? arena_printf(a, "%.155s/%.100s", h + 345, h) : arena_printf(a, "%.100s", h);
		uint64_t size = strtoull(arena_strndup(a, h + 124, 12), NULL, 8);

		at += (size + TAR_BYTES - 1) / TAR_BYTES * TAR_BYTES;
		FUZZ_CHECK(at + TAR_BYTES <= tar->length);
		if (h[156] == 'x') {
			const char *begin = strstr(h + TAR_BYTES, " path=") + 6;

			longer = arena_strndup(a, begin, strcspn(begin, "\n"));
			continue;
		}
		FUZZ_CHECK(h[156] == '0' || h[156] == '5');
		path = longer ? longer : path;
		longer = NULL;
		check_path(path, before);
		FUZZ_CHECK(!before || strcmp(before, path) != 0);
		before = path;
		files += h[156] == '0';
	}
	FUZZ_CHECK(at + 2 * TAR_BYTES == tar->length && files == layer->file_count);
}

static bool try_layer(const char *path, enum layer_packing packing, struct layer_made *ret)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autofd int out = memory_file("", 0);
	struct layer_wheel wheel = {.path = path, .sha256 = "", .options = {.file_name = "x-1-py3-none-any.whl", .name = "x", .is_requested = true}};
	struct layer_request request = {.wheels = &wheel, .wheel_count = 1, .place = &place, .packing = packing};

	if (layer_write(&request, out, "layer", ret, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INPUT && strstr(err.text, "x-1-py3-none-any.whl") && !strchr(err.text, '\n') && !strchr(err.text, 27));
		return false;
	}
	if (packing == LAYER_GZIP && ret->plain_bytes < PLAIN_LIMIT_BYTES) {
		autostrbuf struct strbuf packed = {0}, plain = {0};
		char digest[DIGEST_HEX_LENGTH + 1], diff_id[DIGEST_HEX_LENGTH + 1];

		read_whole(out, &packed);
		gunzip(&packed, &plain);
		digest_bytes(packed.text, packed.length, digest);
		digest_bytes(plain.text, plain.length, diff_id);
		FUZZ_CHECK(!strcmp(digest, ret->digest) && !strcmp(diff_id, ret->diff_id) && packed.length == ret->packed_bytes &&
			   plain.length == ret->plain_bytes);
		check_tar(&a, &plain, ret);
	}
	return true;
}

/* Writes into the directory what the checksums of its members would have to be. */
static void repair(unsigned char *bytes, const char *path)
{
	autozip struct zip z = ZIP_NONE;
	autoerror struct error err = {0};
	struct zip_member m;
	bool found = true;

	if (zip_open(&z, path, &err) < 0)
		return;
	for (uint64_t at = z.next_at; zip_next(&z, &m, &found, &err) == 0 && found; at = z.next_at) {
		autostrbuf struct strbuf plain = {0};
		autoerror struct error of_member = {0};

		/* It fails where the checksum is wrong, and has the bytes then. */
		if (zip_read(&z, &m, 1 << 20, &plain, &of_member) < 0 && plain.length == m.size_bytes) {
			uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)strbuf_text(&plain), plain.length);

			for (unsigned i = 0; i < 4; i++)
				bytes[at + CRC_AT + i] = (unsigned char)(crc >> (8 * i));
		}
	}
}

static void try_both(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autofd int fd = memory_file(bytes, length);
	const char *path = arena_printf(&a, "/proc/self/fd/%d", fd);
	struct layer_made gzip, zstd;
	bool is_taken = try_layer(path, LAYER_GZIP, &gzip);

	FUZZ_CHECK(try_layer(path, LAYER_ZSTD, &zstd) == is_taken);
	FUZZ_CHECK(!is_taken || (!strcmp(gzip.diff_id, zstd.diff_id) && gzip.installed_bytes == zstd.installed_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autofree unsigned char *copy = mem_alloc(length + 1);
	autofd int fd = memory_file(bytes, length);

	try_both(bytes, length);
	memcpy(copy, bytes, length);
	repair(copy, arena_printf(&a, "/proc/self/fd/%d", fd));
	if (memcmp(copy, bytes, length) != 0)
		try_both(copy, length);
	return 0;
}
