#include "debian/image_facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "debian/image_files.h"
#include "debian/image_sources.h"
#include "debian/packages.h"

enum {
	PACKAGES_MAX = 50000,
	STANZA_MAX_BYTES = 1024 * 1024,
	TEXT_MAX_BYTES = 1024 * 1024,
	KEY_MAX_BYTES = 4 * 1024 * 1024,
	FILES_MAX = 500,
	ARCHITECTURES_MAX = 16
};

#define STATUS "/var/lib/dpkg/status"
#define ARCHITECTURES "/var/lib/dpkg/arch"
#define SOURCES_LIST "/etc/apt/sources.list"
static const char *const taken_paths[] = {STATUS, ARCHITECTURES, "/etc/apt", "/usr/share/keyrings", NULL};

struct taking {
	struct arena arena;
	struct engine *engine;
	const char *image, *folder; /* folder: where it is made */
	struct image_files files;
	struct image_sources sources;
	size_t key_count;
};

static int write_text(struct taking *t, const char *name, const char *text, size_t length, struct error *err)
{
	const char *path = path_join(&t->arena, t->folder, name);

	return file_make_parents(path, err) < 0 ? -1 : file_write_derived(path, text, length, err);
}

/* 1: it is there, and a text; 0: it is not there. */
static int find_text(struct taking *t, const char *path, size_t max_bytes, const struct image_file **ret, struct error *err)
{
	const struct image_file *file = image_files_find(&t->arena, &t->files, path);

	if (!file)
		return 0;
	if (file->length > max_bytes)
		return error_set(err, ERR_INPUT, "its '%s' has %zu bytes, more than any would have", path, file->length);
	for (size_t i = 0; i < file->length; i++) {
		unsigned char byte = (unsigned char)file->bytes[i];

		if ((byte < ' ' && byte != '\n' && byte != '\t' && byte != '\r') || byte == 0x7f)
			return error_set(err, ERR_INPUT, "its '%s' has a control character, byte %zu", path, i + 1);
	}
	*ret = file;
	return 1;
}

/* The names of a folder that end so; apt reads no others. */
static int find_names(struct taking *t, const char *folder, const char *const *suffixes, const char ***ret, size_t *ret_count, struct error *err)
{
	const char **all, **names = NULL;
	size_t all_count, count = 0;

	image_files_in(&t->arena, &t->files, folder, &all, &all_count);
	for (size_t i = 0; i < all_count; i++) {
		bool fits = false;

		for (const char *const *s = suffixes; *s; s++)
			fits |= text_ends_with(all[i], *s);
		if (fits && image_path_is_plain(path_join(&t->arena, folder, all[i])))
			*arena_push(&t->arena, &names, &count) = all[i];
	}
	if (count > FILES_MAX)
		return error_set(err, ERR_INPUT, "its '%s' has %zu files, more than any would have", folder, count);
	*ret = names;
	*ret_count = count;
	return 0;
}

/* ---- dpkg ---- */

bool image_facts_is_installed(struct arena *a, const char *stanza)
{
	const char *status = stanza_field(a, stanza, "Status"), *state = status ? strrchr(status, ' ') : NULL;

	return state && (!strcmp(state, " installed") || text_starts_with(state, " triggers-"));
}

static bool is_known(struct taking *t, const char *stanza)
{
	const char *status = stanza_field(&t->arena, stanza, "Status");

	return status && stanza_field(&t->arena, stanza, "Version") && !text_ends_with(status, " not-installed");
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* dpkg has one package of a name for an architecture. */
static int check_twice(const char **names, size_t count, struct error *err)
{
	if (count)
		qsort(names, count, sizeof(*names), compare_words);
	for (size_t i = 1; i < count; i++) {
		if (!strcmp(names[i - 1], names[i]))
			return error_set(err, ERR_INPUT, "its '" STATUS "' has package '%s' twice", names[i]);
	}
	return 0;
}

/* Every stanza of a package it knows something of, each behind the other with an empty line between; *ret_own: the architecture of dpkg itself, NULL without it. */
static int check_status(struct taking *t, const char *text, struct strbuf *out, const char **ret_own, bool *ret_apt, struct error *err)
{
	const char **names = NULL;
	size_t count = 0;

	while (*(text += strspn(text, "\n"))) {
		size_t length = stanza_length(text);
		const char *stanza = length > STANZA_MAX_BYTES ? "" : arena_strndup(&t->arena, text, length);
		struct deb_record r;

		if (!*stanza || count == PACKAGES_MAX)
			return error_set(err, ERR_INPUT, "its '" STATUS "' has more in it than any would have");
		text += length;
		if (!is_known(t, stanza))
			continue;
		if (deb_record_read(&t->arena, stanza, false, "its " STATUS, &r, err) < 0)
			return -1;
		*arena_push(&t->arena, &names, &count) = arena_printf(&t->arena, "%s:%s", r.name, r.architecture);
		strbuf_printf(out, "%s%s", out->length ? "\n" : "", r.stanza);
		if (!image_facts_is_installed(&t->arena, stanza))
			continue;
		if (!strcmp(r.name, "dpkg"))
			*ret_own = r.architecture;
		*ret_apt |= !strcmp(r.name, "apt");
	}
	return check_twice(names, count, err);
}

/* Its own first, then those it installs besides. */
static int write_architectures(struct taking *t, const char *own, struct error *err)
{
	autostrbuf struct strbuf out = {0};
	const struct image_file *file = NULL;
	size_t count = 1;

	if (find_text(t, ARCHITECTURES, TEXT_MAX_BYTES, &file, err) < 0)
		return -1;
	if (own)
		strbuf_printf(&out, "%s\n", own);
	for (const char *p = own && file ? file->bytes : ""; *p;) {
		const char *word = arena_strndup(&t->arena, p, strcspn(p, " \t\r\n"));

		p += strlen(word);
		p += *p != '\0';
		if (!*word || !strcmp(word, own))
			continue;
		if (!deb_is_architecture(word) || count++ == ARCHITECTURES_MAX)
			return error_set(err, ERR_INPUT, "its '" ARCHITECTURES "' names what is no architecture, or too many");
		strbuf_printf(&out, "%s\n", word);
	}
	return write_text(t, "architectures", strbuf_text(&out), out.length, err);
}

static int write_dpkg(struct taking *t, struct error *err)
{
	autostrbuf struct strbuf status = {0};
	const struct image_file *file = NULL;
	const char *own = NULL;
	bool has_apt = false;

	if (find_text(t, STATUS, SIZE_MAX, &file, err) < 0)
		return -1;
	if (file && check_status(t, file->bytes, &status, &own, &has_apt, err) < 0)
		return -1;
	/* With one of the two alone no step can install anything. */
	if (write_architectures(t, has_apt ? own : NULL, err) < 0)
		return -1;
	return write_text(t, "status", strbuf_text(&status), status.length, err);
}

/* ---- apt ---- */

static int read_source_file(struct taking *t, const char *path, struct error *err)
{
	const struct image_file *file = NULL;
	int found = find_text(t, path, TEXT_MAX_BYTES, &file, err);

	return found <= 0 ? found : image_sources_read(&t->sources, path, file->bytes, text_ends_with(path, ".sources"), err);
}

static int read_sources(struct taking *t, struct error *err)
{
	static const char *const suffixes[] = {".list", ".sources", NULL};
	const char **names;
	size_t count;

	if (read_source_file(t, SOURCES_LIST, err) < 0 || find_names(t, SOURCES_LIST ".d", suffixes, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (read_source_file(t, path_join(&t->arena, SOURCES_LIST ".d", names[i]), err) < 0)
			return -1;
	}
	return 0;
}

/* Keys that sources name and that stand elsewhere. */
static int take_further_keys(struct taking *t, struct error *err)
{
	const char **paths = NULL;
	size_t count = 0;

	for (size_t i = 0; i < t->sources.count; i++) {
		for (const char *const *key = t->sources.items[i].keys; key && *key; key++) {
			if (**key == '/' && image_path_is_plain(*key) && !image_files_find(&t->arena, &t->files, *key) && count < FILES_MAX)
				*arena_push(&t->arena, &paths, &count) = *key;
		}
	}
	*arena_push(&t->arena, &paths, &count) = NULL;
	return *paths ? image_files_take(&t->arena, t->engine, t->image, paths, &t->files, err) : 0;
}

/* gpg tells text from bytes; apt goes by the name. */
static const char *key_suffix(const char *bytes, size_t length)
{
	return memmem(bytes, length, "-----BEGIN", strlen("-----BEGIN")) ? "asc" : "gpg";
}

static int write_key(struct taking *t, const char *bytes, size_t length, struct strbuf *out, struct error *err)
{
	const char *name = arena_printf(&t->arena, "keys/%zu.%s", t->key_count++, key_suffix(bytes, length));

	strbuf_printf(out, "%s@/%s", out->length ? "," : "", name);
	return write_text(t, name, bytes, length, err);
}

static int write_named_key(struct taking *t, const char *key, struct strbuf *out, struct error *err)
{
	const struct image_file *file = *key == '/' ? image_files_find(&t->arena, &t->files, key) : NULL;

	if (*key != '/') {
		strbuf_printf(out, "%s%s", out->length ? "," : "", key);
		return 0;
	}
	if (!file || file->length > KEY_MAX_BYTES)
		return error_set(err, ERR_INPUT, "one of its sources is signed by '%s', which it has not got", key);
	return write_key(t, file->bytes, file->length, out, err);
}

static int write_source(struct taking *t, const struct image_source *s, struct strbuf *out, struct error *err)
{
	autostrbuf struct strbuf keys = {0}, options = {0};

	if (s->key && write_key(t, s->key, strlen(s->key), &keys, err) < 0)
		return -1;
	for (const char *const *key = s->keys; key && *key; key++) {
		if (write_named_key(t, *key, &keys, err) < 0)
			return -1;
	}
	if (s->architectures)
		strbuf_printf(&options, " arch=%s", s->architectures);
	if (s->trusted)
		strbuf_printf(&options, " trusted=%s", s->trusted);
	if (s->check_valid_until)
		strbuf_printf(&options, " check-valid-until=%s", s->check_valid_until);
	if (keys.length)
		strbuf_printf(&options, " signed-by=%s", strbuf_text(&keys));
	strbuf_add(out, "deb ");
	if (options.length)
		strbuf_printf(out, "[%s] ", strbuf_text(&options) + 1);
	strbuf_printf(out, "%s %s%s%s\n", s->address, s->suite, *s->components ? " " : "", s->components);
	return 0;
}

static int write_sources(struct taking *t, struct error *err)
{
	autostrbuf struct strbuf lines = {0}, left_out = {0};

	if (read_sources(t, err) < 0 || take_further_keys(t, err) < 0)
		return -1;
	for (size_t i = 0; i < t->sources.count; i++) {
		if (write_source(t, &t->sources.items[i], &lines, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < t->sources.left_out_count; i++)
		strbuf_printf(&left_out, "%s\n", t->sources.left_out[i]);
	if (write_text(t, "sources", strbuf_text(&lines), lines.length, err) < 0)
		return -1;
	return write_text(t, "left-out", strbuf_text(&left_out), left_out.length, err);
}

/* What apt trusts for sources that name no key. */
static int write_trusted(struct taking *t, struct error *err)
{
	static const char *const suffixes[] = {".gpg", ".asc", NULL}, folder[] = "/etc/apt/trusted.gpg.d";
	const struct image_file *file = image_files_find(&t->arena, &t->files, "/etc/apt/trusted.gpg");
	const char **names;
	size_t count;

	if (file && file->length <= KEY_MAX_BYTES && write_text(t, "trusted.gpg", file->bytes, file->length, err) < 0)
		return -1;
	if (find_names(t, folder, suffixes, &names, &count, err) < 0 || file_make_dirs(path_join(&t->arena, t->folder, "trusted.gpg.d"), err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		file = image_files_find(&t->arena, &t->files, path_join(&t->arena, folder, names[i]));
		if (file && file->length <= KEY_MAX_BYTES && write_text(t, path_join(&t->arena, "trusted.gpg.d", names[i]), file->bytes, file->length, err) < 0)
			return -1;
	}
	return 0;
}

static int write_preference(struct taking *t, const char *path, const char *name, struct error *err)
{
	const struct image_file *file = NULL;
	int found = find_text(t, path, TEXT_MAX_BYTES, &file, err);

	return found <= 0 ? found : write_text(t, path_join(&t->arena, "preferences.d", name), file->bytes, file->length, err);
}

static int write_preferences(struct taking *t, struct error *err)
{
	static const char folder[] = "/etc/apt/preferences.d";
	const char **names;
	size_t count;

	image_files_in(&t->arena, &t->files, folder, &names, &count);
	if (count > FILES_MAX)
		return error_set(err, ERR_INPUT, "its '%s' has %zu files, more than any would have", folder, count);
	if (file_make_dirs(path_join(&t->arena, t->folder, "preferences.d"), err) < 0 || write_preference(t, "/etc/apt/preferences", "00-main", err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *path = path_join(&t->arena, folder, names[i]), *dot = strchr(names[i], '.');

		/* apt reads names without a suffix, and "x.pref". */
		if (!image_path_is_plain(path) || *names[i] == '.' || (dot && strcmp(dot, ".pref") != 0))
			continue;
		if (write_preference(t, path, arena_printf(&t->arena, "10-%s", names[i]), err) < 0)
			return -1;
	}
	return 0;
}

/* ---- all of it ---- */

static int write_all(struct taking *t, struct error *err)
{
	if (image_files_take(&t->arena, t->engine, t->image, taken_paths, &t->files, err) < 0 || write_dpkg(t, err) < 0)
		return -1;
	return write_sources(t, err) < 0 || write_trusted(t, err) < 0 || write_preferences(t, err) < 0 ? -1 : 0;
}

static int put_in_place(const char *made, const char *folder, struct error *err)
{
	autoerror struct error why_not = {0};

	/* Another lockstep may have been as quick. */
	if (file_is_dir(folder) || file_rename(made, folder, &why_not) == 0 || file_is_dir(folder))
		return 0;
	error_move(err, &why_not);
	return -1;
}

int image_facts_take(struct engine *e, const char *image, const char *folder, struct error *err)
{
	struct taking t = {.engine = e, .image = image};
	const char *work = NULL;

	t.sources.arena = &t.arena;
	const char *parent = arena_strndup(&t.arena, folder, (size_t)(strrchr(folder, '/') - folder));
	int failed = file_make_dirs(parent, err) < 0 || workplace_make(&t.arena, parent, 0755, &work, err) < 0;

	if (!failed) {
		t.folder = path_join(&t.arena, work, "image");
		failed = file_make_dirs(t.folder, err) < 0 || write_all(&t, err) < 0;
	}
	if (!failed)
		failed = put_in_place(t.folder, folder, err);
	workplace_drop(work);
	arena_release(&t.arena);
	return failed ? -1 : 0;
}
