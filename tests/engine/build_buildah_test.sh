#!/bin/bash
# shellcheck disable=SC1091,SC2016,SC2119
# `lockstep build` with the real buildah on a small project: shared stages once, finished ones not again, and why.
set -euo pipefail
command -v buildah >/dev/null || { echo "buildah is not installed"; exit 77; }
. "$ROOT/tests/engine/lib.sh"
. "$ROOT/tests/engine/project.sh"
own_buildah_storage
make_project

out=$(build --explain)
expect "explain before" "$out" "tree tiny: to be made, there is none yet"
expect "explain before" "$out" "5 of 5 stages to be built with buildah"
[ ! -e project/.lockstep/logs ] || fail "--explain built something"

out=$(build 2>&1)
expect "first build" "$out" "built    layer-one (a, b) in"
expect "first build" "$out" "built    layer-two (a) in"
[ "$(grep -c '^built    layer-one' <<<"$out")" = 1 ] || fail "a shared stage was built twice"
[ "$(wc -l <mmdebstrap.calls)" = 1 ] || fail "the tree was made twice"
expect "mmdebstrap's words" "$(cat mmdebstrap.calls)" "--variant=minbase --components=main --format=tar"
expect "mmdebstrap's mirror" "$(cat mmdebstrap.calls)" "base.tar deb http://mirror.example/debian bookworm main"
[ -z "$(ls -A project/.lockstep/stages)" ] || fail "Dockerfiles of finished stages stay"
ls "$LOCKSTEP_CACHE"/bases/lockstep-making-* 2>/dev/null && fail "temporary folders stay"

before=$(find project -type f ! -name lock -printf '%p %T@\n' | sort)
out=$(build 2>&1)
[[ $out != *built\ \ * && $out == *"up to date"* ]] || fail "a second build builds: $out"
[ "$before" = "$(find project -type f ! -name lock -printf '%p %T@\n' | sort)" ] || fail "a build with nothing to do writes"
expect "explain after" "$(build --explain)" "0 of 5 stages to be built"
image=$(build --format json 2>/dev/null | python3 -c 'import json,sys; print([i["image"] for i in json.load(sys.stdin)["images"] if i["container"] == "a"][0])')
[ "$("$ROOT/build/debug/tests/oracle/engine_try" buildah run "$image" sh -c 'cat /one /two; echo $WORD' </dev/null)" = $'one\none\na\nexit 0' ] || fail "the image of a is wrong"

# What changes is built again, with all that stands on it, and nothing else.
layer two '[sh, -c, "echo two is built; echo 2 > /two"]' 'requires: [one]'
lock
out=$(build --explain)
expect "explain a changed step" "$out" $'layer-two (a): to be built again\n    its text changed at line 1\n    - RUN ["sh", "-c", "echo two is built; cat /one > /two"]'
expect "explain what stands on it" "$out" "what it stands on, 'layer-two', changed"
expect "explain a changed step" "$out" "2 of 5 stages"
expect "as JSON" "$(build --explain --format json)" '"why": "to be built again"'
out=$(build 2>&1)
[[ $out == *"built    layer-two (a)"* && $out != *"built    layer-one"* && $out != *"built    container (b)"* ]] || fail "after a change: $out"

# A comment is no change.
sed -i 's/^description: layer two/description: the second layer/' project/recipes/layers/two.yaml
lock
expect "a comment" "$(build --explain)" "layer-two (a): not needed"
build >/dev/null 2>&1

# An image that is gone is built again from what is below it.
buildah rmi "$image" >/dev/null 2>&1 || true
b=$(build --format json 2>/dev/null | python3 -c 'import json,sys; print([i["image"] for i in json.load(sys.stdin)["images"] if i["container"] == "b"][0])')
buildah rmi "$b" >/dev/null
expect "explain a lost image" "$(build --explain)" "buildah has no image of it any more"
out=$(build b 2>&1)
[[ $out == *"built    container (b)"* && $out != *layer-one* ]] || fail "a lost image: $out"

# Fresh bases: the tree is made again; the same bytes, so nothing else is.
out=$(build --fresh-bases 2>&1)
[[ $out == *"built    tree-tiny"* && $out != *"built    base"* ]] || fail "--fresh-bases with the same packages: $out"
mkdir more && tar -C more -xf tiny.tar && echo newer >more/etc/newer && tar --sort=name --mtime=@0 -C more -cf tiny.tar . && rm -rf more
expect "--fresh-bases with other packages" "$(build --fresh-bases 2>&1)" "built    base (a, b)"

# Wheels of the lock come into the context, under their names, with their hashes.
python3 - <<-END
	import zipfile
	with zipfile.ZipFile("thing-1.0-py3-none-any.whl", "w") as wheel:
	    wheel.writestr("thing.py", "")
	    wheel.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
	    wheel.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
	    wheel.writestr("thing-1.0.dist-info/RECORD", "thing.py,,\n")
END
cat >project/recipes/layers/two.yaml <<-END
	description: layer two
	steps:
	  - wheels: {requirements: ["thing==1.0"], into: /opt/thing, from: thing}
END
lock layer:two thing 1.0 thing-1.0-py3-none-any.whl
out=$(build --explain)
expect "explain a new file" "$out" "thing 1.0 is new"
build a >/dev/null 2>&1 && fail "pip ran in a base without python"
[ "$(cat project/.lockstep/contexts/a/layers/two/requirements.txt)" = "thing==1.0 --hash=sha256:$(sha256sum thing-1.0-py3-none-any.whl | cut -d' ' -f1)" ] || fail "requirements.txt"
cmp thing-1.0-py3-none-any.whl project/.lockstep/contexts/a/layers/two/wheels/thing-1.0-py3-none-any.whl || fail "the wheel in the context"
[ ! -e project/.lockstep/contexts/b/layers ] || fail "b has the wheels of a"

# Steps that need no network have none.
layer two '[sh, -c, "cat /proc/net/dev > /net"]' 'requires: [one]'
lock
build >/dev/null 2>&1
image=$(build --format json 2>/dev/null | python3 -c 'import json,sys; print([i["image"] for i in json.load(sys.stdin)["images"] if i["container"] == "a"][0])')
out=$("$ROOT/build/debug/tests/oracle/engine_try" buildah run "$image" cat /net </dev/null)
[ "$(grep -c ':' <<<"$out")" = 1 ] || fail "a step has a network: $out"

# Stopped and killed in the middle: no step runs on, no working container stays, and the next build goes on.
for signal in TERM KILL; do
	layer two "[sh, -c, 'sleep 71.625; echo $signal > /two']" 'requires: [one]'
	lock
	lockstep build -C project >/dev/null 2>&1 & pid=$!
	wait_for 'pgrep -f "^sleep 71.625"'
	kill -$signal $pid
	wait $pid && fail "a stopped build succeeded"
	wait_for '! pgrep -f "^sleep 71.625"'
	wait_for '[ -z "$(buildah containers -q)" ]'
done
layer two '[sh, -c, "echo 2 > /two"]' 'requires: [one]'
lock
out=$(build 2>&1)
[[ $out == *"built    layer-two"* && $out != *"built    layer-one"* ]] || fail "after a kill: $out"
grep -q " $WORK/storage/.*merged" /proc/mounts && fail "a mount stays"

# The engine itself killed: what it left is cleaned away by the next build.
layer two '[sh, -c, "sleep 71.375"]' 'requires: [one]'
lock
lockstep build -C project >/dev/null 2>&1 & pid=$!
wait_for 'pgrep -f "^sleep 71.375"'
for p in $(pgrep -x buildah); do
	grep -qz "CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF" "/proc/$p/environ" 2>/dev/null && kill -KILL "$p"
done
wait $pid && fail "a build whose engine was killed succeeded"
pgrep -f '^sleep 71.375' && fail "a step outlives its engine"
[ -n "$(buildah containers -q)" ] || fail "nothing was left, so this proves nothing"
layer two '[sh, -c, "echo 2 > /two"]' 'requires: [one]'
layer one '[sh, -c, "echo 1 > /one"]'
lock
build >/dev/null 2>&1
[ -z "$(buildah containers -q)" ] || fail "a working container stays: $(buildah containers)"

# So is what a base began from nothing, or from an image of others, left. What others build with the same names is theirs, also while nobody builds with lockstep.
printf 'FROM scratch\nADD tiny.tar /\nRUN sleep 71.875\n' >Scratch
mkdir alone && cp tiny.tar alone/
"$ROOT/build/debug/tests/oracle/engine_try" buildah build Scratch alone x:1 >/dev/null 2>&1 & pid=$!
wait_for 'pgrep -f "^sleep 71.875"'
for p in $(pgrep -x buildah); do
	grep -qz "CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF" "/proc/$p/environ" 2>/dev/null && kill -KILL "$p"
done
wait $pid && fail "a build whose engine was killed succeeded"
[ "$(buildah containers --format '{{.ContainerName}}')" = working-container ] || fail "nothing was left, so this proves nothing"
[ "$(buildah from scratch)" = working-container-1 ] || fail "the name of another's container"
layer one '[sh, -c, "echo 3 > /one"]'
lock
build >/dev/null 2>&1
[ "$(buildah containers --format '{{.ContainerName}}')" = working-container-1 ] || fail "after a killed base: $(buildah containers)"
[ -z "$(buildah images --filter dangling=true -q)" ] || fail "images without a name: $(buildah images)"
