/* A folder of sources as one plain archive. Nothing of it is run, and no link is followed. */
#pragma once

#include "base/error.h"

enum { FOLDER_ARCHIVE_FILES_MAX = 20000 };
#define FOLDER_ARCHIVE_MAX_BYTES ((uint64_t)256 << 20) /* of all files together */

/* Writes all files and links below `folder`, in one folder called `name`, into a new tar archive at `path`. The same files give the same bytes, whatever their times,
   owners and places are; of their modes it counts who may run them. Empty folders are left out, and so is what tools leave behind: .git, .hg, .svn, __pycache__,
   *.pyc. ERR_INPUT, naming the file, for what is neither file, folder nor link, has a name that cannot be written, or is too much. */
int folder_archive(const char *folder, const char *name, const char *path, struct error *err);
