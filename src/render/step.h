/* Steps: what a layer recipe does, as Dockerfile instructions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/strbuf.h"

struct base;
struct layer_use;

/* What a piece of a stage turned out to need. */
struct step_needs {
	bool debian, wheels, archives;
};

/* All steps of a use whose conditions hold. Adjacent links and files become one instruction. */
int step_add_all(struct arena *a, const struct layer_use *use, const struct base *base, struct strbuf *out, struct step_needs *ret_needs, struct error *err);
/* One apt transaction: lists read, packages installed, lists removed. `packages` are sorted in a copy and written once each. They come from the repository in
   the context's folder debian/<stage>/ (RENDER_DEBIAN) when it holds one, without a network, else from the mirrors. */
void step_add_apt(struct arena *a, struct strbuf *out, const char *stage, const char *const *packages, size_t count);
/* ENV name="value"; ${env:NAME} in the value is expanded by the builder. ERR_INPUT, at `pos`, when the value has a line break. */
int step_add_env(struct strbuf *out, const char *name, const char *value, struct pos pos, struct error *err);
/* Whether the base's pip may be older than 22.3, the first that knows '--python' and '--root-user-action': pips of Python 3.11 and later are not. */
bool step_pip_is_old(const struct base *base);
/* pip's arguments for installing exactly the files of a context folder mounted at `folder` that the requirements at `list`, a shell word, name, up to where they go; ends
   without a newline. */
void step_add_pip_options(struct strbuf *out, const struct base *base, const char *folder, const char *list);
