"""A random project and its indexes: small enough that a search can try everything, with all that recipes/python.yaml can say and all that an index can have."""
import json, os, re, shutil, tempfile

import scenarios_test as scenarios
from packaging.specifiers import SpecifierSet

DATES = ("2024-01-01", "2024-03-01", "2024-06-01", "2024-09-01")
LATER = ("2025-01-01", "2025-03-01")
PURE, OLD, NEWER = ["py3-none-any"], ["py3-none-manylinux_2_17_x86_64", "py3-none-manylinux_2_17_aarch64"], ["py3-none-manylinux_2_34_x86_64"]
TAGS = (PURE, PURE, PURE, PURE, OLD, OLD, NEWER, ["py3-none-manylinux_2_17_x86_64"], ["cp39-cp39-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64"],
        ["cp39-cp39-manylinux_2_17_x86_64"],
        ["cp311-abi3-manylinux_2_17_x86_64", "cp311-abi3-manylinux_2_17_aarch64"], ["py3-none-any", "2-py3-none-any"])
MARKERS = ("python_version < '3.10'", "python_version >= '3.10'", "python_version == '3.13'", "platform_machine == 'aarch64'", "platform_machine == 'x86_64'",
           "sys_platform == 'win32'", "platform_system == 'Windows'", "os_name != 'posix'", "platform_python_implementation == 'PyPy'", "python_version in '3.9 3.11'", "implementation_name == 'cpython' and python_version > '3.9'")
LAYER = {"description": "tools", "options": {"version": {"description": "which", "pattern": "version"}}, "steps": [{"file": {"path": "/etc/cuda", "content": "${version}"}}]}


def specifier(r, versions=("1.0", "2.0", "3.0")):
    """Mostly about versions that there are."""
    v = r.choice(versions if r.random() < 0.8 else ("1.0", "2.0", "3.0")).split("+")[0]
    plain = "!" not in v and v[1:] == ".0"
    return r.choice(("", "", "", "", f">={v}", f"<={v}", f"<={v}", f"!={v}", f"<{v}" if r.random() < 0.3 else f">={v}", f"=={v}" if r.random() < 0.5 else f"<={v}",
                     f"~={v}" if plain else "", f"=={v[0]}.*" if plain else "", ">=1.0,<3", f">{v}" if r.random() < 0.2 else "", "!=1.*" if r.random() < 0.3 else "",
                     ">=2.0rc1" if r.random() < 0.2 else ""))


def release(r, known, name, date):
    """`known`: {name: versions} of everything there is."""
    requires = []
    for other in r.sample(sorted(known), min(len(known), r.choice((0, 1, 1, 1, 2, 2)))):
        if other != name:
            conditions = [c for c in (r.choice((None, None, None, r.choice(MARKERS))), r.choice((None, None, None, "extra == 'x'"))) if c]
            requires.append(other + r.choice(("", "", "", "[x]")) + specifier(r, known[other]) + (" ; " + " and ".join(conditions) if conditions else ""))
    made = {"requires": requires, "tags": r.choice(TAGS), "uploaded": date, "extras": ["x"]}
    if r.random() < 0.12:
        made["requires_python"] = r.choice((">=3.10", ">=3.10", "<3.13", "<3.10", ">=3.9,!=3.11.*", ">=3.13"))
    # A wheel for one Python that says that it is not for that one is a mistake that the second look finds (closure_test.py), not the resolver.
    if any(t.startswith("cp") and "abi3" not in t for t in made["tags"]):
        made.pop("requires_python", None)
    if r.random() < 0.05:
        made["yanked"] = "broken"
    if r.random() < 0.05:
        made["tags"], made["sdist"] = r.choice(([], ["py3-none-manylinux_2_17_x86_64"])), True
    return made


def versions(r):
    listed = ["1.0", "2.0", "3.0"][:r.choice((1, 2, 2, 3, 3))]
    if r.random() < 0.15:
        listed.append(r.choice(("2.0rc1", "3.0b1", "4.0a1", "2.0.dev3")))
    if r.random() < 0.1:
        listed.append(r.choice(("1.0+cu12", "2.0+cu12", "1.0.post1", "1!0.5")))
    return listed


def releases(r, known, name):
    """What there is of a package is there from the beginning: an index that has nothing of it yet would be passed over."""
    dates = sorted(r.choice(DATES) for _ in known[name])
    return {v: release(r, known, name, d) for v, d in zip(known[name], [DATES[0], *dates[1:]])}


def form(r, known):
    """One of the four forms of a constraint, with its reason."""
    kind = r.choice(("range", "range", "range", "exact", "caret", "not"))
    v = r.choice(known)
    major = f"{v[0]}.0"
    text = {"range": specifier(r, known) or ">=1.0", "exact": v, "caret": f"^{major}", "not": f"!={v}" + r.choice(("", ",!=1.5"))}[kind]
    return {kind: text, "why": "a reason"}


def specifiers_of(entry):
    """What a constraint comes to, as PEP 440 has it."""
    if "exact" in entry:
        return "==" + entry["exact"]
    if "caret" in entry:
        major = int(entry["caret"][1:].split(".")[0])
        return f">={entry['caret'][1:]},<{major + 1}"
    return entry.get("range", entry.get("not", ""))


class Item:
    """One thing declared that a clash can name: a package, or one constraint of it."""
    def __init__(self, name, key, entry):
        self.name, self.key, self.specifiers = name, key, SpecifierSet(specifiers_of(entry))
        self.when, self.is_hold = entry.get("when", {}), key == "hold"
        if isinstance(self.when, str):
            self.when = {"layer": "cuda", "version": self.when.split("cuda ")[1].replace(" ", "")}

    def __repr__(self):
        return f"{self.name}:{self.key}:{self.specifiers}"

    def is_for(self, p, container):
        version = p.containers[container].get("cuda")
        if self.when.get("container", container) != container:
            return False
        return "layer" not in self.when or (version is not None and SpecifierSet(self.when["version"]).contains(version))


class Project:
    def __init__(self, r, number):
        self.names = [f"p{i}" for i in range(r.randint(2, 4) if number % 4 else r.randint(4, 5))]
        self.indexes = {"default": {}, **({"inner": {}} if r.random() < 0.3 else {})}
        self.known = {n: versions(r) for n in self.names}
        for name in self.names:
            where = r.choice(("default", "default", "inner", "both")) if "inner" in self.indexes else "default"
            for alias in self.indexes:
                if where in (alias, "both"):
                    self.indexes[alias][name] = releases(r, self.known, name)
        self.make_containers(r, number)
        self.make_packages(r)
        self.make_rules(r)
        self.work = tempfile.mkdtemp(prefix="lockstep-properties-")
        self.root = self.work + "/project"
        os.makedirs(self.work + "/home")

    def make_containers(self, r, number):
        pythons = ("3.11", "3.9", "3.9", "3.13") if number % 3 else ("3.11",)
        self.bases, self.containers = {}, {}
        for i in range(r.randint(1, 3)):
            base = {"environment": {"python": r.choice(pythons), **({"libc_version": "2.31"} if r.random() < 0.15 else {})}}
            if r.random() < 0.2:
                choices = [f for f in ({"machine": "aarch64"}, {"python": "3.9"}, {"python": "3.13"}, {"libc_version": "2.31"})
                           if not f.items() <= base["environment"].items()]
                base["further_environments"] = r.sample(choices, r.randint(1, 2))
            name = next((n for n, b in self.bases.items() if b == base), f"base-{i}")
            self.bases[name] = base
            self.containers[f"ci-{i}"] = {"base": name, "groups": [f"g-{i}"], **({"cuda": r.choice(("11.8", "12.4", "13.0"))} if r.random() < 0.25 else {})}
        self.groups = {f"g-{i}": {"description": "a group"} for i in range(len(self.containers))}
        if len(self.groups) > 1 and r.random() < 0.2:
            self.groups["shared"] = {"description": "of several"}
            for i in range(len(self.containers)):
                if r.random() < 0.7:
                    self.groups[f"g-{i}"]["include"] = ["shared"]
            if not any("include" in g for g in self.groups.values()):
                del self.groups["shared"]

    def make_packages(self, r):
        self.packages = {}
        for name in r.sample(self.names, r.randint(min(2, len(self.names)), len(self.names))):
            entry = {"groups": r.sample(sorted(self.groups), r.randint(1, len(self.groups)))}
            self.packages[name] = entry
            if r.random() < 0.15:
                entry["extras"] = ["x"]
            if r.random() < 0.4:
                entry.update(form(r, self.known[name]))
            while r.random() < 0.25:
                when = r.choice(({"marker": r.choice(MARKERS)}, {"container": r.choice(sorted(self.containers))}, None))
                if any("cuda" in c for c in self.containers.values()) and r.random() < 0.5:
                    when = r.choice(({"layer": "cuda", "version": ">=12"}, "cuda < 13"))
                entry.setdefault("constraints", []).append({**form(r, self.known[name]), **({"when": when} if when else {})})
            if r.random() < 0.15:
                entry["hold"] = {"range": r.choice(("<2.0", "<3.0", "!=3.0", "<=2.0")), "why": "work", "owner": "me", "review": "2099-12-31"}
        if r.random() < 0.15:
            lone = r.choice(self.names)
            if lone not in self.packages:
                self.packages[lone] = {"groups": [], **form(r, self.known[lone])}
        for name, entry in self.packages.items():
            homes = [alias for alias, has in self.indexes.items() if name in has]
            if len(self.indexes) > 1 and r.random() < 0.4:
                entry["index"] = r.choice(homes)
        for g in self.groups:
            if not any(g in e["groups"] for e in self.packages.values()):
                self.packages[min(self.packages)]["groups"].append(g)

    def make_rules(self, r):
        self.swaps, self.waivers, self.differences, self.conflicts = {}, [], [], []
        named = sorted(n for n, e in self.packages.items() if e["groups"])
        if len(self.packages) > 1 and r.random() < 0.15:
            container = max(self.containers)
            mine = [n for n in named if n in self.declared(container)]
            others = [n for n in self.packages if n not in self.declared(container)]
            if mine and others:
                self.swaps[container] = (r.choice(mine), r.choice(others))
        edges = sorted({(n, re.match(r"p\d", q)[0]) for has in self.indexes.values() for n, vs in has.items() for v in vs.values() for q in v["requires"]})
        if edges and r.random() < 0.2:
            package, required = r.choice(edges)
            versions = r.choice((None, None, "==1.0", ">=2.0"))
            self.waivers.append({"package": package, "requires": required, **({"versions": versions} if versions else {}), "why": "it is wrong", "review": "2099-12-31"})
        for name in self.names if r.random() < 0.4 else ():
            if r.random() < 0.6:
                some = r.sample(sorted(self.containers), r.randint(1, len(self.containers)))
                self.differences.append({"package": name, "why": "a reason", **({"containers": some} if r.random() < 0.4 else {})})
        if "g-1" in self.groups and "shared" not in self.groups and r.random() < 0.15 and not any({"g-0", "g-1"} <= set(c["groups"]) for c in self.containers.values()):
            self.conflicts.append({"groups": ["g-0", "g-1"], "why": "old and new"})

    def declared(self, container):
        """The names that the groups of a container have, before swaps."""
        groups, queue = set(), list(self.containers[container]["groups"])
        while queue:
            group = queue.pop()
            groups.add(group)
            queue += [g for g in self.groups[group].get("include", []) if g not in groups]
        return {n for n, e in self.packages.items() if groups & set(e["groups"])}

    def wanted(self, container):
        one, other = self.swaps.get(container, (None, None))
        return {other if n == one else n for n in self.declared(container)}

    def environments(self, container):
        """[(name, {python, machine, libc_version})], the one it is built for first."""
        base, found = self.bases[self.containers[container]["base"]], []
        first = {"python": "3.11", "machine": "x86_64", "libc_version": "2.36", **base["environment"]}
        for e in [first, *({**first, **f} for f in base.get("further_environments", []))]:
            name = f"cp{e['python'].replace('.', '')}-linux-{e['machine']}-glibc{e['libc_version']}"
            if name not in [n for n, _ in found]:
                found.append((name, e))
        return found

    def items(self):
        found = []
        for name, entry in self.packages.items():
            found.append(Item(name, "package", {}))
            if specifiers_of(entry):
                found.append(Item(name, "main", entry))
            found += [Item(name, i, c) for i, c in enumerate(entry.get("constraints", []))]
            if "hold" in entry:
                found.append(Item(name, "hold", entry["hold"]))
        return found

    def package_lines(self, reverse=False):
        """[(line, item key)]: one thing a line, so that a place tells which."""
        lines, turn = [("packages:", None)], (lambda x: list(reversed(list(x)))) if reverse else list
        for name, entry in turn(self.packages.items()):
            lines += [(f"  {name}:", (name, "package")), (f"    groups: {json.dumps(turn(entry['groups']))}", None)]
            for key in turn(k for k in entry if k not in ("groups", "constraints")):
                place = {"hold": "hold", "why": None, "extras": None, "index": None}.get(key, "main")
                lines.append((f"    {key}: {json.dumps(entry[key])}", place and (name, place)))
            if "constraints" in entry:
                lines.append(("    constraints:", None))
                for i, c in turn(enumerate(entry["constraints"])):
                    lines.append((f"      - {json.dumps(dict(turn(c.items())))}", (name, i)))
        return lines

    def write(self, address, root=None, reverse=False):
        turn = (lambda x: dict(reversed(x.items())) if isinstance(x, dict) else x[::-1]) if reverse else lambda x: x
        containers = {}
        for name, c in turn(self.containers).items():
            python = {"groups": c["groups"]}
            if name in self.swaps:
                one, other = self.swaps[name]
                python["swaps"] = {one: {"with": other, "why": "a reason"}}
            containers[name] = {"base": c["base"], "layers": [{"cuda": {"version": c["cuda"]}}] if "cuda" in c else [], "python": python}
        s = {"groups": turn(self.groups), "packages": self.packages, "conflicts": turn(self.conflicts), "differences": turn(self.differences), "waivers": turn(self.waivers),
             "containers": containers, "bases": self.bases, "text": {"packages": "".join(line + "\n" for line, _ in self.package_lines(reverse))}}
        if any("cuda" in c for c in self.containers.values()):
            s["layers"] = {"cuda": LAYER}
        if len(self.indexes) > 1:
            s["project"] = {"indexes": [{"alias": "default"}, {"alias": "inner", "url": "$ADDRESS/inner/simple/"}]}
        scenarios.write_project(root or self.root, s, address)

    def item_places(self):
        """{line of recipes/python.yaml: item key}, as it was last written in order."""
        with open(self.root + "/recipes/python.yaml", encoding="utf-8") as f:
            first = f.read().split("\n").index("packages:") + 1
        return {first + i: key for i, (_, key) in enumerate(self.package_lines()) if key}

    def description(self, until=None, reverse=False):
        """As tests/fakes/index.py takes it; of what was uploaded before `until` only."""
        def part(has):
            kept = {n: {v: e for v, e in vs.items() if not until or e["uploaded"] < until} for n, vs in has.items()}
            return {n: dict(reversed(vs.items())) if reverse else vs for n, vs in (reversed(kept.items()) if reverse else kept.items()) if vs}
        return {"packages": part(self.indexes["default"]), "indexes": {a: part(has) for a, has in self.indexes.items() if a != "default"}}

    def add_releases(self, r):
        """Newer versions of most packages, of which the newest want others to move along and some older ones do not."""
        for has in self.indexes.values():
            for name, listed in has.items():
                for version in ("4.0", "5.0"):
                    if r.random() < 0.85:
                        made = release(r, self.known, name, LATER[version == "5.0"])
                        others = [n for n in self.names if n != name]
                        chosen = r.sample(others, min(len(others), r.choice((0, 1, 1, 2, 2))))
                        made["requires"] = [o + r.choice((">=4.0", ">=4.0", ">=4.0", ">=5.0", ">=2.0,<5", "!=1.0", "<4.0", "")) for o in chosen]
                        listed[version] = {**made, "tags": made["tags"] if r.random() < 0.3 and made["tags"] else PURE}

    def remove(self):
        shutil.rmtree(self.work, ignore_errors=True)
