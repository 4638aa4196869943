#include "build/context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "debian/repository.h"
#include "fetch/store.h"
#include "io/archive.h"
#include "io/digest.h"
#include "io/json.h"
#include "python/direct_url.h"
#include "recipe/database.h"

/* Another number when the same inputs give another folder. */
#define CONTEXT_VERSION "lockstep context 2"
enum { STAMP_LIMIT_BYTES = 256 };

/* The script stands in its own file, where linters read it, and is linked in as it is. */
__asm__(".section .rodata\n"
	"write_origins_script:\n"
	".incbin \"src/build/write_origins.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char write_origins_script[];

struct context {
	struct arena *arena;
	const struct build_plan *plan;
	const char *folder;         /* where it will stand */
	const char *made;           /* where it is made */
	struct build_input *inputs; /* of all its stages, by file */
	size_t input_count;
	const struct build_input **overwriting; /* wheels that are installed once more over others */
	size_t overwriting_count;
};

const char *context_folder(struct arena *a, const char *root, const struct container *c)
{
	return arena_printf(a, "%s/" RENDER_CONTEXTS "/%s", root, c->name);
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct build_input *)a)->file, ((const struct build_input *)b)->file);
}

static int compare_names(const void *a, const void *b)
{
	const struct build_input *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : strcmp(left->file, right->file);
}

static void collect_inputs(struct context *x, const struct build_job *final)
{
	for (const struct build_job *job = final; job; job = job->parent) {
		for (size_t i = 0; i < job->input_count; i++)
			*arena_push(x->arena, &x->inputs, &x->input_count) = job->inputs[i];
	}
	if (x->input_count)
		qsort(x->inputs, x->input_count, sizeof(*x->inputs), compare_files);
}

static void collect_overwriting(struct context *x, const struct build_job *final)
{
	for (const struct build_job *job = final; job; job = job->parent) {
		for (size_t i = 0; i < job->input_count * job->stage->overwriting_count; i++) {
			const struct build_input *in = &job->inputs[i / job->stage->overwriting_count];

			if (!strcmp(job->stage->overwriting[i % job->stage->overwriting_count]->canonical, in->name))
				*arena_push(x->arena, &x->overwriting, &x->overwriting_count) = in;
		}
	}
}

/* Beside the folder, so that it is in no build. */
static const char *stamp_path(const struct context *x)
{
	return arena_printf(x->arena, "%s.stamp", x->folder);
}

static const char *stamp_text(const struct context *x)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, CONTEXT_VERSION);
	for (size_t i = 0; i < x->input_count; i++) {
		digest_add_part(&d, x->inputs[i].file);
		digest_add_part(&d, x->inputs[i].sha256);
		if (x->inputs[i].origin)
			digest_add_part(&d, x->inputs[i].origin);
	}
	for (size_t i = 0; i < x->overwriting_count; i++)
		digest_add_part(&d, x->overwriting[i]->file);
	digest_end(&d, hex);
	return arena_printf(x->arena, "%s\n", hex);
}

static bool is_current(const struct context *x)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};

	if (!file_is_dir(x->folder) || file_read(stamp_path(x), STAMP_LIMIT_BYTES, &text, &ignored) < 0 || strcmp(strbuf_text(&text), stamp_text(x)) != 0)
		return false;
	/* People look into it, and clean up too much. */
	for (size_t i = 0; i < x->input_count; i++) {
		if (file_size(path_join(x->arena, x->folder, x->inputs[i].file)) < 0)
			return false;
	}
	return true;
}

static const char *source_of(const struct context *x, const struct build_input *in)
{
	for (size_t i = 0; in->kind == INPUT_TREE && i < x->plan->tree_count; i++) {
		if (!strcmp(x->plan->trees[i].base->name, in->name))
			return x->plan->trees[i].path;
	}
	return store_path(x->arena, in->sha256);
}

static int place_inputs(const struct context *x, struct error *err)
{
	for (size_t i = 0; i < x->input_count; i++) {
		const struct build_input *in = &x->inputs[i];
		const char *to = path_join(x->arena, x->made, in->file), *from = source_of(x, in);

		if (in->kind != INPUT_TREE && !store_has(in->sha256, -1))
			return error_set(err, ERR_NOT_FOUND, "'%s' is not in the store of fetched files; run 'lockstep fetch'", path_base(in->file));
		if (in->kind == INPUT_ARCHIVE && archive_check_names(from, err) < 0)
			return error_wrap(err, "archive '%s'", in->name);
		if (file_make_parents(to, err) < 0 || file_link_or_copy(from, to, err) < 0)
			return -1;
	}
	return 0;
}

/* "python" of "python/wheels/x.whl", "layers/cuda" of "layers/cuda/wheels/x.whl". */
static size_t folder_length(const struct build_input *in)
{
	return (size_t)(strstr(in->file, "/wheels/") - in->file);
}

/* `inputs` are of one folder of wheels. */
static int write_requirements(const char *path, const struct build_input *inputs, size_t count, struct error *err)
{
	autofree struct build_input *sorted = mem_zero(count, sizeof(*sorted));
	autostrbuf struct strbuf text = {0};

	memcpy(sorted, inputs, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&text, "%s==%s --hash=sha256:%s\n", sorted[i].name, sorted[i].version, sorted[i].sha256);
	return file_write(path, strbuf_text(&text), text.length, err);
}

static int write_all_requirements(const struct context *x, struct error *err)
{
	for (size_t i = 0; i < x->input_count;) {
		const struct build_input *first = &x->inputs[i];
		size_t count = 1;

		if (first->kind != INPUT_WHEEL) {
			i++;
			continue;
		}
		while (i + count < x->input_count && first[count].kind == INPUT_WHEEL && folder_length(&first[count]) == folder_length(first) &&
		       !memcmp(first[count].file, first->file, folder_length(first)))
			count++;
		if (write_requirements(arena_printf(x->arena, "%s/%.*s/requirements.txt", x->made, (int)folder_length(first), first->file), first, count, err) <
		    0)
			return -1;
		i += count;
	}
	for (size_t i = 0; i < x->overwriting_count; i++) {
		const char *path = arena_printf(x->arena, "%s/python/overwriting/%s.txt", x->made, x->overwriting[i]->name);

		if (file_make_parents(path, err) < 0 || write_requirements(path, x->overwriting[i], 1, err) < 0)
			return -1;
	}
	return 0;
}

/* What each wheel that is not from an index leaves beside itself, and the program that puts it there: pip, which installs by name, cannot know it. */
static int write_origins(const struct context *x, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct json_writer w = {.out = &text};
	const char *folder = path_join(x->arena, x->made, "python");

	json_begin_object(&w, NULL);
	for (size_t i = 0; i < x->input_count; i++) {
		autostrbuf struct strbuf said = {0};
		struct direct_url_hash hash = {"sha256", x->inputs[i].sha256};

		if (!x->inputs[i].origin)
			continue;
		direct_url_write(&said, &(struct direct_url){
						.kind = DIRECT_URL_ARCHIVE, .url = x->inputs[i].origin, .has_hashes = true, .hashes = &hash, .hash_count = 1});
		json_add_text(&w, x->inputs[i].name, strbuf_text(&said));
	}
	json_end_object(&w);
	if (file_write(path_join(x->arena, folder, "origins.json"), strbuf_text(&text), text.length, err) < 0)
		return -1;
	return file_write(path_join(x->arena, folder, "write_origins.py"), write_origins_script, strlen(write_origins_script), err);
}

/* The repository of a stage: its packages stand there already. Without packages the folder stays empty where a network is to be asked. */
static int write_repository(const struct context *x, const struct build_job *job, struct error *err)
{
	const char *folder = arena_printf(x->arena, "%s/" RENDER_DEBIAN "/%s", x->made, job->stage->name);
	struct repository_deb *debs = NULL;
	size_t count = 0;

	if (file_make_dirs(folder, err) < 0)
		return -1;
	for (size_t i = 0; i < job->input_count; i++) {
		if (job->inputs[i].kind == INPUT_DEB)
			*arena_push(x->arena, &debs, &count) = (struct repository_deb){path_base(job->inputs[i].file), job->inputs[i].sha256};
	}
	return job->network ? 0 : repository_write(folder, NULL, "file:" RENDER_DEBIAN_SEEN, debs, count, err);
}

static int write_repositories(const struct context *x, const struct build_job *final, struct error *err)
{
	for (const struct build_job *job = final; job; job = job->parent) {
		if (job->stage->debian && write_repository(x, job, err) < 0)
			return -1;
	}
	return 0;
}

/* Both stages of Python and of layers may be without wheels; their folders must be there for the bind mounts all the same. */
static int make_folders(const struct context *x, const struct build_job *final, struct error *err)
{
	for (const struct build_job *job = final; job; job = job->parent) {
		if (job->stage->python && file_make_dirs(path_join(x->arena, x->made, "python/wheels"), err) < 0)
			return -1;
		if (job->stage->origins && write_origins(x, err) < 0)
			return -1;
		if (job->stage->python && !job->input_count && file_write(path_join(x->arena, x->made, "python/requirements.txt"), "", 0, err) < 0)
			return -1;
	}
	return 0;
}

/* The new folder stands there in one step; nobody sees half of it. */
static int exchange(const struct context *x, struct error *err)
{
	if (!file_exists(x->folder))
		return file_rename(x->made, x->folder, err);
	if (renameat2(AT_FDCWD, x->made, AT_FDCWD, x->folder, RENAME_EXCHANGE) < 0) {
		if (errno != EINVAL && errno != ENOSYS)
			return error_errno(err, "cannot replace '%s'", x->folder);
		/* A file system that cannot exchange. */
		if (file_remove_tree(x->folder, err) < 0 || file_rename(x->made, x->folder, err) < 0)
			return -1;
		return 0;
	}
	return file_remove_tree(x->made, err);
}

static int make_context(struct context *x, const struct build_job *final, struct error *err)
{
	const char *stamp = stamp_text(x);

	x->made = arena_printf(x->arena, "%s.new", x->folder);
	if (file_remove_tree(x->made, err) < 0 || file_make_dirs(x->made, err) < 0 || make_folders(x, final, err) < 0 || place_inputs(x, err) < 0 ||
	    write_all_requirements(x, err) < 0 || write_repositories(x, final, err) < 0)
		return -1;
	/* Without a stamp while the folder changes. */
	if (file_remove_tree(stamp_path(x), err) < 0 || exchange(x, err) < 0)
		return -1;
	return file_write(stamp_path(x), stamp, strlen(stamp), err);
}

int context_prepare(struct arena *a, const char *root, const struct container *c, const struct build_job *final, const struct build_plan *plan,
		    struct error *err)
{
	struct context x = {.arena = a, .plan = plan, .folder = context_folder(a, root, c)};

	collect_inputs(&x, final);
	collect_overwriting(&x, final);
	if (is_current(&x))
		return 0;
	if (make_context(&x, final, err) == 0)
		return 0;
	autoerror struct error ignored = {0};

	file_remove_tree(x.made, &ignored);
	return error_wrap(err, "cannot prepare the build context of '%s'", c->name);
}
