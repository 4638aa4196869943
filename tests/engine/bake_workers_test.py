#!/usr/bin/env python3
"""containers/docker-bake.json built whole by the real `buildx bake` with one remote worker and with several; lockstep verifies what came out."""
import os, shutil, subprocess, sys

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import buildkitd, bump, cases

WORK = os.getcwd()
BUILDX = shutil.which("docker-buildx", path=buildkitd.PATH)
if not BUILDX:
    bump.skip("docker-buildx is not there: tools/setup test builds it, where the Go proxy can be reached (.tools/go.log)")
bump.need_programs("mmdebstrap", "buildah")
STORAGE = bump.Storage(WORK + "/storage")
WORKERS = [buildkitd.Buildkitd(f"{WORK}/worker{i}", tcp=True) for i in range(2)]
PROJECT = bump.Project(WORK, STORAGE).take_tree()


def buildx(*words):
    done = subprocess.run([BUILDX, *words], cwd=PROJECT.folder, capture_output=True, text=True,
                          env={**PROJECT.env, "BUILDX_CONFIG": WORK + "/buildx", "DOCKER_CONFIG": WORK + "/docker", "LOCKSTEP_RELEASE": "v9.9"})
    assert done.returncode == 0, done
    return done


def bake(builder):
    """Everything in the file; the images are then in buildah's storage under the builder's name."""
    outputs = [word for c in bump.CONTAINERS for word in ("--set", f"{c}.output=type=oci,dest={WORK}/{builder}-{c}.tar")]
    buildx("bake", "--builder", builder, "--progress", "plain", "--allow", f"fs.write={WORK}", "-f", "containers/docker-bake.json", *outputs)
    for c in bump.CONTAINERS:
        STORAGE.buildah("pull", f"oci-archive:{WORK}/{builder}-{c}.tar")
        image = STORAGE.buildah("pull", "--quiet", f"oci-archive:{WORK}/{builder}-{c}.tar").strip()
        STORAGE.buildah("tag", image, f"baked/{c}:{builder}")
        r = PROJECT.run("verify", c, "--engine", "buildah", "--image", f"baked/{c}:{builder}")
        assert r.code == 0 and "verified: 1 container" in r.out, r


def case_one_worker():
    assert PROJECT.released() == "v0.1"
    PROJECT.keep_tree()
    buildx("create", "--name", "one", "--driver", "remote", WORKERS[0].address)
    bake("one")


def case_several_workers():
    buildx("create", "--name", "several", "--driver", "remote", WORKERS[0].address)
    buildx("create", "--name", "several", "--append", "--driver", "remote", WORKERS[1].address)
    bake("several")


def finish():
    PROJECT.close()
    STORAGE.remove()
    for w in WORKERS:
        w.remove()


cases.run(globals(), finish=finish)
