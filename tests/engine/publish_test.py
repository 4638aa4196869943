#!/usr/bin/env python3
"""Releases in registries: published, promoted and pulled again, on three real ones; read by other tools; with logins and TLS; killed in between."""
import json, os, random, shutil, subprocess, sys, time

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


def pulled_by_engines(registry):
    """What podman and buildah pull works."""
    other = bump.Storage(f"{WORK}/other-{time.monotonic_ns()}")
    try:
        name = f"{repository(registry, 'ci-b')}:v0.1"
        run("podman", "pull", "-q", "--tls-verify=false", name, env={**os.environ, **other.env()})
        other.buildah("pull", "-q", "--tls-verify=false", f"{repository(registry, 'ci-a')}:v0.1")
        works(other, name)
    finally:
        other.remove()


def works(storage, name):
    made = storage.buildah("from", name).strip()
    said = storage.buildah("run", "--isolation", "chroot", made, "--", "/opt/venv/bin/python", "-c", "import alpha, beta, gamma; print('fine')")
    storage.buildah("rm", made)
    assert said == "fine\n", said


def check_all(p, registry, images):
    release_json = json.loads(p.read("lockfiles/v0.1/release.json"))
    for image in images:
        folders = check(registry, image["container"], "v0.1", image["digest"], release_json)
        texts = {name: open(os.path.join(folder, name)).read() for folder in folders for name in os.listdir(folder)}
        assert texts["lock.toml"] == p.read("lockfiles/v0.1/lock.toml")
        assert texts[image["container"] + ".txt"] == p.read(f"lockfiles/v0.1/{image['container']}.txt")
        assert json.loads(texts["release.json"])["containers"][0]["name"] == image["container"]


def case_published_and_read_by_others():
    for kind, layers in (("2.8", "lockstep"), ("v3", "engine")):
        p, registry = project(kind, layers), REGISTRIES[kind]
        r = p.run("publish", "--dry-run")
        assert r.code == 0 and r.out.count("would be published") == 3, r
        assert p.run("promote", "v0.1", "--to", "stable").code == 1
        first = published(p)
        assert first["outcome"] == "published" and [i["state"] for i in first["images"]] == ["sent"] * 3, first
        assert first["sent"] > 0 and first["sent"] + first["mounted"] > first["sent"], first
        again = published(p)
        assert again["outcome"] == "nothing to do" and again["sent"] == 0 and [i["state"] for i in again["images"]] == ["there"] * 3, again
        record = json.loads(p.read("lockfiles/published.json"))["v0.1"]
        assert record == {image["container"]: image["digest"] for image in first["images"]}
        check_all(p, registry, first["images"])
        pulled_by_engines(registry)
        run("skopeo", "copy", "--src-tls-verify=false", f"docker://{repository(registry, 'ci-b')}:v0.1", f"oci:skopeo-{kind}:x")


def case_nothing_changed_is_asked_by_head_alone():
    p = project()
    published(p)
    with registries.Proxy(REGISTRIES["2.8"].host) as proxy:
        # The same registry under another address: what was published is known by its digest.
        before = p.read("recipes/project.yaml")
        p.write("recipes/project.yaml", before.replace(REGISTRIES["2.8"].host, proxy.host))
        try:
            assert published(p)["outcome"] == "nothing to do"
            assert {command for command, _, _ in proxy.log} == {"HEAD"}, proxy.log
            assert len(proxy.log) == 12, proxy.log
        finally:
            p.write("recipes/project.yaml", before)


def case_promoted():
    p, source = project(), REGISTRIES["2.8"]
    images = published(p)["images"]
    r = p.run("promote", "v0.1", "--to", "stable", "--format", "json")
    assert r.code == 0 and json.loads(r.out)["outcome"] == "promoted" and json.loads(r.out)["sent"] == 0, r
    for image in images:
        assert run(CRANE, "digest", "--insecure", f"{repository(source, image['container'])}:stable").strip() == image["digest"]
    assert json.loads(p.run("promote", "v0.1", "--to", "stable", "--format", "json").out)["outcome"] == "nothing to do"
    target = REGISTRIES["referrers"]
    plain = f"{target.host},{source.host}"
    r = p.run("promote", "latest", "--to", f"{target.host}/team/tiny")
    assert r.code == 1 and target.host in r.err, r  # nobody said that it is spoken to without TLS
    cache = p.fingerprint(p.cache, times=False)
    r = p.run("promote", "latest", "--to", f"{target.host}/team/tiny", "--dry-run", LOCKSTEP_PLAIN_HTTP=plain)
    assert r.code == 0 and r.out.count("would be") == 3, r
    r = p.run("promote", "latest", "--to", f"{target.host}/team/tiny", LOCKSTEP_PLAIN_HTTP=plain)
    assert r.code == 0 and r.out.count(" is sha256:") == 3, r
    assert p.fingerprint(p.cache, times=False) == cache, "something was pulled"
    check_all(p, target, images)
    pulled_by_engines(target)
    r = p.run("promote", "v0.1", "--to", f"{source.host}/production:2026", "--format", "json")
    assert r.code == 0 and json.loads(r.out)["sent_bytes"] == 0 and json.loads(r.out)["mounted"] > 0, r
    assert run(CRANE, "digest", "--insecure", f"{source.host}/production/ci-a:2026").strip() == images[0]["digest"]
    for word in ("a b", "x/y", f"{source.host}/x@sha256:" + "0" * 64):
        assert p.run("promote", "v0.1", "--to", word).code == 1


def case_bump_publishes():
    p = project()
    if os.path.exists(p.folder + "/lockfiles/published.json"):
        os.unlink(p.folder + "/lockfiles/published.json")
    r = p.bump("--publish")
    assert r.code == 0 and "nothing to do: v0.1" in r.out, r
    assert sorted(json.loads(p.read("lockfiles/published.json"))["v0.1"]) == sorted(bump.CONTAINERS)
    assert run(CRANE, "digest", "--insecure", f"{repository(REGISTRIES['2.8'], 'ci-a')}:v0.1")


def case_another_image_under_the_tag_stays():
    p, registry = project(), REGISTRIES["2.8"]
    images = published(p)["images"]
    run(CRANE, "tag", "--insecure", f"{repository(registry, 'ci-b')}:v0.1", "kept")
    run(CRANE, "copy", "--insecure", f"{repository(registry, 'ci-a')}:v0.1", f"{repository(registry, 'ci-b')}:v0.1")
    r = p.run("publish")
    assert r.code == 1 and "names another image" in r.err and "--replace" in r.err, r
    os.rename(p.folder + "/lockfiles/published.json", p.folder + "/published.json")
    r = p.run("pull-image", "ci-b", "--engine", "buildah", CONTAINERS_STORAGE_CONF=None, HOME=p.work)
    assert r.code == 1, r
    os.rename(p.folder + "/published.json", p.folder + "/lockfiles/published.json")
    assert published(p, "--replace")["outcome"] == "published"
    assert run(CRANE, "digest", "--insecure", f"{repository(registry, 'ci-b')}:v0.1").strip() == images[1]["digest"]
    # A machine that has neither the record nor the store finds out by the tags.
    os.unlink(p.folder + "/lockfiles/published.json")
    assert published(p, LOCKSTEP_CACHE=p.work + "/empty")["outcome"] == "nothing to do"
    assert json.loads(p.read("lockfiles/published.json"))["v0.1"] == {image["container"]: image["digest"] for image in images}


def case_pulled_into_an_engine_and_a_folder():
    p = project()
    images = {image["container"]: image for image in published(p)["images"]}
    other, empty = bump.Storage(f"{WORK}/pulling"), {"LOCKSTEP_CACHE": p.work + "/pulled-cache"}
    try:
        r = p.run("pull-image", "ci-b:v0.1", "--engine", "buildah", "--format", "json", **other.env(), **empty)
        assert r.code == 0, r
        first = json.loads(r.out)
        assert not first["was_there"] and first["digest"] == images["ci-b"]["digest"] and first["received"] > 2, first
        works(other, images["ci-b"]["image"])
        again = json.loads(p.run("pull-image", "ci-b", "--engine", "buildah", "--format", "json", **other.env(), **empty).out)
        assert again["was_there"] and again["received"] == 0, again
        # The other stands on the same base: of that nothing comes, with another store that has nothing.
        r = p.run("pull-image", "ci-c", "--engine", "buildah", "--format", "json", **other.env(), LOCKSTEP_CACHE=p.work + "/other-cache")
        assert r.code == 0 and json.loads(r.out)["received_bytes"] < first["received_bytes"] / 10, (r, first)
        assert p.run("verify", "--engine", "buildah", "--image", images["ci-b"]["image"], "ci-b", **other.env()).code == 0
    finally:
        other.remove()
    folder = p.work + "/layout"
    r = p.run("pull-image", "ci-b", "--output", folder, **empty)
    assert r.code == 0, r
    assert json.loads(run("skopeo", "inspect", f"oci:{folder}:v0.1"))["Digest"] == images["ci-b"]["digest"]
    run("skopeo", "copy", f"oci:{folder}:v0.1", f"docker-archive:{p.work}/archive.tar:x:y")
    assert p.run("pull-image", "ci-b", "--output", folder).code == 1
    assert p.run("pull-image", "nothing").code == 1 and p.run("pull-image", "ci-b:v9").code == 1


def case_docker_publishes_and_pulls():
    p = project()
    daemon = bump.DockerDaemon(WORK + "/dockerd")
    if not daemon.host:
        print(f"  without docker: {daemon.why_not}", flush=True)
        return
    images = {image["container"]: image for image in published(p)["images"]}
    try:
        r = p.run("pull-image", "ci-b", "--engine", "docker", **daemon.env())
        assert r.code == 0, r
        assert daemon.docker("run", "--rm", "--network", "none", images["ci-b"]["image"], "/opt/venv/bin/python", "-c", "import alpha; print('fine')") == "fine\n"
        daemon.docker("pull", images["ci-a"]["image"])
        r = p.run("pull-image", "ci-c", "--engine", "docker", "--format", "json", **daemon.env(), LOCKSTEP_CACHE=p.work + "/docker-cache")
        assert r.code == 0 and json.loads(r.out)["received_bytes"] < 100_000, r
    finally:
        daemon.remove()


def whole_or_nothing(host, path):
    """Each tag that is there names an image that is whole, with its lock and its snapshot."""
    for container in bump.CONTAINERS:
        name = f"{host}/{path}/{container}:v0.1"
        if subprocess.run([CRANE, "digest", "--insecure", name], capture_output=True).returncode == 0:
            run(CRANE, "validate", "--insecure", "--fast", "--remote", name)
            assert len(json.loads(run(ORAS, "discover", "--plain-http", "--format", "json", name))["referrers"]) == 2, name


def case_killed_at_any_point():
    p, source, target = project(), REGISTRIES["2.8"], REGISTRIES["v3"]
    published(p)
    before = p.read("recipes/project.yaml")
    tries = int(os.environ.get("LOCKSTEP_TEST_KILLS", "8"))
    plain = f"{target.host} {source.host}"
    for number in range(tries):
        path = f"killed-{number}"
        promote = ("promote", "v0.1", "--to", f"{target.host}/{path}")
        if number % 2:
            p.write("recipes/project.yaml", before.replace(f"{source.host}/team/tiny", f"{source.host}/{path}"))
        host, words = (source.host, ("publish",)) if number % 2 else (target.host, promote)
        running = p.start(*words, LOCKSTEP_PLAIN_HTTP=plain)
        time.sleep(random.Random(number).random() * (0.4 + 0.2 * number))
        running.kill()
        running.communicate()
        whole_or_nothing(host, path)
        r = p.run(*words, LOCKSTEP_PLAIN_HTTP=plain)
        assert r.code == 0, r
        whole_or_nothing(host, path)
        assert run(CRANE, "digest", "--insecure", f"{host}/{path}/ci-b:v0.1")
        p.write("recipes/project.yaml", before)


def finish():
    for p in KEPT.values():
        p.close()
    for registry in REGISTRIES.values():
        registry.stop()
    STORAGE.remove()


if __name__ == "__main__":
    cases.run(globals(), finish=finish)
