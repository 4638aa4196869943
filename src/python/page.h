/* Reads a package's page of a simple index as its bytes come, in little memory whatever its size: PEP 691 JSON or PEP 503 HTML. Knows nothing of transfers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum { PAGE_DEPTH_MAX = 32, PAGE_TEXT_LIMIT_BYTES = 64 * 1024, PAGE_LINK_LIMIT_BYTES = 8192 };

/* One file a page names. Texts are valid during the callback. */
struct page_file {
	const char *name;                       /* file name */
	const char *link;                       /* as it stands, relative to the page's address or its base; without fragment. Longer ones are none */
	const char *sha256;                     /* 64 lower-case hex digits, or NULL when the page gives none */
	const char *requires_python, *uploaded; /* as they stand, or NULL; a date-time (PEP 700) only in JSON */
	bool is_yanked;                         /* PEP 592 */
	const char *yanked;                     /* with it: the reason, or NULL where none is given */
};

struct page {
	void (*on_file)(void *context, const struct page_file *file);
	void *context;
	bool is_json;
	bool is_broken;        /* no JSON, too deep, a text beyond the limit where one counts, or of a newer API */
	struct strbuf base;    /* HTML: <base href>, or empty */
	struct strbuf version; /* of the API, where the page says one that is too new to be read (PEP 629); else empty */
	/* Where the reader is; its own matter. */
	int state;
	unsigned depth, unicode_digits, unicode, high_surrogate;
	char kinds[PAGE_DEPTH_MAX]; /* '{' or '[' */
	bool in_value, in_files, in_hashes, in_meta;
	char quote;
	struct strbuf text, key, name, link, sha256, requires_python, uploaded, yanked;
	bool is_yanked;
	size_t dashes;
};

/* A zeroed page with on_file, context and is_json set is ready. */
void page_add(struct page *p, const char *bytes, size_t length);
/* False when the page ended too early or was no page. Frees what it holds but `base` and `version`. */
bool page_end(struct page *p);
void page_release(struct page *p);
