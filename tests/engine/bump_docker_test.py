#!/usr/bin/env python3
"""The main job with a docker daemon of its own: the first release, nothing to do, one package moved, an image lost, drift, a failing step."""
import os, re, sys

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases

WORK = os.getcwd()
SITE = "/opt/venv/lib/python3.11/site-packages"

bump.need_programs("mmdebstrap", "dockerd")
DAEMON = bump.DockerDaemon(WORK + "/dockerd")
if not DAEMON.host:
    bump.skip(DAEMON.why_not)
PROJECT = bump.Project(WORK, DAEMON, engine="docker").take_tree()


def case_first_release():
    p = PROJECT
    assert p.released() == "v0.1"
    p.keep_tree()
    assert p.tags() == ["ci-a:v0.1", "ci-b:v0.1", "ci-c:v0.1"]
    assert sorted(DAEMON.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "tiny/*").split()) == [f"tiny/{c}:v0.1" for c in bump.CONTAINERS]
    r = p.bump()
    assert r.code == 0 and "nothing to do: v0.1 is what the database says, and its images are in docker" in r.out, r
    r = p.run("verify", "--engine", "docker")
    assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r


def case_one_package_moves():
    p = PROJECT
    p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01"}}})
    r = p.bump("--upgrade-package", "delta")
    assert r.code == 0 and "released v0.2" in r.out and re.search(r"delta.*1\.1 -> 1\.2", r.out), r
    assert "building layer-tool" not in r.err and "container (ci-c)" not in r.err, r


def case_images_are_gone():
    p = PROJECT
    DAEMON.docker("rmi", "tiny/ci-b:v0.2")
    before = p.committed()
    r = p.bump()
    assert r.code == 0 and "v0.2 holds" in r.out and p.committed() == before, r


def case_drift():
    p = PROJECT
    container = DAEMON.docker("create", "--user", "root", "--entrypoint", "sh", "tiny/ci-a:v0.2", "-c",
                              f"echo 'import os' >>{SITE}/alpha/__init__.py; rm -r {SITE}/beta {SITE}/beta-2.0.dist-info; echo x >{SITE}/y.pth").strip()
    DAEMON.docker("start", "--attach", container)
    DAEMON.docker("commit", container, "tampered:1")
    DAEMON.docker("rm", container)
    r = p.run("verify", "--engine", "docker", "ci-a", "--image", "tampered:1")
    for text in ("ci-a: alpha has a file that is not the one that was installed: alpha/__init__.py", "ci-a: beta is locked at 2.0, but not installed",
                 f"ci-a: {SITE}/y.pth belongs to no package that is installed", "3 findings"):
        assert r.code == 1 and text in r.out, (text, r)


def case_build_step_fails():
    p = PROJECT
    before = p.committed()
    p.replace("recipes/layers/tool.yaml", "/usr/local/bin/tool > /tool.version", "echo compiling; echo no such header >&2; exit 9")
    p.fails("building 'layer-tool' (ci-a, ci-b, ci-c) failed at step ", "no such header", "the whole log: ")
    p.write("recipes/layers/tool.yaml", bump.FILES["recipes/layers/tool.yaml"])
    assert p.committed() == before and "nothing to do" in p.bump().out
    assert DAEMON.docker("ps", "-aq") == ""


def finish():
    PROJECT.close()
    DAEMON.remove()


cases.run(globals(), finish=finish)
