#include "base/pid.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* proc(5), stat: "pid (name) state ..."; the name may have parentheses. */
static bool waits_for_its_parent(pid_t pid)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length < 0)
		return false;
	text[length] = '\0';
	const char *end = strrchr(text, ')');

	return end && end[1] == ' ' && (end[2] == 'Z' || end[2] == 'X');
}

bool pid_has_ended(pid_t pid)
{
	return pid > 0 && ((kill(pid, 0) < 0 && errno == ESRCH) || waits_for_its_parent(pid));
}
