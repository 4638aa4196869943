#!/usr/bin/env python3
"""Wheels built from source, with the real buildah: what is only an sdist is built once in the system stage, locked, installed and verified; and bad builds.

usage: tests/run tests/engine/sdist_test.py, or by hand: ROOT=... sdist_test.py [CASE ...]"""
import contextlib, glob, hashlib, io, json, os, shutil, signal, subprocess, sys, tarfile, tomllib, urllib.request

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases
from backends import BACKEND, PYPROJECT, sdist_only
from bump import Project

bump.need_programs("buildah", "mmdebstrap", "unshare")
WORK = os.getcwd()
STORAGE = bump.Storage(WORK + "/storage")
PACKAGES = {"alpha": {"1.0": ["delta>=1"]}, "delta": {"1.0": []}, "tinybuild": {"1.0": BACKEND}}
FILES = {"recipes/python.yaml": "groups:\n  core: {description: what both need}\n  extra: {description: more, include: [core]}\n"
                                "packages:\n  alpha: {groups: [core]}\n  sauce: {groups: [core]}\n"}


def project(release, **more):
    """A project that wants `sauce`, which is only an sdist."""
    p = Project(WORK, STORAGE, packages={**PACKAGES, "sauce": {"1.0": release}, **more}, files=FILES)
    return p.take_tree()


def lock_of(p, path=".lockstep/lock.toml"):
    return tomllib.loads(p.read(path))


def pin(lock, name, key="package"):
    return [x for x in lock.get(key, []) if x["name"] == name][0]


def wheels(lock, name):
    return [f for f in pin(lock, name)["files"] if f["name"].endswith(".whl")]


def case_built_once_and_released():
    with project(sdist_only(["delta"])) as p:
        r = p.run("lock")
        assert r.code == 0, r
        lock = lock_of(p)
        sauce = pin(lock, "sauce")
        assert [f["name"] for f in sauce["files"]] == ["sauce-1.0.tar.gz"] and sauce["build-requires"] == ["tinybuild"], sauce
        assert [e["name"] for e in sauce["requires"]] == ["delta"], sauce
        assert pin(lock, "tinybuild", "toolchain")["layers"] == ["sdist:sauce-1.0{environment=cp311-linux-x86_64-glibc2.36}"], lock["toolchain"]
        assert p.released() == "v0.1"
        p.keep_tree()
        lock = lock_of(p, "lockfiles/v0.1/lock.toml")
        built = wheels(lock, "sauce")
        assert [f["name"] for f in built] == ["sauce-1.0-py3-none-any.whl"] and built[0]["built-from"] == pin(lock, "sauce")["files"][1]["sha256"], built
        assert "sauce==1.0" in p.read("lockfiles/v0.1/ci-a.txt")
        assert not [i for i in STORAGE.images() if "/wheel:" in i], STORAGE.images()
        r = p.run("show", "v0.1", "ci-a")
        assert r.code == 0 and "default, built from sauce-1.0.tar.gz" in r.out, r
        sauce = [x for x in json.loads(p.run("show", "v0.1", "ci-a", "--format", "json").out)["containers"][0]["packages"] if x["name"] == "sauce"][0]
        assert sauce["source"] == "sauce-1.0.tar.gz" and sauce["built_from"] == built[0]["built-from"], sauce
        r = p.bump()
        assert r.code == 0 and "nothing to do: v0.1" in r.out, r
        r = p.run("lock")
        assert r.code == 0 and "unchanged since v0.1" in r.out, r


def forget(p):
    """As another machine that has what is committed, and nothing that was built."""
    shutil.rmtree(p.cache + "/wheels", ignore_errors=True)
    for path in (".lockstep/lock.toml", "lockfiles/latest/lock.toml"):
        if os.path.exists(p.folder + "/" + path):
            for f in wheels(lock_of(p, path), "sauce"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{p.cache}/files/sha256/{f['sha256'][:2]}/{f['sha256']}")


def case_built_again_the_same():
    with project(sdist_only(["delta"])) as p:
        r = p.run("build")
        assert r.code == 1 and "run 'lockstep lock'" in r.err, r
        assert p.run("lock").code == 0
        r = p.run("build", "ci-a")
        assert r.code == 0 and "wheel-sauce-1.0" in r.err, r
        first = wheels(lock_of(p), "sauce")
        # The other container has the same environment: nothing is built for it, nor again.
        r = p.run("build")
        assert r.code == 0 and "wheel-sauce-1.0" not in r.err, r
        forget(p)
        r = p.run("build")
        assert r.code == 0 and "built    wheel-sauce-1.0" in r.err and wheels(lock_of(p), "sauce") == first, r
        r = p.run("build", "--check-wheels")
        assert r.code == 0 and "1 wheel built again from source: the same, byte for byte" in r.err and wheels(lock_of(p), "sauce") == first, r
        # What was locked is forgotten, but what was built is remembered by all that went into it.
        assert p.run("lock", "--upgrade").code == 0 and not wheels(lock_of(p), "sauce")
        r = p.run("build")
        assert r.code == 0 and "wheel-sauce-1.0" not in r.err and wheels(lock_of(p), "sauce") == first, r
        # Another system stage: it is built anew.
        p.replace("recipes/layers/tool.yaml", "tool 1.2.3", "tool 1.2.4")
        assert p.run("lock").code == 0 and wheels(lock_of(p), "sauce") == first
        r = p.run("build")
        again = wheels(lock_of(p), "sauce")
        assert r.code == 0 and "built    wheel-sauce-1.0" in r.err and again[0]["sha256"] == first[0]["sha256"] and again[0]["build-key"] != first[0]["build-key"], r


def case_not_reproducible():
    with project(sdist_only(files={"evil.py": "import time, os\nmembers = {module + '/when.py': b'T = %d\\n' % time.time_ns()}\n"})) as p:
        assert p.run("lock").code == 0
        assert p.run("build", "ci-a").code == 0
        before = p.read(".lockstep/lock.toml")
        r = p.run("build", "--check-wheels")
        assert r.code == 1 and "sauce/when.py has other bytes" in r.err and p.read(".lockstep/lock.toml") == before, r
        forget(p)
        r = p.bump()
        assert r.code == 1 and p.read(".lockstep/lock.toml") == before and not os.path.exists(p.folder + "/lockfiles"), r
        sha = wheels(lock_of(p), "sauce")[0]["sha256"]
        for text in ("'sauce-1.0-py3-none-any.whl', built again from sauce-1.0.tar.gz, is not the one that is locked", f"locked: sha256 {sha}", "built:  sha256 ",
                     "its build is not reproducible", "sauce/when.py has other bytes"):
            assert text in r.err, (text, r)


def case_backend_asks_for_more():
    with project(sdist_only(files={"requires.txt": "extratool>=2\n"}), extratool={"1.0": [], "2.0": ["extrapart"]}, extrapart={"1.0": []}) as p:
        assert p.run("lock").code == 0
        assert "toolchain" in lock_of(p) and [x["name"] for x in lock_of(p)["toolchain"]] == ["tinybuild"]
        r = p.run("build", "ci-a")
        assert r.code == 0, r
        lock = lock_of(p)
        assert [x["name"] for x in lock["toolchain"]] == ["extrapart", "extratool", "tinybuild"], lock["toolchain"]
        assert pin(lock, "sauce")["build-requires"] == ["extratool>=2", "tinybuild"] and wheels(lock, "sauce"), lock
        assert p.run("lock").code == 0 and lock_of(p) == lock, p.read(".lockstep/lock.toml")


def case_metadata_that_only_the_build_knows():
    """Old metadata: the wheel is built when it is locked, in the container, and nothing of it runs here."""
    evil = "import os\nopen('/tmp/it-ran-here', 'w').close()\nopen('/usr/lib/python3/dist-packages/left.py', 'w').close()\n"
    with project(sdist_only(files={"evil.py": evil, "wheel.json": '{"requires": ["delta"]}'}, metadata_version="2.1")) as p:
        r = p.run("lock", PATH=p.work)
        assert r.code == 1 and "what it requires is known only when it is built" in r.err, r
        r = p.run("lock")
        assert r.code == 0, r
        lock = lock_of(p)
        assert [e["name"] for e in pin(lock, "sauce")["requires"]] == ["delta"] and wheels(lock, "sauce"), lock
        r = p.run("build", "ci-a")
        assert r.code == 0 and "wheel-sauce" not in r.err, r
        assert not os.path.exists("/tmp/it-ran-here") and not os.path.exists("/usr/lib/python3/dist-packages/left.py")
        image = [x.split()[-1] for x in p.run("build", "--format", "json").out.split("\n") if '"image"' in x][0].strip('",')
        found = STORAGE.buildah("run", "--isolation", "chroot", STORAGE.buildah("from", image).strip(), "--", "ls", "/usr/lib/python3/dist-packages")
        STORAGE.buildah("rm", "--all")
        assert "left.py" not in found and not os.path.exists("/lockstep-wheel"), found


def stored(p):
    """What is in the store, and what is remembered of what was built."""
    return {name for top in ("/files", "/wheels") for _, _, names in os.walk(p.cache + top) for name in names}


def case_bad_archives():
    """Nothing of them is unpacked or kept in the lock; the build is not begun."""
    link = lambda target: {"link": target}
    bad = {"escape": ({"../../evil.py": "x"}, "would be outside"), "link": ({"out": link("../../../etc/passwd")}, "is a link that leads out"),
           "absolute link": ({"out": link("/etc/passwd")}, "is a link that leads out"), "terminal codes": ({"a\x1b[31m.py": "x"}, "a\\x1b[31m.py")}
    with project([]) as p:
        for what, (members, text) in bad.items():
            p.write("vendor/sauce-1.0.tar.gz", archive({"PKG-INFO": "Metadata-Version: 2.2\nName: sauce\nVersion: 1.0\n", "pyproject.toml": PYPROJECT, **members}))
            p.write("recipes/python.yaml", FILES["recipes/python.yaml"].replace("sauce: {groups: [core]}", "sauce: {groups: [core], from: {path: vendor/sauce-1.0.tar.gz}}"))
            r = p.run("lock")
            assert r.code == 1 and text in r.err and "\x1b" not in r.err and not os.path.exists(p.folder + "/.lockstep/lock.toml"), (what, r)
            assert not os.path.exists(p.folder + "/evil.py") and not os.path.exists(p.cache + "/evil.py"), what


def archive(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        for name, content in members.items():
            info = tarfile.TarInfo("sauce-1.0/" + name)
            if isinstance(content, dict):
                info.type, info.linkname = tarfile.SYMTYPE, content["link"]
                t.addfile(info)
            else:
                info.size = len(content.encode())
                t.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue()


def case_killed_while_it_builds():
    """SIGKILL while the back end runs: the store is whole, nothing runs on, and the next run builds the wheel."""
    # A request to the index's server says that the build is where it shall be; it has no network, so a file in its storage does.
    waits = "import os, time\nopen('/lockstep-build/here', 'w').close()\nwhile not os.path.exists('/lockstep-build/go-on'):\n    time.sleep(0.02)\n"
    with project(sdist_only(["delta"], files={"evil.py": waits})) as p:
        assert p.run("lock").code == 0
        before, known = p.read(".lockstep/lock.toml"), None
        for how in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            process = p.start("build", "ci-a")
            bump.wait_until(lambda: marks("here") or process.poll() is not None, 240, "the build")
            assert process.poll() is None, process.communicate()
            # Of what it was fetched for, everything is there.
            known = known or stored(p)
            process.send_signal(how)
            process.communicate(timeout=240)
            bump.wait_until(lambda: not bump.using(p.work), 120, "nothing to run on")
            assert p.read(".lockstep/lock.toml") == before and stored(p) == known, stored(p) ^ known
            for path, _, names in os.walk(p.cache + "/files/sha256"):
                for name in names:
                    with open(os.path.join(path, name), "rb") as f:
                        assert hashlib.sha256(f.read()).hexdigest() == name, name
            forget_marks()
        process = p.start("build", "ci-a")
        bump.wait_until(lambda: marks("here") or process.poll() is not None, 240, "the build")
        # One layer is seen at several places, also where a build that was killed had mounted it; what is written below a mount is not seen through it.
        for path in sorted(marks("here"), key=lambda path: "/merged/" not in path):
            with contextlib.suppress(OSError):
                open(os.path.dirname(path) + "/go-on", "w").close()
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0 and "built    wheel-sauce-1.0" in err, (out, err)
        assert len(wheels(lock_of(p), "sauce")) == 1
        r = p.run("build", "ci-a")
        assert r.code == 0 and "wheel-sauce" not in r.err, r
        assert not [i for i in STORAGE.images() if "/wheel:" in i] and not STORAGE.containers(), (STORAGE.images(), STORAGE.containers())


def marks(name):
    return glob.glob(glob.escape(STORAGE.folder) + f"/graph/*/*/*/lockstep-build/{name}") + glob.glob(glob.escape(STORAGE.folder) + f"/graph/*/*/*/*/lockstep-build/{name}")


def forget_marks():
    for path in marks("here"):
        with contextlib.suppress(OSError):
            os.unlink(path)


def case_bad_builds():
    bad = {
        "fails": ({"evil.py": "raise SystemExit('the compiler is missing')\n"}, "building 'wheel-sauce-1.0' (ci-a) failed", "the compiler is missing",
                  "exit status 1", "are a layer of that container, or 'apt' in its container.yaml"),
        "wants network": ({"evil.py": "import socket\nsocket.create_connection(('192.0.2.1', 80), 5)\n"}, "Network is unreachable", "it is built without network"),
        "another name": ({"wheel.json": '{"name": "evil"}'}, "evil-1.0-py3-none-any.whl, built from sauce-1.0.tar.gz, is no wheel of sauce 1.0", "its name says otherwise"),
        "another version": ({"wheel.json": '{"version": "6.6"}'}, "its name says otherwise"),
        "metadata of another": ({"wheel.json": '{"metadata_name": "evil"}'}, "is no wheel of sauce 1.0", "evil"),
        "another platform": ({"wheel.json": '{"tag": "cp311-cp311-win_amd64"}'}, "its tags do not fit there"),
        "escape": ({"evil.py": "members = {'../evil': b''}\n"}, "the wheel has a member that would be outside of it"),
        "terminal codes": ({"evil.py": "print('\\x1b]0;title\\x07\\x1b[31mred', flush=True)\nraise SystemExit(3)\n"}, "red", "exit status 3"),
        "a link for a wheel": ({"evil.py": "import os\nos.symlink('/etc/passwd', folder + '/x.whl')\nfile = 'x.whl'\n"}, "named no wheel that it made: 'x.whl'"),
        "no wheel": ({"evil.py": "file = '../../etc/passwd'\n"}, "named no wheel that it made: '../../etc/passwd'"),
        "no text": ({"evil.py": "file = 7\n"}, "named no wheel that it made: 7"),
        "killed": ({"evil.py": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"}, "failed in build_wheel (signal 9)"),
    }
    with project(sdist_only()) as p:
        for number, (what, (files, *texts)) in enumerate(bad.items(), 2):
            p.index.set_packages({**PACKAGES, "sauce": {f"{number}.0": json.loads(json.dumps(sdist_only(files=files)))}})
            texts = [t.replace("sauce-1.0", f"sauce-{number}.0").replace("evil-1.0", f"evil-{number}.0").replace("sauce 1.0", f"sauce {number}.0") for t in texts]
            assert p.run("lock", "--upgrade").code == 0
            before = p.read(".lockstep/lock.toml")
            assert p.run("fetch").code == 0
            known = stored(p)
            r = p.run("build", "ci-a")
            assert r.code == 1 and p.read(".lockstep/lock.toml") == before, (what, r)
            assert not any(ord(c) < 32 and c != "\n" for c in r.err), (what, r.err)
            for text in texts:
                assert text in r.err, (what, text, r)
            assert stored(p) == known, (what, stored(p) - known)
        assert not [i for i in STORAGE.images() if "/wheel:" in i], STORAGE.images()


def case_commit_of_git():
    repository = WORK + "/repository"
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    git = lambda *words: subprocess.run(["git", "-C", repository, *words], env=environment, check=True, capture_output=True, text=True).stdout.strip()
    os.makedirs(repository + "/python")
    # Its version is known only to its build.
    for path, text in {"pyproject.toml": PYPROJECT, "module.py": "WORD = 'of git'\n", "wheel.json": '{"name": "sauce", "version": "1.5", "requires": ["delta"]}'}.items():
        with open(f"{repository}/python/{path}", "w") as f:
            f.write(text)
    git("init", "--quiet")
    git("add", "-A")
    git("commit", "--quiet", "-m", "first")
    commit = git("rev-parse", "HEAD")
    origin = f"git+file://{repository}@{commit}#subdirectory=python"
    with project([]) as p:
        p.replace("recipes/python.yaml", "sauce: {groups: [core]}",
                  f'sauce: {{groups: [core], from: {{git: "file://{repository}", commit: {commit}, subdirectory: python}}}}')
        assert p.released() == "v0.1"
        lock = lock_of(p, "lockfiles/v0.1/lock.toml")
        sauce = pin(lock, "sauce")
        assert sauce["version"] == "1.5" and sauce["reference"] == origin and wheels(lock, "sauce")[0]["built-from"] == commit, sauce
        assert f"sauce @ {origin}" in p.read("lockfiles/v0.1/ci-a.txt"), p.read("lockfiles/v0.1/ci-a.txt")
        r = p.run("verify")
        assert r.code == 0, r
        shutil.rmtree(p.cache + "/git")
        for f in sauce["files"]:
            os.unlink(f"{p.cache}/files/sha256/{f['sha256'][:2]}/{f['sha256']}")
        r = p.run("build")
        assert r.code == 0 and "built    wheel-sauce-1.5" in r.err, r
        assert "nothing to do" in p.bump().out
        # The commit is gone: what was locked cannot be had, and that is said.
        shutil.rmtree(repository)
        shutil.rmtree(p.cache + "/git")
        os.unlink(f"{p.cache}/files/sha256/{sauce['files'][1]['sha256'][:2]}/{sauce['files'][1]['sha256']}")
        forget(p)
        r = p.run("build")
        assert r.code == 1 and "cannot fetch from" in r.err and "sauce-1.5.tar, of sauce 1.5" in r.err, r


def case_wheel_of_an_address():
    """It leaves where it comes from beside itself, as if pip had been given the address; one that does not say so is not what is locked."""
    with project([]) as p:
        page = json.load(urllib.request.urlopen(urllib.request.Request(p.index.url + "alpha/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})))["files"][0]
        url, sha = page["url"], page["hashes"]["sha256"]
        before = p.run("render")
        assert before.code == 0 and "write_origins" not in p.read("containers/ci-a/Dockerfile")
        p.replace("recipes/python.yaml", "  alpha: {groups: [core]}\n  sauce: {groups: [core]}\n", f'  alpha: {{groups: [core], from: {{url: "{url}", sha256: {sha}}}}}\n')
        assert p.released() == "v0.1"
        said = p.read("lockfiles/v0.1/ci-a.txt")
        assert f"alpha @ {url}#sha256={sha}" in said.split("\n") and "delta==1.0" in said, said
        packages = {x["name"]: x for x in json.loads(p.read("lockfiles/v0.1/release.json"))["containers"][0]["packages"]}
        assert packages["alpha"]["direct_url"] == url and "direct_url" not in packages["delta"], packages
        r = p.run("verify")
        assert r.code == 0, r
        r = p.bump()
        assert r.code == 0 and "nothing to do" in r.out, r
        # The same is in RECORD, or it would be a file of no package.
        name = STORAGE.buildah("from", "--pull-never", "tiny/ci-a:v0.1").strip()
        tree = STORAGE.buildah("mount", name).strip()
        info = glob.glob(tree + "/opt/venv/lib/python3*/site-packages/alpha-1.0.dist-info")[0]
        with open(info + "/direct_url.json") as f:
            assert json.load(f) == {"url": url, "archive_info": {"hash": "sha256=" + sha, "hashes": {"sha256": sha}}}
        os.unlink(info + "/direct_url.json")
        STORAGE.buildah("commit", "--quiet", name, "tiny/ci-a:v0.1")
        STORAGE.buildah("rm", name)
        r = p.run("verify")
        assert r.code == 1 and "alpha" in r.out and f"but is locked from '{url}'" in r.out, r


def case_folder_of_the_project():
    """Built as it is; what is changed in it is locked and built anew, and what tools leave in it is not."""
    with project([]) as p:
        p.write("vendor/sauce/pyproject.toml", PYPROJECT + "[project]\nname = 'sauce'\nversion = '1.5'\ndependencies = ['delta']\n")
        p.write("vendor/sauce/wheel.json", '{"name": "sauce", "version": "1.5", "requires": ["delta"]}')
        p.write("vendor/sauce/module.py", "WORD = 'first'\n")
        p.replace("recipes/python.yaml", "sauce: {groups: [core]}", "sauce: {groups: [core], from: {path: vendor/sauce}}")
        assert p.released() == "v0.1"
        assert "sauce==1.5" in p.read("lockfiles/v0.1/ci-a.txt") and pin(lock_of(p, "lockfiles/v0.1/lock.toml"), "sauce")["reference"] == "vendor/sauce"
        p.write("vendor/sauce/__pycache__/module.cpython-311.pyc", "left")
        r = p.bump()
        assert r.code == 0 and "nothing to do" in r.out, r
        p.write("vendor/sauce/module.py", "WORD = 'second'\n")
        r = p.run("build")
        assert r.code == 1 and "run 'lockstep lock'" in r.err, r
        assert p.released() == "v0.2"
        files = [pin(lock_of(p, f"lockfiles/{v}/lock.toml"), "sauce")["files"] for v in ("v0.1", "v0.2")]
        assert [f["name"] for f in files[0]] == [f["name"] for f in files[1]] and files[0][0]["sha256"] != files[1][0]["sha256"], files


def on_real_index(p):
    """Lets the project use the package index that this machine's settings name; False when none is in reach."""
    for name in ("UV_DEFAULT_INDEX", "PIP_CONFIG_FILE", "UV_NO_CONFIG"):
        p.env.pop(name, None)
    p.env.update({k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_"))})
    p.replace("containers/ci-b/container.yaml", "[extra]", "[core]")
    r = p.run("lock")
    if r.code and ("cannot reach" in r.err or "answered" in r.err):
        print("no package index is in reach: the real package was not tried")
        return False
    assert r.code == 0, r
    return True


def case_real_package():
    """docopt 0.6.2 has only an sdist, of the old kind: setup.py, and nothing that tells what it requires."""
    with project([]) as p:
        p.write("recipes/python.yaml", "groups:\n  core: {description: all}\n  extra: {description: none}\npackages:\n"
                                       "  docopt: {groups: [core], exact: '0.6.2', why: it has no wheel}\n")
        if not on_real_index(p):
            return
        lock = lock_of(p)
        assert [f["name"] for f in pin(lock, "docopt")["files"]] == ["docopt-0.6.2-py2.py3-none-any.whl", "docopt-0.6.2.tar.gz"], lock["package"]
        assert {"setuptools", "wheel"} <= {x["name"] for x in lock["toolchain"]}, lock["toolchain"]
        before = p.read(".lockstep/lock.toml")
        built = wheels(lock, "docopt")[0]["sha256"]
        shutil.rmtree(p.cache + "/wheels")
        os.unlink(f"{p.cache}/files/sha256/{built[:2]}/{built}")
        r = p.bump()
        assert r.code == 0 and "built    wheel-docopt-0.6.2" in r.err and p.read("lockfiles/v0.1/lock.toml") == before, r
        assert "docopt==0.6.2" in p.read("lockfiles/v0.1/ci-a.txt")


def case_real_extension():
    """crcmod 1.7 has only an sdist, with an extension in C: the container with the compiler lends its stage, and the other installs what it made."""
    with project([]) as p:
        p.write("recipes/python.yaml", "groups:\n  core: {description: all}\n  extra: {description: none}\npackages:\n"
                                       "  crcmod: {groups: [core], exact: '1.7', why: it has no wheel}\n")
        p.replace("containers/ci-b/container.yaml", "layers: [tool]\n", "layers: [tool]\napt: [gcc, libc6-dev, python3-dev]\n")
        if not on_real_index(p):
            return
        before = p.read(".lockstep/lock.toml")
        assert [f["name"] for f in wheels(lock_of(p), "crcmod")] == ["crcmod-1.7-cp311-cp311-linux_x86_64.whl"], before
        r = p.run("build", "ci-a", "--check-wheels", timeout=600)
        assert r.code == 0 and "built    wheel-crcmod-1.7 (ci-b)" in r.err and "1 wheel built again from source: the same, byte for byte" in r.err, r
        assert p.read(".lockstep/lock.toml") == before


if __name__ == "__main__":
    cases.run(globals(), finish=STORAGE.remove)
