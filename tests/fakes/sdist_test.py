#!/usr/bin/env python3
"""What lockstep reads of sdists without running them, on honest, lying and hostile archives made here."""
import gzip, io, os, subprocess, sys, tarfile, time, zipfile

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "build/debug/tests/oracle/sdist_read")
PKG_INFO = "Metadata-Version: {}\nName: Pkg\nVersion: 1.0\nRequires-Dist: dep>=1\nRequires-Dist: other; extra == 'x'\nProvides-Extra: x\n{}\n"
PYPROJECT = "[build-system]\nrequires = ['setuptools>=61', \"wheel; python_version < '3.12'\"]\nbuild-backend = 'setuptools.build_meta'\n"
failures = []


def tar(members, name="pkg-1.0.tar.gz"):
    """Members are (name, text) or TarInfo objects."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for m in members:
            if isinstance(m, tarfile.TarInfo):
                t.addfile(m)
                continue
            info = tarfile.TarInfo(m[0])
            info.size = len(m[1].encode())
            t.addfile(info, io.BytesIO(m[1].encode()))
    with open(name, "wb") as f:
        f.write(gzip.compress(out.getvalue()) if name.endswith("gz") else out.getvalue())
    return name


def entry(name, **fields):
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def read(path, name="pkg", version="1.0", *more):
    return subprocess.run([TOOL, path, name, version, *more], capture_output=True, text=True, timeout=120).stdout


def check(what, seen, *wanted, without=()):
    missing = [w for w in wanted if w not in seen] + ["NOT " + w for w in without if w in seen]
    if missing:
        failures.append(f"{what}: {missing} in:\n{seen}")


GOOD = [("pkg-1.0/PKG-INFO", PKG_INFO.format("2.2", "")), ("pkg-1.0/pyproject.toml", PYPROJECT)]
check("static PKG-INFO", read(tar(GOOD)), "pkg 1.0\n", "build-requires setuptools>=61\n", "build-requires wheel; python_version < '3.12'\n",
      "Requires-Dist: dep>=1", without=["dynamic"])
check("old PKG-INFO", read(tar([("pkg-1.0/PKG-INFO", PKG_INFO.format("2.1", "")), GOOD[1]])), "dynamic\n")
check("dynamic requirements", read(tar([("pkg-1.0/PKG-INFO", PKG_INFO.format("2.2", "Dynamic: requires-dist\n")), GOOD[1]])), "dynamic\n")
check("dynamic of no consequence", read(tar([("pkg-1.0/PKG-INFO", PKG_INFO.format("2.3", "Dynamic: Summary\n")), GOOD[1]])), "Requires-Dist: dep>=1")
check("no build system", read(tar([("pkg-1.0/setup.py", ""), GOOD[0]])), "build-requires setuptools>=40.8.0\n", "build-requires wheel\n")
check("zip", (lambda: (zipfile.ZipFile("pkg-1.0.zip", "w").writestr("pkg-1.0/setup.py", ""), None))() and "" or read("pkg-1.0.zip"), "build-requires")
project = "[project]\nname = 'pkg'\nversion = '1.0'\nrequires-python = '>=3.8'\ndependencies = ['dep>=2 ; os_name == \"posix\"', 'e[f]']\n" \
          "[project.optional-dependencies]\nFast_x = ['g', 'h ; python_version < \"3\"']\n"
check("static pyproject", read(tar([("pkg-1.0/pyproject.toml", PYPROJECT + project)])), 'Requires-Dist: dep>=2 ; os_name == "posix"', "Requires-Dist: e[f]\n",
      "Requires-Python: >=3.8", "Provides-Extra: fast-x", "Requires-Dist: g ; extra == 'fast-x'",
      "Requires-Dist: h ; (python_version < \"3\") and extra == 'fast-x'")
check("dynamic dependencies", read(tar([("pkg-1.0/pyproject.toml", PYPROJECT + "[project]\nname='pkg'\nversion='1'\ndynamic=['dependencies']\n")])), "dynamic\n")
check("dynamic version, known from outside", read(tar([("pkg-1.0/pyproject.toml", PYPROJECT + "[project]\nname='pkg'\ndynamic=['version']\n")])), "Version: 1.0")
check("dynamic version, not known", read(tar([("pkg-1.0/pyproject.toml", PYPROJECT + "[project]\nname='pkg'\ndynamic=['version']\n")]), "pkg", "-"), "pkg ?\n", "dynamic\n")
check("in a subdirectory", read(tar([("t/sub/pyproject.toml", PYPROJECT + project), ("t/pyproject.toml", "broken")]), "pkg", "-", "sub"), "pkg 1.0\n")
check("not there", read(tar([("t/sub/pyproject.toml", PYPROJECT)]), "pkg", "-", "else"), "error:", "neither pyproject.toml nor setup.py in else")

for what, members, *texts in (
    ("another name", [("x/PKG-INFO", PKG_INFO.format("2.2", "").replace("Pkg", "evil")), GOOD[1]], "said to be of package 'pkg', but its PKG-INFO says 'evil'"),
    ("another version", [("x/PKG-INFO", PKG_INFO.format("2.2", "").replace("1.0", "6.6")), GOOD[1]], "said to be of version '1.0', but its PKG-INFO says '6.6'"),
    ("another name in pyproject", [("x/pyproject.toml", project.replace("'pkg'", "'evil'"))], "but its pyproject.toml says 'evil'"),
    ("another version in pyproject", [("x/pyproject.toml", project.replace("'1.0'", "'2'"))], "but its pyproject.toml says '2'"),
    ("escape", GOOD + [("pkg-1.0/../../evil", "x")], "'pkg-1.0.tar.gz' is not unpacked: its member 'pkg-1.0/../../evil' would be outside"),
    ("absolute", GOOD + [("/etc/evil", "x")], "'/etc/evil' would be outside"),
    ("control characters", GOOD + [("pkg-1.0/\x1b[31mred", "x")], "\\x1b[31mred"),
    ("link out", GOOD + [entry("pkg-1.0/l", type=tarfile.SYMTYPE, linkname="../../etc/passwd")], "'pkg-1.0/l' is a link that leads out"),
    ("link to the root", GOOD + [entry("pkg-1.0/l", type=tarfile.SYMTYPE, linkname="/etc/passwd")], "is a link that leads out"),
    ("link out by a detour", GOOD + [entry("pkg-1.0/a/l", type=tarfile.SYMTYPE, linkname="x/../../../y")], "is a link that leads out"),
    ("hard link out", GOOD + [entry("pkg-1.0/l", type=tarfile.LNKTYPE, linkname="../etc/passwd")], "is a link that leads out"),
    ("device", GOOD + [entry("pkg-1.0/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "'pkg-1.0/null' is neither file, folder nor link"),
    ("pipe", GOOD + [entry("pkg-1.0/p", type=tarfile.FIFOTYPE)], "is neither file, folder nor link"),
    ("nothing to build", [("pkg-1.0/README", "x")], "has neither pyproject.toml nor setup.py"),
    ("empty", [], "is empty"),
    ("broken TOML", [("x/pyproject.toml", "[[[")], "pyproject.toml is not TOML"),
    ("requires of no list", [("x/pyproject.toml", "[build-system]\nrequires='x'\n")], "without a list 'requires'"),
    ("requires of no requirement", [("x/pyproject.toml", "[build-system]\nrequires=['-r x']\n")], "requires what is no requirement"),
    ("backend of no name", [("x/pyproject.toml", "[build-system]\nrequires=[]\nbuild-backend='os; evil'\n")], "names a build backend that is none"),
    ("backend path that leads out", [("x/pyproject.toml", "[build-system]\nrequires=[]\nbackend-path=['../x']\n")], "'backend-path' leads out of it"),
    ("huge pyproject", [("x/pyproject.toml", "#" * (17 << 20))], "larger than any such file has to be"),
):
    check(what, read(tar(members)), "error:", *texts)
check("link inside", read(tar(GOOD + [entry("pkg-1.0/a/l", type=tarfile.SYMTYPE, linkname="../b")])), "pkg 1.0\n")

# A few kB that unpack to far too much.
with gzip.open("bomb.tar.gz", "wb", compresslevel=9) as f:
    info = tarfile.TarInfo("pkg-1.0/zeros")
    info.size = 512 << 20
    f.write(info.tobuf())
    block = bytes(1 << 20)
    for _ in range(512):
        f.write(block)
began = time.monotonic()
seen = read("bomb.tar.gz")
check("bomb", seen if "error" in seen else "", "error:")
with open("garbage.tar.gz", "wb") as f:
    f.write(os.urandom(4096))
check("garbage", read("garbage.tar.gz"), "error:", "cannot be read")
with open(tar(GOOD, "cut.tar.gz"), "rb") as f:
    whole = f.read()
for length in (0, 10, len(whole) // 2, len(whole) - 8):
    with open("cut.tar.gz", "wb") as f:
        f.write(whole[:length])
    check(f"cut at {length}", read("cut.tar.gz"), "error:")
for seed in range(60):
    bytes_ = bytearray(whole)
    bytes_[(seed * 131) % len(bytes_)] ^= 1 << (seed % 8)
    with open("flipped.tar.gz", "wb") as f:
        f.write(bytes_)
    if not read("flipped.tar.gz"):
        failures.append(f"flipped bit {seed}: it crashed")
print("\n".join(failures) or "all as expected")
sys.exit(bool(failures))
