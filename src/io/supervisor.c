#include "io/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum { KILL_AFTER_MS = 10000, STRAGGLERS_MS = 1000 };

struct leash {
	pid_t command; /* also its process group */
	int report;    /* where the wait status is written */
	bool stopping; /* INT, TERM or HUP came */
	int64_t kill_at_ms;
};

void supervisor_signals(sigset_t *set)
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

void supervise(pid_t command, int report)
{
	struct leash leash = {.command = command, .report = report}, *l = &leash;
	sigset_t set;

	supervisor_signals(&set);
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
