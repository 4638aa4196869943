#!/usr/bin/env bash
# No committed text names the address of a package index or mirror that this machine is set up with: addresses come from the user's settings.
set -u
cd "$ROOT" || exit 1
git rev-parse --git-dir >/dev/null 2>&1 || { echo "not a git checkout, so there is no list of committed files"; exit 77; }
hosts=$({
	# shellcheck disable=SC2016 # apt's own variable
	apt-get indextargets --format '$(SITE)' 2>/dev/null
	"$ROOT/.tools/venv/bin/python" -c 'from pip._internal.models.index import PyPI; print(PyPI.url); print("https://" + PyPI.file_storage_domain)' 2>/dev/null
} | sed -E 's#^[a-z]+://##; s#/.*##; s/\./\\./g' | grep -F . | sort -u | paste -sd'|')
[ -n "$hosts" ] || { echo "this machine names no index and no mirror"; exit 77; }
if git grep -nIE "$hosts"; then
	exit 1
fi
