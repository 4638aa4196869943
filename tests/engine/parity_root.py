#!/usr/bin/env python3
"""The containers of this repository, built twice from its newest lock: with pip in the build, and with layers that lockstep makes of the wheels. Both must be the same
images: every file of the virtual environment, its mode, owner and bytes, but for what NAMED lists; what pip check and pip freeze say; every top-level module that can
be imported; every program that answers --version or --help.

usage: parity_root.py [--work FOLDER] [CONTAINER...]

No part of `tests/run`: it fetches and builds several gigabytes. Needs root, buildah, mmdebstrap and an index. FOLDER (/tmp/lockstep-parity) holds the project, the store
and buildah's storage, is used again by the next run, and is to be deleted afterwards. LOCKSTEP_TEST_BUILD names the build (release)."""
import hashlib, json, marshal, os, re, shutil, subprocess, sys, types

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOCKSTEP = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_TEST_BUILD", "release"), "lockstep")
VENV = "opt/venv"
PYTHON = "/opt/venv/bin/python"
# (pattern of the path, what is compared of it, why it is not all of it)
NAMED = [
    (r"\.pyc$", "pyc", "holds the time of its source, which is that of the build with pip, and one fixed time with lockstep; and how marshal writes code down depends on who else holds it"),
    (r"\.dist-info/RECORD$", "rows", "pip puts the rows that it adds at other places; the rows are compared as a set, those of .pyc by path alone, since they hold such times"),
]
IMPORTS = r"""
import importlib.metadata, importlib, sys, io, contextlib, json, os, warnings
warnings.simplefilter("ignore")
names = set()
for d in importlib.metadata.distributions():
    for f in d.files or ():
        first = f.parts[0]
        if first.endswith((".dist-info", ".data", ".pth", ".libs")) or first in ("..", "__pycache__"):
            continue
        name = first.split(".")[0]
        if (len(f.parts) > 1 or first.endswith((".py", ".so"))) and name.isidentifier():
            names.add(name)
for name in sorted(names):
    child = os.fork()
    if not child:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 1); os.dup2(null.fileno(), 2)
        try:
            importlib.import_module(name); os._exit(0)
        except BaseException:
            os._exit(1)
    print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
PROGRAMS = r"""
import os, subprocess
for name in sorted(os.listdir("/opt/venv/bin")):
    path = "/opt/venv/bin/" + name
    if name.startswith(("python", "activate", "Activate")) or not os.access(path, os.X_OK):
        continue
    for option in ("--version", "--help"):
        try:
            # pytest would leave what it makes of its plugins beside them.
            done = subprocess.run([path, option], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            print(name, option, flush=True)
            break
    else:
        print(name, "neither", flush=True)
"""


class Storage:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        config = os.path.join(folder, "storage.conf")
        self.env = {**os.environ, "CONTAINERS_STORAGE_CONF": config}
        for driver in ("overlay", "vfs"):
            with open(config, "w") as file:
                file.write(f'[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
            if subprocess.run(["buildah", "info"], env=self.env, capture_output=True).returncode == 0:
                return

    def buildah(self, *words, check=True):
        return subprocess.run(["buildah", *words], env=self.env, check=check, stdout=subprocess.PIPE, text=True).stdout


def compared(path, kind):
    with open(path, "rb") as file:
        data = file.read()
    if kind == "pyc":
        # Without marks of what is shared or interned.
        return data[:8] + data[12:16] + marshal.dumps(marshal.loads(data[16:]), 0)
    if kind == "rows":
        rows = data.decode().splitlines()
        return "\n".join(sorted(row.rsplit(",", 2)[0] if row.rsplit(",", 2)[0].endswith(".pyc") else row for row in rows)).encode()
    return data


def everything(code):
    """All that a code object holds; sets are equal in any order."""
    return [tuple(everything(value) if isinstance(value, types.CodeType) else (type(value), value) for value in code.co_consts)] + \
        [getattr(code, name) for name in dir(code) if name.startswith("co_") and not callable(getattr(code, name)) and name not in ("co_consts", "co_lnotab")]


def same_code(one, other):
    codes = []
    for path in (one, other):
        with open(path, "rb") as file:
            data = file.read()
        codes.append((data[:8], data[12:16], everything(marshal.loads(data[16:]))))
    return codes[0] == codes[1]


def tree(top):
    """{path: (mode, owner, group, target of a link or digest)} below the virtual environment, and how many files each entry of NAMED was for."""
    found, named = {}, [0] * len(NAMED)
    for folder, folders, names in os.walk(os.path.join(top, VENV)):
        for name in folders + names:
            path = os.path.join(folder, name)
            status, short, what = os.lstat(path), os.path.relpath(path, top), None
            if os.path.islink(path):
                what = os.readlink(path)
            elif os.path.isfile(path):
                at = next((i for i, (pattern, _, _) in enumerate(NAMED) if re.search(pattern, short)), None)
                if at is not None:
                    named[at] += 1
                what = hashlib.sha256(compared(path, None if at is None else NAMED[at][1])).hexdigest()
            found[short] = (oct(status.st_mode), status.st_uid, status.st_gid, what)
    return found, named


class Image:
    def __init__(self, storage, image):
        self.storage, self.name = storage, storage.buildah("from", "--pull-never", image).strip()

        # Held until the end: buildah 1.28 cannot mount a container of so many layers a second time (containers/storage#1601).
        self.top = storage.buildah("mount", self.name).strip()

    def ask(self, *words):
        done = subprocess.run(["buildah", "run", "--isolation", "chroot", "--user", "root", self.name, "--", *words], env=self.storage.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def close(self):
        self.storage.buildah("umount", self.name)
        self.storage.buildah("rm", self.name)


def images(project, storage, cache, layers, containers):
    done = subprocess.run([LOCKSTEP, "build", "--engine", "buildah", "--layers", layers, "--format", "json", *containers], cwd=project, stdout=subprocess.PIPE, text=True,
                          check=True, env={**storage.env, "LOCKSTEP_CACHE": cache, "LOCKSTEP_UV": os.path.join(ROOT, ".tools/bin/uv")})
    return {each["container"]: each["image"] for each in json.loads(done.stdout)["images"]}


def compare_trees(container, pip, ours):
    (left, named), (right, _) = tree(pip.top), tree(ours.top)
    different = []
    for path in sorted(set(left) | set(right)):
        if left.get(path) == right.get(path):
            continue
        if not (path.endswith(".pyc") and path in left and path in right and left[path][:3] == right[path][:3] and same_code(f"{pip.top}/{path}", f"{ours.top}/{path}")):
            different.append(path)
    print(f"{container}: {len(left)} files and folders, {len(different)} differ; named: " + ", ".join(f"{count} {kind}" for count, (_, kind, _) in zip(named, NAMED)), flush=True)
    return [f"{path}: {left.get(path)} with pip, {right.get(path)} with lockstep" for path in different]


def ask_both(container, pip, ours, what, words):
    theirs, mine = pip.ask(*words), ours.ask(*words)
    said = theirs[1].splitlines()
    bad = [line for line in said if line.endswith((" 1", " neither"))]
    print(f"{container}: {what}: {len(said)} lines, {len(said) - len(bad)} good, {'the same' if theirs[:2] == mine[:2] else 'DIFFERENT'}, exit {theirs[0]}", *bad, flush=True)
    if theirs[:2] == mine[:2]:
        return []
    return [f"{what}: {line}" for line in sorted(set(said) ^ set(mine[1].splitlines()))] or [f"{what}: exit {theirs[0]} and {mine[0]}: {theirs[2]} {mine[2]}"]


def uninstall(container, image):
    """By pip, everything; what is left of files below site-packages and bin is not of packages."""
    script = f"/usr/bin/python3 -m pip --python {PYTHON} freeze --all | cut -d= -f1 | cut -d' ' -f1 | xargs /usr/bin/python3 -m pip --python {PYTHON} uninstall --quiet --yes >/dev/null"
    code, _, complaint = image.ask("sh", "-c", script)
    left = [path for path, (_, _, _, what) in tree(image.top)[0].items() if what is not None and not re.search(r"^opt/venv/(bin/(python|[Aa]ctivate)|pyvenv.cfg|lib64$)", path)]
    print(f"{container}: pip uninstall of everything: exit {code}, {len(left)} files left", flush=True)
    return [f"left by pip uninstall: {path}" for path in left] + ([f"pip uninstall: {complaint}"] if code else [])


def compare(container, storage, installed, made):
    """Number of findings."""
    pip, ours = Image(storage, installed), Image(storage, made)
    asks = (("pip check", ("/usr/bin/python3", "-m", "pip", "--python", PYTHON, "check")), ("pip freeze", ("/usr/bin/python3", "-m", "pip", "--python", PYTHON, "freeze")),
            ("imports", (PYTHON, "-B", "-c", IMPORTS)), ("programs", (PYTHON, "-B", "-c", PROGRAMS)))
    try:
        findings = compare_trees(container, pip, ours)
        for what, words in asks:
            findings += ask_both(container, pip, ours, what, words)
        findings += sorted(set(uninstall(container, ours)) - set(uninstall(container, pip)))
    finally:
        pip.close()
        ours.close()
    for finding in findings[:40]:
        print("  " + finding[:400])
    return len(findings)


def main():
    words, work = sys.argv[1:], "/tmp/lockstep-parity"
    if words[:1] == ["--work"]:
        work, words = os.path.abspath(words[1]), words[2:]
    project, cache = os.path.join(work, "project"), os.path.join(work, "cache")
    if not os.path.exists(project):
        os.makedirs(work, exist_ok=True)
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, project], check=True)
        os.makedirs(os.path.join(project, ".lockstep"), exist_ok=True)
        shutil.copy(os.path.join(project, "lockfiles/latest/lock.toml"), os.path.join(project, ".lockstep/lock.toml"))
    storage = Storage(os.path.join(work, "storage"))
    installed = images(project, storage, cache, "engine", words)
    made = images(project, storage, cache, "lockstep", words)
    findings = sum(compare(container, storage, installed[container], made[container]) for container in sorted(made))
    print(f"{len(made)} containers, {findings} findings that are not named")
    return 1 if findings or not made else 0


if __name__ == "__main__":
    sys.exit(main())
