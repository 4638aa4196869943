#include "release/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "release/release_store.h"

/* A package on its way through the releases, from the newest to the oldest. */
struct trail {
	struct history_package *package;
	const char *value; /* what it was in the release looked at before this one */
	bool is_lost;      /* it was in one no more */
	unsigned last;     /* the release it was in last, by number from the newest */
};

struct tracing {
	struct arena *arena;
	struct history *history;
	struct trail **trails; /* per container, beside its packages */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct history_package *)a)->name, ((const struct history_package *)b)->name);
}

/* ---- the newest ---- */

static void take_packages(struct arena *a, const struct lock *lock, const struct lock_container *c, struct history_container *h)
{
	const struct lock_environment *environment = lock_environment(lock, c->environment);
	const char *const *tags;
	size_t tag_count;

	if (!environment)
		return;
	lock_environment_tags(a, environment, &tags, &tag_count);
	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];
		const struct lock_file *file = pin_is_built_in(pin, c) ? pin_file_by_tags(pin, tags, tag_count) : NULL;

		if (file)
			*arena_push(a, &h->packages, &h->package_count) =
				(struct history_package){arena_strdup(a, pin->name), arena_strdup(a, file->sha256), 0, 0};
	}
	if (h->package_count)
		qsort(h->packages, h->package_count, sizeof(*h->packages), compare_names);
}

static void take_layers(struct arena *a, const struct snapshot *s, struct history_container *h)
{
	for (size_t i = 0; s && i < s->layer_count; i++) {
		struct layer_before *l = arena_push(a, &h->layers, &h->layer_count);

		for (size_t k = 0; k < s->layers[i].package_count; k++)
			*arena_push(a, &l->names, &l->name_count) = arena_strdup(a, s->layers[i].packages[k]);
	}
}

static void take_newest(struct arena *a, const struct release *r, struct history *h)
{
	for (size_t i = 0; i < r->lock.container_count; i++) {
		const struct lock_container *c = &r->lock.containers[i];
		struct history_container *into = arena_push(a, &h->containers, &h->container_count);

		into->name = arena_strdup(a, c->name);
		take_packages(a, &r->lock, c, into);
		take_layers(a, release_snapshot(r, c->name), into);
	}
}

/* ---- all of them, in the store ---- */

static struct trail *find_trail(const struct tracing *t, const char *container, const char *name)
{
	const struct history_container *c = history_container(t->history, container);
	struct history_package wanted = {.name = name}, *found = NULL;

	if (c && c->package_count)
		found = bsearch(&wanted, c->packages, c->package_count, sizeof(wanted), compare_names);
	return found ? &t->trails[c - t->history->containers][found - c->packages] : NULL;
}

/* Release `number`, 0 is the newest: what it says of the packages that the newest has. */
static int trace_release(const struct tracing *t, struct sql *db, const char *release, unsigned number, struct error *err)
{
	static const char query[] = "SELECT pin_container.container, pin.name, group_concat(pin.version || ' ' || coalesce(pin.reference, ''), ',') FROM pin"
				    " JOIN pin_container ON pin_container.release = pin.release AND pin_container.pin = pin.place WHERE pin.release = ?"
				    " GROUP BY pin_container.container, pin.name";
	autostatement struct sql_statement *s = NULL;
	int step;

	if (sql_query(db, &s, err, query, "t", release) < 0)
		return -1;
	while ((step = sql_step(s, err)) > 0) {
		const char *container = sql_column_text(s, 0), *name = sql_column_text(s, 1), *value = sql_column_text(s, 2);
		struct trail *trail = container && name ? find_trail(t, container, name) : NULL;

		/* One release without it, and it is as good as new in the next. */
		if (!trail || trail->is_lost || (number && (!trail->value || trail->last + 1 != number))) {
			if (trail)
				trail->is_lost = true;
			continue;
		}
		if (number && !text_equal(value, trail->value))
			trail->package->moved |= (uint64_t)1 << (number - 1);
		if (trail->package->seen < LAYER_PLAN_HISTORY)
			trail->package->seen++;
		if (!text_equal(value, trail->value))
			trail->value = arena_strdup(t->arena, value ? value : "");
		trail->last = number;
	}
	return step;
}

static int trace(struct arena *a, const char *root, char *const *names, size_t count, struct history *h, struct error *err)
{
	struct tracing t = {a, h, arena_array(a, h->container_count + 1, sizeof(*t.trails))};
	autochanges struct release_store_changes changes = {0};
	autosql struct sql *db = NULL;

	if (release_store_sync(root, &changes, err) < 0 || release_store_open(root, &db, err) < 0)
		return -1;
	for (size_t i = 0; i < h->container_count; i++) {
		t.trails[i] = arena_array(a, h->containers[i].package_count + 1, sizeof(**t.trails));
		for (size_t k = 0; k < h->containers[i].package_count; k++)
			t.trails[i][k].package = &h->containers[i].packages[k];
	}
	for (unsigned i = 0; i < count && i <= LAYER_PLAN_HISTORY; i++) {
		if (trace_release(&t, db, names[count - 1 - i], i, err) < 0)
			return -1;
	}
	return 0;
}

int release_history(struct arena *a, const char *root, const struct release *newest, struct history *ret, struct error *err)
{
	autorelease struct release own = {0};
	struct history h = {0};
	char **names;
	size_t count;

	if (release_list(a, root, &names, &count, err) < 0)
		return -1;
	if (count && !newest) {
		if (release_read(&own, root, names[count - 1], err) < 0)
			return -1;
		newest = &own;
	}
	if (count)
		take_newest(a, newest, &h);
	if (count && trace(a, root, names, count, &h, err) < 0)
		return -1;
	*ret = h;
	return 0;
}

int release_layers_since(struct arena *a, const char *root, const char *container, const char *const *digests, size_t count, const char ***ret,
			 struct error *err)
{
	autochanges struct release_store_changes changes = {0};
	autosql struct sql *db = NULL;
	autostatement struct sql_statement *s = NULL;
	const char **since = arena_array(a, count + 1, sizeof(*since));
	int step;

	if (release_store_sync(root, &changes, err) < 0 || release_store_open(root, &db, err) < 0 ||
	    sql_query(db, &s, err, "SELECT digest, release FROM python_layer WHERE container = ?", "t", container) < 0)
		return -1;
	while ((step = sql_step(s, err)) > 0) {
		const char *digest = sql_column_text(s, 0), *release = sql_column_text(s, 1);

		for (size_t i = 0; digest && release && i < count; i++) {
			if (digests[i] && !strcmp(digests[i], digest) && (!since[i] || release_name_compare(release, since[i]) < 0))
				since[i] = arena_strdup(a, release);
		}
	}
	if (step == 0)
		*ret = since;
	return step;
}
