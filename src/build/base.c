#include "build/base.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "debian/access.h"
#include "debian/mirrors.h"
#include "debian/question.h"
#include "debian/repository.h"
#include "debian/sources.h"
#include "fetch/store.h"
#include "lock/lock.h"
#include "base/workplace.h"
#include "io/digest.h"
#include "recipe/database.h"

/* Another number when what comes out changes though the recipe does not. */
#define BASE_VERSION "1"
/* Files in a tree are no newer than this (2024-01-01), so that the same packages give the same bytes. Not before 1980: zip files cannot say so. */
enum { BASE_EPOCH_UNIX = 1704067200 };

/* The apt and dpkg options are written into the tree, so they hold for what layer recipes install too. */
static const char *const options[] = {
	"--format=tar",
	"--verbose",
	"--aptopt=APT::Install-Recommends \"false\"",
	"--aptopt=Acquire::Languages \"none\"",
	"--aptopt=Acquire::Retries \"5\"",
	"--aptopt=Dpkg::Use-Pty \"false\"",
	"--dpkgopt=path-exclude=/usr/share/man/*",
	"--dpkgopt=path-exclude=/usr/share/info/*",
	"--dpkgopt=path-exclude=/usr/share/locale/*",
	"--dpkgopt=path-exclude=/usr/share/doc/*",
	"--dpkgopt=path-include=/usr/share/doc/*/copyright",
	"--dpkgopt=force-unsafe-io",
	/* It brings this machine's own; a tree is the same wherever it is made, and tells nobody where that was. */
	"--customize-hook=rm -f \"$1\"/etc/resolv.conf \"$1\"/etc/hostname",
};

static const char *bases_folder(struct arena *a)
{
	return path_join(a, path_cache_dir(a), "bases");
}

static void add_list(struct digest *d, const char *const *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		digest_add_part(d, items[i]);
	digest_add_part(d, NULL);
}

static const char *tree_key(struct arena *a, const struct base_tree *t)
{
	const struct base *b = t->base;
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, "lockstep base " BASE_VERSION);
	digest_add_part(&d, b->suite);
	digest_add_part(&d, b->variant);
	digest_add_part(&d, b->environment.machine);
	add_list(&d, b->components, b->component_count);
	add_list(&d, b->packages, b->package_count);
	add_list(&d, t->mirrors, t->mirror_count);
	add_list(&d, options, ARRAY_LEN(options));
	for (size_t i = 0; i < t->deb_count; i++)
		digest_add_part(&d, t->debs[i]->sha256);
	digest_end(&d, hex);
	return arena_strdup(a, hex);
}

/* The digest is written beside the tar before the tar is moved to its place, so a tar always has one. */
static const char *read_digest(struct arena *a, const struct base_tree *t)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};

	if (file_size(t->path) <= 0 || file_read(arena_printf(a, "%s.sha256", t->path), 128, &text, &ignored) < 0)
		return NULL;
	const char *hex = arena_strndup(a, strbuf_text(&text), strcspn(strbuf_text(&text), "\n"));

	return digest_is_hex(hex) ? hex : NULL;
}

static void find_debs(struct arena *a, struct base_tree *t, const struct lock *lock)
{
	const char *label = system_base_label(a, t->base);

	for (size_t i = 0; i < lock->deb_count; i++) {
		if (lock_deb_in(&lock->debs[i], label))
			*arena_push(a, &t->debs, &t->deb_count) = &lock->debs[i];
	}
}

static int find_mirrors(struct arena *a, struct base_memory *memory, struct base_tree *t, struct error *err)
{
	const struct base *base = t->base;

	for (size_t i = 0; i < memory->count; i++) {
		if (memory->items[i].base != base)
			continue;
		t->mirrors = memory->items[i].lines;
		t->mirror_count = memory->items[i].count;
		return 0;
	}
	if (mirrors_of_suite(a, base->suite, base->components, base->component_count, &t->mirrors, &t->mirror_count, err) < 0)
		return error_wrap(err, "base '%s'", base->name);
	*arena_push(a, &memory->items, &memory->count) = (struct base_mirrors){base, t->mirrors, t->mirror_count};
	return 0;
}

int base_tree_find(struct arena *a, const struct base *base, const struct lock *lock, struct base_memory *memory, struct base_tree *ret, struct error *err)
{
	struct base_tree t = {.base = base};

	if (find_mirrors(a, memory, &t, err) < 0)
		return -1;
	find_debs(a, &t, lock);
	t.key = tree_key(a, &t);
	t.path = arena_printf(a, "%s/%s.tar", bases_folder(a), t.key);
	t.sha256 = read_digest(a, &t);
	*ret = t;
	return 0;
}

static const char *joined(struct arena *a, const char *option, const char *const *items, size_t count)
{
	autostrbuf struct strbuf s = {0};

	for (size_t i = 0; i < count; i++)
		strbuf_printf(&s, "%s%s", i ? "," : option, items[i]);
	return arena_strdup(a, strbuf_text(&s));
}

static const char *const *make_environment(struct arena *a, const struct base_tree *t, const struct access *access)
{
	const char **list = NULL;
	size_t count = 0;

	for (const char *const *p = access->proxies; p && *p; p++)
		*arena_push(a, &list, &count) = *p;
	*arena_push(a, &list, &count) = arena_printf(a, "SOURCE_DATE_EPOCH=%lld", (long long)clock_source_date_unix(BASE_EPOCH_UNIX));
	/* The tree is unpacked in there; when mmdebstrap is killed, we know what to remove. */
	*arena_push(a, &list, &count) = arena_printf(a, "TMPDIR=%s", t->workplace);
	*arena_push(a, &list, &count) = "LC_ALL=C.UTF-8";
	*arena_push(a, &list, &count) = "DEBIAN_FRONTEND=noninteractive";
	*arena_push(a, &list, &count) = NULL;
	return list;
}

static int make_folders(struct arena *a, struct base_tree *tree, struct error *err)
{
	const char *folder = bases_folder(a);

	/* apt works in them as another user. */
	if (file_make_dirs(folder, err) < 0 || workplace_make(a, folder, 0755, &tree->output, err) < 0)
		return -1;
	return workplace_make(a, workplace_temporary(), 0755, &tree->workplace, err);
}

/* ---- what mmdebstrap is told ---- */

/* Grows as words are added; ends with NULL in the end. */
struct words {
	struct arena *arena;
	const char **items;
	size_t count;
};

static void add_word(struct words *w, const char *word)
{
	*arena_push(w->arena, &w->items, &w->count) = word;
}

/* In the tree only while it is made: a file that `apt-get` finds there, with the mode given. */
static void lend_file(struct words *w, const char *file, const char *target, const char *mode)
{
	autostrbuf struct strbuf quoted = {0};

	if (!file)
		return;
	text_shell_quote(&quoted, file);
	add_word(w, arena_printf(w->arena, "--setup-hook=install -D -m %s /dev/null \"$1\"%s", mode, target));
	add_word(w, arena_printf(w->arena, "--setup-hook=upload %s %s", strbuf_text(&quoted), target));
	add_word(w, arena_printf(w->arena, "--customize-hook=rm -f \"$1\"%s", target));
}

static void add_from_mirrors(struct words *w, const struct base_tree *tree, const struct access *access)
{
	const struct base *b = tree->base;

	if (b->package_count)
		add_word(w, joined(w->arena, "--include=", b->packages, b->package_count));
	lend_file(w, access->apt_conf, "/etc/apt/apt.conf.d/98lockstep", "0644");
	lend_file(w, access->auth_file, "/etc/apt/auth.conf.d/98lockstep.conf", "0600");
	add_word(w, b->suite);
	add_word(w, arena_printf(w->arena, "%s/base.tar", tree->output));
	for (size_t i = 0; i < tree->mirror_count; i++)
		add_word(w, tree->mirrors[i]);
}

/* The locked packages, all of them by name, from a repository that has no others. */
static int write_repository(struct arena *a, const struct base_tree *tree, const char *folder, struct error *err)
{
	struct repository_deb *debs = arena_array(a, tree->deb_count + 1, sizeof(*debs));

	if (file_make_dirs(folder, err) < 0)
		return -1;
	for (size_t i = 0; i < tree->deb_count; i++) {
		const struct lock_deb *deb = tree->debs[i];

		if (!store_has(deb->sha256, (int64_t)deb->size_bytes))
			return error_set(err, ERR_NOT_FOUND, "'%s' is not in the store of fetched files; run 'lockstep fetch'", deb->file);
		if (file_link_or_copy(store_path(a, deb->sha256), path_join(a, folder, deb->file), err) < 0)
			return -1;
		debs[i] = (struct repository_deb){deb->file, deb->sha256};
	}
	return repository_write(folder, tree->base->suite, arena_printf(a, "copy:%s", folder), debs, tree->deb_count, err);
}

/* In the end the tree names the mirrors of this machine, as if it came from there. */
static int write_sources(struct arena *a, const struct base_tree *tree, const char *path, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	const char *const *lines;
	size_t count;

	if (sources_of_base(a, tree->base, &lines, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&text, "%s\n", lines[i]);
	return file_write_derived(path, strbuf_text(&text), text.length, err);
}

static const char *all_names(struct arena *a, const struct base_tree *tree)
{
	autostrbuf struct strbuf s = {0};
	const char *own = debian_architecture(tree->base->environment.machine);

	strbuf_add(&s, "--include=");
	for (size_t i = 0; i < tree->deb_count; i++) {
		const struct lock_deb *deb = tree->debs[i];
		bool is_foreign = strcmp(deb->architecture, "all") != 0 && strcmp(deb->architecture, own) != 0;

		strbuf_printf(&s, "%s%s%s%s", i ? "," : "", deb->name, is_foreign ? ":" : "", is_foreign ? deb->architecture : "");
	}
	return arena_strdup(a, strbuf_text(&s));
}

static int add_from_store(struct words *w, const struct base_tree *tree, struct error *err)
{
	const char *folder = path_join(w->arena, tree->workplace, "repository"), *sources = path_join(w->arena, tree->workplace, "sources.list");
	autostrbuf struct strbuf quoted = {0};

	if (write_repository(w->arena, tree, folder, err) < 0 || write_sources(w->arena, tree, sources, err) < 0)
		return -1;
	text_shell_quote(&quoted, sources);
	add_word(w, all_names(w->arena, tree));
	add_word(w, arena_printf(w->arena, "--customize-hook=upload %s /etc/apt/sources.list", strbuf_text(&quoted)));
	add_word(w, tree->base->suite);
	add_word(w, arena_printf(w->arena, "%s/base.tar", tree->output));
	add_word(w, arena_printf(w->arena, "deb [trusted=yes] copy:%s ./", folder));
	return 0;
}

int base_tree_command(struct arena *a, struct base_tree *tree, const struct access *access, struct process_spec *ret, struct error *err)
{
	autofree char *program = process_find("mmdebstrap");
	const struct base *b = tree->base;
	struct words w = {.arena = a};

	if (!program)
		return error_set(err, ERR_NOT_FOUND, "base '%s' is made by 'mmdebstrap', which is not in PATH; 'apt-get install mmdebstrap' mends that",
				 b->name);
	if (make_folders(a, tree, err) < 0)
		return -1;
	add_word(&w, arena_strdup(a, program));
	add_word(&w, arena_printf(a, "--variant=%s", b->variant));
	add_word(&w, joined(a, "--components=", b->components, b->component_count));
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		add_word(&w, options[i]);
	if (!tree->deb_count)
		add_from_mirrors(&w, tree, access);
	else if (add_from_store(&w, tree, err) < 0)
		return -1;
	add_word(&w, NULL);
	*ret = (struct process_spec){.argv = w.items, .environment = make_environment(a, tree, access)};
	return 0;
}

int base_tree_finish(struct arena *a, struct base_tree *tree, struct error *err)
{
	const char *made = path_join(a, tree->output, "base.tar");
	char hex[DIGEST_HEX_LENGTH + 1];

	if (file_size(made) <= 0)
		return error_set(err, ERR_ENGINE, "mmdebstrap ended well but made no tree for base '%s'", tree->base->name);
	if (digest_file(made, hex, err) < 0)
		return -1;
	const char *line = arena_printf(a, "%s\n", hex);

	if (file_write(arena_printf(a, "%s.sha256", tree->path), line, strlen(line), err) < 0 || file_rename(made, tree->path, err) < 0)
		return -1;
	tree->sha256 = arena_strdup(a, hex);
	return 0;
}

void base_tree_drop(struct base_tree *tree)
{
	workplace_drop(tree->output);
	workplace_drop(tree->workplace);
	tree->output = tree->workplace = NULL;
}
