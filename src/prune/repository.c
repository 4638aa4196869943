#include "prune/repository.h"

#include <stdlib.h>
#include <string.h>

#define HASH_FUNCTION HASH_FNV /* as in recipe/check.c: clang does not pass over the default's switch */
#include <uthash.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/text.h"
#include "io/process.h"

enum { TIMEOUT_MS = 10 * 60 * 1000, AT_ONCE_BYTES = 16 << 20 };
#define LISTING_LIMIT_BYTES ((size_t)1 << 30)
#define FILE_LIMIT_BYTES ((size_t)64 << 20)

/* Git looks at this repository, whatever hook or shell we are run from; what an incomplete clone lacks stays away. */
static const char *const environment[] = {"GIT_OPTIONAL_LOCKS=0",
					  "GIT_TERMINAL_PROMPT=0",
					  "GIT_NO_LAZY_FETCH=1",
					  "GIT_NO_REPLACE_OBJECTS=1",
					  "LC_ALL=C",
					  "GIT_DIR",
					  "GIT_WORK_TREE",
					  "GIT_COMMON_DIR",
					  "GIT_INDEX_FILE",
					  "GIT_OBJECT_DIRECTORY",
					  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
					  "GIT_NAMESPACE",
					  NULL};

static int run_git(struct arena *a, const char *folder, const char *const *words, const struct strbuf *input, struct process_result *ret, struct error *err)
{
	static const char *const first[] = {
		"git", "-c", "protocol.allow=never", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false"};
	const char **argv = NULL;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		*arena_push(a, &argv, &count) = first[i];
	for (; *words; words++)
		*arena_push(a, &argv, &count) = *words;
	*arena_push(a, &argv, &count) = NULL;
	const struct process_spec spec = {.argv = argv,
					  .environment = environment,
					  .folder = folder,
					  .input = input ? strbuf_text(input) : NULL,
					  .input_length = input ? input->length : 0,
					  .timeout_ms = TIMEOUT_MS,
					  .output_limit_bytes = LISTING_LIMIT_BYTES};

	if (process_run(&spec, ret, err) < 0)
		return -1;
	if (ret->exit_status == 0)
		return 0;
	const char *said = strbuf_text(&ret->err_out), *line = strstr(said, "fatal: ");

	line = line ? line + strlen("fatal: ") : said;
	return error_set(err, ERR_ENGINE, "git cannot tell which branches refer to which release, in '%s': %.*s", folder, (int)strcspn(line, "\n"), line);
}
#define GIT(a, folder, input, ret, err, ...) run_git((a), (folder), (const char *const[]){__VA_ARGS__, NULL}, (input), (ret), (err))

static bool is_in_a_repository(struct arena *a, const char *root)
{
	for (char *at = arena_strdup(a, root);;) {
		char *slash = strrchr(at, '/');

		if (file_exists(path_join(a, at, ".git")))
			return true;
		if (!slash)
			return false;
		*slash = '\0';
	}
}

static void add_place(struct repository *r, const char *name, const char *tree, const char *folder)
{
	*arena_push(r->arena, &r->places, &r->place_count) = (struct repository_place){.name = name, .tree = tree, .folder = folder};
}

/* ---- places ---- */

static const char *ref_name(struct arena *a, const char *ref)
{
	static const struct {
		const char *prefix, *word;
	} kinds[] = {{"refs/heads/", "branch"}, {"refs/tags/", "tag"}, {"refs/remotes/", "remote branch"}, {"refs/", "ref"}};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (text_starts_with(ref, kinds[i].prefix))
			return arena_printf(a, "%s '%s'", kinds[i].word, ref + strlen(kinds[i].prefix));
	}
	return arena_printf(a, "ref '%s'", ref);
}

/* A stash is a commit; its second parent is what was staged, its third, where there is one, what git did not track. All but the newest are in the reflog only. */
static int add_stashes(struct repository *r, struct error *err)
{
	autoresult struct process_result result = {0};
	char *text, *line;

	if (GIT(r->arena, r->root, NULL, &result, err, "rev-list", "--walk-reflogs", "refs/stash", "--") < 0)
		return -1;
	text = arena_strdup(r->arena, strbuf_text(&result.out));
	while ((line = lines_next(&text))) {
		const char *name = arena_printf(r->arena, "a stash (%.12s)", line);

		add_place(r, name, line, NULL);
		add_place(r, name, arena_printf(r->arena, "%s^2", line), NULL);
		add_place(r, name, arena_printf(r->arena, "%s^3", line), NULL);
	}
	return 0;
}

static int add_refs(struct repository *r, struct error *err)
{
	autoresult struct process_result result = {0};
	bool has_stash = false;
	char *text, *line;

	if (GIT(r->arena, r->root, NULL, &result, err, "for-each-ref", "--format=%(objectname) %(refname)") < 0)
		return -1;
	text = arena_strdup(r->arena, strbuf_text(&result.out));
	while ((line = lines_next(&text))) {
		char *space = strchr(line, ' ');

		if (!space)
			continue;
		*space = '\0';
		has_stash = has_stash || !strcmp(space + 1, "refs/stash");
		add_place(r, ref_name(r->arena, space + 1), line, NULL);
	}
	return has_stash ? add_stashes(r, err) : 0;
}

/* "worktree /path", "HEAD <commit>", "branch refs/heads/x" or "detached", an empty line; "bare" in place of the last two. */
static int add_worktrees(struct repository *r, struct error *err)
{
	autoresult struct process_result result = {0};
	const char *name = NULL, *folder = NULL;
	char *text, *line;

	if (GIT(r->arena, r->root, NULL, &result, err, "worktree", "list", "--porcelain") < 0)
		return -1;
	text = arena_strdup(r->arena, strbuf_text(&result.out));
	while ((line = lines_next(&text))) {
		if (text_starts_with(line, "worktree ")) {
			folder = line + strlen("worktree ");
			name = arena_printf(r->arena, "worktree '%s'", folder);
		} else if (text_starts_with(line, "HEAD ") && folder) {
			add_place(r, name, line + strlen("HEAD "), NULL);
			if (!file_is_dir(folder))
				continue; /* removed by hand; git has not noticed yet */
			add_place(r, name, NULL, folder);
			add_place(r, arena_printf(r->arena, "the index of %s", name), "", folder);
		}
	}
	return 0;
}

void repository_of_folder(struct arena *a, const char *root, struct repository *ret)
{
	*ret = (struct repository){.arena = a, .root = root, .prefix = ""};
	add_place(ret, "this checkout", NULL, root);
}

int repository_open(struct arena *a, const char *root, struct repository *ret, struct error *err)
{
	autoresult struct process_result result = {0};
	struct repository r;

	repository_of_folder(a, root, &r);
	if (!is_in_a_repository(a, root)) {
		*ret = r;
		return 0;
	}
	r.is_there = true;
	if (GIT(a, root, NULL, &result, err, "rev-parse", "--show-prefix") < 0)
		return err->code == ERR_NOT_FOUND ? error_wrap(err, "'%s' is in a git repository, whose branches may refer to what would be removed", root)
						  : -1;
	r.prefix = arena_strndup(a, strbuf_text(&result.out), strcspn(strbuf_text(&result.out), "\n"));
	if (add_refs(&r, err) < 0 || add_worktrees(&r, err) < 0)
		return -1;
	*ret = r;
	return 0;
}

/* ---- files ---- */

/* A content, once. */
struct blob {
	const char *id;
	uint64_t size_bytes;
	const struct repository_place *place;
	const char *path;
	UT_hash_handle hh;
};

struct reading {
	const struct repository *r;
	const char *const *paths;
	size_t count;
	repository_take take;
	void *context;
	struct blob *blobs; /* by id */
};

/* A file where git is not asked. In the project's own folder for the project's own worktree: it may be a link that leads there. */
static int read_file(struct reading *x, const struct repository_place *place, const char *path, struct error *err)
{
	const struct repository *r = x->r;
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	autoerror struct error why_not = {0};
	const char *full = path_join(&a, place == r->places ? r->root : arena_printf(&a, "%s/%s", place->folder, r->prefix), path);

	if (file_read(full, FILE_LIMIT_BYTES, &text, &why_not) == 0) {
		x->take(x->context, place, path, strbuf_text(&text), text.length);
		return 0;
	}
	if (why_not.code == ERR_NOT_FOUND || file_is_dir(full))
		return 0;
	error_move(err, &why_not);
	return -1;
}

/* One answer of `cat-file --batch-check --follow-symlinks`: "<id> blob <size>", "<what was asked> missing", or, for links that lead nowhere, "<word> <size>" and as
   many bytes. Moves *at behind it. */
static void read_answer(struct reading *x, const struct repository_place *place, const char *path, const char **at, const char *end)
{
	size_t length = strcspn(*at, "\n");
	char *line = arena_strndup(x->r->arena, *at, length), *kind = strchr(line, ' ');
	struct blob *known = NULL, *b;

	*at += length + (*at + length < end);
	if (!kind)
		return;
	if (!strncmp(line, "symlink ", 8) || !strncmp(line, "dangling ", 9) || !strncmp(line, "loop ", 5) || !strncmp(line, "notdir ", 7)) {
		uint64_t skip = strtoull(kind + 1, NULL, 10) + 1;

		*at = skip > (uint64_t)(end - *at) ? end : *at + skip;
		return;
	}
	*kind++ = '\0';
	if (!text_starts_with(kind, "blob "))
		return;
	HASH_FIND_STR(x->blobs, line, known);
	if (known)
		return;
	b = arena_new(x->r->arena, struct blob);
	*b = (struct blob){.id = line, .size_bytes = strtoull(kind + strlen("blob "), NULL, 10), .place = place, .path = path};
	HASH_ADD_KEYPTR(hh, x->blobs, b->id, strlen(b->id), b);
}

/* Asks what the files are, in places that git reads from `folder`: all commits at once, or one index. */
static int find_blobs(struct reading *x, const char *folder, const struct repository_place *only, struct error *err)
{
	const struct repository *r = x->r;
	autoresult struct process_result result = {0};
	autostrbuf struct strbuf input = {0};

	for (size_t i = 0; i < r->place_count; i++) {
		const struct repository_place *place = &r->places[i];

		for (size_t k = 0; k < x->count && place->tree && (only ? place == only : *place->tree != '\0'); k++)
			strbuf_printf(&input, "%s:%s%s\n", place->tree, r->prefix, x->paths[k]);
	}
	if (!input.length)
		return 0;
	if (GIT(r->arena, folder, &input, &result, err, "cat-file", "--batch-check", "--follow-symlinks") < 0)
		return -1;
	const char *at = strbuf_text(&result.out), *end = at + result.out.length;

	for (size_t i = 0; i < r->place_count; i++) {
		const struct repository_place *place = &r->places[i];

		for (size_t k = 0; k < x->count && place->tree && (only ? place == only : *place->tree != '\0'); k++)
			read_answer(x, place, x->paths[k], &at, end);
	}
	return 0;
}

static int take_contents(struct reading *x, const struct blob *const *blobs, size_t count, struct error *err)
{
	autoresult struct process_result result = {0};
	autostrbuf struct strbuf input = {0};

	for (size_t i = 0; i < count; i++)
		strbuf_printf(&input, "%s\n", blobs[i]->id);
	if (GIT(x->r->arena, x->r->root, &input, &result, err, "cat-file", "--batch") < 0)
		return -1;
	const char *at = strbuf_text(&result.out), *end = at + result.out.length;

	for (size_t i = 0; i < count; i++) {
		const struct blob *b = blobs[i];
		size_t head = strcspn(at, "\n") + 1;

		/* "<id> blob <size>", the bytes, and one more line end. */
		if ((size_t)(end - at) < head + b->size_bytes + 1 || strncmp(at, b->id, strlen(b->id)) != 0)
			return error_set(err, ERR_ENGINE, "git does not give '%s' of %s: its repository may be damaged, or cloned without it", b->path,
					 b->place->name);
		x->take(x->context, b->place, b->path, at + head, (size_t)b->size_bytes);
		at += head + b->size_bytes + 1;
	}
	return 0;
}

static int take_blobs(struct reading *x, struct error *err)
{
	const struct blob **some = NULL;
	size_t count = 0;
	uint64_t bytes = 0;

	for (struct blob *b = x->blobs; b; b = b->hh.next) {
		if (b->size_bytes > FILE_LIMIT_BYTES)
			return error_set(err, ERR_INPUT, "'%s' of %s is too large to be looked at", b->path, b->place->name);
		*arena_push(x->r->arena, &some, &count) = b;
		bytes += b->size_bytes;
		if (bytes < AT_ONCE_BYTES && b->hh.next)
			continue;
		if (take_contents(x, some, count, err) < 0)
			return -1;
		count = 0;
		bytes = 0;
	}
	return 0;
}

int repository_read(const struct repository *r, const char *const *paths, size_t count, repository_take take, void *context, struct error *err)
{
	struct reading x = {.r = r, .paths = paths, .count = count, .take = take, .context = context};
	int failed = 0;

	for (size_t i = 0; i < r->place_count && !failed; i++) {
		const struct repository_place *place = &r->places[i];

		for (size_t k = 0; k < count && !place->tree && !failed; k++)
			failed = read_file(&x, place, paths[k], err);
		if (place->tree && !*place->tree)
			failed = failed || find_blobs(&x, place->folder, place, err) < 0;
	}
	if (!failed)
		failed = find_blobs(&x, r->root, NULL, err) < 0 || take_blobs(&x, err) < 0;
	HASH_CLEAR(hh, x.blobs);
	return failed ? -1 : 0;
}
