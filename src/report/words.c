#include "report/words.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"

static const char *kept(struct arena *a, const struct strbuf *text)
{
	return arena_strdup(a, strbuf_text(text));
}

const char *words_title(struct arena *a, const struct changes *changes)
{
	const char *new_name = changes->new_name ? changes->new_name : "new";

	return changes->old_name ? arena_printf(a, "%s -> %s", changes->old_name, new_name) : arena_printf(a, "%s, the first release", new_name);
}

static void add_item(struct strbuf *out, const char *separator, size_t count, const char *word)
{
	if (count)
		strbuf_printf(out, "%s%zu %s", out->length ? separator : "", count, word);
}

const char *words_counts(struct arena *a, const struct change_list *list)
{
	autostrbuf struct strbuf out = {0}, steps = {0};
	const size_t *n = list->classes;
	size_t upgraded = n[CHANGE_MAJOR] + n[CHANGE_MINOR] + n[CHANGE_PATCH] + n[CHANGE_UPGRADED];

	add_item(&steps, ", ", n[CHANGE_MAJOR], "major");
	add_item(&steps, ", ", n[CHANGE_MINOR], "minor");
	add_item(&steps, ", ", n[CHANGE_PATCH], "patch");
	add_item(&out, ", ", upgraded, "upgraded");
	if (upgraded && steps.length)
		strbuf_printf(&out, " (%s)", steps.text);
	add_item(&out, ", ", n[CHANGE_DOWNGRADED], "downgraded");
	add_item(&out, ", ", n[CHANGE_ADDED], "added");
	add_item(&out, ", ", n[CHANGE_REMOVED], "removed");
	add_item(&out, ", ", n[CHANGE_ORIGIN], "from elsewhere");
	add_item(&out, ", ", n[CHANGE_FILES], "with other files");
	return kept(a, &out);
}

const char *words_summary(struct arena *a, const struct changes *changes)
{
	const struct change_list *packages = &changes->packages;
	size_t direct = 0;

	for (size_t i = 0; i < packages->count; i++)
		direct += packages->rows[i].direct;
	if (!changes->old_name)
		return arena_printf(a, "%zu container%s, %zu package%s, %zu of them direct", changes->container_count, text_plural(changes->container_count),
				    packages->count, text_plural(packages->count), direct);
	if (!changes_any(changes))
		return "nothing that is installed differs";
	if (!packages->count)
		return arena_printf(a, "no package changed, %zu the same", packages->same_count);
	return arena_printf(a, "packages: %s; %zu the same", words_counts(a, packages), packages->same_count);
}

/* As git and others shorten digests for people. */
enum { SHORT_LENGTH = 12 };

static size_t hex_length(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

const char *words_version(struct arena *a, const char *version)
{
	enum { SHA256_LENGTH = 64 };
	size_t digits = hex_length(version);

	return digits == SHA256_LENGTH && !version[digits] ? arena_strndup(a, version, SHORT_LENGTH) : version;
}

/* With a commit's first digits only. */
static const char *short_reference(struct arena *a, const char *reference)
{
	enum { COMMIT_LENGTH = 40 };
	const char *at = strrchr(reference, '@');

	if (!at || !text_starts_with(reference, "git+") || hex_length(at + 1) != COMMIT_LENGTH)
		return reference;
	return arena_printf(a, "%.*s%s", (int)(at + 1 + SHORT_LENGTH - reference), reference, at + 1 + COMMIT_LENGTH);
}

/* An index's alias, or the address that stands for one. */
static const char *origin(struct arena *a, const char *index, const char *reference)
{
	return index ? index : reference ? short_reference(a, reference) : "nowhere";
}

bool words_origin(struct arena *a, const struct change_cell *cell, const char **ret_old, const char **ret_new)
{
	*ret_old = origin(a, cell->old_index, cell->old_reference);
	*ret_new = origin(a, cell->new_index, cell->new_reference);
	return cell->new_version && (cell->old_version ? strcmp(*ret_old, *ret_new) != 0 : cell->new_reference != NULL);
}

const char *words_made(const struct change_cell *cell)
{
	if (!cell->old_version)
		return cell->new_built_from ? "built from source" : "";
	if (!cell->new_version || (!cell->old_built_from && !cell->new_built_from))
		return "";
	if (!cell->old_built_from || !cell->new_built_from)
		return cell->new_built_from ? "built from source now" : "no longer built from source";
	if (cell->class != CHANGE_FILES)
		return "";
	return strcmp(cell->old_built_from, cell->new_built_from) != 0 ? "built from other source" : "built again from the same source";
}

const char *words_step(struct arena *a, const struct change_cell *cell)
{
	const char *old = cell->old_version ? words_version(a, cell->old_version) : NULL, *new = cell->new_version ? words_version(a, cell->new_version) : NULL;
	const char *old_origin, *new_origin, *made = words_made(cell);
	const char *step = !old || !new ? (old ? old : new) : strcmp(old, new) != 0 ? arena_printf(a, "%s -> %s", old, new) : new;

	if (words_origin(a, cell, &old_origin, &new_origin))
		step = old ? arena_printf(a, "%s (%s -> %s)", step, old_origin, new_origin) : arena_printf(a, "%s (%s)", step, new_origin);
	return *made ? arena_printf(a, "%s, %s", step, made) : step;
}

const char *words_list(struct arena *a, const char *const *items, size_t count, size_t most)
{
	autostrbuf struct strbuf out = {0};

	for (size_t i = 0; i < count && (i < most || count == most + 1); i++)
		strbuf_printf(&out, "%s%s", i ? ", " : "", items[i]);
	if (count > most + 1)
		strbuf_printf(&out, " and %zu more", count - most);
	return kept(a, &out);
}

enum { NAMED_CONTAINERS = 3, NAMED_PACKAGES = 3 };

const char *words_first_debs(struct arena *a, const struct changes *changes)
{
	if (!changes->first_deb_count)
		return NULL;
	return arena_printf(a, "Debian packages: %zu locked for the first time, in %s", changes->first_deb_count,
			    words_list(a, changes->first_containers, changes->first_container_count, NAMED_CONTAINERS));
}

const char *words_unlocked_debs(struct arena *a, const struct changes *changes)
{
	if (!changes->unlocked_container_count)
		return NULL;
	return arena_printf(a, "Debian packages: no longer locked, in %s",
			    words_list(a, changes->unlocked_containers, changes->unlocked_container_count, NAMED_CONTAINERS));
}

const char *words_containers(struct arena *a, const struct changes *changes, const struct change *row)
{
	const char **in = arena_array(a, row->cell_count, sizeof(*in)), **out = arena_array(a, changes->container_count, sizeof(*out));
	size_t in_count = 0, out_count = 0;

	for (size_t i = 0; i < row->cell_count; i++)
		in[in_count++] = row->cells[i].container;
	for (size_t i = 0, j = 0; i < changes->container_count; i++) {
		if (j < in_count && !strcmp(in[j], changes->containers[i].name))
			j++;
		else
			out[out_count++] = changes->containers[i].name;
	}
	if (in_count + out_count != changes->container_count)
		return words_list(a, in, in_count, NAMED_CONTAINERS); /* layers */
	if (!out_count)
		return changes->container_count > 1 ? "all" : "";
	if (in_count > NAMED_CONTAINERS && out_count <= 2)
		return arena_printf(a, "all but %s", words_list(a, out, out_count, 2));
	return words_list(a, in, in_count, NAMED_CONTAINERS);
}

const char *words_why(struct arena *a, const struct change *row)
{
	if (row->old_declared && row->new_declared && strcmp(row->old_declared, row->new_declared) != 0)
		return arena_printf(a, "declared %s -> %s", row->old_declared, row->new_declared);
	if (row->old_declared && !row->new_declared && row->class != CHANGE_REMOVED)
		return "no longer declared";
	const char *declared = row->new_declared ? row->new_declared : row->old_declared;

	/* A bare name says nothing that the row does not. */
	if (declared)
		return strpbrk(declared, "<>=!~[@;") ? arena_printf(a, "declared %s", declared) : "";
	return row->required_by_count ? arena_printf(a, "required by %s", words_list(a, row->required_by, row->required_by_count, NAMED_PACKAGES)) : "";
}

const char *words_container_class(const struct change_container *c)
{
	if (!change_container_common(c))
		return c->new ? "added" : "removed";
	return c->old_group_count || c->new_group_count || c->old_further_count || c->new_further_count || !text_equal(c->old_environment, c->new_environment)
		       ? "changed"
		       : NULL;
}

static void add_groups(struct strbuf *out, const char *const *groups, size_t count, char sign)
{
	for (size_t i = 0; i < count; i++)
		strbuf_printf(out, "%s%c%s", out->length ? " " : "groups ", sign, groups[i]);
}

const char *words_container(struct arena *a, const struct change_container *c)
{
	autostrbuf struct strbuf out = {0};

	if (!change_container_common(c)) {
		strbuf_printf(&out, "%s, %zu package%s, %zu of them direct", c->new ? c->new_environment : c->old_environment, c->package_count,
			      text_plural(c->package_count), c->direct_count);
		if (c->system_count)
			strbuf_printf(&out, ", %zu system packages", c->system_count);
		return kept(a, &out);
	}
	add_groups(&out, c->new_groups, c->new_group_count, '+');
	add_groups(&out, c->old_groups, c->old_group_count, '-');
	if (!text_equal(c->old_environment, c->new_environment))
		strbuf_printf(&out, "%senvironment %s -> %s", out.length ? "; " : "", c->old_environment, c->new_environment);
	if (c->new_further_count)
		strbuf_printf(&out, "%slocked for %s too", out.length ? "; " : "", words_list(a, c->new_further, c->new_further_count, 3));
	if (c->old_further_count)
		strbuf_printf(&out, "%sno longer locked for %s", out.length ? "; " : "", words_list(a, c->old_further, c->old_further_count, 3));
	return kept(a, &out);
}

const char *words_recipes(struct arena *a, const struct changes *changes)
{
	const char **names = arena_array(a, changes->container_count, sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; i < changes->container_count; i++) {
		if (changes->containers[i].recipe_changed)
			names[count++] = changes->containers[i].name;
	}
	return words_list(a, names, count, 6);
}
