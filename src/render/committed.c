#include "render/committed.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/unified.h"
#include "recipe/database.h"
#include "render/dockerfile.h"

enum { FILE_LIMIT_BYTES = 16 << 20 };

static int compare_one(struct arena *a, const struct database *db, const struct rendered_file *rendered, struct committed_file *ret, struct error *err)
{
	const char *path = path_join(a, db->root, rendered->path);
	autostrbuf struct strbuf text = {0};

	*ret = (struct committed_file){.path = rendered->path, .container = rendered->container, .before = ""};
	ret->after = rendered->text;
	ret->after_length = rendered->length;
	if (!file_exists(path)) {
		ret->state = COMMITTED_MISSING;
		return 0;
	}
	if (file_read(path, FILE_LIMIT_BYTES, &text, err) < 0)
		return -1;
	ret->before = arena_strndup(a, strbuf_text(&text), text.length);
	ret->before_length = text.length;
	if (text.length != rendered->length || memcmp(ret->before, rendered->text, text.length) != 0)
		ret->state = COMMITTED_DIFFERENT;
	return 0;
}

/* Dockerfiles in containers/ that begin as ours do and belong to no container. */
static int add_stale(struct arena *a, const struct database *db, struct committed_file **files, size_t *count, struct error *err)
{
	char **names = NULL;
	size_t name_count = 0;

	if (!file_is_dir(path_join(a, db->root, "containers")))
		return 0;
	if (file_list(a, path_join(a, db->root, "containers"), &names, &name_count, err) < 0)
		return -1;
	for (size_t i = 0; i < name_count; i++) {
		const char *relative = arena_printf(a, "containers/%s/Dockerfile", names[i]), *path = path_join(a, db->root, relative);
		autostrbuf struct strbuf text = {0};

		if (database_container(db, names[i]) || file_size(path) < 0)
			continue;
		if (file_read(path, FILE_LIMIT_BYTES, &text, err) < 0)
			return -1;
		if (!text_starts_with(strbuf_text(&text), DOCKERFILE_MARK))
			continue;
		*arena_push(a, files, count) = (struct committed_file){
			.path = relative,
			.container = names[i],
			.state = COMMITTED_STALE,
			.before = arena_strndup(a, text.text, text.length),
			.before_length = text.length,
			.after = "",
		};
	}
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct committed_file *)a)->path, ((const struct committed_file *)b)->path);
}

int committed_compare(struct arena *a, const struct database *db, struct committed_file **ret, size_t *ret_count, struct error *err)
{
	struct rendered_file *rendered = NULL;
	struct committed_file *files = NULL;
	size_t rendered_count = 0, count = 0;

	if (render_files(a, db, &rendered, &rendered_count, err) < 0)
		return -1;
	for (size_t i = 0; i < rendered_count; i++) {
		if (compare_one(a, db, &rendered[i], arena_push(a, &files, &count), err) < 0)
			return -1;
	}
	if (add_stale(a, db, &files, &count, err) < 0)
		return -1;
	qsort(files, count, sizeof(*files), compare_paths);
	*ret = files;
	*ret_count = count;
	return 0;
}

int committed_write(const struct database *db, struct committed_file *files, size_t count, struct error *err)
{
	autoarena struct arena a = {0};

	for (size_t i = 0; i < count; i++) {
		struct committed_file *f = &files[i];

		const char *path = path_join(&a, db->root, f->path), *base = path_base(path);

		/* What a killed run was about to rename. */
		if (file_remove_leftovers(arena_strndup(&a, path, (size_t)(base - path)), base, err) < 0)
			return -1;
		if (f->state != COMMITTED_DIFFERENT && f->state != COMMITTED_MISSING)
			continue;
		if (file_write_derived(path, f->after, f->after_length, err) < 0)
			return -1;
		f->written = true;
	}
	return 0;
}

void committed_diff(const struct committed_file *file, struct strbuf *out)
{
	autostrbuf struct strbuf before = {0}, after = {0};

	strbuf_add(&before, file->state == COMMITTED_MISSING ? "/dev/null" : "a/");
	strbuf_add(&after, file->state == COMMITTED_STALE ? "/dev/null" : "b/");
	if (file->state != COMMITTED_MISSING)
		strbuf_add(&before, file->path);
	if (file->state != COMMITTED_STALE)
		strbuf_add(&after, file->path);
	unified_diff(out, (struct unified_text){strbuf_text(&before), file->before, file->before_length},
		     (struct unified_text){strbuf_text(&after), file->after, file->after_length});
}
