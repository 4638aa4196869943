#include "fetch/store.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "unit.h"

static const char text[] = "what is kept";
static char digest[DIGEST_HEX_LENGTH + 1];

static void open_store(struct arena *a)
{
	struct error err = {0};
	char *folder;

	assert_int_equal(file_make_temp_dir(a, ".", "store-", &folder, &err), 0);
	folder = realpath(folder, NULL);
	setenv("LOCKSTEP_CACHE", folder, 1);
	free(folder);
	digest_bytes(text, strlen(text), digest);
}

static void put(struct store_partial *p, const char *bytes)
{
	struct error err = {0};

	assert_int_equal(store_partial_open(p, digest, &err), 0);
	assert_int_equal(store_partial_write(p, bytes, strlen(bytes), &err), 0);
}

TEST(a_file_gets_in_whole_and_read_only)
{
	autoarena struct arena a = {0};
	struct error err = {0};
	struct store_partial p = {0};
	struct stat st;

	open_store(&a);
	assert_false(store_has(digest, -1));
	put(&p, text);
	assert_false(store_has(digest, -1));
	assert_int_equal(store_partial_check(&p, &err), 0);
	assert_int_equal(store_sync(&p, &err), 0);
	assert_int_equal(store_partial_commit(&p, &err), 0);
	assert_null(p.path);
	assert_true(store_has(digest, -1));
	assert_true(store_has(digest, (int64_t)strlen(text)));
	assert_false(store_has(digest, 3));
	assert_int_equal(stat(store_path(&a, digest), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	assert_int_equal(store_check(digest, &err), 0);
}

TEST(wrong_bytes_do_not_get_in)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct store_partial p = {0};

	open_store(&a);
	put(&p, "something else");
	assert_int_equal(store_partial_check(&p, &err), -1);
	assert_int_equal(err.code, ERR_DIGEST);
	assert_non_null(strstr(err.text, digest));
	assert_int_equal(p.length, 0);
	assert_int_equal(store_partial_write(&p, text, strlen(text), &err), 0);
	assert_int_equal(store_partial_check(&p, &err), 0);
	assert_int_equal(store_partial_commit(&p, &err), 0);
	assert_int_equal(store_check(digest, &err), 0);
}

TEST(a_piece_is_gone_on_with)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct store_partial p = {0}, second = {0};

	open_store(&a);
	put(&p, "what ");
	assert_int_equal(store_partial_open(&second, digest, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	store_partial_close(&p);
	put(&second, "is kept");
	assert_int_equal(second.length, strlen(text));
	assert_int_equal(store_partial_check(&second, &err), 0);
	store_partial_discard(&second);
	assert_int_equal(store_partial_open(&p, digest, &err), 0);
	assert_int_equal(p.length, 0);
	store_partial_close(&p);
}

TEST(a_file_that_rotted_is_found)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct store_partial p = {0};

	open_store(&a);
	put(&p, text);
	assert_int_equal(store_partial_check(&p, &err), 0);
	assert_int_equal(store_partial_commit(&p, &err), 0);
	assert_int_equal(file_write(store_path(&a, digest), "What is kept", strlen(text), &err), 0);
	assert_int_equal(store_check(digest, &err), -1);
	assert_int_equal(err.code, ERR_DIGEST);
	assert_int_equal(unlink(store_path(&a, digest)), 0);
	assert_int_equal(store_check(digest, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

TEST(files_of_this_machine_are_copied_in)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};

	open_store(&a);
	assert_int_equal(file_write("right", text, strlen(text), &err), 0);
	assert_int_equal(file_write("wrong", "x", 1, &err), 0);
	assert_int_equal(store_add_file("wrong", digest, &err), -1);
	assert_int_equal(err.code, ERR_DIGEST);
	assert_false(store_has(digest, -1));
	assert_int_equal(store_add_file("right", digest, &err), 0);
	assert_int_equal(store_check(digest, &err), 0);
	assert_int_equal(store_add_file("missing", digest, &err), -1);
	assert_true(store_free_bytes() > 0);
}
