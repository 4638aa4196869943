#include "release/tags_find.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "release/groovy.h"

bool tags_is_groovy(const char *path)
{
	const char *name = path_base(path);

	return strcasestr(name, "jenkinsfile") || text_ends_with(name, ".groovy") || text_ends_with(name, ".gradle") || text_ends_with(name, ".jenkins");
}

static void hide(struct arena *a, struct tag_finds *finds, bool comment, size_t offset, size_t length)
{
	*arena_push(a, &finds->hidden, &finds->hidden_count) = (struct tag_hidden){comment, offset, length};
}

/* The next token from `i` that is neither a comment nor a new line. */
static size_t skip_space(const struct groovy *g, size_t i)
{
	while (i < g->token_count && (g->tokens[i].kind == GROOVY_COMMENT || g->tokens[i].kind == GROOVY_NEWLINE))
		i++;
	return i;
}

static size_t skip_comments(const struct groovy *g, size_t i)
{
	while (i < g->token_count && g->tokens[i].kind == GROOVY_COMMENT)
		i++;
	return i;
}

/* "NAME" or "env.NAME" or "this.NAME"; a property of anything else is another variable. */
static bool is_own_name(const char *text, const struct groovy *g, size_t i)
{
	static const char *const owners[] = {"env", "this", "script"};

	if (!i || !(groovy_is(text, &g->tokens[i - 1], ".") || groovy_is(text, &g->tokens[i - 1], "?.")))
		return true;
	for (size_t k = 0; i >= 2 && k < ARRAY_LEN(owners); k++) {
		if (groovy_is(text, &g->tokens[i - 2], owners[k]))
			return i < 3 || !groovy_is(text, &g->tokens[i - 3], ".");
	}
	return false;
}

static bool is_one_of(const char *text, const struct groovy_token *token, const char *const *words)
{
	for (; *words; words++) {
		if (groovy_is(text, token, *words))
			return true;
	}
	return false;
}

/* Whether the text before token `i` is all that is assigned. */
static bool ends_here(const char *text, const struct groovy *g, size_t i)
{
	static const char *const closing[] = {";", ",", ")", "]", "}", NULL};
	static const char *const carries_on[] = {".", "?.", "*.", ".&", "+", "-", "?", "?:", NULL}; /* also on the next line */
	size_t next = skip_comments(g, i), word = skip_space(g, i);

	if (next == g->token_count || is_one_of(text, &g->tokens[next], closing))
		return true;
	return g->tokens[next].kind == GROOVY_NEWLINE && (word == g->token_count || !is_one_of(text, &g->tokens[word], carries_on));
}

static enum tag_form form_of(const char *text, const struct groovy *g, size_t i)
{
	const struct groovy_token *token = &g->tokens[i];

	if (token->interpolated)
		return TAG_INTERPOLATED;
	if (!ends_here(text, g, i + 1))
		return TAG_EXPRESSION;
	if (token->quote == '/' || token->quote == '$')
		return TAG_SLASHED;
	return token->escaped ? TAG_ESCAPED : TAG_PLAIN;
}

bool tags_find_groovy(struct arena *a, const char *text, size_t length, struct tag_finds *ret, size_t *ret_offset, const char **ret_why)
{
	struct tag_finds finds = {0};
	struct groovy g;

	if (!groovy_scan(a, text, length, &g, ret_offset, ret_why))
		return false;
	for (size_t i = 0; i < g.token_count; i++) {
		const struct groovy_token *token = &g.tokens[i];

		if (token->kind == GROOVY_COMMENT || token->kind == GROOVY_TEXT)
			hide(a, &finds, token->kind == GROOVY_COMMENT, token->offset, token->length);
		if (token->kind != GROOVY_NAME || !is_own_name(text, &g, i))
			continue;
		size_t sign = skip_comments(&g, i + 1), value = skip_space(&g, sign + 1);

		if (sign >= g.token_count || !groovy_is(text, &g.tokens[sign], "=") || value >= g.token_count || g.tokens[value].kind != GROOVY_TEXT)
			continue;
		*arena_push(a, &finds.candidates, &finds.candidate_count) = (struct tag_candidate){
			.form = form_of(text, &g, value),
			.name_offset = token->offset,
			.name_length = token->length,
			.offset = g.tokens[value].inner_offset,
			.length = g.tokens[value].inner_length,
		};
	}
	*ret = finds;
	return true;
}

struct line {
	const char *begin, *at, *end;
};

static void skip_blanks(struct line *l)
{
	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
		l->at++;
}

static bool take(struct line *l, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(l->end - l->at) < length || memcmp(l->at, word, length) != 0)
		return false;
	l->at += length;
	return true;
}

static bool is_comment(const struct line *l)
{
	return l->at < l->end && (*l->at == '#' || *l->at == ';' || (l->end - l->at > 1 && l->at[0] == '/' && l->at[1] == '/'));
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* Up to the value: "export NAME = ", "\"NAME\": ", "NAME := ". */
static bool take_name(struct line *l, struct tag_candidate *c, const char *text)
{
	static const char *const before[] = {"- ", "export ", "ENV ", "ARG "};
	char quote;

	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		skip_blanks(l);
		take(l, before[i]);
	}
	skip_blanks(l);
	quote = l->at < l->end && (*l->at == '"' || *l->at == '\'') ? *l->at++ : '\0';
	c->name_offset = (size_t)(l->at - text);
	while (l->at < l->end && is_name_byte(*l->at))
		l->at++;
	c->name_length = (size_t)(l->at - text) - c->name_offset;
	if (!c->name_length || (quote && (l->at == l->end || *l->at++ != quote)))
		return false;
	skip_blanks(l);
	return take(l, ":=") || take(l, "?=") || take(l, "=") || take(l, ":");
}

static void take_value(struct line *l, struct tag_candidate *c, const char *text)
{
	char quote = l->at < l->end && (*l->at == '"' || *l->at == '\'') ? *l->at++ : '\0';

	c->offset = (size_t)(l->at - text);
	while (l->at < l->end && (quote ? *l->at != quote : !strchr(" \t,;", *l->at)))
		l->at++;
	c->length = (size_t)(l->at - text) - c->offset;
	if (memchr(text + c->offset, '$', c->length) || memchr(text + c->offset, '%', c->length) || memchr(text + c->offset, '{', c->length))
		c->form = TAG_INTERPOLATED;
	else if (memchr(text + c->offset, '\\', c->length))
		c->form = TAG_ESCAPED;
	if (quote && l->at < l->end)
		l->at++;
	if (!take(l, ","))
		take(l, ";");
	if (l->at < l->end && *l->at != ' ' && *l->at != '\t')
		c->form = TAG_EXPRESSION;
	skip_blanks(l);
	if (l->at < l->end && !is_comment(l))
		c->form = TAG_EXPRESSION;
}

void tags_find_lines(struct arena *a, const char *text, size_t length, struct tag_finds *ret)
{
	const char *end = text + length;

	*ret = (struct tag_finds){0};
	for (const char *at = text; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *next = newline ? newline + 1 : end;
		struct line l = {at, at, newline ? newline : end};
		struct tag_candidate c = {.form = TAG_PLAIN};

		if (at == text)
			take(&l, "\xef\xbb\xbf");
		if (l.end > l.at && l.end[-1] == '\r')
			l.end--;
		skip_blanks(&l);
		if (is_comment(&l)) {
			hide(a, ret, true, (size_t)(l.begin - text), (size_t)(l.end - l.begin));
		} else if (take_name(&l, &c, text)) {
			skip_blanks(&l);
			take_value(&l, &c, text);
			*arena_push(a, &ret->candidates, &ret->candidate_count) = c;
		}
		at = next;
	}
}
