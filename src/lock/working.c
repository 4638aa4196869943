#include "lock/working.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/json.h"
#include "lock/lock_text.h"

static int compare_files(const void *left, const void *right)
{
	return text_compare((*(const struct lock_file *const *)left)->sha256, (*(const struct lock_file *const *)right)->sha256);
}

static void add_urls(struct arena *a, const struct lock *lock, struct strbuf *out)
{
	struct json_writer w = {.out = out};
	const struct lock_file **files = NULL;
	size_t count = 0;

	for (size_t i = 0; i < lock->pin_count; i++) {
		for (size_t j = 0; j < lock->pins[i].file_count; j++) {
			if (lock->pins[i].files[j].url)
				*arena_push(a, &files, &count) = &lock->pins[i].files[j];
		}
	}
	if (count)
		qsort(files, count, sizeof(*files), compare_files);
	json_begin_object(&w, NULL);
	for (size_t i = 0; i < count; i++) {
		/* A container and a toolchain may hold the same file. */
		if (!i || strcmp(files[i]->sha256, files[i - 1]->sha256) != 0)
			json_add_text(&w, files[i]->sha256, files[i]->url);
	}
	json_end_object(&w);
}

int working_lock_write(const char *root, const struct lock *lock, bool *ret_changed, struct error *err)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0}, urls = {0};
	const char *path = path_join(&a, root, WORKING_LOCK);

	lock_write(lock, &text);
	add_urls(&a, lock, &urls);
	/* The addresses first: a lock is of use without them, but not the other way round. */
	if (file_make_parents(path, err) < 0 || file_write_if_changed(path_join(&a, root, WORKING_URLS), strbuf_text(&urls), urls.length, NULL, err) < 0)
		return -1;
	return file_write_if_changed(path, strbuf_text(&text), text.length, ret_changed, err);
}
