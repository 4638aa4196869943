/* Whoever searches for versions: uv, or pip where the project says so. Both are asked the same and answer in the same form. */
#pragma once

#include "base/error.h"
#include "resolve/question.h"
#include "resolve/uv.h"
#include "resolve/uv_lock.h"

/* Puts a question. 1: answered, and `ret` (unless NULL) is the answer, in the arena of `uv`. 0: there is no answer, `refusal` says why. -1: the resolver or an
   index failed. */
int search_ask(struct uv *uv, const struct question *q, const struct uv_wish *wish, struct uv_lock *ret, struct uv_refusal *refusal, struct error *err);
