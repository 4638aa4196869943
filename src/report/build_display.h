/* How a build is shown while it runs: on a terminal a live line for each running job, and a line above them for each that ended; elsewhere plain lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build/work.h"

struct build_display {
	bool quiet;   /* nothing */
	bool verbose; /* all that the children write */
	const struct work_job **running;
	size_t running_count, running_room;
	int64_t drawn_ms;
};

/* What work_run() wants; the display must live as long as it runs. */
struct work_watch build_display_watch(struct build_display *d);
void build_display_release(struct build_display *d); /* removes the live lines */
