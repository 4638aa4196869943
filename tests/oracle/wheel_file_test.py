#!/usr/bin/env python3
"""Wheel files made by Python's zipfile in all its ways must be read as zipfile reads them; archives that lie must be refused."""
import io, os, random, re, subprocess, sys, tempfile, zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECORD_DIGEST = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "debug"), "tests/oracle/record_digest")
ORACLE = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "debug"), "tests/oracle/python_oracle")
LIMIT = 16 << 20


class Pipe(io.RawIOBase):
    """Cannot seek: zipfile then puts sizes and checksums behind the members."""

    def __init__(self):
        self.bytes = b""

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


def metadata(r):
    text = f"Metadata-Version: 2.1\nName: pkg\nVersion: {r.randint(0, 99)}.{r.randint(0, 9)}\n"
    text += "".join(f"Requires-Dist: dep{i}>={r.randint(0, 9)}\n" for i in range(r.randint(0, 5)))
    return text + "\n" + "".join(r.choice("aé\n ") for _ in range(r.choice([0, 10, 70000, 200000])))


def make(r, text):
    out = Pipe() if r.random() < .3 else io.BytesIO()
    with zipfile.ZipFile(out, "w", r.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as z:
        members = [("pkg-1.dist-info/METADATA", text)] + [(f"pkg/{'é' * r.randint(0, 2)}{'n' * r.choice([1, 9, 300])}{i}", "x" * r.randint(0, 999))
                                                          for i in range(r.choice([0, 1, 5, 1500]))]
        r.shuffle(members)
        for name, content in members:
            with z.open(zipfile.ZipInfo(name) if r.random() < .2 else name, "w", force_zip64=r.random() < .2) as f:
                f.write(content.encode())
        if r.random() < .3:
            z.comment = r.choice([b"comment", bytes(65535)])
    return out.bytes if isinstance(out, Pipe) else out.getvalue()


def zip64_end(whole):
    """The same archive with a zip64 end record, as archives of more than 65535 members or 4 GiB have."""
    end = whole.rindex(b"PK\5\6")
    count, size, at = int.from_bytes(whole[end + 10:end + 12], "little"), int.from_bytes(whole[end + 12:end + 16], "little"), int.from_bytes(whole[end + 16:end + 20], "little")
    record = b"PK\6\6" + (44).to_bytes(8, "little") + bytes([45, 0, 45, 0]) + bytes(8) + b"".join(n.to_bytes(8, "little") for n in (count, count, size, at))
    locator = b"PK\6\7" + bytes(4) + end.to_bytes(8, "little") + (1).to_bytes(4, "little")
    return whole[:end] + record + locator + b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)


def simple(text=b"Name: pkg\nVersion: 1\n", method=zipfile.ZIP_DEFLATED, names=("pkg-1.dist-info/METADATA",)):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name in names:
            z.writestr(name, text)
    return out.getvalue()


def patched(whole, mark, offset, new):
    at = whole.rindex(mark) + offset
    return whole[:at] + new + whole[at + len(new):]


def lies():
    """(bytes, what is said of them)"""
    good, size = simple(), len("Name: pkg\nVersion: 1\n")
    stored = simple(method=zipfile.ZIP_STORED)
    yield simple(b"x" * (LIMIT * 2 + 1)), "larger than"
    yield patched(simple(b"Name: pkg\nVersion: 1\n\n" + b"x" * 5000000), b"PK\1\2", 24, (22).to_bytes(4, "little")), "longer than it says"
    yield patched(good, b"PK\1\2", 24, (size + 1).to_bytes(4, "little")), "broken"
    yield patched(good, b"PK\1\2", 16, b"\0\0\0\0"), "checksum"
    yield patched(stored, b"PK\1\2", 20, b"\1"), "broken"
    yield patched(good, b"PK\1\2", 8, b"\1"), "encrypted"
    yield simple(method=zipfile.ZIP_BZIP2), "not known"
    yield simple(method=zipfile.ZIP_LZMA), "not known"
    yield patched(good, b"PK\1\2", 42, b"\xff\0"), "cut off"
    yield patched(good, b"PK\1\2", 20, b"\xff\xff"), "cut off"
    yield patched(good, b"PK\3\4", 30, b"q"), "not what the directory says"
    yield b"#!prefix\n" + good, "not where it should be"
    yield good + b"trailer", "not a zip archive"
    yield good[:-1], "not a zip archive"
    yield patched(good, b"PK\5\6", 8, b"\2\0\2\0"), "cut off"
    yield patched(good, b"PK\5\6", 8, b"\0\0\0\0"), "more than it says"
    yield patched(good, b"PK\5\6", 4, b"\1"), "several parts"
    yield patched(good, b"PK\5\6", 16, b"\xff\xff\xff\xff"), "zip64 end is missing"
    yield patched(zip64_end(good), b"PK\6\6", 48, b"\xff" * 8), "not where it should be"
    yield patched(zip64_end(good), b"PK\6\7", 8, b"\xff" * 8), "zip64 end is missing"


def elsewhere():
    """The same of what is no lie of the archive, but of those who filled it."""
    for name in ("METADATA", "x/METADATA", "pkg-1.dist-info/METADATA2", ".dist-info/METADATA", "a/b-1.dist-info/METADATA", "pkg-1xdist-info/METADATA", "pkg-1.dist-info/x/METADATA"):
        yield simple(names=[name]), "it holds no METADATA"
    yield simple(names=["pkg-1.dist-info/METADATA", "b-1.dist-info/METADATA"]), "it holds more than one METADATA"
    yield simple(names=["other-1.dist-info/METADATA"]), "metadata of 'pkg' stands in 'other-1.dist-info'"
    yield simple(names=["pkg2-1.dist-info/METADATA"]), "metadata of 'pkg' stands in 'pkg2-1.dist-info'"
    yield simple(names=["\x1b[2J\u202e-1.dist-info/METADATA"]), "metadata of 'pkg' stands in '\\\\x1b[2J\\\\u{202e}-1.dist-info'"
    yield simple(b"Name: pkg\n"), "metadata has no 'Version'"
    yield simple(b"Version: 1\n"), "metadata has no 'Name'"
    yield simple(b"Name: p\nName: p\nVersion: 1\n"), "metadata has 'Name' twice"
    yield simple(b"Name: -p\nVersion: 1\n"), "metadata has a 'Name' that is no name"
    yield simple(b"Name: pkg\nVersion: one\n"), "metadata of 'pkg' has a 'Version' that is no version"
    yield simple(b"Name: pkg\nVersion: 1\nRequires-Python: \xff\n"), "metadata of 'pkg' is not UTF-8 in 'Requires-Python'"
    yield simple(b"Name: pkg\nVersion: 1\nRequires-Dist: \xff\n"), "metadata is not UTF-8 in 'Requires-Dist'"


def broken_records():
    """Archives that hold a RECORD which cannot be read."""
    for whole, _ in lies():
        if whole[-14:-10] == b"\2\0\2\0":
            continue  # a member that is missing behind RECORD is not looked for
        yield whole.replace(b"pkg-1.dist-info/METADATA", b"pack-10.dist-info/RECORD")
    yield simple(names=["RECORD"])
    yield simple(names=["a/b.dist-info/x/RECORD"])


def check_records(folder):
    paths = []
    for whole in broken_records():
        paths.append(os.path.join(folder, f"record{len(paths)}"))
        with open(paths[-1], "wb") as f:
            f.write(whole)
    done = subprocess.run([RECORD_DIGEST, *paths], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    problems = [f"{p}: {line}" for p, line in zip(paths, lines) if not line.startswith("error ")]
    return len(paths), problems if len(lines) == len(paths) else [*problems, done.stderr]


def ask(paths):
    done = subprocess.run([ORACLE], input="".join(f"wheel-file\t{p}\n" for p in paths).encode(), stdout=subprocess.PIPE)
    if done.returncode:
        print(f"the oracle ended with {done.returncode}")
        sys.exit(1)
    return [line.decode().split("\t") for line in done.stdout.splitlines()]


def main():
    r, problems, expected = random.Random(7), [], []
    with tempfile.TemporaryDirectory() as folder:
        paths = []

        def add(whole, answer):
            paths.append(os.path.join(folder, str(len(paths))))
            with open(paths[-1], "wb") as f:
                f.write(whole)
            expected.append(answer)

        for i in range(120):
            text = metadata(r)
            whole = make(r, text)
            with zipfile.ZipFile(io.BytesIO(whole)) as z:
                assert z.read("pkg-1.dist-info/METADATA").decode() == text
            if i % 4 == 0 and not zipfile.ZipFile(io.BytesIO(whole)).comment:
                whole = zip64_end(whole)
                assert zipfile.ZipFile(io.BytesIO(whole)).read("pkg-1.dist-info/METADATA").decode() == text
            add(whole, ["pkg", re.search("^Version: (.*)", text, re.M)[1], *re.findall("^Requires-Dist: (.*)", text, re.M)])
        for whole, why in [*lies(), *elsewhere()]:
            add(whole, why)
        records, problems = check_records(folder)
        for path, wanted, seen in zip(paths, expected, ask(paths), strict=True):
            if isinstance(wanted, str):
                good = seen[0] == "no" and wanted in seen[1]
            else:
                good = seen[:2] + seen[5:] == wanted
            if not good:
                problems.append(f"{os.path.basename(path)}: {seen!r}, expected {wanted!r}")
    print("\n".join(problems))
    print(f"{len(expected) + records} archives, {len(problems)} differences")
    return 1 if problems else 0


sys.exit(main())
