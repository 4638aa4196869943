#include "layer/owners.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"

bool owners_is_same_file(const struct install_file *one, const struct install_file *other)
{
	if (one->is_executable != other->is_executable || !one->member != !other->member)
		return false;
	if (!one->member)
		return one->length == other->length && !memcmp(one->text, other->text, one->length);
	if (!one->hash || !other->hash)
		return !one->hash && !other->hash;
	return *one->hash && !strcmp(one->hash, other->hash) && one->member->size_bytes == other->member->size_bytes && one->member->crc == other->member->crc;
}

int owners_refuse_folder(const struct layer_wheel *file, const char *path, struct error *err)
{
	autostrbuf struct strbuf shown = {0};

	text_escape(&shown, path, strlen(path), 0);
	return error_set(err, ERR_INPUT, "cannot install '%s': '%s' is a file in it, and elsewhere a folder", file->options.file_name, strbuf_text(&shown));
}

int owners_refuse(const struct layer_wheel *one, const struct layer_wheel *other, const char *path, struct error *err)
{
	autostrbuf struct strbuf shown = {0};

	text_escape(&shown, path, strlen(path), 0);
	error_set(err, ERR_INPUT, "cannot install '%s' and '%s' together: both have '%s'", one->options.file_name, other->options.file_name,
		  strbuf_text(&shown));
	return error_hint(err, "whose file is wanted says recipes/python.yaml, as packages: '%s: {overwrites: [%s]}', or the other way round",
			  one->options.name, other->options.name);
}

static const struct install_file *find_file(const struct install *install, const char *path)
{
	size_t low = 0, high = install->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(path, install->files[middle].path);

		if (!order)
			return &install->files[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* "x/a.py" of "x/__pycache__/a.cpython-311.pyc"; NULL when it is not called so. In `a`. */
static const char *source_path(struct arena *a, const char *path)
{
	static const char folder[] = "__pycache__/";
	const char *name = path_base(path), *end = strrchr(name, '.');
	size_t before = (size_t)(name - path);

	while (end && end > name && end[-1] != '.')
		end--;
	if (!end || end <= name + 1 || before < strlen(folder) || strncmp(name - strlen(folder), folder, strlen(folder)) != 0)
		return NULL;
	return arena_printf(a, "%.*s%.*s.py", (int)(before - strlen(folder)), path, (int)(end - 1 - name), name);
}

/* What nobody compiled is enough to know its paths. */
static int read_without_bytecode(struct arena *a, const struct layer_wheel *wheel, const struct install_place *place, struct install *ret, struct error *err)
{
	struct install_options options = wheel->options;

	options.bytecode = NULL;
	return install_read(a, wheel->path, place, &options, ret, err);
}

static void leave_out(struct arena *a, const struct install *winner, struct install *install)
{
	size_t kept = 0;

	for (size_t i = 0; i < install->count; i++) {
		const struct install_file *f = &install->files[i];
		const char *source = f->zip == &install->bytecode ? source_path(a, f->path) : NULL;

		if (!find_file(winner, f->path) && !(source && find_file(winner, source)))
			install->files[kept++] = *f;
	}
	install->count = kept;
}

int owners_leave_out(const struct layer_wheel *wheel, const struct install_place *place, struct install *install, struct error *err)
{
	for (size_t i = 0; i < wheel->overwritten_by_count; i++) {
		autoarena struct arena a = {0};
		autoinstall struct install winner = INSTALL_NONE;

		if (read_without_bytecode(&a, wheel->overwritten_by[i], place, &winner, err) < 0)
			return -1;
		leave_out(&a, &winner, install);
	}
	return 0;
}
