#include "release/release_store_schema.h"

#include "base/alloc.h"

struct migration {
	int version;
	const char *sql;
};

/* Every key is made of what the text says (names, places in sorted lists), never of the order rows came in: made at once or one by one, the store is the
   same. */
static const struct migration migrations[] = {
	{1, "PRAGMA application_id = 1280004947;"
	    "CREATE TABLE release (name TEXT PRIMARY KEY, previous TEXT, created_unix INTEGER NOT NULL, tool TEXT NOT NULL, project TEXT, inputs TEXT,"
	    " cut_off_unix INTEGER NOT NULL, sums_sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE lock_tool (release TEXT NOT NULL REFERENCES release ON DELETE CASCADE, place INTEGER NOT NULL, name TEXT NOT NULL,"
	    " version TEXT NOT NULL, PRIMARY KEY (release, place)) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE environment (release TEXT NOT NULL REFERENCES release ON DELETE CASCADE, name TEXT NOT NULL, python TEXT NOT NULL,"
	    " implementation TEXT NOT NULL, os TEXT NOT NULL, machine TEXT NOT NULL, libc TEXT NOT NULL, libc_version TEXT NOT NULL,"
	    " PRIMARY KEY (release, name)) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE container (release TEXT NOT NULL REFERENCES release ON DELETE CASCADE, name TEXT NOT NULL, environment TEXT NOT NULL, inputs TEXT,"
	    " engine TEXT, engine_version TEXT, image_id TEXT, image_digest TEXT, PRIMARY KEY (release, name),"
	    " FOREIGN KEY (release, environment) REFERENCES environment ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE container_group (release TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (release, container, name),"
	    " FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE container_direct (release TEXT NOT NULL, container TEXT NOT NULL, place INTEGER NOT NULL, requirement TEXT NOT NULL,"
	    " PRIMARY KEY (release, container, place), FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE pin (release TEXT NOT NULL REFERENCES release ON DELETE CASCADE, place INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,"
	    " index_alias TEXT, PRIMARY KEY (release, place)) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE pin_container (release TEXT NOT NULL, pin INTEGER NOT NULL, container TEXT NOT NULL, PRIMARY KEY (release, pin, container),"
	    " FOREIGN KEY (release, pin) REFERENCES pin ON DELETE CASCADE, FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE)"
	    " STRICT, WITHOUT ROWID;"
	    "CREATE TABLE pin_layer (release TEXT NOT NULL, pin INTEGER NOT NULL, layer TEXT NOT NULL, PRIMARY KEY (release, pin, layer),"
	    " FOREIGN KEY (release, pin) REFERENCES pin ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE pin_edge (release TEXT NOT NULL, pin INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, version TEXT, marker TEXT, extra "
	    "TEXT,"
	    " PRIMARY KEY (release, pin, place), FOREIGN KEY (release, pin) REFERENCES pin ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE pin_edge_extra (release TEXT NOT NULL, pin INTEGER NOT NULL, edge INTEGER NOT NULL, name TEXT NOT NULL,"
	    " PRIMARY KEY (release, pin, edge, name), FOREIGN KEY (release, pin, edge) REFERENCES pin_edge ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE pin_file (release TEXT NOT NULL, pin INTEGER NOT NULL, name TEXT NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,"
	    " PRIMARY KEY (release, pin, name), FOREIGN KEY (release, pin) REFERENCES pin ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE marker (release TEXT NOT NULL, container TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
	    " PRIMARY KEY (release, container, place), FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE tool (release TEXT NOT NULL, container TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,"
	    " PRIMARY KEY (release, container, place), FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE installed_package (release TEXT NOT NULL, container TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,"
	    " installer TEXT, direct_url TEXT, editable INTEGER NOT NULL, metadata_sha256 TEXT, record_sha256 TEXT, PRIMARY KEY (release, container, place),"
	    " FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE system_package (release TEXT NOT NULL, container TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,"
	    " architecture TEXT NOT NULL, PRIMARY KEY (release, container, place),"
	    " FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE freeze_line (release TEXT NOT NULL, container TEXT NOT NULL, place INTEGER NOT NULL, line TEXT NOT NULL,"
	    " PRIMARY KEY (release, container, place), FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"},
	/* For "in which releases was it, and where". */
	{2, "CREATE INDEX pin_by_name ON pin (name, version); CREATE INDEX installed_package_by_name ON installed_package (name, version);"
	    "CREATE INDEX system_package_by_name ON system_package (name, version); CREATE INDEX pin_file_by_sha256 ON pin_file (sha256);"
	    "CREATE INDEX pin_container_by_container ON pin_container (release, container);"},
	{3, "ALTER TABLE pin ADD COLUMN reference TEXT; ALTER TABLE pin_file ADD COLUMN built_from TEXT; ALTER TABLE pin_edge ADD COLUMN waived TEXT;"
	    "CREATE TABLE pin_environment (release TEXT NOT NULL, pin INTEGER NOT NULL, environment TEXT NOT NULL, PRIMARY KEY (release, pin, environment),"
	    " FOREIGN KEY (release, pin) REFERENCES pin ON DELETE CASCADE, FOREIGN KEY (release, environment) REFERENCES environment ON DELETE CASCADE)"
	    " STRICT, WITHOUT ROWID;"
	    "CREATE TABLE container_further (release TEXT NOT NULL, container TEXT NOT NULL, environment TEXT NOT NULL,"
	    " PRIMARY KEY (release, container, environment), FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE,"
	    " FOREIGN KEY (release, environment) REFERENCES environment ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE deb (release TEXT NOT NULL REFERENCES release ON DELETE CASCADE, place INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,"
	    " architecture TEXT NOT NULL, file TEXT NOT NULL, path TEXT NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,"
	    " PRIMARY KEY (release, place)) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE deb_stage (release TEXT NOT NULL, deb INTEGER NOT NULL, stage TEXT NOT NULL, PRIMARY KEY (release, deb, stage),"
	    " FOREIGN KEY (release, deb) REFERENCES deb ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE INDEX deb_by_name ON deb (name, version);"},
	{4, "CREATE TABLE container_layer (release TEXT NOT NULL, container TEXT NOT NULL, layer TEXT NOT NULL, PRIMARY KEY (release, container, layer),"
	    " FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"},
	{5, "ALTER TABLE container ADD COLUMN debian TEXT;"},
	{6, "CREATE TABLE archive (release TEXT NOT NULL REFERENCES release ON DELETE CASCADE, place INTEGER NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL,"
	    " size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (release, place)) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE archive_layer (release TEXT NOT NULL, archive INTEGER NOT NULL, layer TEXT NOT NULL, PRIMARY KEY (release, archive, layer),"
	    " FOREIGN KEY (release, archive) REFERENCES archive ON DELETE CASCADE) STRICT, WITHOUT ROWID;"},
	/* Its layers of Python packages, from the lowest to the highest. */
	{7, "CREATE TABLE python_layer (release TEXT NOT NULL, container TEXT NOT NULL, place INTEGER NOT NULL, digest TEXT NOT NULL, diff_id TEXT NOT NULL,"
	    " size_bytes INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY (release, container, place),"
	    " FOREIGN KEY (release, container) REFERENCES container ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE python_layer_package (release TEXT NOT NULL, container TEXT NOT NULL, layer INTEGER NOT NULL, name TEXT NOT NULL,"
	    " PRIMARY KEY (release, container, layer, name),"
	    " FOREIGN KEY (release, container, layer) REFERENCES python_layer ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
	    "CREATE INDEX python_layer_by_digest ON python_layer (digest);"},
};

static int migrate_one(struct sql *db, const struct migration *m, struct error *err)
{
	autofree char *version = mem_printf("PRAGMA user_version = %d", m->version);

	if (sql_execute(db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	if (sql_execute(db, m->sql, err) == 0 && sql_execute(db, version, err) == 0 && sql_execute(db, "COMMIT", err) == 0)
		return 0;
	autoerror struct error ignored = {0};

	sql_execute(db, "ROLLBACK", &ignored);
	return -1;
}

int release_store_migrate_to(struct sql *db, const char *path, int version, bool *ret_newer, struct error *err)
{
	int have;

	*ret_newer = false;
	if (sql_user_version(db, &have, err) < 0)
		return -1;
	if (have > RELEASE_STORE_VERSION) {
		*ret_newer = true;
		return error_set(
			err, ERR_INPUT,
			"'%s' was made by a newer lockstep (form %d, this one knows %d); use that one, or remove the file: it is made again from the text",
			path, have, RELEASE_STORE_VERSION);
	}
	for (size_t i = 0; i < ARRAY_LEN(migrations); i++) {
		if (migrations[i].version > have && migrations[i].version <= version && migrate_one(db, &migrations[i], err) < 0)
			return -1;
	}
	return 0;
}

int release_store_migrate(struct sql *db, const char *path, bool *ret_newer, struct error *err)
{
	_Static_assert(ARRAY_LEN(migrations) == RELEASE_STORE_VERSION, "one migration for each version");

	return release_store_migrate_to(db, path, RELEASE_STORE_VERSION, ret_newer, err);
}
