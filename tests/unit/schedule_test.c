#include <string.h>

#include "base/alloc.h"
#include "build/schedule.h"
#include "unit.h"

/* A stage of ten seconds and 100 MB, on which four of a minute stand. */
static void fan(struct schedule_job *jobs)
{
	jobs[0] = (struct schedule_job){.parent = SCHEDULE_NONE, .seconds = 10, .bytes = 100e6, .worker = SCHEDULE_NONE};
	for (size_t i = 1; i < 5; i++)
		jobs[i] = (struct schedule_job){.parent = 0, .seconds = 60, .bytes = 1e6, .worker = SCHEDULE_NONE};
}

TEST(a_worker_takes_what_it_has_slots_for_and_what_it_holds)
{
	struct schedule_job jobs[5];
	struct schedule_worker workers[2] = {{.slots = 1, .alive = true}, {.slots = 2, .alive = true}};
	struct schedule s = {.jobs = jobs, .job_count = 5, .workers = workers, .worker_count = 2, .bytes_per_second = 10e6};
	struct schedule_choice round[8];

	fan(jobs);
	schedule_begin(&s);
	assert_int_equal(schedule_next(&s, 0, round, 8), 1);
	assert_int_equal(round[0].job, 0);
	schedule_start(&s, &round[0], 0);
	assert_int_equal(schedule_next(&s, 1, round, 8), 0); /* nothing else is ready */
	schedule_end(&s, 0, true);
	size_t home = jobs[0].worker;

	assert_int_equal(schedule_next(&s, 10, round, 8), 3);
	assert_int_equal(round[0].worker, home); /* without moving anything */
	for (size_t i = 0; i < 3; i++)
		schedule_start(&s, &round[i], 10);
	assert_int_equal(workers[0].running, 1);
	assert_int_equal(workers[1].running, 2);
	schedule_release(&s);
}

TEST(what_is_near_is_waited_for_when_that_is_sooner)
{
	struct schedule_job jobs[3];
	struct schedule_worker workers[2] = {{.slots = 1, .alive = true}, {.slots = 1, .alive = true}};
	struct schedule s = {.jobs = jobs, .job_count = 3, .workers = workers, .worker_count = 2, .bytes_per_second = 1e6};
	struct schedule_choice round[8];

	/* Two short ones on 100 MB that need 100 s to get elsewhere. */
	jobs[0] = (struct schedule_job){.parent = SCHEDULE_NONE, .seconds = 10, .bytes = 100e6, .state = SCHEDULE_DONE, .worker = 1};
	for (size_t i = 1; i < 3; i++)
		jobs[i] = (struct schedule_job){.parent = 0, .seconds = 5, .worker = SCHEDULE_NONE};
	schedule_begin(&s);
	schedule_hold(&s, 0, 1);
	assert_int_equal(schedule_next(&s, 0, round, 8), 1);
	assert_int_equal(round[0].worker, 1);
	schedule_start(&s, &round[0], 0);
	assert_int_equal(schedule_next(&s, 1, round, 8), 0);
	/* It is late, and late, but should end any moment. */
	assert_int_equal(schedule_next(&s, 50, round, 8), 0);
	/* Gone with what it held: everything starts again where one is left. */
	schedule_end(&s, round[0].job, false);
	schedule_lose(&s, 1);
	assert_int_equal(schedule_next(&s, 51, round, 8), 1);
	assert_int_equal(round[0].worker, 0);
	schedule_release(&s);
}

TEST(the_longest_chain_comes_first)
{
	struct schedule_job jobs[4] = {{.parent = SCHEDULE_NONE, .seconds = 30, .worker = SCHEDULE_NONE},
				       {.parent = SCHEDULE_NONE, .seconds = 10, .worker = SCHEDULE_NONE},
				       {.parent = 1, .seconds = 10, .worker = SCHEDULE_NONE},
				       {.parent = 2, .seconds = 20, .worker = SCHEDULE_NONE}};
	struct schedule_worker worker = {.slots = 1, .alive = true};
	struct schedule s = {.jobs = jobs, .job_count = 4, .workers = &worker, .worker_count = 1, .bytes_per_second = 1e6};
	struct schedule_choice round[2];

	schedule_begin(&s);
	assert_int_equal(schedule_next(&s, 0, round, 2), 1);
	assert_int_equal(round[0].job, 1);
	assert_true(jobs[1].rank == 40 && jobs[0].rank == 30);
	schedule_release(&s);
}
