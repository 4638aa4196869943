/* Verification: is what the images say what the lock says? Collects findings and changes nothing. No findings: verified. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "lock/lock.h"
#include "recipe/database.h"
#include "snapshot/snapshot.h"

struct engine;

enum finding_kind {
	FINDING_UNDECLARED,  /* declared, but the lock has no pin for it, or one its constraint refuses */
	FINDING_MISSING,     /* locked, not installed */
	FINDING_EXTRA,       /* installed, not locked */
	FINDING_VERSION,     /* installed at another version */
	FINDING_ORIGIN,      /* the same version from elsewhere: a URL, a folder, another wheel */
	FINDING_ALTERED,     /* a file of it was changed or removed after it was installed */
	FINDING_ENVIRONMENT, /* the image's Python or platform is not the one that was locked for */
	FINDING_DISAGREE,    /* two containers have it at different versions, and no difference is declared */
	FINDING_PROBE,       /* a verify command of a layer recipe failed */
};

struct finding {
	enum finding_kind kind;
	const char *container; /* or NULL: about several */
	const char *subject;   /* package, marker or probe */
	const char *text;      /* one line for people, or several for a probe's output */
};

struct findings {
	struct arena arena;
	struct finding *items;
	size_t count;
};

void findings_release(struct findings *f);
const char *finding_kind_name(enum finding_kind kind); /* "missing", as in JSON */

/* Every declared package of every container has a pin that its constraint takes. */
void verify_declared(const struct database *db, const struct lock *lock, struct findings *ret);
/* What a container's image has installed is exactly the lock's part for it. Wheels that are in the store are compared with what was installed from them. */
void verify_installed(const struct lock *lock, const struct container *c, const struct snapshot *s, struct findings *ret);
/* So are its Debian packages, where the lock has them. */
void verify_debian(const struct lock *lock, const struct container *container, const struct snapshot *s, struct findings *ret);
/* A package that several containers have is at one version in them, except where `differences` declares it. */
void verify_agreement(const struct database *db, const struct snapshot *snapshots, size_t count, struct findings *ret);
/* Runs the verify commands of the container's layer recipes in its image. -1 only when the image cannot be asked. */
int verify_probes(struct engine *e, const char *image, const struct container *c, struct findings *ret, struct error *err);
