#!/usr/bin/env python3
"""Releases that docker and podman built, with the Python layers of either kind, published; and what docker, podman, skopeo, crane and oras then read of them."""
import json, os, subprocess, sys

ROOT = os.environ["ROOT"]
sys.path[:0] = [os.path.join(ROOT, "tests/fakes"), os.path.join(ROOT, "tests/kill")]
import bump, cases, registries
from world import FILES

CRANE, ORAS = (os.path.join(ROOT, ".tools/bin", name) for name in ("crane", "oras"))
CONTAINERS = ("ci-a", "ci-c")
WORK = os.getcwd()
bump.need_programs("dockerd", "podman", "skopeo")
gone = registries.missing(CRANE, ORAS, registries.KINDS["2.8"], registries.KINDS["referrers"])
if gone:
    bump.skip(f"there is no {gone}; 'tools/setup test' mends that")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done
    return done.stdout


def make_tree():
    """A mmdebstrap that gives a tiny tree with this machine's Python."""
    os.makedirs("fake")
    run(ROOT + "/tests/kill/base.sh", WORK + "/tree.tar")
    with open("fake/mmdebstrap", "w") as f:
        f.write(f"#!/bin/bash\nwhile [ \"$1\" != bookworm ]; do shift; done\nexec cp '{WORK}/tree.tar' \"$2\"\n")
    os.chmod("fake/mmdebstrap", 0o755)


make_tree()
DAEMON = bump.DockerDaemon(WORK + "/dockerd")
if not DAEMON.host:
    bump.skip(DAEMON.why_not)
OTHER = bump.DockerDaemon(WORK + "/other-dockerd")
REGISTRIES = {kind: registries.Registry(kind, f"{WORK}/registry-{kind}") for kind in ("2.8", "referrers")}


def project(registry, storage, engine, layers, name=None):
    repository = f"{registry.host}/{engine}-{name or layers}"
    files = {**FILES, "recipes/project.yaml": bump.FILES["recipes/project.yaml"].replace("repository: tiny", f'repository: "{repository}"') +
             f"plain_http: ['{registry.host}']\nlayers: {layers}\n", "Jenkinsfile": "".join(f"{c.replace('-', '_')} = '{repository}/{c}:v0.0'\n" for c in CONTAINERS)}
    p = bump.Project(WORK, storage, engine=engine, files=files)
    p.env["PATH"] = f"{WORK}/fake:{p.env['PATH']}"
    assert p.released() == "v0.1"
    return p, repository


def publish(p, *words, **options):
    r = p.run("publish", "--engine", p.engine, "--format", "json", *words, **options)
    assert r.code == 0, r
    return json.loads(r.out)


def check_read(p, repository, image):
    """Its manifest and all it names, its lock and snapshot, and the image itself in four hands."""
    container, name = image["container"], f"{repository}/{image['container']}:v0.1"
    assert run(CRANE, "digest", "--insecure", name).strip() == image["digest"]
    run(CRANE, "validate", "--insecure", "--remote", name)
    wanted = next(c["image_id"] for c in json.loads(p.read("lockfiles/v0.1/release.json"))["containers"] if c["name"] == container)
    assert json.loads(run(CRANE, "manifest", "--insecure", name))["config"]["digest"] == wanted
    found = json.loads(run(ORAS, "discover", "--plain-http", "--format", "json", name))["referrers"]
    # One registry lists them by the type of their configuration; the manifests say what they are.
    types = [json.loads(run(CRANE, "manifest", "--insecure", f"{repository}/{container}@{item['digest']}"))["artifactType"] for item in found]
    assert sorted(types) == ["application/vnd.lockstep.lock.v1+toml", "application/vnd.lockstep.snapshot.v1+json"], (types, found)
    for item in found:
        run(ORAS, "pull", "--plain-http", "-o", f"{p.work}/{container}-artifacts", f"{repository}/{container}@{item['digest']}")
    with open(f"{p.work}/{container}-artifacts/lock.toml") as f:
        assert f.read() == p.read("lockfiles/v0.1/lock.toml")
    run("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"oci:{p.work}/{container}-skopeo:x")
    run(CRANE, "pull", "--insecure", name, f"{p.work}/{container}-crane.tar")
    storage = bump.Storage(f"{p.work}/{container}-storage")
    try:
        run("podman", "pull", "-q", "--tls-verify=false", name, env={**os.environ, **storage.env()})
        words = ["/opt/venv/bin/python", "-c", "import alpha, beta; print('fine')"] if container == "ci-a" else ["/bin/sh", "-c", "echo fine"]
        made = storage.buildah("from", "--pull-never", name).strip()
        assert storage.buildah("run", "--isolation", "chroot", made, "--", *words) == "fine\n"
        assert run("podman", "image", "inspect", "--format", "{{.Id}}", name, env={**os.environ, **storage.env()}).strip() == wanted.removeprefix("sha256:")
    finally:
        storage.remove()
    OTHER.docker("pull", "-q", name)
    assert OTHER.docker("run", "--rm", "--network", "none", name, *words) == "fine\n"
    assert OTHER.docker("image", "inspect", "--format", "{{.Id}}", name).strip() == wanted
    # Where the image was published from is not where it is needed.
    r = p.run("pull-image", container, "--engine", "docker", **OTHER.env(), LOCKSTEP_CACHE=p.work + "/empty")
    assert r.code == 0, r


def check_published(p, repository):
    first = publish(p)
    assert first["outcome"] == "published" and [i["state"] for i in first["images"]] == ["sent"] * 2, first
    assert publish(p)["outcome"] == "nothing to do"
    for image in first["images"]:
        check_read(p, repository, image)
    # Another machine, or one whose cache is gone: the record says which image it is, and nothing is packed or sent.
    again = publish(p, LOCKSTEP_CACHE=p.work + "/nothing")
    assert again["outcome"] == "nothing to do" and again["sent"] == 0, again
    return first


def case_docker_layers_of_the_engine():
    p, repository = project(REGISTRIES["2.8"], DAEMON, "docker", "engine")
    with p:
        first = check_published(p, repository)
        # The engine has them still: another registry gets the same bytes though the cache is gone.
        other = REGISTRIES["referrers"].host
        for path in ("recipes/project.yaml", "Jenkinsfile"):
            p.write(path, p.read(path).replace(REGISTRIES["2.8"].host, other))
        for c in CONTAINERS:
            DAEMON.docker("tag", f"{repository}/{c}:v0.1", f"{repository.replace(REGISTRIES['2.8'].host, other)}/{c}:v0.1")
        second = publish(p, LOCKSTEP_CACHE=p.work + "/anew")
        assert second["outcome"] == "published" and [i["digest"] for i in second["images"]] == [i["digest"] for i in first["images"]], (first, second)
        check_read(p, repository.replace(REGISTRIES["2.8"].host, other), second["images"][0])


def case_docker_layers_of_lockstep():
    p, repository = project(REGISTRIES["referrers"], DAEMON, "docker", "lockstep")
    with p:
        check_published(p, repository)


def case_podman_layers_of_the_engine():
    storage = bump.Storage(WORK + "/podman-storage")
    p, repository = project(REGISTRIES["referrers"], storage, "podman", "engine")
    try:
        with p:
            check_published(p, repository)
    finally:
        storage.remove()


def case_podman_layers_packed_by_zstd():
    """The engines and tools that read zstd take them from the registry; one that does not is told of."""
    storage = bump.Storage(WORK + "/zstd-storage")
    p, repository = project(REGISTRIES["2.8"], storage, "podman", "{by: lockstep, packing: zstd}", "zstd")
    try:
        with p:
            first = publish(p)
            assert first["outcome"] == "published" and publish(p)["outcome"] == "nothing to do", first
            name = f"{repository}/ci-a:v0.1"
            manifest = json.loads(run(CRANE, "manifest", "--insecure", name))
            assert any(layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd" for layer in manifest["layers"]), manifest
            run(CRANE, "validate", "--insecure", "--fast", "--remote", name)
            run("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"oci:{p.work}/zstd-skopeo:x")
            for how in ("podman pull", "pull-image"):
                other = bump.Storage(f"{p.work}/zstd-{how.replace(' ', '-')}")
                try:
                    if how == "podman pull":
                        run("podman", "pull", "-q", "--tls-verify=false", name, env={**os.environ, **other.env()})
                    else:
                        r = p.run("pull-image", "ci-a", "--engine", "podman", **other.env(), LOCKSTEP_CACHE=p.work + "/empty-zstd")
                        assert r.code == 0, r
                    made = other.buildah("from", "--pull-never", name).strip()
                    assert other.buildah("run", "--isolation", "chroot", made, "--", "/opt/venv/bin/python", "-c", "import alpha, beta; print('fine')") == "fine\n"
                finally:
                    other.remove()
            # A daemon before 23 does not read them.
            r = p.run("pull-image", "ci-a", "--engine", "docker", **OTHER.env(), LOCKSTEP_CACHE=p.work + "/empty-zstd-2")
            major = int(OTHER.docker("version", "--format", "{{.Server.Version}}").split(".")[0])
            assert (r.code == 0) if major >= 23 else (r.code != 0 and "zstd" in r.err and "gzip" in r.err), r
    finally:
        storage.remove()


def case_docker_image_changed_or_gone():
    """What docker has under the release's tag is another image, or it has none: said, and nothing is pushed."""
    registry = REGISTRIES["2.8"]
    p, repository = project(registry, DAEMON, "docker", "engine")
    with p:
        DAEMON.docker("tag", f"{repository}/ci-c:v0.1", f"{repository}/ci-a:v0.1")
        os.path.exists(p.folder + "/lockfiles/published.json") and os.unlink(p.folder + "/lockfiles/published.json")
        p.write("recipes/project.yaml", p.read("recipes/project.yaml").replace("/docker-engine", "/changed"))
        DAEMON.docker("tag", f"{repository}/ci-c:v0.1", f"{registry.host}/changed/ci-a:v0.1")
        r = p.run("publish", "--engine", "docker")
        assert r.code == 1 and "was released" in r.err and "ci-a" in r.err, r
        DAEMON.docker("rmi", f"{registry.host}/changed/ci-a:v0.1")
        r = p.run("publish", "--engine", "docker")
        assert r.code == 1 and "ci-a:v0.1" in r.err and "an image is published where it was built" in r.err, r
        assert subprocess.run([CRANE, "ls", "--insecure", f"{registry.host}/changed/ci-a"], capture_output=True).stdout == b""


def finish():
    for registry in REGISTRIES.values():
        registry.stop()
    DAEMON.remove()
    OTHER.remove()


if __name__ == "__main__":
    cases.run(globals(), finish=finish)
