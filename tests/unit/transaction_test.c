#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "io/digest.h"
#include "release/transaction.h"

static char memory_folder[] = "/dev/shm/lockstep-test-XXXXXX";

static void leave_memory(void)
{
	autoerror struct error err = {0};

	file_remove_tree(memory_folder, &err);
}

/* Thousands of fsyncs take minutes on a busy disk and tell nothing here; release_test.c kills on the real one. */
__attribute__((constructor)) static void work_in_memory(void)
{
	if (mkdtemp(memory_folder) && chdir(memory_folder) == 0)
		atexit(leave_memory);
}

static void put(const char *path, const char *text)
{
	autoerror struct error err = {0};

	if (file_make_parents(path, &err) < 0 || file_write(path, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

/* Every file under a folder with its content, but what lockstep keeps for itself. */
static void add_state(struct strbuf *out, const char *folder)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	char **names;
	size_t count;

	assert_int_equal(file_list(&a, folder, &names, &count, &err), 0);
	for (size_t i = 0; i < count; i++) {
		const char *path = path_join(&a, folder, names[i]);

		if (!strcmp(names[i], "release") || !strcmp(names[i], "saved"))
			continue;
		if (file_is_dir(path)) {
			strbuf_printf(out, "%s/\n", path);
			add_state(out, path);
			continue;
		}
		strbuf_printf(out, "%s: ", path);
		assert_int_equal(file_read(path, 1 << 20, out, &err), 0);
	}
}

static char *content_of(const char *root)
{
	struct strbuf out = {0};

	add_state(&out, root);
	return strbuf_detach(&out);
}

static void make_old(const char *root)
{
	autoerror struct error err = {0};

	assert_int_equal(file_remove_tree(root, &err), 0);
	assert_int_equal(file_make_dirs(root, &err), 0);
	assert_int_equal(chdir(root), 0);
	put("Jenkinsfile", "old tags\n");
	put("lockfiles/latest/lock.toml", "old lock\n");
	put("lockfiles/latest/gone.txt", "of a container that is gone\n");
	put("containers/ci-cpu/Dockerfile", "FROM old\n");
	put(".lockstep/lock.toml", "working lock\n");
	chmod("Jenkinsfile", 0755);
	assert_int_equal(chdir(".."), 0);
}

static int make_new(const char *root, struct strbuf *notes, struct error *err)
{
	static const struct transaction_file files[] = {{"lock.toml", "new lock\n", 9}, {"release.json", "{}\n", 3}};
	autotransaction struct transaction *t = NULL;

	if (transaction_begin(root, &t, err) < 0 || transaction_add_folder(t, "lockfiles/v0.2", files, 2, err) < 0 ||
	    transaction_add_file(t, "lockfiles/latest/lock.toml", "new lock\n", 9, NULL, err) < 0 ||
	    transaction_add_file(t, "lockfiles/latest/release.json", "{}\n", 3, NULL, err) < 0 ||
	    transaction_add_removal(t, "lockfiles/latest/gone.txt", err) < 0 ||
	    transaction_add_file(t, "containers/ci-cpu/Dockerfile", "FROM new\n", 9, NULL, err) < 0 ||
	    transaction_add_file(t, "containers/ci-gpu/deep/Dockerfile", "FROM gpu\n", 9, NULL, err) < 0 ||
	    transaction_add_file(t, "Jenkinsfile", "new tags\n", 9, NULL, err) < 0 || transaction_add_removal(t, ".lockstep/lock.toml", err) < 0)
		return -1;
	return transaction_commit(t, NULL, notes, err);
}

/* How a child that runs `body` ended: its exit status, or -signal. */
static int in_child(const char *kill_at, int (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		setenv("LOCKSTEP_TEST_KILL_AT", kill_at, 1);
		_exit(body());
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int child_release(void)
{
	autoerror struct error err = {0};

	return make_new("p", NULL, &err) < 0;
}

static int child_recover(void)
{
	autoerror struct error err = {0};

	return transaction_recover("p", NULL, NULL, &err) < 0;
}

static void expect_clean(void)
{
	assert_false(file_exists("p/.lockstep/release"));
	assert_false(file_exists("p/.lockstep/saved"));
}

TEST(all_changes_are_made)
{
	autoerror struct error err = {0};
	autofree char *old = NULL, *new = NULL;
	struct stat st;

	make_old("p");
	old = content_of("p");
	if (make_new("p", NULL, &err) < 0)
		fail_msg("%s", err.text);
	new = content_of("p");
	assert_string_equal(new, "p/.lockstep/\n"
				 "p/Jenkinsfile: new tags\n"
				 "p/containers/\np/containers/ci-cpu/\np/containers/ci-cpu/Dockerfile: FROM new\n"
				 "p/containers/ci-gpu/\np/containers/ci-gpu/deep/\np/containers/ci-gpu/deep/Dockerfile: FROM gpu\n"
				 "p/lockfiles/\np/lockfiles/latest/\np/lockfiles/latest/lock.toml: new lock\np/lockfiles/latest/release.json: {}\n"
				 "p/lockfiles/v0.2/\np/lockfiles/v0.2/lock.toml: new lock\np/lockfiles/v0.2/release.json: {}\n");
	assert_string_not_equal(old, new);
	assert_int_equal(stat("p/Jenkinsfile", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat("p/lockfiles/v0.2/lock.toml", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	expect_clean();
}

/* The heart of it: killed between any two changes to the disk, and the recovery killed at any of its own, the outcome is all old or all new. */
TEST(killed_anywhere_it_is_all_old_or_all_new)
{
	autoerror struct error err = {0};
	autofree char *old = NULL, *new = NULL;
	int ended = -SIGKILL, kills = 0, made = 0, dropped = 0;

	make_old("p");
	old = content_of("p");
	assert_int_equal(make_new("p", NULL, &err), 0);
	new = content_of("p");
	for (int at = 1; ended == -SIGKILL; at++) {
		char number[16];
		autofree char *after = NULL;

		snprintf(number, sizeof(number), "%d", at);
		make_old("p");
		ended = in_child(number, child_release);
		if (ended != -SIGKILL)
			break;
		kills++;
		for (int again = 1; in_child((snprintf(number, sizeof(number), "%d", again), number), child_recover) == -SIGKILL; again++)
			kills++;
		assert_int_equal(transaction_recover("p", NULL, NULL, &err), 0);
		after = content_of("p");
		if (strcmp(after, new) != 0)
			assert_string_equal(after, old);
		made += !strcmp(after, new);
		dropped += !strcmp(after, old);
		assert_true(!made || !strcmp(after, new)); /* once past the commit point, never old again */
		expect_clean();
	}
	assert_int_equal(ended, 0);
#ifdef LOCKSTEP_TEST_HOOKS
	assert_true(dropped > 20 && made > 20 && kills > 100);
#endif
	printf("# %d kills: %d all old, %d all new\n", kills, dropped, made);
}

TEST(a_file_changed_meanwhile_stops_everything)
{
	autoerror struct error err = {0};
	autofree char *before = NULL, *after = NULL;
	struct transaction *t = NULL;
	char hex[DIGEST_HEX_LENGTH + 1];

	make_old("p");
	assert_int_equal(transaction_begin("p", &t, &err), 0);
	assert_int_equal(transaction_add_file(t, "containers/ci-cpu/Dockerfile", "FROM new\n", 9, NULL, &err), 0);
	assert_int_equal(transaction_add_file(t, "Jenkinsfile", "new tags\n", 9, NULL, &err), 0);
	assert_int_equal(transaction_size(t), 2);
	put("p/Jenkinsfile", "edited by hand\n");
	before = content_of("p");
	assert_int_equal(transaction_commit(t, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_string_equal(err.text, "'Jenkinsfile' was changed meanwhile; nothing was written; run the same command again");
	transaction_drop(t);
	after = content_of("p");
	assert_string_equal(after, before);
	expect_clean();

	digest_bytes("old tags\n", 9, hex);
	assert_int_equal(transaction_begin("p", &t, &err), 0);
	assert_int_equal(transaction_add_file(t, "Jenkinsfile", "new tags\n", 9, hex, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	transaction_drop(t);
}

TEST(content_that_is_there_plans_nothing)
{
	autoerror struct error err = {0};
	autotransaction struct transaction *t = NULL;

	make_old("p");
	assert_int_equal(transaction_begin("p", &t, &err), 0);
	assert_int_equal(transaction_add_file(t, "Jenkinsfile", "old tags\n", 9, NULL, &err), 0);
	assert_int_equal(transaction_add_removal(t, "not/there", &err), 0);
	assert_int_equal(transaction_size(t), 0);
	assert_int_equal(transaction_add_folder(t, "lockfiles/latest", NULL, 0, &err), -1);
	assert_non_null(strstr(err.text, "exists already"));
}

TEST(paths_stay_inside)
{
	static const char *const bad[] = {"../x", "/etc/x", "a/../../x", "", "out/x", "outfile"};
	autoerror struct error err = {0};
	autotransaction struct transaction *t = NULL;
	autofree char *text = NULL;

	make_old("p");
	put("elsewhere/x", "untouched");
	assert_int_equal(symlink("../elsewhere", "p/out"), 0);
	assert_int_equal(symlink("../elsewhere/x", "p/outfile"), 0);
	assert_int_equal(rename("p/Jenkinsfile", "p/containers/Jenkinsfile"), 0);
	assert_int_equal(symlink("containers/Jenkinsfile", "p/Jenkinsfile"), 0);
	assert_int_equal(transaction_begin("p", &t, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(transaction_add_file(t, bad[i], "x", 1, NULL, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
	}
	assert_int_equal(transaction_add_file(t, "Jenkinsfile", "new tags\n", 9, NULL, &err), 0);
	assert_int_equal(transaction_commit(t, NULL, NULL, &err), 0);
	text = content_of("p");
	assert_non_null(strstr(text, "p/containers/Jenkinsfile: new tags\n"));
	assert_true(readlink("p/Jenkinsfile", (char[64]){0}, 64) > 0);
}

/* An edit that falls between a kill and the recovery loses nothing: ours stands, theirs is kept. */
TEST(an_edit_after_the_commit_point_is_kept_aside)
{
	autoerror struct error err = {0};
	int seen = 0;

#ifndef LOCKSTEP_TEST_HOOKS
	skip();
#endif
	for (int at = 1; at < 200; at++) {
		autostrbuf struct strbuf notes = {0};
		autofree char *after = NULL;
		char number[16];

		snprintf(number, sizeof(number), "%d", at);
		make_old("p");
		if (in_child(number, child_release) != -SIGKILL)
			break;
		put("p/containers/ci-cpu/Dockerfile", "FROM mine\n");
		put("p/lockfiles/latest/gone.txt", "mine too\n");
		if (transaction_recover("p", NULL, &notes, &err) != 1)
			continue;
		after = content_of("p");
		/* Either the move had been made and the edit came after it, or it was kept aside. */
		if (strstr(strbuf_text(&notes), "Dockerfile")) {
			assert_non_null(strstr(after, "ci-cpu/Dockerfile: FROM new\n"));
			seen++;
		} else {
			assert_non_null(strstr(after, "ci-cpu/Dockerfile: FROM mine\n"));
		}
		assert_non_null(strstr(strbuf_text(&notes), "'lockfiles/latest/gone.txt' was changed while the release was put in place"));
		assert_null(strstr(after, "gone.txt"));
		assert_true(file_exists("p/.lockstep/saved"));
	}
	assert_true(seen > 3);
}

TEST(a_damaged_journal_is_named)
{
	static const char *const bad[] = {
		"{", "[]", "{\"version\":2,\"moves\":[]}", "{\"version\":1}", "{\"version\":1,\"moves\":[{\"kind\":\"remove\",\"target\":\"../x\"}]}",
	};
	autoerror struct error err = {0};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		make_old("p");
		put("p/.lockstep/release/abc/journal.json", bad[i]);
		assert_int_equal(transaction_recover("p", NULL, NULL, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		assert_non_null(strstr(err.text, "release/abc/journal.json' is damaged"));
	}
}

static int in_small_disk(int (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		mkdir("small", 0755);
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", "small", "tmpfs", 0, "size=256k") < 0 ||
		    chdir("small") < 0)
			_exit(77);
		_exit(body());
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

/* One page less is free each time, so the disk is full at every place it can be; what is left is all old or all new. */
static int fill_up(void)
{
	static char page[4096];
	autofree char *old = NULL, *new = NULL;
	int failures = 0, successes = 0;

	make_old("p");
	old = content_of("p");
	child_release();
	new = content_of("p");
	for (int pages = 0; pages < 60; pages++) {
		autoerror struct error err = {0}, ignored = {0};
		autofree char *after = NULL;
		FILE *filler;

		make_old("p");
		filler = fopen("filler", "w");
		for (int i = 0; i < pages; i++)
			fwrite(page, 1, sizeof(page), filler);
		fclose(filler);
		if (make_new("p", NULL, &err) == 0) {
			successes++;
		} else {
			failures++;
			if (err.code != ERR_IO || !strstr(err.text, "free some space"))
				return 3;
		}
		unlink("filler");
		if (transaction_recover("p", NULL, NULL, &ignored) < 0)
			return 4;
		after = content_of("p");
		if (strcmp(after, failures ? old : new) != 0)
			return 5;
	}
	return failures && successes ? 0 : 6;
}

TEST(a_full_disk_changes_nothing)
{
	int result = in_small_disk(fill_up);

	if (result == 77)
		skip();
	assert_int_equal(result, 0);
}

static int release_read_only(void)
{
	autoerror struct error err = {0};

	make_old("p");
	if (mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 77;
	if (make_new("p", NULL, &err) == 0 || err.code != ERR_IO || !strstr(err.text, "Read-only file system"))
		return 1;
	return transaction_recover("p", NULL, NULL, &err) == 0 ? 0 : 2;
}

TEST(a_read_only_tree_is_said)
{
	int result = in_small_disk(release_read_only);

	if (result == 77)
		skip();
	assert_int_equal(result, 0);
}
