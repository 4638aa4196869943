/* What an image of a registry has of dpkg and apt: the base that layers install Debian packages on, where it is no tree of our own. Asked of the image once, through an
   engine and without running it, and kept in the cache under its digest. Nothing it says is believed further than it is checked here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "debian/packages.h"

struct base;
struct engine;

struct image_package {
	struct deb_record record; /* its stanza as dpkg's status has it */
	bool is_installed;        /* else it was, and left its settings */
};

struct image {
	const char *folder;               /* in the cache: keys/, trusted.gpg.d/, preferences.d/ */
	const char *const *architectures; /* what its dpkg installs, its own first; NULL-terminated; empty without dpkg and apt */
	const char *const *sources;       /* lines as of mirrors.h */
	size_t source_count;
	const char *const *left_out; /* what of its sources does not count, and why; NULL-terminated */
	struct image_package *packages;
	size_t package_count;
};

struct image_asking {
	int (*open_engine)(void *context, struct engine *ret, struct error *err); /* finds the one to ask; called only where one is needed */
	void *open_context;
	void (*on_progress)(void *context, const char *text); /* or NULL */
	void *context;
};

/* What is known of the image of a base, or becomes known by asking an engine, which fetches it where it has to. In `a`. ERR_ENGINE or ERR_INPUT, naming file and line of the
   base, when it cannot be had or is not to be believed. */
int image_read(struct arena *a, const struct base *base, const struct image_asking *asking, struct image *ret, struct error *err);
/* The package of this name that is installed in it, for this architecture or for any; NULL: none. */
const struct image_package *image_package(const struct image *image, const char *name, const char *architecture);
