#!/usr/bin/env python3
"""The main job with podman in a storage of its own: the first release, nothing to do, one package moved, Python layers by lockstep, drift, a failing step."""
import os, re, subprocess, sys

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases

WORK = os.getcwd()
SITE = "/opt/venv/lib/python3.11/site-packages"


class Storage(bump.Storage):
    def podman(self, *words):
        return subprocess.run(["podman", *words], env={**os.environ, **self.env()}, check=True, capture_output=True, text=True).stdout


bump.need_programs("mmdebstrap", "podman")
STORAGE = Storage(WORK + "/storage")
PROJECT = bump.Project(WORK, STORAGE, engine="podman").take_tree()


def case_first_release():
    p = PROJECT
    assert p.released() == "v0.1"
    p.keep_tree()
    assert p.tags() == ["ci-a:v0.1", "ci-b:v0.1", "ci-c:v0.1"]
    names = STORAGE.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert {f"localhost/tiny/{c}:v0.1" for c in bump.CONTAINERS} <= set(names), names
    r = p.bump()
    assert r.code == 0 and "nothing to do: v0.1 is what the database says, and its images are in podman" in r.out, r
    r = p.run("verify", "--engine", "podman")
    assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r


def case_one_package_moves():
    p = PROJECT
    p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01"}}})
    r = p.bump("--upgrade-package", "delta")
    assert r.code == 0 and "released v0.2" in r.out and re.search(r"delta.*1\.1 -> 1\.2", r.out), r
    assert "building layer-tool" not in r.err and "container (ci-c)" not in r.err, r


def case_layers_by_lockstep():
    p = PROJECT
    p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.3": {"uploaded": "2024-04-01"}}})
    r = p.bump("--layers", "lockstep", "--upgrade-package", "delta")
    assert r.code == 0 and "released v0.3" in r.out, r
    r = p.run("verify", "--engine", "podman")
    assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r
    p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.4": {"uploaded": "2024-05-01"}}})
    r = p.bump("--layers", "lockstep", "--upgrade-package", "delta")
    assert r.code == 0 and "released v0.4" in r.out, r
    assert STORAGE.podman("ps", "--all", "--external", "--quiet") == ""


def case_drift():
    p = PROJECT
    STORAGE.buildah("from", "--name", "tampering", "localhost/tiny/ci-a:v0.2")
    tree = STORAGE.buildah("mount", "tampering").strip()
    with open(f"{tree}{SITE}/alpha/__init__.py", "a") as file:
        file.write("import os\n")
    STORAGE.buildah("umount", "tampering")
    STORAGE.buildah("commit", "--quiet", "tampering", "localhost/tampered:1")
    STORAGE.buildah("rm", "tampering")
    r = p.run("verify", "--engine", "podman", "ci-a", "--image", "localhost/tampered:1")
    assert r.code == 1 and "ci-a: alpha has a file that is not the one that was installed: alpha/__init__.py" in r.out, r


def case_build_step_fails():
    p = PROJECT
    before = p.committed()
    p.replace("recipes/layers/tool.yaml", "/usr/local/bin/tool > /tool.version", "echo compiling; echo no such header >&2; exit 9")
    p.fails("building 'layer-tool' (ci-a, ci-b, ci-c) failed at step ", "no such header", "the whole log: ")
    p.write("recipes/layers/tool.yaml", bump.FILES["recipes/layers/tool.yaml"])
    assert p.committed() == before
    assert STORAGE.podman("ps", "--all", "--external", "--quiet") == ""


def finish():
    PROJECT.close()
    STORAGE.remove()


cases.run(globals(), finish=finish)
