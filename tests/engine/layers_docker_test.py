#!/usr/bin/env python3
"""Images whose Python layers lockstep makes, loaded into a docker daemon of its own: verified, released, and one wheel moved."""
import json, os, sys

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases

WORK = os.getcwd()

bump.need_programs("mmdebstrap", "dockerd")
DAEMON = bump.DockerDaemon(WORK + "/dockerd")
if not DAEMON.host:
    bump.skip(DAEMON.why_not)
PROJECT = bump.Project(WORK, DAEMON, engine="docker").take_tree()


def layers(image):
    return json.loads(DAEMON.docker("inspect", image))[0]["RootFS"]["Layers"]


def case_a_release():
    assert PROJECT.released("--layers", "lockstep") == "v0.1"
    PROJECT.keep_tree()
    r = PROJECT.run("verify", "--engine", "docker", "--layers", "lockstep")
    assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r
    r = PROJECT.bump("--layers", "lockstep")
    assert r.code == 0 and "nothing to do: v0.1" in r.out, r


def case_one_wheel_is_one_layer():
    PROJECT.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01"}}})
    r = PROJECT.bump("--layers", "lockstep", "--upgrade-package", "delta")
    assert r.code == 0 and "released v0.2" in r.out and "layer-tool" not in r.err and "building venv" not in r.err, r
    for container in ("ci-a", "ci-b"):
        old, new = layers(f"tiny/{container}:v0.1"), layers(f"tiny/{container}:v0.2")
        assert len(old) == len(new) and len(set(new) - set(old)) == 1 and new[-1] not in old, (old, new)
    assert layers("tiny/ci-c:v0.1") == layers("tiny/ci-c:v0.2")
    out = DAEMON.docker("run", "--rm", "--network", "none", "tiny/ci-b:v0.2", "python", "-c", "import delta, gamma; print(delta.__version__, gamma.__version__)")
    assert out == "1.2 3.0\n", out


def case_packed_by_zstd():
    """Read by docker 23 and newer; an older one is told before anything is made."""
    PROJECT.write("recipes/project.yaml", PROJECT.read("recipes/project.yaml") + "layers: {by: lockstep, packing: zstd}\n")
    r = PROJECT.run("build", "--engine", "docker", "ci-a")
    if int(DAEMON.docker("version", "--format", "{{.Server.Version}}").split(".")[0]) < 23:
        assert r.code == 1 and "cannot read layers that are packed with zstd" in r.err and "packing: gzip" in r.err and "building layers" not in r.err, r
    else:
        assert r.code == 0, r


def finish():
    PROJECT.close()
    DAEMON.remove()


cases.run(globals(), finish=finish)
