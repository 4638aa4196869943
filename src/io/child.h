/* One child process and all it starts, kept on a leash. Only process.c and process_pool.c use this.

   Between us and the command stands a small supervisor (a fork of ours): it is the reaper of whatever the command leaves behind, it forwards signals to the
   command's process group, and it dies with us, taking the rest along. So nothing runs on after lockstep was stopped, not even by SIGKILL, and also not
   when the command put its own children into sessions of their own, as engines do. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "io/process.h"

struct child {
	pid_t supervisor;
	int out, err_out; /* read ends, not blocking; err_out is -1 with one_stream */
	int ended;        /* readable when the command and its group have ended */
	bool asked_to_stop;
};

/* Starts argv. With one_stream both of its streams come on `out`, in order. ERR_NOT_FOUND when there is no such program. */
int child_start(const struct process_spec *spec, bool one_stream, struct child *ret, struct error *err);
/* Sends a signal to the command's group. After INT, TERM or HUP what still runs after 10 s is killed. */
void child_signal(struct child *c, int number);
/* Once `ended` is readable: how the command ended. Closes `ended`; the streams may still hold output. */
void child_collect(struct child *c, int *ret_exit_status, int *ret_signal);
void child_close_streams(struct child *c);
