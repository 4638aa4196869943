#!/usr/bin/env python3
"""[dependency-groups] (PEP 735) beside packaging.dependency_groups. LOCKSTEP_ORACLE_CASES, LOCKSTEP_ORACLE_SEED, LOCKSTEP_ORACLE_BUILD as in beside.py.

A group that is refused must be refused for the same kinds of reasons, as far as the reference tells all of them: it leaves out what comes after a mistake."""
import os, sys, tomllib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import beside
beside.enter_venv()

from packaging.dependency_groups import CyclicDependencyGroup, DependencyGroupResolver, DuplicateGroupNames, InvalidDependencyGroupObject
from packaging.errors import ExceptionGroup
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name
import python_cases as make

NAMES = ["a", "b", "c", "d", "test", "Test", "te_st", "te.st", "te-st", "te--st", "TE__ST", "A", "docs", "x.y", "x-y", "-x", "x-", "", "0", "a b", "ä", "dev_", "'q'"]


def toml_text(text):
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'


def item(r, names):
    kind = r.random()
    if kind < .45:
        return toml_text(r.choice(["x", "numpy>=1", "a[b,c]<2; python_version < '3'", "u @ https://h/x.whl", "D.E~=1.0"]) if r.random() < .8 else make.requirement(r))
    if kind < .92:
        return "{include-group = %s}" % toml_text(r.choice(names) if r.random() < .95 else r.choice(NAMES))
    return r.choice(["{}", "{include-group = 1}", "{include-group = ['a']}", "{include-group = 'a', x = 1}", "{include_group = 'a'}", "{x = 'a'}", "1", "true", "['x']", "1.5",
                     "1979-05-27", "{include-group = {include-group = 'a'}}", "''", "'==1'", "'x y'"])


def document(r):
    kind = r.random()
    if kind < .01:
        return "dependency-groups = " + r.choice(["1", "'x'", "[]", "[{a = ['x']}]", "{}", "{a = ['x']}"]) + "\n", ["a"]
    names = [r.choice(NAMES[:4]) if r.random() < .6 else r.choice(NAMES) for _ in range(r.randint(1, 6))]
    # Mostly without two of one name, and mostly including later ones only, so that most resolve.
    if r.random() < .9:
        names = list({canonicalize_name(n): n for n in names}.values())
    forward = r.random() < .7
    lines = ["[project]", "name = 'x'", "[dependency-groups]"] if kind > .05 else ["[dependency_groups]"]
    seen = set()
    for i, name in enumerate(names):
        if name in seen:
            continue
        seen.add(name)
        others = names[i + 1:] if forward and r.random() < .97 else names
        items = [item(r, [r.choice([n, n.upper() if n.isascii() else n, n.replace("-", "._")]) for n in others]) if others else toml_text("end") for _ in range(r.choice([0, 1, 1, 2, 3, 5]))]
        value = "[" + ",\n ".join(items) + "]" if r.random() < .98 else r.choice(["'x'", "1", "{}", "{include-group = 'a'}", "true"])
        lines.append(f"{toml_text(name)} = {value}")
    asked = names[:3] + ([r.choice(NAMES)] if r.random() < .3 else [])
    return "\n".join(lines) + "\n", [r.choice([n, n.swapcase() if n.isascii() else n]) for n in asked]


def requirement(q):
    try:
        marker = str(q.marker) if q.marker else None
    except ValueError:
        marker = "(quotes)"
    return [q.name, str(q.specifier), q.url, beside.shown(marker), *sorted({canonicalize_name(e) for e in q.extras})]


REASONS = [(CyclicDependencyGroup, "includes itself"), (InvalidDependencyGroupObject, "and nothing else"), (InvalidRequirement, "is no requirement"), (LookupError, "there is no group"),
           (TypeError, "")]


def resolve(table, name):
    try:
        # A fresh one for each group, because one that met a mistake is not the same afterwards.
        return {"requirements": [requirement(q) for q in DependencyGroupResolver(table).resolve(name)]}
    except ExceptionGroup as e:
        return {"refused": [next(words for kind, words in REASONS if isinstance(x, kind)) for x in e.exceptions]}


def ask_groups(r):
    text, asked = document(r)
    fields = ["groups", text, *asked]
    table = tomllib.loads(text).get("dependency-groups", {})
    if not isinstance(table, dict):
        return fields, None
    try:
        DependencyGroupResolver(table)
    except ExceptionGroup as e:
        assert all(isinstance(x, DuplicateGroupNames) for x in e.exceptions)
        return fields, None
    return fields, {"groups": [resolve(table, name) for name in asked]}


def same(seen, expected):
    """The first reason at least must be the same; lockstep tells more of them."""
    if expected is None or "groups" not in seen or len(seen["groups"]) != len(expected["groups"]):
        return seen == expected
    for s, e in zip(seen["groups"], expected["groups"]):
        if "refused" in e:
            if "refused" not in s or not all(any(words in text for text in s["refused"]) for words in e["refused"]):
                return False
        elif s != e:
            return False
    return True


if __name__ == "__main__":
    sys.exit(beside.main("dependency_groups_oracle", [(ask_groups, 1)], same=same))
