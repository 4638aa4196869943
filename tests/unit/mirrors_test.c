#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "build/mirrors.h"

static void write_file(const char *path, const char *text)
{
	autoerror struct error err = {0};

	assert_int_equal(file_make_parents(path, &err), 0);
	assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

/* An apt that prints the file "targets" (or "proxies"), in front of PATH. */
static void fake_apt(const char *targets)
{
	autofree char *folder = realpath(".", NULL), *path = mem_printf("%s/fake:/usr/bin:/bin", folder);

	write_file("targets", targets);
	write_file("fake/apt-get", "#!/bin/sh\n[ \"$1 $2\" = 'indextargets --format' ] || exit 9\n"
				   "case $* in *lists=*) exec sed 's/[|]bookworm[|]/|$(CODENAME)|/2;s/[|]stable[|]bookworm[|]/|stable|$(CODENAME)|/' targets;; "
				   "esac\nexec cat targets\n");
	write_file("fake/apt-config", "#!/bin/sh\nexec cat proxies\n");
	chmod("fake/apt-get", 0755);
	chmod("fake/apt-config", 0755);
	setenv("PATH", path, 1);
	unsetenv("LOCKSTEP_APT_MIRROR");
}

static void expect_lines(const char *suite, const char *components, size_t component_count, const char *expected)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf seen = {0};
	const char **lines, *list[2] = {components, "contrib"};
	size_t count;

	if (mirrors_of_suite(&a, suite, list, component_count, &lines, &count, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&seen, "%s\n", lines[i]);
	assert_string_equal(strbuf_text(&seen), expected);
}

TEST(sources_of_a_suite_with_its_updates_and_security)
{
	fake_apt("http://m/debian/|bookworm|bookworm|main|/none:1\n"
		 "http://m/debian/|bookworm|bookworm|contrib|/none:1\n"
		 "http://m/debian/|bookworm|bookworm|main|/none:1\n"
		 "http://m/debian/|bookworm-updates|bookworm-updates|main|/none:1\n"
		 "http://m/debian-security/|bookworm-security|bookworm-security|main|/none:2\n"
		 "http://m/debian/|bookworm-backports|bookworm-backports|main|/none:1\n"
		 "http://m/debian/|trixie|trixie|main|/none:1\n"
		 "http://other/|nodistro|nodistro|main|/none:1\n"
		 "no target at all\n");
	expect_lines("bookworm", "main", 1,
		     "deb http://m/debian/ bookworm main\ndeb http://m/debian/ bookworm-updates main\ndeb http://m/debian-security/ bookworm-security main\n");
	expect_lines("bookworm", "main", 2,
		     "deb http://m/debian/ bookworm main contrib\ndeb http://m/debian/ bookworm-updates main\ndeb http://m/debian-security/ bookworm-security "
		     "main\n");
	expect_lines("trixie", "main", 1, "deb http://m/debian/ trixie main\n");
	expect_lines("bullseye", "main", 1, "");
}

TEST(a_suite_may_be_called_by_its_role)
{
	fake_apt("http://m/debian/|stable|bookworm|main|/none:1\n");
	expect_lines("bookworm", "main", 1, "deb http://m/debian/ stable main\n");
}

TEST(keys_are_found_in_the_entry_that_a_source_comes_from)
{
	fake_apt("http://m/a/|bookworm|bookworm|main|a.sources:1\n"
		 "http://m/b/|bookworm|bookworm|main|a.sources:2\n"
		 "http://m/c/|bookworm|bookworm|main|c.list:2\n"
		 "http://m/d/|bookworm|bookworm|main|c.list:3\n");
	write_file("a.sources",
		   "# a comment\n\nTypes: deb\nURIs: http://m/a\nSigned-By: /keys/a.gpg\n\nTypes: deb\nURIs: http://m/b\nSigned-By:\n -----BEGIN PGP\n");
	write_file("c.list", "# comment\ndeb [arch=amd64 signed-by=/keys/c.gpg] http://m/c bookworm main\ndeb http://m/d bookworm main\n");
	expect_lines("bookworm", "main", 1,
		     "deb [signed-by=/keys/a.gpg] http://m/a/ bookworm main\ndeb http://m/b/ bookworm main\n"
		     "deb [signed-by=/keys/c.gpg] http://m/c/ bookworm main\ndeb http://m/d/ bookworm main\n");
}

TEST(an_address_of_our_own_stands_in_for_all)
{
	fake_apt("http://m/debian/|bookworm|bookworm|main|/none:1\n");
	setenv("LOCKSTEP_APT_MIRROR", "https://mirror.example/debian", 1);
	expect_lines("trixie", "main", 2, "deb https://mirror.example/debian trixie main contrib\n");
	unsetenv("LOCKSTEP_APT_MIRROR");
}

TEST(an_apt_that_fails_is_said)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	const char **lines, *list[] = {"main"};
	size_t count;

	fake_apt("");
	write_file("fake/apt-get", "#!/bin/sh\necho 'E: sources cannot be read' >&2; exit 100\n");
	assert_int_equal(mirrors_of_suite(&a, "bookworm", list, 1, &lines, &count, &err), -1);
	assert_non_null(strstr(err.text, "cannot learn this machine's package mirrors: "));
	assert_non_null(strstr(err.text, "\nE: sources cannot be read"));
}

TEST(proxies_that_only_apt_knows_reach_children)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	const char *const *list;

	fake_apt("");
	write_file("proxies", "Acquire::http::Proxy http://proxy:3128\nAcquire::https::Proxy DIRECT\nAcquire::http::Proxy::host \n");
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	assert_int_equal(mirrors_environment(&a, &list, &err), 0);
	assert_string_equal(list[0], "http_proxy=http://proxy:3128");
	assert_null(list[1]);
	setenv("http_proxy", "http://mine:1", 1);
	assert_int_equal(mirrors_environment(&a, &list, &err), 0);
	assert_null(list[0]);
	unsetenv("http_proxy");
}
