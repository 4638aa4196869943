#include "build/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static bool has(const struct schedule *s, size_t worker, size_t job)
{
	return s->held[worker * s->job_count + job];
}

/* Children come after their parents, so one pass from the end is enough. */
static void rank_jobs(struct schedule *s)
{
	for (size_t i = 0; i < s->job_count; i++)
		s->jobs[i].rank = s->jobs[i].seconds;
	for (size_t i = s->job_count; i-- > 0;) {
		struct schedule_job *parent = s->jobs[i].parent != SCHEDULE_NONE ? &s->jobs[s->jobs[i].parent] : NULL;

		if (parent && parent->rank < parent->seconds + s->jobs[i].rank)
			parent->rank = parent->seconds + s->jobs[i].rank;
	}
}

static int compare_ranks(const void *a, const void *b, void *context)
{
	const struct schedule *s = context;
	size_t left = *(const size_t *)a, right = *(const size_t *)b;

	if (s->jobs[left].rank != s->jobs[right].rank)
		return s->jobs[left].rank > s->jobs[right].rank ? -1 : 1;
	return (left > right) - (left < right);
}

void schedule_begin(struct schedule *s)
{
	size_t cells = s->worker_count * s->job_count, slots = 0;

	rank_jobs(s);
	s->held = mem_zero(cells + 1, sizeof(*s->held));
	s->arrives = mem_zero(cells + 1, sizeof(*s->arrives));
	s->first_slot = mem_zero(s->worker_count + 1, sizeof(*s->first_slot));
	for (size_t i = 0; i < s->worker_count; i++) {
		s->first_slot[i] = slots;
		slots += s->workers[i].slots;
	}
	s->first_slot[s->worker_count] = slots;
	s->slot_at = mem_zero(slots + 1, sizeof(*s->slot_at));
	s->taken = mem_zero(s->worker_count + 1, sizeof(*s->taken));
	s->order = mem_zero(s->job_count + 1, sizeof(*s->order));
	for (size_t i = 0; i < s->job_count; i++)
		s->order[i] = i;
	qsort_r(s->order, s->job_count, sizeof(*s->order), compare_ranks, s);
}

void schedule_release(struct schedule *s)
{
	free(s->held);
	free(s->arrives);
	free(s->slot_at);
	free(s->first_slot);
	free(s->taken);
	free(s->order);
	s->held = NULL;
	s->arrives = s->slot_at = NULL;
	s->first_slot = s->taken = s->order = NULL;
}

double schedule_transfer(const struct schedule *s, size_t job, size_t worker)
{
	double bytes = 0;

	for (size_t i = s->jobs[job].parent; i != SCHEDULE_NONE; i = s->jobs[i].parent)
		bytes += has(s, worker, i) ? 0 : s->jobs[i].bytes;
	return s->bytes_per_second > 0 ? bytes / s->bytes_per_second : 0;
}

/* ---- a round ---- */

/* The slots as they are: taken until what runs in them should end. What is late should end any moment. */
static void plan_slots(struct schedule *s, double now)
{
	memset(s->taken, 0, s->worker_count * sizeof(*s->taken));
	for (size_t i = 0; i < s->first_slot[s->worker_count]; i++)
		s->slot_at[i] = now;
	for (size_t i = 0; i < s->job_count; i++) {
		const struct schedule_job *job = &s->jobs[i];

		if (job->state == SCHEDULE_RUNNING && s->taken[job->worker] < s->workers[job->worker].slots) {
			double *at = &s->slot_at[s->first_slot[job->worker] + s->taken[job->worker]++];

			*at = job->ends_at > now ? job->ends_at : now + 1e-3;
		}
	}
}

static size_t earliest_slot(const struct schedule *s, size_t worker)
{
	size_t best = s->first_slot[worker];

	for (size_t i = best + 1; i < s->first_slot[worker + 1]; i++) {
		if (s->slot_at[i] < s->slot_at[best])
			best = i;
	}
	return best;
}

/* When all the job stands on is there, if it is sent for at `from`; what this round already sends there comes when it comes. */
static double arrival(const struct schedule *s, size_t job, size_t worker, double from)
{
	const double *arrives = &s->arrives[worker * s->job_count];
	double bytes = 0, latest = from;

	for (size_t i = s->jobs[job].parent; i != SCHEDULE_NONE; i = s->jobs[i].parent) {
		if (has(s, worker, i))
			continue;
		if (arrives[i] > 0)
			latest = latest > arrives[i] ? latest : arrives[i];
		else
			bytes += s->jobs[i].bytes;
	}
	double sent = from + (s->bytes_per_second > 0 ? bytes / s->bytes_per_second : 0);

	return sent > latest ? sent : latest;
}

struct place {
	size_t worker, slot;
	double starts_at, ends_at;
};

/* Where the job would end first; of equals, where most slots are free. */
static bool best_place(const struct schedule *s, size_t job, struct place *ret)
{
	double best_load = 0;
	bool found = false;

	for (size_t w = 0; w < s->worker_count; w++) {
		const struct schedule_worker *worker = &s->workers[w];

		if (!worker->alive || !worker->slots)
			continue;
		size_t slot = earliest_slot(s, w);
		double starts_at = s->slot_at[slot], ends_at = arrival(s, job, w, starts_at) + s->jobs[job].seconds;
		double load = (double)worker->running / worker->slots;

		if (found && (ends_at > ret->ends_at || (ends_at == ret->ends_at && load >= best_load)))
			continue;
		*ret = (struct place){w, slot, starts_at, ends_at};
		best_load = load;
		found = true;
	}
	return found;
}

static void note_arrivals(struct schedule *s, size_t job, const struct place *p)
{
	double *arrives = &s->arrives[p->worker * s->job_count];
	double at = arrival(s, job, p->worker, p->starts_at);

	for (size_t i = s->jobs[job].parent; i != SCHEDULE_NONE; i = s->jobs[i].parent) {
		if (!has(s, p->worker, i) && arrives[i] <= 0)
			arrives[i] = at;
	}
}

static bool is_ready(const struct schedule *s, size_t job)
{
	const struct schedule_job *j = &s->jobs[job];

	return j->state == SCHEDULE_WAITING && (j->parent == SCHEDULE_NONE || s->jobs[j->parent].state == SCHEDULE_DONE);
}

static size_t free_slots(const struct schedule *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->worker_count; i++)
		count += s->workers[i].alive && s->workers[i].running < s->workers[i].slots ? s->workers[i].slots - s->workers[i].running : 0;
	return count;
}

size_t schedule_next(struct schedule *s, double now, struct schedule_choice *ret, size_t max)
{
	size_t count = 0, free_count = free_slots(s);

	if (!free_count || !max)
		return 0;
	if (max > free_count)
		max = free_count;
	plan_slots(s, now);
	memset(s->arrives, 0, s->worker_count * s->job_count * sizeof(*s->arrives));
	for (size_t i = 0; i < s->job_count && count < max; i++) {
		size_t job = s->order[i];
		struct place p = {0};

		if (!is_ready(s, job) || !best_place(s, job, &p))
			continue;
		note_arrivals(s, job, &p);
		s->slot_at[p.slot] = p.ends_at;
		if (p.starts_at <= now)
			ret[count++] = (struct schedule_choice){job, p.worker};
	}
	return count;
}

/* ---- what happens ---- */

void schedule_start(struct schedule *s, const struct schedule_choice *choice, double now)
{
	struct schedule_job *job = &s->jobs[choice->job];

	job->ends_at = now + schedule_transfer(s, choice->job, choice->worker) + job->seconds;
	job->state = SCHEDULE_RUNNING;
	job->worker = choice->worker;
	s->workers[choice->worker].running++;
	/* What stands on the same goes there too, and waits for the same layers. */
	for (size_t i = job->parent; i != SCHEDULE_NONE; i = s->jobs[i].parent)
		s->held[choice->worker * s->job_count + i] = 1;
}

void schedule_hold(struct schedule *s, size_t job, size_t worker)
{
	s->held[worker * s->job_count + job] = 1;
}

void schedule_end(struct schedule *s, size_t job, bool well)
{
	struct schedule_job *j = &s->jobs[job];

	s->workers[j->worker].running--;
	j->state = well ? SCHEDULE_DONE : SCHEDULE_WAITING;
	if (well)
		s->held[j->worker * s->job_count + job] = 1;
	else
		j->worker = SCHEDULE_NONE;
}

void schedule_lose(struct schedule *s, size_t worker)
{
	s->workers[worker].alive = false;
	memset(&s->held[worker * s->job_count], 0, s->job_count);
}
