#!/usr/bin/env python3
"""pylock.toml (PEP 751) beside packaging.pylock: what is read and refused, that what is written reads as the same lock, what is chosen for an environment; and the
markers of lock files. LOCKSTEP_ORACLE_CASES, LOCKSTEP_ORACLE_SEED, LOCKSTEP_ORACLE_BUILD as in beside.py."""
import logging, os, pathlib, sys, tomllib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import beside
beside.enter_venv()

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.pylock import Pylock, is_valid_pylock_path
from packaging.tags import Tag
from packaging.utils import InvalidSdistFilename, parse_sdist_filename
import pylock_cases as cases
import python_cases as make

# Else to_dict() copies a marker by writing and reading it, which fails or changes it where a literal holds an escape.
Marker.__deepcopy__ = lambda self, memo: self
logging.disable(logging.WARNING)  # of minor versions
FREE = ("dependencies", "attestation-identities", "tool")  # of any content


def has_nul(v):
    if isinstance(v, dict):
        return any("\0" in k or (k not in FREE and has_nul(x)) for k, x in v.items())
    return any(map(has_nul, v)) if isinstance(v, (list, tuple)) else isinstance(v, str) and "\0" in v


def is_large(v):
    """TOML leaves it to the reader what integers beyond 64 bits are; lockstep refuses them."""
    if isinstance(v, (dict, list)):
        return any(map(is_large, v.values() if isinstance(v, dict) else v))
    return isinstance(v, int) and not -2**63 <= v < 2**63


def texts(v):
    """Markers as they come back in JSON; lists without items are as good as none."""
    if isinstance(v, dict):
        return {k: beside.shown(x) if k == "marker" else [beside.shown(m) for m in x] if k == "environments" else x if k in FREE else texts(x)
                for k, x in v.items() if not (isinstance(x, list) and not x and k != "packages")}
    return [texts(x) for x in v] if isinstance(v, list) else v


def read(text):
    """The lock; None where lockstep, too, must refuse it."""
    try:
        table = tomllib.loads(text)
        lock = Pylock.from_dict(table)
    except Exception:
        return None
    if is_large(table):
        return None
    d = lock.to_dict()
    # The markers' own NULs are escapes, which lockstep reads.
    return None if has_nul({k: v for k, v in d.items() if k != "environments"} | {"packages": [{k: v for k, v in p.items() if k != "marker"} for p in d["packages"]]}) else lock


def ask_pylock(r):
    while True:
        text = cases.text(r, cases.document(r, r.random() < .5))
        if r.random() < .02:
            at = r.randint(0, len(text))
            text = text[:at] + r.choice(["", "[", "\"", "=", "\n", "{", "#"]) + text[at + r.randint(0, 2):]
        try:
            lock = read(text)
            return ["pylock", text], lock and {"lock": texts(lock.to_dict())}
        except ValueError:
            pass  # a marker with both kinds of quotes has no text


def parsed(v):
    """What the oracle printed as TOML or as written, as values."""
    if isinstance(v, dict):
        return {k: tomllib.loads(f"x = {x}")["x"] if k in ("tool", "upload-time") else [tomllib.loads(f"x = {i}")["x"] for i in x] if k in FREE else parsed(x) for k, x in v.items()}
    return [parsed(x) for x in v] if isinstance(v, list) else v


def same_lock(seen, expected):
    if not seen.get("stable"):
        return False
    lock = parsed(seen["lock"])
    if repr(canonical(lock)) != repr(canonical(expected["lock"])):
        return False
    # Written, and read by the reference: as it was; and sorted, of the same content.
    written, ordered = (texts(Pylock.from_dict(tomllib.loads(seen[k])).to_dict()) for k in ("written", "sorted"))
    return repr(canonical(written)) == repr(canonical(expected["lock"])) and sorted(map(len, ordered["packages"])) == sorted(map(len, lock["packages"]))


def canonical(v):
    """Without the order of keys; repr() then tells -0.0, nan and 1 from 0.0, another nan and True."""
    if isinstance(v, dict):
        return {k: canonical(v[k]) for k in sorted(v)}
    return [canonical(x) for x in v] if isinstance(v, (list, tuple)) else v


def some(r):
    return [r.choice(cases.EXTRAS) for _ in range(r.randint(0, 2))]


def listed(names):
    return ",".join(names) or "-"


def ask_select(r):
    environment = r.choice(make.ENVIRONMENTS)
    while True:
        d = cases.document(r, True)
        # Few names, so that entries for other environments and ambiguities come up.
        text = cases.text(r, d)
        try:
            lock = read(text)
        except ValueError:
            continue
        if lock and (lock.packages or r.random() < .1):
            break
    tags = r.sample(cases.TAGS, r.randint(1, len(cases.TAGS)))
    extras, groups, preferred = some(r), some(r) if r.random() < .6 else None, [r.choice(cases.NAMES) for _ in range(r.choice([0, 0, 2]))]
    fields = ["select", text, listed(extras), "default" if groups is None else listed(groups), listed(preferred), ",".join(tags), *environment.values()]
    try:
        chosen = list(lock.select(environment=environment, tags=[Tag(*t.split("-")) for t in tags], extras=extras, dependency_groups=groups,
                                  prefer_sdist_predicate=(lambda name: name in preferred) if preferred else None))
    except Exception:
        return fields, None
    kinds = {"PackageVcs": "vcs", "PackageDirectory": "directory", "PackageArchive": "archive", "PackageSdist": "sdist", "PackageWheel": "wheel"}
    answer = []
    for package, source in chosen:
        kind = kinds[type(source).__name__]
        answer.append([package.name, kind, source.filename if kind in ("sdist", "wheel") else None])
    return fields, {"chosen": answer}


def ask_marker(r):
    text = cases.set_marker(r) if r.random() < .5 else cases.marker(r) + (r.choice([" and ", " or "]) + cases.set_marker(r) if r.random() < .5 else "")
    context, environment = r.choice(["metadata", "lock_file", "requirement"]), r.choice(make.ENVIRONMENTS)
    extras, groups, extra = some(r), some(r), r.choice(["", "a", "te-st"])
    given = dict(environment)
    if context == "metadata":
        given["extra"] = extra
    elif context == "lock_file":
        given |= {"extras": frozenset(extras), "dependency_groups": frozenset(groups)}
    fields = ["marker", context, text, extra, listed(extras), listed(groups), *environment.values()]
    try:
        return fields, {"answer": "yes" if Marker(text).evaluate(given, context=context) else "no"}
    except InvalidMarker:
        return fields, {"answer": "no marker"}
    except (UndefinedComparison, UndefinedEnvironmentName):
        return fields, {"answer": "undefined"}


def ask_sdist(r):
    text = r.choice(["", "x", "a-b", "A_b", "a.b-1", "-", "é"]) + r.choice(["-", "-", "-", "", "_", "--"]) + make.version(r).replace("\0", "") + cases.extension(r)
    try:
        name, version = parse_sdist_filename(text)
    except InvalidSdistFilename:
        return ["sdist", text], None
    return ["sdist", text], {"name": name, "version": str(version)}


def ask_lock_name(r):
    text = r.choice(["pylock", "pylock.", "Pylock", "", "xpylock"]) + r.choice(["", ".", "x", "x.y", ".x", "é", "..", "x\ny", "-"]) + r.choice([".toml", "toml", ".TOML", "", ".toml2", "."])
    return ["lock-name", text], {"is": is_valid_pylock_path(pathlib.PurePosixPath(text))}


def same(seen, expected):
    return same_lock(seen, expected) if "lock" in expected else seen == expected


if __name__ == "__main__":
    sys.exit(beside.main("pylock_oracle", [(ask_pylock, 8), (ask_select, 5), (ask_marker, 4), (ask_sdist, 2), (ask_lock_name, 1)], same=same))
