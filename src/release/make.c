#include "release/make.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "lock/working.h"
#include "release/release_text.h"
#include "release/release_store.h"
#include "release/tags.h"
#include "release/transaction.h"
#include "version.h"

/* The store is derived: whatever is wrong with it is worth a line, not a failed release. */
static void sync_store(const char *root, struct strbuf *notes)
{
	autochanges struct release_store_changes changes = {0};
	autoerror struct error err = {0};
	int result = release_store_sync(root, &changes, &err);

	if (!notes)
		return;
	strbuf_add(notes, strbuf_text(&changes.notes));
	if (result < 0)
		strbuf_printf(notes, "'lockfiles/lockstep.db' is not up to date: %s\n", err.text);
}

int release_recover_locked(const char *root, struct strbuf *notes, struct error *err)
{
	return transaction_recover(root, sync_store, notes, err);
}

int release_recover(const char *root, bool to_read, struct strbuf *notes, struct error *err)
{
	autofree char *own = mem_printf("%s/.lockstep", root), *staging = mem_printf("%s/release", own), *path = mem_printf("%s/lock", own);
	autofd int fd = -1;

	if (!file_is_dir(staging))
		return 0;
	if (file_refuse_links(own, err) == 0 && file_lock(path, &fd, err) == 0 && release_recover_locked(root, notes, err) >= 0)
		return 0;
	if (!to_read || (err->code != ERR_BUSY && err->code != ERR_IO))
		return -1;
	error_release(err);
	return 0;
}

static int compare_snapshots(const void *left, const void *right)
{
	const struct snapshot *a = left, *b = right;

	return strcmp(a->container, b->container);
}

/* A release of borrowed parts; only its arena and the list are its own. */
static int assemble(struct release *r, const struct database *db, const struct lock *lock, const struct snapshot *snapshots, size_t count, const char *name,
		    struct error *err)
{
	if (!release_name_is_valid(name))
		return error_set(err, ERR_INPUT, "'%s' is no name for a release; they are like 'v0.1'", name);
	if (release_newest(&r->arena, db->root, &r->previous, err) < 0)
		return -1;
	if (r->previous && release_name_compare(name, r->previous) <= 0)
		return error_set(err, ERR_INPUT, "release '%s' does not come after '%s', the newest", name, r->previous);
	r->name = name;
	r->created_unix = clock_source_date_unix(clock_now_unix());
	r->tool = "lockstep " LOCKSTEP_VERSION;
	r->lock = *lock;
	r->snapshots = arena_array(&r->arena, count, sizeof(*r->snapshots));
	r->snapshot_count = count;
	if (count)
		memcpy(r->snapshots, snapshots, count * sizeof(*snapshots));
	if (count)
		qsort(r->snapshots, count, sizeof(*r->snapshots), compare_snapshots);
	for (size_t i = 0; i < lock->container_count; i++) {
		if (i >= count || strcmp(r->snapshots[i].container, lock->containers[i].name) != 0)
			return error_set(err, ERR_FAILED, "container '%s' is in the lock, but no snapshot was taken of it", lock->containers[i].name);
	}
	return count == lock->container_count ? 0 : error_set(err, ERR_FAILED, "a snapshot was taken of a container that is not in the lock");
}

/* lockfiles/latest/ gets the files one by one: a checkout may have the folder in a read-only lower file system, where folders cannot be exchanged. */
static int add_latest(struct transaction *t, const struct database *db, const struct transaction_file *files, size_t count, struct error *err)
{
	autoarena struct arena a = {0};
	const char *folder = path_join(&a, db->root, "lockfiles/latest");
	char **names = NULL;
	size_t old_count = 0;

	if (file_is_dir(folder) && file_list(&a, folder, &names, &old_count, err) < 0)
		return -1;
	for (size_t i = 0; i < old_count; i++) {
		bool stays = file_is_dir(path_join(&a, folder, names[i]));

		for (size_t k = 0; k < count; k++)
			stays = stays || !strcmp(files[k].name, names[i]);
		if (!stays && transaction_add_removal(t, path_join(&a, "lockfiles/latest", names[i]), err) < 0)
			return -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (transaction_add_file(t, path_join(&a, "lockfiles/latest", files[i].name), files[i].text, files[i].length, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int add_tags(struct transaction *t, const struct database *db, const char *name, struct diag *d, struct error *err)
{
	autotags struct tags tags = {0};
	autoarena struct arena a = {0};
	struct tag_change *changes;
	size_t count;

	if (tags_read(&tags, db, d, err) < 0)
		return -1;
	tags_plan(&tags, &a, name, &changes, &count);
	for (size_t i = 0; i < count; i++) {
		if (transaction_add_file(t, changes[i].path, changes[i].text, changes[i].length, changes[i].old_sha256, err) < 0)
			return -1;
	}
	return 0;
}

static int add_rendered(struct transaction *t, const struct rendered_file *rendered, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (transaction_add_file(t, rendered[i].path, rendered[i].text, rendered[i].length, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* What is released must be readable for ever: it is read once before it is written. */
static int check_readable(const struct release *r, const char *folder, const struct transaction_file *files, size_t count, struct error *err)
{
	autorelease struct release again = {0};

	if (release_files_parse(&again, folder, r->name, files, count, err) == 0)
		return 0;
	return error_wrap(err, "what would be released could not be read again");
}

static int make(const struct release *r, const struct database *db, const struct rendered_file *rendered, size_t rendered_count, struct diag *d,
		struct strbuf *notes, struct error *err)
{
	autoarena struct arena a = {0};
	autotransaction struct transaction *t = NULL;
	const char *folder = arena_printf(&a, "lockfiles/%s", r->name);
	struct transaction_file *files;
	size_t count;

	release_files(&a, r, &files, &count);
	if (check_readable(r, folder, files, count, err) < 0 || transaction_begin(db->root, &t, err) < 0 ||
	    transaction_add_folder(t, folder, files, count, err) < 0 || add_latest(t, db, files, count, err) < 0 ||
	    add_rendered(t, rendered, rendered_count, err) < 0 || add_tags(t, db, r->name, d, err) < 0 || transaction_add_removal(t, WORKING_LOCK, err) < 0 ||
	    transaction_commit(t, sync_store, notes, err) < 0)
		return error_wrap(err, "cannot make release '%s'", r->name);
	return 0;
}

int release_make(const struct database *db, const struct lock *lock, const struct snapshot *snapshots, size_t count, const struct rendered_file *rendered,
		 size_t rendered_count, const char *name, struct diag *d, struct strbuf *notes, struct error *err)
{
	struct release r = {0};
	int result = assemble(&r, db, lock, snapshots, count, name, err);

	if (result == 0)
		result = make(&r, db, rendered, rendered_count, d, notes, err);
	arena_release(&r.arena);
	return result;
}
