"""For tests of the main job: a small real project (three containers on a Debian tree with Python), a fake index with tiny wheels, and lockstep run on it with a
real engine whose storage is the test's own.

The tree is made once by the real mmdebstrap and kept in build/test-cache; another project's cache gets it by hard link."""
import contextlib, hashlib, json, os, re, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import index as fake

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED_CACHE = os.path.join(ROOT, "build/test-cache")
LOCKSTEP = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_TEST_BUILD", "debug"), "lockstep")
DOCKERD = os.path.join(ROOT, "tests/engine/dockerd.sh")
CONTAINERS = ("ci-a", "ci-b", "ci-c")

FILES = {
    "recipes/project.yaml": """name: tiny
repository: tiny
first_release: v0.1
venv: /opt/venv
tags: [Jenkinsfile]
indexes:
  - alias: default
""",
    "recipes/python.yaml": """groups:
  core: {description: what both need}
  extra: {description: what one needs, include: [core]}
packages:
  alpha: {groups: [core]}
  beta: {groups: [core]}
  gamma: {groups: [extra]}
""",
    "recipes/bases/bookworm.yaml": """description: Debian with Python
from:
  mmdebstrap: {suite: bookworm, variant: minbase, components: [main], include: [python3, python3-pip, python3-venv]}
python: /usr/bin/python3
environment: {python: "3.11", implementation: cpython, os: linux, machine: x86_64, libc: glibc, libc_version: "2.36"}
""",
    "recipes/layers/tool.yaml": """description: a tool that says its version
steps:
  - file: {path: /usr/local/bin/tool, content: "#!/bin/sh\\necho tool 1.2.3\\n", mode: "0755"}
  - run: [sh, -c, "/usr/local/bin/tool > /tool.version"]
verify:
  - name: says its version
    run: [[sh, -c, "tool | grep -F 1.2.3"]]
snapshot:
  - {name: tool, run: [[tool]]}
""",
    "containers/ci-a/container.yaml": "description: the first\nbase: bookworm\nlayers: [tool]\npython: {groups: [core]}\nenv: {WORD: a}\n",
    "containers/ci-b/container.yaml": "description: the second\nbase: bookworm\nlayers: [tool]\npython: {groups: [extra]}\nuser: ci\n",
    "containers/ci-c/container.yaml": "description: without Python packages\nbase: bookworm\nlayers: [tool]\n",
    "Jenkinsfile": "// tags\nci_a = 'tiny/ci-a:v0.0'\nci_b = \"tiny/ci-b:v0.0\"\nci_c   =  'tiny/ci-c:v0.0' // the third\npipeline { }\n",
}

PACKAGES = {
    "alpha": {"1.0": ["delta>=1"]},
    "beta": {"2.0": {"files": {"beta/d\u00e4ta.txt": "not ASCII\n", "beta/a,b \"c\".txt": "quoted in RECORD\n"}}},
    "gamma": {"3.0": ["alpha"]},
    "delta": {"1.0": [], "1.1": {"uploaded": "2024-02-01"}},
}


def bare_environment(home):
    """What lockstep sees of this machine: how to reach mirrors, and nothing of the user's settings of pip and uv."""
    env = {"PATH": os.path.dirname(LOCKSTEP) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "LANG": "C.UTF-8", "TZ": "UTC",
           "PYTHONDONTWRITEBYTECODE": "1", "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1", "PIP_CONFIG_FILE": "/dev/null",
           "UV_NO_CONFIG": "1", "LOCKSTEP_UV": os.path.join(ROOT, ".tools/bin/uv"), "LOCKSTEP_FETCH_TRIES": "2", "LOCKSTEP_FETCH_BACKOFF_MS": "20",
           "LOCKSTEP_SYSTEM_PACKAGES": os.environ.get("LOCKSTEP_SYSTEM_PACKAGES", "unlocked")}
    for name, value in os.environ.items():
        if re.match(r"(?i)(https?_proxy|all_proxy|ssl_cert_(file|dir)|curl_ca_bundle|lockstep_apt_mirror)$", name):
            env[name] = value
    return {**env, "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}


def skip(why):
    print(why)
    sys.exit(77)


def need_programs(*names):
    for name in names:
        if not shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            skip(f"{name} is not installed")
    if os.geteuid() != 0:
        skip("mmdebstrap and buildah's chroot isolation need root here")


def link_or_copy(part):
    return lambda source, target: os.link(source, target) if part in source else shutil.copy2(source, target)


class Run:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


class Storage:
    """An engine's storage of this test's own."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder + "/storage.conf"
        os.makedirs(folder)
        for driver in ("overlay", "vfs"):
            with open(self.config, "w") as f:
                f.write(f'[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
            if subprocess.run(["buildah", "info"], env={**os.environ, **self.env()}, capture_output=True).returncode == 0:
                return

    def env(self):
        return {"CONTAINERS_STORAGE_CONF": self.config}

    def buildah(self, *words, check=True):
        return subprocess.run(["buildah", *words], env={**os.environ, **self.env()}, check=check, capture_output=True, text=True).stdout

    def containers(self):
        return self.buildah("containers", "-q").split()

    def images(self):
        return sorted(set(re.findall(r"^\S+:\S+$", self.buildah("images", "--format", "{{.Name}}:{{.Tag}}"), re.M)))

    def remove(self):
        with open("/proc/mounts") as f:
            mounts = [line.split()[1] for line in f]
        for mount in sorted((m for m in mounts if m.startswith(self.folder + "/")), reverse=True):
            subprocess.run(["umount", "-l", mount], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class DockerDaemon:
    """A docker daemon of this test's own, where an engine's storage stands in other tests; where there can be none, `host` is None and `why_not` says why."""

    def __init__(self, folder):
        self.folder, self.host, self.why_not = folder, None, None
        started = subprocess.run([DOCKERD, "start", folder], capture_output=True, text=True)
        if started.returncode == 0:
            self.host = started.stdout.strip()
            return
        assert started.returncode == 77, started
        self.why_not = started.stdout.strip().split("\n")[-1]

    def env(self):
        return {"DOCKER_HOST": self.host}

    def docker(self, *words):
        return subprocess.run(["/usr/bin/docker", *words], env={**os.environ, **self.env()}, check=True, capture_output=True, text=True).stdout

    def remove(self):
        subprocess.run([DOCKERD, "stop", self.folder])


class Project:
    """One project folder with its own cache and index; several may share a storage."""

    def __init__(self, work, storage, packages=None, engine="buildah", files=None):
        self.work = tempfile.mkdtemp(prefix="bump-", dir=work)
        self.folder, self.cache, self.home = self.work + "/a pr\u00f6ject", self.work + "/cache", self.work + "/home"
        os.makedirs(self.home)
        os.makedirs(self.folder)
        # None: without that one.
        for path, text in {**FILES, **(files or {})}.items():
            if text is not None:
                self.write(path, text)
        self.storage, self.engine = storage, engine
        self.index = fake.Index({"packages": json.loads(json.dumps(packages or PACKAGES))})
        self.index.__enter__()
        self.env = {**bare_environment(self.home), "LOCKSTEP_CACHE": self.cache, "UV_DEFAULT_INDEX": self.index.url, **storage.env()}

    def copy(self):
        """Another project in the same state, with an index of its own; what is in the storage both have."""
        other = Project(os.path.dirname(self.work), self.storage, self.index.description["packages"], self.engine)
        shutil.rmtree(other.folder)
        shutil.copytree(self.folder, other.folder, symlinks=True, copy_function=link_or_copy(".lockstep/contexts"))
        shutil.copytree(self.cache, other.cache, symlinks=True, copy_function=os.link)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(other.folder + "/.lockstep/urls.json")
        return other

    def write(self, path, text):
        target = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())

    def read(self, path):
        with open(os.path.join(self.folder, path), encoding="utf-8") as f:
            return f.read()

    def replace(self, path, old, new):
        text = self.read(path)
        assert old in text, (path, old, text)
        self.write(path, text.replace(old, new))

    def take_tree(self):
        """Takes the base tree that an earlier test kept, so that mmdebstrap is not needed; without one, the first bump makes it."""
        link_trees(SHARED_CACHE, self.cache)
        return self

    def keep_tree(self):
        link_trees(self.cache, SHARED_CACHE)

    def start(self, *words, prefix=(), own_group=False, **env):
        e = {k: v for k, v in {**self.env, **env}.items() if v is not None}
        return subprocess.Popen([*prefix, LOCKSTEP, *words], cwd=self.folder, env=e, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, errors="backslashreplace", start_new_session=own_group)

    def run(self, *words, prefix=(), timeout=1200, **env):
        p = self.start(*words, prefix=prefix, **env)
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            raise
        assert "Sanitizer" not in err and "runtime error:" not in err, err
        return Run(p.returncode, out, err)

    def bump(self, *words, **options):
        return self.run("bump", "--engine", self.engine, *words, **options)

    def released(self, *words, **options):
        """A bump that must make a release; its name."""
        r = self.bump(*words, **options)
        found = re.search(r"^released (v\S+) ", r.out, re.M)
        assert r.code == 0 and found, r
        return found.group(1)

    def fails(self, *texts, code=1, words=(), **options):
        """A bump that must end with `code`, and say all of `texts` on stderr."""
        r = self.bump(*words, **options)
        assert r.code == code, r
        for text in texts:
            assert text in r.err, (text, r)
        assert "released" not in r.out, r
        return r

    def tags(self):
        return sorted(re.findall(r"tiny/(ci-\w:v[\d.]+)", self.read("Jenkinsfile")))

    def fingerprint(self, folder=None, times=True, leave_out=()):
        """Every file and folder with size, time, inode and content."""
        found = {}
        top = folder or self.folder
        for path, folders, names in os.walk(top):
            for name in folders + names:
                full = os.path.join(path, name)
                short = os.path.relpath(full, top)
                if any(short == x or short.startswith(x + "/") for x in leave_out):
                    continue
                s = os.lstat(full)
                content = None
                if os.path.isfile(full) and s.st_size < 1 << 20:
                    with open(full, "rb") as f:
                        content = hashlib.sha256(f.read()).hexdigest()
                found[short] = (s.st_mode, s.st_size if content else 0, content) + ((s.st_mtime_ns, s.st_ino) if times else ())
        return found

    def committed(self):
        """What must never be seen half done."""
        return self.fingerprint(times=False, leave_out=(".lockstep", "lockfiles/lockstep.db", "lockfiles/lockstep.db-wal", "lockfiles/lockstep.db-shm"))

    def requests(self, prefix="/files/", since=0):
        with self.index.guard:
            return [e["path"] for e in self.index.log[since:] if e["path"].startswith(prefix) and not e["path"].endswith(".metadata")]

    def close(self):
        self.index.__exit__()
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


def link_trees(source, target):
    if not os.path.isdir(source + "/bases"):
        return
    os.makedirs(target + "/bases", exist_ok=True)
    # The digest comes before the tree, as lockstep writes them.
    for name in sorted(os.listdir(source + "/bases"), key=lambda n: not n.endswith(".sha256")):
        if re.fullmatch(r"[0-9a-f]{64}\.tar(\.sha256)?", name) and not os.path.exists(f"{target}/bases/{name}"):
            try:
                os.link(f"{source}/bases/{name}", f"{target}/bases/{name}")
            except OSError:
                shutil.copy2(f"{source}/bases/{name}", f"{target}/bases/{name}")


def children_of(pid):
    """All processes that descend from `pid`, now."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                with open(f"/proc/{name}/stat") as f:
                    parents[int(name)] = int(f.read().rsplit(")", 1)[1].split()[1])
    found, more = set(), {pid}
    while more:
        more = {p for p, parent in parents.items() if parent in more} - found
        found |= more
    return found


def using(text):
    """Processes that carry `text` in their arguments, environment or working folder; not this one."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/cmdline", "rb") as f:
                    command = f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
                with open(f"/proc/{name}/environ", "rb") as f:
                    environment = f.read().decode("utf-8", "replace")
                if command and (text in command or text in environment or text in os.readlink(f"/proc/{name}/cwd")):
                    found[int(name)] = command
    return found


def wait_until(test, seconds, what):
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, f"waited {seconds} s in vain for: {what}"
        time.sleep(0.02)
