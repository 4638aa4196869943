/* Answers questions about requirement files, for requirement_file_test.py: the outermost file's name, the folder it is in, "c" for a constraint file or "r", then
   how many files there are and for each its place and its bytes, and how many variables and for each its name and its value. */
#include "question.h"

#include "python/requirement_file.h"

struct world {
	const struct question *q;
	size_t files, variables; /* where they begin */
	size_t file_count, variable_count;
};

static int open_file(void *context, const char *place, struct strbuf *out, bool *ret_decoded, struct error *err)
{
	const struct world *w = context;

	for (size_t i = 0; i < w->file_count; i++) {
		size_t at = w->files + 2 * i;

		if (strcmp(w->q->fields[at], place) != 0)
			continue;
		strbuf_add_bytes(out, w->q->fields[at + 1], w->q->lengths[at + 1]);
		*ret_decoded = *place != '/';
		return 0;
	}
	return error_set(err, ERR_NOT_FOUND, "it is not there");
}

static const char *find_variable(void *context, const char *name)
{
	const struct world *w = context;

	for (size_t i = 0; i < w->variable_count; i++)
		if (!strcmp(w->q->fields[w->variables + 2 * i], name))
			return w->q->fields[w->variables + 2 * i + 1];
	return NULL;
}

static void add_texts(struct question *q, const char *key, const struct requirement_texts *texts)
{
	if (!texts->count)
		return;
	json_begin_array(&q->w, key);
	for (size_t i = 0; i < texts->count; i++)
		json_add_text(&q->w, NULL, texts->items[i]);
	json_end_array(&q->w);
}

static void add_truth(struct question *q, const char *key, bool truth)
{
	if (truth)
		json_add_boolean(&q->w, key, true);
}

static void add_controls(struct question *q, const struct requirement_control *binary, const struct requirement_control *releases)
{
	add_texts(q, "only-binary", &binary->on);
	add_texts(q, "no-binary", &binary->off);
	add_texts(q, "all-releases", &releases->on);
	add_texts(q, "only-final", &releases->off);
}

static void add_options(struct question *q, const struct requirement_options *o)
{
	json_begin_object(&q->w, NULL);
	if (o->index_url)
		json_add_text(&q->w, "index-url", o->index_url);
	add_texts(q, "extra-index-urls", &o->extra_index_urls);
	add_texts(q, "find-links", &o->find_links);
	add_texts(q, "trusted-hosts", &o->trusted_hosts);
	add_texts(q, "features", &o->features);
	add_texts(q, "requirements", &o->requirements);
	add_texts(q, "constraints", &o->constraints);
	add_texts(q, "editables", &o->editables);
	add_truth(q, "no-index", o->no_index);
	add_truth(q, "prefer-binary", o->prefer_binary);
	add_truth(q, "require-hashes", o->require_hashes);
	add_truth(q, "no-require-hashes", o->no_require_hashes);
	add_truth(q, "pre", o->pre);
	add_controls(q, &o->binary, &o->releases);
	for (size_t i = 0; i < o->hash_count; i++) {
		autofree char *key = mem_printf("hash %s", o->hashes[i].algorithm);

		add_texts(q, key, &o->hashes[i].digests);
	}
	for (size_t i = 0; i < o->setting_count; i++) {
		autofree char *key = mem_printf("setting %s", o->settings[i].key);

		add_texts(q, key, &o->settings[i].values);
	}
	json_end_object(&q->w);
}

static void add_line(struct question *q, const struct requirement_line *line)
{
	json_begin_array(&q->w, NULL);
	json_add_text(&q->w, NULL, line->pos.file);
	json_add_integer(&q->w, NULL, line->pos.line);
	json_add_text(&q->w, NULL, line->text);
	json_add_boolean(&q->w, NULL, line->is_editable);
	json_add_boolean(&q->w, NULL, line->is_constraint);
	json_add_text(&q->w, NULL, line->requirement ? line->requirement->name : NULL);
	add_options(q, &line->options);
	json_end_array(&q->w);
}

static void add_whole(struct question *q, const struct requirement_file *f)
{
	json_begin_object(&q->w, "whole");
	json_begin_array(&q->w, "index-urls");
	if (f->default_index)
		json_add_text(&q->w, NULL, "DEFAULT");
	for (size_t i = 0; i < f->index_urls.count; i++)
		json_add_text(&q->w, NULL, f->index_urls.items[i]);
	json_end_array(&q->w);
	add_texts(q, "find-links", &f->find_links);
	add_texts(q, "trusted-hosts", &f->trusted_hosts);
	add_texts(q, "features", &f->features);
	add_truth(q, "no-index", f->no_index);
	add_truth(q, "prefer-binary", f->prefer_binary);
	add_truth(q, "require-hashes", f->require_hashes);
	add_truth(q, "no-require-hashes", f->no_require_hashes);
	add_controls(q, &f->binary, &f->releases);
	json_end_object(&q->w);
}

static void ask_file(struct question *q)
{
	struct world w = {.q = q, .files = 5, .file_count = (size_t)strtoul(q->fields[4], NULL, 10)};
	autodiag struct diag d = {0};

	w.variables = w.files + 2 * w.file_count + 1;
	w.variable_count = (size_t)strtoul(q->fields[w.variables - 1], NULL, 10);

	struct requirement_source source = {open_file, w.variable_count ? find_variable : NULL, &w, q->fields[2]};
	struct requirement_file *f = requirement_file_read(&q->arena, q->fields[1], !strcmp(q->fields[3], "c"), &source, &d);

	json_begin_object(&q->w, NULL);
	json_begin_array(&q->w, f ? "lines" : "refused");
	for (size_t i = 0; f && i < f->line_count; i++)
		add_line(q, &f->lines[i]);
	for (size_t i = 0; !f && i < d.problem_count; i++)
		json_add_text(&q->w, NULL, d.problems[i].text);
	json_end_array(&q->w);
	if (f)
		add_whole(q, f);
	json_end_object(&q->w);
}

int main(void)
{
	static const struct question_kind kinds[] = {{"file", 6, ask_file}};

	return question_main(kinds, ARRAY_LEN(kinds));
}
