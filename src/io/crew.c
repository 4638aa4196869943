#include "io/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/signals.h"

enum { AT_ONCE_MAX = 64, AT_ONCE_OTHERWISE_MIN = 4, AT_ONCE_OTHERWISE_MAX = 16, PIECE_BYTES = 64 * 1024 };

struct member {
	pid_t pid; /* 0: none */
	int fd;
	size_t number;
	struct strbuf said;
};

struct crew {
	const struct crew_task *task;
	struct strbuf *outs;
	size_t next;
	struct member members[AT_ONCE_MAX];
	unsigned running, at_once;
};

unsigned crew_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned)CPU_COUNT(&set);
}

static unsigned choose_at_once(unsigned wanted)
{
	unsigned cores = crew_cores();

	if (wanted)
		return wanted < AT_ONCE_MAX ? wanted : AT_ONCE_MAX;
	if (cores < AT_ONCE_OTHERWISE_MIN)
		return AT_ONCE_OTHERWISE_MIN;
	return cores < AT_ONCE_OTHERWISE_MAX ? cores : AT_ONCE_OTHERWISE_MAX;
}

/* A code, and behind it the answer or the text of the error. */
__attribute__((noreturn)) static void be_member(const struct crew *c, size_t number, int fd)
{
	struct strbuf out = {0};
	struct error err = {0};
	enum error_code code = ERR_NONE;

	if (c->task->work(c->task->context, number, &out, &err) < 0)
		code = err.code;
	(void)file_write_bytes(fd, &code, sizeof(code));
	if (code == ERR_NONE)
		(void)file_write_bytes(fd, strbuf_text(&out), out.length);
	else
		(void)file_write_bytes(fd, err.text, strlen(err.text));
	_exit(0);
}

static int begin(struct crew *c, struct error *err)
{
	struct member *m = c->members;
	pid_t self = getpid();
	int ends[2];

	while (m->pid)
		m++;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, "cannot make a pipe");
	pid_t pid = fork();

	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return error_errno(err, "cannot start a process");
	}
	if (!pid) {
		/* It does not outlive us. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != self)
			_exit(1);
		be_member(c, c->next, ends[1]);
	}
	close(ends[1]);
	*m = (struct member){.pid = pid, .fd = ends[0], .number = c->next++};
	c->running++;
	if (c->task->on_begin)
		c->task->on_begin(c->task->context, m->number);
	return 0;
}

static int wait_for(const struct member *m)
{
	int status = 0;

	while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void leave(struct crew *c, struct member *m)
{
	close(m->fd);
	strbuf_release(&m->said);
	m->pid = 0;
	c->running--;
}

static int tell_death(const struct crew *c, const struct member *m, int status, struct error *err)
{
	char how[32];

	snprintf(how, sizeof(how), "%s %d", WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (!c->task->on_death)
		return error_set(err, ERR_FAILED, "a process of lockstep ended with %s", how);
	c->task->on_death(c->task->context, m->number, how, err);
	return -1;
}

static int take_said(const struct crew *c, const struct member *m, int status, struct error *err)
{
	enum error_code code;

	if (m->said.length < sizeof(code) || !WIFEXITED(status) || WEXITSTATUS(status))
		return tell_death(c, m, status, err);
	memcpy(&code, m->said.text, sizeof(code));
	if (code != ERR_NONE)
		return error_set(err, code, "%s", m->said.text + sizeof(code));
	strbuf_add_bytes(&c->outs[m->number], m->said.text + sizeof(code), m->said.length - sizeof(code));
	if (c->task->on_end)
		c->task->on_end(c->task->context, m->number, &c->outs[m->number]);
	return 0;
}

static int serve(struct crew *c, struct member *m, struct error *err)
{
	ssize_t n = read(m->fd, strbuf_reserve(&m->said, PIECE_BYTES), PIECE_BYTES);

	if (n < 0)
		return errno == EINTR ? 0 : error_errno(err, "cannot read from a pipe");
	strbuf_commit(&m->said, (size_t)n);
	if (n)
		return 0;
	int result = take_said(c, m, wait_for(m), err);

	leave(c, m);
	return result;
}

static int wait_once(struct crew *c, struct error *err)
{
	struct pollfd polled[AT_ONCE_MAX + 1];
	struct member *members[AT_ONCE_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < AT_ONCE_MAX; i++) {
		if (!c->members[i].pid)
			continue;
		members[count] = &c->members[i];
		polled[count++] = (struct pollfd){.fd = c->members[i].fd, .events = POLLIN};
	}
	polled[count] = (struct pollfd){.fd = signals_fd(), .events = POLLIN};
	if (poll(polled, count + 1, -1) < 0 && errno != EINTR)
		return error_errno(err, "cannot wait for processes");
	if (signals_check(err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if (polled[i].revents && serve(c, members[i], err) < 0)
			return -1;
	}
	return 0;
}

static void kill_all(const struct crew *c, int signal)
{
	for (unsigned i = 0; i < AT_ONCE_MAX; i++) {
		if (c->members[i].pid)
			kill(c->members[i].pid, signal);
	}
}

/* Asked to, they end their own children and clean up, as we do when we are asked to stop. */
static void stop(struct crew *c)
{
	void (*on_kill)(void *, size_t) = c->task->on_kill;

	kill_all(c, on_kill ? SIGKILL : SIGTERM);
	for (unsigned i = 0; i < AT_ONCE_MAX; i++) {
		struct member *m = &c->members[i];
		size_t number = m->number;

		if (!m->pid)
			continue;
		/* What it still says would block it. */
		while (read(m->fd, strbuf_reserve(&m->said, PIECE_BYTES), PIECE_BYTES) > 0)
			;
		wait_for(m);
		leave(c, m);
		if (on_kill)
			on_kill(c->task->context, number);
	}
}

static int do_one_here(const struct crew_task *task, struct strbuf *out, struct error *err)
{
	if (task->on_begin)
		task->on_begin(task->context, 0);
	if (task->work(task->context, 0, out, err) < 0)
		return -1;
	if (task->on_end)
		task->on_end(task->context, 0, out);
	return 0;
}

int crew_run(const struct crew_task *task, struct strbuf *outs, struct error *err)
{
	struct crew c = {.task = task, .outs = outs, .at_once = choose_at_once(task->at_once)};
	int result = 0;

	if (task->count == 1 && !task->on_kill)
		return do_one_here(task, outs, err);
	while (!result && (c.next < task->count || c.running))
		result = c.next < task->count && c.running < c.at_once ? begin(&c, err) : wait_once(&c, err);
	stop(&c);
	return result;
}
