/* Where containers would get different versions of one package: only as the database declares. */
#pragma once

#include "base/diag.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* Undeclared differences become problems in `d`, naming the packages, the containers and what forced the difference. */
void differences_check(const struct database *db, const struct lock *lock, struct diag *d);
