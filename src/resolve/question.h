/* What uv is asked: who wants which packages, where, and which constraint in which file is behind each wish. Made from the database; can be thinned out to
   find out which wishes clash. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* One requirement. A container wants a package once for each constraint that applies to it there, and only the first time with its extras; without any, once. */
struct want {
	const char *canonical;
	const char *extras;            /* "[a,b]" or "" */
	const char *specifier;         /* "" for any version */
	const char *marker;            /* PEP 508, or NULL */
	const struct package *package; /* NULL for a layer recipe's requirement */
	const struct swap *swap;       /* it stands in for another in this container; or NULL */
	const char *through;           /* "group core" */
	const char *why;               /* the constraint's reason, or NULL */
	const struct hold *hold;       /* the constraint is this hold, or NULL */
	struct pos pos;                /* of the constraint */
	bool may_differ;               /* the database declares a difference for it */
	bool left_out, loose;          /* thinned out: not asked for; asked for without its specifier */
};

/* A container, or one use of a layer recipe. */
struct asker {
	bool is_layer;
	const char *name;                             /* the container's, or lock_layer_name() */
	const struct lock_environment **environments; /* one for a container; those of all containers that use the layer */
	size_t environment_count;
	struct want *wants; /* by canonical name, those of one package in the order of its constraints */
	size_t want_count;
	bool left_out;
};

struct question {
	struct asker *askers;
	size_t asker_count;
	size_t (*conflicts)[2]; /* pairs of askers that may disagree: the database declares their groups a conflict */
	size_t conflict_count;
	const char **exclusions; /* "name!=version": no file of it can be used */
	size_t exclusion_count;
};

/* The environments of all containers, each once, by name; and for each container (in the database's order) which it is. All in `a`. */
struct environments {
	struct lock_environment *items;
	size_t count;
	const struct lock_environment **of_container;
};
void environments_collect(struct arena *a, const struct database *db, struct environments *ret);

/* The union of all containers. Lives in `a` and points into the database. */
void question_for_containers(struct arena *a, const struct database *db, const struct environments *environments, bool without_holds, struct question *ret);
/* One question for each distinct layer use that wants wheels, by name. A requirement that is not valid is a problem in `d`. */
void questions_for_layers(struct arena *a, const struct database *db, const struct environments *environments, struct diag *d, struct question **ret,
			  size_t *ret_count);
/* A copy whose askers and wants can be thinned out without touching the first. */
void question_copy(struct arena *a, const struct question *from, struct question *ret);
/* "onnx[reference]>=1.14,<1.17; marker" as it would be asked now. */
void want_add_requirement(struct strbuf *out, const struct want *w);
/* Whether a pin of an earlier lock has to do with a question: one of another container's part is of no use to a toolchain, and the other way round. */
bool question_concerns(const struct question *q, const struct pin *pin);
/* "container 'ci-gpu'", "layer 'cuda{version=13.0}'" */
void asker_add_name(struct strbuf *out, const struct asker *a);
