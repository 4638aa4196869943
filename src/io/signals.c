#include "io/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A signal handler can reach nothing but globals. */
static volatile sig_atomic_t received;
static int wake_pipe[2] = {-1, -1};

static void note(int number)
{
	int saved = errno;

	if (received && number == SIGINT)
		_exit(128 + SIGINT);
	received = number;
	ssize_t ignored = write(wake_pipe[1], "!", 1);

	(void)ignored;
	errno = saved;
}

void signals_install(void)
{
	static const int asked[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = note};

	if (pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		wake_pipe[0] = wake_pipe[1] = -1;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct sigaction old;

		/* nohup and background shells ignore some; that stays. */
		if (sigaction(asked[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(asked[i], &action, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write() like others */
}

int signals_received(void)
{
	return received;
}

int signals_fd(void)
{
	return wake_pipe[0];
}

int signals_check(struct error *err)
{
	if (!received)
		return 0;
	return error_set(err, ERR_CANCELLED, "stopped by %s; run the same command again to go on", strsignal(received));
}
