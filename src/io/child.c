#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/supervisor.h"

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

	signal(SIGCHLD, SIG_DFL); /* ignored, it would take the command's status from us */
	supervisor_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setpgid(0, 0);
	if (getppid() != parent)
		_exit(127);
	pid_t command = fork();

	if (command < 0)
		give_up(s->problem, 's');
	if (!command)
		become_command(s);
	setpgid(command, command);
	/* Locks and pipes of ours must not live on in here. */
	int report = dup3(s->report, 0, O_CLOEXEC);

	close_range(1, ~0u, 0);
	supervise(command, report);
}

/* ---- our side ---- */

/* When we are stopped from the terminal, the commands are in groups of their own and would go on: TSTP and CONT are passed on. A signal handler can reach
   nothing but globals; children beyond these are few, and only go on while we are stopped. */
enum { SUPERVISORS_MAX = 128 };
static volatile pid_t supervisors[SUPERVISORS_MAX];

static void pass_on(int number)
{
	for (size_t i = 0; i < SUPERVISORS_MAX; i++) {
		if (supervisors[i] > 0)
			kill(supervisors[i], number);
	}
}

static void suspend(int number)
{
	int saved = errno;

	pass_on(number);
	raise(SIGSTOP);
	pass_on(SIGCONT);
	errno = saved;
}

static void remember(pid_t supervisor)
{
	struct sigaction old;

	for (size_t i = 0; i < SUPERVISORS_MAX; i++) {
		if (!supervisors[i]) {
			supervisors[i] = supervisor;
			break;
		}
	}
	/* A shell without job control ignores it; that stays. */
	if (sigaction(SIGTSTP, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
		struct sigaction action = {.sa_handler = suspend, .sa_flags = SA_RESTART};

		sigemptyset(&action.sa_mask);
		sigaction(SIGTSTP, &action, NULL);
	}
}

static void forget(pid_t supervisor)
{
	for (size_t i = 0; i < SUPERVISORS_MAX; i++) {
		if (supervisors[i] == supervisor)
			supervisors[i] = 0;
	}
}

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
	if (spec->input_fd)
		return fcntl(spec->input_fd, F_DUPFD_CLOEXEC, 3);
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
	s.out = spec->output_fd ? spec->output_fd : p->out[1];
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
	remember(pid);
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
	forget(c->supervisor);
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
