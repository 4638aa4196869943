/* Why a package is in a lock: the shortest chains from what is declared to it, container by container, and what recipes/ say of it. */
#pragma once

#include "base/error.h"
#include "lock/lock.h"
#include "recipe/database.h"
#include "report/origin.h"
#include "report/report.h"

enum { WHY_CHAINS_MAX = 8 };

struct why {
	const struct lock *lock;
	const char *from;          /* ".lockstep/lock.toml", "v0.2" */
	const struct database *db; /* what the lock was made from, or NULL: not known any more */
	const char *package;       /* canonical */
	const char *container;     /* only there; NULL: in all, and in the layers */
	const char *debian;        /* as it was given, which may be the name of a Debian package too; NULL: only Python packages are asked for */
};

/* One step of a chain: this package is required by the one before it. */
struct why_step {
	const struct pin *pin;
	const char *requirement; /* as the wheel says it, where the store has that: "packaging<25,>=20"; else as the lock does */
	const char *marker;      /* or NULL */
	const char *extra;       /* it is required only with this extra of the one before; or NULL */
};

struct why_chain {
	const struct origin *origin;
	const struct pin *root;
	struct why_step *steps; /* none: the package is declared itself */
	size_t step_count;
};

/* Containers, or a layer with the containers that have it, in which the package has the same version for the same reasons. What other environments than the
   built one have besides is a place of its own. */
struct why_place {
	const char **containers;
	size_t container_count;
	const char *layer;         /* or NULL */
	const char **environments; /* whose chains these are; several where containers of several agree */
	size_t environment_count;
	bool is_built;   /* false: they are further ones, which no image is of */
	bool is_besides; /* told with the name of its one environment: that is not built, or another one of the same layer was told of before */
	const struct pin *pin;
	const char *text; /* its chains as they are shown: what reads the same is shown once */
	struct why_chain *chains;
	size_t chain_count, chain_total; /* WHY_CHAINS_MAX at most are kept */
};

/* The base of containers, a layer or the apt list of them: what installs a Debian package. */
struct why_stage {
	const char *kind, *name; /* "base", "layer", "apt"; the name of the base or layer, else NULL */
	const char **containers;
	size_t container_count;
};

struct why_deb {
	const struct lock_deb *deb;
	struct why_stage *stages;
	size_t stage_count;
};

struct why_answer {
	const struct why *why;
	struct why_place *places;
	size_t place_count;
	struct why_deb *debs; /* Debian packages of that name, in the lock's order */
	size_t deb_count;
};

/* ERR_NOT_FOUND, with what there is of that name elsewhere or the nearest names, when nothing in the lock has it where it is asked for. In `a`. */
int why_find(struct arena *a, const struct why *why, struct why_answer *ret, struct error *err);
/* Appends the answer as text or JSON. */
void report_why(struct arena *a, const struct why_answer *answer, const struct report_options *options, struct strbuf *out);
/* The chains of a place for people, coloured as `stream` shows them; NULL: not. */
void why_text_chains(struct arena *a, const struct why_place *place, FILE *stream, struct strbuf *out);

/* What recipes/ say of a package beside its requirement: one row each. */
struct said {
	const char *kind;       /* "constraint", "hold", "waiver", ... */
	const char *text, *why; /* why: or NULL */
	struct pos pos;
};
void said_of(struct arena *a, const struct database *db, const char *package, struct said **ret, size_t *ret_count);
