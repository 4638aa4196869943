#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "io/charset.h"
#include "python/requirement_file.h"

/* Files by place, ended by NULL. */
static int open_known(void *context, const char *place, struct strbuf *out, bool *ret_decoded, struct error *err)
{
	const char *const *files = context;

	for (; *files; files += 2)
		if (!strcmp(files[0], place)) {
			strbuf_add(out, files[1]);
			*ret_decoded = *place != '/';
			return 0;
		}
	return error_set(err, ERR_NOT_FOUND, "it is not there");
}

/* "file:line text" for each line, or all problems. */
static void reads_as(const char *const *files, const char *expected)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf out = {0};
	struct requirement_source source = {.open = open_known, .context = (void *)files, .folder = "/p"};
	struct requirement_file *f = requirement_file_read(&a, "r.txt", false, &source, &d);

	for (size_t i = 0; f && i < f->line_count; i++)
		strbuf_printf(&out, "%s:%u%s %s\n", f->lines[i].pos.file, f->lines[i].pos.line, f->lines[i].is_constraint ? " c" : "",
			      f->lines[i].text ? f->lines[i].text : "-");
	diag_sort(&d);
	for (size_t i = 0; i < d.problem_count; i++)
		strbuf_printf(&out, "%s:%u: %s\n", d.problems[i].pos.file, d.problems[i].pos.line, d.problems[i].text);
	assert_string_equal(strbuf_text(&out), expected);
}

static void one_reads_as(const char *text, const char *expected)
{
	const char *const files[] = {"/p/r.txt", text, NULL};

	reads_as(files, expected);
}

TEST(lines_are_joined_and_comments_dropped)
{
	one_reads_as("a\\\n  >=1 # x\n\n# c \\\nb # c\nc#d\n  d\\\n", "r.txt:1 a  >=1\nr.txt:5 b\nr.txt:6 c#d\nr.txt:7 d\n");
	one_reads_as("a\\\n# c\nb\r\nc\vd\xe2\x80\xa8"
		     "e\xc2\x85"
		     "f",
		     "r.txt:1 a\nr.txt:3 b\nr.txt:4 c\nr.txt:5 d\nr.txt:6 e\nr.txt:7 f\n");
	one_reads_as("a --hash=sha256:1 \\\n  --hash 'sha384:2'\n-e ./x\n--pre --no-index\n", "r.txt:1 a\nr.txt:3 ./x\nr.txt:4 -\n");
}

TEST(files_name_files)
{
	const char *const files[] = {"/p/r.txt",
				     "-r s/a.txt\n-c c.txt\n-r http://h/x/y.txt\n",
				     "/p/s/a.txt",
				     "a\n-r ../b.txt",
				     "/p/b.txt",
				     "b",
				     "/p/c.txt",
				     "c\n-r b.txt\n",
				     "http://h/x/y.txt",
				     "-r z.txt",
				     "http://h/x/z.txt",
				     "z",
				     NULL};

	reads_as(files, "/p/s/a.txt:1 a\n/p/b.txt:1 b\n/p/c.txt:1 c c\n/p/b.txt:1 b\nhttp://h/x/z.txt:1 z\n");
}

TEST(paths_at_the_root_are_paths)
{
	const char *const files[] = {"/p/r.txt", "-r /b.txt\n-r //c.txt\n", "/b.txt", "-r d.txt\n", "/d.txt", "d", "//c.txt", "c", NULL};
	const char *const folder[] = {"/p/r.txt", "-r ..\n", NULL};

	reads_as(files, "/d.txt:1 d\n//c.txt:1 c\n");
	reads_as(folder, "r.txt:1: cannot read '/': it is not there\n");
}

TEST(mistakes_stand_at_their_lines)
{
	const char *const files[] = {"/p/r.txt", "-r a.txt\n-c missing.txt\n--hash=md5:1\n", "/p/a.txt", "-r r.txt\n\n-c ./a.txt\n", NULL};

	reads_as(files, "/p/a.txt:1: 'r.txt' includes itself\n/p/a.txt:3: './a.txt' includes itself\nr.txt:2: cannot read '/p/missing.txt': it is not there\n"
			"r.txt:3: --hash needs 'sha256:', 'sha384:' or 'sha512:' and a digest\n");
	one_reads_as(
		"a --hash\n--requir x\n--require\n--x\n-x\n--no-index=1\na -C x\n--use-feature=x\n--no-binary=-x\n-e 'x\n-e \"x\\",
		"r.txt:1: option '--hash' needs a value\nr.txt:2: option '--requir' could be '--requirement' or '--require-hashes'\n"
		"r.txt:3: option '--require' could be '--requirement' or '--require-hashes'\nr.txt:4: there is no option '--x' in requirement files\n"
		"r.txt:5: there is no option '-x' in requirement files\nr.txt:6: option '--no-index' takes no value\nr.txt:7: --config-settings needs KEY=VALUE\n"
		"r.txt:8: --use-feature names none that pip has\nr.txt:9: an option stands where names of packages are wanted\n"
		"r.txt:10: a quote or a backslash is not ended\nr.txt:11: a quote or a backslash is not ended\n");
	one_reads_as("--hash=sha256:1\n", "r.txt:1 -\nr.txt:1: --hash stands without a requirement, and says nothing\n");
	one_reads_as("\xff\n", "r.txt:0: cannot read 'r.txt': byte 1 is not valid in its encoding\n");
	one_reads_as("# coding: rot13\n", "r.txt:0: cannot read 'r.txt': it says that it is in 'rot13', which is no encoding known here\n");
	one_reads_as("\xff\xfe"
		     "a",
		     "r.txt:0: cannot read 'r.txt': byte 1 is not valid in its encoding\n");
}

TEST(addresses_that_cannot_be_joined_are_told)
{
	const char *const files[] = {"/p/r.txt", "-r http://h/x\n", "http://h/x", "-r http://[\n", NULL};

	reads_as(files, "http://h/x:1: cannot tell where 'http://[' is\n");
}

TEST(what_lines_come_to)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	const char *const files[] = {
		"/p/r.txt",
		"-i https://a --extra-index-url https://b -f x -f y --trusted-host h\n-f z --use-feature=fast-deps --use-feature=fast-deps --no-require-hashes\n"
		"x --only-binary=:all: -C a=1 -C b=2 -C a=3\n--no-binary=X_y,:none:,z --prefer-binary --require-hashes --pre\n",
		NULL};
	struct requirement_source source = {.open = open_known, .context = (void *)files, .folder = "/p"};
	struct requirement_file *f = requirement_file_read(&a, "r.txt", true, &source, &d);

	assert_non_null(f);
	assert_false(f->default_index);
	assert_int_equal(f->index_urls.count, 2);
	assert_string_equal(f->find_links.items[0], "x");
	assert_string_equal(f->find_links.items[1], "z");
	assert_string_equal(f->find_links_from.items[1], "r.txt");
	assert_int_equal(f->features.count, 1);
	assert_string_equal(f->binary.on.items[0], ":all:");
	assert_string_equal(f->binary.off.items[0], "z");
	assert_string_equal(f->releases.on.items[0], ":all:");
	assert_true(f->prefer_binary && f->require_hashes && f->no_require_hashes && !f->no_index);
	assert_int_equal(f->lines[2].options.setting_count, 2);
	assert_string_equal(f->lines[2].options.settings[0].values.items[1], "3");
	assert_string_equal(f->lines[2].requirement->name, "x");
}

static int open_itself_deeper(void *context, const char *place, struct strbuf *out, bool *ret_decoded __attribute__((unused)),
			      struct error *err __attribute__((unused)))
{
	const char *form = context;

	(void)place;
	strbuf_add(out, form);
	return 0;
}

static void limit_is(const char *form, const char *expected)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	struct requirement_source source = {.open = open_itself_deeper, .context = (void *)form, .folder = "/p"};

	assert_null(requirement_file_read(&a, "r.txt", false, &source, &d));
	assert_string_equal(d.problems[0].text, expected);
}

static int open_bytes(void *context, const char *place, struct strbuf *out, bool *ret_decoded, struct error *err __attribute__((unused)))
{
	const struct strbuf *bytes = context;

	strbuf_add_bytes(out, strbuf_text(bytes), bytes->length);
	*ret_decoded = *place != '/';
	return 0;
}

static void bytes_are_refused(const char *path, const char *bytes, size_t length, const char *expected)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf text = {0};
	struct requirement_source source = {.open = open_bytes, .context = &text, .folder = "/p"};

	strbuf_add_bytes(&text, bytes, length);
	assert_null(requirement_file_read(&a, path, false, &source, &d));
	assert_string_equal(d.problems[0].text, expected);
}

TEST(bytes_that_are_no_text_are_refused)
{
	bytes_are_refused("/r.txt", "a\0b", 3, "cannot read '/r.txt': it holds a NUL");
	bytes_are_refused("http://h/r.txt", "\xff", 1, "cannot read 'http://h/r.txt': byte 1 is not valid in its encoding");
	bytes_are_refused("/r.txt", "# coding: \0\n\xff", 13, "cannot read '/r.txt': byte 13 is not valid in its encoding");
}

TEST(files_that_never_end_are_bounded)
{
	autostrbuf struct strbuf many = {0};

	limit_is("-r s/r.txt\n", "files stand in files deeper than 100 times");
	limit_is("-r s/r.txt\n-r t/r.txt\n", "files stand in files deeper than 100 times");
	strbuf_add(&many, "a ");
	for (int i = 0; i <= 1001; i++)
		strbuf_printf(&many, "-C k%d=v ", i);
	limit_is(strbuf_text(&many), "too many --config-settings stand on one line");
	strbuf_clear(&many);
	for (int i = 0; i <= REQUIREMENT_LINE_LIMIT; i++)
		strbuf_add(&many, "-\n");
	limit_is(strbuf_text(&many), "it comes to more than 100000 lines");
	strbuf_clear(&many);
	strbuf_add(&many, "--no-binary=");
	for (int i = 0; i <= 20000; i++)
		strbuf_printf(&many, "p%d,", i);
	limit_is(strbuf_text(&many), "too many packages are named");
	strbuf_clear(&many);
	for (int i = 0; i <= 20000; i++)
		strbuf_printf(&many, "%sp%d,", i == 0 || i == 15000 ? "\n--no-binary=" : "", i);
	limit_is(strbuf_text(&many), "too many packages are named");
	strbuf_clear(&many);
	strbuf_add_repeat(&many, '#', REQUIREMENT_BYTES_LIMIT / 2);
	strbuf_add(&many, "\n-r a\n-r b\n");
	limit_is(strbuf_text(&many), "the files are larger than 67108864 bytes together");
}

TEST(only_files_inside_the_root_are_opened)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf out = {0};
	char *folder, *root;
	bool decoded = false;

	assert_int_equal(file_make_temp_dir(&a, ".", "root", &folder, &err), 0);
	autofree char *here = realpath(folder, NULL);

	root = path_join(&a, here, "r");
	assert_int_equal(mkdir(root, 0700), 0);
	assert_int_equal(file_write(path_join(&a, root, "in.txt"), "in", 2, &err), 0);
	assert_int_equal(file_write(path_join(&a, here, "out.txt"), "out", 3, &err), 0);
	assert_int_equal(symlink("../out.txt", path_join(&a, root, "link.txt")), 0);

	struct requirement_root inside = {root, 1000};

	assert_int_equal(requirement_root_open(&inside, path_join(&a, root, "in.txt"), &out, &decoded, &err), 0);
	strbuf_clear(&out);
	inside.root = "/";
	assert_int_equal(requirement_root_open(&inside, path_join(&a, root, "in.txt"), &out, &decoded, &err), 0);
	strbuf_clear(&out);
	inside.root = arena_printf(&a, "%s//", root);

	assert_int_equal(requirement_root_open(&inside, path_join(&a, root, "in.txt"), &out, &decoded, &err), 0);
	assert_string_equal(strbuf_text(&out), "in");
	assert_int_equal(requirement_root_open(&inside, path_join(&a, here, "out.txt"), &out, &decoded, &err), -1);
	assert_int_equal(requirement_root_open(&inside, path_join(&a, root, "link.txt"), &out, &decoded, &err), -1);
	assert_int_equal(requirement_root_open(&inside, arena_printf(&a, "%sx/in.txt", root), &out, &decoded, &err), -1);
	assert_int_equal(requirement_root_open(&inside, "file:///etc/passwd", &out, &decoded, &err), -1);
	assert_false(decoded);
	assert_int_equal(file_remove_tree(here, &err), 0);
}

TEST(tables_longer_than_one_step_are_decoded)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf bytes = {0}, out = {0};
	const char *table;
	enum charset set;

	assert_true(charset_find("Windows-1252", &set, &table));
	strbuf_add_repeat(&bytes, '\x80', 5000);
	assert_int_equal(charset_decode(set, table, strbuf_text(&bytes), bytes.length, &out, &err), 0);
	assert_int_equal(out.length, 15000);
	strbuf_add_char(&bytes, '\x81');
	assert_int_equal(charset_decode(set, table, strbuf_text(&bytes), bytes.length, &out, &err), -1);
	assert_string_equal(err.text, "byte 5001 is not valid in its encoding");
	assert_false(charset_find("", &set, &table));
	assert_false(charset_find("usxascii", &set, &table));
	assert_true(charset_find("{utf-8}", &set, &table));
	assert_int_equal(charset_decode(CHARSET_UTF_16_LE, NULL,
					"\0\xd8"
					"a\0",
					4, &out, &err),
			 -1);
}
