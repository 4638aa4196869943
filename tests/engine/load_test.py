#!/usr/bin/env python3
"""Images put into real engines and taken out again: buildah and podman in storages of their own, docker with a daemon of its own. Each on top of a system image that the
engine built, with all layers and with only those it lacks; twice, stale, wrong, killed, many."""
import contextlib, gzip, hashlib, io, json, os, shutil, signal, struct, subprocess, sys, tarfile, time

ROOT = os.environ["ROOT"]
WORK = os.getcwd()
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import cases

TRY = os.path.join(ROOT, "build/debug/tests/oracle/engine_try")
EMPTY = 3  # ERR_NOT_FOUND
WRONG = 8  # ERR_DIGEST
ENGINES = ["buildah", "podman", "docker"]


def output(*argv, env=None):
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=env).stdout


class Layer:
    """A layer of a few files, and its file on disk, packed in some way."""

    def __init__(self, files, packed="gzip", name=None):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for path, content in sorted(files.items()):
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o640
                tar.addfile(entry, io.BytesIO(content))
        plain = buffer.getvalue()
        self.diff_id = "sha256:" + hashlib.sha256(plain).hexdigest()
        self.packed = packed
        data = {"gzip": lambda: gzip.compress(plain, 1, mtime=0), "tar": lambda: plain, "zstd": lambda: zstd_stored(plain)}[packed]()
        self.digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.path = os.path.join(WORK, f"layer-{name or self.digest[7:19]}")
        with open(self.path, "wb") as file:
            file.write(data)

    def words(self, diff_id=None):
        return [self.packed, self.path, diff_id or self.diff_id]


def zstd_stored(plain):
    """A zstd frame (RFC 8878) of stored blocks: no compressor is needed."""
    blocks = [plain[at : at + 0x10000] for at in range(0, len(plain), 0x10000)]
    out = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(plain))
    for i, block in enumerate(blocks):
        out += struct.pack("<I", len(block) << 3 | (i == len(blocks) - 1))[:3] + block
    return out


class Engine:
    def __init__(self, name, settings):
        self.name = name
        self.env = {**os.environ, **settings}
        self.client = "/usr/bin/docker" if name == "docker" else name
        self.temporary = os.path.join(WORK, f"handed over to {name}")
        os.makedirs(self.temporary)

    def run_try(self, *args, expect=0):
        done = subprocess.run([TRY, self.name, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.env)
        if expect:
            assert done.returncode == 1 and done.stderr.startswith(f"error {expect}: "), (self.name, args, done)
            return done.stderr
        assert done.returncode == 0, (self.name, args, done)
        return done.stdout

    def load(self, below, tag, *layers, has=-1, expect=0):
        said = self.run_try("load", below, tag, has, self.temporary, *(word for layer in layers for word in (layer if isinstance(layer, list) else layer.words())), expect=expect)
        assert os.listdir(self.temporary) == [], os.listdir(self.temporary)
        return said

    def config(self, tag):
        return self.run_try("describe", tag).split("\n")[0].split()[1]

    def reads(self, tag, path):
        return self.run_try("run", tag, "cat", path)

    def is_there(self, tag):
        done = subprocess.run([TRY, self.name, "inspect", tag], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.env)
        assert done.returncode == 0 or done.stderr.startswith("error 3: "), done
        return done.returncode == 0

    def images(self):
        """Names and ids of all images."""
        listing = ["images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"] if self.name != "buildah" else ["images", "--format", "{{.Name}}:{{.Tag}} {{.ID}}"]
        return sorted(output(self.client, *listing, env=self.env).split("\n"))

    def remove(self, *tags):
        subprocess.run([self.client, "rmi", "-f", *tags], check=True, capture_output=True, env=self.env)
        if self.name == "docker":
            output(self.client, "system", "prune", "--all", "--force", env=self.env)


def make_images(engine):
    os.makedirs("context", exist_ok=True)
    if not os.path.exists("context/base.tar"):
        output(os.path.join(ROOT, "tests/engine/tiny_base.sh"), "context/base.tar")
        for name, text in (("Base", "FROM scratch\nADD base.tar /\nENV WORD=\"a b\"\n"), ("System", "FROM t/base:1\nRUN echo system >/etc/system\nLABEL a=b kept=yes\n")):
            with open(name, "w") as file:
                file.write(text)
    engine.run_try("build", "Base", "context", "t/base:1")
    engine.run_try("build", "System", "context", "t/system:1")


@contextlib.contextmanager
def each_engine():
    yield RUNNING


A = Layer({"opt/a": b"a of one\n", "opt/shared": b"from a\n"})
B = Layer({"opt/b": b"b of one\n", "opt/shared": b"from b\n"})
B2 = Layer({"opt/b": b"b of two\n"}, "tar")


def case_only_what_is_missing(engines):
    for e in engines:
        said = e.load("t/system:1", "localhost/t/one:1", A, B).split("\n")
        config = said[0].split()[1]
        assert e.config("localhost/t/one:1") == config, said
        assert f"id {config}\n" in e.run_try("inspect", "localhost/t/one:1")
        assert e.reads("localhost/t/one:1", "/opt/shared") == "from b\nexit 0\n"
        assert e.reads("localhost/t/one:1", "/etc/system") == "system\nexit 0\n"
        assert e.run_try("run", "localhost/t/one:1", "sh", "-c", "ls -l /opt/a; echo $WORD").endswith("/opt/a\na b\nexit 0\n")
        labels = json.loads(output(e.client, "inspect", "--type", "image", "localhost/t/one:1", env=e.env))
        labels = (labels["OCIv1"]["config"] if e.name == "buildah" else labels[0]["Config"])["Labels"]
        assert labels["a"] == "b" and labels["kept"] == "yes" and labels["lockstep.test"] == "yes", labels


def case_twice_is_once(engines):
    for e in engines:
        before = e.images()
        e.load("t/system:1", "localhost/t/one:1", A, B)
        assert e.images() == before, (before, e.images())


def case_a_tag_moves(engines):
    for e in engines:
        e.load("t/system:1", "localhost/t/moving:1", A, B)
        e.load("t/system:1", "localhost/t/moving:1", A, B2)
        assert e.reads("localhost/t/moving:1", "/opt/b") == "b of two\nexit 0\n"
        assert e.reads("localhost/t/one:1", "/opt/b") == "b of one\nexit 0\n"


def case_a_wrong_diff_id_is_refused(engines):
    other = Layer({"opt/other": b"never loaded\n"})
    for e in engines:
        before = e.images()
        said = e.load("t/system:1", "localhost/t/wrong:1", A, B.words(other.diff_id), expect=WRONG)
        assert B.diff_id in said and other.diff_id in said, said
        assert e.images() == before and not e.is_there("localhost/t/wrong:1")


def case_a_layer_nobody_has(engines):
    for e in engines:
        e.run_try("save", "t/system:1", os.path.join(WORK, mkdir(f"alone-{e.name}")))
        config = json.load(open(f"alone-{e.name}.json"))
        config["rootfs"]["diff_ids"].append("sha256:" + "5" * 64)
        with open("unknown.json", "w") as file:
            json.dump(config, file)
        before = e.images()
        said = e.run_try("put", "unknown.json", "localhost/t/unknown:1", 2, e.temporary, expect=EMPTY)
        assert "has not got layer sha256:5555" in said, said
        assert e.images() == before and os.listdir(e.temporary) == []


def mkdir(name):
    os.makedirs(name)
    return name


def case_saved_is_what_was_loaded(engines):
    for e in engines:
        folder = os.path.join(WORK, mkdir(f"saved-{e.name}"))
        lines = [line.split() for line in e.run_try("save", "localhost/t/one:1", folder).split("\n") if line]
        layers = [line[1:] for line in lines if line[0] == "layer"]
        assert [layer[0] for layer in layers[-2:]] == [A.diff_id, B.diff_id], layers
        assert lines[0][1] == e.config("localhost/t/one:1") and lines[1][1].startswith("sha256:")
        for diff_id, digest, kind, size, path in layers:
            data = open(path, "rb").read()
            assert digest == "sha256:" + hashlib.sha256(data).hexdigest() and int(size) == len(data)
            assert kind == ".tar" and digest == diff_id or gzip.decompress(data) and kind == ".tar+gzip", (kind, digest, diff_id)
        e.saved = [("tar" if kind == ".tar" else "gzip", path, diff_id) for diff_id, digest, kind, size, path in layers]


def case_all_layers_into_an_engine_that_has_none(engines):
    """After everything was removed; also when it was said to be there, while the files are."""
    for e in engines:
        for has in (0, len(e.saved)):
            config = e.config("localhost/t/one:1")
            e.remove("localhost/t/one:1", "localhost/t/moving:1", "t/system:1", "t/base:1")
            assert not e.is_there("t/base:1")
            e.run_try("put", os.path.join(WORK, f"saved-{e.name}.json"), "localhost/t/one:1", has, e.temporary, *(word for layer in e.saved for word in layer))
            assert e.config("localhost/t/one:1") == config
            assert e.reads("localhost/t/one:1", "/opt/shared") == "from b\nexit 0\n"
            assert e.reads("localhost/t/one:1", "/etc/system") == "system\nexit 0\n"
            make_images(e)
            e.load("t/system:1", "localhost/t/moving:1", A, B2)


def case_one_hundred_and_ten_layers(engines):
    layers = [Layer({f"opt/many/{i}": b"layer %d\n" % i}, name=f"many-{i}") for i in range(108)]
    for e in engines:
        e.load("t/system:1", "localhost/t/many:1", *layers)
        said = e.run_try("run", "localhost/t/many:1", "cat", "/opt/many/0", "/opt/many/63", "/opt/many/107")
        assert said == "layer 0\nlayer 63\nlayer 107\nexit 0\n", said
        e.load("t/system:1", "localhost/t/many:2", *layers[:-1], Layer({"opt/many/107": b"moved\n"}))
        assert e.reads("localhost/t/many:2", "/opt/many/107") == "moved\nexit 0\n"


def case_zstd_where_it_is_read(engines):
    layer = Layer({"opt/z": b"z" * 200000}, "zstd")
    for e in engines:
        if e.name == "docker":
            version = int(output(e.client, "version", "--format", "{{.Server.Version}}", env=e.env).split(".")[0])
            if version < 23:
                said = e.load("t/system:1", "localhost/t/z:1", layer, expect=9)
                assert "zstd" in said and "23 and newer can" in said and not e.is_there("localhost/t/z:1"), said
                continue
        e.load("t/system:1", "localhost/t/z:1", layer)
        assert e.run_try("run", "localhost/t/z:1", "sh", "-c", "wc -c </opt/z") == "200000\nexit 0\n"


def case_killed_in_the_middle(engines):
    """Whenever it ends, the tag is the old image or the new one; what stays is cleaned, and the next load is right."""
    large = Layer({"opt/large": os.urandom(30_000_000), "opt/b": b"after the kill\n"}, name="large")
    for e in engines:
        e.load("t/system:1", "localhost/t/killed:1", A)
        old = e.config("localhost/t/killed:1")
        for wait in (0.02, 0.4, 0.9, 1.6):
            process = subprocess.Popen([TRY, e.name, "load", "t/system:1", "localhost/t/killed:1", "-1", e.temporary, *large.words()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=e.env)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(wait)
            process.send_signal(signal.SIGKILL)
            process.wait()
            content = {old: "cat: /opt/b", None: "after the kill\n"}
            now = e.config("localhost/t/killed:1")
            said = e.run_try("run", "localhost/t/killed:1", "sh", "-c", "cat /opt/b 2>&1")
            assert said.startswith(content[old if now == old else None]), (now, old, said)
        wait_for_nobody(e)
        e.run_try("clean")
        assert not [name for name in e.images() if "lockstep-load" in name], e.images()
        shutil.rmtree(e.temporary)
        os.makedirs(e.temporary)
        e.load("t/system:1", "localhost/t/killed:1", large)
        assert e.reads("localhost/t/killed:1", "/opt/b") == "after the kill\nexit 0\n"


def wait_for_nobody(e):
    """Until no client of a killed load runs any more."""
    for _ in range(300):
        if subprocess.run(["pgrep", "-f", f"{e.temporary}|{WORK}.*pull --quiet oci:"], capture_output=True).returncode:
            return
        time.sleep(0.1)


def case_skopeo_reads_the_same(engines):
    if not shutil.which("skopeo"):
        print("  (without skopeo: 'apt-get install skopeo' mends that)")
        return
    for e in engines:
        if e.name == "docker":
            where = ["--daemon-host", e.env["DOCKER_HOST"], "docker-daemon:localhost/t/one:1"]
        else:
            conf = {line.split(" = ")[0]: line.split('"')[1] for line in open(e.env["CONTAINERS_STORAGE_CONF"]) if " = " in line}
            where = [f"containers-storage:[{conf['driver']}@{conf['graphroot']}+{conf['runroot']}]localhost/t/one:1"]
        config = subprocess.run(["skopeo", "inspect", "--raw", "--config", *where], check=True, capture_output=True).stdout
        assert "sha256:" + hashlib.sha256(config).hexdigest() == e.config("localhost/t/one:1"), e.name
        seen = json.loads(config)
        assert seen["rootfs"]["diff_ids"][-2:] == [A.diff_id, B.diff_id]
        assert [h["created_by"] for h in seen["history"][-2:]] == [A.path, B.path]
        inspected = json.loads(output("skopeo", "inspect", *where))
        assert len(inspected["Layers"]) == len(seen["rootfs"]["diff_ids"]) and inspected["Labels"]["lockstep.test"] == "yes"


def own_storage(name):
    """For buildah and podman; overlay where it can be. The settings that make it theirs."""
    conf = os.path.join(WORK, f"{name}.conf")
    settings = {"CONTAINERS_STORAGE_CONF": conf}
    for driver in ("overlay", "vfs"):
        with open(conf, "w") as file:
            file.write(f'[storage]\ndriver = "{driver}"\ngraphroot = "{WORK}/{name}-storage"\nrunroot = "{WORK}/{name}-run"\n')
        if subprocess.run([name, "info"], capture_output=True, env={**os.environ, **settings}).returncode == 0:
            return settings
        shutil.rmtree(f"{name}-storage", ignore_errors=True)
    return settings


def start_one(name):
    """An engine, or None with the reason said."""
    if name != "docker":
        if shutil.which(name):
            return Engine(name, own_storage(name))
        print(f"  (without {name}: 'apt-get install {name}' mends that)")
        return None
    started = subprocess.run([os.path.join(ROOT, "tests/engine/dockerd.sh"), "start", os.path.join(WORK, "dockerd")], stdout=subprocess.PIPE, text=True)
    if started.returncode == 0:
        return Engine(name, {"DOCKER_HOST": started.stdout.strip()})
    print(f"  (without docker: {started.stdout.strip()})")
    return None


def start():
    for name in ENGINES:
        engine = start_one(name)
        if engine:
            make_images(engine)
            RUNNING.append(engine)


def finish():
    subprocess.run([os.path.join(ROOT, "tests/engine/dockerd.sh"), "stop", os.path.join(WORK, "dockerd")])
    for line in sorted(open("/proc/mounts"), reverse=True):
        if f" {WORK}/" in line:
            subprocess.run(["umount", "-l", line.split()[1]])


RUNNING = []
if __name__ == "__main__":
    try:
        start()
    except BaseException:
        finish()
        raise
    if not RUNNING:
        finish()
        print("no engine works here")
        sys.exit(77)
    cases.run(globals(), around=each_engine, finish=finish)
