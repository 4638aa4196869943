#include "unit.h"

#include "base/strbuf.h"
#include "io/toml.h"
#include "python/pylock.h"

#define HEAD "lock-version = '1.0'\ncreated-by = 'x'\n"

static struct pylock *read_lock(struct arena *a, const char *text, struct diag *d)
{
	const struct value *document = toml_parse(a, "pylock.toml", text, strlen(text), d);

	assert_non_null(document);
	return pylock_read(a, document, d);
}

static void problems_are(const char *text, const char *expected)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf out = {0};

	assert_null(read_lock(&a, text, &d));
	diag_sort(&d);
	for (size_t i = 0; i < d.problem_count; i++)
		strbuf_printf(&out, "%u:%u: %s\n", d.problems[i].pos.line, d.problems[i].pos.column, d.problems[i].text);
	assert_string_equal(strbuf_text(&out), expected);
}

TEST(rules_are_told_where_they_are_broken)
{
	problems_are("x = 1\n", "1:1: 'lock-version' is missing\n1:1: 'created-by' is missing\n1:1: 'packages' is missing\n");
	problems_are("lock-version = '2'\ncreated-by = 1\npackages = [1]\n",
		     "1:16: version 2 of lock files is not known: 1.0 is\n2:14: 'created-by' is a whole number, not text\n"
		     "3:13: 'packages' holds a whole number; each item must be a table\n");
	problems_are("lock-version = 'x'\ncreated-by = \"\\u0000\"\npackages = {}\n",
		     "1:16: 'lock-version' is no version: 'x'\n2:14: 'created-by' holds a NUL\n3:12: 'packages' is a table, not a list\n");
	problems_are(
		HEAD "environments = ['x ==', 1, \"\\u0000\"]\nextras = ['A', \"b\\u0000\"]\nrequires-python = '>'\npackages = []\n",
		"3:17: 'environments' holds no marker: 'x ==' breaks at character 1\n3:25: 'environments' holds a whole number; each item must be text\n3:28: 'environments' holds a NUL\n"
		"4:11: 'A' is not a normalised name\n4:16: 'extras' holds a NUL\n5:19: 'requires-python' holds no version specifiers: '>' breaks at character 1\n");
	problems_are(HEAD
		     "[[packages]]\nname = 'A'\n[[packages]]\nname = 'a'\n[[packages]]\nname = 'a'\nvcs = {type = 'git', commit-id = '0', url = 'u'}\nwheels = "
		     "[{url = 'a-1-py3-none-any.whl', hashes = {x = ''}}]\n",
		     "4:8: 'A' is not a normalised name\n5:3: 'a' needs sdist, wheels, or exactly one of vcs, directory and archive\n"
		     "7:3: 'a' has both files of an index (sdist, wheels) and vcs, directory or archive\n");
}

TEST(files_are_those_of_their_package)
{
	problems_are(HEAD "[[packages]]\nname = 'a'\nversion = '1.0'\nsdist = {path = 'p/b-1.0.tar.gz', hashes = {x = ''}}\nwheels = [\n"
			  " {name = 'a-2-py3-none-any.whl', url = 'u', hashes = {x = ''}},\n {name = 'a.whl', url = 'u', hashes = {x = ''}},\n"
			  " {path = 'p/', url = 'http://[', hashes = {x = ''}}]\n",
		     "6:9: 'b-1.0.tar.gz' is a file of 'b', not of 'a'\n8:2: 'a-2-py3-none-any.whl' is a file of version 2, not 1.0\n"
		     "9:2: 'a.whl' is no name of a wheel\n10:2: '' is no name of a wheel\n");
}

TEST(files_have_hashes_and_a_place)
{
	problems_are(
		HEAD
		"[[packages]]\nname = 'a'\narchive = {path = '', upload-time = 07:32:00, hashes = {}}\n[[packages]]\nname = 'b'\n"
		"archive = {url = 'u', upload-time = 1979-05-27, size = '1', hashes = {x = 1, \"y\\u0000\" = '', z = \"\\u0000\"}}\n[[packages]]\nname = 'c'\n"
		"directory = {editable = 1}\nvcs = {}\n[[packages]]\nname = 'd'\ndirectory = {path = 'x'}\nattestation-identities = [{}, {kind = 1}]\n",
		"5:11: neither 'path' nor 'url' is there\n"
		"5:37: 'upload-time' is not both a date and a time\n"
		"5:56: 'hashes' holds none\n"
		"8:37: 'upload-time' is not both a date and a time\n"
		"8:56: 'size' is text, not a whole number\n"
		"8:75: the hash 'x' is a whole number, not text\n"
		"8:90: the hash 'y' holds a NUL\n"
		"8:98: the hash 'z' holds a NUL\n"
		"11:13: 'path' is missing\n"
		"11:25: 'editable' is a whole number, not a truth value\n"
		"12:7: 'type' is missing\n"
		"12:7: 'commit-id' is missing\n"
		"12:7: neither 'path' nor 'url' is there\n"
		"16:27: 'kind' is missing\n"
		"16:39: 'kind' is a whole number, not text\n");
}

static const char full[] =
	"lock-version = \"1.0\"\n"
	"environments = [\"sys_platform == \\\"linux\\\"\", \"os_name == '\\\\n'\", \"os_name == '\\\\ud800'\"]\n"
	"requires-python = \">=3.9\"\n"
	"extras = [\"b\", \"a\"]\n"
	"dependency-groups = [\"dev\"]\n"
	"default-groups = [\"dev\"]\n"
	"created-by = \"lockstep\"\n"
	"\n"
	"[[packages]]\n"
	"name = \"b\"\n"
	"version = \"1.0\"\n"
	"marker = \"\\\"a\\\" in extras\"\n"
	"requires-python = \">=3\"\n"
	"dependencies = [\n"
	"    {name = \"a\", \"x y\" = [1, 1.5, 3.0, true, inf, -inf, nan, 1979-05-27, \"\\u0000\\\"\"]},\n"
	"]\n"
	"index = \"https://h/simple\"\n"
	"sdist = {name = \"b-1.0.tar.gz\", upload-time = 1979-05-27T07:32:00Z, url = \"u\", size = 5, hashes = {sha256 = \"0\", md5 = \"1\"}}\n"
	"wheels = [\n"
	"    {path = \"b-1.0-py3-none-any.whl\", hashes = {sha256 = \"0\"}},\n"
	"    {path = \"b-1.0-cp311-cp311-linux_x86_64.whl\", hashes = {sha256 = \"0\"}},\n"
	"]\n"
	"attestation-identities = [\n"
	"    {kind = \"x\"},\n"
	"]\n"
	"tool = {x = false}\n"
	"\n"
	"[[packages]]\n"
	"name = \"a\"\n"
	"vcs = {type = \"git\", url = \"u\", path = \"p\", requested-revision = \"main\", commit-id = \"0\", subdirectory = \"s\"}\n"
	"\n"
	"[[packages]]\n"
	"name = \"c\"\n"
	"directory = {path = \".\", editable = false, subdirectory = \"s\"}\n"
	"\n"
	"[[packages]]\n"
	"name = \"d\"\n"
	"archive = {url = \"u\", path = \"p\", size = 1, upload-time = 1979-05-27 07:32:00, hashes = {sha256 = \"0\"}, subdirectory = \"s\"}\n"
	"\n"
	"[tool]\n"
	"x = {y = 1}\n";

TEST(what_is_written_is_what_was_read)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf out = {0}, first = {0};
	struct pylock *lock = read_lock(&a, full, &d);

	assert_non_null(lock);
	pylock_write(&out, lock);
	assert_string_equal(strbuf_text(&out), full);
	assert_int_equal(lock->packages[1].pos.line, 28);

	pylock_sort(lock);
	pylock_write(&first, lock);
	assert_string_equal(lock->packages[0].name, "a");
	assert_string_equal(lock->packages[1].sdist->hashes[0].algorithm, "md5");
	assert_string_equal(lock->packages[1].wheels[0].path, "b-1.0-cp311-cp311-linux_x86_64.whl");
	assert_string_equal(lock->extras.items[0], "a");
	pylock_sort(lock);
	strbuf_clear(&out);
	pylock_write(&out, lock);
	assert_string_equal(strbuf_text(&out), strbuf_text(&first));
}

TEST(a_minor_version_is_a_warning)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autostrbuf struct strbuf out = {0};
	struct pylock *lock = read_lock(&a, "lock-version = '1.1'\ncreated-by = 'x'\npackages = []\n", &d);

	assert_non_null(lock);
	assert_int_equal(d.problem_count, 1);
	assert_int_equal(d.problems[0].severity, DIAG_WARNING);
	pylock_write(&out, lock);
	assert_string_equal(strbuf_text(&out), "lock-version = \"1.1\"\ncreated-by = \"x\"\npackages = []\n");
}

static const struct marker_environment linux_311 = {
	"cpython", "3.11.2", "posix", "x86_64", "CPython", "", "Linux", "", "3.11.2", "3.11", "linux",
};

static bool prefers_all(void *context, const char *name)
{
	return !context && *name;
}

/* "name/source" of what is chosen, or the error. */
static void chosen_is(const char *packages, const char *group, bool sdists, const char *expected)
{
	static const char *const tags[] = {"cp311-cp311-linux_x86_64", "py3-none-any"};
	static const char *const sources[] = {"vcs", "directory", "archive", "sdist", "wheel"};
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf out = {0};
	struct marker_names groups = {&group, 1};
	struct pylock_target target = {.environment = &linux_311, .tags = tags, .tag_count = 2, .prefer_sdist = sdists ? prefers_all : NULL};
	struct pylock *lock = read_lock(&a, arena_printf(&a, HEAD "%s", packages), &d);
	struct pylock_choice *choices;
	size_t count;

	assert_non_null(lock);
	if (group)
		target.dependency_groups = &groups;
	if (pylock_select(&a, lock, &target, &choices, &count, &err)) {
		assert_string_equal(err.text, expected);
		return;
	}
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&out, "%s%s/%s", i ? " " : "", choices[i].package->name, sources[choices[i].source]);
	assert_string_equal(strbuf_text(&out), expected);
}

#define FILES "sdist = {path = 'a-1.tar.gz', hashes = {x = ''}}\nwheels = [{path = 'a-1-py3-none-any.whl', hashes = {x = ''}}]\n"

TEST(what_is_for_an_environment_is_chosen)
{
	chosen_is("packages = []\n", NULL, false, "");
	chosen_is("[[packages]]\nname = 'a'\n" FILES, NULL, false, "a/wheel");
	chosen_is("[[packages]]\nname = 'a'\n" FILES, NULL, true, "a/sdist");
	chosen_is("[[packages]]\nname = 'a'\nsdist = {path = 'a-1.tar.gz', hashes = {x = ''}}\nwheels = [{path = 'a-1-py2-none-any.whl', hashes = {x = ''}}]\n",
		  NULL, false, "a/sdist");
	chosen_is("[[packages]]\nname = 'a'\nwheels = [{path = 'a-1-py2-none-any.whl', hashes = {x = ''}}]\n", NULL, false,
		  "'a' has no wheel for this machine, and no source distribution");
	chosen_is("default-groups = ['dev']\n[[packages]]\nname = 'a'\nmarker = \"'Dev' in dependency_groups\"\n" FILES, NULL, false, "a/wheel");
	chosen_is("default-groups = ['dev']\n[[packages]]\nname = 'a'\nmarker = \"'Dev' in dependency_groups\"\n" FILES, "x", false, "");
	chosen_is("[[packages]]\nname = 'a'\n" FILES "[[packages]]\nname = 'a'\nmarker = \"os_name == 'posix'\"\n" FILES, NULL, false,
		  "two entries of 'a' are for this environment, in lines 3 and 7");
	chosen_is("[[packages]]\nname = 'a'\nrequires-python = '>=3.12'\n" FILES, NULL, false, "'a' requires Python >=3.12, which 3.11.2 is not");
	chosen_is("requires-python = '<3'\npackages = []\n", NULL, false, "the lock requires Python <3, which 3.11.2 is not");
	chosen_is("environments = [\"os_name == 'nt'\"]\npackages = []\n", NULL, false, "the lock is for none of this machine's environments");
	chosen_is("environments = [\"'a' in extras\"]\npackages = []\n", NULL, false, "the marker '\"a\" in extras' compares what has no meaning here");
	chosen_is("[[packages]]\nname = 'a'\nmarker = \"extra == 'x'\"\n" FILES, NULL, false, "the marker 'extra == \"x\"' compares what has no meaning here");
}

TEST(wheels_that_nobody_read_are_none)
{
	static const char *const tags[] = {"py3-none-any"};
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	struct pylock_target target = {.environment = &linux_311, .tags = tags, .tag_count = 1};
	struct pylock *lock = read_lock(&a, HEAD "[[packages]]\nname = 'a'\n" FILES, &d);
	struct pylock_choice *choices;
	size_t count;

	lock->packages[0].wheels[0].path = "a.zip";
	assert_int_equal(pylock_select(&a, lock, &target, &choices, &count, &err), 0);
	assert_int_equal(choices[0].source, PYLOCK_SDIST);
	lock->packages[0].wheels[0].path = NULL;
	assert_int_equal(pylock_select(&a, lock, &target, &choices, &count, &err), 0);
	assert_int_equal(choices[0].source, PYLOCK_SDIST);
}

TEST(names_of_lock_files)
{
	assert_true(pylock_is_file_name("pylock.toml"));
	assert_true(pylock_is_file_name("pylock.ci.toml"));
	assert_false(pylock_is_file_name("pylock..toml"));
	assert_false(pylock_is_file_name("pylock.a.b.toml"));
	assert_false(pylock_is_file_name("uv.lock"));
}
