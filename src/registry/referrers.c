#include "registry/referrers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "io/json.h"
#include "registry/push.h"

enum { PAGES_MAX = 1000, LISTED_MAX = 100000, TRIES_MAX = 10 };

const char *referrers_tag(struct arena *a, const char *digest)
{
	char *tag = arena_strdup(a, digest);

	tag[strlen("sha256")] = '-';
	return tag;
}

static const char *what_of(const struct remote *at, struct arena *a, const char *digest)
{
	return arena_printf(a, "what belongs to '%s' in '%s/%s'", digest, at->registry, at->repository);
}

/* One that was listed, and where in the list. */
struct listed {
	struct descriptor item;
	size_t position;
};

struct listing {
	struct listed *items;
	size_t count;
};

static int compare(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int order = strcmp(x->item.digest, y->item.digest);

	return order ? order : x->position < y->position ? -1 : 1;
}

static void choose(struct arena *a, const struct manifest *index, const char *type, struct listing *l)
{
	for (size_t i = 0; i < index->item_count; i++) {
		if (type && !text_equal(type, index->items[i].artifact_type))
			continue;
		struct listed *listed = arena_push(a, &l->items, &l->count);

		*listed = (struct listed){.item = index->items[i], .position = l->count};
	}
}

/* By digest, each once, as it was listed first. */
static void take_each_once(struct arena *a, struct listing *l, struct descriptor **ret, size_t *ret_count)
{
	struct descriptor *items = arena_array(a, l->count + 1, sizeof(*items));
	size_t count = 0;

	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), compare);
	for (size_t i = 0; i < l->count; i++) {
		if (!count || strcmp(items[count - 1].digest, l->items[i].item.digest) != 0)
			items[count++] = l->items[i].item;
	}
	*ret = items;
	*ret_count = count;
}

/* The index under the fallback tag. Not being there is an empty one, with digest NULL. */
static int read_fallback(const struct remote *at, struct arena *a, const char *subject, struct remote_manifest *ret_text, struct manifest *ret,
			 struct error *err)
{
	autoerror struct error failure = {0};
	const char *what = what_of(at, a, subject);

	if (remote_manifest(at, a, referrers_tag(a, subject), ret_text, &failure) < 0) {
		if (failure.code == ERR_NOT_FOUND) {
			*ret_text = (struct remote_manifest){0};
			*ret = (struct manifest){.is_index = true};
			return 0;
		}
		error_move(err, &failure);
		return -1;
	}
	if (manifest_read(a, what, ret_text->bytes, ret_text->length, ret, err) < 0)
		return -1;
	if (!ret->is_index)
		return error_set(err, ERR_HTTP, "cannot read %s: the tag '%s' is something else than their index", what, referrers_tag(a, subject));
	return 0;
}

/* 1: the registry has the API; 0: it has not. */
static int list_by_api(const struct remote *at, struct arena *a, const char *digest, const char *type, struct listing *list, struct error *err)
{
	const char *what = what_of(at, a, digest), *path = arena_printf(a, "referrers/%s", digest);

	for (unsigned pages = 0; path; pages++) {
		struct registry_answer answer;
		struct manifest index;

		if (pages >= PAGES_MAX || list->count > LISTED_MAX)
			return error_set(err, ERR_HTTP, "cannot list %s: the list does not end", what);
		if (registry_ask(
			    at->all,
			    &(struct registry_call){
				    .registry = at->registry, .repository = at->repository, .path = path, .accept = REMOTE_INDEX_TYPE, .is_optional = true},
			    a, &answer, err) < 0)
			return -1;
		/* Registries of before send pages for people, too. */
		if (answer.status >= 300 || (pages == 0 && !text_equal(answer.content_type, REMOTE_INDEX_TYPE)))
			return 0;
		if (manifest_read(a, what, answer.body, answer.length, &index, err) < 0)
			return -1;
		if (!index.is_index)
			return error_set(err, ERR_HTTP, "cannot list %s: the registry gives no index", what);
		choose(a, &index, type, list);
		const char *next = remote_next_page(at, a, answer.link);

		if (next && !strcmp(next, path))
			return error_set(err, ERR_HTTP, "cannot list %s: the list does not end", what);
		path = next;
	}
	return 1;
}

int referrers_list(const struct remote *at, struct arena *a, const char *digest, const char *type, struct descriptor **ret, size_t *ret_count,
		   struct error *err)
{
	struct listing list = {0};
	int has_api = list_by_api(at, a, digest, type, &list, err);
	struct remote_manifest text;
	struct manifest index;

	if (has_api < 0)
		return -1;
	/* Also beside the API: what was pushed before the registry had one. */
	if (read_fallback(at, a, digest, &text, &index, err) < 0)
		return -1;
	choose(a, &index, type, &list);
	take_each_once(a, &list, ret, ret_count);
	return 0;
}

static bool names(const struct manifest *index, const char *digest)
{
	for (size_t i = 0; i < index->item_count; i++) {
		if (!strcmp(index->items[i].digest, digest))
			return true;
	}
	return false;
}

/* 1: it was put there; 0: somebody else was faster. */
static int put(const struct remote *at, struct arena *a, const char *tag, const char *etag, const struct strbuf *text, struct error *err)
{
	const struct http_body body = {.bytes = strbuf_text(text), .length = (int64_t)text->length};
	struct registry_answer answer;

	if (registry_ask(at->all,
			 &(struct registry_call){.registry = at->registry,
						 .repository = at->repository,
						 .writes = true,
						 .method = "PUT",
						 .path = arena_printf(a, "manifests/%s", tag),
						 .content_type = REMOTE_INDEX_TYPE,
						 .condition = etag ? arena_printf(a, "If-Match: %s", etag) : NULL,
						 .body = &body},
			 a, &answer, err) < 0)
		return -1;
	if (answer.status == 412)
		return 0;
	if (answer.status >= 300)
		return error_set(err, ERR_HTTP, "cannot write to '%s/%s': there is no such repository", at->registry, at->repository);
	return 1;
}

/* One try: 1 when the index names all of `items` and none of `gone`; 0 when it is to be looked at again. */
static int settle(const struct remote *at, const char *subject, const struct descriptor *items, size_t count, const char *const *gone, size_t gone_count,
		  bool *changed, struct error *err)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf out = {0};
	struct remote_manifest text;
	struct manifest index;
	struct descriptor *more = arena_array(&a, count + 1, sizeof(*more));
	size_t more_count = 0, kept = 0;

	if (read_fallback(at, &a, subject, &text, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!names(&index, items[i].digest))
			more[more_count++] = items[i];
	}
	struct value **values = arena_array(&a, index.item_count + 1, sizeof(*values));

	for (size_t i = 0; i < index.item_count; i++) {
		bool is_gone = false;

		for (size_t j = 0; j < gone_count; j++)
			is_gone = is_gone || !strcmp(index.items[i].digest, gone[j]);
		if (!is_gone)
			values[kept++] = index.values[i];
	}
	if (!more_count && kept == index.item_count)
		return 1;
	*changed = true;
	manifest_write_index(values, kept, more, more_count, &out);
	return put(at, &a, referrers_tag(&a, subject), text.etag, &out, err) < 0 ? -1 : 0;
}

/* What was written is read again: a registry that knows no conditions lets a writer in between undo it. */
static int settle_all(const struct remote *at, const char *subject, const struct descriptor *items, size_t count, const char *const *gone, size_t gone_count,
		      bool *changed, struct error *err)
{
	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		int settled = settle(at, subject, items, count, gone, gone_count, changed, err);

		if (settled)
			return settled < 0 ? -1 : 0;
		/* Two writers in step would go on in step. */
		if (tries > 1)
			usleep(((unsigned)getpid() % 97 + 3) * 1000 * tries);
	}
	return error_set(err, ERR_BUSY, "cannot write which artifacts belong to '%s' in '%s/%s': others write it again and again", subject, at->registry,
			 at->repository);
}

int referrers_merge(const struct remote *at, const char *subject, const struct descriptor *items, size_t count, bool *ret_changed, struct error *err)
{
	bool changed = false;

	if (settle_all(at, subject, items, count, NULL, 0, &changed, err) < 0)
		return -1;
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

int referrers_drop(const struct remote *at, const char *subject, const char *const *digests, size_t count, struct error *err)
{
	bool changed = false;

	return settle_all(at, subject, NULL, 0, digests, count, &changed, err);
}

/* Those of one subject that its list may lack. */
static int list_missing(const struct remote *at, const struct referrer *items, size_t count, const struct push_manifest *puts, size_t first, struct error *err)
{
	autoarena struct arena a = {0};
	const struct remote own = {.all = at->all, .registry = at->registry, .repository = items[first].repository};
	struct descriptor *missing = arena_array(&a, count + 1, sizeof(*missing)), *listed = NULL;
	size_t missing_count = 0, listed_count = 0;
	bool is_asked = false;

	for (size_t i = first; i < count; i++) {
		bool is_listed = puts[i].has_subject;

		if (strcmp(items[i].repository, own.repository) != 0 || strcmp(items[i].subject, items[first].subject) != 0)
			continue;
		if (items[i].is_there && !is_asked && referrers_list(&own, &a, items[first].subject, NULL, &listed, &listed_count, err) < 0)
			return -1;
		is_asked = is_asked || items[i].is_there;
		for (size_t j = 0; items[i].is_there && j < listed_count; j++)
			is_listed = is_listed || !strcmp(listed[j].digest, items[i].self.digest);
		if (!is_listed)
			missing[missing_count++] = items[i].self;
	}
	return missing_count ? referrers_merge(&own, items[first].subject, missing, missing_count, NULL, err) : 0;
}

static bool is_first_of_subject(const struct referrer *items, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (!strcmp(items[i].repository, items[at].repository) && !strcmp(items[i].subject, items[at].subject))
			return false;
	}
	return true;
}

int referrers_push(const struct remote *at, const struct referrer *items, size_t count, struct error *err)
{
	autoarena struct arena a = {0};
	struct push_manifest *puts = arena_array(&a, count + 1, sizeof(*puts)), *sent = arena_array(&a, count + 1, sizeof(*sent));
	size_t sent_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (!items[i].is_there)
			sent[sent_count++] = (struct push_manifest){.repository = items[i].repository,
								    .name = items[i].self.digest,
								    .media_type = items[i].self.media_type,
								    .bytes = items[i].bytes,
								    .length = (size_t)items[i].self.size_bytes};
	}
	if (push_manifests(at->all, at->registry, sent, sent_count, err) < 0)
		return -1;
	for (size_t i = 0, next = 0; i < count; i++) {
		if (!items[i].is_there)
			puts[i] = sent[next++];
	}
	for (size_t i = 0; i < count; i++) {
		if (is_first_of_subject(items, i) && list_missing(at, items, count, puts, i, err) < 0)
			return -1;
	}
	return 0;
}
