#!/usr/bin/env bash
# render on a full disk, in a read-only tree, with a folder where a file belongs: one message, and what was there stays.
set -euo pipefail
if [ "${1-}" != inside ]; then
	unshare --mount true 2>/dev/null || { echo "no mount namespace can be made here"; exit 77; }
	exec unshare --mount "$0" inside
fi
fail() { echo "FAILED: $*" >&2; exit 1; }
refused() { # words that must be in the message
	local status=0
	lockstep render >out 2>err || status=$?
	[ $status = 1 ] || fail "exit $status: $(cat out err)"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail "not one error: $(cat err)"
	for word in "$@"; do grep -qF "$word" err || fail "'$word' is not in: $(cat err)"; done
}
mkdir disk
mount -t tmpfs -o size=256k none disk
mkdir -p disk/recipes/bases disk/containers/ci
echo 'name: tiny' >disk/recipes/project.yaml
echo '{groups: {}, packages: {}}' >disk/recipes/python.yaml
echo '{from: {mmdebstrap: {suite: bookworm}}, environment: {python: "3.11", machine: x86_64, libc_version: "2.36"}}' >disk/recipes/bases/debian.yaml
echo '{base: debian, description: one}' >disk/containers/ci/container.yaml
lockstep() { command lockstep "$@" -C disk; }
lockstep render >out
cp disk/containers/ci/Dockerfile before
sed -i 's/one/two/' disk/containers/ci/container.yaml

dd if=/dev/zero of=disk/fill bs=1k 2>/dev/null || true
refused "cannot write" "containers/ci/Dockerfile" "No space left"
cmp before disk/containers/ci/Dockerfile || fail "a full disk changed the file"
[ "$(ls disk/containers/ci)" = $'Dockerfile\ncontainer.yaml' ] || fail "something was left behind: $(ls disk/containers/ci)"
rm disk/fill

mount -o remount,ro disk
refused "Read-only file system"
status=0
lockstep render --check >out || status=$?
[ $status = 1 ] || fail "--check cannot read a read-only tree"
grep -q '^+# two$' out || fail "--check: $(cat out)"
mount -o remount,rw disk

rm disk/containers/ci/Dockerfile
mkdir disk/containers/ci/Dockerfile
refused "containers/ci/Dockerfile" "not a regular file"
rmdir disk/containers/ci/Dockerfile
lockstep render >out
grep -q '^# two$' disk/containers/ci/Dockerfile || fail "the next run does not go on"
