#include "python/sdist.h"

#include <ctype.h>
#include <string.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/tarball.h"
#include "io/toml.h"
#include "python/name.h"
#include "python/requirement.h"
#include "python/version.h"
#include "python/wheel.h"

struct reader {
	struct arena *arena;
	const char *path, *shown, *subdirectory, *name, *version;
	struct strbuf pkg_info, pyproject; /* of the project's folder */
	bool has_pkg_info, has_pyproject, has_setup;
	struct sdist *ret;
	struct error *err;
};

bool sdist_is_of(struct arena *a, const char *file_name, const char *name, const char *version)
{
	size_t length = strlen(file_name), end = text_ends_with(file_name, ".tar.gz")                                     ? length - 7
						 : text_ends_with(file_name, ".zip") || text_ends_with(file_name, ".tar") ? length - 4
															  : 0;

	for (size_t i = 1; i < end; i++) {
		if (file_name[i] != '-')
			continue;
		const struct version *v = version_parse(a, arena_strndup(a, file_name + i + 1, end - i - 1));

		if (v && !strcmp(version_normal(a, v), version) && !strcmp(name_canonical(a, arena_strndup(a, file_name, i)), name))
			return true;
	}
	return false;
}

/* ---- the archive ---- */

/* What stands behind the project's folder in a member's name, or NULL. */
static const char *in_project(const struct reader *r, const char *name)
{
	const char *slash = strchr(name, '/');
	size_t length = r->subdirectory ? strlen(r->subdirectory) : 0;

	if (!slash)
		return NULL;
	if (!length)
		return slash + 1;
	return !strncmp(slash + 1, r->subdirectory, length) && slash[1 + length] == '/' ? slash + length + 2 : NULL;
}

static bool wants(void *context, const char *name)
{
	struct reader *r = context;
	const char *inner = in_project(r, name);

	if (!inner)
		return false;
	r->has_setup |= !strcmp(inner, "setup.py") || !strcmp(inner, "setup.cfg");
	return !strcmp(inner, "PKG-INFO") || !strcmp(inner, "pyproject.toml");
}

static void on_text(void *context, const char *name, const char *text, size_t length)
{
	struct reader *r = context;
	bool is_pkg_info = text_ends_with(name, "/PKG-INFO");
	struct strbuf *into = is_pkg_info ? &r->pkg_info : &r->pyproject;

	/* One that is there twice is what stands on disk at the end: the last. */
	strbuf_clear(into);
	strbuf_add_bytes(into, text, length);
	if (is_pkg_info)
		r->has_pkg_info = true;
	else
		r->has_pyproject = true;
}

/* ---- what it says ---- */

static int lies(struct reader *r, const char *file, const char *what, const char *said, const char *wanted)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, said, strlen(said), 0);
	return error_set(r->err, ERR_INPUT, "'%s' is said to be of %s '%s', but its %s says '%s'", r->shown, what, wanted, file, strbuf_text(&safe));
}

static int check_identity(struct reader *r, const char *file, const char *name, const char *version)
{
	struct version *v = version ? version_parse(r->arena, version) : NULL;

	if (name && r->name && strcmp(name_canonical(r->arena, name), r->name) != 0)
		return lies(r, file, "package", name, r->name);
	if (version && !v)
		return error_set(r->err, ERR_INPUT, "'%s' has a version in its %s that is none", r->shown, file);
	if (v && r->version && version_compare_texts(version, r->version) != 0)
		return lies(r, file, "version", version, r->version);
	if (name)
		r->ret->name = name_canonical(r->arena, name);
	if (v && !r->version)
		r->ret->version = version_normal(r->arena, v);
	return 0;
}

/* "2.2" and later (PEP 643). */
static bool tells_dynamic(const struct wheel_metadata *m)
{
	return m->metadata_version && version_compare_texts(m->metadata_version, "2.2") >= 0;
}

static bool is_dynamic(const struct wheel_metadata *m, const char *const *fields)
{
	for (size_t i = 0; i < m->dynamic_count; i++) {
		for (const char *const *field = fields; *field; field++) {
			if (!strcasecmp(m->dynamic[i], *field))
				return true;
		}
	}
	return false;
}

static int read_pkg_info(struct reader *r)
{
	static const char *const fields[] = {"name", "version", "requires-dist", "requires-python", "provides-extra", NULL};
	struct wheel_metadata m;

	if (wheel_metadata_parse(r->arena, strbuf_text(&r->pkg_info), r->pkg_info.length, &m, r->err) < 0)
		return error_wrap(r->err, "cannot read PKG-INFO of '%s'", r->shown);
	if (check_identity(r, "PKG-INFO", m.name, m.version) < 0)
		return -1;
	if (!tells_dynamic(&m) || is_dynamic(&m, fields))
		return 0;
	r->ret->metadata = arena_strndup(r->arena, strbuf_text(&r->pkg_info), r->pkg_info.length);
	r->ret->metadata_length = r->pkg_info.length;
	return 0;
}

static bool list_has(const struct value *list, const char *text)
{
	for (size_t i = 0; list && list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		if (list->items[i]->kind == VALUE_TEXT && !strcmp(list->items[i]->text, text))
			return true;
	}
	return false;
}

static bool is_line(const struct value *v)
{
	if (!v || v->kind != VALUE_TEXT || strlen(v->text) != v->text_length)
		return false;
	return !strpbrk(v->text, "\r\n");
}

/* "Requires-Dist: name[extras]>=1 ; (marker) and extra == 'x'" */
static bool add_requirement(struct reader *r, struct strbuf *out, const struct value *v, const char *extra)
{
	size_t at;
	const char *why;
	struct requirement *q = is_line(v) ? requirement_parse(r->arena, v->text, &at, &why) : NULL;

	if (!q)
		return false;
	strbuf_printf(out, "Requires-Dist: %s", q->name);
	for (size_t i = 0; i < q->extra_count; i++)
		strbuf_printf(out, "%s%s%s", i ? "," : "[", q->extras[i], i + 1 < q->extra_count ? "" : "]");
	if (q->url)
		strbuf_printf(out, " @ %s", q->url);
	else
		strbuf_add(out, q->specifier);
	if (q->marker_text || extra)
		strbuf_add(out, " ; ");
	if (q->marker_text)
		strbuf_printf(out, extra ? "(%s) and " : "%s", q->marker_text);
	if (extra)
		strbuf_printf(out, "extra == '%s'", extra);
	strbuf_add_char(out, '\n');
	return true;
}

/* False when something is not of the form that PEP 621 gives it: its build has the say then. */
static bool add_requirements(struct reader *r, struct strbuf *out, const struct value *project)
{
	const struct value *list = value_get(project, "dependencies"), *extras = value_get(project, "optional-dependencies");

	if ((list && list->kind != VALUE_ARRAY) || (extras && extras->kind != VALUE_TABLE))
		return false;
	for (size_t i = 0; list && i < list->item_count; i++) {
		if (!add_requirement(r, out, list->items[i], NULL))
			return false;
	}
	for (size_t i = 0; extras && i < extras->entry_count; i++) {
		const struct value *of_extra = extras->entries[i].value;

		if (!name_is_valid(extras->entries[i].key) || of_extra->kind != VALUE_ARRAY)
			return false;
		const char *extra = name_canonical(r->arena, extras->entries[i].key);

		strbuf_printf(out, "Provides-Extra: %s\n", extra);
		for (size_t j = 0; j < of_extra->item_count; j++) {
			if (!add_requirement(r, out, of_extra->items[j], extra))
				return false;
		}
	}
	return true;
}

static int read_project(struct reader *r, const struct value *project)
{
	static const char *const decisive[] = {"dependencies", "optional-dependencies", "requires-python"};
	const struct value *name = value_get(project, "name"), *version = value_get(project, "version"), *python = value_get(project, "requires-python");
	const struct value *dynamic = value_get(project, "dynamic");
	autostrbuf struct strbuf text = {0};

	if (!is_line(name) || !name_is_valid(name->text) || (version && !is_line(version)) || (python && !is_line(python)))
		return 0;
	if (check_identity(r, "pyproject.toml", name->text, version ? version->text : NULL) < 0)
		return -1;
	const char *known = version ? r->ret->version : r->version;

	for (size_t i = 0; i < sizeof(decisive) / sizeof(*decisive); i++) {
		if (list_has(dynamic, decisive[i]))
			return 0;
	}
	if (!known || r->ret->metadata)
		return 0;
	strbuf_printf(&text, "Metadata-Version: 2.2\nName: %s\nVersion: %s\n", name->text, known);
	if (python)
		strbuf_printf(&text, "Requires-Python: %s\n", python->text);
	if (!add_requirements(r, &text, project))
		return 0;
	r->ret->version = known;
	r->ret->metadata = arena_strdup(r->arena, strbuf_text(&text));
	r->ret->metadata_length = text.length;
	return 0;
}

static bool is_backend(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_.:", *p))
			return false;
	}
	return *text;
}

static int read_backend(struct reader *r, const struct value *build)
{
	const struct value *backend = value_get(build, "build-backend"), *path = value_get(build, "backend-path");

	if (backend && (!is_line(backend) || !is_backend(backend->text)))
		return error_set(r->err, ERR_INPUT, "'%s' cannot be built: its pyproject.toml names a build backend that is none", r->shown);
	if (backend)
		r->ret->build_backend = arena_strdup(r->arena, backend->text);
	for (size_t i = 0; path && path->kind == VALUE_ARRAY && i < path->item_count; i++) {
		if (!is_line(path->items[i]) || (strcmp(path->items[i]->text, ".") != 0 && !path_stays_inside(path->items[i]->text)))
			return error_set(r->err, ERR_INPUT, "'%s' cannot be built: its 'backend-path' leads out of it", r->shown);
		*arena_push(r->arena, &r->ret->backend_path, &r->ret->backend_path_count) = arena_strdup(r->arena, path->items[i]->text);
	}
	return 0;
}

static int read_build_system(struct reader *r, const struct value *build)
{
	const struct value *list = value_get(build, "requires");

	if (!build)
		return 0;
	if (read_backend(r, build) < 0)
		return -1;
	if (!list || list->kind != VALUE_ARRAY)
		return error_set(r->err, ERR_INPUT, "'%s' cannot be built: its pyproject.toml has [build-system] without a list 'requires' (PEP 518)",
				 r->shown);
	r->ret->build_require_count = 0;
	for (size_t i = 0; i < list->item_count; i++) {
		size_t at;
		const char *why = "no text";

		if (!is_line(list->items[i]) || !requirement_parse(r->arena, list->items[i]->text, &at, &why))
			return error_set(r->err, ERR_INPUT, "'%s' cannot be built: [build-system] of its pyproject.toml requires what is no requirement: %s",
					 r->shown, why);
		*arena_push(r->arena, &r->ret->build_requires, &r->ret->build_require_count) = arena_strdup(r->arena, list->items[i]->text);
	}
	return 0;
}

static int read_pyproject(struct reader *r)
{
	autodiag struct diag d = {0};
	const struct value *document = toml_parse(r->arena, "pyproject.toml", strbuf_text(&r->pyproject), r->pyproject.length, &d);

	if (!document)
		return error_set(r->err, ERR_INPUT, "'%s' cannot be built: its pyproject.toml is not TOML (line %u: %s)", r->shown,
				 d.problem_count ? d.problems[0].pos.line : 0, d.problem_count ? d.problems[0].text : "");
	if (read_build_system(r, value_get(document, "build-system")) < 0)
		return -1;
	return read_project(r, value_get(document, "project"));
}

static int read_all(struct reader *r)
{
	const struct tarball_look look = {.name = r->shown, .wants = wants, .on_text = on_text, .context = r};
	struct sdist *s = r->ret;

	if (tarball_look_through(r->path, &look, r->err) < 0)
		return -1;
	if (!r->has_pyproject && !r->has_setup)
		return error_set(r->err, ERR_INPUT, "'%s' cannot be built: it has neither pyproject.toml nor setup.py%s%s", r->shown,
				 r->subdirectory ? " in " : "", r->subdirectory ? r->subdirectory : "");
	/* PEP 517, "Source trees": without a build system it is setuptools, as it was before. */
	s->build_backend = "setuptools.build_meta:__legacy__";
	*arena_push(r->arena, &s->build_requires, &s->build_require_count) = "setuptools>=40.8.0";
	*arena_push(r->arena, &s->build_requires, &s->build_require_count) = "wheel";
	/* A tree of git has no PKG-INFO that was made for it. */
	if (r->has_pkg_info && r->version && read_pkg_info(r) < 0)
		return -1;
	return r->has_pyproject ? read_pyproject(r) : 0;
}

int sdist_read(struct arena *a, const char *path, const char *file_name, const char *subdirectory, const char *name, const char *version, struct sdist *ret,
	       struct error *err)
{
	struct sdist s = {.name = name, .version = version};
	struct reader r = {.arena = a,
			   .path = path,
			   .shown = file_name ? file_name : path_base(path),
			   .subdirectory = subdirectory,
			   .name = name,
			   .version = version,
			   .ret = &s,
			   .err = err};
	int result = read_all(&r);

	strbuf_release(&r.pkg_info);
	strbuf_release(&r.pyproject);
	if (result == 0)
		*ret = s;
	return result;
}
