/* Where Debian packages come from on this machine: its own apt settings, asked of apt. Knows nothing of bases. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

/* The apt sources for a suite, one line each ("deb [signed-by=... trusted=yes] ADDRESS SUITE COMPONENT ..."), with its -updates and -security suites, in apt's order.
   LOCKSTEP_APT_MIRROR, an address, stands in for all of them. None when this machine has no source for the suite: then the caller's tool must know where
   to look. Users and passwords are left out of the addresses. In `a`. */
int mirrors_of_suite(struct arena *a, const char *suite, const char *const *components, size_t component_count, const char ***ret_lines, size_t *ret_count,
		     struct error *err);
/* Adds those users and passwords, of all sources, to `out`, as apt_auth.conf(5) wants them. ERR_INPUT for one that cannot be written so. */
int mirrors_add_credentials(struct arena *a, struct strbuf *out, struct error *err);
/* Proxies that only apt was told of, as "http_proxy=..." for the environment of a child; NULL-terminated. In `a`. */
int mirrors_environment(struct arena *a, const char *const **ret_environment, struct error *err);
