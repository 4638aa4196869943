/* A build on many workers, simulated with the scheduler of real builds (build/schedule.h). From stdin:
     rate BYTES_PER_SECOND | worker SLOTS | job PARENT|- EXPECTED_SECONDS REAL_SECONDS BYTES
   The scheduler knows only the expected times. A worker fetches what it lacks over its own line, one job's layers after the other. To stdout: the time all of it takes,
   and what it cannot go below: the longest chain, and all work over all slots. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "build/schedule.h"

struct run {
	struct schedule schedule;
	double *real, *ends, *arrives, *line_free; /* per job; per job; per worker and job: when it has it, 0: not; per worker */
	size_t moved_count;
	double moved_bytes, waited;
};

static void read_plan(struct run *r)
{
	struct schedule *s = &r->schedule;
	char word[16], parent[32];
	unsigned slots;

	while (scanf("%15s", word) == 1) {
		if (!strcmp(word, "rate") && scanf("%lf", &s->bytes_per_second) == 1)
			continue;
		if (!strcmp(word, "worker") && scanf("%u", &slots) == 1) {
			s->workers = mem_resize(s->workers, s->worker_count + 1, sizeof(*s->workers));
			s->workers[s->worker_count++] = (struct schedule_worker){.slots = slots, .alive = true};
			continue;
		}
		struct schedule_job job = {.worker = SCHEDULE_NONE};
		double real;

		if (strcmp(word, "job") != 0 || scanf("%31s %lf %lf %lf", parent, &job.seconds, &real, &job.bytes) != 4)
			exit(2);
		job.parent = *parent == '-' ? SCHEDULE_NONE : (size_t)strtoul(parent, NULL, 10);
		s->jobs = mem_resize(s->jobs, s->job_count + 1, sizeof(*s->jobs));
		r->real = mem_resize(r->real, s->job_count + 1, sizeof(*r->real));
		r->real[s->job_count] = real;
		s->jobs[s->job_count++] = job;
	}
}

/* When the worker has all that the job stands on, which it sends for now. */
static double fetch(struct run *r, const struct schedule_choice *c, double now)
{
	struct schedule *s = &r->schedule;
	double *arrives = &r->arrives[c->worker * s->job_count], *line = &r->line_free[c->worker], ready = now;

	for (size_t i = s->jobs[c->job].parent; i != SCHEDULE_NONE; i = s->jobs[i].parent) {
		if (arrives[i] <= 0) {
			*line = (*line > now ? *line : now) + s->jobs[i].bytes / s->bytes_per_second;
			arrives[i] = *line;
			r->moved_count++;
			r->moved_bytes += s->jobs[i].bytes;
		}
		ready = ready > arrives[i] ? ready : arrives[i];
	}
	r->waited += ready - now;
	return ready;
}

static size_t first_to_end(const struct run *r)
{
	size_t best = SCHEDULE_NONE;

	for (size_t i = 0; i < r->schedule.job_count; i++) {
		if (r->schedule.jobs[i].state == SCHEDULE_RUNNING && (best == SCHEDULE_NONE || r->ends[i] < r->ends[best]))
			best = i;
	}
	return best;
}

static double simulate(struct run *r)
{
	struct schedule *s = &r->schedule;
	struct schedule_choice round[64];
	double now = 0;
	size_t job, count;

	do {
		while ((count = schedule_next(s, now, round, ARRAY_LEN(round)))) {
			for (size_t i = 0; i < count; i++) {
				schedule_start(s, &round[i], now);
				r->ends[round[i].job] = fetch(r, &round[i], now) + r->real[round[i].job];
			}
		}
		job = first_to_end(r);
		if (job == SCHEDULE_NONE)
			break;
		now = r->ends[job];
		r->arrives[s->jobs[job].worker * s->job_count + job] = now > 0 ? now : 1e-9;
		schedule_end(s, job, true);
	} while (true);
	return now;
}

static void print_bounds(const struct run *r, double makespan)
{
	const struct schedule *s = &r->schedule;
	double work = 0, chain = 0, *until = mem_zero(s->job_count + 1, sizeof(*until));
	size_t slots = 0;

	for (size_t i = 0; i < s->job_count; i++) {
		until[i] = r->real[i] + (s->jobs[i].parent == SCHEDULE_NONE ? 0 : until[s->jobs[i].parent]);
		chain = chain > until[i] ? chain : until[i];
		work += r->real[i];
	}
	for (size_t i = 0; i < s->worker_count; i++)
		slots += s->workers[i].slots;
	double bound = chain > work / (double)slots ? chain : work / (double)slots;

	printf("jobs %zu\nslots %zu\nmakespan %.1f\nchain %.1f\nwork_over_slots %.1f\nover_bound %.4f\nmoved %zu\nmoved_bytes %.0f\nwaited %.1f\n",
	       s->job_count, slots, makespan, chain, work / (double)slots, makespan / bound, r->moved_count, r->moved_bytes, r->waited);
	free(until);
}

int main(void)
{
	struct run r = {0};
	struct schedule *s = &r.schedule;

	read_plan(&r);
	r.ends = mem_zero(s->job_count + 1, sizeof(*r.ends));
	r.arrives = mem_zero(s->job_count * s->worker_count + 1, sizeof(*r.arrives));
	r.line_free = mem_zero(s->worker_count + 1, sizeof(*r.line_free));
	schedule_begin(s);
	double makespan = simulate(&r);

	for (size_t i = 0; i < s->job_count; i++) {
		if (s->jobs[i].state != SCHEDULE_DONE)
			return 1;
	}
	print_bounds(&r, makespan);
	schedule_release(s);
	free(s->jobs);
	free(s->workers);
	free(r.real);
	free(r.ends);
	free(r.arrives);
	free(r.line_free);
	return 0;
}
