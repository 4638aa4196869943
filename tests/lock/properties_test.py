#!/usr/bin/env python3
"""What holds for every lock, on generated projects (generated.py), each claim beside a search that tries everything (model.py) and knows nothing of lockstep:
    closed      each container's part satisfies itself in each environment, by the METADATA inside the very files that the lock names, read by `packaging`; each
                file can be used where it is locked, comes from the index that has the name, and was not taken back
    consistent  one version everywhere, but for what is declared and what environments of one container force
    no needless split      for a package at several versions there is no answer without that; and asked with each single version pinned, lockstep has none
    stable      locking again changes nothing, byte for byte; nor do other orders of files, keys, groups and containers; nor releases that came since
    minimal     after --upgrade-package every other package that moved could not stay: also by lockstep, asked again with it pinned where it was
    smallest    what a clash names clashes, without any one of it there is an answer, and no fewer declared things clash
    dated       `lock --at DATE` is what a lock of an index without later files is; the same months later, and whatever was locked in between
    held        `lock --without-holds --dry-run` tells what a database without holds would lock, and writes nothing

usage: properties_test.py [COUNT [SEED [FIRST]]]       LOCKSTEP_TEST_RANDOM: how many, default 40. A long run: nice properties_test.py 2000 7 0
"""
import concurrent.futures, copy, difflib, io, itertools, json, os, random, re, shutil, subprocess, sys, threading, tomllib, traceback, zipfile

import closed, generated, model, scenarios_test as scenarios
from scenarios_test import fake
from packaging.metadata import parse_email
from packaging.version import Version

counts, counts_guard = {}, threading.Lock()


def count(what, number=1):
    with counts_guard:
        counts[what] = counts.get(what, 0) + number


class Wrong(Exception):
    pass


def lock(p, index, *arguments, root=None):
    root = root or p.root
    done = subprocess.run([scenarios.LOCKSTEP, "lock", "-C", root, *arguments], env=scenarios.environment(p.work, index, {}), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=900)
    count("locks asked")
    p.said = done.stdout + done.stderr
    if done.returncode not in (0, 1) or "Sanitizer" in done.stderr:
        raise Wrong(f"exit {done.returncode}: {done.stdout}{done.stderr}")
    text = scenarios.read_lock(root)
    return done, text, tomllib.loads(text.decode()) if text else None


def versions_of(p, found):
    """{(container, environment): {name: version}} of a lock."""
    slots = {(c, e): {} for c in p.containers for e, _ in p.environments(c)}
    for pin in found.get("package", []):
        for slot in slots:
            if slot[0] in pin["containers"] and slot[1] in pin.get("environments", [slot[1]]):
                if pin["name"] in slots[slot]:
                    raise Wrong(f"{pin['name']} is in {slot} twice")
                slots[slot][pin["name"]] = pin["version"]
    return slots


def by_name(slots):
    found = {}
    for slot, pins in slots.items():
        for name, version in pins.items():
            found.setdefault(name, {})[slot] = version
    return found


def unlike(one, other):
    return "\n".join(difflib.unified_diff(one.decode().split("\n"), other.decode().split("\n"), lineterm="", n=1))


def split_in(slots):
    return {n for n, v in by_name(slots).items() if len(set(v.values())) > 1}


# Closed and consistent.

def metadata_of(p, index, pin):
    """What the files of a pin say themselves; they must be those that its index has."""
    bound = p.packages.get(pin["name"], {}).get("index")
    alias = next(a for a, has in p.indexes.items() if pin["name"] in has and bound in (None, a))
    if pin.get("index") != alias:
        raise Wrong(f"{pin['name']} comes from {pin.get('index')}, not from {alias}")
    served, found = {f.name: f for f in index.files(alias, pin["name"])}, []
    for file in pin["files"]:
        f = served.get(file["name"])
        if not f or f.sha256 != file["sha256"] or len(f.content) != file["size"]:
            raise Wrong(f"the index has no such file: {file}")
        if f.name.endswith(".whl"):
            with zipfile.ZipFile(io.BytesIO(f.content)) as z:
                found.append(z.read(next(n for n in z.namelist() if n.endswith(".dist-info/METADATA"))))
    if not found:
        entry = p.indexes[alias][pin["name"]][pin["version"]]
        return entry["requires"], entry.get("requires_python", "")
    raw, _ = parse_email(found[0])
    return raw.get("requires_dist", []), raw.get("requires_python", "")


def direct_of(p, m, slot):
    """What the database asks for in a container and environment, as requirements: made here, not read from the lock."""
    asked, limits = m.wants(m.items)[slot]
    return [name + (f"[{','.join(sorted(extras))}]" if extras else "") + ",".join(s for s in limits.get(name, []) if s) for name, extras in asked.items()]


def check_closed(p, index, found, until=None, is_first=False):
    m = model.Model(p, lenient=True)
    slots, environments = versions_of(p, found), {e["name"]: e for e in found["environment"]}
    waived = {(w["package"], w["requires"], v) for w in p.waivers for has in p.indexes.values() for v in has.get(w["package"], {}) if model.allows(w.get("versions", ""), v)}
    for (c, e), pins in slots.items():
        mine = {n["name"]: n for n in found["package"] if c in n["containers"] and e in n.get("environments", [e])}
        problems = closed.check_part(f"{c} in {e}", environments[e], direct_of(p, m, (c, e)), mine, lambda pin: metadata_of(p, index, pin), waived)
        for name, pin in mine.items():
            release = m.pages[name][pin["version"]]
            if not any(f["name"].endswith(".gz") or model.fits(f["name"][len(f"{name}-{pin['version']}-"):-4], m.facts[e]) for f in pin["files"]):
                problems.append(f"{c} in {e}: {name} has no file that can be used")
            if pin["version"] not in m.candidates(name, m.items):
                problems.append(f"{name} {pin['version']} was taken back")
            if until and release["uploaded"] >= until:
                problems.append(f"{name} {pin['version']} is of {release['uploaded']}")
        for name, limits in m.wants(m.items)[c, e][1].items():
            if name in mine and not all(model.allows(s, mine[name]["version"]) for s in limits):
                problems.append(f"{c} in {e}: {name} is at {mine[name]['version']}, and must be {limits}")
        if problems:
            raise Wrong("; ".join(problems))
    check_consistent(m, slots)
    if is_first and has_sources(found):
        count("locks with sources")
        if is_answer(ask(p, until=until, loose=p.names)):
            raise Wrong("a source is locked, and wheels would do")


def check_consistent(m, slots):
    """No two containers have different versions, in what is built or in an environment of both, unless one of them may."""
    built = {c: m.p.environments(c)[0][0] for c in m.p.containers}
    for name, versions in by_name(slots).items():
        free = {c for d in m.p.differences if d["package"] == name for c in d.get("containers", m.p.containers)}
        for (c, e), (d, f) in itertools.combinations(versions, 2):
            beside = c != d and (e == f or (e == built[c] and f == built[d]))
            if beside and not {c, d} & free and versions[c, e] != versions[d, f]:
                raise Wrong(f"{name} differs where nothing says that it may: {versions}")


def ask(p, until=None, lenient=False, **how):
    """An answer of the search that tries everything; False: there is none; None: it took too long to know."""
    try:
        found = model.Model(p, until, lenient).answer(**how)
        return False if found is None else found
    except model.TooLong:
        count("searches given up")
        return None


def is_answer(found):
    return isinstance(found, dict)


def has_sources(found):
    """Nothing is built where wheels will do: an answer that needs it does not stand beside one that does not."""
    return any(f["name"].endswith(".gz") for pin in found.get("package", []) for f in pin["files"])


# No needless split.

def check_splits(p, index, found, until=None):
    """A version serves all where all that have the package now have it then."""
    slots = versions_of(p, found)
    split = split_in(slots)
    for name in split:
        better = ask(p, until, loose=split - {name}, present={name: set(by_name(slots)[name])})
        if is_answer(better):
            raise Wrong(f"{name} is at {by_name(slots)[name]}, and this serves all: {better}")
    for name in sorted(split)[:2]:
        check_pinned(p, index, name, by_name(slots)[name], len(split), until)


def pinned(p, pins):
    """A copy of the project with these versions alone."""
    other = copy.copy(p)
    other.packages = copy.deepcopy(p.packages)
    other.differences = [d for d in p.differences if d["package"] not in pins]
    for name, version in pins.items():
        entry = other.packages.setdefault(name, {"groups": []})
        entry.setdefault("constraints", []).append({"exact": version, "why": "to see whether it serves all"})
    other.root = p.work + "/pinned"
    shutil.rmtree(other.root, ignore_errors=True)
    return other


def check_pinned(p, index, name, now, split_count, until):
    """Asked with every single version, lockstep itself has no answer in which fewer packages differ."""
    for version in model.Model(p, until).candidates(name, p.items()):
        other = pinned(p, {name: version})
        other.write(index.address)
        done, _, found = lock(other, index, *(["--at", until + "T00:00:00Z"] if until else []))
        count("splits asked again")
        if done.returncode or has_sources(found):
            continue
        slots = versions_of(other, found)
        if len(split_in(slots)) < split_count and set(now) <= set(by_name(slots).get(name, ())):
            raise Wrong(f"{name} is at several versions, and {version} serves all")


# Minimal in movement.

def check_moves(p, index, before, after, asked):
    """For every package that moved beside the one that was asked to: with it where it was, and what did not move where it is, there is nothing."""
    m = model.Model(p)
    was, now, split = by_name(versions_of(p, before)), by_name(versions_of(p, after)), split_in(versions_of(p, after))
    key = m.keys(split)
    moved = {n for n in was if n in now and any(now[n].get(s, v) != v for s, v in was[n].items())}
    kept = {n for n in now if n == asked or (n in was and n not in moved)}
    fixed = {key(n, s): v for n in kept for s, v in now[n].items()}
    for name in moved - {asked}:
        if len({key(name, s) for s in was[name]}) < len(set(was[name].values())):
            continue  # it would have to differ more than it does now
        stays = {key(name, s): v for s, v in was[name].items()}
        count("moves asked again")
        found = ask(p, loose=split, fixed={**fixed, **stays}, present={name: set(now[name]), asked: set(was.get(asked, ())) & set(now.get(asked, ()))})
        if is_answer(found):
            raise Wrong(f"{name} moved from {was[name]} to {now[name]} with {asked}, and could have stayed: {found}")
        if not split and len(set(was[name].values())) == 1:
            check_stuck(p, index, {**{n: next(iter(now[n].values())) for n in kept}, name: next(iter(was[name].values()))}, name, asked)


def check_stuck(p, index, pins, name, asked):
    """lockstep's own word for it: with all of these pinned there is nothing (a pre-release would be asked for by being named)."""
    if any(Version(v).is_prerelease or f"{v}+cu12" in p.description()["packages"].get(n, {}) for n, v in pins.items()):
        return
    other = pinned(p, pins)
    other.write(index.address)
    done, _, found = lock(other, index)
    if done.returncode or has_sources(found) or split_in(versions_of(other, found)):
        return
    if {name, asked} <= set(by_name(versions_of(other, found))) and all(v == pins[n] for n, s in by_name(versions_of(other, found)).items() if n in pins for v in s.values()):
        raise Wrong(f"{name} moved, and lockstep has an answer with it where it was: {pins}")


# A clash names the smallest set.

def named_in(p, err):
    """The declared things that an explanation names, by their places."""
    places, named = p.item_places(), set()
    for line, text in re.findall(r"^recipes/python\.yaml:(\d+):\d+: error: (.*)", err, re.M):
        name, key = places[int(line)]
        if "must be" not in text and "is held to" not in text and "satisfies '" not in text and not re.search(r"no version of 'p\d[^a-z']", text):
            key = "package"
        named.add((name, key))
    return named


def check_smallest(p, err):
    items = {(i.name, i.key): i for i in p.items()}
    if "error: containers would differ" in err:
        count("refused as they would differ")
        found = ask(p, loose=p.names)
        if is_answer(found):
            raise Wrong(f"nothing has to differ: {found}")
        return
    found = ask(p, loose=p.names)
    if is_answer(found):
        raise Wrong(f"there is a lock, and it was not found: {found}")
    named = named_in(p, err)
    if not named:
        raise Wrong("nothing is named")
    count(f"clashes of {min(len(named), 4)}{'' if len(named) < 4 else ' or more'}")
    chosen = [items[n] for n in named]
    found = ask(p, items=chosen, loose=p.names)
    if is_answer(found):
        raise Wrong(f"what is named does not clash: {named}: {found}")
    for one in named:
        if len(named) > 1 and ask(p, lenient=True, items=[items[n] for n in named if n != one], loose=p.names) is False:
            raise Wrong(f"{one} is named, and not needed: {named}")
    if "was not found out in the time" in err:
        return
    for size in range(1, len(named)):
        for fewer in itertools.combinations(items.values(), size):
            if ask(p, lenient=True, items=fewer, loose=p.names) is False:
                raise Wrong(f"{fewer} clash by themselves, and {named} are named")


# Stable.

def check_again(p, index, text):
    def same(expected, what):
        done, again, _ = lock(p, index)
        if done.returncode or again != expected:
            raise Wrong(f"{what}: {done.stdout}{done.stderr}{unlike(expected, again)}")
    same(text, "locking again changes something")
    p.write(index.address, reverse=True)
    index.describe(p.description(reverse=True))
    same(text, "another order changes something")
    shutil.rmtree(p.root + "/.lockstep")
    same(text, "another order gives another first lock")
    p.write(index.address)
    index.describe(p.description())


# Dated.

def check_dated(p, r, index, text):
    """`text` is what all of the index gives; it comes back, and is there at the end."""
    day = r.choice(generated.DATES[1:])
    at = ["--at", day + "T00:00:00Z"]

    def afresh(*arguments):
        shutil.rmtree(p.root + "/.lockstep", ignore_errors=True)
        return lock(p, index, *arguments)
    first = afresh(*at)
    index.describe(p.description(until=day))
    second, plain = afresh(*at), afresh()
    if first[0].returncode != second[0].returncode or first[1] != second[1]:
        raise Wrong(f"--at {day} differs from the same without what came later:\n{first[0].stderr}{second[0].stderr}{unlike(first[1], second[1])}")
    index.describe(p.description())
    count("dates locked" if first[1] else "dates refused")
    if first[1]:
        check_closed(p, index, first[2], day, is_first=True)
        check_splits(p, index, first[2], day)
        if by_name(versions_of(p, plain[2])) != by_name(versions_of(p, first[2])):
            raise Wrong(f"--at {day} is not what there was then: {unlike(first[1], plain[1])}")
        # Whatever is locked: here everything there is, then the same again.
        os.makedirs(p.root + "/.lockstep", exist_ok=True)
        with open(p.root + "/.lockstep/lock.toml", "wb") as f:
            f.write(text)
        for how in (["--upgrade"], []):
            done, again, _ = lock(p, index, *how, *at)
            if again != first[1]:
                raise Wrong(f"--at {day} {how} over another lock: {done.stdout}{done.stderr}{unlike(first[1], again)}")
    elif is_answer(ask(p, until=day, loose=p.names)):
        raise Wrong(f"--at {day} is refused: {first[0].stderr}")
    return day, first[1]


def check_months_later(p, index, day, dated):
    kept = scenarios.read_lock(p.root)
    done, again, _ = lock(p, index, "--upgrade", "--at", day + "T00:00:00Z")
    if done.returncode or again != dated:
        raise Wrong(f"--at {day} months later: {done.stderr}{unlike(dated, again)}")
    with open(p.root + "/.lockstep/lock.toml", "wb") as f:
        f.write(kept)


# Held.

def moves_of(answer):
    changes = json.loads(answer)["changes"]
    return changes["packages"] if changes else []


def check_held(p, index, text):
    done, again, _ = lock(p, index, "--without-holds", "--dry-run", "--format", "json")
    if again != text:
        raise Wrong("--without-holds --dry-run writes something")
    other = copy.copy(p)
    other.packages = {n: {k: v for k, v in e.items() if k != "hold"} for n, e in p.packages.items()}
    other.root = p.work + "/unheld"
    shutil.copytree(p.root, other.root)
    other.write(index.address)
    held = [a for n in sorted(p.packages) if "hold" in p.packages[n] and f'name = "{n}"\n' in text.decode() for a in ("--upgrade-package", n)]
    plain, _, _ = lock(other, index, "--format", "json", *held)
    shutil.rmtree(other.root)
    if done.returncode != plain.returncode:
        raise Wrong(f"without the holds: {done.stderr}\nnot there: {plain.stderr}")
    count("locks without holds")
    if done.returncode == 0 and moves_of(done.stdout) != moves_of(plain.stdout):
        raise Wrong(f"without the holds: {done.stdout}\nnot there: {plain.stdout}")


def examine(p, r, index):
    p.write(index.address)
    done, text, found = lock(p, index)
    if done.returncode:
        if "the database cannot be used" in done.stderr:
            return "not taken by check", done
        check_smallest(p, done.stderr)
        return "refused", done
    check_closed(p, index, found, is_first=True)
    check_splits(p, index, found)
    check_again(p, index, text)
    if any("hold" in e for e in p.packages.values()):
        check_held(p, index, text)
    day, dated = check_dated(p, r, index, text) if r.random() < 0.3 else (None, None)
    with open(p.root + "/.lockstep/lock.toml", "wb") as f:
        f.write(text)
    p.add_releases(r)
    index.describe(p.description())
    done, again, since = lock(p, index)
    ended = split_in(versions_of(p, found)) - split_in(versions_of(p, since))
    count("splits that a new release ends", len(ended))
    if again != text and not ended:
        raise Wrong(f"what came since changes the lock: {done.stdout}{done.stderr}")
    if dated:
        check_months_later(p, index, day, dated)
    locked = sorted({pin["name"] for pin in found.get("package", [])})
    if not locked:
        return "nothing to move", done
    # One that can move to what came since, where there is one.
    asked = r.choice([n for n in locked if is_answer(ask(p, loose=p.names, least={n: "4.0"}))] or locked)
    found = since
    done, text, after = lock(p, index, "--upgrade-package", asked)
    if done.returncode:
        if is_answer(ask(p, loose=p.names)):
            raise Wrong(f"--upgrade-package {asked} fails")
        return "nothing to move", done
    check_closed(p, index, after)
    check_splits(p, index, after)
    check_moves(p, index, found, after, asked)
    return "locked and upgraded", done


def run(seed, number):
    r = random.Random(f"{seed}/{number}")
    p, done, problem = generated.Project(r, number), None, None
    try:
        with fake.Index(p.description()) as index:
            try:
                how, done = examine(p, r, index)
            except Wrong as e:
                how, problem = "wrong", str(e)
            except Exception:
                how, problem = "wrong", traceback.format_exc()
        if problem:
            with open(p.root + "/recipes/python.yaml") as f:
                problem += f"\n{p.said}\n{json.dumps(p.description())}\n{f.read()}\n{json.dumps(p.containers)} {json.dumps(p.bases)} {p.swaps}"
            problem = problem.replace("\n", "\n    ")
        return number, how, problem
    finally:
        p.remove()


def main(arguments):
    total = int(arguments[0]) if arguments else int(os.environ.get("LOCKSTEP_TEST_RANDOM", "40"))
    seed = arguments[1] if len(arguments) > 1 else "7"
    first = int(arguments[2]) if len(arguments) > 2 else 0
    how = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, end, problem in pool.map(lambda n: run(seed, n), range(first, first + total)):
            how[end] = how.get(end, 0) + 1
            if problem:
                print(f"not ok {seed}/{number}: {problem}", flush=True)
    print("; ".join(f"{what}: {n}" for what, n in sorted(counts.items())))
    print(f"{total} projects: " + ", ".join(f"{n} {what}" for what, n in sorted(how.items())) + f", {how.get('wrong', 0)} wrong")
    # Both ways have to be tried, or this shows nothing.
    return 1 if how.get("wrong") or (total >= 20 and not (how.get("locked and upgraded") and how.get("refused"))) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
