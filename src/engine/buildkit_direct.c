/* Images that go from where they are built straight to a registry, and from there to where they are needed: the layout then has their manifest and configuration alone. Their
   layers come to this machine only when something asks for files of them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "engine/ask.h"
#include "engine/buildkit_parts.h"
#include "io/json.h"

enum { METADATA_LIMIT_BYTES = 4 << 20 };

const char *buildkit_metadata(struct engine *e, const char *tag)
{
	return path_join(e->arena, buildkit_made(e, tag), "metadata.json");
}

const char *buildkit_push_output(struct engine *e, const struct engine_push *push)
{
	return arena_printf(e->arena, "type=image,%s,push=true,push-by-digest=true,oci-mediatypes=true,%s%s", buildkit_csv(e, "name", push->repository),
			    buildkit_csv(e, arena_printf(e->arena, "annotation.%s", push->key), push->value),
			    push->plain_http ? ",registry.insecure=true" : "");
}

bool buildkit_is_elsewhere(const struct image *image, const char *repository)
{
	for (size_t i = 0; repository && i < image->layer_count; i++) {
		if (!image->layers[i].path)
			return true;
	}
	return false;
}

static int pushed(struct engine *e, const char *tag, const char **ret_digest, struct error *err)
{
	const char *path = buildkit_metadata(e, tag);
	autostrbuf struct strbuf text = {0};
	struct value *root;

	if (file_read(path, METADATA_LIMIT_BYTES, &text, err) < 0 || json_parse(e->arena, path, strbuf_text(&text), text.length, &root, err) < 0)
		return -1;
	const char *digest = value_get_text(root, "containerimage.digest");

	if (!image_is_digest(digest))
		return error_set(err, ERR_ENGINE, "BuildKit does not say what it pushed");
	*ret_digest = digest;
	return file_remove_tree(buildkit_made(e, tag), err);
}

static int refer(struct engine *e, const char *tag, const char *repository, const struct image *image, struct error *err)
{
	struct oci_layout layout;

	return buildkit_layout(e, &layout, err) < 0 ? -1 : oci_layout_put(&layout, image, tag, repository, err);
}

static const char *referred(struct engine *e, const char *tag)
{
	autoerror struct error ignored = {0};
	const char *repository;
	struct oci_layout layout;
	struct image image;

	if (buildkit_layout(e, &layout, &ignored) < 0 || oci_layout_find(&layout, tag, &image, &repository, &ignored) < 0)
		return NULL;
	return buildkit_is_elsewhere(&image, repository) ? image.digest : NULL;
}

/* A build of nothing but it: its manifest and configuration are read, and that is all. */
static int reads_at(struct engine *e, const char *folder, struct error *err)
{
	autoresult struct process_result result = {0};

	if (buildkit_build_here(e, folder, NULL, NULL, NULL, NULL, &result, err) < 0)
		return -1;
	return result.exit_status == 0 ? 0 : error_set(err, ERR_ENGINE, "%s", ask_complaint(e->arena, &result));
}

static int reads(struct engine *e, const char *image, struct error *err)
{
	const char *folder;
	int failed = 0;

	if (workplace_make(e->arena, workplace_temporary(), 0700, &folder, err) < 0)
		return -1;
	failed = buildkit_write_dockerfile(e, folder, arena_printf(e->arena, "FROM %s\n", image), err);
	if (!failed && !e->worker_count)
		failed = reads_at(e, folder, err);
	for (size_t i = 0; !failed && i < e->worker_count; i++) {
		if (!e->workers[i].gone && (failed = reads_at(&e->workers[i].engine, folder, err)))
			error_wrap(err, "worker %s", e->workers[i].address);
	}
	workplace_drop(folder);
	return failed;
}

const struct engine_direct buildkit_direct = {pushed, refer, referred, reads};

/* ---- layers that are needed here after all ---- */

int buildkit_bring(struct engine *e, const char *tag, const struct image *image, const char *repository, struct error *err)
{
	autoresult struct process_result result = {0};
	const char *made = buildkit_made(e, tag), *folder = path_join(e->arena, made, "context"), *to = path_join(e->arena, made, "image");
	struct oci_layout layout;
	int failed = file_remove_tree(made, err) < 0 || file_make_dirs(folder, err) < 0 || file_make_dirs(to, err) < 0 ||
		     buildkit_layout(e, &layout, err) < 0 || oci_layout_lend(&layout, image, to, err) < 0 ||
		     buildkit_write_dockerfile(e, folder, arena_printf(e->arena, "FROM %s@%s\n", repository, image->digest), err) < 0 ||
		     buildkit_build_here(e, folder, NULL, NULL, NULL, arena_printf(e->arena, "type=oci,tar=false,%s", buildkit_csv(e, "dest", to)), &result,
					 err) < 0;

	if (!failed && result.exit_status != 0)
		failed = error_set(err, ERR_ENGINE, "the layers of '%s' cannot be fetched from '%s': %s", tag, repository, ask_complaint(e->arena, &result));
	if (!failed)
		failed = oci_layout_fill(&layout, image, to, err);
	buildkit_drop_tree(made);
	return failed ? -1 : 0;
}

/* The image below whose layers lie elsewhere, where one of `image` is such a layer. */
static int bring_layer(struct engine *e, const struct oci_layout *l, const char *digest, struct error *err)
{
	const char *const *names;
	size_t count;

	if (oci_layout_names(l, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		autoerror struct error ignored = {0};
		const char *repository;
		struct image other;

		if (oci_layout_find(l, names[i], &other, &repository, &ignored) < 0 || !buildkit_is_elsewhere(&other, repository))
			continue;
		for (size_t k = 0; k < other.layer_count; k++) {
			if (!strcmp(other.layers[k].digest, digest))
				return buildkit_bring(e, names[i], &other, repository, err);
		}
	}
	return 0;
}

int buildkit_bring_below(struct engine *e, const struct oci_layout *l, const struct image *image, struct error *err)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct image_layer *layer = &image->layers[i];

		if (!layer->path && layer->digest && !oci_layout_has(l, layer->digest) && bring_layer(e, l, layer->digest, err) < 0)
			return -1;
	}
	return 0;
}
