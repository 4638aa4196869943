/* Signals that ask the program to stop. main() installs once; long work looks at signals_received() and ends with ERR_CANCELLED. */
#pragma once

#include "base/error.h"

/* INT, TERM and HUP are noted instead of killing at once; a second INT ends the process. SIGPIPE and SIGXFSZ are ignored. */
void signals_install(void);
/* 0, or the signal that asked to stop. */
int signals_received(void);
/* Readable once a signal was received, for poll(); -1 before signals_install(). */
int signals_fd(void);
/* ERR_CANCELLED when a signal was received, else 0. */
int signals_check(struct error *err);
