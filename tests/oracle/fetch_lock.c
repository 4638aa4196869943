/* Fetches the files of a lock.toml as 'lockstep fetch' does, without a database: fetch_lock ROOT LOCK. Prints the counts as one line. */
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "fetch/fetch.h"
#include "io/signals.h"
#include "lock/lock_text.h"

static int fetch(const char *root, const char *path, struct diag *d, struct error *err)
{
	struct lock lock = {0};
	struct settings settings = {0};
	struct fetch_options options = {.progress = true};
	struct fetch_result r;
	int failed = lock_read(&lock, path, path, d, err) < 0 || settings_read(&settings, root, err) < 0 ||
		     fetch_lock(&lock, &settings, root, &options, &r, err) < 0;

	if (!failed)
		printf("%zu files, %zu from the store, %zu fetched, %llu of %llu bytes\n", r.files, r.from_store, r.fetched,
		       (unsigned long long)r.fetched_bytes, (unsigned long long)r.bytes);
	settings_release(&settings);
	lock_release(&lock);
	return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
	autodiag struct diag d = {0};
	autoerror struct error err = {0};

	if (argc != 3)
		return 2;
	signals_install();
	if (fetch(argv[1], argv[2], &d, &err) < 0) {
		diag_print(&d, stderr);
		fprintf(stderr, "error: %s\n", err.text);
		return 1;
	}
	return 0;
}
