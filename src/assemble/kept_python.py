"""Writes the files of this Python that compiling takes, so that it runs in a folder that has nothing else.

stdout: one line {"files": [[path, mode, time, size], ...], "links": [[path, where it leads], ...], "library_path"}, then the bytes of all files.
"""
import importlib
import json
import os
import platform
import re
import stat
import sys
import sysconfig

# All that the scripts of layer/ import.
for name in ("importlib.util", "gc", "marshal", "select", "signal", "struct", "zlib"):
    importlib.import_module(name)
sysconfig.get_paths()
platform.machine()
files, links = set(), {}


def add(path):
    """A file, and every link on the way to it."""
    at, parts, steps = "", path.split("/"), 0
    while parts and steps < 400:
        name, steps = parts.pop(0), steps + 1
        here = at + "/" + name
        if name == "..":
            at = os.path.dirname(at)
        elif name in ("", "."):
            continue
        elif os.path.islink(here):
            links[here] = os.readlink(here)
            at, parts = "" if links[here].startswith("/") else at, links[here].split("/") + parts
        else:
            at = here
    if os.path.isfile(at):
        files.add(at)


def add_folder(folder, pattern=""):
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if re.match(pattern, name):
            add(os.path.join(folder, name))


def add_mapped():
    """What the loader loaded, by every name it has in its folder."""
    with open("/proc/self/maps") as maps:
        mapped = {line.split(None, 5)[5].rstrip("\n") for line in maps if len(line.split(None, 5)) == 6}
    for path in sorted(each for each in mapped if each.startswith("/") and os.path.isfile(each)):
        add(path)
        for name in os.listdir(os.path.dirname(path)):
            other = os.path.join(os.path.dirname(path), name)
            if os.path.islink(other) and os.path.realpath(other) == path:
                add(other)


def add_modules():
    for module in list(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        for path in (getattr(module, "__file__", None), getattr(spec, "cached", None)):
            if path and os.path.isabs(path):
                add(path)
    folder = os.path.dirname(os.__file__)
    add(os.path.join(folder, "os.py"))
    # A source may be written in any encoding, and name characters.
    for part in ("encodings", "encodings/__pycache__"):
        add_folder(os.path.join(folder, part))
    for name in ("stringprep.py", "bz2.py", "_compression.py"):
        add(os.path.join(folder, name))
    add_folder(os.path.join(folder, "lib-dynload"), r"_codecs|_multibytecodec|unicodedata|_bz2")


def main():
    with open(sys.executable, "rb") as file:
        for loader in re.findall(rb"(/[\w./-]*/ld[\w.-]*\.so[\w.]*)\0", file.read(4096)):
            add(loader.decode())
    add(sys.executable)
    for folder in {sys.prefix, os.path.dirname(sys.executable)}:
        add(os.path.join(folder, "pyvenv.cfg"))
    add("/etc/ld.so.cache")
    for name in os.listdir("/"):
        if os.path.islink("/" + name):
            links["/" + name] = os.readlink("/" + name)
    add_mapped()
    add_modules()
    listed, contents = [], []
    for path in sorted(files):
        with open(path, "rb") as file:
            contents.append(file.read())
        found = os.stat(path)
        listed.append([path, stat.S_IMODE(found.st_mode) & 0o755, int(found.st_mtime), len(contents[-1])])
    head = {"files": listed, "links": sorted(links.items()), "library_path": os.environ.get("LD_LIBRARY_PATH", "")}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + b"".join(contents))


main()
