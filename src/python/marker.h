/* Environment markers (PEP 508), read and evaluated as `packaging` does it for core metadata. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* The eleven variables; none NULL. */
struct marker_environment {
	const char *implementation_name, *implementation_version, *os_name, *platform_machine, *platform_python_implementation, *platform_release,
		*platform_system, *platform_version, *python_full_version, *python_version, *sys_platform;
};

/* What those of a kind of interpreter come to; as `packaging` would find them there, but for what is of one machine only (releases of its kernel), which stays
   empty. Points into its arguments. */
struct marker_interpreter {
	const char *python, *implementation, *os, *machine; /* "3.11", "cpython", "linux", "x86_64" */
};
void marker_values(const struct marker_interpreter *interpreter, const char *full_version, struct marker_environment *ret);

struct marker; /* parsed; lives in an arena */
/* NULL when it is not valid; *ret_at is then where in the text. `extras` and `dependency_groups` (PEP 751) are read, but have no value outside a lock file:
   see marker_evaluate_in. Two things the reference reads are refused: "\N{...}" in a literal, and parentheses deeper than 500. */
struct marker *marker_parse(struct arena *a, const char *text, size_t *ret_at);
/* `extra` is the canonical name of the extra under which is asked, or "" for none. A comparison without a meaning does not hold. */
bool marker_holds(const struct marker *m, const struct marker_environment *environment, const char *extra);
/* As marker_holds; *ret_defined is false when some comparison in the marker has no meaning, where the reference raises: "~=" or "===" of what are no versions,
   two literals, `extras`, `dependency_groups`. */
bool marker_evaluate(const struct marker *m, const struct marker_environment *environment, const char *extra, bool *ret_defined);
/* What besides the environment a marker is asked about, as the reference's evaluation contexts have it. Core metadata has `extra`; a lock file (PEP 751) has the
   sets `extras` and `dependency_groups` instead, whose names are compared in canonical form; everything else ("requirement") has none of them. */
enum marker_context { MARKER_METADATA, MARKER_LOCK_FILE, MARKER_REQUIREMENT };
struct marker_names {
	const char *const *items; /* canonical or not */
	size_t count;
};
struct marker_question {
	enum marker_context context;
	const char *extra;                             /* MARKER_METADATA: canonical, "" for none */
	struct marker_names extras, dependency_groups; /* MARKER_LOCK_FILE */
};
/* As marker_evaluate, in any context. A variable that the context does not have has no meaning, and neither has a set that is not on the right. */
bool marker_evaluate_in(const struct marker *m, const struct marker_environment *environment, const struct marker_question *question, bool *ret_defined);
/* The marker with one blank between words, literals in double quotes where they can be, no parentheses that say nothing; NULL when a literal holds both kinds
   of quotes. As str() of the reference. */
char *marker_normal(struct arena *a, const struct marker *m);
