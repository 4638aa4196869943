/* Whether a buildkitd still answers while it works for us. One that died breaks the connection; one that hangs, or is cut off, says nothing more: it is asked from time to
   time, and is gone when it gave no answer for as long as our patience lasts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

/* LOCKSTEP_WORKER_PATIENCE_MS, or 90 s. */
int64_t buildkit_patience_ms(void);

/* Of one buildkitd, from buildkit_pulse_begin() on. */
struct buildkit_pulse {
	int64_t heard_ms, asked_ms; /* clock_monotonic_ms(); when it last was heard of, and asked */
	bool asking;                /* a question is on its way */
	unsigned silences;          /* questions in a row that it did not answer */
};
void buildkit_pulse_begin(struct buildkit_pulse *p);
/* Whether it is to be asked again now: by what buildkit_pulse_question() says. */
bool buildkit_pulse_is_due(const struct buildkit_pulse *p);
struct process_spec buildkit_pulse_question(struct engine *e);
/* The question ended. */
void buildkit_pulse_end(struct buildkit_pulse *p, bool answered);
bool buildkit_pulse_is_lost(const struct buildkit_pulse *p);

enum buildkit_end { BUILDKIT_ENDED, BUILDKIT_LOST };
/* Runs a call of buildctl to its end, what it says as err_out of *ret. BUILDKIT_LOST when its buildkitd is gone, or lost it and answers again: *ret_why says which. -1: as
   process_run(). */
int buildkit_call(struct engine *e, const char *const *argv, struct process_result *ret, const char **ret_why, struct error *err);
/* After BUILDKIT_LOST: whether the same may be tried again, by what e->options say now; there is another worker, or the same that answers again. People are told. */
bool buildkit_go_on(struct engine *e, const char *why, unsigned *tries);
