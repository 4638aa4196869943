#include "release/transaction.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "release/journal.h"

struct transaction {
	struct arena arena;
	const char *root;    /* absolute, without symbolic links */
	const char *staging; /* absolute */
	struct journal journal;
	bool committed;
};

static const char staging_folder[] = ".lockstep/release";

size_t transaction_size(const struct transaction *t)
{
	return t->journal.move_count;
}

int transaction_begin(const char *root, struct transaction **ret, struct error *err)
{
	autotransaction struct transaction *t = mem_zero(1, sizeof(*t));
	autofree char *real = realpath(root, NULL);
	char *staging;

	if (!real)
		return error_errno(err, "cannot find '%s'", root);
	t->root = arena_strdup(&t->arena, real);
	if (transaction_recover(t->root, NULL, NULL, err) < 0)
		return -1;
	char *parent = path_join(&t->arena, t->root, staging_folder);

	if (file_make_dirs(parent, err) < 0 || file_make_temp_dir(&t->arena, parent, "", &staging, err) < 0)
		return -1;
	t->staging = staging;
	t->journal.id = path_base(staging);
	*ret = steal(&t);
	return 0;
}

void transaction_drop(struct transaction *t)
{
	autoerror struct error ignored = {0};

	if (!t)
		return;
	if (t->staging && !t->committed) {
		autofree char *parent = mem_printf("%s/%s", t->root, staging_folder);

		file_remove_tree(t->staging, &ignored);
		rmdir(parent);
	}
	arena_release(&t->arena);
	free(t);
}

void transaction_cleanup(struct transaction **t)
{
	transaction_drop(*t);
}

/* The path a change is made at: symbolic links followed, inside the root, relative to it. */
static const char *resolve(struct transaction *t, const char *path, struct error *err)
{
	autofree char *copy = mem_printf("%s/%s", t->root, path);
	size_t length = strlen(copy), root_length = strlen(t->root);
	autofree char *real = NULL;
	struct stat st;

	if (!path_stays_inside(path)) {
		error_set(err, ERR_INPUT, "'%s' is no path inside the project", path);
		return NULL;
	}
	/* The part that exists is resolved, the rest is appended as it is; the root exists. */
	while (lstat(copy, &st) < 0 && length > root_length) {
		while (copy[--length] != '/')
			;
		copy[length] = '\0';
	}
	real = realpath(copy, NULL);
	if (!real) {
		error_errno(err, "cannot follow '%s'", path);
		return NULL;
	}
	if (!text_starts_with(real, t->root) || (real[root_length] && real[root_length] != '/')) {
		error_set(err, ERR_INPUT, "'%s' leads out of the project, to '%s'; lockstep writes inside the project only", path, real);
		return NULL;
	}
	const char *rest = path + (length > root_length ? length - root_length - 1 : 0);

	while (length > root_length && *rest == '/')
		rest++;
	return real[root_length] ? arena_printf(&t->arena, "%s%s%s", real + root_length + 1, *rest ? "/" : "", rest) : arena_strdup(&t->arena, rest);
}

static struct journal_move *add_move(struct transaction *t, enum journal_kind kind, const char *target)
{
	struct journal_move *move = arena_push(&t->arena, &t->journal.moves, &t->journal.move_count);

	move->kind = kind;
	move->target = target;
	if (kind != MOVE_REMOVE)
		move->staged = arena_printf(&t->arena, "%zu", t->journal.move_count);
	return move;
}

static bool is_planned(const struct transaction *t, const char *target)
{
	for (size_t i = 0; i < t->journal.move_count; i++) {
		if (!strcmp(t->journal.moves[i].target, target))
			return true;
	}
	return false;
}

int transaction_add_file(struct transaction *t, const char *path, const char *text, size_t length, const char *old_sha256, struct error *err)
{
	const char *target = resolve(t, path, err);
	char now[DIGEST_HEX_LENGTH + 1], new[DIGEST_HEX_LENGTH + 1];
	struct stat st;
	int there;

	if (!target)
		return -1;
	assert(!is_planned(t, target));
	const char *full = path_join(&t->arena, t->root, target);

	there = journal_content(full, now, err);
	if (there < 0)
		return -1;
	if (old_sha256 && (!there || strcmp(old_sha256, now) != 0))
		return error_set(err, ERR_INPUT, "'%s' was changed meanwhile; nothing was written; run the same command again", path);
	digest_bytes(text, length, new);
	if (there && !strcmp(now, new))
		return 0;
	struct journal_move *move = add_move(t, MOVE_FILE, target);

	move->new_sha256 = arena_strdup(&t->arena, new);
	move->old_sha256 = there ? arena_strdup(&t->arena, now) : NULL;
	mode_t mode = there && stat(full, &st) == 0 ? st.st_mode & 07777 : 0644;

	return journal_stage_file(path_join(&t->arena, t->staging, move->staged), text, length, mode, err);
}

int transaction_add_folder(struct transaction *t, const char *path, const struct transaction_file *files, size_t count, struct error *err)
{
	const char *target = resolve(t, path, err);

	if (!target)
		return -1;
	if (file_exists(path_join(&t->arena, t->root, target)))
		return error_set(err, ERR_INPUT, "'%s' exists already", path);
	const char *folder = path_join(&t->arena, t->staging, add_move(t, MOVE_FOLDER, target)->staged);

	if (journal_make_folder(folder, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		assert(path_is_plain_name(files[i].name));
		if (journal_stage_file(path_join(&t->arena, folder, files[i].name), files[i].text, files[i].length, 0644, err) < 0)
			return -1;
	}
	return journal_sync_folder(folder, err);
}

int transaction_add_removal(struct transaction *t, const char *path, struct error *err)
{
	const char *target = resolve(t, path, err);
	char now[DIGEST_HEX_LENGTH + 1];
	int there = target ? journal_content(path_join(&t->arena, t->root, target), now, err) : -1;

	if (there <= 0)
		return there;
	add_move(t, MOVE_REMOVE, target)->old_sha256 = arena_strdup(&t->arena, now);
	return 0;
}

/* The folder a move will write in, or the nearest one above it that is there. */
static const char *nearest_folder(struct transaction *t, const char *target)
{
	char *folder = path_join(&t->arena, t->root, target);

	do
		*strrchr(folder, '/') = '\0';
	while (!file_is_dir(folder));
	return folder;
}

/* What would make a move fail is looked for while nothing has been changed yet. */
static int check_move(struct transaction *t, const struct journal_move *move, dev_t device, struct error *err)
{
	const char *full = path_join(&t->arena, t->root, move->target), *folder = nearest_folder(t, move->target);
	char now[DIGEST_HEX_LENGTH + 1];
	struct stat st;
	int there;

	if (faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) < 0)
		return error_errno(err, "cannot write in '%s'", folder);
	if (stat(folder, &st) < 0)
		return error_errno(err, "cannot write in '%s'", folder);
	if (st.st_dev != device)
		return error_set(err, ERR_IO, "'%s' and '%s' are on different file systems, so that files cannot move from one to the other at once", folder,
				 t->staging);
	if (move->kind == MOVE_FOLDER)
		return file_exists(full) ? error_set(err, ERR_INPUT, "'%s' exists already", move->target) : 0;
	there = journal_content(full, now, err);
	if (there < 0)
		return -1;
	if (text_equal(there ? now : NULL, move->old_sha256))
		return 0;
	return error_set(err, ERR_INPUT, "'%s' was changed meanwhile; nothing was written; run the same command again", move->target);
}

/* From the commit point on: the moves, what follows from them, the end. */
static int finish(const struct journal *j, const char *root, const char *staging, void (*after)(const char *root, struct strbuf *notes), struct strbuf *notes,
		  struct error *err)
{
	if (journal_apply(j, root, staging, notes, err) < 0)
		return -1;
	if (after)
		after(root, notes);
	return journal_end(staging, err);
}

int transaction_commit(struct transaction *t, void (*after)(const char *root, struct strbuf *notes), struct strbuf *notes, struct error *err)
{
	struct stat st;

	assert(!t->committed);
	if (stat(t->staging, &st) < 0)
		return error_errno(err, "cannot use '%s'", t->staging);
	for (size_t i = 0; i < t->journal.move_count; i++) {
		if (check_move(t, &t->journal.moves[i], st.st_dev, err) < 0)
			return -1;
	}
	t->committed = true;
	if (journal_write(&t->journal, t->root, t->staging, &t->committed, err) < 0)
		return -1;
	if (finish(&t->journal, t->root, t->staging, after, notes, err) < 0)
		return error_hint(err, "the change is decided and was made in part: the next lockstep command finishes it once the cause is gone");
	return 0;
}

static int recover_one(struct arena *a, const char *root, const char *staging, void (*after)(const char *root, struct strbuf *notes), struct strbuf *notes,
		       struct error *err)
{
	struct journal journal = {0};
	int found = journal_read(&journal, a, staging, err);

	if (found < 0)
		return -1;
	if (!found)
		return file_remove_tree(staging, err);
	if (finish(&journal, root, staging, after, notes, err) < 0)
		return error_wrap(err, "cannot finish the change that an earlier run had decided");
	return 1;
}

int transaction_recover(const char *root, void (*after)(const char *root, struct strbuf *notes), struct strbuf *notes, struct error *err)
{
	autoarena struct arena a = {0};
	const char *parent = path_join(&a, root, staging_folder);
	char **names;
	size_t count;
	int finished = 0;

	if (!file_is_dir(parent))
		return 0;
	if (file_list(&a, parent, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int done = recover_one(&a, root, path_join(&a, parent, names[i]), after, notes, err);

		if (done < 0)
			return -1;
		finished += done;
	}
	rmdir(parent);
	return finished;
}
