#include "io/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum { KILL_AFTER_MS = 10000, STRAGGLERS_MS = 1000 };

/* ---- the supervisor: a fork of ours that runs no program, so it may not return ---- */

struct leash {
	pid_t command; /* also its process group */
	int report;    /* where the wait status is written */
	bool stopping; /* INT, TERM or HUP came */
	int64_t kill_at_ms;
};

static void watched_signals(sigset_t *set)
{
	static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGCHLD};

	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		sigaddset(set, watched[i]);
}

static pid_t parent_of_process(const char *pid)
{
	autofree char *path = mem_printf("/proc/%s/stat", pid);
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		return 0;
	text[length] = '\0';
	/* "pid (name) state parent": the name may hold anything, also ')'. */
	const char *after = strrchr(text, ')');

	return after && strlen(after) > 4 ? (pid_t)strtol(after + 4, NULL, 10) : 0;
}

static size_t scan_processes(pid_t *ret, size_t limit)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (dir && count < limit && (entry = readdir(dir))) {
		uint64_t pid;

		if (text_to_u64(entry->d_name, &pid) && parent_of_process(entry->d_name) == getpid())
			ret[count++] = (pid_t)pid;
	}
	if (dir)
		closedir(dir);
	return count;
}

/* The supervisor's children, zombies too: the command, and what was orphaned by it. At most `limit`; who asks does so again. */
static size_t list_children(pid_t *ret, size_t limit)
{
	autofree char *path = mem_printf("/proc/self/task/%ld/children", (long)getpid());
	FILE *in = fopen(path, "re");
	size_t count = 0;
	long pid;

	if (!in) /* a kernel without CONFIG_PROC_CHILDREN */
		return scan_processes(ret, limit);
	while (count < limit && fscanf(in, "%ld", &pid) == 1)
		ret[count++] = (pid_t)pid;
	fclose(in);
	return count;
}

enum { CHILDREN_AT_ONCE = 256 };

static void kill_children(void)
{
	pid_t children[CHILDREN_AT_ONCE];
	size_t count = list_children(children, ARRAY_LEN(children));

	for (size_t i = 0; i < count; i++)
		kill(children[i], SIGKILL);
}

static void nap_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Every generation that dies hands its children to us, until there are none. */
static void kill_descendants(void)
{
	for (int64_t until = clock_monotonic_ms() + KILL_AFTER_MS; clock_monotonic_ms() < until;) {
		kill_children();
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
		nap_ms(10);
	}
}

/* Reaps every orphan that has ended, but never the command itself. */
static void reap_orphans(pid_t command)
{
	pid_t children[CHILDREN_AT_ONCE];
	size_t count = list_children(children, ARRAY_LEN(children));

	for (size_t i = 0; i < count; i++) {
		if (children[i] != command)
			waitpid(children[i], NULL, WNOHANG);
	}
}

static bool group_has_others(pid_t group)
{
	pid_t children[CHILDREN_AT_ONCE];
	size_t count = list_children(children, ARRAY_LEN(children));

	for (size_t i = 0; i < count; i++) {
		if (children[i] != group && getpgid(children[i]) == group)
			return true;
	}
	return false;
}

/* The command has ended but is not reaped yet, so its group's number cannot have been given to another. */
static void end_group(pid_t group)
{
	if (!group_has_others(group))
		return;
	kill(-group, SIGTERM);
	for (int64_t until = clock_monotonic_ms() + STRAGGLERS_MS; clock_monotonic_ms() < until; nap_ms(5)) {
		reap_orphans(group);
		if (!group_has_others(group))
			return;
	}
	kill(-group, SIGKILL);
}

__attribute__((noreturn)) static void finish(const struct leash *l)
{
	int status = 0;

	if (l->stopping)
		kill(-l->command, SIGKILL);
	else
		end_group(l->command);
	waitpid(l->command, &status, 0);
	/* A daemon that a command started on purpose, in its own session, may stay when all went well. */
	if (l->stopping)
		kill_descendants();
	ssize_t ignored = write(l->report, &status, sizeof(status));

	(void)ignored;
	_exit(0);
}

static void reap(const struct leash *l)
{
	siginfo_t about = {0};

	if (waitid(P_PID, (id_t)l->command, &about, WEXITED | WNOHANG | WNOWAIT) == 0 && about.si_pid == l->command)
		finish(l);
	reap_orphans(l->command);
}

__attribute__((noreturn)) static void supervise(struct leash *l)
{
	sigset_t set;

	watched_signals(&set);
	for (;;) {
		int64_t left_ms = l->stopping ? l->kill_at_ms - clock_monotonic_ms() : 1000;
		struct timespec wait = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
		int number = left_ms > 0 ? sigtimedwait(&set, NULL, &wait) : -1;

		if (l->stopping && clock_monotonic_ms() >= l->kill_at_ms) {
			kill(-l->command, SIGKILL);
			kill_children();
			l->kill_at_ms += 500;
		}
		if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
			if (!l->stopping)
				l->kill_at_ms = clock_monotonic_ms() + KILL_AFTER_MS;
			l->stopping = true;
			kill(-l->command, number);
			kill(-l->command, SIGCONT); /* a stopped group would never see it */
		} else if (number == SIGTSTP || number == SIGCONT) {
			kill(-l->command, number);
		}
		reap(l);
	}
}

/* ---- the command ---- */

struct start {
	const char *program;
	const char *const *argv;
	char **environment;
	const char *folder;
	int input, out, err_out; /* the command's ends */
	int problem, report;     /* write ends: errno of a failed exec; the wait status */
};

__attribute__((noreturn)) static void give_up(int problem, char what)
{
	char text[sizeof(int) + 1];
	int number = errno;

	text[0] = what;
	memcpy(text + 1, &number, sizeof(number));
	ssize_t ignored = write(problem, text, sizeof(text));

	(void)ignored;
	_exit(127);
}

__attribute__((noreturn)) static void become_command(const struct start *s)
{
	sigset_t none;

	/* If even the supervisor is killed, nobody is left to end the command gently. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(s->input, 0) < 0 || dup2(s->out, 1) < 0 || dup2(s->err_out, 2) < 0)
		give_up(s->problem, 's');
	if (s->folder && chdir(s->folder) < 0)
		give_up(s->problem, 'f');
	execve(s->program, (char *const *)s->argv, s->environment);
	give_up(s->problem, 'x');
}

__attribute__((noreturn)) static void become_supervisor(const struct start *s, pid_t parent)
{
	sigset_t set;
	struct leash l = {.report = s->report};

	signal(SIGCHLD, SIG_DFL); /* ignored, it would take the command's status from us */
	watched_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setpgid(0, 0);
	if (getppid() != parent)
		_exit(127);
	l.command = fork();
	if (l.command < 0)
		give_up(s->problem, 's');
	if (!l.command)
		become_command(s);
	setpgid(l.command, l.command);
	/* Locks and pipes of ours must not live on in here. */
	l.report = dup3(s->report, 0, O_CLOEXEC);
	close_range(1, ~0u, 0);
	supervise(&l);
}

/* ---- our side ---- */

/* A pipe whose ends are never 0, 1 or 2, also when we were started without these. */
static int open_pipe(int ends[2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) < 0)
		return -1;
	ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, 3);
	ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, 3);
	close(low[0]);
	close(low[1]);
	return ends[0] < 0 || ends[1] < 0 ? -1 : 0;
}

/* A file in memory instead of a pipe: there is nothing to feed, so nothing can block. */
static int open_input(const struct process_spec *spec)
{
	autofd int low = spec->input ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t done = 0;

	while (low >= 0 && spec->input && done < spec->input_length) {
		ssize_t wrote = write(low, spec->input + done, spec->input_length - done);

		if (wrote < 0 && errno != EINTR)
			return -1;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	if (low < 0 || (spec->input && lseek(low, 0, SEEK_SET) < 0))
		return -1;
	return fcntl(low, F_DUPFD_CLOEXEC, 3);
}

static size_t name_length(const char *entry)
{
	return strcspn(entry, "=");
}

static bool is_replaced(const char *entry, const char *const *changes)
{
	for (; changes && *changes; changes++) {
		if (name_length(entry) == name_length(*changes) && !strncmp(entry, *changes, name_length(entry)))
			return true;
	}
	return false;
}

/* The array is the caller's to free; its texts are those of environ and `changes`. */
static char **make_environment(const char *const *changes)
{
	size_t count = 0, ours = 0;
	char **list;

	while (environ && environ[ours])
		ours++;
	for (size_t i = 0; changes && changes[i]; i++)
		count++;
	list = mem_zero(ours + count + 1, sizeof(*list));
	count = 0;
	for (size_t i = 0; i < ours; i++) {
		if (!is_replaced(environ[i], changes))
			list[count++] = environ[i];
	}
	for (size_t i = 0; changes && changes[i]; i++) {
		if (strchr(changes[i], '='))
			list[count++] = (char *)changes[i];
	}
	return list;
}

struct plumbing {
	int out[2], err_out[2], problem[2], report[2], input;
};

static void close_plumbing(struct plumbing *p)
{
	int *all[] = {p->out, p->err_out, p->problem, p->report};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		file_cleanup_fd(&all[i][0]);
		file_cleanup_fd(&all[i][1]);
	}
	file_cleanup_fd(&p->input);
}

/* Blocks until the command runs its program (the pipe is closed by exec) or could not. */
static int wait_for_exec(int problem, const struct process_spec *spec, struct error *err)
{
	char text[sizeof(int) + 1];
	ssize_t got;
	int number = 0;

	do
		got = read(problem, text, sizeof(text));
	while (got < 0 && errno == EINTR);
	if (got < (ssize_t)sizeof(text))
		return 0;
	memcpy(&number, text + 1, sizeof(number));
	errno = number;
	if (text[0] == 'f')
		return error_errno(err, "cannot enter folder '%s' to run '%s'", spec->folder, spec->argv[0]);
	return error_errno(err, "cannot run '%s'", spec->argv[0]);
}

static int start_supervisor(const struct process_spec *spec, const char *program, bool one_stream, struct plumbing *p, struct child *ret, struct error *err)
{
	autofree char **environment = make_environment(spec->environment);
	struct start s = {.program = program, .argv = spec->argv, .environment = environment, .folder = spec->folder};
	pid_t parent = getpid();

	p->input = open_input(spec);
	if (p->input < 0 || open_pipe(p->out) < 0 || (!one_stream && open_pipe(p->err_out) < 0) || open_pipe(p->problem) < 0 || open_pipe(p->report) < 0)
		return error_errno(err, "cannot run '%s'", spec->argv[0]);
	s.input = p->input;
	s.out = p->out[1];
	s.err_out = one_stream ? p->out[1] : p->err_out[1];
	s.problem = p->problem[1];
	s.report = p->report[1];
	pid_t pid = fork();

	if (pid < 0)
		return error_errno(err, "cannot run '%s'", spec->argv[0]);
	if (!pid)
		become_supervisor(&s, parent);
	close(file_steal_fd(&p->problem[1]));
	if (wait_for_exec(p->problem[0], spec, err) < 0) {
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
		return -1;
	}
	ret->supervisor = pid;
	return 0;
}

int child_start(const struct process_spec *spec, bool one_stream, struct child *ret, struct error *err)
{
	struct plumbing p = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, -1};
	autofree char *found = strchr(spec->argv[0], '/') ? mem_strdup(spec->argv[0]) : process_find(spec->argv[0]);
	struct child c = {0};

	if (!found)
		return error_set(err, ERR_NOT_FOUND, "program '%s' is not in PATH", spec->argv[0]);
	int failed = start_supervisor(spec, found, one_stream, &p, &c, err);

	if (!failed) {
		c.out = file_steal_fd(&p.out[0]);
		c.err_out = file_steal_fd(&p.err_out[0]);
		c.ended = file_steal_fd(&p.report[0]);
		fcntl(c.out, F_SETFL, O_NONBLOCK);
		if (c.err_out >= 0)
			fcntl(c.err_out, F_SETFL, O_NONBLOCK);
		*ret = c;
	}
	close_plumbing(&p);
	return failed;
}

void child_signal(struct child *c, int number)
{
	c->asked_to_stop |= number == SIGINT || number == SIGTERM || number == SIGHUP;
	kill(c->supervisor, number);
}

void child_collect(struct child *c, int *ret_exit_status, int *ret_signal)
{
	int status = 0;
	ssize_t got;

	do
		got = read(c->ended, &status, sizeof(status));
	while (got < 0 && errno == EINTR);
	/* Without a report the supervisor itself was killed, and the command with it. */
	if (got != (ssize_t)sizeof(status))
		status = SIGKILL;
	while (waitpid(c->supervisor, NULL, 0) < 0 && errno == EINTR)
		;
	close(file_steal_fd(&c->ended));
	*ret_exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	*ret_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void child_close_streams(struct child *c)
{
	int *streams[] = {&c->out, &c->err_out};

	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		if (*streams[i] >= 0)
			close(file_steal_fd(streams[i]));
	}
}
