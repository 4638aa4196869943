#include "lock/current.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "lock/lock_text.h"
#include "lock/working.h"

static const char *const places[] = {WORKING_LOCK, "lockfiles/latest/lock.toml"};

int lock_current(const struct database *db, struct lock *ret, const char **ret_from, struct diag *d, struct error *err)
{
	char inputs[DIGEST_HEX_LENGTH + 1];
	size_t found = 0;

	*ret = (struct lock){0};
	database_digest(db, inputs);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		autoarena struct arena a = {0};
		const char *path = path_join(&a, db->root, places[i]);

		if (file_size(path) < 0)
			continue;
		found++;
		if (lock_read(ret, path, places[i], d, err) < 0)
			return -1;
		if (text_equal(ret->inputs, inputs)) {
			*ret_from = places[i];
			return 0;
		}
		lock_release(ret);
		*ret = (struct lock){0};
	}
	if (!found)
		return error_set(err, ERR_NOT_FOUND, "nothing is locked yet; run 'lockstep lock'");
	return error_set(err, ERR_INPUT, "recipes changed since the last lock; run 'lockstep lock'");
}
