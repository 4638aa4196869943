#!/usr/bin/env bash
# The real `buildx bake` reads docker-bake.json as it is meant. tools/setup test builds it; LOCKSTEP_TEST_BUILDX may name another.
set -euo pipefail
buildx=${LOCKSTEP_TEST_BUILDX:-$(command -v docker-buildx || true)}
[ -n "$buildx" ] || { echo "docker-buildx is not there: tools/setup test builds it, where the Go proxy can be reached (.tools/go.log)"; exit 77; }
python3 - "$ROOT/tests/fakes" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import nasty_project
nasty_project.write(".")
PYTHON
lockstep render >/dev/null
LOCKSTEP_RELEASE=v9.9 "$buildx" bake -f containers/docker-bake.json --print >seen 2>err || { cat err; exit 1; }
python3 - <<'PYTHON'
import json
bake = json.load(open("seen", encoding="utf-8"))
assert bake["group"]["default"]["targets"] == ["nasty"], bake
target = bake["target"]["nasty"]
assert target["context"] == ".lockstep/contexts/nasty" and target["dockerfile"] == "../../../containers/nasty/Dockerfile", target
assert target["tags"] == ["nasty/nasty:v9.9"] and target["labels"]["org.opencontainers.image.version"] == "v9.9", target
assert target["platforms"] == ["linux/amd64"], target
PYTHON
