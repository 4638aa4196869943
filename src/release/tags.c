#include "release/tags.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "release/tags_find.h"

/* Jenkins itself cannot run a file nearly as large. */
enum { TAG_FILE_LIMIT_BYTES = 1024 * 1024, AMBIGUOUS_MAX = 10, SHOWN_MAX = 100 };

/* One tag file while it is searched. */
struct search {
	struct tags *tags;
	const struct database *db;
	struct diag *diag;
	const struct tag_file *file;
	struct tag_finds finds;
};

void tags_release(struct tags *t)
{
	arena_release(&t->arena);
	*t = (struct tags){0};
}

static struct pos pos_at(const struct tag_file *file, size_t offset)
{
	struct pos pos = {.file = file->path, .line = 1, .column = 1};

	for (size_t i = 0; i < offset; i++) {
		pos.column++;
		if (file->text[i] == '\n') {
			pos.line++;
			pos.column = 1;
		}
	}
	return pos;
}

/* A reference "repository/container:tag" taken apart; the tag is at `tag` in it. */
struct image_name {
	const char *text;
	size_t repository_length;
	const char *container;
	size_t container_length;
	const char *tag; /* NULL: none */
	size_t tag_length;
};

static bool is_tag(const char *text, size_t length)
{
	if (!length || length > 128 || *text == '.' || *text == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'))
			return false;
	}
	return true;
}

static struct image_name take_apart(const char *text, size_t length)
{
	const char *slash = length ? memrchr(text, '/', length) : NULL;
	struct image_name name = {.text = text, .container = slash ? slash + 1 : text};
	const char *end = text + length, *colon = length ? memchr(name.container, ':', (size_t)(end - name.container)) : NULL;

	name.repository_length = slash ? (size_t)(slash - text) : 0;
	name.container_length = (size_t)((colon ? colon : end) - name.container);
	if (colon) {
		name.tag = colon + 1;
		name.tag_length = (size_t)(end - name.tag);
	}
	return name;
}

/* What is shown of a name that may be anything. */
static int shown(size_t length)
{
	return (int)(length < SHOWN_MAX ? length : SHOWN_MAX);
}

static bool is_text(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(text, word, length);
}

static const char *const form_problems[] = {
	[TAG_INTERPOLATED] = "is put together from parts when it is used",
	[TAG_ESCAPED] = "has a backslash escape",
	[TAG_SLASHED] = "stands between slashes",
	[TAG_EXPRESSION] = "is only a part of what is assigned",
};

/* Why this candidate cannot be the tag of the container, in `a`; NULL when it can. */
static const char *problem_of(const struct search *s, const struct container *c, const struct tag_candidate *candidate, struct arena *a)
{
	const char *text = s->file->text + candidate->offset, *repository = s->db->project.repository;
	struct image_name name = take_apart(text, candidate->length);

	if (candidate->form != TAG_PLAIN)
		return arena_printf(a, "the text of '%s' %s; lockstep moves plain texts only", c->tag_name, form_problems[candidate->form]);
	if (memchr(text, '@', candidate->length))
		return arena_printf(a, "'%s' names an image by digest; lockstep moves tags only", c->tag_name);
	if (!is_text(name.container, name.container_length, c->name))
		return arena_printf(a, "'%s' holds the tag of container '%s', but this names image '%.*s'", c->tag_name, c->name, shown(name.container_length),
				    name.container);
	if (!is_text(text, name.repository_length, repository))
		return arena_printf(a, "'%s' names repository '%.*s', but recipes/project.yaml says '%s'", c->tag_name, shown(name.repository_length), text,
				    repository);
	if (!name.tag)
		return arena_printf(a, "the image of '%s' has no ':tag'", c->tag_name);
	if (!is_tag(name.tag, name.tag_length))
		return arena_printf(a, "'%s' has no valid tag: '%.*s'", c->tag_name, shown(name.tag_length), name.tag);
	return NULL;
}

/* An assignment that has plainly nothing to do with the image: `ci_cpu = ''` before the real one. */
static bool is_unrelated(const struct search *s, const struct container *c, const struct tag_candidate *candidate)
{
	const char *text = s->file->text + candidate->offset;

	return !memmem(text, candidate->length, c->name, strlen(c->name));
}

static bool is_named(const struct search *s, const struct container *c, const struct tag_candidate *candidate)
{
	return is_text(s->file->text + candidate->name_offset, candidate->name_length, c->tag_name);
}

static void hint_form(const struct search *s, const struct container *c)
{
	if (tags_is_groovy(s->file->path))
		diag_hint(s->diag, "write: %s = '%s/%s:%s'", c->tag_name, s->db->project.repository, c->name, s->db->project.first_release);
	else
		diag_hint(s->diag, "write: %s=%s/%s:%s", c->tag_name, s->db->project.repository, c->name, s->db->project.first_release);
}

static void add_place(struct search *s, const struct container *c, const struct tag_candidate *candidate)
{
	struct image_name name = take_apart(s->file->text + candidate->offset, candidate->length);
	size_t offset = (size_t)(name.tag - s->file->text);

	*arena_push(&s->tags->arena, &s->tags->places, &s->tags->place_count) = (struct tag_place){
		.container = c,
		.file = s->file,
		.pos = pos_at(s->file, offset),
		.offset = offset,
		.length = name.tag_length,
		.tag = arena_strndup(&s->tags->arena, name.tag, name.tag_length),
	};
}

/* True when the container's tag name was dealt with in this file: found, or found wrong. */
static bool search_container(struct search *s, const struct container *c)
{
	const struct tag_candidate *first = NULL, *unrelated = NULL;
	const char *problem;
	size_t again = 0;

	for (size_t i = 0; i < s->finds.candidate_count; i++) {
		const struct tag_candidate *candidate = &s->finds.candidates[i];

		if (!is_named(s, c, candidate))
			continue;
		if (is_unrelated(s, c, candidate)) {
			unrelated = unrelated ? unrelated : candidate;
			continue;
		}
		if (first && again++ < AMBIGUOUS_MAX) {
			struct pos before = pos_at(s->file, first->name_offset);

			diag_error(s->diag, pos_at(s->file, candidate->name_offset), "the tag of container '%s' is ambiguous: '%s' is set here and on line %u",
				   c->name, c->tag_name, before.line);
		}
		first = first ? first : candidate;
	}
	if (!first)
		first = unrelated;
	if (again > AMBIGUOUS_MAX)
		diag_hint(s->diag, "and in %zu other places", again - AMBIGUOUS_MAX);
	if (!first || again)
		return first;
	problem = problem_of(s, c, first, &s->tags->arena);
	if (!problem) {
		add_place(s, c, first);
		return true;
	}
	diag_error(s->diag, pos_at(s->file, first->offset), "%s", problem);
	hint_form(s, c);
	return true;
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A mention in a comment or a text, for the message only. */
static bool find_mention(const struct search *s, const char *name, bool comment, size_t *ret_offset)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < s->finds.hidden_count; i++) {
		const struct tag_hidden *h = &s->finds.hidden[i];
		const char *begin = s->file->text + h->offset, *end = begin + h->length, *at = begin;

		while (h->comment == comment && at < end && (at = memmem(at, (size_t)(end - at), name, length))) {
			if ((at == begin || !is_word_byte(at[-1])) && (at + length == end || !is_word_byte(at[length]))) {
				*ret_offset = (size_t)(at - s->file->text);
				return true;
			}
			at++;
		}
	}
	return false;
}

static void report_missing(struct search *s, const struct container *c)
{
	struct pos pos = {.file = s->file->path};
	const char *where = "";
	size_t offset;

	if (find_mention(s, c->tag_name, true, &offset)) {
		where = "; it stands only in a comment";
		pos = pos_at(s->file, offset);
	} else if (find_mention(s, c->tag_name, false, &offset)) {
		where = "; it stands only inside a text";
		pos = pos_at(s->file, offset);
	}
	diag_error(s->diag, pos, "the tag of container '%s' cannot be found: nothing sets '%s'%s", c->name, c->tag_name, where);
	hint_form(s, c);
}

static int read_file(struct tags *t, const struct database *db, size_t i, struct diag *d)
{
	struct tag_file *file = &t->files[t->file_count];
	const char *path = db->project.tag_files[i], *full = path_join(&t->arena, db->root, path);
	autostrbuf struct strbuf text = {0};
	autoerror struct error err = {0};

	if (file_read(full, TAG_FILE_LIMIT_BYTES, &text, &err) < 0) {
		if (err.code == ERR_NOT_FOUND)
			diag_error(d, db->project.tag_file_pos[i], "there is no file '%s' to hold the tags", path);
		else
			diag_error(d, db->project.tag_file_pos[i], "%s", err.text);
		return -1;
	}
	*file = (struct tag_file){.path = path, .text = arena_strndup(&t->arena, strbuf_text(&text), text.length), .length = text.length};
	digest_bytes(file->text, file->length, file->sha256);
	diag_add_source(d, path, file->text, file->length);
	t->file_count++;
	return 0;
}

static bool search_file(struct search *s)
{
	const struct tag_file *file = s->file;
	const char *why;
	size_t offset;

	if (!tags_is_groovy(file->path)) {
		tags_find_lines(&s->tags->arena, file->text, file->length, &s->finds);
		return true;
	}
	if (tags_find_groovy(&s->tags->arena, file->text, file->length, &s->finds, &offset, &why))
		return true;
	diag_error(s->diag, pos_at(file, offset), "%s, so the tags in this file cannot be told from other text", why);
	return false;
}

static int compare_places(const void *left, const void *right)
{
	const struct tag_place *a = left, *b = right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Every file is searched for every container; a container that no file deals with is reported for the first file. */
static void search_all(struct tags *t, const struct database *db, struct diag *d)
{
	autofree bool *found = mem_zero(db->container_count ? db->container_count : 1, sizeof(*found));
	struct search first = {0};
	bool readable = true;

	for (size_t i = 0; i < t->file_count; i++) {
		struct search s = {.tags = t, .db = db, .diag = d, .file = &t->files[i]};

		readable = search_file(&s) && readable;
		for (size_t k = 0; k < db->container_count; k++)
			found[k] = search_container(&s, &db->containers[k]) || found[k];
		if (!i)
			first = s;
	}
	for (size_t k = 0; readable && first.file && k < db->container_count; k++) {
		if (!found[k])
			report_missing(&first, &db->containers[k]);
	}
}

int tags_read(struct tags *t, const struct database *db, struct diag *d, struct error *err)
{
	size_t before = d->error_count;

	t->files = arena_array(&t->arena, db->project.tag_file_count, sizeof(*t->files));
	for (size_t i = 0; i < db->project.tag_file_count; i++)
		read_file(t, db, i, d);
	if (t->file_count == db->project.tag_file_count)
		search_all(t, db, d);
	if (t->place_count)
		qsort(t->places, t->place_count, sizeof(*t->places), compare_places);
	return d->error_count > before ? error_set(err, ERR_INPUT, "the tags of the containers cannot be moved") : 0;
}

bool tags_are_at(const struct tags *t, const char *release)
{
	for (size_t i = 0; i < t->place_count; i++) {
		if (strcmp(t->places[i].tag, release) != 0)
			return false;
	}
	return true;
}

static struct tag_change move_tags(const struct tags *t, const struct tag_file *file, struct arena *a, const char *release)
{
	autostrbuf struct strbuf text = {0};
	size_t copied = 0;

	for (size_t i = 0; i < t->place_count; i++) {
		const struct tag_place *place = &t->places[i];

		if (place->file != file)
			continue;
		strbuf_add_bytes(&text, file->text + copied, place->offset - copied);
		strbuf_add(&text, release);
		copied = place->offset + place->length;
	}
	strbuf_add_bytes(&text, file->text + copied, file->length - copied);
	return (struct tag_change){
		.path = file->path,
		.text = arena_strndup(a, strbuf_text(&text), text.length),
		.length = text.length,
		.old_sha256 = arena_strdup(a, file->sha256),
	};
}

void tags_plan(const struct tags *t, struct arena *a, const char *release, struct tag_change **ret, size_t *ret_count)
{
	struct tag_change *changes = NULL;
	size_t count = 0;

	for (size_t i = 0; i < t->file_count; i++) {
		struct tag_change change = move_tags(t, &t->files[i], a, release);

		if (change.length != t->files[i].length || memcmp(change.text, t->files[i].text, change.length) != 0)
			*arena_push(a, &changes, &count) = change;
	}
	*ret = changes;
	*ret_count = count;
}
