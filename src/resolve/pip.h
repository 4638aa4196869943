/* pip as the program that searches: the second resolver. It is asked for each environment by itself, the last answer being the preference of the next; what it says
   is put into the form of uv's answer, so that everything behind it is the same. Needs an interpreter with a pip that is known ($LOCKSTEP_PIP_PYTHON, else the
   one that tools/setup put below the project or lockstep's own folder, else python3 in PATH); wraps a few of its functions (pip_search.py). */
#pragma once

#include "resolve/search.h"

extern const struct searcher searcher_pip;
