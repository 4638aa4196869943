#include "release/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/json.h"

enum { JOURNAL_VERSION = 1, JOURNAL_LIMIT_BYTES = 16 * 1024 * 1024 };

static const char journal_name[] = "journal.json";

/* Stands between any two changes to the disk. In the debug build LOCKSTEP_TEST_KILL_AT=n kills the process at the n-th, so that tests can stop at every one. */
static void journal_step(void)
{
#ifdef LOCKSTEP_TEST_HOOKS
	static uint64_t count;
	const char *at = getenv("LOCKSTEP_TEST_KILL_AT");
	uint64_t number;

	if (at && text_to_u64(at, &number) && ++count == number)
		raise(SIGKILL);
#endif
}

int journal_content(const char *path, char ret_sha256[DIGEST_HEX_LENGTH + 1], struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_errno(err, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INPUT, "'%s' is not a regular file", path);
	return digest_file(path, ret_sha256, err) < 0 ? -1 : 1;
}

int journal_make_folder(const char *path, struct error *err)
{
	journal_step();
	return file_make_dirs(path, err);
}

int journal_sync_folder(const char *path, struct error *err)
{
	journal_step();
	return file_sync_dir(path, err);
}

int journal_stage_file(const char *path, const char *text, size_t length, mode_t mode, struct error *err)
{
	journal_step();
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "cannot write '%s'", path);
	journal_step();
	if (file_write_bytes(fd, text, length) < 0 || fchmod(fd, mode) < 0)
		return error_errno(err, "cannot write '%s'", path);
	journal_step();
	if (fsync(fd) < 0)
		return error_errno(err, "cannot write '%s'", path);
	return 0;
}

static const char *const kind_names[] = {[MOVE_FILE] = "file", [MOVE_FOLDER] = "folder", [MOVE_REMOVE] = "remove"};

static void print(const struct journal *j, struct strbuf *out)
{
	struct json_writer w = {.out = out};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "version", JOURNAL_VERSION);
	json_begin_array(&w, "moves");
	for (size_t i = 0; i < j->move_count; i++) {
		const struct journal_move *move = &j->moves[i];

		json_begin_object(&w, NULL);
		json_add_text(&w, "kind", kind_names[move->kind]);
		json_add_text(&w, "staged", move->staged);
		json_add_text(&w, "target", move->target);
		json_add_text(&w, "sha256", move->new_sha256);
		json_add_text(&w, "old_sha256", move->old_sha256);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
}

/* The staging folder's own names must be as durable as what is in it: every folder from it up to the root. */
static int sync_up(const char *root, const char *staging, struct error *err)
{
	autofree char *folder = mem_strdup(staging);
	size_t root_length = strlen(root);

	for (;;) {
		if (journal_sync_folder(folder, err) < 0)
			return -1;
		if (strlen(folder) <= root_length)
			return 0;
		*strrchr(folder, '/') = '\0';
	}
}

int journal_write(const struct journal *j, const char *root, const char *staging, bool *ret_committed, struct error *err)
{
	autofree char *path = mem_printf("%s/%s", staging, journal_name), *temporary = mem_printf("%s.new", path);
	autostrbuf struct strbuf text = {0};

	*ret_committed = false;
	print(j, &text);
	if (journal_stage_file(temporary, strbuf_text(&text), text.length, 0644, err) < 0 || sync_up(root, staging, err) < 0)
		return -1;
	journal_step();
	if (rename(temporary, path) < 0)
		return error_errno(err, "cannot move '%s' to '%s'", temporary, path);
	*ret_committed = true;
	return journal_sync_folder(staging, err);
}

static int damaged(const char *path, const char *why, struct error *err)
{
	return error_set(err, ERR_INPUT,
			 "'%s' is damaged (%s), so an unfinished release cannot be finished; look at what changed with 'git status', then remove the folder "
			 "the file is in",
			 path, why);
}

static bool read_move(const struct value *v, struct journal_move *move)
{
	const char *kind = value_get_text(v, "kind");

	*move = (struct journal_move){
		.staged = value_get_text(v, "staged"),
		.target = value_get_text(v, "target"),
		.new_sha256 = value_get_text(v, "sha256"),
		.old_sha256 = value_get_text(v, "old_sha256"),
	};
	while (move->kind <= MOVE_REMOVE && !text_equal(kind, kind_names[move->kind]))
		move->kind++;
	if (move->kind > MOVE_REMOVE || !move->target || !path_stays_inside(move->target))
		return false;
	if ((move->new_sha256 && !digest_is_hex(move->new_sha256)) || (move->old_sha256 && !digest_is_hex(move->old_sha256)))
		return false;
	if (move->kind == MOVE_REMOVE)
		return move->old_sha256;
	return move->staged && path_is_plain_name(move->staged) && (move->kind == MOVE_FOLDER || move->new_sha256);
}

int journal_read(struct journal *j, struct arena *a, const char *staging, struct error *err)
{
	const char *path = path_join(a, staging, journal_name);
	autostrbuf struct strbuf text = {0};
	struct value *document, *moves;
	int64_t version;

	if (!file_exists(path))
		return 0;
	if (file_read(path, JOURNAL_LIMIT_BYTES, &text, err) < 0)
		return -1;
	if (json_parse(a, path, strbuf_text(&text), text.length, &document, err) < 0) {
		error_release(err);
		return damaged(path, "not JSON", err);
	}
	if (!value_get_integer(document, "version", &version) || version != JOURNAL_VERSION)
		return damaged(path, "written by another version of lockstep", err);
	moves = value_get(document, "moves");
	if (!moves || moves->kind != VALUE_ARRAY)
		return damaged(path, "it has no moves", err);
	j->id = path_base(staging);
	j->moves = arena_array(a, moves->item_count, sizeof(*j->moves));
	for (; j->move_count < moves->item_count; j->move_count++) {
		if (!read_move(moves->items[j->move_count], &j->moves[j->move_count]))
			return damaged(path, "a move is not valid", err);
	}
	return 1;
}

static int make_parents(const char *root, const char *path, struct error *err)
{
	autofree char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path));

	if (file_is_dir(parent))
		return 0;
	journal_step();
	if (file_make_dirs(parent, err) < 0)
		return -1;
	return sync_up(root, parent, err);
}

static int sync_parent(const char *path, struct error *err)
{
	autofree char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path));

	return journal_sync_folder(parent, err);
}

/* What somebody else wrote is not ours to lose, even where our own content must stand. */
static int keep_aside(const struct journal *j, const char *root, const char *path, const char *target, struct strbuf *notes, struct error *err)
{
	autofree char *saved = mem_printf("%s/.lockstep/saved/%s/%s", root, j->id, target);

	if (make_parents(root, saved, err) < 0)
		return -1;
	journal_step();
	if (rename(path, saved) < 0)
		return error_errno(err, "cannot move '%s' to '%s'", path, saved);
	if (notes)
		strbuf_printf(notes, "'%s' was changed while the release was put in place; what it held is kept in '.lockstep/saved/%s/%s'\n", target, j->id,
			      target);
	return sync_parent(saved, err);
}

/* Puts `staged` in the place of `target`; what stood there is at `staged` afterwards, where the file system can exchange two names. */
static int exchange(const struct journal *j, const char *root, const struct journal_move *move, const char *staged, const char *target, struct strbuf *notes,
		    struct error *err)
{
	char now[DIGEST_HEX_LENGTH + 1];

	journal_step();
	if (renameat2(AT_FDCWD, staged, AT_FDCWD, target, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != ENOENT) {
		int there = journal_content(target, now, err);

		if (there < 0)
			return -1;
		if (there && !text_equal(now, move->old_sha256) && !text_equal(now, move->new_sha256) &&
		    keep_aside(j, root, target, move->target, notes, err) < 0)
			return -1;
	}
	if (rename(staged, target) < 0)
		return error_errno(err, "cannot move '%s' to '%s'", staged, target);
	return 0;
}

/* Whether a file was moved already is told by the staged side: it holds the new content until then, and what was displaced, or nothing, from then on. */
static int apply_file(const struct journal *j, const char *root, const struct journal_move *move, const char *staged, const char *target, struct strbuf *notes,
		      struct error *err)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	int there = journal_content(staged, hex, err);

	if (there > 0 && !strcmp(hex, move->new_sha256)) {
		if (make_parents(root, target, err) < 0 || exchange(j, root, move, staged, target, notes, err) < 0 || sync_parent(target, err) < 0)
			return -1;
		there = journal_content(staged, hex, err);
	}
	if (there > 0 && !text_equal(hex, move->old_sha256) && strcmp(hex, move->new_sha256) != 0)
		return keep_aside(j, root, staged, move->target, notes, err);
	return there < 0 ? -1 : 0;
}

static int apply_folder(const struct journal *j, const char *root, const struct journal_move *move, const char *staged, const char *target,
			struct strbuf *notes, struct error *err)
{
	if (!file_exists(staged))
		return 0; /* moved already */
	if (make_parents(root, target, err) < 0)
		return -1;
	if (file_exists(target) && keep_aside(j, root, target, move->target, notes, err) < 0)
		return -1;
	journal_step();
	if (rename(staged, target) < 0)
		return error_errno(err, "cannot move '%s' to '%s'", staged, target);
	return sync_parent(target, err);
}

static int apply_removal(const struct journal *j, const char *root, const struct journal_move *move, const char *target, struct strbuf *notes,
			 struct error *err)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	int there = journal_content(target, hex, err);

	if (there <= 0)
		return there;
	if (strcmp(hex, move->old_sha256) != 0)
		return keep_aside(j, root, target, move->target, notes, err);
	journal_step();
	if (unlink(target) < 0)
		return error_errno(err, "cannot remove '%s'", target);
	return sync_parent(target, err);
}

static int apply_move(const struct journal *j, const char *root, const char *staging, const struct journal_move *move, struct strbuf *notes, struct error *err)
{
	autofree char *target = mem_printf("%s/%s", root, move->target), *staged = mem_printf("%s/%s", staging, move->staged ? move->staged : "");
	autoarena struct arena a = {0};
	const char *out = path_leads_out(&a, root, move->target);

	if (out)
		return error_set(err, ERR_INPUT, "'%s' leads out of the project, to '%s'; remove '%s' if lockstep did not write it", move->target, out,
				 staging);
	switch (move->kind) {
	case MOVE_FILE:
		return apply_file(j, root, move, staged, target, notes, err);
	case MOVE_FOLDER:
		return apply_folder(j, root, move, staged, target, notes, err);
	case MOVE_REMOVE:
		break;
	}
	return apply_removal(j, root, move, target, notes, err);
}

int journal_apply(const struct journal *j, const char *root, const char *staging, struct strbuf *notes, struct error *err)
{
	for (size_t i = 0; i < j->move_count; i++) {
		if (apply_move(j, root, staging, &j->moves[i], notes, err) < 0)
			return -1;
	}
	return 0;
}

int journal_end(const char *staging, struct error *err)
{
	autofree char *path = mem_printf("%s/%s", staging, journal_name), *parent = mem_strndup(staging, (size_t)(strrchr(staging, '/') - staging));

	/* The journal goes first: a staging folder without one is dropped, whatever is left in it. */
	journal_step();
	if (unlink(path) < 0)
		return error_errno(err, "cannot remove '%s'", path);
	if (journal_sync_folder(staging, err) < 0)
		return -1;
	journal_step();
	if (file_remove_tree(staging, err) < 0)
		return -1;
	rmdir(parent);
	return 0;
}
