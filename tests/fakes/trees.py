"""What is in an image's virtual environment, file by file, for tests that hold two images beside each other.

Meant to differ between what pip installs in a build and what lockstep lays over it:
  times of files      layers have one time for all, so that they are the same bytes whenever they are made
  .pyc                hold the time of their source, and are compared without it; of the code what it is, not how marshal wrote it down
  RECORD              the same rows; pip sorts what it adds to it in another order"""
import importlib.util, marshal, os, subprocess


def row(line):
    """A row of RECORD; what it says of a .pyc, which holds a time, is left out."""
    path = line.rsplit(",", 2)[0]
    return path if path.endswith(".pyc") else line


def code_of(data):
    """Not its bytes: how marshal writes constants depends on who else holds them, when they are compiled."""
    return marshal.loads(data[16:]) if data[:4] == importlib.util.MAGIC_NUMBER else len(data)


def content(path, name):
    with open(path, "rb") as f:
        data = f.read()
    if name.endswith(".pyc"):
        return data[:8], data[12:16], code_of(data)
    return sorted(row(line) for line in data.decode().splitlines()) if name.endswith(".dist-info/RECORD") else data


def tree(storage, image):
    """Every file below the virtual environment: kind, permissions, owner, content."""
    name, found = storage.buildah("from", "--pull-never", image).strip(), {}
    top = storage.buildah("mount", name).strip()
    try:
        for folder, folders, names in os.walk(top + "/opt/venv"):
            for each in folders + names:
                path = os.path.join(folder, each)
                s, short = os.lstat(path), os.path.relpath(path, top)
                found[short] = (oct(s.st_mode), s.st_uid, s.st_gid,
                                os.readlink(path) if os.path.islink(path) else content(path, short) if os.path.isfile(path) else None)
    finally:
        storage.buildah("umount", name)
        storage.buildah("rm", name)
    return found


def differences(left, right):
    return {k: (left.get(k), right.get(k)) for k in sorted(set(left) | set(right)) if left.get(k) != right.get(k)}


def inside(storage, image, *words):
    """Runs a program in a throw-away container: exit status, stdout, stderr."""
    name = storage.buildah("from", "--pull-never", image).strip()
    try:
        done = subprocess.run(["buildah", "run", "--isolation", "chroot", name, "--", *words], env={**os.environ, **storage.env()}, capture_output=True, text=True)
    finally:
        storage.buildah("rm", name)
    return done.returncode, done.stdout, done.stderr
