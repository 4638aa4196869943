#include "recipe/layer_text.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "recipe/load.h"

enum piece_kind { PIECE_TEXT, PIECE_OPTION, PIECE_ENV, PIECE_LITERAL /* "${" */, PIECE_BROKEN /* "${" that never ends */ };
struct piece {
	enum piece_kind kind;
	const char *text; /* the text, or the name */
	size_t length;
	size_t offset; /* where it begins */
};

/* Takes the next piece off a text; `*at` begins at 0. False at the end. */
static bool next_piece(const char *text, size_t *at, struct piece *ret)
{
	const char *p = text + *at, *end;

	*ret = (struct piece){PIECE_TEXT, p, 0, *at};
	if (!*p)
		return false;
	if (text_starts_with(p, "$${")) {
		*ret = (struct piece){PIECE_LITERAL, p + 1, 2, *at};
		*at += 3;
	} else if (text_starts_with(p, "${")) {
		end = p + 2 + strcspn(p + 2, "}\n$");
		ret->kind = *end != '}' ? PIECE_BROKEN : text_starts_with(p + 2, "env:") ? PIECE_ENV : PIECE_OPTION;
		ret->text = p + (ret->kind == PIECE_ENV ? 6 : 2);
		ret->length = (size_t)(end - ret->text);
		*at = (size_t)(end - text) + (*end == '}');
	} else {
		do
			p++;
		while (*p && !text_starts_with(p, "${") && !text_starts_with(p, "$${"));
		ret->length = (size_t)(p - ret->text);
		*at += ret->length;
	}
	return true;
}

static const char *value_of(const struct layer_use *use, const char *name, size_t length)
{
	for (size_t i = 0; i < use->layer->option_count; i++) {
		const char *option = use->layer->options[i].name;

		if (strlen(option) == length && !memcmp(option, name, length))
			return use->values[i];
	}
	return "";
}

const char *layer_use_expand(struct arena *a, const struct layer_use *use, const char *text)
{
	autostrbuf struct strbuf out = {0};
	struct piece piece;
	size_t at = 0;

	if (!strstr(text, "${"))
		return text;
	while (next_piece(text, &at, &piece)) {
		if (piece.kind == PIECE_OPTION)
			strbuf_add(&out, value_of(use, piece.text, piece.length));
		else if (piece.kind == PIECE_ENV)
			strbuf_printf(&out, "${env:%.*s}", (int)piece.length, piece.text);
		else
			strbuf_add_bytes(&out, piece.text, piece.length);
	}
	return arena_strndup(a, strbuf_text(&out), out.length);
}

bool layer_use_holds(const struct layer_use *use, const struct layer_condition *conditions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(value_of(use, conditions[i].option, strlen(conditions[i].option)), conditions[i].value) != 0)
			return false;
	}
	return true;
}

static bool is_known_option(struct layer_reader *l, const char *name, struct pos at)
{
	if (!*name) {
		diag_error(l->r->diag, at, "'${}' names nothing");
		return false;
	}
	return refer_option(l->r, l->layer, at, name) != NULL;
}

/* Whether each ${...} of a text is something there is. */
static bool check_pieces(struct layer_reader *l, const struct value *v, bool is_env)
{
	struct diag *d = l->r->diag;
	struct piece piece;
	size_t at = 0;
	bool fine = true;

	while (next_piece(v->text, &at, &piece)) {
		struct pos pos = piece.kind == PIECE_TEXT ? v->pos : schema_pos_in(l->r, v, piece.offset);
		autofree char *name = mem_strndup(piece.text, piece.length);

		if (piece.kind == PIECE_OPTION) {
			fine &= is_known_option(l, name, pos);
		} else if (piece.kind == PIECE_BROKEN) {
			diag_error(d, pos, "'${' without a '}'");
			diag_hint(d, "write '$${' for the text '${'");
			fine = false;
		} else if (piece.kind == PIECE_ENV && !is_env) {
			diag_error(d, pos, "'${env:%s}' is read in values of 'env' only", name);
			diag_hint(d, "write '$${' for the text '${'");
			fine = false;
		} else if (piece.kind == PIECE_ENV && !word_variable.holds(name)) {
			diag_error(d, pos, "'%s' is no %s", name, word_variable.name);
			fine = false;
		} else if (piece.kind == PIECE_LITERAL && is_env) {
			diag_error(d, pos, "a value of 'env' cannot hold the text '${'");
			fine = false;
		}
	}
	return fine;
}

const char *layer_line(struct layer_reader *l, const struct value *v, const char *what, const struct word_form *form, bool is_env)
{
	bool may_be_empty = is_env && v->kind == VALUE_TEXT && !v->plain && !v->text_length;
	const char *text = may_be_empty ? "" : schema_line(l->r, v, what, NULL);

	if (!text || !check_pieces(l, v, is_env))
		return NULL;
	if (!form)
		return text;
	autoarena struct arena scratch = {0};
	const char *tried = layer_use_expand(&scratch, &l->sample, text);

	if (form->holds(tried))
		return text;
	if (strcmp(tried, text) != 0)
		diag_error(l->r->diag, v->pos, "'%s' (as in '%s') is no %s", text, tried, form->name);
	else
		diag_error(l->r->diag, v->pos, "'%s' is no %s", text, form->name);
	diag_hint(l->r->diag, "%s: %s", form->name, form->rule);
	return NULL;
}

const char *layer_text(struct layer_reader *l, const struct value *v, const char *what)
{
	const char *text = schema_text(l->r, v, what);

	return text && check_pieces(l, v, false) ? text : NULL;
}

const char **layer_argv(struct layer_reader *l, const struct value *v, const char *what, size_t *ret_count)
{
	const char **words = NULL;
	size_t count = 0;

	*ret_count = 0;
	if (v->kind != VALUE_ARRAY || !v->item_count) {
		if (v->kind != VALUE_NULL) {
			diag_error(l->r->diag, v->pos, "%s must be a list of words: a program and its arguments", what);
			diag_hint(l->r->diag, "as [make, install]; nothing is read by a shell unless you name one: [sh, -c, \"...\"]");
		}
		return NULL;
	}
	for (size_t i = 0; i < v->item_count; i++) {
		const char *word = layer_text(l, v->items[i], "a word of a command");

		if (word && !i && !*word)
			diag_error(l->r->diag, v->items[i]->pos, "the program's name is empty");
		*arena_push(l->r->arena, &words, &count) = word ? word : "";
	}
	*ret_count = count;
	*arena_push(l->r->arena, &words, &count) = NULL;
	return words;
}

const char *layer_option_value(struct reader *r, const struct layer *layer, const struct layer_option *option, const struct value *v)
{
	autofree char *what = mem_printf("option '%s' of layer '%s'", option->name, layer->name);
	const char *text = schema_line(r, v, what, NULL);

	if (!text)
		return NULL;
	if (!option->choice_count) {
		const struct word_form *form = word_pattern_form(option->pattern_name);

		if (form->holds(text))
			return text;
		diag_error(r->diag, v->pos, "%s cannot be '%s'", what, text);
		diag_hint(r->diag, "%s: %s", form->name, form->rule);
		return NULL;
	}
	for (size_t i = 0; i < option->choice_count; i++) {
		if (!strcmp(option->choices[i], text))
			return option->choices[i];
	}
	autostrbuf struct strbuf list = {0};

	for (size_t i = 0; i < option->choice_count; i++)
		strbuf_printf(&list, "%s%s", i ? ", " : "", option->choices[i]);
	diag_error(r->diag, v->pos, "%s cannot be '%s'", what, text);
	diag_hint(r->diag, "one of: %s", strbuf_text(&list));
	return NULL;
}

void layer_conditions(struct layer_reader *l, const struct value *v, struct layer_condition **ret, size_t *ret_count)
{
	if (!v || !schema_is_table(l->r, v, "'when'"))
		return;
	for (size_t i = 0; i < v->entry_count; i++) {
		struct layer_option *option = refer_option(l->r, l->layer, v->entries[i].key_pos, v->entries[i].key);
		const char *value = option ? layer_option_value(l->r, l->layer, option, v->entries[i].value) : NULL;

		if (value)
			*arena_push(l->r->arena, ret, ret_count) = (struct layer_condition){option->name, value};
	}
}
