#include "python/freeze.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static const char no_vcs[] = "# Editable install with no version control (", editable[] = "# Editable ", no_remote[] = " install with no remote (",
		  bad_remote[] = " install (",
		  bad_remote_end[] = ") with either a deleted local remote or invalid URI:", unknown[] = "## !! Could not determine repository location";

/* ---- writing ---- */

static void add_version(struct strbuf *out, const struct freeze_entry *e)
{
	strbuf_printf(out, "%s%s%s", e->name, e->is_arbitrary ? "===" : "==", e->version);
}

static void add_reason(struct strbuf *out, const struct freeze_entry *e)
{
	switch (e->reason) {
	case FREEZE_NO_REASON:
		break;
	case FREEZE_NO_VCS:
		strbuf_add(out, no_vcs);
		add_version(out, e);
		strbuf_add(out, ")\n");
		break;
	case FREEZE_NO_REMOTE:
		strbuf_printf(out, "%s%s%s", editable, e->repository, no_remote);
		add_version(out, e);
		strbuf_add(out, ")\n");
		break;
	case FREEZE_BAD_REMOTE:
		strbuf_printf(out, "%s%s%s", editable, e->repository, bad_remote);
		add_version(out, e);
		strbuf_printf(out, "%s\n# '%s'\n", bad_remote_end, e->remote);
		break;
	default:
		strbuf_printf(out, "%s\n", unknown);
		break;
	}
}

static void add_editable(struct strbuf *out, const struct freeze_entry *e)
{
	add_reason(out, e);
	if (e->path) {
		strbuf_printf(out, "-e %s", e->path);
		return;
	}
	strbuf_printf(out, "-e %s%s%s@%s#egg=%s", e->is_bare ? "" : e->vcs, e->is_bare ? "" : "+", e->url, e->revision, e->name);
	if (e->subdirectory)
		strbuf_printf(out, "&subdirectory=%s", e->subdirectory);
}

static void add_direct(struct strbuf *out, const struct freeze_entry *e)
{
	strbuf_printf(out, "%s @ ", e->name);
	if (e->vcs)
		strbuf_printf(out, "%s+%s@%s", e->vcs, e->url, e->revision);
	else
		strbuf_add(out, e->url);
	if (e->algorithm)
		strbuf_printf(out, "#%s=%s", e->algorithm, e->digest);
	if (e->subdirectory)
		strbuf_printf(out, "%csubdirectory=%s", e->algorithm ? '&' : '#', e->subdirectory);
}

void freeze_entry_write(struct strbuf *out, const struct freeze_entry *e)
{
	if (e->kind == FREEZE_VERSION)
		add_version(out, e);
	else if (e->kind == FREEZE_DIRECT)
		add_direct(out, e);
	else if (e->kind == FREEZE_EDITABLE)
		add_editable(out, e);
	else
		strbuf_add_bytes(out, e->text, e->text_length);
}

void freeze_write(struct strbuf *out, const struct freeze *f)
{
	for (size_t i = 0; i < f->count; i++) {
		freeze_entry_write(out, &f->entries[i]);
		if (i + 1 < f->count || f->is_ended)
			strbuf_add_char(out, '\n');
	}
}

void freeze_add_lines(struct arena *a, const struct freeze *f, const char ***lines, size_t *count)
{
	autostrbuf struct strbuf out = {0};

	for (size_t i = 0; i < f->count; i++) {
		if (f->entries[i].kind == FREEZE_BLANK)
			continue;
		strbuf_clear(&out);
		freeze_entry_write(&out, &f->entries[i]);
		for (const char *line = strbuf_text(&out); line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
			*arena_push(a, lines, count) = arena_strndup(a, line, strcspn(line, "\n"));
	}
}

/* ---- reading ---- */

static const char *part(struct arena *a, const char *start, const char *end)
{
	return arena_strndup(a, start, (size_t)(end - start));
}

/* No blanks, no control bytes: a word. */
static bool is_word(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7F)
			return false;
	return *text;
}

/* "name==version" or "name===version" */
static bool read_version(struct arena *a, const char *start, const char *end, struct freeze_entry *e)
{
	const char *text = part(a, start, end), *equals = strstr(text, "==");

	if (!equals)
		return false;
	e->is_arbitrary = equals[2] == '=';
	e->name = part(a, text, equals);
	e->version = equals + (e->is_arbitrary ? 3 : 2);
	return is_word(e->name) && is_word(e->version);
}

/* Takes "vcs+" from the start and "@revision" from the end of an address that ends at its '#'. False when it is of no version control. */
static bool read_checkout(struct arena *a, const char *url, bool bare_too, struct freeze_entry *e)
{
	static const char *const known[] = {"git", "hg", "bzr", "svn"};
	const char *mark = url + strcspn(url, "+:"), *at = strrchr(url, '@');

	for (size_t i = 0; i < ARRAY_LEN(known) && at && at > mark; i++) {
		if (strlen(known[i]) != (size_t)(mark - url) || !text_starts_with(url, known[i]) || (*mark == ':' && !bare_too))
			continue;
		e->vcs = known[i];
		e->is_bare = *mark == ':';
		e->url = part(a, e->is_bare ? url : mark + 1, at);
		e->revision = at + 1;
		return true;
	}
	return false;
}

/* "algorithm=digest&subdirectory=x": both, one of them or none. */
static void read_fragment(struct arena *a, const char *fragment, struct freeze_entry *e)
{
	static const char subdirectory[] = "subdirectory=";
	const char *equals = strchr(fragment, '='), *next = strchr(fragment, '&');

	if (equals && !text_starts_with(fragment, subdirectory)) {
		e->algorithm = part(a, fragment, equals);
		e->digest = part(a, equals + 1, next && next > equals ? next : fragment + strlen(fragment));
		fragment = next ? next + 1 : "";
	}
	if (text_starts_with(fragment, subdirectory))
		e->subdirectory = fragment + strlen(subdirectory);
}

static bool read_direct(struct arena *a, const char *line, struct freeze_entry *e)
{
	const char *at = strstr(line, " @ "), *url = at ? at + 3 : NULL;

	if (!url)
		return false;
	const char *hash = strchr(url, '#');

	e->kind = FREEZE_DIRECT;
	e->name = part(a, line, at);
	e->url = hash ? part(a, url, hash) : url;
	read_checkout(a, e->url, false, e);
	if (hash)
		read_fragment(a, hash + 1, e);
	return is_word(e->name) && *e->url;
}

static bool read_editable(struct arena *a, const char *line, struct freeze_entry *e)
{
	static const char egg[] = "#egg=", subdirectory[] = "&subdirectory=";

	if (!text_starts_with(line, "-e ") || !line[3])
		return false;
	e->kind = FREEZE_EDITABLE;
	const char *hash = strstr(line, egg);

	if (!hash || !read_checkout(a, part(a, line + 3, hash), true, e)) {
		e->path = line + 3;
		return true;
	}
	const char *name = hash + strlen(egg), *next = strstr(name, subdirectory);

	e->name = next ? part(a, name, next) : name;
	e->subdirectory = next ? next + strlen(subdirectory) : NULL;
	return true;
}

/* Where `end` stands at the end of the text, or NULL. */
static const char *before_end(const char *text, const char *end)
{
	return text_ends_with(text, end) ? text + strlen(text) - strlen(end) : NULL;
}

/* "# Editable Git install ...(name==version)...": what stands between `middle` and `end`, and the word before. */
static bool read_display(struct arena *a, const char *comment, const char *middle, const char *end, struct freeze_entry *e)
{
	const char *found = text_starts_with(comment, editable) ? strstr(comment, middle) : NULL, *stop = before_end(comment, end);

	if (!found || !stop)
		return false;
	/* No end of the one is a beginning of the other. */
	assert(stop >= found + strlen(middle));
	if (found > comment + strlen(editable))
		e->repository = part(a, comment + strlen(editable), found);
	return read_version(a, found + strlen(middle), stop, e);
}

/* Tries the one or two comments before a path; says how many of them are its own. */
static size_t read_reason(struct arena *a, const char *before, const char *last, struct freeze_entry *e)
{
	struct freeze_entry tried = *e;

	if (!strcmp(last, unknown)) {
		e->reason = FREEZE_UNKNOWN;
		return 1;
	}
	tried.reason = FREEZE_NO_VCS;
	if (text_starts_with(last, no_vcs) && before_end(last, ")") && read_version(a, last + strlen(no_vcs), before_end(last, ")"), &tried)) {
		*e = tried;
		return 1;
	}
	tried = *e;
	tried.reason = FREEZE_NO_REMOTE;
	if (read_display(a, last, no_remote, ")", &tried) && tried.repository) {
		*e = tried;
		return 1;
	}
	tried = *e;
	tried.reason = FREEZE_BAD_REMOTE;
	const char *quote = text_starts_with(last, "# '") ? before_end(last, "'") : NULL;

	if (quote && quote >= last + 3 && read_display(a, before, bad_remote, bad_remote_end, &tried) && tried.repository) {
		tried.remote = part(a, last + 3, quote);
		*e = tried;
		return 2;
	}
	return 0;
}

static enum freeze_kind kind_of(const char *line)
{
	size_t blanks = strspn(line, " \t\r\f\v");

	return !line[blanks] ? FREEZE_BLANK : line[blanks] == '#' ? FREEZE_COMMENT : line[0] == '-' ? FREEZE_OPTION : FREEZE_OTHER;
}

static bool writes_as(const struct freeze_entry *e, const char *line)
{
	autostrbuf struct strbuf out = {0};

	freeze_entry_write(&out, e);
	return !strcmp(strbuf_text(&out), line);
}

static struct freeze_entry read_line(struct arena *a, const char *line, size_t length)
{
	struct freeze_entry e = {0};
	bool whole = strlen(line) == length && !strpbrk(line, "\r\f\v\t");

	/* What a form would change is not of that form. */
	if (whole && *line != '#' && (*line == '-' ? read_editable(a, line, &e) : read_direct(a, line, &e)) && writes_as(&e, line))
		return e;
	e = (struct freeze_entry){.kind = FREEZE_VERSION};
	if (whole && *line != '#' && *line != '-' && read_version(a, line, line + length, &e))
		return e;
	return (struct freeze_entry){.kind = strlen(line) == length ? kind_of(line) : FREEZE_OTHER, .text = line, .text_length = length};
}

static const char *comment_before(const struct freeze *f, size_t back)
{
	const struct freeze_entry *e = f->count >= back ? &f->entries[f->count - back] : NULL;

	return e && e->kind == FREEZE_COMMENT ? e->text : "";
}

struct freeze freeze_read(struct arena *a, const char *text, size_t length)
{
	const char *end = text + length;
	struct freeze f = {.is_ended = length && end[-1] == '\n'};

	for (unsigned number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;
		struct freeze_entry e = read_line(a, part(a, text, stop), (size_t)(stop - text));

		e.line = number;
		if (e.kind == FREEZE_EDITABLE && e.path)
			f.count -= read_reason(a, comment_before(&f, 2), comment_before(&f, 1), &e);
		*arena_push(a, &f.entries, &f.count) = e;
		text = newline ? newline + 1 : end;
	}
	return f;
}

/* ---- order ---- */

static int by_last_line(const void *a, const void *b)
{
	const struct freeze_entry *x = a, *y = b;
	autostrbuf struct strbuf left = {0}, right = {0};
	const char *newline;

	freeze_entry_write(&left, x);
	freeze_entry_write(&right, y);
	newline = strrchr(strbuf_text(&left), '\n');
	const char *l = newline ? newline + 1 : strbuf_text(&left);

	newline = strrchr(strbuf_text(&right), '\n');
	int order = strcmp(l, newline ? newline + 1 : strbuf_text(&right));

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

void freeze_sort(struct freeze *f)
{
	if (f->count)
		qsort(f->entries, f->count, sizeof(*f->entries), by_last_line);
}
