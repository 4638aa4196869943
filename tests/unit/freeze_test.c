#include "unit.h"

#include "python/freeze.h"

static const char all[] = "## !! Could not determine repository location\n"
			  "-e /b\n"
			  "a==1.0\n"
			  "# Editable install with no version control (c==2.0)\n"
			  "-e /c\n"
			  "d @ git+https://h/d@0123#subdirectory=s\n"
			  "# Editable Git install (e===x) with either a deleted local remote or invalid URI:\n"
			  "# '/gone'\n"
			  "-e /e\n"
			  "f @ https://h/f.zip#sha256=0&subdirectory=s\n"
			  "-e git://h/g@1#egg=g_g&subdirectory=s\n"
			  "# Editable Mercurial install with no remote (h==1)\n"
			  "-e /h\n"
			  "i @ file:///i\n"
			  "-e hg+https://h/j@1#egg=j\n"
			  "-r x.txt\n"
			  "\n"
			  " what is this\n"
			  "k==1 \n"
			  "l @ https://h#x=y&z";

TEST(every_form_is_read_and_written)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf out = {0};
	struct freeze f = freeze_read(&a, all, strlen(all));
	const struct freeze_entry *e = f.entries;

	freeze_write(&out, &f);
	assert_string_equal(strbuf_text(&out), all);
	assert_int_equal(f.count, 15);
	assert_false(f.is_ended);
	assert_int_equal(e[0].reason, FREEZE_UNKNOWN);
	assert_string_equal(e[0].path, "/b");
	assert_int_equal(e[1].kind, FREEZE_VERSION);
	assert_string_equal(e[2].version, "2.0");
	assert_string_equal(e[3].revision, "0123");
	assert_true(e[4].is_arbitrary);
	assert_string_equal(e[4].remote, "/gone");
	assert_int_equal(e[4].line, 9);
	assert_string_equal(e[5].digest, "0");
	assert_true(e[6].is_bare);
	assert_string_equal(e[6].url, "git://h/g");
	assert_string_equal(e[7].repository, "Mercurial");
	assert_string_equal(e[8].url, "file:///i");
	assert_string_equal(e[9].vcs, "hg");
	assert_int_equal(e[10].kind, FREEZE_OPTION);
	assert_int_equal(e[11].kind, FREEZE_BLANK);
	assert_int_equal(e[12].kind, FREEZE_OTHER);
	assert_int_equal(e[13].kind, FREEZE_OTHER);
	assert_int_equal(e[14].kind, FREEZE_OTHER);
}

TEST(comments_stay_before_theirs_when_sorted)
{
	static const char text[] = "b==1\n# Editable install with no version control (c==2.0)\n-e /c\na==1\n";
	autoarena struct arena a = {0};
	autostrbuf struct strbuf out = {0};
	struct freeze f = freeze_read(&a, text, strlen(text)), none = freeze_read(&a, "", 0);

	freeze_sort(&f);
	freeze_write(&out, &f);
	assert_string_equal(strbuf_text(&out), "# Editable install with no version control (c==2.0)\n-e /c\na==1\nb==1\n");
	freeze_sort(&none);
	f = freeze_read(&a, "a==1\n\na==1\n", 11);
	freeze_sort(&f);
	assert_int_equal(f.entries[2].line, 3);
	assert_int_equal(none.count, 0);
}

TEST(what_is_nearly_of_a_form_is_a_comment)
{
	static const char *const texts[] = {
		"# Editable install with no remote (x==1)\n-e /x\n",
		"# Editable Git install with no remote (x=1)\n-e /x\n",
		"# Editable Git install with no remote (x==1\n-e /x\n",
		"# '\n-e /x\n",
		"# 'u\n-e /x\n",
		"# Editable install (x==1) with either a deleted local remote or invalid URI:\n# 'u'\n-e /x\n",
		"# Editable Git install (x=1) with either a deleted local remote or invalid URI:\n# 'u'\n-e /x\n",
		"# Editable install with no version control (x=1)\n-e /x\n",
		"# Editable install with no version control (x==1\n-e /x\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		autoarena struct arena a = {0};
		struct freeze f = freeze_read(&a, texts[i], strlen(texts[i]));

		assert_int_equal(f.entries[0].kind, FREEZE_COMMENT);
		assert_int_equal(f.entries[f.count - 1].kind, FREEZE_EDITABLE);
		assert_int_equal(f.entries[f.count - 1].reason, FREEZE_NO_REASON);
	}
}

TEST(lines_are_given_one_by_one)
{
	static const char text[] = "# Editable install with no version control (c==2.0)\n-e /c\n\na==1";
	autoarena struct arena a = {0};
	struct freeze f = freeze_read(&a, text, strlen(text));
	const char **lines = NULL;
	size_t count = 0;

	freeze_add_lines(&a, &f, &lines, &count);
	assert_int_equal(count, 3);
	assert_string_equal(lines[1], "-e /c");
	assert_string_equal(lines[2], "a==1");
}
