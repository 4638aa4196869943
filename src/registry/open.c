#include "registry/open.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "python/settings.h"
#include "recipe/database.h"
#include "recipe/word.h"

static int read_variable(struct arena *a, const char ***hosts, size_t *count, struct error *err)
{
	static const char between[] = " ,\t\n";
	const char *at = getenv("LOCKSTEP_PLAIN_HTTP");

	for (at = at ? at : ""; *(at += strspn(at, between));) {
		size_t length = strcspn(at, between);
		const char *host = arena_strndup(a, at, length);

		if (!word_host.holds(host))
			return error_set(err, ERR_INPUT, "LOCKSTEP_PLAIN_HTTP names '%s', which is no registry: %s", host, word_host.rule);
		*arena_push(a, hosts, count) = host;
		at += length;
	}
	return 0;
}

struct registries *registries_open(const struct database *db, struct error *err)
{
	autoarena struct arena a = {0};
	const char **hosts = NULL;
	size_t count = 0;
	struct settings settings = {0};
	struct registries *r = NULL;

	for (size_t i = 0; i < db->project.plain_http_count; i++)
		*arena_push(&a, &hosts, &count) = db->project.plain_http[i];
	if (read_variable(&a, &hosts, &count, err) < 0)
		return NULL;
	*arena_push(&a, &hosts, &count) = NULL;
	if (settings_read(&settings, db->root, err) == 0)
		r = registries_new(&(struct registry_settings){.plain_http = hosts, .ca_file = settings.ca_file}, err);
	settings_release(&settings);
	return r;
}

bool registries_is_plain(const struct database *db, const char *host)
{
	autoarena struct arena a = {0};
	autoerror struct error ignored = {0};
	const char **hosts = NULL;
	size_t count = 0;

	for (size_t i = 0; i < db->project.plain_http_count; i++)
		*arena_push(&a, &hosts, &count) = db->project.plain_http[i];
	if (read_variable(&a, &hosts, &count, &ignored) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(hosts[i], host))
			return true;
	}
	return false;
}
