#!/bin/sh
# usage: tiny_base.sh FILE.tar: a tree just big enough to run steps in: the shell and a few programs of this machine with their libraries.
set -eu
out=$1; tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/bin" "$tree/etc" "$tree/tmp" "$tree/root" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/run" "$tree/var/tmp"
for p in sh cat ls sleep mkdir cp rm touch true false echo env id head seq wc sha256sum readlink ln chmod chown; do
	cp -L "$(PATH=/usr/bin:/bin which "$p")" "$tree/bin/$p"
done
for lib in $(for p in "$tree"/bin/*; do ldd "$p"; done | grep -o '/[^ ]*' | sort -u); do
	mkdir -p "$tree$(dirname "$lib")"; cp -L "$lib" "$tree$lib"
done
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$tree/etc/passwd"
printf 'root:x:0:\n' >"$tree/etc/group"
chmod 1777 "$tree/tmp"
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$tree" -cf "$out" .
