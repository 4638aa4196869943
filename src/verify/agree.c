/* Containers beside each other, as they are locked and as they are installed. */
#include "verify/verify.h"

#include <string.h>

#include "python/version.h"
#include "snapshot/snapshot.h"

/* Two containers that are compared, by name. */
struct pair {
	const char *left, *right;
};

static bool may_differ(const struct database *db, const char *package, const struct pair *p)
{
	for (size_t i = 0; i < db->difference_count; i++) {
		const struct difference *d = &db->differences[i];
		bool covers = !d->container_count;

		for (size_t j = 0; j < d->container_count; j++)
			covers = covers || !strcmp(d->containers[j]->name, p->left) || !strcmp(d->containers[j]->name, p->right);
		if (covers && !strcmp(d->canonical, package))
			return true;
	}
	return false;
}

static void compare_versions(const struct verification *v, const struct pair *p, const char *package, const char *left, const char *right, struct findings *ret)
{
	autoarena struct arena a = {0};

	if (version_compare_texts(left, right) == 0 || may_differ(v->db, package, p))
		return;
	const struct package *declared = database_package(v->db, package);
	const char *text = arena_printf(&a, "is %s in %s, but %s in %s, and no difference is declared", left, p->left, right, p->right);

	findings_add(ret, &(struct finding){.kind = "disagree",
					    .subject = package,
					    .is_package = true,
					    .expected = left,
					    .found = right,
					    .text = text,
					    .pos = declared ? declared->pos : (struct pos){0}});
}

static bool is_asked(const struct verification *v, const char *container)
{
	for (size_t i = 0; i < v->container_count; i++) {
		if (!strcmp(v->containers[i]->name, container))
			return true;
	}
	return false;
}

/* What one container has and the other too. */
static void compare_locked(const struct verification *v, const struct lock_container *left, const struct lock_container *right, struct findings *ret)
{
	const struct pair pair = {left->name, right->name};

	for (size_t i = 0; i < v->lock->pin_count; i++) {
		const struct pin *pin = &v->lock->pins[i], *other = pin_is_built_in(pin, left) ? lock_pin(v->lock, right->name, pin->name) : NULL;

		if (other)
			compare_versions(v, &pair, pin->name, pin->version, other->version, ret);
	}
}

static size_t count_common(const struct verification *v)
{
	const struct lock *lock = v->lock;
	size_t common = 0;

	for (size_t i = 0, end; i < lock->pin_count && !pin_is_toolchain(&lock->pins[i]); i = end) {
		size_t containers = 0;

		for (end = i; end < lock->pin_count && !strcmp(lock->pins[end].name, lock->pins[i].name) && !pin_is_toolchain(&lock->pins[end]); end++)
			containers += lock->pins[end].container_count;
		common += containers > 1;
	}
	return common;
}

static void compare_installed(const struct verification *v, const struct snapshot *left, const struct snapshot *right, struct findings *ret)
{
	const struct pair pair = {left->container, right->container};

	for (size_t i = 0; i < left->package_count; i++) {
		const struct installed_package *p = &left->packages[i], *other = snapshot_package(right, p->name);

		if (other)
			compare_versions(v, &pair, p->name, p->version, other->version, ret);
	}
}

int verify_agree(const struct verification *v, struct findings *ret, struct error *err __attribute__((unused)))
{
	const struct lock *lock = v->lock;

	for (size_t i = 0; i < lock->container_count; i++) {
		for (size_t j = i + 1; j < lock->container_count; j++) {
			if (is_asked(v, lock->containers[i].name) || is_asked(v, lock->containers[j].name))
				compare_locked(v, &lock->containers[i], &lock->containers[j], ret);
		}
	}
	for (size_t i = 0; v->snapshots && i < v->container_count; i++) {
		for (size_t j = i + 1; j < v->container_count; j++)
			compare_installed(v, &v->snapshots[i], &v->snapshots[j], ret);
	}
	size_t common = count_common(v);

	findings_checked(ret, "%zu package%s that several containers have", common, common == 1 ? "" : "s");
	return 0;
}
