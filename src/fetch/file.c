/* One file: its transfer, what the answers mean, and when to try again. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "fetch/work.h"

static void count_bytes(struct job *j)
{
	struct work *w = j->work;

	w->done_bytes = w->done_bytes - j->reported + j->partial.length;
	j->reported = j->partial.length;
}

static void stop_all(struct work *w, struct error *err)
{
	if (!error_is_set(&w->fatal))
		error_move(&w->fatal, err);
}

/* A full disk keeps no piece of ours; all else that was cut stays, to be gone on with. */
static void put_away(struct job *j, bool discard)
{
	if (discard)
		store_partial_discard(&j->partial);
	else
		store_partial_close(&j->partial);
}

void job_note(struct job *j, enum error_code code, const char *text)
{
	autofree char *before = j->err.text ? mem_strdup(j->err.text) : NULL;

	error_set(&j->err, code, "%s%s%s", before ? before : "", before ? "; " : "", text);
}

void job_fail(struct job *j)
{
	put_away(j, false);
	j->state = JOB_FAILED;
	j->work->finished++;
}

static void end_try(struct job *j)
{
	if (j->state == JOB_RUNNING)
		j->work->running--;
}

static void fail_fatally(struct job *j, struct error *err)
{
	bool is_full = err->code == ERR_IO;

	end_try(j);
	put_away(j, is_full);
	j->state = JOB_READY;
	stop_all(j->work, err);
}

static void succeed(struct job *j)
{
	end_try(j);
	j->state = JOB_DONE;
	j->work->finished++;
	j->work->done_bytes += j->file->size_bytes - j->reported;
	j->reported = j->file->size_bytes;
}

/* Tries again after a while, as long as that makes sense; then asks another place. */
static void try_later(struct job *j, const struct error *err, int64_t retry_after_ms)
{
	end_try(j);
	/* A line that is cut again and again still brings a large file in, piece by piece. */
	if (j->partial.length >= j->length_before + 256 * 1024)
		j->tries = 0;
	put_away(j, false);
	if (++j->tries >= j->work->options.tries) {
		autofree char *text = mem_printf("%s; tried %u times", err->text, j->tries_in_all);

		job_note(j, err->code, text);
		find_next(j);
		return;
	}
	j->not_before_ms = clock_monotonic_ms() + fetch_pause_ms(j->work, j->tries, retry_after_ms);
	j->state = JOB_READY;
}

/* Bytes that are not the locked ones: once more from the beginning, then it is the index's fault. */
static void try_anew(struct job *j, const struct error *err)
{
	autoerror struct error trouble = {0};

	if (store_partial_restart(&j->partial, &trouble) < 0) {
		fail_fatally(j, &trouble);
		return;
	}
	count_bytes(j);
	end_try(j);
	put_away(j, false);
	if (j->has_begun_anew) {
		autofree char *shown = http_redacted(j->url), *text = mem_printf("'%s': %s; it was fetched twice and was wrong both times", shown, err->text);

		job_note(j, ERR_DIGEST, text);
		job_fail(j);
		return;
	}
	j->has_begun_anew = true;
	j->not_before_ms = clock_monotonic_ms() + fetch_pause_ms(j->work, 1, -1);
	j->state = JOB_READY;
}

static void finish(struct job *j)
{
	autoerror struct error err = {0};

	if (store_partial_check(&j->partial, &err) == 0) {
		end_try(j);
		j->state = JOB_CHECKED;
		j->work->checked++;
	} else if (err.code == ERR_DIGEST) {
		try_anew(j, &err);
	} else {
		fail_fatally(j, &err);
	}
}

static bool refuse(struct job *j, enum error_code code, const char *text)
{
	error_set(&j->refused, code, "%s", text);
	return false;
}

int jobs_commit(struct work *w, struct error *err)
{
	bool is_synced = false;

	for (size_t i = 0; i < w->job_count; i++) {
		struct job *j = &w->jobs[i];

		if (j->state != JOB_CHECKED)
			continue;
		if ((!is_synced && store_sync(&j->partial, err) < 0) || store_partial_commit(&j->partial, err) < 0)
			return -1;
		is_synced = true;
		w->checked--;
		succeed(j);
	}
	return 0;
}

/* What the headers tell: whole or a part, from where, how long. */
static bool on_head(void *context, const struct http_answer *head)
{
	struct job *j = context;
	bool is_part = head->status == 206 && head->range_from >= 0 && (uint64_t)head->range_from == j->partial.length;
	int64_t size = is_part ? head->range_total : head->status == 206 ? -1 : head->content_length;

	if (head->status == 206 && !is_part)
		return refuse(j, ERR_HTTP, "the answer is another part of the file than the one asked for");
	if (!is_part && j->partial.length && store_partial_restart(&j->partial, &j->refused) < 0)
		return false;
	if (!is_part)
		j->length_before = 0;
	count_bytes(j);
	if (size >= 0 && (uint64_t)size != j->file->size_bytes) {
		autofree char *text = mem_printf("%" PRId64 " bytes are offered%s%s, %" PRIu64 " are locked", size,
						 head->encoding ? " with Content-Encoding " : "", head->encoding ? head->encoding : "", j->file->size_bytes);

		return refuse(j, ERR_DIGEST, text);
	}
	return true;
}

static bool on_body(void *context, long status, const char *bytes, size_t length)
{
	struct job *j = context;

	(void)status;
	if (length > j->file->size_bytes - j->partial.length) {
		autofree char *text = mem_printf("more than the %" PRIu64 " locked bytes come", j->file->size_bytes);

		return refuse(j, ERR_DIGEST, text);
	}
	if (store_partial_write(&j->partial, bytes, length, &j->refused) < 0)
		return false;
	j->work->fetched_bytes += length;
	count_bytes(j);
	return true;
}

static void on_refused(struct job *j)
{
	autoerror struct error why = j->refused;

	j->refused = (struct error){0};
	if (why.code == ERR_DIGEST) {
		try_anew(j, &why);
	} else if (why.code == ERR_HTTP) {
		autoerror struct error trouble = {0};

		if (store_partial_restart(&j->partial, &trouble) < 0)
			fail_fatally(j, &trouble);
		else
			try_later(j, &why, -1);
		count_bytes(j);
	} else {
		fail_fatally(j, &why);
	}
}

static void on_status(struct job *j, const struct http_answer *answer)
{
	autofree char *shown = http_redacted(answer->effective_url);
	autoerror struct error err = {0}, trouble = {0};

	error_set(&err, ERR_HTTP, "'%s' answered %s", shown, fetch_status_text(&j->work->arena, answer->status));
	if (answer->status == 416 && j->partial.length) {
		if (store_partial_restart(&j->partial, &trouble) < 0) {
			fail_fatally(j, &trouble);
			return;
		}
		count_bytes(j);
		try_later(j, &err, -1);
	} else if (fetch_status_may_pass(answer->status)) {
		try_later(j, &err, answer->retry_after_ms);
	} else {
		/* Gone, moved or not allowed: another place may have it. */
		end_try(j);
		put_away(j, false);
		job_note(j, err.code, err.text);
		find_next(j);
	}
}

static void on_failure(struct job *j, const struct http_answer *answer)
{
	if (answer->transient) {
		try_later(j, answer->err, -1);
		return;
	}
	end_try(j);
	put_away(j, false);
	job_note(j, answer->err->code, answer->err->text);
	find_next(j);
}

static void on_done(void *context, const struct http_answer *answer)
{
	struct job *j = context;
	autoerror struct error err = {0};

	if (answer->outcome == HTTP_STOPPED) {
		on_refused(j);
	} else if (answer->outcome == HTTP_FAILED) {
		on_failure(j, answer);
	} else if (answer->status < 200 || answer->status > 299) {
		on_status(j, answer);
	} else if (j->partial.length < j->file->size_bytes) {
		autofree char *shown = http_redacted(answer->effective_url);

		error_set(&err, ERR_NETWORK, "'%s' ended after %" PRIu64 " of %" PRIu64 " bytes", shown, j->partial.length, j->file->size_bytes);
		try_later(j, &err, -1);
	} else {
		finish(j);
	}
}

/* False when the partial cannot be had now; the job's state says what comes next. */
static bool open_partial(struct job *j)
{
	autoerror struct error err = {0};

	/* Another process may have brought it meanwhile. */
	if (store_has(j->file->sha256, (int64_t)j->file->size_bytes)) {
		succeed(j);
		return false;
	}
	j->is_elsewhere = false;
	if (store_partial_open(&j->partial, j->file->sha256, &err) < 0) {
		j->is_elsewhere = err.code == ERR_BUSY;
		if (j->is_elsewhere)
			j->not_before_ms = clock_monotonic_ms() + 200;
		else
			stop_all(j->work, &err);
		return false;
	}
	if (store_has(j->file->sha256, (int64_t)j->file->size_bytes)) {
		store_partial_discard(&j->partial);
		succeed(j);
		return false;
	}
	if (j->partial.length > j->file->size_bytes && store_partial_restart(&j->partial, &err) < 0) {
		fail_fatally(j, &err);
		return false;
	}
	count_bytes(j);
	return true;
}

void job_start(struct job *j)
{
	static const char *const anew[] = {"Cache-Control: no-cache", NULL};
	struct http_request request = {
		.url = j->url,
		.headers = j->has_begun_anew ? anew : NULL,
		.use_netrc = true,
		.stall_timeout_ms = j->work->options.stall_timeout_ms,
		.on_head = on_head,
		.on_body = on_body,
		.on_done = on_done,
		.context = j,
	};

	if (!open_partial(j))
		return;
	if (j->partial.length == j->file->size_bytes) {
		finish(j);
		return;
	}
	j->tries_in_all++;
	j->length_before = j->partial.length;
	request.resume_from = (int64_t)j->partial.length;
	j->state = JOB_RUNNING;
	j->work->running++;
	http_add(j->work->http, &request);
}
