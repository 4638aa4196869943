#!/usr/bin/env bash
# pyflakes finds nothing in the Python programs: tools/lint would say it in ci-lint, here it is said before.
set -eu
pyflakes=$ROOT/.tools/venv/bin/pyflakes
[ -x "$pyflakes" ] || { echo "pyflakes is not installed; tools/setup test installs it"; exit 77; }
cd "$ROOT"
{ grep -rlE '^#!/usr/bin/env python3' tools tests bench; find src tests tools -name '*.py'; } | sort -u | xargs "$pyflakes"
echo 'import os' >"$WORK/finding.py"
if "$pyflakes" "$WORK/finding.py"; then
	echo "an unused import was not noticed"
	exit 1
fi
