#include "release/release_store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "release/release.h"
#include "release/release_store_schema.h"

void release_store_changes_release(struct release_store_changes *c)
{
	strbuf_release(&c->notes);
	*c = (struct release_store_changes){0};
}

static char *store_path(struct arena *a, const char *root)
{
	return path_join(a, root, "lockfiles/lockstep.db");
}

static bool begin(struct sql *db, struct error *err)
{
	return sql_execute(db, "BEGIN IMMEDIATE", err) == 0;
}

/* Ends a transaction: commits when the work in it went well. */
static int end(struct sql *db, bool good, struct error *err)
{
	autoerror struct error ignored = {0};

	if (good && sql_execute(db, "COMMIT", err) == 0)
		return 0;
	sql_execute(db, "ROLLBACK", &ignored);
	return -1;
}

static int remove_release(struct sql *db, const char *name, struct error *err)
{
	return sql_run(db, err, "DELETE FROM release WHERE name = ?", "t", name);
}

/* The digest of the SHA256SUMS that a release's rows were made from; "" when there are none. */
static int known_sums(struct sql *db, const char *name, char ret[DIGEST_HEX_LENGTH + 1], struct error *err)
{
	autostatement struct sql_statement *s = NULL;
	int step;

	if (sql_query(db, &s, err, "SELECT sums_sha256 FROM release WHERE name = ?", "t", name) < 0)
		return -1;
	step = sql_step(s, err);
	snprintf(ret, DIGEST_HEX_LENGTH + 1, "%s", step > 0 && sql_column_text(s, 0) ? sql_column_text(s, 0) : "");
	return step < 0 ? -1 : 0;
}

static int sync_release(struct sql *db, const char *root, const char *name, struct release_store_changes *changes, struct error *err)
{
	autofree char *path = mem_printf("%s/lockfiles/%s/SHA256SUMS", root, name);
	autorelease struct release r = {0};
	autoerror struct error why = {0};
	char sums[DIGEST_HEX_LENGTH + 1] = "", known[DIGEST_HEX_LENGTH + 1];

	if (known_sums(db, name, known, err) < 0)
		return -1;
	if (digest_file(path, sums, &why) == 0 && !strcmp(sums, known))
		return 0;
	if (release_read(&r, root, name, &why) < 0) {
		strbuf_printf(&changes->notes, "release '%s' is left out of 'lockfiles/lockstep.db': %s\n", name, why.text);
		return *known ? remove_release(db, name, err) : 0;
	}
	if (!begin(db, err) || end(db, remove_release(db, name, err) == 0 && release_store_insert(db, &r, sums, err) == 0, err) < 0)
		return -1;
	*(*known ? &changes->replaced : &changes->added) += 1;
	return 0;
}

static bool is_listed(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static int remove_others(struct sql *db, struct arena *a, char *const *names, size_t count, struct release_store_changes *changes, struct error *err)
{
	autostatement struct sql_statement *s = NULL;
	char **gone = NULL;
	size_t gone_count = 0;
	int step;

	if (sql_query(db, &s, err, "SELECT name FROM release ORDER BY name", "") < 0)
		return -1;
	while ((step = sql_step(s, err)) > 0) {
		const char *name = sql_column_text(s, 0);

		if (name && !is_listed(names, count, name))
			*arena_push(a, &gone, &gone_count) = arena_strdup(a, name);
		else
			changes->release_count++;
	}
	sql_statement_close(steal(&s));
	for (size_t i = 0; step == 0 && i < gone_count; i++) {
		step = remove_release(db, gone[i], err);
		changes->removed++;
	}
	return step;
}

static int sync_all(struct sql *db, const char *root, struct release_store_changes *changes, struct error *err)
{
	autoarena struct arena a = {0};
	char **names;
	size_t count;

	if (release_list(&a, root, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (sync_release(db, root, names[i], changes, err) < 0)
			return -1;
	}
	return remove_others(db, &a, names, count, changes, err);
}

/* One try. *ret_damaged: the file itself is what is wrong, so that making it anew helps. */
static int sync_file(const char *root, const char *path, struct release_store_changes *changes, bool *ret_damaged, struct error *err)
{
	autosql struct sql *db = NULL;
	bool newer = false;
	int result = sql_open(path, false, &db, err);

	if (result == 0)
		result = release_store_migrate(db, path, &newer, err);
	if (result == 0)
		result = sync_all(db, root, changes, err);
	/* A statement that is refused means tables that are not ours. */
	*ret_damaged = result < 0 && !newer && (err->code == ERR_INPUT || err->code == ERR_FAILED);
	return result;
}

/* A "-wal" beside a file it does not belong to would be played into it: it goes first. */
static void remove_log(const char *path)
{
	autofree char *log = mem_printf("%s-wal", path), *index = mem_printf("%s-shm", path);

	unlink(log);
	unlink(index);
}

static int put_aside(const char *path, struct release_store_changes *changes, struct error *err)
{
	autofree char *aside = mem_printf("%s.damaged", path);
	autofree char *why = mem_strdup(err->text);

	error_release(err);
	remove_log(path);
	if (file_rename(path, aside, err) < 0)
		return -1;
	release_store_changes_release(changes);
	changes->rebuilt = true;
	strbuf_printf(&changes->notes, "%s; it was put aside as '%s' and made again from the text\n", why, path_base(aside));
	return 0;
}

static bool has_releases(struct arena *a, const char *root)
{
	autoerror struct error ignored = {0};
	char **names;
	size_t count;

	return release_list(a, root, &names, &count, &ignored) == 0 && count;
}

int release_store_sync(const char *root, struct release_store_changes *ret, struct error *err)
{
	autoarena struct arena a = {0};
	const char *path = store_path(&a, root);
	struct release_store_changes changes = {0};
	bool damaged;
	int result = 0;

	if (!file_exists(path))
		remove_log(path);
	if (has_releases(&a, root) || file_exists(path)) {
		result = sync_file(root, path, &changes, &damaged, err);
		if (result < 0 && damaged && put_aside(path, &changes, err) == 0)
			result = sync_file(root, path, &changes, &damaged, err);
	}
	if (result < 0)
		release_store_changes_release(&changes);
	else
		*ret = changes;
	return result;
}

int release_store_rebuild(const char *root, struct release_store_changes *ret, struct error *err)
{
	autoarena struct arena a = {0};
	const char *path = store_path(&a, root), *new = arena_printf(&a, "%s.new", path);
	struct release_store_changes changes = {0};
	bool damaged;

	if (!has_releases(&a, root))
		return error_set(err, ERR_NOT_FOUND, "there is no release yet, so nothing to make 'lockfiles/lockstep.db' of; 'lockstep bump' makes the first");
	remove_log(new);
	unlink(new);
	if (sync_file(root, new, &changes, &damaged, err) < 0) {
		release_store_changes_release(&changes);
		remove_log(new);
		unlink(new);
		return -1;
	}
	remove_log(path);
	if (file_rename(new, path, err) < 0) {
		release_store_changes_release(&changes);
		return -1;
	}
	changes.rebuilt = true;
	*ret = changes;
	return 0;
}

int release_store_open(const char *root, struct sql **ret, struct error *err)
{
	autoarena struct arena a = {0};
	autosql struct sql *db = NULL;
	const char *path = store_path(&a, root);
	int version;

	if (sql_open(path, true, &db, err) < 0 || sql_user_version(db, &version, err) < 0)
		return -1;
	if (version != RELEASE_STORE_VERSION)
		return error_set(err, ERR_INPUT, "'%s' has form %d, this lockstep knows %d; 'lockstep records' brings it up to date", path, version,
				 RELEASE_STORE_VERSION);
	*ret = steal(&db);
	return 0;
}

/* "table|column|column" */
static void add_row(const char *table, struct sql_statement *s, struct strbuf *out)
{
	strbuf_add(out, table);
	for (int i = 0; i < sql_column_count(s); i++) {
		const char *text = sql_column_text(s, i);

		strbuf_add_char(out, '|');
		if (text)
			text_escape(out, text, strlen(text), 0);
		else
			strbuf_add(out, "NULL");
	}
}

/* All rows of a table; those without rowid come in the order of their keys. */
static int query_table(struct sql *db, const char *table, struct sql_statement **ret, struct error *err)
{
	autofree char *query = mem_printf("SELECT * FROM \"%s\"", table);

	return sql_query(db, ret, err, query, "");
}

static int list_tables(struct sql *db, struct arena *a, char ***ret, size_t *ret_count, struct error *err)
{
	autostatement struct sql_statement *s = NULL;
	int step;

	*ret = NULL;
	*ret_count = 0;
	if (sql_query(db, &s, err, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", "") < 0)
		return -1;
	while ((step = sql_step(s, err)) > 0)
		*arena_push(a, ret, ret_count) = arena_strdup(a, sql_column_text(s, 0));
	return step;
}

int release_store_dump(struct sql *db, struct strbuf *out, struct error *err)
{
	autoarena struct arena a = {0};
	char **tables;
	size_t count;

	if (list_tables(db, &a, &tables, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		autostatement struct sql_statement *s = NULL;
		int step;

		if (query_table(db, tables[i], &s, err) < 0)
			return -1;
		while ((step = sql_step(s, err)) > 0) {
			add_row(tables[i], s, out);
			strbuf_add_char(out, '\n');
		}
		if (step < 0)
			return -1;
	}
	return 0;
}

/* The next row as text; "" behind the last. */
static int next_row(const char *table, struct sql_statement *s, struct strbuf *row, struct error *err)
{
	int step = sql_step(s, err);

	strbuf_clear(row);
	if (step > 0)
		add_row(table, s, row);
	return step;
}

/* Row beside row, so that no more than two are held. *ret_same is false after the first difference, which `report` then tells. */
static int compare_table(struct sql *store, struct sql *text, const char *table, bool *ret_same, struct strbuf *report, struct error *err)
{
	autostatement struct sql_statement *left = NULL, *right = NULL;
	autostrbuf struct strbuf one = {0}, other = {0};
	int left_step = 1, right_step = 1;

	if (query_table(store, table, &left, err) < 0 || query_table(text, table, &right, err) < 0)
		return -1;
	while (left_step > 0 && right_step > 0) {
		left_step = next_row(table, left, &one, err);
		right_step = left_step < 0 ? -1 : next_row(table, right, &other, err);
		if (right_step < 0)
			return -1;
		if (strcmp(strbuf_text(&one), strbuf_text(&other)) == 0)
			continue;
		*ret_same = false;
		strbuf_printf(report, "the store says: %s\nthe text says:  %s\n", one.length ? one.text : "(no such row)",
			      other.length ? other.text : "(no such row)");
		return 0;
	}
	return 0;
}

static int compare(struct sql *store, struct sql *text, struct strbuf *report, struct error *err)
{
	autoarena struct arena a = {0};
	char **tables;
	size_t count;
	bool same = true;

	if (list_tables(text, &a, &tables, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && same; i++) {
		if (compare_table(store, text, tables[i], &same, report, err) < 0)
			return -1;
	}
	return 0;
}

int release_store_check(const char *root, struct strbuf *report, struct error *err)
{
	autoarena struct arena a = {0};
	autosql struct sql *db = NULL, *made = NULL;
	autochanges struct release_store_changes changes = {0};
	bool newer;

	/* A file of SQLite's own that nobody else sees: many releases are much. */
	if (sql_open("", false, &made, err) < 0 || release_store_migrate(made, "", &newer, err) < 0 || sync_all(made, root, &changes, err) < 0)
		return -1;
	strbuf_add(report, strbuf_text(&changes.notes));
	if (release_check_latest(root, err) < 0) {
		if (err->code != ERR_INPUT)
			return -1;
		strbuf_printf(report, "%s\n", err->text);
		error_release(err);
	}
	if (!changes.release_count && !file_exists(store_path(&a, root)))
		return !report->length;
	if (!file_exists(store_path(&a, root))) {
		strbuf_add(report, "there is no 'lockfiles/lockstep.db'; 'lockstep records --rebuild' makes it of the text\n");
		return 0;
	}
	if (release_store_open(root, &db, err) < 0 || compare(db, made, report, err) < 0) {
		if (err->code != ERR_INPUT)
			return -1;
		strbuf_printf(report, "%s\n'lockstep records --rebuild' makes it again of the text\n", err->text);
		error_release(err);
		return 0;
	}
	return !report->length;
}
