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


def move_delta(version):
    """It moves in the lock, and the images are built; what was asked of docker's client."""
    asked, program = WORK + "/asked", WORK + "/bin/docker"
    os.makedirs(WORK + "/bin", exist_ok=True)
    with open(program, "w") as f:
        f.write(f"#!/bin/sh\necho \"$*\" >>'{asked}'\nexec /usr/bin/docker \"$@\"\n")
    os.chmod(program, 0o755)
    open(asked, "w").close()
    packages = json.loads(json.dumps(PROJECT.index.description["packages"]))
    packages["delta"][version] = {"uploaded": "2024-03-01"}
    PROJECT.index.set_packages(packages)
    r = PROJECT.run("lock", "--upgrade-package", "delta")
    assert r.code == 0, r
    r = PROJECT.run("build", "--engine", "docker", "--layers", "lockstep", PATH=f"{WORK}/bin:{os.environ['PATH']}")
    assert r.code == 0, r
    with open(asked) as f:
        return f.read().splitlines()


def newest_layers():
    """By container, of what the builds gave to the daemon last."""
    images = json.loads(PROJECT.read(".lockstep/build.json"))["images"]
    return {image["container"]: layers(image["tag"]) for image in images if image["engine"] == "docker"}


def case_what_was_given_before_answers():
    """The daemon is asked for what it has by the images it was given before; where these are gone, it gets what it may lack."""
    move_delta("1.3")
    before = newest_layers()
    asked = move_delta("1.4")
    assert len([each for each in asked if each.startswith("load")]) == 2, asked
    assert not [each for each in asked if each.startswith(("ps", "image ls"))] and len(asked) == 4, asked
    after = newest_layers()
    for container in ("ci-a", "ci-b"):
        assert after[container][:-1] == before[container][:-1] and after[container] != before[container], (before, after)
    for image in json.loads(PROJECT.read(".lockstep/build.json"))["images"]:
        DAEMON.docker("rmi", "--force", image["tag"])
    move_delta("1.5")
    again = newest_layers()
    assert again["ci-a"][:-1] == after["ci-a"][:-1] and again["ci-a"] != after["ci-a"], (after, again)


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
