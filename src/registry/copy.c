#include "registry/copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/text.h"
#include "registry/manifest.h"
#include "registry/referrers.h"

enum { DEPTH_MAX = 5, ITEMS_MAX = 10000 };

/* A manifest that is copied, what it names first. */
struct item {
	struct remote from;
	const char *repository; /* it goes to */
	struct remote_manifest text;
	struct manifest content;
	const char *subject; /* what it belongs to, when it came along for that; or NULL */
	unsigned level;      /* above everything it names */
	bool is_there;
};

struct copy {
	struct registries *all;
	struct remote to; /* without a repository */
	struct arena arena;
	struct item *roots, *items;
	size_t root_count, item_count;
};

struct copy *copy_new(struct registries *all, const char *registry)
{
	struct copy *c = mem_zero(1, sizeof(*c));

	c->all = all;
	c->to = (struct remote){.all = all, .registry = arena_strdup(&c->arena, registry)};
	return c;
}

void copy_free(struct copy *c)
{
	if (!c)
		return;
	arena_release(&c->arena);
	free(c);
}

void copy_add(struct copy *c, const struct remote *from, const char *repository, const char *digest)
{
	struct arena *a = &c->arena;
	struct item item = {.from = {.all = c->all, .registry = arena_strdup(a, from->registry), .repository = arena_strdup(a, from->repository)},
			    .repository = arena_strdup(a, repository),
			    .text = {.digest = arena_strdup(a, digest)}};

	*arena_push(a, &c->roots, &c->root_count) = item;
}

static const struct item *find(const struct copy *c, const char *repository, const char *digest)
{
	for (size_t i = 0; i < c->item_count; i++) {
		if (!strcmp(c->items[i].text.digest, digest) && !strcmp(c->items[i].repository, repository))
			return &c->items[i];
	}
	return NULL;
}

static int gather(struct copy *c, const struct item *wanted, unsigned depth, unsigned *ret_level, struct error *err);

/* What belongs to an item; read from where the item is read. */
static int gather_referrers(struct copy *c, const struct item *of, unsigned depth, unsigned level, struct error *err)
{
	struct descriptor *found;
	size_t count;

	if (referrers_list(&of->from, &c->arena, of->text.digest, NULL, &found, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct item next = {
			.from = of->from, .repository = of->repository, .text = {.digest = found[i].digest}, .subject = of->text.digest, .level = level};
		unsigned ignored;

		if (gather(c, &next, depth + 1, &ignored, err) < 0)
			return -1;
	}
	return 0;
}

static int gather(struct copy *c, const struct item *wanted, unsigned depth, unsigned *ret_level, struct error *err)
{
	struct item item = *wanted;
	const struct item *known = find(c, item.repository, item.text.digest);
	const char *what = arena_printf(&c->arena, "'%s' of '%s/%s'", item.text.digest, item.from.registry, item.from.repository);
	unsigned level = 0;

	if (known) {
		*ret_level = known->level;
		return 0;
	}
	if (depth > DEPTH_MAX || c->item_count >= ITEMS_MAX)
		return error_set(err, ERR_INPUT, "cannot copy %s: too much is in it, or belongs to it", what);
	if (remote_manifest(&item.from, &c->arena, item.text.digest, &item.text, err) < 0 ||
	    manifest_read(&c->arena, what, item.text.bytes, item.text.length, &item.content, err) < 0)
		return -1;
	if (item.subject && !text_equal(item.content.subject, item.subject))
		return error_set(err, ERR_HTTP, "cannot copy %s: it is listed as belonging to '%s', and says otherwise", what, item.subject);
	for (size_t i = 0; item.content.is_index && i < item.content.item_count; i++) {
		const struct item next = {.from = item.from, .repository = item.repository, .text = {.digest = item.content.items[i].digest}};

		if (gather(c, &next, depth + 1, &level, err) < 0)
			return -1;
		item.level = item.level > level + 1 ? item.level : level + 1;
	}
	*arena_push(&c->arena, &c->items, &c->item_count) = item;
	*ret_level = item.level;
	return gather_referrers(c, &item, depth, item.level + 1, err);
}

/* Nothing is done for a manifest that is there: its registry has what it names. */
static int look(struct copy *c, struct error *err)
{
	struct remote_question *questions = arena_array(&c->arena, c->item_count + 1, sizeof(*questions));

	for (size_t i = 0; i < c->item_count; i++)
		questions[i] = (struct remote_question){.repository = c->items[i].repository, .name = c->items[i].text.digest};
	if (remote_ask(&c->to, &c->arena, questions, c->item_count, err) < 0)
		return -1;
	for (size_t i = 0; i < c->item_count; i++)
		c->items[i].is_there = questions[i].is_there;
	return 0;
}

static void want_blob(struct copy *c, struct push *p, const struct item *item, const struct descriptor *d)
{
	struct push_blob blob = {.digest = d->digest, .size_bytes = d->size_bytes, .source = &item->from};

	if (!strcmp(d->digest, MANIFEST_EMPTY_DIGEST)) {
		blob.source = NULL;
		blob.bytes = MANIFEST_EMPTY_BYTES;
	}
	if (!strcmp(item->from.registry, c->to.registry) && strcmp(item->from.repository, item->repository) != 0)
		blob.from = item->from.repository;
	push_blob(p, item->repository, &blob);
}

static int copy_blobs(struct copy *c, struct push_counts *counts, struct error *err)
{
	struct push *p = push_new(c->all, c->to.registry);

	for (size_t i = 0; i < c->item_count; i++) {
		const struct item *item = &c->items[i];

		if (item->is_there || item->content.is_index)
			continue;
		want_blob(c, p, item, &item->content.config);
		for (size_t j = 0; j < item->content.item_count; j++)
			want_blob(c, p, item, &item->content.items[j]);
	}
	int result = push_run(p, counts, err);

	push_free(p);
	return result;
}

static int copy_level(struct copy *c, unsigned level, struct error *err)
{
	struct push_manifest *puts = arena_array(&c->arena, c->item_count + 1, sizeof(*puts));
	size_t count = 0;

	for (size_t i = 0; i < c->item_count; i++) {
		const struct item *item = &c->items[i];

		if (item->level == level && !item->is_there && !item->subject)
			puts[count++] = (struct push_manifest){.repository = item->repository,
							       .name = item->text.digest,
							       .media_type = item->text.media_type,
							       .bytes = item->text.bytes,
							       .length = item->text.length};
	}
	return push_manifests(c->all, c->to.registry, puts, count, err);
}

static int copy_referrers(struct copy *c, struct error *err)
{
	struct referrer *referrers = arena_array(&c->arena, c->item_count + 1, sizeof(*referrers));
	size_t count = 0;

	for (size_t i = 0; i < c->item_count; i++) {
		const struct item *item = &c->items[i];

		if (item->subject)
			referrers[count++] = (struct referrer){.repository = item->repository,
							       .subject = item->subject,
							       .self = {.media_type = item->text.media_type,
									.digest = item->text.digest,
									.size_bytes = (int64_t)item->text.length,
									.artifact_type = manifest_artifact_type(&item->content)},
							       .bytes = item->text.bytes,
							       .is_there = item->is_there};
	}
	return referrers_push(&c->to, referrers, count, err);
}

int copy_run(struct copy *c, struct copy_counts *counts, struct error *err)
{
	unsigned ignored, highest = 0;

	for (size_t i = 0; i < c->root_count; i++) {
		if (gather(c, &c->roots[i], 0, &ignored, err) < 0)
			return -1;
	}
	if (look(c, err) < 0 || copy_blobs(c, &counts->blobs, err) < 0)
		return -1;
	for (size_t i = 0; i < c->item_count; i++) {
		highest = c->items[i].level > highest ? c->items[i].level : highest;
		counts->manifests += !c->items[i].is_there;
		counts->manifests_there += c->items[i].is_there;
	}
	for (unsigned level = 0; level <= highest; level++) {
		if (copy_level(c, level, err) < 0)
			return -1;
	}
	return copy_referrers(c, err);
}
