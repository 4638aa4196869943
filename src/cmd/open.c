#include "cmd/open.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "fetch/projects.h"
#include "io/terminal.h"
#include "lock/current.h"
#include "release/make.h"
#include "release/release.h"

/* What was released is what was verified; edited by hand it is neither. */
int open_check_release(const struct database *db, const char *from, struct error *err)
{
	return text_starts_with(from, "lockfiles/") ? release_check_latest(db->root, err) : 0;
}

int open_lock(const struct database *db, struct lock *ret, const char **ret_from, struct error *err)
{
	autodiag struct diag d = {0};
	int failed = lock_current(db, ret, ret_from, &d, err);

	open_print_problems(&d);
	return failed ? failed : open_check_release(db, *ret_from, err);
}

void open_print_notes(const struct strbuf *notes)
{
	const char *line = strbuf_text(notes);

	while (*line) {
		size_t length = strcspn(line, "\n");
		autostrbuf struct strbuf one = {0};

		text_escape(&one, line, length, 0);
		terminal_line(strbuf_text(&one));
		line += length + (line[length] == '\n');
	}
}

int open_root(const struct command_call *call, char **ret_root, struct error *err)
{
	autostrbuf struct strbuf notes = {0};
	int result = database_find_root(call->arena, call->start_folder, ret_root, err);

	/* What a killed run had decided is finished before anybody looks. */
	if (result == 0)
		result = release_recover(*ret_root, true, &notes, err);
	open_print_notes(&notes);
	return result;
}

void open_print_problems(struct diag *d)
{
	terminal_block(NULL, 0);
	diag_print(d, stderr);
	d->problem_count = 0;
}

int open_database(const struct command_call *call, struct database *db, struct error *err)
{
	autodiag struct diag d = {0};
	char *root;

	if (open_root(call, &root, err) < 0 || database_load(db, root, &d, err) < 0)
		return -1;
	open_print_problems(&d);
	if (diag_failed(&d, err) < 0)
		return error_wrap(err, "the database cannot be used");
	return 0;
}

static int no_such_container(const struct command_call *call, const struct database *db, const char *name, struct error *err)
{
	const char **names = arena_array(call->arena, db->container_count, sizeof(*names));

	for (size_t i = 0; i < db->container_count; i++)
		names[i] = db->containers[i].name;
	error_set(err, ERR_NOT_FOUND, "there is no container '%s'", name);
	return error_hint_nearest(err, name, names, db->container_count);
}

int open_containers(const struct command_call *call, const struct database *db, const struct container ***ret, size_t *ret_count, struct error *err)
{
	const struct container **list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < call->argument_count; i++) {
		if (!database_container(db, call->arguments[i]))
			return no_such_container(call, db, call->arguments[i], err);
	}
	for (size_t i = 0; i < db->container_count; i++) {
		bool wanted = !call->argument_count;

		for (size_t j = 0; j < call->argument_count; j++)
			wanted = wanted || !strcmp(call->arguments[j], db->containers[i].name);
		if (wanted)
			*arena_push(call->arena, &list, &count) = &db->containers[i];
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

/* Where lockstep writes, nothing may lead elsewhere: whoever wrote the project is not always who runs this. */
static int check_links(const char *root, struct error *err)
{
	static const char *const written[] = {"lockfiles", "lockfiles/latest", "lockfiles/lockstep.db", "containers"};
	autoarena struct arena a = {0};

	for (size_t i = 0; i < ARRAY_LEN(written); i++) {
		const char *out = path_leads_out(&a, root, written[i]);

		if (out)
			return error_set(err, ERR_INPUT, "'%s' leads out of the project, to '%s'; lockstep writes inside the project only", written[i], out);
	}
	return file_refuse_links(path_join(&a, root, ".lockstep"), err);
}

int open_for_change(const char *root, int *ret_fd, struct error *err)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf notes = {0};
	autofd int fd = -1;

	if (check_links(root, err) < 0 || file_make_dirs(path_join(&a, root, ".lockstep"), err) < 0 ||
	    file_lock(path_join(&a, root, ".lockstep/lock"), &fd, err) < 0)
		return -1;
	projects_note(root);
	int finished = release_recover_locked(root, &notes, err);

	open_print_notes(&notes);
	if (finished < 0)
		return -1;
	if (finished)
		terminal_line("finished the release that a stopped run had begun");
	*ret_fd = file_steal_fd(&fd);
	return 0;
}
