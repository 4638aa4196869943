/* The supervisor of one command: a fork of ours that runs no program. It forwards signals to the command's process group, reaps whatever the command leaves
   behind, and tells how the command ended. Only child.c uses this. */
#pragma once

#include <signal.h>
#include <sys/types.h>

/* The signals it waits for, to be blocked before the command is started. */
void supervisor_signals(sigset_t *set);
/* Serves until the command, which leads its own process group, has ended; then writes its wait status to `report` and exits. */
__attribute__((noreturn)) void supervise(pid_t command, int report);
