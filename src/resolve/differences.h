/* Where containers would get different versions of one package: only as the database declares. Within one container its environments may differ where they must. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/error.h"
#include "lock/lock.h"
#include "recipe/database.h"
#include "resolve/candidates.h"
#include "resolve/question.h"

/* Whether a declared difference is about a container: it names it, or none, which is all. */
bool difference_names(const struct difference *d, const char *container);
/* Whether containers that may not would get different versions, by the pins of one name, each of which has its lists sorted. */
bool differences_undeclared(const struct database *db, const struct lock_container *containers, size_t container_count, const struct pin *pins, size_t count);
/* Where containers have to agree in the package of `pins` and do not: the environments that containers are built for which may not differ, or one that two of them
   are locked for besides. Names in `a`; 0 when there is no undeclared difference. */
size_t differences_apart(struct arena *a, const struct database *db, const struct lock_container *containers, size_t container_count, const struct pin *pins,
			 size_t count, const char ***ret);
/* Undeclared differences become problems in `d`, naming the packages, the containers and what forced the difference: containers differ when the images have
   different versions, or when they would in an environment that both are locked for. */
void differences_check(const struct database *db, const struct lock *lock, const struct splits *splits, struct diag *d);
/* A layer is put on the same wherever it is used, and a lock does not say in which environments it has a pin: it may have one version of a package only.
   ERR_CONFLICT, with a problem at what the layer asks for, when environments that use it would get several. */
int differences_refuse_layer(const struct question *q, const struct pin *pins, size_t count, const struct splits *splits, struct diag *d, struct error *err);
/* What is at several versions all the same, declared or within a container, and why: one line each, to `tell`. */
void differences_tell(const struct lock *lock, const struct splits *splits, void (*tell)(void *context, const char *text), void *context);
