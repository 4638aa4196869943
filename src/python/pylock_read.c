/* pylock.toml into a struct, with all its rules. */
#include "python/pylock.h"

#include <string.h>

#include "base/text.h"
#include "python/name.h"
#include "python/sdist_name.h"
#include "python/url.h"
#include "python/wheel.h"

struct reader {
	struct arena *arena;
	struct diag *d;
};

static const struct value *typed(const struct reader *r, const struct value *table, const char *key, enum value_kind kind)
{
	const struct value *v = value_get(table, key);

	if (!v || v->kind == kind)
		return v;
	diag_error(r->d, v->pos, "'%s' is %s, not %s", key, value_kind_name(v->kind), value_kind_name(kind));
	return NULL;
}

/* Tells the one mistake that a text can be: a NUL, which no C text holds. */
static const char *plain_text(const struct reader *r, const struct value *v, const char *what)
{
	if (strlen(v->text) == v->text_length)
		return v->text;
	diag_error(r->d, v->pos, "'%s' holds a NUL", what);
	return NULL;
}

static const char *read_text(const struct reader *r, const struct value *table, const char *key)
{
	const struct value *v = typed(r, table, key, VALUE_TEXT);

	return v ? plain_text(r, v, key) : NULL;
}

static void require(const struct reader *r, const struct value *table, const char *key)
{
	if (!value_get(table, key))
		diag_error(r->d, table->pos, "'%s' is missing", key);
}

static const char *read_required(const struct reader *r, const struct value *table, const char *key)
{
	require(r, table, key);
	return read_text(r, table, key);
}

static bool read_truth(const struct reader *r, const struct value *table, const char *key, bool *ret)
{
	const struct value *v = typed(r, table, key, VALUE_BOOLEAN);

	*ret = v && v->boolean;
	return v;
}

/* A date and a time; with an offset or not. */
static const char *read_time(const struct reader *r, const struct value *table, const char *key)
{
	const struct value *v = typed(r, table, key, VALUE_DATETIME);

	if (!v)
		return NULL;
	if (v->text_length > strlen("1979-05-27") && v->text[4] == '-')
		return v->text;
	diag_error(r->d, v->pos, "'%s' is not both a date and a time", key);
	return NULL;
}

/* The items of a list, all of one kind; how many it holds in *ret_count. */
static struct value **read_list(const struct reader *r, const struct value *table, const char *key, enum value_kind kind, size_t *ret_count)
{
	const struct value *list = typed(r, table, key, VALUE_ARRAY);
	struct value **items = NULL;
	size_t count = 0;

	for (size_t i = 0; list && i < list->item_count; i++) {
		struct value *item = list->items[i];

		if (item->kind == kind)
			*arena_push(r->arena, &items, &count) = item;
		else
			diag_error(r->d, item->pos, "'%s' holds %s; each item must be %s", key, value_kind_name(item->kind), value_kind_name(kind));
	}
	*ret_count = count;
	return items;
}

static struct pylock_names read_names(const struct reader *r, const struct value *table, const char *key, bool canonical)
{
	struct pylock_names names = {0};
	size_t count;
	struct value **items = read_list(r, table, key, VALUE_TEXT, &count);

	for (size_t i = 0; i < count; i++) {
		const char *name = plain_text(r, items[i], key);

		if (name && canonical && !name_is_canonical(name))
			diag_error(r->d, items[i]->pos, "'%s' is not a normalised name", name);
		else if (name)
			*arena_push(r->arena, &names.items, &names.count) = name;
	}
	return names;
}

/* Literals with escapes do not stand for themselves in a normal text; such a marker is kept as it was written. */
static bool reads_again(const char *normal)
{
	return normal && !strpbrk(normal, "\\\n\r") && !strstr(normal, "\xC0\x80") && text_is_utf8(normal, strlen(normal));
}

static struct marker *parse_marker(const struct reader *r, const struct value *v, const char *key, const char **ret_text)
{
	const char *text = plain_text(r, v, key);
	size_t at = 0;
	struct marker *m = text ? marker_parse(r->arena, text, &at) : NULL;

	if (text && !m)
		diag_error(r->d, v->pos, "'%s' holds no marker: '%s' breaks at character %zu", key, text, at + 1);
	if (!m)
		return NULL;
	const char *normal = marker_normal(r->arena, m);

	*ret_text = reads_again(normal) ? normal : text;
	return m;
}

static struct specifier_set *read_specifiers(const struct reader *r, const struct value *table, const char *key, const char **ret_text)
{
	const char *text = read_text(r, table, key);
	size_t at = 0;
	struct specifier_set *set = text ? specifier_set_parse(r->arena, text, &at) : NULL;

	if (text && !set)
		diag_error(r->d, value_get(table, key)->pos, "'%s' holds no version specifiers: '%s' breaks at character %zu", key, text, at + 1);
	if (set)
		*ret_text = specifier_set_normal(set);
	return set;
}

static struct version *read_version(const struct reader *r, const struct value *table, const char *key, const char **ret_text)
{
	const char *text = read_text(r, table, key);
	struct version *version = text ? version_parse(r->arena, text) : NULL;

	if (text && !version)
		diag_error(r->d, value_get(table, key)->pos, "'%s' is no version: '%s'", key, text);
	if (version)
		*ret_text = version_normal(r->arena, version);
	return version;
}

static bool is_given(const char *text)
{
	return text && *text;
}

static void need_place(const struct reader *r, const struct value *table, const char *path, const char *url)
{
	if (!is_given(path) && !is_given(url))
		diag_error(r->d, table->pos, "neither 'path' nor 'url' is there");
}

static void read_hashes(const struct reader *r, const struct value *table, struct pylock_file *file)
{
	const struct value *hashes = typed(r, table, "hashes", VALUE_TABLE);

	require(r, table, "hashes");
	if (hashes && !hashes->entry_count)
		diag_error(r->d, hashes->pos, "'hashes' holds none");
	for (size_t i = 0; hashes && i < hashes->entry_count; i++) {
		const struct value_entry *entry = &hashes->entries[i];

		if (entry->value->kind != VALUE_TEXT)
			diag_error(r->d, entry->value->pos, "the hash '%s' is %s, not text", entry->key, value_kind_name(entry->value->kind));
		else if (strlen(entry->key) != entry->key_length || strlen(entry->value->text) != entry->value->text_length)
			diag_error(r->d, entry->value->pos, "the hash '%s' holds a NUL", entry->key);
		else
			*arena_push(r->arena, &file->hashes, &file->hash_count) = (struct pylock_hash){entry->key, entry->value->text};
	}
}

static void read_file(const struct reader *r, const struct value *table, bool archive, struct pylock_file *file)
{
	const struct value *size = typed(r, table, "size", VALUE_INTEGER);

	file->pos = table->pos;
	file->url = read_text(r, table, "url");
	file->path = read_text(r, table, "path");
	file->upload_time = read_time(r, table, "upload-time");
	if (archive)
		file->subdirectory = read_text(r, table, "subdirectory");
	else
		file->name = read_text(r, table, "name");
	file->has_size = size;
	file->size_bytes = size ? size->integer : 0;
	read_hashes(r, table, file);
	need_place(r, table, file->path, file->url);
}

static struct pylock_file *read_one_file(const struct reader *r, const struct value *table, const char *key)
{
	const struct value *v = typed(r, table, key, VALUE_TABLE);
	struct pylock_file *file = v ? arena_new(r->arena, struct pylock_file) : NULL;

	if (file)
		read_file(r, v, !strcmp(key, "archive"), file);
	return file;
}

static struct pylock_vcs *read_vcs(const struct reader *r, const struct value *package)
{
	const struct value *table = typed(r, package, "vcs", VALUE_TABLE);
	struct pylock_vcs *vcs = table ? arena_new(r->arena, struct pylock_vcs) : NULL;

	if (!vcs)
		return NULL;
	vcs->pos = table->pos;
	vcs->type = read_required(r, table, "type");
	vcs->url = read_text(r, table, "url");
	vcs->path = read_text(r, table, "path");
	vcs->requested_revision = read_text(r, table, "requested-revision");
	vcs->commit_id = read_required(r, table, "commit-id");
	vcs->subdirectory = read_text(r, table, "subdirectory");
	need_place(r, table, vcs->path, vcs->url);
	return vcs;
}

static struct pylock_directory *read_directory(const struct reader *r, const struct value *package)
{
	const struct value *table = typed(r, package, "directory", VALUE_TABLE);
	struct pylock_directory *directory = table ? arena_new(r->arena, struct pylock_directory) : NULL;

	if (!directory)
		return NULL;
	directory->pos = table->pos;
	directory->path = read_required(r, table, "path");
	directory->has_editable = read_truth(r, table, "editable", &directory->editable);
	directory->subdirectory = read_text(r, table, "subdirectory");
	return directory;
}

static void read_wheels(const struct reader *r, const struct value *package, struct pylock_package *p)
{
	struct value **tables = read_list(r, package, "wheels", VALUE_TABLE, &p->wheel_count);

	p->wheels = arena_array(r->arena, p->wheel_count + 1, sizeof(*p->wheels));
	for (size_t i = 0; i < p->wheel_count; i++)
		read_file(r, tables[i], false, &p->wheels[i]);
}

static const char *name_in_path(const char *path)
{
	const char *slash = strrchr(path, strchr(path, '/') ? '/' : '\\');

	return slash ? slash + 1 : path;
}

const char *pylock_file_name(struct arena *a, const struct pylock_file *file)
{
	const char *name = file->name;

	if (!is_given(name) && is_given(file->path))
		name = name_in_path(file->path);
	if (!is_given(name) && is_given(file->url))
		name = url_file_name(a, file->url);
	return is_given(name) ? name : NULL;
}

/* What a file's name says must be what its entry says. */
static void compare_name(const struct reader *r, const struct pylock_package *p, const struct pylock_file *file, const char *file_name, const char *name,
			 const char *version)
{
	if (!text_equal(p->name, name))
		diag_error(r->d, file->pos, "'%s' is a file of '%s', not of '%s'", file_name, name, p->name);
	else if (p->version && version_compare_texts(p->version, version) != 0)
		diag_error(r->d, file->pos, "'%s' is a file of version %s, not %s", file_name, version, p->version);
}

static void check_file_names(const struct reader *r, const struct pylock_package *p)
{
	struct sdist_name sdist;
	struct wheel_name wheel;

	for (size_t i = 0; i < p->wheel_count; i++) {
		const char *name = pylock_file_name(r->arena, &p->wheels[i]);

		if (!name || !wheel_name_parse(r->arena, name, &wheel))
			diag_error(r->d, p->wheels[i].pos, "'%s' is no name of a wheel", name ? name : "");
		else
			compare_name(r, p, &p->wheels[i], name, wheel.name, wheel.version);
	}
	if (!p->sdist)
		return;
	const char *name = pylock_file_name(r->arena, p->sdist);

	if (!name || !sdist_name_parse(r->arena, name, &sdist))
		diag_error(r->d, p->sdist->pos, "'%s' is no name of a source distribution", name ? name : "");
	else
		compare_name(r, p, p->sdist, name, sdist.name, sdist.version);
}

static void check_sources(const struct reader *r, const struct pylock_package *p)
{
	int direct = (p->vcs ? 1 : 0) + (p->directory ? 1 : 0) + (p->archive ? 1 : 0);
	bool files = p->sdist || p->wheel_count;

	if (files && direct)
		diag_error(r->d, p->pos, "'%s' has both files of an index (sdist, wheels) and vcs, directory or archive", p->name);
	else if (!files && direct != 1)
		diag_error(r->d, p->pos, "'%s' needs sdist, wheels, or exactly one of vcs, directory and archive", p->name);
}

static void check_attestations(const struct reader *r, const struct pylock_package *p)
{
	for (size_t i = 0; i < p->attestation_count; i++) {
		require(r, p->attestations[i], "kind");
		typed(r, p->attestations[i], "kind", VALUE_TEXT);
	}
}

static void read_package(const struct reader *r, const struct value *table, struct pylock_package *p)
{
	const struct value *marker = typed(r, table, "marker", VALUE_TEXT);
	size_t errors = r->d->error_count;

	p->pos = table->pos;
	p->name = read_required(r, table, "name");
	if (p->name && !name_is_canonical(p->name))
		diag_error(r->d, value_get(table, "name")->pos, "'%s' is not a normalised name", p->name);
	read_version(r, table, "version", &p->version);
	if (marker)
		p->marker = parse_marker(r, marker, "marker", &p->marker_text);
	p->python = read_specifiers(r, table, "requires-python", &p->requires_python);
	p->dependencies = read_list(r, table, "dependencies", VALUE_TABLE, &p->dependency_count);
	p->vcs = read_vcs(r, table);
	p->directory = read_directory(r, table);
	p->archive = read_one_file(r, table, "archive");
	p->index = read_text(r, table, "index");
	p->sdist = read_one_file(r, table, "sdist");
	read_wheels(r, table, p);
	p->attestations = read_list(r, table, "attestation-identities", VALUE_TABLE, &p->attestation_count);
	p->tool = (struct value *)typed(r, table, "tool", VALUE_TABLE);
	check_attestations(r, p);
	/* What has no right form is no ground for further words. */
	if (r->d->error_count > errors)
		return;
	check_sources(r, p);
	check_file_names(r, p);
}

static void read_lock_version(const struct reader *r, const struct value *document, struct pylock *lock)
{
	struct version *version = read_version(r, document, "lock-version", &lock->lock_version);

	require(r, document, "lock-version");
	if (!version)
		return;
	struct pos pos = value_get(document, "lock-version")->pos;

	if (version_compare(version, version_parse(r->arena, "1")) < 0 || version_compare(version, version_parse(r->arena, "2")) >= 0)
		diag_error(r->d, pos, "version %s of lock files is not known: 1.0 is", lock->lock_version);
	else if (version_compare(version, version_parse(r->arena, "1.0")) > 0)
		diag_warning(r->d, pos, "version %s of lock files is newer than what is known: 1.0", lock->lock_version);
}

static void read_environments(const struct reader *r, const struct value *document, struct pylock *lock)
{
	size_t count;
	struct value **items = read_list(r, document, "environments", VALUE_TEXT, &count);

	lock->environment_markers = arena_array(r->arena, count + 1, sizeof(*lock->environment_markers));
	for (size_t i = 0; i < count; i++) {
		const char *text = NULL;
		struct marker *m = parse_marker(r, items[i], "environments", &text);

		lock->environment_markers[lock->environments.count] = m;
		if (m)
			*arena_push(r->arena, &lock->environments.items, &lock->environments.count) = text;
	}
}

struct pylock *pylock_read(struct arena *a, const struct value *document, struct diag *d)
{
	struct reader r = {a, d};
	struct pylock *lock = arena_new(a, struct pylock);
	size_t errors = d->error_count;

	read_lock_version(&r, document, lock);
	read_environments(&r, document, lock);
	lock->python = read_specifiers(&r, document, "requires-python", &lock->requires_python);
	lock->extras = read_names(&r, document, "extras", true);
	lock->dependency_groups = read_names(&r, document, "dependency-groups", false);
	lock->default_groups = read_names(&r, document, "default-groups", false);
	lock->created_by = read_required(&r, document, "created-by");
	lock->tool = (struct value *)typed(&r, document, "tool", VALUE_TABLE);
	require(&r, document, "packages");

	struct value **packages = read_list(&r, document, "packages", VALUE_TABLE, &lock->package_count);

	lock->packages = arena_array(a, lock->package_count + 1, sizeof(*lock->packages));
	for (size_t i = 0; i < lock->package_count; i++)
		read_package(&r, packages[i], &lock->packages[i]);
	return d->error_count > errors ? NULL : lock;
}

/* The standard's regular expression would also take a line end behind the name. */
bool pylock_is_file_name(const char *name)
{
	size_t prefix = strlen("pylock."), suffix = strlen(".toml"), length = strlen(name);

	if (!strcmp(name, "pylock.toml"))
		return true;
	return length > prefix + suffix && text_starts_with(name, "pylock.") && text_ends_with(name, ".toml") &&
	       !memchr(name + prefix, '.', length - prefix - suffix);
}
