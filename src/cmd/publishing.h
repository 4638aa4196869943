/* What the commands that speak to registries share: opening a release's images there, progress, and publishing as publish and bump do it. */
#pragma once

#include "cmd/command.h"
#include "engine/engine.h"
#include "publish/publish.h"
#include "recipe/database.h"
#include "release/release.h"

struct progress;

/* Zeroed but for the first two is valid; publishing_release() in any case. */
struct publishing {
	struct command_call *call;
	const struct database *db;
	struct engine *known_engine; /* that the caller has found already; or NULL */
	struct engine engine;
	struct release release;
	struct registries *all;
	struct shelf shelf;
	struct publish_outcome outcome;
	struct progress *progress; /* once there is something to send */
	const char *label;
	const uint64_t *done, *total;
};
void publishing_release(struct publishing *p);

/* Reads the release (NULL or "latest": the newest) and finds where its images lie, or that of one container. */
int publishing_open(struct publishing *p, const char *release, const char *container, struct error *err);
/* Shows progress of the counters, which move, until publishing_quiet(). */
void publishing_show(struct publishing *p, const char *label, const uint64_t *done, const uint64_t *total);
void publishing_quiet(struct publishing *p);
/* Publishes what was opened. */
int publishing_run(struct publishing *p, bool dry_run, bool replace, struct error *err);
/* The release that a bump made, or found made already, where --publish asks for it: publishing_open() and publishing_run(); `p` is zeroed. */
int publishing_bumped(struct publishing *p, struct command_call *call, const struct database *db, struct engine *e, const char *release, struct error *err);
/* One line for each image. */
void publishing_print(const struct publishing *p);
