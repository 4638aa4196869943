#!/usr/bin/env python3
"""How long locking takes: this repository's containers beside one `uv pip compile` of the same union, and many containers of a local index beside uv itself.

usage: lock.py [--root ROUNDS] [--many ROUNDS] [--containers N] [--packages P] [--build release]

--root   this repository's recipes, on the index of whoever runs it: joint lock and `uv pip compile` take turns, first with what uv has cached, then with empty caches,
         then with empty caches and nothing locked before; the first ratio is of the medians, the other the median of the pairs. Everything in Python is looked for anew (--upgrade); Debian packages stay as
         they are, as they do unless somebody asks for them to move. The union holds what toolchain layers ask for too. One run of each before the first round is not counted.
--many   N containers (20) of P packages (300) each from an index on loopback: the time of lockstep less that of the uv it runs, and lockstep's peak memory
Without either, three rounds of both.
"""
import argparse, os, random, resource, shutil, statistics, subprocess, sys, tempfile, threading, time, tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests/lock"), os.path.join(ROOT, "tests/fakes")]

UV = os.environ.get("LOCKSTEP_UV") or os.path.join(ROOT, ".tools/bin/uv")


def uv_that_counts(work):
    """A uv that notes how long it took."""
    path = os.path.join(work, "uv")
    with open(path, "w") as f:
        f.write(f'#!/bin/bash\nbegin=$EPOCHREALTIME\n"{UV}" "$@"\ncode=$?\nend=$EPOCHREALTIME\necho "$begin $end" >>"{work}/uv.times"\nexit $code\n')
    os.chmod(path, 0o755)
    return path


def uv_seconds(work):
    path = os.path.join(work, "uv.times")
    times = [line.split() for line in open(path)] if os.path.exists(path) else []
    if os.path.exists(path):
        os.remove(path)
    return sum(float(e) - float(b) for b, e in times), len(times)


def run(argv, environment):
    """Seconds, MiB of one process, its children's memory apart, and seconds of CPU of all of them."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = [0]

    def watch():
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status") as f:
                    peak[0] = max([peak[0]] + [int(line.split()[1]) for line in f if line.startswith("VmHWM")])
            except OSError:
                return
            time.sleep(0.005)
    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    watcher.join()
    assert process.returncode == 0, out + err
    seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, peak[0] / 1024, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def root_project(work):
    root = os.path.join(work, "project")
    for folder in ("recipes", "containers"):
        shutil.copytree(os.path.join(ROOT, folder), os.path.join(root, folder))
    shutil.copy(os.path.join(ROOT, "Jenkinsfile"), root)
    return root


def union_of(root):
    with open(os.path.join(root, ".lockstep/lock.toml"), "rb") as f:
        lock = tomllib.load(f)
    tools = {f"{p['name']}=={p['version']}" for p in lock.get("toolchain", [])}
    return sorted({d for c in lock["container"] for d in c["direct"]} | tools), lock


def bench_root(lockstep, rounds):
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as work:
        root, environment = root_project(work), {**os.environ, "LOCKSTEP_UV": uv_that_counts(work), "LOCKSTEP_CACHE": work + "/cache", "UV_CACHE_DIR": work + "/uv-cache"}
        lock = [lockstep, "lock", "-C", root, "--quiet"]
        run(lock, environment)
        union, locked = union_of(root)
        with open(work + "/union.in", "w") as f:
            f.write("\n".join(union) + "\n")
        compile_union = [UV, "pip", "compile", "--quiet", "--no-build", "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_36", "--generate-hashes",
                         "--upgrade", "-o", work + "/union.txt", work + "/union.in"]
        run(compile_union, environment)
        print(f"{len(locked['container'])} containers, {len(locked['package'])} packages, {len(locked.get('toolchain', []))} of toolchains; union of {len(union)} requirements")
        for cache in ("warm", "cold", "cold, first lock"):
            times, cpu, peaks = {"lockstep": [], "uv": []}, {"lockstep": [], "uv": []}, []
            for number in range(rounds):
                pair = [("lockstep", [*lock, "--dry-run", *([] if "first" in cache else ["--upgrade"])]), ("uv", compile_union)]
                for what, argv in pair if number % 2 else reversed(pair):
                    if "first" in cache:
                        shutil.rmtree(root + "/.lockstep", ignore_errors=True)
                    if cache != "warm":
                        shutil.rmtree(work + "/uv-cache", ignore_errors=True)
                        shutil.rmtree(work + "/cache", ignore_errors=True)
                    # What apt says of a first lock is no part of this.
                    seconds, peak, cpu_seconds = run(argv, {**environment, **({"LOCKSTEP_SYSTEM_PACKAGES": "unlocked"} if "first" in cache else {})})
                    times[what].append(seconds)
                    cpu[what].append(cpu_seconds)
                    if what == "lockstep":
                        peaks.append(peak)
            medians, cpu = ({what: statistics.median(t) for what, t in all.items()} for all in (times, cpu))
            pairs = [a / b for a, b in zip(times["lockstep"], times["uv"])]
            print(f"{cache}: lockstep lock {medians['lockstep']:.2f} s, uv pip compile {medians['uv']:.2f} s, ratio {medians['lockstep'] / medians['uv']:.2f};"
                  f" of pairs {statistics.median(pairs):.2f} ({', '.join(f'{p:.2f}' for p in pairs)}); CPU {cpu['lockstep']:.2f} s and {cpu['uv']:.2f} s;"
                  f" {max(peaks):.1f} MiB; load {os.getloadavg()[0]:.0f}", flush=True)


def many_packages(count):
    """Packages that require up to three later ones, three versions each."""
    r, packages = random.Random(300), {}
    for i in range(count):
        later = [f"pkg-{r.randrange(i + 1, count)}" for _ in range(3) if i + 1 < count]
        packages[f"pkg-{i}"] = {f"{v}.0": sorted({f"{name}>={r.randrange(1, v + 1)}" for name in later}) for v in (1, 2, 3)}
    return packages


def bench_many(lockstep, rounds, containers, count):
    import index as fake, scenarios_test as scenarios
    packages = many_packages(count + count // 3)
    groups = {f"g{i}": sorted(random.Random(i).sample(list(packages), count)) for i in range(containers)}
    declared = {name: {"groups": [g for g, names in groups.items() if name in names]} for name in packages}
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as work, fake.Index({"packages": packages}) as index:
        root = work + "/project"
        # A base that is an image: no apt is asked what it holds.
        bases = {"py311": {"from": {"image": "registry.example/base@sha256:" + "0" * 64}, "environment": {"python": "3.11"}}}
        scenarios.write_project(root, {"packages": declared, "bases": bases, "containers": {f"ci-{i}": [f"g{i}"] for i in range(containers)}, "resolver": "uv"}, index.address)
        environment = {**scenarios.environment(work, index, {}), "LOCKSTEP_UV": uv_that_counts(work)}
        for what, arguments in (("first lock", []), ("nothing moved", []), ("--upgrade", ["--upgrade"])):
            own, whole, peaks = [], [], []
            for _ in range(rounds if what != "first lock" else 1):
                uv_seconds(work)
                seconds, peak, _ = run([lockstep, "lock", "-C", root, "--quiet", *arguments], environment)
                uv, calls = uv_seconds(work)
                own.append(seconds - uv)
                whole.append(seconds)
                peaks.append(peak)
            print(f"{containers} containers of {count} packages, {what}: lockstep lock {statistics.median(whole):.2f} s in all, {statistics.median(own):.2f} s without the"
                  f" {calls} runs of uv; peak memory {max(peaks):.1f} MiB")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--root", type=int, metavar="ROUNDS")
    p.add_argument("--many", type=int, metavar="ROUNDS")
    p.add_argument("--containers", type=int, default=20)
    p.add_argument("--packages", type=int, default=300)
    p.add_argument("--build", default="release")
    o = p.parse_args()
    lockstep = os.path.join(ROOT, "build", o.build, "lockstep")
    if o.root or not o.many:
        bench_root(lockstep, o.root or 3)
    if o.many or not o.root:
        bench_many(lockstep, o.many or 3, o.containers, o.packages)


main()
