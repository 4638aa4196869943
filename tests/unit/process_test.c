#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/pid.h"
#include "io/process.h"
#include "io/signals.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(text) ARGV("sh", "-c", text)

/* Sleeps of this run of the tests alone can be told by how long they are: 66 seconds and this process's number. */
static const char *nap(void)
{
	static char text[32];
	static long own;

	if (!own)
		own = (long)getpid();
	snprintf(text, sizeof(text), "66.%ld", own);
	return text;
}
#define NAPS(text) ARGV("sh", "-c", text, nap())

static void run_ok(const struct process_spec *spec, struct process_result *ret)
{
	autoerror struct error err = {0};

	if (process_run(spec, ret, &err) < 0)
		fail_msg("%s", err.text);
}

TEST(collects_both_streams_and_the_exit_status)
{
	autoresult struct process_result r = {0};

	run_ok(&(struct process_spec){.argv = SHELL("echo out; echo err >&2; exit 7")}, &r);
	assert_int_equal(r.exit_status, 7);
	assert_int_equal(r.signal, 0);
	assert_string_equal(strbuf_text(&r.out), "out\n");
	assert_string_equal(strbuf_text(&r.err_out), "err\n");
}

TEST(one_child_beside_other_work)
{
	autoresult struct process_result r = {0}, other = {0};
	autoerror struct error err = {0};
	struct process *first, *second;

	unlink("go");
	unlink("pid");
	first = process_begin(
		&(struct process_spec){.argv = SHELL("while [ ! -e go ]; do sleep 0.02; done; cat; echo err >&2; exit 3"), .input = "in", .input_length = 2},
		&err);
	second = process_begin(&(struct process_spec){.argv = SHELL("echo $$ >pid; exec sleep 600")}, &err);
	assert_non_null(first);
	assert_non_null(second);
	run_ok(&(struct process_spec){.argv = SHELL("while [ ! -s pid ]; do sleep 0.02; done; echo x >go")}, &other);
	process_wait(first, 60000); /* it ends long before */
	process_wait(second, 1);
	assert_int_equal(process_finish(first, &r, &err), 0);
	assert_int_equal(r.exit_status, 3);
	assert_string_equal(strbuf_text(&r.out), "in");
	assert_string_equal(strbuf_text(&r.err_out), "err\n");
	process_drop(second);
	process_result_release(&other);
	run_ok(&(struct process_spec){.argv = SHELL("kill -0 $(cat pid) && echo runs; echo checked")}, &other);
	assert_string_equal(strbuf_text(&other.out), "checked\n");
	assert_null(process_begin(&(struct process_spec){.argv = ARGV("/no/such/program")}, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	process_drop(NULL);
}

TEST(a_signal_is_no_exit_status)
{
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};

	run_ok(&(struct process_spec){.argv = SHELL("kill -9 $$")}, &r);
	assert_int_equal(r.exit_status, -1);
	assert_int_equal(r.signal, SIGKILL);
	assert_int_equal(process_run_ok(&(struct process_spec){.argv = SHELL("echo why >&2; kill -9 $$")}, &r, &err), -1);
	assert_int_equal(err.code, ERR_ENGINE);
	assert_non_null(strstr(err.text, "was ended by signal 9"));
	assert_non_null(strstr(err.text, "\nwhy"));
}

TEST(a_missing_program_is_not_found)
{
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};

	assert_int_equal(process_run(&(struct process_spec){.argv = ARGV("lockstep-no-such-program")}, &r, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.text, "program 'lockstep-no-such-program' is not in PATH");
	assert_int_equal(process_run(&(struct process_spec){.argv = ARGV("/no/such/program")}, &r, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.text, "cannot run '/no/such/program': No such file or directory");
	assert_int_equal(process_run(&(struct process_spec){.argv = ARGV("true"), .folder = "/no/such/folder"}, &r, &err), -1);
	assert_non_null(strstr(err.text, "cannot enter folder '/no/such/folder'"));
}

TEST(input_larger_than_any_pipe_is_fed_and_echoed)
{
	size_t length = 3 * 1024 * 1024;
	autofree char *input = mem_alloc(length);
	autoresult struct process_result r = {0};

	memset(input, 'x', length);
	run_ok(&(struct process_spec){.argv = ARGV("cat"), .input = input, .input_length = length}, &r);
	assert_int_equal(r.out.length, length);
	/* Input that nobody reads is no failure either. */
	process_result_release(&r);
	run_ok(&(struct process_spec){.argv = ARGV("true"), .input = input, .input_length = length}, &r);
	assert_int_equal(r.exit_status, 0);
}

TEST(without_input_stdin_is_empty)
{
	autoresult struct process_result r = {0};

	run_ok(&(struct process_spec){.argv = ARGV("cat"), .timeout_ms = 5000}, &r);
	assert_int_equal(r.out.length, 0);
}

TEST(environment_is_added_replaced_and_removed)
{
	autoresult struct process_result r = {0};

	setenv("UNIT_OLD", "old", 1);
	setenv("UNIT_GONE", "gone", 1);
	run_ok(&(struct process_spec){.argv = SHELL("echo $UNIT_OLD-${UNIT_GONE-none}-$UNIT_NEW"),
				      .environment = ARGV("UNIT_OLD=changed", "UNIT_GONE", "UNIT_NEW=a=b")},
	       &r);
	assert_string_equal(strbuf_text(&r.out), "changed-none-a=b\n");
}

TEST(too_much_output_is_stopped)
{
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};

	assert_int_equal(process_run(&(struct process_spec){.argv = ARGV("yes"), .output_limit_bytes = 100000}, &r, &err), -1);
	assert_int_equal(err.code, ERR_ENGINE);
	assert_string_equal(err.text, "'yes' gave more than 100000 bytes of output and was stopped");
}

TEST(a_timeout_ends_the_whole_group)
{
	autostrbuf struct strbuf said = {0};
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};
	int64_t began = clock_monotonic_ms();

	assert_int_equal(process_run(&(struct process_spec){.argv = NAPS("sleep $0 & sleep $0"), .timeout_ms = 200}, &r, &err), -1);
	strbuf_printf(&said, "'sh -c 'sleep $0 & sleep $0' %s' did not end within 1 s and was stopped", nap());
	assert_string_equal(err.text, strbuf_text(&said));
	assert_true(clock_monotonic_ms() - began < 8000);
	run_ok(&(struct process_spec){.argv = NAPS("pgrep -f \"^sleep $0\\$\" || echo none")}, &r);
	assert_string_equal(strbuf_text(&r.out), "none\n");
}

TEST(what_is_left_in_the_group_does_not_keep_us_waiting)
{
	autoresult struct process_result r = {0};
	int64_t began = clock_monotonic_ms();

	run_ok(&(struct process_spec){.argv = SHELL("sleep 62.75 & echo done")}, &r);
	assert_string_equal(strbuf_text(&r.out), "done\n");
	assert_true(clock_monotonic_ms() - began < 5000);
}

TEST(a_command_reads_as_it_could_be_pasted)
{
	autostrbuf struct strbuf s = {0};

	process_add_command(&s, ARGV("run", "two words", "it's", ""));
	assert_string_equal(strbuf_text(&s), "run 'two words' 'it'\\''s' ''");
}

TEST(programs_are_found_in_absolute_folders_only)
{
	autofree char *sh = process_find("sh");
	autofree char *old = mem_strdup(getenv("PATH"));

	assert_non_null(sh);
	assert_true(sh[0] == '/');
	assert_null(process_find("lockstep-no-such-program"));
	setenv("PATH", ".::bin", 1);
	assert_null(process_find("sh"));
	setenv("PATH", old, 1);
}

/* ---- the pool ---- */

struct seen {
	struct strbuf lines;
	size_t line_count, longest;
	int exit_status, signal, exits;
};

static void see_line(void *context, const char *line, size_t length)
{
	struct seen *s = context;

	s->line_count++;
	if (length > s->longest)
		s->longest = length;
	if (s->lines.length < 100000) {
		strbuf_add_bytes(&s->lines, line, length);
		strbuf_add_char(&s->lines, '|');
	}
}

static void see_exit(void *context, int exit_status, int number)
{
	struct seen *s = context;

	s->exit_status = exit_status;
	s->signal = number;
	s->exits++;
}

static struct process_job job_of(const char *const *argv, struct seen *seen)
{
	return (struct process_job){.spec = {.argv = argv}, .on_line = see_line, .on_exit = see_exit, .context = seen};
}

static void run_pool(const char *const *argv, const char *log, struct seen *seen)
{
	struct process_pool *pool = process_pool_new();
	struct process_job job = job_of(argv, seen);
	autoerror struct error err = {0};

	job.log_path = log;
	if (process_pool_start(pool, &job, &err) < 0)
		fail_msg("%s", err.text);
	while (process_pool_running(pool))
		assert_int_equal(process_pool_wait(pool, -1, &err), 0);
	process_pool_free(pool);
	assert_int_equal(seen->exits, 1);
}

TEST(lines_end_at_newlines_and_returns)
{
	struct seen seen = {0};

	run_pool(SHELL("printf 'one\\ntwo\\r\\n10%%\\r20%%\\r\\n\\nlast'; echo err >&2"), NULL, &seen);
	assert_string_equal(strbuf_text(&seen.lines), "one|two|10%|20%||lasterr|");
	strbuf_release(&seen.lines);
}

TEST(a_long_line_comes_in_pieces_of_whole_characters)
{
	struct seen seen = {0};

	run_pool(ARGV("python3", "-c", "import sys; sys.stdout.buffer.write(('\\u20ac' * 20000).encode() + b'\\n\\xff\\n')"), NULL, &seen);
	assert_int_equal(seen.line_count, 5);
	assert_true(seen.longest <= 16 * 1024);
	for (const char *p = seen.lines.text; *p && *p != '\xff'; p += *p == '|' ? 1 : 3)
		assert_true(*p == '|' || !strncmp(p, "\xe2\x82\xac", 3));
	strbuf_release(&seen.lines);
}

TEST(the_log_holds_the_bytes_as_they_came)
{
	struct seen seen = {0};
	autostrbuf struct strbuf log = {0};
	autoerror struct error err = {0};

	unlink("pool.log");
	run_pool(SHELL("printf 'a\\r\\377\\033[31mb'"), "pool.log", &seen);
	assert_int_equal(file_read("pool.log", 1000, &log, &err), 0);
	assert_string_equal(strbuf_text(&log), "a\r\377\033[31mb");
	strbuf_release(&seen.lines);
}

TEST(a_log_on_a_full_disk_is_said_once_and_the_child_goes_on)
{
	struct seen seen = {0};

	run_pool(SHELL("echo a; sleep 0.2; echo b"), "/dev/full", &seen);
	assert_string_equal(strbuf_text(&seen.lines), "lockstep: cannot write log '/dev/full': No space left on device|a|b|");
	strbuf_release(&seen.lines);
}

TEST(many_children_at_once_and_each_ends_once)
{
	enum { COUNT = 40 };
	struct seen seen[COUNT] = {0};
	struct process_pool *pool = process_pool_new();
	autoerror struct error err = {0};
	int64_t began = clock_monotonic_ms();

	for (int i = 0; i < COUNT; i++) {
		autofree char *script = mem_printf("sleep 0.3; seq 500; exit %d", i);
		struct process_job job = job_of(SHELL(script), &seen[i]);

		assert_int_equal(process_pool_start(pool, &job, &err), 0);
	}
	while (process_pool_running(pool))
		assert_int_equal(process_pool_wait(pool, -1, &err), 0);
	process_pool_free(pool);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(seen[i].exits, 1);
		assert_int_equal(seen[i].exit_status, i);
		assert_int_equal(seen[i].line_count, 500);
		strbuf_release(&seen[i].lines);
	}
	assert_true(clock_monotonic_ms() - began < 0.3 * COUNT * 1000);
}

TEST(ten_megabytes_go_through)
{
	struct seen seen = {0};

	run_pool(SHELL("yes 123456789 | head -n 1000000"), NULL, &seen);
	assert_int_equal(seen.line_count, 1000000);
	strbuf_release(&seen.lines);
}

TEST(one_of_many_can_be_stopped)
{
	struct seen stopped = {0}, other = {0};
	struct process_pool *pool = process_pool_new();
	struct process_job a = job_of(ARGV("sleep", "63.75"), &stopped), b = job_of(ARGV("sleep", "0.3"), &other);
	autoerror struct error err = {0};

	assert_int_equal(process_pool_start(pool, &a, &err), 0);
	assert_int_equal(process_pool_start(pool, &b, &err), 0);
	process_pool_stop(pool, &stopped);
	while (process_pool_running(pool))
		assert_int_equal(process_pool_wait(pool, -1, &err), 0);
	process_pool_free(pool);
	assert_int_equal(stopped.signal, SIGTERM);
	assert_int_equal(other.exit_status, 0);
}

TEST(freeing_a_pool_ends_its_children)
{
	struct seen seen = {0};
	struct process_pool *pool = process_pool_new();
	struct process_job job = job_of(NAPS("setsid sleep $0 & sleep $0"), &seen);
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};

	assert_int_equal(process_pool_start(pool, &job, &err), 0);
	process_pool_wait(pool, 300, &err);
	process_pool_free(pool);
	assert_int_equal(seen.exits, 1);
	run_ok(&(struct process_spec){.argv = NAPS("pgrep -f \"^sleep $0\\$\" || echo none")}, &r);
	assert_string_equal(strbuf_text(&r.out), "none\n");
}

/* Runs `body` in a fork and sends it a signal when its child has made a file `ready`; returns its wait status. */
static int in_a_fork(void (*body)(void), int number)
{
	unlink("ready");
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		signal(number, SIG_DFL); /* a shell's background jobs ignore SIGINT, and would here */
		body();
		_exit(99);
	}
	for (int i = 0; i < 600 && !file_exists("ready"); i++)
		usleep(50 * 1000);
	kill(pid, number);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void run_until_cancelled(void)
{
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};

	signals_install();
	int failed =
		process_run(&(struct process_spec){.argv = SHELL("trap 'sleep 0.2; touch gentle; exit 0' TERM; touch ready; sleep 65.75 & wait")}, &r, &err);

	if (failed != -1 || err.code != ERR_CANCELLED)
		_exit(1);
	/* Cleaning up is possible, anything else is not. */
	if (process_run(&(struct process_spec){.argv = ARGV("true")}, &r, &err) != -1)
		_exit(2);
	if (process_run(&(struct process_spec){.argv = ARGV("touch", "cleaned"), .to_the_end = true}, &r, &err) != 0)
		_exit(3);
	_exit(0);
}

TEST(a_signal_reaches_the_child_which_may_end_gently)
{
	unlink("gentle");
	unlink("cleaned");
	assert_int_equal(in_a_fork(run_until_cancelled, SIGTERM), 0);
	assert_true(file_exists("gentle"));
	assert_true(file_exists("cleaned"));
}

static void pool_until_cancelled(void)
{
	struct seen seen = {0};
	struct process_pool *pool = process_pool_new();
	struct process_job job = job_of(SHELL("touch ready; sleep 66.75"), &seen);
	autoerror struct error err = {0};

	signals_install();
	if (process_pool_start(pool, &job, &err) < 0 || process_pool_wait(pool, -1, &err) != -1 || err.code != ERR_CANCELLED)
		_exit(1);
	while (process_pool_running(pool)) {
		if (process_pool_wait(pool, -1, &err) < 0)
			_exit(2);
	}
	_exit(seen.signal == SIGINT ? 0 : 3);
}

TEST(a_signal_reaches_every_child_of_a_pool)
{
	assert_int_equal(in_a_fork(pool_until_cancelled, SIGINT), 0);
}

static void run_and_be_killed(void)
{
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};

	process_run(&(struct process_spec){.argv = NAPS("setsid sleep $0 & (sleep $0 & exec sleep $0) & touch ready; sleep $0")}, &r, &err);
}

TEST(nothing_outlives_us_when_we_are_killed)
{
	autoresult struct process_result r = {0};

	nap(); /* the fork's are then called the same */
	assert_true(WIFSIGNALED(in_a_fork(run_and_be_killed, SIGKILL)));
	run_ok(
		&(struct process_spec){
			.argv = NAPS("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do pgrep -f \"^sleep $0\\$\" >/dev/null || break; sleep 0.2; done; "
				     "pgrep -f \"^sleep $0\\$\" || echo none")},
		&r);
	assert_string_equal(strbuf_text(&r.out), "none\n");
}

TEST(what_does_not_listen_is_killed_after_ten_seconds)
{
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};
	int64_t began = clock_monotonic_ms();

	assert_int_equal(process_run(&(struct process_spec){.argv = NAPS("trap '' TERM INT; sleep $0; sleep $0"), .timeout_ms = 100}, &r, &err), -1);
	assert_in_range(clock_monotonic_ms() - began, 9000, 14000);
	run_ok(&(struct process_spec){.argv = NAPS("pgrep -f \"^sleep $0\\$\" || echo none")}, &r);
	assert_string_equal(strbuf_text(&r.out), "none\n");
}

static void write_and_write(void)
{
	autoresult struct process_result r = {0};
	autoerror struct error err = {0};

	signals_install();
	process_run(&(struct process_spec){.argv = SHELL("while :; do echo x >> ticks; sleep 0.02; done")}, &r, &err);
}

TEST(a_stop_from_the_terminal_stops_the_children_too)
{
	pid_t pid;
	int64_t before;

	unlink("ticks");
	pid = fork();
	if (!pid) {
		write_and_write();
		_exit(0);
	}
	usleep(500 * 1000);
	assert_true(file_size("ticks") > 0);
	kill(pid, SIGTSTP);
	usleep(300 * 1000);
	before = file_size("ticks");
	usleep(300 * 1000);
	assert_int_equal(file_size("ticks"), before);
	kill(pid, SIGCONT);
	usleep(500 * 1000);
	assert_true(file_size("ticks") > before);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

TEST(one_that_ended_is_gone_also_before_anybody_asked_how)
{
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(kill(pid, 0), 0);
	assert_true(pid_has_ended(pid));
	waitpid(pid, NULL, 0);
	assert_true(pid_has_ended(pid));
	assert_false(pid_has_ended(getpid()));
}
