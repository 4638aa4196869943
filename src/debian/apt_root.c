#include "debian/apt_root.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "debian/access.h"
#include "debian/repository.h"
#include "io/digest.h"
#include "io/process.h"
#include "io/signals.h"

/* Another number when what lies in the cache is of another kind. */
#define ROOT_VERSION "lockstep apt 1"
enum {
	SIMULATE_TIMEOUT_MS = 300 * 1000,
	UPDATE_TIMEOUT_MS = 900 * 1000,
	ASK_TIMEOUT_MS = 60 * 1000,
	CONF_LIMIT_BYTES = 1024 * 1024,
	KEY_LENGTH = 32,
	BUSY_PAUSE_MS = 100
};

/* ---- opening ---- */

static const char *root_key(struct arena *a, const struct apt_place *place)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, ROOT_VERSION);
	for (const char *const *architecture = place->architectures; *architecture; architecture++)
		digest_add_part(&d, *architecture);
	/* Lists are trusted by the keys they were checked with. */
	if (place->image)
		digest_add_part(&d, place->image);
	for (size_t i = 0; i < place->source_count; i++)
		digest_add_part(&d, place->sources[i]);
	digest_end(&d, hex);
	return arena_strndup(a, hex, KEY_LENGTH);
}

/* What this machine trusts for sources that name no key: "TRUSTED='/etc/apt/trusted.gpg'". */
static int find_trusted(struct arena *a, const struct apt_place *place, const char **ret_file, const char **ret_folder, struct error *err)
{
	static const char *const argv[] = {"apt-config", "shell", "TRUSTED", "Dir::Etc::trusted/f", "PARTS", "Dir::Etc::trustedparts/d", NULL};
	autoresult struct process_result result = {0};

	if (place->image) {
		*ret_file = path_join(a, place->image, "trusted.gpg");
		*ret_folder = path_join(a, place->image, "trusted.gpg.d");
		return 0;
	}
	if (process_run_ok(&(struct process_spec){.argv = argv, .timeout_ms = ASK_TIMEOUT_MS}, &result, err) < 0)
		return error_wrap(err, "cannot learn apt's settings");
	*ret_file = *ret_folder = "/nonexistent";
	for (const char *line = strbuf_text(&result.out); *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = strchr(line, '\'');

		if (!value || value > line + strcspn(line, "\n"))
			continue;
		*(text_starts_with(line, "TRUSTED=") ? ret_file : ret_folder) = arena_strndup(a, value + 1, strcspn(value + 1, "'\n"));
	}
	return 0;
}

static void add_setting(struct strbuf *out, const char *name, const char *value)
{
	strbuf_printf(out, "%s \"%s\";\n", name, value);
}

/* apt reads the file that APT_CONFIG names first; as all folders lie elsewhere then, it reads none of this machine's settings. */
static int write_conf(struct apt_root *r, const struct apt_place *place, struct error *err)
{
	autostrbuf struct strbuf conf = {0};
	struct arena *a = r->arena;
	const char *file, *folder, *path = path_join(a, r->workplace, "apt.conf");

	if (find_trusted(a, place, &file, &folder, err) < 0)
		return -1;
	add_setting(&conf, "Dir", r->workplace);
	add_setting(&conf, "Dir::State", path_join(a, r->workplace, "state"));
	add_setting(&conf, "Dir::State::status", path_join(a, r->workplace, "status"));
	add_setting(&conf, "Dir::State::lists", path_join(a, r->folder, "lists/"));
	add_setting(&conf, "Dir::Cache", path_join(a, r->folder, "cache"));
	add_setting(&conf, "Dir::Cache::archives", path_join(a, r->workplace, "archives"));
	add_setting(&conf, "Dir::Cache::pkgcache", "");
	add_setting(&conf, "Dir::Etc", path_join(a, r->workplace, "etc"));
	add_setting(&conf, "Dir::Etc::sourcelist", path_join(a, r->workplace, "sources.list"));
	add_setting(&conf, "Dir::Etc::sourceparts", "/dev/null");
	add_setting(&conf, "Dir::Etc::preferences", path_join(a, r->workplace, "preferences"));
	add_setting(&conf, "Dir::Etc::preferencesparts", place->image ? path_join(a, place->image, "preferences.d") : "/dev/null");
	add_setting(&conf, "Dir::Etc::trusted", file);
	add_setting(&conf, "Dir::Etc::trustedparts", folder);
	add_setting(&conf, "Dir::Etc::netrc", place->access->auth_file ? place->access->auth_file : "/dev/null");
	add_setting(&conf, "Dir::Etc::netrcparts", "/dev/null");
	add_setting(&conf, "Dir::Log", path_join(a, r->workplace, "log"));
	add_setting(&conf, "APT::Architecture", *place->architectures);
	for (const char *const *architecture = place->architectures; *architecture; architecture++)
		strbuf_printf(&conf, "APT::Architectures:: \"%s\";\n", *architecture);
	add_setting(&conf, "APT::Install-Recommends", "false");
	add_setting(&conf, "APT::Update::Error-Mode", "any");
	add_setting(&conf, "Acquire::Languages", "none");
	add_setting(&conf, "Acquire::GzipIndexes", "false");
	add_setting(&conf, "Acquire::Retries", "3");
	if (place->access->apt_conf && file_read(place->access->apt_conf, CONF_LIMIT_BYTES, &conf, err) < 0)
		return -1;
	return file_write_derived(path, strbuf_text(&conf), conf.length, err);
}

static int write_file(const struct apt_root *r, const char *name, const char *text, size_t length, struct error *err)
{
	return file_write_derived(path_join(r->arena, r->workplace, name), text, length, err);
}

static int write_sources(const struct apt_root *r, const struct apt_place *place, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < place->source_count; i++)
		strbuf_printf(&text, "%s\n", place->sources[i]);
	return write_file(r, "sources.list", strbuf_text(&text), text.length, err);
}

static int make_folders(const struct apt_root *r, struct error *err)
{
	static const char *const kept[] = {"lists/partial", "cache"}, *const temporary[] = {"state", "archives/partial", "etc/apt.conf.d", "log", "local"};

	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (file_make_dirs(path_join(r->arena, r->folder, kept[i]), err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(temporary); i++) {
		if (file_make_dirs(path_join(r->arena, r->workplace, temporary[i]), err) < 0)
			return -1;
	}
	return 0;
}

/* Fetching and reading the lists is one thing: another lockstep, of this project or not, waits for it. */
static int wait_for_folder(struct apt_root *r, struct error *err)
{
	const char *path = path_join(r->arena, r->folder, "in-use");

	if (file_make_dirs(r->folder, err) < 0)
		return -1;
	r->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (r->lock_fd < 0)
		return error_errno(err, "cannot open '%s'", path);
	while (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_errno(err, "cannot lock '%s'", path);
		if (signals_check(err) < 0)
			return -1;
		poll(NULL, 0, BUSY_PAUSE_MS);
	}
	return 0;
}

static int open_root(struct apt_root *r, const struct apt_place *place, struct error *err)
{
	struct arena *a = r->arena;
	const char **environment = NULL;
	size_t count = 0;

	r->folder = arena_printf(a, "%s/apt/%s", path_cache_dir(a), root_key(a, place));
	if (wait_for_folder(r, err) < 0 || workplace_make(a, workplace_temporary(), 0755, &r->workplace, err) < 0 || make_folders(r, err) < 0 ||
	    write_conf(r, place, err) < 0 || write_sources(r, place, err) < 0 || write_file(r, "status", "", 0, err) < 0 ||
	    write_file(r, "preferences", "", 0, err) < 0)
		return -1;
	for (const char *const *p = place->access->proxies; p && *p; p++)
		*arena_push(a, &environment, &count) = *p;
	*arena_push(a, &environment, &count) = arena_printf(a, "APT_CONFIG=%s/apt.conf", r->workplace);
	*arena_push(a, &environment, &count) = "LC_ALL=C.UTF-8";
	*arena_push(a, &environment, &count) = "DEBIAN_FRONTEND=noninteractive";
	*arena_push(a, &environment, &count) = NULL;
	r->environment = environment;
	return 0;
}

int apt_root_open(struct arena *a, const struct apt_place *place, struct apt_root *ret, struct error *err)
{
	autofree char *program = process_find("apt-get");

	*ret = (struct apt_root){.arena = a, .lock_fd = -1};
	if (program)
		return open_root(ret, place, err);
	error_set(err, ERR_NOT_FOUND, "Debian packages are locked by 'apt-get', which is not in PATH");
	return error_hint(
		err, "lock on a Debian machine, in a container of one, or with LOCKSTEP_SYSTEM_PACKAGES=unlocked: then each build takes what its mirrors have");
}

void apt_root_close(struct apt_root *r)
{
	packages_free(r->packages);
	workplace_drop(r->workplace);
	file_cleanup_fd(&r->lock_fd);
	*r = (struct apt_root){.lock_fd = -1};
}

/* ---- lists ---- */

/* apt's own words for why, without its progress: lines "E: ..." and, with `warnings`, "W: ...". In `a`. */
static const char *complaints(struct arena *a, const char *text, bool warnings)
{
	autostrbuf struct strbuf out = {0};

	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");

		/* That apt works as root in a folder that is root's is nothing to tell. */
		if (text_starts_with(line, "E: ") ||
		    (warnings && text_starts_with(line, "W: ") && !text_starts_with(line, "W: Download is performed unsandboxed")))
			strbuf_printf(&out, "%s%.*s", out.length ? "\n  " : "", (int)length - 3, line + 3);
		line += length + (line[length] == '\n');
	}
	return arena_strdup(a, strbuf_text(&out));
}

static int run_update(struct apt_root *r, const char *const *argv, struct error *err)
{
	autoresult struct process_result result = {0};
	const struct process_spec spec = {.argv = argv, .environment = r->environment, .timeout_ms = UPDATE_TIMEOUT_MS};

	if (process_run(&spec, &result, err) < 0)
		return -1;
	if (result.exit_status == 0)
		return 0;
	autostrbuf struct strbuf why = {0};

	strbuf_add(&why, complaints(r->arena, strbuf_text(&result.err_out), true));
	text_hide_users(why.text, why.length);
	return error_set(err, ERR_NETWORK, "apt cannot bring the lists of its mirrors up to date:\n  %s",
			 why.length ? strbuf_text(&why) : "it ended without saying why");
}

/* All Packages files of the sources. */
static int read_lists(struct apt_root *r, struct error *err)
{
	static const char *const argv[] = {"apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages", NULL};
	const struct process_spec spec = {.argv = argv, .environment = r->environment, .timeout_ms = ASK_TIMEOUT_MS};
	autoresult struct process_result result = {0};

	if (process_run_ok(&spec, &result, err) < 0)
		return -1;
	packages_free(r->packages);
	r->packages = packages_new();
	for (const char *line = strbuf_text(&result.out); *line;) {
		size_t length = strcspn(line, "\n");
		const char *path = arena_strndup(r->arena, line, length);

		if (length && file_size(path) > 0 && packages_add(r->packages, path, err) < 0)
			return -1;
		line += length + (line[length] == '\n');
	}
	return 0;
}

int apt_root_update(struct apt_root *r, struct error *err)
{
	static const char *const argv[] = {"apt-get", "-q", "update", NULL};

	return run_update(r, argv, err) < 0 ? -1 : read_lists(r, err);
}

int apt_root_add_local(struct apt_root *r, const char *packages, const char *suite, struct error *err)
{
	struct arena *a = r->arena;
	const char *list = path_join(a, r->workplace, "local.list"), *all = path_join(a, r->workplace, "sources.list");
	const char *line = arena_printf(a, "deb [trusted=yes] file:%s/local ./\n", r->workplace);
	const char *fields = arena_printf(a, "Origin: lockstep\nSuite: %s\nCodename: %s\n", suite, suite);
	const char *argv[] = {"apt-get", "-q", "update", "-o", arena_printf(a, "Dir::Etc::sourcelist=%s", list), "-o", "APT::Get::List-Cleanup=false", NULL};
	autostrbuf struct strbuf sources = {0}, release = {0};

	repository_add_release(&release, fields, &(struct repository_index){"Packages", packages, strlen(packages)}, 1);
	if (write_file(r, "local/Packages", packages, strlen(packages), err) < 0 ||
	    write_file(r, "local/Release", strbuf_text(&release), release.length, err) < 0 || write_file(r, "local.list", line, strlen(line), err) < 0 ||
	    file_read(all, CONF_LIMIT_BYTES, &sources, err) < 0)
		return -1;
	strbuf_add(&sources, line);
	/* Only this source is read, so the mirrors are not asked again. */
	return run_update(r, argv, err) < 0 ? -1 : write_file(r, "sources.list", strbuf_text(&sources), sources.length, err);
}

int apt_root_set_status(struct apt_root *r, const char *status, size_t length, struct error *err)
{
	return write_file(r, "status", status, length, err);
}

int apt_root_set_preferences(struct apt_root *r, const char *text, size_t length, struct error *err)
{
	return write_file(r, "preferences", text, length, err);
}

/* ---- asking ---- */

/* "Inst name[:arch] [old] (version origin [arch]) [...]", "Remv name[:arch] [version]". `line` is a copy of its own. */
static bool read_action(struct arena *a, char *line, struct apt_action *ret)
{
	bool removes = text_starts_with(line, "Remv ");

	if (!removes && !text_starts_with(line, "Inst "))
		return false;
	char *name = line + strlen("Inst "), *rest = name + strcspn(name, " ");
	struct apt_action action = {.removes = removes};

	if (*rest)
		*rest++ = '\0';
	char *colon = strchr(name, ':');

	if (colon)
		*colon = '\0';
	action.name = arena_strdup(a, name);
	action.architecture = colon ? arena_strdup(a, colon + 1) : NULL;
	action.replaces = !removes && *rest == '[';
	char *begin = strchr(rest, removes ? '[' : '('), *end = begin ? begin + strcspn(begin, " )]") : NULL;

	if (!begin)
		return false;
	action.version = arena_strndup(a, begin + 1, (size_t)(end - begin) - 1);
	if (removes) {
		*ret = action;
		return true;
	}
	char *close = strchr(begin, ')'), *last = close ? memrchr(begin, '[', (size_t)(close - begin)) : NULL;

	if (!last)
		return false;
	action.architecture = arena_strndup(a, last + 1, strcspn(last + 1, "])"));
	*ret = action;
	return true;
}

/* What it says between "Some packages could not be installed" and its errors, and those. */
static const char *refusal_of(struct arena *a, const struct process_result *result)
{
	static const char heading[] = "The following packages have unmet dependencies:";
	const char *found = strstr(strbuf_text(&result->out), heading), *unmet = found ? found + strlen(heading) : NULL;
	const char *why = complaints(a, strbuf_text(&result->err_out), false);
	size_t length = unmet ? strlen(unmet) : 0;

	while (length && unmet[length - 1] == '\n')
		length--;
	return unmet ? arena_printf(a, "%.*s\n%s", (int)length, unmet, why) : why;
}

int apt_root_simulate(struct apt_root *r, struct arena *a, const char *const *words, struct apt_action **ret, size_t *ret_count, const char **ret_refusal,
		      struct error *err)
{
	const char **argv = NULL;
	size_t argc = 0, count = 0;
	struct apt_action *list = NULL;
	autoresult struct process_result result = {0};

	for (const char *const *fixed = (const char *const[]){"apt-get", "--simulate", "--yes", "--quiet", "-o", "Debug::NoLocking=true", NULL}; *fixed;
	     fixed++)
		*arena_push(a, &argv, &argc) = *fixed;
	for (; *words; words++)
		*arena_push(a, &argv, &argc) = *words;
	*arena_push(a, &argv, &argc) = NULL;
	const struct process_spec spec = {.argv = argv, .environment = r->environment, .timeout_ms = SIMULATE_TIMEOUT_MS};

	if (process_run(&spec, &result, err) < 0)
		return -1;
	if (result.exit_status != 0) {
		*ret_refusal = refusal_of(a, &result);
		return 0;
	}
	for (const char *line = strbuf_text(&result.out); *line;) {
		size_t length = strcspn(line, "\n");
		struct apt_action action;

		if (read_action(a, arena_strndup(a, line, length), &action))
			*arena_push(a, &list, &count) = action;
		line += length + (line[length] == '\n');
	}
	*ret = list;
	*ret_count = count;
	return 1;
}
