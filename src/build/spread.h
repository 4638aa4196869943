/* Jobs of a build in several places: hands them to the workers of an engine as build/schedule.h says, takes them back from one that dies or does not answer, and says so.
   Inside build/ only. */
#pragma once

#include "build/record.h"
#include "build/work.h"

/* A job to hand out. */
struct spread_job {
	struct work_job *work;
	const struct build_job *below; /* the stage it stands on, or NULL */
	const struct build_job *makes; /* the stage that it makes, or NULL */
};

/* Runs all jobs at the workers of `engine`. As work_run(). */
int spread_run(struct arena *a, struct engine *engine, const struct record *record, const struct spread_job *jobs, size_t count, const struct work_watch *watch,
	       struct error *err);
/* The engine of the place where the job is; `engine` where it is in none. */
struct engine *spread_engine(const struct work_job *work, struct engine *engine);
