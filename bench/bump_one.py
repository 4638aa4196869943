#!/usr/bin/env python3
"""A bump of Python packages in three images, by lockstep and by what there is besides, side by side in one run.

usage: bump_one.py [--only ROW,...] [--rounds N] [--work FOLDER] [--baseline] [--lockstep]

push       a lock in which one small pure-Python package moved, to three images in a registry: three `buildctl build` at once; `buildx bake`; `lockstep build --push`
bump       the whole `lockstep bump --upgrade-package NAME --publish`: against the builds of "push" alone
docker     as push, but loaded into docker: three `docker build` at once (BuildKit), with the same Dockerfile
buildah    as push, but into containers-storage: three `buildah build` at once, with the same Dockerfile
large      as push, where a wheel of 100 MB moves
layers     all Python layers of a lock of 100 packages whose wheels are there, in one image in a registry: pip in a build, uv in a build, `lockstep build --push`; where all
           compile the sources, where lockstep did so once before, and where none does (--no-compile, UV_COMPILE_BYTECODE=0, `bytecode: none`)

Needs root, BuildKit (buildkitd, buildctl), buildx, docker, buildah, docker-registry, mmdebstrap, and once an index with the packages of this repository's own lock. Each
round has every side once, in turns; every measured run moves to a version that nobody has seen before. Times are of whole commands; the bytes are those that the
registry read; the memory is that of the lockstep process at its peak. FOLDER (kept, $TMPDIR/lockstep-bump-one) holds the base tree and the wheels for the next run."""
import argparse, os, shutil, signal, statistics, subprocess, sys, tempfile, threading, time, traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rig
from rig import ROOT, Failed

LOCKSTEP = os.path.join(ROOT, "build/release/lockstep")
LARGE = ("jaxlib", "0.4.38")


class Sides:
    """The timings of one row."""

    def __init__(self, name):
        self.name, self.seconds, self.sent, self.memory = name, {}, {}, 0

    def note(self, side, seconds, sent=None):
        self.seconds.setdefault(side, []).append(seconds)
        if sent is not None:
            self.sent.setdefault(side, []).append(sent)
        print(f"  {self.name}: {side} {seconds:.2f} s{'' if sent is None else f', {sent / 1e6:.2f} MB sent'}", flush=True)

    def lines(self):
        ours = self.seconds.get("lockstep")
        if ours and len(self.seconds) == 1:
            yield f"| {self.name} | | | {statistics.median(ours):.3f} s | | | {statistics.median(self.sent['lockstep']) / 1e6:.2f} MB | {self.memory:.0f} MiB |"
        for side, seconds in self.seconds.items():
            if side == "lockstep":
                continue
            theirs, median = statistics.median(seconds), ours and statistics.median(ours)
            sent = " | ".join(f"{statistics.median(self.sent[each]) / 1e6:.2f} MB" if each in self.sent else "" for each in (side, "lockstep"))
            yield (f"| {self.name} | {side} | {theirs:.2f} s | {f'{median:.3f} s' if ours else ''} | {f'{theirs / median:.0f}' if ours else ''} | {sent} | "
                   f"{f'{self.memory:.0f} MiB' if ours else ''} |")


def watched(argv, log, **more):
    """As rig.run(), and the peak memory of that process in MiB, without its children."""
    rig.rest()
    begin = time.monotonic()
    with open(log, "a") as out:
        out.write(f"$ {' '.join(argv)}\n")
        out.flush()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
        peak = 0

        def watch():
            nonlocal peak
            while process.poll() is None:
                try:
                    with open(f"/proc/{process.pid}/status") as file:
                        peak = max([peak] + [int(line.split()[1]) for line in file if line.startswith("VmHWM")])
                except OSError:
                    return
                time.sleep(0.01)
        watcher = threading.Thread(target=watch)
        watcher.start()
        process.wait()
        took = time.monotonic() - begin
        watcher.join()
    if process.returncode:
        with open(log) as file:
            raise Failed(f"{' '.join(argv)}: {process.returncode}\n{file.read()[-3000:]}")
    return took, peak / 1024


class Bench:
    def __init__(self, given):
        self.given, self.work = given, given.work
        self.log = os.path.join(self.work, "log")
        shutil.rmtree(os.path.join(self.work, "run"), ignore_errors=True)
        self.here = os.path.join(self.work, "run")
        os.makedirs(self.here)
        os.makedirs(os.path.join(self.work, "cache"), exist_ok=True)
        self.open = []
        self.tick = 0
        self.rows = []

    def keep(self, what):
        self.open.append(what)
        return what

    def close(self):
        for what in reversed(self.open):
            try:
                what.close()
            except Exception:
                traceback.print_exc()

    def base(self):
        """The Debian tree that both sides stand on; made once."""
        path = os.path.join(self.work, "base.tar")
        if not os.path.exists(path):
            rig.run(["mmdebstrap", "--variant=minbase", "--include=ca-certificates,python3,python3-venv,python3-pip", "bookworm", path + ".new"], self.log)
            os.rename(path + ".new", path)
        return path

    def start(self):
        given = self.given
        self.wheels = self.keep(rig.Wheels(os.path.join(self.here, "wheels"), os.path.join(self.work, "wheels")))
        self.versions = {container: rig.locked(rig.COMMON + own) for container, own in rig.OWN.items()}
        assert all(len(each) == 61 for each in self.versions.values())
        everything = {name: version for each in self.versions.values() for name, version in each.items()}
        if "layers" in given.only:
            self.hundred = rig.hundred()
            everything |= self.hundred
        if "large" in given.only:
            everything[LARGE[0]] = LARGE[1]
        self.wheels.take(everything)
        self.registry = self.keep(rig.Registry(os.path.join(self.here, "registry")))
        self.folders = rig.Folders(os.path.join(self.here, "contexts"), self.wheels)
        if given.baseline and {"push", "bump", "large", "layers"} & set(given.only):
            self.buildkit = self.keep(rig.BuildKit(os.path.join(self.here, "buildkit"), self.registry))
            for name, folder in self.folders.bases(self.base()).items():
                rig.run(self.buildkit.command(folder, f"{self.registry.host}/{name}"), self.log)

    def move(self, versions, name=rig.MOVED):
        """Moves it in all containers."""
        version, _ = self.wheels.move(name, next(iter(versions.values()))[name])
        for each in versions.values():
            each[name] = version
        return version

    # The sides: each gives seconds, and notes the bytes.

    def builds(self, versions, make, before="", mounted=True):
        """The commands that build the three, from contexts written now."""
        self.tick += 1
        return [make(self.folders.context(container, each, before, mounted), container, f"v{self.tick}") for container, each in versions.items()]

    def timed(self, sides, side, work):
        received = self.registry.received()
        rig.rest()
        begin = time.monotonic()
        work()
        sides.note(side, time.monotonic() - begin, self.registry.received() - received)

    def buildctl(self, versions, sides=None, side="buildctl"):
        host = self.registry.host
        commands = self.builds(versions, lambda folder, container, tag: self.buildkit.command(folder, f"{host}/buildctl/{container}:{tag}"), f"{host}/")
        self.timed(sides, side, lambda: rig.run_together(commands, self.log)) if sides else rig.run_together(commands, self.log)

    def bake(self, versions, sides):
        host = self.registry.host
        folders = self.builds(versions, lambda folder, container, tag: (folder, f"{host}/bake/{container}:{tag}"), f"{host}/")
        command = self.buildkit.bake(self.here, folders)
        self.timed(sides, "bake", lambda: rig.run(command, self.log, env=self.buildkit.environment()))

    def lockstep(self, project, sides, *words, prepare=()):
        """A command of ours in a project of ours; what leads there is not timed."""
        for before in prepare:
            watched([LOCKSTEP, *before, "-C", project.folder, "--quiet"], self.log, env=project.environment)
        received = self.registry.received()
        took, memory = watched([LOCKSTEP, *words, "-C", project.folder, "--quiet"], self.log, env=project.environment)
        if sides:
            sides.note("lockstep", took, self.registry.received() - received)
            sides.memory = max(sides.memory, memory)

    def project(self, name, versions, **more):
        return self.keep(rig.Project(os.path.join(self.here, name), os.path.join(self.here, "store"), self.base(), self.wheels, versions, repository=f"{self.registry.host}/{name}",
                                     **more))

    # The rows.

    def row_push(self, moved=rig.MOVED, name="push", versions=None):
        sides = Sides(name)
        self.rows.append(sides)
        versions = versions or {container: dict(each) for container, each in self.versions.items()}
        given, project = self.given, None
        if given.baseline:
            self.buildctl(versions)
        if given.lockstep:
            project = self.project(name, versions)
            self.lockstep(project, None, "build", "--layers", "lockstep", "--push", prepare=[("lock",)])
        for _ in range(given.rounds):
            for side in (["buildctl"] if name != "push" else ["buildctl", "bake"]):
                if given.baseline:
                    self.move(versions, moved)
                    getattr(self, side)(versions, sides)
                for _ in range(given.ours if project else 0):
                    self.move(versions, moved)
                    self.lockstep(project, sides, "build", "--layers", "lockstep", "--push", prepare=[("lock", "--upgrade-package", moved)])
        return sides

    def row_large(self):
        self.row_push(LARGE[0], "large", {container: {**each, LARGE[0]: LARGE[1]} for container, each in self.versions.items()})

    def row_bump(self):
        sides = Sides("bump")
        self.rows.append(sides)
        versions = {container: dict(each) for container, each in self.versions.items()}
        given = self.given
        if given.baseline:
            self.buildctl(versions)
        if given.lockstep:
            project = self.project("bump", versions)
            self.lockstep(project, None, "bump", "--layers", "lockstep", "--publish")
        for _ in range(given.rounds):
            if given.baseline:
                self.move(versions)
                self.buildctl(versions, sides)
            for _ in range(given.ours if given.lockstep else 0):
                self.move(versions)
                self.lockstep(project, sides, "bump", "--layers", "lockstep", "--publish", "--upgrade-package", rig.MOVED)

    def row_local(self, name, engine):
        sides = Sides(name)
        self.rows.append(sides)
        versions = {container: dict(each) for container, each in self.versions.items()}
        given = self.given

        def theirs(sides):
            commands = self.builds(versions, lambda folder, container, tag: engine.command(folder, f"localhost/bench/{container}:{tag}"), engine.prefix,
                                   engine.sees_mounts)
            took = rig.run_together(commands, self.log, env=engine.environment)
            if sides:
                sides.note(f"{name} build", took)
        if given.baseline:
            for image, folder in self.folders.bases(self.base()).items():
                rig.run(engine.command(folder, engine.prefix + image), self.log, env=engine.environment)
            theirs(None)
        if given.lockstep:
            project = self.project(name, versions, engine=engine)
            # A release, which the plan of layers goes on from, and then one move as all others: what moves for the first time leaves its place among the others.
            self.lockstep(project, None, "bump", "--layers", "lockstep", "--engine", name)
            self.move(versions)
            self.lockstep(project, sides if given.first else None, "build", "--layers", "lockstep", "--engine", name, prepare=[("lock", "--upgrade-package", rig.MOVED)])
        for _ in range(given.rounds):
            if given.baseline:
                self.move(versions)
                theirs(sides)
            for _ in range(given.ours if given.lockstep else 0):
                self.move(versions)
                self.lockstep(project, sides, "build", "--layers", "lockstep", "--engine", name, prepare=[("lock", "--upgrade-package", rig.MOVED)])

    def row_docker(self):
        self.row_local("docker", self.keep(rig.Docker(os.path.join(self.here, "docker"))))

    def row_buildah(self):
        self.row_local("buildah", self.keep(rig.Buildah(os.path.join(self.here, "buildah"))))

    def install(self, tool, number, sides, compiled=True):
        """A build that only installs. Nothing below is new to it."""
        host, side = self.registry.host, f"{tool} in a build"

        def command(versions, what):
            folder = self.folders.offline(tool, versions, number, f"{host}/", compiled)
            return self.buildkit.command(folder, f"{host}/layers/{tool}:{what}{number}-{compiled}", "--local", f"wheels={self.wheels.folder}", "--opt",
                                         "context:wheels=local:wheels")
        rig.run(command({}, "w"), self.log)
        whole = command(self.hundred, "v")
        self.timed(sides, side, lambda: rig.run(whole, self.log))

    def row_layers(self):
        """Equal things beside each other: all of them compile, or none does; and what the default takes where the same sources were compiled once before."""
        rows = {name: Sides(name) for name in ("layers", "layers, compiled before", "layers, not compiled")}
        self.rows += rows.values()
        given, versions, projects = self.given, {"a": dict(self.hundred)}, {}
        for bytecode in ("pip", "none") if given.lockstep else ():
            projects[bytecode] = self.project(f"layers-{bytecode}", versions, bytecode=bytecode)
            self.lockstep(projects[bytecode], None, "build", "--layers", "lockstep", "--push", prepare=[("lock",)])
        for number in range(given.rounds):
            for name, sides in rows.items():
                compiled, mode = name != "layers, not compiled", "none" if name == "layers, not compiled" else "pip"
                for tool in ("pip", "uv") if given.baseline and name != "layers, compiled before" else ():
                    self.install(tool, number, sides, compiled)
                if given.lockstep:
                    projects[mode].forget_layers(self.registry, compiled=name == "layers")
                    self.lockstep(projects[mode], sides, "build", "--layers", "lockstep", "--push")


ROWS = {"push": Bench.row_push, "bump": Bench.row_bump, "docker": Bench.row_docker, "buildah": Bench.row_buildah, "large": Bench.row_large, "layers": Bench.row_layers}


def main():
    options = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1], add_help=False)
    options.add_argument("--only", default=",".join(ROWS))
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--ours", type=int, default=2)
    options.add_argument("--work", default=os.path.join(tempfile.gettempdir(), "lockstep-bump-one"))
    options.add_argument("--first", action="store_true")
    options.add_argument("--baseline", action="store_true")
    options.add_argument("--lockstep", action="store_true")
    given = options.parse_args()
    given.only = given.only.split(",")
    if not given.baseline and not given.lockstep:
        given.baseline = given.lockstep = True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begin = time.monotonic()
    bench = Bench(given)
    failed = 0
    try:
        bench.start()
        for row in given.only:
            try:
                ROWS[row](bench)
            except Failed as error:
                failed += 1
                print(f"  {row}: FAILED: {error}", flush=True)
    finally:
        bench.close()
        shutil.rmtree(bench.here, ignore_errors=True)
    print("\n| work | against | they | lockstep | times as fast | sent by them | by lockstep | memory of lockstep |\n|---|---|---|---|---|---|---|---|")
    for sides in bench.rows:
        print("\n".join(sides.lines()))
    print(f"\n{time.monotonic() - begin:.0f} s in all")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
