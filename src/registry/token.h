/* Rights at registries: what a scope is asked with, and how we get it (basic authentication, and the token specifications of the distribution project). One right for
   all calls of one scope; who needs one that is being asked for waits in line. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/http.h"
#include "registry/challenge.h"

struct right;

/* All rights of one run; zeroed but for the first is valid. */
struct rights {
	struct http *http;
	struct right *first;
};
void rights_release(struct rights *r);

/* The right of a scope at a registry: "repository:team/ci-cpu:pull,push", several parted by a space. Kept until rights_release(). */
struct right *right_find(struct rights *r, const char *registry, const char *scope);
/* The value of the header Authorization; NULL: none is needed, or none is known yet. Valid until the right is asked for again. */
const char *right_authorization(const struct right *right);

/* Who waits for a right: part of what the caller keeps. */
struct right_waiter {
	struct right_waiter *next;
	/* Once: the right is known, or, with `err` set, not to be had. */
	void (*on_known)(struct right_waiter *w, const struct error *err);
};
/* Asks for it as the challenge says, with the credentials of `repository`; calls back later, or from here. */
void right_ask(struct right *right, const char *repository, const struct challenge *challenge, struct right_waiter *w);
/* Asks token servers again that could not answer, when it is time; how long the next of them has to wait, or wait_ms when that is less. */
int64_t rights_due(struct rights *r, int64_t wait_ms);
