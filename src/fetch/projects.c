#include "fetch/projects.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"

enum { KEY_LENGTH = 16, PATH_LIMIT_BYTES = 64 * 1024 };

static const char *folder(struct arena *a)
{
	return path_join(a, path_cache_dir(a), "projects");
}

void projects_note(const char *root)
{
	autoarena struct arena a = {0};
	autoerror struct error ignored = {0};
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_bytes(root, strlen(root), hex);
	hex[KEY_LENGTH] = '\0';
	const char *path = path_join(&a, folder(&a), hex);

	if (file_size(path) != (int64_t)strlen(root) && file_make_parents(path, &ignored) == 0)
		file_write_derived(path, root, strlen(root), &ignored);
}

void projects_list(struct arena *a, const char ***ret, size_t *ret_count)
{
	autoerror struct error ignored = {0};
	const char **roots = NULL;
	size_t count = 0, name_count;
	char **names;

	*ret = NULL;
	*ret_count = 0;
	if (file_list(a, folder(a), &names, &name_count, &ignored) < 0)
		return;
	for (size_t i = 0; i < name_count; i++) {
		autostrbuf struct strbuf text = {0};
		autoerror struct error unreadable = {0};

		if (file_read(path_join(a, folder(a), names[i]), PATH_LIMIT_BYTES, &text, &unreadable) < 0 || *strbuf_text(&text) != '/')
			continue;
		const char *root = arena_strdup(a, strbuf_text(&text));

		if (file_exists(path_join(a, root, "recipes/project.yaml")))
			*arena_push(a, &roots, &count) = root;
	}
	if (count)
		qsort(roots, count, sizeof(*roots), text_compare_items);
	*ret = roots;
	*ret_count = count;
}
