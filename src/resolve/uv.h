/* uv as the program that searches: where it is, how it is called so that this machine's settings reach it and this machine's accidents do not, and what its
   failures mean. It is $LOCKSTEP_UV, else the one that tools/setup put below the project or lockstep's own folder, else uv in PATH. */
#pragma once

#include "resolve/search.h"

extern const struct searcher searcher_uv;
