/* "from:" of a package: a commit of a git repository, a file at an address with its hash, or a file or a folder of the project. */
#include "recipe/constraint.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/workplace.h"
#include "io/folder_archive.h"
#include "io/tarball.h"
#include "python/sdist_name.h"
#include "python/wheel.h"
#include "recipe/load.h"

struct reference_fields {
	const struct value *git, *commit, *subdirectory, *url, *sha256, *path;
};

static const struct schema_row reference_rows[] = {
	{.key = "git", SCHEMA_VALUE, 0, offsetof(struct reference_fields, git), .description = "the address of a git repository: https, http, ssh or file"},
	{.key = "commit", SCHEMA_VALUE, 0, offsetof(struct reference_fields, commit), .description = "which commit of it: all 40 hex digits"},
	{.key = "subdirectory", SCHEMA_VALUE, 0, offsetof(struct reference_fields, subdirectory), .description = "where in the repository the package lies"},
	{.key = "url", SCHEMA_VALUE, 0, offsetof(struct reference_fields, url), .description = "the address of a wheel or an sdist"},
	{.key = "sha256", SCHEMA_VALUE, 0, offsetof(struct reference_fields, sha256), .description = "the SHA-256 of the file at that address"},
	{.key = "path", SCHEMA_VALUE, 0, offsetof(struct reference_fields, path), .description = "a wheel, an sdist or a folder of sources in the project"},
	{.key = NULL},
};

/* An address without a user and password, or NULL. */
static const char *read_address(struct reader *r, const struct value *v, const char *what, const struct word_form *form)
{
	const char *text = schema_line(r, v, what, NULL), *scheme = text ? strstr(text, "://") : NULL;

	if (scheme && memchr(scheme + 3, '@', strcspn(scheme + 3, "/?#"))) {
		diag_error(r->diag, v->pos, "%s holds a user or a password", what);
		diag_hint(r->diag, "what is committed is read by many: they belong into netrc, where git, pip, uv and lockstep find them");
		return NULL;
	}
	return text ? schema_line(r, v, what, form) : NULL;
}

/* Besides those of files: ssh, whose user is no secret, and a repository of this machine. */
static bool is_git_only(const char *text)
{
	const char *host = text_starts_with(text, "ssh://") ? text + strlen("ssh://") : NULL;
	const char *at = host ? memchr(host, '@', strcspn(host, "/")) : NULL;

	if (!host && !text_starts_with(text, "file:///"))
		return false;
	if (host && (!*host || *host == '-' || *host == '/' || (at && memchr(host, ':', (size_t)(at - host)))))
		return false;
	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	}
	return true;
}

static void read_git(struct reader *r, const struct reference_fields *fields, struct reference *ref)
{
	const char *text = schema_line(r, fields->git, "'git'", NULL);

	ref->url = text && is_git_only(text) ? text : read_address(r, fields->git, "'git'", &word_git_url);
	if (ref->url && strchr(ref->url, '#')) {
		diag_error(r->diag, fields->git->pos, "'git' is the address of a repository and nothing more; '#' begins something else");
		diag_hint(r->diag, "a folder in it is named by 'subdirectory'");
	}
	if (!fields->commit) {
		diag_error(r->diag, fields->git->pos, "missing 'commit'");
		diag_hint(r->diag, "a branch or a tag can come to mean other code; commit: the 40 hex digits that 'git rev-parse' prints");
	} else {
		ref->commit = schema_line(r, fields->commit, "'commit'", &word_commit);
	}
	if (fields->subdirectory)
		ref->subdirectory = schema_line(r, fields->subdirectory, "'subdirectory'", &word_inner_path);
}

/* What the file's name says: whose it is, and its version. */
static void read_file_name(struct reader *r, const struct package *p, struct pos at, struct reference *ref)
{
	bool is_wheel = text_ends_with(ref->file_name, ".whl");
	struct wheel_name wheel;
	struct sdist_name sdist;

	if (is_wheel ? !wheel_name_parse(r->arena, ref->file_name, &wheel) : !sdist_name_parse(r->arena, ref->file_name, &sdist)) {
		diag_error(r->diag, at, "'%s' is no file name of a wheel or an sdist", ref->file_name);
		diag_hint(r->diag, "as %s-1.0-py3-none-any.whl or %s-1.0.tar.gz", p->canonical, p->canonical);
		return;
	}
	const char *name = is_wheel ? wheel.name : sdist.name;

	ref->version = is_wheel ? wheel.version : sdist.version;
	if (strcmp(name, p->canonical) != 0)
		diag_error(r->diag, at, "'%s' is %s of '%s', not of '%s'", ref->file_name, is_wheel ? "a wheel" : "an sdist", name, p->name);
}

static void read_url(struct reader *r, const struct reference_fields *fields, const struct package *p, struct reference *ref)
{
	ref->url = read_address(r, fields->url, "'url'", &word_url);
	if (fields->sha256) {
		ref->sha256 = schema_line(r, fields->sha256, "'sha256'", &word_sha256);
	} else {
		diag_error(r->diag, fields->url->pos, "missing 'sha256'");
		diag_hint(r->diag, "what lies at an address can be replaced; sha256: the 64 hex digits that 'sha256sum' prints");
	}
	if (!ref->url)
		return;
	if (strchr(ref->url, '#')) {
		diag_error(r->diag, fields->url->pos, "'url' holds a '#'; what stands behind it is no part of an address");
		diag_hint(r->diag, "the hash of the file belongs into 'sha256'");
		return;
	}
	autostrbuf struct strbuf name = {0};
	size_t length = strcspn(ref->url, "?");
	const char *slash = memrchr(ref->url, '/', length);

	text_percent_decode(&name, arena_strndup(r->arena, slash + 1, length - (size_t)(slash + 1 - ref->url)), length - (size_t)(slash + 1 - ref->url));
	ref->file_name = arena_strdup(r->arena, strbuf_text(&name));
	read_file_name(r, p, fields->url->pos, ref);
}

/* Links of it that lead out are found when it is looked through, as in every archive. */
static int archive_folder(struct reader *r, const char *whole, const char *name, const char *temporary, struct reference *ref, struct error *err)
{
	const char *archive = path_join(r->arena, temporary, "folder.tar");
	const struct tarball_look look = {.name = whole};
	char hex[DIGEST_HEX_LENGTH + 1];

	if (folder_archive(whole, name, archive, err) < 0 || tarball_look_through(archive, &look, err) < 0 || digest_file(archive, hex, err) < 0)
		return -1;
	ref->sha256 = arena_strdup(r->arena, hex);
	ref->size_bytes = (uint64_t)file_size(archive);
	ref->file_name = arena_printf(r->arena, "%s.tar", name);
	return 0;
}

static void read_folder(struct reader *r, struct pos at, const char *path, const char *whole, const struct package *p, struct reference *ref)
{
	autoerror struct error err = {0};
	const char *temporary = NULL;

	if (!file_exists(path_join(r->arena, whole, "pyproject.toml")) && !file_exists(path_join(r->arena, whole, "setup.py"))) {
		diag_error(r->diag, at, "'%s' is a folder with neither pyproject.toml nor setup.py", path);
		diag_hint(r->diag, "what can be locked is a wheel, an sdist, or a folder of sources");
		return;
	}
	int failed = workplace_make(r->arena, workplace_temporary(), 0700, &temporary, &err);

	if (!failed)
		failed = archive_folder(r, whole, p->canonical, temporary, ref, &err);
	workplace_drop(temporary);
	if (failed)
		diag_error(r->diag, at, "%s", err.text);
	else
		ref->path = path;
}

static void read_path(struct reader *r, const struct value *v, const struct package *p, struct reference *ref)
{
	autoerror struct error err = {0};
	const char *path = schema_line(r, v, "'path'", &word_inner_path), *whole, *out;
	char hex[DIGEST_HEX_LENGTH + 1];

	if (!path)
		return;
	whole = path_join(r->arena, r->db->root, path);
	if (!file_exists(whole)) {
		diag_error(r->diag, v->pos, "the project has no file '%s'", path);
		return;
	}
	out = path_leads_out(r->arena, r->db->root, path);
	if (out) {
		diag_error(r->diag, v->pos, "'%s' leads out of the project, to '%s'", path, out);
		diag_hint(r->diag, "put a copy of what is meant in its place");
		return;
	}
	if (file_is_dir(whole)) {
		read_folder(r, v->pos, path, whole, p, ref);
		return;
	}
	if (file_size(whole) < 0) {
		diag_error(r->diag, v->pos, "'%s' is no regular file", path);
		diag_hint(r->diag, "what can be locked is a wheel, an sdist, or a folder of sources");
		return;
	}
	if (digest_file(whole, hex, &err) < 0) {
		diag_error(r->diag, v->pos, "%s", err.text);
		return;
	}
	ref->path = path;
	ref->sha256 = arena_strdup(r->arena, hex);
	ref->file_name = path_base(path);
	read_file_name(r, p, v->pos, ref);
}

/* Keys that belong to another kind of reference than the one that is there. */
static void check_strangers(struct reader *r, const struct reference_fields *fields)
{
	if (fields->commit && !fields->git)
		diag_error(r->diag, fields->commit->pos, "'commit' belongs to 'git', which is not there");
	if (fields->subdirectory && !fields->git)
		diag_error(r->diag, fields->subdirectory->pos, "'subdirectory' belongs to 'git', which is not there");
	if (fields->sha256 && !fields->url)
		diag_error(r->diag, fields->sha256->pos, "'sha256' belongs to 'url', which is not there");
}

void reference_read(struct reader *r, const struct value *v, struct package *p)
{
	struct reference_fields fields = {0};
	struct reference *ref;
	size_t errors = r->diag->error_count;

	/* A misspelt key is not also said to be missing. */
	if (!schema_read(r, v, "'from'", v->pos, reference_rows, &fields) || r->diag->error_count > errors)
		return;
	if (!!fields.git + !!fields.url + !!fields.path != 1) {
		diag_error(r->diag, v->pos, "'from' needs one of 'git', 'url' and 'path'%s", fields.git || fields.url || fields.path ? ", and has more" : "");
		return;
	}
	check_strangers(r, &fields);
	ref = p->reference = arena_new(r->arena, struct reference);
	ref->pos = v->pos;
	ref->kind = fields.git ? REFERENCE_GIT : fields.url ? REFERENCE_URL : REFERENCE_PATH;
	if (fields.git)
		read_git(r, &fields, ref);
	else if (fields.url)
		read_url(r, &fields, p, ref);
	else
		read_path(r, fields.path, p, ref);
}
