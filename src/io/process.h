/* Child processes: argv arrays, never a shell string; a process group per child; every descriptor close-on-exec. One thread, one poll.
   What is stopped gets the signal that asked us to stop (TERM after a timeout), and KILL 10 s later; nothing it started stays behind, also not when
   lockstep itself is killed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"

struct arena;

struct process_spec {
	const char *const *argv;        /* NULL-terminated; argv[0] is looked up in PATH when it has no '/' */
	const char *const *environment; /* "NAME=value" added to (or replacing in) ours, "NAME" alone removes it; NULL-terminated, or NULL */
	const char *folder;             /* working folder, or NULL */
	const char *input;              /* bytes for stdin, or NULL for /dev/null */
	size_t input_length;
	int input_fd, output_fd;   /* descriptors of the caller's for stdin instead, and for stdout, which then is not collected; 0: none */
	int64_t timeout_ms;        /* 0: none; past it the group gets TERM, then KILL */
	size_t output_limit_bytes; /* process_run: ERR_ENGINE when a stream gives more; 0: 64 MiB */
	bool to_the_end;           /* process_run: also when we were asked to stop; for cleaning up */
};

struct process_result {
	int exit_status; /* 0..255; -1 when a signal ended it */
	int signal;      /* the signal that ended it, or 0 */
	struct strbuf out, err_out;
};
void process_result_release(struct process_result *r);
#define autoresult __attribute__((cleanup(process_result_release)))

/* Runs to the end and collects both streams. 0 also when the child failed: look at the result. -1 when it could not be started (ERR_NOT_FOUND for
   a missing program), gave too much, ran out of time, or a signal asked us to stop (ERR_CANCELLED, the child's group was ended). */
int process_run(const struct process_spec *spec, struct process_result *ret, struct error *err);
/* As process_run, and -1 (ERR_ENGINE, with the command, how it ended and its last lines) when the child did not exit with 0. */
int process_run_ok(const struct process_spec *spec, struct process_result *ret, struct error *err);
/* As process_run() in two halves, for one child beside other work. Its streams are read, and a timeout or a signal is seen, only in process_finish(): until then a
   child that writes much waits. What `spec` points to must live until then. NULL: as process_run(). */
struct process;
struct process *process_begin(const struct process_spec *spec, struct error *err);
void process_wait(struct process *process, int64_t at_most_ms);                             /* until it ends, a signal asks us to stop, or the time is up */
int process_finish(struct process *process, struct process_result *ret, struct error *err); /* frees it */
void process_drop(struct process *process);                                                 /* ends it, as a timeout does, and frees it; NULL is fine */
/* The command as one line a person could paste, words quoted. */
void process_add_command(struct strbuf *out, const char *const *argv);

/* Many at once. The owner adds children and calls process_pool_wait() until none runs any more. Output of a child is given line by line (stdout and
   stderr as one stream, in order) to on_line and is appended as it is to the file `log_path` where given. */
struct process_pool;
struct process_job {
	struct process_spec spec;
	const char *log_path; /* appended to, created 0644; or NULL */
	/* Without its end, which is a newline or a carriage return; raw bytes, for text_escape(). A line longer than 16 KiB comes in pieces. May be NULL. */
	void (*on_line)(void *context, const char *line, size_t length);
	/* Called when the child has ended and all its output was given. The pool may be added to from here. */
	void (*on_exit)(void *context, int exit_status, int signal);
	void *context;
};
struct process_pool *process_pool_new(void);
void process_pool_free(struct process_pool *pool); /* ends what still runs: TERM to each group, KILL after 10 s */
/* Starts a child; everything in `job` is copied but context. From then on on_exit is called exactly once, also from process_pool_free. */
int process_pool_start(struct process_pool *pool, const struct process_job *job, struct error *err);
size_t process_pool_running(const struct process_pool *pool);
/* Asks the child that was started with this context to stop, as a timeout does. */
void process_pool_stop(struct process_pool *pool, const void *context);
/* Waits for output, an end or at most timeout_ms (-1: no limit), and serves callbacks; 0 at once when none runs. -1 with ERR_CANCELLED, once, when a
   signal asked to stop: every group was sent it; call again to wait for their ends, or free the pool. */
int process_pool_wait(struct process_pool *pool, int timeout_ms, struct error *err);

/* The absolute path of a program in PATH, malloc'ed, or NULL. */
char *process_find(const char *program);
/* Where tools/setup put a program ("bin/uv"): below the project's .tools, else below that of the folder that this program was built in (its build/<variant>/). In
   `a`; NULL when it is in neither. */
const char *process_find_set_up(struct arena *a, const char *project_root, const char *program);
