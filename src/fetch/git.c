#include "fetch/git.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "fetch/store.h"
#include "io/process.h"
#include "io/tarball.h"
#include "lock/lock.h"

/* Another number when the same tree gives other bytes. */
#define ARCHIVE_VERSION "lockstep git 1"
enum { NETWORK_TIMEOUT_MS = 30 * 60 * 1000, LIST_LIMIT_BYTES = 256 << 20, REMEMBERED_LIMIT_BYTES = 256 };
#define CONTENT_LIMIT_BYTES ((size_t)1 << 30)

/* Where git looks is this repository and the user's own settings, as those say how hosts are reached. */
static const char *const environment[] = {"GIT_TERMINAL_PROMPT=0",
					  "GIT_ASKPASS=/bin/false",
					  "SSH_ASKPASS=/bin/false",
					  "GIT_SSH_COMMAND=ssh -oBatchMode=yes",
					  "GIT_LFS_SKIP_SMUDGE=1",
					  "LC_ALL=C.UTF-8",
					  "GIT_DIR",
					  "GIT_WORK_TREE",
					  "GIT_INDEX_FILE",
					  "GIT_OBJECT_DIRECTORY",
					  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
					  "GIT_NAMESPACE",
					  "GIT_EXTERNAL_DIFF",
					  "GIT_CEILING_DIRECTORIES",
					  "GIT_TEMPLATE_DIR",
					  "GIT_ALLOW_PROTOCOL",
					  NULL};

struct repository {
	struct arena *arena;
	const char *url, *commit, *folder;
};

struct entry {
	const char *mode, *id, *path;
};

static int run(const struct repository *r, const char *const *words, const char *input, size_t input_length, size_t limit, struct process_result *ret,
	       struct error *err)
{
	static const char *const first[] = {"git",
					    "-c",
					    "protocol.allow=never",
					    "-c",
					    "protocol.https.allow=always",
					    "-c",
					    "protocol.http.allow=always",
					    "-c",
					    "protocol.ssh.allow=always",
					    "-c",
					    "protocol.file.allow=always",
					    "-c",
					    "core.hooksPath=/dev/null",
					    "-c",
					    "gc.auto=0",
					    "-c",
					    "maintenance.auto=false",
					    "-c",
					    "fetch.fsckObjects=true",
					    "-c",
					    "core.attributesFile=/dev/null"};
	const char **argv = NULL;
	size_t count = 0;

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++)
		*arena_push(r->arena, &argv, &count) = first[i];
	for (; *words; words++)
		*arena_push(r->arena, &argv, &count) = *words;
	*arena_push(r->arena, &argv, &count) = NULL;
	return process_run(&(struct process_spec){.argv = argv,
						  .environment = environment,
						  .folder = r->folder,
						  .input = input,
						  .input_length = input_length,
						  .timeout_ms = NETWORK_TIMEOUT_MS,
						  .output_limit_bytes = limit},
			   ret, err);
}
#define RUN(r, ret, err, ...) run((r), (const char *const[]){__VA_ARGS__, NULL}, NULL, 0, LIST_LIMIT_BYTES, (ret), (err))

static int complain(const struct repository *r, const char *what, const struct process_result *result, enum error_code code, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	const char *said = strbuf_text(&result->err_out), *line = strstr(said, "fatal: ");

	line = line ? line + strlen("fatal: ") : said;
	text_escape(&text, line, strcspn(line, "\n"), 0);
	text_hide_users(text.text ? text.text : (char[]){""}, text.length);
	return error_set(err, code, "%s '%s': git says: %s", what, r->url, text.length ? strbuf_text(&text) : "nothing");
}

static bool has_commit(const struct repository *r)
{
	autoresult struct process_result result = {0};
	autoerror struct error ignored = {0};

	if (RUN(r, &result, &ignored, "cat-file", "-t", r->commit) < 0 || result.exit_status != 0)
		return false;
	return !strcmp(strbuf_text(&result.out), "commit\n");
}

/* Servers that give no commit by its name give everything. */
static int get(const struct repository *r, struct error *err)
{
	autoresult struct process_result init = {0}, one = {0}, all = {0};

	if (RUN(r, &init, err, "init", "--quiet", "--bare", "--template=", strlen(r->commit) == 64 ? "--object-format=sha256" : "--object-format=sha1", ".") <
	    0)
		return -1;
	if (init.exit_status != 0)
		return complain(r, "cannot make a repository for", &init, ERR_IO, err);
	if (RUN(r, &one, err, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", r->url, r->commit) < 0)
		return -1;
	if (one.exit_status == 0 && has_commit(r))
		return 0;
	if (RUN(r, &all, err, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--", r->url, "+refs/heads/*:refs/heads/*",
		"+refs/tags/*:refs/tags/*") < 0)
		return -1;
	if (all.exit_status != 0)
		return complain(r, "cannot fetch from", &all, ERR_NETWORK, err);
	if (has_commit(r))
		return 0;
	return error_set(err, ERR_NOT_FOUND, "'%s' has no commit %s", r->url, r->commit);
}

/* "<mode> <type> <id>\t<path>\0" each. What is no file and no link, a submodule, is left out. */
static int list(const struct repository *r, struct entry **ret, size_t *ret_count, struct strbuf *text, struct error *err)
{
	autoresult struct process_result result = {0};
	struct entry *entries = NULL;
	size_t count = 0;

	if (RUN(r, &result, err, "ls-tree", "-r", "-z", "--full-tree", r->commit) < 0)
		return -1;
	if (result.exit_status != 0)
		return complain(r, "cannot read the tree of", &result, ERR_ENGINE, err);
	strbuf_add_bytes(text, strbuf_text(&result.out), result.out.length);
	for (char *p = text->text, *end = p + text->length; p && p < end;) {
		char *next = p + strlen(p) + 1, *type = strchr(p, ' '), *id = type ? strchr(type + 1, ' ') : NULL, *path = id ? strchr(id + 1, '\t') : NULL;

		if (!path)
			return error_set(err, ERR_ENGINE, "git lists the tree of '%s' in a way that is not known", r->url);
		*type = *id = *path = '\0';
		if (!strcmp(type + 1, "blob"))
			*arena_push(r->arena, &entries, &count) = (struct entry){p, id + 1, path + 1};
		p = next;
	}
	*ret = entries;
	*ret_count = count;
	return 0;
}

/* "<id> blob <size>\n<bytes>\n" each, in the order asked for. */
static int write_contents(const struct repository *r, const struct entry *entries, size_t count, const struct strbuf *contents, const char *folder,
			  struct tarball *t, struct error *err)
{
	const char *p = strbuf_text(contents), *end = p + contents->length;

	for (size_t i = 0; i < count; i++) {
		const char *line = memchr(p, '\n', (size_t)(end - p));
		size_t length = strlen(entries[i].id);
		uint64_t size;
		autofree char *number = NULL;

		if (!line || (size_t)(line - p) < length + 6 || strncmp(p, entries[i].id, length) != 0 || strncmp(p + length, " blob ", 6) != 0)
			return error_set(err, ERR_ENGINE, "git gives no content of '%s' in '%s'", entries[i].path, r->url);
		number = mem_strndup(p + length + 6, (size_t)(line - p) - length - 6);
		if (!text_to_u64(number, &size) || size >= (uint64_t)(end - line - 1))
			return error_set(err, ERR_ENGINE, "git gives less of '%s' than there is", entries[i].path);
		autofree char *link = mem_strndup(line + 1, size);
		bool is_link = !strcmp(entries[i].mode, "120000");
		struct tarball_member member = {.name = arena_printf(r->arena, "%s/%s", folder, entries[i].path),
						.bytes = is_link ? link : line + 1,
						.length = size,
						.is_link = is_link,
						.is_executable = !strcmp(entries[i].mode, "100755")};

		if (tarball_add(t, &member, err) < 0)
			return -1;
		p = line + 1 + size + 1;
	}
	return 0;
}

static int write_archive(const struct repository *r, const char *path, const char *folder, struct error *err)
{
	autoresult struct process_result contents = {0};
	autostrbuf struct strbuf text = {0}, ids = {0};
	struct entry *entries = NULL;
	size_t count = 0;
	struct tarball t;

	if (list(r, &entries, &count, &text, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&ids, "%s\n", entries[i].id);
	if (run(r, (const char *const[]){"cat-file", "--batch", NULL}, strbuf_text(&ids), ids.length, CONTENT_LIMIT_BYTES, &contents, err) < 0)
		return -1;
	if (contents.exit_status != 0)
		return complain(r, "cannot read the files of", &contents, ERR_ENGINE, err);
	if (tarball_open(&t, path, false, err) < 0)
		return -1;
	if (write_contents(r, entries, count, &contents.out, folder, &t, err) < 0) {
		tarball_drop(&t);
		return -1;
	}
	return tarball_close(&t, err);
}

/* ---- what was made before ---- */

static const char *remembered_path(struct arena *a, const char *reference, const char *folder)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, ARCHIVE_VERSION);
	digest_add_part(&d, reference);
	digest_add_part(&d, folder);
	digest_end(&d, hex);
	return arena_printf(a, "%s/git/%s", path_cache_dir(a), hex);
}

static bool recall(struct arena *a, const char *path, char ret_sha256[DIGEST_HEX_LENGTH + 1], uint64_t *ret_size)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};

	if (file_size(path) < 0 || file_read(path, REMEMBERED_LIMIT_BYTES, &text, &ignored) < 0)
		return false;
	const char *sha256 = arena_strndup(a, strbuf_text(&text), strcspn(strbuf_text(&text), "\n"));

	if (!digest_is_hex(sha256) || !store_has(sha256, -1))
		return false;
	memcpy(ret_sha256, sha256, DIGEST_HEX_LENGTH + 1);
	*ret_size = (uint64_t)file_size(store_path(a, sha256));
	return true;
}

static int make(struct repository *r, const char *folder, const char *remembered, char ret_sha256[DIGEST_HEX_LENGTH + 1], uint64_t *ret_size, struct error *err)
{
	const char *path = path_join(r->arena, r->folder, "archive.tar"), *text;

	if (get(r, err) < 0 || write_archive(r, path, folder, err) < 0 || digest_file(path, ret_sha256, err) < 0)
		return -1;
	*ret_size = (uint64_t)file_size(path);
	text = arena_printf(r->arena, "%s\n", ret_sha256);
	if (store_add_file(path, ret_sha256, err) < 0 || file_make_parents(remembered, err) < 0)
		return -1;
	return file_write_derived(remembered, text, strlen(text), err);
}

int git_archive(struct arena *a, const char *reference, const char *name, char ret_sha256[DIGEST_HEX_LENGTH + 1], uint64_t *ret_size, struct error *err)
{
	const char *commit, *remembered;
	struct repository r = {.arena = a};
	autofree char *git = NULL;

	if (!lock_reference_is_git(a, reference, &commit))
		return error_set(err, ERR_INPUT, "'%s' is no commit of a git repository", reference);
	const char *folder = arena_printf(a, "%s-%.12s", name, commit);

	/* Two subdirectories of one commit are one archive. */
	remembered = remembered_path(a, arena_strndup(a, reference, strcspn(reference, "#")), folder);
	if (recall(a, remembered, ret_sha256, ret_size))
		return 0;
	git = process_find("git");
	if (!git)
		return error_set(err, ERR_NOT_FOUND, "'%s' is fetched by git, which is not in PATH; 'apt-get install git' mends that", reference);
	r.url = arena_strndup(a, reference + strlen("git+"), (size_t)(strrchr(reference, '@') - reference) - strlen("git+"));
	r.commit = commit;
	if (workplace_make(a, workplace_temporary(), 0700, &r.folder, err) < 0)
		return -1;
	int result = make(&r, folder, remembered, ret_sha256, ret_size, err);

	workplace_drop(r.folder);
	return result;
}
