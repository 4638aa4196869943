#include "debian/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "debian/packages.h"
#include "debian/repository.h"
#include "debian/sources.h"
#include "fetch/mirror_layout.h"
#include "fetch/store.h"

enum { LIST_LIMIT_BYTES = 256 * 1024 * 1024 };

struct pool_entry {
	const char *key;    /* name, version, architecture */
	const char *stanza; /* ends with an empty line */
};

/* One suite for one architecture. */
struct pool {
	struct arena *arena;
	const struct lock *lock;
	const char *folder, *suite, *architecture;
	struct pool_entry *entries;
	size_t count;
};

static const struct base *base_called(const struct database *db, const char *name)
{
	for (size_t i = 0; i < db->base_count; i++) {
		if (!strcmp(db->bases[i].name, name))
			return &db->bases[i];
	}
	return NULL;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct pool_entry *)a)->key, ((const struct pool_entry *)b)->key);
}

static bool has_entry(const struct pool *p, const char *key)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!strcmp(p->entries[i].key, key))
			return true;
	}
	return false;
}

static const char *list_path(const struct pool *p)
{
	return arena_printf(p->arena, "%s/dists/%s/main/binary-%s/Packages", p->folder, p->suite, p->architecture);
}

/* What the list named before and is there still. */
static int keep_before(struct pool *p, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	const char *path = list_path(p);

	if (!file_exists(path))
		return 0;
	if (file_read(path, LIST_LIMIT_BYTES, &text, err) < 0)
		return -1;
	for (const char *at = strbuf_text(&text); *at;) {
		const char *end = strstr(at, "\n\n"), *stanza = end ? arena_strndup(p->arena, at, (size_t)(end + 2 - at)) : arena_strdup(p->arena, at);
		autoerror struct error ignored = {0};
		struct deb_record r;

		at += strlen(stanza);
		if (deb_record_read(p->arena, stanza, true, path, &r, &ignored) < 0 ||
		    file_size(path_join(p->arena, p->folder, r.path)) != (int64_t)r.size_bytes)
			continue;
		const char *key = arena_printf(p->arena, "%s %s %s", r.name, r.version, r.architecture);

		if (!has_entry(p, key))
			*arena_push(p->arena, &p->entries, &p->count) = (struct pool_entry){key, arena_printf(p->arena, "%s\n", r.stanza)};
	}
	return 0;
}

/* Where it lies, relative to the folder. Another distribution may have another file under this path. */
static int place_deb(struct arena *a, const char *folder, const struct lock_deb *deb, const char **ret_path, struct mirror_counts *counts, struct error *err)
{
	char hex[DIGEST_HEX_LENGTH + 1];

	counts->files++;
	for (int apart = 0; apart < 2; apart++) {
		const char *path = mirror_deb_path(a, deb, apart), *full = path_join(a, folder, path);

		*ret_path = path;
		if (!file_exists(full)) {
			counts->added++;
			return file_make_parents(full, err) < 0 ? -1 : file_link_or_copy(store_path(a, deb->sha256), full, err);
		}
		if (file_size(full) == (int64_t)deb->size_bytes && digest_file(full, hex, err) == 0 && !strcmp(hex, deb->sha256))
			return 0;
	}
	return file_link_or_copy(store_path(a, deb->sha256), path_join(a, folder, *ret_path), err);
}

static int add_debs(struct pool *p, const char *base, struct mirror_counts *counts, struct error *err)
{
	for (size_t i = 0; i < p->lock->deb_count; i++) {
		const struct lock_deb *deb = &p->lock->debs[i];
		const char *key = arena_printf(p->arena, "%s %s %s", deb->name, deb->version, deb->architecture), *path;
		autostrbuf struct strbuf stanza = {0};
		bool wanted = false;

		for (size_t c = 0; lock_deb_has_file(deb) && c < p->lock->container_count && !wanted; c++) {
			const struct lock_container *container = &p->lock->containers[c];
			size_t length = container->debian ? strcspn(container->debian, " ") : 0;

			wanted = length == strlen(base) && !strncmp(container->debian, base, length) && lock_deb_in_container(p->lock, deb, container);
		}
		if (!wanted || has_entry(p, key))
			continue;
		if (place_deb(p->arena, p->folder, deb, &path, counts, err) < 0 || repository_add_stanza(&stanza, path, deb->sha256, err) < 0)
			return -1;
		*arena_push(p->arena, &p->entries, &p->count) = (struct pool_entry){key, arena_strdup(p->arena, strbuf_text(&stanza))};
	}
	return 0;
}

/* All lists of the suite, for its Release file. */
static int write_release(struct pool *p, struct error *err)
{
	const char *folder = arena_printf(p->arena, "%s/dists/%s", p->folder, p->suite), *main = path_join(p->arena, folder, "main"), *architectures = "";
	struct repository_index *indexes = NULL;
	autostrbuf struct strbuf out = {0};
	size_t count = 0, name_count;
	char **names;

	if (file_list(p->arena, main, &names, &name_count, err) < 0)
		return -1;
	for (size_t i = 0; i < name_count; i++) {
		autostrbuf struct strbuf text = {0};
		const char *path = arena_printf(p->arena, "main/%s/Packages", names[i]);

		if (!text_starts_with(names[i], "binary-") || !file_exists(path_join(p->arena, folder, path)))
			continue;
		if (file_read(path_join(p->arena, folder, path), LIST_LIMIT_BYTES, &text, err) < 0)
			return -1;
		architectures = arena_printf(p->arena, "%s %s", architectures, names[i] + strlen("binary-"));
		*arena_push(p->arena, &indexes, &count) =
			(struct repository_index){path, arena_strndup(p->arena, strbuf_text(&text), text.length), text.length};
	}
	repository_add_release(
		&out,
		arena_printf(p->arena, "Origin: lockstep\nSuite: %s\nCodename: %s\nComponents: main\nArchitectures:%s\n", p->suite, p->suite, architectures),
		indexes, count);
	return file_write_if_changed(path_join(p->arena, folder, "Release"), strbuf_text(&out), out.length, NULL, err);
}

static int write_lists(struct pool *p, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	const char *path = list_path(p);

	qsort(p->entries, p->count, sizeof(*p->entries), compare_entries);
	for (size_t i = 0; i < p->count; i++)
		strbuf_add(&text, p->entries[i].stanza);
	if (file_make_parents(path, err) < 0 || file_write_if_changed(path, strbuf_text(&text), text.length, NULL, err) < 0)
		return -1;
	return write_release(p, err);
}

static int write_base(struct arena *a, const struct database *db, const struct lock *lock, const char *name, const char *folder, struct mirror_counts *counts,
		      struct error *err)
{
	const struct base *base = base_called(db, name);
	struct pool p = {
		.arena = a,
		.lock = lock,
		.folder = folder,
		/* A release may have had a base that is no longer described. */
		.suite = base && base->suite ? base->suite : name,
		.architecture = debian_architecture(base ? base->environment.machine : "x86_64"),
	};

	if (add_debs(&p, name, counts, err) < 0 || keep_before(&p, err) < 0)
		return -1;
	return p.count ? write_lists(&p, err) : 0;
}

int pool_write(const struct database *db, const struct lock *lock, const char *folder, struct mirror_counts *ret, struct error *err)
{
	autoarena struct arena a = {0};
	const char **done = NULL;
	size_t done_count = 0;

	for (size_t i = 0; i < lock->container_count; i++) {
		const struct lock_container *c = &lock->containers[i];
		const char *name = c->debian ? arena_strndup(&a, c->debian, strcspn(c->debian, " ")) : NULL;
		bool known = !name;

		for (size_t k = 0; k < done_count && !known; k++)
			known = !strcmp(done[k], name);
		if (known)
			continue;
		*arena_push(&a, &done, &done_count) = name;
		if (write_base(&a, db, lock, name, folder, ret, err) < 0)
			return -1;
	}
	return 0;
}
