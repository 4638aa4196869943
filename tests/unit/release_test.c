#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "release_fixture.h"
#include "base/text.h"
#include "release/release_text.h"
#include "release/tags.h"

static void bump(const char *name, unsigned generation)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf notes = {0};

	if (fixture_bump("p", name, generation, &notes, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(strbuf_text(&notes), "");
}

static char *read_text(const char *path)
{
	autoerror struct error err = {0};
	struct strbuf out = {0};

	if (file_read(path, 1 << 20, &out, &err) < 0)
		fail_msg("%s", err.text);
	strbuf_add(&out, "");
	return strbuf_detach(&out);
}

TEST(names_are_ordered_by_their_numbers)
{
	static const char *const order[] = {"v0", "v0.1", "v0.1.0", "v0.1.1", "v0.2", "v0.9", "v0.10", "v1", "v1.0", "v2", "v10", "v18446744073709551617"};
	static const char *const bad[] = {"", "v", "0.1", "v.1", "v1.", "v1..2", "v1a", "V1", "v1/..", "latest", "v-1", "v1 "};
	autoarena struct arena a = {0};

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_true(release_name_is_valid(order[i]));
		for (size_t k = 0; k < ARRAY_LEN(order); k++) {
			int seen = release_name_compare(order[i], order[k]);

			assert_int_equal((seen > 0) - (seen < 0), (i > k) - (i < k));
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(release_name_is_valid(bad[i]));
	assert_string_equal(release_next_name(&a, NULL, "v0.1"), "v0.1");
	assert_string_equal(release_next_name(&a, "v0.9", "v0.1"), "v0.10");
	assert_string_equal(release_next_name(&a, "v0.199", "v0.1"), "v0.200");
	assert_string_equal(release_next_name(&a, "v99", "v0.1"), "v100");
	assert_string_equal(release_next_name(&a, "v1.2.3", "v0.1"), "v1.2.4");
}

TEST(a_release_is_read_as_it_was_made)
{
	autoerror struct error err = {0};
	autoarena struct arena a = {0};
	autorelease struct release r = {0}, latest = {0};
	struct transaction_file *again, *files;
	size_t again_count, count;

	setenv("LOCKSTEP_NOW", "1700000100", 1);
	fixture_project("p");
	bump("v0.1", 1);
	bump("v0.2", 2);
	if (release_read(&r, "p", "v0.2", &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(r.name, "v0.2");
	assert_string_equal(r.previous, "v0.1");
	assert_int_equal(r.created_unix, 1700000100);
	assert_int_equal(r.snapshot_count, 2);
	assert_string_equal(r.snapshots[0].container, "ci-cpu");
	assert_null(r.snapshots[0].image_digest);
	assert_string_equal(r.snapshots[0].packages[1].direct_url, "file:///x \"quoted\"\\\n\xc3\xa9");
	assert_true(r.snapshots[0].packages[1].editable);
	assert_string_equal(r.snapshots[0].freeze[0], "# Editable install with no version control (odd==0)");
	assert_string_equal(r.snapshots[0].freeze[2], "numpy==1.2");
	assert_string_equal(r.lock.pins[0].version, "1.2");
	assert_int_equal(release_read(&latest, "p", "latest", &err), 0);
	assert_string_equal(latest.name, "v0.2");
	assert_int_equal(release_check_latest("p", &err), 0);
	/* What was read gives the same bytes again. */
	release_files(&a, &r, &again, &again_count);
	assert_int_equal(release_files_read(&a, "p", "lockfiles/latest", &files, &count, &err), 0);
	assert_int_equal(again_count, 5);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(again[i].name, files[i].name);
		assert_string_equal(again[i].text, files[i].text);
	}
}

TEST(the_text_is_for_people_and_for_sha256sum)
{
	autofree char *json = NULL, *freeze = NULL, *plain = NULL, *jenkinsfile = NULL, *dockerfile = NULL;

	setenv("LOCKSTEP_NOW", "1700000100", 1);
	fixture_project("p");
	bump("v0.1", 1);
	json = read_text("p/lockfiles/v0.1/release.json");
	freeze = read_text("p/lockfiles/v0.1/ci-cpu.txt");
	plain = read_text("p/lockfiles/v0.1/ci-gpu.txt");
	jenkinsfile = read_text("p/Jenkinsfile");
	dockerfile = read_text("p/containers/ci-cpu/Dockerfile");
	assert_true(text_starts_with(json, "{\n  \"version\": 1,\n  \"name\": \"v0.1\",\n  \"created\": \"2023-11-14T22:15:00Z\",\n  \"tool\": \"lockstep "));
	assert_non_null(strstr(json, "\n        {\"name\":\"glibc\",\"version\":\"2.36\"}\n      ],\n"));
	assert_non_null(strstr(json, "\n        {\"name\":\"libc6\",\"version\":\"2.36-9+deb12u10\",\"architecture\":\"amd64\"}\n"));
	assert_string_equal(freeze, "# What 'pip freeze --all' said in the image of ci-cpu. Made by lockstep\n"
				    "# Editable install with no version control (odd==0)\n-e /x\nnumpy==1.1\n");
	assert_string_equal(plain, "# What 'pip freeze --all' said in the image of ci-gpu. Made by lockstep; as constraints: pip install -c ci-gpu.txt ...\n"
				   "numpy==1.1\n");
	assert_string_equal(jenkinsfile, "ci_cpu = 'lockstep/ci-cpu:v0.1'\nci_gpu = \"lockstep/ci-gpu:v0.1\"\n");
	assert_string_equal(dockerfile, "FROM new\n");
	assert_false(file_exists("p/.lockstep/lock.toml"));
	assert_int_equal(WEXITSTATUS(({
				 pid_t child = fork();
				 int status = 0;

				 if (!child && chdir("p/lockfiles/v0.1") == 0)
					 execlp("sha256sum", "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS", NULL);
				 waitpid(child, &status, 0);
				 status;
			 })),
			 0);
}

static void expect_error(const char *name, enum error_code code, const char *text)
{
	autorelease struct release r = {0};
	autoerror struct error err = {0};

	assert_int_equal(release_read(&r, "p", name, &err), -1);
	if (err.code != code || !strstr(err.text, text))
		fail_msg("expected: %s\nseen: %s", text, err.text);
}

TEST(what_cannot_be_read_is_said)
{
	autofree char *sums = NULL;

	fixture_project("p");
	expect_error("v0.1", ERR_NOT_FOUND, "there is no release yet");
	bump("v0.1", 1);
	bump("v0.2", 2);
	bump("v0.3", 3);
	expect_error("v0.4", ERR_NOT_FOUND, "there is no release 'v0.4'; the newest is 'v0.3'\ndid you mean 'v0.");
	expect_error("../v0.1", ERR_NOT_FOUND, "there is no release '../v0.1'");

	sums = read_text("p/lockfiles/v0.2/SHA256SUMS");
	autofree char *twice = mem_printf("%s%s", sums, sums);

	fixture_put("p/lockfiles/v0.2/SHA256SUMS", twice);
	expect_error("v0.2", ERR_INPUT, "names 'ci-cpu.txt' a second time; restore the file with 'git checkout lockfiles/v0.2/SHA256SUMS'");
	fixture_put("p/lockfiles/v0.2/SHA256SUMS", sums);
	fixture_put("p/lockfiles/v0.2/ci-cpu.txt", "numpy==1.26\n");
	expect_error("v0.2", ERR_INPUT, "'lockfiles/v0.2/ci-cpu.txt' was changed since it was released (sha256 ");
	expect_error("v0.2", ERR_INPUT, "restore it with 'git checkout lockfiles/v0.2/ci-cpu.txt', or make a new release");
	assert_int_equal(unlink("p/lockfiles/v0.2/ci-cpu.txt"), 0);
	expect_error("v0.2", ERR_INPUT, "'lockfiles/v0.2/ci-cpu.txt' is missing; restore it with 'git checkout lockfiles/v0.2/ci-cpu.txt'");
	fixture_put("p/lockfiles/v0.2/SHA256SUMS", "zz\n");
	expect_error("v0.2", ERR_INPUT, "'lockfiles/v0.2/SHA256SUMS' line 1 is no line of sha256sum");
	fixture_put("p/lockfiles/v0.2/SHA256SUMS", "");
	expect_error("v0.2", ERR_INPUT, "'lockfiles/v0.2/SHA256SUMS' does not list 'lock.toml'");
	assert_int_equal(unlink("p/lockfiles/v0.2/SHA256SUMS"), 0);
	expect_error("v0.2", ERR_INPUT, "'lockfiles/v0.2/SHA256SUMS' is missing");

	autorelease struct release r = {0};
	autoerror struct error err = {0};

	assert_int_equal(release_read(&r, "p", "v0.3", &err), 0); /* the others are as they were */
	fixture_put("p/lockfiles/latest/SHA256SUMS", "");
	assert_int_equal(release_check_latest("p", &err), -1);
	assert_non_null(strstr(err.text, "is not the newest release 'v0.3'"));
}

TEST(release_json_is_read_strictly)
{
	static const char *const bad[][2] = {
		{"{", "not valid JSON"},
		{"[]", "it has no version"},
		{"{\"version\":2}", "has format version 2, this lockstep knows 1"},
		{"{\"version\":1,\"name\":\"v1\",\"created\":\"2023-11-14\",\"tool\":\"t\",\"containers\":[],\"x\":1}", "'x' of the release is unknown"},
		{"{\"version\":1,\"created\":\"2023-11-14\",\"tool\":\"t\",\"containers\":[]}", "'name' of the release is missing"},
		{"{\"version\":1,\"name\":\"v1\\u0000\",\"created\":\"2023-11-14\",\"tool\":\"t\",\"containers\":[]}", "'name' of the release is no text"},
		{"{\"version\":1,\"name\":\"v1\",\"created\":\"yesterday\",\"tool\":\"t\",\"containers\":[]}", "is no date and time"},
		{"{\"version\":1,\"name\":\"v1\",\"created\":\"2023-11-14\",\"tool\":\"t\",\"containers\":{}}", "'containers' of the release is no list"},
		{"{\"version\":1,\"name\":\"v1\",\"created\":\"2023-11-14\",\"tool\":\"t\",\"containers\":[3]}", "of a container is no table"},
		{"{\"version\":1,\"name\":\"v1\",\"created\":\"2023-11-14\",\"tool\":\"t\",\"containers\":[{\"name\":\"c\"}]}", "'engine' of c is missing"},
		{"{\"version\":1,\"name\":\"v1\",\"created\":\"2023-11-14\",\"tool\":\"t\",\"containers\":[{\"name\":\"c\",\"engine\":\"e\",\"engine_version\":\"1\","
		 "\"image_id\":\"i\",\"markers\":[],\"tools\":[],\"packages\":[],\"layers\":[{\"digest\":\"x\"}],\"system_packages\":[]}]}",
		 "'diff_id' of a layer is missing"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct release r = {0};
		autoerror struct error err = {0};

		assert_int_equal(release_json_parse(&r, "release.json", bad[i][0], strlen(bad[i][0]), &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		if (!strstr(err.text, bad[i][1]))
			fail_msg("%s\n%s", bad[i][0], err.text);
		release_free(&r);
	}
}

static void expect_no_release(const char *name, const char *text)
{
	autoerror struct error err = {0};
	autofree char *before = read_text("p/Jenkinsfile"), *after = NULL, *folder = mem_printf("p/lockfiles/%s", name);
	bool there = file_exists(folder);

	assert_int_equal(fixture_bump("p", name, 5, NULL, &err), -1);
	if (!strstr(err.text, text))
		fail_msg("expected: %s\nseen: %s", text, err.text);
	after = read_text("p/Jenkinsfile");
	assert_string_equal(before, after);
	assert_int_equal(file_exists(folder), there);
	assert_false(file_exists("p/.lockstep/release"));
}

TEST(what_cannot_be_released_changes_nothing)
{
	fixture_project("p");
	bump("v0.2", 1);
	expect_no_release("v0.2", "release 'v0.2' does not come after 'v0.2'");
	expect_no_release("v0.1", "release 'v0.1' does not come after 'v0.2'");
	expect_no_release("../v3", "is no name for a release");
	fixture_put("p/Jenkinsfile", "ci_cpu = 'lockstep/ci-cpu:v0.2'\n");
	expect_no_release("v0.3", "the tags of the containers cannot be moved");

	struct database db = fixture_database("p");
	autoerror struct error err = {0};
	autodiag struct diag d = {0};
	struct fixture f;

	fixture_make(&f, 3);
	assert_int_equal(release_make(&db, &f.lock, f.snapshots, 1, NULL, 0, "v0.3", &d, NULL, &err), -1);
	assert_non_null(strstr(err.text, "container 'ci-cpu' is in the lock, but no snapshot was taken of it"));
	fixture_release(&f);
}

TEST(a_container_that_is_gone_leaves_latest)
{
	fixture_project("p");
	bump("v0.1", 1);
	fixture_put("p/lockfiles/latest/ci-old.txt", "x==1\n");
	bump("v0.2", 2);
	assert_false(file_exists("p/lockfiles/latest/ci-old.txt"));
	assert_true(file_exists("p/lockfiles/latest/ci-cpu.txt"));
}

/* All of a release, or nothing of it: text, latest, rendered files and tags. */
static bool is_released(const char *name)
{
	autoerror struct error err = {0};
	autorelease struct release r = {0};
	autotags struct tags tags = {0};
	autodiag struct diag d = {0};
	struct database db = fixture_database("p");
	autofree char *dockerfile = read_text("p/containers/ci-cpu/Dockerfile");
	bool read = release_read(&r, "p", name, &err) == 0;

	if (!read)
		assert_int_equal(err.code, ERR_NOT_FOUND);
	error_release(&err);
	assert_int_equal(release_check_latest("p", &err), 0);
	assert_int_equal(tags_read(&tags, &db, &d, &err), 0);
	assert_int_equal(tags_are_at(&tags, name), read);
	assert_int_equal(!strcmp(dockerfile, "FROM new\n"), read);
	assert_int_equal(file_exists("p/.lockstep/lock.toml"), !read);
	return read;
}

TEST(killed_anywhere_a_release_is_whole_or_absent)
{
#ifdef LOCKSTEP_TEST_HOOKS
	int whole = 0, absent = 0, status = 0;

	for (int at = 1;; at += 3) {
		autofree char *number = mem_printf("%d", at);
		autoerror struct error err = {0};

		fixture_project("p");
		pid_t child = fork();

		if (!child) {
			setenv("LOCKSTEP_TEST_KILL_AT", number, 1);
			_exit(fixture_bump("p", "v0.1", 1, NULL, &err) < 0);
		}
		waitpid(child, &status, 0);
		if (!WIFSIGNALED(status))
			break;
		assert_int_equal(release_recover("p", false, NULL, &err), 0);
		*(is_released("v0.1") ? &whole : &absent) += 1;
		assert_int_equal(file_exists("p/lockfiles/lockstep.db"), file_exists("p/lockfiles/v0.1"));
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(whole > 5 && absent > 5);
#else
	skip();
#endif
}

TEST(readers_do_not_wait_for_a_writer)
{
	autoerror struct error err = {0};
	autofd int fd = -1;

	fixture_project("p");
	bump("v0.1", 1);
	fixture_put("p/.lockstep/release/abc/1", "staged by a run that is at work");
	assert_int_equal(file_lock("p/.lockstep/lock", &fd, &err), 0);
	assert_int_equal(release_recover("p", true, NULL, &err), 0);
	assert_true(file_exists("p/.lockstep/release/abc/1"));
	assert_int_equal(release_recover("p", false, NULL, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	close(file_steal_fd(&fd));
	error_release(&err);
	assert_int_equal(release_recover("p", false, NULL, &err), 0);
	assert_false(file_exists("p/.lockstep/release"));
}
