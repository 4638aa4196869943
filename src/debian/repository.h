/* A folder of Debian packages that apt can install from: a flat repository (sources.list(5)) with Packages and Release, not signed, as its bytes were checked
   before they came here. The same packages give the same bytes. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

struct repository_deb {
	const char *file, *sha256; /* plain file name; of the store */
};

/* Appends the stanza of a package of the store for a Packages file, with the path it has below the repository's root. ERR_INPUT for a broken package. */
int repository_add_stanza(struct strbuf *out, const char *path, const char *sha256, struct error *err);
/* Appends a Release file over index files of the repository. */
struct repository_index {
	const char *path, *text;
	size_t length;
};
void repository_add_release(struct strbuf *out, const char *fields, const struct repository_index *indexes, size_t count);
/* Writes Packages, Release, sources.list, and an apt.conf that knows no other source, into `folder`; the packages stand there beside. `suite` or NULL: the code name
   it says it has; `seen_at`: where apt will see it, "file:/..." or "copy:/...". */
int repository_write(const char *folder, const char *suite, const char *seen_at, const struct repository_deb *debs, size_t count, struct error *err);
