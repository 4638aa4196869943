/* How far it is from one version to another. */
#pragma once

#include "diff/diff.h"

/* By PEP 440. */
enum change_class step_python(const char *old, const char *new);
/* By Debian's rules (deb-version(7)); for versions of tools too, which keep to no rule but read the same. */
enum change_class step_system(const char *old, const char *new);
/* deb-version(7): epoch, upstream version and revision; '~' sorts before everything, even the end. */
int system_version_compare(const char *a, const char *b);
