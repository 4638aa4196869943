#!/usr/bin/env python3
"""Versions, specifiers, markers, requirements, wheel names, tags and metadata: lockstep beside `packaging` on the same generated input. Every answer must be the same.

LOCKSTEP_ORACLE_CASES: how many (default 100,000); LOCKSTEP_ORACLE_SEED: other ones; LOCKSTEP_ORACLE_BUILD=debug: with sanitizers;
LOCKSTEP_ORACLE_JOBS: at once (default 2)."""
import concurrent.futures, hashlib, os, random, re, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.path.join(ROOT, ".tools/venv/bin/python")
ORACLE = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "release"), "tests/oracle/python_oracle")
CASES = int(os.environ.get("LOCKSTEP_ORACLE_CASES", "100000"))
SEED = int(os.environ.get("LOCKSTEP_ORACLE_SEED", "1"))
BATCH = 5000
JOBS = int(os.environ.get("LOCKSTEP_ORACLE_JOBS", min(2, os.cpu_count() or 1)))

try:
    import packaging
    if packaging.__version__ != "26.3":
        raise ImportError
except ImportError:
    # Once, with the Python that tools/setup made.
    if os.path.exists(PYTHON) and not os.environ.get("LOCKSTEP_ORACLE_INSIDE"):
        os.execve(PYTHON, [PYTHON, *sys.argv], os.environ | {"LOCKSTEP_ORACLE_INSIDE": "1"})
    print("packaging 26.3 is not there: run tools/setup")
    sys.exit(77)

from packaging import _manylinux, _musllinux, tags
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, InvalidWheelFilename, canonicalize_name, is_normalized_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import python_cases as make


def parsed_version(text):
    try:
        return Version(text)
    except InvalidVersion:
        return None


def ask_name(r):
    text = make.name(r)
    try:
        canonicalize_name(text, validate=True)
        valid = "1"
    except InvalidName:
        valid = "0"
    return ["name", text], [valid, "1" if is_normalized_name(text) else "0", canonicalize_name(text)]


def ask_version(r):
    text = make.any_bytes(r, make.version(r))
    v = parsed_version(text)
    return ["version", text], ["no"] if v is None else [str(v), "1" if v.is_prerelease else "0", *map(str, v.release), "0"]


def ask_compare(r):
    a = make.any_bytes(r, make.version(r))
    b = make.near(r, a) if r.random() < .7 else make.version(r)
    x, y = parsed_version(a), parsed_version(b)
    if x is None and y is None:
        x, y = a.encode("utf-8", "surrogateescape"), b.encode("utf-8", "surrogateescape")
    elif x is None or y is None:
        x, y = x is not None, y is not None
    return ["compare", a, b], ["<" if x < y else ">" if x > y else "="]


def ask_set(r):
    text = make.any_bytes(r, make.specifier_set(r))
    pieces = [re.sub(r"^\W*[vV]?", "", part.replace(".*", "")) for part in text.split(",")]
    versions = [make.near(r, r.choice(pieces)) for _ in range(6)] + [r.choice(["foobar", "", " 1.0 "])]
    try:
        s = SpecifierSet(text)
    except InvalidSpecifier:
        return ["set", text, *versions], ["no"]
    answers = [str(s), "1" if s.prereleases else "0"]
    for v in versions:
        answers += ["1" if s.contains(v, prereleases=p) else "0" for p in (True, bool(s.prereleases))]
    for p in (None, True, False):
        kept = {i for i, _ in s.filter(list(enumerate(versions)), prereleases=p, key=lambda pair: pair[1])}
        answers.append("".join("1" if i in kept else "0" for i in range(len(versions))))
    return ["set", text, *versions], answers


def ask_values(r):
    """default_environment() as it would be there, without what is of one machine: releases and versions of its kernel."""
    python, implementation, os_name, machine = f"3.{r.randint(0, 15)}", r.choice(["cpython", "pypy", "graalpy"]), r.choice(["linux", "linux", "freebsd"]), r.choice(make.MACHINES)
    full, written = f"{python}.{r.randint(0, 99)}", {"cpython": "CPython", "pypy": "PyPy"}.get(implementation, implementation)
    return (["values", python, implementation, os_name, machine, full],
            [implementation, full, "posix", machine, "", written, "Linux" if os_name == "linux" else os_name, "", full, python, os_name])


def marker_text(m):
    try:
        return str(m)
    except ValueError:
        return "(quotes)"


def ask_marker(r):
    text, extra = make.odd_marker(r) if r.random() < .005 else make.marker(r), r.choice(["", "foo", "foo-bar", "test"])
    if "\\N{BULLET}" in text:
        return ["marker", text, extra], ["no"]  # lockstep knows no names of characters
    try:
        m = Marker(text)
    except (InvalidMarker, RecursionError):
        return ["marker", text, extra], ["no"]
    answers = [marker_text(m)]
    for environment in make.ENVIRONMENTS:
        try:
            answers.append("1" if m.evaluate(environment | {"extra": extra}) else "0")
        except (UndefinedComparison, UndefinedEnvironmentName):
            answers.append("?")
    return ["marker", text, extra], answers


def ask_requirement(r):
    text = make.requirement(r)
    try:
        q = Requirement(text)
    except InvalidRequirement:
        return ["requirement", text], ["no"]
    return ["requirement", text], [q.name, canonicalize_name(q.name), str(q.specifier), q.url or "(none)", marker_text(q.marker) if q.marker else "(none)",
                                   *sorted({canonicalize_name(e) for e in q.extras})]


TAGS = {}  # what the last platform takes, best first


def platform_tags(python, implementation, machine, libc, libc_version):
    """packaging.tags.sys_tags() as it would be there."""
    version = tuple(map(int, python.rstrip("t").split(".")))
    # Numbers beyond 99, which no C library has, are none in lockstep.
    numbers = re.match(r"([0-9]{1,2})\.([0-9]{1,2})(?![0-9])", libc_version)
    numbers = tuple(map(int, numbers.groups())) if numbers else None
    tags.sysconfig.get_platform = lambda: "linux-" + machine
    soabi = f"pypy{version[0]}{version[1]}-pp73"  # of every PyPy since 7.3
    tags._get_config_var = lambda name, warn=False: {"Py_GIL_DISABLED": python.endswith("t"), "Py_DEBUG": 0, "EXT_SUFFIX": f".{soabi}-x-linux-gnu.so"}.get(name)
    _manylinux._get_manylinux_module = lambda: None
    _manylinux._have_compatible_abi = lambda executable, archs: not set(archs).isdisjoint(_manylinux._ALLOWED_ARCHS | {"i686", "armv7l"})
    _manylinux._get_glibc_version = lambda: _manylinux._GLibCVersion(*numbers if libc == "glibc" and numbers else (-1, -1))
    _musllinux._get_musl_version = lambda executable: _musllinux._MuslVersion(*numbers) if libc == "musl" and numbers else None
    platforms = list(tags._linux_platforms(is_32bit=False))
    if implementation == "cpython":
        return [*tags.cpython_tags(version, None, platforms), *tags.compatible_tags(version, "cp%d%d" % version, platforms)]
    if implementation == "pypy":
        return [*tags.generic_tags("pp%d%d" % version, None, platforms), *tags.compatible_tags(version, "pp3", platforms)]
    return list(tags.compatible_tags(version, None, platforms))  # those of other implementations are not known


def ask_tags(r):
    platform = make.platform(r)
    found = platform_tags(*platform)
    TAGS.clear()
    TAGS.update({tag: rank for rank, tag in reversed(list(enumerate(found)))})
    return ["tags", *platform], list(map(str, found))


def ask_wheel(r):
    text = make.wheel(r)
    parts = text.removesuffix(".whl").split("-")[-3:]
    sets = [set(part.lower().split(".")) for part in parts]
    if len(sets) == 3 and (max(part.count(".") for part in parts) >= 1024 or len(sets[0]) * len(sets[1]) * len(sets[2]) > 1024):
        return ["wheel", text], ["no"]  # lockstep's own limit
    try:
        name, version, build, found = parse_wheel_filename(text)
    except InvalidWheelFilename:
        return ["wheel", text], ["no"]
    rank = min((TAGS[t] for t in found if t in TAGS), default=-1)
    return ["wheel", text], [name, str(version), build, str(rank), *sorted(map(str, found))]


def unfold(text):
    return re.sub("(\r\n|\r|\n)[ \t]*", " ", text)


def ask_metadata(r):
    text = make.metadata(r)
    raw, unparsed = parse_email(text.encode("utf-8", "surrogateescape"))
    name, version = unfold(raw.get("name", "")).rstrip(), parsed_version(unfold(raw.get("version", "")))
    try:
        canonicalize_name(name, validate=True)
    except InvalidName:
        version = None
    needs = list(map(unfold, raw.get("requires_dist", [])))
    told = [*needs, *raw.get("provides_extra", []), raw.get("requires_python", "")]
    # What is said twice or is not UTF-8 makes a file that cannot be trusted, and so does NUL, which no text in C can hold.
    if version is None or {"name", "version", "requires-python", "requires-dist", "provides-extra"} & set(unparsed) or any("\0" in t for t in told):
        return ["metadata", text], ["no"]
    return ["metadata", text], [name, str(version), unfold(raw["requires_python"]) if "requires_python" in raw else "(none)", hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(),
                                str(len(needs)), *needs, *sorted({canonicalize_name(unfold(e)) for e in raw.get("provides_extra", [])})]


KINDS = [(ask_version, 14), (ask_compare, 12), (ask_set, 24), (ask_marker, 18), (ask_requirement, 16), (ask_metadata, 6), (ask_name, 3), (ask_values, 1)]
ESCAPES = {"\0": "\\z", "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
UNESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def encode(fields):
    return "\t".join(re.sub(r"[\\\t\n\r\0]", lambda m: ESCAPES[m[0]], f) for f in fields).encode("utf-8", "surrogateescape")


def decode(line):
    # A marker's literal may hold NUL and lone surrogates; lockstep writes them as the bytes that UTF-8 would have for them.
    line = line.replace(b"\xc0\x80", b"\0")
    try:
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = line.decode("utf-8", "surrogateescape")
    return [re.sub(r"\\[\\tnr]", lambda m: UNESCAPES[m[0]], f) for f in text.split("\t")]


def fold(text):
    return "".join(c if c.isascii() else c.lower() for c in text) if isinstance(text, str) else text


def same(question, seen, expected):
    if question[0] == "metadata" and expected == ["no"]:
        return seen[0] == "no"
    if question[0] == "wheel" and len(seen) > 4:
        build = re.match(r"(\d+)(.*)", seen[2], re.ASCII)
        seen = [*seen[:2], (int(build[1]), build[2]) if build else (), seen[3], *sorted(seen[4:])]
    # Beyond ASCII, canonical names keep their case in lockstep; no valid name has such letters.
    return seen == expected or [fold(f) for f in seen] == [fold(f) for f in expected]


def run_batch(number, count):
    r = random.Random(SEED * 1000003 + number)
    setup = [(["environment", *e.values()], ["ok"]) for e in make.ENVIRONMENTS]
    kinds = [kind for kind, weight in KINDS for _ in range(weight)]
    cases = setup + [r.choice(kinds)(r) for _ in range(count - count // 10)]
    # Wheels come last: they are ranked by the tags that were asked for before them.
    cases += [ask_wheel(r) if i % 50 else ask_tags(r) for i in range(count // 10)]
    done = subprocess.run([ORACLE], input=b"\n".join(encode(q) for q, _ in cases) + b"\n", capture_output=True)
    lines = done.stdout.split(b"\n")[:-1]
    problems = []
    if done.returncode or len(lines) != len(cases):
        at = min(len(lines), len(cases) - 1)
        return [f"the oracle stopped with {done.returncode} at {cases[at][0]!r}: {done.stderr.decode(errors='replace')[-3000:]}"], {}
    counts = {}
    for (question, expected), line in list(zip(cases, lines))[len(setup):]:
        seen = decode(line)
        key = question[0] + (" refused" if expected[0] == "no" else "")
        counts[key] = counts.get(key, 0) + 1
        if not same(question, seen, expected):
            problems.append(f"{question!r}\n  lockstep  {seen!r}\n  packaging {expected!r}")
    return problems, counts


def main():
    if not os.path.exists(ORACLE):
        print(f"{ORACLE} is not built: make tests")
        return 1
    began = time.monotonic()
    batches = [(i, min(BATCH, CASES - i * BATCH)) for i in range((CASES + BATCH - 1) // BATCH)]
    problems, counts = [], {}
    with concurrent.futures.ProcessPoolExecutor(JOBS) as pool:
        for found, seen in pool.map(run_batch, *zip(*batches)):
            problems += found
            for key, count in seen.items():
                counts[key] = counts.get(key, 0) + count
    print("\n".join(problems[:20]))
    print(", ".join(f"{key}: {count:,}" for key, count in sorted(counts.items())))
    print(f"{sum(counts.values()):,} cases, {len(problems)} differences, {time.monotonic() - began:.0f} s")
    return 1 if problems or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
