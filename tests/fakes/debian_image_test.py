#!/usr/bin/env python3
"""Debian packages on bases that are images of a registry: what an image has is asked through an engine (here one that hands out folders), once, and checked; the real apt
resolves on it from an archive made here. Images without dpkg, of another machine, that lie, and whose mirrors are gone."""
import hashlib, io, json, os, re, shutil, sys, tarfile, tomllib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases, debian

ROOT, WORK = os.environ["ROOT"], os.getcwd()
FILES = {
    "recipes/project.yaml": "name: tiny\nrepository: tiny\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n",
    "recipes/python.yaml": "groups: {}\npackages: {}\n",
    "recipes/layers/tool.yaml": "description: a tool\nsteps:\n  - apt: [tool]\n",
    "recipes/layers/plain.yaml": "description: installs nothing of Debian\nsteps:\n  - run: [make]\n",
    "containers/a/container.yaml": "description: the first\nbase: image\nlayers: [tool]\napt: [extra]\n",
    "containers/b/container.yaml": "description: the second\nbase: image\nlayers: [tool]\n",
    "Jenkinsfile": "a = 'tiny/a:v0'\nb = 'tiny/b:v0'\n",
}
PACKAGES = {
    "libc": {"version": "2.0"}, "tool": {"depends": "libtool, libc (>= 1)", "recommends": "docs"}, "libtool": {"version": "3.0"}, "docs": {},
    "extra": {"depends": "libtool"}, "needs-newer": {"depends": "libc (>= 2)"}, "against": {"conflicts": "perl"}, "perl": {"version": "5.0"}, "other": {},
}
BASE = """description: an image
from:
  image: "registry.example/debian@sha256:{digest}"
environment: {{python: "3.11", machine: x86_64, libc_version: "2.36"}}
"""


def stanza(name, version="1.0", architecture="amd64", status="install ok installed", more=""):
    return f"Package: {name}\nStatus: {status}\nArchitecture: {architecture}\nVersion: {version}\nMaintainer: Nobody <n@example.org>\nDescription: {name}\n long\n{more}"


STATUS = [stanza("dpkg"), stanza("apt", "2.6.1"), stanza("libc", "1.5"), stanza("perl", "5.0", "all"), stanza("gone", status="deinstall ok config-files")]


class Project(debian.Project):
    def __init__(self, files=None, image=None, status=STATUS, packages=None):
        super().__init__(packages or PACKAGES, {**FILES, **(files or {})})
        self.registry = self.work + "/registry"
        os.chmod(self.work, 0o755)
        for folder in ("tmp", "registry"):
            os.makedirs(f"{self.work}/{folder}")
        os.chmod(self.work + "/tmp", 0o1777)
        self.source = f"deb [trusted=yes] {self.archive.url} bookworm main\n"
        self.image({"etc/apt/sources.list": self.source, "var/lib/dpkg/status": "\n".join(status), **(image or {})})
        self.env.update({"LOCKSTEP_SYSTEM_PACKAGES": "locked", "FAKE_STORE": self.work + "/store", "FAKE_REGISTRY": self.registry, "TMPDIR": self.work + "/tmp",
                         "PATH": f"{ROOT}/tests/fakes/engine:{self.env['PATH']}"})

    def image(self, files, links=()):
        """An image of these files, at a digest of its own, which is the base's then. None leaves a file out."""
        self.digest = hashlib.sha256(repr((sorted(files.items()), links)).encode()).hexdigest()
        tree = f"{self.registry}/{self.digest}/tree"
        for path, text in files.items():
            if text is not None:
                os.makedirs(os.path.dirname(f"{tree}/{path}"), exist_ok=True)
                with open(f"{tree}/{path}", "wb") as f:
                    f.write(text if isinstance(text, bytes) else text.encode())
        os.makedirs(tree, exist_ok=True)
        for path, target in links:
            os.makedirs(os.path.dirname(f"{tree}/{path}"), exist_ok=True)
            os.symlink(target, f"{tree}/{path}")
        self.write("recipes/bases/image.yaml", BASE.format(digest=self.digest))

    def asked(self):
        try:
            with open(self.registry + "/asked") as f:
                return [line.split()[0] for line in f]
        except FileNotFoundError:
            return []

    def debs(self):
        with open(self.root + "/.lockstep/lock.toml", "rb") as f:
            return tomllib.load(f).get("deb", [])

    def stages(self):
        """What is fetched, by stage."""
        found = {}
        for d in self.debs():
            for s in d["stages"] if "sha256" in d else []:
                found.setdefault(s, set()).add((d["name"], d["version"]))
        return found

    def brought(self):
        return {(d["name"], d["version"], d["architecture"]) for d in self.debs() if "sha256" not in d and d["stages"] == ["base:image"]}


def locked_before_the_archive_moved(p):
    """A project with a lock and its files, one of which has a newer version by now; the stages of the lock."""
    p.run("lock")
    p.run("fetch")
    before = p.stages()
    p.move_on(libtool="3.1")
    return before


def without_engine(p):
    return {"PATH": p.env["PATH"].replace(ROOT + "/tests/fakes/engine:", ""), "DOCKER_HOST": f"unix://{p.work}/nothing", "CONTAINERS_STORAGE_CONF": p.work}


def case_what_is_locked():
    with Project() as p:
        out = p.run("lock")
        assert "locked: 0 packages and 7 Debian packages in 2 containers, 3 files (" in out, out
        assert p.stages() == {"a/layer-tool": {("tool", "1.0"), ("libtool", "3.0")}, "b/layer-tool": {("tool", "1.0"), ("libtool", "3.0")}, "a/apt": {("extra", "1.0")}}, p.stages()
        # What only left its settings is not installed.
        assert p.brought() == {("dpkg", "1.0", "amd64"), ("apt", "2.6.1", "amd64"), ("libc", "1.5", "amd64"), ("perl", "5.0", "all")}, p.brought()
        tool = [d for d in p.debs() if d["name"] == "tool"][0]
        data = p.archive.files[p.archive.pool["tool"]]
        assert tool["sha256"] == hashlib.sha256(data).hexdigest() and tool["size"] == len(data) and tool["path"] == p.archive.pool["tool"], tool
        text = open(p.root + "/.lockstep/lock.toml").read()
        assert "127.0.0.1" not in text
        assert p.run("why", "libc") == "Debian package libc 1.5 (amd64), installed by\n  base image of a, b\n", p.run("why", "libc")
        assert "pull" in p.asked() and "run" not in p.asked(), p.asked()
        # Asked once: what is new needs apt, and no engine.
        os.remove(p.registry + "/asked")
        p.write("containers/b/container.yaml", FILES["containers/b/container.yaml"] + "apt: [other]\n")
        p.run("lock", **without_engine(p))
        assert p.stages()["b/apt"] == {("other", "1.0")} and not p.asked(), p.asked()
        p.run("lock", "--upgrade-system", **without_engine(p))
        # Nor apt where nothing is new, nor anything kept.
        shutil.rmtree(p.cache)
        p.archive.close()
        assert "unchanged" in p.run("lock", **without_engine(p))


def case_move():
    with Project() as p:
        before = locked_before_the_archive_moved(p)
        p.write("containers/b/container.yaml", FILES["containers/b/container.yaml"] + "apt: [other]\n")
        p.run("lock")
        assert p.stages() == {**before, "b/apt": {("other", "1.0")}}, p.stages()
        p.run("lock", "--upgrade-system")
        assert ("libtool", "3.1") in p.stages()["a/layer-tool"], p.stages()


def case_newer_than_the_image():
    files = {"containers/b/container.yaml": FILES["containers/b/container.yaml"] + "apt: [needs-newer]\n"}
    with Project(files) as p:
        p.run("lock")
        # The image's stays for who does not need another.
        assert p.stages()["b/apt"] == {("needs-newer", "1.0"), ("libc", "2.0")} and "libc" not in dict(p.stages()["a/layer-tool"]), p.stages()
        assert ("libc", "1.5", "amd64") in p.brought()
        p.run("fetch")
        assert "unneeded" not in p.run("verify", "--format", "json", "--only", "declared")
        # What the image has is not taken away.
        p.write("containers/b/container.yaml", FILES["containers/b/container.yaml"] + "apt: [against]\n")
        err = p.run("lock", fails=True)
        assert "containers/b/container.yaml:4:6: error: container 'b' would remove 'perl', which is installed below it" in err, err


def case_nothing_is_installed():
    files = {"containers/a/container.yaml": "description: the first\nbase: image\nlayers: [plain]\n", "containers/b/container.yaml": "description: the second\nbase: image\n"}
    with Project(files) as p:
        p.run("lock", **without_engine(p))
        assert not p.debs() and not p.asked()
        assert "nothing" not in p.run("verify", "--only", "declared")


def case_no_dpkg():
    for what, status in (("alpine", None), ("distroless", ""), ("dpkg alone", stanza("dpkg")), ("apt alone", stanza("apt"))):
        with Project(image={"var/lib/dpkg/status": status, "etc/alpine-release": "3.20\n"}) as p:
            err = p.run("lock", fails=True)
            assert "recipes/layers/tool.yaml:3:5: error: layer 'tool' installs Debian packages, but the image of base 'image' has no dpkg and apt" in err, (what, err)
            assert not os.path.exists(p.root + "/.lockstep/lock.toml")


def case_another_machine():
    with Project(status=[s.replace("amd64", "arm64") for s in STATUS]) as p:
        err = p.run("lock", fails=True)
        assert "recipes/bases/image.yaml:4:14: error: the environment of base 'image' is of x86_64, which Debian calls amd64, but its image is of arm64" in err, err


def case_no_digest():
    with Project() as p:
        p.write("recipes/bases/image.yaml", BASE.replace("@sha256:{digest}", ":12").format())
        err = p.run("lock", fails=True)
        assert "recipes/bases/image.yaml:3:10: error: " in err and "a tag can be moved to other bytes, a digest cannot" in err, err
        assert not p.asked()


def case_no_engine_and_no_registry():
    with Project() as p:
        err = p.run("lock", fails=True, **without_engine(p))
        assert f"error: recipes/bases/image.yaml:3: image 'registry.example/debian@sha256:{p.digest}' must be asked for its Debian packages, and there is no engine" in err, err
        assert "LOCKSTEP_SYSTEM_PACKAGES=unlocked" in err, err
        p.run("lock", LOCKSTEP_SYSTEM_PACKAGES="unlocked", **without_engine(p))
        assert not p.debs()
        for told, said in (("Error: x: reading manifest sha256:0 in registry.example/debian: manifest unknown", "its registry has no such image"),
                           ("Error: pinging container registry registry.example: Get \"https://registry.example/v2/\": dial tcp: connect: connection refused", "its registry cannot be reached"),
                           ("Error: why not \033[2J", "why not")):
            os.rename(p.registry + "/" + p.digest, p.registry + "/away")
            err = p.run("lock", fails=True, FAKE_PULL=told)
            os.rename(p.registry + "/away", p.registry + "/" + p.digest)
            assert f"error: recipes/bases/image.yaml:3: image 'registry.example/debian@sha256:{p.digest}' cannot be fetched: {said}" in err and "\033" not in err, err
        p.run("lock")


def case_mirror_is_gone():
    with Project() as p:
        elsewhere = debian.Archive(PACKAGES)
        p.archive.close()
        err = p.run("lock", fails=True)
        assert "base 'image': apt cannot bring the lists of its mirrors up to date" in err and "LOCKSTEP_APT_MIRROR" in err, err
        # One address for all of them, whatever the image names.
        p.run("lock", LOCKSTEP_APT_MIRROR="[trusted=yes] " + elsewhere.url)
        assert ("tool", "1.0") in p.stages()["a/layer-tool"]
        p.run("fetch", LOCKSTEP_APT_MIRROR="[trusted=yes] " + elsewhere.url)
        p.run("fetch", "--mirror", p.work + "/mirror")
        elsewhere.close()
        shutil.rmtree(p.cache + "/files")
        # On another machine, which knows nothing of the image and cannot ask it.
        shutil.rmtree(p.cache + "/images")
        err = p.run("fetch", fails=True, **without_engine(p))
        assert "of Debian package extra 1.0" in err and "nor are the mirrors of an image known: recipes/bases/image.yaml:3: image" in err, err
        p.run("fetch", LOCKSTEP_MIRROR=p.work + "/mirror", **without_engine(p))
        names = os.listdir(p.work + "/mirror/dists")
        assert names == ["image"], names
        with open(p.work + "/mirror/dists/image/main/binary-amd64/Packages") as f:
            listed = re.findall("^Package: (.*)$", f.read(), re.M)
        assert sorted(listed) == ["extra", "libtool", "tool"], listed


def case_its_own_preferences():
    packages = {**PACKAGES, "tool": [{"version": "1.0"}, {"version": "2.0"}]}
    with Project(packages=packages) as p:
        p.run("lock")
        assert ("tool", "2.0") in p.stages()["a/layer-tool"], p.stages()
        pin = "Package: tool\nPin: version 1.0\nPin-Priority: 1001\n"
        for path in ("etc/apt/preferences", "etc/apt/preferences.d/tool", "etc/apt/preferences.d/tool.pref"):
            p.image({"etc/apt/sources.list": p.source, "var/lib/dpkg/status": "\n".join(STATUS), path: pin})
            p.run("lock")
            assert ("tool", "1.0") in p.stages()["a/layer-tool"], (path, p.stages())


def case_sources():
    with Project(image={"etc/apt/sources.list": None}) as p:
        err = p.run("lock", fails=True)
        assert "recipes/bases/image.yaml:3:10: error: the image of base 'image' names no source of Debian packages, which layer 'tool' installs" in err, err
        # Stanzas; what is left out; a user that is not ours.
        text = f"# a comment\nTypes: deb deb-src\nURIs: {p.archive.url.replace('//', '//me:secret@')}\nSuites: bookworm\n# between\nComponents: main\n  contrib\nTrusted: yes\nArchitectures: amd64\n\nTypes: deb\nURIs: http://127.0.0.1:9/\nSuites: x\nComponents: main\nEnabled: no\n"
        lines = "deb cdrom:[Debian]/ bookworm main\ndeb file:/etc bookworm main\ndeb mirror+http://127.0.0.1:9/ bookworm main\ndeb-src http://127.0.0.1:9/ x main\n"
        p.image({"etc/apt/sources.list": lines, "etc/apt/sources.list.d/x.sources": text, "etc/apt/sources.list.d/x.save": "nonsense", "var/lib/dpkg/status": "\n".join(STATUS)})
        p.run("lock")
        assert ("tool", "1.0") in p.stages()["a/layer-tool"]
        for left in ("cdrom:[Debian]/", "file:/etc", "mirror+http://127.0.0.1:9/"):
            assert re.search(r"recipes/bases/image.yaml:3:10: warning: in the image of base 'image', /etc/apt/sources.list:\d: source '" + re.escape(left) + "' is left out", p.err), p.err
        for path, _, names in os.walk(p.work):
            for name in names:
                with open(os.path.join(path, name), "rb") as f:
                    assert b"secret" not in f.read() or path.startswith(p.registry), (path, name)
        refused = [("deb http://h/ bookworm main|evil\n", "/etc/apt/sources.list:1: one of the components 'main|evil' is none that apt would read"),
                   ("\ndeb http://h/\"x bookworm main\n", "/etc/apt/sources.list:2: the address 'http://h/\"x'"),
                   ("deb http://h/\n", "/etc/apt/sources.list:1: a source without an address and a suite"),
                   ("deb [trusted=perhaps] http://h/ x main\n", "the setting 'perhaps'"),
                   ("deb [signed-by=/usr/share/keyrings/none.gpg] http://h/ x main\n", "is signed by '/usr/share/keyrings/none.gpg', which it has not got"),
                   ("deb http://h/ ../../x/ main\n", "a suite with components"), ("deb http://h/\001 x main\n", "its '/etc/apt/sources.list' has a control character, byte 14")]
        for text, said in refused:
            p.image({"etc/apt/sources.list": text, "var/lib/dpkg/status": "\n".join(STATUS)})
            err = p.run("lock", fails=True)
            assert "error: recipes/bases/image.yaml:3: image '" in err and said in err and "\001" not in err, (said, err)


def case_status_that_lies():
    lies = [(stanza("../../x"), "whose name is '../../x'"), (stanza("x", "1;rm"), "whose version is '1;rm'"), (stanza("x", architecture="a/b"), "whose architecture is 'a/b'"),
            (stanza("x", more="Depends: \033[2J\n"), "has a control character"), (stanza("x") + "\n" + stanza("x"), "has package 'x:amd64' twice"),
            (stanza("x", more="Tag: " + "y" * (1 << 20) + "\n"), "has more in it than any would have"), (stanza("x") + "\0", "has a control character"),
            ("\n".join(stanza(f"x{i}") for i in range(50001)), "has more in it than any would have")]
    with Project() as p:
        for lie, said in lies:
            p.image({"etc/apt/sources.list": p.source, "var/lib/dpkg/status": "\n".join([*STATUS, lie])})
            err = p.run("lock", fails=True)
            assert "error: recipes/bases/image.yaml:3: image '" in err and said in err and "\033" not in err, (said, err)
            assert not os.listdir(p.cache + "/images"), os.listdir(p.cache + "/images")


def case_links():
    """Links of an image lead within it: what is on this machine at their ends is not read."""
    with Project() as p:
        secret = p.work + "/secret"
        with open(secret, "w") as f:
            f.write(p.source)
        status = {"var/lib/dpkg/status": "\n".join(STATUS)}
        for target in (secret, "../../../../../../../../.." + secret, "/etc/apt/sources.list", "sources.list"):
            p.image(status, [("etc/apt/sources.list", target)])
            assert "names no source of Debian packages" in p.run("lock", fails=True)
        # Within it they are followed, as apt follows them there.
        for target in ("/usr/share/keyrings/list", "../../usr/share/keyrings/list", "../../../../usr/share/./keyrings/list"):
            p.image({**status, "usr/share/keyrings/list": p.source}, [("etc/apt/sources.list", target)])
            p.run("lock")
        # A folder that is one, too.
        p.image({**status, "usr/share/keyrings/d/x.list": p.source}, [("etc/apt/sources.list.d", "/usr/share/keyrings/d")])
        p.run("lock")


def case_layers_that_lie():
    def layer(*members):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as t:
            for name, kind, text in members:
                m = tarfile.TarInfo(name)
                m.type, m.size, m.linkname = kind, len(text) if kind == tarfile.REGTYPE else 0, text.decode() if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
                t.addfile(m, io.BytesIO(text) if kind == tarfile.REGTYPE else None)
        return out.getvalue()

    with Project() as p:
        status = ("var/lib/dpkg/status", tarfile.REGTYPE, "\n".join(STATUS).encode())
        good = layer(status, ("./etc/apt/sources.list", tarfile.REGTYPE, p.source.encode()))
        outside = layer(status, ("../../etc/apt/sources.list", tarfile.REGTYPE, p.source.encode()), ("/x/../etc/apt/sources.list", tarfile.REGTYPE, p.source.encode()),
                        ("etc/apt/sources.list", tarfile.LNKTYPE, b"../../etc/apt/sources.list"), ("etc/apt/sources.list.d/x.list", tarfile.FIFOTYPE, b""))
        many = layer(*[(f"etc/apt/sources.list.d/{i}", tarfile.DIRTYPE, b"") for i in range(5001)])
        for text, said in ((good, None), (outside, "names no source of Debian packages"), (many, "has more than 5000 members"), (b"x" * 10000, "is no tar archive"),
                           (good[:700], "is no tar archive"), (layer(("var/lib/dpkg/status", tarfile.REGTYPE, b"x" * (33 << 20))), "has no dpkg and apt")):
            with open(p.work + "/layer", "wb") as f:
                f.write(text)
            shutil.rmtree(p.cache, ignore_errors=True)
            out = p.run("lock", "--upgrade-system", fails=said is not None, FAKE_LAYER=p.work + "/layer")
            assert not said or said in out, (said, out)


def case_what_is_kept_is_mended():
    with Project() as p:
        p.run("lock")
        folder = p.cache + "/images/" + os.listdir(p.cache + "/images")[0]
        os.remove(folder + "/status")
        os.remove(p.registry + "/asked")
        p.run("lock", "--upgrade-system")
        assert "pull" in p.asked() and os.path.exists(folder + "/status")
        assert os.listdir(p.cache + "/images") == [os.path.basename(folder)]
        # Nothing is left of what was asked.
        with open(p.registry + "/asked") as f:
            asked = [line.split() for line in f]
        made, removed = {line[line.index("--name") + 1] for line in asked if line[0] == "from"}, {line[1] for line in asked if line[0] == "rm"}
        assert made == removed and len(made) == 2 and not os.listdir(p.work + "/tmp"), (asked, os.listdir(p.work + "/tmp"))


def case_unneeded():
    with Project() as p:
        p.run("lock")
        p.run("fetch")

        def unneeded():
            p.run("verify", "--only", "declared", "--format", "json", fails=True)
            seen = json.loads(p.run("verify", "--only", "declared", "--format", "json", fails=True))
            return {(f["container"], f["subject"], f["found"]) for r in seen["relations"] for f in r["findings"] if f["kind"] == "unneeded"}

        assert "holds" in p.run("verify", "--only", "declared")
        path = p.root + "/.lockstep/lock.toml"
        text = open(path).read()
        # A stage that is gone, and a package that nothing leads to; what leads there through another is needed.
        with open(path, "w") as f:
            f.write(text.replace('stages = ["a/apt"]', 'stages = ["a/apt", "a/layer-old"]'))
        assert unneeded() == {(None, "extra", "1.0")}, unneeded()
        with open(path, "w") as f:
            f.write(text.replace('stages = ["a/apt"]', 'stages = ["a/apt", "b/layer-tool"]'))
        assert unneeded() == {("b", "extra", "1.0")}, unneeded()
        said = p.run("verify", "--only", "declared", fails=True)
        assert "b: extra is a Debian package that is locked at 1.0, but nothing that is installed there needs it" in said, said
        # The recipes no longer ask for it, and the lock is as it was.
        with open(path, "w") as f:
            f.write(text)
        p.write("containers/a/container.yaml", "description: the first\nbase: image\nlayers: [tool]\n")
        p.env["LOCKSTEP_SYSTEM_PACKAGES"] = "locked"
        p.run("lock")
        assert "extra" not in {d["name"] for d in p.debs()}


def case_cut_off():
    with Project() as p:
        before = locked_before_the_archive_moved(p)
        p.run("lock", "--at", "2026-01-01")
        assert p.stages() == before and "note: --at does not reach Debian packages, as apt has no cut-off: 3 stay as locked\n" in p.err, p.err
        p.write("containers/b/container.yaml", FILES["containers/b/container.yaml"] + "apt: [other]\n")
        p.run("lock", "--at", "2026-01-01")
        assert p.stages() == {**before, "b/apt": {("other", "1.0")}} and ": 3 stay as locked, 1 is what the mirrors have now\n" in p.err, p.err
        p.run("lock", "--at", "2026-01-01", "--upgrade-system")
        assert ("libtool", "3.1") in p.stages()["a/layer-tool"] and ": 3 stay as locked, 1 is what the mirrors have now\n" in p.err, p.err
        p.run("lock", "--at", "2026-01-01", "--quiet")
        assert "--at" not in p.err, p.err


debian.need_apt()
os.chmod(WORK, 0o755)
cases.run(globals())
