/* Addresses taken apart and put together as Python's urllib.parse does it (of CPython 3.11), which is what pip and `packaging` do with the addresses in PEP 610,
   PEP 751 and requirement files. Nothing is fetched here, and no escape is read. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

/* None NULL; what is not there is "". */
struct url_parts {
	const char *scheme; /* lower case */
	const char *netloc; /* user, host and port as written */
	const char *path, *query, *fragment;
};

/* Blanks and control characters at the start, and tabs and line ends anywhere, are left out. False where the reference raises: brackets that hold no IPv6
   address, or a host with a character that stands for one of "/?#@:". */
bool url_split(struct arena *a, const char *url, struct url_parts *ret);
/* An address again; an empty query or fragment leaves no mark. */
const char *url_unsplit(struct arena *a, const struct url_parts *parts);
/* What `link` means in the document at `base`; NULL when one of them cannot be taken apart. */
const char *url_join(struct arena *a, const char *base, const char *link);
/* The address without user and password, unless these are "git", or environment variables: "${USER}:${PASSWORD}" (PEP 610, "Specification"). NULL when it cannot
   be taken apart. */
const char *url_without_user(struct arena *a, const char *url);
/* The last part of the path, escapes read: a file's name. "" for none, NULL when the address cannot be taken apart. */
const char *url_file_name(struct arena *a, const char *url);
