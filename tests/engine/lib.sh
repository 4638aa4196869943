# shellcheck shell=bash disable=SC2016,SC2154
# For the tests with real engines; sourced by bash.
fail() { echo "FAILED: $*" >&2; exit 1; }
expect() { [[ $2 == *"$3"* ]] || fail "$1: '$3' is not in: $2"; }
wait_for() { for _ in $(seq 100); do eval "$1" >/dev/null 2>&1 && return 0; sleep 0.1; done; fail "waited in vain for: $1"; }

# A storage that this test does not share with anybody. Mounts a killed engine left are taken down at the end.
own_buildah_storage()
{
	export CONTAINERS_STORAGE_CONF="$WORK/storage.conf"
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$WORK/storage" "$WORK/storage-run" >"$CONTAINERS_STORAGE_CONF"
	buildah info >/dev/null 2>&1 || sed -i 's/overlay/vfs/' "$CONTAINERS_STORAGE_CONF"
	trap 'for m in $(grep -o " $WORK/[^ ]*" /proc/mounts | sort -r); do umount -l "$m"; done' EXIT
}

# What both engines must do alike; `try` calls the engine under test.
same_interface_tests()
{
	mkdir -p context
	"$ROOT/tests/engine/tiny_base.sh" context/base.tar
	printf 'FROM scratch\nADD base.tar /\nENV WORD="a b"\n' >Dockerfile
	out=$(try inspect t/base:1 2>&1) && fail "inspect finds an image that is not there"
	expect "inspect of no image" "$out" "error 3: "
	try untag t/base:1 || fail "untag of no image is an error"
	try build Dockerfile context t/base:1
	out=$(try inspect t/base:1)
	[[ $out =~ ^id\ sha256:[0-9a-f]{64}$'\n' ]] || fail "inspect: $out"
	[[ $out =~ size\ [1-9][0-9]{6} ]] || fail "inspect, size: $out"
	[[ $out =~ created\ 20[0-9-]+T ]] || fail "inspect, created: $out"
	try tag t/base:1 t/other:2
	[ "$(try inspect t/other:2)" = "$out" ] || fail "a tag is another image"
	try untag t/other:2
	try inspect t/other:2 2>/dev/null && fail "untag leaves the tag"
	[ "$(try inspect t/base:1)" = "$out" ] || fail "untag took more than the tag"

	out=$(printf 'some input' | try run t/base:1 sh -c 'cat; echo; echo "$WORD"; exit 5')
	expect "run" "$out" $'some input\na b\n'
	expect "run, exit status" "$out" "exit 5"
	out=$(try run t/base:1 sh -c 'cat /proc/net/dev' </dev/null)
	[[ $out != *eth* && $out != *ens* && $out != *enp* ]] || fail "run has a network: $out"
	out=$(try run t/none:1 true </dev/null 2>&1) && fail "run of no image succeeds"
	expect "run of no image" "$out" "error 9: "

	printf 'FROM t/base:1\nRUN echo told; echo why >&2; exit 7\n' >Broken
	out=$(try build Broken context t/broken:1 2>&1) && fail "a broken build succeeds"
	expect "broken build" "$out" "failed with exit status "
	try inspect t/broken:1 2>/dev/null && fail "a broken build left an image"
	return 0
}
