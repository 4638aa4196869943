/* The roots of the archives that a lock's Debian packages are fetched from. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct access;
struct database;
struct image_asking;
struct lock;

/* The addresses of the sources of all bases that are trees, and of those images on which the lock installs something, each once, with the users and passwords that apt has for
   them; NULL-terminated, in `a`. An image that is not known here is asked; where that cannot be, *ret_why says why, else it is NULL, and the others are
   there all the same. */
int archives_of_bases(struct arena *a, const struct database *db, const struct lock *lock, const struct access *access, const struct image_asking *asking,
		      const char *const **ret, const char **ret_why, struct error *err);
/* An address with the user and password that the text of an apt_auth.conf(5) file has for it, percent-encoded; as it is when there is none. In `a`. */
const char *archives_with_user(struct arena *a, const char *address, const char *auth);
