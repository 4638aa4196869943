/* What is asked of apt: for each container its base and, bottom first, the stages on it that install Debian packages, with a digest of everything that decides
   the answer but the moment. A lock keeps the digests, so that nothing is asked again that was answered. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"

struct base;
struct container;
struct database;

enum { SYSTEM_DIGEST_LENGTH = 16 };

/* One transaction of apt. */
struct system_step {
	const char **words; /* package names, sorted, each once */
	size_t word_count;
	struct pos pos;
	const char *what; /* "layer 'gcc'" */
};

struct system_stage {
	const char *name; /* as render names it: "layer-gcc", "apt" */
	struct system_step *steps;
	size_t step_count;
	const char *digest; /* of it and of all below it */
};

struct system_chain {
	const struct container *container;
	const char *place;       /* digest of where packages come from: suite, components, machine; locked versions are of use only there */
	const char *base_digest; /* of that and of what the base itself installs */
	struct system_stage *stages;
	size_t stage_count;
	const char *text; /* the base's name, then place, base and stages, with spaces between: `debian` of the lock's container */
};

/* The chain of every container, in the database's order. In `a`. Fails as render_stages(). */
int system_chains(struct arena *a, const struct database *db, struct system_chain **ret, struct error *err);
/* Whether anything of the container is asked of apt: its base is made of Debian packages, or a stage on it installs some. */
bool system_is_asked(const struct container *c);
/* "base:debian-bookworm", "ci-cpu/layer-gcc": how a lock calls them. In `a`. */
const char *system_base_label(struct arena *a, const struct base *base);
const char *system_stage_label(struct arena *a, const char *container, const char *stage);
