#include "lock/environment.h"

#include <string.h>

#include "base/text.h"

static const char *short_implementation(const char *implementation)
{
	return !strcmp(implementation, "cpython") ? "cp" : !strcmp(implementation, "pypy") ? "pp" : implementation;
}

void environment_describe(struct arena *a, const struct environment *e, struct lock_environment *ret)
{
	autostrbuf struct strbuf name = {0};

	strbuf_add(&name, short_implementation(e->implementation));
	for (const char *p = e->python; *p; p++) {
		if (*p != '.')
			strbuf_add_char(&name, *p);
	}
	strbuf_printf(&name, "-%s-%s-%s%s", e->os, e->machine, e->libc, e->libc_version);
	*ret = (struct lock_environment){
		.name = arena_strdup(a, strbuf_text(&name)),
		.python = arena_strdup(a, e->python),
		.implementation = arena_strdup(a, e->implementation),
		.os = arena_strdup(a, e->os),
		.machine = arena_strdup(a, e->machine),
		.libc = arena_strdup(a, e->libc),
		.libc_version = arena_strdup(a, e->libc_version),
	};
}

/* By every name that a wheel or a requirement may call it: uv takes each for a thing of its own, and sys_platform 'linux' says nothing to it of os_name. */
void environment_add_marker(struct strbuf *out, const struct lock_environment *e)
{
	strbuf_printf(out, "python_version == '%s' and sys_platform == '%s' and platform_machine == '%s' and implementation_name == '%s'", e->python, e->os,
		      e->machine, e->implementation);
	if (!strcmp(e->implementation, "cpython"))
		strbuf_add(out, " and platform_python_implementation == 'CPython'");
	else if (!strcmp(e->implementation, "pypy"))
		strbuf_add(out, " and platform_python_implementation == 'PyPy'");
	if (!strcmp(e->os, "linux"))
		strbuf_add(out, " and os_name == 'posix' and platform_system == 'Linux'");
}

bool environment_same_markers(const struct lock_environment *one, const struct lock_environment *other)
{
	autostrbuf struct strbuf a = {0}, b = {0};

	environment_add_marker(&a, one);
	environment_add_marker(&b, other);
	return !strcmp(strbuf_text(&a), strbuf_text(&b));
}

void environment_values(struct arena *a, const struct lock_environment *e, struct environment_values *ret)
{
	struct marker_interpreter interpreter = {e->python, e->implementation, e->os, e->machine};

	marker_values(&interpreter, arena_printf(a, "%s.0", e->python), &ret->lowest);
	marker_values(&interpreter, arena_printf(a, "%s.99", e->python), &ret->highest);
}

bool environment_holds(const struct environment_values *values, const struct marker *marker, const char *extra)
{
	return !marker || marker_holds(marker, &values->lowest, extra) || marker_holds(marker, &values->highest, extra);
}
