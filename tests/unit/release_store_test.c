#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "release_fixture.h"
#include "release/history.h"
#include "release/release_store.h"
#include "release/release_store_schema.h"

static void bump(const char *root, const char *name, unsigned generation)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf notes = {0};

	if (fixture_bump(root, name, generation, &notes, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(strbuf_text(&notes), "");
}

static char *dump(const char *root)
{
	autoerror struct error err = {0};
	autosql struct sql *db = NULL;
	struct strbuf out = {0};

	if (release_store_open(root, &db, &err) < 0 || release_store_dump(db, &out, &err) < 0)
		fail_msg("%s", err.text);
	strbuf_add(&out, "");
	return strbuf_detach(&out);
}

static void sync_ok(struct release_store_changes *changes)
{
	autoerror struct error err = {0};

	release_store_changes_release(changes);
	if (release_store_sync("p", changes, &err) < 0)
		fail_msg("%s", err.text);
}

static void store_checks(bool same, const char *text)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf report = {0};
	int result = release_store_check("p", &report, &err);

	if (result < 0)
		fail_msg("%s", err.text);
	if (result != same || !strstr(strbuf_text(&report), text))
		fail_msg("expected: %s\nseen: %s", text, strbuf_text(&report));
}

/* Release by release, at once, and completed after a piece was lost: the same rows. */
TEST(made_in_any_way_it_has_the_same_rows)
{
	autoerror struct error err = {0};
	autochanges struct release_store_changes changes = {0};
	autofree char *grown = NULL, *rebuilt = NULL, *again = NULL, *completed = NULL;

	fixture_project("p");
	bump("p", "v0.1", 1);
	bump("p", "v0.2", 2);
	bump("p", "v0.10", 3);
	grown = dump("p");
	assert_non_null(strstr(grown, "release|v0.10|v0.2|"));
	assert_non_null(strstr(grown, "pin_edge_extra|v0.1|1|0|fast\n"));
	assert_non_null(strstr(grown, "installed_package|v0.2|ci-gpu|0|numpy|1.2|pip|NULL|0|"));
	assert_non_null(strstr(grown, "pin_layer|v0.2|3|cuda{version=13.0}\n"));
	assert_non_null(strstr(grown, "freeze_line|v0.10|ci-cpu|2|numpy==1.3\n"));
	store_checks(true, "");

	assert_int_equal(unlink("p/lockfiles/lockstep.db"), 0);
	sync_ok(&changes);
	assert_int_equal(changes.added, 3);
	assert_int_equal(changes.release_count, 3);
	rebuilt = dump("p");
	assert_string_equal(grown, rebuilt);

	release_store_changes_release(&changes);
	assert_int_equal(release_store_rebuild("p", &changes, &err), 0);
	again = dump("p");
	assert_string_equal(grown, again);

	struct sql *db = NULL;

	assert_int_equal(sql_open("p/lockfiles/lockstep.db", false, &db, &err), 0);
	assert_int_equal(sql_execute(db, "DELETE FROM release WHERE name = 'v0.2'", &err), 0);
	sql_close(db);
	store_checks(false, "the text says:  container|v0.2|");
	sync_ok(&changes);
	assert_int_equal(changes.added, 1);
	completed = dump("p");
	assert_string_equal(grown, completed);
	sync_ok(&changes);
	assert_int_equal(changes.added + changes.replaced + changes.removed, 0);
}

TEST(it_follows_the_text)
{
	autoerror struct error err = {0};
	autochanges struct release_store_changes changes = {0};
	autofree char *before = NULL, *after = NULL;

	fixture_project("p");
	bump("p", "v0.1", 1);
	before = dump("p");
	bump("p", "v0.2", 2);
	/* A release made elsewhere under the same name, as a merge brings it. */
	fixture_project("q");
	bump("q", "v0.2", 7);
	assert_int_equal(file_remove_tree("p/lockfiles/v0.2", &err), 0);
	assert_int_equal(rename("q/lockfiles/v0.2", "p/lockfiles/v0.2"), 0);
	sync_ok(&changes);
	assert_int_equal(changes.replaced, 1);
	after = dump("p");
	assert_non_null(strstr(after, "pin|v0.2|0|numpy|1.7|"));
	assert_null(strstr(after, "|1.2|"));
	/* And one that is gone. */
	assert_int_equal(file_remove_tree("p/lockfiles/v0.2", &err), 0);
	sync_ok(&changes);
	assert_int_equal(changes.removed, 1);
	assert_int_equal(changes.release_count, 1);
	free(after);
	after = dump("p");
	assert_string_equal(before, after);
}

TEST(text_changed_by_hand_is_left_out_and_named)
{
	autochanges struct release_store_changes changes = {0};

	fixture_project("p");
	bump("p", "v0.1", 1);
	bump("p", "v0.2", 2);
	fixture_put("p/lockfiles/v0.1/ci-cpu.txt", "numpy==6\n");
	store_checks(false, "'lockfiles/v0.1/ci-cpu.txt' was changed since it was released");
	assert_int_equal(unlink("p/lockfiles/lockstep.db"), 0);
	sync_ok(&changes);
	assert_int_equal(changes.added, 1);
	assert_non_null(strstr(strbuf_text(&changes.notes), "release 'v0.1' is left out of 'lockfiles/lockstep.db': 'lockfiles/v0.1/ci-cpu.txt' was changed"));
}

TEST(a_damaged_store_is_put_aside_and_made_again)
{
	static const char *const damage[] = {
		"this is not a database at all, but it is long enough to be taken for the header of one: 100 bytes and more",
		"PRAGMA user_version = 0",
		"DROP TABLE pin",
		"ALTER TABLE pin ADD COLUMN x TEXT",
	};
	autoerror struct error err = {0};
	autofree char *good = NULL;

	fixture_project("p");
	bump("p", "v0.1", 1);
	good = dump("p");
	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		autochanges struct release_store_changes changes = {0};
		autofree char *seen = NULL;
		struct sql *db = NULL;

		if (!i) {
			fixture_put("p/lockfiles/lockstep.db", damage[i]);
		} else {
			assert_int_equal(sql_open("p/lockfiles/lockstep.db", false, &db, &err), 0);
			assert_int_equal(sql_execute(db, "PRAGMA foreign_keys = OFF; DELETE FROM release", &err), 0);
			if (sql_execute(db, damage[i], &err) < 0)
				fail_msg("%s", err.text);
			sql_close(db);
		}
		sync_ok(&changes);
		assert_true(changes.rebuilt);
		assert_non_null(strstr(strbuf_text(&changes.notes), "it was put aside as 'lockstep.db.damaged' and made again from the text"));
		assert_true(file_exists("p/lockfiles/lockstep.db.damaged"));
		seen = dump("p");
		assert_string_equal(seen, good);
	}
}

/* A damaged store does not stop a release. */
TEST(a_release_is_made_beside_a_damaged_store)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf notes = {0};

	fixture_project("p");
	bump("p", "v0.1", 1);
	fixture_put("p/lockfiles/lockstep.db", "rubbish that is long enough to be looked at as if it were the header of a database file, so they say");
	assert_int_equal(fixture_bump("p", "v0.2", 2, &notes, &err), 0);
	assert_non_null(strstr(strbuf_text(&notes), "put aside"));
	store_checks(true, "");
}

TEST(a_newer_store_is_refused_and_kept)
{
	autoerror struct error err = {0};
	autochanges struct release_store_changes changes = {0};
	struct sql *db = NULL;

	fixture_project("p");
	bump("p", "v0.1", 1);
	assert_int_equal(sql_open("p/lockfiles/lockstep.db", false, &db, &err), 0);
	assert_int_equal(sql_execute(db, "PRAGMA user_version = 99", &err), 0);
	sql_close(db);
	assert_int_equal(release_store_sync("p", &changes, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_non_null(strstr(err.text, "was made by a newer lockstep (form 99, this one knows 7)"));
	assert_false(file_exists("p/lockfiles/lockstep.db.damaged"));
	store_checks(false, "has form 99");
}

TEST(the_history_tells_what_moved_and_how_it_lay)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct history h;

	fixture_project("p");
	assert_int_equal(release_history(&a, "p", NULL, &h, &err), 0);
	assert_int_equal(h.container_count, 0);
	bump("p", "v0.1", 1);
	bump("p", "v0.2", 1);
	bump("p", "v0.3", 2);
	bump("p", "v0.4", 3);
	assert_int_equal(release_history(&a, "p", NULL, &h, &err), 0);
	const struct history_container *cpu = history_container(&h, "ci-cpu"), *gpu = history_container(&h, "ci-gpu");
	const struct history_package *numpy = history_package(cpu, "numpy"), *scipy = history_package(cpu, "scipy");

	assert_null(history_container(&h, "ci-none"));
	assert_null(history_package(cpu, "odd"));
	assert_int_equal(numpy->moved, 3); /* in v0.4 and in v0.3 */
	assert_int_equal(numpy->seen, 4);
	assert_int_equal(scipy->moved, 0);
	assert_int_equal(strlen(numpy->sha256), DIGEST_HEX_LENGTH);
	assert_int_equal(cpu->layer_count, 0);
	assert_int_equal(gpu->layer_count, 1);
	assert_int_equal(gpu->layers[0].name_count, 2);
	assert_string_equal(gpu->layers[0].names[1], "odd");
}

/* A store in an older form keeps its rows and gets what is new. */
TEST(everything_a_lock_says_has_its_rows)
{
	static const char *const rows[] = {
		"container_layer|v0.1|ci-gpu|gcc\n",
		"container_further|v0.1|ci-gpu|cp311-linux-aarch64-glibc2.36\n",
		"pin|v0.1|2|vendored|1|NULL|vendor/vendored-1-py3-none-any.whl\n",
		"pin_container|v0.1|2|ci-gpu\n",
		"pin_environment|v0.1|2|cp311-linux-aarch64-glibc2.36\n",
		"pin_edge|v0.1|2|0|gone|NULL|NULL|NULL|never used\n",
		"deb|v0.1|0|libc6|2.36-9+deb12u10|amd64|libc6_2.36-9+deb12u10_amd64.deb|pool/main/g/glibc/libc6_2.36-9+deb12u10_amd64.deb|9|",
		"deb_stage|v0.1|0|base:x\n",
		"python_layer_package|v0.1|ci-gpu|0|numpy\npython_layer_package|v0.1|ci-gpu|0|odd\n",
		"|7|alone: large\n",
	};
	autofree char *seen = NULL;

	fixture_project("p");
	bump("p", "v0.1", 1);
	seen = dump("p");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!strstr(seen, rows[i]))
			fail_msg("no row '%s' in:\n%s", rows[i], seen);
	}
	store_checks(true, "");
}

TEST(an_older_store_is_brought_up_to_date)
{
	autoerror struct error err = {0};
	autochanges struct release_store_changes changes = {0};
	autofree char *good = NULL, *seen = NULL;
	struct sql *db = NULL;
	bool newer;

	fixture_project("p");
	bump("p", "v0.1", 1);
	good = dump("p");
	assert_int_equal(unlink("p/lockfiles/lockstep.db"), 0);
	assert_int_equal(sql_open("p/lockfiles/lockstep.db", false, &db, &err), 0);
	assert_int_equal(release_store_migrate_to(db, "x", 1, &newer, &err), 0);
	assert_int_equal(sql_run(db, &err, "INSERT INTO release VALUES ('v0.0', NULL, 0, 't', 'p', '', 0, '')", ""), 0);
	sql_close(db);
	store_checks(false, "has form 1");
	sync_ok(&changes);
	assert_false(changes.rebuilt);
	assert_int_equal(changes.added, 1);
	assert_int_equal(changes.removed, 1);
	seen = dump("p");
	assert_string_equal(seen, good);
}

TEST(no_release_no_store)
{
	autoerror struct error err = {0};
	autochanges struct release_store_changes changes = {0};

	fixture_project("p");
	sync_ok(&changes);
	assert_false(file_exists("p/lockfiles"));
	assert_int_equal(release_store_rebuild("p", &changes, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	store_checks(true, "");
}
