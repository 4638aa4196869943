/* The build of one wheel: a job that runs build_wheel.py in a system stage, and what came of it. Inside build/ only. */
#pragma once

#include "build/building.h"
#include "python/sdist.h"

struct wheel_job {
	struct building *building;
	struct pin *pin;
	const struct lock_environment *environment;
	const struct container *container; /* whose system stage it is built in */
	const struct build_job *stage;
	const char *declared_key, *actual_key; /* of what the database and the lock say; with the trees and images of this machine */
	struct lock_file *locked;              /* it has to be this one; or NULL: it is the first */
	struct sdist sdist;
	/* While it is built: */
	const char *name;   /* "wheel-numpy-1.26.4" */
	const char *folder; /* .lockstep/wheels/<key>: context, Dockerfile, what was made */
	const char *tag;
	unsigned attempt;
	/* What came of it: */
	struct lock_file made; /* its name is NULL when nothing was made */
	const char *made_path; /* in the folder */
	const char **requires; /* or what the backend asks for besides */
	size_t require_count;
};

extern const struct work_kind wheel_kind;

/* What the job's environment and container say of the build; keys, without building anything. `plan` has the system stages. */
void wheel_job_keys(struct arena *a, const struct lock *lock, struct wheel_job *job);
/* Reads the archive. */
int wheel_job_open(struct arena *a, struct wheel_job *job, struct error *err);
/* Every build requirement that is locked for the job. */
int wheel_job_inputs(struct arena *a, const struct lock *lock, const struct wheel_job *job, struct build_input **ret, size_t *ret_count, struct error *err);
/* A job for work_run(). */
struct work_job *wheel_job_work(struct wheel_job *job, const struct lock *lock);
/* What differs between two wheels, as lines of at most `limit` members. */
void wheel_compare(const char *left, const char *right, size_t limit, struct strbuf *out);
