/* pylock.toml (PEP 751; "pylock.toml Specification"): read and held to the rules as packaging.pylock does it, chosen from for an environment, and written. Knows
   nothing of fetching or installing. Everything lives in the arena that a lock was read into. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "io/value.h"
#include "python/marker.h"
#include "python/version.h"

struct pylock_names {
	const char **items;
	size_t count;
};

struct pylock_hash {
	const char *algorithm, *value;
};

/* A file: an archive, an sdist or a wheel. */
struct pylock_file {
	struct pos pos;
	const char *name;         /* sdist, wheel; or NULL: it is in path or url */
	const char *upload_time;  /* as written, a date and a time; or NULL */
	const char *url, *path;   /* one of them at least; the other is NULL */
	const char *subdirectory; /* archive; or NULL */
	int64_t size_bytes;
	bool has_size;
	struct pylock_hash *hashes; /* at least one */
	size_t hash_count;
};

struct pylock_vcs {
	struct pos pos;
	const char *type, *commit_id;
	const char *url, *path; /* one of them at least */
	const char *requested_revision, *subdirectory;
};

struct pylock_directory {
	struct pos pos;
	const char *path;
	bool has_editable, editable;
	const char *subdirectory; /* or NULL */
};

struct pylock_package {
	struct pos pos;
	const char *name;        /* canonical */
	const char *version;     /* normal form; or NULL */
	const char *marker_text; /* normal form; or NULL */
	struct marker *marker;
	const char *requires_python; /* normal form; or NULL */
	struct specifier_set *python;
	struct value **dependencies; /* tables that tell packages apart */
	size_t dependency_count;
	/* Exactly one of the first three, or any of the last two. */
	struct pylock_vcs *vcs;
	struct pylock_directory *directory;
	struct pylock_file *archive;
	struct pylock_file *sdist;
	struct pylock_file *wheels;
	size_t wheel_count;
	const char *index;           /* an address; or NULL */
	struct value **attestations; /* "attestation-identities": tables with a "kind" */
	size_t attestation_count;
	struct value *tool; /* a table; or NULL */
};

struct pylock {
	const char *lock_version;         /* normal form: "1.0" */
	struct pylock_names environments; /* markers in normal form */
	struct marker **environment_markers;
	const char *requires_python; /* normal form; or NULL */
	struct specifier_set *python;
	struct pylock_names extras; /* canonical */
	struct pylock_names dependency_groups, default_groups;
	const char *created_by;
	struct pylock_package *packages;
	size_t package_count;
	struct value *tool; /* a table; or NULL */
};

/* "pylock.toml" or "pylock.NAME.toml" (section "File Name"). */
bool pylock_is_file_name(const char *name);
/* Reads a document. NULL, with problems in `d` where each stands, when it breaks a rule; a minor version above 1.0 is a warning. Keys that the standard does not
   know are passed over. What the reference takes and this does not: texts with a NUL, sizes beyond 64 bits, what python/wheel.h refuses. */
struct pylock *pylock_read(struct arena *a, const struct value *document, struct diag *d);
/* Appends the file: keys in the order of the standard, arrays as they are (section "File Format"). What it writes reads as the same lock. */
void pylock_write(struct strbuf *out, const struct pylock *lock);
/* Puts what has no order of its own into one that depends on nothing but the content: packages by name, version and marker, wheels by file name, hashes by
   algorithm, extras and groups by name. */
void pylock_sort(struct pylock *lock);
/* The name of an sdist's or wheel's file: `name`, or the end of `path`, or of `url`. NULL for none. */
const char *pylock_file_name(struct arena *a, const struct pylock_file *file);

struct pylock_target {
	const struct marker_environment *environment;
	const char *const *tags; /* best first, as wheel_tags() gives them */
	size_t tag_count;
	struct marker_names extras;
	const struct marker_names *dependency_groups;          /* NULL: the lock's default groups */
	bool (*prefer_sdist)(void *context, const char *name); /* or NULL: wheels first */
	void *context;
};

enum pylock_source { PYLOCK_VCS, PYLOCK_DIRECTORY, PYLOCK_ARCHIVE, PYLOCK_SDIST, PYLOCK_WHEEL };
struct pylock_choice {
	const struct pylock_package *package;
	enum pylock_source source;
	const struct pylock_file *file; /* ARCHIVE, SDIST, WHEEL */
};
/* What to install (section "Installation"), in the order of the lock; in `a`. ERR_CONFLICT when the lock is not for this Python or environment, when two entries
   of one package are for it, or when a package has no file that fits; ERR_INPUT when a marker compares what has no meaning. */
int pylock_select(struct arena *a, const struct pylock *lock, const struct pylock_target *target, struct pylock_choice **ret, size_t *ret_count,
		  struct error *err);
