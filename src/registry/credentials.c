#include "registry/credentials.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "io/base64.h"
#include "io/json.h"
#include "io/process.h"

enum { FILE_LIMIT_BYTES = 4 << 20, HELPER_TIMEOUT_MS = 60 * 1000, PLACES_MAX = 4 };

/* The files in which they are looked for, the first that has some wins. */
static size_t list_files(struct arena *a, const char *ret[PLACES_MAX])
{
	const char *named = getenv("REGISTRY_AUTH_FILE"), *runtime = getenv("XDG_RUNTIME_DIR"), *config = getenv("XDG_CONFIG_HOME");
	const char *docker = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	size_t count = 0;

	if (named && *named) {
		ret[count++] = named;
		return count;
	}
	if (runtime && *runtime)
		ret[count++] = arena_printf(a, "%s/containers/auth.json", runtime);
	else
		ret[count++] = arena_printf(a, "/run/containers/%u/auth.json", (unsigned)getuid());
	if (config && *config)
		ret[count++] = arena_printf(a, "%s/containers/auth.json", config);
	else if (home && *home)
		ret[count++] = arena_printf(a, "%s/.config/containers/auth.json", home);
	if (docker && *docker)
		ret[count++] = arena_printf(a, "%s/config.json", docker);
	else if (home && *home)
		ret[count++] = arena_printf(a, "%s/.docker/config.json", home);
	return count;
}

/* "host/team/name", then "host/team", then "host". */
static const struct value *longest(struct arena *a, const struct value *table, const char *registry, const char *repository)
{
	char *key = arena_printf(a, "%s/%s", registry, repository);

	for (;;) {
		const struct value *found = value_get(table, key);
		char *slash = strrchr(key, '/');

		if (found)
			return found;
		if (!slash)
			break;
		*slash = '\0';
	}
	/* What old clients of docker wrote. */
	const struct value *found = value_get(table, arena_printf(a, "https://%s", registry));

	found = found ? found : value_get(table, arena_printf(a, "https://%s/v1/", registry));
	return found ? found : value_get(table, arena_printf(a, "https://%s/v2/", registry));
}

static int read_auth(struct arena *a, const struct value *entry, const char *file, struct credentials *ret, struct error *err)
{
	const char *packed = value_get_text(entry, "auth"), *token = value_get_text(entry, "identitytoken");
	autostrbuf struct strbuf plain = {0};

	if (token && *token)
		*ret = (struct credentials){.identity_token = arena_strdup(a, token), .from = file};
	if (!packed || !*packed)
		return 0;
	const char *colon = base64_decode(packed, &plain) ? strchr(strbuf_text(&plain), ':') : NULL;

	if (!colon)
		return error_set(err, ERR_INPUT, "cannot read '%s': an 'auth' in it is not the base64 of 'user:password'; log in again", file);
	ret->user = arena_strndup(a, strbuf_text(&plain), (size_t)(colon - strbuf_text(&plain)));
	ret->password = arena_strdup(a, colon + 1);
	ret->from = file;
	return 0;
}

static bool knows_nothing(const struct process_result *r)
{
	return strstr(strbuf_text(&r->out), "credentials not found") || strstr(strbuf_text(&r->err_out), "credentials not found");
}

int credentials_read_helper(struct arena *a, const char *program, const char *text, size_t length, struct credentials *ret, struct error *err)
{
	struct value *v;

	if (json_parse(a, program, text, length, &v, err) < 0)
		return -1;
	const char *user = value_get_text(v, "Username"), *secret = value_get_text(v, "Secret");

	if (!user || !secret)
		return 0;
	*ret = (struct credentials){.from = program};
	if (!strcmp(user, "<token>"))
		ret->identity_token = secret;
	else
		ret->user = user, ret->password = secret;
	return 0;
}

/* The protocol of docker-credential-helpers: the registry on stdin, JSON on stdout. */
static int ask_helper(struct arena *a, const char *name, const char *registry, struct credentials *ret, struct error *err)
{
	const char *program = arena_printf(a, "docker-credential-%s", name);
	const struct process_spec spec = {
		.argv = (const char *const[]){program, "get", NULL}, .input = registry, .input_length = strlen(registry), .timeout_ms = HELPER_TIMEOUT_MS};
	autoresult struct process_result r = {0};

	if (!path_is_plain_name(name))
		return error_set(err, ERR_INPUT, "a credential helper is named '%s', which is no name of a program", name);
	if (process_run(&spec, &r, err) < 0)
		return error_wrap(err, "cannot ask for the credentials of '%s'", registry);
	if (r.exit_status != 0)
		return knows_nothing(&r) ? 0 : error_set(err, ERR_ENGINE, "'%s' has no credentials for '%s': it failed", program, registry);
	return credentials_read_helper(a, program, strbuf_text(&r.out), r.out.length, ret, err);
}

static int look_into(struct arena *a, const char *file, const char *registry, const char *repository, struct credentials *ret, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct value *v;

	if (file_read(file, FILE_LIMIT_BYTES, &text, err) < 0 || json_parse(a, file, strbuf_text(&text), text.length, &v, err) < 0)
		return -1;
	const char *helper = value_get_text(value_get(v, "credHelpers"), registry), *store = value_get_text(v, "credsStore");
	const struct value *entry = longest(a, value_get(v, "auths"), registry, repository);

	if (helper)
		return ask_helper(a, helper, registry, ret, err);
	if (entry && read_auth(a, entry, arena_strdup(a, file), ret, err) < 0)
		return -1;
	return store && *store && !ret->from ? ask_helper(a, store, registry, ret, err) : 0;
}

int credentials_find(struct arena *a, const char *registry, const char *repository, struct credentials *ret, struct error *err)
{
	const char *files[PLACES_MAX];
	size_t count = list_files(a, files);

	*ret = (struct credentials){0};
	for (size_t i = 0; i < count && !ret->from; i++) {
		if (file_exists(files[i]) && look_into(a, files[i], registry, repository, ret, err) < 0)
			return -1;
	}
	return 0;
}
