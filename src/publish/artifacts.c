#include "publish/artifacts.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "io/digest.h"
#include "registry/manifest.h"
#include "release/release_text.h"

static const char *digest_of(struct arena *a, const char *bytes, size_t length)
{
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_bytes(bytes, length, hex);
	return arena_printf(a, "sha256:%s", hex);
}

static void add_file(struct shelf *s, struct artifact *artifact, const char *name, const char *media_type, const char *bytes, size_t length)
{
	artifact->files[artifact->file_count++] =
		(struct artifact_file){.name = name, .media_type = media_type, .bytes = bytes, .length = length, .digest = digest_of(s->arena, bytes, length)};
}

static void finish(struct shelf *s, const struct shelf_image *image, struct artifact *artifact)
{
	autostrbuf struct strbuf out = {0}, created = {0};
	const struct descriptor subject = {.media_type = image->image.media_type, .digest = image->digest, .size_bytes = (int64_t)image->image.manifest_length};

	clock_add_rfc3339(&created, s->release->created_unix);
	manifest_write_artifact(artifact->type, artifact->files, artifact->file_count, &subject, strbuf_text(&created), &out);
	const char *bytes = arena_strndup(s->arena, strbuf_text(&out), out.length);

	artifact->referrer = (struct referrer){.repository = image->at.repository,
					       .subject = image->digest,
					       .bytes = bytes,
					       .self = {.media_type = IMAGE_MANIFEST_TYPE,
							.digest = digest_of(s->arena, bytes, out.length),
							.size_bytes = (int64_t)out.length,
							.artifact_type = artifact->type}};
}

/* release.json as it would be of this container alone. */
static const char *part_of_release(struct shelf *s, const struct shelf_image *image, size_t *ret_length)
{
	struct release part = *s->release;
	struct snapshot one = *image->snapshot;
	autostrbuf struct strbuf out = {0};

	part.snapshots = &one;
	part.snapshot_count = 1;
	release_json_write(&part, &out);
	*ret_length = out.length;
	return arena_strndup(s->arena, strbuf_text(&out), out.length);
}

int artifacts_make(struct shelf *s, const struct shelf_image *image, struct artifact ret[ARTIFACT_COUNT], struct error *err)
{
	const char *freeze = arena_printf(s->arena, "%s.txt", image->snapshot->container), *part;
	struct transaction_file *files;
	size_t count, length;

	ret[0] = (struct artifact){.type = ARTIFACT_LOCK};
	ret[1] = (struct artifact){.type = ARTIFACT_SNAPSHOT};
	if (release_files_read(s->arena, s->root, arena_printf(s->arena, "lockfiles/%s", s->release->name), &files, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(files[i].name, "lock.toml"))
			add_file(s, &ret[0], "lock.toml", ARTIFACT_LOCK, files[i].text, files[i].length);
		else if (!strcmp(files[i].name, freeze))
			add_file(s, &ret[1], freeze, "text/plain", files[i].text, files[i].length);
	}
	part = part_of_release(s, image, &length);
	add_file(s, &ret[1], "release.json", ARTIFACT_SNAPSHOT, part, length);
	finish(s, image, &ret[0]);
	finish(s, image, &ret[1]);
	return 0;
}

void artifacts_push_blobs(const struct artifact *artifact, struct push *p)
{
	const char *repository = artifact->referrer.repository;

	push_blob(p, repository, &(struct push_blob){.digest = MANIFEST_EMPTY_DIGEST, .size_bytes = 2, .bytes = MANIFEST_EMPTY_BYTES});
	for (size_t i = 0; i < artifact->file_count; i++)
		push_blob(p, repository,
			  &(struct push_blob){
				  .digest = artifact->files[i].digest, .size_bytes = (int64_t)artifact->files[i].length, .bytes = artifact->files[i].bytes});
}
