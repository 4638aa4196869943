/* What a marker says of an environment, and its normal text. */
#include "python/marker.h"

#include <string.h>

#include "base/strbuf.h"
#include "python/marker_parts.h"
#include "python/name.h"

/* What one evaluation works with: the values by variable, and memory for versions. */
struct evaluation {
	struct arena arena;
	const char *values[MARKER_NO_VARIABLE];
	const struct marker_question *question;
	bool undefined; /* something was compared that has no meaning */
};

bool marker_key_is_version(enum marker_variable key)
{
	return key == MARKER_IMPLEMENTATION_VERSION || key == MARKER_PLATFORM_RELEASE || key == MARKER_PYTHON_FULL_VERSION || key == MARKER_PYTHON_VERSION;
}

static bool compare_texts(struct evaluation *e, enum marker_operator op, const char *left, const char *right)
{
	switch (op) {
	case MARKER_IN:
		return strstr(right, left);
	case MARKER_NOT_IN:
		return !strstr(right, left);
	case MARKER_EQUAL:
	case MARKER_AT_MOST:
	case MARKER_AT_LEAST:
		return !strcmp(left, right);
	case MARKER_NOT_EQUAL:
		return strcmp(left, right) != 0;
	case MARKER_BELOW:
	case MARKER_ABOVE:
		return false;
	default:
		e->undefined = true;
		return false;
	}
}

/* "3.8" < python_version: the value of the variable is what the specifier is made of. */
static const struct specifier *specifier_of_value(struct evaluation *e, const struct marker_item *item, const char *value)
{
	if (item->op == MARKER_IN || item->op == MARKER_NOT_IN)
		return NULL;
	char *text = arena_printf(&e->arena, "%s%s", marker_operator_texts[item->op], value);
	struct specifier *s = arena_new(&e->arena, struct specifier);

	return specifier_parse(&e->arena, text, strlen(text), s) ? s : NULL;
}

static bool among(struct evaluation *e, const struct marker_names *names, const char *canonical)
{
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(name_canonical(&e->arena, names->items[i]), canonical))
			return true;
	return false;
}

/* A set is equal to no text. */
static bool compare_set(struct evaluation *e, const struct marker_item *item, const struct marker_names *names)
{
	switch (item->op) {
	case MARKER_IN:
		return among(e, names, name_canonical(&e->arena, item->left.text));
	case MARKER_NOT_IN:
		return !among(e, names, name_canonical(&e->arena, item->left.text));
	case MARKER_NOT_EQUAL:
		return true;
	case MARKER_COMPATIBLE:
	case MARKER_ARBITRARY:
		e->undefined = true;
		return false;
	default:
		return false;
	}
}

static bool compare(struct evaluation *e, const struct marker_item *item)
{
	if (e->question->context == MARKER_LOCK_FILE && !item->key_is_left && (item->key == MARKER_EXTRAS || item->key == MARKER_DEPENDENCY_GROUPS))
		return compare_set(e, item, item->key == MARKER_EXTRAS ? &e->question->extras : &e->question->dependency_groups);
	const char *value = item->key == MARKER_NO_VARIABLE ? NULL : e->values[item->key];

	if (!value) {
		e->undefined = true;
		return false;
	}
	const char *left = item->key_is_left ? value : item->left.text, *right = item->key_is_left ? item->right.text : value;
	const struct specifier *s = item->specifier;

	if (marker_key_is_version(item->key) && !item->key_is_left)
		s = specifier_of_value(e, item, value);
	return s ? specifier_takes(s, left, version_parse(&e->arena, left)) : compare_texts(e, item->op, left, right);
}

static bool holds(struct evaluation *e, const struct marker *m)
{
	bool any = false, all = true;

	/* Everything is looked at, so that what is undefined shows wherever it stands. */
	for (size_t i = 0; i < m->count; i++) {
		const struct marker_item *item = &m->items[i];

		if (item->after_or) {
			any = any || all;
			all = true;
		}
		bool truth = item->group ? holds(e, item->group) : compare(e, item);

		all = all && truth;
	}
	return any || all;
}

bool marker_evaluate_in(const struct marker *m, const struct marker_environment *environment, const struct marker_question *question, bool *ret_defined)
{
	struct evaluation e = {.question = question,
			       .values = {
				       [MARKER_IMPLEMENTATION_NAME] = environment->implementation_name,
				       [MARKER_IMPLEMENTATION_VERSION] = environment->implementation_version,
				       [MARKER_OS_NAME] = environment->os_name,
				       [MARKER_PLATFORM_MACHINE] = environment->platform_machine,
				       [MARKER_PLATFORM_PYTHON_IMPLEMENTATION] = environment->platform_python_implementation,
				       [MARKER_PLATFORM_RELEASE] = environment->platform_release,
				       [MARKER_PLATFORM_SYSTEM] = environment->platform_system,
				       [MARKER_PLATFORM_VERSION] = environment->platform_version,
				       [MARKER_PYTHON_FULL_VERSION] = environment->python_full_version,
				       [MARKER_PYTHON_VERSION] = environment->python_version,
				       [MARKER_SYS_PLATFORM] = environment->sys_platform,
				       [MARKER_EXTRA] = question->context == MARKER_METADATA ? question->extra : NULL,
			       }};
	const char *full = environment->python_full_version;
	size_t length = strlen(full);

	/* An interpreter built from no tag calls itself "3.13.0+", which is no version. */
	if (length && full[length - 1] == '+')
		e.values[MARKER_PYTHON_FULL_VERSION] = arena_printf(&e.arena, "%slocal", full);
	bool truth = holds(&e, m);

	*ret_defined = !e.undefined;
	arena_release(&e.arena);
	return truth;
}

bool marker_evaluate(const struct marker *m, const struct marker_environment *environment, const char *extra, bool *ret_defined)
{
	struct marker_question question = {.context = MARKER_METADATA, .extra = extra};

	return marker_evaluate_in(m, environment, &question, ret_defined);
}

bool marker_holds(const struct marker *m, const struct marker_environment *environment, const char *extra)
{
	bool defined;

	return marker_evaluate(m, environment, extra, &defined);
}

static bool add_operand(struct strbuf *out, const struct marker_operand *operand)
{
	char quote = strchr(operand->text, '"') ? '\'' : '"';

	if (operand->variable != MARKER_NO_VARIABLE) {
		strbuf_add(out, operand->text);
		return true;
	}
	if (strchr(operand->text, quote))
		return false;
	strbuf_add_char(out, quote);
	strbuf_add(out, operand->text);
	strbuf_add_char(out, quote);
	return true;
}

static bool add_marker(struct strbuf *out, const struct marker *m, bool outermost)
{
	if (m->count == 1 && m->items[0].group)
		return add_marker(out, m->items[0].group, outermost);
	bool parenthesised = !outermost && m->count > 1;

	if (parenthesised)
		strbuf_add_char(out, '(');
	for (size_t i = 0; i < m->count; i++) {
		const struct marker_item *item = &m->items[i];

		if (i)
			strbuf_add(out, item->after_or ? " or " : " and ");
		if (item->group) {
			if (!add_marker(out, item->group, false))
				return false;
			continue;
		}
		if (!add_operand(out, &item->left))
			return false;
		strbuf_printf(out, " %s ", marker_operator_texts[item->op]);
		if (!add_operand(out, &item->right))
			return false;
	}
	if (parenthesised)
		strbuf_add_char(out, ')');
	return true;
}

char *marker_normal(struct arena *a, const struct marker *m)
{
	autostrbuf struct strbuf out = {0};

	return add_marker(&out, m, true) ? arena_strndup(a, strbuf_text(&out), out.length) : NULL;
}

void marker_values(const struct marker_interpreter *interpreter, const char *full_version, struct marker_environment *ret)
{
	const char *implementation = interpreter->implementation;
	bool is_linux = !strcmp(interpreter->os, "linux");

	*ret = (struct marker_environment){
		.implementation_name = implementation,
		.implementation_version = full_version,
		.os_name = "posix",
		.platform_machine = interpreter->machine,
		.platform_python_implementation = !strcmp(implementation, "cpython") ? "CPython"
						  : !strcmp(implementation, "pypy")  ? "PyPy"
										     : implementation,
		.platform_release = "",
		.platform_system = is_linux ? "Linux" : interpreter->os,
		.platform_version = "",
		.python_full_version = full_version,
		.python_version = interpreter->python,
		.sys_platform = interpreter->os,
	};
}
