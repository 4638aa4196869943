/* The roots of the archives that a lock's Debian packages are fetched from. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct access;
struct database;

/* The addresses of the sources of all bases in use, each once, with the users and passwords that apt has for them; NULL-terminated, in `a`. */
int archives_of_bases(struct arena *a, const struct database *db, const struct access *access, const char *const **ret, struct error *err);
/* An address with the user and password that the text of an apt_auth.conf(5) file has for it, percent-encoded; as it is when there is none. In `a`. */
const char *archives_with_user(struct arena *a, const char *address, const char *auth);
