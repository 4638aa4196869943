#!/usr/bin/env python3
"""Wheels built from source, with the real buildah: what is only an sdist is built once in the system stage, locked, installed and verified; and bad builds.

usage: tests/run tests/engine/sdist_test.py, or by hand: ROOT=... sdist_test.py [CASE ...]"""
import os, sys, tomllib

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump
from backends import BACKEND, sdist_only
from bump import Project

bump.need_programs("buildah", "mmdebstrap", "unshare")
WORK = os.getcwd()
STORAGE = bump.Storage(WORK + "/storage")
PACKAGES = {"alpha": {"1.0": ["delta>=1"]}, "delta": {"1.0": []}, "tinybuild": {"1.0": BACKEND}}
FILES = {"recipes/python.yaml": "groups:\n  core: {description: what both need}\n  extra: {description: more, include: [core]}\n"
                                "packages:\n  alpha: {groups: [core]}\n  sauce: {groups: [core]}\n"}


def project(release, **more):
    """A project that wants `sauce`, which is only an sdist."""
    p = Project(WORK, STORAGE, packages={**PACKAGES, "sauce": {"1.0": release}, **more}, files=FILES)
    return p.take_tree()


def lock_of(p, path=".lockstep/lock.toml"):
    return tomllib.loads(p.read(path))


def pin(lock, name, key="package"):
    return [x for x in lock.get(key, []) if x["name"] == name][0]


def wheels(lock, name):
    return [f for f in pin(lock, name)["files"] if f["name"].endswith(".whl")]


def case_built_once_and_released():
    with project(sdist_only(["delta"])) as p:
        r = p.run("lock")
        assert r.code == 0, r
        lock = lock_of(p)
        sauce = pin(lock, "sauce")
        assert [f["name"] for f in sauce["files"]] == ["sauce-1.0.tar.gz"] and sauce["build-requires"] == ["tinybuild"], sauce
        assert [e["name"] for e in sauce["requires"]] == ["delta"], sauce
        assert pin(lock, "tinybuild", "toolchain")["layers"] == ["sdist:sauce-1.0{environment=cp311-linux-x86_64-glibc2.36}"], lock["toolchain"]
        assert p.released() == "v0.1"
        p.keep_tree()
        lock = lock_of(p, "lockfiles/v0.1/lock.toml")
        built = wheels(lock, "sauce")
        assert [f["name"] for f in built] == ["sauce-1.0-py3-none-any.whl"] and built[0]["built-from"] == pin(lock, "sauce")["files"][1]["sha256"], built
        assert "sauce==1.0" in p.read("lockfiles/v0.1/ci-a.txt")
        assert not [i for i in STORAGE.images() if "/wheel:" in i], STORAGE.images()
        r = p.bump()
        assert r.code == 0 and "nothing to do: v0.1" in r.out, r
        r = p.run("lock")
        assert r.code == 0 and "unchanged since v0.1" in r.out, r


if __name__ == "__main__":
    bump.check_all(dict(globals()), [STORAGE.remove])
