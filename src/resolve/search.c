#include "resolve/search.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "resolve/pip.h"
#include "resolve/uv.h"

/* uv begins with a hundred lookups of the same name, one for each connection. A small name server loses some of them, and of another program's too, which has then 5 s to
   wait: so whoever comes next begins when that is over, or when there is an answer already. */
enum { START_MS = 1000 };

struct search_ahead {
	struct search_call call;
	struct process *process;
	const char *folder;
};

void search_call_release(struct search_call *call)
{
	for (size_t i = 0; i < ARRAY_LEN(call->files); i++)
		strbuf_release(&call->files[i].text);
	strbuf_release(&call->input);
}

bool search_wish_moves(const struct search_wish *wish, const char *package)
{
	for (const char *const *p = wish->upgrade_packages; p && *p; p++) {
		if (!strcmp(*p, package))
			return true;
	}
	return false;
}

/* A built-in index needs no address, and has none to be told by; but it cannot be named, and uv always asks it last. */
static bool needs_default_address(const struct database *db, const struct settings *settings)
{
	bool named = text_equal(db->project.resolver, "pip") || db->project.index_count > 1 || settings->index_count > 1;

	for (size_t i = 0; i < db->package_count; i++)
		named = named || db->packages[i].index;
	return named && !settings->no_index && !settings_index_url(settings, "default");
}

int search_find(struct arena *a, const struct database *db, struct settings *settings, struct diag *d, struct search *ret, struct error *err)
{
	const char *url;

	*ret = (struct search){.by = text_equal(db->project.resolver, "pip") ? &searcher_pip : &searcher_uv, .arena = a, .settings = settings};
	if (needs_default_address(db, settings) && settings_default_index(settings, db->root, &url, err) < 0)
		return -1;
	uv_indexes_collect(a, db, settings, d, &ret->indexes);
	if (d->error_count)
		return diag_failed(d, err);
	return ret->by->find(ret, db->root, err);
}

/* Answers of before go. */
static int put_files(const struct search_call *call, const char *folder, struct error *err)
{
	autoarena struct arena scratch = {0};

	if (file_remove_tree(folder, err) < 0 || file_make_dirs(folder, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(call->files); i++) {
		const struct search_file *file = &call->files[i];

		if (file->text.length && file_write(path_join(&scratch, folder, file->name), strbuf_text(&file->text), file->text.length, err) < 0)
			return -1;
	}
	return 0;
}

static struct process *start(const struct search *s, const struct search_call *call, const char *folder, struct error *err)
{
	const struct process_spec spec = {.argv = call->argv,
					  .environment = s->environment,
					  .folder = folder,
					  .input = call->input.length ? strbuf_text(&call->input) : NULL,
					  .input_length = call->input.length,
					  .timeout_ms = s->timeout_ms};

	return put_files(call, folder, err) < 0 ? NULL : process_begin(&spec, err);
}

static bool same_text(const struct strbuf *a, const struct strbuf *b)
{
	return a->length == b->length && !memcmp(strbuf_text(a), strbuf_text(b), a->length);
}

static bool is_ahead(const struct search *s, const struct search_call *call)
{
	const struct search_call *begun = s->ahead ? &s->ahead->call : NULL;
	size_t i = 0;

	if (!begun || s->timeout_ms || !same_text(&begun->input, &call->input))
		return false;
	for (size_t j = 0; j < ARRAY_LEN(call->files); j++) {
		if (!same_text(&begun->files[j].text, &call->files[j].text))
			return false;
	}
	while (call->argv[i] && text_equal(call->argv[i], begun->argv[i]))
		i++;
	return !call->argv[i] && !begun->argv[i];
}

static void ahead_free(struct search_ahead *ahead)
{
	search_call_release(&ahead->call);
	free(ahead);
}

int search_ask(struct search *s, const struct question *q, const struct search_wish *wish, struct uv_lock *ret, struct search_refusal *refusal,
	       struct error *err)
{
	__attribute__((cleanup(search_call_release))) struct search_call call = {0};
	autoresult struct process_result result = {0};
	const char *folder = path_join(s->arena, s->folder, "question");
	struct process *process;

	if (s->by->call(s, q, wish, &call, err) < 0)
		return -1;
	if (is_ahead(s, &call)) {
		folder = s->ahead->folder;
		process = s->ahead->process;
		ahead_free(steal(&s->ahead));
	} else {
		process = start(s, &call, folder, err);
	}
	if (!process || process_finish(process, &result, err) < 0)
		return -1;
	return s->by->read(s, q, folder, &result, ret, refusal, err);
}

void search_begin(struct search *s, const struct question *q, const struct search_wish *wish)
{
	struct search_ahead *ahead = mem_zero(1, sizeof(*ahead));
	autoerror struct error ignored = {0};

	search_drop(s);
	ahead->folder = path_join(s->arena, s->folder, "ahead");
	if (s->by->call(s, q, wish, &ahead->call, &ignored) == 0 && (ahead->process = start(s, &ahead->call, ahead->folder, &ignored)))
		s->ahead = ahead;
	else
		ahead_free(ahead);
	if (s->ahead)
		process_wait(s->ahead->process, START_MS);
}

void search_drop(struct search *s)
{
	if (!s->ahead)
		return;
	process_drop(s->ahead->process);
	ahead_free(steal(&s->ahead));
}
