#include "assemble/kept_python.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "io/digest.h"
#include "io/json.h"
#include "io/process.h"

/* Another number when what is kept is kept in another way. */
#define KEPT_FORM "lockstep kept python 1"
#define NOBODY "65534"
enum { HEAD_ITEMS_MAX = 20000, NOTE_LIMIT_BYTES = 64 * 1024, SAID_MAX = 500, TIMEOUT_MS = 3600 * 1000 };

/* The script stands in its own file, where linters read it, and is linked in as it is. */
__asm__(".section .rodata\n"
	"kept_python_script:\n"
	".incbin \"src/assemble/kept_python.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char kept_python_script[];

/* <cache>/pythons/<key>: "root" is what it sees as /, "library_path" what its loader is told; without a root it could not be kept. */
static const char *folder_of(struct arena *a, const struct interpreter *i)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, KEPT_FORM);
	digest_add_part(&d, kept_python_script);
	digest_add_part(&d, i->identity);
	digest_add_part(&d, i->place.python);
	digest_add_part(&d, i->place.purelib);
	digest_end(&d, hex);
	return arena_printf(a, "%s/pythons/%s", path_cache_dir(a), hex);
}

bool kept_python_is_there(const struct interpreter *i)
{
	autoarena struct arena a = {0};
	autofree char *unshare = NULL;

	if (geteuid() != 0 || !file_is_dir(path_join(&a, folder_of(&a, i), "root")))
		return false;
	unshare = process_find("unshare");
	return unshare != NULL;
}

/* ---- running it ---- */

struct kept {
	const char *folder;
};

/* A source that it cannot compile may want what was not kept: only an answer without one counts. */
static bool is_without_errors(const char *text, size_t length)
{
	for (const char *at = text, *end = text + length; at < end;) {
		autoarena struct arena a = {0};
		autoerror struct error ignored = {0};
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct value *v;
		int64_t packed;

		if (!newline || json_parse(&a, "its answer", at, (size_t)(newline - at), &v, &ignored) < 0)
			return false;
		at = newline + 1;
		if (!value_get(v, "name") || !value_get_integer(v, "packed", &packed) || packed < 0 || packed > end - at)
			return false;
		at += packed;
	}
	return true;
}

static int run(void *context, const char *const *argv, const char *input, size_t length, struct strbuf *output, struct error *err)
{
	struct kept *k = context;
	autoarena struct arena a = {0};
	autostrbuf struct strbuf library_path = {0};
	autoresult struct process_result result = {0};
	autofree char *env = process_find("env"), *unshare = process_find("unshare");
	const char **words = NULL;
	size_t count = 0;

	if (!env || !unshare || file_read(path_join(&a, k->folder, "library_path"), NOTE_LIMIT_BYTES, &library_path, err) < 0)
		return env && unshare ? -1 : error_set(err, ERR_ENGINE, "'env' or 'unshare' is not in PATH");
	const char *begin[] = {env,
			       "-i",
			       arena_printf(&a, "LD_LIBRARY_PATH=%s", strbuf_text(&library_path)),
			       unshare,
			       "--mount",
			       "--net",
			       "--ipc",
			       "--uts",
			       "--pid",
			       "--kill-child",
			       arena_printf(&a, "--root=%s/root", k->folder),
			       "--wd=/",
			       "--setgid=" NOBODY,
			       "--setuid=" NOBODY,
			       "--"};

	for (size_t i = 0; i < ARRAY_LEN(begin); i++) {
		if (i != 2 || library_path.length)
			*arena_push(&a, &words, &count) = begin[i];
	}
	for (; *argv; argv++)
		*arena_push(&a, &words, &count) = *argv;
	*arena_push(&a, &words, &count) = NULL;
	if (process_run(&(struct process_spec){.argv = words, .input = input, .input_length = length, .timeout_ms = TIMEOUT_MS}, &result, err) < 0)
		return -1;
	const char *said = strbuf_text(&result.err_out);

	if (result.exit_status != 0)
		return error_set(err, ERR_ENGINE, "the Python that is kept in '%s' ended with %d: %.*s", k->folder, result.exit_status, SAID_MAX, said);
	/* Without any input it was asked who it is. */
	if (length && !is_without_errors(strbuf_text(&result.out), result.out.length))
		return error_set(err, ERR_ENGINE, "the Python that is kept in '%s' cannot compile all of it", k->folder);
	strbuf_move(output, &result.out);
	return 0;
}

static struct layer_runner *runner_of(struct arena *a, const char *folder)
{
	struct layer_runner *runner = arena_new(a, struct layer_runner);
	struct kept *k = arena_new(a, struct kept);

	k->folder = folder;
	*runner = (struct layer_runner){run, k};
	return runner;
}

struct layer_runner *kept_python_runner(struct arena *a, const struct interpreter *i)
{
	return runner_of(a, folder_of(a, i));
}

/* ---- keeping it ---- */

static int refuse(const char *why, struct error *err)
{
	return error_set(err, ERR_ENGINE, "its Python cannot be kept: %s", why);
}

/* Where a file of the image goes. What is written for it must not lead elsewhere: no folder on the way may be a link. */
static int place(struct arena *a, const char *root, const char *path, const char **ret, struct error *err)
{
	struct stat s;

	if (!path || *path != '/' || !path_stays_inside(path + 1))
		return refuse("it names a file that is in no folder", err);
	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		const char *folder = arena_printf(a, "%s%.*s", root, (int)(p - path), path);

		if (mkdir(folder, 0755) < 0 && (errno != EEXIST || lstat(folder, &s) < 0 || !S_ISDIR(s.st_mode)))
			return refuse("a file is in what is no folder", err);
	}
	*ret = arena_printf(a, "%s%s", root, path);
	return lstat(*ret, &s) < 0 ? 0 : refuse("it names a file twice", err);
}

static int write_file(const char *path, mode_t mode, int64_t time_unix, const char *bytes, size_t length, struct error *err)
{
	/* Python looks at the time of a source before it takes what was compiled of it. */
	const struct timespec times[2] = {{.tv_sec = time_unix}, {.tv_sec = time_unix}};
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "cannot write '%s'", path);
	return file_write_bytes(fd, bytes, length) < 0 || fchmod(fd, mode) < 0 || futimens(fd, times) < 0 ? error_errno(err, "cannot write '%s'", path) : 0;
}

static int write_files(const char *root, const struct value *list, const char *at, const char *end, struct error *err)
{
	for (size_t i = 0; i < list->item_count; i++) {
		autoarena struct arena a = {0};
		const struct value *v = list->items[i];
		const char *path;

		if (v->kind != VALUE_ARRAY || v->item_count != 4 || v->items[0]->kind != VALUE_TEXT || v->items[1]->kind != VALUE_INTEGER ||
		    v->items[2]->kind != VALUE_INTEGER || v->items[3]->kind != VALUE_INTEGER || v->items[3]->integer < 0 || v->items[3]->integer > end - at)
			return refuse("it answers nonsense", err);
		if (place(&a, root, v->items[0]->text, &path, err) < 0 ||
		    write_file(path, v->items[1]->integer & 0111 ? 0755 : 0644, v->items[2]->integer, at, (size_t)v->items[3]->integer, err) < 0)
			return -1;
		at += v->items[3]->integer;
	}
	return at == end ? 0 : refuse("it answers nonsense", err);
}

/* After the files: none of them can be written through a link. Where a link leads does not matter in a root of its own. */
static int write_links(const char *root, const struct value *list, struct error *err)
{
	for (size_t i = 0; i < list->item_count; i++) {
		autoarena struct arena a = {0};
		const struct value *v = list->items[i];
		const char *path;

		if (v->kind != VALUE_ARRAY || v->item_count != 2 || v->items[0]->kind != VALUE_TEXT || v->items[1]->kind != VALUE_TEXT)
			return refuse("it answers nonsense", err);
		if (place(&a, root, v->items[0]->text, &path, err) < 0)
			return -1;
		if (symlink(v->items[1]->text, path) < 0)
			return error_errno(err, "cannot write '%s'", path);
	}
	return 0;
}

static int write_all(struct arena *a, const char *folder, const struct strbuf *answer, struct error *err)
{
	const char *text = strbuf_text(answer), *newline = memchr(text, '\n', answer->length), *root = path_join(a, folder, "root");
	struct value *head;

	if (!newline || json_parse(a, "its answer", text, (size_t)(newline - text), &head, err) < 0)
		return newline ? -1 : refuse("it answers nonsense", err);
	const struct value *files = value_get(head, "files"), *links = value_get(head, "links");
	const char *library_path = value_get_text(head, "library_path");

	if (!files || !links || !library_path || files->kind != VALUE_ARRAY || links->kind != VALUE_ARRAY || files->item_count > HEAD_ITEMS_MAX ||
	    links->item_count > HEAD_ITEMS_MAX)
		return refuse("it answers nonsense", err);
	if (file_make_dirs(root, err) < 0 || write_files(root, files, newline + 1, text + answer->length, err) < 0 || write_links(root, links, err) < 0)
		return -1;
	return file_write_derived(path_join(a, folder, "library_path"), library_path, strlen(library_path), err);
}

/* It must say the same of itself as in its image. */
static int check(struct arena *a, const char *folder, const struct interpreter *i, struct error *err)
{
	autostrbuf struct strbuf answer = {0};
	struct interpreter found;

	if (interpreter_ask(runner_of(a, folder), i->place.python, &answer, err) < 0 ||
	    interpreter_parse(a, strbuf_text(&answer), answer.length, &found, err) < 0)
		return -1;
	if (strcmp(found.identity, i->identity) != 0 || strcmp(found.place.python, i->place.python) != 0 || strcmp(found.place.purelib, i->place.purelib) != 0)
		return refuse("elsewhere it is another one", err);
	return 0;
}

static int take_into(struct arena *a, const struct layer_runner *image, const struct interpreter *i, const char *folder, struct error *err)
{
	const char *const argv[] = {i->place.python, "-I", "-B", "-c", kept_python_script, NULL};
	autostrbuf struct strbuf answer = {0};

	if (image->run(image->context, argv, "", 0, &answer, err) < 0 || write_all(a, folder, &answer, err) < 0)
		return -1;
	return check(a, folder, i, err);
}

/* Another process may have been faster. */
static void settle(struct arena *a, const char *from, const char *to, const struct error *why_not)
{
	autoerror struct error ignored = {0};

	if (why_not->code) {
		file_remove_tree(path_join(a, from, "root"), &ignored);
		file_write_derived(path_join(a, from, "why_not"), why_not->text, strlen(why_not->text), &ignored);
	}
	if (rename(from, to) < 0)
		workplace_drop(from);
}

int kept_python_take(const struct layer_runner *image, const struct interpreter *i, struct error *err)
{
	autoarena struct arena a = {0};
	autoerror struct error why_not = {0};
	const char *to = folder_of(&a, i), *parent = path_join(&a, path_cache_dir(&a), "pythons"), *folder;

	if (geteuid() != 0 || file_exists(to))
		return 0;
	if (file_make_dirs(parent, err) < 0 || workplace_make(&a, parent, 0755, &folder, err) < 0)
		return -1;
	if (take_into(&a, image, i, folder, &why_not) < 0 && why_not.code == ERR_CANCELLED) {
		workplace_drop(folder);
		error_move(err, &why_not);
		return -1;
	}
	settle(&a, folder, to, &why_not);
	return 0;
}
