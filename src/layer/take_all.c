#include "layer/take_all.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fetch/store.h"
#include "io/signals.h"
#include "layer/bytecode.h"
#include "layer/made.h"

enum { AT_ONCE_MAX = 64, WAIT_US = 50000, TEXT_LIMIT_BYTES = 64 * 1024 };

/* A request that is to be made. */
struct wish {
	size_t request;
	uint64_t size_bytes; /* of its wheels */
};

/* A process that makes one; it says on the pipe what became of it. */
struct child {
	pid_t pid;
	int fd; /* -1: none */
	size_t request;
	struct strbuf said;
};

struct taking {
	const struct layer_request *requests;
	const struct layer_taking *how;
	struct layer_made *ret;
	struct wish *wishes;
	size_t count, next;
	struct child children[AT_ONCE_MAX];
	unsigned running, at_once;
};

static void tell(const struct taking *t, size_t request, enum layer_event event)
{
	if (t->how->on_event)
		t->how->on_event(t->how->context, request, event, event == LAYER_BEGUN ? NULL : &t->ret[request]);
}

static unsigned count_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned)CPU_COUNT(&set);
}

/* Larger first: the last to end is then a small one. */
static int by_size(const void *left, const void *right)
{
	const struct wish *a = left, *b = right;

	if (a->size_bytes != b->size_bytes)
		return a->size_bytes > b->size_bytes ? -1 : 1;
	return (a->request > b->request) - (a->request < b->request);
}

static void list_wishes(struct taking *t, size_t count)
{
	t->wishes = mem_zero(count + 1, sizeof(*t->wishes));
	for (size_t i = 0; i < count; i++) {
		struct wish *wish = &t->wishes[t->count];

		if (layer_known(&t->requests[i], &t->ret[i])) {
			tell(t, i, LAYER_KEPT);
			continue;
		}
		*wish = (struct wish){.request = i};
		for (size_t n = 0; n < t->requests[i].wheel_count; n++) {
			int64_t size = file_size(t->requests[i].wheels[n].path);

			wish->size_bytes += size > 0 ? (uint64_t)size : 0;
		}
		t->count++;
	}
	if (t->count > 1)
		qsort(t->wishes, t->count, sizeof(*t->wishes), by_size);
}

static int compile_all(const struct taking *t, struct error *err)
{
	struct layer_request *missing = mem_zero(t->count + 1, sizeof(*missing));
	size_t count = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (t->requests[t->wishes[i].request].bytecode)
			missing[count++] = t->requests[t->wishes[i].request];
	}
	int result = count ? bytecode_make(missing, count, t->how->runner, err) : 0;

	free(missing);
	return result;
}

static int take_patiently(const struct layer_request *request, struct layer_made *ret, struct error *err)
{
	for (;;) {
		autoerror struct error busy = {0};

		if (layer_take(request, ret, NULL, &busy) == 0)
			return 0;
		if (busy.code != ERR_BUSY) {
			error_move(err, &busy);
			return -1;
		}
		if (signals_check(err) < 0)
			return -1;
		usleep(WAIT_US);
	}
}

static void write_all(int fd, const void *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = write(fd, (const char *)bytes + done, length - done);

		if (count < 0 && errno != EINTR)
			return;
		done += count > 0 ? (size_t)count : 0;
	}
}

/* Says a code, and behind it the layer or the text of the error. */
static void be_child(const struct layer_request *request, int fd)
{
	autoerror struct error err = {0};
	struct layer_made layer;

	if (take_patiently(request, &layer, &err) < 0) {
		write_all(fd, &err.code, sizeof(err.code));
		write_all(fd, err.text, strlen(err.text));
	} else {
		enum error_code none = ERR_NONE;

		write_all(fd, &none, sizeof(none));
		write_all(fd, &layer, sizeof(layer));
	}
	_exit(0);
}

static int begin(struct taking *t, struct error *err)
{
	size_t request = t->wishes[t->next].request;
	struct child *c = t->children;
	pid_t self = getpid();
	int ends[2];

	while (c->fd >= 0)
		c++;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, "cannot make a pipe");
	pid_t pid = fork();

	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return error_errno(err, "cannot start a process that makes a layer");
	}
	if (!pid) {
		/* It does not outlive us. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != self)
			_exit(1);
		be_child(&t->requests[request], ends[1]);
	}
	close(ends[1]);
	*c = (struct child){.pid = pid, .fd = ends[0], .request = request};
	t->running++;
	t->next++;
	tell(t, request, LAYER_BEGUN);
	return 0;
}

static int wait_for(const struct child *c)
{
	int status = 0;

	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* What a child that ended has said. */
static int read_said(struct taking *t, const struct child *c, int status, struct error *err)
{
	enum error_code code;

	if (c->said.length < sizeof(code) || !WIFEXITED(status) || WEXITSTATUS(status))
		return error_set(err, ERR_FAILED, "cannot make a layer of '%s': the process that makes it ended with %s %d",
				 t->requests[c->request].wheels[0].options.file_name, WIFSIGNALED(status) ? "signal" : "status",
				 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	memcpy(&code, c->said.text, sizeof(code));
	if (code != ERR_NONE)
		return error_set(err, code, "%s", c->said.text + sizeof(code));
	assert(c->said.length == sizeof(code) + sizeof(t->ret[0]));
	memcpy(&t->ret[c->request], c->said.text + sizeof(code), sizeof(t->ret[0]));
	tell(t, c->request, LAYER_MADE);
	return 0;
}

static int serve(struct taking *t, struct child *c, struct error *err)
{
	ssize_t count = read(c->fd, strbuf_reserve(&c->said, TEXT_LIMIT_BYTES), TEXT_LIMIT_BYTES);

	if (count < 0)
		return errno == EINTR ? 0 : error_errno(err, "cannot read from a pipe");
	strbuf_commit(&c->said, (size_t)count);
	if (count)
		return 0;
	int result = read_said(t, c, wait_for(c), err);

	close(c->fd);
	c->fd = -1;
	strbuf_release(&c->said);
	t->running--;
	return result;
}

static int wait_once(struct taking *t, struct error *err)
{
	struct pollfd polled[AT_ONCE_MAX + 1];
	struct child *children[AT_ONCE_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < t->at_once; i++) {
		if (t->children[i].fd < 0)
			continue;
		children[count] = &t->children[i];
		polled[count++] = (struct pollfd){.fd = t->children[i].fd, .events = POLLIN};
	}
	polled[count] = (struct pollfd){.fd = signals_fd(), .events = POLLIN};
	if (poll(polled, count + 1, -1) < 0 && errno != EINTR)
		return error_errno(err, "cannot wait for processes that make layers");
	if (signals_check(err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if (polled[i].revents && serve(t, children[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Ends a child, and what it left half made. */
static void end(const struct taking *t, struct child *c)
{
	autoerror struct error ignored = {0};
	struct store_partial p = {0};
	char key[DIGEST_HEX_LENGTH + 1];

	kill(c->pid, SIGKILL);
	wait_for(c);
	close(c->fd);
	strbuf_release(&c->said);
	layer_key(&t->requests[c->request], key);
	if (store_partial_open(&p, key, &ignored) == 0)
		store_partial_discard(&p);
}

static int make_all(struct taking *t, struct error *err)
{
	int result = 0;

	for (unsigned i = 0; i < AT_ONCE_MAX; i++)
		t->children[i].fd = -1;
	while (result == 0 && (t->next < t->count || t->running)) {
		if (t->next < t->count && t->running < t->at_once)
			result = begin(t, err);
		else
			result = wait_once(t, err);
	}
	for (unsigned i = 0; i < AT_ONCE_MAX; i++) {
		if (t->children[i].fd >= 0)
			end(t, &t->children[i]);
	}
	return result;
}

int layer_take_all(const struct layer_request *requests, size_t count, const struct layer_taking *how, struct layer_made *ret, struct error *err)
{
	struct taking t = {.requests = requests, .how = how, .ret = ret, .at_once = how->at_once ? how->at_once : count_cores()};

	if (t.at_once > AT_ONCE_MAX)
		t.at_once = AT_ONCE_MAX;
	list_wishes(&t, count);
	int result = compile_all(&t, err) < 0 || make_all(&t, err) < 0 ? -1 : 0;

	free(t.wishes);
	return result;
}
