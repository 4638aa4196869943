#include "resolve/uv.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/process.h"
#include "resolve/uv_files.h"
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

static void set_variable(struct search *search, size_t *count, const char *name, const char *value)
{
	*arena_push(search->arena, &search->environment, count) = value ? arena_printf(search->arena, "%s=%s", name, value) : name;
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
static void set_credentials(struct search *search, size_t *count, const struct uv_index *index)
{
	const char *user = index->user, *password = index->password;

	/* The user's own variables go by uv's name for the index; we call it by its alias. */
	if (!user && index->name) {
		user = getenv(credential_name(search->arena, index->name, "USERNAME"));
		password = getenv(credential_name(search->arena, index->name, "PASSWORD"));
	}
	if (user)
		set_variable(search, count, credential_name(search->arena, index->alias, "USERNAME"), user);
	if (password)
		set_variable(search, count, credential_name(search->arena, index->alias, "PASSWORD"), password);
}

static void set_proxy(struct search *search, size_t *count, const char *proxy)
{
	static const char *const names[][2] = {{"HTTPS_PROXY", "https_proxy"}, {"HTTP_PROXY", "http_proxy"}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!getenv(names[i][0]) && !getenv(names[i][1]))
			set_variable(search, count, names[i][0], proxy);
	}
}

static void set_hosts(struct search *search, size_t *count, const char *const *hosts)
{
	autostrbuf struct strbuf list = {0};

	for (; hosts && *hosts; hosts++)
		strbuf_printf(&list, "%s%s", list.length ? " " : "", *hosts);
	if (list.length)
		set_variable(search, count, "UV_INSECURE_HOST", strbuf_text(&list));
}

static void set_find_links(struct search *search, size_t *count, const struct settings *settings)
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
		set_variable(search, count, "UV_FIND_LINKS", strbuf_text(&list));
}

/* What only pip's settings say is put into uv's variables; what uv's own say it reads itself. */
static void make_environment(struct search *search, const struct settings *settings)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(removed); i++)
		set_variable(search, &count, removed[i], NULL);
	set_variable(search, &count, "UV_PYTHON_DOWNLOADS", "never");
	set_variable(search, &count, "NO_COLOR", "1");
	if (settings->ca_file)
		set_variable(search, &count, file_is_dir(settings->ca_file) ? "SSL_CERT_DIR" : "SSL_CERT_FILE", settings->ca_file);
	if (settings->client_cert)
		set_variable(search, &count, "SSL_CLIENT_CERT", settings->client_cert);
	if (settings->netrc)
		set_variable(search, &count, "NETRC", settings->netrc);
	if (settings->timeout_ms > 0)
		set_variable(search, &count, "UV_HTTP_TIMEOUT", arena_printf(search->arena, "%lld", (long long)(settings->timeout_ms + 999) / 1000));
	if (settings->proxy)
		set_proxy(search, &count, settings->proxy);
	set_find_links(search, &count, settings);
	set_hosts(search, &count, (const char *const *)settings->trusted_hosts);
	for (size_t i = 0; i < search->indexes.count; i++)
		set_credentials(search, &count, &search->indexes.items[i]);
	*arena_push(search->arena, &search->environment, &count) = NULL;
}

static int find_program(struct search *search, const char *root, struct error *err)
{
	const char *said = getenv("LOCKSTEP_UV");
	const char *own = process_find_set_up(search->arena, root, "bin/uv");

	if (said && *said) {
		if (access(said, X_OK) != 0)
			return error_errno(err, "cannot run '%s', which LOCKSTEP_UV names", said);
		search->program = arena_strdup(search->arena, said);
		return 0;
	}
	if (own) {
		search->program = own;
		return 0;
	}
	autofree char *found = process_find("uv");

	if (!found) {
		error_set(err, ERR_NOT_FOUND, "uv, which resolves packages, is not on this machine");
		return error_hint(err, "run tools/setup in lockstep's own folder, or name it with LOCKSTEP_UV");
	}
	search->program = arena_strdup(search->arena, found);
	return 0;
}

static int ask_version(struct search *search, struct error *err)
{
	const char *argv[] = {search->program, "--version", NULL};
	struct process_spec spec = {.argv = argv, .timeout_ms = 20000};
	autoresult struct process_result result = {0};
	const char *p;

	if (process_run_ok(&spec, &result, err) < 0)
		return -1;
	p = strbuf_text(&result.out);
	if (text_starts_with(p, "uv "))
		p += 3;
	search->version = arena_strndup(search->arena, p, strcspn(p, " \n"));
	if (text_starts_with(search->version, known_version))
		return 0;
	error_set(err, ERR_FAILED, "'%s' is uv %s, whose lock files are not known to lockstep; it knows %sx", search->program, search->version, known_version);
	return error_hint(err, "run tools/setup in lockstep's own folder, which installs the right one, or name one with LOCKSTEP_UV");
}

/* uv wants some interpreter even where it only resolves; its version does not matter. */
static int find_python(struct search *search, struct error *err)
{
	static const char *const system_python = "/usr/bin/python3";

	if (access(system_python, X_OK) == 0) {
		search->python = system_python;
		return 0;
	}
	autofree char *found = process_find("python3");

	if (!found)
		return error_set(err, ERR_NOT_FOUND, "no python3 on this machine; uv needs one, of any version, to resolve packages");
	search->python = arena_strdup(search->arena, found);
	return 0;
}

static int find(struct search *search, const char *root, struct error *err)
{
	if (find_program(search, root, err) < 0 || ask_version(search, err) < 0 || find_python(search, err) < 0)
		return -1;
	make_environment(search, search->settings);
	return 0;
}

static int call(struct search *search, const struct question *q, const struct search_wish *wish, struct search_call *ret, struct error *err)
{
	const char *const first[] = {search->program, "lock", "--no-progress", q->listing ? "--no-python-downloads" : "--no-build", "--python", search->python};
	size_t count = 0;

	(void)err;
	ret->files[0].name = "pyproject.toml";
	uv_add_pyproject(&ret->files[0].text, q, &search->indexes, search->settings);
	ret->files[1].name = "uv.lock";
	if (wish->last && !wish->upgrade_all && !uv_add_preferences(&ret->files[1].text, q, wish->last, search->cut_off_unix))
		strbuf_clear(&ret->files[1].text);
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		*arena_push(search->arena, &ret->argv, &count) = first[i];
	if (search->settings->no_index)
		*arena_push(search->arena, &ret->argv, &count) = "--no-index";
	else if (search->settings->offline)
		*arena_push(search->arena, &ret->argv, &count) = "--offline";
	if (search->cut_off_unix) {
		autostrbuf struct strbuf date = {0};

		clock_add_rfc3339(&date, search->cut_off_unix);
		*arena_push(search->arena, &ret->argv, &count) = "--exclude-newer";
		*arena_push(search->arena, &ret->argv, &count) = arena_strdup(search->arena, strbuf_text(&date));
	}
	for (const char *const *name = wish->upgrade_all ? NULL : wish->upgrade_packages; name && *name; name++) {
		*arena_push(search->arena, &ret->argv, &count) = "--upgrade-package";
		*arena_push(search->arena, &ret->argv, &count) = *name;
	}
	*arena_push(search->arena, &ret->argv, &count) = NULL;
	return 0;
}

static int read_answer(struct search *search, const struct question *q, const char *folder, const struct process_result *result, struct uv_lock *ret,
		       struct search_refusal *refusal, struct error *err)
{
	const char *ignoring = strstr(strbuf_text(&result->err_out), "Ignoring existing lockfile");

	if (result->exit_status != 0)
		return uv_said(search, q, result, refusal, err);
	/* With other options than those of the run uv drops its preferences and only says so. */
	if (ignoring)
		return error_set(err, ERR_FAILED, "uv %s did not take the last release as preference: %s", search->version, ignoring);
	return uv_lock_read(search->arena, path_join(search->arena, folder, "uv.lock"), ret, err) < 0 ? -1 : 1;
}

const struct searcher searcher_uv = {
	.name = "uv",
	.missing_hint = "set LOCKSTEP_UV to a uv of the version lockstep knows; 'tools/setup run' in lockstep's own folder installs it",
	.takes_prereleases = true,
	.lists_sources = true,
	.find = find,
	.call = call,
	.read = read_answer,
};
