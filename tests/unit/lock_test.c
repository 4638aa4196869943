#include "unit.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "lock/lock_text.h"
#include "recipe/database.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define ENVIRONMENT(name, python, machine, libc_version)                                                                                                       \
	"[[environment]]\nname = \"" name "\"\npython = \"" python "\"\nimplementation = \"cpython\"\nos = \"linux\"\nmachine = \"" machine                    \
	"\"\nlibc = \"glibc\"\nlibc-version = \"" libc_version "\"\n"

static const char sample[] =
	"version = 1\n"
	"project = \"demo\"\n"
	"inputs = \"" HEX "\"\n"
	"cut-off = 2026-11-23T03:46:00Z\n"
	"\n"
	"[tools]\n"
	"lockstep = \"0.1.0\"\n"
	"uv = \"0.13.9\"\n"
	"\n" ENVIRONMENT("cp311", "3.11", "x86_64",
			 "2.36") "\n"
				 "[[container]]\n"
				 "name = \"ci-cpu\"\n"
				 "environment = \"cp311\"\n"
				 "inputs = \"" HEX "\"\n"
				 "groups = [\"core\", \"test\"]\n"
				 "direct = [\n"
				 "    \"numpy>=1.20\",\n"
				 "    \"tool\",\n"
				 "]\n"
				 "\n"
				 "[[container]]\n"
				 "name = \"ci-gpu\"\n"
				 "environment = \"cp311\"\n"
				 "inputs = \"" HEX "\"\n"
				 "groups = [\"core\"]\n"
				 "direct = [\n"
				 "    \"numpy>=1.20\",\n"
				 "]\n"
				 "\n"
				 "[[package]]\n"
				 "name = \"numpy\"\n"
				 "version = \"1.9\"\n"
				 "index = \"default\"\n"
				 "containers = [\"ci-gpu\"]\n"
				 "files = [\n"
				 "    { name = \"numpy-1.9-py3-none-any.whl\", size = 17, sha256 = \"" HEX "\" },\n"
				 "]\n"
				 "\n"
				 "[[package]]\n"
				 "name = \"numpy\"\n"
				 "version = \"1.10\"\n"
				 "index = \"default\"\n"
				 "containers = [\"ci-cpu\"]\n"
				 "files = [\n"
				 "    { name = \"numpy-1.10-1-py3-none-any.whl\", size = 17, sha256 = \"" HEX "\" },\n"
				 "    { name = \"numpy-1.10-12-py3-none-any.whl\", size = 17, sha256 = \"" HEX "\" },\n"
				 "    { name = \"numpy-1.10-2-py3-none-any.whl\", size = 17, sha256 = \"" HEX "\" },\n"
				 "    { name = \"numpy-1.10-py2-none-any.whl\", size = 17, sha256 = \"" HEX "\" },\n"
				 "    { name = \"numpy-1.10-py3-none-any.whl\", size = 17, sha256 = \"" HEX "\" },\n"
				 "]\n"
				 "\n"
				 "[[package]]\n"
				 "name = \"tool\"\n"
				 "version = \"2.0\"\n"
				 "index = \"default\"\n"
				 "containers = [\"ci-cpu\"]\n"
				 "requires = [\n"
				 "    { name = \"numpy\", version = \"1.10\", extras = [\"a\"], marker = \"python_version < '4'\", extra = \"all\" },\n"
				 "]\n"
				 "files = [\n"
				 "    { name = \"tool-2.0-py2-none-any.whl\", size = 5, sha256 = \"" HEX "\" },\n"
				 "]\n"
				 "\n"
				 "[[toolchain]]\n"
				 "name = \"numpy\"\n"
				 "version = \"13.0.2\"\n"
				 "index = \"default\"\n"
				 "layers = [\"cuda{version=13.0}\"]\n"
				 "files = [\n"
				 "    { name = \"numpy-13.0.2-py3-none-any.whl\", size = 5, sha256 = \"" HEX "\" },\n"
				 "]\n";

/* Everything else that a lock can say: several environments, direct references, what was built, waived edges, Debian packages. */
static const char further[] =
	"version = 1\n"
	"project = \"demo\"\n"
	"inputs = \"" HEX "\"\n"
	"cut-off = 2026-11-23T03:46:00Z\n"
	"\n"
	"[tools]\n"
	"uv = \"0.13.9\"\n"
	"\n" ENVIRONMENT("arm", "3.11", "aarch64", "2.36") "\n" ENVIRONMENT("intel", "3.11", "x86_64", "2.36") "\n" ENVIRONMENT(
		"old", "3.9", "x86_64", "2.31") "\n"
						"[[container]]\n"
						"name = \"one\"\n"
						"environment = \"intel\"\n"
						"further = [\"arm\", \"old\"]\n"
						"inputs = \"" HEX "\"\n"
						"groups = []\n"
						"direct = [\n"
						"    \"a\",\n"
						"    \"b ; python_version < '3.10'\",\n"
						"]\n"
						"layers = [\"cuda{version=13.0}\", \"gcc\"]\n"
						"\n"
						"[[container]]\n"
						"name = \"two\"\n"
						"environment = \"intel\"\n"
						"inputs = \"" HEX "\"\n"
						"groups = []\n"
						"direct = [\n"
						"]\n"
						"\n"
						"[[package]]\n"
						"name = \"a\"\n"
						"version = \"1\"\n"
						"reference = \"https://host/a-1-py3-none-any.whl\"\n"
						"containers = [\"one\"]\n"
						"environments = [\"old\"]\n"
						"files = [\n"
						"    { name = \"a-1-py3-none-any.whl\", size = 17, sha256 = \"" HEX "\" },\n"
						"]\n"
						"\n"
						"[[package]]\n"
						"name = \"a\"\n"
						"version = \"2\"\n"
						"reference = \"git+https://host/a@0123456789abcdef0123456789abcdef01234567#subdirectory=python\"\n"
						"containers = [\"one\"]\n"
						"environments = [\"arm\", \"intel\"]\n"
						"requires = [\n"
						"    { name = \"gone\", marker = \"python_version < '4'\", waived = \"never used\" },\n"
						"]\n"
						"files = [\n"
						"    { name = \"a-2-py3-none-any.whl\", size = 17, sha256 = \"" HEX
						"\", built-from = \"0123456789abcdef0123456789abcdef01234567\" },\n"
						"]\n"
						"\n"
						"[[package]]\n"
						"name = \"b\"\n"
						"version = \"2\"\n"
						"index = \"default\"\n"
						"containers = [\"one\"]\n"
						"environments = [\"old\"]\n"
						"build-requires = [\"setuptools>=61\", \"wheel\"]\n"
						"files = [\n"
						"    { name = \"b-2-py3-none-any.whl\", size = 17, sha256 = \"" HEX "\", built-from = \"" HEX
						"\", build-key = \"" HEX "\" },\n"
						"    { name = \"b-2.tar.gz\", size = 17, sha256 = \"" HEX "\" },\n"
						"]\n"
						"\n"
						"[[package]]\n"
						"name = \"b\"\n"
						"version = \"2\"\n"
						"index = \"default\"\n"
						"containers = [\"two\"]\n"
						"files = [\n"
						"    { name = \"b-2-py3-none-any.whl\", size = 17, sha256 = \"" HEX "\" },\n"
						"]\n"
						"\n"
						"[[deb]]\n"
						"name = \"g++\"\n"
						"version = \"4:12.2.0-3\"\n"
						"architecture = \"amd64\"\n"
						"stages = [\"base:bookworm\", \"layer:gcc\"]\n"
						"file = \"g++_12.2.0-3_amd64.deb\"\n"
						"path = \"pool/main/g/gcc-defaults/g++_12.2.0-3_amd64.deb\"\n"
						"size = 99\n"
						"sha256 = \"" HEX "\"\n";

/* A sample with the first place where `from` stands replaced. */
static char *changed_in(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return mem_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static char *changed(const char *from, const char *to)
{
	return changed_in(sample, from, to);
}

static const struct {
	const char *from, *to;
	unsigned line, column;
	const char *problem, *hint;
} refused[] = {
	{"version = 1", "version = 2", 1, 11, "this lock was written by a newer lockstep (form 2; this one reads 1)", NULL},
	{"version = 1", "version = \"1\"", 1, 11, "'version' must be 1", NULL},
	{"version = 1", "x = 1", 1, 1, "this is no lock: it has no 'version'", NULL},
	{"project = ", "projekt = ", 2, 1, "unknown key 'projekt' in a lock", "did you mean 'project'?"},
	{"inputs = \"0", "inputs = \"X", 3, 10,
	 "'inputs' must be 64 hexadecimal digits in lower case, not 'X123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'", NULL},
	{"03:46:00Z", "03:46:00", 4, 11, "'cut-off' must be a date with time and zone, like 2026-11-23T03:46:00Z", NULL},
	{"lockstep = ", "zzz = ", 8, 1, "out of order: 'uv' belongs before 'zzz'", NULL},
	{"libc = \"glibc\"\n", "", 10, 3, "[[environment]] has no 'libc'", NULL},
	{"os = \"linux\"", "os = 7", 14, 6, "'os' must be text, not a whole number", NULL},
	{"os = \"linux\"", "os = \"a\\u001b[2J\"", 14, 6, "'os' must be one line of printable text", NULL},
	{"os = \"linux\"", "os = \"\"", 14, 6, "'os' must be one line of printable text", NULL},
	{"name = \"ci-cpu\"", "name = \"../x\"", 20, 8, "'name' must be a file name without a folder, not '../x'", NULL},
	{"environment = \"cp311\"", "environment = \"cp312\"", 21, 15, "there is no environment 'cp312' in this lock", "did you mean 'cp311'?"},
	{"\"core\", \"test\"", "\"test\", \"core\"", 23, 19, "out of order: 'core' belongs before 'test'", NULL},
	{"\"core\", \"test\"", "\"core\", \"core\"", 23, 19, "'core' is given twice", NULL},
	{"[\"core\", \"test\"]", "\"core\"", 23, 10, "'groups' must be a list, not text", NULL},
	{"    \"tool\",\n", "    \"tool\",\n    \"a\",\n", 27, 5, "out of order: 'a' belongs before 'tool'", NULL},
	{"    \"tool\",\n", "    \"tool\",\n    \">=1\",\n", 27, 5, "'direct' must be a list of requirements", NULL},
	{"    \"tool\",\n", "    \"tool\",\n    \"x\",\n", 27, 5, "'ci-cpu' declares 'x', which is not locked for it", NULL},
	{"name = \"ci-gpu\"", "name = \"ci-cpu\"", 29, 3, "'ci-cpu' is given twice", NULL},
	{"version = \"1.9\"", "version = \"1.9.x\"", 40, 11, "'version' must be a version in its normal form, not '1.9.x'", NULL},
	{"version = \"1.9\"", "version = \"1.8\"", 44, 14, "'numpy-1.9-py3-none-any.whl' is a file of numpy 1.9, not of numpy 1.8", NULL},
	{"name = \"numpy\"", "name = \"Num_Py\"", 39, 8, "'name' must be a package name in lower case with single dashes, not 'Num_Py'", NULL},
	{"numpy-1.9-py3-none-any.whl", "numpy-1.8.tar.gz", 44, 14, "'numpy-1.8.tar.gz' is no file name of a wheel, nor of an sdist of numpy 1.9", NULL},
	{"index = \"default\"\n", "", 38, 3, "'numpy' must have one of 'index' and 'reference'", NULL},
	{"numpy-1.9-py3-none-any.whl", "../numpy-1.9-py3-none-any.whl", 44, 14,
	 "'name' must be a file name without a folder, not '../numpy-1.9-py3-none-any.whl'", NULL},
	{"size = 17", "size = -17", 44, 51, "'size' must be a whole number of bytes", NULL},
	{"size = 17, sha256", "size = 17, sha265", 44, 55, "unknown key 'sha265' in 'files'", "did you mean 'sha256'?"},
	{"[\"ci-gpu\"]", "[\"ci-gpo\"]", 42, 15, "there is no container 'ci-gpo' in this lock", "did you mean 'ci-gpu'?"},
	{"[\"ci-gpu\"]", "[]", 42, 14, "'numpy' is in no container", NULL},
	{"[\"ci-gpu\"]", "[\"ci-cpu\"]", 47, 3, "'ci-cpu' would have two versions of 'numpy': 1.9 and 1.10", NULL},
	{"numpy\", version = \"1.10\"", "numpy\"", 66, 5, "'tool' requires 'numpy', of which this lock has several versions; which one?", NULL},
	{"numpy\", version = \"1.10\"", "numpy\", version = \"1.11\"", 66, 5, "'tool' requires 'numpy' 1.11, which is not in this lock", NULL},
	{"name = \"numpy\", version", "name = \"pandas\", version", 66, 5, "'tool' requires 'pandas' 1.10, which is not in this lock", NULL},
	{"python_version < '4'", "whatever", 66, 66, "'marker' must be an environment marker, not 'whatever'", NULL},
	{"[\"cuda{version=13.0}\"]", "[]", 72, 3, "'numpy' is in no layer", NULL},
	{"[tools]\n", "[tools]\n[tools]\n", 7, 2, "'tools' is given twice; first in line 6", NULL},
};

TEST(refuses_with_place)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct lock lock = {0};
		autodiag struct diag d = {0};
		autoerror struct error err = {0};
		autofree char *text = changed(refused[i].from, refused[i].to);
		bool found = false;
		const char *line;
		size_t length;

		assert_int_equal(lock_parse(&lock, "lock.toml", text, strlen(text), &d, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		for (size_t j = 0; j < d.problem_count; j++) {
			const struct diag_problem *p = &d.problems[j];

			if (strcmp(p->text, refused[i].problem) != 0)
				continue;
			found = true;
			assert_int_equal(p->pos.line, refused[i].line);
			assert_int_equal(p->pos.column, refused[i].column);
			assert_true(text_equal(p->hint, refused[i].hint));
			assert_true(diag_line(&d, p->pos, &line, &length));
		}
		if (!found)
			diag_print(&d, stderr);
		assert_true(found);
		lock_release(&lock);
	}
}

static const struct {
	const char *from, *to, *problem;
} refused_further[] = {
	{"[\"arm\", \"old\"]", "[\"arm\", \"intel\"]", "'one' is built for 'intel', so that is no further environment"},
	{"[\"arm\", \"old\"]", "[\"arm\", \"new\"]", "there is no environment 'new' in this lock"},
	{"[\"arm\", \"old\"]", "[]", "'further' is left out where it is empty"},
	{"[\"arm\", \"old\"]", "[\"old\", \"arm\"]", "out of order: 'arm' belongs before 'old'"},
	{"environments = [\"old\"]", "environments = []", "'environments' is left out where 'a' is in all of them"},
	{"environments = [\"old\"]", "environments = [\"intel\"]", "'one' would have two versions of 'a': 1 and 2"},
	{"environments = [\"old\"]\n", "", "'one' would have two versions of 'a': 1 and 2"},
	{"environments = [\"old\"]", "environments = [\"new\"]", "no container of 'a' is locked for 'new'"},
	{"containers = [\"one\"]", "containers = [\"one\", \"two\"]", "'a' is in container 'two', but in none of its environments"},
	{"reference = \"https://host/a-1-py3-none-any.whl\"", "index = \"x\"\nreference = \"a.whl\"", "'a' must have one of 'index' and 'reference'"},
	{"https://host/a-1-py3-none-any.whl", "../a.whl",
	 "'reference' must be git+<address>@<full commit>, an http or https address, or a path in the project"},
	{"https://host/a-1-py3-none-any.whl", "https://user:secret@host/a.whl",
	 "'reference' must be git+<address>@<full commit>, an http or https address, or a path in the project"},
	{"@0123456789abcdef0123456789abcdef01234567#", "@main#",
	 "'reference' must be git+<address>@<full commit>, an http or https address, or a path in the project"},
	{", waived = \"never used\"", "", "'a' requires 'gone', which is not in this lock"},
	{"waived = \"never used\"", "waived = \"\"", "'waived' must be one line of printable text"},
	{"built-from = \"0123456789abcdef0123456789abcdef01234567\"", "built-from = \"0123\"",
	 "'built-from' must be the SHA-256 of an sdist or a full commit, not '0123'"},
	{"b-2-py3-none-any.whl\", size = 17", "b-2.zip\", size = 17", "'b-2.zip' is an sdist, so it was not built"},
	{"b-2.tar.gz", "b-2.1.tar.gz", "'b-2.1.tar.gz' is no file name of a wheel, nor of an sdist of b 2"},
	{"containers = [\"two\"]", "containers = [\"one\"]", "'b' is given twice"},
	{"\"g++\"", "\"G++\"", "'G++' is no name of a Debian package"},
	{"\"g++\"", "\"-g\"", "'-g' is no name of a Debian package"},
	{"4:12.2.0-3\"", "x:12\"", "'x:12' is no version of a Debian package"},
	{"\"amd64\"", "\"amd 64\"", "'amd 64' is no architecture of a Debian package"},
	{"g++_12.2.0-3_amd64.deb", "g++_12.2.0-3_amd64.exe", "'g++_12.2.0-3_amd64.exe' is no file name of a Debian package"},
	{"g++_12.2.0-3_amd64.deb", "../g.deb", "'file' must be a file name without a folder, not '../g.deb'"},
	{"\"pool/", "\"/pool/", "'path' must be a relative path without '..', not '/pool/main/g/gcc-defaults/g++_12.2.0-3_amd64.deb'"},
	{"[\"base:bookworm\", \"layer:gcc\"]", "[]", "'g++' is in no stage"},
	{"[\"base:bookworm\", \"layer:gcc\"]", "[\"x\", \"a\"]", "out of order: 'a' belongs before 'x'"},
};

TEST(refuses_what_environments_references_and_system_packages_must_not_be)
{
	for (size_t i = 0; i < ARRAY_LEN(refused_further); i++) {
		struct lock lock = {0};
		autodiag struct diag d = {0};
		autoerror struct error err = {0};
		autofree char *text = changed_in(further, refused_further[i].from, refused_further[i].to);
		bool found = false;

		assert_int_equal(lock_parse(&lock, "lock.toml", text, strlen(text), &d, &err), -1);
		for (size_t j = 0; j < d.problem_count; j++)
			found = found || !strcmp(d.problems[j].text, refused_further[i].problem);
		if (!found)
			diag_print(&d, stderr);
		assert_true(found);
		lock_release(&lock);
	}
}

static void parse(struct lock *lock, const char *text)
{
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	int result = lock_parse(lock, "lock.toml", text, strlen(text), &d, &err);

	diag_print(&d, stderr);
	assert_int_equal(result, 0);
}

TEST(writes_what_it_read)
{
	struct lock lock = {0};
	autostrbuf struct strbuf text = {0};

	parse(&lock, sample);
	lock_write(&lock, &text);
	/* The comment at the top is the writer's own. */
	assert_int_equal(text.text[0], '#');
	assert_string_equal(strchr(text.text, '\n') + 1, sample);
	lock_release(&lock);
}

TEST(writes_what_it_read_of_everything_else)
{
	struct lock lock = {0};
	autostrbuf struct strbuf text = {0};

	parse(&lock, further);
	lock_sort(&lock);
	lock_write(&lock, &text);
	assert_string_equal(strchr(text.text, '\n') + 1, further);
	assert_true(lock_equal(&lock, &lock));
	lock_release(&lock);
}

TEST(knows_which_environments_a_pin_is_in)
{
	struct lock lock = {0};
	const struct lock_container *one, *two;

	parse(&lock, further);
	one = lock_container(&lock, "one");
	two = lock_container(&lock, "two");
	assert_string_equal(lock_pin(&lock, "one", "a")->version, "2");
	assert_string_equal(lock_pin_in(&lock, "one", "old", "a")->version, "1");
	assert_string_equal(lock_pin_in(&lock, "one", "arm", "a")->version, "2");
	assert_null(lock_pin_in(&lock, "two", "intel", "a"));
	assert_null(lock_pin(&lock, "one", "b"));
	assert_string_equal(lock_pin_in(&lock, "one", "old", "b")->version, "2");
	assert_non_null(lock_pin(&lock, "two", "b"));
	assert_null(lock_pin_in(&lock, "two", "old", "b"));
	assert_true(pin_in_container(&lock.pins[0], "one"));
	assert_false(pin_is_built_in(&lock.pins[0], one));
	assert_false(pin_is_in(&lock.pins[0], two, "old"));
	assert_string_equal(lock_container_environment(one, 0), "intel");
	assert_string_equal(lock_container_environment(one, 2), "old");
	assert_null(lock_container_environment(one, 3));
	assert_null(lock_container_environment(two, 1));
	lock_release(&lock);
}

TEST(finds)
{
	struct lock lock = {0};

	parse(&lock, sample);
	assert_string_equal(lock_container(&lock, "ci-gpu")->name, "ci-gpu");
	assert_null(lock_container(&lock, "ci-lint"));
	assert_string_equal(lock_environment(&lock, "cp311")->libc_version, "2.36");
	assert_null(lock_environment(&lock, "cp39"));
	assert_string_equal(lock_pin(&lock, "ci-cpu", "numpy")->version, "1.10");
	assert_string_equal(lock_pin(&lock, "ci-gpu", "numpy")->version, "1.9");
	assert_null(lock_pin(&lock, "ci-gpu", "tool"));
	assert_null(lock_pin(&lock, "ci-cpu", "zzz"));
	assert_true(pin_in_layer(&lock.pins[3], "cuda{version=13.0}"));
	assert_false(pin_in_layer(&lock.pins[3], "cuda"));
	assert_true(lock_is_direct(&lock.containers[0], "tool"));
	assert_true(lock_is_direct(&lock.containers[0], "numpy"));
	assert_false(lock_is_direct(&lock.containers[1], "tool"));
	assert_true(lock.cut_off_unix == 1795405560);
	lock_release(&lock);
}

TEST(chooses_the_best_file)
{
	struct lock lock = {0};

	parse(&lock, sample);
	assert_string_equal(pin_file(lock_pin(&lock, "ci-cpu", "numpy"), &lock.environments[0])->name, "numpy-1.10-12-py3-none-any.whl");
	assert_null(pin_file(lock_pin(&lock, "ci-cpu", "tool"), &lock.environments[0]));
	lock_release(&lock);
}

TEST(takes_what_was_built_only_where_nothing_else_fits)
{
	const struct lock_environment eleven = {
		.python = "3.11", .implementation = "cpython", .os = "linux", .machine = "x86_64", .libc = "glibc", .libc_version = "2.36"};
	struct lock_environment thirteen = eleven;
	struct lock_file files[] = {{.name = "x-1.0-cp311-cp311-linux_x86_64.whl", .built_from = "0"},
				    {.name = "x-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"},
				    {.name = "x-1.0-cp313-cp313-linux_x86_64.whl", .built_from = "0"},
				    {.name = "x-1.0.tar.gz"}};
	struct pin pin = {.name = "x", .version = "1.0", .files = files, .file_count = 4};

	thirteen.python = "3.13";
	for (size_t turn = 0; turn < 2; turn++) {
		assert_string_equal(pin_file(&pin, &eleven)->name, "x-1.0-cp311-cp311-manylinux_2_17_x86_64.whl");
		assert_string_equal(pin_file(&pin, &thirteen)->name, "x-1.0-cp313-cp313-linux_x86_64.whl");
		struct lock_file first = files[0];

		files[0] = files[1];
		files[1] = first;
	}
}

TEST(names_layer_uses)
{
	autoarena struct arena a = {0};
	struct layer_option options[] = {{.name = "version"}, {.name = "from"}};
	struct layer cuda = {.name = "cuda", .options = options, .option_count = 2}, gcc = {.name = "gcc"};
	const char *values[] = {"13.0", "wheels"};

	assert_string_equal(lock_layer_name(&a, &(struct layer_use){.layer = &cuda, .values = values}), "cuda{from=wheels,version=13.0}");
	assert_string_equal(lock_layer_name(&a, &(struct layer_use){.layer = &gcc}), "gcc");
}

/* Any lock that is in order is written, read and written again as the same bytes. */
static uint64_t seed;
static unsigned pick(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

static const char **some_texts(struct arena *a, const char *prefix, unsigned most, size_t *ret_count)
{
	const char **texts = arena_array(a, most, sizeof(*texts));

	for (unsigned i = 0; i < most; i++) {
		if (pick(3))
			texts[(*ret_count)++] = arena_printf(a, "%s%u", prefix, i);
	}
	return texts;
}

static void generate_pin(struct lock *lock, struct pin *pin, unsigned number, bool toolchain)
{
	struct arena *a = &lock->arena;

	pin->name = arena_printf(a, "p%u", number);
	pin->version = arena_printf(a, "%u.%u.post%u", pick(9), pick(20), pick(3));
	if (toolchain || pick(5))
		pin->index = pick(2) ? "default" : "other index";
	else
		pin->reference = pick(2) ? "https://host/x.whl" : "vendor/x.whl";
	if (toolchain)
		pin->layers = some_texts(a, "gcc{x=\"é\\\\,y=", 2, &pin->layer_count);
	else
		pin->containers = some_texts(a, "c", (unsigned)lock->container_count, &pin->container_count);
	if (toolchain && !pin->layer_count)
		*arena_push(a, &pin->layers, &pin->layer_count) = "cuda";
	else if (!toolchain && !pin->container_count)
		*arena_push(a, &pin->containers, &pin->container_count) = "c0";
	for (unsigned i = 0; i <= pick(3); i++) {
		struct lock_file *f = arena_push(a, &pin->files, &pin->file_count);

		f->name = arena_printf(a, "%s-%s-%u-py3-none-any.whl", pin->name, pin->version, 9 - i);
		f->size_bytes = (uint64_t)pick(1u << 30) * 1000;
		f->sha256 = HEX;
		f->built_from = pick(9) ? NULL : HEX;
	}
	if (!toolchain && !pick(3))
		*arena_push(a, &pin->environments, &pin->environment_count) = "e";
}

static void generate_edges(struct lock *lock, struct pin *pin, unsigned first, unsigned count)
{
	static const char *const markers[] = {NULL, "python_version < \"3.12\"", "sys_platform == 'linux'"};

	for (unsigned i = 0; i < count; i++) {
		if (pick(3))
			continue;
		struct lock_edge *e = arena_push(&lock->arena, &pin->edges, &pin->edge_count);

		e->name = lock->pins[first + i].name;
		e->version = pick(2) ? lock->pins[first + i].version : NULL;
		e->marker = markers[pick(3)];
		e->waived = pick(6) ? NULL : "not \"really\" needed";
		e->extra = pick(2) ? "all" : NULL;
		if (pick(2))
			e->extras = some_texts(&lock->arena, "extra-", 4, &e->extra_count);
	}
}

static void generate(struct lock *lock)
{
	struct arena *a = &lock->arena;
	unsigned packages = pick(12), toolchain = pick(4);

	lock->project = "a \"quoted\" \\ name";
	lock->inputs = HEX;
	lock->cut_off_unix = pick(2000000000);
	*arena_push(a, &lock->tools, &lock->tool_count) = (struct lock_tool){"uv", "0.13.9"};
	*arena_push(a, &lock->tools, &lock->tool_count) = (struct lock_tool){"a tool", "1 (é)"};
	*arena_push(a, &lock->environments, &lock->environment_count) = (struct lock_environment){"e", "3.11", "cpython", "linux", "x86_64", "glibc", "2.36"};
	*arena_push(a, &lock->environments, &lock->environment_count) = (struct lock_environment){"d", "3.9", "cpython", "linux", "aarch64", "glibc", "2.31"};
	for (unsigned i = pick(4) + 1; i-- > 0;) {
		struct lock_container *c = arena_push(a, &lock->containers, &lock->container_count);

		*c = (struct lock_container){.name = arena_printf(a, "c%u", i), .environment = "e", .inputs = HEX};
		c->groups = some_texts(a, "group ", 3, &c->group_count);
		if (pick(2))
			*arena_push(a, &c->further, &c->further_count) = "d";
	}
	for (unsigned i = pick(4); i-- > 0;) {
		struct lock_deb *deb = arena_push(a, &lock->debs, &lock->deb_count);

		*deb = (struct lock_deb){.name = arena_printf(a, "lib%u", pick(99)), .version = "1:1.0~rc1-2+b1", .architecture = "all", .file = "lib_1.deb"};
		deb->sha256 = arena_printf(a, "%064u", i);
		deb->path = "pool/l/lib_1.deb";
		deb->size_bytes = pick(1000);
		deb->stages = some_texts(a, "layer:", 3, &deb->stage_count);
		*arena_push(a, &deb->stages, &deb->stage_count) = "base:x";
	}
	lock->pins = arena_array(a, packages + toolchain, sizeof(*lock->pins));
	for (unsigned i = 0; i < packages + toolchain; i++)
		generate_pin(lock, &lock->pins[lock->pin_count++], 99 - i, i >= packages);
	for (unsigned i = 0; i < packages; i++)
		generate_edges(lock, &lock->pins[i], 0, packages);
	for (unsigned i = 0; i < toolchain; i++)
		generate_edges(lock, &lock->pins[packages + i], packages, toolchain);
	for (size_t i = 0; i < lock->pin_count; i++) {
		for (size_t j = 0; j < lock->pins[i].container_count; j++) {
			struct lock_container *c = &lock->containers[lock->container_count - 1 - (size_t)(lock->pins[i].containers[j][1] - '0')];

			*arena_push(a, &c->direct, &c->direct_count) = arena_printf(a, "%s>=0", lock->pins[i].name);
		}
	}
}

TEST(round_trips)
{
	for (seed = 1; seed < 400; seed++) {
		struct lock lock = {0}, again = {0};
		autostrbuf struct strbuf first = {0}, second = {0};
		uint64_t kept = seed;

		seed *= 0x9e3779b97f4a7c15u;
		generate(&lock);
		lock_sort(&lock);
		lock_write(&lock, &first);
		parse(&again, first.text);
		lock_write(&again, &second);
		assert_string_equal(first.text, second.text);
		assert_int_equal(lock.pin_count, again.pin_count);
		seed = kept;
		lock_release(&lock);
		lock_release(&again);
	}
}

/* Whatever a hand or a disk does to a lock: a message or a lock, no crash. */
TEST(survives_mutations)
{
	seed = 20261123;
	for (unsigned round = 0; round < 3000; round++) {
		struct lock lock = {0};
		autodiag struct diag d = {0};
		autoerror struct error err = {0};
		autofree char *text = mem_strdup(round % 2 ? sample : further);
		size_t length = strlen(text);

		for (unsigned i = 0; i <= pick(3); i++) {
			size_t at = pick((unsigned)length), from = pick((unsigned)length), count = pick(30);

			if (pick(2))
				text[at] = (char)pick(256);
			else if (at + count < length && from + count < length)
				memmove(text + at, text + from, count);
		}
		int result = lock_parse(&lock, "lock.toml", text, length, &d, &err);

		assert_int_equal(result, d.error_count ? -1 : 0);
		lock_release(&lock);
	}
}

TEST(reads_files)
{
	struct lock lock = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};

	assert_int_equal(file_write("lock.toml", sample, strlen(sample), &err), 0);
	assert_int_equal(lock_read(&lock, "lock.toml", "lock.toml", &d, &err), 0);
	assert_int_equal(lock.pin_count, 4);
	lock_release(&lock);
	assert_int_equal(lock_read(&lock, "none.toml", "none.toml", &d, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	lock_release(&lock);
}
