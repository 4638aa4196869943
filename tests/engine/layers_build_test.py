#!/usr/bin/env python3
"""Images whose Python layers lockstep makes, with the real buildah: the same files as pip installs in a build; one layer a wheel that moves; the same digests again. What is
meant to differ stands in tests/fakes/trees.py."""
import json, os, shutil, sys

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases, trees

bump.need_programs("buildah", "mmdebstrap", "unshare")
WORK = os.getcwd()
STORAGE = bump.Storage(WORK + "/storage")
PACKAGES = {
    "alpha": {"1.0": {"requires": ["delta>=1"], "files": {
        "alpha/sub/__init__.py": "X = 1\n\n\ndef main():\n    print('said')\n", "alpha/broken.py": "this is no Python\n", "alpha/empty.txt": "",
        "alpha-1.0.data/scripts/alpha-tool": "#!python\nimport alpha\nprint('tool', alpha.__version__)\n",
        "alpha-1.0.data/data/share/alpha/data.txt": "data\n", "alpha-1.0.data/headers/alpha.h": "#define ALPHA\n",
        "alpha-1.0.dist-info/entry_points.txt": "[console_scripts]\nalpha-say = alpha.sub:main\n"}}},
    "beta": bump.PACKAGES["beta"],
    "gamma": {"3.0": {"requires": ["alpha"], "files": {"spaces/one/__init__.py": "", "spaces/one/gamma.py": "G = 3\n"}}},
    "delta": {"1.0": [], "1.1": {"uploaded": "2024-02-01", "files": {"spaces/two.py": "T = 2\n"}}},
}
MOVED = {**PACKAGES, "delta": {**PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01", "files": {"spaces/two.py": "T = 3\n"}}}}
PROJECT = bump.Project(WORK, STORAGE, PACKAGES)
PROJECT.write("containers/ci-b/container.yaml", PROJECT.read("containers/ci-b/container.yaml").replace("[extra]", "[extra], bytecode: none"))


def build(*words, **options):
    r = PROJECT.run("build", "--engine", "buildah", *words, **options)
    assert r.code == 0, r
    return r


def images(*words):
    return {i["container"]: i["image"] for i in json.loads(build("--format", "json", *words).out)["images"]}


def layers_of(image):
    return json.loads(STORAGE.buildah("inspect", "--type", "image", "--format", "{{.Config}}", image))["rootfs"]["diff_ids"]


def tree(image):
    return trees.tree(STORAGE, image)


def inside(image, *words):
    return trees.inside(STORAGE, image, *words)


# ---- the cases ----

def case_the_same_files_as_pip_installs():
    PROJECT.take_tree()
    assert PROJECT.run("lock").code == 0
    made, installed = images("--layers", "lockstep"), images("--layers", "engine")
    PROJECT.keep_tree()
    for container in ("ci-a", "ci-b"):
        different = trees.differences(tree(made[container]), tree(installed[container]))
        assert not different, (container, different)
        labels = [json.loads(STORAGE.buildah("inspect", "--type", "image", "--format", "{{.Config}}", i[container]))["config"] for i in (made, installed)]
        assert labels[0]["Labels"].items() >= {k: v for k, v in labels[1]["Labels"].items() if "lockstep" in k}.items(), labels
        assert labels[0]["Env"] == labels[1]["Env"] and labels[0].get("User") == labels[1].get("User"), labels
    assert not [path for path in tree(made["ci-b"]) if path.endswith(".pyc") and "/site-packages/" in path]


def case_the_toolchain_is_built_once_for_both_ways():
    r = build("--layers", "engine")
    assert "layer-tool" not in r.err and "building" not in r.err, r
    r = build("--layers", "lockstep")
    assert "building" not in r.err and "up to date" in r.out, r


def case_contexts_are_there_also_when_nothing_is_built():
    contexts = PROJECT.folder + "/.lockstep/contexts"
    shutil.rmtree(contexts, ignore_errors=True)
    r = build("--layers", "lockstep")
    # What docker-bake.json names.
    assert "building" not in r.err and all(os.path.exists(f"{contexts}/{c}/base.tar") for c in bump.CONTAINERS), r
    assert os.listdir(f"{contexts}/ci-a/python/wheels") and os.path.exists(f"{contexts}/ci-a/python/requirements.txt"), r


def case_pip_and_programs_work_in_it():
    image = images("--layers", "lockstep")["ci-a"]
    python = "/opt/venv/bin/python"
    assert inside(image, "/usr/bin/python3", "-m", "pip", "--python", python, "check") == (0, "No broken requirements found.\n", "")
    assert inside(image, "/usr/bin/python3", "-m", "pip", "--python", python, "freeze")[1].split() == ["alpha==1.0", "beta==2.0", "delta==1.1"]
    done = inside(image, "/opt/venv/bin/alpha-say")
    assert done[:2] == (0, "said\n"), done
    done = inside(image, python, "/opt/venv/bin/alpha-tool")  # pip makes it executable only where the wheel says so
    assert done[:2] == (0, "tool 1.0\n"), done
    done = inside(image, python, "-c", "import alpha.sub, beta, spaces.two; print(alpha.sub.X, spaces.two.T)")
    assert done[:2] == (0, "1 2\n"), done
    code, out, err = inside(image, "sh", "-c", f"/usr/bin/python3 -m pip --python {python} uninstall --yes alpha && find /opt/venv -name '*alpha*'")
    assert code == 0 and "Successfully uninstalled alpha" in out and "/opt/venv" not in out.split("Successfully")[1], (out, err)


def case_verify_and_a_release():
    r = PROJECT.run("verify", "--engine", "buildah", "--layers", "lockstep")
    assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r
    assert PROJECT.released("--layers", "lockstep") == "v0.1"
    written = {c["name"]: c for c in json.loads(PROJECT.read("lockfiles/v0.1/release.json"))["containers"]}
    assert sorted(p for l in written["ci-b"]["layers"] for p in l["packages"]) == ["alpha", "beta", "delta", "gamma"], written["ci-b"]
    assert "layers" not in written["ci-c"]
    assert PROJECT.run("records", "--check").code == 0
    r = PROJECT.bump("--layers", "lockstep")
    assert r.code == 0 and "nothing to do" in r.out, r
    shown = json.loads(PROJECT.run("layers", "ci-b", "--format", "json").out)
    assert shown["release"] == "v0.1" and {l["since"] for l in shown["layers"]} == {"v0.1"}, shown
    assert [l["digest"] for l in shown["layers"]] == [l["digest"] for l in written["ci-b"]["layers"]]


def case_one_wheel_is_one_layer():
    before = {c: layers_of(i) for c, i in images("--layers", "lockstep").items()}
    PROJECT.index.set_packages(MOVED)
    assert PROJECT.released("--layers", "lockstep", "--upgrade-package", "delta") == "v0.2"
    after = {c: layers_of(i) for c, i in images("--layers", "lockstep").items()}
    assert after["ci-c"] == before["ci-c"]
    for container in ("ci-a", "ci-b"):
        assert len(after[container]) == len(before[container]) and len(set(after[container]) - set(before[container])) == 1, (before, after)
        assert after[container][-1] not in before[container], after
    shown = json.loads(PROJECT.run("layers", "ci-a", "--format", "json").out)["layers"]
    assert [(l["packages"][0]["name"], l["since"]) for l in shown if l["since"] == "v0.2"] == [("delta", "v0.2")], shown


def case_nothing_is_done_twice():
    r = build("--layers", "lockstep")
    assert "building" not in r.err and r.out.count("up to date") == 3, r
    explained = json.loads(build("--layers", "lockstep", "--explain", "--format", "json").out)
    assert not [s for s in explained["stages"] if s["wanted"]] and not [i for i in explained["images"] if i["wanted"]], explained


def case_the_same_digests_from_nothing():
    """Without .lockstep, without layers, notes and files: what was released is made again, byte for byte."""
    before = images("--layers", "lockstep")
    for image in before.values():
        STORAGE.buildah("rmi", "--force", image)
    shutil.rmtree(PROJECT.folder + "/.lockstep")
    for name in os.listdir(PROJECT.cache):
        if name != "bases":
            shutil.rmtree(os.path.join(PROJECT.cache, name))
    assert images("--layers", "lockstep") == before
    again = {c["name"]: [l["digest"] for l in c.get("layers", [])] for c in json.loads(PROJECT.read("lockfiles/v0.2/release.json"))["containers"]}
    files = {name for _, _, names in os.walk(PROJECT.cache + "/files") for name in names}
    assert {d for digests in again.values() for d in digests} <= files, (again, files)


def case_packed_by_zstd():
    """By choice of the project: the same files in the same layers, packed otherwise."""
    before = images("--layers", "lockstep")
    trees_before = {c: tree(before[c]) for c in ("ci-a", "ci-b")}
    for image in before.values():
        STORAGE.buildah("rmi", "--force", image)
    text = PROJECT.read("recipes/project.yaml")
    PROJECT.write("recipes/project.yaml", text + "layers: {by: lockstep, packing: zstd}\n")
    made = images()
    for container, was in trees_before.items():
        assert "image.layer.v1.tar+zstd" in STORAGE.buildah("inspect", "--type", "image", "--format", "{{.Manifest}}", made[container])
        assert tree(made[container]) == was, container
    PROJECT.write("recipes/project.yaml", text + "layers: {packing: xz}\n")
    r = PROJECT.run("check")
    assert r.code == 1 and "'xz' is no way to pack layers" in r.out and "gzip, zstd" in r.out, r
    PROJECT.write("recipes/project.yaml", text)


def case_two_wheels_with_one_file():
    PROJECT.index.set_packages({**MOVED, "delta": {**MOVED["delta"], "1.3": {"uploaded": "2024-04-01", "files": {"alpha/sub/__init__.py": "Y = 1\n"}}}})
    assert PROJECT.run("lock", "--upgrade-package", "delta").code == 0
    r = PROJECT.run("build", "--engine", "buildah", "--layers", "lockstep")
    assert r.code == 1 and "alpha/sub/__init__.py" in r.err and "delta" in r.err, r


def finish():
    PROJECT.close()
    STORAGE.remove()


cases.run(globals(), finish=finish)
