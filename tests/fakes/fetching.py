"""For tests of fetching: a fake index, a lock of all it has, and lockstep's own fetching of that lock run against it under a bare environment."""
import json, os, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import index as fake

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def lock_text(index, alias="default", change=None):
    """lock.toml with every wheel of the default index, for one container; change(name, entry) may alter {name, size, sha256}."""
    lines = ["version = 1", 'project = "p"', f'inputs = "{"0" * 64}"', "cut-off = 2026-01-01T00:00:00Z", "", "[tools]", 'lockstep = "0"', "", "[[environment]]",
             'name = "cp311-linux-x86_64-glibc2.36"', 'python = "3.11"', 'implementation = "cpython"', 'os = "linux"', 'machine = "x86_64"', 'libc = "glibc"',
             'libc-version = "2.36"', "", "[[container]]", 'name = "one"', 'environment = "cp311-linux-x86_64-glibc2.36"', f'inputs = "{"0" * 64}"',
             'groups = ["core"]', "direct = [", "]"]
    for name, (_, versions) in sorted(index.packages("default").items()):
        for version in versions:
            files = [f for f in index.files("default", name) if f.name.endswith(".whl") and f.name.split("-")[1] == version]
            lines += ["", "[[package]]", f'name = "{name}"', f'version = "{version}"', f'index = "{alias}"', 'containers = ["one"]', "files = ["]
            for f in files:
                e = {"name": f.name, "size": len(f.content), "sha256": f.sha256}
                if change:
                    change(name, e)
                lines.append(f'    {{ name = "{e["name"]}", size = {e["size"]}, sha256 = "{e["sha256"]}" }},')
            lines.append("]")
    return "\n".join(lines) + "\n"


class Bench:
    """One empty project and cache, and an index."""

    def __init__(self, description, build="debug", **faults):
        self.work = tempfile.mkdtemp(prefix="fetching-", dir=os.getcwd())
        self.index = fake.Index(description)
        self.index.__enter__()
        self.program = os.path.join(ROOT, "build", build, "tests/oracle/fetch_lock")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.work + "/home", "LOCKSTEP_CACHE": self.work + "/cache", "PIP_CONFIG_FILE": "/dev/null",
                    "UV_NO_CONFIG": "1", "UV_DEFAULT_INDEX": self.index.url, "LOCKSTEP_FETCH_TRIES": "3", "LOCKSTEP_FETCH_BACKOFF_MS": "20",
                    "LOCKSTEP_FETCH_STALL_MS": "20000", "no_proxy": "127.0.0.1,localhost"}
        os.makedirs(self.work + "/home")
        os.makedirs(self.work + "/.lockstep")
        self.write_lock()

    def write_lock(self, **options):
        with open(self.work + "/lock.toml", "w") as f:
            f.write(lock_text(self.index, **options))

    def write_urls(self, urls):
        with open(self.work + "/.lockstep/urls.json", "w") as f:
            json.dump(urls, f)

    def file(self, name):
        return self.index.files("default", name)[0]

    def url(self, name):
        return f"{self.index.address}/files/default/{name}/{self.file(name).name}"

    def start(self, *prefix, **env):
        e = {k: v for k, v in {**self.env, **env}.items() if v is not None}
        return subprocess.Popen([*prefix, self.program, self.work, self.work + "/lock.toml"], env=e, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, errors="backslashreplace")

    def run(self, *prefix, **env):
        p = self.start(*prefix, **env)
        out, err = p.communicate(timeout=120)
        assert "Sanitizer" not in err and "runtime error" not in err, err
        return p.returncode, out, err

    def stored(self):
        """{sha256: bytes} of the store; every file there must be whole, and read-only."""
        found, top = {}, self.work + "/cache/files/sha256"
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    content = f.read()
                assert fake.hashlib.sha256(content).hexdigest() == name and os.path.basename(folder) == name[:2], path
                assert os.stat(path).st_mode & 0o777 == 0o444, oct(os.stat(path).st_mode)
                found[name] = content
        return found

    def partials(self):
        folder = self.work + "/cache/files/partial"
        return {n: os.path.getsize(os.path.join(folder, n)) for n in os.listdir(folder)} if os.path.isdir(folder) else {}

    def requests(self, prefix="/files/", since=0):
        with self.index.guard:
            return [e for e in self.index.log[since:] if e["path"].startswith(prefix)]

    def close(self):
        self.index.__exit__()
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()
