#include "resolve/entries.h"

#include <string.h>

/* What is cut, and where what comes of it lives. */
struct cut {
	struct arena *arena;
	const struct owner *owners;
	size_t owner_count;
};

static bool is_listed(const struct lock_environment *const *list, size_t count, const struct lock_environment *environment)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i] == environment)
			return true;
	}
	return false;
}

/* How many of the owners that begin at `first` are of one asker, and how many of them have it. */
static size_t count_reached(const struct cut *w, size_t first, size_t *ret_count)
{
	size_t end = first, count = 0;

	for (; end < w->owner_count && w->owners[end].asker == w->owners[first].asker; end++)
		count += w->owners[end].has;
	*ret_count = count;
	return end - first;
}

/* True when "in these environments" says of an asker just where it has it. */
static bool says(const struct cut *w, const struct entry *e, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++) {
		if (w->owners[i].has != is_listed(e->environments, e->environment_count, w->owners[i].environment))
			return false;
	}
	return true;
}

static void add_to_entry(const struct cut *w, struct entry *e, size_t first, size_t count)
{
	*arena_push(w->arena, &e->owners, &e->owner_count) = w->owners[first].asker;
	for (size_t i = first; i < first + count; i++)
		e->has[i] = w->owners[i].has;
}

static struct entry *new_entry(const struct cut *w, struct entry **list, size_t *count)
{
	struct entry *e = arena_push(w->arena, list, count);

	*e = (struct entry){.has = arena_array(w->arena, w->owner_count, sizeof(*e->has))};
	return e;
}

/* One entry for all, in the environments where anyone has it; false when that would give it to someone who does not have it. */
static bool make_one_entry(const struct cut *w, bool everywhere, struct entry *e)
{
	size_t count, has;

	for (size_t i = 0; i < w->owner_count && !everywhere; i++) {
		if (w->owners[i].has && !is_listed(e->environments, e->environment_count, w->owners[i].environment))
			*arena_push(w->arena, &e->environments, &e->environment_count) = w->owners[i].environment;
	}
	for (size_t i = 0; i < w->owner_count; i += count) {
		count = count_reached(w, i, &has);
		if (!has)
			continue;
		if (!everywhere && !says(w, e, i, count))
			return false;
		add_to_entry(w, e, i, count);
	}
	return true;
}

/* Askers that have it everywhere together, others by where they have it. */
static void make_several_entries(const struct cut *w, struct entry **ret, size_t *ret_count)
{
	size_t count, has;

	for (size_t i = 0; i < w->owner_count; i += count) {
		struct entry *e = NULL;

		count = count_reached(w, i, &has);
		for (size_t j = 0; j < *ret_count && has && !e; j++) {
			if (has == count ? !(*ret)[j].environment_count : (*ret)[j].environment_count == has && says(w, &(*ret)[j], i, count))
				e = &(*ret)[j];
		}
		if (has && !e) {
			e = new_entry(w, ret, ret_count);
			for (size_t j = i; j < i + count && has < count; j++) {
				if (w->owners[j].has)
					*arena_push(w->arena, &e->environments, &e->environment_count) = w->owners[j].environment;
			}
		}
		if (has)
			add_to_entry(w, e, i, count);
	}
}

void entries_make(struct arena *a, const struct owner *owners, size_t owner_count, struct entry **ret, size_t *ret_count)
{
	const struct cut cut = {a, owners, owner_count}, *w = &cut;
	bool somewhere = false, everywhere = true;
	size_t count, has;

	*ret = NULL;
	*ret_count = 0;
	for (size_t i = 0; i < w->owner_count; i += count) {
		count = count_reached(w, i, &has);
		somewhere = somewhere || has;
		/* A lock does not say in which environments a layer is used. */
		everywhere = everywhere && (!has || has == count || w->owners[i].asker->is_layer);
	}
	if (!somewhere)
		return;
	if (make_one_entry(w, everywhere, new_entry(w, ret, ret_count)))
		return;
	*ret = NULL;
	*ret_count = 0;
	make_several_entries(w, ret, ret_count);
}
