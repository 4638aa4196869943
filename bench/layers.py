#!/usr/bin/env python3
"""Wheels into layers on one core, beside `tar | gzip -6` of the same files installed, and beside the least that there is to do for it (inflating and hashing alone);
then one layer a wheel on one core and on two. Prints the best of the rounds, peak memory, and how many bytes a second of what is installed.

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


def best(rounds, command, work):
    runs = []
    for _ in range(rounds):
        cache = os.path.join(work, "cache")
        shutil.rmtree(cache, ignore_errors=True)
        runs.append(once(command, cache))
    return min(runs)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("wheels", nargs="*")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as work:
        wheels = [wheel for name in given.wheels for wheel in (sorted(glob.glob(name + "/*.whl")) if os.path.isdir(name) else [name])] or list(locked(work))
        one = ["taskset", "-c", "0"]
        layer, tree = os.path.join(work, "layer.tar.gz"), os.path.join(work, "tree")
        ours = best(given.rounds, [*one, LOOP, layer, VENV, *wheels], work)
        packed, plain, installed, files = (int(field) for field in ours[3].split()[2:6])
        os.makedirs(tree)
        subprocess.run(["tar", "-xzf", layer, "-C", tree], check=True)
        theirs = best(1, [*one, "sh", "-c", f"tar -C {tree} -cf - . | gzip -6 | wc -c"], work)
        least = best(given.rounds, [*one, LOOP, "--floor", "-", VENV, *wheels], work)
        alone = best(given.rounds, [*one, LOOP, "--apart", "1", "-", VENV, *wheels], work)
        both = best(given.rounds, [LOOP, "--apart", "2", "-", VENV, *wheels], work)
        print(f"{len(wheels)} wheels, {sum(map(os.path.getsize, wheels)) / 1e6:.1f} MB; {files} files, {installed / 1e6:.1f} MB installed; "
              f"the layer has {packed / 1e6:.1f} MB, that of gzip {int(theirs[3]) / 1e6:.1f} MB")
        for name, (wall, cpu, peak, _) in (("tar | gzip -6", theirs), ("one layer", ours), ("inflating and hashing alone", least), ("a layer each, one core", alone),
                                           ("a layer each, two cores", both)):
            print(f"{name:28} {wall:7.2f} s  {cpu:7.2f} s of CPU  {installed / 1e6 / wall:7.1f} MB/s  {peak / 1024:5.1f} MiB")
        print(f"{theirs[0] / ours[0]:.1f} times as fast as tar | gzip -6; {least[0] / ours[0] * 100:.0f} % of the time is inflating and hashing; "
              f"two cores: {alone[0] / both[0]:.2f} times one")


main()
