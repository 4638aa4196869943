/* direct_url.json of an installed package: where it came from (PEP 610; "Direct URL Data Structure"). Read as packaging.direct_url does, written as pip does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

enum direct_url_kind { DIRECT_URL_VCS, DIRECT_URL_ARCHIVE, DIRECT_URL_DIRECTORY };

struct direct_url_hash {
	const char *algorithm, *value;
};

struct direct_url {
	enum direct_url_kind kind;
	const char *url;
	const char *subdirectory;       /* or NULL */
	const char *vcs, *commit_id;    /* VCS: "git" and the commit that was installed */
	const char *requested_revision; /* VCS: a branch, a tag, ...; or NULL */
	bool has_hashes;                /* ARCHIVE: told, even if there are none */
	struct direct_url_hash *hashes; /* ARCHIVE: in the order of the file; what only the old "hash" said is among them */
	size_t hash_count;
	bool has_editable, editable; /* DIRECTORY */
};

/* Reads the text of the file; ERR_INPUT, which `what` begins, when it is not as the standard says. Unknown keys are passed over, and null is as good as not there.
   What the reference reads and this does not: keys given twice, texts with a NUL or half a surrogate pair, and JSON that RFC 8259 does not know (NaN). */
int direct_url_parse(struct arena *a, const char *what, const char *text, size_t length, struct direct_url *ret, struct error *err);
/* Appends the file as pip writes it: one line without its end, keys sorted, only ASCII, the old "hash" beside "hashes", and the address without user and password
   (url_without_user()), which are lost with it. */
void direct_url_write(struct strbuf *out, const struct direct_url *u);
/* "name @ git+https://...@commit#subdirectory=x": how `pip freeze` writes a package that was installed so; the address stands as it is in `u`. */
char *direct_url_requirement(struct arena *a, const struct direct_url *u, const char *name);
