/* One child with a pipe of ours at its stdin or its stdout: for more bytes than should lie in memory. What else it writes is collected as by process_run(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "io/process.h"

/* Zeroed is valid and closed. */
struct process_pipe {
	struct process *process;
	int fd; /* our end; 0: closed */
};

/* Starts a child that reads what we write, or, with `reads`, one whose output we read. What `spec` points to must live until it is closed. */
int process_pipe_open(struct process_pipe *p, const struct process_spec *spec, bool reads, struct error *err);
/* ERR_ENGINE when the child reads no more: why is known after process_pipe_close(). ERR_CANCELLED after a signal. */
int process_pipe_write(struct process_pipe *p, const char *bytes, size_t length, struct error *err);
/* So many bytes of a file. ERR_IO when it has less. */
int process_pipe_send(struct process_pipe *p, const char *path, int64_t length, struct error *err);
/* How many came, 0 at the end, -1 with ERR_CANCELLED after a signal. */
ssize_t process_pipe_read(struct process_pipe *p, void *room, size_t length, struct error *err);
/* Ends our side and waits for the child's end. */
int process_pipe_close(struct process_pipe *p, struct process_result *ret, struct error *err);
void process_pipe_drop(struct process_pipe *p); /* stops the child; fine when it is closed */
#define autopipe __attribute__((cleanup(process_pipe_drop)))
