#include "verify/files.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A file of one package. */
struct owned {
	const struct wheel_file *file;
	const char *package;
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
};

static int compare_owned(const void *left, const void *right)
{
	const struct owned *a = left, *b = right;
	int order = strcmp(a->file->path, b->file->path);

	return order ? order : strcmp(a->package, b->package);
}

static void note(struct arena *a, struct pairs *pairs, const char *one, const char *other, const char *path, bool same)
{
	const char *first = strcmp(one, other) < 0 ? one : other, *second = first == one ? other : one;
	struct pair *p = NULL;

	for (size_t i = 0; i < pairs->count && !p; i++) {
		if (!strcmp(pairs->items[i].first, first) && !strcmp(pairs->items[i].second, second))
			p = &pairs->items[i];
	}
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
			list[(*ret_count)++] = (struct owned){&c->files[j], t->pins[i]->name};
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

static void report(struct together *t, const struct pair *p)
{
	const char *text;

	if (p->different)
		text = arena_printf(t->a, "has %s, and so has %s, with other bytes: the one that is installed last wins",
				    files_text(t->a, p->path, p->different), p->second);
	else
		text = arena_printf(t->a, "has %s, and so has %s, with the same bytes", files_text(t->a, p->path, p->same), p->second);
	findings_add(t->ret, &(struct finding){.kind = "shadow",
					       .is_warning = !p->different,
					       .container = t->container->name,
					       .subject = p->first,
					       .is_package = true,
					       .expected = p->path,
					       .found = p->second,
					       .text = text});
}

/* Whether the two are among the first `count` pairs. */
static bool is_told(const struct pairs *pairs, size_t count, const struct installed_shadow *s)
{
	for (size_t i = 0; i < count; i++) {
		const struct pair *p = &pairs->items[i];

		if ((!strcmp(p->first, s->first) && !strcmp(p->second, s->second)) || (!strcmp(p->first, s->second) && !strcmp(p->second, s->first)))
			return true;
	}
	return false;
}

void files_check_shadows(struct together *t)
{
	struct pairs pairs = {0};
	size_t count;
	const struct owned *list = list_files(t, &count);

	for (size_t i = 1; i < count; i++) {
		const struct wheel_file *one = list[i - 1].file, *other = list[i].file;

		if (!strcmp(one->path, other->path) && strcmp(list[i - 1].package, list[i].package) != 0)
			note(t->a, &pairs, list[i - 1].package, list[i].package, one->path, one->size_bytes == other->size_bytes && one->crc == other->crc);
	}
	const size_t known = pairs.count;

	for (size_t i = 0; t->snapshot && i < t->snapshot->shadow_count; i++) {
		const struct installed_shadow *s = &t->snapshot->shadows[i];

		/* Wheels that are at hand told of it already. */
		if (!is_told(&pairs, known, s))
			note(t->a, &pairs, s->first, s->second, s->path, s->same);
	}
	for (size_t i = 0; i < pairs.count; i++)
		report(t, &pairs.items[i]);
}
