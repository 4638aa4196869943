#include "resolve/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "io/http.h"
#include "python/page.h"
#include "python/version.h"
#include "resolve/index_http.h"

/* The package with the most versions in the world has a few thousand. */
enum { PAGE_LIMIT_BYTES = 64 * 1024 * 1024, VERSIONS_LIMIT = 20000 };

/* One page on its way. */
struct reading {
	struct listings *owner;
	struct listing *listing;
	struct page page;
	uint64_t received;
	bool whole;
};

void listings_release(struct listings *l)
{
	if (l->http)
		http_free(l->http);
	arena_release(&l->arena);
}

static struct listed_version *find_version(struct reading *r, const char *version)
{
	struct listing *listing = r->listing;

	/* Files of one version stand together on most pages. */
	for (size_t i = listing->version_count; i-- > 0;) {
		if (!strcmp(listing->versions[i].version, version))
			return &listing->versions[i];
	}
	struct listed_version *added = arena_push(&r->owner->arena, &listing->versions, &listing->version_count);

	*added = (struct listed_version){.version = version};
	return added;
}

static void on_file(void *context, const struct page_file *file)
{
	struct reading *r = context;
	struct arena *a = &r->owner->arena;
	struct listed_file one = {.is_yanked = file->is_yanked};

	if (r->listing->version_count > VERSIONS_LIMIT)
		return;
	if (!wheel_name_parse(a, file->name, &one.wheel) || strcmp(one.wheel.name, r->listing->package) != 0)
		return;
	one.requires_python = arena_strdup_null(a, file->requires_python);
	if (file->uploaded && !clock_parse_rfc3339(file->uploaded, &one.uploaded_unix))
		one.uploaded_unix = 0;
	struct listed_version *v = find_version(r, one.wheel.version);

	*arena_push(a, &v->files, &v->file_count) = one;
}

static bool on_head(void *context, const struct http_answer *head)
{
	struct reading *r = context;

	page_release(&r->page);
	r->page = (struct page){.on_file = on_file, .context = r, .is_json = head->content_type && text_ends_with(head->content_type, "json")};
	r->received = r->listing->version_count = 0;
	return true;
}

static bool on_body(void *context, long status, const char *bytes, size_t length)
{
	struct reading *r = context;

	(void)status;
	r->received += length;
	page_add(&r->page, bytes, length);
	return r->received <= PAGE_LIMIT_BYTES && !r->page.is_broken && r->listing->version_count <= VERSIONS_LIMIT;
}

static void on_done(void *context, const struct http_answer *answer)
{
	struct reading *r = context;

	r->whole = answer->outcome == HTTP_DONE && answer->status == 200 && page_end(&r->page);
}

static int newest_first(const void *left, const void *right)
{
	const struct listed_version *a = left, *b = right;

	return version_compare_texts(b->version, a->version);
}

/* The address of an index, as the user has it, with its user information; NULL for one that is no server. */
static const char *address_of(struct listings *l, const char *alias)
{
	autoerror struct error ignored = {0};
	const char *url = NULL;

	for (size_t i = 0; i < l->indexes->count; i++) {
		if (!strcmp(l->indexes->items[i].alias, alias))
			url = l->indexes->items[i].url;
	}
	if (!url && (strcmp(alias, "default") != 0 || settings_default_index(l->settings, l->root, &url, &ignored) < 0))
		return NULL;
	return text_starts_with(url, "http://") || text_starts_with(url, "https://") ? index_http_url(&l->arena, url, l->settings) : NULL;
}

static int read_page(struct listings *l, struct listing *listing, const char *url, struct error *err)
{
	static const char *const accept[] = {
		"Accept: application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.01", NULL};
	struct reading r = {.owner = l, .listing = listing};
	autoerror struct error no_certificates = {0};
	int result = 0;

	if (!l->http && !(l->http = index_http_new(l->settings, &no_certificates)))
		return 0;
	http_add(l->http, &(struct http_request){.url = arena_printf(&l->arena, "%s%s%s/", url, text_ends_with(url, "/") ? "" : "/", listing->package),
						 .headers = accept,
						 .compressed = true,
						 .use_netrc = l->settings->netrc != NULL,
						 .on_head = on_head,
						 .on_body = on_body,
						 .on_done = on_done,
						 .context = &r});
	while (result == 0 && http_pending(l->http))
		result = http_wait(l->http, 1000, err);
	if (result < 0) {
		/* The transfer that is left knows this frame. */
		http_free(l->http);
		l->http = NULL;
	}
	listing->is_known = result == 0 && r.whole;
	if (listing->version_count > 1)
		qsort(listing->versions, listing->version_count, sizeof(*listing->versions), newest_first);
	page_release(&r.page);
	return result;
}

int listing_get(struct listings *l, const char *index, const char *package, const struct listing **ret, struct error *err)
{
	for (size_t i = 0; i < l->count; i++) {
		if (!strcmp(l->items[i]->index, index) && !strcmp(l->items[i]->package, package)) {
			*ret = l->items[i];
			return 0;
		}
	}
	struct listing *listing = arena_new(&l->arena, struct listing);
	const char *url = l->settings->offline || l->settings->no_index ? NULL : address_of(l, index);

	*listing = (struct listing){.index = arena_strdup(&l->arena, index), .package = arena_strdup(&l->arena, package)};
	*arena_push(&l->arena, &l->items, &l->count) = listing;
	if (url && read_page(l, listing, url, err) < 0)
		return -1;
	*ret = listing;
	return 0;
}
