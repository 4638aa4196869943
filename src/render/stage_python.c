#include "render/stage_python.h"

#include <string.h>

#include "base/text.h"
#include "recipe/database.h"
#include "render/step.h"
#include "render/word.h"

#define FOLDER "/run/lockstep/python"

/* The base's pip, working on the packages of another Python. An old one is run by that Python, which then sees what is installed beside pip too: all of it has to be
   ignored. */
static void add_pip(const struct base *base, const char *python, struct strbuf *out)
{
	if (step_pip_is_old(base)) {
		strbuf_add(out, "PYTHONPATH=\"$(");
		text_shell_quote(out, base->python_executable);
		strbuf_add(out, " -c 'import os, pip; print(os.path.dirname(os.path.dirname(pip.__file__)))')\" \\\n    ");
		text_shell_quote(out, python);
		strbuf_add(out, " -m pip ");
		return;
	}
	text_shell_quote(out, base->python_executable);
	strbuf_add(out, " -m pip --python ");
	text_shell_quote(out, python);
	strbuf_add_char(out, ' ');
}

/* Whether any container may have a wheel that is taken from an address: pip is told its name, so it cannot write down where it comes from (PEP 610). */
static bool has_wheels_of_one_place(const struct database *db)
{
	for (size_t i = 0; i < db->package_count; i++) {
		const struct reference *r = db->packages[i].reference;

		if (r && r->kind == REFERENCE_URL && r->file_name && text_ends_with(r->file_name, ".whl"))
			return true;
	}
	return false;
}

static void add_venv_command(const struct database *db, const struct container *c, struct strbuf *out)
{
	text_shell_quote(out, c->base->python_executable);
	strbuf_add(out, " -m venv --without-pip ");
	text_shell_quote(out, db->project.venv);
}

static void add_venv_variables(struct arena *a, const struct database *db, struct strbuf *out)
{
	strbuf_add(out, "\nENV VIRTUAL_ENV=");
	word_add_quoted(out, db->project.venv);
	strbuf_add(out, "\nENV PATH=");
	word_add_quoted_expanding(out, arena_printf(a, "%s/bin:${env:PATH}", db->project.venv));
	strbuf_add_char(out, '\n');
}

void stage_venv(struct arena *a, const struct database *db, const struct container *c, struct stage *s)
{
	autostrbuf struct strbuf text = {0};

	strbuf_add(&text, "RUN ");
	add_venv_command(db, c, &text);
	add_venv_variables(a, db, &text);
	*s = (struct stage){.kind = STAGE_PYTHON, .name = "venv", .text = arena_strdup(a, strbuf_text(&text))};
}

/* Behind pip. A file that is no Python for this one's Python stays without bytecode, as with pip. */
static void add_bytecode(struct arena *a, const struct container *c, const char *venv, struct strbuf *out)
{
	if (strcmp(c->bytecode, "hash") != 0)
		return;
	strbuf_add(out, " && \\\n    { ");
	text_shell_quote(out, arena_printf(a, "%s/bin/python", venv));
	strbuf_add(out, " -m compileall -qq --invalidation-mode unchecked-hash ");
	text_shell_quote(out, arena_printf(a, "%s/lib", venv));
	strbuf_add(out, " || true; }");
}

/* What pip does by itself, it does not have to be told. */
static void add_install(struct arena *a, const struct container *c, const char *venv, const char *list, bool over, struct strbuf *out)
{
	add_pip(c->base, arena_printf(a, "%s/bin/python", venv), out);
	step_add_pip_options(out, c->base, FOLDER, list);
	if (over || step_pip_is_old(c->base))
		strbuf_add(out, " \\\n        --ignore-installed");
	if (strcmp(c->bytecode, "pip") != 0)
		strbuf_add(out, " \\\n        --no-compile");
}

/* Packages that overwrite files of others are installed once more over those, in this order, where the container has them. */
static void add_overwriting(struct arena *a, const struct database *db, const struct container *c, const struct stage *s, struct strbuf *out)
{
	if (!s->overwriting_count)
		return;
	strbuf_add(out, " && \\\n    for name in");
	for (size_t i = 0; i < s->overwriting_count; i++)
		strbuf_printf(out, " %s", s->overwriting[i]->canonical);
	strbuf_add(out, "; do \\\n    [ ! -e \"" FOLDER "/overwriting/$name.txt\" ] || \\\n    ");
	add_install(a, c, db->project.venv, "\"" FOLDER "/overwriting/$name.txt\"", true, out);
	strbuf_add(out, " || exit 1; \\\n    done");
}

void stage_python(struct arena *a, const struct database *db, const struct container *c, struct stage *s)
{
	const char *venv = db->project.venv;
	autostrbuf struct strbuf text = {0};

	strbuf_add(&text, "# Python packages: exactly what the lock says, from files that were fetched and checked by hash before; no index is asked.\n"
			  "# The venv has no pip of its own; the base's installs into it.\n"
			  "RUN --mount=type=bind,source=python,target=/run/lockstep/python \\\n    ");
	add_venv_command(db, c, &text);
	strbuf_add(&text, " && \\\n    ");
	*s = (struct stage){.kind = STAGE_PYTHON, .name = "python", .python = true};
	database_overwriting(a, db, &s->overwriting, &s->overwriting_count);
	add_install(a, c, venv, FOLDER "/requirements.txt", false, &text);
	add_overwriting(a, db, c, s, &text);
	add_bytecode(a, c, venv, &text);
	s->origins = has_wheels_of_one_place(db);
	if (s->origins) {
		strbuf_add(&text, " && \\\n    ");
		text_shell_quote(&text, arena_printf(a, "%s/bin/python", venv));
		strbuf_add(&text, " -I /run/lockstep/python/write_origins.py /run/lockstep/python/origins.json");
	}
	add_venv_variables(a, db, &text);
	s->text = arena_strdup(a, strbuf_text(&text));
}
