#include "verify/installed.h"

#include <string.h>

static void add(struct findings *f, const char *kind, const char *container, const char *name, const char *expected, const char *found, const char *text)
{
	findings_add(f, &(struct finding){.kind = kind, .container = container, .subject = name, .expected = expected, .found = found, .text = text});
}

static const struct installed_system_package *find_installed(const struct snapshot *s, const struct lock_deb *deb)
{
	for (size_t i = 0; i < s->system_count; i++) {
		if (!strcmp(s->system_packages[i].name, deb->name) && !strcmp(s->system_packages[i].architecture, deb->architecture))
			return &s->system_packages[i];
	}
	return NULL;
}

static bool is_locked(const struct lock *lock, const struct lock_container *c, const struct installed_system_package *p)
{
	for (size_t i = 0; i < lock->deb_count; i++) {
		const struct lock_deb *deb = &lock->debs[i];

		if (!strcmp(deb->name, p->name) && !strcmp(deb->architecture, p->architecture) && lock_deb_in_container(lock, deb, c))
			return true;
	}
	return false;
}

void installed_check_debian(const struct lock *lock, const struct container *container, const struct snapshot *s, struct findings *ret)
{
	const struct lock_container *c = lock_container(lock, container->name);

	if (!c || !c->debian)
		return;
	for (size_t i = 0; i < lock->deb_count; i++) {
		const struct lock_deb *deb = &lock->debs[i];
		const struct installed_system_package *p = lock_deb_in_container(lock, deb, c) ? find_installed(s, deb) : NULL;

		if (!lock_deb_in_container(lock, deb, c) || (p && !strcmp(p->version, deb->version)))
			continue;
		if (p)
			add(ret, "version", c->name, deb->name, deb->version, p->version,
			    arena_printf(&ret->arena, "is a Debian package that is installed at %s, but locked at %s", p->version, deb->version));
		else
			add(ret, "missing", c->name, deb->name, deb->version, NULL,
			    arena_printf(&ret->arena, "is a Debian package that is locked at %s, but not installed", deb->version));
	}
	for (size_t i = 0; i < s->system_count; i++) {
		const struct installed_system_package *p = &s->system_packages[i];

		if (!is_locked(lock, c, p))
			add(ret, "extra", c->name, p->name, NULL, p->version,
			    arena_printf(&ret->arena, "is a Debian package that is installed at %s, but not locked", p->version));
	}
}
