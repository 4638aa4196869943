/* The orders a lock's arrays stand in (lock.h), for qsort, for searching and for the reader that checks them; and a search by name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lock/lock.h"

int pin_compare(const void *left, const void *right);       /* struct pin: packages before toolchain pins, name, version, owners */
int lock_edge_compare(const void *left, const void *right); /* struct lock_edge */
int lock_file_compare(const void *left, const void *right); /* struct lock_file */
int lock_archive_compare(const void *a, const void *b);
int lock_deb_compare(const void *left, const void *right);    /* struct lock_deb */
int lock_direct_compare(const void *left, const void *right); /* const char *: by the name a requirement begins with, then by bytes */

/* Place of the first pin of this name (or where it would be) among packages, or among toolchain pins. */
size_t lock_first_pin(const struct lock *lock, bool toolchain, const char *name);
