#include "io/process_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/file.h"
#include "io/signals.h"

enum { PIECE_BYTES = 1 << 20 };

int process_pipe_open(struct process_pipe *p, const struct process_spec *spec, bool reads, struct error *err)
{
	struct process_spec with_pipe = *spec;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, "cannot run '%s'", spec->argv[0]);
	*(reads ? &with_pipe.output_fd : &with_pipe.input_fd) = ends[reads];
	p->process = process_begin(&with_pipe, err);
	close(ends[reads]);
	p->fd = ends[!reads];
	if (!p->process) {
		process_pipe_drop(p);
		return -1;
	}
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	/* As large as it may be; the default will do too. */
	fcntl(p->fd, F_SETPIPE_SZ, PIECE_BYTES);
	return 0;
}

/* Until the pipe can be used, or a second is over; meanwhile what the child says is taken from it. */
static int wait_for_pipe(struct process_pipe *p, short events, struct error *err)
{
	struct pollfd fds[] = {{.fd = p->fd, .events = events}, {.fd = signals_fd(), .events = POLLIN}};

	if (signals_check(err) < 0)
		return -1;
	if (!poll(fds, 2, 1000))
		process_wait(p->process, 1);
	return 0;
}

/* After a write that did not write all: 0 to go on, -1 with err. */
static int after_write(struct process_pipe *p, struct error *err)
{
	if (errno == EAGAIN)
		return wait_for_pipe(p, POLLOUT, err);
	if (errno == EINTR)
		return 0;
	return error_set(err, ERR_ENGINE, "it reads no more");
}

int process_pipe_write(struct process_pipe *p, const char *bytes, size_t length, struct error *err)
{
	while (length) {
		ssize_t wrote = write(p->fd, bytes, length);

		if (wrote < 0 && after_write(p, err) < 0)
			return -1;
		bytes += wrote > 0 ? wrote : 0;
		length -= wrote > 0 ? (size_t)wrote : 0;
	}
	return 0;
}

int process_pipe_send(struct process_pipe *p, const char *path, int64_t length, struct error *err)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, "cannot read '%s'", path);
	while (length > 0) {
		ssize_t sent = sendfile(p->fd, fd, NULL, length < PIECE_BYTES ? (size_t)length : PIECE_BYTES);

		if (!sent)
			return error_set(err, ERR_IO, "'%s' is shorter than it should be, by %lld bytes", path, (long long)length);
		if (sent < 0 && after_write(p, err) < 0)
			return -1;
		length -= sent > 0 ? sent : 0;
	}
	return 0;
}

ssize_t process_pipe_read(struct process_pipe *p, void *room, size_t length, struct error *err)
{
	for (;;) {
		ssize_t got = read(p->fd, room, length);

		if (got >= 0)
			return got;
		if (errno != EAGAIN && errno != EINTR)
			return error_errno(err, "cannot read what a child writes");
		if (wait_for_pipe(p, POLLIN, err) < 0)
			return -1;
	}
}

int process_pipe_close(struct process_pipe *p, struct process_result *ret, struct error *err)
{
	struct process *process = p->process;

	p->process = NULL;
	process_pipe_drop(p);
	return process_finish(process, ret, err);
}

void process_pipe_drop(struct process_pipe *p)
{
	if (p->fd)
		close(p->fd);
	process_drop(p->process);
	*p = (struct process_pipe){0};
}
