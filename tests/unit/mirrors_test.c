#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "debian/access.h"
#include "debian/mirrors.h"

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
	autoerror struct error ignored = {0};

	file_remove_tree("auth.conf", &ignored);
	file_remove_tree("auth.conf.d", &ignored);
	write_file("proxies", "");
	write_file("https", "");
	write_file("fake/apt-config",
		   "#!/bin/sh\ncase $* in shell*) echo \"FILE='$PWD/auth.conf'\"; echo \"FOLDER='$PWD/auth.conf.d/'\";; *https) exec cat https;; "
		   "*) exec cat proxies;; esac\n");
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

TEST(users_and_passwords_are_left_out_of_sources)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf out = {0};

	fake_apt("https://me:p%40ss%3aword%25@m/debian/|bookworm|bookworm|main|/none:1\n"
		 "http://you:secret@n:8080/debian/|bookworm|bookworm|contrib|/none:1\n"
		 "http://you:secret@n:8080/debian/|trixie|trixie|main|/none:1\n"
		 "https://only@o/|bookworm|bookworm|contrib|/none:1\n"
		 "http://plain/a@b/|bookworm|bookworm|main|/none:1\n");
	expect_lines("bookworm", "main", 2,
		     "deb https://m/debian/ bookworm main\ndeb http://n:8080/debian/ bookworm contrib\ndeb https://o/ bookworm contrib\n"
		     "deb http://plain/a@b/ bookworm main\n");
	setenv("LOCKSTEP_APT_MIRROR", "https://first:x@mirror.example/debian", 1);
	expect_lines("bookworm", "main", 1, "deb https://mirror.example/debian bookworm main\n");
	assert_int_equal(mirrors_add_credentials(&a, &out, &err), 0);
	assert_string_equal(strbuf_text(&out), "machine mirror.example/debian login first password x\n"
					       "machine m/debian/ login me password p@ss:word%\n"
					       "machine http://n:8080/debian/ login you password secret\n"
					       "machine o/ login only\n");
	unsetenv("LOCKSTEP_APT_MIRROR");
}

TEST(a_password_that_cannot_be_handed_on_is_said_without_telling_it)
{
	static const char *const users[] = {"me:my%20words", "me:my%0awords", "me:", ":mywords", "my%09words:x"};

	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		autoarena struct arena a = {0};
		autoerror struct error err = {0};
		autostrbuf struct strbuf out = {0};
		autofree char *targets = mem_printf("https://%s@m/debian/|bookworm|bookworm|main|/none:1\n", users[i]);

		fake_apt(targets);
		assert_int_equal(mirrors_add_credentials(&a, &out, &err), -1);
		assert_non_null(strstr(err.text, "in the address of apt's source 'https://m/debian/' is empty, or has a space\n"));
		assert_non_null(strstr(err.text, "/etc/apt/auth.conf.d/"));
		assert_null(strstr(err.text, "words"));
	}
}

/* A file's text; its mode and its folder's let nobody else read what is secret. */
static void expect_file(const char *path, mode_t mode, const char *text)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf seen = {0};
	struct stat st;

	assert_non_null(path);
	assert_int_equal(file_read(path, 1024 * 1024, &seen, &err), 0);
	assert_string_equal(strbuf_text(&seen), text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
}

TEST(what_apt_says_of_https_and_of_passwords_reaches_builds)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autofree char *folder = realpath(".", NULL), *https = NULL, *conf = NULL;
	struct access x = {0};

	fake_apt("https://me:secret@m/debian/|bookworm|bookworm|main|/none:1\n");
	setenv("TMPDIR", folder, 1);
	write_file("ca.pem", "company\n");
	write_file("other.pem", "other\n");
	write_file("auth.conf", "machine a login b password c");
	write_file("auth.conf.d/1.conf", "machine d login e\n");
	write_file("auth.conf.d/2.conf.bak", "machine no login no\n");
	https = mem_printf(
		"Acquire::https \"\";\nAcquire::https::CAInfo \"%s/ca.pem\";\nAcquire::https::o::CaInfo \"\";\nAcquire::https::o::CAInfo \"%s/other.pem\";\n"
		"Acquire::https::Proxy \"http://u:secret@p\";\nAcquire::https::Verify-Peer \"true\";\n",
		folder, folder);
	write_file("https", https);
	assert_int_equal(access_open(&a, "/etc/passwd", &x, &err), 0);
	assert_non_null(x.proxies);
	expect_file(x.ca_file, 0644, "company\n\nother\n\n");
	conf = mem_printf("Acquire::https::CAInfo \"%s/ca.pem\";\nAcquire::https::o::CAInfo \"%s/other.pem\";\nAcquire::https::Verify-Peer \"true\";\n", folder,
			  folder);
	expect_file(x.apt_conf, 0644, conf);
	expect_file(x.auth_file, 0600, "machine m/debian/ login me password secret\nmachine a login b password c\nmachine d login e\n\n");
	const char *made = x.folder;

	access_close(&x);
	assert_false(file_exists(made));
	unsetenv("TMPDIR");
}

TEST(certificates_of_the_environment_count_where_apt_names_none)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autofree char *folder = realpath(".", NULL), *ca = mem_printf("%s/ca.pem", folder);
	struct access x = {0};

	fake_apt("http://m/debian/|bookworm|bookworm|main|/none:1\n");
	setenv("TMPDIR", folder, 1);
	write_file("ca.pem", "company\n");
	assert_int_equal(access_open(&a, ca, &x, &err), 0);
	autostrbuf struct strbuf all = {0}, conf = {0};

	assert_int_equal(file_read(x.ca_file, 1024 * 1024, &all, &err), 0);
	assert_true(text_starts_with(strbuf_text(&all), "company\n"));
	assert_int_equal(file_read(x.apt_conf, 4096, &conf, &err), 0);
	autofree char *expected = mem_printf("Acquire::https::CAInfo \"%s\";\n", x.ca_file);

	assert_string_equal(strbuf_text(&conf), expected);
	assert_null(x.auth_file);
	access_close(&x);

	/* Without any, apt outside of images needs to be told nothing. */
	assert_int_equal(access_open(&a, NULL, &x, &err), 0);
	assert_null(x.apt_conf);
	assert_null(x.folder);
	access_close(&x);
	unsetenv("TMPDIR");
}

TEST(a_machine_without_apt_has_nothing_to_say)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct access x = {0};

	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(access_open(&a, "/etc/passwd", &x, &err), 0);
	assert_string_equal(x.ca_file, "/etc/passwd");
	assert_null(x.proxies);
	access_close(&x);
}
