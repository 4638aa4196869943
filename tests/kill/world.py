"""What is killed: a tiny project with an engine storage, a cache and a registry of its own. Its states (a release made, its successor fetched, ...) are made once each and put
back before every kill: files that nobody writes into are hard links, all others are copied."""
import base64, hashlib, http.client, json, os, re, shutil, stat, subprocess, sys

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import bump, registries

CONTAINERS = ("ci-a", "ci-c")
FILES = {
    "recipes/python.yaml": bump.FILES["recipes/python.yaml"].replace("  extra: {description: what one needs, include: [core]}\n", "").replace("  gamma: {groups: [extra]}\n", ""),
    "recipes/layers/tool.yaml": None, "containers/ci-b/container.yaml": None,
    "containers/ci-a/container.yaml": "description: the first\nbase: bookworm\npython: {groups: [core]}\nenv: {WORD: a}\n",
    "containers/ci-c/container.yaml": "description: without Python packages\nbase: bookworm\nenv: {WORD: c}\n",
}
MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json"
LINK_BYTES = 200_000  # files of this size are written once and never into


def copy_tree(source, target):
    """A copy that shares what is not written into: layers of images, and large files."""
    linked = {}

    def copy(source, target, is_layer):
        os.mkdir(target, 0o700)
        with os.scandir(source) as entries:
            for entry in entries:
                to, mode = f"{target}/{entry.name}", entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    copy(entry.path, to, is_layer or entry.name == "diff")
                elif entry.is_symlink():
                    os.symlink(os.readlink(entry.path), to)
                elif is_layer or mode.st_size >= LINK_BYTES:
                    os.link(entry.path, to, follow_symlinks=False)
                elif mode.st_nlink > 1 and mode.st_ino in linked:
                    os.link(linked[mode.st_ino], to)
                elif stat.S_ISREG(mode.st_mode):
                    shutil.copy2(entry.path, to)
                    os.chown(to, mode.st_uid, mode.st_gid)
                    linked[mode.st_ino] = to
        shutil.copystat(source, target)
        owner = os.stat(source)
        os.chown(target, owner.st_uid, owner.st_gid)

    copy(source, target, False)


class Layers:
    """The layers in a containers-storage, and what was in each when nobody disturbed its making."""

    def __init__(self, graph):
        self.graph, self.known, self.contents = graph, {}, {}

    def read(self, path, otherwise):
        try:
            with open(f"{self.graph}/{path}") as f:
                return json.load(f)
        except FileNotFoundError:
            return otherwise

    def images(self):
        """Name -> image."""
        return {name: image for image in self.read("overlay-images/images.json", []) for name in image.get("names") or []}

    def content(self, path, status):
        # A number is given to another file when its own is gone; of layers the times of all files are the same.
        key = (status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size)
        if key not in self.contents:
            with open(path, "rb") as f:
                self.contents[key] = hashlib.sha256(f.read()).hexdigest()
        return self.contents[key]

    def tree(self, layer):
        """All that a layer's folder holds."""
        found, top = [], f"{self.graph}/overlay/{layer}/diff"
        for folder, folders, names in os.walk(top):
            for name in folders + names:
                path = f"{folder}/{name}"
                s = os.lstat(path)
                what = os.readlink(path) if stat.S_ISLNK(s.st_mode) else self.content(path, s) if stat.S_ISREG(s.st_mode) else ""
                found.append((path[len(top):], s.st_mode, s.st_uid, s.st_gid, what))
        return set(found)

    def check(self, image, what):
        """Its configuration is what its id says, its layers are those that the configuration names, and each holds what it held when it was first seen."""
        digest = next(d for d in image["big-data-digests"].values() if d == "sha256:" + image["id"])
        name = next(n for n, d in image["big-data-digests"].items() if d == digest)
        with open(f"{self.graph}/overlay-images/{image['id']}/={base64.b64encode(name.encode()).decode()}", "rb") as f:
            text = f.read()
        assert hashlib.sha256(text).hexdigest() == image["id"], (what, image["names"])
        wanted = json.loads(text)["rootfs"]["diff_ids"]
        layers = {layer["id"]: layer for layer in self.read("overlay-layers/layers.json", [])}
        at, found = image.get("layer"), []
        while at:
            layer = layers[at]
            assert not (layer.get("flags") or {}).get("incomplete"), (what, image["names"], at)
            found.insert(0, layer["diff-digest"])
            tree = self.tree(at)
            known = self.known.setdefault(layer["diff-digest"], tree)
            assert known == tree, (what, image["names"], layer["diff-digest"], "a layer does not hold what it should", sorted(known ^ tree)[:10])
            at = layer.get("parent")
        assert found == wanted, (what, image["names"], found, wanted)


class World:
    """The project, with a release made."""

    def __init__(self, folder, layers, kind):
        self.layers, self.number, self.folder, self.kind = layers, 0, folder, kind
        self.storage = bump.Storage(folder + "/storage")
        self.graph = Layers(folder + "/storage/graph")
        self.registry = self.other = None
        if not registries.missing(registries.KINDS[kind]):
            self.registry, self.other = registries.Registry(kind, folder + "/registry"), registries.Registry(kind, folder + "/other")
        self.repository = f"{self.registry.host}/tiny" if self.registry else "tiny"
        files = {**FILES, "recipes/project.yaml": bump.FILES["recipes/project.yaml"].replace("repository: tiny", f'repository: "{self.repository}"'),
                 "Jenkinsfile": "".join(f"{c.replace('-', '_')} = '{self.repository}/{c}:v0.0'\n" for c in CONTAINERS)}
        self.p = bump.Project(folder, self.storage, files=files)
        # The sanitizer's search for leaks waits for ever for a child of its own that was killed.
        self.p.env["ASAN_OPTIONS"] = "detect_leaks=0"
        self.p.env.update({"TMPDIR": self.p.work + "/tmp", "PATH": f"{self.p.work}/fake:{self.p.env['PATH']}"})
        if self.registry:
            self.p.env["LOCKSTEP_PLAIN_HTTP"] = f"{self.registry.host},{self.other.host}"
        # What a state is made of.
        self.parts = {"project": self.p.folder, "cache": self.p.cache, "tmp": self.p.work + "/tmp", "graph": folder + "/storage/graph", "registry": folder + "/registry/data",
                      "other": folder + "/other/data"}
        self.states = {}
        self.make_tree()

    def make_tree(self):
        """A mmdebstrap that gives a tiny tree with Python."""
        os.makedirs(self.p.work + "/fake")
        os.makedirs(self.p.work + "/tmp")
        subprocess.run([ROOT + "/tests/kill/base.sh", self.p.work + "/tree.tar"], check=True)
        with open(self.p.work + "/fake/mmdebstrap", "w") as f:
            f.write(f"#!/bin/bash\nwhile [ \"$1\" != bookworm ]; do shift; done\nexec cp '{self.p.work}/tree.tar' \"$2\"\n")
        os.chmod(self.p.work + "/fake/mmdebstrap", 0o755)

    def close(self):
        for registry in (self.registry, self.other):
            if registry:
                registry.stop()
        self.p.close()
        self.storage.remove()

    # ---- states ----

    def unmount(self):
        with open("/proc/mounts") as f:
            mounts = [line.split()[1] for line in f]
        for mount in sorted((m for m in mounts if m.startswith(self.storage.folder + "/")), reverse=True):
            subprocess.run(["umount", "-l", mount], capture_output=True)

    def save(self, name):
        self.unmount()
        self.states[name] = folder = f"{self.folder}/state-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        for part, path in self.parts.items():
            if os.path.isdir(path):
                copy_tree(path, f"{folder}/{part}")

    def restore(self, name, without=()):
        self.unmount()
        for part, path in self.parts.items():
            shutil.rmtree(path, ignore_errors=True)
            assert not os.path.exists(path), path
            if os.path.isdir(f"{self.states[name]}/{part}") and part not in without:
                copy_tree(f"{self.states[name]}/{part}", path)
        shutil.rmtree(f"{self.storage.folder}/run", ignore_errors=True)

    # ---- what changes ----

    def change(self):
        """A package moves, so that there is something to lock, fetch, build and release."""
        self.number += 1
        versions = {f"1.{n}": {"requires": ["delta>=1.0"], "padding": 200000} for n in range(max(0, self.number - 2), self.number + 1)}
        self.p.index.set_packages({**bump.PACKAGES, "alpha": versions})
        self.p.write("recipes/python.yaml", FILES["recipes/python.yaml"].replace("alpha: {groups: [core]}", f'alpha: {{groups: [core], exact: "1.{self.number}", why: x}}'))

    def engine_words(self):
        return ["--engine", "buildah", "--layers", self.layers]

    def must(self, *words):
        r = self.p.run(*words, timeout=600)
        assert r.code == 0, (words, r)
        return r

    def releases(self):
        return sorted((n for n in os.listdir(self.p.folder + "/lockfiles") if n.startswith("v")), key=lambda n: [int(x) for x in n[1:].split(".")])

    # ---- what must hold ----

    def check_sums(self, folder, what):
        for line in self.p.read(f"lockfiles/{folder}/SHA256SUMS").splitlines():
            digest, name = line.split("  ", 1)
            with open(f"{self.p.folder}/lockfiles/{folder}/{name}", "rb") as f:
                assert hashlib.sha256(f.read()).hexdigest() == digest, (what, folder, name)

    def check_released(self, before, what):
        """Every release that was there is there, byte for byte; a new one is whole; the tags are all at one of them. What was decided is made whole by the first command
        that looks."""
        self.must("list")
        now = self.p.committed()
        for path, value in before.items():
            if re.match(r"lockfiles/v", path):
                assert now.get(path) == value, (what, path)
        names = self.releases()
        for folder in (*names[-2:], "latest"):
            self.check_sums(folder, what)
        assert self.p.read(f"lockfiles/{names[-1]}/SHA256SUMS") == self.p.read("lockfiles/latest/SHA256SUMS"), what
        tags = re.findall(rf"{re.escape(self.repository)}/ci-[ac]:(v[\d.]+)", self.p.read("Jenkinsfile"))
        assert tags == [names[-1]] * 2, (what, tags, names)
        # The store of releases follows the text; it may not have yet.
        self.must("records")
        self.must("records", "--check")

    def images_of(self, release):
        """Container -> image, of those the storage has under the release's names."""
        have = self.graph.images()
        names = {c: f"{self.repository}/{c}:{release}" for c in CONTAINERS}
        return {c: have.get(name) or have.get("localhost/" + name) for c, name in names.items()}

    def check_names(self, what, release=None):
        """The release's images are in the storage and hold what they did."""
        for container, image in self.images_of(release or self.releases()[-1]).items():
            assert image, (what, container, sorted(self.graph.images()))
            self.graph.check(image, what)

    def verify(self, what):
        r = self.p.run("verify", *self.engine_words(), "--only", "installed", timeout=600)
        assert r.code == 0, (what, r)

    def layer_ids(self):
        """Of every container: the image that its newest release names, by its id."""
        return {c: image["id"] for c, image in self.images_of(self.releases()[-1]).items()}

    def check_registry(self, what, registry=None):
        """Every tag has all that its manifest names."""
        registry = registry or self.registry
        if not registry:
            return {}
        asked = Asking(registry.host)
        found = {}
        for repository in asked.json("/v2/_catalog").get("repositories") or []:
            for tag in asked.json(f"/v2/{repository}/tags/list").get("tags") or []:
                found[f"{repository}:{tag}"] = asked.check_manifest(repository, tag, what)
        return found


class Asking:
    """A connection to a registry."""

    def __init__(self, host):
        self.connection = http.client.HTTPConnection(host, timeout=60)

    def ask(self, method, path):
        self.connection.request(method, path, headers={"Accept": MANIFESTS})
        answer = self.connection.getresponse()
        return answer, answer.read()

    def json(self, path):
        answer, body = self.ask("GET", path)
        if answer.status == 404 and path.endswith("tags/list"):
            return {}
        assert answer.status == 200, (path, answer.status, body)
        return json.loads(body)

    def check_manifest(self, repository, reference, what):
        manifest = self.json(f"/v2/{repository}/manifests/{reference}")
        for part in manifest.get("manifests", []):
            self.check_manifest(repository, part["digest"], what)
        for part in [*([manifest["config"]] if "config" in manifest else []), *manifest.get("layers", [])]:
            answer, _ = self.ask("HEAD", f"/v2/{repository}/blobs/{part['digest']}")
            assert answer.status == 200 and int(answer.headers["Content-Length"]) == part["size"], (what, repository, reference, part, answer.status)
        return manifest
