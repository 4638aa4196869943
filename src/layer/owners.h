/* Files that two wheels of one image own. With the same bytes they are one file; with others the wheels are refused, unless one of them is said to overwrite the other
   (struct layer_wheel: overwritten_by): then its file is the one in the image, in whichever layers the two lie. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "layer/install.h"
#include "layer/layer.h"

/* Takes the files out of `install` that wheels own which overwrite this one, and what is compiled of such sources; RECORD still names them, as it does where
   an installer writes over them. */
int owners_leave_out(const struct layer_wheel *wheel, const struct install_place *place, struct install *install, struct error *err);
/* The same bytes in both, as RECORD says them: whoever is installed last, it is one file. What was compiled of such sources is as good from either. */
bool owners_is_same_file(const struct install_file *one, const struct install_file *other);
int owners_refuse(const struct layer_wheel *one, const struct layer_wheel *other, const char *path, struct error *err);
int owners_refuse_folder(const struct layer_wheel *file, const char *path, struct error *err);
