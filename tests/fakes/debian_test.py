#!/usr/bin/env python3
"""Debian packages: locked by the real apt from an archive made here, kept when the archive moves on, fetched by hash, put into a mirror folder and taken from one;
and an archive that lies, loses packages or cannot be reached."""
import hashlib, json, os, re, shutil, sys, tomllib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases, debian

WORK = os.getcwd()
FILES = {
    "recipes/project.yaml": "name: tiny\nrepository: tiny\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n",
    "recipes/python.yaml": "groups: {}\npackages: {}\n",
    "recipes/bases/tiny.yaml": "description: a tree\nfrom:\n  mmdebstrap: {suite: bookworm, variant: minbase, components: [main], include: [python]}\n"
                               'environment: {python: "3.11", machine: x86_64, libc_version: "2.36"}\n',
    "recipes/layers/tool.yaml": "description: a tool\nsteps:\n  - apt: [tool]\n",
    "containers/a/container.yaml": "description: the first\nbase: tiny\nlayers: [tool]\napt: [extra]\n",
    "containers/b/container.yaml": "description: the second\nbase: tiny\nlayers: [tool]\n",
    "Jenkinsfile": "a = 'tiny/a:v0'\nb = 'tiny/b:v0'\n",
}
PACKAGES = {
    "python": {"depends": "libc (>= 1)"}, "libc": {"version": "2:1.5-1+deb12u1~1", "architecture": "all"}, "tool": {"depends": "libtool", "recommends": "docs"},
    "libtool": {"version": "3.0"}, "docs": {}, "extra": {"depends": "libtool, libc"}, "other": {"depends": "libtool (>= 3)"},
}


class Project(debian.Project):
    def __init__(self, packages=None, files=None):
        super().__init__(packages or PACKAGES, {**FILES, **(files or {})})
        self.env.update(self.archive.machine(self.work + "/machine"))

    def lock(self):
        with open(self.root + "/.lockstep/lock.toml", "rb") as f:
            return tomllib.load(f)

    def debs(self):
        return {d["name"]: d for d in self.lock()["deb"]}

    def versions(self):
        return {d["name"]: d["version"] for d in self.lock()["deb"]}


def case_what_is_locked():
    with Project() as p:
        p.run("lock")
        debs = p.debs()
        assert set(debs) == {"tiny-base", "tiny-required", "python", "libc", "tool", "libtool", "extra"}, debs
        assert debs["libc"]["stages"] == ["base:tiny"] and debs["extra"]["stages"] == ["a/apt"], debs
        assert debs["libtool"]["stages"] == ["a/layer-tool", "b/layer-tool"], debs["libtool"]
        data = p.archive.files[p.archive.pool["libc"]]
        assert debs["libc"] == {"name": "libc", "version": "2:1.5-1+deb12u1~1", "architecture": "all", "stages": ["base:tiny"], "file": "libc_21.5-1+deb12u1~1_all.deb",
                                "path": p.archive.pool["libc"], "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}, debs["libc"]
        text = open(p.root + "/.lockstep/lock.toml").read()
        assert "127.0.0.1" not in text
        # Nothing new is asked: apt is not, and the lock stays.
        p.archive.requests.clear()
        assert "unchanged" in p.run("lock") and not p.archive.requests, p.archive.requests
        assert text == open(p.root + "/.lockstep/lock.toml").read()
        p.archive.close()
        assert "unchanged" in p.run("lock", PATH=without_apt(p))


def case_the_first_time_is_told():
    with Project() as p:
        out = p.run("lock", LOCKSTEP_SYSTEM_PACKAGES="unlocked")
        assert "Debian" not in out and "0 packages in 2 containers, 0 files" in out, out
        seen = json.loads(p.run("lock", "--dry-run", "--format", "json"))
        assert seen["debian_packages"] == 7 and seen["files"] == 7 and seen["changes"]["different"], seen
        assert seen["changes"]["locked_first"] == {"debian_packages": 7, "containers": ["a", "b"]}, seen
        out = p.run("lock")
        assert "nothing that is installed differs" not in out and "\nDebian packages: 7 locked for the first time, in a, b\n" in out, out
        assert "locked: 0 packages and 7 Debian packages in 2 containers, 7 files (" in out, out
        out = p.run("lock")
        assert "first time" not in out and "unchanged since .lockstep/lock.toml: 0 packages and 7 Debian packages in 2 containers, 7 files (" in out, out


def case_why():
    packages = {**PACKAGES, "lib++2.0": {}, "other": {"depends": "lib++2.0"}}
    files = {"containers/b/container.yaml": "description: the second\nbase: tiny\nlayers: [tool]\napt: [other]\n"}
    with Project(packages, files) as p:
        p.run("lock")
        assert p.run("why", "libc") == "Debian package libc 2:1.5-1+deb12u1~1 (all), installed by\n  base tiny of a, b\n", p.run("why", "libc")
        assert p.run("why", "libtool") == "Debian package libtool 3.0 (amd64), installed by\n  layer tool of a, b\n", p.run("why", "libtool")
        assert p.run("why", "lib++2.0", "b") == "Debian package lib++2.0 1.0 (amd64), installed by\n  the apt list of b\n", p.run("why", "lib++2.0", "b")
        assert p.run("why", "libtool", "b").endswith("  layer tool of b\n"), p.run("why", "libtool", "b")
        err = p.run("why", "lib++2.0", "a", fails=True)
        assert "'lib++2.0' is not in .lockstep/lock.toml, container a\nit is in b (Debian package 1.0)" in err, err
        err = p.run("why", "libtol", fails=True)
        assert "did you mean 'libtool'?" in err, err
        seen = json.loads(p.run("why", "libtool", "--format", "json"))
        assert seen["places"] == [] and seen["debian"] == [{"name": "libtool", "version": "3.0", "architecture": "amd64", "installed_by": [
            {"kind": "layer", "name": "tool", "containers": ["a", "b"]}]}], seen


def case_two_bases_of_one_suite():
    files = {"recipes/bases/other.yaml": FILES["recipes/bases/tiny.yaml"].replace("include: [python]", "include: [python, docs]").replace("3.11", "3.9"),
             "containers/b/container.yaml": "description: the second\nbase: other\n", "containers/c/container.yaml": "description: the third\nbase: tiny\napt: [other]\n",
             "Jenkinsfile": FILES["Jenkinsfile"] + "c = 'tiny/c:v0'\n"}
    with Project(files=files) as p:
        p.run("lock")
        debs = p.debs()
        assert debs["libc"]["stages"] == ["base:other", "base:tiny"] and debs["docs"]["stages"] == ["base:other"] and debs["other"]["stages"] == ["c/apt"], debs


def without_apt(p):
    folder = p.work + "/bin"
    if not os.path.exists(folder):
        os.makedirs(folder)
        for program in ("git", "sh", "env", "python3", "uname"):
            if shutil.which(program):
                os.symlink(shutil.which(program), f"{folder}/{program}")
    return folder


def case_order_says_nothing():
    with Project() as p:
        p.run("lock")
        before = p.lock()
        p.write("containers/a/container.yaml", "description: the first\nbase: tiny\napt: [extra, extra2]\nlayers: [tool]\n")
        p.packages["extra2"] = {}
        p.archive.set(p.packages)
        p.run("lock")
        first = p.lock()
        p.write("containers/a/container.yaml", "base: tiny\nlayers: [tool]\napt: [extra2, extra]\ndescription: the first\n")
        p.archive.requests.clear()
        p.run("lock")
        assert p.lock()["deb"] == first["deb"] != before["deb"] and not p.archive.requests


def case_moved_on():
    with Project() as p:
        p.run("lock")
        p.run("fetch")
        before = p.versions()
        p.move_on(libtool="3.1", tool="2.0")
        p.run("lock")
        assert p.versions() == before
        # Something new, beside what is locked; the old ones come from the store.
        p.write("containers/b/container.yaml", "description: the second\nbase: tiny\nlayers: [tool]\napt: [other]\n")
        p.run("lock")
        assert p.versions() == {**before, "other": "1.0"}, p.versions()
        assert p.debs()["other"]["stages"] == ["b/apt"]
        # They move when they are asked to, and it is said.
        out = p.run("lock", "--upgrade-system")
        assert p.versions() == {**before, "other": "1.0", "libtool": "3.1", "tool": "2.0"}, p.versions()
        assert re.search(r"system packages: .*2 ", out) and "libtool, tool" in out, out
        assert "system packages" not in p.run("lock")


def case_gone_everywhere():
    with Project() as p:
        p.run("lock")
        p.move_on(libtool="3.1")
        p.write("containers/b/container.yaml", "description: the second\nbase: tiny\nlayers: [tool]\napt: [other]\n")
        err = p.run("lock", fails=True)
        assert "'libtool' 3.0 is locked, but its mirrors no longer have it, and neither has the store" in err and "--upgrade-system" in err, err
        err = p.run("fetch", fails=True)
        assert "recipes changed" in err
        p.write("containers/b/container.yaml", FILES["containers/b/container.yaml"])
        err = p.run("fetch", fails=True, LOCKSTEP_FETCH_TRIES="1")
        assert "libtool_3.0_amd64.deb, of Debian package libtool 3.0: " in err and "404" in err and "--from DIR" in err, err
        p.run("lock", "--upgrade-system")
        p.run("fetch")


def case_kept_versions_in_the_way():
    with Project() as p:
        p.run("lock")
        p.run("fetch")
        p.packages["newer"] = {"depends": "libtool (>= 3.1)"}
        p.move_on(libtool="3.1")
        p.write("containers/b/container.yaml", "description: the second\nbase: tiny\nlayers: [tool]\napt: [newer]\n")
        err = p.run("lock", fails=True)
        assert "containers/b/container.yaml:4:6: error: container 'b': apt cannot install its Debian packages on what is below" in err, err
        assert "newer : Depends: libtool (>= 3.1)" in err and "lockstep lock --upgrade-system" in err, err
        p.run("lock", "--upgrade-system")
        assert p.versions()["newer"] == "1.0"


def case_refused():
    with Project() as p:
        p.write("recipes/layers/tool.yaml", "description: a tool\nsteps:\n  - apt: [toll, tool]\n")
        err = p.run("lock", fails=True)
        assert "recipes/layers/tool.yaml:3:5: error: layer 'tool': the archives of base 'tiny' have no package 'toll'" in err and "did you mean 'tool'?" in err, err
        p.packages["tool"] = {"depends": "nothing-has-this"}
        p.archive.set(p.packages)
        p.write("recipes/layers/tool.yaml", FILES["recipes/layers/tool.yaml"])
        err = p.run("lock", fails=True)
        assert "tool : Depends: nothing-has-this but it is not installable" in err, err
        p.packages["tool"] = {"conflicts": "python"}
        p.archive.set(p.packages)
        err = p.run("lock", fails=True)
        assert "recipes/layers/tool.yaml:3:5: error: layer 'tool' would remove 'python', which is installed below it" in err, err
        p.packages["tool"] = {}
        p.archive.set(p.packages)
        p.write("recipes/layers/tool.yaml", "description: a tool\nsteps:\n  - apt: [tool=9.9]\n")
        assert "Version '9.9' for 'tool' was not found" in p.run("lock", fails=True)
        assert not os.path.exists(p.root + "/.lockstep/lock.toml")


def case_no_apt_and_no_mirror():
    with Project() as p:
        err = p.run("lock", fails=True, PATH=without_apt(p))
        assert "apt-get" in err, err
        p.run("lock", PATH=without_apt(p), LOCKSTEP_SYSTEM_PACKAGES="unlocked")
        assert "deb" not in p.lock()
        p.archive.close()
        err = p.run("lock", fails=True)
        assert "base 'tiny': apt cannot bring the lists of its mirrors up to date" in err and "127.0.0.1" in err, err


def case_lists_that_lie():
    lies = [
        (lambda n, t: t.replace("pool/main/tool", "pool/../../tool"), "file name is 'pool/../../tool_1.0_amd64.deb'"),
        (lambda n, t: re.sub("Filename: .*tool_1", "Filename: /etc/tool_1", t), "file name is '/etc/tool_1.0_amd64.deb'"),
        (lambda n, t: re.sub("SHA256: .*", "SHA256: 00", t) if n == "tool" else t, "SHA256 is '00'"),
        (lambda n, t: re.sub("Size: .*", "Size: -1", t) if n == "tool" else t, "size is '-1'"),
        (lambda n, t: t + f"X-Long: {'x' * (1 << 20)}\n" if n == "tool" else t, "Unable to parse package file"),
    ]
    with Project() as p:
        for lie, said in lies:
            p.archive.set(p.packages, lie)
            err = p.run("lock", fails=True)
            assert said in err, (said, err)


def case_wrong_bytes():
    with Project() as p:
        p.run("lock")
        path = p.archive.pool["tool"]
        good = p.archive.files[path]
        for bad, said in ((good[:-1] + b"x", "locked is " + hashlib.sha256(good).hexdigest()), (good + b"x", "bytes are offered"), (good[:100], "are locked")):
            p.archive.answers[path] = (200, bad)
            err = p.run("fetch", fails=True)
            assert "tool_1.0_amd64.deb, of Debian package tool 1.0" in err and said in err, err
            assert not os.path.exists(f"{p.cache}/files/sha256/{hashlib.sha256(bad).hexdigest()[:2]}/{hashlib.sha256(bad).hexdigest()}")
        p.archive.answers.clear()
        assert "7 files" in p.run("fetch")
        # Bytes that hash right and are no package, as one who keeps the archive could offer.
        data = b"no package at all"
        p.archive.files[path] = data
        sums = {hashlib.sha256(good).hexdigest(): hashlib.sha256(data).hexdigest()}
        lists = p.archive.files["dists/bookworm/main/binary-amd64/Packages"].decode()
        for old, new in sums.items():
            lists = lists.replace(old, new).replace(f"Size: {len(good)}\nSHA256: {new}", f"Size: {len(data)}\nSHA256: {new}")
        p.archive.files["dists/bookworm/main/binary-amd64/Packages"] = lists.encode()
        release = f"SHA256:\n {hashlib.sha256(lists.encode()).hexdigest()} {len(lists)} main/binary-amd64/Packages\n"
        p.archive.files["dists/bookworm/Release"] = re.sub(r"SHA256:\n .*\n", release, p.archive.files["dists/bookworm/Release"].decode()).encode()
        p.run("lock", "--upgrade-system")
        p.run("fetch")
        err = p.run("fetch", "--mirror", p.work + "/mirror", fails=True)
        assert "tool_1.0_amd64.deb" in err and "is no Debian package" in err, err


def case_mirror_folder():
    with Project() as p:
        p.run("lock")
        mirror = p.work + "/a mirror"
        out = p.run("fetch", "--mirror", mirror)
        assert "7 files are in" in out and "7 of them new" in out, out
        stamps = {os.path.join(f, n): os.stat(os.path.join(f, n)).st_mtime_ns for f, _, names in os.walk(mirror) for n in names}
        assert "0 of them new" in p.run("fetch", "--mirror", mirror)
        assert stamps == {os.path.join(f, n): os.stat(os.path.join(f, n)).st_mtime_ns for f, _, names in os.walk(mirror) for n in names}
        # The archive moves on; a machine with an empty store has everything from the folder, and locks something new beside it.
        p.move_on(libtool="3.1", tool="2.0", python="2.0")
        for name in ("libtool", "tool", "python", "tiny-base"):
            p.archive.files = {k: v for k, v in p.archive.files.items() if not k.startswith(f"pool/main/{name}_1") and not k.startswith(f"pool/main/{name}_3.0")}
        shutil.rmtree(p.cache)
        assert "404" in p.run("fetch", fails=True, LOCKSTEP_FETCH_TRIES="1")
        shutil.rmtree(p.cache)
        p.run("fetch", "--from", mirror)
        shutil.rmtree(p.cache)
        p.run("fetch", "--from", mirror, PATH=without_apt(p))
        shutil.rmtree(p.cache)
        p.run("fetch", LOCKSTEP_MIRROR="/nonexistent:" + mirror)
        assert p.err.count("warning: ") == 1 and "warning: there is no mirror folder '/nonexistent', which LOCKSTEP_MIRROR names\n" in p.err, p.err
        # Both states stand in the folder beside one another.
        p.archive.set(p.packages)
        p.run("lock", "--upgrade-system")
        p.run("fetch", "--mirror", mirror)
        with open(mirror + "/dists/bookworm/main/binary-amd64/Packages") as f:
            lists = f.read()
        assert "Version: 3.0\n" in lists and "Version: 3.1\n" in lists and lists.count("Package: libc\n") == 1, lists
        # apt itself reads it, and lockstep locks from it.
        p.archive.close()
        with open(p.work + "/machine/sources.list", "w") as f:
            f.write(f"deb [trusted=yes] file:{mirror.replace(' ', '%20')} bookworm main\n")
        before = p.versions()
        os.remove(p.root + "/.lockstep/lock.toml")
        shutil.rmtree(p.cache)
        p.run("lock")
        assert p.versions() == before, p.versions()
        p.run("fetch")
        # What was damaged there is refused.
        victim = mirror + "/" + p.debs()["tool"]["path"]
        data = open(victim, "rb").read()
        os.remove(victim)
        with open(victim, "wb") as f:
            f.write(data[:-1] + b"x")
        shutil.rmtree(p.cache)
        p.run("fetch", fails=True)


def case_archive():
    with Project() as p:
        tar = debian.tar_of({"tool-1.0/bin/tool": b"#!/bin/sh\n"})
        sha = hashlib.sha256(tar).hexdigest()
        p.archive.files["srv/tool-1.0.tar.gz"] = tar
        step = f"  - archive: {{url: '{p.archive.url}srv/tool-${{version}}.tar.gz', sha256: {sha}, to: /opt/tool, strip: 1}}\n"
        p.write("recipes/layers/tool.yaml", "description: a tool\noptions:\n  version: {description: which, default: '1.0'}\nsteps:\n  - apt: [tool]\n" + step)
        p.run("lock")
        wanted = {"name": "tool-1.0.tar.gz", "url": p.archive.url + "srv/tool-1.0.tar.gz", "layers": ["tool{version=1.0}"], "size": len(tar), "sha256": sha}
        assert p.lock()["archive"] == [wanted], p.lock()["archive"]
        p.archive.answers["srv/tool-1.0.tar.gz"] = (200, tar[:-1] + b"x")
        err = p.run("fetch", fails=True)
        assert "tool-1.0.tar.gz, of layer tool{version=1.0}" in err and "locked is " + sha in err, err
        p.archive.answers.clear()
        assert "8 files" in p.run("fetch", "--mirror", p.work + "/mirror")
        p.archive.close()
        shutil.rmtree(p.cache)
        err = p.run("fetch", "--from", f"{p.work}/mirror:{p.work}/nonexist", fails=True)
        assert err == f"error: there is no mirror folder '{p.work}/nonexist', which '--from' names\n", err
        p.run("fetch", "--from", p.work + "/mirror")
        p.run("render")
        with open(p.root + "/containers/a/Dockerfile") as f:
            text = f.read()
        assert f"--strip-components=1 \\\n        --directory=/opt/tool --file=/run/lockstep/tool/archives/{sha}/tool-1.0.tar.gz\n" in text, text
        for bad, said in (("to: opt", "begins with '/'"), ("strip: 10", "one digit"), ("sha256: 00", "64 lower-case hex digits"), ("url: 'ftp://x/y.tar'", "begins with http"),
                          ("url: 'https://x/y.zip'", "ends with .tar")):
            key = bad.split(":")[0]
            p.write("recipes/layers/tool.yaml", "description: a tool\nsteps:\n" + re.sub(f"{key}: ('[^']*'|[^,}}]*)", bad, step.replace("${version}", "1.0")))
            said_now = p.run("check", fails=True)
            assert said in said_now, (bad, said_now)


debian.need_apt()
os.chmod(WORK, 0o755)
cases.run(globals())
