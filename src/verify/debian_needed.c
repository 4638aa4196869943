/* Debian packages of the lock that no container needs any more: of stages that are gone, and those in a stage that nothing asked for leads to, by the packages' own word
   where the store has them. */
#include "verify/declared.h"

#include <string.h>

#include "base/text.h"
#include "debian/packages.h"
#include "debian/question.h"
#include "fetch/store.h"
#include "io/archive.h"

/* A package that a stage of the container installs. */
struct item {
	const struct lock_deb *deb;
	const char **requires, **provides; /* names */
	size_t require_count, provide_count;
	bool needed;
};

struct search {
	struct arena *a;
	const struct lock *lock;
	const struct system_chain *chain;
	struct item *items;
	size_t count;
};

static void add(struct findings *ret, const char *container, const struct lock_deb *deb, const char *text)
{
	findings_add(ret, &(struct finding){.kind = "unneeded", .container = container, .subject = deb->name, .found = deb->version, .text = text});
}

/* ---- stages that are gone ---- */

static bool is_stage(struct arena *a, const struct verification *v, const struct system_chain *chains, const char *label)
{
	for (size_t i = 0; i < v->db->container_count; i++) {
		const struct lock_container *part = lock_container(v->lock, chains[i].container->name);

		if (!part || !part->debian)
			continue;
		if (!strcmp(label, system_base_label(a, chains[i].container->base)))
			return true;
		for (size_t k = 0; k < chains[i].stage_count; k++) {
			if (!strcmp(label, system_stage_label(a, part->name, chains[i].stages[k].name)))
				return true;
		}
	}
	return false;
}

static void check_stages(struct arena *a, const struct verification *v, const struct system_chain *chains, struct findings *ret)
{
	for (size_t i = 0; i < v->lock->deb_count; i++) {
		const struct lock_deb *deb = &v->lock->debs[i];

		for (size_t k = 0; k < deb->stage_count; k++) {
			if (!is_stage(a, v, chains, deb->stages[k]))
				add(ret, NULL, deb,
				    arena_printf(a, "is a Debian package that is locked at %s for '%s', which nothing is built of", deb->version,
						 deb->stages[k]));
		}
	}
}

/* ---- what nothing leads to ---- */

/* The names in "libc6 (>= 2.36), a | b:any", each alternative by itself. */
static void add_names(struct arena *a, const char *field, const char ***names, size_t *count)
{
	for (const char *p = field ? field : ""; *p;) {
		p += strspn(p, " \t\n,|");
		size_t length = strcspn(p, " \t\n,|(:[");

		if (length)
			*arena_push(a, names, count) = arena_strndup(a, p, length);
		p += strcspn(p, ",|");
	}
}

/* False when it is not in the store, or cannot be read: then nothing is known. */
static bool read_item(struct search *s, struct item *item)
{
	autostrbuf struct strbuf control = {0};
	autoerror struct error ignored = {0};

	if (!store_has(item->deb->sha256, (int64_t)item->deb->size_bytes) || archive_read_control(store_path(s->a, item->deb->sha256), &control, &ignored) < 0)
		return false;
	const char *text = strbuf_text(&control);

	add_names(s->a, stanza_whole_field(s->a, text, "Depends"), &item->requires, &item->require_count);
	add_names(s->a, stanza_whole_field(s->a, text, "Pre-Depends"), &item->requires, &item->require_count);
	add_names(s->a, stanza_whole_field(s->a, text, "Provides"), &item->provides, &item->provide_count);
	return true;
}

static bool is_in_stages(const struct search *s, const struct lock_deb *deb)
{
	for (size_t i = 0; lock_deb_has_file(deb) && i < s->chain->stage_count; i++) {
		if (lock_deb_in(deb, system_stage_label(s->a, s->chain->container->name, s->chain->stages[i].name)))
			return true;
	}
	return false;
}

static bool read_items(struct search *s)
{
	for (size_t i = 0; i < s->lock->deb_count; i++) {
		if (!is_in_stages(s, &s->lock->debs[i]))
			continue;
		struct item *item = arena_push(s->a, &s->items, &s->count);

		*item = (struct item){.deb = &s->lock->debs[i]};
		if (!read_item(s, item))
			return false;
	}
	return true;
}

static void need(struct search *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++) {
		struct item *item = &s->items[i];
		bool is_it = !strcmp(item->deb->name, name);

		for (size_t k = 0; k < item->provide_count && !is_it; k++)
			is_it = !strcmp(item->provides[k], name);
		if (!is_it || item->needed)
			continue;
		item->needed = true;
		for (size_t k = 0; k < item->require_count; k++)
			need(s, item->requires[k]);
	}
}

/* apt moves what an image has where something else wants that, in whatever words. */
static bool replaces_brought(const struct search *s, const struct lock_deb *deb)
{
	const char *label = system_base_label(s->a, s->chain->container->base);

	for (size_t i = lock_first_deb(s->lock, deb->name); i < s->lock->deb_count && !strcmp(s->lock->debs[i].name, deb->name); i++) {
		if (!lock_deb_has_file(&s->lock->debs[i]) && lock_deb_in(&s->lock->debs[i], label))
			return true;
	}
	return false;
}

static void check_chain(struct arena *a, const struct lock *lock, const struct system_chain *chain, struct findings *ret)
{
	struct search s = {.a = a, .lock = lock, .chain = chain};

	if (!read_items(&s))
		return;
	for (size_t i = 0; i < chain->stage_count; i++) {
		for (size_t k = 0; k < chain->stages[i].step_count; k++) {
			const struct system_step *step = &chain->stages[i].steps[k];

			for (size_t w = 0; w < step->word_count; w++)
				need(&s, arena_strndup(a, step->words[w], strcspn(step->words[w], "=:/")));
		}
	}
	for (size_t i = 0; i < s.count; i++) {
		const struct lock_deb *deb = s.items[i].deb;

		if (replaces_brought(&s, deb))
			need(&s, deb->name);
	}
	for (size_t i = 0; i < s.count; i++) {
		const struct lock_deb *deb = s.items[i].deb;

		if (!s.items[i].needed)
			add(ret, chain->container->name, deb,
			    arena_printf(a, "is a Debian package that is locked at %s, but nothing that is installed there needs it", deb->version));
	}
}

int declared_check_debian(const struct verification *v, struct findings *ret, struct error *err)
{
	autoarena struct arena a = {0};
	struct system_chain *chains;

	if (!v->lock->deb_count)
		return 0;
	if (system_chains(&a, v->db, &chains, err) < 0)
		return -1;
	check_stages(&a, v, chains, ret);
	for (size_t i = 0; i < v->container_count; i++) {
		const struct lock_container *part = lock_container(v->lock, v->containers[i]->name);

		for (size_t k = 0; part && part->debian && k < v->db->container_count; k++) {
			if (chains[k].container == v->containers[i])
				check_chain(&a, v->lock, &chains[k], ret);
		}
	}
	return 0;
}
