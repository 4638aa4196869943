/* What the parts of prune/ share. Inside prune/ only. Keys of things:
   "sha256:<hex>"    a file, layer, tree or stage by its digest or key
   "release:<name>"  a release of this project
   "of:<name>"       its images
   "image:<name>"    an image by its name, without the registry that engines put before it
   "own:<engine> <name>" an image of one engine
   "id:<id>"         an image by the id that engines give it
   "twin:<id>"       the same, for what is only another name of an image that stays
   "same:<repository>@<digest>"  tags of one manifest; "subject:..." what belongs to one
   "digest:<hex>"    an image by the digest of its manifest or configuration */
#pragma once

#include "prune/prune.h"

struct prune_item *prune_add(struct prune *p, enum prune_kind kind, const char *name, uint64_t size_bytes, int64_t used_unix);
void prune_key(struct prune *p, struct prune_item *item, const char *prefix, const char *text);
void prune_refer(struct prune *p, const char *prefix, const char *text, const char *why);
/* "tiny/ci-a:v0.1" of "localhost/tiny/ci-a:v0.1" and "docker.io/library/..."; points into `name`. */
const char *prune_short_name(const char *name);

/* What this machine's projects refer to: this one's releases, its tag files on every branch, and whatever digest stands in a lock. Sets no items. */
int prune_collect(struct prune *p, struct error *err);
/* Images of the engines, and the containers that stand on some. */
int prune_images(struct prune *p, struct error *err);
/* Before images are removed: keeps others from building in the engines, as far as nobody does. */
void prune_hold(struct prune *p);
int prune_remove_image(struct prune *p, struct prune_item *item, struct error *err);
/* Tags of the project's images in its registry. */
int prune_tags(struct prune *p, struct error *err);
int prune_remove_tag(struct prune *p, const struct prune_item *item, struct error *err);
/* Files of the cache, and what is left in .lockstep/. */
int prune_cache(struct prune *p, struct error *err);
void prune_left(struct prune *p);
/* ERR_BUSY when it was used since it was looked at. */
int prune_remove_file(struct prune_item *item, struct error *err);
