#include "io/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/child.h"
#include "io/signals.h"

enum { OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024, LAST_LINES = 10 };

void process_result_release(struct process_result *r)
{
	strbuf_release(&r->out);
	strbuf_release(&r->err_out);
	*r = (struct process_result){0};
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *process_find(const char *program)
{
	const char *path = getenv("PATH");

	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t length = strcspn(p, ":");
		autofree char *candidate = mem_printf("%.*s/%s", (int)length, p, program);

		/* An empty or relative entry would make what is run depend on the working folder. */
		if (*p == '/' && is_program(candidate))
			return steal(&candidate);
		p += length + (p[length] == ':');
	}
	return NULL;
}

/* "/x/build/release/lockstep" -> "/x"; NULL elsewhere. A program that was deleted or moved while it runs has no such place either. */
static const char *own_folder(struct arena *a)
{
	autofree char *program = realpath("/proc/self/exe", NULL);

	if (!program)
		return NULL;
	char *folder = arena_strdup(a, program);

	for (size_t i = 0; i < 3; i++) {
		char *slash = strrchr(folder, '/');

		if (!slash || (i == 2 && strcmp(slash, "/build") != 0))
			return NULL;
		*slash = '\0';
	}
	return folder;
}

const char *process_find_set_up(struct arena *a, const char *project_root, const char *program)
{
	const char *const folders[] = {project_root, own_folder(a)};

	for (size_t i = 0; i < 2; i++) {
		const char *path = folders[i] ? path_join(a, folders[i], arena_printf(a, ".tools/%s", program)) : NULL;

		if (path && is_program(path))
			return path;
	}
	return NULL;
}

void process_add_command(struct strbuf *out, const char *const *argv)
{
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			strbuf_add_char(out, ' ');
		text_shell_quote(out, argv[i]);
	}
}

/* ---- one child, both streams collected ---- */

struct process {
	struct process_spec spec;
	struct child child;
	struct process_result result;
	int64_t stop_at_ms; /* of the timeout, or 0 */
	bool timed_out, too_much, cancelled;
};

/* Reads what is there; closes the stream at its end. */
static void read_stream(struct process *r, int *fd, struct strbuf *into)
{
	size_t limit = r->spec.output_limit_bytes ? r->spec.output_limit_bytes : OUTPUT_LIMIT_BYTES;

	while (*fd >= 0) {
		ssize_t got = read(*fd, strbuf_reserve(into, 64 * 1024), 64 * 1024);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			close(*fd);
			*fd = -1;
			return;
		}
		if (r->too_much)
			continue; /* read on, so that the child can end, but keep nothing */
		strbuf_commit(into, (size_t)got);
		if (into->length > limit) {
			r->too_much = true;
			child_signal(&r->child, SIGTERM);
			return;
		}
	}
}

static void look_for_stop(struct process *r)
{
	if (r->stop_at_ms && !r->child.asked_to_stop && clock_monotonic_ms() >= r->stop_at_ms) {
		r->timed_out = true;
		child_signal(&r->child, SIGTERM);
	}
	if (!r->spec.to_the_end && signals_received() && !r->cancelled) {
		r->cancelled = true;
		child_signal(&r->child, signals_received());
	}
}

/* One round of poll(), of a second at most. Returns true once the child has ended. */
static bool serve(struct process *r, int64_t at_most_ms)
{
	bool watch_signals = !r->spec.to_the_end && !r->cancelled;
	struct pollfd fds[] = {
		{.fd = r->child.ended, .events = POLLIN},
		{.fd = r->child.out, .events = POLLIN},
		{.fd = r->child.err_out, .events = POLLIN},
		{.fd = watch_signals ? signals_fd() : -1, .events = POLLIN},
	};
	int64_t left_ms = r->stop_at_ms && !r->child.asked_to_stop ? r->stop_at_ms - clock_monotonic_ms() : at_most_ms;

	look_for_stop(r);
	int ready = poll(fds, ARRAY_LEN(fds), left_ms < 0 ? 0 : left_ms > at_most_ms ? (int)at_most_ms : (int)left_ms);

	look_for_stop(r);
	if (ready <= 0)
		return false;
	if (fds[1].revents)
		read_stream(r, &r->child.out, &r->result.out);
	if (fds[2].revents)
		read_stream(r, &r->child.err_out, &r->result.err_out);
	return fds[0].revents != 0;
}

static void last_lines(struct strbuf *out, const struct strbuf *from, size_t count)
{
	const char *text = strbuf_text(from), *start;
	size_t length = from->length;

	while (length && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	start = text + length;
	while (start > text && (start[-1] != '\n' || --count))
		start--;
	if (length)
		strbuf_add_char(out, '\n');
	strbuf_add_bytes(out, start, (size_t)(text + length - start));
}

static int report(struct process *r, struct error *err)
{
	autostrbuf struct strbuf command = {0};

	if (r->cancelled)
		return signals_check(err);
	if (!r->timed_out && !r->too_much)
		return 0;
	process_add_command(&command, r->spec.argv);
	if (r->too_much)
		return error_set(err, ERR_ENGINE, "'%s' gave more than %zu bytes of output and was stopped", strbuf_text(&command),
				 r->spec.output_limit_bytes ? r->spec.output_limit_bytes : (size_t)OUTPUT_LIMIT_BYTES);
	return error_set(err, ERR_ENGINE, "'%s' did not end within %lld s and was stopped", strbuf_text(&command),
			 (long long)(r->spec.timeout_ms + 999) / 1000);
}

struct process *process_begin(const struct process_spec *spec, struct error *err)
{
	if (!spec->to_the_end && signals_check(err) < 0)
		return NULL;
	struct process *r = mem_zero(1, sizeof(*r));

	r->spec = *spec;
	if (child_start(spec, false, &r->child, err) < 0) {
		free(r);
		return NULL;
	}
	r->stop_at_ms = spec->timeout_ms ? clock_monotonic_ms() + spec->timeout_ms : 0;
	return r;
}

static void wait_for_end(struct process *r)
{
	while (!serve(r, 1000))
		;
	/* What the command wrote before it ended is in the pipes; a daemon it left may hold them open, so there may be no end to wait for. */
	read_stream(r, &r->child.out, &r->result.out);
	read_stream(r, &r->child.err_out, &r->result.err_out);
	child_close_streams(&r->child);
	child_collect(&r->child, &r->result.exit_status, &r->result.signal);
}

void process_wait(struct process *r, int64_t at_most_ms)
{
	int64_t until_ms = clock_monotonic_ms() + at_most_ms, left_ms;

	while ((left_ms = until_ms - clock_monotonic_ms()) > 0 && !signals_received() && !serve(r, left_ms < 1000 ? left_ms : 1000))
		;
}

int process_finish(struct process *r, struct process_result *ret, struct error *err)
{
	wait_for_end(r);
	int result = report(r, err);

	if (result < 0)
		process_result_release(&r->result);
	else
		*ret = r->result;
	free(r);
	return result;
}

void process_drop(struct process *r)
{
	if (!r)
		return;
	r->spec.to_the_end = true;
	child_signal(&r->child, SIGTERM);
	wait_for_end(r);
	process_result_release(&r->result);
	free(r);
}

int process_run(const struct process_spec *spec, struct process_result *ret, struct error *err)
{
	struct process *r = process_begin(spec, err);

	return r ? process_finish(r, ret, err) : -1;
}

int process_run_ok(const struct process_spec *spec, struct process_result *ret, struct error *err)
{
	autoresult struct process_result result = {0};
	autostrbuf struct strbuf text = {0};

	if (process_run(spec, &result, err) < 0)
		return -1;
	if (result.exit_status != 0) {
		strbuf_add_char(&text, '\'');
		process_add_command(&text, spec->argv);
		strbuf_add_char(&text, '\'');
		if (result.signal)
			strbuf_printf(&text, " was ended by signal %d (%s)", result.signal, strsignal(result.signal));
		else
			strbuf_printf(&text, " failed with exit status %d", result.exit_status);
		last_lines(&text, result.err_out.length ? &result.err_out : &result.out, LAST_LINES);
		return error_set(err, ERR_ENGINE, "%s", strbuf_text(&text));
	}
	*ret = result;
	result = (struct process_result){0};
	return 0;
}
