#include "debian/system.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "debian/access.h"
#include "debian/image.h"
#include "debian/place.h"
#include "debian/question.h"
#include "debian/sources.h"
#include "resolve/resolve.h"

/* A base, or a stage on it: what it adds. Containers that begin alike share their nodes. */
struct node {
	const char *digest;
	struct node *below;
	size_t *debs; /* places in the result's list */
	size_t deb_count;
	bool is_image; /* what it adds is what an image has, all of which its place knows */
};

struct resolving {
	struct arena arena;
	const struct database *db;
	const struct lock *last;
	const struct system_options *options;
	struct lock *ret;
	struct diag *d;
	struct error *err;
	struct access access;
	bool has_access;
	struct system_chain *chains;
	struct place *places; /* one for each chain's place; never moved while one is open */
	const char **place_digests;
	size_t place_count;
	struct node **nodes;
	size_t node_count;
	struct deb_record **records; /* of the result's list, by place; NULL: not looked for yet */
	size_t record_count;
};

static void progress(const struct resolving *s, const char *text)
{
	if (s->options->on_progress)
		s->options->on_progress(s->options->context, text);
}

/* Of a container's `debian`: the name of its base, then digests. */
enum { WORD_PLACE = 1, WORD_BASE = 2 };

/* The nth word of a container's `debian`. In the arena; NULL past the last. */
static const char *word_of(struct resolving *s, const char *text, size_t n)
{
	for (; n && *text; n--) {
		text += strcspn(text, " ");
		text += *text == ' ';
	}
	return *text ? arena_strndup(&s->arena, text, strcspn(text, " ")) : NULL;
}

/* ---- the result's list ---- */

/* The same package of an image. */
static bool is_brought(const struct lock_deb *known, const struct lock_deb *deb)
{
	return !lock_deb_has_file(known) && !strcmp(known->name, deb->name) && !strcmp(known->version, deb->version) &&
	       !strcmp(known->architecture, deb->architecture);
}

static size_t add_deb(struct resolving *s, const struct lock_deb *deb)
{
	struct arena *a = &s->ret->arena;

	for (size_t i = 0; i < s->ret->deb_count; i++) {
		const struct lock_deb *known = &s->ret->debs[i];

		if (lock_deb_has_file(deb) ? text_equal(known->sha256, deb->sha256) && text_equal(known->path, deb->path) : is_brought(known, deb))
			return i;
	}
	*arena_push(a, &s->ret->debs, &s->ret->deb_count) = (struct lock_deb){
		.name = arena_strdup(a, deb->name),
		.version = arena_strdup(a, deb->version),
		.architecture = arena_strdup(a, deb->architecture),
		.file = arena_strdup_null(a, deb->file),
		.size_bytes = deb->size_bytes,
		.sha256 = arena_strdup_null(a, deb->sha256),
		.path = arena_strdup_null(a, deb->path),
	};
	return s->ret->deb_count - 1;
}

static void add_to_node(struct resolving *s, struct node *node, const struct lock_deb *deb)
{
	*arena_push(&s->arena, &node->debs, &node->deb_count) = add_deb(s, deb);
}

static void add_record(struct resolving *s, struct node *node, const struct deb_record *r)
{
	add_to_node(s, node,
		    &(struct lock_deb){.name = r->name,
				       .version = r->version,
				       .architecture = r->architecture,
				       .file = r->path ? path_base(r->path) : NULL,
				       .size_bytes = r->size_bytes,
				       .sha256 = r->sha256,
				       .path = r->path});
}

static void label(struct resolving *s, const struct node *node, const char *text)
{
	for (size_t i = 0; i < node->deb_count; i++) {
		struct lock_deb *deb = &s->ret->debs[node->debs[i]];

		if (!lock_deb_in(deb, text))
			*arena_push(&s->ret->arena, &deb->stages, &deb->stage_count) = arena_strdup(&s->ret->arena, text);
	}
}

/* ---- what was answered before ---- */

static void copy_labelled(struct resolving *s, struct node *node, const char *text)
{
	for (size_t i = 0; i < s->last->deb_count; i++) {
		if (lock_deb_in(&s->last->debs[i], text))
			add_to_node(s, node, &s->last->debs[i]);
	}
}

/* The last lock answered the same question, of whatever container. `stage` NULL: a base. */
static bool copy_answer(struct resolving *s, struct node *node, const struct base *base, const struct system_stage *stage)
{
	for (size_t i = 0; !s->options->upgrade && s->last && i < s->last->container_count; i++) {
		const struct lock_container *c = &s->last->containers[i];

		for (size_t n = WORD_BASE; c->debian; n++) {
			const char *word = word_of(s, c->debian, n);

			if (!word)
				break;
			if ((n == WORD_BASE) != !stage || strcmp(word, node->digest) != 0)
				continue;
			copy_labelled(s, node, stage ? system_stage_label(&s->arena, c->name, stage->name) : system_base_label(&s->arena, base));
			return true;
		}
	}
	return false;
}

/* ---- what is asked ---- */

static void keep(struct resolving *s, struct place *p, const struct lock_deb *deb)
{
	for (size_t i = 0; i < p->kept_count; i++) {
		if (p->kept[i] == deb)
			return;
	}
	*arena_push(&s->arena, &p->kept, &p->kept_count) = deb;
}

/* Of the last lock what came from the same place. */
static void find_kept(struct resolving *s, struct place *p, const char *digest)
{
	const char *base_label = system_base_label(&s->arena, p->base);

	for (size_t i = 0; !s->options->upgrade && s->last && i < s->last->container_count; i++) {
		const struct lock_container *c = &s->last->containers[i];
		const char *prefix = system_stage_label(&s->arena, c->name, "");

		if (!c->debian || !text_equal(word_of(s, c->debian, WORD_PLACE), digest))
			continue;
		for (size_t k = 0; k < s->last->deb_count; k++) {
			const struct lock_deb *deb = &s->last->debs[k];

			for (size_t n = 0; n < deb->stage_count; n++) {
				if (lock_deb_has_file(deb) && (!strcmp(deb->stages[n], base_label) || text_starts_with(deb->stages[n], prefix)))
					keep(s, p, deb);
			}
		}
	}
}

/* What is wrong with what an image has, said where the database asks for it. */
static int check_image(struct resolving *s, const struct base *base, const struct system_step *step, const struct image *image)
{
	const char *wanted = debian_architecture(base->environment.machine), *own = *image->architectures;

	if (!own) {
		diag_error(s->d, step->pos, "%s installs Debian packages, but the image of base '%s' has no dpkg and apt to install them with", step->what,
			   base->name);
		diag_hint(s->d, "'run' steps can install what is of another distribution; that is not locked");
		return error_set(s->err, ERR_INPUT, "the Debian packages of %s cannot be locked", step->what);
	}
	if (strcmp(own, wanted) != 0) {
		diag_error(s->d, base->environment.pos, "the environment of base '%s' is of %s, which Debian calls %s, but its image is of %s", base->name,
			   base->environment.machine, wanted, own);
		return error_set(s->err, ERR_INPUT, "the Debian packages of %s cannot be locked", step->what);
	}
	for (const char *const *text = image->left_out; *text; text++)
		diag_warning(s->d, base->image_pos, "in the image of base '%s', %s", base->name, *text);
	if (image->source_count)
		return 0;
	diag_error(s->d, base->image_pos, "the image of base '%s' names no source of Debian packages, which %s installs", base->name, step->what);
	diag_hint(s->d, "build an image whose /etc/apt/sources.list.d/ names some");
	return error_set(s->err, ERR_INPUT, "the Debian packages of %s cannot be locked", step->what);
}

static int read_image(struct resolving *s, struct place *p, const struct system_step *step)
{
	const struct image_asking asking = {s->options->open_engine, s->options->open_context, s->options->on_progress, s->options->context};
	struct image *image = arena_new(&s->arena, struct image);

	if (p->base->source != BASE_IMAGE || p->image)
		return 0;
	if (image_read(&s->arena, p->base, &asking, image, s->err) < 0 || check_image(s, p->base, step, image) < 0)
		return -1;
	p->image = image;
	return 0;
}

static int open_place(struct resolving *s, const struct system_chain *chain, struct place **ret)
{
	struct place *p = NULL;

	for (size_t i = 0; i < s->place_count && !p; i++)
		p = !strcmp(s->place_digests[i], chain->place) ? &s->places[i] : NULL;
	if (!p) {
		s->place_digests[s->place_count] = chain->place;
		p = &s->places[s->place_count++];
		*p = (struct place){.arena = &s->arena, .base = chain->container->base, .access = &s->access};
		find_kept(s, p, chain->place);
	}
	if (read_image(s, p, chain->stage_count ? chain->stages->steps : NULL) < 0)
		return -1;
	if (!s->has_access && access_open(&s->arena, s->options->ca_file, &s->access, s->err) < 0)
		return -1;
	s->has_access = true;
	if (!p->is_open)
		progress(s, arena_printf(&s->arena, "asking apt for the Debian packages of '%s'", p->base->name));
	*ret = p;
	/* Bases of one distribution share a folder of apt's, which one place has to itself. */
	for (size_t i = 0; i < s->place_count; i++) {
		if (&s->places[i] != p)
			place_close(&s->places[i]);
	}
	return place_open(p, s->err);
}

/* Every stage asks for all that is below it. */
static const struct deb_record *record_of(struct resolving *s, struct place *p, size_t deb)
{
	while (s->record_count <= deb)
		*arena_push(&s->arena, &s->records, &s->record_count) = NULL;
	if (!s->records[deb]) {
		struct deb_record *record = arena_new(&s->arena, struct deb_record);

		if (place_find(p, &s->ret->debs[deb], record, s->err) < 0)
			return NULL;
		s->records[deb] = record;
	}
	return s->records[deb];
}

static int add_installed(struct resolving *s, struct place *p, const struct node *node, struct deb_record **list, size_t *count)
{
	if (!node || node->is_image)
		return 0;
	if (add_installed(s, p, node->below, list, count) < 0)
		return -1;
	for (size_t i = 0; i < node->deb_count; i++) {
		const struct deb_record *record = record_of(s, p, node->debs[i]);

		if (!record)
			return -1;
		*arena_push(&s->arena, list, count) = *record;
	}
	return 0;
}

static void add_brought(struct resolving *s, const struct image *image, struct node *node)
{
	for (size_t i = 0; i < image->package_count; i++) {
		if (image->packages[i].is_installed)
			add_record(s, node, &image->packages[i].record);
	}
}

static int ask(struct resolving *s, const struct system_chain *chain, const struct system_stage *stage, struct node *node)
{
	struct deb_record *list = NULL;
	size_t count = 0, below;
	struct place *p;

	if (open_place(s, chain, &p) < 0 || add_installed(s, p, node->below, &list, &count) < 0)
		return -1;
	below = count;
	if (node->is_image)
		add_brought(s, p->image, node);
	else if (!stage && place_resolve_base(p, &list, &count, s->d, s->err) < 0)
		return -1;
	for (size_t i = 0; stage && i < stage->step_count; i++) {
		if (place_resolve_step(p, &stage->steps[i], &list, &count, s->d, s->err) < 0)
			return -1;
	}
	for (size_t i = below; i < count; i++)
		add_record(s, node, &list[i]);
	return 0;
}

/* ---- chains ---- */

static int find_node(struct resolving *s, const struct system_chain *chain, const struct system_stage *stage, struct node *below, struct node **ret)
{
	const char *digest = stage ? stage->digest : chain->base_digest;

	for (size_t i = 0; i < s->node_count; i++) {
		if (!strcmp(s->nodes[i]->digest, digest)) {
			*ret = s->nodes[i];
			return 0;
		}
	}
	struct node *node = arena_new(&s->arena, struct node);

	*node = (struct node){.digest = digest, .below = below, .is_image = !stage && chain->container->base->source == BASE_IMAGE};
	*arena_push(&s->arena, &s->nodes, &s->node_count) = node;
	*ret = node;
	return copy_answer(s, node, chain->container->base, stage) ? 0 : ask(s, chain, stage, node);
}

static int lock_chain(struct resolving *s, const struct system_chain *chain)
{
	const char *name = chain->container->name;
	struct node *node = NULL;

	if (find_node(s, chain, NULL, NULL, &node) < 0)
		return -1;
	label(s, node, system_base_label(&s->arena, chain->container->base));
	for (size_t i = 0; i < chain->stage_count; i++) {
		if (find_node(s, chain, &chain->stages[i], node, &node) < 0)
			return -1;
		label(s, node, system_stage_label(&s->arena, name, chain->stages[i].name));
	}
	for (size_t i = 0; i < s->ret->container_count; i++) {
		if (!strcmp(s->ret->containers[i].name, name))
			s->ret->containers[i].debian = arena_strdup(&s->ret->arena, chain->text);
	}
	return 0;
}

static int lock_all(struct resolving *s)
{
	if (system_chains(&s->arena, s->db, &s->chains, s->err) < 0)
		return -1;
	s->places = arena_array(&s->arena, s->db->container_count, sizeof(*s->places));
	s->place_digests = arena_array(&s->arena, s->db->container_count, sizeof(*s->place_digests));
	for (size_t i = 0; i < s->db->container_count; i++) {
		/* An image on which nothing is installed is what its digest says. */
		if (system_is_asked(s->chains[i].container) && lock_chain(s, &s->chains[i]) < 0)
			return -1;
	}
	return 0;
}

static bool is_wanted(void)
{
	return !text_equal(getenv("LOCKSTEP_SYSTEM_PACKAGES"), "unlocked");
}

int system_lock(const struct database *db, const struct lock *last, const struct system_options *o, struct lock *ret, struct diag *d, struct error *err)
{
	struct resolving s = {.db = db, .last = last, .options = o, .ret = ret, .d = d, .err = err};

	if (!is_wanted())
		return 0;
	int failed = lock_all(&s);

	for (size_t i = 0; i < s.place_count; i++)
		place_close(&s.places[i]);
	access_close(&s.access);
	arena_release(&s.arena);
	resolve_add_sources(db, d);
	if (!failed)
		lock_sort(ret);
	return failed;
}

bool system_is_complete(const struct database *db, const struct lock *lock)
{
	for (size_t i = 0; is_wanted() && i < db->container_count; i++) {
		if (system_is_asked(&db->containers[i]) && !system_is_locked(lock, db->containers[i].name))
			return false;
	}
	return true;
}

bool system_is_locked(const struct lock *lock, const char *container)
{
	const struct lock_container *c = lock_container(lock, container);

	return c && c->debian;
}
