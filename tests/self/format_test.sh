#!/usr/bin/env bash
# The layout of all C code is what .clang-format says.
set -eu
command -v clang-format-16 >/dev/null || { echo "clang-format-16 is not installed; tools/setup test installs it"; exit 77; }
cd "$ROOT"
find src tests -name '*.[ch]' -print0 | xargs -0 clang-format-16 --dry-run -Werror
