#!/usr/bin/env python3
"""Replays sequences of locks through the plan of layers (src/layer/plan.c), with one limit of layers after another: what each bump writes, sends and disturbs.

usage: plan.py [--limits 1,5,...] [--sets NAME,...] [--one-at-a-time] [--summary] [--mounts] [--build release]

Offline: the sequences lie in bench/plan/, recorded by bench/plan_record.py. Bytes are those of the wheels. Of each bump it takes
  push        the layers that no release before had: what goes to a registry
  pull        the layers that the release before did not have: what a developer who follows every release fetches with an engine that knows layers by digest
  5th         the same for one who takes every fifth release
  above       everything above the lowest layer that changed: what an engine that knows layers by their chain (docker) writes, and fetches
  disturbed   layers that are gone although every package of them is there as it was; never where there are fewer than N layers
in percent of all wheels, which is what one layer of pip's would be each time; medians of all bumps, and means. "moved" is the floor of pull: the wheels that moved.
--one-at-a-time: every package that moves is a bump of its own, in the order of names, as bots move them. --summary: the mean over all sets alone.
--mounts: what many layers cost where the container runs: seconds of processor for the first opening of 2000 files in 200 packages, and for 600 names that are not there,
in an overlay of so many layers; needs root."""
import argparse, os, resource, statistics, subprocess, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "bench/plan")


def one_at_a_time(text):
    """What is gone or new between two packages that move comes with the first of them; the first lock stays whole."""
    out, locks = [], text.split("= ")[1:]
    for number, lock in enumerate(locks):
        label, *lines = lock.splitlines()
        if number == 0:
            out += [f"= {label}", *lines]
            continue
        gone, come = [line for line in lines if line[0] == "-"], [line for line in lines if line[0] == "+"]
        for i, line in enumerate(come):
            out += [f"= {label} {i}", *(gone if i == 0 else []), line]
    return "\n".join(out) + "\n"


class Layer(dict):
    """{name: (version, bytes)}"""

    def __init__(self, line):
        super().__init__((name, (version, int(size))) for name, version, size in (part.split(" ") for part in line.split("\t")[2:]))
        self.key, self.size = line.split("\t", 2)[2], sum(size for _, size in self.values())


def size(layer):
    return layer.size


def key(layer):
    return layer.key


def plans(program, text, limit):
    """For each lock its layers, lowest first: {name: (version, bytes)} each."""
    done = subprocess.run([program, str(limit)], input=text, capture_output=True, text=True, check=True)
    found, layers = [], {}
    for line in done.stdout.splitlines():
        if line.startswith("= "):
            found.append([])
        else:
            what = line.split("\t", 2)[2]
            if what not in layers:
                layers[what] = Layer(line)
            found[-1].append(layers[what])
    return found


def missing(layers, there):
    there = {key(layer) for layer in there}
    return sum(size(layer) for layer in layers if key(layer) not in there)


def above(layers, there):
    same = 0
    while same < min(len(layers), len(there)) and key(layers[same]) == key(there[same]):
        same += 1
    return sum(size(layer) for layer in layers[same:])


def measure(sequence, limit):
    """A row of numbers a bump: parts of the whole, but the number of disturbed layers."""
    rows, ever = [], {key(layer) for layer in sequence[0]}
    for i in range(1, len(sequence)):
        now, before = sequence[i], sequence[i - 1]
        assert len(now) <= limit
        total = sum(map(size, now))
        flat = {name: what for layer in now for name, what in layer.items()}
        assert len(flat) == sum(map(len, now))
        old = {name: what for layer in before for name, what in layer.items()}
        keys = {key(layer) for layer in now}
        disturbed = sum(key(layer) not in keys and all(flat.get(name) == what for name, what in layer.items()) for layer in before)
        assert not disturbed or len(now) == limit, "a layer was disturbed though there was room"
        rows.append({
            "push": sum(size(layer) for layer in now if key(layer) not in ever) / total, "pull": missing(now, before) / total,
            "5th": missing(now, sequence[i - 5]) / total if i >= 5 and i % 5 == 0 else None, "above": above(now, before) / total, "disturbed": disturbed,
            "moved": sum(what[1] for name, what in flat.items() if old.get(name) != what) / total})
        ever |= keys
    return rows


def summed(rows, column):
    values = [row[column] for row in rows if row[column] is not None]
    return (statistics.median(values), statistics.fmean(values)) if values else (0, 0)


def first_look(folder, count):
    """Seconds of processor: an overlay of `count` layers with 200 packages of 10 files spread over them, seen for the first time."""
    lower = [os.path.join(folder, f"{count}-{i}") for i in range(count)]
    for i in range(200):
        package = os.path.join(lower[i % count], f"site/package{i}")
        os.makedirs(package)
        for k in range(10):
            with open(os.path.join(package, f"f{k}.py"), "w") as file:
                file.write("x = 1\n")
    there = os.path.join(folder, f"{count}-all")
    os.makedirs(there)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=" + ":".join(map(os.path.basename, lower)), there], cwd=folder, check=True)
    try:
        before = resource.getrusage(resource.RUSAGE_SELF)
        for i in range(200):
            for k in range(10):
                with open(os.path.join(there, f"site/package{i}/f{k}.py")) as file:
                    file.read()
            for k in range(3):
                os.path.exists(os.path.join(there, f"site/none{i}{k}"))
        os.listdir(os.path.join(there, "site"))
        after = resource.getrusage(resource.RUSAGE_SELF)
    finally:
        subprocess.run(["umount", there], check=True)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_mounts(limits):
    print("| layers | " + " | ".join(str(limit) for limit in limits) + " |\n|---|" + "---|" * len(limits))
    with tempfile.TemporaryDirectory() as folder:
        print("| seconds | " + " | ".join(f"{statistics.median(first_look(tempfile.mkdtemp(dir=folder), limit) for _ in range(5)):.3f}" for limit in limits) + " |")


COLUMNS = ["push", "pull", "5th", "above"]


def print_table(title, lines, floor):
    print(f"\n### {title}\n")
    print("| N | " + " | ".join(f"{c}, median | mean" for c in COLUMNS) + " | disturbed |")
    print("|---|" + "---|" * (2 * len(COLUMNS) + 1))
    for limit, values, disturbed in lines:
        print(f"| {limit} | " + " | ".join(f"{100 * v:.2f}" for pair in values for v in pair) + f" | {disturbed} |")
    print(f"\nmoved (the floor of pull): median {100 * floor[0]:.2f} %, mean {100 * floor[1]:.2f} %")


def main():
    options = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1], add_help=False)
    options.add_argument("--limits", default="1,5,10,20,40,60,80,100")
    options.add_argument("--sets")
    options.add_argument("--one-at-a-time", action="store_true")
    options.add_argument("--summary", action="store_true")
    options.add_argument("--mounts", action="store_true")
    options.add_argument("--build", default="release")
    given = options.parse_args()
    if given.mounts:
        print_mounts([int(limit) for limit in given.limits.split(",") if int(limit) > 1])
        return
    program = os.path.join(ROOT, f"build/{given.build}/tests/oracle/plan_replay")
    limits = [int(limit) for limit in given.limits.split(",")]
    sets = given.sets.split(",") if given.sets else sorted(name[:-4] for name in os.listdir(FOLDER) if name.endswith(".txt"))
    summary = {limit: [] for limit in limits}
    floors = []
    for name in sets:
        with open(os.path.join(FOLDER, name + ".txt")) as file:
            text = file.read()
        text = one_at_a_time(text) if given.one_at_a_time else text
        lines = []
        for limit in limits:
            sequence = plans(program, text, limit)
            rows = measure(sequence, limit)
            lines.append((limit, [summed(rows, column) for column in COLUMNS], sum(row["disturbed"] for row in rows)))
            summary[limit].append(lines[-1])
        floors.append(summed(rows, "moved"))
        if not given.summary:
            total = sum(map(size, sequence[-1]))
            print_table(f"{name}: {len(rows)} bumps, {sum(map(len, sequence[-1]))} packages, {total / 1e6:.0f} MB in the last", lines, floors[-1])
    print_table(f"mean of {len(sets)} sets", [(limit, [[statistics.fmean(line[1][c][k] for line in lines) for k in (0, 1)] for c in range(len(COLUMNS))],
                                              sum(line[2] for line in lines)) for limit, lines in summary.items()],
                [statistics.fmean(floor[k] for floor in floors) for k in (0, 1)])


if __name__ == "__main__":
    main()
