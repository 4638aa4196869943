/* METADATA: header lines as those of mail (RFC 822, folded), then a body that is of no interest here. */
#include "python/wheel.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/digest.h"
#include "io/zip.h"
#include "python/name.h"
#include "python/scan.h"
#include "python/version.h"

/* It holds the package's whole description; the largest in the world have a few hundred kB. */
enum { METADATA_LIMIT_BYTES = 16 << 20 };

struct reader {
	struct arena *arena;
	const char *at, *end;
	struct wheel_metadata *metadata;
};

/* Takes a line without its end ("\n", "\r\n" or "\r"); false behind the last one. */
static bool take_line(struct reader *r, const char **ret_line, size_t *ret_length)
{
	const char *end = r->at;

	if (r->at == r->end)
		return false;
	while (end < r->end && *end != '\n' && *end != '\r')
		end++;
	*ret_line = r->at;
	*ret_length = (size_t)(end - r->at);
	r->at = end + (end < r->end) + (r->end - end > 1 && end[0] == '\r' && end[1] == '\n');
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The length of the header's name when the line is one, printable ASCII up to a ':'; else -1. */
static long name_length(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (line[i] == ':')
			return (long)i;
		if (line[i] <= ' ' || line[i] > '~')
			break;
	}
	return -1;
}

/* Reads a header's value, unfolded: the end of a line and the blanks that the next one begins with count as one blank. */
static const char *take_value(struct reader *r, const char *start, size_t length)
{
	autostrbuf struct strbuf value = {0};

	while (length && is_blank(*start)) {
		start++;
		length--;
	}
	strbuf_add_bytes(&value, start, length);
	while (r->at < r->end && is_blank(*r->at)) {
		take_line(r, &start, &length);
		while (length && is_blank(*start)) {
			start++;
			length--;
		}
		strbuf_add_char(&value, ' ');
		strbuf_add_bytes(&value, start, length);
	}
	/* A NUL would end the text early; an invalid byte stays and is refused as such. */
	for (size_t i = 0; i < value.length; i++)
		if (!value.text[i])
			value.text[i] = (char)0xFF;
	return arena_strndup(r->arena, strbuf_text(&value), value.length);
}

static bool is_named(const char *line, long length, const char *name)
{
	return (size_t)length == strlen(name) && scan_word(line, name);
}

static int set_once(const char **field, const char *name, const char *value, struct error *err)
{
	if (*field)
		return error_set(err, ERR_INPUT, "metadata has '%s' twice", name);
	*field = value;
	return 0;
}

static int take_header(struct reader *r, const char *line, size_t length, long name, struct error *err)
{
	struct wheel_metadata *m = r->metadata;
	const char *value = take_value(r, line + name + 1, length - (size_t)name - 1);

	if (is_named(line, name, "name"))
		return set_once(&m->name, "Name", value, err);
	if (is_named(line, name, "version"))
		return set_once(&m->version, "Version", value, err);
	if (is_named(line, name, "requires-python"))
		return set_once(&m->requires_python, "Requires-Python", value, err);
	if (is_named(line, name, "metadata-version"))
		m->metadata_version = value;
	if (is_named(line, name, "dynamic"))
		*arena_push(r->arena, &m->dynamic, &m->dynamic_count) = value;
	bool extra = is_named(line, name, "provides-extra");

	if (!extra && !is_named(line, name, "requires-dist"))
		return 0;
	if (!text_is_utf8(value, strlen(value)))
		return error_set(err, ERR_INPUT, "metadata is not UTF-8 in '%.*s'", (int)name, line);
	if (extra)
		*arena_push(r->arena, &m->provides_extra, &m->provides_extra_count) = name_canonical(r->arena, value);
	else
		*arena_push(r->arena, &m->requires_dist, &m->requires_dist_count) = value;
	return 0;
}

static int take_headers(struct reader *r, struct error *err)
{
	const char *line;
	size_t length;

	while (take_line(r, &line, &length)) {
		long name = name_length(line, length);

		/* What email parsers pass over: an envelope line, folded text before the first header, a header without a name. */
		if (!name || (length && is_blank(*line)) || (length >= 5 && !strncmp(line, "From ", 5)))
			continue;
		if (name < 0)
			break; /* an empty line, or no header: the body */
		if (take_header(r, line, length, name, err))
			return -1;
	}
	return 0;
}

static int check_metadata(struct arena *a, struct wheel_metadata *m, struct error *err)
{
	if (!m->name || !m->version)
		return error_set(err, ERR_INPUT, "metadata has no '%s'", m->name ? "Version" : "Name");
	m->name = arena_strndup(a, m->name, (size_t)(scan_trim_end(m->name, m->name + strlen(m->name)) - m->name));
	struct version *version = version_parse(a, m->version);

	if (!name_is_valid(m->name))
		return error_set(err, ERR_INPUT, "metadata has a 'Name' that is no name");
	if (!version)
		return error_set(err, ERR_INPUT, "metadata of '%s' has a 'Version' that is no version", m->name);
	if (m->requires_python && !text_is_utf8(m->requires_python, strlen(m->requires_python)))
		return error_set(err, ERR_INPUT, "metadata of '%s' is not UTF-8 in 'Requires-Python'", m->name);
	m->version = version_normal(a, version);
	return 0;
}

static void sort_extras(struct wheel_metadata *m)
{
	size_t kept = 0;

	if (m->provides_extra_count)
		qsort(m->provides_extra, m->provides_extra_count, sizeof(*m->provides_extra), text_compare_items);
	for (size_t i = 0; i < m->provides_extra_count; i++)
		if (!kept || strcmp(m->provides_extra[kept - 1], m->provides_extra[i]) != 0)
			m->provides_extra[kept++] = m->provides_extra[i];
	m->provides_extra_count = kept;
}

int wheel_metadata_parse(struct arena *a, const char *text, size_t length, struct wheel_metadata *ret, struct error *err)
{
	struct wheel_metadata metadata = {0};
	struct reader r = {.arena = a, .at = text, .end = text + length, .metadata = &metadata};

	if (take_headers(&r, err) || check_metadata(a, &metadata, err))
		return -1;
	sort_extras(&metadata);
	digest_bytes(text, length, metadata.metadata_sha256);
	*ret = metadata;
	return 0;
}

/* "<name>-<version>.dist-info/METADATA", at the top. */
static bool is_metadata_path(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash && !strcmp(slash, "/METADATA") && slash - name > 10 && !strncmp(slash - 10, ".dist-info", 10);
}

/* Finds the one METADATA; *ret_folder is a copy of its folder's name in the arena. */
static int read_metadata(struct arena *a, struct zip *z, struct strbuf *out, const char **ret_folder, struct error *err)
{
	const char *folder = NULL;
	struct zip_member member;
	bool found;

	for (;;) {
		if (zip_next(z, &member, &found, err))
			return -1;
		if (!found)
			break;
		if (!is_metadata_path(member.name))
			continue;
		if (folder)
			return error_set(err, ERR_INPUT, "cannot read the wheel '%s': it holds more than one METADATA", z->path);
		folder = arena_strndup(a, member.name, strcspn(member.name, "/"));
		if (zip_read(z, &member, METADATA_LIMIT_BYTES, out, err))
			return -1;
	}
	if (!folder)
		return error_set(err, ERR_INPUT, "cannot read the wheel '%s': it holds no METADATA", z->path);
	*ret_folder = folder;
	return 0;
}

/* PEP 427: the folder has the name and version of what is in it; only the name is held to that, as installers do. */
static int check_folder(struct arena *a, const char *folder, const struct wheel_metadata *m, struct error *err)
{
	const char *name = name_canonical(a, m->name), *of_folder = name_canonical(a, folder);

	if (text_starts_with(of_folder, name) && of_folder[strlen(name)] == '-')
		return 0;
	autostrbuf struct strbuf shown = {0};

	text_escape(&shown, folder, strlen(folder), 0);
	return error_set(err, ERR_INPUT, "metadata of '%s' stands in '%s'", m->name, strbuf_text(&shown));
}

int wheel_metadata_read(struct arena *a, const char *path, struct wheel_metadata *ret, struct error *err)
{
	autozip struct zip z = ZIP_NONE;
	autostrbuf struct strbuf text = {0};
	struct wheel_metadata metadata;
	const char *folder = NULL;

	if (zip_open(&z, path, err) || read_metadata(a, &z, &text, &folder, err))
		return -1;
	if (wheel_metadata_parse(a, strbuf_text(&text), text.length, &metadata, err) || check_folder(a, folder, &metadata, err))
		return error_wrap(err, "cannot read the wheel '%s'", path);
	*ret = metadata;
	return 0;
}
