#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "lock/lock_fields.h"
#include "lock/lock_order.h"
#include "lock/lock_reader.h"
#include "python/sdist.h"
#include "python/wheel.h"
#include "recipe/word.h"

static const struct lock_field package_fields[] = {
	{"name", FIELD_NAME, true, offsetof(struct pin, name), 0},
	{"version", FIELD_VERSION, true, offsetof(struct pin, version), 0},
	{"index", FIELD_TEXT, false, offsetof(struct pin, index), 0},
	{"reference", FIELD_TEXT, false, offsetof(struct pin, reference), 0},
	{"containers", FIELD_TEXTS, true, offsetof(struct pin, containers), offsetof(struct pin, container_count)},
	{"environments", FIELD_TEXTS, false, offsetof(struct pin, environments), offsetof(struct pin, environment_count)},
	{"requires", FIELD_OTHER, false, 0, 0},
	{"build-requires", FIELD_TEXTS, false, offsetof(struct pin, build_requires), offsetof(struct pin, build_require_count)},
	{"files", FIELD_OTHER, true, 0, 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field toolchain_fields[] = {
	{"name", FIELD_NAME, true, offsetof(struct pin, name), 0},
	{"version", FIELD_VERSION, true, offsetof(struct pin, version), 0},
	{"index", FIELD_TEXT, true, offsetof(struct pin, index), 0},
	{"layers", FIELD_TEXTS, true, offsetof(struct pin, layers), offsetof(struct pin, layer_count)},
	{"requires", FIELD_OTHER, false, 0, 0},
	{"files", FIELD_OTHER, true, 0, 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field edge_fields[] = {
	{"name", FIELD_NAME, true, offsetof(struct lock_edge, name), 0},
	{"version", FIELD_VERSION, false, offsetof(struct lock_edge, version), 0},
	{"extras", FIELD_NAMES, false, offsetof(struct lock_edge, extras), offsetof(struct lock_edge, extra_count)},
	{"marker", FIELD_MARKER, false, offsetof(struct lock_edge, marker), 0},
	{"extra", FIELD_NAME, false, offsetof(struct lock_edge, extra), 0},
	{"waived", FIELD_TEXT, false, offsetof(struct lock_edge, waived), 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field file_fields[] = {
	{"name", FIELD_FILE_NAME, true, offsetof(struct lock_file, name), 0},
	{"size", FIELD_SIZE, true, offsetof(struct lock_file, size_bytes), 0},
	{"sha256", FIELD_SHA256, true, offsetof(struct lock_file, sha256), 0},
	{"built-from", FIELD_TEXT, false, offsetof(struct lock_file, built_from), 0},
	{"build-key", FIELD_SHA256, false, offsetof(struct lock_file, build_key), 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field deb_fields[] = {
	{"name", FIELD_TEXT, true, offsetof(struct lock_deb, name), 0},
	{"version", FIELD_TEXT, true, offsetof(struct lock_deb, version), 0},
	{"architecture", FIELD_TEXT, true, offsetof(struct lock_deb, architecture), 0},
	{"stages", FIELD_TEXTS, true, offsetof(struct lock_deb, stages), offsetof(struct lock_deb, stage_count)},
	{"file", FIELD_FILE_NAME, false, offsetof(struct lock_deb, file), 0},
	{"path", FIELD_TEXT, false, offsetof(struct lock_deb, path), 0},
	{"size", FIELD_SIZE, false, offsetof(struct lock_deb, size_bytes), 0},
	{"sha256", FIELD_SHA256, false, offsetof(struct lock_deb, sha256), 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field archive_fields[] = {
	{"name", FIELD_FILE_NAME, true, offsetof(struct lock_archive, name), 0},
	{"url", FIELD_TEXT, true, offsetof(struct lock_archive, url), 0},
	{"layers", FIELD_TEXTS, true, offsetof(struct lock_archive, layers), offsetof(struct lock_archive, layer_count)},
	{"size", FIELD_SIZE, true, offsetof(struct lock_archive, size_bytes), 0},
	{"sha256", FIELD_SHA256, true, offsetof(struct lock_archive, sha256), 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static void read_edges(struct lock_reader *r, const struct value *table, struct pin *pin)
{
	const struct value *list = lock_reader_list(r, table, "requires");

	pin->edges = arena_array(r->a, list->item_count, sizeof(*pin->edges));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_edge *e = &pin->edges[pin->edge_count];

		*e = (struct lock_edge){0};
		if (!lock_fields_read(edge_fields, "'requires'", list->items[i], r->a, r->d, e))
			continue;
		if (pin->edge_count++)
			lock_fields_order(r->d, list->items[i]->pos, e->name, e[-1].name, lock_edge_compare(&e[-1], e));
	}
}

/* A commit, or the digest of an sdist. */
static bool is_origin(const char *text)
{
	size_t length = strlen(text);

	return (length == 40 || length == 64) && strspn(text, "0123456789abcdef") == length;
}

static void check_file(struct lock_reader *r, const struct pin *pin, const struct lock_file *f, const struct value *table)
{
	struct wheel_name wheel;
	struct pos at = value_get(table, "name")->pos;
	bool is_wheel = wheel_name_parse(lock_reader_scratch(r), f->name, &wheel);

	if (!is_wheel && !sdist_is_of(lock_reader_scratch(r), f->name, pin->name, pin->version))
		diag_error(r->d, at, "'%s' is no file name of a wheel, nor of an sdist of %s %s", f->name, pin->name, pin->version);
	else if (is_wheel && (strcmp(wheel.name, pin->name) != 0 || strcmp(wheel.version, pin->version) != 0))
		diag_error(r->d, at, "'%s' is a file of %s %s, not of %s %s", f->name, wheel.name, wheel.version, pin->name, pin->version);
	else if (f->build_key && !f->built_from)
		diag_error(r->d, at, "'%s' has a 'build-key', but no 'built-from'", f->name);
	else if (f->built_from && !is_wheel)
		diag_error(r->d, value_get(table, "built-from")->pos, "'%s' is an sdist, so it was not built", f->name);
	else if (f->built_from && !is_origin(f->built_from))
		diag_error(r->d, value_get(table, "built-from")->pos, "'built-from' must be the SHA-256 of an sdist or a full commit, not '%s'", f->built_from);
}

static void read_files(struct lock_reader *r, const struct value *table, struct pin *pin)
{
	const struct value *list = lock_reader_list(r, table, "files");

	if (list->pos.line && !list->item_count)
		diag_error(r->d, list->pos, "'%s' has no files", pin->name);
	pin->files = arena_array(r->a, list->item_count, sizeof(*pin->files));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_file *f = &pin->files[pin->file_count];

		*f = (struct lock_file){0};
		if (!lock_fields_read(file_fields, "'files'", list->items[i], r->a, r->d, f))
			continue;
		check_file(r, pin, f, list->items[i]);
		if (pin->file_count++)
			lock_fields_order(r->d, list->items[i]->pos, f->name, f[-1].name, lock_file_compare(&f[-1], f));
	}
}

static void check_pin_containers(struct lock_reader *r, const struct value *table, const struct pin *pin)
{
	const struct lock *lock = r->lock;
	const struct value *list = value_get(table, "containers");

	if (!pin->container_count)
		diag_error(r->d, list->pos, "'%s' is in no container", pin->name);
	for (size_t i = 0; i < pin->container_count; i++) {
		if (lock_container(lock, pin->containers[i]))
			continue;
		const char **names = arena_array(r->a, lock->container_count, sizeof(*names));

		for (size_t j = 0; j < lock->container_count; j++)
			names[j] = lock->containers[j].name;
		lock_reader_unknown(r, list->items[i]->pos, "container", pin->containers[i], names, lock->container_count);
	}
}

static bool any_container_has(const struct lock *lock, const struct pin *pin, const char *environment)
{
	for (size_t i = 0; i < pin->container_count; i++) {
		const struct lock_container *c = lock_container(lock, pin->containers[i]);

		if (c && pin_is_in(pin, c, environment))
			return true;
	}
	return false;
}

/* Every environment of the list is one of a container of the pin, and every container has one of them. */
static void check_pin_environments(struct lock_reader *r, const struct value *table, const struct pin *pin)
{
	const struct value *list = value_get(table, "environments");

	if (list && !pin->environment_count)
		diag_error(r->d, list->pos, "'environments' is left out where '%s' is in all of them", pin->name);
	for (size_t i = 0; i < pin->environment_count; i++) {
		if (!any_container_has(r->lock, pin, pin->environments[i]))
			diag_error(r->d, list->items[i]->pos, "no container of '%s' is locked for '%s'", pin->name, pin->environments[i]);
	}
	for (size_t i = 0; pin->environment_count && i < pin->container_count; i++) {
		const struct lock_container *c = lock_container(r->lock, pin->containers[i]);
		const char *name;
		bool has = false;

		for (size_t j = 0; c && (name = lock_container_environment(c, j)); j++)
			has = has || pin_is_in(pin, c, name);
		if (c && !has)
			diag_error(r->d, list->pos, "'%s' is in container '%s', but in none of its environments", pin->name, c->name);
	}
}

static void check_apart(struct lock_reader *r, const struct value *table, const struct pin *one, const struct pin *two, const struct lock_container *c)
{
	const char *name;

	for (size_t i = 0; (name = lock_container_environment(c, i)); i++) {
		if (!pin_is_in(one, c, name) || !pin_is_in(two, c, name))
			continue;
		diag_error(r->d, table->pos, "'%s' would have two versions of '%s': %s and %s", c->name, two->name, one->version, two->version);
		return;
	}
}

/* Pins of one name stand one after another: each environment of a container may be in one of them only. */
static void check_one_version(struct lock_reader *r, const struct value *table, const struct pin *pin)
{
	for (const struct pin *other = pin; other > r->lock->pins && !strcmp(other[-1].name, pin->name) && !pin_is_toolchain(&other[-1]); other--) {
		for (size_t i = 0; i < pin->container_count; i++) {
			const struct lock_container *c = lock_container(r->lock, pin->containers[i]);

			if (c)
				check_apart(r, table, &other[-1], pin, c);
		}
	}
}

/* Where it comes from: an index, or one place. */
static void check_origin(struct lock_reader *r, const struct value *table, const struct pin *pin)
{
	const char *reference = pin->reference, *commit;

	if (!pin->index == !reference)
		diag_error(r->d, table->pos, "'%s' must have one of 'index' and 'reference'", pin->name);
	if (!reference)
		return;
	if (lock_reference_is_git(r->a, reference, &commit) ? !is_origin(commit)
							    : !word_url.holds(reference) && (strstr(reference, "://") || !path_stays_inside(reference)))
		diag_error(r->d, value_get(table, "reference")->pos,
			   "'reference' must be git+<address>@<full commit>, an http or https address, or a path in the project");
}

static void read_pins(struct lock_reader *r, const char *key, const char *what, const struct lock_field *fields, bool toolchain)
{
	const struct value *list = lock_reader_list(r, r->document, key);
	struct lock *lock = r->lock;
	size_t first = lock->pin_count;

	for (size_t i = 0; i < list->item_count; i++) {
		struct pin *pin = &lock->pins[lock->pin_count];

		*pin = (struct pin){0};
		if (!lock_fields_read(fields, what, list->items[i], r->a, r->d, pin))
			continue;
		if (toolchain && !pin->layer_count)
			diag_error(r->d, list->items[i]->pos, "'%s' is in no layer", pin->name);
		if (!toolchain) {
			check_pin_containers(r, list->items[i], pin);
			check_pin_environments(r, list->items[i], pin);
			check_origin(r, list->items[i], pin);
		}
		read_edges(r, list->items[i], pin);
		read_files(r, list->items[i], pin);
		if (lock->pin_count++ > first) {
			int order = pin_compare(&pin[-1], pin);

			lock_fields_order(r->d, list->items[i]->pos, pin->name, pin[-1].name, order);
			if (!toolchain && order < 0)
				check_one_version(r, list->items[i], pin);
		}
	}
}

/* How many versions of a name (or of that one, unless NULL) there are in the part that `pin` is in. */
static size_t count_versions(const struct lock *lock, const struct pin *pin, const struct lock_edge *e)
{
	const char *last = NULL;
	size_t count = 0;

	for (size_t i = lock_first_pin(lock, pin_is_toolchain(pin), e->name); i < lock->pin_count; i++) {
		if (strcmp(lock->pins[i].name, e->name) != 0 || pin_is_toolchain(&lock->pins[i]) != pin_is_toolchain(pin))
			break;
		count += (!e->version || !strcmp(lock->pins[i].version, e->version)) && !text_equal(last, lock->pins[i].version);
		last = lock->pins[i].version;
	}
	return count;
}

/* Only after everything else was fine: pins, edges and direct requirements then stand at the same places in the lock and in the document. */
static void check_edges(struct lock_reader *r)
{
	const struct value *packages = lock_reader_list(r, r->document, "package"), *toolchain = lock_reader_list(r, r->document, "toolchain");

	for (size_t i = 0; i < r->lock->pin_count; i++) {
		const struct pin *pin = &r->lock->pins[i];
		const struct value *table = i < packages->item_count ? packages->items[i] : toolchain->items[i - packages->item_count];

		for (size_t j = 0; j < pin->edge_count; j++) {
			const struct lock_edge *e = &pin->edges[j];
			size_t count = count_versions(r->lock, pin, e);
			struct pos at = value_get(table, "requires")->items[j]->pos;

			if (e->waived)
				continue;
			if (!count)
				diag_error(r->d, at, "'%s' requires '%s'%s%s, which is not in this lock", pin->name, e->name, e->version ? " " : "",
					   e->version ? e->version : "");
			else if (count > 1)
				diag_error(r->d, at, "'%s' requires '%s', of which this lock has several versions; which one?", pin->name, e->name);
		}
	}
}

/* What is declared with a marker may hold in some of them only. */
static bool is_in_some_environment(const struct lock *lock, const struct lock_container *c, const char *package)
{
	const char *name;

	for (size_t i = 0; (name = lock_container_environment(c, i)); i++) {
		if (lock_pin_in(lock, c->name, name, package))
			return true;
	}
	return false;
}

static void check_direct(struct lock_reader *r)
{
	for (size_t i = 0; i < r->lock->container_count; i++) {
		const struct lock_container *c = &r->lock->containers[i];
		const struct value *list = value_get(value_get(r->document, "container")->items[i], "direct");

		for (size_t j = 0; j < c->direct_count; j++) {
			if (!is_in_some_environment(r->lock, c, lock_direct_name(r->a, c->direct[j])))
				diag_error(r->d, list->items[j]->pos, "'%s' declares '%s', which is not locked for it", c->name, c->direct[j]);
		}
	}
}

/* Debian policy 5.6.1, 5.6.12 and 5.6.8; bounds that an argument of apt's and a file name need. */
static bool is_made_of(const char *text, const char *further)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= '0' && text[i] <= '9') && (!i || !strchr(further, text[i])))
			return false;
	}
	return i > 0;
}

static void check_deb(struct lock_reader *r, const struct lock_deb *deb, const struct value *table)
{
	static const char *const of_file[] = {"file", "path", "size", "sha256", NULL};
	bool any = false;

	for (const char *const *field = of_file; *field; field++)
		any |= value_get(table, *field) != NULL;
	if (!is_made_of(deb->name, "+-."))
		diag_error(r->d, value_get(table, "name")->pos, "'%s' is no name of a Debian package", deb->name);
	if (!is_made_of(deb->version, "+-.~:ABCDEFGHIJKLMNOPQRSTUVWXYZ") || strcspn(deb->version, "0123456789") != 0)
		diag_error(r->d, value_get(table, "version")->pos, "'%s' is no version of a Debian package", deb->version);
	if (!is_made_of(deb->architecture, "-"))
		diag_error(r->d, value_get(table, "architecture")->pos, "'%s' is no architecture of a Debian package", deb->architecture);
	for (const char *const *field = of_file; *field; field++) {
		if (any && !value_get(table, *field))
			diag_error(r->d, table->pos, "'%s' is missing in [[deb]], which has others of 'file', 'path', 'size' and 'sha256'", *field);
	}
	if (deb->file && !text_ends_with(deb->file, ".deb"))
		diag_error(r->d, value_get(table, "file")->pos, "'%s' is no file name of a Debian package", deb->file);
	if (deb->path && !path_stays_inside(deb->path))
		diag_error(r->d, value_get(table, "path")->pos, "'path' must be a relative path without '..', not '%s'", deb->path);
	if (!deb->stage_count)
		diag_error(r->d, value_get(table, "stages")->pos, "'%s' is in no stage", deb->name);
}

static void read_debs(struct lock_reader *r)
{
	const struct value *list = lock_reader_list(r, r->document, "deb");
	struct lock *lock = r->lock;

	lock->debs = arena_array(r->a, list->item_count, sizeof(*lock->debs));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_deb *deb = &lock->debs[lock->deb_count];

		*deb = (struct lock_deb){0};
		if (!lock_fields_read(deb_fields, "[[deb]]", list->items[i], r->a, r->d, deb))
			continue;
		check_deb(r, deb, list->items[i]);
		if (lock->deb_count++)
			lock_fields_order(r->d, list->items[i]->pos, deb->name, deb[-1].name, lock_deb_compare(&deb[-1], deb));
	}
}

static void read_archives(struct lock_reader *r)
{
	const struct value *list = lock_reader_list(r, r->document, "archive");
	struct lock *lock = r->lock;

	lock->archives = arena_array(r->a, list->item_count, sizeof(*lock->archives));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_archive *archive = &lock->archives[lock->archive_count];

		*archive = (struct lock_archive){0};
		if (!lock_fields_read(archive_fields, "[[archive]]", list->items[i], r->a, r->d, archive))
			continue;
		if (!text_starts_with(archive->url, "https://") && !text_starts_with(archive->url, "http://"))
			diag_error(r->d, value_get(list->items[i], "url")->pos, "'url' must be an http or https address, not '%s'", archive->url);
		if (!archive->layer_count)
			diag_error(r->d, value_get(list->items[i], "layers")->pos, "'%s' is in no layer", archive->name);
		if (lock->archive_count++)
			lock_fields_order(r->d, list->items[i]->pos, archive->name, archive[-1].name, lock_archive_compare(&archive[-1], archive));
	}
}

void lock_reader_pins(struct lock_reader *r)
{
	size_t packages = lock_reader_list(r, r->document, "package")->item_count, toolchain = lock_reader_list(r, r->document, "toolchain")->item_count;

	r->lock->pins = arena_array(r->a, packages + toolchain, sizeof(*r->lock->pins));
	read_pins(r, "package", "[[package]]", package_fields, false);
	read_pins(r, "toolchain", "[[toolchain]]", toolchain_fields, true);
	read_debs(r);
	read_archives(r);
}

void lock_reader_check(struct lock_reader *r)
{
	check_edges(r);
	check_direct(r);
}
