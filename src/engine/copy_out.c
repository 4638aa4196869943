#include "engine/copy_out.h"

#include <string.h>

#include "base/file.h"
#include "engine/ask.h"

static bool is_absence(const struct error *why, const char *const *not_there)
{
	for (; why->code == ERR_ENGINE && *not_there; not_there++) {
		if (strstr(why->text, *not_there))
			return true;
	}
	return false;
}

/* The client writes a tar archive with what is at the path, under the path's last name. */
static int copy_path(struct engine *e, const char *container, const char *path, const char *const *not_there, const char *to, bool *ret_is_there,
		     struct error *err)
{
	autoresult struct process_result result = {0};
	autoerror struct error why_not = {0};
	const char *from = arena_printf(e->arena, "%s:%s", container, path);

	*ret_is_there = ask(e, ask_argv(e, (const char *const[]){"cp", from, "-", NULL}), &result, &why_not) == 0;
	if (*ret_is_there)
		return file_write_derived(to, strbuf_text(&result.out), result.out.length, err);
	if (is_absence(&why_not, not_there))
		return 0;
	error_move(err, &why_not);
	return -1;
}

int copy_out(struct engine *e, const char *container, const char *const *paths, const char *const *not_there, const char *folder, struct engine_files **ret,
	     size_t *ret_count, struct error *err)
{
	for (; *paths; paths++) {
		const char *tar = arena_printf(e->arena, "%s/%zu.tar", folder, *ret_count), *end = strrchr(*paths, '/');
		bool is_there;

		if (copy_path(e, container, *paths, not_there, tar, &is_there, err) < 0)
			return -1;
		if (is_there)
			*arena_push(e->arena, ret, ret_count) =
				(struct engine_files){tar, end == *paths ? "/" : arena_strndup(e->arena, *paths, (size_t)(end - *paths))};
	}
	return 0;
}
