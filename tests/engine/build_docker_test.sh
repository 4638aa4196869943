#!/bin/bash
# shellcheck disable=SC1091,SC2016,SC2119
# `lockstep build --engine docker` with a real daemon on a small project; a step that fails; a build that is killed.
set -euo pipefail
. "$ROOT/tests/engine/lib.sh"
. "$ROOT/tests/engine/project.sh"
DOCKER_HOST=$("$ROOT/tests/engine/dockerd.sh" start "$WORK/dockerd") || { echo "$DOCKER_HOST"; exit 77; }
export DOCKER_HOST
trap '"$ROOT/tests/engine/dockerd.sh" stop "$WORK/dockerd"' EXIT
make_project

out=$(build --engine docker 2>&1)
expect "first build" "$out" "built    layer-one (a, b) in"
[ "$(grep -c '^built    layer-one' <<<"$out")" = 1 ] || fail "a shared stage was built twice"
out=$(build --engine docker 2>&1)
[[ $out != *built\ \ * && $out == *"up to date"* ]] || fail "a second build builds: $out"
image=$(build --engine docker --format json 2>/dev/null | python3 -c 'import json,sys; print([i["image"] for i in json.load(sys.stdin)["images"] if i["container"] == "a"][0])')
[ "$(/usr/bin/docker run --rm --network none "$image" sh -c 'cat /one /two; echo $WORD')" = $'one\none\na' ] || fail "the image of a is wrong"

# A step that fails is told with its own words, not BuildKit's.
layer two '[sh, -c, "echo it is about to fail >&2; echo why >&2; exit 3"]' 'requires: [one]'
lock
out=$(build --engine docker 2>&1) && fail "a failing step is no failure"
expect "failing step" "$out" "building 'layer-two' (a) failed at step 2 of 2, RUN"
expect "failing step" "$out" $'  it is about to fail\n  why\n'

# Steps that need no network have none; those that install Debian packages have one.
layer two '[sh, -c, "cat /proc/net/dev > /net"]' 'requires: [one]'
lock
build --engine docker >/dev/null 2>&1
image=$(build --engine docker --format json 2>/dev/null | python3 -c 'import json,sys; print([i["image"] for i in json.load(sys.stdin)["images"] if i["container"] == "a"][0])')
out=$(/usr/bin/docker run --rm --network none "$image" cat /net)
[ "$(grep -c ':' <<<"$out")" = 1 ] || fail "a step has a network: $out"

# Killed in the middle: the daemon stops the step, the next build goes on.
layer two '[sh, -c, "sleep 71.125; echo 2 > /two"]' 'requires: [one]'
lock
lockstep build -C project --engine docker >/dev/null 2>&1 & pid=$!
wait_for 'pgrep -f "^sleep 71.125"'
kill -KILL $pid
wait $pid || true
wait_for '! pgrep -f "^sleep 71.125"'
layer two '[sh, -c, "echo 2 > /two"]' 'requires: [one]'
lock
out=$(build --engine docker 2>&1)
[[ $out == *"built    layer-two"* && $out != *"built    layer-one"* ]] || fail "after a kill: $out"
