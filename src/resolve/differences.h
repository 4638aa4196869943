/* Where containers would get different versions of one package: only as the database declares. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* The first name with versions (of the sorted pins) that containers may not have side by side; its pins begin at *ret_first. False: there is none. */
bool differences_find(const struct database *db, const struct pin *pins, size_t pin_count, size_t *ret_first, size_t *ret_count);
/* Undeclared differences become problems in `d`, naming the packages, the containers and what forced the difference. */
void differences_check(const struct database *db, const struct lock *lock, struct diag *d);
