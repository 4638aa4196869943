#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "prune/parts.h"
#include "prune/words.h"
#include "recipe/database.h"

/* What a place in the cache holds. */
enum form {
	OBJECTS,  /* <2 hex>/<digest>: the file itself */
	PARTIALS, /* <digest>: a file on its way, locked by who writes it */
	NOTES,    /* <2 hex>/<key>: small files that name digests; they cost a moment to make again */
	FLAT,     /* <key>: the same in one folder */
	FACTS,    /* <key>: small files that keep nothing else alive, whatever they name */
	TREES,    /* <key>.tar, and its digest beside it */
	FOLDERS,  /* <key>/: lists and facts */
	PROJECTS, /* <key>: the path of a project */
};

/* Everything lockstep keeps below <cache>; what is not here is left alone. */
static const struct place {
	const char *folder;
	enum form form;
} places[] = {
	{"files/sha256", OBJECTS},
	{"files/partial", PARTIALS},
	{"layers", NOTES},
	{"layers/below", NOTES},
	{"layers/packed", NOTES},
	{"layers/pushed", FACTS},
	{"bytecode", NOTES},
	{"objects", NOTES},
	{"requires-python", NOTES},
	{"wheels", FLAT},
	{"git", FLAT},
	{"bases", TREES},
	{"images", FACTS},
	{"images", FOLDERS},
	{"pythons", FOLDERS},
	{"apt", FOLDERS},
	{"projects", PROJECTS},
};

enum { NOTE_LIMIT_BYTES = 1 << 20 };

static int64_t latest(const struct stat *s)
{
	int64_t used = s->st_mtime > s->st_ctime ? s->st_mtime : s->st_ctime;

	return s->st_atime > used ? s->st_atime : used;
}

/* By its times. Notes are read by whoever looks for something, so for them only writing counts. */
static int64_t used_unix(const struct stat *s, enum form form)
{
	return form == NOTES || form == FLAT || form == PROJECTS ? (int64_t)s->st_mtime : latest(s);
}

static void add_folder_size(const char *path, uint64_t *size_bytes, int64_t *used)
{
	autoarena struct arena a = {0};
	autoerror struct error ignored = {0};
	char **names;
	size_t count;
	struct stat s;

	if (file_list(&a, path, &names, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const char *full = path_join(&a, path, names[i]);

		if (lstat(full, &s) < 0)
			continue;
		*used = s.st_mtime > *used ? s.st_mtime : *used;
		if (S_ISDIR(s.st_mode))
			add_folder_size(full, size_bytes, used);
		else if (s.st_nlink == 1)
			*size_bytes += (uint64_t)s.st_size;
	}
}

struct note {
	struct prune *p;
	struct prune_item *item;
};

static void key_of_note(void *context, const char *hex)
{
	struct note *n = context;

	prune_key(n->p, n->item, "sha256", hex);
	need_refers(&n->p->needs, n->item->thing, n->item->thing->keys[n->item->thing->key_count - 1]);
}

static void add_note_keys(struct prune *p, struct prune_item *item, const char *path)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct note n = {p, item};

	if (file_read(path, NOTE_LIMIT_BYTES, &text, &ignored) == 0)
		words_find(strbuf_text(&text), text.length, &(struct words_found){.on_digest = key_of_note, .context = &n});
}

/* The digest or key in a name: all of it, or what stands before the first dot. */
static void add_name_key(struct prune *p, struct prune_item *item, const char *name)
{
	const char *hex = arena_strndup(&p->arena, name, strcspn(name, "."));

	if (digest_is_hex(hex))
		prune_key(p, item, "sha256", hex);
}

static bool is_project(const char *note)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf root = {0};
	autoerror struct error ignored = {0};

	return file_read(note, NOTE_LIMIT_BYTES, &root, &ignored) < 0 || file_exists(path_join(&a, strbuf_text(&root), "recipes/project.yaml"));
}

static void add_entry(struct prune *p, const struct place *place, const char *folder, const char *name)
{
	static const enum prune_kind kinds[] = {[OBJECTS] = PRUNE_FILE, [PARTIALS] = PRUNE_FILE, [NOTES] = PRUNE_NOTE,   [FLAT] = PRUNE_NOTE,
						[FACTS] = PRUNE_NOTE,   [TREES] = PRUNE_TREE,    [FOLDERS] = PRUNE_NOTE, [PROJECTS] = PRUNE_NOTE};
	const char *path = path_join(&p->arena, folder, name);
	uint64_t size_bytes;
	struct stat s;
	int64_t used;

	/* Workplaces of runs that may still be there; those that are gone are removed by the next. */
	if (lstat(path, &s) < 0 || text_starts_with(name, "lockstep-") || (place->form == FOLDERS ? !S_ISDIR(s.st_mode) : !S_ISREG(s.st_mode)))
		return;
	if (place->form == TREES && text_ends_with(name, ".sha256") && file_exists(arena_strndup(&p->arena, path, strlen(path) - strlen(".sha256"))))
		return;
	size_bytes = (uint64_t)s.st_size;
	used = used_unix(&s, place->form);
	if (place->form == FOLDERS) {
		size_bytes = 0;
		used = s.st_mtime;
		add_folder_size(path, &size_bytes, &used);
	}
	struct prune_item *item = prune_add(p, kinds[place->form], path + strlen(path_cache_dir(&p->arena)) + 1, size_bytes, used);

	item->path = path;
	if (place->form != FOLDERS)
		add_name_key(p, item, name);
	if (place->form == NOTES || place->form == FLAT)
		add_note_keys(p, item, path);
	if (place->form == TREES) {
		item->beside = arena_printf(&p->arena, "%s.sha256", path);
		add_note_keys(p, item, item->beside);
	}
	prune_key(p, item, "path", item->name);
	if (S_ISREG(s.st_mode) && s.st_nlink > 1)
		prune_refer(p, "path", item->name, "a build context or a mirror has it by hard link");
	if (place->form == PROJECTS && is_project(path))
		prune_refer(p, "path", item->name, "the project is there");
}

static int add_folder(struct prune *p, const struct place *place, const char *folder, bool is_split, struct error *err)
{
	autoerror struct error why_not = {0};
	char **names;
	size_t count;

	if (file_list(&p->arena, folder, &names, &count, &why_not) < 0) {
		if (why_not.code == ERR_NOT_FOUND)
			return 0;
		error_move(err, &why_not);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_split && strlen(names[i]) == 2 && file_is_dir(path_join(&p->arena, folder, names[i]))) {
			if (add_folder(p, place, path_join(&p->arena, folder, names[i]), false, err) < 0)
				return -1;
		} else if (!is_split) {
			add_entry(p, place, folder, names[i]);
		}
	}
	return 0;
}

int prune_cache(struct prune *p, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const struct place *place = &places[i];

		if (add_folder(p, place, path_join(&p->arena, path_cache_dir(&p->arena), place->folder), place->form == OBJECTS || place->form == NOTES, err) <
		    0)
			return -1;
	}
	return 0;
}

/* ---- .lockstep/ ---- */

static void add_left(struct prune *p, const char *below, const char *name, bool by_age)
{
	const char *shown = path_join(&p->arena, below, name), *path = path_join(&p->arena, p->request->db->root, shown);
	uint64_t size_bytes = 0;
	int64_t used = 0;
	struct stat s;

	if (lstat(path, &s) < 0)
		return;
	if (S_ISDIR(s.st_mode))
		add_folder_size(path, &size_bytes, &used);
	else
		size_bytes = (uint64_t)s.st_size;
	used = s.st_mtime > used ? s.st_mtime : used;
	struct prune_item *item = prune_add(p, PRUNE_LEFT, shown, size_bytes, by_age ? used : 0);

	item->path = path;
}

static void add_all_left(struct prune *p, const char *below)
{
	autoerror struct error ignored = {0};
	char **names;
	size_t count;

	if (file_list(&p->arena, path_join(&p->arena, p->request->db->root, below), &names, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		add_left(p, below, names[i], true);
}

/* Contexts of containers that the database no longer has, with the stamps beside them. */
static void add_contexts(struct prune *p)
{
	static const char below[] = ".lockstep/contexts";
	const struct database *db = p->request->db;
	autoerror struct error ignored = {0};
	char **names;
	size_t count;

	if (file_list(&p->arena, path_join(&p->arena, db->root, below), &names, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const char *container = arena_strndup(&p->arena, names[i], strcspn(names[i], "."));

		if (!database_container(db, container))
			add_left(p, below, names[i], false);
	}
}

void prune_left(struct prune *p)
{
	static const char *const by_age[] = {".lockstep/logs", ".lockstep/stages", ".lockstep/wheels"};

	for (size_t i = 0; i < ARRAY_LEN(by_age); i++)
		add_all_left(p, by_age[i]);
	add_contexts(p);
}

/* ---- removal ---- */

/* A file on its way is locked by who writes it. */
static int refuse_writer(const char *path, int *ret_fd, struct error *err)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, "cannot look at '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(err, ERR_BUSY, "it is being written");
	*ret_fd = file_steal_fd(&fd);
	return 0;
}

int prune_remove_file(struct prune_item *item, struct error *err)
{
	autofd int fd = -1;
	struct stat s;

	if (lstat(item->path, &s) < 0)
		return errno == ENOENT ? 0 : error_errno(err, "cannot look at '%s'", item->path);
	/* Another run may have begun to use it meanwhile. */
	if (S_ISREG(s.st_mode) && item->kind != PRUNE_LEFT && (s.st_nlink > 1 || used_unix(&s, item->kind == PRUNE_NOTE ? NOTES : OBJECTS) > item->used_unix))
		return error_set(err, ERR_BUSY, "it was used a moment ago");
	if ((item->kind == PRUNE_FILE && refuse_writer(item->path, &fd, err) < 0) || file_remove_tree(item->path, err) < 0)
		return -1;
	return item->beside ? file_remove_tree(item->beside, err) : 0;
}
