/* What indexes say today of files that were locked: are they there, are they the same, were they taken back? Asks for pages only, fetches nothing. */
#pragma once

#include "fetch/fetch.h"

enum offer_state {
	OFFER_AS_LOCKED,
	OFFER_YANKED,   /* it is there, and taken back (PEP 592) */
	OFFER_REPLACED, /* a file of its name is there with other bytes */
	OFFER_GONE,     /* none of its name is there */
};

struct offer {
	const struct pin *pin;
	const struct lock_file *file;
	enum offer_state state;
	const char *reason; /* YANKED: as the index gives it, or NULL */
	const char *sha256; /* REPLACED: what is there now */
};

/* Zeroed is empty. */
struct offers {
	struct arena arena;
	struct offer *files; /* by pin, then by name; only what is on an index: no direct references, nothing that was built here */
	size_t count;
	size_t left_out; /* files of indexes that have no address here */
};

void offers_release(struct offers *l);
/* Of every file of the pins that `wants` takes, on the index that its pin names. -1 when a page could not be had: which one, and how many others. */
int offers_ask(struct offers *ret, const struct lock *lock, bool (*wants)(const void *context, const struct pin *pin), const void *context, struct settings *s,
	       const char *root, const struct fetch_options *options, struct error *err);
