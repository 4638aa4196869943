#include "release/release_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "lock/lock_text.h"
#include "python/freeze.h"

enum { RELEASE_FILE_LIMIT_BYTES = 256 * 1024 * 1024 };

static const char sums_name[] = "SHA256SUMS";

static bool has_editables(const struct snapshot *s)
{
	for (size_t i = 0; i < s->freeze_count; i++) {
		if (text_starts_with(s->freeze[i], "-e "))
			return true;
	}
	return false;
}

static void write_freeze(const struct snapshot *s, struct strbuf *out)
{
	strbuf_printf(out, "# What 'pip freeze --all' said in the image of %s. Made by lockstep", s->container);
	/* pip takes no editable projects as constraints. */
	if (!has_editables(s))
		strbuf_printf(out, "; as constraints: pip install -c %s.txt ...", s->container);
	strbuf_add_char(out, '\n');
	for (size_t i = 0; i < s->freeze_count; i++)
		strbuf_printf(out, "%s\n", s->freeze[i]);
}

void release_freeze_parse(struct arena *a, const char *text, size_t length, struct snapshot *s)
{
	struct freeze freeze = freeze_read(a, text, length);
	bool has_head = freeze.count && freeze.entries[0].kind == FREEZE_COMMENT;

	/* The first line is write_freeze()'s own; all other comments are pip's, of what is editable. */
	freeze.entries += has_head;
	freeze.count -= has_head;
	freeze_add_lines(a, &freeze, &s->freeze, &s->freeze_count);
}

static void add_file(struct arena *a, struct transaction_file **files, size_t *count, const char *name, struct strbuf *text)
{
	*arena_push(a, files, count) = (struct transaction_file){name, arena_strndup(a, strbuf_text(text), text->length), text->length};
	strbuf_clear(text);
}

static int compare_files(const void *left, const void *right)
{
	const struct transaction_file *a = left, *b = right;

	return strcmp(a->name, b->name);
}

void release_files(struct arena *a, const struct release *r, struct transaction_file **ret, size_t *ret_count)
{
	autostrbuf struct strbuf text = {0};
	struct transaction_file *files = NULL;
	size_t count = 0, summed;

	lock_write(&r->lock, &text);
	add_file(a, &files, &count, "lock.toml", &text);
	release_json_write(r, &text);
	add_file(a, &files, &count, "release.json", &text);
	for (size_t i = 0; i < r->snapshot_count; i++) {
		write_freeze(&r->snapshots[i], &text);
		add_file(a, &files, &count, arena_printf(a, "%s.txt", r->snapshots[i].container), &text);
	}
	qsort(files, count, sizeof(*files), compare_files);
	summed = count;
	for (size_t i = 0; i < summed; i++) {
		char hex[DIGEST_HEX_LENGTH + 1];

		digest_bytes(files[i].text, files[i].length, hex);
		strbuf_printf(&text, "%s  %s\n", hex, files[i].name);
	}
	add_file(a, &files, &count, sums_name, &text);
	*ret = files;
	*ret_count = count;
}

/* A line of SHA256SUMS as `sha256sum` writes it: digest, two spaces, name. */
static bool parse_sum(struct arena *a, const char *line, size_t length, const char **ret_hex, const char **ret_name)
{
	if (length <= DIGEST_HEX_LENGTH + 2 || memcmp(line + DIGEST_HEX_LENGTH, "  ", 2) != 0 || memchr(line, '\0', length))
		return false;
	*ret_hex = arena_strndup(a, line, DIGEST_HEX_LENGTH);
	*ret_name = arena_strndup(a, line + DIGEST_HEX_LENGTH + 2, length - DIGEST_HEX_LENGTH - 2);
	return digest_is_hex(*ret_hex) && path_is_plain_name(*ret_name) && strcmp(*ret_name, sums_name) != 0;
}

static int missing(const char *folder, const char *name, struct error *err)
{
	return error_set(err, ERR_INPUT, "'%s/%s' is missing; restore it with 'git checkout %s/%s'", folder, name, folder, name);
}

static int read_checked(struct arena *a, const char *root, const char *folder, const char *name, const char *hex, struct transaction_file *ret,
			struct error *err)
{
	autofree char *path = mem_printf("%s/%s/%s", root, folder, name);
	autostrbuf struct strbuf text = {0};
	char seen[DIGEST_HEX_LENGTH + 1];

	if (file_read(path, RELEASE_FILE_LIMIT_BYTES, &text, err) < 0)
		return err->code == ERR_NOT_FOUND ? missing(folder, name, err) : -1;
	digest_bytes(strbuf_text(&text), text.length, seen);
	if (hex && strcmp(seen, hex) != 0)
		return error_set(
			err, ERR_INPUT,
			"'%s/%s' was changed since it was released (sha256 %.12s..., released %.12s...); restore it with 'git checkout %s/%s', or make a new "
			"release",
			folder, name, seen, hex, folder, name);
	*ret = (struct transaction_file){arena_strdup(a, name), arena_strndup(a, strbuf_text(&text), text.length), text.length};
	return 0;
}

int release_files_read(struct arena *a, const char *root, const char *folder, struct transaction_file **ret, size_t *ret_count, struct error *err)
{
	struct transaction_file sums, *files = NULL;
	size_t count = 0;
	unsigned number = 0;

	if (read_checked(a, root, folder, sums_name, NULL, &sums, err) < 0)
		return -1;
	for (const char *line = sums.text, *end = line + sums.length; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line)), *hex, *name;
		size_t length = (size_t)((newline ? newline : end) - line);

		number++;
		if (!parse_sum(a, line, length, &hex, &name))
			return error_set(err, ERR_INPUT, "'%s/%s' line %u is no line of sha256sum; restore the file with 'git checkout %s/%s'", folder,
					 sums_name, number, folder, sums_name);
		for (size_t i = 0; i < count; i++) {
			if (!strcmp(files[i].name, name))
				return error_set(err, ERR_INPUT, "'%s/%s' line %u names '%s' a second time; restore the file with 'git checkout %s/%s'", folder,
						 sums_name, number, name, folder, sums_name);
		}
		if (read_checked(a, root, folder, name, hex, arena_push(a, &files, &count), err) < 0)
			return -1;
		line = newline ? newline + 1 : end;
	}
	*arena_push(a, &files, &count) = sums;
	*ret = files;
	*ret_count = count;
	return 0;
}
