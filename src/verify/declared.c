/* What recipes/ declare for a container beside its part of the lock, package by package. Whether the part is closed is in closed.c. */
#include "verify/declared.h"

#include <string.h>

#include "base/text.h"
#include "python/version.h"

static void add(struct declared *d, const char *kind, const char *subject, struct pos pos, const char *expected, const char *found, const char *text)
{
	findings_add(d->ret, &(struct finding){.kind = kind,
					       .container = d->container->name,
					       .subject = subject,
					       .is_package = true,
					       .expected = expected,
					       .found = found,
					       .text = text,
					       .pos = pos});
}

/* "recipes/python.yaml:5:12" */
static const char *declared_place(struct arena *a, struct pos pos)
{
	return arena_printf(a, "%s:%u:%u", pos.file, pos.line, pos.column);
}

/* " for cp311-linux-aarch64-...", where it is not the environment that is built. */
const char *declared_elsewhere(const struct declared *d)
{
	return d->place ? arena_printf(d->a, " for %s", d->environment->name) : "";
}

static bool applies(const struct declared *d, const struct container_constraint *c)
{
	size_t at;
	const struct marker *marker = c->marker ? marker_parse(d->a, c->marker, &at) : NULL;

	return environment_holds(&d->values, marker, "");
}

static void check_constraint(struct declared *d, const struct package *p, const struct pin *pin, const struct container_constraint *c)
{
	size_t at;
	const struct specifier_set *set = specifier_set_parse(d->a, c->specifier, &at);

	if (!set || !applies(d, c) || specifier_set_contains(set, pin->version, true))
		return;
	const char *place = declared_place(d->a, c->pos), *where = declared_elsewhere(d);

	if (c->hold)
		add(d, "hold", p->canonical, c->pos, c->specifier, pin->version,
		    arena_printf(d->a, "is locked at %s%s, but %s holds it at '%s' (%s, until %s)", pin->version, where, place, c->specifier, c->hold->owner,
				 c->hold->review));
	else
		add(d, "constraint", p->canonical, c->pos, c->specifier, pin->version,
		    arena_printf(d->a, "is locked at %s%s, but %s says '%s'", pin->version, where, place, c->specifier));
}

/* How the lock writes a reference of recipes/ (lock.h). */
static const char *reference_text(struct arena *a, const struct reference *r)
{
	if (r->kind == REFERENCE_GIT)
		return arena_printf(a, "git+%s@%s%s%s", r->url, r->commit, r->subdirectory ? "#subdirectory=" : "", r->subdirectory ? r->subdirectory : "");
	return r->kind == REFERENCE_URL ? r->url : r->path;
}

static bool has_file(const struct pin *pin, const char *sha256)
{
	for (size_t i = 0; i < pin->file_count; i++) {
		if (!strcmp(pin->files[i].sha256, sha256) || text_equal(pin->files[i].built_from, sha256))
			return true;
	}
	return false;
}

static void check_origin(struct declared *d, const struct package *p, const struct pin *pin)
{
	const char *wanted = p->reference ? reference_text(d->a, p->reference) : p->index;
	struct pos pos = p->reference ? p->reference->pos : p->pos;

	if (p->reference ? !text_equal(pin->reference, wanted) : p->index && !text_equal(pin->index, p->index))
		add(d, "origin", p->canonical, pos, wanted, pin->reference ? pin->reference : pin->index,
		    arena_printf(d->a, "is locked from '%s', but %s says '%s'", pin->reference ? pin->reference : pin->index, declared_place(d->a, pos),
				 wanted));
	else if (!p->reference && pin->reference)
		add(d, "origin", p->canonical, pos, "an index", pin->reference,
		    arena_printf(d->a, "is locked from '%s', but %s takes it from an index", pin->reference, declared_place(d->a, pos)));
	else if (p->reference && p->reference->sha256 && !has_file(pin, p->reference->sha256))
		add(d, "origin", p->canonical, pos, p->reference->sha256, pin->file_count ? pin->files[0].sha256 : NULL,
		    arena_printf(d->a, "is locked with other bytes than %s says", declared_place(d->a, pos)));
}

static void check_constraints(struct declared *d, const struct package *p, const struct pin *pin)
{
	struct container_constraint *constraints;
	size_t count;

	container_constraints(d->a, d->container, p, false, &constraints, &count);
	for (size_t i = 0; i < count; i++)
		check_constraint(d, p, pin, &constraints[i]);
}

/* What is in none of the container's groups, but is there because something requires it. */
static void check_required(struct declared *d, const struct package *p)
{
	const struct pin *pin = lock_pin_in(d->v->lock, d->container->name, d->environment->name, p->canonical);

	for (size_t i = 0; i < d->package_count && pin; i++)
		pin = d->packages[i] == p ? NULL : pin;
	if (!pin)
		return;
	check_constraints(d, p, pin);
	check_origin(d, p, pin);
}

static void check_package(struct declared *d, const struct package *p)
{
	const struct pin *pin = lock_pin_in(d->v->lock, d->container->name, d->environment->name, p->canonical);

	if (!pin) {
		add(d, "not-locked", p->canonical, p->pos, p->canonical, NULL,
		    arena_printf(d->a, "is declared at %s, but not locked%s", declared_place(d->a, p->pos), declared_elsewhere(d)));
		return;
	}
	check_constraints(d, p, pin);
	check_origin(d, p, pin);
	/* What is locked as a source is built by 'build' and 'bump', which tell when they cannot. */
	if (!pin_source(pin) && !pin_file_by_tags(pin, d->tags, d->tag_count))
		add(d, "no-file", p->canonical, p->pos, d->environment->name, NULL,
		    arena_printf(d->a, "%s has no file that can be used in %s", pin->version, d->environment->name));
}

/* What another package stands in for must not be declared for the container beside it. */
static void check_swaps(struct declared *d)
{
	for (size_t i = 0; i < d->container->swap_count; i++) {
		const struct swap *s = &d->container->swaps[i];
		bool declared = false;

		for (size_t j = 0; j < d->package_count; j++)
			declared = declared || d->packages[j] == s->from;
		if (!declared && lock_is_direct(d->part, s->from->canonical))
			add(d, "swap", s->from->canonical, s->pos, s->to->canonical, s->from->canonical,
			    arena_printf(d->a, "is locked as declared, but %s swaps it for %s", declared_place(d->a, s->pos), s->to->canonical));
	}
}

static void check_field(struct declared *d, const struct environment *e, const char *what, const char *wanted, const char *locked)
{
	if (text_equal(wanted, locked))
		return;
	findings_add(d->ret,
		     &(struct finding){.kind = "environment",
				       .container = d->container->name,
				       .subject = what,
				       .expected = wanted,
				       .found = locked,
				       .text = arena_printf(d->a, "is '%s' in the lock, but %s says '%s'", locked, declared_place(d->a, e->pos), wanted),
				       .pos = e->pos});
}

static void check_environment(struct declared *d, const struct environment *e)
{
	const struct lock_environment *locked = d->environment;

	check_field(d, e, "python", e->python, locked->python);
	check_field(d, e, "implementation", e->implementation, locked->implementation);
	check_field(d, e, "os", e->os, locked->os);
	check_field(d, e, "machine", e->machine, locked->machine);
	check_field(d, e, "libc", e->libc, locked->libc);
	check_field(d, e, "libc version", e->libc_version, locked->libc_version);
}

static void check_in(struct declared *d, size_t place)
{
	d->place = place;
	environment_values(d->a, d->environment, &d->values);
	lock_environment_tags(d->a, d->environment, &d->tags, &d->tag_count);
	for (size_t i = 0; i < d->package_count; i++)
		check_package(d, d->packages[i]);
	for (size_t i = 0; i < d->v->db->package_count; i++)
		check_required(d, &d->v->db->packages[i]);
	declared_check_closed(d);
}

static bool is_locked_for(const struct declared *d, const char *environment)
{
	const char *name;

	for (size_t i = 0; (name = lock_container_environment(d->part, i)); i++) {
		if (!strcmp(name, environment))
			return true;
	}
	return false;
}

static void check_further(struct declared *d)
{
	const struct base *base = d->container->base;

	for (size_t i = 0; i < base->further_count; i++) {
		struct lock_environment wanted;

		environment_describe(d->a, &base->further[i], &wanted);
		if (!is_locked_for(d, wanted.name))
			findings_add(d->ret, &(struct finding){.kind = "environment",
							       .container = d->container->name,
							       .subject = wanted.name,
							       .expected = wanted.name,
							       .text = arena_printf(d->a, "is declared at %s, but not locked",
										    declared_place(d->a, base->further[i].pos)),
							       .pos = base->further[i].pos});
	}
}

static void check_inputs(struct declared *d)
{
	char inputs[DIGEST_HEX_LENGTH + 1];

	container_digest(d->container, d->v->db, inputs);
	if (strcmp(inputs, d->part->inputs) != 0)
		findings_add(d->ret, &(struct finding){.kind = "inputs",
						       .container = d->container->name,
						       .subject = d->container->name,
						       .expected = inputs,
						       .found = d->part->inputs,
						       .text = "was declared otherwise when it was locked; 'lockstep lock' locks it anew",
						       .pos = d->container->pos});
}

static void check_container(struct declared *d)
{
	const char *name;

	d->part = lock_container(d->v->lock, d->container->name);
	if (!d->part) {
		findings_add(d->ret, &(struct finding){.kind = "not-locked",
						       .container = d->container->name,
						       .subject = d->container->name,
						       .text = "is no container of the lock",
						       .pos = d->container->pos});
		return;
	}
	container_packages(d->a, d->container, &d->packages, &d->package_count);
	d->total += d->package_count;
	check_inputs(d);
	check_further(d);
	check_swaps(d);
	for (size_t i = 0; (name = lock_container_environment(d->part, i)); i++) {
		d->environment = lock_environment(d->v->lock, name);
		if (!d->environment)
			continue; /* a lock that was read has them all */
		if (!i)
			check_environment(d, &d->container->base->environment);
		check_in(d, i);
	}
	declared_check_needed(d);
}

static void check_whole(const struct verification *v, struct findings *ret)
{
	char inputs[DIGEST_HEX_LENGTH + 1];

	database_digest(v->db, inputs);
	if (!text_equal(inputs, v->lock->inputs))
		findings_add(ret, &(struct finding){.kind = "inputs",
						    .subject = "recipes/",
						    .expected = inputs,
						    .found = v->lock->inputs,
						    .text = "changed since the lock was made; 'lockstep lock' locks anew"});
	for (size_t i = 0; i < v->lock->container_count; i++) {
		const char *name = v->lock->containers[i].name;

		if (!database_container(v->db, name))
			findings_add(ret, &(struct finding){.kind = "not-declared",
							    .container = name,
							    .subject = name,
							    .text = "is locked, but recipes/ know no such container"});
	}
	declared_check_layers(v, ret);
}

int verify_declared(const struct verification *v, struct findings *ret, struct error *err)
{
	struct wheels_read wheels = {0};
	size_t total = 0;

	check_whole(v, ret);
	for (size_t i = 0; i < v->container_count; i++) {
		autoarena struct arena a = {0};
		struct declared d = {.v = v, .a = &a, .wheels = &wheels, .ret = ret, .container = v->containers[i]};

		check_container(&d);
		total += d.total;
	}
	wheels_read_release(&wheels);
	if (declared_check_debian(v, ret, err) < 0)
		return -1;
	findings_checked(ret, "%zu declared package%s of %zu container%s", total, total == 1 ? "" : "s", v->container_count,
			 v->container_count == 1 ? "" : "s");
	return 0;
}
