/* The Python layers of a container, one on the other: which wheels go into which, from a lock and the history, and the layers themselves. Knows no engine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assemble/below.h"
#include "assemble/history.h"

struct database;
struct layer_made;
struct layer_request;

struct stack_package {
	const char *name; /* canonical */
	const char *version;
	const char *file, *sha256; /* of its wheel */
	uint64_t size_bytes;
	const char *origin; /* of a wheel from one place: its address, which is left beside it (PEP 610); else NULL */
};

struct stack_layer {
	const struct stack_package **packages; /* by name */
	size_t package_count;
	bool is_kept;    /* as the newest release has it */
	const char *why; /* of the plan, in a few words */
	const struct layer_request *request;
	const char *key;               /* layer_key() */
	const struct layer_made *made; /* after stack_take(); NULL before */
	bool is_new;                   /* made now; false: it was kept */
};

struct stack {
	struct stack_layer *layers; /* from the lowest to the highest */
	size_t count;
};

/* The time of every file of a layer, and of the images: SOURCE_DATE_EPOCH, or the same for all, so that what did not change is the same image, whenever it is made. */
int64_t stack_time(void);

struct stack_request {
	const struct stack_package *packages; /* by name */
	size_t package_count;
	const struct below *below;
	const struct history_container *history; /* or NULL */
	size_t limit;                            /* of layers; 0: LAYER_PLAN_DEFAULT */
	const char *bytecode;                    /* as a container's */
	const char *packing;                     /* as a project's; NULL: gzip */
	const struct database *db;               /* which packages overwrite which (package_overwrites()); NULL: none */
};

/* What a lock installs into a container as it is built, by name; what is not built from source yet is left out. In `a`, texts are the lock's. */
struct lock;
void stack_list(struct arena *a, const struct lock *lock, const char *container, struct stack_package **ret, size_t *ret_count);
/* Plans the layers and makes their keys; makes none. Without what is below, the plan alone: layers have no request and no key. `request` and all it points to must live as
   long as `a`, which everything is in. */
void stack_plan(struct arena *a, const struct stack_request *request, struct stack *ret);
/* Whether a layer is in the store; how many layers of a stack are not. */
bool stack_layer_is_kept(const struct stack_layer *layer);
size_t stack_missing(const struct stack *stack);
/* Takes those layers that the store has. */
void stack_recall(struct arena *a, struct stack *stack);
/* Whether any of those has sources that are to be compiled, which takes the image's Python. */
bool stack_wants_python(const struct stack *stack);
/* A stack whose layers are wanted, and what runs the Python that compiles their sources; NULL: nobody, as all of them are in the store. */
struct stack_wish {
	struct stack *stack;
	const struct layer_runner *runner;
};
/* Who is told of a layer that is begun, and of one that was made: `done` of `total`. */
struct stack_watch {
	void (*on_layer)(void *context, const struct stack_layer *layer, size_t done, size_t total);
	void *context;
};
/* Takes the layers of several stacks from the store or makes them, each once, several at once. `watch` may be NULL. ERR_INPUT as layer_write(), ERR_ENGINE as
   bytecode_make(). */
int stack_take(struct arena *a, const struct stack_wish *wishes, size_t count, const struct stack_watch *watch, struct error *err);
/* The image of `below` with the stack on it: every layer of the stack must be taken. In `a`. */
int stack_image(struct arena *a, const struct below *below, const struct stack *stack, const char *const *labels, int64_t created_unix, struct image *ret,
		struct error *err);
/* A digest of all that decides what that image is, but for the engine's own bytes below: known before any layer is made. */
const char *stack_key(struct arena *a, const struct below *below, const struct stack *stack, const char *const *labels, int64_t created_unix);
