/* Where a file can be had: folders of find-links, the address the resolver saw, pages of the indexes. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "fetch/work.h"
#include "io/json.h"
#include "lock/working.h"

enum { ADDRESSES_LIMIT_BYTES = 32 * 1024 * 1024, MATCHES_MAX = 4 /* of one file on one page */ };

static void add_source(struct work *w, struct source source)
{
	*arena_push(&w->arena, &w->sources, &w->source_count) = source;
}

static bool is_http(const char *url)
{
	return text_starts_with(url, "http://") || text_starts_with(url, "https://");
}

/* The project's own word for an alias counts before the user's, as it did when the lock was made. */
static const char *project_url(const struct project *p, const char *alias)
{
	for (size_t i = 0; p && i < p->index_count; i++) {
		if (!strcmp(p->indexes[i].alias, alias))
			return p->indexes[i].url;
	}
	return NULL;
}

static bool has_source(const struct work *w, const char *alias)
{
	for (size_t i = 0; i < w->source_count; i++) {
		if (!strcmp(w->sources[i].alias, alias))
			return true;
	}
	return false;
}

void find_sources(struct work *w)
{
	const struct settings *s = w->settings;
	const struct project *p = w->options.project;

	for (size_t i = 0; i < s->index_count; i++) {
		const struct settings_index *index = &s->indexes[i];
		const char *own = project_url(p, index->alias);

		add_source(w, (struct source){.alias = index->alias, .url = own ? own : index->url, .is_explicit = index->explicit_only});
	}
	for (size_t i = 0; p && i < p->index_count; i++) {
		if (p->indexes[i].url && !has_source(w, p->indexes[i].alias))
			add_source(w, (struct source){.alias = p->indexes[i].alias, .url = p->indexes[i].url});
	}
	for (size_t i = 0; i < s->find_links_count; i++) {
		if (is_http(s->find_links[i]))
			add_source(w, (struct source){.alias = "find-links", .url = s->find_links[i], .is_page = true});
	}
}

static bool is_bound(const struct work *w, const char *name)
{
	const struct package *package = w->options.bonds ? database_package(w->options.bonds, name) : NULL;

	return package && package->index;
}

const struct source *find_source(const struct work *w, const char *alias)
{
	for (size_t i = 0; i < w->source_count; i++) {
		if (text_equal(w->sources[i].alias, alias))
			return &w->sources[i];
	}
	return NULL;
}

/* The index a pin names comes first, then all others in their order: the digest says whether it is the file. NULL past the last. */
static const struct source *nth_source(const struct job *j, size_t n)
{
	const struct work *w = j->work;
	const struct source *named = find_source(w, j->pin->index);

	if (named && !n)
		return named;
	if (j->pin->reference || is_bound(w, j->pin->name))
		return NULL;
	n -= named != NULL;
	for (size_t i = 0; i < w->source_count; i++) {
		if (&w->sources[i] == named || w->sources[i].is_explicit)
			continue;
		if (!n--)
			return &w->sources[i];
	}
	return NULL;
}

struct index_page *find_page(struct work *w, const struct source *source, const char *package)
{
	for (size_t i = 0; i < w->page_count; i++) {
		struct index_page *page = w->pages[i];

		if (page->source == source && (source->is_page || !strcmp(page->package, package)))
			return page;
	}
	struct index_page *page = arena_new(&w->arena, struct index_page);

	*page = (struct index_page){.work = w, .source = source, .package = package};
	*arena_push(&w->arena, &w->pages, &w->page_count) = page;
	return page;
}

/* Takes a finished page's word: an address that was not tried yet; false when there is none left. */
static bool take_match(struct job *j, const struct index_page *page)
{
	while (j->next_match < page->match_count) {
		const struct page_match *match = &page->matches[j->next_match++];

		if (match->job != j || text_equal(j->url, match->url))
			continue;
		j->url = match->url;
		j->tries = 0;
		j->not_before_ms = 0;
		j->state = JOB_READY;
		return true;
	}
	return false;
}

static size_t count_matches(const struct index_page *page, const struct job *j)
{
	size_t count = 0;

	for (size_t i = 0; i < page->match_count; i++)
		count += page->matches[i].job == j;
	return count;
}

static void note_page(struct job *j, const struct index_page *page)
{
	if (error_is_set(&page->err)) {
		job_note(j, page->err.code, page->err.text);
		return;
	}
	if (count_matches(page, j)) /* the very address that was tried */
		return;
	bool other = j->other_bytes_on == page;
	autofree char *text = mem_printf(other ? "index '%s' has a file of this name with another digest" : "index '%s' has no such file", page->source->alias);

	job_note(j, other ? ERR_DIGEST : ERR_NOT_FOUND, text);
}

void find_next(struct job *j)
{
	if (j->archive) {
		job_fail(j);
		return;
	}
	if (j->deb) {
		find_next_archive(j);
		return;
	}
	for (const struct source *source; (source = nth_source(j, j->next_source)); j->next_source++, j->next_match = 0) {
		j->page = find_page(j->work, source, j->pin->name);
		if (j->page->state != PAGE_DONE) {
			j->state = JOB_WAITS_FOR_PAGE;
			return;
		}
		if (take_match(j, j->page))
			return;
		note_page(j, j->page);
	}
	if (!error_is_set(&j->err) && j->pin->reference)
		error_set(&j->err, ERR_NOT_FOUND, "it comes from '%s' only", j->pin->reference);
	else if (!error_is_set(&j->err))
		error_set(&j->err, ERR_NOT_FOUND, "no index is known to ask for it");
	job_fail(j);
}

static void end_page(struct index_page *page)
{
	struct work *w = page->work;

	page_release(&page->reader);
	free(page->url);
	free(page->base);
	page->url = page->base = NULL;
	page->state = PAGE_DONE;
	w->pages_running--;
	for (size_t i = 0; i < w->job_count; i++) {
		if (w->jobs[i].state == JOB_WAITS_FOR_PAGE && w->jobs[i].page == page)
			find_next(&w->jobs[i]);
	}
}

static void on_file(void *context, const struct page_file *file)
{
	struct index_page *page = context;
	struct work *w = page->work;

	if (w->on_offer)
		w->on_offer(w, page, file);
	for (size_t i = 0; i < w->job_count; i++) {
		struct job *j = &w->jobs[i];

		if (strcmp(j->file->name, file->name) != 0)
			continue;
		if (file->sha256 && strcmp(file->sha256, j->file->sha256) != 0) {
			j->other_bytes_on = page;
			continue;
		}
		if (count_matches(page, j) >= MATCHES_MAX)
			continue;
		autofree char *base = page->reader.base.length ? http_url_join(page->base, strbuf_text(&page->reader.base)) : mem_strdup(page->base);
		autofree char *link = base ? http_url_join(base, file->link) : NULL, *url = link ? http_url_join(page->url, link) : NULL;

		if (url)
			*arena_push(&w->arena, &page->matches, &page->match_count) = (struct page_match){j, arena_strdup(&w->arena, url)};
	}
}

static bool on_page_head(void *context, const struct http_answer *head)
{
	struct index_page *page = context;

	page_release(&page->reader);
	page->reader = (struct page){.on_file = on_file, .context = page, .is_json = head->content_type && text_ends_with(head->content_type, "json")};
	page->received = page->match_count = 0;
	free(page->base);
	page->base = mem_strdup(head->effective_url);
	return true;
}

static bool on_page_body(void *context, long status, const char *bytes, size_t length)
{
	struct index_page *page = context;

	(void)status;
	page->received += length;
	page_add(&page->reader, bytes, length);
	return page->received <= FETCH_PAGE_LIMIT_BYTES && !page->reader.is_broken;
}

/* Says what is wrong with a page; `transient`: trying again can help. */
static void on_bad_page(struct index_page *page, enum error_code code, const char *text, bool transient, int64_t retry_after_ms)
{
	struct work *w = page->work;
	unsigned tries = page->tries + 1;

	if (transient && ++page->tries < w->options.tries) {
		page->not_before_ms = clock_monotonic_ms() + fetch_pause_ms(w, page->tries, retry_after_ms);
		page->state = PAGE_WANTED;
		w->pages_running--;
		return;
	}
	error_set(&page->err, code, "%s", text);
	if (tries > 1)
		error_set(&page->err, code, "%s; tried %u times", text, tries);
	page->match_count = 0;
	end_page(page);
}

/* Owned by the caller. */
static char *why_broken(const struct index_page *page, const char *shown)
{
	if (page->reader.version.length)
		return mem_printf("the page '%s' is of version %s of the simple API, and only version 1 of it can be read", shown,
				  strbuf_text(&page->reader.version));
	return mem_printf("the page '%s' is not what a package index gives", shown);
}

static void on_page_done(void *context, const struct http_answer *answer)
{
	struct index_page *page = context;
	autofree char *shown = http_redacted(answer->effective_url ? answer->effective_url : page->url), *text = NULL;

	if (answer->outcome == HTTP_FAILED) {
		on_bad_page(page, answer->err->code, answer->err->text, answer->transient, -1);
	} else if (answer->outcome == HTTP_STOPPED) {
		text = page->reader.is_broken ? why_broken(page, shown)
					      : mem_printf("the page '%s' is larger than %d MiB", shown, FETCH_PAGE_LIMIT_BYTES / 1024 / 1024);
		on_bad_page(page, ERR_HTTP, text, false, -1);
	} else if (answer->status == 404) {
		page->match_count = 0;
		end_page(page);
	} else if (answer->status < 200 || answer->status > 299) {
		text = mem_printf("'%s' answered %s", shown, fetch_status_text(&page->work->arena, answer->status));
		on_bad_page(page, ERR_HTTP, text, fetch_status_may_pass(answer->status), answer->retry_after_ms);
	} else if (!page_end(&page->reader)) {
		text = mem_printf("the page '%s' ended too early", shown);
		on_bad_page(page, ERR_HTTP, text, true, -1);
	} else {
		end_page(page);
	}
}

/* The index's address; asked of uv or pip when nobody says one. */
static const char *source_url(struct index_page *page, struct error *err)
{
	struct source *source = (struct source *)(uintptr_t)page->source;

	if (!source->url && settings_default_index((struct settings *)(uintptr_t)page->work->settings, page->work->root, &source->url, err) < 0)
		return NULL;
	return source->url;
}

/* An index that is a folder (pip and uv read them too): its pages are files. */
static void read_local_page(struct index_page *page)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	autoerror struct error err = {0};
	const char *path = path_join(&a, find_folder_of(&a, page->url), "index.html");

	page->reader = (struct page){.on_file = on_file, .context = page};
	page->base = mem_strdup(page->url);
	if (file_size(path) < 0) {
		end_page(page);
		return;
	}
	if (file_read(path, FETCH_PAGE_LIMIT_BYTES, &text, &err) < 0) {
		on_bad_page(page, err.code, err.text, false, -1);
		return;
	}
	page_add(&page->reader, strbuf_text(&text), text.length);
	if (page_end(&page->reader)) {
		end_page(page);
		return;
	}
	autofree char *what = why_broken(page, path);

	on_bad_page(page, ERR_HTTP, what, false, -1);
}

void find_start_page(struct index_page *page)
{
	static const char *const accept[] = {
		"Accept: application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.01", NULL};
	struct work *w = page->work;
	autoerror struct error err = {0};
	const char *url = source_url(page, &err);

	page->state = PAGE_RUNNING;
	w->pages_running++;
	if (!url) {
		on_bad_page(page, err.code, err.text, false, -1);
		return;
	}
	free(page->url);
	page->url = page->source->is_page ? mem_strdup(url) : mem_printf("%s%s%s/", url, text_ends_with(url, "/") ? "" : "/", page->package);
	if (text_starts_with(page->url, "file://")) {
		read_local_page(page);
		return;
	}
	http_add(w->http, &(struct http_request){
				  .url = page->url,
				  .headers = accept,
				  .compressed = true,
				  .use_netrc = true,
				  .stall_timeout_ms = w->options.stall_timeout_ms,
				  .on_head = on_page_head,
				  .on_body = on_page_body,
				  .on_done = on_page_done,
				  .context = page,
			  });
}

/* An address on the index's own host is asked with the index's own credentials. */
static const char *with_credentials(struct work *w, const struct job *j, const char *url)
{
	for (size_t i = 0; i < w->source_count; i++) {
		const char *index = w->sources[i].url;
		autofree char *joined = index && text_equal(w->sources[i].alias, j->pin->index) ? http_url_join(index, url) : NULL;

		if (joined)
			return arena_strdup(&w->arena, joined);
	}
	return url;
}

void find_known_addresses(struct work *w)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct value *addresses = NULL;
	const char *path = path_join(&a, w->root, WORKING_URLS);

	/* Only a short cut: without it, or when it is broken, the indexes are asked. */
	if (file_size(path) >= 0 && file_read(path, ADDRESSES_LIMIT_BYTES, &text, &ignored) == 0)
		(void)json_parse(&a, path, strbuf_text(&text), text.length, &addresses, &ignored);
	for (size_t i = 0; i < w->job_count; i++) {
		struct job *j = &w->jobs[i];

		if (!j->pin)
			continue;
		const char *seen = j->file->url ? j->file->url : value_get_text(addresses, j->file->sha256);
		const char *url = j->pin->reference ? j->pin->reference : seen;

		if (url && is_http(url))
			j->url = arena_strdup(&w->arena, with_credentials(w, j, url));
	}
}
