#!/bin/bash
# shellcheck disable=SC1091,SC2016,SC2119
# The engine interface over a real docker daemon of its own.
set -euo pipefail
. "$ROOT/tests/engine/lib.sh"
DOCKER_HOST=$("$ROOT/tests/engine/dockerd.sh" start "$WORK/dockerd") || { echo "$DOCKER_HOST"; exit 77; }
export DOCKER_HOST
trap '"$ROOT/tests/engine/dockerd.sh" stop "$WORK/dockerd"' EXIT
try() { "$ROOT/build/debug/tests/oracle/engine_try" docker "$@"; }
same_interface_tests

# Stopped in the middle of a run: the daemon has no container of it any more.
"$ROOT/build/debug/tests/oracle/engine_try" docker run t/base:1 sh -c 'trap "" TERM INT; sleep 71.25; sleep 71.25' </dev/null & pid=$!
wait_for 'pgrep -f "^sleep 71.25"'
kill -TERM $pid
wait $pid && fail "a stopped run succeeded"
[ -z "$(/usr/bin/docker ps -aq)" ] || fail "a container stays: $(/usr/bin/docker ps -a)"
pgrep -f '^sleep 71.25' && fail "a step outlives its run"

# A daemon that is away is said, with what to do.
out=$(DOCKER_HOST=unix:///none try find 2>&1) && fail "a docker without a daemon works"
expect "no daemon" "$out" "Cannot connect to the Docker daemon"
expect "no daemon" "$out" "start the daemon"
