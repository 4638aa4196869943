/* The Python packages of the database: what recipes/python.yaml says. A part of the database; read it by recipe/database.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"

struct container;
struct layer;

enum constraint_kind { CONSTRAINT_LOOSE, CONSTRAINT_RANGE, CONSTRAINT_EXACT, CONSTRAINT_CARET, CONSTRAINT_NOT };

enum condition_kind { CONDITION_MARKER, CONDITION_CONTAINER, CONDITION_LAYER };

/* One thing that `when:` of a constraint asks for. */
struct condition {
	enum condition_kind kind;
	const char *marker;                /* MARKER: PEP 508, valid, without `extra` */
	const struct container *container; /* CONTAINER */
	const struct layer *layer;         /* LAYER: the container has it */
	const char *option;                /* LAYER: and the value of this option, or NULL for no more than that, ... */
	const char *specifier;             /* ... is a version in here (PEP 440, ">=12"); or NULL: ... */
	const char *value;                 /* ... is this word */
	struct pos pos;
};

/* What a package's version may be, with the reason. */
struct constraint {
	enum constraint_kind kind;
	const char *specifier;  /* PEP 440 ("" when loose; "==2.17.7" when exact; ">=1.2.3,<2.0.0" for "^1.2.3"), valid */
	const char *why, *link; /* or NULL */
	struct condition *when; /* all must hold */
	size_t when_count;
	struct pos pos; /* of the specifier, or of the package when loose */
};

/* A constraint kept only because moving on is work, apart from what cannot work. */
struct hold {
	const char *specifier;          /* PEP 440 */
	const char *why, *owner, *link; /* link: or NULL */
	const char *review;             /* "2026-12-01": past it, somebody has to look at it again */
	struct pos pos;
};

/* A package that comes from one place, not from an index. */
enum reference_kind { REFERENCE_GIT, REFERENCE_URL, REFERENCE_PATH };
struct reference {
	enum reference_kind kind;
	const char *url;          /* GIT, URL: http(s) without credentials */
	const char *commit;       /* GIT: 40 or 64 hex digits, lower case */
	const char *subdirectory; /* GIT: or NULL */
	const char *sha256;       /* URL; PATH: of the file, or of the archive of the folder, as it was when the database was read */
	const char *path;         /* PATH: a file or a folder of sources inside the project, relative to its root */
	const char *file_name;    /* URL, PATH: of the wheel or sdist, decoded; of a folder the archive that is made of it; GIT: NULL */
	const char *version;      /* URL, PATH: what the file name says, normal form; GIT and a folder: NULL */
	uint64_t size_bytes;      /* PATH to a folder: of that archive; else 0 */
	struct pos pos;
};

/* "What `package` says it requires of `required` is not true": the requirement is left out, in the lock and in every check. */
struct waiver {
	const char *package, *required; /* canonical */
	const char *specifier;          /* the versions of `package` it is said of; "" for all */
	const char *why, *link;         /* link: or NULL */
	const char *review;             /* as a hold's */
	struct pos pos;
};

/* What builds of sdists may use of one package. */
struct build_constraint {
	const char *name, *canonical;
	struct constraint constraint; /* without conditions */
};

/* "Where both own a path with other bytes, this package's file is the one in the image." */
struct overwrite {
	struct package *package; /* whose file it is not */
	struct pos pos;
};

struct package {
	const char *name;      /* as written */
	const char *canonical; /* PEP 503 */
	struct group **groups; /* it is in these */
	size_t group_count;
	const char **extras; /* canonical, sorted */
	size_t extra_count;
	struct constraint constraint;   /* the unconditional one: LOOSE when there is none */
	struct constraint *constraints; /* further ones, in the order written; all that apply hold together */
	size_t constraint_count;
	struct hold *hold;           /* or NULL */
	struct reference *reference; /* or NULL: from an index */
	const char *index;           /* alias of the only index it may come from, or NULL */
	struct overwrite *overwrites;
	size_t overwrite_count;
	struct pos pos; /* of its key */
};

struct group {
	const char *name;        /* PEP 735 name as written */
	const char *canonical;   /* PEP 503; unique */
	const char *description; /* or NULL */
	struct group **includes;
	size_t include_count;
	struct package **packages; /* declared in this group itself, by canonical name */
	size_t package_count;
	struct pos pos;
};

/* Groups that cannot be in one container. */
struct conflict {
	struct group **groups;
	size_t group_count;
	const char *why;
	struct pos pos;
};

/* "This package may be at different versions in these containers", declared; anything else that differs is an error. */
struct difference {
	struct package *package; /* NULL when `canonical` is no declared package (a transitive one) */
	const char *canonical;
	struct container **containers; /* none: all */
	size_t container_count;
	const char *why;
	struct pos pos;
};

/* What one constraint, or a hold, means for a package in one container. */
struct container_constraint {
	const char *specifier; /* PEP 440, not empty */
	const char *marker;    /* PEP 508: it applies only where this holds; NULL: in the whole container */
	const char *why;
	const struct hold *hold; /* it is this hold; NULL: a constraint */
	struct pos pos;
};
/* All that constrain `p` in container `c`: its constraints, in the order written, whose facts of containers and layers hold there, then the hold, unless
   without_holds. Waivers and markers are for whoever knows versions and environments. In `a`. */
void container_constraints(struct arena *a, const struct container *c, const struct package *p, bool without_holds, struct container_constraint **ret,
			   size_t *ret_count);
