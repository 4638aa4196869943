#!/bin/sh
# usage: base.sh FILE.tar: the tree of tests/engine/tiny_base.sh with this machine's Python, as far as containers need it to install and to tell what is in them.
set -eu
out=$1; tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
"$(dirname "$0")/../engine/tiny_base.sh" "$tree/tiny.tar"
tar -C "$tree" -xf "$tree/tiny.tar"
rm "$tree/tiny.tar"
version=$(/usr/bin/python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
mkdir -p "$tree/usr/bin" "$tree/usr/lib"
cp -L "/usr/bin/$version" "$tree/usr/bin/python3"
ln -s python3 "$tree/usr/bin/$version"
ln -s ../../bin/sh "$tree/usr/bin/sh"
tar -C /usr/lib --exclude=__pycache__ --exclude=test --exclude=idlelib --exclude=tkinter --exclude=lib2to3 --exclude=ensurepip --exclude=distutils --exclude=pydoc_data \
	--exclude=unittest --exclude='config-*' --exclude=dist-packages --exclude=sqlite3 --exclude=turtledemo -cf - "$version" | tar -C "$tree/usr/lib" -xf -
# Images are asked by pip what is in them; any of this machine will do.
for pip in /usr/lib/python3/dist-packages/pip "$(dirname "$0")"/../../.tools/*/lib/python3*/site-packages/pip; do
	[ ! -d "$pip" ] || break
done
mkdir -p "$tree/usr/lib/python3/dist-packages"
cp -r "$pip" "$tree/usr/lib/python3/dist-packages/pip"
cp -r "$pip"-*.dist-info "$tree/usr/lib/python3/dist-packages/"
for lib in $(for p in "$tree/usr/bin/python3" "$tree/usr/lib/$version/lib-dynload"/*.so; do ldd "$p"; done | grep -o '/[^ ]*' | sort -u); do
	mkdir -p "$tree$(dirname "$lib")"; cp -L "$lib" "$tree$lib"
done
# Compiled once here: else every Python that starts in an image compiles all it imports.
/usr/bin/python3 -m compileall -q --invalidation-mode unchecked-hash -s "$tree" "$tree/usr/lib" >/dev/null
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$tree" -cf "$out" .
