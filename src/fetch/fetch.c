#include "fetch/fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "fetch/work.h"

bool fetch_status_may_pass(long status)
{
	return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

const char *fetch_status_text(struct arena *a, long status)
{
	static const struct {
		long status;
		const char *text;
	} texts[] = {
		{400, "400 Bad Request"},
		{401, "401 Unauthorized; put the index's user and password into ~/.netrc or into its address"},
		{403, "403 Forbidden"},
		{404, "404 Not Found"},
		{407, "407 Proxy Authentication Required"},
		{408, "408 Request Timeout"},
		{410, "410 Gone"},
		{416, "416 Range Not Satisfiable"},
		{425, "425 Too Early"},
		{429, "429 Too Many Requests"},
		{500, "500 Internal Server Error"},
		{502, "502 Bad Gateway"},
		{503, "503 Service Unavailable"},
		{504, "504 Gateway Timeout"},
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i].status == status)
			return texts[i].text;
	}
	return arena_printf(a, "%ld", status);
}

int64_t fetch_pause_ms(const struct work *w, unsigned tries, int64_t retry_after_ms)
{
	int64_t pause_ms = w->options.backoff_ms;
	uint32_t noise = 0;

	for (unsigned i = 1; i < tries && pause_ms < FETCH_PAUSE_MAX_MS; i++)
		pause_ms *= 2;
	if (pause_ms > FETCH_PAUSE_MAX_MS)
		pause_ms = FETCH_PAUSE_MAX_MS;
	/* Between a half and the whole, so that many that failed together do not come back together. */
	if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) == sizeof(noise))
		pause_ms -= pause_ms * (noise % 512) / 1024;
	if (retry_after_ms > FETCH_RETRY_AFTER_MAX_MS)
		retry_after_ms = FETCH_RETRY_AFTER_MAX_MS;
	return retry_after_ms > pause_ms ? retry_after_ms : pause_ms;
}

/* A file to have, with the pin it is of. */
struct wanted {
	const struct pin *pin;
	const struct lock_file *file;
};

static bool is_listed(struct wanted *list, size_t count, const char *sha256)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i].file->sha256, sha256))
			return true;
	}
	return false;
}

/* What builds wheels of sources is had wherever something is built; locks of lockstep 0.1.0 do not say which container has which layer. */
static bool has_toolchain(const struct lock *lock, const struct pin *pin, const struct lock_container *c)
{
	bool has = !lock_knows_layers(lock);

	for (size_t i = 0; i < pin->layer_count && !has; i++) {
		has = text_starts_with(pin->layers[i], PIN_BUILD_PREFIX);
		for (size_t j = 0; j < c->layer_count && !has; j++)
			has = !strcmp(c->layers[j], pin->layers[i]);
	}
	return has;
}

static bool is_wanted(const struct lock *lock, const struct pin *pin, const struct lock_container *c, const char *environment, bool all_environments)
{
	const char *name;

	for (size_t i = 0; (name = lock_container_environment(c, i)) && (all_environments || !i); i++) {
		if (!strcmp(name, environment))
			return pin_is_toolchain(pin) ? has_toolchain(lock, pin, c) : pin_is_in(pin, c, environment);
	}
	return false;
}

/* Of an environment, best first. */
struct tags {
	const char *const *items;
	size_t count;
};

/* What the lock installs somewhere: each file once, by pin. Of environments that nothing is built for only where that is asked for. In `a`. */
static void list_wanted(struct arena *a, const struct lock *lock, const struct fetch_options *options, struct wanted **ret, size_t *ret_count)
{
	autoarena struct arena scratch = {0};
	struct tags *tags = arena_array(&scratch, lock->environment_count + 1, sizeof(*tags));
	struct wanted *list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < lock->environment_count; i++)
		lock_environment_tags(&scratch, &lock->environments[i], &tags[i].items, &tags[i].count);
	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		for (size_t e = 0; e < lock->environment_count; e++) {
			const struct lock_environment *environment = &lock->environments[e];
			bool wanted = false;

			for (size_t c = 0; c < lock->container_count && !wanted; c++)
				wanted = is_wanted(lock, pin, &lock->containers[c], environment->name, options->all_environments);
			const struct lock_file *file = wanted ? pin_file_by_tags(pin, tags[e].items, tags[e].count) : NULL;

			/* No index has what lockstep built: where it is not in the store, it is built again from its source. */
			if (wanted && (!file || (file->built_from && (options->sources || !store_has(file->sha256, (int64_t)file->size_bytes)))))
				file = pin_source(pin);

			if (file && !is_listed(list, count, file->sha256))
				*arena_push(a, &list, &count) = (struct wanted){pin, file};
		}
	}
	*ret = list;
	*ret_count = count;
}

static int64_t number_from_environment(const char *name, int64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t number;

	return text && text_to_u64(text, &number) && number <= 1000000 ? (int64_t)number : otherwise;
}

void fetch_set_options(struct work *w, const struct fetch_options *options)
{
	struct fetch_options *o = &w->options;

	*o = *options;
	o->parallel = o->parallel ? o->parallel : 12;
	o->tries = o->tries ? o->tries : (unsigned)number_from_environment("LOCKSTEP_FETCH_TRIES", 6);
	o->backoff_ms = o->backoff_ms ? o->backoff_ms : number_from_environment("LOCKSTEP_FETCH_BACKOFF_MS", 500);
	o->from = o->from ? o->from : getenv("LOCKSTEP_MIRROR");
	o->stall_timeout_ms = o->stall_timeout_ms ? o->stall_timeout_ms : number_from_environment("LOCKSTEP_FETCH_STALL_MS", w->settings->timeout_ms);
}

/* Each file once, though several names may be locked with the same bytes. */
static void add_job(struct work *w, const struct job *job, struct fetch_result *ret)
{
	ret->files++;
	ret->bytes += job->file->size_bytes;
	if (store_has(job->file->sha256, (int64_t)job->file->size_bytes)) {
		ret->from_store++;
		return;
	}
	*arena_push(&w->arena, &w->jobs, &w->job_count) = *job;
	w->total_bytes += job->file->size_bytes;
}

static int by_size_descending(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	if (x->file->size_bytes != y->file->size_bytes)
		return x->file->size_bytes > y->file->size_bytes ? -1 : 1;
	return strcmp(x->file->name, y->file->name);
}

static void list_jobs(struct work *w, const struct lock *lock, struct fetch_result *ret)
{
	struct wanted *list;
	size_t count;

	list_wanted(&w->arena, lock, &w->options, &list, &count);
	for (size_t i = 0; i < count; i++)
		add_job(w, &(struct job){.work = w, .pin = list[i].pin, .file = list[i].file}, ret);
}

static void list_archive_jobs(struct work *w, const struct lock *lock, struct fetch_result *ret)
{
	for (size_t i = 0; i < lock->archive_count; i++) {
		const struct lock_archive *archive = &lock->archives[i];
		struct lock_file *file = arena_new(&w->arena, struct lock_file);

		*file = (struct lock_file){.name = archive->name, .size_bytes = archive->size_bytes, .sha256 = archive->sha256};
		add_job(w, &(struct job){.work = w, .archive = archive, .file = file, .url = archive->url}, ret);
	}
}

static void list_deb_jobs(struct work *w, const struct lock *lock, struct fetch_result *ret)
{
	for (size_t i = 0; i < lock->deb_count; i++) {
		const struct lock_deb *deb = &lock->debs[i];
		struct lock_file *file = arena_new(&w->arena, struct lock_file);
		bool known = !lock_deb_has_file(deb);

		for (size_t k = 0; k < i && !known; k++)
			known = text_equal(lock->debs[k].sha256, deb->sha256);
		*file = (struct lock_file){.name = deb->file, .size_bytes = deb->size_bytes, .sha256 = deb->sha256};
		if (!known)
			add_job(w, &(struct job){.work = w, .deb = deb, .file = file}, ret);
	}
}

/* Starts what can start; returns how long nothing else is due. */
static int start_due(struct work *w)
{
	int64_t now_ms = clock_monotonic_ms(), due_ms = now_ms + 200;

	for (size_t i = 0; i < w->page_count && w->pages_running < FETCH_PAGES_MAX; i++) {
		if (w->pages[i]->state == PAGE_WANTED && w->pages[i]->not_before_ms <= now_ms)
			find_start_page(w->pages[i]);
		else if (w->pages[i]->state == PAGE_WANTED && w->pages[i]->not_before_ms < due_ms)
			due_ms = w->pages[i]->not_before_ms;
	}
	for (size_t i = 0; i < w->job_count && w->running < w->options.parallel && !error_is_set(&w->fatal); i++) {
		struct job *j = &w->jobs[i];

		if (j->state == JOB_READY && j->not_before_ms <= now_ms) {
			if (j->url)
				job_start(j);
			else
				find_next(j);
		}
		if (j->state == JOB_READY && j->not_before_ms < due_ms)
			due_ms = j->not_before_ms;
	}
	return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

static void show(const struct work *w, struct progress *progress)
{
	autostrbuf struct strbuf note = {0};
	size_t shown = 0, elsewhere = 0;

	for (size_t i = 0; i < w->job_count; i++) {
		elsewhere += w->jobs[i].state == JOB_READY && w->jobs[i].is_elsewhere;
		if (w->jobs[i].state == JOB_RUNNING && shown < 3)
			strbuf_printf(&note, "%s%s", shown++ ? ", " : "", w->jobs[i].file->name);
	}
	if (w->running > shown)
		strbuf_printf(&note, " and %zu more", w->running - shown);
	if (!w->running && elsewhere)
		strbuf_printf(&note, "another process fetches %zu of them", elsewhere);
	progress_set(progress, w->done_bytes, w->total_bytes);
	progress_note(progress, strbuf_text(&note));
	progress_tick(progress);
}

static void run_loop(struct work *w, struct progress *progress)
{
	while (w->finished < w->job_count && !error_is_set(&w->fatal)) {
		int wait_ms = start_due(w);

		if (error_is_set(&w->fatal) || w->finished == w->job_count)
			break;
		/* With nothing under way there is nothing to poll but the clock and the signals. */
		if (http_wait(w->http, wait_ms, &w->fatal) < 0)
			break;
		/* Never wait for anything else with checked files in hand: another process may wait for one of them, and hold the one we want. */
		if ((w->checked >= FETCH_CHECKED_MAX || (w->checked && !w->running)) && jobs_commit(w, &w->fatal) < 0)
			break;
		if (progress)
			show(w, progress);
	}
}

int fetch_open_http(struct work *w, struct error *err)
{
	struct http_settings h;

	settings_http(w->settings, &h);
	if (w->archives) {
		h.client_cert = h.netrc_file = NULL;
		h.proxy = w->archives->proxy;
		h.ca_from = w->archives->ca_file ? NULL : h.ca_from;
		h.ca_file = w->archives->ca_file ? w->archives->ca_file : h.ca_file;
	}
	h.connections = w->options.parallel + FETCH_PAGES_MAX;
	h.connections_per_host = w->options.parallel;
	w->http = http_new(&h, err);
	return w->http ? 0 : -1;
}

static int check_space(const struct work *w, struct error *err)
{
	uint64_t needed = w->total_bytes - w->done_bytes, there = store_free_bytes();
	autostrbuf struct strbuf text = {0};
	autoarena struct arena a = {0};

	for (size_t i = 0; i < w->job_count && there < needed; i++) {
		autofree char *path = mem_printf("%s/files/partial/%s", path_cache_dir(&a), w->jobs[i].file->sha256);
		int64_t begun = w->jobs[i].state == JOB_READY ? file_size(path) : -1;

		needed -= begun > 0 ? ((uint64_t)begun < needed ? (uint64_t)begun : needed) : 0;
	}
	if (needed <= there)
		return 0;
	strbuf_add(&text, "the files to fetch need ");
	text_add_size(&text, needed);
	strbuf_printf(&text, ", and '%s' has room for ", path_cache_dir(&a));
	text_add_size(&text, there);
	return error_set(err, ERR_IO, "%s; free some space, or set LOCKSTEP_CACHE to a place with more", strbuf_text(&text));
}

static void add_subject(const struct job *j, struct strbuf *out)
{
	if (j->archive)
		strbuf_printf(out, "\n  %s, of layer %s", j->file->name, *j->archive->layers);
	else if (j->deb)
		strbuf_printf(out, "\n  %s, of Debian package %s %s", j->file->name, j->deb->name, j->deb->version);
	else
		strbuf_printf(out, "\n  %s, of %s %s", j->file->name, j->pin->name, j->pin->version);
}

static void add_hint(const struct work *w, enum error_code code, struct error *err)
{
	if (code == ERR_NETWORK || code == ERR_HTTP || code == ERR_FAILED)
		error_hint(err, "what was fetched is kept; run the same command again to go on");
	if (w->archives && code != ERR_NETWORK)
		error_hint(err,
			   "'lockstep fetch --from DIR' takes what mirrors no longer have from a mirror folder; 'lockstep lock --upgrade-system' takes what "
			   "they have now");
	else if (code == ERR_NOT_FOUND)
		error_hint(err, "a file that is gone from its index needs another version: 'lockstep lock --upgrade-package NAME'");
	else if (code == ERR_DIGEST)
		error_hint(err, "the index gives other bytes than those that were locked: ask its keeper why, before locking anew");
}

/* Every file that could not be had, each with its own reason. */
static int report(const struct work *w, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	size_t failed = 0;
	enum error_code code = ERR_FAILED;

	for (size_t i = 0; i < w->job_count; i++) {
		const struct job *j = &w->jobs[i];

		if (j->state != JOB_FAILED)
			continue;
		add_subject(j, &text);
		if (j->pin)
			strbuf_printf(&text, " from %s'%s'", j->pin->reference ? "" : "index ",
				      j->pin->reference ? j->pin->reference
				      : j->pin->index   ? j->pin->index
							: "default");
		strbuf_printf(&text, ": %s", j->err.text);
		/* One kind of trouble gives its name to all; a digest is the gravest. */
		code = !failed++ || code == j->err.code ? j->err.code : code == ERR_DIGEST || j->err.code == ERR_DIGEST ? ERR_DIGEST : ERR_FAILED;
	}
	if (!failed)
		return 0;
	error_set(err, code, "cannot fetch %zu of %zu file%s%s", failed, w->job_count, w->job_count == 1 ? "" : "s", strbuf_text(&text));
	add_hint(w, code, err);
	return -1;
}

static int report_offline(const struct work *w, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < w->job_count; i++) {
		if (w->jobs[i].state != JOB_DONE)
			add_subject(&w->jobs[i], &text);
	}
	return error_set(err, ERR_NOT_FOUND, "not in the store: %zu of %zu files; %s keeps from fetching%s", w->job_count - w->finished, w->job_count,
			 w->settings->no_index ? "no-index" : "UV_OFFLINE", strbuf_text(&text));
}

void fetch_release(struct work *w)
{
	http_free(w->http);
	for (size_t i = 0; i < w->job_count; i++) {
		if (w->fatal.code == ERR_IO)
			store_partial_discard(&w->jobs[i].partial);
		else
			store_partial_close(&w->jobs[i].partial);
		error_release(&w->jobs[i].err);
		error_release(&w->jobs[i].refused);
	}
	for (size_t i = 0; i < w->page_count; i++) {
		page_release(&w->pages[i]->reader);
		free(w->pages[i]->url);
		free(w->pages[i]->base);
		error_release(&w->pages[i]->err);
	}
	error_release(&w->fatal);
	arena_release(&w->arena);
}

static const char *label_of(const struct work *w)
{
	size_t count = w->job_count - w->finished;

	return arena_printf((struct arena *)(uintptr_t)&w->arena, "fetching %zu %s%s", count, w->archives ? "Debian package" : "file", count == 1 ? "" : "s");
}

static int fetch(struct work *w, struct error *err)
{
	/* The longest first: the shortest total time. */
	qsort(w->jobs, w->job_count, sizeof(*w->jobs), by_size_descending);
	if (!w->archives)
		find_sources(w);
	find_in_folders(w);
	if (!error_is_set(&w->fatal) && w->finished < w->job_count) {
		/* pip's no-index says nothing of Debian packages. */
		if (w->settings->offline && !(w->archives && w->settings->no_index))
			return report_offline(w, err);
		if (check_space(w, err) < 0 || fetch_open_http(w, err) < 0)
			return -1;
		if (!w->archives)
			find_known_addresses(w);
		struct progress *progress = w->options.progress ? progress_new(label_of(w), w->total_bytes, true) : NULL;

		run_loop(w, progress);
		/* What is whole is kept, whatever ended the rest. */
		if (w->checked) {
			autoerror struct error ignored = {0};

			(void)jobs_commit(w, &ignored);
		}
		if (progress) {
			progress_set(progress, w->done_bytes, w->total_bytes);
			progress_end(progress);
		}
	}
	if (error_is_set(&w->fatal)) {
		enum error_code code = w->fatal.code;

		return error_set(err, code, "%s", w->fatal.text);
	}
	return report(w, err);
}

static int fetch_listed(struct work *w, struct fetch_result *result, struct fetch_result *ret, struct error *err)
{
	int failed = w->job_count ? fetch(w, err) : 0;

	if (!failed) {
		ret->files += result->files;
		ret->from_store += result->from_store;
		ret->bytes += result->bytes;
		ret->fetched += w->job_count;
		ret->fetched_bytes += w->fetched_bytes;
	}
	fetch_release(w);
	return failed;
}

int fetch_lock(const struct lock *lock, const struct settings *s, const char *root, const struct fetch_options *options, struct fetch_result *ret,
	       struct error *err)
{
	struct work w = {.settings = s, .root = root};
	struct fetch_result result = {0}, all = {0};

	fetch_set_options(&w, options);
	list_jobs(&w, lock, &result);
	list_archive_jobs(&w, lock, &result);
	if (fetch_listed(&w, &result, &all, err) < 0)
		return -1;
	*ret = all;
	return 0;
}

int fetch_debs(const struct lock *lock, const struct settings *s, const char *root, const struct fetch_archives *archives, const struct fetch_options *options,
	       struct fetch_result *ret, struct error *err)
{
	struct work w = {.settings = s, .archives = archives, .root = root};
	struct fetch_result result = {0};

	fetch_set_options(&w, options);
	list_deb_jobs(&w, lock, &result);
	return fetch_listed(&w, &result, ret, err);
}
