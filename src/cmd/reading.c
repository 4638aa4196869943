#include "cmd/reading.h"

#include <stdio.h>

#include "base/text.h"
#include "cmd/open.h"
#include "lock/current.h"

int reading_check_container(const char *container, const struct release *a, const struct release *b, struct error *err)
{
	autoarena struct arena scratch = {0};
	const char **names = NULL;
	size_t count = 0;

	for (size_t side = 0; side < 2; side++) {
		const struct release *r = side ? b : a;

		for (size_t i = 0; r && i < r->lock.container_count; i++) {
			const char *name = r->lock.containers[i].name;

			if (text_equal(name, container))
				return 0;
			*arena_push(&scratch, &names, &count) = name;
		}
	}
	error_set(err, ERR_NOT_FOUND, "there is no container '%s' in %s%s%s", container, a->name, b ? " or " : "", b ? b->name : "");
	return error_hint_nearest(err, container, names, count);
}

struct report_options reading_options(const struct command_call *call)
{
	return (struct report_options){
		.format = call->format == FORMAT_JSON       ? REPORT_JSON
			  : call->format == FORMAT_MARKDOWN ? REPORT_MARKDOWN
							    : REPORT_TEXT,
		.stream = stdout,
	};
}

void reading_lock_release(struct reading_lock *r)
{
	release_free(&r->release);
	lock_release(&r->current);
	database_release(&r->db);
	*r = (struct reading_lock){0};
}

/* Recipes that are broken now are no hindrance to looking at what was locked before. */
static bool read_database(struct reading_lock *r, const char *root)
{
	autodiag struct diag ignored = {0};
	autoerror struct error why = {0};

	return database_load(&r->db, root, &ignored, &why) == 0 && !ignored.error_count;
}

static int read_release(struct reading_lock *r, const char *root, const char *name, struct error *err)
{
	char inputs[DIGEST_HEX_LENGTH + 1];

	if (release_read(&r->release, root, name, err) < 0)
		return -1;
	r->lock = &r->release.lock;
	r->from = r->release.name;
	if (!read_database(r, root))
		return 0;
	database_digest(&r->db, inputs);
	r->made = text_equal(inputs, r->lock->inputs) ? &r->db : NULL;
	return 0;
}

static int read_current(struct command_call *call, struct reading_lock *r, const char *root, struct error *err)
{
	autodiag struct diag d = {0};
	bool fits;

	if (database_load(&r->db, root, &d, err) < 0)
		return -1;
	/* Warnings are for those who check and build. */
	if (d.error_count) {
		open_print_problems(&d);
		diag_failed(&d, err);
		return error_wrap(err, "the database cannot be used");
	}
	if (lock_newest(&r->db, &r->current, &r->from, &fits, &d, err) < 0) {
		open_print_problems(&d);
		return -1;
	}
	r->lock = &r->current;
	r->made = fits ? &r->db : NULL;
	if (!fits && !call->quiet)
		fprintf(stderr, "note: recipes changed since '%s' was made, so this says what was locked then; 'lockstep lock' locks anew\n", r->from);
	return 0;
}

int reading_lock(struct command_call *call, struct reading_lock *ret, struct error *err)
{
	const char *release = command_value(call, "release");
	char *root;

	if (open_root(call, &root, err) < 0)
		return -1;
	return release ? read_release(ret, root, release, err) : read_current(call, ret, root, err);
}

const struct lock_container *reading_container(const struct reading_lock *r, const char *name, struct error *err)
{
	const struct lock_container *found = lock_container(r->lock, name);
	autoarena struct arena scratch = {0};
	const char **names = NULL;
	size_t count = 0;

	if (found)
		return found;
	for (size_t i = 0; i < r->lock->container_count; i++)
		*arena_push(&scratch, &names, &count) = r->lock->containers[i].name;
	error_set(err, ERR_NOT_FOUND, "there is no container '%s' in %s", name, r->from);
	error_hint_nearest(err, name, names, count);
	return NULL;
}
