/* Which wheels are to be built next: those that the lock wants and nobody has, or that are to be built again. Drops from pins what was built with something else
   than what would be taken now. Inside build/ only. */
#pragma once

#include "build/wheel_job.h"

struct wheel_list {
	struct building *building;
	struct lock *lock;
	bool again;              /* also what the store has, each once */
	struct wheel_job **jobs; /* of this round: at most one of each pin, as what comes out may serve the next environment too */
	size_t job_count;
	const char **compared; /* digests of wheels that were built again already */
	size_t compared_count;
	bool changed; /* files of pins were dropped */
};

/* The system stage of a container as the plan now has it, or NULL. */
const struct build_job *wheel_list_stage(const struct wheel_list *l, const struct container *c);
/* Makes `jobs`, for the plan as it is; none: everything is there. */
void wheel_list_next(struct wheel_list *l);
