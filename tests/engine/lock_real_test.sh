#!/usr/bin/env bash
# This repository's own database against the real package index that this machine's settings name: locked, locked again without a change, one package moved, and
# a clash explained; lockstep itself stays small.
set -eu
fail() {
	echo "$1"
	[ ! -e out ] || cat out
	exit 1
}
cp -r "$ROOT/recipes" "$ROOT/containers" "$ROOT/Jenkinsfile" .
export UV_CACHE_DIR=$WORK/uv-cache
[ ! -x "$ROOT/.tools/bin/uv" ] || export LOCKSTEP_UV=$ROOT/.tools/bin/uv

# Peak memory of lockstep alone, not of uv: VmHWM while it runs.
watch='
import subprocess, sys, time
child, peak = subprocess.Popen(sys.argv[1:]), 0
while child.poll() is None:
    try:
        with open(f"/proc/{child.pid}/status") as f:
            peak = max([peak] + [int(line.split()[1]) for line in f if line.startswith("VmHWM")])
    except OSError:
        pass
    time.sleep(0.005)
open("peak", "w").write(f"{peak}\n")
sys.exit(child.returncode)
'
if ! python3 -c "$watch" "$ROOT/build/release/lockstep" lock >out 2>&1; then
	if grep -q 'cannot reach index' out; then
		tail -n 3 out
		echo "no package index can be reached from here"
		exit 77
	fi
	fail "cannot lock"
fi
[ "$(cat peak)" -le 65536 ] || fail "lockstep took $(cat peak) kB"
python3 - <<'PYTHON' || fail "the lock is not what was expected"
import tomllib
lock = tomllib.load(open(".lockstep/lock.toml", "rb"))
pins = {(p["name"], c): p for p in lock["package"] for c in p["containers"]}
assert len(lock["package"]) >= 80, len(lock["package"])
assert {c["name"] for c in lock["container"]} == {"ci-cpu", "ci-gpu", "ci-lint"}
assert ("onnxruntime", "ci-cpu") in pins and ("onnxruntime", "ci-gpu") not in pins
assert ("onnxruntime-gpu", "ci-gpu") in pins and ("onnxruntime-gpu", "ci-cpu") not in pins
assert ("numpy", "ci-lint") not in pins and ("pylint", "ci-lint") in pins
assert all(f["size"] > 0 for p in lock["package"] + lock["toolchain"] for f in p["files"])
assert any(p["name"].startswith("nvidia-cuda-nvcc") for p in lock["toolchain"]), lock["toolchain"]
versions = {}
for p in lock["package"]:
    assert versions.setdefault(p["name"], p["version"]) == p["version"], p["name"]
PYTHON
! grep -qE '://' .lockstep/lock.toml || fail "the lock names an address"

cp .lockstep/lock.toml first.toml
lockstep lock >out 2>&1 || fail "cannot lock again"
grep -q '^unchanged since' out || fail "something moved by itself"
cmp -s first.toml .lockstep/lock.toml || fail "the lock changed by itself"

# An older numpy by constraint, and back by --upgrade-package alone.
sed -i 's/^  numpy: {groups: \[core\]}/  numpy: {groups: [core], range: "<2.2", why: "to have something to move"}/' recipes/python.yaml
lockstep lock >out 2>&1 || fail "cannot lock an older numpy"
grep -qE '^  numpy +.* downgraded' out || fail "numpy did not move down"
cp "$ROOT/recipes/python.yaml" recipes/
lockstep lock >out 2>&1 || fail "cannot lock without the constraint"
grep -q '^locked' out || fail "the lock did not change"
! grep -qE '^  numpy' out || fail "numpy moved without being asked to"
lockstep lock --upgrade-package numpy >out 2>&1 || fail "cannot upgrade numpy"
grep -qE '^  numpy +.* upgraded' out || fail "numpy did not move up"

sed -i 's/^  numpy: {groups: \[core\]}/  numpy: {groups: [core], range: "<1.25", why: "the old API"}/
	s/^  scipy: {groups: \[core\]}/  scipy: {groups: [core], range: ">=1.17", why: "the new API"}/' recipes/python.yaml
cp .lockstep/lock.toml before.toml
if lockstep lock >out 2>&1; then
	fail "a clash was locked"
fi
for package in numpy scipy; do
	line=$(grep -n "^  $package:" recipes/python.yaml | cut -d: -f1)
	grep -q "^recipes/python.yaml:$line:.*error: '$package' must be" out || fail "the clash does not name $package"
done
[ "$(grep -c 'error: .* clashes' out)" = 2 ] || fail "the clash names more than the two"
cmp -s before.toml .lockstep/lock.toml || fail "a failed lock changed the working lock"
