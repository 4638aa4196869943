#!/usr/bin/env python3
"""Releases in registries: published, promoted and pulled again, on three real ones; read by other tools; with logins and TLS; killed in between."""
import json, os, shutil, subprocess, sys, time

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import bump, cases, registries

CRANE, ORAS = (os.path.join(ROOT, ".tools/bin", name) for name in ("crane", "oras"))
bump.need_programs("buildah", "mmdebstrap", "unshare")
gone = registries.missing("skopeo", "podman", CRANE, ORAS, *registries.KINDS.values())
if gone:
    print(f"there is no {gone}; 'tools/setup test' mends that")
    sys.exit(77)
WORK = os.getcwd()
STORAGE = bump.Storage(WORK + "/storage")
REGISTRIES = {kind: registries.Registry(kind, f"{WORK}/registry-{kind}") for kind in registries.KINDS}
KEPT = {}


def files(host, layers):
    jenkinsfile = bump.FILES["Jenkinsfile"].replace("tiny/", f"{host}/team/tiny/")
    project = bump.FILES["recipes/project.yaml"].replace("repository: tiny", f"repository: {host}/team/tiny")
    return {"Jenkinsfile": jenkinsfile, "recipes/project.yaml": project + f"plain_http: ['{host}']\nlayers: {layers}\n"}


def project(kind="2.8", layers="lockstep"):
    """A project at v0.1 whose images are in the engine, its registry REGISTRIES[kind]; made once."""
    if (kind, layers) not in KEPT:
        p = bump.Project(WORK, STORAGE, files=files(REGISTRIES[kind].host, layers)).take_tree()
        assert p.released() == "v0.1"
        p.keep_tree()
        KEPT[kind, layers] = p
    return KEPT[kind, layers]


def published(p, *words, **options):
    r = p.run("publish", "--format", "json", *words, **options)
    assert r.code == 0, r
    return json.loads(r.out)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done
    return done.stdout


def repository(registry, container):
    return f"{registry.host}/team/tiny/{container}"


def check(registry, container, tag, digest, release_json):
    """What other tools read of a published image."""
    name = repository(registry, container)
    assert run(CRANE, "digest", "--insecure", f"{name}:{tag}").strip() == digest
    run(CRANE, "validate", "--insecure", "--remote", f"{name}:{tag}")
    manifest = json.loads(run(CRANE, "manifest", "--insecure", f"{name}:{tag}"))
    of_release = next(c for c in release_json["containers"] if c["name"] == container)
    assert manifest["config"]["digest"] == of_release["image_id"], (manifest, of_release["image_id"])
    digests = [layer["digest"] for layer in manifest["layers"]]
    assert [d for d in digests if d[7:] in {la["digest"] for la in of_release.get("layers", [])}] == ["sha256:" + la["digest"] for la in of_release.get("layers", [])]
    found = json.loads(run(ORAS, "discover", "--plain-http", "--format", "json", f"{name}:{tag}"))["referrers"]
    assert len(found) == 2, found
    types = set()
    for item in found:
        folder = f"{WORK}/pulled-{item['digest'][7:19]}"
        shutil.rmtree(folder, ignore_errors=True)
        types.add(json.loads(run(CRANE, "manifest", "--insecure", f"{name}@{item['digest']}"))["artifactType"])
        run(ORAS, "pull", "--plain-http", "-o", folder, f"{name}@{item['digest']}")
    assert types == {"application/vnd.lockstep.lock.v1+toml", "application/vnd.lockstep.snapshot.v1+json"}, types
    return [f"{WORK}/pulled-{item['digest'][7:19]}" for item in found]


def each(case):
    """The case on every registry, with images that lockstep put together and, on one, with those of the engine alone."""
    def around():
        for kind, layers in [(kind, "lockstep") for kind in REGISTRIES] + [("2.8", "engine")]:
            print(f"  {kind}, {layers}", flush=True)
            case(project(kind, layers), REGISTRIES[kind])
    around.__name__ = case.__name__
    return around


@each
def case_published_and_read_by_others(p, registry):
    r = p.run("publish", "--dry-run")
    replace = ("--replace",) if "layers: engine" in p.read("recipes/project.yaml") else ()
    if replace:
        # Another project's images are there under the names of this one.
        assert r.code == 1 and "another image" in r.err, r
        assert p.run("publish").code == 1
    else:
        assert r.code == 0 and "would be published" in r.out, r
    first = published(p, *replace)
    assert first["outcome"] == "published" and [i["state"] for i in first["images"]] == ["sent"] * 3, first
    again = published(p)
    assert again["outcome"] == "nothing to do" and again["sent"] == 0 and [i["state"] for i in again["images"]] == ["there"] * 3, again
    release_json = json.loads(p.read("lockfiles/v0.1/release.json"))
    record = json.loads(p.read("lockfiles/published.json"))["v0.1"]
    for image in first["images"]:
        assert record[image["container"]] == image["digest"]
        folders = check(registry, image["container"], "v0.1", image["digest"], release_json)
        texts = {name: open(os.path.join(folder, name)).read() for folder in folders for name in os.listdir(folder)}
        assert texts["lock.toml"] == p.read("lockfiles/v0.1/lock.toml")
        assert texts[image["container"] + ".txt"] == p.read(f"lockfiles/v0.1/{image['container']}.txt")
        assert json.loads(texts["release.json"])["containers"][0]["name"] == image["container"]
    shutil.rmtree("skopeo", ignore_errors=True)
    run("skopeo", "copy", "--src-tls-verify=false", f"docker://{repository(registry, 'ci-b')}:v0.1", "oci:skopeo:x")
    other = bump.Storage(f"{WORK}/other-{time.monotonic_ns()}")
    try:
        name = f"{repository(registry, 'ci-b')}:v0.1"
        run("podman", "pull", "-q", "--tls-verify=false", name, env={**os.environ, **other.env()})
        other.buildah("pull", "-q", "--tls-verify=false", f"{repository(registry, 'ci-a')}:v0.1")
        made = other.buildah("from", name).strip()
        freeze = other.buildah("run", "--isolation", "chroot", made, "--", "/opt/venv/bin/python", "-c", "import alpha, beta, gamma; print('fine')")
        assert freeze == "fine\n", freeze
    finally:
        other.remove()


def finish():
    for p in KEPT.values():
        p.close()
    for registry in REGISTRIES.values():
        registry.stop()
    STORAGE.remove()


if __name__ == "__main__":
    cases.run(globals(), finish=finish)
