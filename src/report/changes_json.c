#include "base/clock.h"
#include "io/json.h"
#include "report/changes.h"
#include "report/words.h"

static void add_texts(struct json_writer *w, const char *key, const char *const *texts, size_t count)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_add_text(w, NULL, texts[i]);
	json_end_array(w);
}

static void add_pair(struct json_writer *w, const char *key, const char *old, const char *new)
{
	json_begin_object(w, key);
	json_add_text(w, "old", old);
	json_add_text(w, "new", new);
	json_end_object(w);
}

static void add_container(struct json_writer *w, const struct change_container *c, bool has_images)
{
	const char *class = words_container_class(c);

	json_begin_object(w, NULL);
	json_add_text(w, "name", c->name);
	json_add_text(w, "change", class ? class : "same");
	json_add_boolean(w, "recipe_changed", c->recipe_changed);
	add_pair(w, "environment", c->old_environment, c->new_environment);
	add_texts(w, "groups_added", c->new_groups, c->new_group_count);
	add_texts(w, "groups_removed", c->old_groups, c->old_group_count);
	if (c->new_further_count)
		add_texts(w, "further_added", c->new_further, c->new_further_count);
	if (c->old_further_count)
		add_texts(w, "further_removed", c->old_further, c->old_further_count);
	json_add_integer(w, "packages", (int64_t)c->package_count);
	json_add_integer(w, "direct_packages", (int64_t)c->direct_count);
	if (has_images) {
		json_add_integer(w, "system_packages", (int64_t)c->system_count);
		add_pair(w, "image_id", c->old_image, c->new_image);
	}
	json_end_object(w);
}

static void add_cells(struct json_writer *w, const struct change *row, const char *key, const char *member)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < row->cell_count; i++) {
		const struct change_cell *cell = &row->cells[i];

		json_begin_object(w, NULL);
		json_add_text(w, member, cell->container);
		json_add_text(w, "change", change_class_key(cell->class));
		json_add_text(w, "old", cell->old_version);
		json_add_text(w, "new", cell->new_version);
		if (cell->old_index || cell->new_index)
			add_pair(w, "index", cell->old_index, cell->new_index);
		if (cell->old_reference || cell->new_reference)
			add_pair(w, "reference", cell->old_reference, cell->new_reference);
		if (cell->old_built_from || cell->new_built_from)
			add_pair(w, "built_from", cell->old_built_from, cell->new_built_from);
		json_end_object(w);
	}
	json_end_array(w);
}

static void add_rows(struct json_writer *w, const char *key, const struct change_list *list, bool packages, const char *cells, const char *member)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < list->count; i++) {
		const struct change *row = &list->rows[i];

		json_begin_object(w, NULL);
		json_add_text(w, "name", row->name);
		json_add_text(w, "change", change_class_key(row->class));
		json_add_boolean(w, "joint", row->joint);
		if (packages) {
			json_add_boolean(w, "direct", row->direct);
			add_pair(w, "declared", row->old_declared, row->new_declared);
			add_texts(w, "required_by", row->required_by, row->required_by_count);
		}
		add_cells(w, row, cells, member);
		json_end_object(w);
	}
	json_end_array(w);
}

static void add_counts(struct json_writer *w, const char *key, const struct change_list *list)
{
	json_begin_object(w, key);
	for (enum change_class class = CHANGE_FILES; class < CHANGE_CLASS_COUNT; class ++)
		json_add_integer(w, change_class_key(class), (int64_t)list->classes[class]);
	json_add_integer(w, "same", (int64_t)list->same_count);
	json_end_object(w);
}

static void add_cut_off(struct json_writer *w, const struct changes *changes)
{
	autostrbuf struct strbuf old = {0}, new = {0};

	clock_add_rfc3339(&old, changes->old_cut_off_unix);
	clock_add_rfc3339(&new, changes->new_cut_off_unix);
	add_pair(w, "cut_off", changes->old_name ? strbuf_text(&old) : NULL, strbuf_text(&new));
}

void changes_json(const struct changes *changes, struct json_writer *w, const char *key)
{
	json_begin_object(w, key);
	json_add_text(w, "old", changes->old_name);
	json_add_text(w, "new", changes->new_name);
	json_add_boolean(w, "different", changes_any(changes));
	add_cut_off(w, changes);
	json_begin_object(w, "counts");
	add_counts(w, "packages", &changes->packages);
	add_counts(w, "toolchain", &changes->toolchain);
	add_counts(w, "archives", &changes->archives);
	add_counts(w, "tools", &changes->tools);
	add_counts(w, "system_packages", &changes->system_packages);
	json_end_object(w);
	json_begin_array(w, "containers");
	for (size_t i = 0; i < changes->container_count; i++)
		add_container(w, &changes->containers[i], changes->has_images);
	json_end_array(w);
	add_rows(w, "packages", &changes->packages, true, "containers", "container");
	if (changes->further.count)
		add_rows(w, "further", &changes->further, false, "environments", "environment");
	add_rows(w, "toolchain", &changes->toolchain, false, "layers", "layer");
	add_rows(w, "archives", &changes->archives, false, "layers", "layer");
	add_rows(w, "tools", &changes->tools, false, "containers", "container");
	add_rows(w, "system_packages", &changes->system_packages, false, "containers", "container");
	if (changes->first_deb_count) {
		json_begin_object(w, "locked_first");
		json_add_integer(w, "debian_packages", (int64_t)changes->first_deb_count);
		add_texts(w, "containers", changes->first_containers, changes->first_container_count);
		json_end_object(w);
	}
	if (changes->unlocked_container_count)
		add_texts(w, "no_longer_locked", changes->unlocked_containers, changes->unlocked_container_count);
	json_end_object(w);
}
