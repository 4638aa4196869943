#include "resolve/waivers.h"

#include <string.h>

#include "base/strbuf.h"
#include "python/version.h"

/* Whether the lock has a version of the package that is in the set; the others go to `out`. */
static bool find_version(const struct lock *lock, const struct waiver *w, const struct specifier_set *set, struct strbuf *out)
{
	for (size_t i = 0; i < lock->pin_count; i++) {
		if (strcmp(lock->pins[i].name, w->package) != 0)
			continue;
		if (!set || specifier_set_contains(set, lock->pins[i].version, true))
			return true;
		strbuf_printf(out, "%s%s", out->length ? ", " : "", lock->pins[i].version);
	}
	return false;
}

void waivers_check(const struct database *db, const struct lock *lock, struct diag *d)
{
	for (size_t i = 0; i < db->waiver_count; i++) {
		const struct waiver *w = &db->waivers[i];
		autoarena struct arena scratch = {0};
		autostrbuf struct strbuf others = {0};
		size_t at;

		if (find_version(lock, w, specifier_set_parse(&scratch, w->specifier, &at), &others))
			continue;
		if (others.length)
			diag_warning(d, w->pos, "nothing uses this waiver: it is of '%s' at '%s', and the lock has %s", w->package, w->specifier,
				     strbuf_text(&others));
		else
			diag_warning(d, w->pos, "nothing uses this waiver: the lock has no '%s'", w->package);
	}
}

static bool has_both(const struct lock *lock, const char *one, const char *other)
{
	for (size_t i = 0; i < lock->container_count; i++) {
		const char *container = lock->containers[i].name;

		if (lock_pin(lock, container, one) && lock_pin(lock, container, other))
			return true;
	}
	return false;
}

void overwrites_check(const struct database *db, const struct lock *lock, struct diag *d)
{
	for (size_t i = 0; i < db->package_count; i++) {
		const struct package *p = &db->packages[i];

		for (size_t j = 0; j < p->overwrite_count; j++) {
			const struct package *of = p->overwrites[j].package;

			if (!has_both(lock, p->canonical, of->canonical))
				diag_warning(d, p->overwrites[j].pos, "nothing uses this: no container has both '%s' and '%s', which it overwrites", p->name,
					     of->name);
		}
	}
}
