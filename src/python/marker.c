#include "python/marker.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "python/literal.h"
#include "python/marker_parts.h"
#include "python/name.h"
#include "python/scan.h"

/* The reference gives up at about this depth, too; the limit keeps hostile text off the stack. */
enum { DEPTH_LIMIT = 500 };

const char *const marker_variable_names[MARKER_NO_VARIABLE] = {
	[MARKER_IMPLEMENTATION_NAME] = "implementation_name",
	[MARKER_IMPLEMENTATION_VERSION] = "implementation_version",
	[MARKER_OS_NAME] = "os_name",
	[MARKER_PLATFORM_MACHINE] = "platform_machine",
	[MARKER_PLATFORM_PYTHON_IMPLEMENTATION] = "platform_python_implementation",
	[MARKER_PLATFORM_RELEASE] = "platform_release",
	[MARKER_PLATFORM_SYSTEM] = "platform_system",
	[MARKER_PLATFORM_VERSION] = "platform_version",
	[MARKER_PYTHON_FULL_VERSION] = "python_full_version",
	[MARKER_PYTHON_VERSION] = "python_version",
	[MARKER_SYS_PLATFORM] = "sys_platform",
	[MARKER_EXTRA] = "extra",
	[MARKER_EXTRAS] = "extras",
	[MARKER_DEPENDENCY_GROUPS] = "dependency_groups",
};

/* Spellings of the time before PEP 508. */
static const struct {
	const char *spelling;
	enum marker_variable variable;
} old_spellings[] = {
	{"os.name", MARKER_OS_NAME},
	{"sys.platform", MARKER_SYS_PLATFORM},
	{"platform.version", MARKER_PLATFORM_VERSION},
	{"platform.machine", MARKER_PLATFORM_MACHINE},
	{"platform.python_implementation", MARKER_PLATFORM_PYTHON_IMPLEMENTATION},
	{"python_implementation", MARKER_PLATFORM_PYTHON_IMPLEMENTATION},
};

const char *const marker_operator_texts[] = {
	[MARKER_BELOW] = "<", [MARKER_AT_MOST] = "<=",    [MARKER_EQUAL] = "==",      [MARKER_NOT_EQUAL] = "!=", [MARKER_AT_LEAST] = ">=",
	[MARKER_ABOVE] = ">", [MARKER_COMPATIBLE] = "~=", [MARKER_ARBITRARY] = "===", [MARKER_IN] = "in",        [MARKER_NOT_IN] = "not in",
};

struct parser {
	struct arena *arena;
	const char *at;
	unsigned depth;
};

/* The place after a whole word, or NULL. Bytes beyond ASCII count as letters: nothing but a quoted string may hold them. */
static const char *whole_word(const char *at, const char *word)
{
	/* Most words are told apart by their first letter: this is where a marker's time goes. */
	if (*at != *word)
		return NULL;
	size_t length = strlen(word);

	if (strncmp(at, word, length) != 0)
		return NULL;
	char next = at[length];

	return scan_is_alnum(next) || next == '_' || (unsigned char)next >= 0x80 ? NULL : at + length;
}

static bool take_word(struct parser *p, const char *word)
{
	const char *end = whole_word(p->at, word);

	if (end)
		p->at = end;
	return end;
}

static bool take_variable(struct parser *p, enum marker_variable *ret)
{
	for (size_t i = 0; i < MARKER_NO_VARIABLE; i++)
		if (take_word(p, marker_variable_names[i])) {
			*ret = (enum marker_variable)i;
			return true;
		}
	for (size_t i = 0; i < ARRAY_LEN(old_spellings); i++)
		if (take_word(p, old_spellings[i].spelling)) {
			*ret = old_spellings[i].variable;
			return true;
		}
	return false;
}

static bool take_operand(struct parser *p, struct marker_operand *ret)
{
	if (take_variable(p, &ret->variable)) {
		ret->text = marker_variable_names[ret->variable];
		return true;
	}
	char quote = *p->at;
	const char *end = quote == '\'' || quote == '"' ? strchr(p->at + 1, quote) : NULL;

	if (!end)
		return false;
	ret->variable = MARKER_NO_VARIABLE;
	ret->text = literal_read(p->arena, p->at + 1, end);
	if (ret->text)
		p->at = end + 1;
	return ret->text;
}

static bool take_operator(struct parser *p, enum marker_operator *ret)
{
	static const enum marker_operator order[] = {MARKER_ARBITRARY, MARKER_EQUAL,    MARKER_COMPATIBLE, MARKER_NOT_EQUAL,
						     MARKER_AT_MOST,   MARKER_AT_LEAST, MARKER_BELOW,      MARKER_ABOVE};

	if (take_word(p, "in")) {
		*ret = MARKER_IN;
		return true;
	}
	if (take_word(p, "not")) {
		const char *in = scan_skip_blanks(p->at);

		*ret = MARKER_NOT_IN;
		if (in == p->at)
			return false;
		p->at = in;
		return take_word(p, "in");
	}
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const char *end = scan_word(p->at, marker_operator_texts[order[i]]);

		if (end) {
			*ret = order[i];
			p->at = end;
			return true;
		}
	}
	return false;
}

static bool names_variable(const struct marker_operand *operand, enum marker_variable variable)
{
	return operand->variable == variable;
}

/* PEP 685: extras are compared in canonical form. The literals of "extras" and "dependency_groups" only where those stand on the right. */
static void normalise_names(struct arena *a, struct marker_item *item)
{
	bool left_literal = item->left.variable == MARKER_NO_VARIABLE, right_literal = item->right.variable == MARKER_NO_VARIABLE;

	if (names_variable(&item->left, MARKER_EXTRA) && right_literal)
		item->right.text = name_canonical(a, item->right.text);
	else if (left_literal && (names_variable(&item->right, MARKER_EXTRA) || names_variable(&item->right, MARKER_EXTRAS) ||
				  names_variable(&item->right, MARKER_DEPENDENCY_GROUPS)))
		item->left.text = name_canonical(a, item->left.text);
}

static enum marker_variable variable_by_name(const char *name)
{
	enum marker_variable v = 0;

	while (v < MARKER_NO_VARIABLE && strcmp(marker_variable_names[v], name) != 0)
		v++;
	return v;
}

static void find_key(struct arena *a, struct marker_item *item)
{
	/* The reference takes the left side for the key when it is a variable, else the right, and the other side for a literal, whatever they are. */
	item->key_is_left = item->left.variable != MARKER_NO_VARIABLE;
	item->key = item->key_is_left ? item->left.variable : variable_by_name(item->right.text);
	if (!item->key_is_left || !marker_key_is_version(item->key))
		return;
	char *text = arena_printf(a, "%s%s", marker_operator_texts[item->op], item->right.text);
	struct specifier *s = arena_new(a, struct specifier);

	if (specifier_parse(a, text, strlen(text), s))
		item->specifier = s;
}

static bool take_comparison(struct parser *p, struct marker_item *item)
{
	if (!take_operand(p, &item->left))
		return false;
	p->at = scan_skip_blanks(p->at);
	if (!take_operator(p, &item->op))
		return false;
	p->at = scan_skip_blanks(p->at);
	if (!take_operand(p, &item->right))
		return false;
	normalise_names(p->arena, item);
	find_key(p->arena, item);
	return true;
}

static struct marker *take_marker(struct parser *p);

static bool take_item(struct parser *p, struct marker_item *item)
{
	p->at = scan_skip_blanks(p->at);
	if (*p->at != '(') {
		if (!take_comparison(p, item))
			return false;
	} else {
		p->at++;
		item->group = take_marker(p);
		if (!item->group || *p->at != ')')
			return false;
		p->at++;
	}
	p->at = scan_skip_blanks(p->at);
	return true;
}

static struct marker *take_marker(struct parser *p)
{
	struct marker *m = arena_new(p->arena, struct marker);
	bool after_or = false;

	if (p->depth == DEPTH_LIMIT)
		return NULL;
	p->depth++;
	do {
		struct marker_item item = {.after_or = after_or};

		if (!take_item(p, &item))
			return NULL;
		*arena_push(p->arena, &m->items, &m->count) = item;
		after_or = take_word(p, "or");
	} while (after_or || take_word(p, "and"));
	p->depth--;
	return m;
}

struct marker *marker_parse_part(struct arena *a, const char **at)
{
	struct parser p = {.arena = a, .at = *at};
	struct marker *m = take_marker(&p);

	*at = p.at;
	return m;
}

struct marker *marker_parse(struct arena *a, const char *text, size_t *ret_at)
{
	const char *at = text;
	struct marker *m = marker_parse_part(a, &at);

	if (m && !*at)
		return m;
	*ret_at = (size_t)(at - text);
	return NULL;
}
