#include "resolve/uv_lock.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/digest.h"
#include "io/toml.h"
#include "resolve/uv_files.h"

enum { UV_LOCK_VERSION = 1, UV_LOCK_LIMIT_BYTES = 64 * 1024 * 1024 };

struct reader {
	struct arena *arena;
	const char *folder; /* local files are given relative to it */
	struct error *err;
};

static int broken(struct reader *r, const char *name, const char *what)
{
	return error_set(r->err, ERR_FAILED, "cannot read uv's lock: %s%s%s", name ? name : "", name ? ": " : "", what);
}

static int read_edge(struct reader *r, const struct value *from, const char *under, struct uv_edge *ret)
{
	const struct value *extras = value_get(from, "extra");

	*ret = (struct uv_edge){.name = value_get_text(from, "name"), .version = value_get_text(from, "version"), .under = under};
	ret->marker_text = value_get_text(from, "marker");
	if (!ret->name)
		return broken(r, NULL, "a dependency without a name");
	if (ret->marker_text) {
		size_t at;

		ret->marker = marker_parse(r->arena, ret->marker_text, &at);
		if (!ret->marker)
			return broken(r, ret->name, "a marker that cannot be read");
	}
	for (size_t i = 0; extras && extras->kind == VALUE_ARRAY && i < extras->item_count; i++)
		*arena_push(r->arena, &ret->extras, &ret->extra_count) = extras->items[i]->text;
	return 0;
}

static int read_edges(struct reader *r, const struct value *list, const char *under, struct uv_package *package)
{
	for (size_t i = 0; list && list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		struct uv_edge *edge = arena_push(r->arena, &package->edges, &package->edge_count);

		if (read_edge(r, list->items[i], under, edge) < 0)
			return -1;
	}
	return 0;
}

/* { extra or group = [edges], ... } */
static int read_edge_table(struct reader *r, const struct value *table, struct uv_package *package)
{
	for (size_t i = 0; table && table->kind == VALUE_TABLE && i < table->entry_count; i++) {
		if (read_edges(r, table->entries[i].value, table->entries[i].key, package) < 0)
			return -1;
	}
	return 0;
}

/* The last part of an address or path, decoded. */
static const char *file_name(struct arena *a, const char *url)
{
	size_t length = strcspn(url, "?#");
	const char *slash = memrchr(url, '/', length), *begin = slash ? slash + 1 : url;
	autostrbuf struct strbuf name = {0};

	text_percent_decode(&name, begin, length - (size_t)(begin - url));
	return arena_strdup(a, strbuf_text(&name));
}

int uv_wheel_read_local(struct arena *a, const char *path, struct uv_wheel *ret, struct error *err)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	int64_t size = file_size(path);

	if (size < 0)
		return error_set(err, ERR_FAILED, "cannot read the resolver's answer: %s: a local file that is not there", path);
	if (digest_file(path, hex, err) < 0)
		return -1;
	*ret = (struct uv_wheel){.name = path_base(path),
				 .url = arena_printf(a, "file://%s", path),
				 .sha256 = arena_strdup(a, hex),
				 .size_bytes = (uint64_t)size,
				 .is_local = true};
	return 0;
}

static int read_local(struct reader *r, const char *registry, const char *path, struct uv_wheel *ret)
{
	/* A path of an index's folder is relative to it, as that is to uv.lock; each may be absolute. */
	const char *folder = *registry == '/' ? registry : path_join(r->arena, r->folder, registry);
	const char *full = *path == '/' ? path : path_join(r->arena, folder, path);

	return uv_wheel_read_local(r->arena, full, ret, r->err);
}

static int read_wheel(struct reader *r, const struct uv_package *package, const struct value *from, struct uv_wheel *ret)
{
	const char *url = value_get_text(from, "url"), *hash = value_get_text(from, "hash"), *path = value_get_text(from, "path");
	int64_t size = 0;

	if (!url && package->path)
		return read_local(r, ".", package->path, ret);
	if (!url && path)
		return read_local(r, package->registry ? package->registry : ".", path, ret);
	if (!url)
		return broken(r, package->name, "a wheel without an address");
	*ret = (struct uv_wheel){.url = url, .name = file_name(r->arena, url)};
	if (hash && text_starts_with(hash, "sha256:") && digest_is_hex(hash + 7))
		ret->sha256 = hash + 7;
	if (value_get_integer(from, "size", &size) && size > 0)
		ret->size_bytes = (uint64_t)size;
	/* What is left of an escape stands for no character that a name can hold. */
	if (!path_is_plain_name(ret->name) || strchr(ret->name, '%'))
		return broken(r, package->name, "a wheel whose name is no file name");
	return 0;
}

static int read_package(struct reader *r, const struct value *from, struct uv_package *ret)
{
	const struct value *wheels = value_get(from, "wheels");

	*ret = (struct uv_package){.name = value_get_text(from, "name"), .version = value_get_text(from, "version")};
	ret->registry = value_get_text(value_get(from, "source"), "registry");
	ret->url = value_get_text(value_get(from, "source"), "url");
	ret->path = value_get_text(value_get(from, "source"), "path");
	if (!ret->name || !ret->version)
		return broken(r, ret->name, "a package without a name or version");
	if (read_edges(r, value_get(from, "dependencies"), NULL, ret) < 0 || read_edge_table(r, value_get(from, "optional-dependencies"), ret) < 0 ||
	    read_edge_table(r, value_get(from, "dev-dependencies"), ret) < 0)
		return -1;
	for (size_t i = 0; wheels && wheels->kind == VALUE_ARRAY && i < wheels->item_count; i++) {
		struct uv_wheel *wheel = arena_push(r->arena, &ret->wheels, &ret->wheel_count);

		if (read_wheel(r, ret, wheels->items[i], wheel) < 0)
			return -1;
	}
	if (!value_get(from, "sdist"))
		return 0;
	ret->sdist = arena_new(r->arena, struct uv_wheel);
	return read_wheel(r, ret, value_get(from, "sdist"), ret->sdist);
}

static char *parent_folder(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_strndup(a, path, (size_t)(slash - path)) : arena_strdup(a, ".");
}

int uv_lock_read(struct arena *a, const char *path, struct uv_lock *ret, struct error *err)
{
	struct reader r = {.arena = a, .folder = parent_folder(a, path), .err = err};
	autodiag struct diag d = {0};
	struct value *document = toml_read(a, path, "uv.lock", UV_LOCK_LIMIT_BYTES, &d);
	const struct value *packages = value_get(document, "package");
	const char *cut_off = value_get_text(value_get(document, "options"), "exclude-newer");
	int64_t version = 0;

	*ret = (struct uv_lock){0};
	if (!document)
		return broken(&r, NULL, d.problem_count ? d.problems[0].text : "not TOML");
	if (!value_get_integer(document, "version", &version) || version != UV_LOCK_VERSION)
		return broken(&r, NULL, "its version is not the one that is known");
	if (cut_off && !clock_parse_rfc3339(cut_off, &ret->cut_off_unix))
		return broken(&r, NULL, "a cut-off that is no date");
	for (size_t i = 0; packages && packages->kind == VALUE_ARRAY && i < packages->item_count; i++) {
		struct uv_package *package = arena_push(a, &ret->packages, &ret->package_count);

		if (read_package(&r, packages->items[i], package) < 0)
			return -1;
	}
	for (size_t i = 0; i < ret->package_count; i++) {
		if (!strcmp(ret->packages[i].name, UV_PROJECT))
			ret->question = &ret->packages[i];
	}
	return ret->question ? 0 : broken(&r, NULL, "it does not hold what was asked");
}

const struct uv_package *uv_lock_target(const struct uv_lock *lock, const struct uv_edge *edge)
{
	for (size_t i = 0; i < lock->package_count; i++) {
		if (!strcmp(lock->packages[i].name, edge->name) && (!edge->version || !strcmp(lock->packages[i].version, edge->version)))
			return &lock->packages[i];
	}
	return NULL;
}
