/* Other processes of this machine, by their ids. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Whether there is none of that id any more. One that ended is none, also while nobody has asked how. */
bool pid_has_ended(pid_t pid);
