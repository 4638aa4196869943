#include "assemble/push.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "registry/remote.h"

enum { PUSHED_LIMIT_BYTES = 1 << 20 };

/* What this machine gave a repository last: the digest of the manifest, then those of its blobs, one a line. While the manifest is there, so are they. */
static const char *pushed_path(struct arena *a, const struct image_push *p)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, p->registry);
	digest_add_part(&d, p->repository);
	digest_end(&d, hex);
	return arena_printf(a, "%s/layers/pushed/%s", path_cache_dir(a), hex);
}

struct pushed {
	const char *manifest; /* NULL: nothing is known */
	const char *text;
	bool is_there; /* the registry still has it */
};

static void recall(struct arena *a, const struct image_push *p, struct pushed *ret)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};

	*ret = (struct pushed){0};
	if (file_read(pushed_path(a, p), PUSHED_LIMIT_BYTES, &text, &ignored) < 0)
		return;
	const char *manifest = arena_strndup(a, strbuf_text(&text), strcspn(strbuf_text(&text), "\n"));

	if (!image_is_digest(manifest))
		return;
	ret->manifest = manifest;
	ret->text = arena_strdup(a, strbuf_text(&text));
}

static void note(struct arena *a, const struct image_push *p)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	const char *path = pushed_path(a, p);

	strbuf_printf(&text, "%s\n%s\n", p->image->digest, p->image->config_digest);
	for (size_t i = 0; i < p->image->layer_count; i++)
		strbuf_printf(&text, "%s\n", p->image->layers[i].digest);
	/* Losing it costs a few questions. */
	if (file_make_parents(path, &ignored) == 0)
		file_write_derived(path, strbuf_text(&text), text.length, &ignored);
}

/* Whether the tags are there, and what was pushed before. */
static int ask(struct arena *a, struct registries *all, struct image_push *pushes, size_t count, struct pushed *before, struct error *err)
{
	struct remote_question *questions = arena_array(a, 2 * count, sizeof(*questions));
	const struct remote at = {all, pushes->registry, pushes->repository};
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		questions[n++] = (struct remote_question){.repository = pushes[i].repository, .name = pushes[i].tag};
	for (size_t i = 0; i < count; i++) {
		recall(a, &pushes[i], &before[i]);
		if (before[i].manifest)
			questions[n++] = (struct remote_question){.repository = pushes[i].repository, .name = before[i].manifest};
	}
	if (remote_ask(&at, a, questions, n, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		pushes[i].was_there = questions[i].is_there && text_equal(questions[i].digest, pushes[i].image->digest);
	for (size_t i = count, of = 0; i < n; i++, of++) {
		while (!before[of].manifest)
			of++;
		before[of].is_there = questions[i].is_there;
	}
	return 0;
}

static void want(struct push *p, const struct image_push *push, const struct pushed *before, const struct push_blob *blob)
{
	if (!before->is_there || !strstr(before->text, blob->digest))
		push_blob(p, push->repository, blob);
}

static int push_blobs(struct registries *all, const struct image_push *pushes, size_t count, const struct pushed *before, struct push_counts *counts,
		      struct error *err)
{
	struct push *p = push_new(all, pushes->registry);

	for (size_t i = 0; i < count; i++) {
		const struct image *image = pushes[i].image;

		if (pushes[i].was_there)
			continue;
		for (size_t k = 0; k < image->layer_count; k++)
			want(p, &pushes[i], &before[i],
			     &(struct push_blob){.digest = image->layers[k].digest, .size_bytes = image->layers[k].size_bytes, .path = image->layers[k].path});
		want(p, &pushes[i], &before[i],
		     &(struct push_blob){.digest = image->config_digest, .size_bytes = (int64_t)image->config_length, .bytes = image->config});
	}
	int failed = push_run(p, counts, err);

	push_free(p);
	return failed;
}

static int push_tags(struct arena *a, struct registries *all, const struct image_push *pushes, size_t count, struct error *err)
{
	struct push_manifest *manifests = NULL;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (!pushes[i].was_there)
			*arena_push(a, &manifests, &n) = (struct push_manifest){.repository = pushes[i].repository,
										.name = pushes[i].tag,
										.media_type = pushes[i].image->media_type,
										.bytes = pushes[i].image->manifest,
										.length = pushes[i].image->manifest_length};
	}
	return n ? push_manifests(all, pushes->registry, manifests, n, err) : 0;
}

static int push_rest(struct arena *a, struct registries *all, const struct image_push *pushes, size_t count, const struct pushed *before,
		     struct push_counts *counts, struct error *err)
{
	return push_blobs(all, pushes, count, before, counts, err) < 0 ? -1 : push_tags(a, all, pushes, count, err);
}

int image_push_all(struct arena *a, struct registries *all, struct image_push *pushes, size_t count, struct push_counts *counts, struct error *err)
{
	struct pushed *before = arena_array(a, count + 1, sizeof(*before));
	autoerror struct error refused = {0};
	bool guessed = false;

	if (!count)
		return 0;
	if (ask(a, all, pushes, count, before, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		guessed |= before[i].is_there;
	if (push_rest(a, all, pushes, count, before, counts, &refused) < 0) {
		/* A registry that lost blobs of a manifest that it has: now they are all asked for. */
		if (!guessed || refused.code != ERR_HTTP) {
			error_move(err, &refused);
			return -1;
		}
		for (size_t i = 0; i < count; i++)
			before[i].is_there = false;
		if (push_rest(a, all, pushes, count, before, counts, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < count; i++)
		note(a, &pushes[i]);
	return 0;
}
