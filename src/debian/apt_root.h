/* A private place for apt: its own sources, lists, settings and state, so that it can be asked what it would install in a base without one being there, and
   without touching this machine's own. What was fetched of the archives' lists is kept in <cache>/apt/<key>/ and only brought up to date the next time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "debian/packages.h"

struct access;

struct apt_root {
	struct arena *arena;
	const char *folder;    /* in the cache */
	const char *workplace; /* temporary: settings, dpkg's status */
	const char *const *environment;
	int lock_fd;
	struct packages *packages; /* of the sources, after apt_root_update() */
};

struct apt_place {
	const char *const *sources; /* lines as of mirrors.h */
	size_t source_count;
	const char *const *architectures; /* Debian's names of what is installed, "amd64", the machine's own first; NULL-terminated */
	const char *image; /* a folder with an image's trusted.gpg, trusted.gpg.d/ and preferences.d/, which count instead of this machine's; or NULL */
	const struct access *access;
};

/* Opens the place for these sources. ERR_NOT_FOUND when there is no apt. apt_root_close() in any case. */
int apt_root_open(struct arena *a, const struct apt_place *place, struct apt_root *ret, struct error *err);
void apt_root_close(struct apt_root *r);
/* Fetches what changed of the lists and reads them. ERR_NETWORK with what apt said. */
int apt_root_update(struct apt_root *r, struct error *err);
/* Packages that the sources no longer have, as stanzas of a Packages file: apt can choose them too. */
int apt_root_add_local(struct apt_root *r, const char *packages, const char *suite, struct error *err);
/* What apt takes for installed: the text of a dpkg status file. */
int apt_root_set_status(struct apt_root *r, const char *status, size_t length, struct error *err);
/* Versions that are to be chosen and no others: the text of apt_preferences(5). */
int apt_root_set_preferences(struct apt_root *r, const char *text, size_t length, struct error *err);

/* One line of what apt would do. */
struct apt_action {
	bool removes;
	const char *name, *architecture, *version; /* architecture: NULL with `removes` where it is apt's own */
	bool replaces;                             /* another version is installed */
};

/* What `apt-get WORDS` would do, nothing recommended taken along. `words` end with NULL; they begin with the command and its options. 1: done; 0: apt refuses, and says
   why in *ret_refusal (its own lines, in `a`); -1: it cannot be asked. */
int apt_root_simulate(struct apt_root *r, struct arena *a, const char *const *words, struct apt_action **ret, size_t *ret_count, const char **ret_refusal,
		      struct error *err);
