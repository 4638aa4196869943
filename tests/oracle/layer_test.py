#!/usr/bin/env python3
"""Layers made of wheels, beside what pip installs of the same wheels into a venv: every file, its mode and its bytes. Wheels are generated with what real ones have
and seldom show: data, headers, scripts, entry points, names beyond ASCII, empty, stored and large members, long paths. Hostile ones are refused by name."""
import base64, hashlib, os, random, re, shutil, stat, subprocess, sys, tarfile, zipfile

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import cases

MAKE = os.path.join(ROOT, "build/debug/tests/oracle/layer_loop")
WORK = os.getcwd()
VENV = os.path.join(WORK, "venv")
SEED = int(os.environ.get("LOCKSTEP_ORACLE_SEED", "1"))


def row(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}"


def wheel(folder, name, members, version="1.0", pure=True, record=None, methods=(zipfile.ZIP_DEFLATED,), chance=random):
    """members: {path: bytes or (bytes, mode)}, to which .dist-info is added."""
    info = f"{name}-{version}.dist-info"
    full = dict(members)
    full.setdefault(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode())
    full.setdefault(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: {'true' if pure else 'false'}\nTag: py3-none-any\n".encode())
    plain = {path: what if isinstance(what, tuple) else (what, 0o644) for path, what in full.items()}
    if record is None:
        record = "".join(f"{row(path, content)}\n" for path, (content, _) in plain.items()) + f"{info}/RECORD,,\n"
    plain[f"{info}/RECORD"] = (record.encode(), 0o644)
    path = os.path.join(folder, f"{name}-{version}-py3-none-any.whl")
    with zipfile.ZipFile(path, "w") as archive:
        for member, (content, mode) in plain.items():
            entry = zipfile.ZipInfo(member)
            entry.external_attr = (mode | stat.S_IFREG if mode < 0o10000 else mode) << 16
            entry.compress_type = chance.choice(methods)
            archive.writestr(entry, content)
    return path


def text(chance, size):
    words = [b"import ", b"def ", b"self", b"return ", b"\n    ", b"# ", b"0123456789", "\u00e4\u4e2d".encode()]
    return b"".join(chance.choice(words) for _ in range(size // 5))


def generated(folder, number):
    chance = random.Random(f"{SEED} {number}")
    name = f"wheel_{number}"
    sizes = [0, 1, 511, 512, 513, 3000, 20000, 70000, 300000]
    members = {f"{name}/__init__.py": b""}
    for i in range(chance.randrange(1, 30)):
        size = chance.choice(sizes)
        content = chance.randbytes(size) if chance.random() < 0.3 else text(chance, size)
        folder_name = chance.choice(["", "/sub", "/sub/deep" * chance.randrange(1, 25), "/\u00fcber", "/with space"])
        members[f"{name}{folder_name}/f{i}.{chance.choice(['py', 'so', 'txt', 'pyi'])}"] = (content, chance.choice([0o644, 0o600, 0o755, 0o777, 0]))
    data = f"{name}-1.0.data"
    extra = {
        f"{data}/scripts/{name}_tool": (b"#!python\nprint(1)\n", 0o755), f"{data}/scripts/{name}_w": (b"#!pythonw -x\r\nprint(1)\r\n", 0o755),
        f"{data}/scripts/{name}_sh": (b"#!/bin/sh\necho\n", 0o755), f"{data}/scripts/{name}_bin": (chance.randbytes(90000), 0o755),
        f"{data}/scripts/{name}-main": (b"#!python\nold\n", 0o755), f"{data}/data/share/{name}/d.txt": b"data\n", f"{data}/headers/{name}.h": b"#define X\n",
        f"{data}/purelib/{name}_pure.py": b"x = 1\n", f"{data}/platlib/{name}_plat.py": b"y = 1\n",
        f"{name}-1.0.dist-info/entry_points.txt": f"# c\n[console_scripts]\n{name}-main = {name}.cli:Main.run [x]\n{name}.2=a:b\n\n[gui_scripts]\n"
                                                  f"{name}-gui = {name}:gui\n[other]\nz = 1\n".encode(),
    }
    for path, what in extra.items():
        if chance.random() < 0.6:
            members[path] = what
    return wheel(folder, name, members, pure=chance.random() < 0.7, methods=[zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED], chance=chance)


def make(wheels, out="layer.tar.gz", venv=VENV):
    return subprocess.run([MAKE, out, venv, *wheels], capture_output=True, text=True)


def tree(root):
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(status.st_mode) else None
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    what = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(path, root)] = (oct(status.st_mode), what)
    return found


def new_venv():
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", VENV], check=True)


def installed_by_pip(wheels):
    new_venv()
    subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", VENV + "/bin/python", "install", "-q", "--isolated", "--no-index", "--no-deps", "--no-compile",
                    "--no-cache-dir", "--disable-pip-version-check", "--root-user-action=ignore", *wheels], check=True)
    return tree(VENV)


def laid_over_venv():
    """The layer over an empty venv. Unpacked elsewhere first: its folders are those of the whole path, and would change ours."""
    new_venv()
    shutil.rmtree("unpacked", ignore_errors=True)
    os.makedirs("unpacked")
    subprocess.run(["tar", "-xzpf", "layer.tar.gz", "-C", "unpacked"], check=True)
    subprocess.run(["cp", "-a", os.path.join("unpacked", VENV.lstrip("/"), "."), VENV], check=True)
    return tree(VENV)


def case_as_pip():
    os.makedirs("wheels", exist_ok=True)
    wheels = [generated("wheels", number) for number in range(int(os.environ.get("LOCKSTEP_LAYER_WHEELS", "40")))]
    theirs = installed_by_pip([os.path.abspath(path) for path in wheels])
    done = make(wheels)
    assert done.returncode == 0, done.stderr
    with tarfile.open("layer.tar.gz") as archive:
        for member in archive:
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 315532800), member
    ours = laid_over_venv()
    # A wheel named as a file is a direct reference to pip, which then leaves direct_url.json and a row for it.
    for path in [path for path in theirs if path.endswith("/direct_url.json")]:
        del theirs[path]
    different = [path for path in sorted(set(ours) | set(theirs)) if ours.get(path) != theirs.get(path) and not path.endswith("/RECORD")]
    assert not different, (different[:5], ours.get(different[0]), theirs.get(different[0]))
    print(f"{len(wheels)} wheels, {len(ours)} files: as pip has them")


def case_records_as_pip():
    os.makedirs("wheels", exist_ok=True)
    wheels = [generated("wheels", number) for number in range(12)]
    shutil.rmtree("links", ignore_errors=True)
    os.makedirs("links")
    for path in wheels:
        os.link(path, "links/" + os.path.basename(path))
    new_venv()
    subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", VENV + "/bin/python", "install", "-q", "--isolated", "--no-index", "--no-deps", "--no-compile",
                    "--no-cache-dir", "--disable-pip-version-check", "--root-user-action=ignore", "--find-links", "links",
                    *[f"wheel-{number}" for number in range(12)]], check=True)
    theirs = tree(VENV)
    assert make(wheels).returncode == 0
    ours = laid_over_venv()
    different = [path for path in sorted(set(ours) | set(theirs)) if ours.get(path) != theirs.get(path)]
    assert not different, different[:5]
    subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", VENV + "/bin/python", "uninstall", "-q", "-y", *[f"wheel_{n}" for n in range(12)]], check=True)
    left = [path for path in tree(VENV) if "wheel_" in path]
    assert not left, left


def case_same_bytes():
    os.makedirs("wheels", exist_ok=True)
    wheels = [generated("wheels", number) for number in range(6)]
    one, other = make(wheels, "one.tar.gz"), make(wheels[::-1], "other.tar.gz")
    assert one.returncode == 0 and one.stdout == other.stdout, (one, other)
    digest, plain_digest, packed, plain = one.stdout.split()[:4]
    with open("one.tar.gz", "rb") as file:
        content = file.read()
    assert hashlib.sha256(content).hexdigest() == digest and len(content) == int(packed)
    subprocess.run(["gzip", "-t", "one.tar.gz"], check=True)
    tar = subprocess.run(["gzip", "-dc", "one.tar.gz"], stdout=subprocess.PIPE, check=True).stdout
    assert hashlib.sha256(tar).hexdigest() == plain_digest and len(tar) == int(plain)


def case_made_once():
    """A layer is made once and then known by what it is made from, also when the note of it or the layer itself was deleted."""
    os.makedirs("wheels", exist_ok=True)
    wheels = [generated("wheels", number) for number in range(3)]
    environment = {**os.environ, "LOCKSTEP_CACHE": os.path.join(WORK, "cache")}

    def take(paths=wheels):
        done = subprocess.run([MAKE, "-", VENV, *paths], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first, second = take(), take()
    assert first[-1] == "made" and second[-1] == "kept" and first[:-1] == second[:-1], (first, second)
    kept = os.path.join("cache", "files", "sha256", first[0][:2], first[0])
    assert hashlib.sha256(open(kept, "rb").read()).hexdigest() == first[0]
    os.remove(kept)
    third = take()
    assert third[-1] == "made" and third[:-1] == first[:-1], third
    shutil.rmtree(os.path.join("cache", "layers"))
    assert take()[:-1] == first[:-1] and take()[-1] == "kept"
    assert take(wheels[:2])[0] != first[0]
    assert not os.listdir(os.path.join("cache", "files", "partial"))


def case_not_larger():
    """No more than three in a hundred above the wheels themselves."""
    os.makedirs("wheels", exist_ok=True)
    wheels = [generated("wheels", number) for number in range(40)]
    done = make(wheels)
    packed = int(done.stdout.split()[2])
    total = sum(os.path.getsize(path) for path in wheels)
    assert packed <= total * 1.03, (packed, total)


def hostile(name, members, words, record=None, change=None, **more):
    os.makedirs("hostile", exist_ok=True)
    path = wheel("hostile", name, members, record=record, **more)
    if change:
        with open(path, "rb") as file:
            content = change(file.read())
        with open(path, "wb") as file:
            file.write(content)
    done = make([path])
    assert done.returncode == 1 and done.stderr.startswith("error: "), (name, done)
    assert f"{name}-1.0-py3-none-any.whl" in done.stderr and all(word in done.stderr for word in words), (name, done.stderr)
    assert "\n" not in done.stderr.rstrip("\n") and "\x1b" not in done.stderr, (name, done.stderr)


def case_hostile_names():
    hostile("up", {"../../etc/cron.d/x": b"x"}, ["../../etc/cron.d/x", "outside"])
    hostile("inner", {"inner/../../x": b"x"}, ["inner/../../x", "outside"])
    hostile("root", {"/etc/passwd": b"x"}, ["/etc/passwd", "outside"])
    hostile("data", {"data-1.0.data/data/../../../x": b"x"}, ["outside"])
    hostile("lines", {"lines/a\nb.py": b"x"}, ["control"])
    hostile("esc", {"esc/\x1b[31m.py": b"x"}, ["control"])
    hostile("scheme", {"scheme-1.0.data/etc/x": b"x"}, ["scheme"])
    hostile("link", {"link/l": (b"/etc/passwd", 0o120777)}, ["link/l", "link"])
    hostile("device", {"device/d": (b"", 0o060644)}, ["device"])
    hostile("entry", {"entry-1.0.dist-info/entry_points.txt": b"[console_scripts]\n../../x = a:b\n"}, ["entry_points.txt"])
    hostile("call", {"call-1.0.dist-info/entry_points.txt": b"[console_scripts]\nx = a:b();import os\n"}, ["entry_points.txt"])
    hostile("other", {"two-1.0.dist-info/METADATA": b""}, ["dist-info"])


def case_hostile_records():
    hostile("unnamed", {"unnamed/a.py": b"x"}, ["unnamed/a.py", "RECORD"], record="unnamed-1.0.dist-info/METADATA,,\nunnamed-1.0.dist-info/WHEEL,,\n")
    hostile("absent", {}, ["absent/b.py", "RECORD"],
            record="absent-1.0.dist-info/METADATA,,\nabsent-1.0.dist-info/WHEEL,,\nabsent/b.py,sha256=x,1\nabsent-1.0.dist-info/RECORD,,\n")
    hostile("sizes", {}, ["METADATA", "size"], record="sizes-1.0.dist-info/METADATA,,1\nsizes-1.0.dist-info/WHEEL,,\nsizes-1.0.dist-info/RECORD,,\n")


def case_hostile_archives():
    def flip(content):
        at = content.index(b"PK\x03\x04") + 30 + len("crc/a.py")
        return content[:at + 2] + bytes([content[at + 2] ^ 0x55]) + content[at + 3:]

    hostile("crc", {"crc/a.py": b"abcdefgh" * 100}, ["crc/a.py"], change=flip)
    hostile("stored", {"stored/a.py": b"abcdefgh" * 100}, ["stored/a.py", "checksum"], methods=[zipfile.ZIP_STORED],
            change=lambda content: content.replace(b"abcdefgh", b"abcdefgH", 1))
    bomb = b"\0" * (300 << 20)
    hostile("bomb", {"bomb/a.bin": bomb}, ["bomb/a.bin", "hundred times"])
    # Two members of one directory that share their bytes.
    def share(content):
        entries = [m.start() for m in re.finditer(b"PK\x01\x02", content)]
        first = content[entries[0] + 42:entries[0] + 46]
        return content[:entries[1] + 42] + first + content[entries[1] + 46:]
    hostile("shares", {"shares/a.py": b"same", "shares/b.py": b"same"}, ["another"], change=share)
    os.makedirs("hostile", exist_ok=True)
    twice = os.path.join("hostile", "twice-1.0-py3-none-any.whl")
    wheel("hostile", "twice", {"twice/a.py": b"1"})
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("twice//a.py", b"2")
    done = make([twice])
    assert done.returncode == 1 and "twice" in done.stderr, done


def case_two_owners():
    os.makedirs("hostile", exist_ok=True)
    one, other = wheel("hostile", "one", {"shared/x.py": b"1"}), wheel("hostile", "other_one", {"shared/x.py": b"2"})
    done = make([one, other])
    assert done.returncode == 1 and "shared/x.py" in done.stderr and "one-1.0" in done.stderr and "other_one-1.0" in done.stderr, done
    folder = wheel("hostile", "folder", {"shared/x.py/y.py": b"2"})
    done = make([one, folder])
    assert done.returncode == 1 and "folder" in done.stderr, done


if __name__ == "__main__":
    cases.run(globals())
