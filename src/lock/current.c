#include "lock/current.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "lock/lock_text.h"
#include "lock/working.h"

static const char *const places[] = {WORKING_LOCK, "lockfiles/latest/lock.toml"};

/* The first lock there is for which `inputs` is NULL or what it was made from: 1; 0: none, *ret_found says how many there are of others. */
static int find(const struct database *db, const char *inputs, struct lock *ret, const char **ret_from, size_t *ret_found, struct diag *d, struct error *err)
{
	*ret_found = 0;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		autoarena struct arena a = {0};
		const char *path = path_join(&a, db->root, places[i]);

		if (file_size(path) < 0)
			continue;
		*ret_found += 1;
		if (lock_read(ret, path, places[i], d, err) < 0)
			return -1;
		if (!inputs || text_equal(ret->inputs, inputs)) {
			*ret_from = places[i];
			return 1;
		}
		lock_release(ret);
		*ret = (struct lock){0};
	}
	return 0;
}

static int nothing_locked(struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "nothing is locked yet; run 'lockstep lock'");
}

int lock_current(const struct database *db, struct lock *ret, const char **ret_from, struct diag *d, struct error *err)
{
	char inputs[DIGEST_HEX_LENGTH + 1];
	size_t found;

	*ret = (struct lock){0};
	database_digest(db, inputs);
	int result = find(db, inputs, ret, ret_from, &found, d, err);

	if (result)
		return result < 0 ? -1 : 0;
	if (!found)
		return nothing_locked(err);
	return error_set(err, ERR_INPUT, "recipes changed since the last lock; run 'lockstep lock'");
}

int lock_newest(const struct database *db, struct lock *ret, const char **ret_from, bool *ret_fits, struct diag *d, struct error *err)
{
	char inputs[DIGEST_HEX_LENGTH + 1];
	size_t found;

	*ret = (struct lock){0};
	database_digest(db, inputs);
	int result = find(db, inputs, ret, ret_from, &found, d, err);

	*ret_fits = result > 0;
	if (!result)
		result = find(db, NULL, ret, ret_from, &found, d, err);
	return result < 0 ? -1 : result ? 0 : nothing_locked(err);
}
