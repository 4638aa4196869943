/* Why a job is built: its inputs beside those of the last time. */
#pragma once

#include "base/arena.h"
#include "build/plan.h"

struct record;

/* Sets why and why_details. */
void explain_job(struct arena *a, const struct record *record, const char *engine, struct build_job *job);
