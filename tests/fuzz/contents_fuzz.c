/* An archive: its members read in pieces beside the same read at once; and what it puts where as a wheel, with its shared objects. */
#include "fuzz.h"

#include <string.h>

#include "base/alloc.h"
#include "io/zip.h"
#include "memory_file.h"
#include "python/wheel_contents.h"

/* What is read piece by piece, forward and back, are the same bytes as those that are read at once. */
static void try_pieces(struct zip *z, const struct zip_member *member)
{
	autostrbuf struct strbuf whole = {0};
	autoerror struct error err = {0}, late = {0};
	struct zip_stream *stream = NULL;
	bool is_whole = zip_read(z, member, 1 << 20, &whole, &err) == 0;
	unsigned char bytes[100];

	if (zip_stream_open(z, member, &stream, &late) < 0) {
		FUZZ_CHECK(!is_whole && late.code == ERR_INPUT);
		return;
	}
	for (size_t round = 0; is_whole && round < 12; round++) {
		size_t at = whole.length * (round * 5 % 12) / 12, left = whole.length - at, length = left < sizeof(bytes) ? left : sizeof(bytes);

		FUZZ_CHECK(zip_stream_read(stream, at, bytes, length, &late) == 0 && (!length || !memcmp(bytes, whole.text + at, length)));
	}
	FUZZ_CHECK(zip_stream_read(stream, member->size_bytes, bytes, 1, &late) < 0 && late.code == ERR_INPUT);
	zip_stream_close(stream);
}

static void try_members(const char *path)
{
	autoerror struct error err = {0};
	autozip struct zip z = ZIP_NONE;
	struct zip_member member;
	bool found = true;

	if (zip_open(&z, path, &err) < 0)
		return;
	for (int i = 0; i < 20 && zip_next(&z, &member, &found, &err) == 0 && found; i++)
		try_pieces(&z, &member);
}

static void try_contents(struct arena *a, const char *path)
{
	autoerror struct error err = {0}, other = {0};
	struct wheel_contents files, objects;

	if (wheel_files_read(a, path, &files, &err) < 0)
		FUZZ_CHECK(err.code == ERR_INPUT);
	else
		for (size_t i = 1; i < files.file_count; i++)
			FUZZ_CHECK(strcmp(files.files[i - 1].path, files.files[i].path) < 0);
	if (wheel_objects_read(a, path, &objects, &other) < 0)
		FUZZ_CHECK(other.code == ERR_INPUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autofd int fd = memory_file(bytes, length);
	const char *path = arena_printf(&a, "/proc/self/fd/%d", fd);

	try_members(path);
	try_contents(&a, path);
	return 0;
}
