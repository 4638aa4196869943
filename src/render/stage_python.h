/* The stage of a container's Python packages. Only stage.c uses this. */
#pragma once

#include "render/stage.h"

/* An empty virtual environment. */
void stage_venv(struct arena *a, const struct database *db, const struct container *c, struct stage *s);
/* One that pip installs the packages into. */
void stage_python(struct arena *a, const struct database *db, const struct container *c, struct stage *s);
