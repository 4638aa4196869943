/* What a registry answers: manifests, indexes, lists of tags and referrers, tokens, refusals, challenges, links and ranges. The first byte says what is asked for, the rest
   is a script of answers (fake_http.h). It ends with what was asked for, or with a reason; our name and password go nowhere but to the registry and its token server. */
#include "fake_http.h"

#include "image/image.h"
#include "image/reference.h"
#include "io/base64.h"
#include "memory_file.h"
#include "registry/challenge.h"
#include "registry/copy.h"
#include "registry/manifest.h"
#include "registry/push.h"
#include "registry/referrers.h"
#include "registry/remote.h"

#define HOST "registry.example:5000"
#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void look(const struct http_request *q)
{
	for (const char *const *line = q->headers; line && *line; line++)
		FUZZ_CHECK(!strpbrk(*line, "\r\n"));
	FUZZ_CHECK(!q->authorization || !strpbrk(q->authorization, "\r\n"));
	if (q->authorization && text_starts_with(q->authorization, "Bearer"))
		FUZZ_CHECK(http_url_is_same_origin(q->url, "http://" HOST "/"));
}

static void check_manifest(struct arena *a, const char *text, size_t length)
{
	autoerror struct error err = {0}, other = {0};
	autostrbuf struct strbuf out = {0};
	struct manifest m, again;
	struct image image = {0};

	if (image_read_manifest(a, "it", text, length, &image, &other) < 0)
		FUZZ_CHECK(other.code == ERR_INPUT);
	if (manifest_read(a, "it", text, length, &m, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INPUT && *err.text);
		return;
	}
	FUZZ_CHECK(m.is_index == !m.config.digest);
	for (size_t i = 0; i < m.item_count; i++)
		FUZZ_CHECK(image_digest_is_valid(m.items[i].digest) && m.items[i].size_bytes >= 0 && m.items[i].media_type);
	if (!m.is_index)
		return;
	manifest_write_index(m.values, m.item_count, NULL, 0, &out);
	FUZZ_CHECK(!manifest_read(a, "it", strbuf_text(&out), out.length, &again, &err) && again.item_count == m.item_count);
	for (size_t i = 0; i < m.item_count; i++)
		FUZZ_CHECK(!strcmp(m.items[i].digest, again.items[i].digest));
}

static int read_manifest(const struct remote *at, struct arena *a, struct error *err)
{
	struct remote_manifest text;

	if (remote_manifest(at, a, "v1", &text, err) < 0)
		return -1;
	FUZZ_CHECK(image_digest_is_valid(text.digest) && text.media_type && !text.bytes[text.length]);
	check_manifest(a, text.bytes, text.length);
	return 0;
}

static int list_tags(const struct remote *at, struct arena *a, struct error *err)
{
	const char *const *tags;
	size_t count;

	if (remote_tags(at, a, &tags, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(image_tag_is_valid(tags[i]) && (!i || strcmp(tags[i - 1], tags[i]) <= 0));
	return 0;
}

static int list_referrers(const struct remote *at, struct arena *a, struct error *err)
{
	struct descriptor *found;
	size_t count;

	if (referrers_list(at, a, EMPTY, NULL, &found, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(image_digest_is_valid(found[i].digest) && (!i || strcmp(found[i - 1].digest, found[i].digest) < 0));
	return 0;
}

static int push_bytes(const struct remote *at, struct arena *a, struct error *err)
{
	struct push *p = push_new(at->all, at->registry);
	struct push_counts counts = {0};

	(void)a;
	push_blob(p, at->repository, &(struct push_blob){.digest = EMPTY, .bytes = ""});
	push_blob(p, "team/other", &(struct push_blob){.digest = EMPTY, .bytes = ""});
	push_blob(p, at->repository,
		  &(struct push_blob){.digest = MANIFEST_EMPTY_DIGEST, .size_bytes = 2, .bytes = MANIFEST_EMPTY_BYTES, .from = "team/third"});
	int result = push_run(p, &counts, err);

	FUZZ_CHECK(result < 0 || counts.sent + counts.mounted + counts.there == 3);
	push_free(p);
	return result;
}

static int push_stream(const struct remote *at, struct arena *a, struct error *err)
{
	struct push *p = push_new(at->all, at->registry);
	struct push_counts counts = {0};
	struct remote from = *at;

	(void)a;
	from.repository = "team/source";
	push_blob(p, at->repository, &(struct push_blob){.digest = MANIFEST_EMPTY_DIGEST, .size_bytes = 2, .source = &from});
	int result = push_run(p, &counts, err);

	FUZZ_CHECK(result < 0 || counts.sent + counts.mounted + counts.there == 1);
	push_free(p);
	return result;
}

static int merge_referrers(const struct remote *at, struct arena *a, struct error *err)
{
	static const struct descriptor one = {.media_type = IMAGE_MANIFEST_TYPE, .digest = MANIFEST_EMPTY_DIGEST, .size_bytes = 2, .artifact_type = "a/b"};

	(void)a;
	return referrers_merge(at, EMPTY, &one, 1, NULL, err);
}

static int copy_image(const struct remote *at, struct arena *a, struct error *err)
{
	struct copy *c = copy_new(at->all, at->registry);
	struct copy_counts counts = {0};

	(void)a;
	copy_add(c, at, "team/copy", EMPTY);
	int result = copy_run(c, &counts, err);

	copy_free(c);
	return result;
}

static int ask(const struct remote *at, struct arena *a, struct error *err)
{
	struct remote_question questions[] = {{.repository = at->repository, .name = "v1"}, {.repository = "team/other", .name = EMPTY, .is_blob = true}};
	bool was_there;

	if (remote_ask(at, a, questions, 2, err) < 0 || remote_delete(at, EMPTY, &was_there, err) < 0)
		return -1;
	FUZZ_CHECK(!questions[0].is_there || image_digest_is_valid(questions[0].digest));
	return 0;
}

static int push_text(const struct remote *at, struct arena *a, struct error *err)
{
	struct push_manifest put = {.repository = at->repository, .name = "v1", .media_type = IMAGE_MANIFEST_TYPE, .bytes = "{}", .length = 2};

	(void)a;
	return push_manifests(at->all, at->registry, &put, 1, err);
}

static int read_bytes(const struct remote *at, struct arena *a, struct error *err)
{
	const char *bytes;

	if (remote_bytes(at, a, MANIFEST_EMPTY_DIGEST, 2, &bytes, err) < 0)
		return -1;
	FUZZ_CHECK(!strcmp(bytes, MANIFEST_EMPTY_BYTES));
	return 0;
}

static int read_challenge(const struct remote *at, struct arena *a, struct error *err)
{
	const char *text = arena_strndup(a, fake_script, fake_length), *next = remote_next_page(at, a, text);
	struct challenge c = {0};

	(void)err;
	challenge_read(a, text, &c);
	FUZZ_CHECK(c.kind != CHALLENGE_BEARER || c.realm);
	FUZZ_CHECK(!next || !strpbrk(next, "\r\n"));
	check_manifest(a, text, fake_length);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static int (*const operations[])(const struct remote *, struct arena *, struct error *) = {
		read_manifest, list_tags, list_referrers, push_bytes, push_stream, merge_referrers, copy_image, ask, push_text, read_bytes, read_challenge};
	static const char auth[] = "{\"auths\": {\"" HOST "\": {\"auth\": \"bWU6c2VjcmV0\"}}}";
	static int file = -1;
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	const struct registry_settings settings = {.plain_http = (const char *const[]){HOST, NULL}};

	if (!length)
		return 0;
	if (file < 0)
		file = memory_file(auth, strlen(auth));
	setenv("REGISTRY_AUTH_FILE", arena_printf(&a, "/proc/self/fd/%d", file), 1);
	fake_script = (const char *)bytes + 1;
	fake_length = length - 1;
	fake_requests = 0;
	fake_look = look;
	struct remote at = {.all = registries_new(&settings, &err), .registry = HOST, .repository = "team/ci-cpu"};

	if (operations[(uint8_t)(bytes[0] - 'a') % ARRAY_LEN(operations)](&at, &a, &err) < 0)
		FUZZ_CHECK(error_is_set(&err) && *err.text);
	registries_free(at.all);
	return 0;
}
