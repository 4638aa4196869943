#!/usr/bin/env python3
"""Writes releases into lockfiles/ as lockstep does, with no engine and no index: for tests of the commands that read them, and for bench/.

usage: releases.py FOLDER                 two small releases, v0.1 and v0.2
       releases.py FOLDER PACKAGES SYSTEM  two of that many Python and Debian packages, for measuring
"""
import hashlib, json, os, sys

HEX = hashlib.sha256(b"inputs").hexdigest()
ENVIRONMENT = ("cp311-linux-x86_64-glibc2.36", "3.11")


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def quoted(items):
    return "[" + ", ".join(json.dumps(i) for i in items) + "]"


def pin(name, version, containers=(), layers=(), requires=(), index="default", salt="", files=1):
    kind, place = ("toolchain", f"layers = {quoted(layers)}") if layers else ("package", f"containers = {quoted(containers)}")
    lines = [f"\n[[{kind}]]", f'name = "{name}"', f'version = "{version}"', f'index = "{index}"', place]
    if requires:
        lines += ["requires = ["] + [f'    {{ name = "{r}" }},' for r in requires] + ["]"]
    names = sorted(f"{name.replace('-', '_')}-{version}-{'py3-none-any' if i == 0 else f'cp311-cp311-manylinux_2_{i}_x86_64'}.whl" for i in range(files))
    lines += ["files = ["] + [f'    {{ name = "{f}", size = {1000 + len(f)}, sha256 = "{sha256(f + salt)}" }},' for f in names] + ["]"]
    return "\n".join(lines) + "\n"


def lock(containers, pins):
    text = (f'# made by tests/fakes/releases.py\nversion = 1\nproject = "demo"\ninputs = "{HEX}"\ncut-off = 2026-11-20T00:00:00Z\n\n'
            f'[tools]\nlockstep = "0.1.0"\nuv = "0.13.9"\n\n[[environment]]\nname = "{ENVIRONMENT[0]}"\npython = "3.11"\nimplementation = "cpython"\n'
            f'os = "linux"\nmachine = "x86_64"\nlibc = "glibc"\nlibc-version = "2.36"\n')
    for name, (groups, direct, inputs) in containers.items():
        text += (f'\n[[container]]\nname = "{name}"\nenvironment = "{ENVIRONMENT[0]}"\ninputs = "{sha256(inputs)}"\ngroups = {quoted(groups)}\n'
                 "direct = [\n" + "".join(f"    {json.dumps(d)},\n" for d in direct) + "]\n")
    return text + "".join(pins)


def snapshot(name, tools, system):
    return {"name": name, "engine": "buildah", "engine_version": "1.28.2", "image_id": sha256(name), "markers": [{"name": "python_full_version", "value": "3.11.2"}],
            "tools": [{"name": n, "version": v} for n, v in tools], "packages": [],
            "system_packages": [{"name": n, "version": v, "architecture": a} for n, v, a in system]}


def write(folder, name, previous, created, lock_text, snapshots):
    release = {"version": 1, "name": name, "created": created, "tool": "lockstep 0.1.0", "containers": snapshots}
    if previous:
        release["previous"] = previous
    files = {"lock.toml": lock_text, "release.json": json.dumps(release, indent=2) + "\n"}
    for s in snapshots:
        files[s["name"] + ".txt"] = "# freeze\n"
    sums = "".join(f"{sha256(text)}  {n}\n" for n, text in sorted(files.items()))
    for place in (name, "latest"):
        os.makedirs(os.path.join(folder, "lockfiles", place), exist_ok=True)
        for n, text in [*files.items(), ("SHA256SUMS", sums)]:
            with open(os.path.join(folder, "lockfiles", place, n), "w", encoding="utf-8") as f:
                f.write(text)


def small(folder):
    both, cuda = ["ci-cpu", "ci-gpu"], ["cuda{from=wheels,version=13.0}"]
    system = [("dpkg", "1.21.22", "amd64"), ("libc6", "2.36-9+deb12u4", "amd64"), ("tzdata", "2024a-0+deb12u1", "all")]
    moved = [("dpkg", "1.21.22", "amd64"), ("libc6", "2.36-9+deb12u7", "amd64"), ("tzdata", "2024a-0+deb12u1", "all")]
    write(folder, "v0.1", None, "2026-11-20T10:00:00Z", lock(
        {"ci-cpu": (["core", "test"], ["numpy>=1.20", "pytest", "xgboost-cpu"], "a"), "ci-gpu": (["core"], ["numpy>=1.20", "xgboost"], "b")},
        [pin("numpy", "1.26.4", both, files=2), pin("packaging", "23.2", ["ci-cpu"]), pin("pytest", "8.0.0", ["ci-cpu"], requires=["packaging"]),
         pin("scipy", "1.11.4", both, requires=["numpy"]), pin("xgboost", "2.1.0", ["ci-gpu"], requires=["numpy", "scipy"]),
         pin("xgboost-cpu", "2.1.0", ["ci-cpu"], requires=["numpy", "scipy"]), pin("nvidia-cuda-nvcc", "13.0.48", layers=cuda)]),
        [snapshot("ci-cpu", [("gcc", "12.2.0")], system), snapshot("ci-gpu", [("gcc", "12.2.0"), ("nvcc", "13.0.48")], system)])
    write(folder, "v0.2", "v0.1", "2026-11-23T03:46:00Z", lock(
        {"ci-cpu": (["core", "test"], ["numpy>=1.20,<3", "pytest", "xgboost-cpu"], "c"), "ci-gpu": (["core"], ["numpy>=1.20,<3", "xgboost"], "d")},
        [pin("iniconfig", "2.0.0", ["ci-cpu"]), pin("numpy", "2.0.1", both, files=2), pin("packaging", "23.2", ["ci-cpu"], salt="x"),
         pin("pytest", "8.1.0", ["ci-cpu"], requires=["iniconfig", "packaging"]), pin("scipy", "1.11.4", ["ci-gpu"], requires=["numpy"]),
         pin("scipy", "1.12.0", ["ci-cpu"], requires=["numpy"]), pin("xgboost", "2.1.0", ["ci-gpu"], requires=["numpy"]),
         pin("xgboost-cpu", "2.1.0", ["ci-cpu"], requires=["numpy"]), pin("nvidia-cuda-nvcc", "13.0.88", layers=cuda)]),
        [snapshot("ci-cpu", [("gcc", "12.2.0")], moved), snapshot("ci-gpu", [("gcc", "12.2.0"), ("nvcc", "13.0.88")], moved)])


def large(folder, packages, system):
    containers = ["ci-cpu", "ci-gpu", "ci-lint"]
    for number, name in enumerate(("v0.1", "v0.2")):
        names = [f"package-{i:04}" for i in range(packages)]
        pins = [pin(n, f"1.{i % 7}.{number if i % 3 == 0 else 0}", containers[:1 + i % 3], requires=[names[0]] if i else [], files=12) for i, n in enumerate(names)]
        direct = {c: [n for i, n in enumerate(names) if i % 4 == 0 and k < 1 + i % 3] for k, c in enumerate(containers)}
        write(folder, name, "v0.1" if number else None, "2026-11-20T10:00:00Z", lock({c: (["core"], direct[c], c) for c in containers}, pins),
              [snapshot(c, [("gcc", "12.2.0")], [(f"lib{i:04}", f"1.0-{number if i % 9 == 0 else 0}", "amd64") for i in range(system)]) for c in containers])


if len(sys.argv) == 2:
    small(sys.argv[1])
else:
    large(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
