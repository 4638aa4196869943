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

struct sources;

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
	bool is_limit;                 /* not asked for: it holds where something else brings the package */
	bool may_differ;               /* the database declares a difference for it; a limit: it holds for this asker alone */
	bool left_out, loose;          /* thinned out: not asked for; asked for without its specifier */
};

/* A container, or one use of a layer recipe. */
struct asker {
	bool is_layer;
	const char *name; /* the container's, or lock_layer_name() */
	const char *base; /* the container's; NULL for a layer */
	const struct lock_environment *
		*environments; /* a container's: that it is built for, then the further ones; those of all containers that use the layer */
	size_t environment_count;
	struct want *wants; /* by canonical name, those of one package in the order of its constraints */
	size_t want_count;
	bool left_out;
};

/* A package that comes from one place only, whoever requires it. */
struct bond {
	const char *canonical;
	const char *index;                 /* alias; or NULL */
	const struct reference *reference; /* or NULL */
	const char *file;                  /* absolute, of a reference to a path; or NULL */
	/* uv keeps to the one place only where the package is asked for by name: here it is, besides what the askers want. */
	const struct lock_environment **asked_in;
	size_t asked_in_count;
};

/* A requirement that is left out: of one version, or of all. */
struct left_out_edge {
	const char *package, *version; /* version NULL: all */
	const struct waiver *waiver;
};

struct question {
	struct asker *askers;
	size_t asker_count;
	size_t (*conflicts)[2]; /* pairs of askers that may disagree: the database declares their groups a conflict */
	size_t conflict_count;
	const char **exclusions; /* "name!=version": no file of it can be used */
	size_t exclusion_count;
	const char **releases_only; /* packages of which a pre-release is no answer */
	size_t releases_only_count;
	struct bond *bonds; /* by name */
	size_t bond_count;
	const struct waiver *waivers;
	size_t waiver_count;
	struct left_out_edge *left_out_edges; /* what they come to */
	size_t left_out_edge_count;
	const struct sources *sources; /* what can be built beside what has wheels, or NULL */
	const char *listing;           /* only which releases this package has is asked, archives included; or NULL */
};

/* The environments of all containers, each once, by name; and for each container (in the database's order) which it has, the one it is built for first. All
   in `a`. */
struct environments {
	struct lock_environment *items;
	size_t count;
	struct container_environments {
		const struct lock_environment **items;
		size_t count;
	} *of_container;
};
void environments_collect(struct arena *a, const struct database *db, struct environments *ret);

/* The union of all containers. Lives in `a` and points into the database. */
void question_for_containers(struct arena *a, const struct database *db, const struct environments *environments, bool without_holds, struct question *ret);
/* Adds the constraints of packages that nobody asks for by name; those of some containers only are left to question_limit_reached(). */
void question_limit(struct arena *a, const struct database *db, bool without_holds, struct question *q);
/* Adds those that an answer breaks in a container that does not ask for the package by name. True when there was one. */
bool question_limit_reached(struct arena *a, const struct database *db, bool without_holds, struct question *q, const struct pin *pins, size_t count);
/* Lets containers disagree that a declared difference names, with all others. False when nobody may disagree who could not before. */
bool question_part(struct arena *a, const struct database *db, struct question *q);
/* Whether two askers, by their places, may disagree. */
bool question_in_conflict(const struct question *q, size_t one, size_t other);
/* One question for each distinct layer use that wants wheels, by name. A requirement that is not valid is a problem in `d`. */
void questions_for_layers(struct arena *a, const struct database *db, const struct environments *environments, struct diag *d, struct question **ret,
			  size_t *ret_count);
/* Whether a pin is in the environment for one of the askers. */
bool question_has(const struct question *q, const struct pin *pin, const char *environment);
/* Leaves out what a waiver is about when it is of one version, or of all; false when it is of some, whose versions have to be told. */
bool question_waive_at_once(struct arena *a, struct question *q, const struct waiver *waiver);
/* Leaves out what the waivers say of this version of a package. True when that is new. */
bool question_waive(struct arena *a, struct question *q, const char *package, const char *version);
/* By name, not as a limit. */
bool asker_wants(const struct asker *asker, const char *canonical);
/* Gives the question bonds of its own, and asks for every bound package in every environment where an asker could meet it only by way of others. In `a`. */
void question_ask_for_bonds(struct arena *a, struct question *q);
/* What was asked for only so that it comes from its own place, and turned out not to be needed, must have no say in the rest. True when there was some. */
bool question_drop_unreached_bonds(struct question *q, const struct pin *pins, size_t count);
/* The bond of a package, or NULL. */
const struct bond *question_bond(const struct question *q, const char *canonical);
/* A copy whose askers and wants can be thinned out without touching the first. */
void question_copy(struct arena *a, const struct question *from, struct question *ret);
/* "onnx[reference]>=1.14,<1.17; marker" as it would be asked now. */
void want_add_requirement(struct strbuf *out, const struct want *w);
/* Whether a pin of an earlier lock has to do with a question: one of another container's part is of no use to a toolchain, and the other way round. */
bool question_concerns(const struct question *q, const struct pin *pin);
/* "container 'ci-gpu'", "layer 'cuda{version=13.0}'" */
void asker_add_name(struct strbuf *out, const struct asker *a);
