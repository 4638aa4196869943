#!/bin/bash
# shellcheck disable=SC1091,SC2016,SC2119
# The engine interface over the real buildah, in a storage of its own.
set -euo pipefail
command -v buildah >/dev/null || { echo "buildah is not installed"; exit 77; }
. "$ROOT/tests/engine/lib.sh"
own_buildah_storage
try() { "$ROOT/build/debug/tests/oracle/engine_try" buildah "$@"; }
same_interface_tests

# buildah may end before it has passed on what a command wrote; the answer is whole all the same, also for an image's own user and whatever our umask.
mkdir deaf answers
export TMPDIR="$PWD/answers"
printf '#!/bin/sh\n[ "$1" != run ] || exec /usr/bin/buildah "$@" >/dev/null 2>&1\nexec /usr/bin/buildah "$@"\n' >deaf/buildah
chmod +x deaf/buildah
printf 'FROM t/base:1\nUSER 1234\n' >User
try build User context t/user:1
out=$(umask 077; PATH="$PWD/deaf:$PATH" try run t/user:1 sh -c 'id -u; cat; echo complaint >&2; exit 4' <<<"input" 2>complaint)
[ "$out" = $'1234\ninput\nexit 4' ] || fail "an answer is lost: $out"
[ "$(cat complaint)" = complaint ] || fail "a complaint is lost: $(cat complaint)"
[ -z "$(ls -A "$TMPDIR")" ] || fail "answers stay"
unset TMPDIR

# A throw-away container of a process that is gone is removed, one of a process that lives is not.
buildah from --quiet --name "lockstep-run-$(hostname | tr -c 'a-zA-Z0-9\n' .)-$BASHPID-9" t/base:1 >/dev/null
( buildah from --quiet --name "lockstep-run-$(hostname | tr -c 'a-zA-Z0-9\n' .)-$BASHPID-8" t/base:1 >/dev/null )
try clean
seen=$(buildah containers --format '{{.ContainerName}}')
[[ $seen == *-9 ]] || fail "after clean: $seen"
buildah rm -a >/dev/null

# Stopped in the middle of a run: nothing runs on, no container stays.
"$ROOT/build/debug/tests/oracle/engine_try" buildah run t/base:1 sh -c 'sleep 71.25; echo not reached' </dev/null & pid=$!
wait_for 'pgrep -f "^sleep 71.25"'
kill -TERM $pid
wait $pid && fail "a stopped run succeeded"
pgrep -f '^sleep 71.25' && fail "a step outlives its run"
[ -z "$(buildah containers -q)" ] || fail "a container stays: $(buildah containers)"
