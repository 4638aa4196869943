#include "registry/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "image/image.h"
#include "image/reference.h"
#include "io/digest.h"
#include "io/json.h"

enum { PAGES_MAX = 10000, TAGS_MAX = 1000000, SHOWN_MAX = 80 };

static const char *const manifest_types[] = {IMAGE_MANIFEST_TYPE, REMOTE_INDEX_TYPE, REMOTE_DOCKER_MANIFEST_TYPE, REMOTE_DOCKER_LIST_TYPE};

static const char accepted[] = IMAGE_MANIFEST_TYPE ", " REMOTE_INDEX_TYPE ", " REMOTE_DOCKER_MANIFEST_TYPE ", " REMOTE_DOCKER_LIST_TYPE;

/* NULL when it is none of those. */
static const char *known_type(const char *text)
{
	for (size_t i = 0; text && i < ARRAY_LEN(manifest_types); i++) {
		if (!strcmp(text, manifest_types[i]))
			return manifest_types[i];
	}
	return NULL;
}

static const char *where(const struct remote *at, struct arena *a)
{
	return arena_printf(a, "'%s/%s'", at->registry, at->repository);
}

/* The registry's word and the manifest's own must agree: one that can be read as two things could be approved as one and used as the other. */
static int find_type(struct arena *a, const struct registry_answer *answer, const char *what, const char **ret, struct error *err)
{
	const char *said = known_type(answer->content_type), *own;
	struct value *v;

	if (json_parse(a, what, answer->body, answer->length, &v, err) < 0)
		return error_wrap(err, "cannot read %s", what);
	own = value_get_text(v, "mediaType");
	if (own && !known_type(own))
		return error_set(err, ERR_HTTP, "cannot read %s: it is of type '%.*s', which is no image and no index", what, SHOWN_MAX, own);
	if (own && said && strcmp(own, said) != 0)
		return error_set(err, ERR_HTTP, "cannot read %s: it says that it is of type '%s', its registry says '%s'", what, own, said);
	if (!own && !said)
		return error_set(err, ERR_HTTP, "cannot read %s: the registry gives something of type '%.*s', which is no image and no index", what, SHOWN_MAX,
				 answer->content_type ? answer->content_type : "");
	*ret = own ? known_type(own) : said;
	return 0;
}

int remote_manifest(const struct remote *at, struct arena *a, const char *name, struct remote_manifest *ret, struct error *err)
{
	const char *what = arena_printf(a, "the manifest '%s' of %s", name, where(at, a));
	char hex[DIGEST_HEX_LENGTH + 1];
	struct registry_answer answer;
	struct remote_manifest m = {0};

	if (!image_digest_is_valid(name) && !image_tag_is_valid(name))
		return error_set(err, ERR_INPUT, "cannot read %s: that is no tag and no digest", what);
	if (registry_ask(at->all,
			 &(struct registry_call){
				 .registry = at->registry, .repository = at->repository, .path = arena_printf(a, "manifests/%s", name), .accept = accepted},
			 a, &answer, err) < 0)
		return -1;
	if (answer.status >= 300)
		return error_set(err, ERR_NOT_FOUND, "%s has no manifest '%s'", where(at, a), name);
	digest_bytes(answer.body, answer.length, hex);
	m = (struct remote_manifest){.bytes = answer.body, .length = answer.length, .digest = arena_printf(a, "sha256:%s", hex), .etag = answer.etag};
	if (image_digest_is_valid(name) && strcmp(name, m.digest) != 0)
		return error_set(err, ERR_DIGEST, "cannot read %s: what comes has the digest '%s'", what, m.digest);
	if (answer.digest && text_starts_with(answer.digest, "sha256:") && strcmp(answer.digest, m.digest) != 0)
		return error_set(err, ERR_DIGEST, "cannot read %s: what comes has the digest '%s', its registry says '%.*s'", what, m.digest, SHOWN_MAX,
				 answer.digest);
	if (find_type(a, &answer, what, &m.media_type, err) < 0)
		return -1;
	*ret = m;
	return 0;
}

int remote_bytes(const struct remote *at, struct arena *a, const char *digest, int64_t size_bytes, const char **ret, struct error *err)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct registry_answer answer;

	if (!image_digest_is_valid(digest) || size_bytes < 0)
		return error_set(err, ERR_INPUT, "cannot read '%.*s' from %s: it is no digest ('sha256:' and 64 hexadecimal digits) of a size", SHOWN_MAX,
				 digest, where(at, a));
	if (registry_ask(at->all,
			 &(struct registry_call){.registry = at->registry,
						 .repository = at->repository,
						 .path = arena_printf(a, "blobs/%s", digest),
						 .limit_bytes = (size_t)size_bytes + 1},
			 a, &answer, err) < 0)
		return -1;
	if (answer.status >= 300)
		return error_set(err, ERR_NOT_FOUND, "%s has no blob '%s'", where(at, a), digest);
	digest_bytes(answer.body, answer.length, hex);
	if (strcmp(digest + strlen("sha256:"), hex) != 0)
		return error_set(err, ERR_DIGEST, "cannot read '%s' from %s: the registry gives other bytes under this digest", digest, where(at, a));
	*ret = answer.body;
	return 0;
}

struct asking {
	struct arena *arena;
	struct remote_question *question;
	struct error *err; /* the first failure */
};

static void on_answer(void *context, const struct registry_answer *answer)
{
	const struct asking *q = context;

	q->question->is_there = answer->status < 300;
	if (q->question->is_there && answer->digest && image_digest_is_valid(answer->digest))
		q->question->digest = arena_strdup(q->arena, answer->digest);
}

static void on_failure(void *context, struct error *err)
{
	const struct asking *q = context;

	if (!error_is_set(q->err))
		error_move(q->err, err);
}

/* Not every registry says the digest of what a tag names: then the manifest is read. */
static int find_digest(const struct remote *at, struct arena *a, struct remote_question *q, struct error *err)
{
	const struct remote own = {.all = at->all, .registry = at->registry, .repository = q->repository};
	struct remote_manifest text;

	if (q->is_blob || !q->is_there || q->digest)
		return 0;
	if (image_digest_is_valid(q->name)) {
		q->digest = q->name;
		return 0;
	}
	if (remote_manifest(&own, a, q->name, &text, err) < 0)
		return -1;
	q->digest = text.digest;
	return 0;
}

int remote_ask(const struct remote *at, struct arena *a, struct remote_question *questions, size_t count, struct error *err)
{
	struct asking *asking = arena_array(a, count + 1, sizeof(*asking));
	autoerror struct error failure = {0};

	for (size_t i = 0; i < count; i++) {
		struct remote_question *q = &questions[i];

		q->is_there = false;
		q->digest = NULL;
		asking[i] = (struct asking){.arena = a, .question = q, .err = &failure};
		registry_add(at->all, &(struct registry_call){.registry = at->registry,
							      .repository = q->repository,
							      .method = "HEAD",
							      .path = arena_printf(a, "%s/%s", q->is_blob ? "blobs" : "manifests", q->name),
							      .accept = q->is_blob ? NULL : accepted,
							      .on_answer = on_answer,
							      .on_failure = on_failure,
							      .context = &asking[i]});
	}
	if (registry_serve(at->all, err) < 0)
		return -1;
	for (size_t i = 0; i < count && !error_is_set(&failure); i++) {
		if (find_digest(at, a, &questions[i], &failure) < 0)
			break;
	}
	if (!error_is_set(&failure))
		return 0;
	error_move(err, &failure);
	return -1;
}

const char *remote_next_page(const struct remote *at, struct arena *a, const char *link)
{
	const char *open = link ? strchr(link, '<') : NULL, *close = open ? strchr(open, '>') : NULL;

	if (!close || !strstr(close, "next"))
		return NULL;
	/* Whether it is spoken to with TLS is not known here, and does not matter: the call decides that again. */
	autofree char *base = mem_printf("https://%s/v2/%s/", at->registry, at->repository);
	const char *text = arena_strndup(a, open + 1, (size_t)(close - open - 1));
	autofree char *url = http_url_join(base, text);
	const char *path = url ? strstr(url, "/v2/") : NULL, *own = arena_printf(a, "/v2/%s/", at->repository);

	if (!path || !text_starts_with(path, own))
		return NULL;
	return arena_strdup(a, path + strlen(own));
}

static int add_tags(struct arena *a, const struct remote *at, const struct registry_answer *answer, const char ***tags, size_t *count, struct error *err)
{
	struct value *v;

	if (json_parse(a, "its list of tags", answer->body, answer->length, &v, err) < 0)
		return error_wrap(err, "cannot list the tags of %s", where(at, a));
	const struct value *list = value_get(v, "tags");

	for (size_t i = 0; list && list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		const struct value *tag = list->items[i];

		if (tag->kind != VALUE_TEXT || strlen(tag->text) != tag->text_length || !image_tag_is_valid(tag->text))
			return error_set(err, ERR_HTTP, "cannot list the tags of %s: '%.*s' is no tag", where(at, a), SHOWN_MAX,
					 tag->kind == VALUE_TEXT ? tag->text : value_kind_name(tag->kind));
		*arena_push(a, tags, count) = tag->text;
	}
	return 0;
}

int remote_tags(const struct remote *at, struct arena *a, const char *const **ret, size_t *ret_count, struct error *err)
{
	const char **tags = NULL, *path = "tags/list?n=1000";
	size_t count = 0;

	for (unsigned pages = 0; path; pages++) {
		struct registry_answer answer;
		size_t before = count;

		if (pages >= PAGES_MAX || count > TAGS_MAX)
			return error_set(err, ERR_HTTP, "cannot list the tags of %s: the list does not end", where(at, a));
		if (registry_ask(at->all, &(struct registry_call){.registry = at->registry, .repository = at->repository, .path = path}, a, &answer, err) < 0)
			return -1;
		if (answer.status >= 300)
			return error_set(err, ERR_NOT_FOUND, "there is no repository %s", where(at, a));
		if (add_tags(a, at, &answer, &tags, &count, err) < 0)
			return -1;
		const char *next = remote_next_page(at, a, answer.link);

		if (next && (!strcmp(next, path) || count == before))
			return error_set(err, ERR_HTTP, "cannot list the tags of %s: the list does not end", where(at, a));
		path = next;
	}
	if (count)
		qsort(tags, count, sizeof(*tags), text_compare_items);
	*ret = tags;
	*ret_count = count;
	return 0;
}

int remote_delete(const struct remote *at, const char *name, bool *ret_was_there, struct error *err)
{
	autoarena struct arena a = {0};
	struct registry_answer answer;

	if (registry_ask(at->all,
			 &(struct registry_call){.registry = at->registry,
						 .repository = at->repository,
						 .deletes = true,
						 .method = "DELETE",
						 .path = arena_printf(&a, "manifests/%s", name)},
			 &a, &answer, err) < 0)
		return -1;
	*ret_was_there = answer.status < 300;
	return 0;
}
