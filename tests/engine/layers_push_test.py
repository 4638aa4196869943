#!/usr/bin/env python3
"""`lockstep build --push`: images put together and pushed without being loaded into an engine; and, once what is below is known, without any engine at all."""
import json, os, shutil, subprocess, sys

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases, registries

bump.need_programs("buildah", "mmdebstrap", "unshare")
gone = registries.missing("skopeo", registries.KINDS["2.8"])
if gone:
    bump.skip(f"there is no {gone}; 'tools/setup test' mends that")
WORK = os.getcwd()
STORAGE = bump.Storage(WORK + "/storage")
REGISTRY = registries.Registry("2.8", WORK + "/registry")
ENGINES = {"buildah", "docker", "podman", "buildctl", "dockerd", "buildkitd"}


def project():
    files = dict(bump.FILES)
    files["recipes/project.yaml"] = files["recipes/project.yaml"].replace("repository: tiny", f"repository: {REGISTRY.host}/tiny")
    files["recipes/project.yaml"] += f"layers: lockstep\nplain_http: ['{REGISTRY.host}']\n"
    files["Jenkinsfile"] = files["Jenkinsfile"].replace("tiny/", f"{REGISTRY.host}/tiny/")
    for name in ("ci-a", "ci-b"):
        # Compiling takes the image's own Python, and with it an engine.
        path = f"containers/{name}/container.yaml"
        files[path] = files[path].replace("]}\n", "], bytecode: none}\n")
    p = bump.Project(WORK, STORAGE, files=files).take_tree()
    assert p.run("lock").code == 0
    return p


PROJECT = project()


def path_without_engines():
    folder = WORK + "/programs"
    if not os.path.isdir(folder):
        os.makedirs(folder)
        for place in reversed(PROJECT.env["PATH"].split(":")):
            for name in os.listdir(place) if os.path.isdir(place) else []:
                if name not in ENGINES:
                    link = os.path.join(folder, name)
                    if os.path.lexists(link):
                        os.unlink(link)
                    os.symlink(os.path.join(place, name), link)
    return folder


def push(*words, **options):
    r = PROJECT.run("build", "--push", "--format", "json", *words, **options)
    assert r.code == 0, r
    return {i["container"]: i for i in json.loads(r.out)["images"]}, r


def remote(image, *words):
    return json.loads(subprocess.run(["skopeo", "inspect", "--tls-verify=false", *words, "docker://" + image["image"]], check=True, capture_output=True, text=True).stdout)


def case_what_is_pushed_is_what_is_told():
    images, r = push("--engine", "buildah")
    PROJECT.keep_tree()
    assert all(i["built"] for i in images.values()), images
    for name, image in images.items():
        seen = remote(image)
        assert seen["Digest"] == image["digest"] and seen["Labels"]["dev.lockstep.container"] == name, seen
    assert not [i for i in STORAGE.images() if "/ci-" in i or ":build-" in i], STORAGE.images()


def case_nothing_changed_and_no_engine():
    images, r = push(PATH=path_without_engines())
    assert not any(i["built"] for i in images.values()), images


def case_one_wheel_without_an_engine():
    before, _ = push(PATH=path_without_engines())
    PROJECT.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01"}}})
    assert PROJECT.run("lock", "--upgrade-package", "delta").code == 0
    after, r = push(PATH=path_without_engines())
    assert {n: i["built"] for n, i in after.items()} == {"ci-a": True, "ci-b": True, "ci-c": False}, after
    for name in ("ci-a", "ci-b"):
        old, new = remote(before[name])["Layers"], remote(after[name])["Layers"]
        assert len(new) == len(old) and len(set(new) - set(old)) == 1 and new[-1] not in old, (old, new)
    copied = subprocess.run(["skopeo", "copy", "--src-tls-verify=false", "docker://" + after["ci-b"]["image"], f"dir:{WORK}/pulled"], capture_output=True, text=True)
    assert copied.returncode == 0, copied


def case_an_engine_is_missing_and_needed():
    PROJECT.write("containers/ci-a/container.yaml", PROJECT.read("containers/ci-a/container.yaml").replace("none", "hash"))
    assert PROJECT.run("lock").code == 0
    r = PROJECT.run("build", "--push", PATH=path_without_engines())
    assert r.code == 1 and "no engine works here" in r.err, r
    images, _ = push("--engine", "buildah")
    assert images["ci-a"]["built"] and not images["ci-c"]["built"], images


def kept_pythons():
    folder = os.path.join(PROJECT.cache, "pythons")
    return [os.path.join(folder, each, "root") for each in os.listdir(folder) if os.path.isdir(os.path.join(folder, each, "root"))]


def move(version, **files):
    versions = {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01"}, version: {"uploaded": "2024-04-01", "files": files}}
    PROJECT.index.set_packages({**bump.PACKAGES, "delta": versions})
    assert PROJECT.run("lock", "--upgrade-package", "delta").code == 0


def case_a_kept_python_compiles_without_an_engine():
    assert len(kept_pythons()) == 1, kept_pythons()
    move("1.3", **{"delta/latin.py": "# coding: cp1252\nname = '\\N{EURO SIGN}'\n", "delta/more.py": "def f(a, b=('x', 1.5)):\n    return {a: b}\n"})
    kept, _ = push(PATH=path_without_engines())
    assert {n: i["built"] for n, i in kept.items()} == {"ci-a": True, "ci-b": True, "ci-c": False}, kept
    for name in ("pythons", "bytecode", "objects", "layers"):
        for each in os.listdir(os.path.join(PROJECT.cache, name)):
            if (name, each) not in (("layers", "below"), ("layers", "packed")):
                shutil.rmtree(os.path.join(PROJECT.cache, name, each))
    by_engine, _ = push("--engine", "buildah")
    assert {n: i["digest"] for n, i in by_engine.items()} == {n: i["digest"] for n, i in kept.items()}, (by_engine, kept)
    assert len(kept_pythons()) == 1, kept_pythons()


def case_what_a_kept_python_cannot_compile_the_image_looks_at():
    move("1.4", **{"delta/broken.py": "def (:\n", "delta/fine.py": "x = 1\n"})
    r = PROJECT.run("build", "--push", PATH=path_without_engines())
    assert r.code == 1 and "no engine works here" in r.err, r
    images, _ = push("--engine", "buildah")
    assert images["ci-a"]["built"], images


def case_a_kept_python_that_does_not_run():
    for root in kept_pythons():
        shutil.rmtree(os.path.join(root, "usr"))
    move("1.5", **{"delta/fine.py": "x = 2\n"})
    images, _ = push("--engine", "buildah")
    assert images["ci-a"]["built"], images


def case_bad_use():
    r = PROJECT.run("build", "--push", "--layers", "engine")
    assert r.code == 1 and "--layers lockstep" in r.err, r
    r = PROJECT.run("build", "--layers", "me")
    assert r.code == 2 and "'--layers' takes engine or lockstep, not 'me'" in r.err, r
    PROJECT.replace("recipes/project.yaml", f"repository: {REGISTRY.host}/tiny", "repository: tiny")
    PROJECT.replace("Jenkinsfile", f"{REGISTRY.host}/tiny/", "tiny/")
    assert PROJECT.run("lock").code == 0
    r = PROJECT.run("build", "--push", "--engine", "buildah")
    assert r.code == 1 and "does not say which registry" in r.err and "recipes/project.yaml" in r.err, r


def finish():
    REGISTRY.stop()
    PROJECT.close()
    STORAGE.remove()


cases.run(globals(), finish=finish)
