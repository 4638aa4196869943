/* One call of build_containers() or wheels_build(): what their parts share. Inside build/ only. */
#pragma once

#include "build/build.h"
#include "build/record.h"
#include "build/spread.h"
#include "debian/access.h"
#include "registry/push.h"

enum { BUILDING_SHORT_KEY = 12 };

struct building {
	struct arena *arena;
	const struct build_request *request;
	struct plan_request plan_request;
	struct record record;
	struct build_plan plan;
	struct access access;
	const char *temporary; /* .lockstep/tmp, from building_hold() on */
	int hold_fd;           /* others see by it that somebody builds in the engine's storage; -1: not yet */
	size_t built_count;
	struct push_counts pushed;
	bool wheels_are_checked; /* whether they can be in a container together */
	/* Stages go from where they are built to their registry: */
	bool direct, direct_was_tried;
	size_t direct_count;
};

void building_begin(struct building *b, struct arena *a, const struct build_request *request);
void building_end(struct building *b);
/* Makes the trees that are missing, plans, prepares the contexts and builds every stage of the plan that is wanted. */
int building_stages(struct building *b, struct error *err);
/* Removes what killed builds left in the engine, as far as it matters to what is to be done there, and keeps others from doing so until building_end(). */
int building_hold(struct building *b, enum engine_leftovers what, struct error *err);
/* Runs jobs that build in the engine, at its workers where it has several. */
int building_run(struct building *b, const struct spread_job *jobs, size_t count, struct error *err);
const char *building_log_path(struct building *b, const char *name, const char *key);
