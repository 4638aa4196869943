#include "release/release_summary.h"

#include <string.h>

#include "base/text.h"
#include "io/digest.h"
#include "release/release_store.h"
#include "release/release_text.h"

static void from_release(struct arena *a, const struct release *r, struct release_summary *ret)
{
	*ret = (struct release_summary){.name = arena_strdup(a, r->name), .previous = arena_strdup_null(a, r->previous), .created_unix = r->created_unix};
	if (r->snapshot_count) {
		ret->engine = arena_strdup_null(a, r->snapshots[0].engine);
		ret->engine_version = arena_strdup_null(a, r->snapshots[0].engine_version);
	}
	for (size_t i = 0; i < r->lock.container_count; i++)
		*arena_push(a, &ret->containers, &ret->container_count) = arena_strdup(a, r->lock.containers[i].name);
	for (size_t i = 0; i < r->lock.pin_count; i++)
		ret->toolchain_count += pin_is_toolchain(&r->lock.pins[i]);
	ret->package_count = r->lock.pin_count - ret->toolchain_count;
}

static int add_containers(struct arena *a, struct sql *db, struct release_summary *ret, struct error *err)
{
	autostatement struct sql_statement *s = NULL;
	int step;

	if (sql_query(db, &s, err, "SELECT name, engine, engine_version FROM container WHERE release = ? ORDER BY name", "t", ret->name) < 0)
		return -1;
	while ((step = sql_step(s, err)) > 0) {
		if (!ret->container_count) {
			ret->engine = arena_strdup_null(a, sql_column_text(s, 1));
			ret->engine_version = arena_strdup_null(a, sql_column_text(s, 2));
		}
		*arena_push(a, &ret->containers, &ret->container_count) = arena_strdup(a, sql_column_text(s, 0));
	}
	return step;
}

/* 1: the store had it, made from a SHA256SUMS with this digest; 0: it has not. */
static int from_store(struct arena *a, struct sql *db, const char *name, const char *sums, struct release_summary *ret, struct error *err)
{
	static const char query[] = "SELECT previous, created_unix, (SELECT count(*) FROM pin WHERE release = r.name),"
				    " (SELECT count(DISTINCT pin) FROM pin_layer WHERE release = r.name) FROM release r WHERE name = ? AND sums_sha256 = ?";
	autostatement struct sql_statement *s = NULL;
	int step;

	if (sql_query(db, &s, err, query, "tt", name, sums) < 0)
		return -1;
	step = sql_step(s, err);
	if (step <= 0)
		return step;
	*ret = (struct release_summary){.name = name, .previous = arena_strdup_null(a, sql_column_text(s, 0)), .created_unix = sql_column_integer(s, 1)};
	ret->toolchain_count = (size_t)sql_column_integer(s, 3);
	ret->package_count = (size_t)sql_column_integer(s, 2) - ret->toolchain_count;
	return add_containers(a, db, ret, err) < 0 ? -1 : 1;
}

static int read_one(struct arena *a, struct sql *db, const char *root, const char *name, struct release_summary *ret, struct error *err)
{
	autoarena struct arena scratch = {0};
	autorelease struct release r = {0};
	autoerror struct error ignored = {0};
	const char *folder = arena_printf(&scratch, "lockfiles/%s", name);
	struct transaction_file *files;
	char sums[DIGEST_HEX_LENGTH + 1];
	size_t count;

	if (release_files_read(&scratch, root, folder, &files, &count, err) < 0)
		return -1;
	digest_bytes(files[count - 1].text, files[count - 1].length, sums);
	if (db && from_store(a, db, name, sums, ret, &ignored) > 0)
		return 0;
	if (release_files_parse(&r, folder, name, files, count, err) < 0)
		return -1;
	from_release(a, &r, ret);
	return 0;
}

int release_summaries(struct arena *a, const char *root, char *const *names, size_t count, struct release_summary **ret, struct error *err)
{
	autosql struct sql *db = NULL;
	autoerror struct error ignored = {0};
	struct release_summary *list = arena_array(a, count + 1, sizeof(*list));

	/* Without a store, or with one of another form, the text tells. */
	if (count && release_store_open(root, &db, &ignored) < 0)
		db = NULL;
	for (size_t i = 0; i < count; i++) {
		if (read_one(a, db, root, names[i], &list[i], err) < 0)
			return -1;
	}
	*ret = list;
	return 0;
}
