#include "cmd/fetching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "cmd/engines.h"
#include "cmd/open.h"
#include "debian/access.h"
#include "debian/archives.h"
#include "debian/image.h"
#include "fetch/store.h"
#include "resolve/resolve.h"

static bool has_all_debs(const struct lock *lock)
{
	for (size_t i = 0; i < lock->deb_count; i++) {
		if (lock_deb_has_file(&lock->debs[i]) && !store_has(lock->debs[i].sha256, (int64_t)lock->debs[i].size_bytes))
			return false;
	}
	return true;
}

/* Of the proxies that only apt was told of: archives are most often asked without encryption. */
static const char *proxy_of(const struct access *x)
{
	for (const char *const *p = x->proxies; p && *p; p++) {
		if (text_starts_with(*p, "http_proxy="))
			return *p + strlen("http_proxy=");
	}
	return NULL;
}

static int fetch_from_archives(const struct command_call *call, const struct database *db, const struct lock *lock, const struct settings *settings,
			       const struct access *x, const struct fetch_options *options, struct fetch_result *ret, struct error *err)
{
	struct engines_use use = {call, db};
	const struct image_asking asking = {.open_engine = engines_open, .open_context = &use};
	static const char *const nowhere[] = {NULL};
	struct fetch_archives archives = {.addresses = nowhere, .ca_file = x->ca_file, .proxy = proxy_of(x)};
	autoerror struct error unknown = {0};
	const char *no_image = NULL;

	/* A machine without apt has mirror folders. */
	if (archives_of_bases(call->arena, db, lock, x, &asking, &archives.addresses, &no_image, &unknown) < 0 && unknown.code != ERR_NOT_FOUND) {
		error_move(err, &unknown);
		return -1;
	}
	if (fetch_debs(lock, settings, db->root, &archives, options, ret, err) == 0)
		return 0;
	return no_image && err->code != ERR_CANCELLED ? error_hint(err, "nor are the mirrors of an image known: %s", no_image) : -1;
}

static int fetch_all_debs(const struct command_call *call, const struct database *db, const struct lock *lock, const struct settings *settings,
			  const struct fetch_options *options, struct fetch_result *ret, struct error *err)
{
	static const char *const nowhere[] = {NULL};
	const struct fetch_archives none = {.addresses = nowhere};
	const char *own = getenv("SSL_CERT_FILE");
	struct access x = {0};

	/* Nothing is asked of apt, which takes its time, where nothing is to be fetched. */
	if (has_all_debs(lock))
		return fetch_debs(lock, settings, db->root, &none, options, ret, err);
	if (access_open(call->arena, own && *own ? own : settings->ca_file, &x, err) < 0)
		return -1;
	int failed = fetch_from_archives(call, db, lock, settings, &x, options, ret, err);

	access_close(&x);
	return failed;
}

const char *fetching_missing_mirror(struct arena *a, const char **folders)
{
	while (*folders && **folders) {
		size_t length = strcspn(*folders, ":");
		const char *folder = arena_strndup(a, *folders, length);

		*folders += length + ((*folders)[length] == ':');
		if (length && !file_is_dir(folder))
			return folder;
	}
	return NULL;
}

/* One setting serves all commands, on machines too where the folder is not there today. */
static void warn_of_mirrors(struct arena *a)
{
	const char *folders = getenv("LOCKSTEP_MIRROR"), *missing;

	while ((missing = fetching_missing_mirror(a, &folders))) {
		autostrbuf struct strbuf safe = {0};

		text_escape(&safe, missing, strlen(missing), 0);
		fprintf(stderr, "warning: there is no mirror folder '%s', which LOCKSTEP_MIRROR names\n", strbuf_text(&safe));
	}
}

int fetching_run(const struct command_call *call, const struct database *db, const struct lock *lock, const struct settings *settings,
		 const struct fetch_options *options, struct fetch_result *ret, struct error *err)
{
	if (!options->from)
		warn_of_mirrors(call->arena);
	if (fetch_lock(lock, settings, db->root, options, ret, err) < 0)
		return -1;
	return lock->deb_count ? fetch_all_debs(call, db, lock, settings, options, ret, err) : 0;
}

static const char *find_in_store(void *context, const char *sha256)
{
	return store_has(sha256, -1) ? store_path(context, sha256) : NULL;
}

int fetching_check_closed(const struct lock *lock, struct error *err)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	int result = resolve_check_closure(lock, find_in_store, &a, &d, err);

	open_print_problems(&d);
	return result;
}
