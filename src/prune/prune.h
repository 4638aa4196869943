/* Removing what nothing needs any more: images that lockstep made for this project, and what it keeps in the cache that all projects of this machine share. What is
   needed by what is need.h; here git, engines and folders are asked. Everything that can go can be made or fetched again; lockfiles/ is not touched. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "engine/engine.h"
#include "prune/need.h"
#include "recipe/database.h"

struct registries;
struct remote;

/* In the order in which they are removed. */
enum prune_kind { PRUNE_TAG, PRUNE_STAGE, PRUNE_IMAGE, PRUNE_FILE, PRUNE_NOTE, PRUNE_TREE, PRUNE_LEFT, PRUNE_KINDS };
extern const char *const prune_kind_names[PRUNE_KINDS]; /* "tag", "stage", "image", "file", ... */

struct prune_item {
	enum prune_kind kind;
	struct engine *engine;       /* of a stage and an image */
	const struct remote *remote; /* of a tag of a registry, its repository */
	const char *image_id;        /* of a stage, an image and a tag: what it names */
	const char *name;            /* as it is shown: an image's name, a path in the cache or in the project */
	const char *path;            /* of a file or folder; NULL: an image */
	const char *beside;          /* a file that goes with it; or NULL */
	uint64_t size_bytes;
	int64_t used_unix;
	struct need_thing *thing;
	bool goes, removed;
	const char *why; /* it stays, or goes */
};

struct prune_request {
	const struct database *db;
	size_t keep;                   /* the images of so many releases, the newest; at least 1 */
	int64_t unused_days;           /* what no project refers to goes when it was not used for so long */
	const char *engine;            /* only of this one; NULL: of all that work here */
	struct registries *registries; /* also tags of the project's images in its registry; or NULL */
};

/* Zeroed is valid; prune_release() in any case. */
struct prune {
	struct arena arena;
	const struct prune_request *request;
	struct needs needs;
	struct prune_item *items;
	size_t item_count;
	struct engine *engines; /* that were asked */
	size_t engine_count;
	int *holds;          /* per engine, while it removes: the lock under which nobody builds there; -1: somebody does */
	struct strbuf notes; /* lines for people: engines that do not answer, and what that means */
};
void prune_release(struct prune *p);

/* Finds what there is and decides what goes. Removes nothing. -1 when it cannot be told what is referred to: then nothing may be removed. */
int prune_look(struct prune *p, const struct prune_request *request, struct error *err);
/* Removes what goes; sets `removed`. A thing that cannot be removed is a line in `notes`; returns how many there were. -1 with ERR_CANCELLED. The project must be locked
   (open_for_change). */
int prune_remove(struct prune *p, struct error *err);
