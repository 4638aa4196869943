#!/usr/bin/env python3
"""Small random projects, beside a search that tries everything: lockstep finds a lock exactly when there is one; the lock holds what each container reaches and
nothing else; and where there is none, what the explanation names does clash, and does not without any one of them.

usage: random_test.py [COUNT [SEED]]       LOCKSTEP_TEST_RANDOM: how many, default 30
"""
import concurrent.futures, itertools, json, os, random, re, shutil, subprocess, sys, tempfile, tomllib

import scenarios_test as scenarios
from scenarios_test import fake

VERSIONS = ("1.0", "2.0", "3.0")
OLD_TAG, NEW_TAG = "py3-none-manylinux_2_17_x86_64", "py3-none-manylinux_2_39_x86_64"


def make(r, number):
    """A project and its index; requirements are (name, specifier, extra asked for, marker, own extra)."""
    names = [f"p{i}" for i in range(r.randint(3, 6))]
    pythons = ["3.11"] if number % 3 else ["3.11", "3.9"]
    releases = {}
    for i, name in enumerate(names):
        releases[name] = {}
        for version in VERSIONS[:r.randint(1, 3)]:
            requires = []
            for other in r.sample(names, r.choice((0, 0, 1, 1, 2))):
                if other != name:
                    requires.append((other, specifier(r), r.choice((None, None, None, "x")), r.choice((None, None, None, "old", "new")), r.choice((None, None, None, "x"))))
            releases[name][version] = {"requires": requires, "new_wheel": r.random() < 0.06, "python": r.random() < 0.1}
    packages = {n: {"specifier": specifier(r), "extras": ["x"] if r.random() < 0.2 else []} for n in r.sample(names, r.randint(1, len(names)))}
    containers = {}
    for i in range(r.randint(1, 3)):
        containers[f"ci-{i}"] = {"packages": sorted(r.sample(sorted(packages), r.randint(1, len(packages)))), "python": r.choice(pythons)}
    # What is said of a package that no container names holds where another brings it: that is another matter.
    packages = {n: p for n, p in packages.items() if any(n in c["packages"] for c in containers.values())}
    return releases, packages, containers


def specifier(r):
    version = r.choice(VERSIONS)
    return r.choice(("", "", "", f">={version}", f"<{version}", f"!={version}", f"=={version}" if r.random() < 0.4 else "", f"<={version}"))


def allows(text, version):
    if not text:
        return True
    operator, wanted = re.fullmatch(r"([<>=!]+)(.*)", text).groups()
    return {">=": version >= wanted, "<=": version <= wanted, "<": version < wanted, "==": version == wanted, "!=": version != wanted}[operator]


def holds(marker, python):
    return marker is None or (marker == "old") == (python == "3.9")


def reach(releases, wants, python, assignment):
    """What is reached from wants {name: (specifier, extras)}; None when something is not satisfied."""
    asked = {n: set(extras) for n, (_, extras) in wants.items()}
    if not all(allows(s, assignment[n]) for n, (s, _) in wants.items()):
        return None
    queue = list(asked)
    while queue:
        name = queue.pop()
        release = releases[name][assignment[name]]
        if release["new_wheel"] or (release["python"] and python == "3.9"):
            return None
        for other, spec, extra, marker, own in release["requires"]:
            if not holds(marker, python) or (own and own not in asked[name]):
                continue
            if not allows(spec, assignment[other]):
                return None
            if other not in asked or (extra and extra not in asked[other]):
                asked.setdefault(other, set()).update({extra} if extra else ())
                queue.append(other)
    return asked


def solutions(releases, containers):
    """Assignments that satisfy all containers at once: {container: (wants, python)}."""
    names = sorted(releases)
    for versions in itertools.product(*(releases[n] for n in names)):
        assignment = dict(zip(names, versions))
        if all(reach(releases, wants, python, assignment) is not None for wants, python in containers.values()):
            yield assignment


def index_of(releases):
    text = {"old": "python_version == '3.9'", "new": "python_version != '3.9'"}
    index = {}
    for name, versions in releases.items():
        index[name] = {}
        for version, release in versions.items():
            requires = []
            for other, spec, extra, marker, own in release["requires"]:
                conditions = [c for c in (text.get(marker), own and f"extra == '{own}'") if c]
                requires.append(other + (f"[{extra}]" if extra else "") + spec + (" ; " + " and ".join(conditions) if conditions else ""))
            index[name][version] = {"requires": requires, "tags": [NEW_TAG if release["new_wheel"] else OLD_TAG], "extras": ["x"],
                                    **({"requires_python": ">=3.10"} if release["python"] else {})}
    return index


def project_of(packages, containers):
    entries = {}
    for name, p in packages.items():
        entries[name] = {"groups": [f"g-{c}" for c, v in containers.items() if name in v["packages"]], **({"extras": p["extras"]} if p["extras"] else {})}
        if p["specifier"]:
            entries[name].update({"exact": p["specifier"][2:]} if p["specifier"].startswith("==") else {"range": p["specifier"]}, why="a reason")
    return {"packages": entries, "containers": {c: {"groups": [f"g-{c}"], "python": v["python"]} for c, v in containers.items()}}


def wants_of(packages, containers, without=(), loose=()):
    return {c: ({n: ("" if n in loose else packages[n]["specifier"], packages[n]["extras"]) for n in v["packages"] if n not in without}, v["python"])
            for c, v in containers.items()}


def check_lock(work, releases, packages, containers):
    with open(os.path.join(work, ".lockstep/lock.toml"), "rb") as f:
        pins = scenarios.pins_of(tomllib.load(f))
    for container, (wants, python) in wants_of(packages, containers).items():
        assignment = {n: max(v) for n, v in releases.items()} | pins[container]
        reached = reach(releases, wants, python, assignment)
        if reached is None:
            return f"the lock of {container} is not closed: {pins[container]}"
        if set(reached) != set(pins[container]):
            return f"{container} has {sorted(pins[container])}, and reaches {sorted(reached)}"
    for name in releases:
        if len({p[name] for p in pins.values() if name in p}) > 1:
            return f"{name} differs: {pins}"
    return None


def check_clash(err, releases, packages, containers):
    if any(True for _ in solutions(releases, wants_of(packages, containers))):
        return "there is a lock, and it was not found"
    with_constraint, all_named = set(), set()
    for name in re.findall(r"^recipes/.*: error: (?:no version of )?'(p\d)[^']*'", err, re.M):
        all_named.add(name)
    for name in re.findall(r"'(p\d)' must be", err) + re.findall(r"no version of '(p\d)' that can be used satisfies", err):
        with_constraint.add(name)
    if not all_named:
        return "nothing is named"
    others = set(packages) - all_named
    loose = all_named - with_constraint
    if len(all_named) > 1 and any(True for _ in solutions(releases, wants_of(packages, containers, others, loose))):
        return f"what is named ({sorted(all_named)}, constraints of {sorted(with_constraint)}) does not clash"
    # The explanation may be about some of the containers only: for one choice of them everything that is named has to be needed.
    for chosen in (c for n in range(1, len(containers) + 1) for c in itertools.combinations(sorted(containers), n)):
        problem = check_needed({c: containers[c] for c in chosen}, releases, packages, others, loose, all_named, with_constraint)
        if not problem:
            return None
    return problem


def check_needed(containers, releases, packages, others, loose, all_named, with_constraint):
    for name in all_named:
        if not any(True for _ in solutions(releases, wants_of(packages, containers, others | {name}, loose))):
            return f"{name} is named and not needed for the clash"
    for name in with_constraint:
        if not any(True for _ in solutions(releases, wants_of(packages, containers, others, loose | {name}))):
            return f"the constraint of {name} is named and not needed for the clash"
    if len(all_named) > 1 and any(True for _ in solutions(releases, wants_of(packages, containers, others, loose))):
        return "what is named does not clash in these"
    return None


def run(seed, number):
    r = random.Random(f"{seed}/{number}")
    releases, packages, containers = make(r, number)
    work = tempfile.mkdtemp(prefix="lockstep-random-")
    try:
        with fake.Index({"packages": index_of(releases)}) as index:
            scenarios.write_project(work, project_of(packages, containers), index.address)
            done = subprocess.run([scenarios.LOCKSTEP, "lock", "-C", work], env=scenarios.environment(work, index, {}), capture_output=True, text=True,
                                  timeout=120)
        if done.returncode == 0:
            problem = check_lock(work, releases, packages, containers)
        else:
            problem = check_clash(done.stderr, releases, packages, containers)
        if problem:
            problem += f"\n{json.dumps(index_of(releases))}\n{json.dumps(project_of(packages, containers))}\n{done.stdout}{done.stderr}"
        return number, done.returncode, problem
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main(arguments):
    count = int(arguments[0]) if arguments else int(os.environ.get("LOCKSTEP_TEST_RANDOM", "30"))
    seed = arguments[1] if len(arguments) > 1 else "1"
    first = int(arguments[2]) if len(arguments) > 2 else 0
    failed, codes = 0, {0: 0, 1: 0}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, code, problem in pool.map(lambda n: run(seed, n), range(first, first + count)):
            codes[code] = codes.get(code, 0) + 1
            if problem:
                failed += 1
                print(f"not ok {seed}/{number}: {problem}", flush=True)
    print(f"{count} projects: {codes[0]} locked, {codes[1]} refused, {failed} wrong")
    # Both ways have to be tried, or this shows nothing.
    return 1 if failed or (count >= 20 and min(codes[0], codes[1]) < count // 10) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
