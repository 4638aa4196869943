/* What was built last: .lockstep/build.json. Only for telling why something is built again, and what an engine was given; losing it costs nothing but the reasons, and
   a longer look at the engine's images. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "build/plan.h"

struct record_stage {
	const char *place; /* "ci-cpu/layer-llvm" */
	const char *key, *parent_key, *engine, *text;
	struct build_input *inputs; /* name, version, file, sha256 */
	size_t input_count;
	const char *worker; /* its address, where there are several; or NULL */
	double seconds;     /* it took; 0: not known */
	int64_t bytes;      /* it added; 0: not known */
};

/* An image of a container that was put into an engine. */
struct record_image {
	const char *container, *engine, *tag;
};

struct record {
	struct arena arena;
	const char *path;
	struct record_stage *stages;
	size_t stage_count;
	struct record_image *images;
	size_t image_count;
};

/* A file that is missing or cannot be read gives an empty record. */
void record_read(struct record *r, const char *root);
void record_release(struct record *r);
const struct record_stage *record_find(const struct record *r, const char *container, const char *stage, const char *engine);
/* Notes a job that was built, for each container it serves, with `worker`, `seconds` and `bytes` of `built`; record_write() keeps it. */
void record_set(struct record *r, const struct build_job *job, const char *engine, const struct record_stage *built);
/* The tag of the newest image of a container in the engine, or NULL. It may be gone. */
const char *record_image(const struct record *r, const char *container, const char *engine);
void record_set_image(struct record *r, const char *container, const char *engine, const char *tag);
int record_write(const struct record *r, struct error *err);
