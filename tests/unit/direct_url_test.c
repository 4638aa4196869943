#include "unit.h"

#include "python/direct_url.h"
#include "python/url.h"

static void written_is(const char *text, const char *expected, const char *freeze)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf out = {0};
	struct direct_url u;

	if (direct_url_parse(&a, "direct_url.json", text, strlen(text), &u, &err))
		fail_msg("%s", err.text);
	direct_url_write(&out, &u);
	assert_string_equal(strbuf_text(&out), expected);
	assert_string_equal(direct_url_requirement(&a, &u, "x"), freeze);
}

TEST(a_checkout_of_git)
{
	written_is(
		"{\"url\": \"https://u:p@h/x.git\", \"vcs_info\": {\"vcs\": \"git\", \"commit_id\": \"abc\", \"requested_revision\": \"main\"}, \"subdirectory\": \"s\","
		" \"unknown\": null}",
		"{\"subdirectory\": \"s\", \"url\": \"https://h/x.git\", \"vcs_info\": {\"commit_id\": \"abc\", \"requested_revision\": \"main\", \"vcs\": \"git\"}}",
		"x @ git+https://u:p@h/x.git@abc#subdirectory=s");
}

TEST(an_archive_with_hashes_of_both_ages)
{
	written_is("{\"url\": \"https://${U}:${P}@h/x.zip\", \"archive_info\": {\"hashes\": {\"sha256\": \"1\", \"md5\": \"2\"}, \"hash\": \"md5=2\"}}",
		   "{\"archive_info\": {\"hash\": \"sha256=1\", \"hashes\": {\"md5\": \"2\", \"sha256\": \"1\"}}, \"url\": \"https://${U}:${P}@h/x.zip\"}",
		   "x @ https://${U}:${P}@h/x.zip#sha256=1");
	written_is("{\"url\": \"ssh://git@h/x.zip\", \"archive_info\": {\"hash\": \"a=b\"}, \"subdirectory\": \"s\"}",
		   "{\"archive_info\": {\"hash\": \"a=b\", \"hashes\": {\"a\": \"b\"}}, \"subdirectory\": \"s\", \"url\": \"ssh://git@h/x.zip\"}",
		   "x @ ssh://git@h/x.zip#a=b&subdirectory=s");
	written_is("{\"url\": \"\", \"archive_info\": {}}", "{\"archive_info\": {}, \"url\": \"\"}", "x @ ");
}

TEST(a_folder)
{
	written_is("{\"url\": \"file:///a\\u00e9\\ud83d\\ude00\\u007f\\\"\\\\\\n\", \"dir_info\": {\"editable\": true}}",
		   "{\"dir_info\": {\"editable\": true}, \"url\": \"file:///a\\u00e9\\ud83d\\ude00\\u007f\\\"\\\\\"}",
		   "x @ file:///a\xc3\xa9\xf0\x9f\x98\x80\x7f\"\\\n");
	written_is("{\"url\": \"file:///a\", \"dir_info\": {\"editable\": false}}", "{\"dir_info\": {\"editable\": false}, \"url\": \"file:///a\"}",
		   "x @ file:///a");
	written_is("{\"url\": \"file:///a\", \"dir_info\": {\"editable\": null}, \"subdirectory\": \"\"}",
		   "{\"dir_info\": {}, \"subdirectory\": \"\", \"url\": \"file:///a\"}", "x @ file:///a");
}

static void refused_is(const char *text, const char *expected)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct direct_url u;

	assert_int_equal(direct_url_parse(&a, "f", text, strlen(text), &u, &err), -1);
	assert_string_equal(err.text, expected);
}

TEST(mistakes_are_told)
{
	refused_is("[]", "f: is a list, not a table");
	refused_is("{}", "f: 'url' is missing");
	refused_is("{\"url\": 1}", "f: 'url' is a whole number, not text");
	refused_is("{\"url\": \"a\\u0000b\"}", "f: 'url' holds a NUL");
	refused_is("{\"url\": \"x\"}", "f: exactly one of 'vcs_info', 'archive_info' and 'dir_info' must be there");
	refused_is("{\"url\": \"x\", \"vcs_info\": {\"vcs\": \"git\", \"commit_id\": \"1\"}, \"dir_info\": {}}",
		   "f: exactly one of 'vcs_info', 'archive_info' and 'dir_info' must be there");
	refused_is("{\"url\": \"x\", \"vcs_info\": {\"vcs\": \"git\"}}", "f: 'commit_id' is missing");
	refused_is("{\"url\": \"x\", \"vcs_info\": {\"commit_id\": \"git\"}}", "f: 'vcs' is missing");
	refused_is("{\"url\": \"x\", \"vcs_info\": []}", "f: 'vcs_info' is a list, not a table");
	refused_is("{\"url\": \"x\", \"vcs_info\": {\"vcs\": \"git\", \"commit_id\": \"1\", \"requested_revision\": 1}}",
		   "f: 'requested_revision' is a whole number, not text");
	refused_is("{\"url\": \"x\", \"dir_info\": {\"editable\": 1}}", "f: 'editable' is a whole number, not a truth value");
	refused_is("{\"url\": \"http://h/x\", \"dir_info\": {}}", "f: 'url' of a folder does not begin with 'file:'");
	refused_is("{\"url\": \"file:x\", \"dir_info\": {}}", "f: 'url' of a folder holds no absolute path");
	refused_is("{\"url\": \"http://[\", \"archive_info\": {}}", "f: 'url' cannot be taken apart");
	refused_is("{\"url\": \"x\", \"archive_info\": {\"hashes\": []}}", "f: 'hashes' is a list, not a table");
	refused_is("{\"url\": \"x\", \"archive_info\": {\"hashes\": {\"a\": 1}}}", "f: the hash 'a' is a whole number, not text");
	refused_is("{\"url\": \"x\", \"archive_info\": {\"hashes\": {\"a\": \"1\\u0000\"}}}", "f: the hash 'a' holds a NUL");
	refused_is("{\"url\": \"x\", \"archive_info\": {\"hash\": 1}}", "f: 'hash' is a whole number, not text");
	refused_is("{\"url\": \"x\", \"archive_info\": {\"hash\": \"x\"}}", "f: 'hash' is not of the form 'algorithm=value'");
	refused_is("{\"url\": \"x\", \"archive_info\": {\"hashes\": {\"a\": \"1\"}, \"hash\": \"a=2\"}}", "f: 'hash' and 'hashes' say different things of a");
	refused_is("{\"url\": \"x\", \"archive_info\": {\"hashes\": {\"a\": \"1\"}, \"hash\": \"b=1\"}}", "f: 'hash' is of 'b', which is not in 'hashes'");
	refused_is("{\"url\": \"x\", \"archive_info\": {}, \"subdirectory\": {}}", "f: 'subdirectory' is a table, not text");
}

TEST(an_address_that_cannot_be_taken_apart_is_not_written)
{
	autostrbuf struct strbuf out = {0};
	struct direct_url u = {.kind = DIRECT_URL_ARCHIVE, .url = "https://user:secret@[", .subdirectory = "\xff"};

	direct_url_write(&out, &u);
	assert_string_equal(strbuf_text(&out), "{\"archive_info\": {}, \"subdirectory\": \"\\ufffd\", \"url\": \"\"}");
}

static void joined_is(const char *base, const char *link, const char *expected)
{
	autoarena struct arena a = {0};

	assert_string_equal(url_join(&a, base, link), expected);
}

TEST(addresses_are_joined)
{
	joined_is("https://h/a/b", "c", "https://h/a/c");
	joined_is("https://h/a/b/", "../c?q#f", "https://h/a/c?q#f");
	joined_is("https://h/a", "//i/c", "https://i/c");
	joined_is("https://h/a;p?q", "#f", "https://h/a;p?q#f");
	joined_is("https://h/a", "http://i", "http://i");
	joined_is("https://h", "..", "https://h/");
	joined_is("", "x", "x");
	joined_is("x", "", "x");
	joined_is("file:///a/b.txt", "c/./d//e", "file:///a/c/d/e");
}

TEST(bytes_that_are_no_text_do_no_harm_in_addresses)
{
	autoarena struct arena a = {0};
	struct url_parts p;

	assert_true(url_split(&a, "https://h\xff/\x80", &p));
	assert_string_equal(p.netloc, "h\xff");
	assert_null(url_join(&a, "http://[", "x"));
	assert_null(url_join(&a, "http://h", "//["));
	assert_null(url_without_user(&a, "http://["));
	assert_null(url_file_name(&a, "http://["));
}
