#include "fetch/offers.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "fetch/work.h"

enum { OFFERS_PAGES_MAX = 16 };

void offers_release(struct offers *l)
{
	arena_release(&l->arena);
	*l = (struct offers){0};
}

static void on_offer(struct work *w, const struct index_page *page, const struct page_file *seen)
{
	struct offers *l = w->offers;

	for (size_t i = 0; i < l->count; i++) {
		struct offer *f = &l->files[i];

		if (strcmp(f->pin->name, page->package) != 0 || strcmp(f->file->name, seen->name) != 0 || !text_equal(f->pin->index, page->source->alias))
			continue;
		/* The same bytes anywhere on the page count, whatever else stands there under this name. */
		bool same = !seen->sha256 || !strcmp(seen->sha256, f->file->sha256);

		if (same && f->state != OFFER_AS_LOCKED) {
			f->state = seen->is_yanked ? OFFER_YANKED : OFFER_AS_LOCKED;
			f->reason = arena_strdup_null(&l->arena, seen->yanked);
		} else if (!same && f->state == OFFER_GONE) {
			f->state = OFFER_REPLACED;
			f->sha256 = arena_strdup(&l->arena, seen->sha256);
		}
	}
}

static void list(struct work *w, const struct lock *lock, bool (*wants)(const void *context, const struct pin *pin), const void *context)
{
	struct offers *l = w->offers;

	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];
		const struct source *source = pin->reference || !wants(context, pin) ? NULL : find_source(w, pin->index);

		for (size_t j = 0; !pin->reference && wants(context, pin) && j < pin->file_count; j++) {
			if (pin->files[j].built_from)
				continue;
			if (source)
				*arena_push(&l->arena, &l->files, &l->count) = (struct offer){.pin = pin, .file = &pin->files[j], .state = OFFER_GONE};
			else
				l->left_out++;
		}
		if (source)
			find_page(w, source, pin->name);
	}
}

/* How many pages are not there yet; starts those that are due. */
static size_t start_due(struct work *w)
{
	int64_t now_ms = clock_monotonic_ms();
	size_t left = 0;

	for (size_t i = 0; i < w->page_count; i++) {
		struct index_page *page = w->pages[i];

		if (page->state == PAGE_WANTED && page->not_before_ms <= now_ms && w->pages_running < OFFERS_PAGES_MAX)
			find_start_page(page);
		left += page->state != PAGE_DONE;
	}
	return left;
}

static int report(const struct work *w, struct error *err)
{
	const struct index_page *first = NULL;
	size_t failed = 0;

	for (size_t i = 0; i < w->page_count; i++) {
		if (!error_is_set(&w->pages[i]->err))
			continue;
		first = first ? first : w->pages[i];
		failed++;
	}
	if (!failed)
		return 0;
	error_set(err, first->err.code, "cannot ask index '%s' for '%s': %s", first->source->alias, first->package, first->err.text);
	return failed > 1 ? error_hint(err, "nor for %zu other package%s", failed - 1, failed == 2 ? "" : "s") : -1;
}

static int ask(struct work *w, struct error *err)
{
	if (w->settings->offline)
		return error_set(err, ERR_NETWORK, "cannot ask the indexes: %s keeps from it", w->settings->no_index ? "no-index" : "UV_OFFLINE");
	if (fetch_open_http(w, err) < 0)
		return -1;
	while (start_due(w)) {
		if (http_wait(w->http, 100, err) < 0)
			return -1;
	}
	return report(w, err);
}

int offers_ask(struct offers *ret, const struct lock *lock, bool (*wants)(const void *context, const struct pin *pin), const void *context, struct settings *s,
	       const char *root, const struct fetch_options *options, struct error *err)
{
	struct work w = {.settings = s, .root = root, .on_offer = on_offer, .offers = ret};
	int failed;

	*ret = (struct offers){0};
	fetch_set_options(&w, options);
	find_sources(&w);
	list(&w, lock, wants, context);
	failed = w.page_count ? ask(&w, err) : 0;
	fetch_release(&w);
	return failed;
}
