"""For tests of prune: a project in a git repository, engines that only have images, a cache; and what of it may go, reckoned here by itself."""
import hashlib, json, os, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bump

DAY = 86400
LOCKS = []
OCI = "application/vnd.oci.image."
CONTAINERS = ("ci-a", "ci-b")
FILES = {
    "recipes/project.yaml": "name: tiny\nrepository: team/tiny\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile, ci/tags.env]\nindexes:\n  - alias: default\n",
    "recipes/python.yaml": "groups: {}\npackages: {}\n",
    "recipes/bases/image.yaml": f"description: an image\nfrom:\n  image: \"registry.example/debian@sha256:{'1' * 64}\"\n"
                                'environment: {python: "3.11", machine: x86_64, libc_version: "2.36"}\n',
    "containers/ci-a/container.yaml": "description: the first\nbase: image\nenv: {A: b}\n",
    "containers/ci-b/container.yaml": "description: the second\nbase: image\n",
    "Jenkinsfile": "ci_a = 'team/tiny/ci-a:v0.0'\nci_b = 'team/tiny/ci-b:v0.0'\n", "ci/tags.env": "NOTHING=1\n",
}


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Project:
    def __init__(self, work=None, files=None, git=True, cache=None):
        self.work = work or tempfile.mkdtemp(prefix="prune-", dir=os.getcwd())
        self.root, self.cache, self.images, self.bin = self.work + "/project", cache or self.work + "/cache", self.work + "/images", self.work + "/bin"
        for folder in (self.images, self.bin, self.work + "/home"):
            os.makedirs(folder)
        for path, text in {**FILES, **(files or {})}.items():
            self.write(path, text)
        for engine in ("buildah", "docker", "podman"):
            os.symlink(bump.ROOT + "/tests/fakes/images.py", f"{self.bin}/{engine}")
        self.set_engine("buildah", [], [])
        self.set_engine("docker", [], [])
        environment = bump.bare_environment(self.work + "/home")
        self.now = int(time.time()) + 40 * DAY
        self.env = {**environment, "PATH": f"{self.bin}:{environment['PATH']}", "LOCKSTEP_CACHE": self.cache, "FAKE_IMAGES": self.images, "LOCKSTEP_NOW": str(self.now),
                    "LOCKSTEP_SYSTEM_PACKAGES": "unlocked", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/",
                    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Nobody"), ("EMAIL", "nobody@example.org"))}}
        if git:
            self.git("init", "-q", "-b", "main")
            self.write(".gitignore", ".lockstep/\nlockfiles/lockstep.db*\n")

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def git(self, *words, cwd=None, check=True):
        return subprocess.run(["git", *words], cwd=cwd or self.root, env=self.env, check=check, capture_output=True, text=True).stdout

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def jenkinsfile(self, releases, text=""):
        self.write("Jenkinsfile", text + "".join(f"x = 'team/tiny/ci-a:{r}'\n" for r in releases))

    def lock(self):
        """A lock that fits, of nothing; the same for all projects of these recipes."""
        if not LOCKS:
            fresh = Project(git=False)
            fresh.run("lock")
            with open(fresh.root + "/.lockstep/lock.toml", encoding="utf-8") as f:
                LOCKS.append(f.read())
        self.write(".lockstep/lock.toml", LOCKS[0])

    def release(self, name, digests=(), image_digest=None):
        for folder in (name, "latest"):
            self.write(f"lockfiles/{folder}/lock.toml", "".join(f'sha256 = "{d}"\n' for d in digests))
            self.write(f"lockfiles/{folder}/release.json", json.dumps({"containers": [{"name": c, "image_id": sha256(f"{name} {c}"), "image_digest": image_digest} for c in CONTAINERS]}))
            for c in CONTAINERS:
                self.write(f"lockfiles/{folder}/{c}.txt", "")

    def set_engine(self, engine, images, containers):
        with open(f"{self.images}/{engine}.json", "w") as f:
            json.dump({"images": images, "containers": containers}, f)

    def set_layout(self, images):
        """BuildKit's images, {name: (layers, created)}: an OCI layout in the cache, layers by their text."""
        folder = self.cache + "/buildkit"
        os.makedirs(folder + "/blobs/sha256")

        def blob(text):
            with open(f"{folder}/blobs/sha256/{sha256(text)}", "w") as f:
                f.write(text)
            return {"digest": "sha256:" + sha256(text), "size": len(text)}

        entries = []
        for name, (layers, created) in images.items():
            config = {"created": created, "architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(t) for t in layers]}}
            manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": {"mediaType": OCI + "config.v1+json", **blob(json.dumps(config))},
                        "layers": [{"mediaType": OCI + "layer.v1.tar", **blob(t)} for t in layers]}
            entries.append({"mediaType": OCI + "manifest.v1+json", **blob(json.dumps(manifest)), "annotations": {"org.opencontainers.image.ref.name": name}})
        with open(folder + "/index.json", "w") as f:
            json.dump({"schemaVersion": 2, "manifests": entries}, f)

    def layout(self):
        """The names in it, and the digests of its files."""
        with open(self.cache + "/buildkit/index.json") as f:
            names = {m["annotations"]["org.opencontainers.image.ref.name"] for m in json.load(f)["manifests"]}
        return names, set(os.listdir(self.cache + "/buildkit/blobs/sha256"))

    def names(self, engine):
        with open(f"{self.images}/{engine}.json") as f:
            return sorted(n for i in json.load(f)["images"] for n in i["names"])

    def image(self, names, id_text=None, age_days=20):
        return {"id": sha256(id_text or names[0]), "names": list(names), "size": 1000000, "created": self.now - age_days * DAY}

    def cached(self, path, age_days, text=""):
        """A file of the cache, used last so many days ago."""
        full = f"{self.cache}/{path}"
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(text)
        os.utime(full, (self.now - age_days * DAY,) * 2)
        return full

    def stored(self, digest, age_days):
        return self.cached(f"files/sha256/{digest[:2]}/{digest}", age_days, digest)

    def run(self, *words, code=0, **env):
        r = subprocess.run([bump.LOCKSTEP, words[0], "-C", self.root, *words[1:]], env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        assert "Sanitizer" not in r.stderr and "runtime error" not in r.stderr and r.returncode == code, (words, r.returncode, r.stdout, r.stderr)
        return bump.Run(r.returncode, r.stdout, r.stderr)

    def prune(self, *words, **options):
        r = self.run("prune", "--format", "json", *words, **options)
        return json.loads(r.out)

    def plan(self, *words, **options):
        return self.prune("--plan", *words, **options)


def gone(seen):
    return {(i["engine"] or "cache", i["name"]) for i in seen["items"] if i["goes"]}


def why(seen, name):
    return next(i["why"] for i in seen["items"] if i["name"].endswith(name))
