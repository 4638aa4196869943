#include "render/step.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "python/version.h"
#include "recipe/database.h"
#include "render/stage.h"
#include "render/word.h"

/* The state of writing one layer use. */
struct steps {
	struct arena *arena;
	const struct layer_use *use;
	const struct base *base;
	struct strbuf *out;
	struct step_needs needs;
	const char *last_why;    /* said above the instruction before; not said twice */
	const char *last_parent; /* made in this instruction already, or NULL */
};

static int wrong_word(struct pos pos, const char *what, struct error *err)
{
	return error_set(err, ERR_INPUT, "%s:%u:%u: %s cannot be written in a Dockerfile: it has a line break or another control character",
			 pos.file ? pos.file : "recipes", pos.line, pos.column, what);
}

void step_add_apt(struct arena *a, struct strbuf *out, const char *stage, const char *const *packages, size_t count)
{
	const char **sorted = arena_array(a, count, sizeof(*sorted));

	for (size_t i = 0; i < count; i++)
		sorted[i] = packages[i];
	qsort(sorted, count, sizeof(*sorted), text_compare_items);
	/* One version of each package is what the repository of the lock has; a release records which. */
	strbuf_add(out, "# hadolint ignore=DL3008\n");
	strbuf_printf(out, "RUN --mount=type=bind,source=" RENDER_DEBIAN "/%s,target=" RENDER_DEBIAN_SEEN " \\\n", stage);
	/* The certificates of a mirror behind https come as a secret, readable for apt's own user; so do users and passwords, which apt reads as root. Either
	   only where there are some. */
	strbuf_add(out, "    --mount=type=secret,id=ca,target=/run/secrets/lockstep-ca,mode=0444 \\\n"
			"    --mount=type=secret,id=apt-auth,target=/run/secrets/lockstep-apt-auth \\\n"
			"    set -- -o Acquire::Retries=3 -o APT::Update::Error-Mode=any -o Dpkg::Use-Pty=0 && \\\n"
			"    if [ -s /run/secrets/lockstep-ca ]; then set -- \"$@\" -o Acquire::https::CAInfo=/run/secrets/lockstep-ca; fi && \\\n"
			"    if [ -s /run/secrets/lockstep-apt-auth ]; then set -- \"$@\" -o Dir::Etc::netrc=/run/secrets/lockstep-apt-auth; fi && \\\n"
			"    if [ -s " RENDER_DEBIAN_SEEN "/apt.conf ]; then export APT_CONFIG=" RENDER_DEBIAN_SEEN "/apt.conf; fi && \\\n"
			"    export DEBIAN_FRONTEND=noninteractive && \\\n"
			"    apt-get \"$@\" update --quiet && \\\n"
			"    apt-get \"$@\" install --quiet --yes --no-install-recommends");
	for (size_t i = 0; i < count; i++) {
		if (i && text_equal(sorted[i], sorted[i - 1]))
			continue;
		strbuf_add(out, " \\\n        ");
		text_shell_quote(out, sorted[i]);
	}
	strbuf_add(out, " && \\\n    apt-get clean && \\\n    rm -rf /var/lib/apt/lists/*\n");
}

int step_add_env(struct strbuf *out, const char *name, const char *value, struct pos pos, struct error *err)
{
	if (!word_is_variable(name) || !word_is_line(value))
		return wrong_word(pos, "this variable", err);
	strbuf_printf(out, "ENV %s=", name);
	word_add_quoted_expanding(out, value);
	strbuf_add_char(out, '\n');
	return 0;
}

bool step_pip_is_old(const struct base *base)
{
	return version_compare_texts(base->environment.python, "3.11") < 0;
}

void step_add_pip_options(struct strbuf *out, const struct base *base, const char *folder, const char *list)
{
	strbuf_printf(out,
		      "install --isolated --no-index --no-deps --require-hashes --no-cache-dir \\\n"
		      "        --disable-pip-version-check%s \\\n"
		      "        --find-links=%s/wheels --requirement=%s",
		      step_pip_is_old(base) ? "" : " --root-user-action=ignore", folder, list);
}

static void add_why(struct steps *s, const char *why)
{
	if (why && !text_equal(why, s->last_why))
		word_add_comment(s->out, why);
	s->last_why = why;
}

/* The folder a path is in, or NULL when that is the root. */
static const char *parent_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash != path ? arena_strndup(a, path, (size_t)(slash - path)) : NULL;
}

static void add_make_parent(struct steps *s, const char *path)
{
	const char *parent = parent_of(s->arena, path);

	if (parent && !text_equal(parent, s->last_parent)) {
		strbuf_add(s->out, "mkdir -p -- ");
		text_shell_quote(s->out, parent);
		strbuf_add(s->out, " && \\\n    ");
		s->last_parent = parent;
	}
}

static const char *expand(struct steps *s, const char *text)
{
	return layer_use_expand(s->arena, s->use, text);
}

static int add_wheels(struct steps *s, const struct layer_step *step, struct error *err)
{
	const char *layer = s->use->layer->name, *path = expand(s, step->path), *inner = step->target ? expand(s, step->target) : NULL;
	const char *unpacked = arena_printf(s->arena, "%s.wheels", path), *folder = arena_printf(s->arena, "/run/lockstep/%s", layer);

	if (s->needs.wheels)
		return error_set(err, ERR_INPUT, "%s:%u:%u: layer '%s' installs wheels in two steps at once; name all requirements in one", step->pos.file,
				 step->pos.line, step->pos.column, layer);
	if (!word_is_line(path) || (inner && !word_is_line(inner)))
		return wrong_word(step->pos, "this path", err);
	s->needs.wheels = true;
	strbuf_printf(s->out, "RUN --mount=type=bind,source=layers/%s,target=%s \\\n    ", layer, folder);
	text_shell_quote(s->out, s->base->python_executable);
	strbuf_add(s->out, " -m pip ");
	step_add_pip_options(s->out, s->base, folder, arena_printf(s->arena, "%s/requirements.txt", folder));
	strbuf_add(s->out, " \\\n        --no-compile --target=");
	text_shell_quote(s->out, unpacked);
	strbuf_add(s->out, " && \\\n    ");
	strbuf_add(s->out, "mv -T -- ");
	text_shell_quote(s->out, inner ? arena_printf(s->arena, "%s/%s", unpacked, inner) : unpacked);
	strbuf_add_char(s->out, ' ');
	text_shell_quote(s->out, path);
	if (inner) {
		strbuf_add(s->out, " && \\\n    rm -rf -- ");
		text_shell_quote(s->out, unpacked);
	}
	strbuf_add_char(s->out, '\n');
	return 0;
}

static int add_link(struct steps *s, const struct layer_step *step, struct error *err)
{
	const char *path = expand(s, step->path), *target = expand(s, step->target);

	if (!word_is_line(path) || !word_is_line(target))
		return wrong_word(step->pos, "this link", err);
	add_make_parent(s, path);
	strbuf_add(s->out, "ln -sfnT -- ");
	text_shell_quote(s->out, target);
	strbuf_add_char(s->out, ' ');
	text_shell_quote(s->out, path);
	return 0;
}

static int add_file(struct steps *s, const struct layer_step *step, struct error *err)
{
	const char *path = expand(s, step->path);

	if (!word_is_line(path))
		return wrong_word(step->pos, "this path", err);
	add_make_parent(s, path);
	strbuf_add(s->out, "printf ");
	word_add_printf(s->out, expand(s, step->content));
	strbuf_add(s->out, " > ");
	text_shell_quote(s->out, path);
	strbuf_printf(s->out, " && \\\n    chmod %04o -- ", step->mode);
	text_shell_quote(s->out, path);
	return 0;
}

static bool is_small(enum step_kind kind)
{
	return kind == STEP_LINK || kind == STEP_FILE;
}

/* One RUN for steps[0..count), links and files all; what each is for stands above it. */
static int add_small_steps(struct steps *s, const struct layer_step *const *steps, size_t count, struct error *err)
{
	s->last_parent = NULL;
	for (size_t i = 0; i < count; i++)
		add_why(s, steps[i]->why);
	for (size_t i = 0; i < count; i++) {
		strbuf_add(s->out, i ? " && \\\n    " : "RUN ");
		if ((steps[i]->kind == STEP_LINK ? add_link : add_file)(s, steps[i], err) < 0)
			return -1;
	}
	strbuf_add_char(s->out, '\n');
	return 0;
}

static int add_words(struct steps *s, const struct layer_step *step)
{
	const char **words = arena_array(s->arena, step->word_count, sizeof(*words));

	for (size_t i = 0; i < step->word_count; i++)
		words[i] = expand(s, step->words[i]);
	if (step->kind == STEP_APT) {
		step_add_apt(s->arena, s->out, arena_printf(s->arena, "layer-%s", s->use->layer->name), words, step->word_count);
		s->needs.debian = true;
	} else {
		strbuf_add(s->out, "RUN ");
		word_add_exec(s->out, words, step->word_count);
		strbuf_add_char(s->out, '\n');
	}
	return 0;
}

/* tar refuses names with ".." and takes the '/' off those that begin with one; context.c looks at all names before. */
static int add_archive(struct steps *s, const struct layer_step *step, struct error *err)
{
	const char *path = expand(s, step->path), *name = strrchr(expand(s, step->target), '/') + 1;
	const char *folder = arena_printf(s->arena, "/run/lockstep/%s", s->use->layer->name);

	if (!word_is_line(path) || !word_is_line(name))
		return wrong_word(step->pos, "this archive", err);
	s->needs.archives = true;
	strbuf_printf(s->out, "RUN --mount=type=bind,source=layers/%s,target=%s \\\n    mkdir -p -- ", s->use->layer->name, folder);
	text_shell_quote(s->out, path);
	strbuf_add(s->out, " && \\\n    tar --extract --no-same-owner --no-overwrite-dir");
	if (step->mode)
		strbuf_printf(s->out, " --strip-components=%u", step->mode);
	strbuf_add(s->out, " \\\n        --directory=");
	text_shell_quote(s->out, path);
	strbuf_add(s->out, " --file=");
	text_shell_quote(s->out, arena_printf(s->arena, "%s/archives/%s/%s", folder, step->content, name));
	strbuf_add_char(s->out, '\n');
	return 0;
}

static int add_step(struct steps *s, const struct layer_step *step, struct error *err)
{
	add_why(s, step->why);
	switch (step->kind) {
	case STEP_APT:
	case STEP_RUN:
		return add_words(s, step);
	case STEP_WHEELS:
		return add_wheels(s, step, err);
	case STEP_ARCHIVE:
		return add_archive(s, step, err);
	case STEP_ENV:
		return step_add_env(s->out, step->name, expand(s, step->value), step->pos, err);
	case STEP_LINK:
	case STEP_FILE:
		break; /* add_small_steps() */
	}
	return 0;
}

int step_add_all(struct arena *a, const struct layer_use *use, const struct base *base, struct strbuf *out, struct step_needs *ret_needs, struct error *err)
{
	struct steps s = {.arena = a, .use = use, .base = base, .out = out};
	const struct layer *layer = use->layer;
	const struct layer_step **active = arena_array(a, layer->step_count, sizeof(struct layer_step *));
	size_t count = 0;

	for (size_t i = 0; i < layer->step_count; i++) {
		if (layer_use_holds(use, layer->steps[i].conditions, layer->steps[i].condition_count))
			active[count++] = &layer->steps[i];
	}
	for (size_t i = 0, next; i < count; i = next) {
		next = i + 1;
		if (!is_small(active[i]->kind)) {
			if (add_step(&s, active[i], err) < 0)
				return -1;
			continue;
		}
		while (next < count && is_small(active[next]->kind))
			next++;
		if (add_small_steps(&s, active + i, next - i, err) < 0)
			return -1;
	}
	*ret_needs = s.needs;
	return 0;
}
