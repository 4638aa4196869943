#include "cmd/building.h"

#include "base/text.h"

enum { JOBS_MAX = 64 };

static bool read_jobs(const struct command_call *call, uint64_t *ret)
{
	const char *jobs = command_value(call, "jobs");

	*ret = 0;
	return !jobs || (text_to_u64(jobs, ret) && *ret && *ret <= JOBS_MAX);
}

int building_check_use(const struct command_call *call)
{
	uint64_t jobs;

	if (read_jobs(call, &jobs))
		return EXIT_DONE;
	return command_usage(call, "'--jobs %s' is no number from 1 to %d", command_value(call, "jobs"), JOBS_MAX);
}

void building_request(const struct command_call *call, struct build_request *ret)
{
	uint64_t jobs = 0;

	if (read_jobs(call, &jobs))
		ret->at_once = (unsigned)jobs;
	ret->fresh_bases = command_flag(call, "fresh-bases");
}
