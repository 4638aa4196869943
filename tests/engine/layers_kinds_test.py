#!/usr/bin/env python3
"""Layers of wheels from everywhere, and compiled in every way, with the real buildah: from an index, from an address, built from an archive at an address and
from a commit. The same files as pip installs in a build; where they come from as pip itself writes it down (PEP 610)."""
import glob, importlib.util, json, os, struct, subprocess, sys, urllib.request

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases, trees
from backends import BACKEND, PYPROJECT, sdist_only

bump.need_programs("buildah", "mmdebstrap", "unshare", "git")
WORK = os.getcwd()
SITE = "opt/venv/lib/python3.11/site-packages"
PYTHON = "/opt/venv/bin/python"
STORAGE = bump.Storage(WORK + "/storage")
PACKAGES = {"alpha": {"1.0": {"requires": ["delta>=1"], "files": {"alpha/sub.py": "X = 1\n", "alpha-1.0.data/scripts/alpha-tool": "#!python\nimport alpha.sub\nprint(alpha.sub.X)\n"}}},
            "delta": {"1.0": []}, "wheely": {"1.0": []}, "archived": {"1.0": sdist_only()}, "tinybuild": {"1.0": BACKEND},
            # Several own one file; "overlap" brings "under".
            "overlap": {"1.0": {"requires": ["under"], "files": {"common/__init__.py": "BY = 'overlap'\n", "common/both.py": "B = 1\n", "overlap-1.0.data/scripts/under-tool": "#!python\nprint(1)\n"}}},
            "under": {"1.0": {"files": {"common/__init__.py": "BY = 'under'\nX = 22\n", "common/both.py": "B = 1\n", "common/own.py": "X = 1\n",
                                        "under-1.0.data/scripts/under-tool": "#!python\nprint(2)\n", "under-1.0.data/data/share/under": "2\n"}}},
            "topmost": {"1.0": {"files": {"common/__init__.py": "BY = 'topmost'\n", "topmost-1.0.data/data/share/under": "3\n"}}}}
MODES = {"ci-a": "hash", "ci-b": "pip", "ci-c": "none"}


def make_repository():
    """A package in a folder of a repository; its commit."""
    repository = WORK + "/repository"
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    os.makedirs(repository + "/python")
    for path, text in {"pyproject.toml": PYPROJECT, "module.py": "WORD = 'of git'\n", "wheel.json": '{"name": "gitted", "version": "1.5"}'}.items():
        with open(f"{repository}/python/{path}", "w") as file:
            file.write(text)
    for words in (["init", "--quiet"], ["add", "-A"], ["commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", "-C", repository, *words], env=environment, check=True)
    return repository, subprocess.run(["git", "-C", repository, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def address_of(name, ending):
    page = urllib.request.urlopen(urllib.request.Request(PROJECT.index.url + name + "/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}))
    found = next(f for f in json.load(page)["files"] if f["filename"].endswith(ending))
    return found["url"], found["hashes"]["sha256"]


PROJECT = bump.Project(WORK, STORAGE, PACKAGES).take_tree()
REPOSITORY, COMMIT = make_repository()
WHEEL, ARCHIVE = address_of("wheely", ".whl"), address_of("archived", ".tar.gz")
PROJECT.write("recipes/python.yaml", f"""groups:
  core: {{description: all}}
packages:
  alpha: {{groups: [core]}}
  wheely: {{groups: [core], from: {{url: "{WHEEL[0]}", sha256: {WHEEL[1]}}}}}
  archived: {{groups: [core], from: {{url: "{ARCHIVE[0]}", sha256: {ARCHIVE[1]}}}}}
  gitted: {{groups: [core], from: {{git: "file://{REPOSITORY}", commit: {COMMIT}, subdirectory: python}}}}
""")
for container, mode in MODES.items():
    PROJECT.write(f"containers/{container}/container.yaml", f"description: one\nbase: bookworm\npython: {{groups: [core], bytecode: {mode}}}\n")


def images(way):
    r = PROJECT.run("build", "--engine", "buildah", "--layers", way, "--format", "json")
    assert r.code == 0, r
    return {i["container"]: i["image"] for i in json.loads(r.out)["images"]}


def ask(container, *words):
    return trees.inside(STORAGE, MADE[container], *words)


def without_compiled_rows(tree):
    """With `hash` pip is told to compile nothing, and what is compiled behind it stands in no RECORD: pip removes it all the same, beside its source."""
    return {path: (*what[:3], [row for row in what[3] if not row.endswith(".pyc")]) if path.endswith("/RECORD") else what for path, what in tree.items()}


# ---- the cases ----

def case_the_same_files_as_pip_installs():
    global MADE
    r = PROJECT.run("lock")
    assert r.code == 0, r
    MADE = images("lockstep")
    PROJECT.keep_tree()
    installed = images("engine")
    for container in MODES:
        ours = trees.tree(STORAGE, MADE[container])
        different = trees.differences(without_compiled_rows(ours) if container == "ci-a" else ours, trees.tree(STORAGE, installed[container]))
        assert not different, (container, different)
        infos = sorted(p for p in ours if p.endswith(".dist-info"))
        assert len(infos) == 5 and all(p + "/REQUESTED" in ours and ours[p + "/INSTALLER"][3] == b"pip\n" for p in infos), infos
        assert sorted(os.path.basename(os.path.dirname(p)) for p in ours if p.endswith("/direct_url.json")) == \
            ["archived-1.0.dist-info", "gitted-1.5.dist-info", "wheely-1.0.dist-info"], infos


def case_origins_as_pip_writes_them():
    """Each installed once more by pip from where it comes from, into an environment of this machine."""
    venv, environment = WORK + "/venv", {k: v for k, v in PROJECT.env.items() if k != "CONTAINERS_STORAGE_CONF"}
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", venv], check=True)
    subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", venv + "/bin/python", "install", "-q", "--no-deps", "--no-cache-dir", "--disable-pip-version-check",
                    "--root-user-action=ignore", "--index-url", PROJECT.index.url, f"wheely @ {WHEEL[0]}#sha256={WHEEL[1]}", f"archived @ {ARCHIVE[0]}#sha256={ARCHIVE[1]}",
                    f"git+file://{REPOSITORY}@{COMMIT}#egg=gitted&subdirectory=python", "alpha"], check=True, env={**environment, "no_proxy": "127.0.0.1"})
    theirs = {}
    for path in glob.glob(venv + "/lib/python3.11/site-packages/*.dist-info/direct_url.json"):
        with open(path) as file:
            theirs[os.path.basename(os.path.dirname(path))] = json.load(file)
    ours = {os.path.basename(os.path.dirname(p)): json.loads(what[3]) for p, what in trees.tree(STORAGE, MADE["ci-b"]).items() if p.endswith("/direct_url.json")}
    assert ours == theirs, (ours, theirs)
    freeze = ask("ci-b", "/usr/bin/python3", "-m", "pip", "--python", PYTHON, "freeze")[1].splitlines()
    assert f"gitted @ git+file://{REPOSITORY}@{COMMIT}#subdirectory=python" in freeze and f"wheely @ {WHEEL[0]}#sha256={WHEEL[1]}" in freeze, freeze
    assert f"archived @ {ARCHIVE[0]}#sha256={ARCHIVE[1]}" in freeze and "alpha==1.0" in freeze, freeze


def case_pip_sees_the_same_however_it_is_compiled():
    said = {c: [ask(c, "/usr/bin/python3", "-m", "pip", "--python", PYTHON, word)[:2] for word in ("check", "freeze")] for c in MODES}
    assert said["ci-a"] == said["ci-b"] == said["ci-c"] and said["ci-a"][0] == (0, "No broken requirements found.\n"), said
    for container in MODES:
        done = ask(container, PYTHON, "-B", "-c", "import alpha.sub, archived, gitted, wheely; print(alpha.sub.X, gitted.WORD, archived.WORD)")
        assert done[:2] == (0, "1 of git built\n"), (container, done)


def case_by_hash_is_never_checked():
    files = trees.tree(STORAGE, MADE["ci-a"])
    sources = [p for p in files if p.startswith(SITE) and p.endswith(".py")]
    assert len(sources) == 6, sources
    for path in sources:
        folder, name = os.path.split(path)
        header = files[f"{folder}/__pycache__/{name[:-3]}.cpython-311.pyc"][3]
        assert header[0] + header[1] == importlib.util.MAGIC_NUMBER + struct.pack("<L", 1) + importlib.util.source_hash(files[path][3])[:4] or \
            header[0] == importlib.util.MAGIC_NUMBER + struct.pack("<L", 1), (path, header[:2])
    script = f"echo 'raise SystemExit(3)' >>/{SITE}/alpha/sub.py; {PYTHON} -v -c 'import alpha.sub; print(alpha.sub.X)'"
    code, out, err = ask("ci-a", "sh", "-c", script)
    assert (code, out) == (0, "1\n") and "alpha/__pycache__/sub.cpython-311.pyc" in err, (code, out, err[-500:])
    # With the time of its source it is, and without any the source is all there is.
    for container in ("ci-b", "ci-c"):
        assert ask(container, "sh", "-c", script)[0] == 3, container


def case_uninstall_leaves_nothing():
    for container in MODES:
        script = f"/usr/bin/python3 -m pip --python {PYTHON} uninstall --quiet --yes alpha archived delta gitted wheely && find /{SITE} /opt/venv/bin -type f -o -name __pycache__"
        code, out, err = ask(container, "sh", "-c", script)
        assert code == 0 and not [line for line in out.splitlines() if "/bin/activate" not in line.lower()], (container, out, err)


def case_without_compiled_files():
    assert not [p for p in trees.tree(STORAGE, MADE["ci-c"]) if p.endswith(".pyc") or "__pycache__" in p]


def case_released_and_one_way_changed():
    assert PROJECT.released("--layers", "lockstep") == "v0.1"
    r = PROJECT.run("verify", "--engine", "buildah")
    assert r.code == 0 and "verified: 3 containers, 15 installed packages" in r.out, r
    PROJECT.replace("containers/ci-c/container.yaml", "bytecode: none", "bytecode: hash")
    r = PROJECT.bump("--layers", "lockstep")
    assert r.code == 0 and "released v0.2" in r.out and "building venv" not in r.err, r
    layers = {c["name"]: [l["digest"] for l in c["layers"]] for c in json.loads(PROJECT.read("lockfiles/v0.2/release.json"))["containers"]}
    assert layers["ci-c"] == layers["ci-a"] and not set(layers["ci-a"]) & set(layers["ci-b"]), layers


def case_one_file_of_several_packages():
    recipes = PROJECT.read("recipes/python.yaml")
    PROJECT.write("recipes/python.yaml", recipes + "  overlap: {groups: [core]}\n  topmost: {groups: [core]}\n")
    assert PROJECT.run("lock").code == 0
    r = PROJECT.run("build", "--engine", "buildah", "--layers", "lockstep")
    assert r.code == 1 and "'common/__init__.py'" in r.err and "'NAME: {overwrites: [OTHER]}'" in r.err and "building layers" not in r.err and "building venv" not in r.err, r
    PROJECT.write("recipes/python.yaml", recipes + "  overlap: {groups: [core], overwrites: [under]}\n  topmost: {groups: [core], overwrites: [under, overlap]}\n  under: {groups: []}\n")
    r = PROJECT.run("lock")
    assert r.code == 0 and "nothing uses" not in r.err, r
    made, installed = images("lockstep"), images("engine")
    for container in MODES:
        ours = trees.tree(STORAGE, made[container])
        different = trees.differences(without_compiled_rows(ours) if container != "ci-b" else ours, trees.tree(STORAGE, installed[container]))
        assert not different, (container, different)
        assert ours[SITE + "/common/__init__.py"][3] == b"BY = 'topmost'\n" and ours["opt/venv/share/under"][3] == b"3\n" and b"print(1)" in ours["opt/venv/bin/under-tool"][3], ours
        done = trees.inside(STORAGE, made[container], "sh", "-c", f"{PYTHON} -B -c 'import common.own; print(common.BY)'; /usr/bin/python3 -m pip --python {PYTHON} check")
        assert done[:2] == (0, "topmost\nNo broken requirements found.\n"), done
    for way, mode in (("engine", "none"), ("lockstep", "pip")):
        PROJECT.write("containers/ci-c/container.yaml", f"description: one\nbase: bookworm\npython: {{groups: [core], bytecode: {mode}}}\n")
        r = PROJECT.run("bump", "--engine", "buildah", "--layers", way)
        assert r.code == 0 and "released" in r.out, (way, r)
        r = PROJECT.run("verify", "--engine", "buildah")
        assert r.code == 0 and "has a file that is not the one" not in r.out, (way, r)
    # Another change than the declared one is still found.
    image = STORAGE.buildah("from", "--pull-never", made["ci-b"]).strip()
    STORAGE.buildah("run", "--isolation", "chroot", image, "--", "sh", "-c", f"echo '# more' >>/{SITE}/common/own.py; echo '# more' >>/{SITE}/common/__init__.py")
    STORAGE.buildah("commit", "--quiet", image, "localhost/tampered/under:1")
    STORAGE.buildah("rm", image)
    r = PROJECT.run("verify", "--engine", "buildah", "--image", "localhost/tampered/under:1", "ci-b")
    assert r.code and "under has a file that is not the one that was installed: common/own.py" in r.out and "topmost has a file that is not the one that was installed: common/__init__.py" in r.out, r


def finish():
    PROJECT.close()
    STORAGE.remove()


cases.run(globals(), finish=finish)
