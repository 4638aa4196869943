/* What need not be transferred, as it lies in folders of this machine; and where Debian packages are asked for. */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/workplace.h"
#include "fetch/git.h"
#include "fetch/mirror_layout.h"
#include "fetch/work.h"
#include "io/folder_archive.h"

static void count_found(struct job *j)
{
	struct work *w = j->work;

	j->state = JOB_DONE;
	j->reported = j->file->size_bytes;
	w->finished++;
	w->done_bytes += j->file->size_bytes;
	w->fetched_bytes += j->file->size_bytes;
}

/* One of this name with other bytes is some other build of it: not ours, and no error. */
static void try_file(struct job *j, const char *path)
{
	struct work *w = j->work;
	autoerror struct error err = {0};

	if (j->state != JOB_READY || error_is_set(&w->fatal) || file_size(path) != (int64_t)j->file->size_bytes)
		return;
	if (store_add_file(path, j->file->sha256, &err) == 0)
		count_found(j);
	else if (err.code == ERR_CANCELLED || err.code == ERR_IO)
		error_move(&w->fatal, &err);
}

static const char *without_scheme(const char *folder)
{
	static const char *const schemes[] = {"file://", "file:", "copy:"};

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		if (text_starts_with(folder, schemes[i]))
			return folder + strlen(schemes[i]);
	}
	return folder;
}

const char *find_folder_of(struct arena *a, const char *address)
{
	const char *path = without_scheme(address);
	autostrbuf struct strbuf decoded = {0};

	if (path == address)
		return address;
	text_percent_decode(&decoded, path, strlen(path));
	return arena_strdup(a, strbuf_text(&decoded));
}

/* A page of an index that is a folder, read for one file. */
struct local_page {
	struct arena *arena;
	struct job *job;
	const char *folder;
};

static void try_link(void *context, const struct page_file *file)
{
	struct local_page *page = context;

	if (strcmp(file->name, page->job->file->name) != 0)
		return;
	const char *path = find_folder_of(page->arena, file->link);
	autostrbuf struct strbuf decoded = {0};

	if (path == file->link && strstr(path, "://"))
		return;
	text_percent_decode(&decoded, path, strlen(path));
	path = arena_strdup(page->arena, path == file->link ? strbuf_text(&decoded) : path);
	try_file(page->job, *path == '/' ? path : path_join(page->arena, page->folder, path));
}

static void try_indexes(struct arena *a, struct job *j)
{
	for (size_t i = 0; i < j->work->source_count && j->state == JOB_READY; i++) {
		const struct source *source = &j->work->sources[i];
		autostrbuf struct strbuf text = {0};
		autoerror struct error ignored = {0};

		if (!source->url || !text_starts_with(source->url, "file://"))
			continue;
		struct local_page page = {a, j, path_join(a, find_folder_of(a, source->url), j->pin->name)};
		struct page reader = {.on_file = try_link, .context = &page};

		if (file_read(path_join(a, page.folder, "index.html"), FETCH_PAGE_LIMIT_BYTES, &text, &ignored) < 0)
			continue;
		page_add(&reader, strbuf_text(&text), text.length);
		(void)page_end(&reader);
		page_release(&reader);
	}
}

static void try_links(struct arena *a, struct job *j)
{
	for (size_t i = 0; i < j->work->settings->find_links_count; i++) {
		const char *folder = without_scheme(j->work->settings->find_links[i]);

		if (file_is_dir(folder))
			try_file(j, path_join(a, folder, j->file->name));
	}
}

static bool is_path(const char *reference)
{
	return reference && !strstr(reference, "://");
}

/* A folder of the project, made into an archive again: it must come out the same. */
static void try_sources(struct arena *a, struct job *j, const char *folder)
{
	struct work *w = j->work;
	const char *temporary = NULL;
	autoerror struct error err = {0};
	char sha256[DIGEST_HEX_LENGTH + 1];
	int failed = workplace_make(a, workplace_temporary(), 0700, &temporary, &err);
	const char *archive = failed ? NULL : path_join(a, temporary, "folder.tar");

	if (!failed)
		failed = folder_archive(folder, j->pin->name, archive, &err) < 0 || digest_file(archive, sha256, &err) < 0;
	if (!failed && strcmp(sha256, j->file->sha256) != 0)
		failed = error_set(&err, ERR_DIGEST, "the folder is there, but it is not as it was locked (sha256 %s)", sha256);
	if (!failed)
		failed = store_add_file(archive, sha256, &err);
	workplace_drop(temporary);
	if (!failed) {
		count_found(j);
	} else if (err.code == ERR_CANCELLED) {
		error_move(&w->fatal, &err);
	} else {
		job_note(j, err.code, err.text);
		job_fail(j);
	}
}

/* A file of the project itself. The path is one that stays inside; a link may have come since that leads out. */
static void try_project(struct arena *a, struct job *j)
{
	const char *root = j->work->root, *path = is_path(j->pin->reference) ? path_join(a, root, j->pin->reference) : NULL;

	if (!path || j->state != JOB_READY || error_is_set(&j->work->fatal) || path_leads_out(a, root, j->pin->reference))
		return;
	if (file_is_dir(path))
		try_sources(a, j, path);
	else
		try_file(j, path);
}

/* A tree of git, made again from the commit: it must come out the same. */
static void try_repository(struct arena *a, struct job *j)
{
	struct work *w = j->work;
	char sha256[DIGEST_HEX_LENGTH + 1];
	autoerror struct error err = {0};
	const char *commit;
	uint64_t size;

	if (j->state != JOB_READY || error_is_set(&w->fatal) || w->settings->offline || !j->pin->reference ||
	    !lock_reference_is_git(a, j->pin->reference, &commit))
		return;
	int failed = git_archive(a, j->pin->reference, j->pin->name, sha256, &size, &err);

	if (!failed && !strcmp(sha256, j->file->sha256)) {
		count_found(j);
	} else if (failed && err.code == ERR_CANCELLED) {
		error_move(&w->fatal, &err);
	} else {
		if (!failed)
			error_set(&err, ERR_DIGEST, "the commit is there, but its tree is not the one that is locked (sha256 %s)", sha256);
		job_note(j, err.code, err.text);
		job_fail(j);
	}
}

static void try_mirrors(struct arena *a, struct job *j)
{
	for (const char *p = j->work->options.from ? j->work->options.from : ""; *p;) {
		const char *folder = arena_strndup(a, p, strcspn(p, ":"));

		p += strlen(folder);
		p += *p == ':';
		if (!*folder)
			continue;
		if (j->archive) {
			try_file(j, path_join(a, folder, mirror_archive_path(a, j->archive)));
		} else if (j->deb) {
			try_file(j, path_join(a, folder, mirror_deb_path(a, j->deb, false)));
			try_file(j, path_join(a, folder, mirror_deb_path(a, j->deb, true)));
		} else {
			try_file(j, path_join(a, folder, mirror_wheel_path(a, j->pin->name, j->file->name)));
		}
		try_file(j, path_join(a, folder, j->file->name));
	}
}

static bool is_address(const char *text)
{
	return text_starts_with(text, "http://") || text_starts_with(text, "https://");
}

static void try_archives(struct arena *a, struct job *j)
{
	for (const char *const *address = j->work->archives->addresses; *address; address++) {
		autostrbuf struct strbuf folder = {0};

		if (is_address(*address))
			continue;
		text_percent_decode(&folder, without_scheme(*address), strlen(without_scheme(*address)));
		try_file(j, path_join(a, strbuf_text(&folder), j->deb->path));
	}
}

void find_in_folders(struct work *w)
{
	autoarena struct arena a = {0};

	for (size_t i = 0; i < w->job_count && !error_is_set(&w->fatal); i++) {
		struct job *j = &w->jobs[i];

		try_mirrors(&a, j);
		if (j->deb)
			try_archives(&a, j);
		else if (j->pin)
			try_project(&a, j);
		if (j->pin && j->pin->reference) {
			try_repository(&a, j);
		} else if (j->pin) {
			try_links(&a, j);
			try_indexes(&a, j);
		}
	}
}

/* Versions have characters that mean something in an address; '+' is read as a space by some servers. */
static void add_path(struct strbuf *out, const char *path)
{
	for (const char *p = path; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._/", *p);

		if (plain)
			strbuf_add_char(out, *p);
		else
			strbuf_printf(out, "%%%02x", (unsigned char)*p);
	}
}

void find_next_archive(struct job *j)
{
	for (const char *address; (address = j->work->archives->addresses[j->next_source]);) {
		autostrbuf struct strbuf url = {0};

		j->next_source++;
		if (!is_address(address))
			continue;
		strbuf_printf(&url, "%s%s", address, text_ends_with(address, "/") ? "" : "/");
		add_path(&url, j->deb->path);
		j->url = arena_strdup(&j->work->arena, strbuf_text(&url));
		j->tries = 0;
		j->not_before_ms = 0;
		j->state = JOB_READY;
		return;
	}
	if (!error_is_set(&j->err))
		error_set(&j->err, ERR_NOT_FOUND, "no archive is known to ask for it");
	job_fail(j);
}
