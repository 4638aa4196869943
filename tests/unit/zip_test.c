/* An archive that is put aside and taken up again: its members are still known, and another file in its place is seen. */
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "io/zip.h"
#include "io/zip_write.h"

/* "abc" and its end as a stored block. */
static void write_archive(const char *path, unsigned count)
{
	static const char stream[] = {1, 3, 0, (char)0xFC, (char)0xFF, 'a', 'b', 'c'};
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	autoerror struct error err = {0};
	char digest[DIGEST_HEX_LENGTH + 1];
	struct zip_write w;
	uint64_t bytes;

	zip_write_begin(&w, fd, path);
	for (unsigned i = 0; i < count; i++) {
		char name[] = "member0";

		name[6] = (char)('0' + i);
		assert_int_equal(zip_write_member(&w, name, stream, sizeof(stream), 3, 0x352441C2, &err), 0);
	}
	assert_int_equal(zip_write_end(&w, digest, &bytes, &err), 0);
	zip_write_release(&w);
}

TEST(an_archive_is_paused_and_resumed)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autozip struct zip z = ZIP_NONE;
	autostrbuf struct strbuf text = {0};
	struct zip_member m;
	bool found = false;
	char *folder;

	assert_int_equal(file_make_temp_dir(&a, ".", "zip-", &folder, &err), 0);
	const char *path = path_join(&a, folder, "one.zip"), *other = path_join(&a, folder, "other.zip");

	write_archive(path, 3);
	assert_int_equal(zip_open(&z, path, &err), 0);
	assert_int_equal(zip_count(&z), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(zip_next(&z, &m, &found, &err), 0);
		assert_true(found);
		zip_pause(&z);
		assert_int_equal(z.fd, -1);
		assert_int_equal(zip_resume(&z, &err), 0);
		assert_int_equal(zip_resume(&z, &err), 0);
	}
	m.name = "member2";
	assert_int_equal(zip_read(&z, &m, 10, &text, &err), 0);
	assert_string_equal(strbuf_text(&text), "abc");
	zip_pause(&z);
	write_archive(other, 3);
	assert_int_equal(file_rename(other, path, &err), 0);
	assert_int_equal(zip_resume(&z, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_int_equal(z.fd, -1);
	assert_int_equal(file_remove_tree(folder, &err), 0);
}
