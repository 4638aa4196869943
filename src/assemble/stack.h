/* The Python layers of a container, one on the other: which wheels go into which, from a lock and the history, and the layers themselves. Knows no engine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "assemble/below.h"
#include "assemble/history.h"

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

struct stack_request {
	const struct stack_package *packages; /* by name */
	size_t package_count;
	const struct below *below;
	const struct history_container *history; /* or NULL */
	size_t limit;                            /* of layers; 0: LAYER_PLAN_DEFAULT */
	const char *bytecode;                    /* as a container's */
};

/* Plans the layers and makes their keys; makes none. `request` and all it points to must live as long as `a`, which everything is in. */
void stack_plan(struct arena *a, const struct stack_request *request, struct stack *ret);
/* How many layers of it are not in the store. */
size_t stack_missing(const struct stack *stack);
/* A stack whose layers are wanted, and what runs the Python that compiles their sources; NULL: nobody, as all of them are in the store. */
struct stack_wish {
	struct stack *stack;
	const struct layer_runner *runner;
};
/* Takes the layers of several stacks from the store or makes them, each once. ERR_INPUT as layer_write(), ERR_ENGINE as bytecode_make(). */
int stack_take(struct arena *a, const struct stack_wish *wishes, size_t count, struct error *err);
/* The image of `below` with the stack on it: every layer of the stack must be taken. In `a`. */
int stack_image(struct arena *a, const struct below *below, const struct stack *stack, const char *const *labels, int64_t created_unix, struct image *ret,
		struct error *err);
/* A digest of all that decides what that image is, but for the engine's own bytes below: known before any layer is made. */
const char *stack_key(struct arena *a, const struct below *below, const struct stack *stack, const char *const *labels, int64_t created_unix);
