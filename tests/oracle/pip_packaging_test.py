#!/usr/bin/env python3
"""Where pip and packaging disagree on what src/python reads, and that lockstep then does as packaging does.

On versions, specifiers, names, requirements, markers, wheel names and tags they cannot: pip carries the very sources of the packaging that tests compare with, which is
looked at here. Core metadata pip reads with code of its own."""
import glob, os, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.path.join(ROOT, ".tools/venv/bin/python")
ORACLE = os.path.join(ROOT, "build/debug/tests/oracle/python_oracle")

if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, ".tools/venv")):
    if not os.path.exists(PYTHON):
        print("packaging and pip are not there: run tools/setup test")
        sys.exit(77)
    os.execv(PYTHON, [PYTHON, *sys.argv])

import packaging
import pip._vendor.packaging
from packaging.metadata import parse_email
from pip._internal.metadata import get_metadata_distribution
from pip._internal.utils.temp_dir import global_tempdir_manager
from pip._vendor.packaging.utils import canonicalize_name

HEAD = b"Metadata-Version: 2.1\n"
# METADATA, what pip takes from it, and what packaging does; None: it cannot be read, or not be trusted.
CASES = [
    (HEAD + b"Name: a\nVersion: 1\nRequires-Dist: b>1\n", ("a", "1", ["b>1"]), ("a", "1", ["b>1"])),
    (HEAD + b"Name: a\nVersion: 1\nName: b\n", ("a", "1", []), None),
    (HEAD + b"Name: a\nVersion: 1\nVersion: 2\n", ("a", "1", []), None),
    (HEAD + b"Name: a\nVersion: 1\nRequires-Python: >=3\nRequires-Python: >=4\n", ("a", "1", []), None),
    (HEAD + b"Name: a\nVersion: 1\nSummary: x\nRequires-Dist: b\nName: a\n", ("a", "1", ["b"]), None),
    (HEAD + b"Name: a\nVersion: 1\nSummary: \xff\nRequires-Dist: b\n", None, ("a", "1", ["b"])),
    (HEAD + b"Name: a\nVersion: 1\nRequires-Dist: \xff\n", None, None),
]


def same_sources():
    theirs, ours = os.path.dirname(pip._vendor.packaging.__file__), os.path.dirname(packaging.__file__)
    for path in glob.glob(ours + "/*.py"):
        with open(path, encoding="utf-8") as a, open(os.path.join(theirs, os.path.basename(path)), encoding="utf-8") as b:
            if a.read() != b.read().replace("pip._vendor.packaging", "packaging"):
                yield os.path.basename(path)


def pip_reads(text):
    with global_tempdir_manager():
        d = get_metadata_distribution(text, "a-1-py3-none-any.whl", canonicalize_name("a"))
        try:
            return d.raw_name, str(d.version), list(map(str, d.iter_dependencies()))
        except UnicodeDecodeError:
            return None


def packaging_reads(text):
    raw, unparsed = parse_email(text)
    if set(unparsed) & {"name", "version", "requires-python", "requires-dist", "provides-extra"}:
        return None
    return raw["name"], raw["version"], raw.get("requires_dist", [])


def lockstep_reads(text):
    line = b"metadata\t" + text.replace(b"\\", b"\\\\").replace(b"\n", b"\\n") + b"\n"
    seen = subprocess.run([ORACLE], input=line, capture_output=True, check=True).stdout.decode().rstrip("\n").split("\t")
    return None if seen[0] == "no" else (seen[0], seen[1], seen[5:5 + int(seen[4])])


def main():
    problems = [f"{name} of pip's packaging is not that of packaging" for name in same_sources()]
    for text, by_pip, by_packaging in CASES:
        if (pip_reads(text), packaging_reads(text)) != (by_pip, by_packaging):
            problems.append(f"{text!r}: pip reads {pip_reads(text)}, packaging {packaging_reads(text)}: say so here")
        if lockstep_reads(text) != by_packaging:
            problems.append(f"{text!r}: lockstep reads {lockstep_reads(text)}, packaging {by_packaging}")
    print("\n".join(problems))
    print(f"{sum(a != b for _, a, b in CASES)} disagreements of pip and packaging, {len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
