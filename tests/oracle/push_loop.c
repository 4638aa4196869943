/* What src/registry/ does with a registry that is spoken to without TLS (LOCKSTEP_TEST_CA: with TLS, and these certificates):
     push_loop push REGISTRY REPOSITORY TAG FROM|- FILE...     files as an image's layers; prints what was sent, mounted, there
     push_loop pull REGISTRY REPOSITORY NAME                   the manifest, and its blobs into the store
     push_loop tags REGISTRY REPOSITORY
     push_loop attach REGISTRY REPOSITORY DIGEST TYPE FILE...  an artifact that belongs to a manifest
     push_loop referrers REGISTRY REPOSITORY DIGEST [TYPE]
     push_loop copy REGISTRY REPOSITORY DIGEST TO-REGISTRY TO-REPOSITORY
     push_loop delete REGISTRY REPOSITORY NAME
     push_loop layouts REGISTRY PREFIX TAG FOLDER...           OCI layouts as PREFIX/image-0, ...; `layouts-blobs` also asks for blobs of manifests that are there */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "io/digest.h"
#include "io/json.h"
#include "io/signals.h"
#include "registry/copy.h"
#include "registry/manifest.h"
#include "registry/pull.h"
#include "registry/push.h"
#include "registry/referrers.h"
#include "registry/remote.h"

struct run {
	struct arena arena;
	struct remote at;
	int count;
	char **words;
};

static const char *digest_of(struct arena *a, const char *bytes, size_t length)
{
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_bytes(bytes, length, hex);
	return arena_printf(a, "sha256:%s", hex);
}

static void add_blob(struct json_writer *w, const char *key, const char *type, const char *digest, int64_t size_bytes)
{
	json_begin_object(w, key);
	json_add_text(w, "mediaType", type);
	json_add_text(w, "digest", digest);
	json_add_integer(w, "size", size_bytes);
	json_end_object(w);
}

static int push(struct run *r, struct error *err)
{
	static const char media_type[] = "application/vnd.oci.image.manifest.v1+json";
	const char *repository = r->at.repository, *from = strcmp(r->words[1], "-") != 0 ? r->words[1] : NULL;
	struct push *p = push_new(r->at.all, r->at.registry);
	autostrbuf struct strbuf manifest = {0};
	struct json_writer w = {.out = &manifest, .compact = true};
	struct push_counts counts = {0};
	char hex[DIGEST_HEX_LENGTH + 1];
	int result = 0;

	push_blob(p, repository, &(struct push_blob){.digest = MANIFEST_EMPTY_DIGEST, .size_bytes = 2, .bytes = MANIFEST_EMPTY_BYTES});
	json_begin_object(&w, NULL);
	json_add_integer(&w, "schemaVersion", 2);
	json_add_text(&w, "mediaType", media_type);
	add_blob(&w, "config", MANIFEST_EMPTY_TYPE, MANIFEST_EMPTY_DIGEST, 2);
	json_begin_array(&w, "layers");
	for (int i = 2; i < r->count && result == 0; i++) {
		const char *path = r->words[i];

		result = digest_file(path, hex, err);
		const char *digest = arena_printf(&r->arena, "sha256:%s", hex);

		push_blob(p, repository, &(struct push_blob){.digest = digest, .size_bytes = file_size(path), .path = path, .from = from});
		add_blob(&w, NULL, "application/vnd.oci.image.layer.v1.tar+gzip", digest, file_size(path));
	}
	json_end_array(&w);
	json_end_object(&w);
	struct push_manifest put = {
		.repository = repository, .name = r->words[0], .media_type = media_type, .bytes = strbuf_text(&manifest), .length = manifest.length};

	if (result == 0 && (result = push_run(p, &counts, err)) == 0)
		result = push_manifests(r->at.all, r->at.registry, &put, 1, err);
	push_free(p);
	if (result == 0)
		printf("sent %u mounted %u there %u bytes %llu\n", counts.sent, counts.mounted, counts.there, (unsigned long long)counts.sent_bytes);
	return result;
}

static int pull(struct run *r, struct error *err)
{
	struct remote_manifest text;
	struct pull_counts counts = {0};
	struct manifest m;

	if (remote_manifest(&r->at, &r->arena, r->words[0], &text, err) < 0 || manifest_read(&r->arena, "the manifest", text.bytes, text.length, &m, err) < 0)
		return -1;
	struct pull *p = pull_new(r->at.all, r->at.registry);

	pull_blob(p, r->at.repository, m.config.digest, m.config.size_bytes);
	for (size_t i = 0; i < m.item_count; i++)
		pull_blob(p, r->at.repository, m.items[i].digest, m.items[i].size_bytes);
	int result = pull_run(p, &counts, err);

	pull_free(p);
	if (result == 0)
		printf("%s received %u there %u bytes %llu\n", text.digest, counts.received, counts.there, (unsigned long long)counts.received_bytes);
	return result;
}

static int tags(struct run *r, struct error *err)
{
	const char *const *names;
	size_t count;

	if (remote_tags(&r->at, &r->arena, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		printf("%s\n", names[i]);
	return 0;
}

static int attach(struct run *r, struct error *err)
{
	autostrbuf struct strbuf bytes = {0}, out = {0};
	struct remote_manifest subject;
	struct push_counts counts = {0};

	if (remote_manifest(&r->at, &r->arena, r->words[0], &subject, err) < 0 || file_read(r->words[2], 1 << 20, &bytes, err) < 0)
		return -1;
	struct artifact_file file = {.name = path_base(r->words[2]),
				     .media_type = "text/plain",
				     .bytes = strbuf_text(&bytes),
				     .length = bytes.length,
				     .digest = digest_of(&r->arena, strbuf_text(&bytes), bytes.length)};
	const struct descriptor of = {.media_type = subject.media_type, .digest = subject.digest, .size_bytes = (int64_t)subject.length};
	struct push *p = push_new(r->at.all, r->at.registry);

	push_blob(p, r->at.repository, &(struct push_blob){.digest = MANIFEST_EMPTY_DIGEST, .size_bytes = 2, .bytes = MANIFEST_EMPTY_BYTES});
	push_blob(p, r->at.repository, &(struct push_blob){.digest = file.digest, .size_bytes = (int64_t)file.length, .bytes = file.bytes});
	manifest_write_artifact(r->words[1], &file, 1, &of, NULL, &out);
	const struct referrer item = {.repository = r->at.repository,
				      .subject = subject.digest,
				      .bytes = out.text,
				      .self = {.media_type = "application/vnd.oci.image.manifest.v1+json",
					       .digest = digest_of(&r->arena, out.text, out.length),
					       .size_bytes = (int64_t)out.length,
					       .artifact_type = r->words[1]}};
	int result = push_run(p, &counts, err);

	push_free(p);
	if (result == 0 && (result = referrers_push(&r->at, &item, 1, err)) == 0)
		printf("%s\n", item.self.digest);
	return result;
}

static int referrers(struct run *r, struct error *err)
{
	struct descriptor *items;
	size_t count;

	if (referrers_list(&r->at, &r->arena, r->words[0], r->count > 1 ? r->words[1] : NULL, &items, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		printf("%s %s\n", items[i].digest, items[i].artifact_type ? items[i].artifact_type : "-");
	return 0;
}

static int copy(struct run *r, struct error *err)
{
	struct copy *c = copy_new(r->at.all, r->words[1]);
	struct copy_counts counts = {0};

	copy_add(c, &r->at, r->words[2], r->words[0]);
	int result = copy_run(c, &counts, err);

	copy_free(c);
	if (result == 0)
		printf("manifests %u there %u; sent %u mounted %u there %u bytes %llu\n", counts.manifests, counts.manifests_there, counts.blobs.sent,
		       counts.blobs.mounted, counts.blobs.there, (unsigned long long)counts.blobs.sent_bytes);
	return result;
}

/* The one manifest of a layout, under its digest and its tag; *ret_path is where its blobs are. */
static int read_layout(struct run *r, const char *folder, struct push_manifest *ret, struct manifest *ret_manifest, const char **ret_path, struct error *err)
{
	autostrbuf struct strbuf index = {0}, text = {0};
	struct manifest list;

	*ret_path = path_join(&r->arena, folder, "blobs/sha256");
	if (file_read(path_join(&r->arena, folder, "index.json"), 1 << 20, &index, err) < 0 ||
	    manifest_read(&r->arena, "the index", index.text, index.length, &list, err) < 0 ||
	    file_read(path_join(&r->arena, *ret_path, list.items[0].digest + 7), 1 << 20, &text, err) < 0)
		return -1;
	ret->name = list.items[0].digest;
	ret->media_type = list.items[0].media_type;
	ret->bytes = arena_strndup(&r->arena, text.text, text.length);
	ret->length = text.length;
	return manifest_read(&r->arena, "the manifest", ret->bytes, ret->length, ret_manifest, err);
}

static void want_blob(struct run *r, struct push *p, const char *repository, const char *folder, const struct descriptor *d)
{
	push_blob(p, repository,
		  &(struct push_blob){.digest = d->digest, .size_bytes = d->size_bytes, .path = path_join(&r->arena, folder, d->digest + strlen("sha256:"))});
}

static int push_layouts(struct run *r, bool blobs, struct error *err)
{
	size_t count = (size_t)r->count - 1;
	struct push_manifest *puts = arena_array(&r->arena, count, sizeof(*puts)), *tagged = arena_array(&r->arena, count, sizeof(*tagged));
	struct manifest *manifests = arena_array(&r->arena, count, sizeof(*manifests));
	struct remote_question *questions = arena_array(&r->arena, 2 * count, sizeof(*questions));
	const char **folders = arena_array(&r->arena, count, sizeof(*folders));
	struct push *p = push_new(r->at.all, r->at.registry);
	struct push_counts counts = {0};
	size_t put_count = 0, tag_count = 0;
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++) {
		puts[i].repository = arena_printf(&r->arena, "%s/image-%zu", r->at.repository, i);
		result = read_layout(r, r->words[i + 1], &puts[i], &manifests[i], &folders[i], err);
		questions[2 * i] = (struct remote_question){.repository = puts[i].repository, .name = puts[i].name};
		questions[2 * i + 1] = (struct remote_question){.repository = puts[i].repository, .name = r->words[0]};
	}
	result = result == 0 ? remote_ask(&r->at, &r->arena, questions, 2 * count, err) : result;
	for (size_t i = 0; i < count && result == 0; i++) {
		const struct push_manifest put = puts[i];

		if (!questions[2 * i].is_there || blobs) {
			want_blob(r, p, put.repository, folders[i], &manifests[i].config);
			for (size_t n = 0; n < manifests[i].item_count; n++)
				want_blob(r, p, put.repository, folders[i], &manifests[i].items[n]);
		}
		if (!questions[2 * i].is_there)
			puts[put_count++] = put;
		if (!questions[2 * i + 1].digest || strcmp(questions[2 * i + 1].digest, put.name) != 0) {
			tagged[tag_count] = put;
			tagged[tag_count++].name = r->words[0];
		}
	}
	if (result == 0 && (push_run(p, &counts, err) < 0 || push_manifests(r->at.all, r->at.registry, puts, put_count, err) < 0 ||
			    push_manifests(r->at.all, r->at.registry, tagged, tag_count, err) < 0))
		result = -1;
	push_free(p);
	printf("sent %u mounted %u there %u manifests %zu\n", counts.sent, counts.mounted, counts.there, put_count);
	return result;
}

static int layouts(struct run *r, struct error *err)
{
	return push_layouts(r, false, err);
}

static int layouts_blobs(struct run *r, struct error *err)
{
	return push_layouts(r, true, err);
}

static int delete_(struct run *r, struct error *err)
{
	bool was_there;

	if (remote_delete(&r->at, r->words[0], &was_there, err) < 0)
		return -1;
	printf("%s\n", was_there ? "deleted" : "not there");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int words_min;
		int (*run)(struct run *r, struct error *err);
	} works[] = {{"push", 2, push},      {"pull", 1, pull},           {"tags", 0, tags},
		     {"attach", 3, attach},  {"referrers", 1, referrers}, {"copy", 3, copy},
		     {"delete", 1, delete_}, {"layouts", 2, layouts},     {"layouts-blobs", 2, layouts_blobs}};
	autoerror struct error err = {0};
	int result = 2;

	signals_install();
	for (size_t i = 0; argc >= 4 && i < ARRAY_LEN(works); i++) {
		if (strcmp(argv[1], works[i].name) != 0 || argc - 4 < works[i].words_min)
			continue;
		const char *ca = getenv("LOCKSTEP_TEST_CA"), *other = argc > 6 && !strcmp(argv[1], "copy") ? argv[5] : NULL;
		const char *further = getenv("LOCKSTEP_TEST_PLAIN") ? getenv("LOCKSTEP_TEST_PLAIN") : argv[2];
		const char *plain[] = {ca ? "none.invalid" : further, ca ? NULL : argv[2], other, NULL};
		struct registries *all = registries_new(&(struct registry_settings){.plain_http = plain, .ca_file = ca}, &err);
		struct run r = {.at = {.all = all, .registry = argv[2], .repository = argv[3]}, .count = argc - 4, .words = argv + 4};

		result = all && works[i].run(&r, &err) == 0 ? 0 : 1;
		registries_free(all);
		arena_release(&r.arena);
	}
	if (error_is_set(&err))
		fprintf(stderr, "error: %s\n", err.text);
	return result;
}
