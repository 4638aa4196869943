#!/usr/bin/env python3
"""Layers made of wheels, beside what pip installs of the same wheels into a venv: every file, its mode and its bytes. Wheels are generated with what real ones have
and seldom show: data, headers, scripts, entry points, names beyond ASCII, empty, stored and large members, long paths. Hostile ones are refused by name."""
import base64, hashlib, importlib.util, marshal, os, random, re, shutil, stat, struct, subprocess, sys, tarfile, types, zipfile

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


def make(wheels, out="layer.tar.gz", venv=VENV, options=(), cache="cache"):
    environment = {**os.environ, "LOCKSTEP_CACHE": os.path.join(WORK, cache)}
    return subprocess.run([MAKE, *options, out, venv, *wheels], capture_output=True, text=True, env=environment)


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


def pip_install(*arguments):
    new_venv()
    subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", VENV + "/bin/python", "install", "-q", "--isolated", "--no-index", "--no-deps",
                    "--no-cache-dir", "--disable-pip-version-check", "--root-user-action=ignore", *arguments], check=True)
    return tree(VENV)


def installed_by_pip(wheels):
    return pip_install("--no-compile", *wheels)


def laid_over_venv(layers=("layer.tar.gz",)):
    """The layer over an empty venv. Unpacked elsewhere first: its folders are those of the whole path, and would change ours."""
    new_venv()
    shutil.rmtree("unpacked", ignore_errors=True)
    os.makedirs("unpacked")
    for layer in layers:
        subprocess.run(["tar", "-xzpf", layer, "-C", "unpacked"], check=True)
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


def by_name(wheels):
    """Arguments of pip: named by their projects, wheels leave no direct_url.json."""
    shutil.rmtree("links", ignore_errors=True)
    os.makedirs("links")
    for path in wheels:
        os.symlink(os.path.abspath(path), "links/" + os.path.basename(path))
    return ["--find-links", "links", *[os.path.basename(path).split("-")[0].replace("_", "-") for path in wheels]]


def case_records_as_pip():
    os.makedirs("wheels", exist_ok=True)
    wheels = [generated("wheels", number) for number in range(12)]
    theirs = pip_install("--no-compile", *by_name(wheels))
    assert make(wheels).returncode == 0
    ours = laid_over_venv()
    different = [path for path in sorted(set(ours) | set(theirs)) if ours.get(path) != theirs.get(path)]
    assert not different, different[:5]
    subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", VENV + "/bin/python", "uninstall", "-q", "-y", *[f"wheel_{n}" for n in range(12)]], check=True)
    left = [path for path in tree(VENV) if "wheel_" in path]
    assert not left, left


def everything(code):
    """All that a code object holds; sets are equal in any order."""
    return [tuple(everything(value) if isinstance(value, types.CodeType) else (type(value), value) for value in code.co_consts)] + \
        [getattr(code, name) for name in dir(code) if name.startswith("co_") and not callable(getattr(code, name)) and name not in ("co_consts", "co_lnotab")]


def source_of(path):
    """Of <folder>/__pycache__/<name>.cpython-311.pyc; that of ".py" is called py."""
    name = os.path.basename(path).replace(".cpython-311.pyc", "")
    source = os.path.join(os.path.dirname(os.path.dirname(path)), name + ".py")
    return os.path.join(os.path.dirname(source), ".py") if name == "py" and not os.path.exists(source) else source


def compiled(path):
    with open(path, "rb") as file:
        content = file.read()
    assert content[:4] == importlib.util.MAGIC_NUMBER
    return content[4:16], everything(marshal.loads(content[16:]))


# Sources that Python compiles, and that it does not: what pip leaves out is left out, and pip's installation goes on.
AWKWARD = {
    "good.py": b"def f(x):\n    return x in {'a', 'b', None, 1, 2.5, ...}\n", "empty.py": b"", "latin.py": b"# -*- coding: latin-1 -*-\nx = '\xfc'\n", ".py": b"x = 1\n",
    "bom.py": b"\xef\xbb\xbfx = 1\n", "cr.py": b"x = 1\ry = 2\r", "syntax.py": b"def f(:\n", "null.py": b"x = 1\0\n", "bytes.py": b"x = '\xff'\n",
    "coding.py": b"# coding: nothing\n", "deep.py": b"(" * 1000 + b")" * 1000, "deeper.py": b"-" * 200000 + b"1", "two.py": b"print 'x'\n", "dots.a.b.py": b"x = 2\n",
    "warns.py": b"x = '\\d'\nx is 1\n", "tab.py": b"if 1:\n\tx = 1\n        y = 2\n", "with space.py": b"x = 1\n", "\u4e2d.py": b"x = 1\n", "PY.PY": b"x = 1\n",
}


def awkward():
    members = {f"awkward/{name}": content for name, content in AWKWARD.items()}
    members["awkward/__pycache__/good.cpython-311.pyc"] = b"of another time"
    members["awkward-1.0.data/scripts/tool.py"] = (b"#!python\nprint('tool')\n", 0o755)
    members["awkward-1.0.data/data/share/x.py"] = b"x = 1\n"
    members["awkward-1.0.data/headers/h.py"] = b"x = 1\n"
    members["awkward-1.0.dist-info/entry_points.txt"] = b"[console_scripts]\nprogram.py = awkward.good:f\n"
    return wheel("wheels", "awkward", members)


def case_compiled_as_pip():
    os.makedirs("wheels", exist_ok=True)
    wheels = [generated("wheels", number) for number in range(10)] + [awkward()]
    theirs = pip_install("--compile", *by_name(wheels))
    shutil.copytree(VENV, "theirs", symlinks=True)
    done = make(wheels, options=["--bytecode", "pip"])
    assert done.returncode == 0, done.stderr
    ours = laid_over_venv()
    assert {path: mode for path, (mode, _) in ours.items()} == {path: mode for path, (mode, _) in theirs.items()}, sorted(set(ours) ^ set(theirs))
    pycs = [path for path in ours if path.endswith(".pyc")]
    for path in pycs:
        source = source_of(os.path.join(VENV, path))
        stamp, code = compiled(os.path.join(VENV, path))
        assert stamp == struct.pack("<LLL", 0, 315532800, os.path.getsize(source)) and int(os.stat(source).st_mtime) == 315532800, path
        assert code == compiled(os.path.join("theirs", path))[1], path
    # pip keeps the row of a compiled source that the wheel brought, and adds its own: here there is one.
    different = [path for path in ours if path not in pycs and ours[path] != theirs[path]]
    info = "lib/python3.11/site-packages/awkward-1.0.dist-info/RECORD"
    assert different == [info], different
    rows = [open(os.path.join(root, info)).read().splitlines() for root in ("theirs", VENV)]
    extra = [row for row in rows[0] if row.startswith("awkward/__pycache__/good.cpython-311.pyc,sha256=")]
    assert len(extra) == 1 and [row for row in rows[0] if row not in extra] == rows[1], rows
    imported = subprocess.run([VENV + "/bin/python", "-v", "-c", "import awkward.good"], capture_output=True, text=True, check=True)
    assert re.search(r"good.cpython-311.pyc matches ", imported.stderr), imported.stderr[-500:]
    subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", VENV + "/bin/python", "uninstall", "-q", "-y", *[f"wheel_{n}" for n in range(10)], "awkward"], check=True)
    left = [path for path in tree(VENV) if "wheel_" in path or "awkward" in path or "__pycache__" in path]
    assert not left, left
    print(f"{len(pycs)} sources: as pip compiles them")


def case_compiled_by_hash():
    os.makedirs("wheels", exist_ok=True)
    new_venv()
    wheels = [awkward()]
    assert make(wheels, options=["--bytecode", "hash"]).returncode == 0
    ours = laid_over_venv()
    package = os.path.join(VENV, "lib/python3.11/site-packages/awkward")
    assert any(path.endswith("/good.cpython-311.pyc") for path in ours)
    for name in os.listdir(package + "/__pycache__"):
        stamp, _ = compiled(os.path.join(package, "__pycache__", name))
        with open(source_of(os.path.join(package, "__pycache__", name)), "rb") as file:
            assert stamp == struct.pack("<L", 1) + importlib.util.source_hash(file.read()), name
    # Never checked: it is taken as it is when the source has changed.
    with open(package + "/good.py", "a") as file:
        file.write("raise SystemExit(3)\n")
    subprocess.run([VENV + "/bin/python", "-c", "import awkward.good"], check=True)


def case_compiled_once():
    """The same bytes however many are compiled in one run, and nothing is compiled a second time."""
    os.makedirs("wheels", exist_ok=True)
    new_venv()
    wheels = [generated("wheels", number) for number in range(6)] + [awkward()]
    together = make(wheels, "-", options=["--bytecode", "pip"])
    assert together.returncode == 0, together.stderr
    for path in wheels[::-1]:
        assert make([path], "-", options=["--bytecode", "pip"], cache="other").returncode == 0
    apart = make(wheels, "-", options=["--bytecode", "pip"], cache="other")
    assert apart.stdout == together.stdout, (apart, together)
    kept = make(wheels, "-", options=["--bytecode", "pip"])
    assert kept.stdout.split()[:-1] == together.stdout.split()[:-1] and kept.stdout.endswith("kept\n"), kept
    modes = {make(wheels, "-", options=options).stdout.split()[0] for options in ([], ["--bytecode", "pip"], ["--bytecode", "hash"])}
    assert len(modes) == 3
    assert not os.listdir(os.path.join("cache", "files", "partial"))
    # What was compiled, deleted: compiled again.
    shutil.rmtree("cache/bytecode")
    shutil.rmtree("cache/layers")
    assert make(wheels, "-", options=["--bytecode", "pip"]).stdout.split()[:-1] == together.stdout.split()[:-1]


def case_compiler_refuses():
    """A Python that answers nonsense, and a source that is not what the archive says."""
    os.makedirs("wheels", exist_ok=True)
    new_venv()
    path = wheel("wheels", "lies", {"lies/a.py": b"x = 1\n" * 100}, methods=[zipfile.ZIP_STORED])
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content.replace(b"x = 1\n", b"x = 2\n", 1))
    done = make([path], options=["--bytecode", "pip"])
    assert done.returncode == 1 and "lies-1.0-py3-none-any.whl" in done.stderr and "lies/a.py" in done.stderr, done
    good = wheel("wheels", "good", {"good/a.py": b"x = 1\n"})
    for answer in ("", "no json", "{}", '{"place": {}, "identity": ["x"]}'):
        os.makedirs("fake/bin", exist_ok=True)
        with open("fake/bin/python", "w") as file:
            file.write(f"#!/bin/sh\necho '{answer}'\n")
        os.chmod("fake/bin/python", 0o755)
        done = make([good], venv=os.path.join(WORK, "fake"), options=["--bytecode", "pip"])
        assert done.returncode == 1 and "its Python" in done.stderr, done
    first = subprocess.run([VENV + "/bin/python", "-I", os.path.join(ROOT, "src/layer/interpreter.py")], capture_output=True, text=True, check=True).stdout
    first = first.replace(VENV, WORK + "/fake")
    for line in ('{"name": "../../x.pyc", "packed": 2, "size": 0, "crc": 0}', '{"name": "a.cpython-311.pyc", "packed": 99, "size": 0, "crc": 0}', "{", '{"signal": 11}',
                 '{"name": "a.cpython-311.pyc", "packed": -1, "size": 0, "crc": 0}', '{"name": "a.cpython-311.pyc", "packed": 2, "size": 9999999, "crc": 1}'):
        with open("answer", "w") as file:
            file.write(line + "\n")
        with open("fake/bin/python", "w") as file:
            file.write(f"#!/bin/sh\ncase $2 in -B) echo '{first}';; *) cat >/dev/null; cat {WORK}/answer; printf '\\003\\000';; esac\n")
        done = make([good], venv=os.path.join(WORK, "fake"), options=["--bytecode", "pip"], cache="nonsense")
        assert done.returncode == 1 and done.stderr.startswith("error: "), (line, done)
        shutil.rmtree("nonsense/layers", ignore_errors=True)


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


def case_zstd():
    """Packed by zstd: the same archive, under another key."""
    os.makedirs("wheels", exist_ok=True)
    wheels = [generated("wheels", number) for number in range(6)]
    gzip, zstd = make(wheels, "one.tar.gz"), make(wheels, "one.tar.zst", options=["--zstd"])
    assert zstd.returncode == 0 and zstd.stdout.split()[1] == gzip.stdout.split()[1] and zstd.stdout.split()[3:] == gzip.stdout.split()[3:], (zstd, gzip)
    with open("one.tar.zst", "rb") as file:
        content = file.read()
    assert hashlib.sha256(content).hexdigest() == zstd.stdout.split()[0] and len(content) == int(zstd.stdout.split()[2])
    tar = subprocess.run(["zstd", "-dcq", "one.tar.zst"], stdout=subprocess.PIPE, check=True).stdout
    assert hashlib.sha256(tar).hexdigest() == zstd.stdout.split()[1]
    kept = [make(wheels, "-", options=options, cache="packings").stdout.split() for options in ([], ["--zstd"], ["--zstd"])]
    assert [line[-1] for line in kept] == ["made", "made", "kept"] and kept[1][0] == zstd.stdout.split()[0] and kept[0][0] == gzip.stdout.split()[0], kept


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


def case_many_at_once():
    """A layer a wheel, in children: the same layers as one by one; what was made before is kept; one that is refused ends the rest, and leaves nothing half made."""
    os.makedirs("wheels", exist_ok=True)
    new_venv()
    wheels = [generated("wheels", number) for number in range(9)]
    options = ["--apart", "3", "--bytecode", "pip"]
    done = make(wheels, "-", options=options, cache="many")
    assert done.returncode == 0 and all(line.endswith(" made") for line in done.stdout.splitlines()), done
    assert done.stdout.splitlines() == [make([path], "-", options=["--bytecode", "pip"], cache="alone").stdout.rstrip("\n") for path in wheels]
    again = make(wheels, "-", options=options, cache="many")
    assert again.stdout == done.stdout.replace(" made", " kept"), again
    bad = wheel("wheels", "bad", {"bad/a.bin": b"abcdefgh" * 100}, methods=[zipfile.ZIP_STORED])
    with open(bad, "rb") as file:
        content = file.read()
    with open(bad, "wb") as file:
        file.write(content.replace(b"abcdefgh", b"abcdefgH", 1))
    refused = make([*wheels, bad], "-", options=["--apart", "2"], cache="third")
    assert refused.returncode == 1 and "bad-1.0-py3-none-any.whl" in refused.stderr and "bad/a.bin" in refused.stderr, refused
    assert not os.listdir(os.path.join("third", "files", "partial"))
    # Two programs at once make each layer once, and wait for each other.
    arguments = [MAKE, *options, "-", VENV, *wheels]
    environment = {**os.environ, "LOCKSTEP_CACHE": os.path.join(WORK, "fourth")}
    both = [subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, text=True) for _ in range(2)]
    said = [child.communicate()[0] for child in both]
    assert [child.returncode for child in both] == [0, 0] and {text.replace(" kept", " made") for text in said} == {done.stdout}, said


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
    hostile("long", {"long/" + "x" * 256: b"x"}, ["too long"])
    hostile("deep", {"deep/" + "x/" * 2000 + "y": b"x"}, ["too long"])
    hostile("python", {"python-1.0.data/scripts/python3": (b"#!/bin/sh\n", 0o755)}, ["container's Python"])
    hostile("venv", {"venv-1.0.data/data/pyvenv.cfg": b"home = /tmp\n"}, ["container's Python"])
    hostile("both", {"both/x": b"x", "both/x/y": b"x"}, ["both/x", "folder"])
    hostile("other", {"two-1.0.dist-info/METADATA": b""}, ["dist-info"])


def case_hostile_records():
    hostile("unnamed", {"unnamed/a.py": b"x"}, ["unnamed/a.py", "RECORD"], record="unnamed-1.0.dist-info/METADATA,,\nunnamed-1.0.dist-info/WHEEL,,\n")
    hostile("absent", {}, ["absent/b.py", "RECORD"],
            record="absent-1.0.dist-info/METADATA,,\nabsent-1.0.dist-info/WHEEL,,\nabsent/b.py,sha256=x,1\nabsent-1.0.dist-info/RECORD,,\n")
    hostile("sizes", {}, ["METADATA", "size"], record="sizes-1.0.dist-info/METADATA,,1\nsizes-1.0.dist-info/WHEEL,,\nsizes-1.0.dist-info/RECORD,,\n")


def case_hostile_digests():
    """RECORD with another digest than the file has: of one that is joined, large, stored, empty, a script that is rewritten; two for one file."""
    wrong = "sha256=" + "A" * 43
    for number, (path, content, methods) in enumerate([
            ("a.py", b"x = 1\n", None), ("b.bin", random.Random(1).randbytes(50000), None), ("c.bin", random.Random(1).randbytes(200000), [zipfile.ZIP_STORED]),
            ("d.py", b"", None), ("{0}-1.0.data/scripts/e", b"#!python\nprint(1)\n", None)]):
        name = f"digest{number}"
        path = path.format(name)
        rows = f"{path},{wrong},{len(content)}\n{name}-1.0.dist-info/METADATA,,\n{name}-1.0.dist-info/WHEEL,,\n{name}-1.0.dist-info/RECORD,,\n"
        hostile(name, {path: content}, [path, "digest", "RECORD"], record=rows, **({"methods": methods} if methods else {}))
    rows = row("two_of.py", b"x") + f"\ntwo_of.py,{wrong},1\ntwo_of-1.0.dist-info/METADATA,,\ntwo_of-1.0.dist-info/WHEEL,,\ntwo_of-1.0.dist-info/RECORD,,\n"
    hostile("two_of", {"two_of.py": b"x"}, ["two digests"], record=rows)
    # Padding, other kinds of digests and rows without one are fine.
    rows = row("fine.py", b"x").replace(",1", "=,1") + "\nmore.py,md5=AAAA,1\nfine-1.0.dist-info/METADATA,,\nfine-1.0.dist-info/WHEEL,,\nfine-1.0.dist-info/RECORD,,\n"
    assert make([wheel("hostile", "fine", {"fine.py": b"x", "more.py": b"y"}, record=rows)]).returncode == 0


def directory(content):
    """Where the entries of the zip directory begin."""
    return [match.start() for match in re.finditer(b"PK\x01\x02", content)]


def patched(at, value):
    """Changes a field of the first entry of the directory."""
    return lambda content: content[:directory(content)[0] + at] + value + content[directory(content)[0] + at + len(value):]


def zip64(sizes):
    """A directory whose first entry says by zip64 what it is."""
    def change(content):
        at = directory(content)[0]
        end = content.rindex(b"PK\x05\x06")
        name_length, extra_length = struct.unpack("<HH", content[at + 28:at + 32])
        field = struct.pack("<HH", 1, 8 * len(sizes)) + struct.pack(f"<{len(sizes)}Q", *sizes)
        entry = content[at:at + 20] + b"\xff" * 8 + struct.pack("<HH", name_length, extra_length + len(field)) + content[at + 32:at + 42]
        entry += (b"\xff" * 4 if len(sizes) > 2 else content[at + 42:at + 46]) + content[at + 46:at + 46 + name_length] + field
        size = struct.unpack("<L", content[end + 12:end + 16])[0]
        middle = content[:at] + entry + content[at + 46 + name_length:end]
        return middle + content[end:end + 12] + struct.pack("<L", size + len(field)) + content[end + 16:]
    return change


def case_hostile_numbers():
    """Directories that lie: sizes, places, ways of packing, zip64."""
    text = b"abcdefgh" * 100

    def plain(name):
        return f"{name}/a.py,,\n{name}-1.0.dist-info/METADATA,,\n{name}-1.0.dist-info/WHEEL,,\n{name}-1.0.dist-info/RECORD,,\n"

    for number, (at, value) in enumerate([
            (24, struct.pack("<L", 900)), (24, struct.pack("<L", 700)), (20, struct.pack("<L", 3)), (20, struct.pack("<L", 1 << 30)), (42, struct.pack("<L", 1 << 30)),
            (42, struct.pack("<L", 1)), (10, struct.pack("<H", 12)), (10, struct.pack("<H", 9)), (8, struct.pack("<H", 1))]):
        name = f"number{number}"
        hostile(name, {f"{name}/a.py": text}, [f"{name}/a.py"], record=plain(name), change=patched(at, value))
    for number, sizes in enumerate([(1 << 63, 5), (800, 1 << 63), (800, 40, 1 << 62), (1 << 41, 5), (800, 0)]):
        name = f"lie{number}"
        hostile(name, {f"{name}/a.py": text}, [f"{name}/a.py"], record=plain(name), change=zip64(sizes))
    hostile("cut", {"cut/a.py": text}, [], change=lambda content: content[:-10])
    hostile("front", {"front/a.py": text}, [], change=lambda content: b"x" * 100 + content)
    hostile("behind", {"behind/a.py": text}, [], change=lambda content: content + b"x" * 70000)
    hostile("count", {"count/a.py": text}, [], change=lambda content: content[:-12] + b"\xff\xff" + content[-10:])


def case_hostile_overlap():
    """Members that overlap without beginning at one place, as bombs do that unpack one stream many times."""
    def overlap(content):
        """The first member says that its bytes go on over the second's."""
        at = directory(content)[0]
        return content[:at + 20] + struct.pack("<L", struct.unpack("<L", content[at + 20:at + 24])[0] + 60) + content[at + 24:]
    rows = "".join(f"overlap/{c}.bin,,\n" for c in "ab") + "overlap-1.0.dist-info/METADATA,,\noverlap-1.0.dist-info/WHEEL,,\noverlap-1.0.dist-info/RECORD,,\n"
    hostile("overlap", {"overlap/a.bin": random.Random(1).randbytes(300), "overlap/b.bin": random.Random(2).randbytes(300)}, ["overlap/a.bin"], record=rows, change=overlap)


def case_nothing_is_kept():
    """What is refused leaves nothing in the store, wherever in the wheel the reason is."""
    os.makedirs("hostile", exist_ok=True)
    members = {f"late/{i:03}.bin": random.Random(i).randbytes(30000) for i in range(40)}
    path = wheel("hostile", "late", members, methods=[zipfile.ZIP_STORED])
    with open(path, "rb") as file:
        content = bytearray(file.read())
    content[content.index(members["late/039.bin"]) + 7] ^= 1
    with open(path, "wb") as file:
        file.write(content)
    for options in ([], ["--zstd"], ["--apart", "2"]):
        done = make([path], "-", options=options, cache="empty")
        assert done.returncode == 1 and "late/039.bin" in done.stderr, done
        left = [os.path.join(folder, name) for folder, _, names in os.walk("empty") for name in names]
        assert not left, left


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
    # The same bytes in both are one file, as with pip.
    same = [wheel("hostile", name, {"shared/x.py": b"1", f"shared/{name}.py": b"x = 1\n"}) for name in ("same_one", "same_two")]
    done = make(same, options=["--bytecode", "pip"])
    assert done.returncode == 0, done
    ours, theirs = laid_over_venv(), pip_install("--compile", *by_name(same))
    different = [path for path in sorted(set(ours) | set(theirs)) if ours.get(path) != theirs.get(path) and not path.endswith((".pyc", "/RECORD"))]
    assert not different and {p for p in ours if p.endswith(".pyc")} == {p for p in theirs if p.endswith(".pyc")}, different
    other = wheel("hostile", "mode_two", {"shared/x.py": (b"1", 0o755)})
    done = make([same[0], other])
    assert done.returncode == 1 and "shared/x.py" in done.stderr, done
    # One script of both, with the same words.
    same = [wheel("hostile", name, {f"{name}-1.0.dist-info/entry_points.txt": b"[console_scripts]\ntool = shared:main\n"}) for name in ("tool_one", "tool_two")]
    done = make(same)
    assert done.returncode == 0, done
    folder = wheel("hostile", "folder", {"shared/x.py/y.py": b"2"})
    done = make([one, folder])
    assert done.returncode == 1 and "folder" in done.stderr, done


def case_overwritten():
    """The declared one's file is there, whatever the order of layers: as with a pip that installs it last."""
    os.makedirs("over", exist_ok=True)
    main = b"[console_scripts]\ntool = shared.%s:main\n"
    first = wheel("over", "first", {"shared/__init__.py": b"A = 1\n", "shared/same.py": b"S = 1\n", "shared/first.py": b"F = 1\n", "shared/mode": (b"1", 0o755),
                                    "first-1.0.dist-info/entry_points.txt": main % b"first", "first-1.0.data/data/share/d": b"1"})
    second = wheel("over", "second", {"shared/__init__.py": b"A = 2\n", "shared/same.py": b"S = 1\n", "shared/second.py": b"F = 2\n", "shared/mode": b"1",
                                      "second-1.0.dist-info/entry_points.txt": main % b"second", "second-1.0.data/data/share/d": b"2", "shared/third.py": b"3\n"})
    third = wheel("over", "third", {"shared/third.py": b"T = 3\n"})
    wheels = [first, second, third]
    for winners in (["first:second", "third:second"], ["second:first", "third:second"], ["second:first", "second:third"]):
        options = ["--bytecode", "pip", *(word for pair in winners for word in ("--overwrites", pair))]
        pip_install("--compile", *by_name(wheels))
        for name in dict.fromkeys(pair.split(":")[0] for pair in winners):
            again = next(w for w in wheels if os.path.basename(w).startswith(name + "-"))
            subprocess.run(["/usr/bin/python3", "-m", "pip", "--python", VENV + "/bin/python", "install", "-q", "--isolated", "--no-index", "--no-deps", "--no-cache-dir",
                            "--disable-pip-version-check", "--root-user-action=ignore", "--ignore-installed", "--compile", *by_name([again])], check=True)
        theirs = tree(VENV)
        done = make(wheels, options=options)
        assert done.returncode == 0, done
        ours = laid_over_venv()
        different = [p for p in sorted(set(ours) | set(theirs)) if ours.get(p) != theirs.get(p) and not p.endswith((".pyc", "/RECORD"))]
        assert not different and {p for p in ours if p.endswith(".pyc")} == {p for p in theirs if p.endswith(".pyc")}, (winners, different)
        done = make(wheels, options=[*options, "--apart", "1"])
        assert done.returncode == 0, done
        layers = [f"cache/files/sha256/{line[:2]}/{line.split()[0]}" for line in done.stdout.splitlines()]
        for order in (layers, layers[::-1]):
            assert {p: w for p, w in laid_over_venv(order).items()} == ours, (winners, order)


def case_overwritten_in_the_key():
    """Who is overwritten by nobody has the layer it always had."""
    one, other = wheel("over", "k1", {"k/x.py": b"1\n"}), wheel("over", "k2", {"k/x.py": b"2\n", "k/y.py": b"3\n"})

    def layers(*options):
        done = make([one, other], options=[*options, "--apart", "1"])
        assert done.returncode == 0, done
        return [(line.split()[0], line.split()[-1]) for line in done.stdout.splitlines()]
    plain, declared = layers(), layers("--overwrites", "k1:k2")
    assert [how for _, how in plain] == ["made", "made"] and declared[0] == (plain[0][0], "kept"), (plain, declared)
    assert declared[1][0] != plain[1][0] and declared[1][1] == "made", (plain, declared)
    assert layers("--overwrites", "k1:k2") == [(digest, "kept") for digest, _ in declared]
    assert layers("--overwrites", "k2:k1")[1] == (plain[1][0], "kept")
    done = make([one, other])
    assert done.returncode == 1 and "k/x.py" in done.stderr, done
    third = wheel("over", "k3", {"k/x.py": b"3\n"})
    done = make([one, other, third], options=["--overwrites", "k1:k2"])
    assert done.returncode == 1 and "k1-1.0" in done.stderr and "k3-1.0" in done.stderr, done
    # Of three, the one that nobody overwrites.
    done = make([one, other, third], options=["--overwrites", "k1:k2", "--overwrites", "k2:k3"])
    assert done.returncode == 0 and laid_over_venv()["lib/python3.11/site-packages/k/x.py"][1] == hashlib.sha256(b"1\n").hexdigest(), done
    done = make([one, wheel("over", "k4", {"k/x.py/z.py": b"3\n"})], options=["--overwrites", "k1:k4"])
    assert done.returncode == 1 and "elsewhere a folder" in done.stderr, done


if __name__ == "__main__":
    cases.run(globals())
