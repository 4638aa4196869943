#!/bin/bash
# shellcheck disable=SC1091,SC2016,SC2119,SC2317
# The engine interface over the real podman, in a storage of its own.
set -euo pipefail
command -v podman >/dev/null || { echo "podman is not installed; 'apt-get install podman' mends that"; exit 77; }
. "$ROOT/tests/engine/lib.sh"
own_buildah_storage
try() { "$ROOT/build/debug/tests/oracle/engine_try" podman "$@"; }
same_interface_tests

# Where no container starts, commands run as a step of a build: the same answers, nothing stays.
mkdir stuck answers
export TMPDIR="$PWD/answers"
printf '#!/bin/sh\ncase " $* " in *" run "*) echo "Error: runc: cannot start: OCI permission denied" >&2; exit 126;; esac\nexec /usr/bin/podman "$@"\n' >stuck/podman
chmod +x stuck/podman
printf 'FROM t/base:1\nUSER 1234\n' >User
try build User context t/user:1
images=$(podman images -a -q)
out=$(umask 077; PATH="$PWD/stuck:$PATH" try run t/user:1 sh -c 'id -u; cat; echo "$1"; cat /proc/net/dev; echo complaint >&2; exit 4' sh "it's" <<<"input" 2>complaint)
[[ $out == $'1234\ninput\nit\'s\n'* && $out == *$'\nexit 4' ]] || fail "a step's answer: $out"
[[ $out != *eth* && $out != *ens* && $out != *enp* ]] || fail "a step has a network: $out"
[ "$(cat complaint)" = complaint ] || fail "a step's complaint: $(cat complaint)"
[ -z "$(ls -A "$TMPDIR")" ] || fail "answers stay"
[ "$(podman images -a -q)" = "$images" ] || fail "a step leaves an image"
[ -z "$(podman ps -a --external -q)" ] || fail "a step leaves a container: $(podman ps -a --external)"
out=$(PATH="$PWD/stuck:$PATH" try run t/none:1 true </dev/null 2>&1) && fail "a step of no image succeeds"
expect "a step of no image" "$out" "error 9: "
unset TMPDIR

# A throw-away container of a process that is gone is removed, one of a process that lives is not.
podman create --network none --name "lockstep-run-$(hostname | tr -c 'a-zA-Z0-9\n' .)-$BASHPID-9" t/base:1 true >/dev/null
( podman create --network none --name "lockstep-run-$(hostname | tr -c 'a-zA-Z0-9\n' .)-$BASHPID-8" t/base:1 true >/dev/null )
try clean
seen=$(podman ps -a --format '{{.Names}}')
[[ $seen == *-9 ]] || fail "after clean: $seen"
podman rm -f "$seen" >/dev/null

# A working container of a killed build of ours is removed when nobody builds, one of others is not.
printf 'FROM t/base:1\nRUN sleep 71.5\n' >Slow
LOCKSTEP_CACHE=$PWD/cache "$ROOT/build/debug/tests/oracle/engine_try" podman build Slow context t/slow:1 & pid=$!
wait_for 'pgrep -f "^sleep 71.5"'
kill -KILL $pid
wait $pid 2>/dev/null || true
wait_for '! pgrep -f "^sleep 71.5"'
try clean builds
[ -n "$(podman ps -a --external -q)" ] || fail "another cache's container is removed"
LOCKSTEP_CACHE=$PWD/cache try clean builds
[ -z "$(podman ps -a --external -q)" ] || fail "after clean of builds: $(podman ps -a --external)"

# Stopped in the middle of a run: nothing runs on, no container stays.
"$ROOT/build/debug/tests/oracle/engine_try" podman run t/base:1 sh -c 'sleep 71.25; echo not reached' </dev/null & pid=$!
wait_for 'pgrep -f "^sleep 71.25"'
kill -TERM $pid
wait $pid && fail "a stopped run succeeded"
wait_for '! pgrep -f "^sleep 71.25"'
[ -z "$(podman ps -a --external -q)" ] || fail "a container stays: $(podman ps -a --external)"
