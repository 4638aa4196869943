/* pip as a child: the second resolver. It is asked for each environment by itself, the last answer being the preference of the next; what it says is put into the
   form of uv's answer, so that everything behind it is the same. Needs an interpreter with a pip that is known; wraps a few of its functions (pip_search.py). */
#pragma once

#include "base/error.h"
#include "resolve/question.h"
#include "resolve/uv.h"
#include "resolve/uv_lock.h"

/* Finds $LOCKSTEP_PIP_PYTHON, else the project's .tools/resolvers/bin/python, else python3 in PATH, and asks the version of its pip. Fills `python` and `version`
   of `ret`. ERR_NOT_FOUND with what to do. */
int pip_find(struct uv *ret, const char *root, struct error *err);
/* As search_ask(). */
int pip_ask(struct uv *uv, const struct question *q, const struct uv_wish *wish, struct uv_lock *ret, struct uv_refusal *refusal, struct error *err);
