#!/usr/bin/env python3
"""Measures lockstep's own part of the main job: wall-clock medians and peak memory of the release program, as whole processes.

usage: bench/main_job.py [--runs N] [--bump] [--whole-bump]

Without --bump: check and render of this repository's containers and of 250, 500 and 1,000 generated ones, diff of two releases, all in copies.
With --bump also `lockstep bump` with nothing to do, in this repository (its images must have been built here), and what it wrote (nothing).
With --whole-bump also a bump of a copy of this repository that goes through every phase (a changed repository name, so the last stage of each container is built and
all of it is locked, asked, verified and released), and the peak memory of the lockstep process alone; it uses this machine's cache and buildah, and tidies up.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCKSTEP = os.path.join(ROOT, "build/release/lockstep")


def measure(argv, folder, runs, expected=(0,)):
    """(median seconds, peak kB) of a command run `runs` times after one warm-up."""
    seconds, peak = [], 0
    for run in range(runs + 1):
        began = time.perf_counter()
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        if os.waitstatus_to_exitcode(status) not in expected:
            sys.exit(f"{' '.join(argv)} in {folder} ended with {os.waitstatus_to_exitcode(status)}")
        if run:
            seconds.append(took)
            peak = max(peak, usage.ru_maxrss)
    return statistics.median(seconds), peak


def row(name, result, limit_ms=None):
    print(f"| {name} | {result[0] * 1000:.1f} ms | {result[1] / 1024:.1f} MiB | {'at most %d ms' % limit_ms if limit_ms else ''} |", flush=True)


def copy_project(folder):
    target = os.path.join(folder, "root")
    for name in ("recipes", "containers", "lockfiles", "Jenkinsfile"):
        source = os.path.join(ROOT, name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(target, name))
        elif os.path.exists(source):
            shutil.copy(source, os.path.join(target, name))
    return target


def fingerprint(folder):
    """Every file with its size and times, but for what others write."""
    found = {}
    for path, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f not in (".git", "build", ".tools", "__pycache__")]
        for name in names:
            status = os.lstat(os.path.join(path, name))
            found[os.path.join(path, name)] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def watch(argv, folder):
    """(seconds, peak kB of this one process, not of its children)."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as f:
                peak = max([peak] + [int(line.split()[1]) for line in f if line.startswith("VmHWM:")])
        except OSError:
            pass
        time.sleep(0.005)
    if process.returncode:
        sys.exit(f"{' '.join(argv)} in {folder} ended with {process.returncode}")
    return time.perf_counter() - began, peak


def images():
    return set(subprocess.run(["buildah", "images", "--format", "{{.Name}}:{{.Tag}}"], capture_output=True, text=True, check=True).stdout.split())


def whole_bump(folder):
    target = copy_project(folder)
    settings = os.path.join(target, "recipes/project.yaml")
    with open(settings, encoding="utf-8") as f:
        text = f.read()
    name = "lockstep-bench"
    changed = "".join(f"repository: {name}\n" if line.startswith("repository:") else line for line in text.splitlines(True))
    with open(settings, "w", encoding="utf-8") as f:
        f.write(changed)
    jenkinsfile = os.path.join(target, "Jenkinsfile")
    with open(jenkinsfile, encoding="utf-8") as f:
        tags = f.read()
    with open(jenkinsfile, "w", encoding="utf-8") as f:
        f.write(tags.replace("'lockstep/ci-", f"'{name}/ci-"))
    os.makedirs(os.path.join(target, ".tools"), exist_ok=True)
    os.symlink(os.path.join(ROOT, ".tools/bin"), os.path.join(target, ".tools/bin"))
    before = images()
    try:
        return watch([LOCKSTEP, "bump", "--engine", "buildah"], target)
    finally:
        # Only what is surely ours; the stages below the last are this repository's own and save its next bump the work.
        with open(os.path.join(target, ".lockstep/build.json"), encoding="utf-8") as f:
            built = {"localhost/lockstep/lockstep/stage:" + s["key"] for s in json.load(f)["stages"] if s["place"].endswith("/container")}
        mine = [image for image in images() - before if f"/{name}/" in image or image in built]
        subprocess.run(["buildah", "rmi", *mine], stdout=subprocess.DEVNULL)


def main():
    runs = int(sys.argv[sys.argv.index("--runs") + 1]) if "--runs" in sys.argv else 11
    work = tempfile.mkdtemp(prefix="lockstep-bench-")
    print("| what | median | peak memory | wanted |\n|---|---|---|---|")
    try:
        project = copy_project(work)
        row("check, this repository", measure([LOCKSTEP, "check"], project, runs), 20)
        row("render --check, this repository", measure([LOCKSTEP, "render", "--check"], project, runs), 20)
        for count in (250, 500, 1000):
            target = os.path.join(work, f"generated-{count}")
            subprocess.run([os.path.join(ROOT, "tests/fakes/generate_project.py"), target, str(count)], check=True, stdout=subprocess.DEVNULL)
            limit = 1000 if count == 1000 else None
            row(f"check, {count} containers", measure([LOCKSTEP, "check"], target, 5), limit)
            subprocess.run([LOCKSTEP, "render", "-q"], cwd=target, check=True, stdout=subprocess.DEVNULL)
            row(f"render --check, {count} containers", measure([LOCKSTEP, "render", "--check"], target, 5), limit)
        releases = sorted(n for n in os.listdir(os.path.join(project, "lockfiles")) if n.startswith("v")) if os.path.isdir(os.path.join(project, "lockfiles")) else []
        if len(releases) > 1:
            row("diff of two releases", measure([LOCKSTEP, "diff", releases[-2], releases[-1]], project, runs, (0, 1)), 30)
        if "--bump" in sys.argv:
            before = fingerprint(ROOT)
            row("bump with nothing to do", measure([LOCKSTEP, "bump"], ROOT, 5), 2000)
            changed = [path for path, status in fingerprint(ROOT).items() if before.get(path) != status]
            print(f"\nfiles that the bumps with nothing to do wrote: {changed or 'none'}")
        if "--whole-bump" in sys.argv:
            shutil.rmtree(project)
            row("bump, all phases; memory of lockstep alone, at most 64 MiB", whole_bump(work))
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
