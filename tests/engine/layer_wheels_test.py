#!/usr/bin/env python3
"""Real wheels made into layers, beside what pip installs of them with --compile: every file, its mode and its bytes, RECORD to the letter, compiled sources by what
is in them. Then pip uninstalls them all, and nothing of them is left. The wheels are those of layer_wheels.txt; what is meant to differ stands in
layer_differences.txt with its reason. LOCKSTEP_LAYER_REAL=all takes all of the list and those of the containers of the newest release; LOCKSTEP_LAYER_FOLDER is a
folder that has some of them already."""
import glob, os, re, shutil, struct, subprocess, sys, time, tomllib

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/oracle"))
import layer_test as layers

HERE = os.path.join(ROOT, "tests/engine")
ALL = os.environ.get("LOCKSTEP_LAYER_REAL") == "all"
layers.MAKE = os.path.join(ROOT, "build/release/tests/oracle/layer_loop")
BATCH_WHEELS, BATCH_BYTES = 40, 300 << 20


def project(path):
    return re.sub(r"[-_.]+", "-", os.path.basename(path).split("-")[0]).lower()


def listed():
    with open(os.path.join(HERE, "layer_wheels.txt")) as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    return [row[0] for row in rows if ALL or len(row) > 1]


def differences():
    with open(os.path.join(HERE, "layer_differences.txt")) as file:
        rows = [line.rstrip("\n").split(": ", 2) for line in file if not line.startswith("#")]
    assert all(len(row) == 3 and len(row[2]) > 20 for row in rows), rows
    return {(name, what) for name, what, _ in rows}


def download(names):
    os.makedirs("wheels", exist_ok=True)
    folder = os.environ.get("LOCKSTEP_LAYER_FOLDER")
    arguments = ["/usr/bin/python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-cache-dir", "-d", "wheels"]
    done = subprocess.run([*arguments, *(["--find-links", folder, "--no-index"] if folder else []), *names], capture_output=True, text=True)
    if done.returncode:
        print("the package index does not give them:", done.stderr[-600:])
        sys.exit(77)
    return sorted(glob.glob("wheels/*.whl"), key=lambda path: (os.path.getsize(path), path))


def refused(path):
    done = layers.make([path], "/dev/null")
    if done.returncode == 0:
        return None
    return done.stderr


def batches(wheels):
    """Wheels that own one file cannot be together: pip lets the last one win, a layer refuses them."""
    waiting = list(wheels)
    while waiting:
        batch, owned, later, size = [], set(), [], 0
        for path in waiting:
            files = {name for name, *_ in members(path)}
            if len(batch) < BATCH_WHEELS and (size + os.path.getsize(path) < BATCH_BYTES or not batch) and not files & owned:
                batch.append(path)
                owned |= files
                size += os.path.getsize(path)
            else:
                later.append(path)
        yield batch
        waiting = later


def members(path):
    import zipfile
    with zipfile.ZipFile(path) as archive:
        return [(re.sub(r"^[^/]*\.data/(purelib|platlib)/", "", info.filename),) for info in archive.infolist() if not info.is_dir()]


def compare(wheels, known):
    """Files that differ, as (project or path, path)."""
    theirs = layers.pip_install("--compile", *layers.by_name(wheels))
    shutil.rmtree("theirs", ignore_errors=True)
    os.rename(layers.VENV, "theirs")
    done = layers.make(wheels, options=["--bytecode", "pip"])
    if done.returncode:
        layers.new_venv()
        done = layers.make(wheels, options=["--bytecode", "pip"])
    assert done.returncode == 0, done.stderr
    ours = layers.laid_over_venv()
    found = []
    for path in sorted(set(ours) | set(theirs)):
        if path.endswith(".pyc") and path in ours and path in theirs and ours[path][0] == theirs[path][0]:
            stamp, code = layers.compiled(os.path.join(layers.VENV, path))
            size = os.path.getsize(layers.source_of(os.path.join(layers.VENV, path)))
            if stamp == struct.pack("<LLL", 0, 315532800, size) and code == layers.compiled(os.path.join("theirs", path))[1]:
                continue
        elif ours.get(path) == theirs.get(path):
            continue
        found.append((path, ours.get(path), theirs.get(path)))
    names = [project(path) for path in wheels]
    subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", layers.VENV + "/bin/python", "uninstall", "-q", "-y", "--disable-pip-version-check", *names], check=True)
    left = layers.tree(layers.VENV)
    layers.new_venv()
    # Folders of namespace packages stay, whoever installed them.
    found += [(path, "left behind", None) for path in sorted(set(left) - set(layers.tree(layers.VENV))) if left[path][1] is not None]
    meant = [difference for difference in found if any(difference[0].endswith(path) for name, path in known if name in names)]
    return [difference for difference in found if difference not in meant], len(ours), sum(path.endswith(".pyc") for path in ours)


def store_file(sha256):
    cache = os.environ.get("LOCKSTEP_CACHE_FULL", os.path.expanduser("~/.cache/lockstep"))
    return os.path.join(cache, "files", "sha256", sha256[:2], sha256)


def containers():
    """The wheels of the newest release's containers, as far as they were fetched: what each container installs."""
    with open(os.path.join(ROOT, "lockfiles/latest/lock.toml"), "rb") as file:
        lock = tomllib.load(file)
    for container in lock["container"]:
        os.makedirs("of_" + container["name"], exist_ok=True)
        wheels, missing = [], []
        for package in lock["package"]:
            if container["name"] not in package["containers"]:
                continue
            here = [file for file in package["files"] if os.path.exists(store_file(file["sha256"])) and file["name"].endswith(".whl")]
            if here:
                path = os.path.join("of_" + container["name"], here[0]["name"])
                os.path.exists(path) or os.symlink(store_file(here[0]["sha256"]), path)
                wheels.append(path)
            else:
                missing.append(package["name"])
        yield container["name"], wheels, missing


def main():
    began, known, problems = time.monotonic(), differences(), []
    wheels = download(listed())
    assert len(wheels) == len(listed()), (len(wheels), len(listed()))
    if ALL:
        assert len(wheels) >= 300
    layers.new_venv()
    sound = []
    for path in wheels:
        why = refused(path)
        if why and (project(path), "refused") not in known:
            problems.append((path, why))
        elif not why:
            sound.append(path)
    files = compiled = 0
    for number, batch in enumerate(batches(sound)):
        found, count, pycs = compare(batch, known)
        problems += found
        files, compiled = files + count, compiled + pycs
        print(f"{len(batch)} wheels, {count} files, {len(found)} differences ({time.monotonic() - began:.0f} s)", flush=True)
        for difference in found[:10]:
            print("  ", *difference, flush=True)
    print(f"{len(sound)} of {len(wheels)} wheels as pip installs them, {files} files, {compiled} of them compiled; {len(wheels) - len(sound)} refused as is said")
    for name, wheels, missing in containers() if ALL else []:
        if missing:
            print(f"{name}: not fetched: {missing}")
            problems.append((name, missing))
            continue
        found, count, pycs = compare(wheels, known)
        print(f"{name}: {len(wheels)} wheels, {count} files, {len(found)} differences", flush=True)
        problems += found
    for problem in problems[:40]:
        print(*problem)
    sys.exit(1 if problems else 0)


main()
