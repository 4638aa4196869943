#!/usr/bin/env bash
# The scripts: shellcheck finds nothing in them.
set -eu
command -v shellcheck >/dev/null || { echo "shellcheck is not installed; tools/setup test installs it"; exit 77; }
cd "$ROOT"
grep -rlE '^#!/usr/bin/env bash|^#!/bin/(ba)?sh' tools tests bench .ci | xargs shellcheck
