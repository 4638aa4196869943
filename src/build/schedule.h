/* Which job goes to which worker next: arithmetic over what is known of both, the same for a real run and for one that is only simulated. Each ready job, the one with
   the longest chain on top of it first, is placed where it would end first, counting how long a slot is still taken and what has to be brought there; those
   whose place is free start now, the others wait for theirs. Knows no process, no engine and no network. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_NONE SIZE_MAX

enum schedule_state { SCHEDULE_WAITING, SCHEDULE_RUNNING, SCHEDULE_DONE };

struct schedule_job {
	size_t parent;  /* index of the job that it stands on, always a lower one, or SCHEDULE_NONE */
	double seconds; /* that it takes, as far as is known */
	double bytes;   /* that it adds, which a worker needs before it can build on top of it */
	enum schedule_state state;
	size_t worker; /* where it runs or ran; SCHEDULE_NONE: nowhere here, everybody has to fetch it */
	/* Of the schedule itself: */
	double rank;    /* seconds from its start to the end of the longest chain on top of it */
	double ends_at; /* RUNNING: when it is expected to end */
};

struct schedule_worker {
	unsigned slots; /* jobs at once */
	bool alive;
	unsigned running;
};

struct schedule {
	struct schedule_job *jobs;
	size_t job_count;
	struct schedule_worker *workers;
	size_t worker_count;
	double bytes_per_second; /* at which layers reach a worker */
	/* Of the schedule itself: */
	uint8_t *held;   /* by worker and job: it has the job's layers */
	double *arrives; /* the same: when they would be there, as planned in this round; 0: not planned */
	double *slot_at; /* of each slot of each worker, when it is free, as planned in this round */
	size_t *first_slot;
	size_t *taken; /* slots of each worker, as counted in this round */
	size_t *order; /* jobs by rank, the highest first */
};

struct schedule_choice {
	size_t job, worker;
};

/* Takes jobs and workers as they are filled in, both the caller's; schedule_release() frees the rest. */
void schedule_begin(struct schedule *s);
void schedule_release(struct schedule *s);
/* What to start now, at most `max` of them: returns how many. `now` in seconds of any clock. Changes nothing but what this round plans. */
size_t schedule_next(struct schedule *s, double now, struct schedule_choice *ret, size_t max);
/* Seconds until everything that the job stands on is at the worker. */
double schedule_transfer(const struct schedule *s, size_t job, size_t worker);
void schedule_start(struct schedule *s, const struct schedule_choice *choice, double now);
/* The worker has the layers of a job that is done. */
void schedule_hold(struct schedule *s, size_t job, size_t worker);
/* It ended: well, or so that it has to be done again. */
void schedule_end(struct schedule *s, size_t job, bool well);
/* A worker is gone, with what it held. Its running jobs are to be ended by the caller. */
void schedule_lose(struct schedule *s, size_t worker);
