#!/usr/bin/env python3
"""One project on three Debians, with Python 3.9, 3.11 and 3.13, the middle one for aarch64 too, against the real package index that this machine's settings name:
every file that any of them can use is locked, versions differ only where no one version serves all, and what the files say themselves is satisfied everywhere."""
import json, os, subprocess, sys, tempfile, tomllib

ROOT = os.environ.get("ROOT", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
LOCKSTEP, CLOSURE = os.path.join(ROOT, "build/release/lockstep"), os.path.join(ROOT, "build/debug/tests/oracle/closure")
BASES = {"bullseye": ("3.9", "2.31"), "bookworm": ("3.11", "2.36"), "trixie": ("3.13", "2.41")}
ARM = "cp311-linux-aarch64-glibc2.36"
PYTHON = """groups:
  core: {description: what computes}
  web: {description: what serves}
packages:
  numpy: {groups: [core]}
  scipy: {groups: [core]}
  pandas: {groups: [core]}
  attrs: {groups: [core, web]}
  requests: {groups: [web]}
  typing-extensions: {groups: [web]}
"""

def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def make_project(root, differing):
    write(root + "/recipes/project.yaml", "name: three\nrepository: three\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n")
    write(root + "/Jenkinsfile", "".join(f"ci_{suite} = 'three/ci-{suite}:v0.0'\n" for suite in BASES))
    write(root + "/recipes/python.yaml", PYTHON + ("differences:\n" if differing else "") +
          "".join(f"  - {{package: {name}, why: no one version is for Python 3.9 and 3.13}}\n" for name in differing))
    for suite, (python, glibc) in BASES.items():
        further = "further_environments: [{machine: aarch64}]\n" if suite == "bookworm" else ""
        write(f"{root}/recipes/bases/debian-{suite}.yaml",
              f"from:\n  mmdebstrap: {{suite: {suite}, variant: minbase, components: [main], include: [ca-certificates, python3, python3-pip, python3-venv]}}\n"
              f"python: /usr/bin/python3\nenvironment: {{python: \"{python}\", machine: x86_64, libc_version: \"{glibc}\"}}\n{further}")
        write(f"{root}/containers/ci-{suite}/container.yaml", f"base: debian-{suite}\npython: {{groups: [core, web]}}\n")


def run(root, *arguments):
    done = subprocess.run([LOCKSTEP, arguments[0], "-C", root, *arguments[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if "cannot reach index" in done.stderr:
        print(done.stderr[-400:] + "\nno package index can be reached from here")
        sys.exit(77)
    return done


def places(lock, pin):
    """(container, environment) where a pin is."""
    of = {c["name"]: [c["environment"], *c.get("further", [])] for c in lock["container"]}
    return [(c, e) for c in pin["containers"] for e in of[c] if e in pin.get("environments", of[c])]


def check_lock(lock):
    assert {e["python"] for e in lock["environment"]} == {"3.9", "3.11", "3.13"} and len(lock["environment"]) == 4
    seen, tags = {}, {"3.9": "cp39", "3.11": "cp311", "3.13": "cp313"}
    of = {e["name"]: e for e in lock["environment"]}
    for pin in lock["package"]:
        for place in places(lock, pin):
            assert (pin["name"], place) not in seen, (pin["name"], place)
            seen[pin["name"], place] = pin
            own = [f["name"] for f in pin["files"] if f["name"].endswith("-any.whl") or (of[place[1]]["machine"] in f["name"] and
                   (tags[of[place[1]]["python"]] in f["name"] or "abi3" in f["name"] or "-py3-" in f["name"]))]
            assert own, (pin["name"], pin["version"], place)
    for name in ("numpy", "scipy", "pandas", "requests", "attrs"):
        for place in (("ci-bullseye", "cp39-linux-x86_64-glibc2.31"), ("ci-bookworm", "cp311-linux-x86_64-glibc2.36"), ("ci-bookworm", ARM),
                      ("ci-trixie", "cp313-linux-x86_64-glibc2.41")):
            assert (name, place) in seen, (name, place)
    # uv's own choice, newest for each Python, differs in far more.
    versions = {}
    for pin in lock["package"]:
        versions.setdefault(pin["name"], set()).add(pin["version"])
    return {name: sorted(v) for name, v in versions.items() if len(v) > 1}


def main():
    with tempfile.TemporaryDirectory(prefix="lockstep-environments-") as root:
        os.environ["LOCKSTEP_CACHE"] = os.path.join(root, ".cache-of-test")
        if os.path.exists(os.path.join(ROOT, ".tools/bin/uv")):
            os.environ["LOCKSTEP_UV"] = os.path.join(ROOT, ".tools/bin/uv")
        make_project(root, [])
        refused = run(root, "lock")
        differing = []
        # What no one version serves has to be declared, and is named with the reason.
        while refused.returncode:
            names = {line.split("'")[1] for line in refused.stderr.splitlines() if "containers would differ in '" in line}
            assert names and not names <= set(differing), refused.stderr
            assert "no version that the constraints allow has a file for all of" in refused.stderr or "there is no answer" in refused.stderr, refused.stderr
            differing = sorted({*differing, *names})
            make_project(root, differing)
            refused = run(root, "lock")
        print(refused.stdout + refused.stderr)
        with open(root + "/.lockstep/lock.toml", "rb") as f:
            lock = tomllib.load(f)
        split = check_lock(lock)
        assert set(split) == set(differing) and "numpy" in split, (split, differing)
        print(f"{len(lock['package'])} pins, at several versions: {split}")
        assert "unchanged" in run(root, "lock").stdout
        built = run(root, "fetch", "--format", "json")
        everything = run(root, "fetch", "--all-environments", "--format", "json")
        assert built.returncode == 0 and everything.returncode == 0, built.stderr + everything.stderr
        built, everything = json.loads(built.stdout), json.loads(everything.stdout)
        assert built["files"] < everything["files"] and everything["fetched"] == everything["files"] - built["files"], (built, everything)
        print(f"{built['files']} files are built with, Debian packages among them; {everything['files']} with those for aarch64")
        store = os.path.join(root, "by-hash")
        os.makedirs(store)
        for folder, _, files in os.walk(os.environ["LOCKSTEP_CACHE"] + "/files"):
            for name in files:
                digest = name if len(name) == 64 else os.path.basename(folder) + name
                os.symlink(os.path.join(folder, name), os.path.join(store, digest))
        closed = subprocess.run([CLOSURE, root + "/.lockstep/lock.toml", store], capture_output=True, text=True)
        assert closed.returncode == 0, closed.stdout
        held = sum(os.path.exists(os.path.join(store, f["sha256"])) for p in lock["package"] for f in p["files"])
        debs = len({d["sha256"] for d in lock.get("deb", [])})
        assert held == everything["files"] - debs, (held, debs, everything)
        print(f"closed in every environment by what {held} files say themselves")


main()
