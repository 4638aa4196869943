#!/usr/bin/env python3
"""The order of Debian versions beside dpkg's own."""
import os, random, shutil, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def version(r):
    def part(characters, most):
        return r.choice("0123456789") + "".join(r.choice(characters) for _ in range(r.randrange(most)))

    return r.choice(["", "", "0:", "1:", "10:"]) + part("0019.+~ab", 6) + r.choice(["", "-" + part("019.+~a", 4)])


def main():
    if not shutil.which("dpkg"):
        print("dpkg is not installed")
        return 77
    r = random.Random(20261123)
    pairs = []
    for _ in range(400):
        a = version(r)
        at = r.randrange(len(a))
        b = version(r) if r.random() < .4 else a[:at + 1] + r.choice(["", "0", "~", "1", "a", "+"]) + a[at + 1:]
        pairs.append((a, b))
    lines = "".join(f"{a} {b}\n" for a, b in pairs)
    done = subprocess.run([os.path.join(ROOT, "build/debug/tests/oracle/debian_order")], input=lines, capture_output=True, text=True, check=True)
    wrong = compared = 0
    for (a, b), seen in zip(pairs, done.stdout.split()):
        said = {}
        for relation in ("lt", "eq", "gt"):
            asked = subprocess.run(["dpkg", "--compare-versions", a, relation, b], capture_output=True, text=True)
            said[relation] = asked.returncode == 0
            if asked.stderr:  # no version at all by its rules
                said = {}
                break
        if not said:
            continue
        compared += 1
        if not said[seen]:
            wrong += 1
            print(f"{a} {b}: dpkg says {[k for k, v in said.items() if v]}, lockstep {seen}")
    print(f"{compared} compared, {wrong} differ")
    return 1 if wrong or compared < 200 else 0


sys.exit(main())
