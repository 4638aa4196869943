/* Stages in a registry, under their keys: what somebody built with the same inputs is taken, not built, by every engine; what is built here is put there for others. Only what lockstep
   put there is taken, and only as its digests say. Inside build/ only. */
#pragma once

#include "build/building.h"

/* Takes what the plan wants and the registry has, the highest stage of each container first, and plans anew. A registry that cannot be asked is told of, and done without. */
int stages_take(struct building *b, struct error *err);
/* Puts there what the engine has and the registry has not. A failure is told of; it costs nobody a build. */
int stages_give(struct building *b, struct error *err);
