/* The same work for many things at once, each in a child of this process that says on a pipe what came of it. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct crew_task {
	/* Does item `number`, in a child; what it adds to `out` is what the parent gets. Memory that it changes is the child's own. */
	int (*work)(void *context, size_t number, struct strbuf *out, struct error *err);
	void *context;
	size_t count;
	unsigned at_once; /* 0: as many as there are cores, but four at least and 16 at most: for work that itself waits for other programs */
	/* The others are called in this process, and may be NULL. */
	void (*on_begin)(void *context, size_t number);
	void (*on_end)(void *context, size_t number, const struct strbuf *out);             /* of one that was done */
	void (*on_death)(void *context, size_t number, const char *how, struct error *err); /* sets err: a child ended by "signal 9" and said nothing */
	/* Where something failed, the other children are asked to stop and clean up themselves. With this they are killed, each is then given to it, and one item alone is done in a
	   child, too. */
	void (*on_kill)(void *context, size_t number);
};

/* How many cores there are for us. */
unsigned crew_cores(void);
/* Does all items, into outs[0..count), which the caller releases in any case. -1 with the first that failed; all children have ended then. ERR_CANCELLED after a signal. */
int crew_run(const struct crew_task *task, struct strbuf *outs, struct error *err);
