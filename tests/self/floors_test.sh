#!/usr/bin/env bash
# The floors of the house hold, and the check that says so can fail.
set -eu
"$ROOT/tools/check-layers"
mkdir -p copy/tools && cp -r "$ROOT/src" copy/ && cp "$ROOT/tools/check-layers" copy/tools/
echo '#include "cmd/command.h"' >>copy/src/base/text.c
if copy/tools/check-layers; then
	echo "an include upward was not noticed"
	exit 1
fi
