#!/usr/bin/env python3
"""Debian packages from this machine's real mirror: what apt answers is what mmdebstrap installs; a base and its layers are built with the network cut off, from the
store and from a mirror folder, and hold exactly what is locked; pip and apt install from the folder themselves."""
import json, os, re, shutil, subprocess, sys, tomllib

ROOT = os.environ["ROOT"]
sys.path.insert(0, ROOT + "/tests/fakes")
import bump  # noqa: E402

WORK = os.getcwd()
LOCKSTEP = bump.LOCKSTEP
FILES = {
    "recipes/bases/tiny.yaml": "description: Debian with a Python\nfrom:\n  mmdebstrap: {suite: bookworm, variant: minbase, components: [main], include: [python3, python3-pip, python3-venv]}\n"
                               'environment: {python: "3.11", machine: x86_64, libc_version: "2.36"}\n',
    "recipes/layers/hello.yaml": "description: a small package\nsteps:\n  - apt: [hello, ed]\n  - run: [sh, -c, 'cat /proc/net/dev > /net']\n",
    "containers/a/container.yaml": "description: the first\nbase: tiny\nlayers: [hello]\npython: {groups: [core]}\n",
    "containers/b/container.yaml": "description: the second\nbase: tiny\nlayers: [hello]\napt: [jq]\n",
    "recipes/python.yaml": "groups: {core: {description: all}}\npackages:\n  alpha: {groups: [core]}\n",
    "recipes/project.yaml": "name: tiny\nrepository: tiny\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n",
    "Jenkinsfile": "a = 'tiny/a:v0'\nb = 'tiny/b:v0'\n",
}


def installed(status):
    found = set()
    for stanza in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture): (.*)$", stanza, re.M))
        if fields:
            found.add((fields["Package"], fields["Version"], fields["Architecture"]))
    return found


def call(*words, **options):
    r = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=900, **options)
    assert r.returncode == 0, (words, r.stdout[-2000:], r.stderr[-2000:])
    return r.stdout


class Machine:
    """A project on a machine with a cache of its own, and engine storage that all share."""

    def __init__(self, storage, url):
        self.root, self.cache = WORK + "/project", WORK + "/cache"
        os.makedirs(WORK + "/home")
        self.env = {**bump.bare_environment(WORK + "/home"), "LOCKSTEP_CACHE": self.cache, "LOCKSTEP_SYSTEM_PACKAGES": "locked", "UV_DEFAULT_INDEX": url, **storage.env()}
        self.storage = storage
        for path, text in FILES.items():
            os.makedirs(os.path.dirname(f"{self.root}/{path}"), exist_ok=True)
            with open(f"{self.root}/{path}", "w") as f:
                f.write(text)

    def run(self, *words, offline=False, fails=False, **env):
        command = ["unshare", "-n"] if offline else []
        r = subprocess.run([*command, LOCKSTEP, words[0], "-C", self.root, *words[1:]], env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=1200)
        assert "Sanitizer" not in r.stderr and (r.returncode != 0) == fails, (words, r.returncode, r.stdout[-3000:], r.stderr[-3000:])
        return r.stdout + r.stderr

    def locked(self, container=None):
        with open(self.root + "/.lockstep/lock.toml", "rb") as f:
            debs = tomllib.load(f)["deb"]
        return {(d["name"], d["version"], d["architecture"]) for d in debs
                if any(s == "base:tiny" or (container and s.startswith(container + "/")) for s in d["stages"])}

    def images(self):
        out = json.loads(self.run_json("build", "--format", "json"))
        return {i["container"]: i["image"] for i in out["images"]}

    def run_json(self, *words):
        return subprocess.run([LOCKSTEP, words[0], "-C", self.root, *words[1:]], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1200,
                              check=True).stdout

    def look(self, image, container):
        """The image's files: exactly the locked packages, the machine's mirrors as sources, and nothing of how it was made."""
        name = self.storage.buildah("from", "--pull-never", image).strip()
        tree = self.storage.buildah("mount", name).strip()
        with open(tree + "/var/lib/dpkg/status") as f:
            assert installed(f.read()) == self.locked(container), installed(open(tree + "/var/lib/dpkg/status").read()) ^ self.locked(container)
        with open(tree + "/etc/apt/sources.list") as f:
            sources = f.read()
        assert "bookworm" in sources and "lockstep" not in sources and "trusted" not in sources and "/tmp" not in sources, sources
        assert not [n for n in os.listdir(tree + "/var/lib/apt/lists") if n not in ("partial", "lock", "auxfiles")]
        with open(tree + "/net") as f:
            assert f.read().count(":") == 1
        for folder in ("etc", "var"):
            for path, _, names in os.walk(f"{tree}/{folder}"):
                for file in names:
                    full = os.path.join(path, file)
                    if os.path.isfile(full) and not os.path.islink(full):
                        with open(full, "rb") as f:
                            assert b"lockstep" not in f.read(), full
        self.storage.buildah("umount", name)
        self.storage.buildah("rm", name)


def check_same_as_mmdebstrap(m):
    call("mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,python3-pip,python3-venv", '--aptopt=APT::Install-Recommends "false"', "bookworm",
         WORK + "/real.tar", env={**os.environ, "TMPDIR": WORK})
    status = subprocess.run(["tar", "-xOf", WORK + "/real.tar", "./var/lib/dpkg/status"], capture_output=True, text=True, check=True).stdout
    assert installed(status) == m.locked(), installed(status) ^ m.locked()


def check_mirror(m, mirror):
    """What is in the folder is an index for pip and an archive for apt."""
    call(ROOT + "/.tools/venv/bin/python", "-m", "pip", "install", "--isolated", "--no-cache-dir", "--index-url", f"file://{mirror}/simple/", "--target", WORK + "/installed",
         "--no-deps", "--require-hashes", "-r", requirement(mirror))
    assert os.path.exists(WORK + "/installed/alpha")
    call("mmdebstrap", "--quiet", "--variant=apt", "--include=hello,jq", "bookworm", WORK + "/apt.tar", f"deb [trusted=yes] copy:{mirror} bookworm main",
         env={**os.environ, "TMPDIR": WORK})
    status = subprocess.run(["tar", "-xOf", WORK + "/apt.tar", "./var/lib/dpkg/status"], capture_output=True, text=True, check=True).stdout
    everything = m.locked("a") | m.locked("b")
    assert installed(status) <= everything and {"hello", "jq", "apt"} <= {n for n, _, _ in installed(status)}, installed(status) - everything


def requirement(mirror):
    with open(mirror + "/simple/alpha/index.json") as f:
        file = json.load(f)["files"][0]
    path = WORK + "/requirement.txt"
    with open(path, "w") as f:
        f.write(f"alpha=={file['filename'].split('-')[1]} --hash=sha256:{file['hashes']['sha256']}\n")
    return path


def check(m, index):
    m.run("lock")
    check_same_as_mmdebstrap(m)
    m.run("fetch", "--mirror", WORK + "/mirror")
    index.__exit__(None, None, None)
    # No network at all: not even loopback is up.
    m.run("build", offline=True, LOCKSTEP_APT_MIRROR="")
    first = m.images()
    for container, image in first.items():
        m.look(image, container)
    assert "verified: 2 containers" in m.run("verify")
    assert "up to date" in m.run("build", offline=True)
    check_mirror(m, WORK + "/mirror")
    # Another machine, later: no store, no index, no Debian mirror, only the folder.
    for image in m.storage.images():
        m.storage.buildah("rmi", "-f", image)
    shutil.rmtree(m.cache)
    shutil.rmtree(m.root + "/.lockstep/contexts")
    m.run("build", offline=True, LOCKSTEP_MIRROR=WORK + "/mirror")
    again = m.images()
    for container, image in again.items():
        m.look(image, container)
    # dpkg changed by hand is found.
    name = m.storage.buildah("from", "--pull-never", again["b"]).strip()
    m.storage.buildah("run", "--isolation", "chroot", name, "dpkg", "--purge", "jq")
    m.storage.buildah("commit", name, "localhost/changed:1")
    m.storage.buildah("rm", name)
    said = m.run("verify", "b", "--image", "localhost/changed:1", fails=True)
    assert re.search(r"b: jq is a Debian package that is locked at \S+, but not installed", said), said


def main():
    bump.need_programs("buildah", "mmdebstrap", "apt-get", "unshare")
    os.chmod(WORK, 0o755)
    r = subprocess.run(["apt-get", "indextargets", "--format", "$(RELEASE)", "Created-By: Packages", "--no-release-info", "-oDir::State::lists=/nonexistent/"],
                       capture_output=True, text=True)
    if "bookworm" not in r.stdout.split():
        bump.skip("this machine's apt knows no mirror of bookworm")
    storage = bump.Storage(WORK + "/storage")
    index = bump.fake.Index({"packages": {"alpha": {"1.0": []}}})
    index.__enter__()
    try:
        check(Machine(storage, index.url), index)
    finally:
        storage.remove()


main()
