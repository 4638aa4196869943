#!/usr/bin/env python3
"""A base that is an image of a registry, by digest: a real registry on loopback, both engines, the whole bump; and every way in which the image cannot be had.

usage: tests/run tests/engine/base_image_test.py, or by hand: ROOT=... base_image_test.py [buildah|docker]"""
import base64, glob, json, os, shutil, socket, subprocess, sys, time, warnings

ROOT, WORK = os.environ["ROOT"], os.getcwd()
sys.path.insert(0, ROOT + "/tests/fakes")
from index import Index

LOCKSTEP = os.path.join(ROOT, "build/debug/lockstep")
PASSWORD = "pass-word-of-the-test"
children, undo = [], []

FILES = {
    "recipes/project.yaml": "name: tiny\nrepository: tiny\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n",
    "recipes/python.yaml": "groups:\n  core: {description: what it needs}\npackages:\n  alpha: {groups: [core]}\n",
    "recipes/layers/tool.yaml": """description: a tool that says its version
steps:
  - file: {path: /usr/local/bin/tool, content: "#!/bin/sh\\necho tool 1.2.3\\n", mode: "0755"}
  - run: [sh, -c, "tool > /root/tool.version"]
verify:
  - name: says its version
    run: [[sh, -c, "tool | grep -F 1.2.3"]]
snapshot:
  - {name: tool, run: [[tool]]}
""",
    "containers/ci/container.yaml": "description: the only one\nbase: debian\nlayers: [tool]\npython: {groups: [core]}\nuser: ci\n",
    "Jenkinsfile": "ci = 'tiny/ci:v0.0'\n",
}
BASE = """description: Debian, from a registry
from:
  image: "{image}"
environment: {{python: "3.11", implementation: cpython, os: linux, machine: x86_64, libc: glibc, libc_version: "2.36"}}
"""


def skip(why):
    print(why)
    sys.exit(77)


def environment(**more):
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": WORK + "/home", "LANG": "C.UTF-8", "PIP_CONFIG_FILE": "/dev/null",
           "UV_NO_CONFIG": "1", "LOCKSTEP_UV": ROOT + "/.tools/bin/uv", "LOCKSTEP_CACHE": WORK + "/cache", "ASAN_OPTIONS": "detect_leaks=1",
           "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost", "CONTAINERS_STORAGE_CONF": WORK + "/storage.conf"}
    return {**env, **more}


def call(*words, check=True, env=None):
    r = subprocess.run(words, env=env or environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=600)
    assert not check or r.returncode == 0, (words, r.stdout, r.stderr)
    return r


def tree_with_python():
    """A Debian tree: one that other tests kept, or a new one, which is kept."""
    for tar in sorted(glob.glob(ROOT + "/build/test-cache/bases/*.tar") + glob.glob(ROOT + "/build/test-cache/image-base.tar")):
        if call("tar", "-tf", tar, "./usr/bin/pip3", "./usr/lib/python3.11/ensurepip/__init__.py", check=False).returncode == 0:
            return tar
    if not shutil.which("mmdebstrap"):
        skip("mmdebstrap is not installed")
    os.makedirs(ROOT + "/build/test-cache", exist_ok=True)
    kept = ROOT + "/build/test-cache/image-base.tar"
    env = {**os.environ, "TMPDIR": "/tmp"}
    r = call("mmdebstrap", "--variant=minbase", "--include=python3,python3-pip,python3-venv", "bookworm", WORK + "/base.tar", check=False, env=env)
    if r.returncode != 0:
        skip("mmdebstrap cannot make a tree here: " + r.stderr.strip().split("\n")[-1])
    shutil.copy(WORK + "/base.tar", kept + ".new")
    os.replace(kept + ".new", kept)
    return kept


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_registry(name, more=""):
    """The storage is one for all; `more` is further configuration. Gives host:port."""
    port = free_port()
    with open(f"{WORK}/{name}.yml", "w") as f:
        f.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {WORK}/registry}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n{more}")
    with open(f"{WORK}/{name}.log", "w") as log:
        child = subprocess.Popen(["docker-registry", "serve", f"{WORK}/{name}.yml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    children.append(child)
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return f"localhost:{port}", child
        assert child.poll() is None, open(f"{WORK}/{name}.log").read()
        time.sleep(0.05)
    raise AssertionError("the registry does not start")


def push_base(registry):
    """An image that makes it hard: another user, no PATH, an entry point that is no shell. Gives its digest."""
    os.makedirs("context")
    shutil.copy(tree_with_python(), "context/tree.tar")
    with open("context/Dockerfile", "w") as f:
        f.write('FROM scratch\nADD tree.tar /\nUSER 1234\nENTRYPOINT ["/bin/false"]\n')
    call("buildah", "build", "--isolation", "chroot", "--format", "docker", "--tag", "base:1", "context")
    call("buildah", "push", "--tls-verify=false", "--disable-compression", "--digestfile", "digest", "base:1", f"docker://{registry}/debian:1")
    call("buildah", "rmi", "--all")
    shutil.rmtree("context")
    with open("digest") as f:
        return f.read().strip()


class Project:
    def __init__(self, engine, index, env):
        self.engine, self.folder, self.env = engine, f"{WORK}/project-{engine}", {**environment(**env), "UV_DEFAULT_INDEX": index.url}
        for path, text in FILES.items():
            self.write(path, text)

    def write(self, path, text):
        target = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w") as f:
            f.write(text)

    def read(self, path):
        with open(os.path.join(self.folder, path)) as f:
            return f.read()

    def run(self, *words, **env):
        r = subprocess.run([LOCKSTEP, *words], cwd=self.folder, env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        assert "Sanitizer" not in r.stderr, r.stderr
        return r

    def base(self, image):
        self.write("recipes/bases/debian.yaml", BASE.format(image=image))

    def fails(self, image, *texts, command="bump", **env):
        self.base(image)
        r = self.run(command, "--engine", self.engine, **env)
        assert r.returncode == 1, (r.returncode, r.stdout, r.stderr)
        told = r.stderr[r.stderr.index("recipes/bases/debian.yaml:3: "):]
        for text in (f"image '{image}' cannot be fetched: ", "\nthe whole log: ", *texts):
            assert text in told, (text, told)
        # One clear message: the cause, what to do, the log.
        assert len(told.strip().split("\n")) == 3, told
        assert "v0.0" in self.read("Jenkinsfile") and not os.path.exists(self.folder + "/lockfiles")


def refuse(p, registry, locked, digest):
    """What must be tried before the image is there: engines do not ask for a digest that they have."""
    wrong = "sha256:" + "a" * 64
    p.fails(f"{registry}/debian@{wrong}", "its registry has no such image")
    p.fails(f"{registry}/none@{digest}", "its registry has no such image")
    p.fails(f"localhost:{free_port()}/debian@{digest}", "its registry cannot be reached", "is the right address")
    p.fails(f"{locked}/debian@{digest}", "its registry wants a user and a password", f"'{p.engine} login {locked}' stores them")


def accept(p, registry, digest):
    p.base(f"{registry}/debian@{digest}")
    r = p.run("bump", "--engine", p.engine)
    assert r.returncode == 0 and "released v0.1" in r.stdout, (r.stdout, r.stderr)
    assert p.read("Jenkinsfile") == "ci = 'tiny/ci:v0.1'\n"
    dockerfile = p.read("containers/ci/Dockerfile")
    assert f"FROM {registry}/debian@{digest} AS base\n" in dockerfile, dockerfile
    assert "alpha==1.0" in p.read("lockfiles/latest/ci.txt")
    container = json.loads(p.read("lockfiles/latest/release.json"))["containers"][0]
    assert [t["name"] for t in container["tools"]][-1] == "tool", container["tools"]
    assert p.run("render", "--check").returncode == 0


def check_buildah(index, registry, locked, digest):
    p = Project("buildah", index, {"CONTAINERS_REGISTRIES_CONF": WORK + "/registries.conf"})
    with open(p.env["CONTAINERS_REGISTRIES_CONF"], "w") as f:
        f.writelines(f'[[registry]]\nlocation = "{r}"\ninsecure = true\n' for r in (registry, locked))
    # buildah wants to be told that a registry speaks plain http.
    with open(WORK + "/no-registries.conf", "w"):
        pass
    p.fails(f"{registry}/debian@{digest}", "its registry speaks plain http", f"'location = \"{registry}\"'", "CONTAINERS_REGISTRIES_CONF",
            CONTAINERS_REGISTRIES_CONF=WORK + "/no-registries.conf")
    refuse(p, registry, locked, digest)
    with open(WORK + "/auth.json", "w") as f:
        json.dump({"auths": {locked: {"auth": base64.b64encode(f"ci:{PASSWORD}".encode()).decode()}}}, f)
    p.base(f"{locked}/debian@{digest}")
    r = p.run("build", "--engine", "buildah", REGISTRY_AUTH_FILE=WORK + "/auth.json")
    assert r.returncode == 0, r.stderr
    accept(p, registry, digest)
    inspect = json.loads(call("buildah", "inspect", "--type", "image", "tiny/ci:v0.1").stdout)["OCIv1"]["config"]
    assert inspect["User"] == "ci" and "PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in inspect["Env"], inspect
    # Nothing stays behind: no working container, no image without a name.
    assert not call("buildah", "containers", "-q").stdout, call("buildah", "containers").stdout
    names = call("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").stdout.split()
    assert not [n for n in names if n.startswith("<none>")], names
    return p


def check_docker(index, registry, locked, digest):
    folder = WORK + "/dockerd"
    r = subprocess.run([ROOT + "/tests/engine/dockerd.sh", "start", folder], capture_output=True, text=True)
    if r.returncode != 0:
        skip(r.stdout.strip())
    undo.append(lambda: subprocess.run([ROOT + "/tests/engine/dockerd.sh", "stop", folder]))
    # A newer client without its plugin stands first on PATH; the distribution's own is the one that works.
    os.makedirs(WORK + "/newer")
    with open(WORK + "/newer/docker", "w") as f:
        f.write('#!/bin/sh\n[ "$1" = version ] && exec echo 28.2.2 20.10.24\nexit 1\n')
    os.chmod(WORK + "/newer/docker", 0o755)
    p = Project("docker", index, {"DOCKER_HOST": r.stdout.strip(), "PATH": f"{WORK}/newer:{environment()['PATH']}"})
    docker = lambda *words: call("/usr/bin/docker", *words, env=p.env).stdout
    refuse(p, registry, locked, digest)
    os.makedirs(WORK + "/docker-config")
    with open(WORK + "/docker-config/config.json", "w") as f:
        json.dump({"auths": {locked: {"auth": base64.b64encode(f"ci:{PASSWORD}".encode()).decode()}}}, f)
    p.base(f"{locked}/debian@{digest}")
    r = p.run("build", "--engine", "docker", DOCKER_CONFIG=WORK + "/docker-config")
    assert r.returncode == 0, r.stderr
    accept(p, registry, digest)
    inspect = json.loads(docker("image", "inspect", "tiny/ci:v0.1"))[0]["Config"]
    assert inspect["User"] == "ci" and "PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in inspect["Env"], inspect
    assert not docker("ps", "--all", "--quiet") and not docker("images", "--quiet", "--filter", "dangling=true")
    return p


def main():
    for program in ("docker-registry", "buildah"):
        if not shutil.which(program, path=environment()["PATH"]):
            skip(f"{program} is not installed")
    if os.geteuid() != 0:
        skip("buildah's chroot isolation needs root here")
    os.makedirs(WORK + "/home")
    for driver in ("overlay", "vfs"):
        with open(WORK + "/storage.conf", "w") as f:
            f.write(f'[storage]\ndriver = "{driver}"\ngraphroot = "{WORK}/storage"\nrunroot = "{WORK}/storage-run"\n')
        if call("buildah", "info", check=False).returncode == 0:
            break
    warnings.simplefilter("ignore")
    import crypt
    with open(WORK + "/htpasswd", "w") as f:
        f.write(f"ci:{crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
    registry, server = start_registry("open")
    locked, _ = start_registry("locked", f"auth: {{htpasswd: {{realm: test, path: {WORK}/htpasswd}}}}\n")
    digest = push_base(registry)
    with Index({"packages": {"alpha": {"1.0": []}}}) as index:
        checks = {"buildah": check_buildah, "docker": check_docker}
        projects = [checks[name](index, registry, locked, digest) for name in sys.argv[1:] or checks]
    # What is released needs no registry any more.
    server.kill()
    server.wait()
    for p in projects:
        r = p.run("bump", "--engine", p.engine, UV_DEFAULT_INDEX="http://127.0.0.1:9/simple/")
        assert r.returncode == 0 and "nothing to do" in r.stdout, (r.stdout, r.stderr)
        for path, _, names in os.walk(p.folder):
            for name in names:
                with open(os.path.join(path, name), "rb") as f:
                    assert PASSWORD.encode() not in f.read(), (path, name)


try:
    main()
finally:
    for child in children:
        child.kill()
        child.wait()
    for step in undo:
        step()
    with open("/proc/mounts") as f:
        mounts = sorted((line.split()[1] for line in f if line.split()[1].startswith(WORK + "/")), reverse=True)
    for mount in mounts:
        subprocess.run(["umount", "-l", mount])
