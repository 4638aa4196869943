#include "release/release_store_schema.h"

/* One row; the statement is prepared once and kept by io/sql. */
#define insert(...) (sql_run(db, err, __VA_ARGS__) < 0)

static int insert_lock_head(struct sql *db, const struct release *r, const char *sums_sha256, struct error *err)
{
	const struct lock *lock = &r->lock;

	if (insert("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "ttitttit", r->name, r->previous, r->created_unix, r->tool, lock->project,
		   lock->inputs, lock->cut_off_unix, sums_sha256))
		return -1;
	for (size_t i = 0; i < lock->tool_count; i++) {
		if (insert("INSERT INTO lock_tool VALUES (?, ?, ?, ?)", "titt", r->name, (int64_t)i, lock->tools[i].name, lock->tools[i].version))
			return -1;
	}
	for (size_t i = 0; i < lock->environment_count; i++) {
		const struct lock_environment *e = &lock->environments[i];

		if (insert("INSERT INTO environment VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "tttttttt", r->name, e->name, e->python, e->implementation, e->os,
			   e->machine, e->libc, e->libc_version))
			return -1;
	}
	return 0;
}

static int insert_container(struct sql *db, const char *release, const struct lock_container *c, const struct snapshot *s, struct error *err)
{
	if (insert("INSERT INTO container VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", "ttttttttt", release, c->name, c->environment, c->inputs, s->engine,
		   s->engine_version, s->image_id, s->image_digest, c->debian))
		return -1;
	for (size_t i = 0; i < c->group_count; i++) {
		if (insert("INSERT INTO container_group VALUES (?, ?, ?)", "ttt", release, c->name, c->groups[i]))
			return -1;
	}
	for (size_t i = 0; i < c->further_count; i++) {
		if (insert("INSERT INTO container_further VALUES (?, ?, ?)", "ttt", release, c->name, c->further[i]))
			return -1;
	}
	for (size_t i = 0; i < c->layer_count; i++) {
		if (insert("INSERT INTO container_layer VALUES (?, ?, ?)", "ttt", release, c->name, c->layers[i]))
			return -1;
	}
	for (size_t i = 0; i < c->direct_count; i++) {
		if (insert("INSERT INTO container_direct VALUES (?, ?, ?, ?)", "ttit", release, c->name, (int64_t)i, c->direct[i]))
			return -1;
	}
	return 0;
}

static int insert_edges(struct sql *db, const char *release, int64_t place, const struct pin *pin, struct error *err)
{
	for (size_t i = 0; i < pin->edge_count; i++) {
		const struct lock_edge *edge = &pin->edges[i];

		if (insert("INSERT INTO pin_edge VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "tiittttt", release, place, (int64_t)i, edge->name, edge->version,
			   edge->marker, edge->extra, edge->waived))
			return -1;
		for (size_t k = 0; k < edge->extra_count; k++) {
			if (insert("INSERT INTO pin_edge_extra VALUES (?, ?, ?, ?)", "tiit", release, place, (int64_t)i, edge->extras[k]))
				return -1;
		}
	}
	return 0;
}

static int insert_pin(struct sql *db, const char *release, int64_t place, const struct pin *pin, struct error *err)
{
	if (insert("INSERT INTO pin VALUES (?, ?, ?, ?, ?, ?)", "titttt", release, place, pin->name, pin->version, pin->index, pin->reference))
		return -1;
	for (size_t i = 0; i < pin->container_count; i++) {
		if (insert("INSERT INTO pin_container VALUES (?, ?, ?)", "tit", release, place, pin->containers[i]))
			return -1;
	}
	for (size_t i = 0; i < pin->environment_count; i++) {
		if (insert("INSERT INTO pin_environment VALUES (?, ?, ?)", "tit", release, place, pin->environments[i]))
			return -1;
	}
	for (size_t i = 0; i < pin->layer_count; i++) {
		if (insert("INSERT INTO pin_layer VALUES (?, ?, ?)", "tit", release, place, pin->layers[i]))
			return -1;
	}
	for (size_t i = 0; i < pin->file_count; i++) {
		const struct lock_file *file = &pin->files[i];

		if (insert("INSERT INTO pin_file VALUES (?, ?, ?, ?, ?, ?)", "tititt", release, place, file->name, (int64_t)file->size_bytes, file->sha256,
			   file->built_from))
			return -1;
	}
	return insert_edges(db, release, place, pin, err);
}

static int insert_deb(struct sql *db, const char *release, int64_t place, const struct lock_deb *deb, struct error *err)
{
	if (insert("INSERT INTO deb VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", "titttttit", release, place, deb->name, deb->version, deb->architecture,
		   lock_deb_has_file(deb) ? deb->file : "", lock_deb_has_file(deb) ? deb->path : "", (int64_t)deb->size_bytes,
		   lock_deb_has_file(deb) ? deb->sha256 : ""))
		return -1;
	for (size_t i = 0; i < deb->stage_count; i++) {
		if (insert("INSERT INTO deb_stage VALUES (?, ?, ?)", "tit", release, place, deb->stages[i]))
			return -1;
	}
	return 0;
}

static int insert_archive(struct sql *db, const char *release, int64_t place, const struct lock_archive *archive, struct error *err)
{
	if (insert("INSERT INTO archive VALUES (?, ?, ?, ?, ?, ?)", "tittit", release, place, archive->name, archive->url, (int64_t)archive->size_bytes,
		   archive->sha256))
		return -1;
	for (size_t i = 0; i < archive->layer_count; i++) {
		if (insert("INSERT INTO archive_layer VALUES (?, ?, ?)", "tit", release, place, archive->layers[i]))
			return -1;
	}
	return 0;
}

static int insert_installed(struct sql *db, const char *release, const struct snapshot *s, struct error *err)
{
	for (size_t i = 0; i < s->package_count; i++) {
		const struct installed_package *p = &s->packages[i];

		if (insert("INSERT INTO installed_package VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "ttittttitt", release, s->container, (int64_t)i, p->name,
			   p->version, p->installer, p->direct_url, (int64_t)p->editable, p->metadata_sha256, p->record_sha256))
			return -1;
	}
	for (size_t i = 0; i < s->system_count; i++) {
		const struct installed_system_package *p = &s->system_packages[i];

		if (insert("INSERT INTO system_package VALUES (?, ?, ?, ?, ?, ?)", "ttittt", release, s->container, (int64_t)i, p->name, p->version,
			   p->architecture))
			return -1;
	}
	for (size_t i = 0; i < s->freeze_count; i++) {
		if (insert("INSERT INTO freeze_line VALUES (?, ?, ?, ?)", "ttit", release, s->container, (int64_t)i, s->freeze[i]))
			return -1;
	}
	return 0;
}

static int insert_layers(struct sql *db, const char *release, const struct snapshot *s, struct error *err)
{
	for (size_t i = 0; i < s->layer_count; i++) {
		const struct installed_layer *l = &s->layers[i];

		if (insert("INSERT INTO python_layer VALUES (?, ?, ?, ?, ?, ?, ?)", "ttittit", release, s->container, (int64_t)i, l->digest, l->diff_id,
			   (int64_t)l->size_bytes, l->why))
			return -1;
		for (size_t k = 0; k < l->package_count; k++) {
			if (insert("INSERT INTO python_layer_package VALUES (?, ?, ?, ?)", "ttit", release, s->container, (int64_t)i, l->packages[k]))
				return -1;
		}
	}
	return 0;
}

static int insert_snapshot(struct sql *db, const char *release, const struct snapshot *s, struct error *err)
{
	for (size_t i = 0; i < s->marker_count; i++) {
		if (insert("INSERT INTO marker VALUES (?, ?, ?, ?, ?)", "ttitt", release, s->container, (int64_t)i, s->markers[i].name, s->markers[i].value))
			return -1;
	}
	for (size_t i = 0; i < s->tool_count; i++) {
		if (insert("INSERT INTO tool VALUES (?, ?, ?, ?, ?)", "ttitt", release, s->container, (int64_t)i, s->tools[i].name, s->tools[i].version))
			return -1;
	}
	return insert_layers(db, release, s, err) < 0 ? -1 : insert_installed(db, release, s, err);
}

int release_store_insert(struct sql *db, const struct release *r, const char *sums_sha256, struct error *err)
{
	if (insert_lock_head(db, r, sums_sha256, err) < 0)
		return -1;
	/* A release that was read has one snapshot for each container of its lock, in the same order. */
	for (size_t i = 0; i < r->snapshot_count; i++) {
		if (insert_container(db, r->name, &r->lock.containers[i], &r->snapshots[i], err) < 0 || insert_snapshot(db, r->name, &r->snapshots[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->lock.pin_count; i++) {
		if (insert_pin(db, r->name, (int64_t)i, &r->lock.pins[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->lock.archive_count; i++) {
		if (insert_archive(db, r->name, (int64_t)i, &r->lock.archives[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->lock.deb_count; i++) {
		if (insert_deb(db, r->name, (int64_t)i, &r->lock.debs[i], err) < 0)
			return -1;
	}
	return 0;
}
