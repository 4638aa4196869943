#include "release/release.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "lock/lock_text.h"
#include "release/release_text.h"

void release_free(struct release *r)
{
	for (size_t i = 0; i < r->snapshot_count; i++)
		arena_release(&r->snapshots[i].arena);
	lock_release(&r->lock);
	arena_release(&r->arena);
	*r = (struct release){0};
}

const struct snapshot *release_snapshot(const struct release *r, const char *container)
{
	for (size_t i = 0; i < r->snapshot_count; i++) {
		if (!strcmp(r->snapshots[i].container, container))
			return &r->snapshots[i];
	}
	return NULL;
}

bool release_name_is_valid(const char *name)
{
	if (*name++ != 'v' || strlen(name) > 100)
		return false;
	for (;;) {
		size_t digits = strspn(name, "0123456789");

		if (!digits)
			return false;
		name += digits;
		if (!*name)
			return true;
		if (*name++ != '.')
			return false;
	}
}

/* Numbers of any length, without turning them into one. */
static int compare_numbers(const char *a, size_t a_length, const char *b, size_t b_length)
{
	for (; a_length && *a == '0'; a++)
		a_length--;
	for (; b_length && *b == '0'; b++)
		b_length--;
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return a_length ? memcmp(a, b, a_length) : 0;
}

int release_name_compare(const char *a, const char *b)
{
	const char *p = a, *q = b;

	while (*p && *q) {
		p++; /* the "v", then each "." */
		q++;
		size_t p_length = strspn(p, "0123456789"), q_length = strspn(q, "0123456789");
		int order = compare_numbers(p, p_length, q, q_length);

		if (order)
			return order;
		p += p_length;
		q += q_length;
	}
	if (*p || *q)
		return *p ? 1 : -1;
	return strcmp(a, b); /* v1.0 and v1.00 are two names */
}

static int compare_items(const void *left, const void *right)
{
	return release_name_compare(*(char *const *)left, *(char *const *)right);
}

int release_list(struct arena *a, const char *root, char ***ret_names, size_t *ret_count, struct error *err)
{
	const char *folder = path_join(a, root, "lockfiles");
	char **names = NULL, **kept = NULL;
	size_t count = 0, kept_count = 0;

	if (file_is_dir(folder) && file_list(a, folder, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (release_name_is_valid(names[i]) && file_is_dir(path_join(a, folder, names[i])))
			*arena_push(a, &kept, &kept_count) = names[i];
	}
	if (kept_count)
		qsort(kept, kept_count, sizeof(*kept), compare_items);
	*ret_names = kept;
	*ret_count = kept_count;
	return 0;
}

int release_newest(struct arena *a, const char *root, const char **ret_name, struct error *err)
{
	char **names;
	size_t count;

	if (release_list(a, root, &names, &count, err) < 0)
		return -1;
	*ret_name = count ? names[count - 1] : NULL;
	return 0;
}

/* The existing release that is meant by `name`, or NULL with an error. */
static const char *find(struct arena *a, const char *root, const char *name, struct error *err)
{
	char **names;
	size_t count;

	if (release_list(a, root, &names, &count, err) < 0)
		return NULL;
	if (!count) {
		error_set(err, ERR_NOT_FOUND, "there is no release yet; 'lockstep bump' makes the first");
		return NULL;
	}
	if (!strcmp(name, "latest"))
		return names[count - 1];
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return names[i];
	}
	error_set(err, ERR_NOT_FOUND, "there is no release '%s'; the newest is '%s'", name, names[count - 1]);
	error_hint_nearest(err, name, (const char *const *)names, count);
	return NULL;
}

static const struct transaction_file *file_named(const struct transaction_file *files, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(files[i].name, name))
			return &files[i];
	}
	return NULL;
}

static int not_listed(const char *folder, const char *name, struct error *err)
{
	return error_set(err, ERR_INPUT, "'%s/SHA256SUMS' does not list '%s'; restore it with 'git checkout %s'", folder, name, folder);
}

/* The first problem of a lock stands for all: nobody is meant to write one. */
static int read_lock(struct release *r, const char *folder, const struct transaction_file *file, struct error *err)
{
	autodiag struct diag d = {0};
	const char *path = path_join(&r->arena, folder, file->name);

	if (lock_parse(&r->lock, path, file->text, file->length, &d, err) == 0)
		return 0;
	diag_sort(&d);
	if (!d.problem_count)
		return -1;
	return error_set(err, ERR_INPUT, "'%s' line %u column %u: %s", path, d.problems[0].pos.line, d.problems[0].pos.column, d.problems[0].text);
}

static int read_freeze(struct release *r, const char *folder, const struct transaction_file *files, size_t count, struct error *err)
{
	for (size_t i = 0; i < r->snapshot_count; i++) {
		struct snapshot *s = &r->snapshots[i];
		const char *name = arena_printf(&r->arena, "%s.txt", s->container);
		const struct transaction_file *file = file_named(files, count, name);

		if (!file)
			return not_listed(folder, name, err);
		release_freeze_parse(&r->arena, file->text, file->length, s);
	}
	return 0;
}

/* The parts must be of one release. */
static int check_parts(const struct release *r, const char *folder, const char *name, struct error *err)
{
	if (strcmp(r->name, name) != 0)
		return error_set(err, ERR_INPUT, "'%s/release.json' is of release '%s'", folder, r->name);
	for (size_t i = 0; i < r->lock.container_count; i++) {
		if (i >= r->snapshot_count || strcmp(r->lock.containers[i].name, r->snapshots[i].container) != 0)
			return error_set(err, ERR_INPUT, "'%s/release.json' and 'lock.toml' have different containers", folder);
	}
	if (r->snapshot_count != r->lock.container_count)
		return error_set(err, ERR_INPUT, "'%s/release.json' and 'lock.toml' have different containers", folder);
	return 0;
}

int release_files_parse(struct release *r, const char *folder, const char *name, const struct transaction_file *files, size_t count, struct error *err)
{
	const struct transaction_file *lock = file_named(files, count, "lock.toml"), *json = file_named(files, count, "release.json");

	if (!lock || !json)
		return not_listed(folder, lock ? "release.json" : "lock.toml", err);
	if (release_json_parse(r, path_join(&r->arena, folder, "release.json"), json->text, json->length, err) < 0 || read_lock(r, folder, lock, err) < 0 ||
	    read_freeze(r, folder, files, count, err) < 0)
		return -1;
	return check_parts(r, folder, name, err);
}

static int read_release(struct release *r, const char *root, const char *name, struct error *err)
{
	const char *folder = arena_printf(&r->arena, "lockfiles/%s", name);
	struct transaction_file *files;
	size_t count;

	if (release_files_read(&r->arena, root, folder, &files, &count, err) < 0)
		return -1;
	return release_files_parse(r, folder, name, files, count, err);
}

int release_read(struct release *r, const char *root, const char *name, struct error *err)
{
	struct release out = {0};
	const char *found = find(&out.arena, root, name, err);

	if (!found || read_release(&out, root, found, err) < 0) {
		release_free(&out);
		return -1;
	}
	*r = out;
	return 0;
}

const char *release_next_name(struct arena *a, const char *newest, const char *first)
{
	const char *last;
	char *next;
	size_t at;

	if (!newest)
		return arena_strdup(a, first);
	/* Adds one in decimal: v0.9 -> v0.10, and numbers of any length. */
	last = strrchr(newest, '.') ? strrchr(newest, '.') + 1 : newest + 1;
	next = arena_strdup(a, newest);
	for (at = strlen(newest); at > (size_t)(last - newest) && next[at - 1] == '9'; at--)
		next[at - 1] = '0';
	if (at > (size_t)(last - newest)) {
		next[at - 1]++;
		return next;
	}
	return arena_printf(a, "%.*s1%s", (int)(last - newest), newest, next + (last - newest));
}

int release_check_latest(const char *root, struct error *err)
{
	autoarena struct arena a = {0};
	struct transaction_file *newest_files, *latest_files;
	size_t newest_count, latest_count;
	const char *newest;

	if (release_newest(&a, root, &newest, err) < 0)
		return -1;
	if (!newest)
		return 0;
	if (release_files_read(&a, root, arena_printf(&a, "lockfiles/%s", newest), &newest_files, &newest_count, err) < 0 ||
	    release_files_read(&a, root, "lockfiles/latest", &latest_files, &latest_count, err) < 0)
		return -1;
	const struct transaction_file *sums = &newest_files[newest_count - 1], *latest = &latest_files[latest_count - 1];

	if (sums->length == latest->length && !memcmp(sums->text, latest->text, sums->length))
		return 0;
	return error_set(err, ERR_INPUT, "'lockfiles/latest' is not the newest release '%s'; restore it with 'git checkout lockfiles/latest'", newest);
}
