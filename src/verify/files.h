/* The two checks of the relation "wheels live together". Only files.c uses this. */
#pragma once

#include "snapshot/snapshot.h"
#include "verify/contents.h"
#include "verify/verify.h"

/* One container, with the wheels that go into it. */
struct together {
	const struct verification *v;
	struct arena *a;
	struct contents *contents;
	struct findings *ret;
	const struct container *container;
	const struct lock_container *part;
	const struct snapshot *snapshot; /* or NULL */
	const struct pin **pins;         /* its packages */
	const struct lock_file **files;  /* of each: what is installed; NULL: none fits */
	size_t count;
	const struct pin **layer_pins; /* of its layers' wheels */
	const struct lock_file **layer_files;
	size_t layer_count;
};

/* shadow.c: one file of two packages. */
void files_check_shadows(struct together *t);
/* cuda.c: shared objects that need CUDA libraries which nothing in the container brings. */
void files_check_cuda(struct together *t);
