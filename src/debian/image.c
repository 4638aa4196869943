#include "debian/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/text.h"
#include "debian/image_facts.h"
#include "engine/engine.h"
#include "engine/pull.h"
#include "io/digest.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* Another number when other files are kept of the same image. */
#define IMAGE_VERSION "lockstep image 1"
enum { KEY_LENGTH = 32, FACT_LIMIT_BYTES = 32 * 1024 * 1024 };

/* An index of several machines' images leads to this machine's. */
static const char *folder_of(struct arena *a, const struct base *base)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct utsname machine;
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, IMAGE_VERSION);
	digest_add_part(&d, strrchr(base->image, '@'));
	digest_add_part(&d, uname(&machine) == 0 ? machine.machine : "");
	digest_end(&d, hex);
	return arena_printf(a, "%s/images/%.*s", path_cache_dir(a), KEY_LENGTH, hex);
}

/* ---- asking ---- */

/* "recipes/bases/x.yaml:3: image '...'", as building says it. */
static const char *place_of(struct arena *a, const struct base *base)
{
	return arena_printf(a, "%s:%u: image '%s'", base->image_pos.file, base->image_pos.line, base->image);
}

static int fetch(struct arena *a, struct engine *e, const struct base *base, struct error *err)
{
	autoerror struct error why_not = {0};
	autostrbuf struct strbuf why = {0};

	if (e->driver->pull(e, base->image, &why_not) == 0)
		return 0;
	if (why_not.code == ERR_CANCELLED) {
		error_move(err, &why_not);
		return -1;
	}
	bool is_known = pull_explain(e, base->image, why_not.text, &why);

	return error_set(err, ERR_ENGINE, "%s cannot be fetched: %s", place_of(a, base), is_known ? strbuf_text(&why) : why_not.text);
}

static int ask(struct arena *a, const struct base *base, const struct image_asking *asking, const char *folder, struct error *err)
{
	struct engine e;

	if (asking->open_engine(asking->open_context, &e, err) < 0) {
		error_wrap(err, "%s must be asked for its Debian packages, and there is no engine to ask it with", place_of(a, base));
		return error_hint(err, "an engine is asked once for an image; LOCKSTEP_SYSTEM_PACKAGES=unlocked leaves Debian packages out of the lock");
	}
	if (asking->on_progress)
		asking->on_progress(asking->context, arena_printf(a, "asking image '%s' for its Debian packages", base->image));
	if (fetch(a, &e, base, err) < 0)
		return -1;
	return image_facts_take(&e, base->image, folder, err) < 0 ? error_wrap(err, "%s", place_of(a, base)) : 0;
}

/* ---- what is kept ---- */

static int read_fact(struct arena *a, const char *folder, const char *name, const char **ret, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	if (file_read(path_join(a, folder, name), FACT_LIMIT_BYTES, &text, err) < 0)
		return -1;
	*ret = arena_strndup(a, strbuf_text(&text), text.length);
	return 0;
}

static const char *const *lines_of(struct arena *a, const char *text, size_t *ret_count)
{
	const char **lines = NULL;
	size_t count = 0;

	while (*text) {
		size_t length = strcspn(text, "\n");

		*arena_push(a, &lines, &count) = arena_strndup(a, text, length);
		text += length + (text[length] == '\n');
	}
	*ret_count = count;
	*arena_push(a, &lines, &count) = NULL;
	return lines;
}

/* Keys stand in the lines as "@/keys/0.gpg". */
static const char *with_folder(struct arena *a, const char *line, const char *folder)
{
	autostrbuf struct strbuf out = {0};
	const char *end = strchr(line, ']');

	for (const char *p = line; *p; p++) {
		if (end && p < end && text_starts_with(p, "@/"))
			strbuf_add(&out, folder);
		else
			strbuf_add_char(&out, *p);
	}
	return arena_strdup(a, strbuf_text(&out));
}

static bool has_suffix(const char *line, const char *suffix)
{
	const char *suite = strchr(line, ']') ? strchr(line, ']') + 2 : line + strlen("deb ");

	suite += strcspn(suite, " ");
	suite += *suite == ' ';
	const char *word = suite;
	size_t length = strcspn(word, " "), wanted = strlen(suffix);

	return length > wanted && !strncmp(word + length - wanted, suffix, wanted);
}

/* The line with LOCKSTEP_APT_MIRROR, which has everything under the suite's own name, in place of its address; NULL for the suites beside it. */
static const char *with_mirror(struct arena *a, const char *line, const char *mirror)
{
	const char *close = strchr(line, ']'), *rest = close ? close + 2 : line + strlen("deb "), *end = close ? close + 2 : rest;

	if (has_suffix(line, "-updates") || has_suffix(line, "-security"))
		return NULL;
	rest += strcspn(rest, " ");
	return arena_printf(a, "deb %.*s%s%s", *mirror == '[' ? 0 : (int)(end - line - (long)strlen("deb ")), line + strlen("deb "), mirror, rest);
}

static void read_sources(struct arena *a, const char *text, struct image *ret)
{
	const char *mirror = getenv("LOCKSTEP_APT_MIRROR"), **sources = NULL;
	size_t line_count, count = 0;
	const char *const *lines = lines_of(a, text, &line_count);

	for (size_t i = 0; i < line_count; i++) {
		const char *line = with_folder(a, lines[i], ret->folder);
		bool known = false;

		if (mirror && *mirror)
			line = with_mirror(a, line, mirror);
		for (size_t k = 0; line && k < count && !known; k++)
			known = !strcmp(sources[k], line);
		if (line && !known)
			*arena_push(a, &sources, &count) = line;
	}
	ret->sources = sources;
	ret->source_count = count;
}

static int read_packages(struct arena *a, const char *status, struct image *ret, struct error *err)
{
	for (const char *at = status; *at;) {
		size_t length = stanza_length(at);
		struct image_package *p = arena_push(a, &ret->packages, &ret->package_count);

		*p = (struct image_package){0};
		if (deb_record_read(a, arena_strndup(a, at, length), false, "the image's /var/lib/dpkg/status", &p->record, err) < 0)
			return -1;
		p->is_installed = image_facts_is_installed(a, p->record.stanza);
		at += length + (at[length] == '\n');
	}
	return 0;
}

static int read_kept(struct arena *a, const char *folder, struct image *ret, struct error *err)
{
	const char *architectures, *sources, *left_out, *status;
	struct image image = {.folder = folder};
	size_t count;

	if (read_fact(a, folder, "architectures", &architectures, err) < 0 || read_fact(a, folder, "sources", &sources, err) < 0 ||
	    read_fact(a, folder, "left-out", &left_out, err) < 0 || read_fact(a, folder, "status", &status, err) < 0)
		return -1;
	image.architectures = lines_of(a, architectures, &count);
	image.left_out = lines_of(a, left_out, &count);
	read_sources(a, sources, &image);
	if (read_packages(a, status, &image, err) < 0)
		return -1;
	*ret = image;
	return 0;
}

int image_read(struct arena *a, const struct base *base, const struct image_asking *asking, struct image *ret, struct error *err)
{
	const char *folder = folder_of(a, base);
	autoerror struct error broken = {0};

	if (file_is_dir(folder)) {
		if (read_kept(a, folder, ret, &broken) == 0)
			return 0;
		/* Somebody cleaned up, or a disk was full. */
		if (file_remove_tree(folder, err) < 0)
			return -1;
	}
	return ask(a, base, asking, folder, err) < 0 ? -1 : read_kept(a, folder, ret, err);
}

const struct image_package *image_package(const struct image *image, const char *name, const char *architecture)
{
	for (size_t i = 0; i < image->package_count; i++) {
		const struct image_package *p = &image->packages[i];

		if (p->is_installed && !strcmp(p->record.name, name) && lock_deb_same_architecture(p->record.architecture, architecture))
			return p;
	}
	return NULL;
}
