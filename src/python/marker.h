/* Environment markers (PEP 508), evaluated as `packaging` does it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* The eleven variables; none NULL. */
struct marker_environment {
	const char *implementation_name, *implementation_version, *os_name, *platform_machine, *platform_python_implementation, *platform_release,
		*platform_system, *platform_version, *python_full_version, *python_version, *sys_platform;
};

struct marker; /* parsed; lives in an arena */
/* NULL when it is not valid; *ret_at is then where in the text. */
struct marker *marker_parse(struct arena *a, const char *text, size_t *ret_at);
/* `extra` is the canonical name of the extra under which is asked, or "" for none. */
bool marker_holds(const struct marker *m, const struct marker_environment *environment, const char *extra);
