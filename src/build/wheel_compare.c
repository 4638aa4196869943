#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "build/wheel_job.h"
#include "io/zip.h"

struct member {
	const char *name;
	uint64_t size_bytes;
	uint32_t crc;
};

struct listing {
	struct member *members;
	size_t count;
};

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static bool list_members(struct arena *a, const char *path, struct listing *ret)
{
	autoerror struct error ignored = {0};
	autozip struct zip z = ZIP_NONE;
	struct zip_member m;
	bool found = true;

	if (zip_open(&z, path, &ignored) < 0)
		return false;
	while (zip_next(&z, &m, &found, &ignored) == 0 && found)
		*arena_push(a, &ret->members, &ret->count) = (struct member){arena_strdup(a, m.name), m.size_bytes, m.crc};
	if (ret->count)
		qsort(ret->members, ret->count, sizeof(*ret->members), compare_members);
	return !error_is_set(&ignored);
}

/* RECORD holds the digests of all others, so that it differs says nothing by itself. */
static bool is_record(const char *name)
{
	return text_ends_with(name, ".dist-info/RECORD");
}

static void tell(struct strbuf *out, const char *name, const char *what, size_t limit, size_t *told)
{
	autostrbuf struct strbuf safe = {0};

	if (is_record(name) || (*told)++ >= limit)
		return;
	text_escape(&safe, name, strlen(name), 0);
	strbuf_printf(out, "\n  %s %s", strbuf_text(&safe), what);
}

void wheel_compare(const char *left, const char *right, size_t limit, struct strbuf *out)
{
	autoarena struct arena a = {0};
	struct listing l = {0}, r = {0};
	size_t i = 0, j = 0, told = 0;

	if (!list_members(&a, left, &l) || !list_members(&a, right, &r))
		return;
	while (i < l.count || j < r.count) {
		int order = i == l.count ? 1 : j == r.count ? -1 : strcmp(l.members[i].name, r.members[j].name);

		if (order < 0)
			tell(out, l.members[i].name, "is only in the first", limit, &told);
		else if (order > 0)
			tell(out, r.members[j].name, "is only in the second", limit, &told);
		else if (l.members[i].crc != r.members[j].crc || l.members[i].size_bytes != r.members[j].size_bytes)
			tell(out, l.members[i].name, "has other bytes", limit, &told);
		i += order <= 0;
		j += order >= 0;
	}
	if (told > limit)
		strbuf_printf(out, "\n  and %zu more", told - limit);
}
