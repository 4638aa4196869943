#include "verify/files.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A file of one package. */
struct owned {
	const char *path, *package;
	uint64_t size_bytes;
	uint32_t crc;
};

/* What two packages own together. */
struct pair {
	const char *first, *second; /* by name */
	const char *path;           /* the first that differs; where none does, the first */
	size_t different, same;
};

struct pairs {
	struct pair *items;
	size_t count;
	size_t told; /* the first of them, which are not told of again */
};

static int compare_owned(const void *left, const void *right)
{
	const struct owned *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	return order ? order : strcmp(a->package, b->package);
}

static void note(struct arena *a, struct pairs *pairs, const struct owned *o, const struct owned *other)
{
	bool is_first = strcmp(o->package, other->package) < 0, same = o->size_bytes == other->size_bytes && o->crc == other->crc;
	const char *first = is_first ? o->package : other->package, *second = is_first ? other->package : o->package, *path = o->path;
	struct pair *p = NULL;

	for (size_t i = 0; i < pairs->count && !p; i++) {
		if (!strcmp(pairs->items[i].first, first) && !strcmp(pairs->items[i].second, second))
			p = &pairs->items[i];
	}
	if (p && p < pairs->items + pairs->told)
		return;
	if (!p) {
		p = arena_push(a, &pairs->items, &pairs->count);
		*p = (struct pair){.first = first, .second = second, .path = path};
	}
	if (!same && !p->different)
		p->path = path;
	p->different += !same;
	p->same += same;
}

static struct owned *list_files(struct together *t, size_t *ret_count)
{
	struct owned *list;
	size_t total = 0;

	*ret_count = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct wheel_contents *c = t->files[i] ? contents_files(t->contents, t->files[i]) : NULL;

		total += c ? c->file_count : 0;
	}
	list = arena_array(t->a, total + 1, sizeof(*list));
	for (size_t i = 0; i < t->count; i++) {
		const struct wheel_contents *c = t->files[i] ? contents_files(t->contents, t->files[i]) : NULL;

		for (size_t j = 0; c && j < c->file_count; j++)
			list[(*ret_count)++] = (struct owned){c->files[j].path, t->pins[i]->name, c->files[j].size_bytes, c->files[j].crc};
	}
	if (*ret_count > 1)
		qsort(list, *ret_count, sizeof(*list), compare_owned);
	return list;
}

/* "'x.py' and 3 more files" */
static const char *files_text(struct arena *a, const char *path, size_t count)
{
	return count > 1 ? arena_printf(a, "'%s' and %zu more file%s", path, count - 1, count == 2 ? "" : "s") : arena_printf(a, "'%s'", path);
}

/* The one of the two whose files are in the image, as recipes/ say; NULL: they do not. */
static const char *declared(const struct together *t, const struct pair *p)
{
	if (package_overwrites(t->v->db, p->first, p->second))
		return p->first;
	return package_overwrites(t->v->db, p->second, p->first) ? p->second : NULL;
}

static void report(struct together *t, const struct pair *p)
{
	const char *winner = p->different ? declared(t, p) : NULL, *text;

	if (winner)
		text = arena_printf(t->a, "has %s, and so has %s, with other bytes: %s overwrites %s, as is declared", files_text(t->a, p->path, p->different),
				    p->second, winner, winner == p->first ? p->second : p->first);
	else if (p->different)
		text = arena_printf(t->a, "has %s, and so has %s, with other bytes: the one that is installed last wins",
				    files_text(t->a, p->path, p->different), p->second);
	else
		text = arena_printf(t->a, "has %s, and so has %s, with the same bytes", files_text(t->a, p->path, p->same), p->second);
	findings_add(t->ret, &(struct finding){.kind = "shadow",
					       .is_warning = winner || !p->different,
					       .container = t->container->name,
					       .subject = p->first,
					       .is_package = true,
					       .expected = p->path,
					       .found = p->second,
					       .text = text});
}

/* Another owner of the path that is declared to overwrite this one; NULL: none. */
static const struct owned *overwriting(const struct together *t, const struct owned *owners, size_t count, const struct owned *o)
{
	for (size_t i = 0; i < count; i++) {
		if (package_overwrites(t->v->db, owners[i].package, o->package))
			return &owners[i];
	}
	return NULL;
}

/* All owners of one path: of those whom no other overwrites, one is enough. */
static void compare_owners(struct together *t, struct pairs *pairs, const struct owned *owners, size_t count)
{
	const struct owned *last = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct owned *by = overwriting(t, owners, count, &owners[i]), *other = by ? by : last;

		if (other && strcmp(other->package, owners[i].package) != 0)
			note(t->a, pairs, other, &owners[i]);
		if (!by)
			last = &owners[i];
	}
}

/* What the image itself says, of packages that the wheels did not tell of already. */
static void compare_installed(struct together *t, struct pairs *pairs)
{
	const struct snapshot *s = t->snapshot;

	for (size_t i = 0, end; s && i < s->shadow_count; i = end) {
		const char *path = s->shadows[i].path;
		struct owned *owners = NULL;
		size_t count = 0;

		*arena_push(t->a, &owners, &count) = (struct owned){path, s->shadows[i].first, 0, 0};
		/* Each is the same as the first, or not. */
		for (end = i; end < s->shadow_count && !strcmp(s->shadows[end].path, path); end++)
			*arena_push(t->a, &owners, &count) = (struct owned){path, s->shadows[end].second, s->shadows[end].same ? 0 : end + 1, 0};
		compare_owners(t, pairs, owners, count);
	}
}

static int compare_folder(const char *path, const char *folder, size_t length)
{
	int order = strncmp(path, folder, length);

	return order ? order : (unsigned char)path[length];
}

/* The first of the sorted files with the first `length` bytes of `folder` as its whole path, or where it would stand. */
static size_t find_file(const struct owned *list, size_t count, const char *folder, size_t length)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_folder(list[middle].path, folder, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void report_folder(struct together *t, const struct owned *file, const struct owned *below)
{
	findings_add(t->ret, &(struct finding){.kind = "shadow",
					       .container = t->container->name,
					       .subject = file->package,
					       .is_package = true,
					       .expected = file->path,
					       .found = below->package,
					       .text = arena_printf(
						       t->a, "has the file '%s', which is a folder in %s, with '%s' in it: they cannot be installed together",
						       file->path, below->package, below->path)});
}

/* Files with the path of the folder that list[first] is in, whose name has `length` bytes; what is in a folder stands together. */
static void check_folder(struct together *t, const struct owned *list, size_t count, size_t first, size_t length)
{
	const char *folder = list[first].path;

	for (size_t i = find_file(list, count, folder, length); i < count && !compare_folder(list[i].path, folder, length); i++) {
		size_t below = first;

		while (below < count && !strncmp(list[below].path, folder, length + 1) && !strcmp(list[below].package, list[i].package))
			below++;
		if (below < count && !strncmp(list[below].path, folder, length + 1))
			report_folder(t, &list[i], &list[below]);
	}
}

/* A file of one package where another has a folder: no order of installing them is right, and nothing that is declared helps. */
static void check_folders(struct together *t, const struct owned *list, size_t count)
{
	const char *before = "";

	for (size_t i = 0; i < count; before = list[i++].path) {
		const char *path = list[i].path;
		size_t same = 0;

		while (path[same] && path[same] == before[same])
			same++;
		/* The folders that the file before is not in. */
		for (const char *end = strchr(path + same, '/'); end; end = strchr(end + 1, '/'))
			check_folder(t, list, count, i, (size_t)(end - path));
	}
}

void files_check_shadows(struct together *t)
{
	struct pairs pairs = {0};
	size_t count;
	const struct owned *list = list_files(t, &count);

	check_folders(t, list, count);

	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && !strcmp(list[end].path, list[i].path);)
			end++;
		compare_owners(t, &pairs, &list[i], end - i);
	}
	pairs.told = pairs.count;
	compare_installed(t, &pairs);
	for (size_t i = 0; i < pairs.count; i++)
		report(t, &pairs.items[i]);
}
