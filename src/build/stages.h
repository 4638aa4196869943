/* Stages in a registry, under their keys: what somebody built with the same inputs is taken, not built, by every engine; what is built here is put there for others. Only what lockstep
   put there is taken, and only as its digests say. Inside build/ only. */
#pragma once

#include "build/building.h"

/* Takes what the plan wants and the registry has, the highest stage of each container first, and plans anew. A registry that cannot be asked is told of, and done without. */
int stages_take(struct building *b, struct error *err);
/* Whether a stage is to go there straight from where it is built; *ret then says how. */
bool stages_push(const struct building *b, const struct build_job *job, struct engine_push *ret);
/* After its build ended well: looks, by digest, whether all that was pushed is there and is that stage, and tags it. 1: it is not, or cannot be read where it is needed; then people are
   told, and stages go through this machine from now on. */
int stages_accept(struct building *b, const struct build_job *job, struct error *err);
/* Whether a line of a build that failed says that the registry is the reason; then stages go through this machine from now on. */
bool stages_blame(struct building *b, const char *line);
/* Puts there what the engine has and the registry has not. A failure is told of; it costs nobody a build. */
int stages_give(struct building *b, struct error *err);
