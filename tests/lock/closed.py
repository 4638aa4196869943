"""Whether each container's part of a lock satisfies itself: every requirement that the files' own metadata name, evaluated by `packaging` and not by lockstep."""
import scenario
assert scenario.ROOT  # it has put the tests' own packages on the path
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version


def values(e, patch):
    """What markers see in an environment of a lock; a base may have any patch release."""
    cpython = e["implementation"] == "cpython"
    return {"implementation_name": e["implementation"], "implementation_version": f"{e['python']}.{patch}", "os_name": "posix", "platform_machine": e["machine"],
            "platform_python_implementation": "CPython" if cpython else "PyPy", "platform_release": "", "platform_system": "Linux", "platform_version": "",
            "python_full_version": f"{e['python']}.{patch}", "python_version": e["python"], "sys_platform": e["os"]}


def holds(marker, environment, extras):
    """For the first patch release or a late one, with any of the extras asked for."""
    return marker is None or any(marker.evaluate({**values(environment, patch), "extra": extra}) for patch in (0, 99) for extra in {"", *extras})


def takes_python(text, environment):
    return not text or any(Version(f"{environment['python']}.{patch}") in SpecifierSet(text) for patch in (0, 99))


def check_part(what, environment, direct, pins, metadata, waived):
    problems, extras = [], {name: set() for name in pins}
    queue = [("the database", Requirement(line)) for line in direct]
    queue = [(who, r) for who, r in queue if holds(r.marker, environment, ())]
    for name, pin in pins.items():
        found = metadata(pin)
        if found and not takes_python(found[1], environment):
            problems.append(f"{what}: {name} {pin['version']} needs Python {found[1]}")
    seen = set()
    while queue:
        who, r = queue.pop()
        name = canonicalize_name(r.name)
        if waived & {(who.split(" ")[0], name), (who.split(" ")[0], name, who.split(" ")[-1])}:
            continue
        if name not in pins:
            problems.append(f"{what}: {who} requires {r}, which is not there")
            continue
        if not r.url and not r.specifier.contains(pins[name]["version"], prereleases=True):
            problems.append(f"{what}: {who} requires {r}, and {pins[name]['version']} is there")
        extras[name] |= {canonicalize_name(e) for e in r.extras}
        if (name, frozenset(extras[name])) in seen:
            continue
        seen.add((name, frozenset(extras[name])))
        for line in (metadata(pins[name]) or ([], ""))[0]:
            required = Requirement(line)
            if holds(required.marker and Marker(str(required.marker)), environment, extras[name]):
                queue.append((f"{name} {pins[name]['version']}", required))
    unreached = set(pins) - {name for name, _ in seen}
    return problems + ([f"{what}: nothing requires {sorted(unreached)}"] if unreached else [])


def check(lock, metadata, waived=()):
    """`metadata(pin)` gives (Requires-Dist, Requires-Python) of a pin, or None where nobody knows; `waived` are pairs of names, or these with the
    version of the first."""
    environments, problems = {e["name"]: e for e in lock["environment"]}, []
    for c in lock["container"]:
        for name in [c["environment"], *c.get("further", [])]:
            pins, what = {}, f"{c['name']} in {name}"
            for p in lock.get("package", []):
                if c["name"] in p.get("containers", []) and name in p.get("environments", [name]):
                    if p["name"] in pins:
                        problems.append(f"{what}: {p['name']} is there twice")
                    pins[p["name"]] = p
            problems += check_part(what, environments[name], c.get("direct", []), pins, metadata, set(waived))
    return problems


def of_index(index):
    """The metadata of an index as tests/fakes/index.py takes it."""
    known = {canonicalize_name(n): {str(Version(v)): r if isinstance(r, dict) else {"requires": r} for v, r in versions.items()} for n, versions in index.items()}

    def metadata(pin):
        found = known.get(pin["name"], {}).get(pin["version"])
        return None if found is None else (found.get("requires", []), found.get("requires_python", ""))
    return metadata
