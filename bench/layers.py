#!/usr/bin/env python3
"""Wheels into layers on one core, beside `tar | gzip -6` of the same files installed, and beside the least that there is to do for it (inflating and hashing alone);
then one layer a wheel on one core and on two. Sides take turns; prints the best of the rounds, the peak memory of the largest process, and how many bytes a second of
what is installed. Wheels are in the page cache and their digests known, as they are to who has a lock. What all layers of a lock take beside pip and uv in a build is
shown by bench/bump_one.py --only layers.

usage: bench/layers.py [--rounds N] [WHEEL|FOLDER ...]   without wheels: those of the newest release's ci-cpu, as far as they are in the cache"""
import argparse, glob, os, re, resource, shutil, subprocess, sys, tempfile, time, tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOOP = os.path.join(ROOT, "build/release/tests/oracle/layer_loop")
VENV = "/opt/venv"


def locked(folder):
    """The wheels of ci-cpu under their names."""
    with open(os.path.join(ROOT, "lockfiles/latest/lock.toml"), "rb") as file:
        lock = tomllib.load(file)
    cache = os.environ.get("LOCKSTEP_CACHE", os.path.expanduser("~/.cache/lockstep"))
    for package in lock["package"]:
        for entry in package["files"]:
            kept = os.path.join(cache, "files", "sha256", entry["sha256"][:2], entry["sha256"])
            if "ci-cpu" in package["containers"] and entry["name"].endswith(".whl") and os.path.exists(kept):
                os.symlink(kept, os.path.join(folder, entry["name"]))
                yield os.path.join(folder, entry["name"])
                break


def once(command, cache):
    """Wall and CPU seconds, peak KiB, stdout."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(["/usr/bin/time", "-f", "peak %M", *command], capture_output=True, text=True, env={**os.environ, "LOCKSTEP_CACHE": cache})
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[:6]}: {done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(re.search(r"peak (\d+)", done.stderr).group(1)), done.stdout


def best_of_each(rounds, commands, work):
    """The sides in turns, so that what else the machine does falls on all of them."""
    runs = {}
    for number in range(rounds):
        for name, (command, once_only) in commands.items():
            if number and once_only:
                continue
            cache = os.path.join(work, "cache")
            shutil.rmtree(cache, ignore_errors=True)
            runs.setdefault(name, []).append(once(command, cache))
    return {name: min(each) for name, each in runs.items()}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("wheels", nargs="*")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as work:
        wheels = [wheel for name in given.wheels for wheel in (sorted(glob.glob(name + "/*.whl")) if os.path.isdir(name) else [name])] or list(locked(work))
        one, named = ["taskset", "-c", "0"], [LOOP, "--by-name"]
        layer, tree = os.path.join(work, "layer.tar.gz"), os.path.join(work, "tree")
        first = once([*named, layer, VENV, *wheels], work)
        packed, _, installed, files = (int(field) for field in first[3].split()[2:6])
        os.makedirs(tree)
        subprocess.run(["tar", "-xzf", layer, "-C", tree], check=True)
        theirs = f"tar -C {tree} -cf - . | gzip -6 | wc -c"
        runs = best_of_each(given.rounds, {
            "tar | gzip -6": ([*one, "sh", "-c", theirs], True),
            "one layer": ([*one, *named, layer, VENV, *wheels], False),
            "inflating and hashing alone": ([*one, LOOP, "--floor", "-", VENV, *wheels], False),
            "a layer each, one core": ([*one, *named, "--apart", "1", "-", VENV, *wheels], False),
            "a layer each, two cores": (["taskset", "-c", "0,1", *named, "--apart", "2", "-", VENV, *wheels], False),
        }, work)
        print(f"{len(wheels)} wheels, {sum(map(os.path.getsize, wheels)) / 1e6:.1f} MB; {files} files, {installed / 1e6:.1f} MB installed; "
              f"the layer has {packed / 1e6:.1f} MB, that of gzip {int(runs['tar | gzip -6'][3]) / 1e6:.1f} MB")
        print("| | s | s of CPU | MB/s installed | MiB |\n|---|---|---|---|---|")
        for name, (wall, cpu, peak, _) in runs.items():
            name = name.replace("|", "\\|")
            print(f"| {name} | {wall:.2f} | {cpu:.2f} | {installed / 1e6 / wall:.0f} | {peak / 1024:.1f} |")
        ours, alone = runs["one layer"], runs["a layer each, one core"]
        print(f"one layer: {runs['tar | gzip -6'][0] / ours[0]:.1f} times as fast as tar | gzip -6 (by CPU {runs['tar | gzip -6'][1] / ours[1]:.1f}), "
              f"{installed / 1e6 / ours[0]:.0f} MB/s (by CPU {installed / 1e6 / ours[1]:.0f}); "
              f"{ours[0] / runs['inflating and hashing alone'][0]:.2f} times the floor (by CPU {ours[1] / runs['inflating and hashing alone'][1]:.2f}); "
              f"two cores: {alone[0] / runs['a layer each, two cores'][0]:.2f} times one")

main()
