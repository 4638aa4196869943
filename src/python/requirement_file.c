#include "python/requirement_file.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "python/requirement_file_parts.h"
#include "python/scan.h"
#include "python/url.h"

/* A file at work, and those that led to it. */
struct open_file {
	const struct open_file *by;
	const char *name;  /* as positions have it */
	const char *place; /* as it was opened */
	bool is_constraint;
	unsigned depth;
};

struct reader {
	struct arena *arena;
	const struct requirement_source *source;
	struct diag *d;
	struct requirement_file *file;
	size_t opened, bytes;
};

static bool is_address(const char *path)
{
	const char *colon = scan_word(path, "http:");

	if (!colon)
		colon = scan_word(path, "https:");
	return colon || scan_word(path, "file:");
}

/* os.path.abspath() of `path` in `folder`. */
static const char *absolute(struct arena *a, const char *folder, const char *path)
{
	const char *whole = *path == '/' ? path : arena_printf(a, "%s%s%s", folder, text_ends_with(folder, "/") ? "" : "/", path);
	char *out = arena_alloc(a, strlen(whole) + 2), *end = out;

	/* Two slashes at the start are not the same as one (POSIX); three are. */
	bool two = whole[1] == '/' && whole[2] != '/';

	while (*whole) {
		size_t length = strcspn(whole, "/");

		if (length == 2 && !strncmp(whole, "..", 2)) {
			while (end > out && *--end != '/')
				;
		} else if (length && !(length == 1 && *whole == '.')) {
			*end++ = '/';
			memcpy(end, whole, length);
			end += length;
		}
		whole += length + (whole[length] == '/');
	}
	*end = '\0';
	return two || end == out ? arena_printf(a, "/%s", out) : out;
}

/* `file` is absolute. */
static const char *folder_of(struct arena *a, const char *file)
{
	size_t slash = (size_t)(strrchr(file, '/') - file);

	return arena_strndup(a, file, slash ? slash : 1);
}

/* Where a file is that `from` names; NULL when that cannot be told. */
static const char *nested_place(struct reader *r, const struct open_file *from, const char *path)
{
	if (is_address(from->name))
		return url_join(r->arena, from->name, path);
	if (is_address(path))
		return path;
	return absolute(r->arena, folder_of(r->arena, absolute(r->arena, r->source->folder, from->name)), path);
}

static void add_texts(struct arena *a, struct requirement_texts *to, const struct requirement_texts *from)
{
	for (size_t i = 0; i < from->count; i++)
		requirement_texts_add(a, to, from->items[i]);
}

/* What a line of options means for all. */
static void apply(struct reader *r, const struct requirement_line *line)
{
	const struct requirement_options *o = &line->options;
	struct requirement_file *f = r->file;

	if (o->hash_count)
		diag_warning(r->d, line->pos, "--hash stands without a requirement, and says nothing");
	f->require_hashes = f->require_hashes || o->require_hashes;
	f->no_require_hashes = f->no_require_hashes || o->no_require_hashes;
	f->prefer_binary = f->prefer_binary || o->prefer_binary;
	f->no_index = f->no_index || o->no_index;
	const char *index_url = o->index_url && *o->index_url && !f->no_index ? o->index_url : NULL;

	if (f->no_index || index_url) {
		f->default_index = false;
		f->index_urls.count = 0;
	}
	if (index_url)
		requirement_texts_add(r->arena, &f->index_urls, index_url);
	if (!f->no_index)
		add_texts(r->arena, &f->index_urls, &o->extra_index_urls);
	if (o->find_links.count) {
		requirement_texts_add(r->arena, &f->find_links, o->find_links.items[0]);
		requirement_texts_add(r->arena, &f->find_links_from, line->pos.file);
	}
	add_texts(r->arena, &f->trusted_hosts, &o->trusted_hosts);
	for (size_t i = 0; i < o->features.count; i++)
		if (!requirement_texts_have(&f->features, o->features.items[i]))
			requirement_texts_add(r->arena, &f->features, o->features.items[i]);
	if (o->pre)
		requirement_control_add_all(r->arena, &f->releases);
}

static void read_file(struct reader *r, const struct open_file *file, struct pos at);

static void read_nested(struct reader *r, const struct open_file *from, const struct requirement_options *o, struct pos at)
{
	const char *path = o->requirements.count ? o->requirements.items[0] : o->constraints.items[0];
	struct open_file nested = {.by = from, .is_constraint = !o->requirements.count, .depth = from->depth + 1};

	nested.name = nested.place = nested_place(r, from, path);
	if (!nested.place) {
		diag_error(r->d, at, "cannot tell where '%s' is", path);
		return;
	}
	for (const struct open_file *f = from; f; f = f->by)
		if (!strcmp(f->place, nested.place)) {
			diag_error(r->d, at, "'%s' includes itself", path);
			return;
		}
	if (nested.depth > REQUIREMENT_FILE_DEPTH_LIMIT)
		diag_error(r->d, at, "files stand in files deeper than %d times", REQUIREMENT_FILE_DEPTH_LIMIT);
	else
		read_file(r, &nested, at);
}

static void read_line(struct reader *r, const struct open_file *file, const struct requirement_text_line *from)
{
	struct requirement_line line = {.pos = {file->name, from->number, 1}, .is_constraint = file->is_constraint};
	struct requirement_options *o = &line.options;
	const char *why = requirement_options_read(r->arena, from->text, &line.text, o, r->file);
	size_t at;

	if (why) {
		diag_error(r->d, line.pos, "%s", why);
		return;
	}
	line.is_editable = o->editables.count;
	if (!line.text && line.is_editable)
		line.text = o->editables.items[0];
	if (!line.text && (o->requirements.count || o->constraints.count)) {
		read_nested(r, file, o, line.pos);
		return;
	}
	if (line.text)
		line.requirement = requirement_parse(r->arena, line.text, &at, &why);
	else
		apply(r, &line);
	*arena_push(r->arena, &r->file->lines, &r->file->line_count) = line;
}

/* Appends the text of a file, decoded. */
static int open_text(struct reader *r, const char *place, struct strbuf *text, struct error *err)
{
	autostrbuf struct strbuf bytes = {0};
	bool decoded = false;

	if (r->source->open(r->source->context, place, &bytes, &decoded, err))
		return -1;
	if (decoded && text_is_utf8(strbuf_text(&bytes), bytes.length))
		strbuf_add_bytes(text, strbuf_text(&bytes), bytes.length);
	else if (requirement_text_decode(strbuf_text(&bytes), bytes.length, text, err))
		return -1;
	return strlen(strbuf_text(text)) == text->length ? 0 : error_set(err, ERR_INPUT, "it holds a NUL");
}

static void read_file(struct reader *r, const struct open_file *file, struct pos at)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error err = {0};
	struct requirement_text_line *lines;
	size_t count;

	if (++r->opened > REQUIREMENT_FILE_LIMIT) {
		diag_error(r->d, at, "more than %d files are named", REQUIREMENT_FILE_LIMIT);
		return;
	}
	if (open_text(r, file->place, &text, &err)) {
		diag_error(r->d, at, "cannot read '%s': %s", file->name, err.text);
		return;
	}
	r->bytes += text.length;
	if (r->bytes > REQUIREMENT_BYTES_LIMIT) {
		diag_error(r->d, at, "the files are larger than %d bytes together", REQUIREMENT_BYTES_LIMIT);
		r->opened = REQUIREMENT_FILE_LIMIT + 1;
		return;
	}
	diag_add_source(r->d, file->name, strbuf_text(&text), text.length);
	requirement_text_lines(r->arena, strbuf_text(&text), r->source, &lines, &count);
	for (size_t i = 0; i < count && r->file->line_count < REQUIREMENT_LINE_LIMIT && r->opened <= REQUIREMENT_FILE_LIMIT; i++)
		read_line(r, file, &lines[i]);
}

struct requirement_file *requirement_file_read(struct arena *a, const char *path, bool is_constraint, const struct requirement_source *source, struct diag *d)
{
	struct reader r = {.arena = a, .source = source, .d = d, .file = arena_new(a, struct requirement_file)};
	struct open_file outermost = {
		.name = path, .place = is_address(path) ? path : absolute(a, source->folder, path), .is_constraint = is_constraint, .depth = 1};
	size_t errors = d->error_count;

	r.file->default_index = true;
	read_file(&r, &outermost, (struct pos){path, 0, 0});
	if (r.file->line_count >= REQUIREMENT_LINE_LIMIT)
		diag_error(d, (struct pos){path, 0, 0}, "it comes to more than %d lines", REQUIREMENT_LINE_LIMIT);
	return d->error_count > errors ? NULL : r.file;
}

int requirement_root_open(void *context, const char *place, struct strbuf *out, bool *ret_decoded __attribute__((unused)), struct error *err)
{
	const struct requirement_root *root = context;
	autoarena struct arena a = {0};
	size_t length = strlen(root->root);

	while (length && root->root[length - 1] == '/')
		length--;
	if (is_address(place) || strncmp(place, root->root, length) != 0 || place[length] != '/' ||
	    (length && path_leads_out(&a, root->root, place + length + 1)))
		return error_set(err, ERR_INPUT, "it is not inside '%s'", root->root);
	return file_read(place, root->limit_bytes, out, err);
}
