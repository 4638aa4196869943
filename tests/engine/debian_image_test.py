#!/usr/bin/env python3
"""Debian packages on a base that is an image of a real registry, with buildah and with docker: the image is asked once, what layers install is locked, fetched, and
installed with the network cut off, and dpkg in what was built is what the lock says; also what replaces a package of the image, and a build from a mirror folder."""
import glob, json, os, re, shutil, socket, subprocess, sys, tomllib

ROOT, WORK = os.environ["ROOT"], os.getcwd()
sys.path.insert(0, ROOT + "/tests/fakes")
import bump, debian  # noqa: E402

LOCKSTEP = bump.LOCKSTEP
FILES = {
    "recipes/project.yaml": "name: tiny\nrepository: tiny\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n",
    "recipes/python.yaml": "groups: {}\npackages: {}\n",
    # The image has a hello of its own, older than any archive's.
    "recipes/layers/hello.yaml": "description: small packages\nsteps:\n  - apt: [hello, ed]\n  - run: [sh, -c, 'cat /proc/net/dev > /net']\n",
    "containers/a/container.yaml": "description: the first\nbase: image\nlayers: [hello]\n",
    "containers/b/container.yaml": "description: the second\nbase: image\nlayers: [hello]\napt: [jq]\n",
    "Jenkinsfile": "a = 'tiny/a:v0'\nb = 'tiny/b:v0'\n",
}
BASE = """description: Debian, from a registry
from:
  image: "{image}"
environment: {{python: "3.11", machine: x86_64, libc_version: "2.36"}}
"""
children, undo = [], []


def call(*words, env=None, check=True):
    r = subprocess.run(words, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=900)
    assert not check or r.returncode == 0, (words, r.stdout[-2000:], r.stderr[-2000:])
    return r.stdout


def start_registry():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with open(WORK + "/registry.yml", "w") as f:
        f.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {WORK}/registry}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
    with open(WORK + "/registry.log", "w") as log:
        child = subprocess.Popen(["docker-registry", "serve", WORK + "/registry.yml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    children.append(child)

    def answers():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    bump.wait_until(answers, 60, "the registry")
    return f"localhost:{port}", child


def tree():
    """A Debian tree: one that other tests kept, or a new one."""
    for tar in sorted(glob.glob(ROOT + "/build/test-cache/bases/*.tar")):
        listed = call("tar", "-xOf", tar, "./etc/apt/sources.list", check=False)
        if "bookworm" in listed:
            return tar
    call("mmdebstrap", "--quiet", "--variant=minbase", "bookworm", WORK + "/tree.tar", env={"TMPDIR": WORK + "/tmp"})
    return WORK + "/tree.tar"


def push_image(storage, registry):
    """Of a Debian tree, with an old hello; entered by nothing that could be run."""
    os.makedirs("context")
    shutil.copy(tree(), "context/tree.tar")
    with open("context/hello.deb", "wb") as f:
        f.write(debian.make_deb("hello", "0.1", {}))
    with open("context/Dockerfile", "w") as f:
        f.write('FROM scratch\nADD tree.tar /\nCOPY hello.deb /tmp/\nRUN mkdir -p /usr/share/hello && dpkg -i /tmp/hello.deb && rm /tmp/hello.deb\nUSER 1234\nENTRYPOINT ["/bin/false"]\n')
    storage.buildah("build", "--isolation", "chroot", "--format", "docker", "--tag", "base:1", "context")
    storage.buildah("push", "--tls-verify=false", "--disable-compression", "--digestfile", "digest", "base:1", f"docker://{registry}/debian:1")
    storage.buildah("rmi", "--all", "--force")
    shutil.rmtree("context")
    with open("digest") as f:
        return f"{registry}/debian@{f.read().strip()}"


class Project:
    def __init__(self, engine, image, env):
        self.engine, self.root, self.cache = engine, f"{WORK}/project-{engine}", f"{WORK}/cache-{engine}"
        self.env = {**bump.bare_environment(WORK + "/home"), "LOCKSTEP_CACHE": self.cache, "LOCKSTEP_SYSTEM_PACKAGES": "locked", "TMPDIR": WORK + "/tmp",
                    "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/", **env}
        for path, text in {**FILES, "recipes/bases/image.yaml": BASE.format(image=image)}.items():
            os.makedirs(os.path.dirname(f"{self.root}/{path}"), exist_ok=True)
            with open(f"{self.root}/{path}", "w") as f:
                f.write(text)

    def run(self, *words, offline=False, fails=False, **env):
        words = [words[0], "-C", self.root, *words[1:], *([] if words[0] in ("fetch", "render", "why") else ["--engine", self.engine])]
        r = subprocess.run([*(["unshare", "-n"] if offline else []), LOCKSTEP, *words], env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=1200)
        assert "Sanitizer" not in r.stderr and (r.returncode != 0) == fails, (words, r.returncode, r.stdout[-3000:], r.stderr[-3000:])
        self.err = r.stderr
        return r.stdout

    def debs(self):
        with open(self.root + "/.lockstep/lock.toml", "rb") as f:
            return tomllib.load(f)["deb"]

    def expected(self, container):
        """What the lock says that dpkg has: the image's, and in its place what a stage installs."""
        found = {(d["name"], d["architecture"]): d["version"] for d in self.debs() if "base:image" in d["stages"]}
        found.update({(d["name"], d["architecture"]): d["version"] for d in self.debs() if any(s.startswith(container + "/") for s in d["stages"])})
        return found

    def images(self):
        return {i["container"]: i["image"] for i in json.loads(self.run("build", "--format", "json"))["images"]}


def installed(status):
    found = {}
    for stanza in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture): (.*)$", stanza, re.M))
        if fields:
            found[fields["Package"], fields["Architecture"]] = fields["Version"]
    return found


def check(p, read, remove, stop):
    """`read` gives a file of an image, `remove` removes one."""
    p.run("lock")
    brought = [d for d in p.debs() if d["stages"] == ["base:image"]]
    assert len(brought) > 50 and all("sha256" not in d for d in brought) and ("hello", "0.1") in {(d["name"], d["version"]) for d in brought}, brought
    hello = [d for d in p.debs() if d["name"] == "hello" and "sha256" in d]
    assert len(hello) == 1 and hello[0]["stages"] == ["a/layer-hello", "b/layer-hello"] and hello[0]["size"] > 10000, hello
    assert {d["name"] for d in p.debs() if d["stages"] == ["b/apt"]} >= {"jq", "libjq1"}
    p.run("fetch", "--mirror", f"{p.root}-mirror")
    # From here on there is no registry, and for lockstep no network at all: not even loopback is up.
    stop()
    p.run("build", offline=True)
    for container, image in p.images().items():
        seen, net, sources = installed(read(image, "/var/lib/dpkg/status")), read(image, "/net"), read(image, "/etc/apt/sources.list")
        assert seen == p.expected(container), seen.items() ^ p.expected(container).items()
        assert net.count(":") == 1 and "lo:" in net, net
        assert "bookworm" in sources and "lockstep" not in sources, sources
    assert "verified: 2 containers" in p.run("verify")
    assert "unchanged" in p.run("lock", offline=True) and "up to date" in p.run("build", offline=True)
    # Another store, filled from the folder.
    shutil.rmtree(p.cache)
    shutil.rmtree(p.root + "/.lockstep/contexts")
    for image in p.images().values():
        remove(image)
    p.run("build", offline=True, LOCKSTEP_MIRROR=f"{p.root}-mirror")
    for container, image in p.images().items():
        assert installed(read(image, "/var/lib/dpkg/status")) == p.expected(container)
    p.run("render")
    with open(p.root + "/containers/b/Dockerfile") as f:
        assert "--mount=type=bind,source=debian/layer-hello,target=/run/lockstep/debian" in f.read()


def check_buildah(storage, image, stop):
    with open(WORK + "/registries.conf", "w") as f:
        f.write(f'[[registry]]\nlocation = "{image.split("/")[0]}"\ninsecure = true\n')
    p = Project("buildah", image, {**storage.env(), "CONTAINERS_REGISTRIES_CONF": WORK + "/registries.conf"})

    def read(image, path):
        container = storage.buildah("from", "--pull-never", image).strip()
        with open(storage.buildah("mount", container).strip() + path) as f:
            text = f.read()
        storage.buildah("umount", container)
        storage.buildah("rm", container)
        return text

    check(p, read, lambda name: storage.buildah("rmi", "--force", name), stop)
    assert not storage.containers(), storage.containers()
    # dpkg changed by hand is found.
    name = storage.buildah("from", "--pull-never", p.images()["b"]).strip()
    storage.buildah("run", "--isolation", "chroot", name, "--", "dpkg", "--purge", "jq")
    storage.buildah("commit", name, "localhost/changed:1")
    storage.buildah("rm", name)
    said = p.run("verify", "b", "--image", "localhost/changed:1", fails=True) + p.err
    assert re.search(r"b: jq is a Debian package that is locked at \S+, but not installed", said), said


def check_docker(image, stop):
    folder = WORK + "/dockerd"
    r = subprocess.run([ROOT + "/tests/engine/dockerd.sh", "start", folder], capture_output=True, text=True)
    if r.returncode != 0:
        bump.skip(r.stdout.strip())
    undo.append(lambda: subprocess.run([ROOT + "/tests/engine/dockerd.sh", "stop", folder]))
    host = {"DOCKER_HOST": r.stdout.strip()}
    # What is asked of it is written down.
    os.makedirs(WORK + "/seen")
    with open(WORK + "/seen/docker", "w") as f:
        f.write(f'#!/bin/sh\necho "$*" >>{WORK}/seen/calls\nexec /usr/bin/docker "$@"\n')
    os.chmod(WORK + "/seen/docker", 0o755)
    p = Project("docker", image, {**host, "PATH": f"{WORK}/seen:{bump.bare_environment(WORK)['PATH']}"})

    def read(name, path):
        return call("/usr/bin/docker", "run", "--rm", "--network", "none", "--entrypoint", "cat", name, path, env=host)

    check(p, read, lambda name: call("/usr/bin/docker", "rmi", "--force", name, env=host), stop)
    with open(WORK + "/seen/calls") as f:
        calls = f.read().splitlines()
    builds = [c for c in calls if c.startswith("build ")]
    assert len(builds) >= 5 and all(" --network none " in c for c in builds), builds
    assert [c for c in calls if c.startswith("create ")] and not [c for c in calls if c.startswith("start ")]
    assert not call("/usr/bin/docker", "ps", "--all", "--quiet", env=host)


def main():
    bump.need_programs("buildah", "mmdebstrap", "apt-get", "docker-registry", "unshare")
    os.chmod(WORK, 0o755)
    for folder in ("home", "tmp"):
        os.makedirs(f"{WORK}/{folder}")
    os.chmod(WORK + "/tmp", 0o1777)
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(RELEASE)", "Created-By: Packages", "--no-release-info", "-oDir::State::lists=/nonexistent/"],
                            capture_output=True, text=True).stdout
    if "bookworm" not in listed.split():
        bump.skip("this machine's apt knows no mirror of bookworm")
    storage = bump.Storage(WORK + "/storage")
    undo.append(storage.remove)
    wanted = sys.argv[1:] or ["buildah", "docker"]
    image = None
    for engine in wanted:
        registry, child = start_registry()
        image = image or push_image(storage, registry)
        name = f"{registry}/{image.split('/', 1)[1]}"

        def stop(child=child):
            child.kill()
            child.wait()

        check_buildah(storage, name, stop) if engine == "buildah" else check_docker(name, stop)
        print("ok", engine, flush=True)


try:
    main()
finally:
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
    for step in undo:
        step()
