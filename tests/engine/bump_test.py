#!/usr/bin/env python3
"""The main job with the real buildah: bumps of a small project, and what must not happen on bad days.

usage: tests/run tests/engine/bump_test.py, or by hand: ROOT=... bump_test.py [CASE ...]"""
import contextlib, json, os, re, shutil, sqlite3, subprocess, sys, time

sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests/fakes"))
import bump, cases
from bump import Project

bump.need_programs("buildah", "mmdebstrap", "unshare")
WORK = os.getcwd()
STORAGE = bump.Storage(WORK + "/storage")
FIRST = Project(WORK, STORAGE)  # what the first case released; the others go on from copies of it


def released():
    """A project at v0.1, whose images are there."""
    if not os.path.exists(FIRST.folder + "/lockfiles"):
        FIRST.take_tree()
        assert FIRST.released() == "v0.1"
        FIRST.keep_tree()
    later = [image for image in STORAGE.images() if "/tiny/ci-" in image]
    if later:
        STORAGE.buildah("rmi", *later)
    for container in bump.CONTAINERS:
        STORAGE.buildah("tag", final_stage(FIRST, container), f"tiny/{container}:v0.1")
    return FIRST.copy()


def final_stage(project, container):
    """The tag of the stage that a container's last build ended with."""
    with open(project.folder + "/.lockstep/build.json", encoding="utf-8") as f:
        stages = json.load(f)["stages"]
    return [f"localhost/lockstep/tiny/stage:{s['key']}" for s in stages if s["place"] == container + "/container"][-1]


def changed(before, after):
    return sorted(set(before.items()) ^ set(after.items()))


def fake_buildah(project, text):
    """A buildah in front of the real one; `text` is shell that may exit itself."""
    folder = project.work + "/fake"
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/buildah", "w") as f:
        f.write(f"#!/bin/bash\necho \"$*\" >>'{project.work}/calls'\n{text}\nexec /usr/bin/buildah \"$@\"\n")
    os.chmod(folder + "/buildah", 0o755)
    project.env["PATH"] = folder + ":" + project.env["PATH"]


def nothing_happened(project, before):
    """Nothing that is committed changed; no engine was asked to build, no image was released."""
    assert not changed(before, project.committed()), changed(before, project.committed())


# ---- the main job ----

def case_first_release():
    released().close()
    p = FIRST
    assert p.tags() == ["ci-a:v0.1", "ci-b:v0.1", "ci-c:v0.1"], p.read("Jenkinsfile")
    expected = bump.FILES["Jenkinsfile"].replace(":v0.0", ":v0.1")
    assert p.read("Jenkinsfile") == expected
    for folder in ("v0.1", "latest"):
        names = sorted(os.listdir(f"{p.folder}/lockfiles/{folder}"))
        assert names == ["SHA256SUMS", "ci-a.txt", "ci-b.txt", "ci-c.txt", "lock.toml", "release.json"], names
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=f"{p.folder}/lockfiles/{folder}", check=True)
    pins = [line for line in p.read("lockfiles/latest/ci-b.txt").split("\n") if line and not line.startswith("#")]
    assert pins == ["alpha==1.0", "beta==2.0", "delta==1.1", "gamma==3.0"], pins
    for name in bump.CONTAINERS:
        assert "FROM" in p.read(f"containers/{name}/Dockerfile")
        assert f"localhost/tiny/{name}:v0.1" in STORAGE.images(), STORAGE.images()
    assert "tool" in json.loads(p.read("lockfiles/v0.1/release.json"))["containers"][0]["tools"][-1]["name"]
    assert p.run("render", "--check").code == 0
    assert not STORAGE.containers(), STORAGE.containers()
    with contextlib.closing(sqlite3.connect(p.folder + "/lockfiles/lockstep.db")) as db:
        tables = [row[0] for row in db.execute("select name from sqlite_master where type = 'table'")]
        assert db.execute("pragma integrity_check").fetchone() == ("ok",) and tables, tables
    r = p.run("list", "--format", "json")
    assert r.code == 0 and "v0.1" in r.out, r
    assert not os.path.exists(p.folder + "/.lockstep/lock.toml") and not os.path.exists(p.folder + "/.lockstep/release")
    # Nothing about this machine or its index is in what is committed.
    for path, (_, _, content, *_) in p.fingerprint(leave_out=(".lockstep", "lockfiles/lockstep.db", "lockfiles/lockstep.db-wal", "lockfiles/lockstep.db-shm")).items():
        if content:
            text = p.read(path)
            assert p.index.address not in text and WORK not in text, path


def case_first_release_as_json():
    with released() as p:
        shutil.rmtree(p.folder + "/lockfiles")
        shutil.rmtree(p.folder + "/.lockstep")
        r = p.bump("--format", "json")
        answer = json.loads(r.out)
        assert r.code == 0 and answer["outcome"] == "released" and answer["release"] == "v0.1" and answer["previous"] is None, r
        assert [(i["container"], i["image"], i["packages"]) for i in answer["images"]] == [
            ("ci-a", "tiny/ci-a:v0.1", 3), ("ci-b", "tiny/ci-b:v0.1", 4), ("ci-c", "tiny/ci-c:v0.1", 0)], r
        answer = json.loads(p.bump("--format", "json").out)
        assert answer["outcome"] == "nothing to do" and answer["release"] == "v0.1", answer


def case_nothing_to_do():
    def kept():
        # The copied project lies in a folder of its own, which is noted in the cache when lockstep first sees it.
        return p.fingerprint(p.cache, leave_out=("projects",))

    with released() as p:
        before, cache = p.fingerprint(), kept()
        p.index.__exit__()
        p.env["UV_DEFAULT_INDEX"] = "http://127.0.0.1:9/simple/"
        began = time.monotonic()
        r = p.bump()
        took = time.monotonic() - began
        assert r.code == 0 and r.out == "nothing to do: v0.1 is what the database says, and its images are in buildah\n" and r.err == "", r
        assert not changed(before, p.fingerprint()), changed(before, p.fingerprint())
        assert not changed(cache, kept()), changed(cache, kept())
        assert took < 20, took
        p.index = bump.fake.Index({"packages": {}}).__enter__() or p.index


def case_one_package_moves():
    with released() as p:
        p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01"}},
                              "beta": {**bump.PACKAGES["beta"], "2.1": {"uploaded": "2024-03-01"}}})
        r = p.bump()
        assert r.code == 0 and "nothing to do" in r.out, r
        since = len(p.index.log)
        r = p.bump("--upgrade-package", "delta")
        assert r.code == 0 and "released v0.2" in r.out, r
        assert re.search(r"^ *delta +1\.1 -> 1\.2", r.out, re.M) or re.search(r"delta.*1\.1.*1\.2", r.out), r
        assert "beta" not in r.out.split("released")[0], r
        assert [os.path.basename(x) for x in p.requests(since=since)] == ["delta-1.2-py3-none-any.whl"], p.requests(since=since)
        assert "layer-tool" not in r.err and "building base" not in r.err and "container (ci-c)" not in r.err, r
        assert p.tags() == ["ci-a:v0.2", "ci-b:v0.2", "ci-c:v0.2"]
        d = p.run("diff", "v0.1", "v0.2", "--format", "json")
        answer = json.loads(d.out)
        assert d.code == 1, d
        assert [x["name"] for x in answer["packages"]] == ["delta"] and not answer["toolchain"] + answer["tools"] + answer["system_packages"], d
        old = p.read("lockfiles/v0.1/lock.toml")
        assert 'version = "1.1"' in old and 'version = "1.2"' in p.read("lockfiles/latest/lock.toml")
        r = p.bump()
        assert "nothing to do: v0.2" in r.out, r
        assert "localhost/tiny/ci-a:v0.1" in STORAGE.images()


def case_dry_run():
    with released() as p:
        p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01"}}})
        before = p.fingerprint(times=False)
        r = p.bump("--dry-run")
        assert r.code == 0 and "nothing to do" in r.out, r
        r = p.bump("--upgrade", "--dry-run")
        assert r.code == 0 and re.search(r"delta.*1\.1.*1\.2", r.out), r
        assert not changed(before, p.fingerprint(times=False)), changed(before, p.fingerprint(times=False))
        r = p.bump("--upgrade", "--dry-run", "--format", "json")
        assert r.code == 0 and [x["name"] for x in json.loads(r.out)["packages"]] == ["delta"], r
        p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: other}")
        r = p.bump("--dry-run")
        assert r.code == 0 and re.search(r"ci-a", r.out), r
        p.replace("containers/ci-a/container.yaml", "{WORD: other}", "{WORD: a}")
        p.replace("Jenkinsfile", "ci-a:v0.1", "ci-a:v0.0")
        r = p.bump("--dry-run")
        assert r.code == 0 and r.out == "no package would move since v0.1, but the tags are not at the last release\n", r


def case_environment_of_a_container():
    with released() as p:
        p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: other}")
        r = p.bump()
        assert r.code == 0 and "released v0.2" in r.out, r
        assert re.findall(r"^built +(\S+ \(.*?\))", r.err, re.M) == ["container (ci-a)"], r
        assert 'ENV WORD="other"' in p.read("containers/ci-a/Dockerfile")

        def pins(release):
            return re.findall(r'name = "(\w+)"\nversion = "(.*?)"', p.read(f"lockfiles/{release}/lock.toml"))
        assert pins("v0.1") == pins("v0.2")
        seen = STORAGE.buildah("inspect", "--type", "image", "--format", "{{.OCIv1.Config.Env}}", "tiny/ci-a:v0.2")
        assert "WORD=other" in seen, seen


def case_images_are_gone():
    with released() as p:
        for image in STORAGE.images():
            if "/base:" not in image and "/ci-" in image:
                STORAGE.buildah("rmi", image)
        STORAGE.buildah("rmi", final_stage(p, "ci-b"))
        committed, requests = p.committed(), len(p.index.log)
        r = p.bump()
        assert r.code == 0 and "v0.1 holds" in r.out and "released" not in r.out, r
        assert not changed(committed, p.committed())
        assert len(p.index.log) == requests, p.index.log[requests:]
        assert [i for i in STORAGE.images() if "/ci-" in i and i.endswith("v0.1")] == [f"localhost/tiny/{c}:v0.1" for c in bump.CONTAINERS]
        assert "nothing to do" in p.bump().out


def case_store_is_gone():
    """A new machine: the release is there, the files and images are not."""
    with released() as p:
        shutil.rmtree(p.cache + "/files")
        shutil.rmtree(p.folder + "/.lockstep")
        STORAGE.buildah("rmi", "tiny/ci-a:v0.1")
        r = p.bump()
        assert r.code == 0 and "v0.1 holds" in r.out, r
        assert len(p.requests()) == 4, p.requests()


def case_goes_on_with_the_lock():
    """A build that failed for a reason outside: the next run neither locks nor fetches again."""
    with released() as p:
        p.replace("containers/ci-b/container.yaml", "user: ci\n", "user: ci\nenv: {NEW: b}\n")
        fake_buildah(p, f"if [[ $* == *'--tag '* && ! -e '{p.work}/well' ]]; then echo 'STEP 1/2: RUN true'; echo 'the engine fell over' >&2; exit 125; fi")
        before = p.committed()
        r = p.fails("building 'container' (ci-b) failed", "the engine fell over", "the whole log: ")
        nothing_happened(p, before)
        log = re.search(r"the whole log: (.*)", r.err).group(1)
        with open(log, encoding="utf-8") as f:
            assert "the engine fell over" in f.read()
        lock = p.read(".lockstep/lock.toml")
        open(p.work + "/well", "w").close()
        requests = len(p.index.log)
        r = p.bump()
        assert r.code == 0 and "released v0.2" in r.out and "going on with the lock in .lockstep/lock.toml" in r.err, r
        assert len(p.index.log) == requests, p.index.log[requests:]
        assert p.read("lockfiles/v0.2/lock.toml") == lock
        assert not os.path.exists(p.folder + "/.lockstep/lock.toml")


# ---- said before anything is done ----

def case_tags_that_cannot_move():
    texts = {"nothing sets 'ci_b'": bump.FILES["Jenkinsfile"].replace("ci_b", "other"),
             "the tag of container 'ci-b' is ambiguous": bump.FILES["Jenkinsfile"] + "ci_b = 'tiny/ci-b:v0.0'\n",
             "the project has no file 'Jenkinsfile'": None}
    for text, jenkinsfile in texts.items():
        with Project(WORK, STORAGE) as p:
            fake_buildah(p, "")
            if jenkinsfile:
                p.write("Jenkinsfile", jenkinsfile)
            else:
                os.unlink(p.folder + "/Jenkinsfile")
            r = p.fails(text, "the image tags cannot be moved" if jenkinsfile else "")
            assert "== " not in r.err and not p.index.log, (r, p.index.log)
            assert not os.path.exists(p.work + "/calls"), "the engine was asked"
            assert not os.path.exists(p.folder + "/.lockstep/lock.toml")


def case_database_with_errors():
    with released() as p:
        before, log = p.committed(), len(p.index.log)
        p.replace("recipes/python.yaml", "alpha: {groups: [core]}", "alpha: {groups: [cor]}")
        p.fails("recipes/python.yaml:5:", "did you mean 'core'", "the database cannot be used")
        assert len(p.index.log) == log
        p.replace("recipes/python.yaml", "[cor]", "[core]")
        nothing_happened(p, before)


def case_constraints_that_cannot_hold():
    with released() as p:
        before = p.committed()
        p.replace("recipes/python.yaml", "alpha: {groups: [core]}", 'alpha: {groups: [core]}\n  delta: {groups: [extra], exact: "0.9", why: "none"}')
        r = p.fails("delta")
        assert "recipes/python.yaml" in r.err and "== building" not in r.err, r
        p.write("recipes/python.yaml", bump.FILES["recipes/python.yaml"])
        nothing_happened(p, before)
        assert "nothing to do" in p.bump().out


def case_two_at_once():
    with released() as p:
        p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: two}")
        p.index.add_fault("/simple/", "mute", times=1, pause=6)
        first = p.start("bump")
        while "== locking" not in first.stderr.readline():
            assert first.poll() is None, first.communicate()
        before = p.committed()
        p.fails(f"another lockstep with process id {first.pid} works in this project", "wait for it to end")
        nothing_happened(p, before)
        # Looking does not need the lock.
        assert p.run("list").code == 0 and p.run("check").code == 0
        out, err = first.communicate(timeout=120)
        assert first.returncode == 0 and "released v0.2" in out, (out, err)


# ---- drift ----

def tampered(project, name, *script, base="tiny/ci-a:v0.1", user=None):
    """An image with changes: each of `script` is one shell line that runs in it."""
    working = STORAGE.buildah("from", "--pull-never", base).strip()
    try:
        for line in script:
            done = subprocess.run(["buildah", "run", "--isolation", "chroot", "--network", "host", "--user", "root", working, "--", "sh", "-ec", line],
                                  env={**os.environ, **STORAGE.env()}, capture_output=True, text=True)
            assert done.returncode == 0, done
        STORAGE.buildah("commit", "-q", working, name)
    finally:
        STORAGE.buildah("rm", working)
    return name


SITE = "/opt/venv/lib/python3.11/site-packages"
REPLACE_BYTES = """cd %s; echo 'import os' >>alpha/__init__.py; /usr/bin/python3 - <<'END'
import base64, hashlib, re
digest = base64.urlsafe_b64encode(hashlib.sha256(open("alpha/__init__.py", "rb").read()).digest()).rstrip(b"=").decode()
text = open("alpha-1.0.dist-info/RECORD").read()
open("alpha-1.0.dist-info/RECORD", "w").write(re.sub(r"(alpha/__init__.py,sha256=)[^,]*", r"\\g<1>" + digest, text))
END""" % SITE
OUTSIDE = "/usr/local/lib/python3.11/dist-packages"
# What is done to an image, one package or file each; what verify must say of it: (kind, subject, part of the text).
TAMPERINGS = {
    "one": [
        ("rm -r %s/delta %s/delta-1.1.dist-info" % (SITE, SITE), ("missing", "delta", "locked at 1.1")),
        ("mkdir -p %s/extra-1.0.dist-info; cd %s/extra-1.0.dist-info; printf 'Metadata-Version: 2.1\\nName: extra\\nVersion: 1.0\\n' >METADATA; "
         "printf 'extra-1.0.dist-info/METADATA,,\\nextra-1.0.dist-info/RECORD,,\\n' >RECORD" % (SITE, SITE), ("extra", "extra", "1.0, but not locked")),
        ("""echo '{"url": "https://files.example/alpha.whl", "archive_info": {}}' >%s/alpha-1.0.dist-info/direct_url.json""" % SITE,
         ("origin", "alpha", "https://files.example/alpha.whl")),
        ("rm %s/beta/d*ta.txt" % SITE, ("altered", "beta", "missing")),
        ("mkdir -p %s/loose-1.0.dist-info; echo 'Name: loose' >%s/loose-1.0.dist-info/METADATA" % (OUTSIDE, OUTSIDE),
         ("extra", OUTSIDE + "/loose-1.0.dist-info", "outside the virtual environment")),
        ("printf '#!/bin/sh\\necho tool 9.9.9\\n' >/usr/local/bin/tool", ("probe", "says its version", "tool | grep -F 1.2.3")),
    ],
    "two": [
        ("cd %s; mv delta-1.1.dist-info delta-1.2.dist-info; sed -i 's/^Version: 1.1/Version: 1.2/' delta-1.2.dist-info/METADATA; "
         "sed -i 's/delta-1.1/delta-1.2/' delta-1.2.dist-info/RECORD" % SITE, ("version", "delta", "installed at 1.2, but locked at 1.1")),
        # Its RECORD agrees with it, but no wheel of the lock has these bytes.
        (REPLACE_BYTES, ("origin", "alpha", "was not installed from alpha-1.0-py3-none-any.whl")),
        ("echo 'import os' >>%s/beta/__init__.py" % SITE, ("altered", "beta", "beta/__init__.py")),
        ("mkdir -p %s; echo 'import os' >%s/x.pth" % (OUTSIDE, OUTSIDE), ("extra", OUTSIDE + "/x.pth", "outside the virtual environment")),
        ("echo 'import os' >%s/start.pth" % SITE, ("extra", SITE + "/start.pth", "belongs to no package")),
        ("sed -i 's/include-system-site-packages = false/include-system-site-packages = true/' /opt/venv/pyvenv.cfg",
         ("extra", "/opt/venv/pyvenv.cfg", "lets packages of the system in")),
        ("cd %s; echo 1 >$(printf 'esc-\\033[31m.py')" % SITE, ("extra", "esc-", "belongs to no package")),
    ],
}


def case_verify_finds_drift():
    with released() as p:
        r = p.run("verify", "--engine", "buildah")
        assert r.code == 0 and "verified: 3 containers, 7 installed packages" in r.out, r
        for name, parts in TAMPERINGS.items():
            image = tampered(p, f"localhost/tampered/{name}:1", *[script for script, _ in parts])
            r = p.run("verify", "ci-a", "--image", image, "--format", "json", "--engine", "buildah")
            answer = json.loads(r.out)
            assert r.code == 1 and answer["verified"] is False, r
            left = [f for relation in answer["relations"] for f in relation["findings"]]
            count = len(left)
            assert answer["exit_bits"] == 2 and [r["state"] for r in answer["relations"]] == ["holds", "fails", "holds", "holds", "not asked"], r
            for _, (kind, subject, text) in parts:
                found = [f for f in left if f["kind"] == kind and subject in f["subject"] and text in f["text"]]
                assert found, (name, kind, subject, text, r)
                left = [f for f in left if f not in found]
            # The file of alpha's that was added is a stray as well.
            assert not [f for f in left if "alpha" not in f["subject"]], (name, left)
            r = p.run("verify", "ci-a", "--image", image, "--engine", "buildah")
            assert r.code == 1 and f"{count} findings: the images are not what lockfiles/latest/lock.toml says" in r.out, r
            assert "\033" not in r.out and "ci-a: delta " in r.out, r
        assert not STORAGE.containers()


def case_image_changed_between_build_and_verify():
    with released() as p:
        p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: changed}")
        assert p.run("lock").code == 0 and p.run("build", "--engine", "buildah").code == 0
        stage = final_stage(p, "ci-a")
        tampered(p, stage, "echo 'import os' >>%s/alpha/__init__.py" % SITE, "rm -r %s/beta*" % SITE, base=stage)
        before = p.committed()
        p.fails("ci-a: alpha has a file that is not the one that was installed: alpha/__init__.py", "ci-a: beta is locked at 2.0, but not installed",
                    "nothing is released: 2 findings in the images")
        nothing_happened(p, before)
        assert "localhost/tiny/ci-a:v0.2" not in STORAGE.images()
        # The same once more: a drifted image is not taken for good by a second run.
        p.fails("nothing is released")
        STORAGE.buildah("rmi", stage)
        assert p.released() == "v0.2"


def case_packages_that_own_the_same_file():
    with released() as p:
        # In an image: what a package's RECORD claims beside another's.
        image = tampered(p, "localhost/tampered/shadow:1", "echo 'alpha/__init__.py,sha256=AAAA,5' >>%s/beta-2.0.dist-info/RECORD" % SITE)
        r = p.run("verify", "ci-a", "--image", image, "--only", "files", "--only", "installed", "--format", "json", "--engine", "buildah")
        files = json.loads(r.out)["relations"][3]
        assert r.code == 1 and [(f["kind"], f["severity"], f["package"], f["found"], f["expected"]) for f in files["findings"]] == [
            ("shadow", "error", "alpha", "beta", "alpha/__init__.py")], r
        # Before there is one: from the wheels.
        p.index.set_packages({**bump.PACKAGES, "twin": {"1.0": {"files": {"alpha/__init__.py": "another"}}}})
        p.replace("recipes/python.yaml", "  beta: {groups: [core]}", "  beta: {groups: [core]}\n  twin: {groups: [extra]}")
        before = p.committed()
        r = p.fails("ci-b: alpha has 'alpha/__init__.py', and so has twin, with other bytes: the one that is installed last wins",
                    "nothing is built: packages own the same files")
        assert "== building" not in r.err, r
        nothing_happened(p, before)


def case_verify_command_fails():
    with released() as p:
        p.replace("recipes/layers/tool.yaml", "grep -F 1.2.3", "grep -F 4.5.6")
        before = p.committed()
        p.fails("ci-a: says its version verify command failed: sh -c 'tool | grep -F 4.5.6' (exit status 1)", "ci-c: says its version",
                "nothing is released: 3 findings")
        nothing_happened(p, before)
        p.replace("recipes/layers/tool.yaml", "grep -F 4.5.6", "grep -F 1.2.3")
        r = p.bump()
        assert r.code == 0 and "nothing to do" in r.out, r


def case_snapshot_command_fails():
    with released() as p:
        p.replace("recipes/layers/tool.yaml", "run: [[tool]]", "run: [[tool], [sh, -c, 'echo it broke; exit 3']]")
        before = p.committed()
        p.fails("container 'ci-a'", "snapshot command of 'tool' failed with 3", "it broke")
        nothing_happened(p, before)


# ---- bad days ----

def case_build_step_fails():
    with released() as p:
        p.replace("recipes/layers/tool.yaml", "/usr/local/bin/tool > /tool.version", "echo compiling; echo 'no such header \\\\033[31m' >&2; exit 9")
        before = p.committed()
        r = p.fails("building 'layer-tool' (ci-a, ci-b, ci-c) failed at step ", "no such header", "the whole log: ")
        assert "\033" not in r.err, r
        nothing_happened(p, before)
        assert not STORAGE.containers(), STORAGE.containers()
        p.write("recipes/layers/tool.yaml", bump.FILES["recipes/layers/tool.yaml"])
        assert "nothing to do" in p.bump().out


def case_no_engine():
    with released() as p:
        before = p.committed()
        empty = p.work + "/empty"
        os.makedirs(empty)
        r = p.run("bump", PATH=empty)
        assert r.code == 1 and "no engine works here" in r.err and "apt-get install buildah" in r.err, r
        p.engine = "rkt"
        p.fails("there is no engine 'rkt'", "engines are: buildah, docker, podman, buildkit")
        nothing_happened(p, before)


def case_engine_that_fails():
    # What this machine's storage has its own files say; of images in another one the client is asked.
    elsewhere = "[[ $1 != info ]] || { /usr/bin/buildah \"$@\"; echo imagestore; exit 0; }\n"
    for script, texts in (("[[ $1 != --version ]] || { echo something else; exit 0; }", ["this is not buildah"]),
                          ("[[ $1 != info ]] || { echo 'Error: storage is broken' >&2; exit 125; }", ["storage is broken"]),
                          (elsewhere + "[[ $1 != inspect ]] || { echo 'not json'; exit 0; }", ["gave an answer that cannot be read"]),
                          (elsewhere + "[[ $1 != inspect ]] || { echo 'Error: disk gone' >&2; exit 125; }", ["disk gone"]),
                          ("[[ $1 != from ]] || { echo 'Error: no space' >&2; exit 125; }", ["cannot ask image", "no space"]),
                          ("[[ $1 != from ]] || kill -9 $$", ["cannot ask image", "signal 9"]),
                          ("[[ $* != *' run '* && $1 != run ]] || { echo '{\"snapshot\": []}'; exit 0; }", ["container 'ci-a'", "it gives no snapshot"]),
                          ("[[ $* != *' --tag '* ]] || exit 0", ["has no image of it"])):
        with released() as p:
            p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: %d}" % (hash(script) % 10**9))
            fake_buildah(p, script)
            before = p.committed()
            p.fails(*texts)
            nothing_happened(p, before)


def case_tagging_fails():
    """The release is made; the images get their names by the next run."""
    with released() as p:
        p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: tagging}")
        fake_buildah(p, f"[[ $1 != tag || -e '{p.work}/well' ]] || {{ echo 'Error: cannot tag' >&2; exit 125; }}")
        r = p.bump()
        assert r.code == 1 and "cannot tag" in r.err and "v0.2" in r.err, r
        assert p.tags() == ["ci-a:v0.2", "ci-b:v0.2", "ci-c:v0.2"]
        open(p.work + "/well", "w").close()
        r = p.bump()
        assert r.code == 0 and "v0.2 holds" in r.out, r
        assert "localhost/tiny/ci-a:v0.2" in STORAGE.images()


def case_index_on_bad_days():
    for kind, options, texts in (("status", {"status": 404}, ["alpha"]), ("status", {"status": 500}, ["index 'default'", "500"]), ("drop", {}, ["index 'default'"])):
        with released() as p:
            p.index.add_fault("/simple/alpha", kind, **options)
            before = p.committed()
            r = p.fails(*texts, words=["--upgrade"], UV_HTTP_TIMEOUT="5", UV_HTTP_RETRIES="1")
            assert "== fetching" not in r.err, r
            nothing_happened(p, before)
    with released() as p:
        before = p.committed()
        r = p.fails("cannot reach index 'default' (from UV_DEFAULT_INDEX)", words=["--upgrade"], UV_DEFAULT_INDEX="http://127.0.0.1:9/simple/", UV_HTTP_RETRIES="1")
        nothing_happened(p, before)


def case_files_on_bad_days():
    for kind, options, texts in (("status", {"status": 404}, ["alpha-1.1-py3-none-any.whl", "404"]), ("status", {"status": 503}, ["alpha-1.1", "503"]),
                                 ("wrong_byte", {"at": 500}, ["alpha-1.1-py3-none-any.whl", "sha256"]), ("cut", {"after": 100}, ["alpha-1.1"])):
        with released() as p:
            p.index.set_packages({**bump.PACKAGES, "alpha": {**bump.PACKAGES["alpha"], "1.1": {"requires": ["delta>=1"], "uploaded": "2024-03-01"}}})
            p.index.add_fault("/files/default/alpha/alpha-1.1-py3-none-any.whl", kind, exact=True, **options)
            before = p.committed()
            r = p.fails(*texts, words=["--upgrade-package", "alpha"])
            assert "== building" not in r.err, r
            nothing_happened(p, before)
            with p.index.guard:
                p.index.faults.clear()
            r = p.bump()
            assert r.code == 0 and "released v0.2" in r.out and "going on with the lock" in r.err, r


def case_wheel_that_says_something_else():
    """The index's metadata says one thing, the wheel another: found before anything is built."""
    with released() as p:
        p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01", "metadata_requires": ["omega>=3"]}}})
        before = p.committed()
        r = p.fails("omega", words=["--upgrade-package", "delta"])
        assert "== building" not in r.err, r
        nothing_happened(p, before)


def case_hand_edited_release():
    edits = {"lockfiles/latest/lock.toml": lambda t: t.replace('version = "1.1"', 'version = "1.0"'),
             "lockfiles/v0.1/lock.toml": lambda t: t.replace('version = "1.1"', 'version = "1.0"'),
             "lockfiles/v0.1/ci-a.txt": lambda t: t + "evil==1.0\n",
             "lockfiles/v0.1/release.json": lambda t: t[:len(t) // 2],
             "lockfiles/v0.1/SHA256SUMS": lambda t: "<<<<<<< ours\n" + t,
             "lockfiles/latest/SHA256SUMS": None}
    for path, edit in edits.items():
        with released() as p:
            if edit:
                p.write(path, edit(p.read(path)))
            else:
                os.unlink(os.path.join(p.folder, path))
            before = p.committed()
            r = p.bump()
            assert r.code == 1 and path.rsplit("/", 1)[0] in r.err and "git checkout" in r.err, (path, r)
            nothing_happened(p, before)


def case_database_of_releases_is_gone():
    with released() as p:
        with contextlib.closing(sqlite3.connect(p.folder + "/lockfiles/lockstep.db")) as db:
            rows = list(db.iterdump())
        for name in os.listdir(p.folder + "/lockfiles"):
            if name.startswith("lockstep.db"):
                os.unlink(p.folder + "/lockfiles/" + name)
        assert "nothing to do" in p.bump().out
        p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: db}")
        assert p.released() == "v0.2"
        with contextlib.closing(sqlite3.connect(p.folder + "/lockfiles/lockstep.db")) as db:
            again = list(db.iterdump())
        assert set(rows) - set(again) <= {r for r in rows if "sqlite_sequence" in r or "latest" in r}, sorted(set(rows) - set(again))[:5]
        # Broken, it is made again too.
        p.write("lockfiles/lockstep.db", b"not a database at all" * 100)
        r = p.run("list")
        assert r.code == 0 and "v0.2" in r.out, r


def case_read_only_project():
    with released() as p:
        p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: ro}")
        before = p.committed()
        subprocess.run(["mount", "--bind", p.folder, p.folder], check=True)
        try:
            if subprocess.run(["mount", "-o", "remount,bind,ro", p.folder]).returncode:
                return
            p.fails("Read-only file system", "cannot")
            assert p.run("list").code == 0
        finally:
            subprocess.run(["umount", "-l", p.folder], check=True)
        nothing_happened(p, before)


@contextlib.contextmanager
def small_disk(folder, size):
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder, leave):
    """Fills a small disk but for `leave` bytes."""
    with open(folder + "/filling", "wb") as f:
        s = os.statvfs(folder)
        f.write(b"\0" * max(0, s.f_bavail * s.f_frsize - leave))


def case_full_disk_under_the_project():
    with released() as p:
        with small_disk(p.work + "/disk", "300m") as disk:
            shutil.copytree(p.folder, disk + "/p", ignore=shutil.ignore_patterns(".lockstep"))
            p.folder = disk + "/p"
            p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: disk}")
            before = p.committed()
            for leave in (0, 4096, 65536, 1 << 20):
                fill(disk, leave)
                p.fails("No space left on device")
                nothing_happened(p, before)
            os.unlink(disk + "/filling")
            subprocess.run(["mount", "-o", "remount,size=2g", disk], check=True)
            assert p.released() == "v0.2"


def case_full_disk_at_the_release():
    """Full from the moment the images are verified; whatever is decided then is whole."""
    for leave in (8192, 131072):
        with released() as p:
            with small_disk(p.work + "/disk", "1g") as disk:
                shutil.copytree(p.folder, disk + "/p")
                p.folder = disk + "/p"
                p.replace("containers/ci-a/container.yaml", "{WORD: a}", "{WORD: late}")
                assert p.run("lock").code == 0 and p.run("build", "--engine", "buildah").code == 0
                before = p.committed()
                fill(disk, leave)
                r = p.bump()
                if r.code == 0:
                    continue
                assert r.code == 1 and "No space left on device" in r.err, r
                seen = p.run("list")
                os.unlink(disk + "/filling")
                if "is decided" not in r.err and p.tags()[0].endswith("v0.1"):
                    nothing_happened(p, before)
                r = p.bump()
                assert r.code == 0 and p.tags() == ["ci-a:v0.2", "ci-b:v0.2", "ci-c:v0.2"], (seen, r)


def case_full_disk_under_the_cache():
    with released() as p:
        p.index.set_packages({**bump.PACKAGES, "delta": {**bump.PACKAGES["delta"], "1.2": {"uploaded": "2024-03-01", "padding": 300000}}})
        with small_disk(p.work + "/small", "600m") as disk:
            shutil.copytree(p.cache, disk + "/cache")
            p.env["LOCKSTEP_CACHE"] = disk + "/cache"
            before = p.committed()
            fill(disk, 100000)
            p.fails("the files to fetch need 301 kB", "free some space", words=["--upgrade-package", "delta"])
            nothing_happened(p, before)
            os.unlink(disk + "/filling")
            assert p.released() == "v0.2"


def case_full_disk_under_the_engine():
    with released() as p:
        storage = p.work + "/full"
        with small_disk(storage, "150m"):
            with open(storage + "/storage.conf", "w") as f:
                f.write(f'[storage]\ndriver = "overlay"\ngraphroot = "{storage}/graph"\nrunroot = "{storage}/run"\n')
            p.env["CONTAINERS_STORAGE_CONF"] = storage + "/storage.conf"
            before = p.committed()
            p.fails("building 'base' (ci-a, ci-b, ci-c) failed", "no space left on device")
            nothing_happened(p, before)
            with open("/proc/mounts") as f:
                for mount in [line.split()[1] for line in f if storage + "/" in line]:
                    subprocess.run(["umount", "-l", mount])


def case_usage():
    with Project(WORK, STORAGE) as p:
        for words, text in ((["--jobs", "0"], "'--jobs 0'"), (["--at", "tomorrow"], "--at"), (["extra"], "unexpected argument 'extra'"), (["--jbos", "2"], "did you mean")):
            r = p.run("bump", *words)
            assert r.code == 2 and text in r.err and r.out == "", r
        r = p.run("bump", "--upgrade-package", "alpha")
        assert r.code == 1 and "nothing is locked yet" in r.err, r
    with released() as p:
        r = p.bump("--upgrade-package", "alhpa")
        assert r.code == 1 and "did you mean 'alpha'" in r.err, r


def finish():
    FIRST.close()
    left = bump.using(WORK + "/bump-")
    STORAGE.remove()
    assert not left, f"processes are left: {left}"


cases.run(globals(), finish=finish)
