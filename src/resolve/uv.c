#include "resolve/uv.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/process.h"
#include "resolve/pip.h"
#include "resolve/uv_said.h"

/* uv.lock is uv's own format and moves with it. */
static const char known_version[] = "0.13.";

/* Variables of uv's that would change what is found, or where it is written, behind our back. UV_EXCLUDE_NEWER stays: who keeps away from new uploads on this
   machine means it, and the lock says which date it was. */
static const char *const removed[] = {
	"UV_CONSTRAINT",     "UV_BUILD_CONSTRAINT", "UV_OVERRIDE",          "UV_EXCLUDE",       "UV_FORK_STRATEGY", "UV_FROZEN",      "UV_LOCKED",
	"UV_NO_SOURCES",     "UV_PRERELEASE",       "UV_PROJECT",           "UV_RESOLUTION",    "UV_UPGRADE",       "UV_WORKING_DIR", "UV_WORKING_DIRECTORY",
	"UV_INDEX_URL",      "UV_EXTRA_INDEX_URL",  "UV_DEFAULT_INDEX",     "UV_INDEX",         "UV_FIND_LINKS",    "UV_PYTHON",      "UV_NO_BUILD",
	"UV_CONFIG_FILE",    "UV_NO_CONFIG",        "UV_ISOLATED",          "UV_DRY_RUN",       "UV_NO_BINARY",     "UV_NO_INDEX",    "UV_PYTHON_PREFERENCE",
	"UV_MANAGED_PYTHON", "UV_INDEX_STRATEGY",   "UV_NO_MANAGED_PYTHON", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV",      "CONDA_PREFIX",
};

static void set_variable(struct uv *uv, size_t *count, const char *name, const char *value)
{
	*arena_push(uv->arena, &uv->environment, count) = value ? arena_printf(uv->arena, "%s=%s", name, value) : name;
}

static const char *credential_name(struct arena *a, const char *index, const char *what)
{
	autostrbuf struct strbuf name = {0};

	strbuf_add(&name, "UV_INDEX_");
	for (const char *p = index; *p; p++)
		strbuf_add_char(&name, isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_');
	strbuf_printf(&name, "_%s", what);
	return arena_strdup(a, strbuf_text(&name));
}

/* uv reads the credentials of a named index from UV_INDEX_<NAME>_USERNAME and _PASSWORD. */
static void set_credentials(struct uv *uv, size_t *count, const struct uv_index *index)
{
	const char *user = index->user, *password = index->password;

	/* The user's own variables go by uv's name for the index; we call it by its alias. */
	if (!user && index->name) {
		user = getenv(credential_name(uv->arena, index->name, "USERNAME"));
		password = getenv(credential_name(uv->arena, index->name, "PASSWORD"));
	}
	if (user)
		set_variable(uv, count, credential_name(uv->arena, index->alias, "USERNAME"), user);
	if (password)
		set_variable(uv, count, credential_name(uv->arena, index->alias, "PASSWORD"), password);
}

static void set_proxy(struct uv *uv, size_t *count, const char *proxy)
{
	static const char *const names[][2] = {{"HTTPS_PROXY", "https_proxy"}, {"HTTP_PROXY", "http_proxy"}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!getenv(names[i][0]) && !getenv(names[i][1]))
			set_variable(uv, count, names[i][0], proxy);
	}
}

static void set_hosts(struct uv *uv, size_t *count, const char *const *hosts)
{
	autostrbuf struct strbuf list = {0};

	for (; hosts && *hosts; hosts++)
		strbuf_printf(&list, "%s%s", list.length ? " " : "", *hosts);
	if (list.length)
		set_variable(uv, count, "UV_INSECURE_HOST", strbuf_text(&list));
}

static void set_find_links(struct uv *uv, size_t *count, const struct settings *settings)
{
	autostrbuf struct strbuf list = {0};

	for (size_t i = 0; i < settings->find_links_count; i++) {
		if (!uv_find_links_is_secret(settings->find_links[i]))
			continue;
		strbuf_add(&list, list.length ? "," : "");
		/* uv splits at commas. */
		for (const char *p = settings->find_links[i]; *p; p++) {
			if (*p == ',')
				strbuf_add(&list, "%2C");
			else
				strbuf_add_char(&list, *p);
		}
	}
	if (list.length)
		set_variable(uv, count, "UV_FIND_LINKS", strbuf_text(&list));
}

/* What only pip's settings say is put into uv's variables; what uv's own say it reads itself. */
static void make_environment(struct uv *uv, const struct settings *settings)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(removed); i++)
		set_variable(uv, &count, removed[i], NULL);
	set_variable(uv, &count, "UV_PYTHON_DOWNLOADS", "never");
	set_variable(uv, &count, "NO_COLOR", "1");
	if (settings->ca_file)
		set_variable(uv, &count, file_is_dir(settings->ca_file) ? "SSL_CERT_DIR" : "SSL_CERT_FILE", settings->ca_file);
	if (settings->client_cert)
		set_variable(uv, &count, "SSL_CLIENT_CERT", settings->client_cert);
	if (settings->netrc)
		set_variable(uv, &count, "NETRC", settings->netrc);
	if (settings->timeout_ms > 0)
		set_variable(uv, &count, "UV_HTTP_TIMEOUT", arena_printf(uv->arena, "%lld", (long long)(settings->timeout_ms + 999) / 1000));
	if (settings->proxy)
		set_proxy(uv, &count, settings->proxy);
	set_find_links(uv, &count, settings);
	set_hosts(uv, &count, (const char *const *)settings->trusted_hosts);
	for (size_t i = 0; i < uv->indexes.count; i++)
		set_credentials(uv, &count, &uv->indexes.items[i]);
	*arena_push(uv->arena, &uv->environment, &count) = NULL;
}

static int find_program(struct uv *uv, const char *root, struct error *err)
{
	const char *said = getenv("LOCKSTEP_UV");
	char *own = path_join(uv->arena, root, ".tools/bin/uv");

	if (said && *said) {
		if (access(said, X_OK) != 0)
			return error_errno(err, "cannot run '%s', which LOCKSTEP_UV names", said);
		uv->program = arena_strdup(uv->arena, said);
		return 0;
	}
	if (access(own, X_OK) == 0) {
		uv->program = own;
		return 0;
	}
	autofree char *found = process_find("uv");

	if (!found) {
		error_set(err, ERR_NOT_FOUND, "uv, which resolves packages, is not on this machine");
		return error_hint(err, "run tools/setup, or name it with LOCKSTEP_UV");
	}
	uv->program = arena_strdup(uv->arena, found);
	return 0;
}

static int ask_version(struct uv *uv, struct error *err)
{
	const char *argv[] = {uv->program, "--version", NULL};
	struct process_spec spec = {.argv = argv, .timeout_ms = 20000};
	autoresult struct process_result result = {0};
	const char *p;

	if (process_run_ok(&spec, &result, err) < 0)
		return -1;
	p = strbuf_text(&result.out);
	if (text_starts_with(p, "uv "))
		p += 3;
	uv->version = arena_strndup(uv->arena, p, strcspn(p, " \n"));
	if (text_starts_with(uv->version, known_version))
		return 0;
	error_set(err, ERR_FAILED, "'%s' is uv %s, whose lock files are not known to lockstep; it knows %sx", uv->program, uv->version, known_version);
	return error_hint(err, "run tools/setup, which installs the right one for this project, or name one with LOCKSTEP_UV");
}

/* uv wants some interpreter even where it only resolves; its version does not matter. */
static int find_python(struct uv *uv, struct error *err)
{
	static const char *const system_python = "/usr/bin/python3";

	if (access(system_python, X_OK) == 0) {
		uv->python = system_python;
		return 0;
	}
	autofree char *found = process_find("python3");

	if (!found)
		return error_set(err, ERR_NOT_FOUND, "no python3 on this machine; uv needs one, of any version, to resolve packages");
	uv->python = arena_strdup(uv->arena, found);
	return 0;
}

/* uv's built-in index needs no address, and has none to be told by; but it cannot be named, and is always asked last. */
static bool needs_default_address(const struct database *db, const struct settings *settings)
{
	bool named = text_equal(db->project.resolver, "pip") || db->project.index_count > 1 || settings->index_count > 1;

	for (size_t i = 0; i < db->package_count; i++)
		named = named || db->packages[i].index;
	return named && !settings->no_index && !settings_index_url(settings, "default");
}

int uv_find(struct arena *a, const struct database *db, struct settings *settings, struct diag *d, struct uv *ret, struct error *err)
{
	const char *url;

	*ret = (struct uv){.arena = a, .settings = settings, .by_pip = text_equal(db->project.resolver, "pip")};
	if (needs_default_address(db, settings) && settings_default_index(settings, db->root, &url, err) < 0)
		return -1;
	uv_indexes_collect(a, db, settings, d, &ret->indexes);
	if (d->error_count)
		return diag_failed(d, err);
	if (ret->by_pip ? pip_find(ret, db->root, err) < 0 : find_program(ret, db->root, err) < 0 || ask_version(ret, err) < 0 || find_python(ret, err) < 0)
		return -1;
	make_environment(ret, settings);
	return 0;
}

static int write_text(struct uv *uv, const char *name, const struct strbuf *text, struct error *err)
{
	autoarena struct arena scratch = {0};

	return file_write(path_join(&scratch, uv->folder, name), strbuf_text(text), text->length, err);
}

static int write_files(struct uv *uv, const struct question *q, const struct uv_wish *wish, struct error *err)
{
	autostrbuf struct strbuf project = {0}, preferences = {0};
	autoarena struct arena scratch = {0};

	if (file_remove_tree(path_join(&scratch, uv->folder, "uv.lock"), err) < 0)
		return -1;
	uv_add_pyproject(&project, q, &uv->indexes, uv->settings);
	if (write_text(uv, "pyproject.toml", &project, err) < 0)
		return -1;
	if (!wish->last || wish->upgrade_all || !uv_add_preferences(&preferences, q, wish->last, uv->cut_off_unix))
		return 0;
	return write_text(uv, "uv.lock", &preferences, err);
}

bool uv_wish_moves(const struct uv_wish *wish, const char *package)
{
	for (const char *const *p = wish->upgrade_packages; p && *p; p++) {
		if (!strcmp(*p, package))
			return true;
	}
	return false;
}

int uv_ask(struct uv *uv, const struct question *q, const struct uv_wish *wish, const char **ret_lock_path, struct uv_refusal *refusal, struct error *err)
{
	autoresult struct process_result result = {0};
	autostrbuf struct strbuf date = {0};
	const char **argv = NULL;
	size_t count = 0;

	if (write_files(uv, q, wish, err) < 0)
		return -1;
	const char *const first[] = {uv->program, "lock", "--no-progress", q->listing ? "--no-python-downloads" : "--no-build", "--python", uv->python};

	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		*arena_push(uv->arena, &argv, &count) = first[i];
	if (uv->settings->no_index)
		*arena_push(uv->arena, &argv, &count) = "--no-index";
	else if (uv->settings->offline)
		*arena_push(uv->arena, &argv, &count) = "--offline";
	if (uv->cut_off_unix) {
		clock_add_rfc3339(&date, uv->cut_off_unix);
		*arena_push(uv->arena, &argv, &count) = "--exclude-newer";
		*arena_push(uv->arena, &argv, &count) = strbuf_text(&date);
	}
	for (const char *const *name = wish->upgrade_all ? NULL : wish->upgrade_packages; name && *name; name++) {
		*arena_push(uv->arena, &argv, &count) = "--upgrade-package";
		*arena_push(uv->arena, &argv, &count) = *name;
	}
	*arena_push(uv->arena, &argv, &count) = NULL;
	struct process_spec spec = {.argv = argv, .environment = uv->environment, .folder = uv->folder, .timeout_ms = uv->timeout_ms};

	if (process_run(&spec, &result, err) < 0)
		return -1;
	if (result.exit_status == 0) {
		/* With other options than those of the run uv drops its preferences and only says so. */
		if (strstr(strbuf_text(&result.err_out), "Ignoring existing lockfile"))
			return error_set(err, ERR_FAILED, "uv %s did not take the last release as preference: %s", uv->version,
					 strstr(strbuf_text(&result.err_out), "Ignoring existing lockfile"));
		*ret_lock_path = path_join(uv->arena, uv->folder, "uv.lock");
		return 1;
	}
	return uv_said(uv, q, &result, refusal, err);
}
