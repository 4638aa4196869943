#!/usr/bin/env python3
"""What holds for every lock, on generated projects, each claim beside a search that tries everything:
    closed      each container's part satisfies itself, by the files' own metadata, as `packaging` reads it
    no needless split      a package is at several versions only where no one version serves all
    stable      locking again changes nothing, byte for byte; neither does another order of packages, groups and containers
    minimal     after --upgrade-package every other package that moved could not stay
    smallest    no fewer declared constraints clash than the explanation of a clash names

usage: properties_test.py [COUNT [SEED [FIRST]]]       LOCKSTEP_TEST_RANDOM: how many, default 32
"""
import concurrent.futures, itertools, json, os, random, re, shutil, subprocess, sys, tempfile, tomllib

import closed, random_test as small, scenarios_test as scenarios
from scenarios_test import fake


class Project:
    """A random project in its own folder, with swaps, waivers and declared differences where the dice say so."""
    def __init__(self, r, number):
        self.releases, self.packages, containers = small.make(r, number)
        for name in list(self.releases)[4:]:
            self.drop(name)
        self.packages = {n: p for n, p in self.packages.items() if n in self.releases} or {"p0": {"specifier": "", "extras": []}}
        self.containers = {c: {**v, "packages": [n for n in v["packages"] if n in self.packages] or [min(self.packages)]} for c, v in containers.items()}
        self.packages = {n: p for n, p in self.packages.items() if any(n in c["packages"] for c in self.containers.values())}
        self.swaps = {}
        if r.random() < 0.3 and len(self.packages) > 1:
            one, other = r.sample(sorted(self.packages), 2)
            self.swaps[max(self.containers)] = (one, other)
            self.packages[other]["specifier"] = ""
            for c in self.containers.values():
                c["packages"] = [n for n in c["packages"] if n != other] or [one]
        edges = sorted({(n, q[0]) for n, v in self.releases.items() for release in v.values() for q in release["requires"]})
        self.waived = {r.choice(edges)} if edges and r.random() < 0.25 else set()
        self.may_differ = r.random() < 0.5
        self.work = tempfile.mkdtemp(prefix="lockstep-properties-")
        os.makedirs(self.work + "/home")

    def drop(self, name):
        del self.releases[name]
        for versions in self.releases.values():
            for release in versions.values():
                release["requires"] = [q for q in release["requires"] if q[0] != name]

    def known(self):
        """The releases as everybody takes them: without what is waived."""
        return {n: {v: {**release, "requires": [q for q in release["requires"] if (n, q[0]) not in self.waived]} for v, release in versions.items()}
                for n, versions in self.releases.items()}

    def wants(self, without=(), loose=()):
        """{container: ({name: (specifier, extras)}, python)}"""
        found = {}
        for c, v in self.containers.items():
            one, other = self.swaps.get(c, (None, None))
            names = [other if n == one else n for n in v["packages"]]
            found[c] = ({n: ("" if n in loose else self.packages[n]["specifier"], self.packages[n]["extras"]) for n in names if n not in without}, v["python"])
        return found

    def write(self, index, reverse=False):
        s = small.project_of(self.packages, self.containers)
        for c, (one, other) in self.swaps.items():
            s["containers"][c]["swaps"] = {one: {"with": other, "why": "a reason"}} if one in self.containers[c]["packages"] else {}
            s["packages"][other]["groups"] = []
        s["waivers"] = [{"package": a, "requires": b, "why": "a reason", "review": "2030-01-01"} for a, b in sorted(self.waived)]
        s["differences"] = [{"package": n, "why": "a reason"} for n in sorted(self.releases)] if self.may_differ else []
        if reverse:
            s = {k: dict(reversed(v.items())) if isinstance(v, dict) else v[::-1] for k, v in s.items()}
        scenarios.write_project(self.work + "/project", s, index.address)

    def lock(self, index, *arguments):
        done = subprocess.run([scenarios.LOCKSTEP, "lock", "-C", self.work + "/project", *arguments], env=scenarios.environment(self.work, index, {}),
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900)
        text = scenarios.read_lock(self.work + "/project")
        return done, text, tomllib.loads(text.decode()) if text else None


def versions_of(lock):
    """{name: {python: version}} of what is locked."""
    pythons = {e["name"]: e["python"] for e in lock["environment"]}
    of_container, found = {c["name"]: pythons[c["environment"]] for c in lock["container"]}, {}
    for p in lock.get("package", []):
        for c in p["containers"]:
            found.setdefault(p["name"], {})[of_container[c]] = p["version"]
    return found


def fits(p, assignment, python, wants=None):
    return all(small.reach(p.known(), w, python, assignment) is not None for w, has in (wants or p.wants()).values() if has == python)


def assignments(p, fixed):
    names = sorted(p.releases)
    for versions in itertools.product(*([v for v in p.releases[n] if n not in fixed or v == fixed[n]] for n in names)):
        yield dict(zip(names, versions))


def check_closed(p, lock):
    problems = closed.check(lock, closed.of_index(small.index_of(p.releases)), p.waived)
    return "; ".join(problems) or None


def check_splits(p, lock):
    """For every package at several versions: with everything that is the same now at some one version, none of its own serves all."""
    found = versions_of(lock)
    split = [n for n, v in found.items() if len(set(v.values())) > 1]
    if split and not p.may_differ:
        return f"{split} differ, and nothing says that they may"
    pythons = sorted({v["python"] for v in p.containers.values()})
    for name in split:
        together = [n for n in p.releases if n not in split or n == name]
        by_python = []
        for python in pythons:
            by_python.append({tuple(a[n] for n in together) for a in assignments(p, {}) if fits(p, a, python)})
        common = set.intersection(*by_python)
        if common:
            return f"{name} is at {found[name]}, and {dict(zip(together, min(common)))} serves all"
    return None


def check_moves(p, before, after, asked):
    """For every package that moved beside the one that was asked to: with it where it was, and what did not move where it is, there is nothing."""
    was, now = versions_of(before), versions_of(after)
    if any(len(set(v.values())) > 1 for v in [*was.values(), *now.values()]):
        return None  # said of one version everywhere only
    was, now = ({n: next(iter(v.values())) for n, v in found.items()} for found in (was, now))
    moved = [n for n in was if n in now and was[n] != now[n] and n != asked]
    fixed = {n: v for n, v in now.items() if n == asked or was.get(n) == v}
    pythons = {v["python"] for v in p.containers.values()}
    for name in moved:
        for a in assignments(p, {**fixed, name: was[name]}):
            if all(fits(p, a, python) for python in pythons):
                return f"{name} moved from {was[name]} to {now[name]} with {asked}, and could have stayed: {a}"
    return None


def named_in(err):
    names = set(re.findall(r"^recipes/.*: error: (?:no version of |package )?'(p\d)[^']*'", err, re.M))
    return names, set(re.findall(r"'(p\d)' must be", err)) | set(re.findall(r"no version of '(p\d)' that can be used satisfies", err))


def has_answer(p, wants):
    return any(all(fits(p, a, python, wants) for python in {has for _, has in wants.values()}) for a in assignments(p, {}))


def check_smallest(p, err):
    """What is named clashes, with no others and no other constraints; and no fewer packages do."""
    if "would differ" in err:
        return None
    names, constrained = named_in(err)
    if not names:
        return "nothing is named"
    everything = {n for w, _ in p.wants().values() for n in w}
    if has_answer(p, p.wants(without=everything - names, loose=names - constrained)):
        return f"what is named does not clash: {names}, constraints of {constrained}"
    for count in range(1, len(names)):
        for fewer in itertools.combinations(sorted(everything), count):
            if not has_answer(p, p.wants(without=everything - set(fewer))):
                return f"{fewer} clash by themselves, and {sorted(names)} are named"
    return None


def check_again(p, index, text):
    done, again, _ = p.lock(index)
    if done.returncode or again != text:
        return f"locking again changes something: {done.stdout}{done.stderr}"
    p.write(index, reverse=True)
    done, again, _ = p.lock(index)
    if done.returncode or again != text:
        return f"another order changes something: {done.stdout}{done.stderr}"
    shutil.rmtree(p.work + "/project/.lockstep")
    done, afresh, _ = p.lock(index)
    p.write(index)
    shutil.rmtree(p.work + "/project/.lockstep")
    done, first, _ = p.lock(index)
    return None if afresh == first else "another order gives another first lock"


def add_releases(p, r):
    """Newer versions of most packages, of which the newest want others to move along and some older ones do not."""
    for name, versions in p.releases.items():
        others = [n for n in p.releases if n != name]
        for version in ("4.0", "5.0", "6.0"):
            if r.random() < 0.8:
                chosen = r.sample(others, min(len(others), r.choice((0, 1, 1, 2))))
                requires = [(o, r.choice((">=4.0", ">=4.0", ">=5.0", "<4.0", "")), None, None, None) for o in chosen]
                versions[version] = {"requires": requires, "new_wheel": False, "python": r.random() < 0.1}


def examine(p, r, index):
    done, text, lock = p.lock(index)
    if done.returncode:
        return "refused", check_smallest(p, done.stderr) if not p.may_differ else None, done
    problem = check_closed(p, lock) or check_splits(p, lock) or check_again(p, index, text)
    if problem:
        return "locked", problem, done
    add_releases(p, r)
    index.describe({"packages": small.index_of(p.releases)})
    asked = r.choice(sorted(versions_of(lock)) or ["p0"])
    _, _, lock = p.lock(index)
    done, text, after = p.lock(index, "--upgrade-package", asked)
    if done.returncode:
        return "locked", f"--upgrade-package {asked} fails", done
    return "moved", check_closed(p, after) or check_splits(p, after) or check_moves(p, lock, after, asked), done


def run(seed, number):
    r = random.Random(f"{seed}/{number}")
    p = Project(r, number)
    try:
        with fake.Index({"packages": small.index_of(p.releases)}) as index:
            p.write(index)
            how, problem, done = examine(p, r, index)
        if problem:
            with open(p.work + "/project/recipes/python.yaml") as f:
                problem += f"\n{json.dumps(small.index_of(p.releases))}\n{f.read()}\n{json.dumps(p.containers)} {p.swaps}\n{done.stdout}{done.stderr}"
        return number, how, problem
    finally:
        shutil.rmtree(p.work, ignore_errors=True)


def main(arguments):
    count = int(arguments[0]) if arguments else int(os.environ.get("LOCKSTEP_TEST_RANDOM", "32"))
    seed = arguments[1] if len(arguments) > 1 else "7"
    first = int(arguments[2]) if len(arguments) > 2 else 24
    failed, how = 0, {"locked": 0, "moved": 0, "refused": 0}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, end, problem in pool.map(lambda n: run(seed, n), range(first, first + count)):
            how[end] += 1
            if problem:
                failed += 1
                print(f"not ok {seed}/{number}: {problem}", flush=True)
    print(f"{count} projects: {how['moved']} locked and upgraded, {how['refused']} refused, {failed} wrong")
    # Both ways have to be tried, or this shows nothing.
    return 1 if failed or (count >= 16 and not (how["moved"] and how["refused"])) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
