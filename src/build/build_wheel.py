"""Builds one wheel from one source archive, inside a system stage, with that stage's own Python and its standard library (3.6 and later).

usage: build_wheel.py REQUEST.json, in a folder that holds what the request names:
  {"archive": file, "subdirectory": text or null, "requirements": file or null, "wheels": folder, "known": [requirement, ...], "epoch": seconds,
   "backend": text, "backend_path": [folder, ...], "direct_url": text or null}
Leaves in /lockstep-wheel/ answer.json and, when it built one, the wheel:
  {"wheel": name, "size": bytes, "sha256": hex}   or   {"requires": [what the backend asks for beyond what is known]}
The wheel is packed again, members by name and without times, so that only what is in it makes one differ from another.
"""
import base64
import hashlib
import importlib
import json
import os
import posixpath
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile

WORK, OUT = "/lockstep-build", "/lockstep-wheel"
SIZE_MAX = 4 << 30
COUNT_MAX = 200000


def fail(text):
    sys.stderr.write(text + "\n")
    sys.exit(1)


# ---- unpacking: the archive was looked through before; this trusts nothing all the same ----

def inner(name):
    """The name's parts, or None when it could be elsewhere."""
    if not name or name.startswith("/") or "\\" in name or any(ord(c) < 32 for c in name):
        return None
    parts = [p for p in name.split("/") if p not in ("", ".")]
    return None if ".." in parts or not parts else parts


def stays_inside(parts, target):
    if not target or target.startswith("/"):
        return False
    depth = len(parts) - 1
    for part in target.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 1:
            return False
    return True


def place_of(top, parts):
    """Where a member goes; never through a link."""
    path = top
    for part in parts[:-1]:
        path = os.path.join(path, part)
        if os.path.islink(path):
            fail("a member of the archive lies behind a link: %s" % "/".join(parts))
        if not os.path.isdir(path):
            os.mkdir(path, 0o755)
    path = os.path.join(path, parts[-1])
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    return path


def write(path, source, executable, epoch, room):
    with open(path, "xb") as f:
        shutil.copyfileobj(source, f, 1 << 20)
        if f.tell() > room:
            fail("the archive unpacks to more than 4 GiB")
        size = f.tell()
    os.chmod(path, 0o755 if executable else 0o644)
    os.utime(path, (epoch, epoch))
    return size


def unpack_tar(archive, top, epoch):
    size = count = 0
    with tarfile.open(archive) as t:
        for m in t:
            count += 1
            parts = inner(m.name) if m.name.strip("./") else []
            if parts is None or count > COUNT_MAX:
                fail("a member of the archive would be outside of its folder, or there are too many: %r" % m.name)
            if not parts:
                continue
            if m.isdir():
                place_of(top, parts + ["."])
            elif m.issym():
                if not stays_inside(parts, m.linkname):
                    fail("a link in the archive leads out of it: %r" % m.name)
                os.symlink(m.linkname, place_of(top, parts))
            elif m.islnk():
                target = inner(m.linkname)
                if target is None or os.path.islink(os.path.join(top, *target)) or not os.path.isfile(os.path.join(top, *target)):
                    fail("a hard link in the archive leads to no file of it: %r" % m.name)
                shutil.copy2(os.path.join(top, *target), place_of(top, parts))
            elif m.isreg():
                with t.extractfile(m) as source:
                    size += write(place_of(top, parts), source, m.mode & 0o100, epoch, SIZE_MAX - size)
            else:
                fail("a member of the archive is neither file, folder nor link: %r" % m.name)


def unpack_zip(archive, top, epoch):
    size = 0
    with zipfile.ZipFile(archive) as z:
        for m in z.infolist():
            parts = inner(m.filename)
            if parts is None or len(z.infolist()) > COUNT_MAX:
                fail("a member of the archive would be outside of its folder, or there are too many: %r" % m.filename)
            mode = m.external_attr >> 16
            if m.filename.endswith("/"):
                place_of(top, parts + ["."])
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                fail("a member of the archive is no file: %r" % m.filename)
            else:
                with z.open(m) as source:
                    size += write(place_of(top, parts), source, mode & 0o100, epoch, SIZE_MAX - size)


def unpack(archive, top, subdirectory, epoch):
    os.mkdir(top)
    (unpack_zip if archive.endswith(".zip") else unpack_tar)(archive, top, epoch)
    names = os.listdir(top)
    if len(names) != 1 or os.path.islink(os.path.join(top, names[0])) or not os.path.isdir(os.path.join(top, names[0])):
        fail("the archive does not hold exactly one folder")
    # Always the same path: compilers write it into what they make.
    source = os.path.join(WORK, "source")
    os.rename(os.path.join(top, names[0]), source)
    for folder, _, _ in os.walk(source, topdown=False):
        os.utime(folder, (epoch, epoch))
    project = os.path.join(source, subdirectory) if subdirectory else source
    real = os.path.realpath(project)
    if not (real + "/").startswith(os.path.realpath(source) + "/") or not os.path.isdir(real):
        fail("the archive has no folder %s" % subdirectory)
    return real


# ---- the backend (PEP 517), in a process of its own with the build environment's Python ----

def call_hook(order):
    """In the build environment: one hook; its answer goes to a file, as backends print what they like."""
    with open(order, encoding="utf-8") as f:
        o = json.load(f)
    os.chdir(o["project"])
    for folder in reversed(o["backend_path"] or []):
        path = os.path.realpath(os.path.join(o["project"], folder))
        if not (path + "/").startswith(o["project"] + "/"):
            fail("backend-path leads out of the project: %r" % folder)
        sys.path.insert(0, path)
    module, _, attributes = o["backend"].partition(":")
    backend = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    if o["hook"] == "get_requires_for_build_wheel":
        hook = getattr(backend, "get_requires_for_build_wheel", None)
        answer = list(hook({})) if hook else []
    else:
        answer = backend.build_wheel(o["out"], {})
    with open(o["answer"], "w", encoding="utf-8") as f:
        json.dump(answer, f)


def ask_backend(project, backend, hook, epoch):
    backend_name, backend_path = backend
    order = {"project": project, "backend": backend_name, "backend_path": backend_path, "hook": hook, "out": WORK + "/made", "answer": WORK + "/hook.json"}
    with open(WORK + "/order.json", "w", encoding="utf-8") as f:
        json.dump(order, f)
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(("PYTHON", "PIP_")) and not k.lower().endswith("_proxy")}
    environment.update({"PATH": WORK + "/env/bin:" + os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"), "VIRTUAL_ENV": WORK + "/env", "HOME": WORK + "/home",
                        "TMPDIR": WORK + "/tmp", "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1",
                        "LC_ALL": "C.UTF-8", "TZ": "UTC", "ZERO_AR_DATE": "1"})
    done = subprocess.call([WORK + "/env/bin/python", os.path.abspath(__file__), "--hook", WORK + "/order.json"], env=environment, stdin=subprocess.DEVNULL)
    if done != 0:
        fail("the build backend %s failed in %s (%s)" % (backend_name, hook, "exit status %d" % done if done > 0 else "signal %d" % -done))
    with open(order["answer"], encoding="utf-8") as f:
        return json.load(f)


def make_environment(request):
    python, environment = WORK + "/env/bin/python", dict(os.environ)
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", WORK + "/env"])
    if not request["requirements"]:
        return
    pip = importlib.import_module("pip")
    if tuple(int(part) for part in pip.__version__.split(".")[:2]) >= (22, 3):
        command = [sys.executable, "-m", "pip", "--python", python, "install", "--root-user-action=ignore"]
    else:
        # It cannot look into another environment: run by that one's Python it can, but then sees what is installed beside itself, too.
        environment["PYTHONPATH"] = os.path.dirname(os.path.dirname(pip.__file__))
        command = [python, "-m", "pip", "install", "--ignore-installed"]
    subprocess.check_call(command + ["--quiet", "--isolated", "--no-index", "--no-deps", "--require-hashes", "--no-cache-dir", "--disable-pip-version-check",
                                     "--no-compile", "--find-links=" + request["wheels"], "--requirement=" + request["requirements"]], env=environment)


# ---- the wheel ----

def add_origin(z, files, text):
    """Where it comes from (PEP 610): this wheel is installed by its name, so no installer knows that."""
    infos = {name.split("/")[0] for _, is_record, name, _, _ in files if is_record}
    if len(infos) != 1:
        fail("the wheel has no RECORD, or several")
    info, data = infos.pop(), text.encode("utf-8")
    record = info + "/RECORD"
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    lines = z.read(record).decode("utf-8")
    lines += "" if lines.endswith("\n") or not lines else "\n"
    return {info + "/direct_url.json": data, record: (lines + "%s/direct_url.json,sha256=%s,%d\n" % (info, digest, len(data))).encode("utf-8")}


def pack_again(made, path, direct_url):
    """The same members in an order and with times that say nothing."""
    with zipfile.ZipFile(made) as z:
        members = z.infolist()
        names = [m.filename for m in members]
        if len(set(names)) != len(names):
            fail("the wheel has a member twice")
        files = []
        for m in members:
            mode = m.external_attr >> 16
            if inner(m.filename) is None or posixpath.normpath(m.filename) != m.filename.rstrip("/"):
                fail("the wheel has a member that would be outside of it: %r" % m.filename)
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                fail("the wheel has a member that is no file: %r" % m.filename)
            if not m.filename.endswith("/"):
                files.append((".dist-info/" in m.filename, m.filename.endswith(".dist-info/RECORD"), m.filename, m, mode))
        written = add_origin(z, files, direct_url) if direct_url else {}
        files = [f for f in files if f[2] not in written] + [(True, n.endswith("/RECORD"), n, None, 0) for n in written]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as to:
            for _, _, name, member, mode in sorted(files, key=lambda f: f[:3]):
                fresh = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                fresh.compress_type, fresh.create_system = zipfile.ZIP_DEFLATED, 3
                fresh.external_attr = (stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)) << 16
                if name in written:
                    to.writestr(fresh, written[name])
                    continue
                fresh.file_size = member.file_size
                with z.open(member) as source, to.open(fresh, "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)


def take_wheel(name, direct_url):
    made = os.path.join(WORK, "made", name) if isinstance(name, str) else ""
    if not isinstance(name, str) or "/" in name or not name.endswith(".whl") or os.path.islink(made) or not os.path.isfile(made):
        fail("the build backend named no wheel that it made: %r" % (name,))
    path = os.path.join(OUT, name)
    pack_again(made, path, direct_url)
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return {"wheel": name, "size": os.path.getsize(path), "sha256": digest.hexdigest()}


def build(request):
    os.umask(0o022)
    for folder in (WORK, OUT):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder, 0o755)
    for folder in ("home", "tmp", "made"):
        os.mkdir(os.path.join(WORK, folder))
    epoch = request["epoch"]
    project = unpack(request["archive"], WORK + "/unpacked", request["subdirectory"], epoch)
    make_environment(request)
    backend = request["backend"], request["backend_path"]
    asked = ask_backend(project, backend, "get_requires_for_build_wheel", epoch)
    if not isinstance(asked, list) or not all(isinstance(r, str) for r in asked):
        fail("the build backend asked for what is no list of requirements: %r" % (asked,))
    unknown = sorted(set(r for r in asked if r not in request["known"]))
    answer = {"requires": unknown} if unknown else take_wheel(ask_backend(project, backend, "build_wheel", epoch), request["direct_url"])
    with open(OUT + "/answer.json", "w", encoding="utf-8") as f:
        json.dump(answer, f)
    os.chdir("/")
    shutil.rmtree(WORK, ignore_errors=True)


def main():
    if sys.argv[1] == "--hook":
        call_hook(sys.argv[2])
        return
    os.chdir(os.path.dirname(os.path.abspath(sys.argv[1])))
    with open(os.path.basename(sys.argv[1]), encoding="utf-8") as f:
        request = json.load(f)
    build({**request, **{k: os.path.abspath(request[k]) for k in ("archive", "requirements", "wheels") if request[k]}})


main()
