#include "build/wheel_list.h"

#include <string.h>

#include "base/text.h"
#include "build/wheel_place.h"
#include "fetch/store.h"
#include "recipe/database.h"

static bool is_asked_for(const struct wheel_list *l, const struct pin *pin, const struct lock_environment *environment)
{
	const struct build_request *q = l->building->request;

	for (size_t i = 0; i < l->lock->container_count; i++) {
		const struct lock_container *c = &l->lock->containers[i];
		bool asked = !q->container_count;

		for (size_t j = 0; j < q->container_count; j++)
			asked = asked || !strcmp(q->containers[j]->name, c->name);
		if (asked && !strcmp(c->environment, environment->name) && pin_is_built_in(pin, c))
			return true;
	}
	return false;
}

const struct build_job *wheel_list_stage(const struct wheel_list *l, const struct container *c)
{
	for (size_t i = 0; i < l->building->plan.container_count; i++) {
		if (l->building->plan.containers[i] == c)
			return l->building->plan.finals[i];
	}
	return NULL;
}

static struct wheel_job *new_job(struct wheel_list *l, struct pin *pin, const struct wheel_place *p)
{
	struct wheel_job *job = arena_new(l->building->arena, struct wheel_job);

	*job = (struct wheel_job){
		.building = l->building, .pin = pin, .environment = p->environment, .container = p->container, .stage = wheel_list_stage(l, p->container)};
	wheel_job_keys(l->building->arena, l->lock, job);
	return job;
}

static void drop_file(struct wheel_list *l, struct pin *pin, size_t at)
{
	memmove(&pin->files[at], &pin->files[at + 1], (pin->file_count - at - 1) * sizeof(*pin->files));
	pin->file_count--;
	l->changed = true;
}

/* The place that a wheel is built in: the first that it fits. */
static const struct wheel_place *owner_of(const struct wheel_place *places, size_t count, const char *file_name)
{
	for (size_t i = 0; i < count; i++) {
		if (wheel_place_takes(&places[i], file_name))
			return &places[i];
	}
	return NULL;
}

/* Wheels that were built with something else than what would be taken now go. */
static void drop_stale(struct wheel_list *l, struct pin *pin, const struct wheel_place *places, size_t count)
{
	for (size_t i = pin->file_count; i-- > 0;) {
		const struct lock_file *f = &pin->files[i];
		const struct wheel_place *owner = f->built_from ? owner_of(places, count, f->name) : NULL;

		if (f->built_from && (!owner || !text_equal(new_job(l, pin, owner)->declared_key, f->build_key)))
			drop_file(l, pin, i);
	}
}

static struct lock_file *built_file(struct pin *pin, const struct wheel_place *p)
{
	for (size_t i = 0; i < pin->file_count; i++) {
		if (pin->files[i].built_from && wheel_place_takes(p, pin->files[i].name))
			return &pin->files[i];
	}
	return NULL;
}

static bool was_compared(const struct wheel_list *l, const char *sha256)
{
	for (size_t i = 0; i < l->compared_count; i++) {
		if (!strcmp(l->compared[i], sha256))
			return true;
	}
	return false;
}

/* The next wheel of a pin that is to be built, or NULL. One at a time: what comes out may serve the next environment too. */
static struct wheel_job *next_of_pin(struct wheel_list *l, struct pin *pin)
{
	struct wheel_place *places;
	size_t count;

	wheel_places(l->building->arena, l->building->request->db, l->lock, pin, &places, &count);
	drop_stale(l, pin, places, count);
	/* Whichever container is asked for, it goes in this order: else what is built would depend on it. */
	while (count && !is_asked_for(l, pin, places[count - 1].environment))
		count--;
	for (size_t i = 0; i < count; i++) {
		struct lock_file *file = built_file(pin, &places[i]);

		if (file && (l->again ? was_compared(l, file->sha256) : store_has(file->sha256, (int64_t)file->size_bytes)))
			continue;
		struct wheel_job *job = new_job(l, pin, &places[i]);

		job->locked = file;
		return job;
	}
	return NULL;
}

void wheel_list_next(struct wheel_list *l)
{
	l->jobs = NULL;
	l->job_count = 0;
	for (size_t i = 0; i < l->lock->pin_count; i++) {
		struct pin *pin = &l->lock->pins[i];
		struct wheel_job *job = pin_source(pin) && !pin_is_toolchain(pin) ? next_of_pin(l, pin) : NULL;

		if (job)
			*arena_push(l->building->arena, &l->jobs, &l->job_count) = job;
	}
}
