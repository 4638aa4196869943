#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/child.h"
#include "io/process.h"
#include "io/signals.h"

enum { LINE_LIMIT = 16 * 1024 };

/* One running child. */
struct running {
	struct process_job job; /* callbacks and context only; what `spec` points to is not kept */
	struct child child;
	struct strbuf line; /* the unfinished last line */
	bool after_return;  /* the byte before was a carriage return: a newline now belongs to it */
	char *log_path;
	int log; /* or -1 */
	int64_t stop_at_ms;
	struct running *next;
};

struct process_pool {
	struct running *first;
	size_t count;
	bool cancelled; /* the signal was forwarded */
};

struct process_pool *process_pool_new(void)
{
	return mem_zero(1, sizeof(struct process_pool));
}

size_t process_pool_running(const struct process_pool *pool)
{
	return pool->count;
}

int process_pool_start(struct process_pool *pool, const struct process_job *job, struct error *err)
{
	autofd int log = job->log_path ? open(job->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	struct child child;

	if (job->log_path && log < 0)
		return error_errno(err, "cannot write log '%s'", job->log_path);
	if (child_start(&job->spec, true, &child, err) < 0)
		return -1;
	struct running *r = mem_zero(1, sizeof(*r));

	*r = (struct running){.job = *job, .child = child, .log = file_steal_fd(&log)};
	r->log_path = job->log_path ? mem_strdup(job->log_path) : NULL;
	r->stop_at_ms = job->spec.timeout_ms ? clock_monotonic_ms() + job->spec.timeout_ms : 0;
	r->job.spec = (struct process_spec){0};
	r->job.log_path = NULL;
	struct running **last = &pool->first;

	while (*last)
		last = &(*last)->next;
	*last = r;
	pool->count++;
	return 0;
}

static void give_line(struct running *r)
{
	if (r->job.on_line)
		r->job.on_line(r->job.context, strbuf_text(&r->line), r->line.length);
	strbuf_clear(&r->line);
}

/* Bytes of `text` to give as one piece, so that no character is cut in two. */
static size_t whole_characters(const char *text, size_t length)
{
	for (size_t back = 1; back <= 3 && back < length; back++) {
		unsigned char c = (unsigned char)text[length - back];

		if (c < 0x80 || c >= 0xc0) {
			/* The lead byte of the last character: in, if its character is complete. */
			size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

			return need > back ? length - back : length;
		}
	}
	return length;
}

static void give_piece(struct running *r)
{
	size_t length = whole_characters(strbuf_text(&r->line), r->line.length), rest = r->line.length - length;
	char kept[4] = {0};

	memcpy(kept, r->line.text + length, rest);
	if (r->job.on_line)
		r->job.on_line(r->job.context, strbuf_text(&r->line), length);
	strbuf_clear(&r->line);
	strbuf_add_bytes(&r->line, kept, rest);
}

static void take_lines(struct running *r, const char *bytes, size_t length)
{
	while (length) {
		size_t plain = 0;

		while (plain < length && bytes[plain] != '\n' && bytes[plain] != '\r' && r->line.length + plain < LINE_LIMIT)
			plain++;
		strbuf_add_bytes(&r->line, bytes, plain);
		if (plain == length) {
			r->after_return &= !plain;
			return;
		}
		bytes += plain;
		length -= plain;
		if (*bytes != '\n' && *bytes != '\r') {
			give_piece(r);
			r->after_return = false;
			continue;
		}
		if (*bytes == '\r' || !r->after_return || plain)
			give_line(r);
		r->after_return = *bytes == '\r';
		bytes++;
		length--;
	}
}

static void write_log(struct running *r, const char *bytes, size_t length)
{
	while (r->log >= 0 && length) {
		ssize_t done = write(r->log, bytes, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			autofree char *text = mem_printf("lockstep: cannot write log '%s': %s", r->log_path, strerror(errno));

			close(file_steal_fd(&r->log));
			if (r->job.on_line)
				r->job.on_line(r->job.context, text, strlen(text));
			return;
		}
		bytes += done;
		length -= (size_t)done;
	}
}

enum { READ_BYTES = 64 * 1024, READS_AT_ONCE = 16 };

/* At most 1 MiB, so that one loud child does not starve the others. */
static void read_some(struct running *r)
{
	char bytes[READ_BYTES];

	for (int i = 0; r->child.out >= 0 && i < READS_AT_ONCE; i++) {
		ssize_t got = read(r->child.out, bytes, sizeof(bytes));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			close(file_steal_fd(&r->child.out));
			return;
		}
		write_log(r, bytes, (size_t)got);
		take_lines(r, bytes, (size_t)got);
	}
}

static void end_running(struct process_pool *pool, struct running *r)
{
	struct running **link = &pool->first;
	int exit_status, number;

	read_some(r); /* the rest is in the pipe, which holds less than one turn takes */
	if (r->line.length)
		give_line(r);
	child_close_streams(&r->child);
	child_collect(&r->child, &exit_status, &number);
	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	pool->count--;
	if (r->log >= 0)
		close(r->log);
	if (r->job.on_exit)
		r->job.on_exit(r->job.context, exit_status, number);
	strbuf_release(&r->line);
	free(r->log_path);
	free(r);
}

void process_pool_stop(struct process_pool *pool, const void *context)
{
	for (struct running *r = pool->first; r; r = r->next) {
		if (r->job.context == context && !r->child.asked_to_stop)
			child_signal(&r->child, SIGTERM);
	}
}

static void stop_late(struct process_pool *pool)
{
	for (struct running *r = pool->first; r; r = r->next) {
		if (r->stop_at_ms && !r->child.asked_to_stop && clock_monotonic_ms() >= r->stop_at_ms)
			child_signal(&r->child, SIGTERM);
	}
}

static int time_to_wait_ms(const struct process_pool *pool, int timeout_ms)
{
	int64_t wait_ms = timeout_ms < 0 || timeout_ms > 1000 ? 1000 : timeout_ms;

	for (const struct running *r = pool->first; r; r = r->next) {
		int64_t left_ms = r->stop_at_ms - clock_monotonic_ms();

		if (r->stop_at_ms && !r->child.asked_to_stop && left_ms < wait_ms)
			wait_ms = left_ms < 0 ? 0 : left_ms;
	}
	return (int)wait_ms;
}

/* One poll over all children. Returns whether anything was served. Callbacks may start children: these come at the end of the list. */
static bool serve(struct process_pool *pool, int wait_ms)
{
	size_t count = pool->count;
	autofree struct pollfd *fds = mem_zero(2 * count + 1, sizeof(*fds));
	autofree struct running **runs = mem_zero(count + 1, sizeof(struct running *));
	struct running *r = pool->first;

	for (size_t i = 0; i < count; i++, r = r->next) {
		runs[i] = r;
		fds[2 * i] = (struct pollfd){.fd = r->child.ended, .events = POLLIN};
		fds[2 * i + 1] = (struct pollfd){.fd = r->child.out, .events = POLLIN};
	}
	fds[2 * count] = (struct pollfd){.fd = pool->cancelled ? -1 : signals_fd(), .events = POLLIN};
	if (poll(fds, 2 * count + 1, wait_ms) <= 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (fds[2 * i].revents)
			end_running(pool, runs[i]);
		else if (fds[2 * i + 1].revents)
			read_some(runs[i]);
	}
	return true;
}

int process_pool_wait(struct process_pool *pool, int timeout_ms, struct error *err)
{
	int64_t until_ms = clock_monotonic_ms() + timeout_ms;

	for (;;) {
		if (signals_received() && !pool->cancelled) {
			pool->cancelled = true;
			for (struct running *r = pool->first; r; r = r->next)
				child_signal(&r->child, signals_received());
			return signals_check(err);
		}
		stop_late(pool);
		if (!pool->count)
			return 0;
		int64_t left_ms = timeout_ms < 0 ? 1000 : until_ms - clock_monotonic_ms();

		if (serve(pool, time_to_wait_ms(pool, left_ms < 0 ? 0 : left_ms > 1000 ? 1000 : (int)left_ms)))
			return 0;
		if (timeout_ms >= 0 && clock_monotonic_ms() >= until_ms)
			return 0;
	}
}

void process_pool_free(struct process_pool *pool)
{
	if (!pool)
		return;
	for (struct running *r = pool->first; r; r = r->next) {
		if (!r->child.asked_to_stop)
			child_signal(&r->child, SIGTERM);
	}
	pool->cancelled = true; /* they know */
	while (pool->count)
		serve(pool, 1000);
	free(pool);
}
