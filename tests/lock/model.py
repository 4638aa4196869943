"""A search that tries everything, over what a generated project asks for and what its indexes have, by `packaging` alone. It knows two readings: `lenient` takes
what a resolver may take (sources, pre-releases where nothing else is left, what was taken back), without that only what it has to find."""
import functools

import closed
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename
from packaging.version import Version


@functools.lru_cache(None)
def tags_of(python, machine, libc_version):
    version, minor = tuple(int(n) for n in python.split(".")), int(libc_version.split(".")[1])
    platforms = [f"manylinux_2_{n}_{machine}" for n in range(minor, 16, -1)] + [f"linux_{machine}"]
    return frozenset(cpython_tags(version, platforms=platforms)) | frozenset(compatible_tags(version, f"cp{python.replace('.', '')}", platforms))


@functools.lru_cache(None)
def fits(tag, environment):
    return bool(parse_wheel_filename(f"x-1-{tag}.whl")[3] & tags_of(*environment)) if tag else False


@functools.lru_cache(None)
def takes_python(text, python):
    return not text or any(SpecifierSet(text).contains(f"{python}.{patch}") for patch in (0, 99))


@functools.lru_cache(None)
def requirement(text):
    return Requirement(text)


@functools.lru_cache(None)
def allows(text, version):
    return SpecifierSet(text).contains(version, prereleases=True)


@functools.lru_cache(None)
def holds(text, environment, extras):
    """A marker of a requirement, as text."""
    python, machine, _ = environment
    return closed.holds(requirement(f"x ; {text}").marker, {"implementation": "cpython", "python": python, "machine": machine, "os": "linux"}, extras)


class TooLong(Exception):
    """The search was given up."""


class Model:
    def __init__(self, p, until=None, lenient=False):
        self.p, self.lenient, self.items = p, lenient, p.items()
        self.slots = [(c, name) for c in p.containers for name, _ in p.environments(c)]
        self.facts = {name: (e["python"], e["machine"], e["libc_version"]) for c in p.containers for name, e in p.environments(c)}
        self.pages = {}
        for name in p.names:
            bound = p.packages.get(name, {}).get("index")
            pages = [has[name] for alias, has in p.indexes.items() if name in has and bound in (None, alias)]
            self.pages[name] = {v: e for v, e in pages[0].items() if not until or e["uploaded"] < until} if pages else {}
        self.differing = {d["package"] for d in p.differences}
        self.known_edges, self.reached = {}, {}

    def candidates(self, name, items):
        mine = [i for i in items if i.name == name]
        wants_early = any(s.version and not s.version.endswith("*") and Version(s.version).is_prerelease for i in mine for s in i.specifiers)
        found = []
        for version, e in self.pages.get(name, {}).items():
            if e.get("yanked") and not (self.lenient and any(s.operator == "==" for i in self.items if i.name == name for s in i.specifiers)):
                continue
            if self.lenient or wants_early or not Version(version).is_prerelease:
                found.append(version)
        return sorted(found, key=Version, reverse=True)

    def usable(self, name, version, environment):
        e, facts = self.pages[name][version], self.facts[environment]
        if not takes_python(e.get("requires_python", ""), facts[0]):
            return False
        return (self.lenient and bool(e.get("sdist"))) or any(fits(t, facts) for t in e["tags"])

    def edges(self, name, version, environment, extras):
        key = name, version, environment, extras
        if key not in self.known_edges:
            waived = {w["requires"] for w in self.p.waivers if w["package"] == name and allows(w.get("versions", ""), version)}
            lines = [requirement(line) for line in self.pages[name][version]["requires"]]
            self.known_edges[key] = [(q.name, frozenset(q.extras), str(q.specifier)) for q in lines
                                     if q.name not in waived and (not q.marker or holds(str(q.marker), self.facts[environment], extras))]
        return self.known_edges[key]

    def is_for(self, item, container):
        """A constraint that is for one container may bind all of them, in all of their environments, as there is one version."""
        return item.is_for(self.p, container) or (not self.lenient and item.name not in self.differing and any(item.is_for(self.p, c) for c in self.p.containers))

    def wants(self, items):
        """{slot: ({name: extras}, {name: [specifiers]})}: what is asked for, and what is only kept to."""
        found = {}
        for container, environment in self.slots:
            wanted, asked, limits = self.p.wanted(container), {}, {}
            for name in {i.name for i in items}:
                chosen = [i for i in items if i.name == name and self.is_for(i, container)]
                if not chosen:
                    continue
                if name in wanted:
                    mine = [i for i in self.items if i.name == name and i.key != "package" and i.is_for(self.p, container)]
                    first = mine[0].key if mine and "marker" not in mine[0].when else "package"
                    has_extras = any(i.key in (first, "package") for i in chosen)
                    asked[name] = frozenset(self.p.packages[name].get("extras", []) if has_extras else ())
                elif name in self.differing and self.lenient:
                    continue
                for i in chosen:
                    if "marker" not in i.when or holds(i.when["marker"], self.facts[environment], ()):
                        limits.setdefault(name, []).append(str(i.specifiers))
            found[container, environment] = asked, limits
        return found

    def keys(self, loose):
        """(name, slot) -> what stands for one version: names that are loose may differ as far as the database lets them."""
        free = {n: {c for d in self.p.differences if d["package"] == n for c in d.get("containers", self.p.containers)} for n in loose}
        built = {n: {self.p.environments(c)[0][0] for c in self.p.containers if c not in free[n]} for n in loose}

        def key(name, slot):
            if name not in free:
                return name
            if slot[0] in free[name]:
                return name, *slot
            return (name, "built") if slot[1] in built[name] else (name, slot[1])
        return key

    def answer(self, items=None, loose=(), fixed=None, least=None, present=None):
        """{key: version} or None: with these items only, these names free to differ, what is fixed where it is, nothing older than `least` of some names, and
        with `present` {name: slots} where they are."""
        items = self.items if items is None else items
        self.budget, self.present = 20000, present or {}
        self.choices = {n: [v for v in self.candidates(n, items) if Version(v) >= Version((least or {}).get(n, "0"))] for n in self.p.names}
        return self.search(self.wants(items), self.keys(loose), dict(fixed or {}))

    def search(self, wants, key, assigned):
        self.budget -= 1
        if self.budget < 0:
            raise TooLong()
        seen = {}
        for slot in self.slots:
            if not self.walk(slot, *wants[slot], key, assigned, seen):
                return None
        if not seen:
            return assigned if all(n in self.reached[s] for n, slots in self.present.items() for s in slots) else None
        best = None
        for var, (name, specifiers, environments) in seen.items():
            left = [v for v in self.choices.get(name, []) if all(allows(s, v) for s in specifiers) and all(self.usable(name, v, e) for e in environments)]
            if best is None or len(left) < len(best[1]):
                best = var, left
        for version in best[1]:
            found = self.search(wants, key, {**assigned, best[0]: version})
            if found is not None:
                return found
        return None

    def walk(self, slot, asked, limits, key, assigned, seen):
        """False when what is assigned breaks something; what is reached and not assigned yet goes into `seen`."""
        extras, queue = {n: set(e) for n, e in asked.items()}, list(asked)
        for name in list(asked):
            self.note(name, slot, limits.get(name, []), key, assigned, seen)
        while queue:
            name = queue.pop()
            version = assigned.get(key(name, slot))
            if version is None:
                self.note(name, slot, limits.get(name, []), key, assigned, seen)
                continue
            if version not in self.pages.get(name, {}) or not self.usable(name, version, slot[1]) or not all(allows(s, version) for s in limits.get(name, [])):
                return False
            for other, wanted, specifiers in self.edges(name, version, slot[1], frozenset(extras[name])):
                has = assigned.get(key(other, slot))
                if has is not None and not allows(specifiers, has):
                    return False
                self.note(other, slot, [specifiers], key, assigned, seen)
                if other not in extras or wanted - extras[other]:
                    extras.setdefault(other, set()).update(wanted)
                    queue.append(other)
        self.reached[slot] = set(extras)
        return True

    def note(self, name, slot, specifiers, key, assigned, seen):
        var = key(name, slot)
        if var not in assigned:
            known = seen.setdefault(var, (name, [], set()))
            known[1].extend(specifiers)
            known[2].add(slot[1])
