/* The part of the relation "lock equals installed" that is about Debian packages. Only installed.c uses this. */
#pragma once

#include "snapshot/snapshot.h"
#include "verify/verify.h"

/* What an image has of them is what its part of the lock says, where the lock has any. */
void installed_check_debian(const struct lock *lock, const struct container *container, const struct snapshot *s, struct findings *ret);
