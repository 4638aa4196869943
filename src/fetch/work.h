/* What the parts of fetch share: the files in work, the places to look for them, the pages being read. Inside fetch/ only. */
#pragma once

#include "fetch/fetch.h"
#include "python/page.h"
#include "fetch/store.h"
#include "io/http.h"
#include "io/progress.h"

enum {
	FETCH_PAGES_MAX = 4,
	FETCH_PAGE_LIMIT_BYTES = 64 * 1024 * 1024,
	FETCH_PAUSE_MAX_MS = 30 * 1000,
	FETCH_RETRY_AFTER_MAX_MS = 120 * 1000,
	FETCH_CHECKED_MAX = 64
};

/* A place that has pages: an index, or a page of links. */
struct source {
	const char *alias; /* of the index, or "find-links" */
	const char *url;   /* NULL: built in, not asked for yet */
	bool is_page;      /* the address is the page itself, for all packages */
	bool is_explicit;  /* only for pins that name it */
};

enum job_state { JOB_READY, JOB_WAITS_FOR_PAGE, JOB_RUNNING, JOB_CHECKED, JOB_DONE, JOB_FAILED };

/* One file on its way. */
struct job {
	struct work *work;
	const struct pin *pin;              /* NULL: a Debian package */
	const struct lock_deb *deb;         /* NULL: a file of a pin */
	const struct lock_archive *archive; /* or NULL; then neither of these */
	const struct lock_file *file;
	enum job_state state;
	const char *url;         /* where to get it now; NULL: not known, ask a page */
	size_t next_source;      /* the place to ask when this address is no good, by nth_source(); past the last: none is left */
	size_t next_match;       /* of what that place's page says: the first that was not tried */
	struct index_page *page; /* waited for */
	struct store_partial partial;
	uint64_t reported;      /* what of its bytes is counted in work->done_bytes */
	uint64_t length_before; /* of the partial, when this try began */
	unsigned tries;         /* in a row without progress */
	unsigned tries_in_all;
	int64_t not_before_ms;
	bool has_begun_anew;                     /* after wrong bytes, once */
	bool is_elsewhere;                       /* another process fetches it now */
	const struct index_page *other_bytes_on; /* names this file with another digest */
	struct error refused;                    /* why on_head or on_body stopped the transfer */
	struct error err;                        /* what went wrong at the places asked so far, in one text; of a FAILED job the reason */
};

struct page_match {
	struct job *job;
	const char *url;
};

enum page_state { PAGE_WANTED, PAGE_RUNNING, PAGE_DONE };

/* A page of one source for one package. */
struct index_page {
	struct work *work;
	const struct source *source;
	const char *package; /* canonical */
	enum page_state state;
	struct page reader;
	char *url, *base; /* asked for; what links are relative to */
	uint64_t received;
	unsigned tries;
	int64_t not_before_ms;
	struct page_match *matches;
	size_t match_count;
	struct error err; /* of a DONE page that could not be had */
};

struct work {
	struct arena arena;
	struct fetch_options options;
	const struct settings *settings;
	const struct fetch_archives *archives; /* NULL: files of pins are fetched */
	const char *root;
	struct http *http;
	struct source *sources;
	size_t source_count;
	struct job *jobs;
	size_t job_count, running, checked, finished; /* checked: whole and right, waiting for the disk and for the move into the store */
	struct index_page **pages;
	size_t page_count, pages_running;
	uint64_t done_bytes, total_bytes, fetched_bytes;
	/* What is only looked at, offers.c: takes the files of pages in place of the jobs. */
	void (*on_offer)(struct work *w, const struct index_page *page, const struct page_file *file);
	struct offers *offers;
	struct error fatal; /* the disk is full or read-only, a signal: nothing goes on */
};

/* Whether a status may pass, as RFC 9110 and the servers in use mean it. */
bool fetch_status_may_pass(long status);
/* "503 Service Unavailable"; one that has no words is its number, in `a`. */
const char *fetch_status_text(struct arena *a, long status);
/* Milliseconds until the next try: doubled each time, with jitter; Retry-After counts where it is longer. */
int64_t fetch_pause_ms(const struct work *w, unsigned tries, int64_t retry_after_ms);

/* Options and what stands for those left at 0. */
void fetch_set_options(struct work *w, const struct fetch_options *options);
int fetch_open_http(struct work *w, struct error *err);
/* On a full disk nothing half stays to fill it; otherwise pieces are kept for the next run. */
void fetch_release(struct work *w);

/* file.c */
void job_start(struct job *j);
void job_fail(struct job *j);
/* Moves all files that are checked into the store. */
int jobs_commit(struct work *w, struct error *err);
/* Adds to what went wrong with this file, "...; ..."; the code becomes this one's. */
void job_note(struct job *j, enum error_code code, const char *text);

/* find.c */
void find_sources(struct work *w);
/* The job has no address, or one that is no good: asks the next place, or fails the job when none is left. */
void find_next(struct job *j);
void find_start_page(struct index_page *page);
/* The place of an alias; NULL: none is known by it. */
const struct source *find_source(const struct work *w, const char *alias);
/* The page of a package there, asked for from now on. */
struct index_page *find_page(struct work *w, const struct source *source, const char *package);
/* As find_next(), for a Debian package. */
void find_next_archive(struct job *j);
/* The folder that a file:// address, or the path itself, names; in `a`. */
const char *find_folder_of(struct arena *a, const char *address);
/* Takes what folders of find-links, indexes that are folders, mirror folders and archives on this machine hold. */
void find_in_folders(struct work *w);
/* Sets addresses from .lockstep/urls.json. */
void find_known_addresses(struct work *w);
