"""What the benchmarks of images stand on: real wheels on an index on loopback, a real registry, BuildKit, docker and buildah, each of its own, in one folder; a project
of three containers of 61 locked packages, for lockstep and as Dockerfiles as one would write them: uv in the build, a cache mount for its downloads, the lock with
hashes, bytecode compiled as pip does and as lockstep does."""
import hashlib, json, os, re, shutil, signal, subprocess, sys, threading, time, tomllib, urllib.request

import rewheel

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UV = os.environ.get("LOCKSTEP_UV") or os.path.join(ROOT, ".tools/bin/uv")
# What all three have, and what each has besides: 61 packages each.
COMMON = """numpy scipy pillow matplotlib h5py onnx ml-dtypes cloudpickle psutil tornado tqdm sphinx ipython requests jinja2""".split()
OWN = {"a": ["pytest", "attrs"], "b": ["flake8"], "c": ["hypothesis", "coverage", "cython"]}
MOVED = "tqdm"


def find_program(name, *places):
    for place in (os.environ.get("LOCKSTEP_" + name.upper().replace("-", "_")), os.path.join(ROOT, ".tools/bin", name), *places, shutil.which(name)):
        if place and os.access(place, os.X_OK):
            return place
    raise SystemExit(f"there is no {name}")


class Failed(Exception):
    pass


def rest():
    """Nobody who is measured waits for what another wrote before."""
    os.sync()


def run(argv, log=None, rests=True, **more):
    """Seconds that it took, and what it printed."""
    if rests:
        rest()
    begin = time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    took = time.monotonic() - begin
    if log:
        with open(log, "a") as file:
            file.write(f"$ {' '.join(argv)}\n{done.stdout}\n[{done.returncode}, {took:.2f} s]\n")
    if done.returncode:
        raise Failed(f"{' '.join(argv)}: {done.returncode}\n{done.stdout[-3000:]}")
    return took, done.stdout


def run_together(argvs, log=None, **more):
    """Seconds until the last of them is done."""
    rest()
    failures, begin = [], time.monotonic()

    def one(argv):
        try:
            run(argv, log, rests=False, **more)
        except Failed as error:
            failures.append(error)
    threads = [threading.Thread(target=one, args=(argv,)) for argv in argvs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.monotonic() - begin


def hundred():
    """{name: version} of a hundred packages of this repository's own lock, the largest of which are in it."""
    with open(os.path.join(ROOT, "lockfiles/v0.3/lock.toml"), "rb") as file:
        pins = [pin for pin in tomllib.load(file)["package"] if "ci-cpu" in pin.get("containers", ["ci-cpu"])]
    found, roots = {}, sorted(pins, key=lambda pin: -max(each["size"] for each in pin["files"]))
    for pin in roots:
        more = {**found, **locked([pin["name"]])}
        found = more if len(more) <= 100 else found
    return found


def locked(roots):
    """{name: version} of the roots of this repository's own lock and all that they require."""
    with open(os.path.join(ROOT, "lockfiles/v0.3/lock.toml"), "rb") as file:
        pins = {pin["name"]: pin for pin in tomllib.load(file)["package"] if "ci-cpu" in pin.get("containers", ["ci-cpu"])}
    seen, todo = {}, list(roots)
    while todo:
        name = todo.pop()
        if name in pins and name not in seen:
            seen[name] = pins[name]["version"]
            todo += [edge["name"] for edge in pins[name].get("requires", []) if "extra" not in edge]
    return seen


class Wheels:
    """A folder of wheels and the index that serves it."""

    def __init__(self, folder, kept):
        self.folder, self.kept = folder, kept
        os.makedirs(folder, exist_ok=True)
        os.makedirs(kept, exist_ok=True)
        self.moves = 0
        self.server = subprocess.Popen([sys.executable, os.path.join(ROOT, "bench/wheel_index.py"), folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.server.stdout.readline().strip()}/simple/"

    def take(self, versions):
        """Downloads what is not kept from an earlier run, and serves all of it."""
        there = {self.pin(name) for name in os.listdir(self.kept)}
        missing = [f"{name}=={version}" for name, version in versions.items() if (name, version) not in there]
        if missing:
            run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64",
                 "--platform", "manylinux_2_27_x86_64", "--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_12_x86_64", "--platform", "manylinux1_x86_64",
                 "-d", self.kept, *missing])
        for name in os.listdir(self.kept):
            if versions.get(self.pin(name)[0]) == self.pin(name)[1] and not os.path.exists(os.path.join(self.folder, name)):
                os.link(os.path.join(self.kept, name), os.path.join(self.folder, name))

    @staticmethod
    def pin(file_name):
        return re.sub(r"[-_.]+", "-", file_name.split("-")[0]).lower(), file_name.split("-")[1] if "-" in file_name else ""

    def file(self, name, version):
        return next(os.path.join(self.folder, each) for each in sorted(os.listdir(self.folder)) if self.pin(each) == (name, version))

    def move(self, name, version):
        """Another version of it, that nobody has seen: the same wheel with another number."""
        self.moves += 1
        new = f"{version.split('.post')[0]}.post{int(time.time())}{self.moves}"
        return new, rewheel.renumber(self.file(name, version), self.folder, new)

    def lines(self, versions):
        """A locked requirements file with hashes."""
        return "".join(f"{name}=={version} --hash=sha256:{self.sha256(self.file(name, version))}\n" for name, version in sorted(versions.items()))

    @staticmethod
    def sha256(path):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self):
        self.server.stdin.close()
        self.server.wait()


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(what, seconds, ready):
    for _ in range(int(seconds * 10)):
        if ready():
            return
        time.sleep(0.1)
    raise SystemExit(f"{what} does not start")


class Registry:
    def __init__(self, folder):
        self.folder, self.host = folder, f"127.0.0.1:{free_port()}"
        os.makedirs(folder, exist_ok=True)
        config = os.path.join(folder, "config.yml")
        with open(config, "w") as file:
            file.write(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/blobs}}}}\nhttp: {{addr: '{self.host}'}}\nlog: {{level: error, accesslog: {{disabled: true}}}}\n")
        self.process = subprocess.Popen([find_program("docker-registry"), "serve", config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("docker-registry", 30, self.answers)

    def answers(self):
        try:
            return urllib.request.urlopen(f"http://{self.host}/v2/").status == 200
        except OSError:
            return False

    def received(self):
        """Bytes that the registry has read from anywhere: its sockets, and the little it reads of its own files."""
        with open(f"/proc/{self.process.pid}/io") as file:
            return int(re.search(r"rchar: (\d+)", file.read())[1])

    def manifest(self, reference):
        repository, tag = reference.rsplit(":", 1)
        request = urllib.request.Request(f"http://{self.host}/v2/{repository}/manifests/{tag}", headers={"Accept": "application/vnd.oci.image.manifest.v1+json, "
                                         "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json"})
        return json.load(urllib.request.urlopen(request))

    def forget(self, digests, repository):
        """Takes blobs out of its storage, and out of the repositories that have them; and the manifests of a repository, as one that is there says that its layers are."""
        for folder, folders, _ in os.walk(os.path.join(self.folder, "blobs")):
            for name in [each for each in folders if each in digests or (each == "_manifests" and f"/{repository}/" in folder)]:
                shutil.rmtree(os.path.join(folder, name))
                folders.remove(name)

    def close(self):
        stop(self.process)


class BuildKit:
    def __init__(self, folder, registry):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.buildctl = find_program("buildctl", "/usr/local/bin/buildctl")
        config = os.path.join(folder, "buildkitd.toml")
        with open(config, "w") as file:
            file.write(f'root = "{folder}/state"\ninsecure-entitlements = ["network.host"]\n[worker.oci]\nenabled = true\n[worker.containerd]\nenabled = false\n'
                       f'[registry."{registry.host}"]\nhttp = true\n')
        self.log = open(os.path.join(folder, "log"), "w")
        self.process = subprocess.Popen([find_program("buildkitd"), "--config", config, "--addr", self.address, "--addr", f"unix://{folder}/sock"],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for("buildkitd", 60, lambda: subprocess.run([self.buildctl, "--addr", self.address, "debug", "workers"], capture_output=True).returncode == 0)

    def command(self, context, image, *more):
        return [self.buildctl, "--addr", self.address, "build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", f"context={context}", "--local",
                f"dockerfile={context}", "--opt", "force-network-mode=host", "--allow", "network.host", "--output", f"type=image,name={image},push=true", *more]

    def environment(self):
        return {**os.environ, "BUILDX_CONFIG": os.path.join(self.folder, "buildx"), "DOCKER_CONFIG": os.path.join(self.folder, "docker")}

    def bake(self, folder, targets):
        """The command that builds [(context, image)] by buildx; the first call makes its builder."""
        buildx = find_program("docker-buildx")
        if not os.path.exists(os.path.join(self.folder, "buildx")):
            os.makedirs(os.path.join(self.folder, "docker"), exist_ok=True)
            run([buildx, "create", "--name", "bench", "--driver", "remote", self.address], env=self.environment())
        path = os.path.join(folder, "docker-bake.json")
        with open(path, "w") as file:
            json.dump({"group": {"default": {"targets": [f"t{i}" for i in range(len(targets))]}},
                       "target": {f"t{i}": {"context": context, "network": "host", "output": [f"type=image,name={image},push=true"]}
                                  for i, (context, image) in enumerate(targets)}}, file)
        return [buildx, "bake", "--builder", "bench", "--progress", "plain", "--provenance=false", "--allow", "network.host", "--allow", "fs.read=*", "-f", path]

    def close(self):
        stop(self.process)
        self.log.close()


class Docker:
    """A daemon of its own, by the script that the tests use."""
    prefix = "bench/"
    sees_mounts = True

    def __init__(self, folder):
        self.folder, self.script = folder, os.path.join(ROOT, "tests/engine/dockerd.sh")
        self.environment = {**os.environ, "DOCKER_HOST": run([self.script, "start", folder])[1].strip().split("\n")[-1], "DOCKER_BUILDKIT": "1",
                            "PATH": "/usr/bin:" + os.environ["PATH"]}

    def command(self, context, image):
        return ["/usr/bin/docker", "build", "--quiet", "--network", "host", "--tag", image, context]

    def close(self):
        run([self.script, "stop", self.folder])


class Buildah:
    prefix = "localhost/bench/"
    sees_mounts = False

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        config = os.path.join(folder, "storage.conf")
        self.environment = {**os.environ, "CONTAINERS_STORAGE_CONF": config}
        for driver in ("overlay", "vfs"):
            with open(config, "w") as file:
                file.write(f'[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
            if subprocess.run(["buildah", "info"], env=self.environment, capture_output=True).returncode == 0:
                return

    def command(self, context, image):
        return ["buildah", "build", "--layers", "--isolation", "chroot", "--network", "host", "--pull-never", "--tag", image, context]

    def close(self):
        with open("/proc/mounts") as file:
            mounts = sorted((line.split()[1] for line in file if line.split()[1].startswith(self.folder + "/")), reverse=True)
        for mount in mounts:
            subprocess.run(["umount", "-l", mount], capture_output=True)


class Folders:
    """Contexts of builds."""

    def __init__(self, folder, wheels):
        self.folder, self.wheels = folder, wheels

    def write(self, name, **files):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        for file_name, content in files.items():
            with open(os.path.join(folder, file_name), "w") as file:
                file.write(content)
        return folder

    def bases(self, tree):
        """{image: context} of the tree that all stand on, and of uv, which is only mounted."""
        base, uv = self.write("base", Dockerfile="FROM scratch\nADD base.tar /\n"), self.write("uv", Dockerfile="FROM scratch\nCOPY uv /uv\n")
        for source, target in ((tree, os.path.join(base, "base.tar")), (os.path.realpath(UV), os.path.join(uv, "uv"))):
            if not os.path.exists(target):
                shutil.copy2(source, target)
        return {"base:1": base, "uv:1": uv}

    def context(self, container, versions, prefix, mounted=True):
        """As one writes it today: uv mounted, its downloads in a cache, the lock with hashes mounted, bytecode compiled. buildah 1.28 does not see that a mounted file has
        changed: for it the lock is copied in."""
        mount, copy = ("--mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt", "") if mounted else ("", "COPY requirements.txt /tmp/requirements.txt\n")
        return self.write(container, **{"requirements.txt": self.wheels.lines(versions), "Dockerfile": f"""FROM {prefix}base:1
RUN echo {container} >/etc/container
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_NO_CONFIG=1
RUN python3 -m venv --without-pip /opt/venv
{copy}RUN --mount=type=cache,target=/root/.cache/uv --mount=type=bind,from={prefix}uv:1,source=/uv,target=/bin/uv {mount} \\
    uv pip install --require-hashes --no-deps --default-index {self.wheels.url} -r /tmp/requirements.txt
"""})

    def offline(self, tool, versions, number, prefix, compiled=True):
        """All wheels are there (build context "wheels"); nothing of an earlier round is. Without versions it ends before they are installed."""
        install = {"uv": "uv pip install --no-cache --no-index --find-links /wheels --require-hashes --no-deps -r /tmp/requirements.txt",
                   "pip": "/usr/bin/python3 -m pip --python /opt/venv install --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels --require-hashes --no-deps "
                          f"{'' if compiled else '--no-compile '}-r /tmp/requirements.txt"}[tool]
        return self.write(f"{tool}-{bool(versions)}-{compiled}", **{"requirements.txt": self.wheels.lines(versions), "Dockerfile": f"""FROM {prefix}base:1
RUN echo {tool} {number} {compiled} >/etc/container
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin UV_LINK_MODE=copy UV_COMPILE_BYTECODE={int(compiled)} UV_NO_CONFIG=1
RUN python3 -m venv --without-pip /opt/venv
RUN --mount=type=bind,from=wheels,target=/wheels --mount=type=bind,from={prefix}uv:1,source=/uv,target=/bin/uv \\
    --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt \\
    {install if versions else "ls /wheels >/dev/null"}
"""})


class Project:
    """A project of lockstep with those containers. mmdebstrap is replaced by what gives the tree that the other side stands on."""

    def __init__(self, folder, store, tree, wheels, versions, repository, engine=None, bytecode="pip"):
        self.folder, self.store, self.repository = folder, store, repository.split("/", 1)[1]
        common = set.intersection(*(set(each) for each in versions.values()))
        files = {
            "recipes/project.yaml": f"name: bench\nrepository: {repository}\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n",
            "recipes/python.yaml": "groups:\n  common: {description: in all}\n" + "".join(f"  {each}: {{description: one container, include: [common]}}\n" for each in versions)
                                   + "packages:\n" + "".join(f"  {name}: {{groups: [common]}}\n" for name in sorted(common))
                                   + "".join(f"  {name}: {{groups: [{', '.join(c for c in versions if name in versions[c])}]}}\n"
                                             for name in sorted({name for each in versions.values() for name in each} - common)),
            "recipes/bases/bookworm.yaml": "description: Debian with Python\nfrom:\n  mmdebstrap: {suite: bookworm, variant: minbase, components: [main], include: "
                                           "[ca-certificates, python3, python3-pip, python3-venv]}\npython: /usr/bin/python3\n"
                                           'environment: {python: "3.11", implementation: cpython, os: linux, machine: x86_64, libc: glibc, libc_version: "2.36"}\n',
            "Jenkinsfile": "".join(f"{each} = '{repository}/{each}:v0.0'\n" for each in versions),
        }
        for container in versions:
            files[f"recipes/layers/mark-{container}.yaml"] = f'description: a mark\nsteps:\n  - run: [sh, -c, "echo {container} >/etc/container"]\n'
            files[f"containers/{container}/container.yaml"] = f"description: one\nbase: bookworm\nlayers: [mark-{container}]\npython: {{groups: [{container}], bytecode: {bytecode}}}\n"
        for path, content in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w") as file:
                file.write(content)
        fake = os.path.join(folder, ".fake")
        os.makedirs(fake)
        with open(os.path.join(fake, "mmdebstrap"), "w") as file:
            file.write(f'#!/bin/sh\nwhile [ "$1" != bookworm ]; do shift; done\ncp "{tree}" "$2"\n')
        os.chmod(os.path.join(fake, "mmdebstrap"), 0o755)
        run(["git", "init", "-q", folder])
        self.engine = None if engine else Buildah(os.path.join(folder, ".storage"))
        environment = (engine or self.engine).environment
        self.environment = {**{name: value for name, value in environment.items() if not re.match(r"(PIP|UV)_", name)}, "PATH": f"{fake}:{environment['PATH']}",
                            "PIP_CONFIG_FILE": "/dev/null", "UV_NO_CONFIG": "1", "UV_DEFAULT_INDEX": wheels.url, "LOCKSTEP_UV": UV, "LOCKSTEP_CACHE": store,
                            "UV_CACHE_DIR": store + "-uv", "LOCKSTEP_SYSTEM_PACKAGES": "unlocked", "LOCKSTEP_PLAIN_HTTP": repository.split("/")[0]}

    def forget_layers(self, registry, compiled=True):
        """As if no Python layer had ever been made: not in the store, not in the registry, and with `compiled` none of its sources compiled. What is below stays, as it does
        for a build."""
        layers, digests = os.path.join(self.store, "layers"), set()
        for made in [each for each in os.listdir(layers) if re.fullmatch("[0-9a-f]{2}", each)]:
            for folder, _, names in os.walk(os.path.join(layers, made)):
                for name in names:
                    with open(os.path.join(folder, name)) as file:
                        digests.add(json.load(file)["digest"])
            shutil.rmtree(os.path.join(layers, made))
        if compiled:
            shutil.rmtree(os.path.join(self.store, "bytecode"), ignore_errors=True)
        for digest in digests:
            for folder, _, names in os.walk(os.path.join(self.store, "files", "sha256")):
                if digest in names:
                    os.unlink(os.path.join(folder, digest))
        registry.forget(digests, self.repository)

    def close(self):
        if self.engine:
            self.engine.close()
